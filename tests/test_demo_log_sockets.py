"""
C{gamenet demo --log} from end to end: real processes, real sockets, on loopback.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from re import search

from twisted.trial.unittest import TestCase

from tests.test_demo_sockets import LIMIT, DemoProcess

__all__ = ["DemoLogTests"]


class DemoLogTests(TestCase):
    """The logs of a demo."""

    timeout = LIMIT

    async def test_corrupted(self) -> None:
        """Done when: C{inspect} finds the demo's planted divergence: frame, part, both values."""
        directory = Path(self.mktemp()).resolve()
        demo = DemoProcess.start(
            str(directory / "tmp"),
            *("--frames", "90", "--corrupt-at", "40", "--log", str(directory / "logs")),
        )
        self.assertEqual(await demo.ended, 1, str(demo))
        self.assertEqual(len(list((directory / "logs").glob("*.gamelog"))), 2)
        self.assertIn(b"match logs: gamenet inspect", demo.errors)
        command = [sys.executable, "-m", "gamenet", "inspect", str(directory / "logs")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn("first divergence: frame 40: equal inputs led to different", ran.stdout)
        found = search(r"part 'players', byte 16 of 48: player 1 (..), player 2 (..)", ran.stdout)
        assert found is not None, ran.stdout
        # One bit was flipped; what stood there depends on the match's seed.
        self.assertEqual(int(found[1], 16) ^ int(found[2], 16), 1)
        self.assertEqual(ran.stdout.count("90 final frames"), 2)
        self.assertNotIn("no end", ran.stdout)
        self.assertEqual(len(list((directory / "logs").glob("*.html"))), 1)
