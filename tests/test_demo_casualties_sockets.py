"""
C{gamenet demo} with processes that are killed and come back: real ones, on loopback.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.test_demo_sockets import LIMIT, DemoProcess, DemoTestCase

__all__ = ["CasualtyTests"]

#: Long enough for a player to be lost, to come back and to play on.
FRAMES = 900


class CasualtyTests(DemoTestCase):
    """Done when: C{gamenet demo} survives, alone and together, with 2 to 8 players."""

    timeout = 3 * LIMIT

    async def survive(self, *options: str) -> dict[str, Any]:
        """Run a demo that must pass, with all its frames, and return what it printed."""
        demo: DemoProcess = self.start("--json", f"--frames={FRAMES}", *options)
        status = await demo.ended.addTimeout(2 * LIMIT, reactor)
        self.assertNothingLeft(demo)
        self.assertEqual(status, 0, demo)
        result = demo.result
        self.assertEqual((result["identical"], result["frames"]), (True, FRAMES))
        return result

    async def test_deathsAndReturns(self) -> None:
        """
        C{--kill-host-at}, C{--rejoin-at} and C{--kill-lobby-at}, alone and together: what is
        left plays every frame, and says the same of who was lost and who is host.
        """
        alone, pair, together = await gatherResults(
            [
                Deferred.fromCoroutine(self.survive(*options))
                for options in (
                    ("--kill-lobby-at=60", "--seed=5"),
                    ("--kill-host-at=90", "--seed=6"),
                    (
                        "--players=3",
                        "--kill-lobby-at=60",
                        "--kill-host-at=90",
                        "--rejoin-at=180",
                        "--seed=7",
                    ),
                )
            ]
        )
        self.assertEqual((alone["drop_frame"], alone["new_host"]), (None, None))
        self.assertEqual(pair["new_host"], 2)
        self.assertIsNone(pair["rejoined_at_frame"])
        for survived in (pair, together):
            # What others have of the dead one's inputs they play.
            self.assertTrue(74 < survived["drop_frame"] < 150, survived)
        self.assertIn(together["new_host"], (2, 3))
        self.assertTrue(180 < together["rejoined_at_frame"] < FRAMES, together)
        self.assertGreater(together["state_bytes_received"], 100)
        self.assertEqual(len(together["paths"]), 6)

    async def test_eightPlayers(self) -> None:
        """Eight players, each with a direct link to each other one."""
        demo = self.start("--json", "--frames=60", "--players=8", "--seed=8")
        status = await demo.ended.addTimeout(2 * LIMIT, reactor)
        self.assertNothingLeft(demo)
        self.assertEqual(status, 0, demo)
        result = demo.result
        self.assertTrue(result["identical"])
        self.assertEqual(
            [(link["from"], link["to"], link["kind"]) for link in result["paths"]],
            [
                (player, other, "direct")
                for player in range(1, 9)
                for other in range(1, 9)
                if other != player
            ],
        )
