"""
Tests of L{gamenet.rollback.timeline} with a game whose snapshots are objects of its
own (L{gamenet.interfaces.IOwnsSnapshots}).
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, implementer

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed, RemoteProtocolError
from gamenet.interfaces import IChecksummed, IOwnsSnapshots, ISavesInto
from gamenet.rollback.state_dump import StateRefused, checkedChecksum, decodeStateDump
from gamenet.rollback.state_dump import encodeStateDump as encoded
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.rollback.timeline import Timeline
from gamenet.rollback.timeline_rules import TimelineRules
from tests.rollback_owned_games import TreeGame, TupleGame
from tests.rollback_stub_session import BufferGame, StubSession


class OwnedTests(SynchronousTestCase):
    """State: snapshots of any kind the game owns."""

    def setUp(self) -> None:
        self.game = TupleGame()
        self.session = StubSession(TimelineRules(prediction_window=2, kept_states=2))
        self.timeline = Timeline(self.game, self.session)

    def play(self, frame: int, text: bytes = b"x", kept: bool = False) -> Any:
        """Play one frame and save; return the state."""
        self.timeline.apply((Advance(frame, (text, b"")), Save(frame + 1, kept)))
        return self.game.state

    def test_sameObject(self) -> None:
        """What is loaded is the object that was saved, and nothing was encoded."""
        states = [self.play(frame, b"%d" % frame) for frame in range(9)]
        self.assertEqual(len(set(states)), 9)
        for number in (9, 8, 7, 6):
            self.timeline.apply((Load(number),))
            self.assertIs(self.game.state, states[number - 1])
        self.assertRaises(LocalProtocolError, self.timeline.apply, (Load(5),))
        self.assertEqual(self.game.strangers, 0)
        self.assertNotIn("encodeSnapshot", self.game.calls)

    def test_checksum(self) -> None:
        """Checksums are the game's own, taken when it was saved."""
        states = [self.play(frame, kept=frame == 1) for frame in range(6)]
        expected = {frame: crc32(self.game.pack(states[frame])) for frame in (1, 3, 5)}
        self.session.wanted = (1, 3, 5)
        self.timeline.apply(())
        self.assertEqual(self.session.taken, expected)
        self.assertEqual(self.game.calls["checksum"], 6)

    def test_anyObject(self) -> None:
        """Anything but C{None} is a snapshot, whatever its truth or length."""
        for snapshot in ((), [], {}, b"", 0, False, object(), memoryview(b"abc")):
            self.setUp()
            self.game.answers["save"] = snapshot
            self.timeline.apply((Save(0, True),))
            self.timeline.apply((Load(0),))
            self.assertIs(self.game.state, snapshot)

    def test_bytes(self) -> None:
        """Where bytes are promised there are bytes: snapshots and dumps."""
        states = [self.play(frame, kept=frame % 3 == 2) for frame in range(9)]
        for number in (9, 8, 7, 6):
            data = self.game.pack(states[number - 1])
            self.assertEqual(self.timeline.snapshot(number), data)
            self.assertEqual(self.timeline.snapshotOf(number), data)
        self.assertIsNone(self.timeline.snapshotOf(4))
        for frame in (5, 8):
            dump = self.timeline.dump(frame)
            assert dump is not None
            data = self.game.pack(states[frame])
            self.assertEqual((dump.snapshot, dump.checksum), (data, crc32(data)))
            self.assertEqual(decodeStateDump(encoded(dump)), dump)
        self.assertIsNone(self.timeline.dump(2))

    def test_subclass(self) -> None:
        """A subclass of bytes becomes bytes, which are all that can be sent."""

        class Text(bytes):
            pass

        self.game.answers["encodeSnapshot"] = Text(b"abc")
        self.play(0)
        self.assertIs(type(self.timeline.snapshot(1)), bytes)

    def test_restore(self) -> None:
        """Another peer's state is decoded once, loaded, and can be gone back to."""
        self.play(0, b"own", True)
        other = TupleGame()
        for _ in range(70):
            other.advance((b"theirs", b""))
        self.timeline.apply((Restore(70, other.pack(other.state)),))
        self.assertEqual(self.game.state, other.state)
        taken = self.game.state
        self.assertIsNone(self.timeline.dump(0))
        self.play(70)
        self.session.wanted = (69,)
        self.timeline.apply((Load(70),))
        self.assertIs(self.game.state, taken)
        self.assertEqual(self.session.taken, {69: other.checksum()})
        self.assertEqual(self.game.calls["decodeSnapshot"], 1)
        self.assertEqual(self.game.strangers, 0)

    def test_ownBytes(self) -> None:
        """What L{Timeline.snapshot} returned can be restored elsewhere."""
        for _ in range(4):
            self.play(self.game.frame)
        other = TupleGame()
        Timeline(other, StubSession()).apply((Restore(4, self.timeline.snapshot(4)),))
        self.assertEqual(other.state, self.game.state)

    def test_sparse(self) -> None:
        """Saved seldom, a checksum is taken only of what is kept."""
        session = StubSession(TimelineRules(prediction_window=2, sparse=True))
        timeline = Timeline(self.game, session)
        for frame in range(12):
            timeline.apply((Advance(frame, (b"x", b"")), Save(frame + 1, frame % 6 == 5)))
        self.assertEqual(self.game.calls["checksum"], 2)
        session.wanted = (5, 11)
        timeline.apply(())
        self.assertEqual(session.taken[11], self.game.checksum())
        timeline.apply((Load(9),))
        self.assertEqual(self.game.frame, 9)

    def test_parts(self) -> None:
        """Named parts are taken when a state is kept, and travel with it."""
        game = TreeGame()
        timeline = Timeline(game, StubSession())
        timeline.apply((Advance(0, (b"a", b"b")), Save(1, True)))
        parts = tuple(game.parts().items())
        timeline.apply((Advance(1, (b"a", b"b")), Save(2)))
        dump = timeline.dump(0)
        assert dump is not None
        self.assertEqual(dump.parts, parts)


class BadGameTests(SynchronousTestCase):
    """Bad input: simulations; the error names the frame and the call."""

    def setUp(self) -> None:
        self.game = TupleGame()
        self.timeline = Timeline(self.game, StubSession())
        self.timeline.apply((Save(0), Advance(0, (b"", b"")), Save(1, True)))

    def assertFailed(self, error: MomentFailed, moment: str, frame: int, cause: str = "") -> None:
        """Assert what a failure says, and that it was the last thing that happened."""
        self.assertEqual((error.moment, error.frame), (moment, frame))
        if cause:
            self.assertEqual((type(error.__cause__), str(error.__cause__)), (TypeError, cause))
        else:
            self.assertIsInstance(error.__cause__, ZeroDivisionError)
        self.assertTrue(self.timeline.failed)
        self.assertRaises(LocalProtocolError, self.timeline.apply, ())

    def test_none(self) -> None:
        """C{None} is no snapshot."""
        self.game.answers["save"] = None
        error = self.assertRaises(MomentFailed, self.timeline.apply, (Save(1),))
        self.assertFailed(error, "save", 1, "save returned None, which is no snapshot")

    def test_raises(self) -> None:
        """What C{save}, C{load} and C{checksum} raise."""
        cases: tuple[tuple[str, Step], ...] = (
            ("save", Save(1)),
            ("load", Load(1)),
            ("checksum", Save(1)),
        )
        for moment, step in cases:
            self.setUp()
            self.game.failing = moment
            error = self.assertRaises(MomentFailed, self.timeline.apply, (step,))
            self.assertFailed(error, moment, 1)

    def test_encodeRaises(self) -> None:
        """C{encodeSnapshot} raises: in a snapshot, and in a dump."""
        for ask in (
            lambda: self.timeline.snapshot(1),
            lambda: self.timeline.snapshotOf(1),
            lambda: self.timeline.dump(0),
        ):
            self.setUp()
            self.game.failing = "encodeSnapshot"
            self.assertFailed(self.assertRaises(MomentFailed, ask), "encodeSnapshot", 1)

    def test_encodesNoBytes(self) -> None:
        """C{encodeSnapshot} returns something else than bytes."""
        for wrong in ("text", None, bytearray(b"x"), 7):
            self.setUp()
            self.game.answers["encodeSnapshot"] = wrong
            error = self.assertRaises(MomentFailed, self.timeline.snapshot, 1)
            name = type(wrong).__name__
            cause = f"encodeSnapshot returned {name}, not bytes"
            self.assertFailed(error, "encodeSnapshot", 1, cause)

    def test_decodeRaises(self) -> None:
        """Another player's state that is none: their fault, and the game is as it was."""
        before = self.game.state
        error = self.assertRaises(StateRefused, self.timeline.apply, (Restore(9, b"?"),))
        self.assertIsInstance(error, RemoteProtocolError)
        self.assertNotIsInstance(error, MomentFailed)
        self.assertEqual(error.frame, 9)
        self.assertEqual(str(error), "the game refuses another player's state as snapshot 9")
        self.assertIsInstance(error.__cause__, IndexError)
        self.assertIs(self.game.state, before)
        self.assertNotIn("load", self.game.calls)
        self.assertIsNotNone(self.timeline.dump(0))
        self.assertTrue(self.timeline.failed)
        self.assertRaises(LocalProtocolError, self.timeline.apply, (Advance(9, ()),))

    def test_decodesNone(self) -> None:
        """C{decodeSnapshot} returns C{None}."""
        data = self.timeline.snapshot(1)
        self.game.answers["decodeSnapshot"] = None
        error = self.assertRaises(StateRefused, self.timeline.apply, (Restore(9, data),))
        self.assertIsInstance(error.__cause__, TypeError)

    def test_loadOfDecoded(self) -> None:
        """What was decoded cannot be loaded: the game's own fault."""
        data = self.timeline.snapshot(1)
        self.game.failing = "load"
        error = self.assertRaises(MomentFailed, self.timeline.apply, (Restore(9, data),))
        self.assertFailed(error, "load", 9)

    @given(st.binary(max_size=40))
    @settings(deadline=None, max_examples=60)
    def test_anyBytes(self, data: bytes) -> None:
        """Whatever comes is a state or is refused by name."""
        for game in (TupleGame(), TreeGame()):
            timeline = Timeline(game, StubSession())
            try:
                timeline.apply((Restore(3, data),))
            except StateRefused:
                self.assertIs(game.state, game.first)
            else:
                self.assertEqual(timeline.snapshot(3), data)

    def test_checkedChecksum(self) -> None:
        """A checksum is an C{int} from 0 to 2**32 - 1."""
        for right in (0, (1 << 32) - 1):
            self.assertEqual(checkedChecksum(right), right)
        for wrong in (True, 1.0, None, "1"):
            self.assertRaises(TypeError, checkedChecksum, wrong)
        for outside in (-1, 1 << 32):
            self.assertRaises(ValueError, checkedChecksum, outside)


class OffersTests(SynchronousTestCase):
    """What such a game must offer beside it."""

    def test_noChecksum(self) -> None:
        """Without a checksum of its own there would be none."""
        error = self.assertRaises(BadSetting, Timeline, _OnlyOwner(), StubSession())
        self.assertIn("must provide IChecksummed", str(error))

    def test_buffersToo(self) -> None:
        """Bytes in a buffer and an object of its own are two different things."""
        game = BufferGame(80)
        directlyProvides(game, IOwnsSnapshots, IChecksummed)
        self.assertTrue(ISavesInto.providedBy(game))
        error = self.assertRaises(BadSetting, Timeline, game, StubSession())
        self.assertIn("both IOwnsSnapshots and ISavesInto", str(error))


@implementer(IOwnsSnapshots)
class _OnlyOwner:
    """Says that it owns its snapshots, and has no checksum."""

    load = advance = save = None
