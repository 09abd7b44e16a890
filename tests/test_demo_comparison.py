"""
Tests for L{gamenet.demo.comparison}: what is compared where processes come and go.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.comparison import Run, compareRuns

__all__ = ["RunTests", "RunsTests"]

RUNS = st.builds(Run, st.integers(0, 10), st.lists(st.none() | st.integers(0, 2), max_size=8))


class RunTests(SynchronousTestCase):
    """What one process confirmed."""

    def test_end(self) -> None:
        """A run knows its end and its newest checksum."""
        self.assertEqual((Run().end, Run().newest), (0, None))
        run = Run(5, [1, 2, None])
        self.assertEqual((run.end, run.newest), (8, 2))

    def test_cut(self) -> None:
        """What is cut off is gone, and nothing else."""
        run = Run(5, [1, 2, 3])
        for end, kept in ((None, [1, 2, 3]), (9, [1, 2, 3]), (7, [1, 2]), (5, []), (2, [])):
            self.assertEqual(run.cut(end), Run(5, kept))

    def test_reach(self) -> None:
        """A frame without a checksum ends what counts as confirmed; so does one left out."""
        run = Run(5, [None, 2, 3, None, 5])
        for first, reached in ((5, 5), (6, 8), (8, 8), (9, 10), (10, 10), (12, 12), (3, 3)):
            self.assertEqual(run.reach(first), reached, first)


class RunsTests(SynchronousTestCase):
    """The comparison."""

    @given(st.lists(st.lists(RUNS, max_size=2), max_size=4))
    @settings(deadline=None, max_examples=200)
    def test_everyFrameThatTwoHave(self, runs: list[list[Run]]) -> None:
        """Done when: C{identical} covers every frame that each one confirmed."""
        found = compareRuns(20, runs, [20] * len(runs))
        different = []
        for frame in range(20):
            told = {
                run.checksums[frame - run.first]
                for of_player in runs
                for run in of_player
                if run.first <= frame < run.end
            }
            if len(told - {None}) > 1:
                different.append(frame)
        self.assertEqual(found.desyncs, len(different))
        self.assertEqual(found.first_difference, different[0] if different else None)
        self.assertEqual(found.identical, bool(runs) and not different)

    def test_excused(self) -> None:
        """Of a killed process nobody waits for the end; of everybody else, also if it is back."""
        runs = [[Run(0, [1, 2])], [Run(0, [1, 2, 3])], [Run(0, [1, 2, 3])]]
        found = compareRuns(3, runs, [2, 3, 3], (1,))
        self.assertEqual((found.identical, found.compared, found.incomplete), (True, 3, None))
        found = compareRuns(3, runs, [2, 3, 3])
        self.assertEqual((found.identical, found.compared, found.incomplete), (False, 2, 1))
