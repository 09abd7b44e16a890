"""
Worlds of replicas by seed (L{tests.event_log_worlds}).

C{GAMENET_EVENT_LOG_SEEDS} names other seeds than the few that always run, for example
C{0-499}.
"""

from __future__ import annotations

import os
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.event_log_worlds import FAILED_SEEDS, NEEDED, runSeed, seedsNamed

#: The seeds that run each time; all 500 take about 90 s of CPU.
SEEDS = os.environ.get("GAMENET_EVENT_LOG_SEEDS", "0-59")


class WorldTests(SynchronousTestCase):
    """
    Done when: world tests over 500 seeds; after healing all logs agree, every command was
    answered, every acknowledged event is in all logs or was reported dropped to its sender
    (after partitions only), one host per epoch, nobody outside grace kept, nobody inside
    grace lost; counters of every fault and of elections above zero.
    """

    def run_(self, seeds: list[int]) -> Counter[str]:
        """Run worlds; one that fails says how to run it again."""
        total: Counter[str] = Counter()
        for seed in seeds:
            try:
                total.update(runSeed(seed))
            except Exception as error:
                command = f"python -m tests.event_log_worlds --seed {seed} --log"
                raise AssertionError(f"{error}; replay it: {command}") from error
        return total

    def test_seeds(self) -> None:
        """All worlds end well, and everything that can go wrong has gone wrong in them."""
        total = self.run_(seedsNamed(SEEDS))
        self.assertEqual([name for name in NEEDED if not total[name]], [])

    def test_failedSeeds(self) -> None:
        """Worlds that failed once do not again."""
        self.run_(list(FAILED_SEEDS))
