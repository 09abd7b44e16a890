"""The page on spectators, run as it is printed."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from gamenet.feed.settings import FeedSettings, FollowerSettings
from gamenet.feed.transfer_settings import TransferSettings
from gamenet.rollback.settings import RollbackSettings
from gamenet.spectator.settings import SpectatorSettings
from tests.test_rollback_pages import DOCS, printed


class SpectatorsPageTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_example(self) -> None:
        """The printed spectator sees the printed race two seconds late, and goes back in it."""
        names = printed("spectators")
        self.assertEqual(names["race"].frame, 1600)
        race = names["Race"]()
        for _ in range(names["view"].frame):
            race.advance((b"go" if race.frame % 3 else b"", b""))
        self.assertEqual(names["view"].save(), race.save())

    def test_numbers(self) -> None:
        """The numbers that the page names are the settings."""
        page = re.sub(r"\s+", " ", (DOCS / "spectators.rst").read_text())
        feed, follower = FeedSettings(2), FollowerSettings(2)
        spectator = SpectatorSettings(2, (1,))
        for text, number in (
            ("it plays them two seconds late", spectator.delay == 2),
            ("The last 600 frames", RollbackSettings().history_limit == 600),
            ("at most 512 KiB a second", TransferSettings().bytes_per_second == 512 << 10),
            ("At most 16 spectators may follow", RollbackSettings().followers_limit == 16),
            ("silent for five seconds", feed.follower_timeout == 5),
            ("20 packets a second", feed.packet_interval == 1 / 20),
            ("silent for a second", follower.fail_over_after == 1),
            ("no news for five seconds", follower.stuck_after == 5),
            ("buffer of 600 frames", spectator.buffer_frames == 600),
        ):
            self.assertIn(text, page)
            self.assertTrue(number, text)
