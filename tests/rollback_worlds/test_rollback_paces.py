"""
One peer is slow, stops or sleeps; the others hardly notice.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rollback_worlds.paces import Hitch, PaceReport, runPace
from tests.rollback_worlds.profiles import profileNamed

PROFILES = ("lan", "wifi_good", "wifi_average", "mobile_4g", "intercontinental")


class PaceTests(SynchronousTestCase):
    """Worlds with a hitch, by its kind, the links and the number of players."""

    def requireEven(self, hitch: Hitch) -> list[PaceReport]:
        reports = []
        for seed, name in enumerate(PROFILES):
            for players in (2, 3, 4):
                report = runPace(seed, hitch, players, profileNamed(name))
                world = f"{hitch.title}, {name}, {players} players: {report}"
                self.assertLessEqual(report.advantage, 1.5, world)
                self.assertLessEqual(report.stalled, 0.01, world)
                self.assertGreaterEqual(report.frames, 14 * 60, world)
                reports.append(report)
        self.assertGreater(sum(report.rollbacks for report in reports), 1000)
        return reports

    def test_slow(self) -> None:
        """
        Done when: with one peer 1 % slow the advantage is within 1.5 frames 10 s later,
        nobody diverges, at most 1 % of the good peers' frames stall.
        """
        self.requireEven(Hitch.SLOW)

    def test_stopped(self) -> None:
        """Done when: the same with one peer that stops for 2 s; its silence is told."""
        for report in self.requireEven(Hitch.STOPPED):
            self.assertGreater(report.interruptions, 0)

    def test_suspended(self) -> None:
        """Done when: the same with one peer that is suspended for 20 s, off the network."""
        for report in self.requireEven(Hitch.SUSPENDED):
            self.assertGreater(report.interruptions, 0)
