"""
Tests for L{gamenet.demo.awaiting}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.awaiting import BoundedWait, DemoFailed

__all__ = ["BoundedWaitTests"]


class BoundedWaitTests(SynchronousTestCase):
    """Waiting."""

    def setUp(self) -> None:
        """Wait for a list to be filled."""
        self.clock = Clock()
        self.wait = BoundedWait(self.clock)
        self.things: list[int] = []

    def until(self, count: int) -> Deferred[None]:
        """Wait for that many things."""
        return self.wait.until(lambda: len(self.things) >= count, 3.0, "nothing came")

    def test_holdsAlready(self) -> None:
        """What holds already is not waited for."""
        self.successResultOf(self.until(0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_happens(self) -> None:
        """The condition is looked at whenever something happens."""
        waiting = self.until(2)
        self.things.append(1)
        self.wait.happened()
        self.assertNoResult(waiting)
        self.things.append(2)
        self.wait.happened()
        self.successResultOf(waiting)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait.happened()

    def test_expires(self) -> None:
        """It ends at its limit, with the complaint; and so does every later one, at once."""
        waiting = self.until(1)
        self.clock.advance(3.1)
        error = self.failureResultOf(waiting, DemoFailed).value
        self.assertEqual(str(error), "nothing came within 3 seconds")
        self.failureResultOf(self.until(1), DemoFailed)

    def test_extend(self) -> None:
        """Whoever extends it gets the whole limit once more."""
        waiting = self.until(1)
        self.clock.advance(2.9)
        self.wait.extend()
        self.clock.advance(2.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.failureResultOf(waiting, DemoFailed)

    def test_firstFailureCounts(self) -> None:
        """Of several failures the first is the cause; one between two waits is not forgotten."""
        self.wait.fail("the lobby died")
        self.wait.fail("Ada lost the lobby")
        error = self.failureResultOf(self.until(0), DemoFailed).value
        self.assertEqual(str(error), "the lobby died")
        self.wait.extend()
