"""When L{gamenet.agreement.agreement} does what, to the moment; and what it forgets when."""

from __future__ import annotations

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Isolated, ViewChanged
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import firstView
from gamenet.wire.view_values import (
    ROUNDS_LIMIT,
    VIEWS_LIMIT,
    Accept,
    Ballot,
    Commit,
    CommitAck,
    Leave,
    Outbid,
    Prepare,
    Seat,
    View,
)
from tests.rollback_agreement_case import FIVE, ScriptedCase

TAKEN = (Seat(True, 0),) * 4
SAME = View(1, (1, 2, 3, 4, 5), (*TAKEN, Seat(True, 0)))
DROP = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, 14)))
FIRST = Prepare(1, Ballot(1, 2), (5,), ())
SECOND = Prepare(1, Ballot(2, 2), (5,), ())
INSTANT = 1 / 1024


class MomentTests(ScriptedCase):
    """Each wait ends at its time, neither before nor after; all times are exact in binary."""

    def setUp(self) -> None:
        super().setUp()
        rules = AgreementSettings(resend_interval=0.25, rank_delay=0.25)
        self.agreement = Agreement(rules, 2, FIVE, firstView(FIVE))

    def first(self, now: float) -> object:
        """Return the first message to peer 1 at a time, if there is any."""
        return next(iter(self.sent(now).get(1, [])), None)

    def requireAt(self, moment: float, message: object, before: object = None) -> None:
        """Nothing new an instant before, and then the message."""
        self.assertEqual(self.first(moment - INSTANT), before)
        self.assertEqual(self.first(moment), message)

    def test_proposer(self) -> None:
        """Rank, repeated question, a ballot that nobody accepts."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.requireAt(0.25, FIRST)
        self.requireAt(0.5, FIRST)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        accept = Accept(Ballot(1, 2), DROP)
        self.assertEqual(self.first(0.5), accept)
        self.requireAt(0.75, accept)
        self.requireAt(1.0, accept)
        self.requireAt(1.25, accept)
        self.requireAt(1.5, SECOND)

    def test_silent(self) -> None:
        """Who does not promise is done without after 0.75 s."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.25)
        for peer in (1, 3):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        self.requireAt(1.0, Prepare(1, Ballot(2, 2), (4, 5), ()))

    def test_heardAgain(self) -> None:
        """Who is heard again is asked too when the question is repeated."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.25)
        self.agreement.suspect((), 0.25)
        self.requireAt(0.5, Prepare(1, Ballot(2, 2), (), ()))

    def test_outbid(self) -> None:
        """Who gave way waits 1 s and its rank."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.now = 0.125
        self.take(4, Prepare(1, Ballot(7, 4), (5,), ()))
        self.requireAt(1.375, Prepare(1, Ballot(8, 2), (5,), ()))

    def test_isolated(self) -> None:
        """Isolated after 1 s, counted from when too few are heard."""
        self.agreement.suspect((3, 4, 5), 10.0)
        for now in (10.0, 10.5, 11.0 - INSTANT):
            self.sent(now)
            self.assertFalse(self.agreement.isolated)
        self.sent(11.0)
        self.assertEqual(self.agreement.drainEvents(), (Isolated((3, 4, 5)),))

    def test_reunion(self) -> None:
        """
        Half a second after enough are heard again, and one's rank, somebody is asked;
        what was wanted before counts anew.
        """
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.agreement.suspect((3, 4, 5), 0.125)
        self.sent(0.125)
        self.agreement.suspect((5,), 3.0)
        self.sent(3.0)
        self.assertEqual(self.sent(3.5 - INSTANT), {})
        self.assertEqual(self.sent(3.5), {})
        self.requireAt(3.75, FIRST)

    def test_reunionWithValue(self) -> None:
        """A value that is proposed already has its second anew when enough are heard again."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.25)
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(Ballot(1, 2)))
        accept = Accept(Ballot(1, 2), DROP)
        self.assertEqual(self.first(0.5), accept)
        self.agreement.suspect((3, 4, 5), 0.75)
        self.sent(0.75)
        self.agreement.suspect((5,), 3.0)
        self.sent(3.0)
        self.sent(3.5 - INSTANT)
        self.assertEqual(self.first(4.0), accept)
        self.assertEqual(self.first(4.25), accept)
        self.assertEqual(self.first(4.5), SECOND)

    def test_notWantedMeanwhile(self) -> None:
        """Who was lost, heard and lost again is done without after the rank, not at once."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.agreement.suspect((), 0.125)
        self.sent(0.125)
        self.agreement.suspect((5,), 8.0)
        self.assertEqual(self.sent(8.0), {})
        self.requireAt(8.25, FIRST)

    def test_leaver(self) -> None:
        """A LEAVE every 250 ms here, and gone 5 s after it began."""
        self.agreement.leave(1.0)
        self.assertEqual(self.first(1.0), Leave(0))
        self.requireAt(1.25, Leave(0))
        self.sent(6.0 - INSTANT)
        self.assertFalse(self.agreement.left)
        self.sent(6.0)
        self.assertTrue(self.agreement.left)

    def test_ask(self) -> None:
        """Who is in a newer view is asked for it once each time it is heard, every 250 ms."""
        self.agreement.heardInView(1, 3, 0.0)
        self.assertEqual(self.first(0.0), CommitAck(0))
        self.assertIsNone(self.first(1.0))
        self.agreement.heardInView(1, 3, 1.125)
        self.assertEqual(self.first(1.125), CommitAck(0))
        for now, asks in ((1.375 - INSTANT, None), (1.375, CommitAck(0))):
            self.agreement.heardInView(1, 3, now)
            self.assertEqual(self.first(now), asks)


class ForgettingTests(ScriptedCase):
    """What a new view ends, and who does not count."""

    def test_ourselves(self) -> None:
        """We always hear ourselves."""
        self.agreement.suspect((2, 5), 0.0)
        self.sent(0.0)
        self.assertEqual(self.sent(0.21)[1], [FIRST])

    def test_silentLeaver(self) -> None:
        """A leaver that falls silent is lost, and not asked as a leaver any more."""
        self.take(1, Leave(0))
        self.take(4, Leave(0))
        self.agreement.suspect((1,), 0.0)
        self.assertEqual(self.sent(0.0)[3], [Prepare(1, Ballot(1, 2), (1,), (4,))])

    def test_isolatedThenDropped(self) -> None:
        """Who learns that it was dropped while isolated is isolated no more."""
        self.agreement.suspect((1, 3, 4, 5), 0.0)
        self.sent(0.0)
        self.sent(1.0)
        self.assertTrue(self.agreement.isolated)
        seats = (TAKEN[0], Seat(False, 4), *TAKEN[2:], Seat(True, 0))
        self.take(3, Commit(View(1, (1, 3, 4, 5), seats)))
        self.sent(1.1)
        self.assertFalse(self.agreement.isolated)

    def test_leftAndBack(self) -> None:
        """Who left says no more of it; and who has its seat again does not leave it."""
        self.agreement.leave(0.0)
        self.sent(0.0)
        seats = (TAKEN[0], Seat(False, 14), *TAKEN[2:], Seat(True, 0))
        self.take(3, Commit(View(1, (1, 3, 4, 5), seats)))
        self.assertEqual(self.sent(0.5), {3: [CommitAck(1)]})
        self.assertEqual(self.sent(1.0), {})
        self.assertTrue(self.agreement.left)
        self.assertEqual(self.agreement.drainEvents(), ())
        back = View(2, (1, 2, 3, 4, 5), (TAKEN[0], Seat(True, 40), *TAKEN[2:], Seat(True, 0)))
        self.take(3, Commit(back))
        self.assertEqual(self.agreement.drainEvents(), (ViewChanged(back, (), ((2, 40),)),))
        self.assertEqual(self.sent(1.5), {3: [CommitAck(2)]})
        self.agreement.suspect((5,), 2.0)
        self.sent(2.0)
        self.assertEqual(self.sent(2.3)[1], [Prepare(3, Ballot(1, 2), (5,), ())])

    def test_wantedSince(self) -> None:
        """In a new view the rank is waited for anew."""
        self.agreement.suspect((4,), 0.0)
        self.sent(0.0)
        self.now = 0.15
        self.take(3, Commit(SAME))
        self.assertEqual(self.sent(0.25), {3: [CommitAck(1)]})
        self.assertEqual(self.sent(0.46)[1], [Prepare(2, Ballot(1, 2), (4,), ())])

    def test_unsaid(self) -> None:
        """What was to be said of the old view is said no more."""
        self.take(4, Prepare(1, Ballot(2, 4), (5,), ()))
        self.agreement.heardInView(1, 1, 0.0)
        self.take(3, Commit(SAME))
        self.assertEqual(self.sent(0.0), {3: [CommitAck(1)]})

    def test_owed(self) -> None:
        """A COMMIT of the old view is not owed in the new; one just sent delays none of it."""
        second = View(2, (1, 2, 3, 4), (*TAKEN, Seat(False, 30)))
        self.take(3, Commit(SAME))
        self.sent(0.0)
        self.agreement.heardInView(1, 0, 0.1)
        self.sent(0.1)
        self.agreement.heardInView(4, 0, 0.1)
        self.take(3, Commit(second))
        self.agreement.heardInView(1, 0, 0.15)
        sent = self.sent(0.15)
        self.assertEqual(sent, {1: [Commit(second)], 3: [CommitAck(2)]})

    def test_lastRound(self) -> None:
        """The last round is used, and no other."""
        self.agreement._state.round = ROUNDS_LIMIT - 3
        self.take(3, Outbid(1, Ballot(ROUNDS_LIMIT - 2, 4)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        ballot = Ballot(ROUNDS_LIMIT - 1, 2)
        self.assertEqual(self.sent(1.3)[1], [Prepare(1, ballot, (5,), ())])
        self.agreement.suspect((4, 5), 1.3)
        self.assertEqual(self.sent(1.41)[1], [Prepare(1, ballot, (5,), ())])

    def test_lastView(self) -> None:
        """The last view is proposed; L{tests.test_rollback_agreement_ballots} shows: no other."""
        seats = (*TAKEN, Seat(True, 0))
        view = View(VIEWS_LIMIT - 2, (1, 2, 3, 4, 5), seats)
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, view)
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        prepare = Prepare(VIEWS_LIMIT - 1, Ballot(1, 2), (5,), ())
        self.assertEqual(self.sent(0.3)[1], [prepare])
