"""Who waits for whom in L{gamenet.agreement.agreement}, and what is said first."""

from __future__ import annotations

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
from tests.rollback_agreement_case import ScriptedCase


class PatienceTests(ScriptedCase):
    """Who waits for whom, and what is said first."""

    def test_newInstance(self) -> None:
        """Having given way in one view is no reason to wait in the next."""
        self.take(3, Prepare(1, Ballot(2, 3), (5,), ()))
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.take(3, Commit(value))
        self.agreement.suspect((4, 5), 0.1)
        self.sent(0.1)
        self.assertEqual(self.sent(0.31)[1], [Prepare(2, Ballot(1, 2), (4,), ())])

    def test_acceptedLately(self) -> None:
        """Who has accepted waits for the decision from then on."""
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.take(3, Prepare(1, Ballot(2, 3), (5,), ()))
        self.sent(0.0)
        self.now = 0.8
        self.take(3, Accept(Ballot(2, 3), value))
        accepted = {3: [Accepted(1, Ballot(2, 3))]}
        self.assertEqual(self.sent(0.8), accepted)
        self.assertEqual(self.sent(1.9), accepted)
        self.assertEqual(self.sent(2.01)[1], [Prepare(1, Ballot(3, 2), (), ())])

    def test_leavingPromise(self) -> None:
        """
        Who promises as a leaver, unannounced, stays in this view (the others
        have not frozen it) and leaves with the next.
        """
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        ballot = Ballot(1, 2)
        leaving = self.promiseOf(ballot)
        self.take(1, Promise(1, ballot, leaving.floors, 9, 30, True))
        self.take(3, leaving)
        self.take(4, leaving)
        message = self.sent(0.3)[3][0]
        assert isinstance(message, Accept)
        self.assertEqual(message.view.members, (1, 2, 3, 4))

    def test_knownLeaver(self) -> None:
        """A promise as a leaver is as good as a LEAVE."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        promise = self.promiseOf(Ballot(1, 2))
        self.take(1, Promise(1, Ballot(1, 2), promise.floors, 9, 30, True))
        self.take(3, Outbid(1, Ballot(1, 4)))
        self.sent(1.0)
        self.assertEqual(self.sent(1.4)[1], [Prepare(1, Ballot(2, 2), (5,), (1,))])

    def test_repeatedAnswers(self) -> None:
        """A repeated answer takes no room."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.2)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        self.take(1, Accepted(1, Ballot(1, 2)))
        before = repr(self.agreement)
        self.take(1, Accepted(1, Ballot(1, 2)))
        self.assertEqual(repr(self.agreement), before)

    def test_leaverIsPassive(self) -> None:
        """Who leaves says so to each member every 100 ms, and proposes nothing."""
        self.agreement.suspect((5,), 0.0)
        self.agreement.leave(0.0)
        said = {peer: [Leave(0)] for peer in (1, 3, 4, 5)}
        self.assertEqual(self.sent(0.0), said)
        self.assertEqual(self.sent(0.05), {})
        self.assertEqual(self.sent(0.4), said)
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.take(3, Commit(value))
        said = {1: [Leave(1)], 3: [CommitAck(1), Leave(1)], 4: [Leave(1)]}
        self.assertEqual(self.sent(0.41), said)

    def test_everybodyLeaves(self) -> None:
        """All others leave too: gone, but not before all were told."""
        for peer in (1, 3, 4, 5):
            self.take(peer, Leave(0))
        self.agreement.leave(0.0)
        self.assertFalse(self.agreement.left)
        self.assertEqual(len(self.sent(0.0)), 4)
        self.assertTrue(self.agreement.left)

    def test_twoAtOnce(self) -> None:
        """A COMMIT, an answer, a question, a request and a LEAVE at once: two go, then the rest."""
        value = View(1, (1, 2, 3, 4, 5), (Seat(True, 0),) * 5)
        self.take(3, Commit(value))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.25)
        self.agreement.leave(0.4)
        self.take(1, Prepare(2, Ballot(1, 1), (5,), ()))
        self.agreement.heardInView(1, 9, 0.4)
        self.agreement.heardInView(1, 0, 0.4)
        first = self.sent(0.4)[1]
        self.assertEqual(first, [Commit(value), Outbid(2, Ballot(1, 2))])
        second = self.sent(0.41)[1]
        self.assertEqual(second, [Prepare(2, Ballot(1, 2), (5,), ()), CommitAck(1)])
        self.assertEqual(self.sent(0.42)[1], [Leave(1)])
        self.assertEqual(self.sent(0.43), {})
