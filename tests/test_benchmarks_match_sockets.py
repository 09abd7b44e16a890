"""The part of the match benchmark that starts real processes, as short as it can be."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks.match.core_share import costsOf


class CoreShareTests(SynchronousTestCase):
    """C{core_share_percent}: real player processes, a relay and a lobby."""

    def test_run(self) -> None:
        """Two processes play through the relay, and each tells what it took."""
        costs = costsOf(1.0)
        self.assertEqual(len(costs), 2)
        for cost in costs:
            self.assertEqual(cost.frames, 60)
            self.assertGreater(cost.seconds, 0.5)
            self.assertGreater(cost.user + cost.system, 0.0)
            self.assertLess(cost.share, 100.0)
