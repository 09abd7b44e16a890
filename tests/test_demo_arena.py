"""
Tests for L{gamenet.demo.arena} and L{gamenet.demo.corrupted_arena}.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import gamenet
from gamenet.demo.arena import (
    DASH,
    DOWN,
    FIELD_HEIGHT,
    FIELD_WIDTH,
    LEFT,
    PILLARS,
    PIXEL,
    PLAYER_RADIUS,
    RIGHT,
    UP,
    Arena,
)
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.demo.script import PlayerScript, playerSecret
from gamenet.errors import BadSetting
from gamenet.interfaces import ISeededSimulation
from tests.demo_golden_game import GOLDEN_EIGHT, GOLDEN_TWO, goldenChecksum

__all__ = ["ArenaTests", "CorruptedArenaTests"]

#: One frame's inputs of two players.
FRAME_INPUTS = st.tuples(st.binary(max_size=2), st.binary(max_size=2))

#: What a player who runs around holds down, and for how many frames.
RUNS = st.lists(
    st.tuples(st.integers(0, 31), st.integers(0, 31), st.integers(1, 40)), max_size=12
)


def played(arena: Arena, *frames: tuple[int, ...]) -> Arena:
    """Play frames; each is the keys of every player."""
    for keys in frames:
        arena.advance([bytes((pressed,)) for pressed in keys])
    return arena


class ArenaTests(SynchronousTestCase):
    """The rules."""

    def assertStanding(self, arena: Arena) -> None:
        """Fail if somebody is where nobody can be."""
        for x, y in arena.places:
            self.assertTrue(PLAYER_RADIUS <= x <= FIELD_WIDTH - PLAYER_RADIUS)
            self.assertTrue(PLAYER_RADIUS <= y <= FIELD_HEIGHT - PLAYER_RADIUS)
            self.assertFalse(any(pillar.holds(x, y, PLAYER_RADIUS) for pillar in PILLARS))

    def test_interface(self) -> None:
        """An arena is a seeded simulation, and so is a corrupted one."""
        verifyObject(ISeededSimulation, Arena(2))
        verifyObject(ISeededSimulation, CorruptedArena(Arena(2), 5))

    def test_golden(self) -> None:
        """The same game gives the same states on every Python (the numbers are kept for ever)."""
        self.assertEqual(goldenChecksum(1, 2, 600), GOLDEN_TWO)
        self.assertEqual(goldenChecksum(2, 8, 300), GOLDEN_EIGHT)

    def test_anotherHashSeed(self) -> None:
        """The same game gives the same states in a process with another C{PYTHONHASHSEED}."""
        program = (
            "from tests.demo_golden_game import goldenChecksum; print(goldenChecksum(1, 2, 600))"
        )
        root = Path(gamenet.__file__).parent.parent
        tests = Path(__file__).resolve().parent.parent
        for hash_seed in ("1", "4711"):
            paths = os.pathsep.join([str(tests), str(root), *sys.path])
            result = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths},
                capture_output=True,
                timeout=60,
                check=True,
            )
            self.assertEqual(int(result.stdout), GOLDEN_TWO)

    def test_seeds(self) -> None:
        """Another seed is another game."""
        first, second = Arena(2), Arena(2)
        first.begin(1)
        second.begin(2)
        self.assertNotEqual(first.save(), second.save())
        second.begin(1)
        self.assertEqual(first.save(), second.save())

    @given(st.lists(FRAME_INPUTS, max_size=40), st.lists(FRAME_INPUTS, max_size=40))
    @settings(deadline=None, max_examples=60)
    def test_rollback(
        self, before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]]
    ) -> None:
        """Whoever goes back and plays the same inputs comes to the same state."""
        arena = Arena(2, seed=5)
        for inputs in before:
            arena.advance(inputs)
        snapshot = arena.save()
        for inputs in after:
            arena.advance(inputs)
        state = arena.save()
        arena.advance((bytes((RIGHT,)), bytes((UP | DASH,))))
        arena.load(snapshot)
        self.assertEqual(arena.save(), snapshot)
        for inputs in after:
            arena.advance(inputs)
        self.assertEqual(arena.save(), state)
        self.assertEqual(arena.frame, len(before) + len(after))

    @given(RUNS)
    @settings(deadline=None, max_examples=60)
    def test_walls(self, runs: list[tuple[int, int, int]]) -> None:
        """Nobody ever leaves the field or stands in a pillar."""
        arena = Arena(2, seed=6)
        for first, second, frames in runs:
            for _ in range(frames):
                arena.advance([bytes((first,)), bytes((second,))])
                self.assertStanding(arena)

    def test_crowd(self) -> None:
        """Eight players who run about for a minute stay on the field, and all meet."""
        arena = Arena(8, seed=3)
        scripts = [PlayerScript(playerSecret(3, number)) for number in range(8)]
        for _ in range(3600):
            arena.advance([script.nextInput() for script in scripts])
            self.assertStanding(arena)
        self.assertGreater(sum(1 for score in arena.scores if score), 4)

    def test_everyKeyMoves(self) -> None:
        """Each direction moves a player that way, and opposite ones cancel."""
        moves = {}
        for keys in (0, LEFT, RIGHT, UP, DOWN, LEFT | RIGHT, RIGHT | DASH):
            arena = Arena(2, seed=1)
            start = arena.places[0]
            place = played(arena, *[(keys, 0)] * 10).places[0]
            moves[keys] = (place[0] - start[0], place[1] - start[1])
        self.assertEqual(moves[0], (0, 0))
        self.assertEqual(moves[LEFT | RIGHT], (0, 0))
        self.assertGreater(moves[RIGHT][0], 4 * PIXEL)
        self.assertEqual(moves[LEFT], (-moves[RIGHT][0], 0))
        self.assertEqual(moves[DOWN], (0, moves[RIGHT][0]))
        self.assertEqual(moves[UP], (0, -moves[RIGHT][0]))
        self.assertGreater(moves[RIGHT | DASH][0], 1.5 * moves[RIGHT][0])

    def test_absentInput(self) -> None:
        """An empty input presses nothing; bits that mean nothing are ignored."""
        arena, other = Arena(2, seed=1), Arena(2, seed=1)
        arena.advance([b"", b"\xe0more"])
        other.advance([b"\x00", b"\x00"])
        self.assertEqual(arena.save(), other.save())

    def test_collisionAndTag(self) -> None:
        """Two who run into each other bounce apart, and the tag changes hands for five points."""
        arena = Arena(2, seed=1)
        for _ in range(400):
            (x1, y1), (x2, _) = arena.places
            arena.advance([bytes((RIGHT,)), bytes((LEFT,))])
            self.assertTrue(y1 == 96 * PIXEL)
            self.assertLess(x1, x2)
            if max(arena.scores) >= 5:
                break
        self.assertIn(5, [abs(score) // 5 * 5 for score in arena.scores])
        (x1, _), (x2, _) = arena.places
        self.assertGreaterEqual(x2 - x1, 2 * PLAYER_RADIUS - PIXEL)

    def test_gems(self) -> None:
        """Scripted players pick up gems: points appear that are not taken from anybody."""
        arena = Arena(2, seed=1)
        scripts = [PlayerScript(playerSecret(1, number)) for number in (1, 2)]
        gained = 0
        for _ in range(600):
            before = sum(arena.scores)
            arena.advance([script.nextInput() for script in scripts])
            gained += max(0, sum(arena.scores) - before)
        self.assertGreater(gained, 5)

    def test_badPlayers(self) -> None:
        """Bad input: an arena for no players, or for more than it holds, is refused."""
        for players in (0, 9, -1):
            self.assertRaises(BadSetting, Arena, players)

    @given(st.binary(max_size=300))
    @settings(deadline=None, max_examples=60)
    def test_badSnapshot(self, snapshot: bytes) -> None:
        """Bad input: a snapshot of another length is refused and nothing changes."""
        arena = Arena(2, seed=1)
        before = arena.save()
        if len(snapshot) != len(before):
            self.assertRaises(BadSetting, arena.load, snapshot)
            self.assertEqual(arena.save(), before)

    def test_wrongNumberOfInputs(self) -> None:
        """An input too many or too few is an error of whoever plays, never skipped."""
        arena = Arena(2)
        self.assertRaises(ValueError, arena.advance, [b""])
        self.assertRaises(ValueError, arena.advance, [b""] * 3)


class CorruptedArenaTests(SynchronousTestCase):
    """The planted fault."""

    def test_oneBit(self) -> None:
        """Exactly one bit differs, after exactly that frame: one of a player's score."""
        sound, spoiled = Arena(2, seed=1), CorruptedArena(Arena(2), 10)
        spoiled.begin(1)
        for frame in range(11):
            self.assertEqual(sound.save(), spoiled.save(), frame)
            sound.advance([b"", b""])
            spoiled.advance([b"", b""])
        one = int.from_bytes(sound.save(), "little")
        other = int.from_bytes(spoiled.save(), "little")
        self.assertEqual((one ^ other).bit_count(), 1)
        self.assertEqual(sound.scores[1], spoiled.arena.scores[1])
        self.assertNotEqual(sound.scores[0], spoiled.arena.scores[0])

    def test_rollbackDoesNotHeal(self) -> None:
        """Whoever goes back and plays the frame again spoils it again."""
        sound, spoiled = Arena(2, seed=1), CorruptedArena(Arena(2, seed=1), 3)
        for _ in range(2):
            sound.advance([b"", b""])
            spoiled.advance([b"", b""])
        snapshot = spoiled.save()
        for _ in range(4):
            spoiled.advance([b"\x01", b""])
        spoiled.load(snapshot)
        for _ in range(600):
            sound.advance([b"", b""])
            spoiled.advance([b"", b""])
        self.assertNotEqual(sound.save(), spoiled.save())

