"""
Tests for L{gamenet.demo.briefing}: what a process is told that comes back.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve, fields
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.briefing import LOST_AFTER, Briefing, ReturnBriefing
from gamenet.demo.settings import DemoSettings
from gamenet.errors import BadSetting

__all__ = ["ReturnBriefingTests"]

ASKED = DemoSettings(players=4, frames=900, kill_host_at=5, rejoin_at=9, corrupt_at=7)


class ReturnBriefingTests(SynchronousTestCase):
    """Done when: a new process that gets its resume secret and no script of the past."""

    def test_roundTrip(self) -> None:
        """What is written is read; the secret is never shown."""
        briefing = ReturnBriefing.of(ASKED, "5ec7e7", Path("/logs"), 3.0)
        self.assertEqual(ReturnBriefing.fromLine(briefing.asLine()), briefing)
        self.assertNotIn("5ec7e7", repr(briefing))
        self.assertEqual((briefing.log, briefing.lost_after), ("/logs/returned", 3.0))
        self.assertIsNone(ReturnBriefing.of(ASKED, "", None, 3.0).log)

    def test_onlyThat(self) -> None:
        """There is no place in it for a script, a lobby, a name or an own player number."""
        self.assertEqual(
            [one.name for one in fields(ReturnBriefing)],
            [
                "resume",
                "players",
                "frames",
                "latency",
                "jitter",
                "loss",
                "road_seed",
                "log",
                "lost_after",
                "plays_alone",
            ],
        )

    def test_ownRoad(self) -> None:
        """Its losses are not those of the process before it."""
        roads = [Briefing.of(ASKED, player, "", None, 3.0).road_seed for player in range(1, 5)]
        roads.append(ReturnBriefing.of(ASKED, "", None, 3.0).road_seed)
        self.assertEqual(len(set(roads)), 5)

    def test_firstOnes(self) -> None:
        """Player 1 alone is resumable, where somebody is to come back; the last one spoils."""
        told = [Briefing.of(ASKED, player, "", None, LOST_AFTER) for player in range(1, 5)]
        self.assertEqual([one.resumable for one in told], [True, False, False, False])
        self.assertEqual([one.corrupt_at for one in told], [None, None, None, 7])
        self.assertEqual([one.name for one in told], ["Ada", "Grace", "Alan", "Barbara"])
        self.assertEqual({one.plays_alone for one in told}, {True})
        alone = evolve(ASKED, rejoin_at=None)
        self.assertFalse(Briefing.of(alone, 1, "", None, LOST_AFTER).resumable)
        nobody = Briefing.of(DemoSettings(), 1, "", None, LOST_AFTER)
        self.assertEqual((nobody.resumable, nobody.plays_alone), (False, False))

    def test_nonsense(self) -> None:
        """Bad input: anything else is refused, a briefing of another kind as well."""
        first = Briefing.of(ASKED, 1, "", None, LOST_AFTER).asLine()
        for line in (b"", b"[]", b"{}", b"\xff", first):
            self.assertRaises(ValueError, ReturnBriefing.fromLine, line)

    def test_badValues(self) -> None:
        """Bad input: a value that cannot work is named."""
        good = ReturnBriefing.of(ASKED, "5ec7e7", None, 3.0)
        for name, *bad in (
            ("players", 0, 9, None),
            ("frames", 0, 1.5),
            ("latency", -0.1, float("nan")),
            ("jitter", -0.1),
            ("loss", 1.1),
            ("road_seed", -1, 1 << 64),
            ("lost_after", 0.0, "3"),
        ):
            for value in bad:
                error = self.assertRaises(BadSetting, evolve, good, **{name: value})
                self.assertIn(f"{name} must be ", str(error))
