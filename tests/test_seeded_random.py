"""
The generator: the numbers that its paper gives, the same on every Python.
"""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.seeded_random import SeededRandom

_LARGEST = 1 << 32


class _Scripted(SeededRandom):
    """A generator whose 32-bit numbers are given."""

    __slots__ = ("script",)

    def bits32(self) -> int:
        """Return the next number of the script."""
        return self.script.pop(0)


def _scripted(*numbers: int) -> _Scripted:
    """Return a generator that draws these numbers."""
    generator = _Scripted.__new__(_Scripted)
    generator.script = list(numbers)
    return generator


class ReferenceTests(SynchronousTestCase):
    """Numbers that must never change: worlds and games replay by them."""

    def test_referenceVector(self) -> None:
        """O'Neill's demonstration of PCG32: seed 42, stream 54."""
        generator = SeededRandom(42, 54)
        self.assertEqual(
            [generator.bits32() for _ in range(6)],
            [0xA15C02B7, 0x7B47F409, 0xBA1D3330, 0x83D2F293, 0xBFA4784B, 0xCBED606E],
        )

    def test_goldenLabel(self) -> None:
        """A label's stream is what it always was."""
        generator = SeededRandom.fromLabel(7, "link/1")
        drawn = [generator.bits32() for _ in range(3)]
        self.assertEqual(drawn, [0x1B89686A, 0xF5471173, 0x2489E72D])
        self.assertEqual(generator.save().hex(), "5a5ad3b119c314a18a45638af4302cd7")

    def test_goldenDraws(self) -> None:
        """Every kind of draw gives what it always gave."""
        generator = SeededRandom(42, 54)
        below = [generator.below(6) for _ in range(20)]
        self.assertEqual(below, [3, 3, 2, 1, 1, 4, 5, 3, 0, 2, 0, 1, 4, 1, 3, 3, 0, 3, 2, 0])
        between = [generator.between(-3, 3) for _ in range(10)]
        self.assertEqual(between, [-3, -1, 2, 2, 1, 3, 0, -1, -1, -2])
        self.assertEqual(generator.unit(), 0.5199273724574596)
        self.assertEqual(generator.uniform(-1.0, 3.0), -0.3556331852450967)
        self.assertIs(generator.chance(0.5), True)
        self.assertEqual(generator.choice("abcdef"), "d")
        self.assertEqual(generator.drawBytes(7).hex(), "a06cd7c6e43064")
        items = list(range(10))
        generator.shuffle(items)
        self.assertEqual(items, [3, 2, 4, 8, 5, 1, 7, 9, 0, 6])

    def test_anyHashSeed(self) -> None:
        """Another process with another PYTHONHASHSEED draws the same."""
        program = (
            "from gamenet.seeded_random import SeededRandom;"
            "print(SeededRandom.fromLabel(7, 'link/1').drawBytes(64).hex())"
        )
        expected = SeededRandom.fromLabel(7, "link/1").drawBytes(64).hex()
        for seed in ("0", "4242"):
            environment = {**os.environ, "PYTHONHASHSEED": seed}
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
            drawn = subprocess.run(
                [sys.executable, "-c", program],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(drawn.stdout.strip(), expected)


class StreamTests(SynchronousTestCase):
    """Seeds, streams and labels."""

    def test_seedsAndStreamsDiffer(self) -> None:
        """Another seed, stream or label is another sequence; the same is the same."""
        drawn = [
            SeededRandom(1).drawBytes(16),
            SeededRandom(2).drawBytes(16),
            SeededRandom(1, 1).drawBytes(16),
            SeededRandom.fromLabel(1, "a").drawBytes(16),
            SeededRandom.fromLabel(1, "b").drawBytes(16),
            SeededRandom.fromLabel(2, "a").drawBytes(16),
            SeededRandom.fromLabel(-1, "a").drawBytes(16),
        ]
        self.assertEqual(len(set(drawn)), len(drawn))
        self.assertEqual(SeededRandom(1).drawBytes(16), drawn[0])
        self.assertEqual(SeededRandom.fromLabel(1, "a").drawBytes(16), drawn[3])

    def test_anyIntegerSeeds(self) -> None:
        """Seeds are taken modulo 2**64, negative ones included."""
        self.assertEqual(SeededRandom(-1).drawBytes(8), SeededRandom(2**64 - 1).drawBytes(8))
        self.assertEqual(SeededRandom(2**64 + 5).drawBytes(8), SeededRandom(5).drawBytes(8))

    def test_separatorOfLabels(self) -> None:
        """A seed and a label cannot be moved into one another."""
        one = SeededRandom.fromLabel(1, "2/x").drawBytes(8)
        self.assertNotEqual(one, SeededRandom.fromLabel(12, "/x").drawBytes(8))


class DrawTests(SynchronousTestCase):
    """Bounds of everything that is drawn."""

    @settings(deadline=None, max_examples=100)
    @given(st.integers(), st.integers(1, _LARGEST))
    def test_below(self, seed: int, limit: int) -> None:
        """C{below} stays below, and above -1."""
        generator = SeededRandom(seed)
        for _ in range(10):
            self.assertTrue(0 <= generator.below(limit) < limit)

    def test_belowIsEven(self) -> None:
        """The numbers that would make the low results likelier are drawn again."""
        self.assertEqual(_scripted(0, 3, 7).below(6), 7 % 6)
        self.assertEqual(_scripted(4).below(6), 4)
        self.assertEqual(_scripted(0).below(8), 0)
        self.assertEqual(_scripted(_LARGEST - 1).below(_LARGEST), _LARGEST - 1)
        self.assertEqual(_scripted(0).below(_LARGEST), 0)
        self.assertEqual(_scripted(_LARGEST - 1).below(1), 0)

    def test_limitsOfBelow(self) -> None:
        """A limit that cannot be is refused."""
        generator = SeededRandom(1)
        for limit in (0, -1, _LARGEST + 1):
            self.assertRaises(ValueError, generator.below, limit)
        self.assertRaises(ValueError, generator.choice, [])
        self.assertRaises(ValueError, generator.between, 2, 1)

    def test_everyResultComes(self) -> None:
        """All of a small range comes, both ends included."""
        generator = SeededRandom(5)
        self.assertEqual({generator.between(-2, 2) for _ in range(200)}, {-2, -1, 0, 1, 2})
        self.assertEqual({generator.below(3) for _ in range(200)}, {0, 1, 2})
        self.assertEqual({generator.choice("xyz") for _ in range(200)}, {"x", "y", "z"})
        self.assertEqual(generator.between(7, 7), 7)

    def test_unit(self) -> None:
        """Floats are from 0.0 to just below 1.0, exact in 32 bits."""
        self.assertEqual(_scripted(0).unit(), 0.0)
        self.assertEqual(_scripted(1 << 31).unit(), 0.5)
        self.assertEqual(_scripted(_LARGEST - 1).unit(), 1.0 - 2.0**-32)
        self.assertEqual(_scripted(0).uniform(2.0, 6.0), 2.0)
        self.assertEqual(_scripted(1 << 30).uniform(2.0, 6.0), 3.0)

    def test_chance(self) -> None:
        """0.0 never happens, 1.0 always, and the bound itself does not."""
        self.assertFalse(_scripted(0).chance(0.0))
        self.assertTrue(_scripted(_LARGEST - 1).chance(1.0))
        self.assertFalse(_scripted(1 << 31).chance(0.5))
        self.assertTrue(_scripted((1 << 31) - 1).chance(0.5))

    def test_drawBytes(self) -> None:
        """Any count, in order of the words, big endian; what is left of a word is thrown away."""
        for count in range(10):
            self.assertEqual(len(SeededRandom(1).drawBytes(count)), count)
        self.assertEqual(_scripted(0x01020304, 0x05060708).drawBytes(5), b"\1\2\3\4\5")
        left = _scripted(1, 2)
        left.drawBytes(3)
        self.assertEqual(left.script, [2])
        untouched = _scripted(1)
        untouched.drawBytes(0)
        self.assertEqual(untouched.script, [1])

    def test_shuffle(self) -> None:
        """Nothing is lost, every order of three comes, none and one item are fine."""
        generator = SeededRandom(3)
        orders = set()
        for _ in range(200):
            items = [1, 2, 3]
            generator.shuffle(items)
            self.assertEqual(sorted(items), [1, 2, 3])
            orders.add(tuple(items))
        self.assertEqual(len(orders), 6)
        for items in ([], [1]):
            kept = list(items)
            generator.shuffle(kept)
            self.assertEqual(kept, items)

    def test_evenness(self) -> None:
        """Sixteen results of 16 000 draws come 1 000 times each, give or take 150."""
        generator = SeededRandom(11)
        counts = [0] * 16
        for _ in range(16_000):
            counts[generator.below(16)] += 1
        self.assertTrue(all(850 <= count <= 1150 for count in counts), counts)


class SnapshotTests(SynchronousTestCase):
    """A generator within a game's snapshot."""

    @settings(deadline=None, max_examples=100)
    @given(st.integers(), st.integers(0, 2**63 - 1), st.integers(0, 20))
    def test_saveAndLoad(self, seed: int, stream: int, drawn: int) -> None:
        """After loading, what comes next is what came next, in any generator."""
        generator = SeededRandom(seed, stream)
        for _ in range(drawn):
            generator.bits32()
        snapshot = generator.save()
        self.assertEqual(len(snapshot), 16)
        following = generator.drawBytes(40)
        for other in (generator, SeededRandom(0)):
            other.load(snapshot)
            self.assertEqual(other.save(), snapshot)
            self.assertEqual(other.drawBytes(40), following)

    def test_layout(self) -> None:
        """State and increment, big endian, 8 bytes each."""
        self.assertEqual(SeededRandom(42, 54).save().hex(), "185706b82c2e03f8000000000000006d")

    def test_badSnapshots(self) -> None:
        """Other lengths, and an even increment, are refused; nothing is changed."""
        generator = SeededRandom(1)
        before = generator.save()
        for bad in (b"", before[:-1], before + b"\1", before[:-1] + b"\0", before[:-1] + b"\2"):
            self.assertRaises(ValueError, generator.load, bad)
            self.assertEqual(generator.save(), before)
