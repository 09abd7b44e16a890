"""When L{gamenet.agreement.agreement} has nothing to do, and when it has."""

from __future__ import annotations

from collections.abc import Callable

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import firstView
from gamenet.wire.view_values import (
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
DROP = View(1, (1, 2, 3, 4), (*TAKEN, Seat(False, 14)))


class IdleTests(ScriptedCase):
    """A match in which nothing happens costs nothing; whatever does is looked after."""

    def isIdle(self) -> bool:
        return self.agreement.isIdle(self.now)

    def test_quiet(self) -> None:
        """At the start, and while packets of the same view come."""
        self.assertTrue(self.isIdle())
        self.agreement.heardInView(3, 0, 0.0)
        self.agreement.suspect((), 0.0)
        self.assertEqual(self.sent(1.0), {})
        self.assertTrue(self.isIdle())

    def test_eachReason(self) -> None:
        """Each thing that has to be done soon, or is waited for, by itself."""
        agreement = lambda: self.agreement  # noqa: E731
        reasons: dict[str, Callable[[], None]] = {
            "suspects": lambda: agreement().suspect((5,), 0.0),
            "leaving": lambda: agreement().leave(0.0),
            "a leaver": lambda: self.take(3, Leave(0)),
            "a reply": lambda: self.take(3, Prepare(1, Ballot(1, 3), (5,), ())),
            "an answer to a COMMIT": lambda: self.take(3, Commit(DROP)),
            "a newer view": lambda: agreement().heardInView(3, 4, 0.0),
        }
        for name, happen in reasons.items():
            self.setUp()
            happen()
            self.assertFalse(self.isIdle(), name)
            self.assertFalse(agreement().isIdle(1e6), name)

    def test_joiner(self) -> None:
        """Somebody wants a seat."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (5,)))
        self.assertTrue(self.isIdle())
        self.agreement.admit(5, 0.0)
        self.assertFalse(self.isIdle())

    def test_olderView(self) -> None:
        """Somebody does not know the newest view: until it is told."""
        self.take(3, Commit(DROP))
        self.sent(0.0)
        self.agreement.drainEvents()
        self.assertTrue(self.isIdle())
        self.agreement.heardInView(4, 0, 0.1)
        self.assertFalse(self.isIdle())
        self.sent(0.1)
        self.assertTrue(self.isIdle())

    def test_repeatedCommit(self) -> None:
        """A COMMIT of what is known already is answered."""
        self.take(3, Commit(DROP))
        self.sent(0.0)
        self.agreement.drainEvents()
        self.take(3, Commit(DROP))
        self.assertFalse(self.isIdle())
        self.assertEqual(self.sent(0.01), {3: [CommitAck(1)]})
        self.assertTrue(self.isIdle())

    def test_patient(self) -> None:
        """Who has voted and just hears enough again: nothing is asked yet, but will be."""
        self.take(3, Prepare(1, Ballot(1, 3), (5,), ()))
        self.agreement.suspect((3, 4, 5), 0.0)
        self.sent(0.0)
        self.agreement.suspect((), 2.0)
        self.sent(2.0)
        self.agreement.drainEvents()
        self.assertFalse(self.isIdle())

    def test_vote(self) -> None:
        """A vote that was told is told again, so that is not idle; a decision ends it."""
        self.take(3, Prepare(1, Ballot(1, 3), (5,), ()))
        self.sent(0.0)
        self.assertFalse(self.isIdle())
        self.take(3, Accept(Ballot(1, 3), DROP))
        self.sent(0.05)
        self.assertFalse(self.isIdle())
        self.take(3, Commit(DROP))
        self.sent(0.1)
        self.assertFalse(self.isIdle())
        self.agreement.drainEvents()
        self.assertTrue(self.isIdle())

    def test_proposal(self) -> None:
        """From the wish for a change to the last that is told of it."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.agreement.suspect((), 0.1)
        self.assertFalse(self.isIdle())
        self.sent(0.1)
        self.assertTrue(self.isIdle())
        self.agreement.suspect((5,), 1.0)
        self.sent(1.0)
        self.sent(1.2)
        self.agreement.suspect((), 1.2)
        self.assertFalse(self.isIdle())
        self.take(1, Outbid(1, Ballot(5, 4)))
        self.assertFalse(self.isIdle())
        self.take(3, Commit(DROP))
        self.agreement.drainEvents()
        self.sent(1.3)
        self.assertTrue(self.isIdle())

    def test_lost(self) -> None:
        """Too few are heard: until enough are again, it is isolated, and that is told."""
        self.agreement.suspect((3, 4, 5), 0.0)
        self.sent(0.0)
        self.agreement.suspect((), 0.5)
        self.assertFalse(self.isIdle())
        self.sent(0.5)
        self.assertTrue(self.isIdle())
        self.agreement.suspect((3, 4, 5), 1.0)
        self.sent(1.0)
        self.sent(2.0)
        self.agreement.suspect((), 3.0)
        self.sent(3.0)
        self.assertFalse(self.isIdle())
        self.assertEqual(len(self.agreement.drainEvents()), 2)
        self.assertTrue(self.isIdle())

    def test_isolatedBehind(self) -> None:
        """Isolated, and the others are in a newer view: its COMMIT ends that, though idle."""
        self.agreement.suspect((1, 3, 4, 5), 0.0)
        self.sent(0.0)
        self.sent(2.0)
        for peer in (1, 3, 4, 5):
            self.agreement.heardInView(peer, 1, 2.0)
        self.agreement.suspect((), 2.0)
        self.sent(2.0)
        self.agreement.drainEvents()
        self.assertTrue(self.isIdle())
        self.assertTrue(self.agreement.isolated)
        self.take(3, Commit(DROP))
        self.assertFalse(self.isIdle())
        self.sent(2.1)
        self.assertFalse(self.agreement.isolated)
        self.take(3, CommitAck(1))
