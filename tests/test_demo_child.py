"""
Tests for L{gamenet.demo.child}, with a process that only exists in the test.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.child import Child, Ending
from tests.fake_processes import FakeReactor

__all__ = ["ChildTests"]


class ChildTests(SynchronousTestCase):
    """One process."""

    def setUp(self) -> None:
        """Start one."""
        self.reactor = FakeReactor()
        self.lines: list[bytes] = []
        self.endings: list[Ending | None] = []
        self.child = Child(
            "Ada", lambda child: self.endings.append(child.ending), self.lines.append
        )
        self.child.start(self.reactor, ["/bin/python", "-m", "x"], {"A": "b"})
        (self.process,) = self.reactor.processes

    def test_lines(self) -> None:
        """Lines come whole, however the pipe cuts them."""
        for piece in (b"on", b"e\ntw", b"o\n\nthr"):
            self.child.outReceived(piece)
        self.assertEqual(self.lines, [b"one", b"two", b""])

    def test_endlessLine(self) -> None:
        """Bad input: a line without end is not kept for ever."""
        for _ in range(40):
            self.child.outReceived(b"x" * 65536)
        self.child.outReceived(b"\n")
        self.assertLess(len(self.lines[0]), 1 << 21)
        self.assertIn("(a line that was too long)", self.child.tail)

    def test_tail(self) -> None:
        """Of the log the last lines are kept, the last one even if it is cut off."""
        for number in range(100):
            self.child.errReceived(b"line %d\n" % number)
        self.child.errReceived(b"cut o\xff")
        self.process.end(status=1)
        self.assertEqual(self.child.tail[-1], "cut o\ufffd")
        self.assertEqual(self.child.tail[-2], "line 99")
        self.assertEqual(len(self.child.tail), 30)
        self.assertEqual(self.endings, [Ending(1, None)])

    def test_stopTwice(self) -> None:
        """Stopping is idempotent, and harmless once the process is gone."""
        self.process.stubborn = True
        first, second = self.child.stop(self.reactor, 2.0), self.child.stop(self.reactor, 2.0)
        self.assertNoResult(first)
        self.reactor.advance(2.1)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.process.signals, ["TERM", "KILL"])
        self.assertTrue(self.child.killed)
        self.successResultOf(self.child.stop(self.reactor, 2.0))
        self.child.kill()
        self.child.write(b"too late")
        self.assertEqual(self.process.written, b"")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_sacrificed(self) -> None:
        """A process that was killed because that was asked for has no fault, and fell."""
        self.assertFalse(self.child.fell)
        self.process.stubborn = True
        self.child.sacrifice()
        self.assertEqual(self.process.signals, ["KILL"])
        self.assertEqual(self.endings, [Ending(None, 9)])
        self.assertTrue(self.child.fell)
        self.assertEqual(self.child.faults(2.0), [])
        self.child.sacrifice()
        self.assertEqual(self.process.signals, ["KILL"])

    def test_sacrificedTooLate(self) -> None:
        """A process that ended before the signal reached it was not killed."""
        self.process.pid = None
        self.child.sacrifice()
        self.process.end(status=0)
        self.assertFalse(self.child.fell)

    def test_killedByAnother(self) -> None:
        """A process that somebody else killed did not fall as it was asked for."""
        self.process.end(signal=9)
        self.child.sacrifice()
        self.assertFalse(self.child.fell)

    def test_alreadyExited(self) -> None:
        """A process that has exited while its last words are still being read is no error."""
        self.process.pid = None
        waiting = self.child.stop(self.reactor, 2.0)
        self.process.end(status=0)
        self.successResultOf(waiting)
        self.assertEqual(self.child.faults(2.0), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
