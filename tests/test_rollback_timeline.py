"""Tests of L{gamenet.rollback.timeline}."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import LocalProtocolError, MomentFailed
from gamenet.interfaces import ISimulation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Load, Save
from gamenet.rollback.timeline import Timeline


@implementer(ISimulation)
class Diary:
    """A game that writes down what it is asked for; its state is what it played."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.state = b""
        self.failing = ""
        self.saved: object = None

    def advance(self, inputs: Sequence[bytes]) -> None:
        self.calls.append(("advance", inputs))
        self.state += b"".join(inputs)
        if self.failing == "advance":
            raise ZeroDivisionError("advance")

    def save(self) -> bytes:
        self.calls.append("save")
        if self.failing == "save":
            raise ZeroDivisionError("save")
        return self.state if self.saved is None else self.saved  # type: ignore[return-value]

    def load(self, snapshot: bytes) -> None:
        self.calls.append(("load", snapshot))
        self.state = snapshot
        if self.failing == "load":
            raise ZeroDivisionError("load")


class ApplyTests(SynchronousTestCase):
    """Steps become calls of the simulation."""

    def setUp(self) -> None:
        self.game = Diary()
        self.session = RollbackSession(RollbackSettings(prediction_window=2, input_delay=0))
        self.timeline = Timeline(self.game, self.session)

    def test_inOrder(self) -> None:
        """Each step is one call, in order; a load brings back what was saved as that number."""
        self.timeline.apply((Save(0), Advance(0, (b"a", b"b")), Save(1)))
        self.timeline.apply((Advance(1, (b"c", b"d")), Save(2), Load(1), Advance(1, (b"e", b""))))
        self.assertEqual(
            self.game.calls,
            [
                "save",
                ("advance", (b"a", b"b")),
                "save",
                ("advance", (b"c", b"d")),
                "save",
                ("load", b"ab"),
                ("advance", (b"e", b"")),
            ],
        )
        self.assertEqual(self.game.state, b"abe")
        self.assertEqual(self.timeline.snapshot(2), b"abcd")

    def test_ring(self) -> None:
        """The newest window + 2 snapshots are kept and no more; a missing one is our mistake."""
        for frame in range(10):
            self.game.state = b"%d" % frame
            self.timeline.apply((Save(frame),))
        self.assertEqual(
            [self.timeline.snapshot(frame) for frame in range(6, 10)], [b"6", b"7", b"8", b"9"]
        )
        for frame in (5, 10, 0):
            self.assertRaises(LocalProtocolError, self.timeline.snapshot, frame)
            error = self.assertRaises(LocalProtocolError, self.timeline.apply, (Load(frame),))
            self.assertEqual(str(error), f"snapshot {frame} is not kept")
        self.assertFalse(self.timeline.failed)

    def test_nothingSaved(self) -> None:
        """Before the first save there is nothing to load, snapshot 0 neither."""
        for frame in range(5):
            self.assertRaises(LocalProtocolError, self.timeline.apply, (Load(frame),))
        self.assertRaises(
            LocalProtocolError, self.timeline.apply, (Load(3), Advance(3, (b"a", b"b")), Save(4))
        )
        self.assertEqual(self.game.calls, [])

    def test_checksums(self) -> None:
        """A final frame's checksum is the crc32 of the state that it led to."""
        other = RollbackSession(
            RollbackSettings(prediction_window=2, input_delay=0, local_player=2)
        )
        other.advance(b"x", 0.0)
        self.session.packetReceived(2, other.packetFor(1, 0.0), 0.0)
        self.timeline.apply(self.session.advance(b"a", 0.0))
        self.assertEqual(
            self.session.drainEvents(), (FrameConfirmed(0, (b"a", b"x"), crc32(b"ax")),)
        )


class FailureTests(SynchronousTestCase):
    """Bad input: a simulation that raises ends the match under the name of the moment."""

    def setUp(self) -> None:
        self.game = Diary()
        self.timeline = Timeline(self.game, RollbackSession(RollbackSettings()))
        self.timeline.apply((Save(0), Advance(0, (b"", b"")), Save(1)))

    def test_moments(self) -> None:
        """Each method that raises is named, with the frame and the original exception."""
        for moment, steps in (
            ("advance", (Load(1), Advance(7, (b"", b"")), Save(8))),
            ("save", (Load(1), Save(7), Advance(8, (b"", b"")))),
            ("load", (Load(1), Advance(1, (b"", b"")))),
        ):
            self.setUp()
            self.game.failing = moment
            error = self.assertRaises(MomentFailed, self.timeline.apply, steps)
            self.assertEqual(error.moment, moment)
            self.assertEqual(error.frame, 1 if moment == "load" else 7)
            self.assertIsInstance(error.__cause__, ZeroDivisionError)
            self.assertTrue(self.timeline.failed)
            if moment == "load":
                self.assertEqual(self.game.calls[-1], ("load", b""))

    def test_nothingMore(self) -> None:
        """After a failure the simulation is left alone."""
        self.game.failing = "advance"
        self.assertRaises(MomentFailed, self.timeline.apply, (Advance(1, ()),))
        before = len(self.game.calls)
        self.assertRaises(LocalProtocolError, self.timeline.apply, (Save(1),))
        self.assertEqual(len(self.game.calls), before)

    def test_notBytes(self) -> None:
        """A save that does not return bytes is named with its type."""
        for saved in ("text", bytearray(b"x"), 7, [1]):
            self.setUp()
            self.game.saved = saved
            error = self.assertRaises(MomentFailed, self.timeline.apply, (Save(2),))
            self.assertEqual((error.moment, error.frame), ("save", 2))
            self.assertIsInstance(error.__cause__, TypeError)
            self.assertIn(type(saved).__name__, str(error.__cause__))

    def test_ourOwnErrorsInTheGame(self) -> None:
        """A simulation that raises one of our errors has failed all the same."""

        class Odd(Diary):
            def load(self, snapshot: bytes) -> None:
                raise LocalProtocolError("odd")

        timeline = Timeline(Odd(), RollbackSession(RollbackSettings()))
        timeline.apply((Save(0),))
        error = self.assertRaises(MomentFailed, timeline.apply, (Load(0),))
        self.assertIsInstance(error.__cause__, LocalProtocolError)

    def test_interrupts(self) -> None:
        """Ctrl-C is not a failure of the game."""

        class Interrupted(Diary):
            def advance(self, inputs: Sequence[bytes]) -> None:
                raise KeyboardInterrupt

        timeline = Timeline(Interrupted(), RollbackSession(RollbackSettings()))
        self.assertRaises(KeyboardInterrupt, timeline.apply, (Advance(0, ()),))
