"""
Done when: the security model says whom a player trusts.  Where the page names a number, it is
the code's.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.relay_offer import RelayOffer
from gamenet.mesh.introductions import SOUGHT_LIMIT
from gamenet.sealing.replay_window import ReplayWindow
from gamenet.sealing.settings import SealingSettings

PAGE = Path(__file__).parents[1] / "docs" / "security.rst"


class SecurityPageTests(SynchronousTestCase):
    """C{docs/security.rst}."""

    def setUp(self) -> None:
        """Read the page, its lines joined."""
        self.text = re.sub(r"\s+", " ", PAGE.read_text())

    def test_numbers(self) -> None:
        """Budgets and lifetimes are the defaults."""
        sealing = SealingSettings()
        proofs = f"{sealing.proofs_per_second} signatures a second are checked"
        self.assertIn(f"{proofs}, {sealing.proofs_burst} at once", self.text)
        self.assertEqual(RelayOffer(("192.0.2.1", 3478), b"a secret of a relay").lifetime, 86_400)
        self.assertIn("credentials of one day", self.text)
        self.assertEqual(SOUGHT_LIMIT, 3)
        self.assertIn("looks for three newcomers at a time", self.text)

    def test_window(self) -> None:
        """What is 1 024 or more behind the newest is dropped, and nothing newer."""
        self.assertIn("1 024 or more behind the newest", self.text)
        window = ReplayWindow()
        window.accept(5000)
        self.assertTrue(window.admits(5000 - 1023))
        self.assertFalse(window.admits(5000 - 1024))

    def test_saysWhomAPlayerTrusts(self) -> None:
        """The lobby, the host, the relay, the other players and the resume secret are spoken of."""
        for word in ("lobby", "relay", "host", "resume secret", "statement key", "relay_only"):
            self.assertIn(word, self.text)
