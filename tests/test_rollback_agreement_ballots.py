"""Ballots of L{gamenet.agreement.agreement}, ours and those of others, step by step."""

from __future__ import annotations

from gamenet.agreement.agreement import MESSAGES_PER_PEER, Agreement
from gamenet.agreement.events import Dropped, Isolated, Reunited, Standing, ViewChanged
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import Seating, firstView
from gamenet.wire.view_values import (
    ROUNDS_LIMIT,
    VIEWS_LIMIT,
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
from tests.rollback_agreement_case import ScriptedCase

FIVE: Seating = ((1,), (2,), (3,), (4,), (5,))


class ProposerTests(ScriptedCase):
    """A ballot of ours, step by step."""

    def test_wholeBallot(self) -> None:
        """PREPARE, ACCEPT and COMMIT; the cut is the highest floor, the pledge holds meanwhile."""
        self.agreement.suspect((5,), 0.0)
        self.assertEqual(self.sent(0.0), {})
        ballot = Ballot(1, 2)
        prepare = Prepare(1, ballot, (5,), ())
        self.assertEqual(self.sent(0.21), {1: [prepare], 3: [prepare], 4: [prepare]})
        self.assertEqual(self.agreement.frozen, (5,))
        self.assertEqual(self.agreement.horizon, 20)
        self.assertTrue(self.agreement.deciding)
        for peer in (1, 3):
            self.take(peer, self.promiseOf(ballot))
            self.take(peer, self.promiseOf(ballot))
        self.assertEqual(self.sent(0.25), {})
        self.assertEqual(self.sent(0.32), {4: [prepare]})
        self.take(4, self.promiseOf(ballot))
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 14),))
        accept = Accept(ballot, value)
        self.assertEqual(self.sent(0.33), {1: [accept], 3: [accept], 4: [accept]})
        self.take(1, Accepted(1, ballot))
        self.take(1, Accepted(1, ballot))
        self.assertEqual(self.agreement.view.number, 0)
        self.take(3, Accepted(1, ballot))
        self.assertEqual(self.agreement.view, value)
        self.assertEqual((self.agreement.frozen, self.agreement.horizon), ((), None))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(value, ((5, 14),), ()),))
        commit = Commit(value)
        self.assertEqual(self.sent(0.34), {peer: [commit] for peer in (1, 3, 4, 5)})
        self.take(1, CommitAck(1))
        self.agreement.heardInView(3, 1, 0.4)
        self.assertEqual(self.sent(0.45), {4: [commit], 5: [commit]})
        self.take(4, CommitAck(1))
        self.assertEqual(self.sent(0.50), {})
        self.assertEqual(self.sent(10.2), {5: [commit]})
        self.assertEqual(self.sent(10.5), {})
        self.agreement.heardInView(5, 0, 11.0)
        self.agreement.heardInView(5, 0, 11.0)
        self.assertEqual(self.sent(11.0), {5: [commit]})
        self.agreement.heardInView(5, 0, 11.05)
        self.assertEqual(self.sent(11.05), {})
        self.assertEqual(self.sent(11.2), {5: [commit]})
        self.assertEqual(self.sent(11.4), {})

    def test_silentPromiser(self) -> None:
        """Who does not promise in 0.75 s is done without, where the rest is a quorum."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.take(1, self.promiseOf(Ballot(1, 2)))
        self.take(3, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(0.94)[4], [Prepare(1, Ballot(1, 2), (5,), ())])
        again = Prepare(1, Ballot(2, 2), (4, 5), ())
        self.assertEqual(self.sent(0.96), {1: [again], 3: [again]})
        self.assertEqual(self.agreement.frozen, (4, 5))
        self.take(4, self.promiseOf(Ballot(1, 2)))
        self.take(1, self.promiseOf(Ballot(2, 2)))
        self.take(1, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(1.7), {3: [again]})
        third = Prepare(1, Ballot(3, 2), (3, 5), ())
        self.assertEqual(self.sent(1.8), {1: [third], 4: [third]})

    def test_newSuspect(self) -> None:
        """Who is lost before it promises is done without at once."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.agreement.suspect((4, 5), 0.3)
        again = Prepare(1, Ballot(2, 2), (4, 5), ())
        self.assertEqual(self.sent(0.3), {1: [again], 3: [again]})

    def test_healed(self) -> None:
        """
        While too few are heard nothing is asked; when enough are again, the
        others have half a second to be heard too before they are dropped; who
        is heard but does not answer is asked until it is not heard either.
        """
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.agreement.suspect((3, 4, 5), 0.4)
        self.assertEqual(self.sent(0.4), {})
        self.take(1, self.promiseOf(Ballot(1, 2)))
        self.assertEqual(self.sent(5.0), {})
        self.agreement.suspect((3, 4), 5.1)
        self.assertEqual(self.sent(5.1), {})
        self.agreement.suspect((), 5.3)
        self.assertEqual(self.sent(5.59), {})
        self.assertEqual(self.agreement.frozen, (5,))
        self.sent(5.61)
        whole = [Prepare(1, Ballot(2, 2), (), ())]
        self.assertEqual(self.sent(5.82), dict.fromkeys((1, 3, 4, 5), whole))
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(2, 2)))
        for now in (6.55, 6.66, 8.0):
            self.assertEqual(self.sent(now), {5: whole})
        self.agreement.suspect((5,), 8.05)
        again = [Prepare(1, Ballot(3, 2), (5,), ())]
        self.assertEqual(self.sent(8.05), dict.fromkeys((1, 3, 4), again))

    def test_heardAgain(self) -> None:
        """Who is heard again before all have promised is asked too."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.agreement.suspect((), 0.25)
        self.assertEqual(self.sent(0.25), {})
        whole = [Prepare(1, Ballot(2, 2), (), ())]
        self.assertEqual(self.sent(0.31), dict.fromkeys((1, 3, 4, 5), whole))

    def test_outbid(self) -> None:
        """A proposer that is outbid gives way, and tries again with a higher round."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        self.take(3, Outbid(1, Ballot(7, 4)))
        self.assertEqual(self.sent(0.5), {})
        self.assertEqual(self.sent(1.35), {})
        self.assertEqual(self.sent(1.41)[1], [Prepare(1, Ballot(8, 2), (5,), ())])
        self.take(3, Outbid(1, Ballot(8, 2)))
        self.take(3, Outbid(1, Ballot(3, 4)))
        self.assertEqual(len(self.sent(1.6)), 3)

    def test_acceptedBefore(self) -> None:
        """What the highest accepted ballot says is proposed, whatever we wanted."""
        one = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        other = View(1, (1, 2, 3, 5), (*((Seat(True, 0),) * 3), Seat(False, 12), Seat(True, 0)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.take(3, Outbid(1, Ballot(7, 4)))
        self.sent(2.0)
        ballot = Ballot(8, 2)
        votes = (1, Ballot(4, 1), one), (3, Ballot(7, 4), other), (4, Ballot(7, 4), other)
        for peer, accepted, view in votes:
            promise = self.promiseOf(ballot)
            self.take(
                peer,
                Promise(1, ballot, promise.floors, 9, 30, False, accepted, view),
            )
        self.assertEqual(self.sent(2.1)[1], [Accept(ballot, other)])

    def test_acceptorsSilent(self) -> None:
        """An ACCEPT without a quorum of answers is followed by another ballot."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        accept = self.sent(0.3)[1]
        self.take(4, Accepted(1, Ballot(1, 2)))
        self.assertEqual(self.sent(0.8), {1: accept, 3: accept})
        self.assertEqual(self.sent(1.3)[1], [Prepare(1, Ballot(2, 2), (5,), ())])

    def test_noQuorum(self) -> None:
        """Where too few are heard nothing is asked; after 1 s it is told."""
        self.agreement.suspect((1, 4, 5), 0.0)
        self.assertEqual(self.sent(0.0), {})
        self.assertEqual(self.sent(0.99), {})
        self.assertFalse(self.agreement.isolated)
        self.assertEqual(self.sent(1.0), {})
        self.assertTrue(self.agreement.isolated)
        self.assertEqual(self.agreement.drainEvents(), (Isolated((1, 4, 5)),))
        self.sent(5.0)
        self.agreement.suspect((), 5.0)
        self.agreement.heardInView(1, 1, 5.0)
        self.agreement.heardInView(4, 1, 5.0)
        self.agreement.heardInView(5, 1, 5.0)
        self.sent(5.0)
        self.assertTrue(self.agreement.isolated)
        view = View(1, (1, 2, 3, 4, 5), (Seat(True, 0),) * 5)
        self.take(1, Commit(view))
        self.sent(5.1)
        self.assertFalse(self.agreement.isolated)
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(view, (), ()), Reunited()))

    def test_roundsLimit(self) -> None:
        """Where the rounds are used up nothing is proposed any more."""
        self.agreement._state.round = ROUNDS_LIMIT - 2
        self.take(3, Outbid(1, Ballot(ROUNDS_LIMIT - 1, 4)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.assertEqual(self.sent(9.0), {})

    def test_viewsLimit(self) -> None:
        """Where the views are used up nothing is proposed any more."""
        last = View(VIEWS_LIMIT - 1, (1, 2, 3, 4, 5), (Seat(True, 0),) * 5)
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, last)
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.assertEqual(self.sent(9.0), {})

    def test_bounded(self) -> None:
        """However much is said to us, we say little to each, and keep little."""
        self.agreement.suspect((5,), 0.0)
        for step in range(300):
            now = step * 0.01
            for peer in (1, 3, 4, 5):
                self.agreement.heardInView(peer, 3, now)
                self.take(peer, Leave(0))
                if peer != 5:
                    self.take(peer, Prepare(1, Ballot(step + 2, peer), (5,), ()))
                self.take(peer, Commit(View(1, (1,), (Seat(True, 0), *(Seat(False, 20),) * 4)))
                          if step == 299 else CommitAck(0))  # fmt: skip
            for messages in self.sent(now).values():
                self.assertLessEqual(len(messages), MESSAGES_PER_PEER)
        self.assertLess(len(repr(self.agreement)), 10_000)


class AcceptorTests(ScriptedCase):
    """Ballots of others, step by step."""

    def test_promise(self) -> None:
        """A promise is given once; a lower ballot is outbid, a higher one is promised too."""
        prepare = Prepare(1, Ballot(2, 3), (5,), ())
        self.take(3, prepare)
        promise = Promise(1, Ballot(2, 3), (12, 11, 10, 10, 10), 9, 20)
        self.assertEqual(self.sent(0.0), {3: [promise]})
        self.standing = Standing(10, 25, (13, 12, 11, 11, 10))
        self.take(3, prepare)
        self.take(1, Prepare(1, Ballot(2, 1), (4,), ()))
        self.assertEqual(self.sent(0.1), {3: [promise], 1: [Outbid(1, Ballot(2, 3))]})
        self.assertEqual(self.agreement.frozen, (5,))
        self.take(4, Prepare(1, Ballot(2, 4), (1,), ()))
        second = Promise(1, Ballot(2, 4), (13, 12, 11, 11, 10), 10, 20)
        self.assertEqual(self.sent(0.2), {4: [second]})
        self.assertEqual(self.agreement.frozen, (1, 5))
        self.assertEqual(self.agreement.horizon, 20)

    def test_accept(self) -> None:
        """
        What was accepted is told in the next promise, and its ballot outbids; the promise is
        repeated in its time, whatever others are told meanwhile.
        """
        ballot = Ballot(2, 3)
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.take(3, Prepare(1, ballot, (5,), ()))
        self.sent(0.0)
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.1), {3: [Accepted(1, ballot)]})
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.2), {3: [Accepted(1, ballot)]})
        self.take(4, Prepare(1, Ballot(3, 4), (3,), ()))
        told = self.sent(0.3)[4][0]
        assert isinstance(told, Promise)
        self.assertEqual((told.accepted_ballot, told.accepted_view), (ballot, value))
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.35), {3: [Outbid(1, Ballot(3, 4))]})
        self.take(3, Accept(ballot, value))
        self.assertEqual(self.sent(0.41), {3: [Outbid(1, Ballot(3, 4))], 4: [told]})

    def test_proposerDies(self) -> None:
        """After a PREPARE, and after an ACCEPT, without a decision: we propose ourselves."""
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        for accepts in (False, True):
            self.setUp()
            self.take(3, Prepare(1, Ballot(2, 3), (5,), ()))
            vote = self.sent(0.0)[3]
            if accepts:
                self.take(3, Accept(Ballot(2, 3), value))
                vote = [Accepted(1, Ballot(2, 3))]
            self.agreement.suspect((3,), 0.5)
            self.assertEqual(self.sent(0.5), {3: vote})
            self.assertEqual(self.sent(1.15), {3: vote})
            ballot = Ballot(3, 2)
            self.assertEqual(self.sent(1.21)[1], [Prepare(1, ballot, (3,), ())])
            for peer in (4, 5):
                self.take(peer, self.promiseOf(ballot))
            vote = (Ballot(2, 3), value) if accepts else (None, None)
            self.take(1, Promise(1, ballot, (10, 10, 10, 10, 14), 9, 30, False, *vote))
            message = self.sent(1.3)[1][0]
            assert isinstance(message, Accept)
            self.assertEqual(message.view.members, (1, 2, 3, 4) if accepts else (1, 2, 4, 5))

    def test_commitToOne(self) -> None:
        """Who proposed dies after a COMMIT to us: whoever speaks in the old view is told."""
        value = View(
            1, (1, 2, 4, 5), (*((Seat(True, 0),) * 2), Seat(False, 12), *((Seat(True, 0),) * 2))
        )
        self.take(3, Commit(value))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(value, ((3, 12),), ()),))
        self.assertEqual(self.sent(0.0), {3: [CommitAck(1)]})
        self.take(1, Prepare(1, Ballot(3, 1), (3,), ()))
        self.agreement.heardInView(4, 0, 0.1)
        self.assertEqual(self.sent(0.1), {1: [Commit(value)], 4: [Commit(value)]})
        self.take(1, CommitAck(1))
        self.assertEqual(self.sent(0.3), {})

    def test_dropped(self) -> None:
        """A view without us: told once, followed further, until one seats us again."""
        gone = View(1, (1, 3, 4, 5), (Seat(True, 0), Seat(False, 4), *((Seat(True, 0),) * 3)))
        self.take(3, Commit(gone))
        self.take(3, Commit(gone))
        self.assertEqual(self.agreement.drainEvents(), (Dropped(gone),))
        self.assertEqual(self.agreement.dropped, gone)
        self.assertEqual(self.agreement.view, firstView(FIVE))
        self.take(1, Prepare(2, Ballot(1, 1), (), ()))
        self.take(1, Leave(1))
        self.agreement.suspect((1, 3, 4, 5), 0.0)
        self.assertEqual(self.sent(0.0), {3: [CommitAck(1)]})
        self.assertEqual(self.sent(9.0), {})
        self.assertFalse(self.agreement.isolated)
        self.agreement.heardInView(4, 0, 9.0)
        self.assertEqual(self.sent(9.1), {4: [Commit(gone)]})
        third = View(3, (1, 3, 4), (*gone.seats[:4], Seat(False, 70)))
        self.take(1, Commit(third))
        self.assertEqual((self.agreement.dropped, self.agreement.drainEvents()), (third, ()))
        back = View(4, (1, 2, 3, 4), (Seat(True, 0), Seat(True, 90), *third.seats[2:]))
        self.take(1, Commit(back))
        self.assertEqual((self.agreement.dropped, self.agreement.view), (None, back))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(back, ((5, 70),), ((2, 90),)),))

    def test_behind(self) -> None:
        """Who hears of a newer view asks for it."""
        self.agreement.heardInView(3, 4, 0.0)
        self.assertEqual(self.sent(0.0), {3: [CommitAck(0)]})
        self.agreement.heardInView(3, 4, 0.05)
        self.assertEqual(self.sent(0.05), {})
        self.take(4, Prepare(3, Ballot(1, 4), (5,), ()))
        self.agreement.heardInView(3, 4, 0.2)
        self.assertEqual(self.sent(0.2), {3: [CommitAck(0)], 4: [CommitAck(0)]})
        self.assertFalse(self.agreement.deciding)
