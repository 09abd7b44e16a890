"""Tests of L{gamenet.rollback.settings}."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.input_packet import FRAMES_LIMIT, INPUT_LIMIT, INPUTS_LIMIT

BOUNDS = {
    "players": (2, 2),
    "local_player": (1, 2),
    "prediction_window": (0, 32),
    "input_delay": (0, 16),
    "frame_rate": (1, 240),
    "checksum_interval": (1, 3600),
    "last_frame": (0, FRAMES_LIMIT - 1),
    "input_limit": (1, INPUT_LIMIT),
    "unacknowledged_limit": (2, INPUTS_LIMIT),
    "checksums_limit": (1, 65_536),
    "events_limit": (1, 1_000_000),
}


class BoundTests(SynchronousTestCase):
    """Every setting has a lowest and a highest value."""

    def test_bounds(self) -> None:
        """The lowest and the highest value are good; one beyond is refused with its name."""
        for name, (lowest, highest) in BOUNDS.items():
            for good in (lowest, highest):
                self.assertEqual(getattr(RollbackSettings(**{name: good}), name), good)
            for bad in (lowest - 1, highest + 1):
                error = self.assertRaises(BadSetting, RollbackSettings, **{name: bad})
                self.assertIn(name, str(error))

    def test_everySettingIsBounded(self) -> None:
        """No setting is left out of L{BOUNDS}."""
        self.assertEqual([field.name for field in attrs.fields(RollbackSettings)], list(BOUNDS))

    def test_types(self) -> None:
        """What is not an integer is refused, a truth value too."""
        for name in BOUNDS:
            for bad in (True, 1.0, "1", None):
                if name == "last_frame" and bad is None:
                    continue
                error = self.assertRaises(BadSetting, RollbackSettings, **{name: bad})
                self.assertIn(f"{name} must be an integer", str(error))

    def test_moreThanTwoPlayers(self) -> None:
        """More than two players are refused by name until they can play."""
        error = self.assertRaises(BadSetting, RollbackSettings, players=3)
        self.assertEqual(str(error), "players must be 2, not 3")

    def test_delayNeedsRoom(self) -> None:
        """A session that could never send its first input is refused."""
        error = self.assertRaises(
            BadSetting, RollbackSettings, input_delay=4, unacknowledged_limit=4
        )
        self.assertIn("unacknowledged_limit", str(error))
        RollbackSettings(input_delay=4, unacknowledged_limit=5)
        RollbackSettings(input_delay=0, unacknowledged_limit=1)

    def test_defaults(self) -> None:
        """The defaults are those that the documentation of a match counts on."""
        chosen = attrs.astuple(RollbackSettings())
        self.assertEqual(chosen, (2, 1, 8, 1, 60, 30, None, 64, 128, 128, 1024))


class DigestTests(SynchronousTestCase):
    """Players who could not play with each other find out before they start."""

    def test_shared(self) -> None:
        """Each setting that must be shared changes the digest."""
        base = RollbackSettings()
        for change in (
            {"frame_rate": 30},
            {"checksum_interval": 60},
            {"last_frame": 600},
            {"input_limit": 8},
        ):
            self.assertNotEqual(base.digest(), attrs.evolve(base, **change).digest(), change)

    def test_own(self) -> None:
        """What is each player's own does not."""
        base = RollbackSettings()
        for change in (
            {"local_player": 2},
            {"prediction_window": 3},
            {"input_delay": 5},
            {"unacknowledged_limit": 20},
            {"checksums_limit": 7},
            {"events_limit": 7},
        ):
            self.assertEqual(base.digest(), attrs.evolve(base, **change).digest(), change)

    def test_value(self) -> None:
        """The digest is the same in every process, Python and release: 16 bytes, known here."""
        self.assertEqual(RollbackSettings().digest().hex(), "e5250d25dc54c691da8c39dfa94e6154")
