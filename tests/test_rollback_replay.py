"""
Tests of L{gamenet.rollback.replay} and L{gamenet.rollback.playback}.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, MomentFailed
from gamenet.interfaces import ISeededSimulation
from gamenet.rollback.playback import OtherRules, Playback
from gamenet.rollback.replay import Divergence, Replay, ReplayRecorder, ReplaySession
from gamenet.rollback.steps import Advance, Save
from gamenet.wire.replay_file import FramesRecord, ReplayHeader
from gamenet.wire.replay_reader import ReplayTruncated
from tests.replay_samples import Match, matches, recorded
from tests.rollback_faulty_game import Ledger

DIGEST = bytes(range(16))


def inputsOf(frame: int) -> tuple[bytes, ...]:
    """Inputs in which every frame and player is another."""
    return b"%d" % frame, b"-%d" % (frame // 3)


def played(frames: int, interval: int = 10) -> Match:
    """A match of ledgers."""
    game = Ledger()
    match = []
    for frame in range(frames):
        game.advance(inputsOf(frame))
        match.append((inputsOf(frame), crc32(game.save())))
    return ReplayHeader(DIGEST, 2, seed=7, rules="ledger", checksum_interval=interval), match


def replayOf(frames: int, interval: int = 10) -> Replay:
    """A replay of it."""
    return Replay.read(recorded(played(frames, interval)))


def stateBefore(frame: int) -> bytes:
    """The state that straight play leads to."""
    game = Ledger()
    for each in range(frame):
        game.advance(inputsOf(each))
    return game.save()


class RecorderTests(SynchronousTestCase):
    """A match is written down."""

    def test_pieces(self) -> None:
        """Something is written at each checksum interval and at the end, nothing between."""
        pieces = recorded(played(25, 10))
        self.assertEqual(
            [frame for frame, piece in enumerate(pieces) if piece], [9, 19, 25]
        )
        self.assertTrue(pieces[9].startswith(b"\x89gnr"))

    def test_misuse(self) -> None:
        """Other frames, other inputs and other checksums are refused and change nothing."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 2, checksum_interval=2))
        for frame, inputs, checksum in (
            (1, (b"", b""), 0), (-1, (b"", b""), 0), (0, (b"",), 0), (0, (b"",) * 3, 0),
            (0, (b"", bytes(256)), 0), (0, (b"", "x"), 0), (0, (b"", bytearray()), 0),
            (0, (b"", b""), -1), (0, (b"", b""), 1 << 32), (0, (b"", b""), 1.0),
            (0, (b"", b""), True),
        ):
            self.assertRaises(
                LocalProtocolError, recorder.frameConfirmed, frame, inputs, checksum
            )
        self.assertEqual(recorder.frames, 0)
        data = recorder.frameConfirmed(0, [b"", b""], 5)
        data += recorder.finish()
        self.assertEqual(Replay.read([data]).records, (FramesRecord(0, 1, 5, b"\0\0"),))
        self.assertRaises(LocalProtocolError, recorder.finish)
        self.assertRaises(LocalProtocolError, recorder.frameConfirmed, 1, (b"", b""), 0)

    def test_memory(self) -> None:
        """Recording for long keeps no more than the frames of one chunk."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 2))
        texts = [(bytes([value]), bytes([255 - value])) for value in range(256)]
        for frame in range(600):
            recorder.frameConfirmed(frame, texts[frame & 255], 0)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for frame in range(600, 60_600):
                recorder.frameConfirmed(frame, texts[frame & 255], 0)
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(after - before, 4_000)
        self.assertLess(peak - before, 40_000)


class ReadTests(SynchronousTestCase):
    """A file becomes a replay."""

    @settings(max_examples=60, deadline=None)
    @given(matches())
    def test_roundTrip(self, match: Match) -> None:
        """Any match: header, count and all inputs."""
        replay = Replay.read(recorded(match))
        self.assertEqual((replay.header, replay.frames), (match[0], len(match[1])))
        inputs = [each for index in range(len(replay.records)) for each in replay.inputs(index)]
        self.assertEqual(inputs, [each for each, _ in match[1]])
        self.assertEqual(replay.problem, "")

    def test_truncated(self) -> None:
        """Cut off anywhere: refused by name, or read up to the last whole chunk if asked."""
        data = b"".join(recorded(played(35, 10)))
        header = len(b"".join(recorded(played(0, 10)))) - 29
        counts = []
        for cut in range(len(data)):
            self.assertRaises(ReplayTruncated, Replay.read, [data[:cut]])
            if cut < header:
                self.assertRaises(ReplayTruncated, Replay.read, [data[:cut]], partial=True)
                continue
            replay = Replay.read([data[:cut]], partial=True)
            self.assertIn("cut off", replay.problem)
            self.assertIsNone(Playback(replay, Ledger()).verify())
            counts.append(replay.frames)
        self.assertEqual(sorted(set(counts)), [0, 10, 20, 30, 35])
        self.assertEqual(counts, sorted(counts))

    def test_damaged(self) -> None:
        """A damaged byte: refused by name, or read up to the chunk before if asked."""
        data = bytearray(b"".join(recorded(played(35, 10))))
        data[-60] ^= 1
        self.assertRaises(MalformedMessage, Replay.read, [bytes(data)])
        replay = Replay.read([bytes(data)], partial=True)
        self.assertEqual((replay.frames, replay.problem), (30, "a replay file with damaged bytes"))
        self.assertRaises(MalformedMessage, Replay.read, [b"RIFF"], partial=True)
        self.assertRaises(ReplayTruncated, Replay.read, [], partial=True)

    def test_tooLong(self) -> None:
        """A file beyond the limit is not kept."""
        data = b"".join(recorded(played(35, 10)))
        Replay.read([data], bytes_limit=len(data))
        self.assertRaises(MalformedMessage, Replay.read, [data], bytes_limit=len(data) - 1)

    def test_packed(self) -> None:
        """A replay in memory stays packed: 60 000 frames of one held input are small."""
        recorder = ReplayRecorder(ReplayHeader(DIGEST, 2, checksum_interval=600))
        held = (bytes(64), bytes(64))
        pieces = [recorder.frameConfirmed(frame, held, 0) for frame in range(60_000)]
        pieces.append(recorder.finish())
        tracemalloc.start()
        try:
            replay = Replay.read(pieces)
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertEqual(replay.frames, 60_000)
        self.assertLess(kept, 50_000)
        self.assertLess(peak, 200_000)


class SessionTests(SynchronousTestCase):
    """The steps that play a replay."""

    def test_steps(self) -> None:
        """The first state is saved, and every one that has a checksum."""
        session = ReplaySession(replayOf(5, 2))
        steps = []
        while not session.finished:
            steps += session.advance()
        self.assertEqual(
            steps,
            [
                Save(0), Advance(0, inputsOf(0)), Advance(1, inputsOf(1)), Save(2),
                Advance(2, inputsOf(2)), Advance(3, inputsOf(3)), Save(4),
                Advance(4, inputsOf(4)), Save(5),
            ],
        )
        self.assertEqual(session.advance(), ())

    def test_seek(self) -> None:
        """Going back loads the nearest snapshot before; going on from here loads nothing."""
        session = ReplaySession(replayOf(40, 10), snapshot_interval=10)

        def go(frame: int) -> list[str]:
            steps = []
            for step in session.seek(frame):
                if isinstance(step, Save):
                    session.stateTaken(step.frame, 0)
                steps.append(f"{type(step).__name__} {step.frame}")
            self.assertEqual(session.current_frame, frame)
            return steps

        go(35)
        self.assertEqual(session.kept, [0, 10, 20, 30])
        self.assertEqual(go(35), [])
        self.assertEqual(go(12), ["Load 10", "Advance 10", "Advance 11"])
        self.assertEqual(go(13), ["Advance 12"])
        self.assertEqual(go(10), ["Load 10"])
        self.assertEqual(go(31), ["Load 30", "Advance 30"])
        self.assertEqual(go(40)[-2:], ["Advance 39", "Save 40"])
        self.assertEqual(go(0), ["Load 0"])
        for _ in range(25):
            frame = session.current_frame
            steps = session.advance()
            self.assertEqual(steps[0], Advance(frame, inputsOf(frame)))
            for step in steps[1:]:
                self.assertEqual(step, Save(frame + 1))
                self.assertFalse(session.stateTaken(frame + 1, 0))
        self.assertEqual(session.kept, [0, 10, 20, 30, 40])
        for frame in (-1, 41):
            self.assertRaises(LocalProtocolError, session.seek, frame)
        for number in (5, 41, -10):
            self.assertRaises(LocalProtocolError, session.stateTaken, number, 0)

    def test_abandoned(self) -> None:
        """Whoever stops amid the steps is where the last of them led."""
        session = ReplaySession(replayOf(40, 10))
        steps = session.seek(30)
        for _ in range(6):
            next(steps)
        self.assertEqual(session.current_frame, 5)
        self.assertEqual(next(session.seek(9)), Advance(5, inputsOf(5)))

    def test_keptIsBounded(self) -> None:
        """However long the match, no more snapshots are kept than the limit, evenly."""
        for limit in (2, 3, 8):
            session = ReplaySession(replayOf(3000, 10), 10, limit)
            for number in range(0, 3001, 10):
                session.stateTaken(number, 0)
                self.assertLessEqual(len(session.kept), limit)
                self.assertEqual(session.kept[0], 0)
            self.assertEqual(len({b - a for a, b in zip(
                session.kept, session.kept[1:], strict=False)}), 1)
            self.assertGreaterEqual(session.kept[-1], 1500)

    def test_settings(self) -> None:
        """Numbers out of bounds, by name."""
        replay = replayOf(1)
        for name, value in (
            ("snapshot_interval", 0), ("snapshots_limit", 1), ("snapshots_limit", "2"),
        ):
            error = self.assertRaises(BadSetting, ReplaySession, replay, **{name: value})
            self.assertIn(name, str(error))


class PlaybackTests(SynchronousTestCase):
    """A game plays a replay."""

    def test_straight(self) -> None:
        """Every frame leads to the state that it led to."""
        game = Ledger()
        playback = Playback(replayOf(57), game, DIGEST)
        for frame in range(57):
            self.assertEqual(playback.frame, frame)
            self.assertTrue(playback.advance())
            self.assertEqual(game.save(), stateBefore(frame + 1))
        self.assertFalse(playback.advance())
        self.assertTrue(playback.finished)
        self.assertIsNone(playback.divergence)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.integers(0, 57), max_size=12),
        st.sampled_from([1, 5, 60]),
        st.integers(1, 40),
        st.integers(2, 5),
    )
    def test_seekEqualsStraightPlay(
        self, frames: list[int], interval: int, snapshot_interval: int, limit: int
    ) -> None:
        """Any way through a replay, with any snapshots: the state of straight play."""
        game = Ledger()
        playback = Playback(
            replayOf(57, interval), game,
            snapshot_interval=snapshot_interval, snapshots_limit=limit,
        )
        for frame in frames:
            playback.seek(frame)
            self.assertEqual(playback.frame, frame)
            self.assertEqual(game.save(), stateBefore(frame))
            self.assertLessEqual(len(playback._snapshots), limit)
        self.assertIsNone(playback.verify())

    def test_seekToEveryFrame(self) -> None:
        """From the end to every frame, and on by one."""
        game = Ledger()
        playback = Playback(replayOf(57), game, snapshot_interval=20)
        for frame in range(57):
            playback.verify()
            playback.seek(frame)
            self.assertEqual(game.save(), stateBefore(frame))
            playback.advance()
            self.assertEqual(game.save(), stateBefore(frame + 1))

    def test_divergence(self) -> None:
        """The first checksum that differs is told, whichever way it is come to."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            if frame == 23:
                game.gold += 1

        replay = replayOf(57)
        game = Ledger(fault)
        found = Playback(replay, game).verify()
        other = Ledger(fault)
        for frame in range(30):
            other.advance(inputsOf(frame))
        expected = Divergence(29, crc32(stateBefore(30)), crc32(other.save()))
        self.assertEqual(found, expected)
        playback = Playback(replay, Ledger(fault))
        playback.seek(29)
        self.assertIsNone(playback.divergence)
        playback.advance()
        self.assertEqual(playback.divergence, expected)
        playback.seek(0)
        self.assertEqual(playback.verify(), expected)

    def test_lastFrame(self) -> None:
        """A difference in the last, shorter chunk is found."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            game.gold += frame == 56

        found = Playback(replayOf(57), Ledger(fault)).verify()
        assert found is not None
        self.assertEqual(found.frame, 56)

    def test_earlierDivergence(self) -> None:
        """A difference that is found later and lies earlier is the first one."""
        session = ReplaySession(replayOf(57))
        session.stateTaken(40, 0)
        session.stateTaken(50, 0)
        assert session.divergence is not None
        self.assertEqual(session.divergence.frame, 39)
        session.stateTaken(20, 1)
        self.assertEqual(session.divergence.frame, 19)

    def test_otherRules(self) -> None:
        """A replay of other rules is refused where the game says which it wants."""
        error = self.assertRaises(OtherRules, Playback, replayOf(3), Ledger(), bytes(16))
        self.assertEqual((error.recorded, error.ours), (DIGEST, bytes(16)))

    def test_seed(self) -> None:
        """A game with random numbers is begun with the replay's seed."""

        @implementer(ISeededSimulation)
        class Seeded(Ledger):
            def begin(self, seed: int) -> None:
                self.gold = seed
                if seed != 7:
                    raise ZeroDivisionError

        game = Seeded()
        playback = Playback(replayOf(3), game)
        self.assertEqual(game.gold, 7)
        playback.verify()
        self.assertIsNotNone(playback.divergence)
        other = Replay.read(recorded((ReplayHeader(DIGEST, 1), [])))
        error = self.assertRaises(MomentFailed, Playback, other, Seeded())
        self.assertEqual(error.moment, "begin")

    def test_empty(self) -> None:
        """A replay of nothing plays to its end at once."""
        playback = Playback(replayOf(0), Ledger())
        self.assertTrue(playback.finished)
        self.assertFalse(playback.advance())
        playback.seek(0)
        self.assertIsNone(playback.verify())


class FailureTests(SynchronousTestCase):
    """Bad input: a simulation that raises is named with the frame and the call."""

    def test_moments(self) -> None:
        """Each call, and nothing is asked of the game afterwards."""

        class Failing(Ledger):
            moment = ""

            def advance(self, inputs: Sequence[bytes]) -> None:
                if self.moment == "advance":
                    raise ZeroDivisionError
                super().advance(inputs)

            def save(self) -> bytes:
                if self.moment == "save":
                    raise ZeroDivisionError
                return super().save() if self.moment != "text" else "x"  # type: ignore

            def load(self, snapshot: bytes) -> None:
                if self.moment == "load":
                    raise ZeroDivisionError
                super().load(snapshot)

        for moment, named, target, frame, cause in (
            ("advance", "advance", 20, 14, ZeroDivisionError),
            ("save", "save", 20, 20, ZeroDivisionError),
            ("text", "save", 20, 20, TypeError),
            ("load", "load", 12, 0, ZeroDivisionError),
        ):
            game = Failing()
            playback = Playback(replayOf(30), game)
            playback.seek(14)
            game.moment = moment
            error = self.assertRaises(MomentFailed, playback.seek, target)
            self.assertEqual((error.moment, error.frame), (named, frame))
            self.assertIsInstance(error.__cause__, cause)
            self.assertTrue(playback.failed)
            self.assertRaises(LocalProtocolError, playback.advance)
            self.assertRaises(LocalProtocolError, playback.seek, 0)
