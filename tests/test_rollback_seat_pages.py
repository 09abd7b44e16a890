"""The pages on desyncs, and on coming late and coming back, run as they are printed."""

from __future__ import annotations

import contextlib
import io
import re

from twisted.trial.unittest import SynchronousTestCase

from gamenet.feed.transfer_settings import TransferSettings
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.settings import LeaverPolicy, RollbackSettings
from tests.test_rollback_pages import DOCS, printed


class DesyncsTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_example(self) -> None:
        """The printed games drift apart, are compared and repaired as the page says."""
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            names = printed("desyncs")
        lines = told.getvalue().splitlines()
        self.assertRegex(
            lines[0], r"^frame 119: checksum [0-9a-f]{8} here, [0-9a-f]{8} at player 2$"
        )
        self.assertIn("    part 'gold': from byte 0 on here ", lines[1])
        one, other = names["table"].games.values()
        self.assertLessEqual(abs(one.gold - other.gold), 1)

    def test_numbers(self) -> None:
        """The numbers that the page names are the settings."""
        page = re.sub(r"\s+", " ", (DOCS / "desyncs.rst").read_text())
        rules, transfer = RollbackSettings(), TransferSettings()
        for text, number in (
            ("``checksum_interval`` frames (30 unless set)", rules.checksum_interval == 30),
            ("off unless set; 60 is once a second", rules.state_exchange_interval == 0),
            ("512 KiB a second", transfer.bytes_per_second == 512 << 10),
            ("at most 4 MiB", transfer.size_limit == 4 << 20),
            ("``history_limit``, 600 unless set", rules.history_limit == 600),
        ):
            self.assertIn(text, page)
            self.assertTrue(number, text)


class LateJoinTests(SynchronousTestCase):
    """Done when: each example of a page runs as a test."""

    def test_example(self) -> None:
        """The printed players are dropped, come back and come late; the games are the same."""
        names = printed("late_join")
        for table in (names["table"], names["late"]):
            told = {
                player: {
                    event.frame: (event.inputs, event.absent)
                    for event in events
                    if type(event) is FrameConfirmed
                }
                for player, events in table.told.items()
            }
            end = min(max(frames) for frames in told.values())
            for frame in range(end - 60, end):
                self.assertEqual(told[1][frame], told[2][frame])
                self.assertEqual(told[1][frame], told[3][frame])
            self.assertGreater(table.games[1].places[2], 0)

    def test_numbers(self) -> None:
        """The numbers and names that the page has are the settings'."""
        page = re.sub(r"\s+", " ", (DOCS / "late_join.rst").read_text())
        rules = RollbackSettings()
        self.assertIn("``interrupted_after``, 0.5 s", page)
        self.assertEqual(rules.interrupted_after, 0.5)
        self.assertIn("``lost_after``, 2 s", page)
        self.assertEqual(rules.lost_after, 2.0)
        for policy in LeaverPolicy:
            self.assertIn(f"``{policy.name}``", page)
