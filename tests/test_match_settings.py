"""
Settings that cannot work are refused when they are made, by their name.
"""

from __future__ import annotations

import math
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.match.settings import MatchSettings
from gamenet.mesh.path import PathSettings, PathTable
from gamenet.traversal.punch import PunchSettings
from gamenet.wire.input_frames import FRAMES_LIMIT


class MatchSettingsTests(SynchronousTestCase):
    """The settings of one match."""

    durations = ("start_timeout", "interrupted_after", "lost_after", "farewell_timeout")

    def test_defaults(self) -> None:
        """Every limit has a default: 10 s of silence, and a player is lost."""
        made = MatchSettings()
        self.assertEqual(made.lost_after, 10.0)
        self.assertEqual(made.paths, PathSettings())
        self.assertEqual(made.punch, PunchSettings())
        self.assertIsNone(made.frames)

    def test_impossibleDurations(self) -> None:
        """A duration that cannot work is refused by its name."""
        for name in self.durations:
            for value in (0, -1.0, 3600.5, math.inf, -math.inf, math.nan):
                error = self.assertRaises(BadSetting, MatchSettings, **{name: value})
                self.assertIn(name, str(error))

    def test_durations(self) -> None:
        """Durations up to an hour are taken as they are."""
        made = MatchSettings(
            start_timeout=0.001, interrupted_after=3599.0, lost_after=3600.0, farewell_timeout=3600
        )
        self.assertEqual(
            [getattr(made, name) for name in self.durations], [0.001, 3599.0, 3600.0, 3600]
        )

    def test_impossibleRules(self) -> None:
        """What a rollback session would refuse is refused here, before there is a match."""
        for name, values in (
            ("frame_rate", (0, -1, 241)),
            ("checksum_interval", (0, 3601)),
            ("input_delay", (-1, 17)),
            ("prediction_window", (-1, 33)),
            ("frames", (0, -1, FRAMES_LIMIT + 1)),
        ):
            for value in values:
                error = self.assertRaises(BadSetting, MatchSettings, **{name: value})
                self.assertIn(name, str(error))

    def test_rules(self) -> None:
        """The longest and the shortest match can be played."""
        for frames in (1, FRAMES_LIMIT, None):
            self.assertEqual(MatchSettings(frames=frames).frames, frames)

    def test_interruptedBeforeLost(self) -> None:
        """A player cannot be lost before it was interrupted."""
        for interrupted in (10.0, 10.5):
            error = self.assertRaises(
                BadSetting, MatchSettings, interrupted_after=interrupted, lost_after=10.0
            )
            self.assertIn("interrupted_after", str(error))
        changes: dict[str, Any] = {"interrupted_after": 9.5, "lost_after": 10.0}
        self.assertEqual(MatchSettings(**changes).interrupted_after, 9.5)


class PathSettingsTests(SynchronousTestCase):
    """The limits of path checking."""

    def test_impossible(self) -> None:
        """A duration that cannot work is refused by its name, one at the edge is taken."""
        for name in (
            "check_interval",
            "unproven_interval",
            "doubt_after",
            "silence_doubt",
            "lost_after",
        ):
            for value in (0, -1.0, 3600.5, math.inf, -math.inf, math.nan):
                error = self.assertRaises(BadSetting, PathSettings, **{name: value})
                self.assertIn(name, str(error))
            for value in (0.001, 3600.0):
                changes: dict[str, Any] = {name: value}
                self.assertEqual(getattr(PathSettings(**changes), name), value)

    def test_counts(self) -> None:
        """Tables have from 2 to 256 paths, paths from 2 to 256 unanswered checks."""
        for name, lowest, highest in (("path_limit", 2, 256), ("outstanding_limit", 2, 256)):
            for value in (lowest - 1, highest + 1, -1):
                self.assertRaises(BadSetting, PathSettings, **{name: value})
            for value in (lowest, highest):
                changes: dict[str, Any] = {name: value}
                self.assertEqual(getattr(PathSettings(**changes), name), value)

    def test_defaults(self) -> None:
        """A table has the default limits, whose order makes sense."""
        limits = PathTable().settings
        self.assertEqual(limits, PathSettings())
        self.assertLess(limits.silence_doubt, limits.doubt_after)
        self.assertLess(limits.check_interval, limits.doubt_after)
        self.assertLess(limits.doubt_after, limits.lost_after)
