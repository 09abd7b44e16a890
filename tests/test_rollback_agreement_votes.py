"""
Votes that are lost in L{gamenet.agreement.agreement}: told again until there is a
decision; and those who are heard but do not answer.
"""

from __future__ import annotations

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Standing
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
)
from tests.rollback_agreement_case import FIVE, ScriptedCase

BALLOT = Ballot(2, 3)
PREPARE = Prepare(1, BALLOT, (5,), ())
PROMISE = Promise(1, BALLOT, (12, 11, 10, 10, 10), 9, 20)
VALUE = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))


class RepeatedVoteTests(ScriptedCase):
    """ "Bad network": a vote is told to its proposer every 100 ms until the decision."""

    def test_promise(self) -> None:
        """A promise, as it was given, every 100 ms, unasked, to its proposer alone."""
        self.take(3, PREPARE)
        self.assertEqual(self.sent(0.0), {3: [PROMISE]})
        self.standing = Standing(15, 30, (18, 17, 16, 16, 10))
        for now in (0.03, 0.06, 0.09):
            self.assertEqual(self.sent(now), {})
        self.assertEqual(self.sent(0.11), {3: [PROMISE]})
        self.assertEqual(self.sent(0.2), {})
        self.assertEqual(self.sent(0.22), {3: [PROMISE]})

    def test_interval(self) -> None:
        """The interval is a setting, and a repeated question is answered at once."""
        settings = AgreementSettings(resend_interval=0.5)
        self.agreement = Agreement(settings, 2, FIVE, firstView(FIVE))
        self.take(3, PREPARE)
        self.assertEqual(self.sent(0.0), {3: [PROMISE]})
        self.assertEqual(self.sent(0.4), {})
        self.take(3, PREPARE)
        self.assertEqual(self.sent(0.41), {3: [PROMISE]})
        self.assertEqual(self.sent(0.9), {})
        self.assertEqual(self.sent(0.91), {3: [PROMISE]})

    def test_accepted(self) -> None:
        """Once the value is accepted that is what is told, until it is decided."""
        self.take(3, PREPARE)
        self.sent(0.0)
        self.now = 0.02
        self.take(3, Accept(BALLOT, VALUE))
        accepted = {3: [Accepted(1, BALLOT)]}
        self.assertEqual(self.sent(0.02), accepted)
        self.assertEqual(self.sent(0.1), {})
        self.assertEqual(self.sent(0.13), accepted)
        self.assertEqual(self.sent(0.24), accepted)
        self.take(3, Commit(VALUE))
        self.assertEqual(self.sent(0.3), {3: [CommitAck(1)]})
        for now in (0.41, 0.52, 0.9):
            self.assertEqual(self.sent(now), {})

    def test_higherBallot(self) -> None:
        """What was accepted in a lower ballot is no vote in this one: the promise is repeated."""
        self.take(3, PREPARE)
        self.take(3, Accept(BALLOT, VALUE))
        self.take(4, Prepare(1, Ballot(3, 4), (5,), ()))
        promise = Promise(1, Ballot(3, 4), PROMISE.floors, 9, 20, False, BALLOT, VALUE)
        self.assertEqual(self.sent(0.0), {3: [Accepted(1, BALLOT)], 4: [promise]})
        self.assertEqual(self.sent(0.11), {4: [promise]})

    def test_ownBallot(self) -> None:
        """Who proposes itself repeats no vote for another, and none for itself."""
        self.take(3, PREPARE)
        self.agreement.suspect((3,), 0.0)
        self.sent(0.0)
        for now in (1.21, 1.32, 1.43):
            again = {peer: [Prepare(1, Ballot(3, 2), (3,), ())] for peer in (1, 4, 5)}
            self.assertEqual(self.sent(now), again)

    def test_outbid(self) -> None:
        """Having told others that they are outbid, it goes on telling its vote."""
        self.take(3, PREPARE)
        self.sent(0.0)
        self.take(1, Prepare(1, Ballot(2, 1), (5,), ()))
        self.assertEqual(self.sent(0.05), {1: [Outbid(1, BALLOT)]})
        self.assertEqual(self.sent(0.16), {3: [PROMISE]})

    def test_withCommit(self) -> None:
        """A vote and a COMMIT go together, two to one peer at the most."""
        same = View(1, (1, 2, 3, 4, 5), (Seat(True, 0),) * 5)
        self.take(3, Commit(same))
        prepare = Prepare(2, Ballot(1, 3), (5,), ())
        self.take(3, prepare)
        self.sent(0.0)
        self.agreement.heardInView(3, 0, 0.2)
        promise = Promise(2, Ballot(1, 3), PROMISE.floors, 9, 20)
        self.assertEqual(self.sent(0.2), {3: [Commit(same), promise]})

    def test_lostAnswers(self) -> None:
        """A proposer that gets a repeated vote twice, or late, counts it once."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        ballot = Ballot(1, 2)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(ballot))
        self.sent(0.3)
        self.take(1, Accepted(1, ballot))
        before = repr(self.agreement)
        self.take(1, self.promiseOf(ballot))
        self.take(1, Accepted(1, ballot))
        self.assertEqual(repr(self.agreement), before)
        self.take(3, Accepted(1, ballot))
        self.assertEqual(self.agreement.view.number, 1)
        self.take(4, Accepted(1, ballot))
        self.assertEqual(self.agreement.view.number, 1)


class SilentTests(ScriptedCase):
    """ "Players come and go": nobody is dropped for a lost answer alone."""

    def test_joiner(self) -> None:
        """
        A ballot for a joiner asks whoever is heard, every 100 ms, however long; who
        is lost meanwhile is done without at once.
        """
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (1,)))
        self.standing = Standing(9, 20, (0, 11, 10, 10, 10))
        whole = [Prepare(1, Ballot(1, 2), (), ())]
        for step in range(100):
            self.agreement.admit(1, step * 0.1)
            sent = self.sent(step * 0.1)
            if step == 1:
                for peer in (3, 4):
                    self.take(peer, Promise(1, Ballot(1, 2), (0, 10, 10, 10, 10), 9, 30))
            expected = (3, 4, 5) if step < 2 else (5,)
            for peer in expected:
                self.assertEqual(sent.get(peer, whole), whole)
            self.assertLessEqual(set(sent), set(expected))
        self.assertEqual(self.sent(10.5), {5: whole})
        self.agreement.suspect((5,), 10.5)
        again = [Prepare(1, Ballot(2, 2), (5,), ())]
        self.assertEqual(self.sent(10.5), {3: again, 4: again})

    def test_joinerSeated(self) -> None:
        """When the late answer comes, the joiner is seated and nobody was dropped."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (1,)))
        self.standing = Standing(9, 20, (0, 11, 10, 10, 10))
        self.agreement.admit(1, 0.0)
        self.sent(0.0)
        for now, peer in ((0.1, 3), (0.2, 4), (5.0, 5)):
            self.sent(now)
            self.take(peer, Promise(1, Ballot(1, 2), (0, 10, 10, 10, 10), 9, 30))
        seats = (Seat(True, 30), *((Seat(True, 0),) * 4))
        accept = Accept(Ballot(1, 2), View(1, (1, 2, 3, 4, 5), seats))
        self.assertEqual(self.sent(5.1), {3: [accept], 4: [accept], 5: [accept]})

    def test_leaver(self) -> None:
        """A ballot without a leaver waits 0.75 s for who is heard but silent, no longer."""
        self.take(1, Leave(0))
        self.sent(0.0)
        prepare = [Prepare(1, Ballot(1, 2), (), (1,))]
        self.assertEqual(self.sent(0.01), {})
        for peer in (3, 4):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(0.74), {1: prepare, 5: prepare})
        again = [Prepare(1, Ballot(2, 2), (5,), (1,))]
        self.assertEqual(self.sent(0.75), {1: again, 3: again, 4: again})

    def test_tooFew(self) -> None:
        """Where the rest would be too few, it goes on asking after the 0.75 s."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        prepare = [Prepare(1, Ballot(1, 2), (5,), ())]
        self.assertEqual(self.sent(0.2), dict.fromkeys((1, 3, 4), prepare))
        self.take(3, self.promiseOf(Ballot(1, 2)))
        for now in (0.94, 0.96, 2.0, 9.0):
            self.assertEqual(self.sent(now).get(1, prepare), prepare)
        self.take(1, self.promiseOf(Ballot(1, 2)))
        again = [Prepare(1, Ballot(2, 2), (4, 5), ())]
        self.assertEqual(self.sent(9.01), {1: again, 3: again})


class SettledSeatTests(ScriptedCase):
    """A joiner is proposed only where every seat's last change is confirmed here."""

    def proposes(self, seats: tuple[Seat, ...], confirmed: int) -> bool:
        """Return whether a joiner of seat 5 is proposed."""
        members = tuple(player for player, seat in enumerate(seats, 1) if seat.taken)
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, View(3, members, seats))
        self.standing = Standing(confirmed, confirmed + 9, (confirmed + 1,) * 5)
        self.agreement.admit(5, 0.0)
        return bool(self.sent(0.0))

    def test_ownSeat(self) -> None:
        """Its own seat became empty at frame 40."""
        seats = (Seat(False, 7), *((Seat(True, 0),) * 3), Seat(False, 40))
        self.assertFalse(self.proposes(seats, 39))
        self.assertTrue(self.proposes(seats, 40))

    def test_otherSeats(self) -> None:
        """Another's was taken, or became empty, at frame 40."""
        taken = (Seat(False, 7), Seat(True, 0), Seat(True, 40), Seat(True, 0), Seat(False, 9))
        empty = (Seat(False, 40), *((Seat(True, 0),) * 3), Seat(False, 9))
        for seats in (taken, empty):
            self.assertFalse(self.proposes(seats, 39))
            self.assertTrue(self.proposes(seats, 40))
