"""
Tests of L{gamenet.replay.session} and L{gamenet.replay.playback}.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.interfaces import ISeededSimulation
from gamenet.replay.playback import OtherRules, Playback
from gamenet.replay.replay import Replay
from gamenet.replay.session import Divergence, ReplaySession
from gamenet.rollback.steps import Advance, Save
from gamenet.wire.replay_file import ReplayHeader
from tests.replay_ledgers import DIGEST, inputsOf, replayOf, stateBefore
from tests.replay_samples import recorded
from tests.rollback_faulty_game import Ledger


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
            steps = [f"{type(step).__name__} {step.frame}" for step in session.seek(frame)]
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
        self.assertEqual(session.kept, [0, 10, 20, 30, 40])
        for frame in (-1, 41):
            self.assertRaises(LocalProtocolError, session.seek, frame)
        for frame in (5, 8, 40, 49, -1):
            self.assertRaises(LocalProtocolError, session.checksumTaken, frame, 0)

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
            for _ in session.seek(3000):
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
        session.checksumTaken(39, 0)
        session.checksumTaken(49, 0)
        assert session.divergence is not None
        self.assertEqual(session.divergence.frame, 39)
        session.checksumTaken(19, 1)
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
