"""The examples, as people start them: processes of their own, real sockets, no window."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from tests.test_quickstart_sockets import Terminal
from tests.twistd_process import ROOT, TwistdProcess

EXAMPLES = ROOT / "examples"

#: Seconds that one frame blocks.
BLOCKED = 5.0


class ExamplesTests(TestCase):
    """
    Done when: examples for reactor-owned and game-owned loops, both run in the tests with one
    blocked 5 s frame (pygame-ce with the dummy driver).
    """

    timeout = 90

    async def start(self) -> None:
        """Start a lobby."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        lobby = TwistdProcess(
            reactor,
            self.folder,
            "gamenet-lobby",
            *("--listen", "tcp:0:interface=127.0.0.1", "--udp", "127.0.0.1:0"),
        )
        self.addCleanup(lobby.stop)
        host, port = (await lobby.ready())["listen"][0]
        self.lobby = f"tcp:{host}:{port}"

    def player(self, example: str, *arguments: str) -> Terminal:
        """Start one player."""
        command = [
            *("exec", "env", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy"),
            *("PYGAME_HIDE_SUPPORT_PROMPT=1", "python", str(EXAMPLES / example)),
            *(*arguments, "--lobby", self.lobby, "--block", str(BLOCKED)),
        ]
        terminal = Terminal(shlex.join(command), self.folder)
        self.addCleanup(terminal.stop)
        return terminal

    async def ends(self, *terminals: Terminal) -> list[Any]:
        """Wait until they have ended well; return what their last lines say."""
        statuses = await gatherResults([terminal.ended for terminal in terminals])
        outputs = [terminal.output for terminal in terminals]
        self.assertEqual(statuses, [0] * len(terminals), "\n".join(outputs))
        for output in outputs:
            self.assertNotIn("Traceback", output)
        return [json.loads(output.splitlines()[-1]) for output in outputs]

    async def test_reactorOwned(self) -> None:
        """The reactor owns the loop: a blocked frame pauses the match, and all end it alike."""
        await self.start()
        common = ("--frames", "180", "--countdown", "0.2")
        host = self.player("reactor_owned.py", "host", *common, "--block-at", "60")
        await host.shows("session ")
        guest = self.player("reactor_owned.py", "join", *common)
        ada, grace = await self.ends(host, guest)
        self.assertEqual((ada["player"], grace["player"]), (1, 2))
        for each in (ada, grace):
            self.assertEqual((each["outcome"], each["frames"], each["lost"]), ("finished", 180, []))
            self.assertGreater(each["drawn"], 60)
        self.assertEqual(ada["checksum"], grace["checksum"])
        self.assertGreater(ada["time_lost"], BLOCKED - 1)
        self.assertEqual(grace["pauses"], 1)

    async def test_gameOwned(self) -> None:
        """The game owns the loop: nobody notices that a frame of another's is blocked."""
        await self.start()
        common = ("--seconds", "4")
        host = self.player("game_owned.py", "host", *common, "--block-at", "90")
        await host.shows("session ")
        session_id = host.output.split("session ", 1)[1].split()[0]
        guest = self.player("game_owned.py", "join", session_id, "--seconds", "6")
        ada, grace = await self.ends(host, guest)
        self.assertEqual((ada["player"], grace["player"]), (1, 2))
        self.assertGreater(ada["longest_frame_ms"], 1000 * BLOCKED - 100)
        self.assertLess(grace["longest_frame_ms"], 1000 * BLOCKED / 2)
        self.assertEqual((ada["lost"], grace["lost"]), ([], []))
        common_numbers = [number for number in ada["digests"] if number in grace["digests"]]
        self.assertGreater(len(common_numbers), 10)
        for number in common_numbers:
            self.assertEqual(ada["digests"][number], grace["digests"][number], number)
        for each in (ada, grace):
            self.assertEqual({player for player, _ in each["said"]}, {1, 2})
            self.assertEqual({player for player, _, _ in each["dots"]}, {1, 2})
