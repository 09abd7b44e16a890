"""
The settings of a shared session: their defaults, their bounds, and what depends on what.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.event_log.settings import EventLogSettings

_DEFAULTS: dict[str, object] = {
    "status_interval": 0.25,
    "silence": 2.0,
    "host_timeout": 2.0,
    "claim_timeout": 4.0,
    "settling": 0.5,
    "gap_wait": 0.1,
    "resend_interval": 0.5,
    "grace": 30.0,
    "log_capacity": 1024,
    "batch": 64,
    "batch_bytes": 32_768,
    "queue": 64,
    "early_capacity": 256,
    "outcomes_capacity": 4096,
    "capacity": 16,
    "settings_capacity": 64,
    "snapshot_limit": 65_000,
}


class SettingsTests(SynchronousTestCase):
    """K6: buffers, batch and queue sizes are settings."""

    def test_defaults(self) -> None:
        """The defaults are those that are promised."""
        self.assertEqual(attrs.asdict(EventLogSettings()), _DEFAULTS)

    def test_bounds(self) -> None:
        """Each setting refuses what cannot work, by its name."""
        for name in _DEFAULTS:
            for bad in (0, -1, 1e12, float("nan"), "1", None, True):
                values: dict[str, Any] = {name: bad}
                with self.assertRaisesRegex(BadSetting, name):
                    EventLogSettings(**values)

    def test_upperBounds(self) -> None:
        """What the wire cannot carry cannot be set."""
        for name, highest in (
            ("batch", 256),
            ("batch_bytes", 60_000),
            ("capacity", 64),
            ("settings_capacity", 64),
            ("snapshot_limit", 65_000),
        ):
            good: dict[str, Any] = {name: highest}
            self.assertEqual(getattr(EventLogSettings(**good), name), highest)
            bad: dict[str, Any] = {name: highest + 1}
            with self.assertRaisesRegex(BadSetting, name):
                EventLogSettings(**bad)

    def test_together(self) -> None:
        """Settings that cannot work together are refused by name."""
        EventLogSettings(silence=0.5)
        with self.assertRaisesRegex(BadSetting, "silence must be at least two"):
            EventLogSettings(silence=0.49)
        EventLogSettings(grace=2.0)
        with self.assertRaisesRegex(BadSetting, "grace must be at least"):
            EventLogSettings(grace=1.9)
        EventLogSettings(log_capacity=64)
        with self.assertRaisesRegex(BadSetting, "log_capacity must be at least a batch"):
            EventLogSettings(log_capacity=63)

    def test_documented(self) -> None:
        """Done when: the page of the session names each setting with its default."""
        page = (Path(__file__).parents[1] / "docs" / "session_log.rst").read_text()
        for field in attrs.fields(EventLogSettings):
            default = f"{field.default:g}" if type(field.default) is float else str(field.default)
            self.assertRegex(page, rf"(?m)^``{field.name}`` +{default} ")
