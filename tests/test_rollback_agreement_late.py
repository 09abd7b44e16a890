"""
Messages that come late, or to one who has no vote, in L{gamenet.agreement.agreement}:
they are no error and decide nothing.
"""

from __future__ import annotations

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Dropped, Standing
from gamenet.agreement.reception import AHEAD_LIMIT
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import firstView
from gamenet.wire.view_values import (
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    Leave,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
    ViewMessage,
)
from tests.rollback_agreement_case import FIVE, ScriptedCase

TAKEN = (Seat(True, 0),) * 4
SAME = View(1, (1, 2, 3, 4, 5), (*TAKEN, Seat(True, 0)))
DROP = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, 14)))
BALLOT = Ballot(1, 2)


class LateTests(ScriptedCase):
    """ "Bad network": a message of an earlier view, or of a ballot that is over."""

    def propose(self, number: int) -> None:
        """Ask for promises for a view without peer 5."""
        self.agreement.suspect((5,), self.now)
        self.sent(self.now)
        asked = self.sent(self.now + 0.2)
        self.assertEqual(asked[1], [Prepare(number, BALLOT, (5,), ())])

    def ignores(self, peer: int, message: ViewMessage) -> None:
        """The message is taken, and changes nothing but who is known to be where."""
        state = self.agreement._state
        before = repr((state.acceptance, state.proposal, state.round, state.leavers, state.view))
        self.take(peer, message)
        after = repr((state.acceptance, state.proposal, state.round, state.leavers, state.view))
        self.assertEqual(after, before)

    def test_earlierView(self) -> None:
        """What was said about view 1 says nothing about view 2, though the ballot is the same."""
        self.take(3, Commit(SAME))
        self.propose(2)
        for peer in (1, 3, 4):
            self.ignores(peer, self.promiseOf(BALLOT))
            self.ignores(peer, self.promiseOf(Ballot(5, 2)))
            self.ignores(peer, Accepted(1, BALLOT))
            self.ignores(peer, Accepted(1, Ballot(5, 2)))
            self.ignores(peer, Outbid(1, Ballot(9, 4)))
            self.ignores(peer, Outbid(1, Ballot(9, 2)))
            self.ignores(peer, Leave(0))
            self.ignores(peer, Prepare(1, Ballot(9, peer), (5,), ()))
            self.ignores(peer, Prepare(1, Ballot(9, peer), (), (2,)))
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(BALLOT, 2))
        for peer in (1, 3, 4):
            self.ignores(peer, Accepted(1, BALLOT))
        self.assertEqual(self.agreement.view, SAME)

    def test_earlierAccept(self) -> None:
        """An ACCEPT for view 1 after a PREPARE for view 2 of the same ballot is not accepted."""
        self.take(4, Commit(SAME))
        self.take(3, Prepare(2, Ballot(2, 3), (5,), ()))
        self.ignores(3, Accept(Ballot(2, 3), DROP))
        self.ignores(3, Accept(Ballot(1, 3), View(1, (1, 2), (*TAKEN[:2], *TAKEN[:3]))))
        self.assertEqual([type(one) for one in self.sent(0.0)[3]], [Commit, Promise])

    def test_saysWhereWeAre(self) -> None:
        """Whoever speaks as one in view 0 is told of view 1, by whatever message."""
        for message in (
            Leave(0),
            CommitAck(0),
            self.promiseOf(BALLOT),
            Accepted(1, BALLOT),
            Outbid(1, Ballot(1, 1)),
            Prepare(1, Ballot(1, 1), (), ()),
            Accept(Ballot(1, 1), DROP),
        ):
            self.setUp()
            self.take(3, Commit(SAME))
            self.sent(0.0)
            self.take(1, message)
            self.assertEqual(self.sent(0.1), {1: [Commit(SAME)]})

    def test_olderCommit(self) -> None:
        """So is who says an older view itself; and who says the same is told no more."""
        second = View(2, (1, 2, 3, 4), (*TAKEN, Seat(False, 30)))
        self.take(3, Commit(SAME))
        self.take(3, Commit(second))
        self.sent(0.0)
        self.take(1, Commit(SAME))
        self.assertEqual(self.sent(0.1), {1: [Commit(second)]})
        self.agreement.heardInView(4, 0, 0.2)
        self.take(4, Commit(second))
        self.assertEqual(self.sent(0.2), {4: [CommitAck(2)]})

    def test_earlierBallot(self) -> None:
        """Who accepted our earlier ballot has not accepted the later one."""
        self.propose(1)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(BALLOT))
        self.sent(0.3)
        self.sent(1.4)
        second = Ballot(2, 2)
        for peer in (1, 3, 4):
            self.ignores(peer, Accepted(1, BALLOT))
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(second))
        for peer in (1, 3, 4):
            self.ignores(peer, Accepted(1, BALLOT))
        self.assertEqual(self.agreement.view.number, 0)

    def test_outbidMeanwhile(self) -> None:
        """Answers to a ballot that we gave up."""
        self.propose(1)
        self.take(3, Outbid(1, Ballot(7, 4)))
        self.ignores(1, self.promiseOf(BALLOT))
        self.ignores(1, Accepted(1, BALLOT))
        self.ignores(4, Outbid(1, Ballot(6, 4)))

    def test_promiseOfALater(self) -> None:
        """In another's name it is refused, whatever view it is about."""
        self.refuses(1, self.promiseOf(Ballot(1, 3), 9))

    def test_acceptedTooEarly(self) -> None:
        """Nobody accepts before there is a value."""
        self.propose(1)
        self.take(1, self.promiseOf(BALLOT))
        self.refuses(1, Accepted(1, BALLOT))

    def test_anotherPromise(self) -> None:
        """Of two promises of one peer in one ballot the first counts."""
        self.propose(1)
        for peer in (1, 3):
            self.take(peer, self.promiseOf(BALLOT))
            self.take(peer, Promise(1, BALLOT, (10, 10, 10, 10, 18), 9, 40))
        self.take(4, self.promiseOf(BALLOT))
        self.assertEqual(self.sent(0.3)[1], [Accept(BALLOT, DROP)])

    def test_lateLeaver(self) -> None:
        """
        A leaver that promises twice leaves once; and one that promises when the value
        is chosen is not asked to accept it.
        """
        self.take(1, Leave(0))
        self.sent(0.0)
        for peer in (3, 4, 5):
            self.take(peer, self.promiseOf(BALLOT))
        leaving = Promise(1, BALLOT, (10, 10, 10, 10, 14), 9, 30, True)
        self.ignores(1, leaving)
        self.ignores(1, leaving)
        self.assertEqual(sorted(self.sent(0.05)), [3, 4, 5])

    def test_ownVote(self) -> None:
        """
        What we propose we have accepted: whoever asks us for a promise then learns
        of it, as it may have been decided by a quorum with our vote.
        """
        self.propose(1)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(BALLOT))
        self.take(4, Prepare(1, Ballot(2, 4), (3,), ()))
        promise = self.sent(0.25)[4][0]
        assert isinstance(promise, Promise)
        self.assertEqual((promise.accepted_ballot, promise.accepted_view), (BALLOT, DROP))

    def test_slowAccepted(self) -> None:
        """An ACCEPTED that comes late does not put off the next ballot."""
        self.propose(1)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(BALLOT))
        self.now = 0.9
        self.take(3, Accepted(1, BALLOT))
        self.assertEqual(self.agreement._state.view.number, 0)
        self.assertEqual(self.sent(1.25)[1], [Prepare(1, Ballot(2, 2), (5,), ())])


class NoVoteTests(ScriptedCase):
    """Who is no member, and was dropped, or has yet to join, neither votes nor refuses."""

    def check(self, number: int) -> None:
        """Nothing about view C{number} makes us vote."""
        ballot = Ballot(1, 1)
        value = View(number, (1, 3, 4), (TAKEN[0], Seat(False, 4), *TAKEN[2:], Seat(False, 70)))
        messages: tuple[tuple[int, ViewMessage], ...] = (
            (1, Prepare(number, ballot, (), ())),
            (1, Prepare(number, ballot, (2,), ())),
            (1, Prepare(number, ballot, (3, 4, 5), ())),
            (1, Accept(ballot, value)),
            (1, self.promiseOf(BALLOT, number)),
            (1, Accepted(number, BALLOT)),
            (1, Outbid(number, BALLOT)),
            (1, Outbid(number, ballot)),
            (5, Outbid(number, ballot)),
            (5, Prepare(number, Ballot(1, 5), (), ())),
            (5, Leave(number - 1)),
            (1, Leave(number - 1)),
        )
        for peer, message in messages:
            self.take(peer, message)
            self.assertEqual(self.sent(5.0), {})
        self.assertEqual(self.agreement._state.leavers, ())
        self.assertFalse(self.agreement.deciding)

    def test_dropped(self) -> None:
        """Dropped by view 1."""
        seats = (TAKEN[0], Seat(False, 4), *TAKEN[2:], Seat(False, 60))
        self.take(3, Commit(View(1, (1, 3, 4), seats)))
        self.sent(0.0)
        self.check(2)

    def test_joiner(self) -> None:
        """Vacant from the start."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (2, 5)))
        self.check(1)

    def test_skipped(self) -> None:
        """Dropped by a view while the one before it never came here; of two later ones, too."""
        for number in (2, 7):
            self.setUp()
            seats = (TAKEN[0], Seat(False, 4), *TAKEN[2:], Seat(True, 0))
            gone = View(number, (1, 3, 4, 5), seats)
            self.take(3, Commit(gone))
            self.assertEqual(self.agreement.drainEvents(), (Dropped(gone),))


class FarAheadTests(ScriptedCase):
    """ "Bad input": frames that honest peers are never ahead."""

    def setUp(self) -> None:
        super().setUp()
        self.last = self.standing.horizon + AHEAD_LIMIT

    def test_promise(self) -> None:
        """A horizon, or a floor, up to 1024 frames ahead of ours is taken, none beyond."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.refuses(1, Promise(1, BALLOT, (10,) * 5, 9, self.last + 1))
        self.refuses(1, Promise(1, BALLOT, (10, 10, self.last + 1, 10, 10), 9, 30))
        self.take(1, Promise(1, BALLOT, (10, 10, self.last, 10, 10), 9, self.last))

    def test_commit(self) -> None:
        """So may a cut be."""
        for frame, fits in ((self.last + 1, False), (self.last, True)):
            commit = Commit(View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, frame))))
            (self.take if fits else self.refuses)(3, commit)

    def test_inputsOfTheSeat(self) -> None:
        """Nobody is seated before all inputs of who had the seat before are here."""
        for floor, fits in ((29, False), (30, True)):
            view = View(3, (1, 2, 3, 4), (*TAKEN, Seat(False, 30)))
            self.agreement = Agreement(AgreementSettings(), 2, FIVE, view)
            self.standing = Standing(29, 40, (31, 32, 33, 30, floor))
            commit = Commit(View(4, (1, 2, 3, 4, 5), (*TAKEN, Seat(True, 45))))
            (self.take if fits else self.refuses)(3, commit)

    def test_joinedLately(self) -> None:
        """Of a seat that is taken from a later frame on nothing need be known yet."""
        view = View(3, (1, 2, 3, 4, 5), (*TAKEN, Seat(True, 30)))
        for confirmed, fits in ((29, True), (30, False)):
            self.agreement = Agreement(AgreementSettings(), 2, FIVE, view)
            self.agreement.suspect((4,), 0.0)
            self.sent(0.0)
            self.sent(0.2)
            promise = Promise(4, BALLOT, (31, 31, 31, 31, 30), confirmed, 40)
            (self.take if fits else self.refuses)(1, promise)
        self.refuses(1, Promise(4, BALLOT, (31, 31, 31, 30, 31), 30, 40))
        self.take(1, Promise(4, BALLOT, (31, 31, 31, 31, 0), 29, 40))
