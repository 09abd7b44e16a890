"""
Tests of L{gamenet.world.clock}: letting time pass until something is the case.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import GamenetError
from gamenet.world.clock import NotReached, WorldClock


class RunUntilTests(SynchronousTestCase):
    """L{WorldClock.runUntil}."""

    def setUp(self) -> None:
        self.clock = WorldClock()

    def test_function(self) -> None:
        """Time stops at the event that makes the function true; its value is returned."""
        log: list[float] = []
        for number in range(5):
            self.clock.callLater(number + 1.0, lambda: log.append(self.clock.seconds()))
        reached = self.clock.runUntil(lambda: log[1:], 10.0)
        self.assertEqual(reached, [2.0])
        self.assertEqual(self.clock.seconds(), 2.0)

    def test_alreadyTrue(self) -> None:
        """What is the case already takes no time."""
        self.clock.callLater(0.0, self.fail)
        self.assertEqual(self.clock.runUntil(lambda: "yes", 1.0), "yes")
        self.assertEqual(self.clock.runUntil(succeed("fired"), 1.0), "fired")
        self.assertEqual(self.clock.seconds(), 0.0)

    def test_deferred(self) -> None:
        """Time stops when the Deferred fires; what it fired with is returned, and stays."""
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3.0, deferred.callback, "done")
        self.clock.callLater(4.0, self.fail)
        self.assertEqual(self.clock.runUntil(deferred, 10.0), "done")
        self.assertEqual(self.clock.seconds(), 3.0)
        self.assertEqual(self.successResultOf(deferred), "done")

    def test_none(self) -> None:
        """A Deferred that fires with nothing has fired all the same."""
        deferred: Deferred[None] = Deferred()
        self.clock.callLater(3.0, deferred.callback, None)
        self.assertIsNone(self.clock.runUntil(deferred, 10.0))
        self.assertEqual(self.clock.seconds(), 3.0)

    def test_failure(self) -> None:
        """What the Deferred fails with is raised, and not left unhandled."""
        self.assertRaises(ZeroDivisionError, self.clock.runUntil, fail(ZeroDivisionError()), 1.0)

    def test_notReached(self) -> None:
        """A named error tells the time; a Deferred that fires later is left as it was."""
        deferred: Deferred[str] = Deferred()
        error = self.assertRaises(NotReached, self.clock.runUntil, deferred, 2.5)
        self.assertIsInstance(error, GamenetError)
        self.assertEqual((error.time, self.clock.seconds()), (2.5, 2.5))
        self.assertEqual(str(error), "not reached within 2.5 s; the world's time is 2.500000 s")
        self.assertRaises(NotReached, self.clock.runUntil, list, 1.0)
        self.assertEqual(self.clock.seconds(), 3.5)
        deferred.cancel()
        self.failureResultOf(deferred, CancelledError)
