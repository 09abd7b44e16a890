"""Tests of the plugins as an operator runs them: real twistd processes on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, readBody

from gamenet.machine.reactor_machine import asMachine
from tests.operator_world import Player
from tests.twistd_process import TwistdProcess

SECRET = "0123456789abcdef-not-to-be-seen"


class TwistdTests(TestCase):
    """Both services, each in its own process."""

    timeout = 60

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        secret_file = self.folder / "relay.secret"
        secret_file.touch(mode=0o600)
        secret_file.write_text(SECRET + "\n")

    def start(self, plugin: str, *arguments: str) -> TwistdProcess:
        """Start a twistd that ends with the test."""
        process = TwistdProcess(reactor, self.folder, plugin, *arguments)
        self.addCleanup(process.stop)
        process.ready().addErrback(lambda _: None)
        return process

    def player(self) -> Player:
        """Return a player who leaves with the test."""
        player = Player(asMachine(reactor))
        self.addCleanup(player.close)
        return player

    async def fetch(self, url: str) -> dict[str, object]:
        """Return what a status page says."""
        response = await Agent(reactor).request(b"GET", url.encode())
        return json.loads(await readBody(response))  # type: ignore[no-any-return]

    async def places(self, process: TwistdProcess) -> dict[str, object]:
        """Return where a process listens."""
        found = await process.ready()
        self.assertIsNotNone(found, process.output.decode(errors="replace"))
        return found

    async def test_lobby(self) -> None:
        """The lobby is met, tells its counters, and ends by SIGTERM without a word of trouble."""
        process = self.start(
            "gamenet-lobby",
            *("--listen", "tcp:0:interface=127.0.0.1", "--udp", "127.0.0.1:0"),
            *("--relay", "127.0.0.1:3478", "--relay-secret-file", "relay.secret"),
            *("--json-log", "lobby.log"),
            *("--status", "tcp:0:interface=127.0.0.1"),
        )
        places = await self.places(process)
        player = self.player()
        client = await player.meet(tuple(places["listen"][0]))  # type: ignore[index,arg-type]
        self.assertTrue(client.connected)
        seen = await client.whenServerReflexiveKnown()
        self.assertEqual(seen, ("127.0.0.1", player.demultiplexer.address[1]))
        view = await client.createSession("A session")
        self.assertEqual(view.title, "A session")
        assert client.relay_credentials is not None
        self.assertEqual(client.relay_credentials.address, ("127.0.0.1", 3478))
        status = await self.fetch(str(places["status"]))
        self.assertEqual((status["clients"], status["sessions"]), (1, 1))
        lost: Deferred[None] = Deferred()
        player.listener.lobbyLost = lost.callback  # type: ignore[method-assign]
        self.assertEqual(await process.stop(), -15)
        await lost
        self.assertFalse((self.folder / "gamenet-lobby.json").exists())
        self.assertClean(process)
        log = (self.folder / "lobby.log").read_text()
        self.assertIn("gamenet-lobby is ready", log)
        self.assertNotIn(SECRET, log)

    async def test_relay(self) -> None:
        """The relay lets in whom it shares a secret with, and ends by SIGTERM."""
        process = self.start(
            "gamenet-relay",
            *("--udp", "127.0.0.1:0", "--secret-file", "relay.secret"),
            *("--status", "tcp:0:interface=127.0.0.1"),
        )
        places = await self.places(process)
        relay = tuple(places["udp"])  # type: ignore[arg-type]
        relayed = await self.player().allocate(relay, SECRET.encode())  # type: ignore[arg-type]
        self.assertEqual(relayed.address[0], "127.0.0.1")
        status = await self.fetch(str(places["status"]))
        self.assertEqual(status["allocations_active"], 1)
        self.assertEqual(await process.stop(), -15)
        self.assertClean(process)

    def assertClean(self, process: TwistdProcess) -> None:
        """Fail if a process wrote a traceback, an error or the secret."""
        output = process.output.decode()
        for trouble in ("Traceback", "#error", "#critical", "Unhandled", "Warning", SECRET):
            self.assertNotIn(trouble, output)

    async def assertEnds(self, plugin: str, arguments: list[str], *texts: str) -> None:
        """Fail unless a process ends with 1 and says C{texts}, in words and not in a traceback."""
        process = self.start(plugin, *arguments)
        self.assertEqual(await process.ended, 1)
        output = process.output.decode()
        for text in texts:
            self.assertIn(text, output)
        self.assertNotIn("Traceback", output)
        self.assertFalse((self.folder / f"{plugin}.json").exists())

    async def test_takenPorts(self) -> None:
        """A port that is taken ends twistd with 1 and a line that names it."""
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        stream = socket.socket()
        self.addCleanup(stream.close)
        stream.bind(("127.0.0.1", 0))
        stream.listen()
        udp = f"127.0.0.1:{taken.getsockname()[1]}"
        listen = f"tcp:{stream.getsockname()[1]}:interface=127.0.0.1"
        words = "in use"
        await self.assertEnds("gamenet-lobby", ["--udp", udp, "--listen", "tcp:0"], udp, words)
        await self.assertEnds("gamenet-lobby", ["--udp", "0", "--listen", listen], listen, words)
        relay = ["--secret-file", "relay.secret"]
        await self.assertEnds("gamenet-relay", [*relay, "--udp", udp], udp, words)
        status = [*relay, "--udp", "127.0.0.1:0", "--status", listen]
        await self.assertEnds("gamenet-relay", status, listen, words)

    async def test_badOptions(self) -> None:
        """Command lines with bad options say what is wrong and exit with 1."""
        await self.assertEnds("gamenet-lobby", ["--udp", "here"], "--udp: 'here'")
        await self.assertEnds("gamenet-relay", ["--secret-file", "none"], "--secret-file: ", "none")
