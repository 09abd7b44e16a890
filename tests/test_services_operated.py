"""Tests of L{gamenet.operation.operated_service}: what an operator is told, and finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import gamenet
from gamenet.errors import BadAddress
from gamenet.operation.operated_service import OperatedService, StartFailed
from gamenet.services import lobbyService
from gamenet.world.network import WorldNetwork
from tests.operator_world import Player, fetch
from tests.test_services_lobby_and_relay import SlowMachine

HOST = "203.0.113.1"


class OperatedServiceTests(SynchronousTestCase):
    """A lobby, operated."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.server = self.world.machine("server", HOST)
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.ready_file = self.folder / "ready.json"
        self.signals: list[int] = []
        self.patch(signal, "raise_signal", self.signals.append)

    def operated(self, machine: object = None, status: str | None = "tcp:8080") -> OperatedService:
        """Return a lobby with everything around it."""
        machine = machine or self.server
        lobby = lobbyService(machine)  # type: ignore[arg-type]
        return OperatedService("gamenet-lobby", machine, lobby, status, self.ready_file)  # type: ignore[arg-type]

    def start(self, service: OperatedService) -> None:
        """Start it as twistd does."""
        service.privilegedStartService()
        service.startService()

    def test_interface(self) -> None:
        """It is a service of Twisted's."""
        verifyObject(IService, self.operated())

    def test_readyFile(self) -> None:
        """Once everything listens the ready file says where, and nothing else lies beside it."""
        self.start(self.operated())
        self.assertEqual(
            json.loads(self.ready_file.read_text()),
            {
                "service": "gamenet-lobby",
                "process": os.getpid(),
                "listen": [["0.0.0.0", 7770]],
                "udp": ["0.0.0.0", 7770],
                "status": "http://127.0.0.1:8080/status",
            },
        )
        self.assertEqual(os.listdir(self.folder), ["ready.json"])

    def test_readyFileIsWholeOrNotThere(self) -> None:
        """The ready file appears under its name by a rename, when it is written already."""
        seen = []
        really = Path.replace

        def replace(part: Path, target: Path) -> Path:
            seen.append(part.read_text())
            return really(part, target)

        self.patch(Path, "replace", replace)
        self.start(self.operated())
        self.assertEqual(seen, [self.ready_file.read_text()])

    def test_readyFileEndsWithTheService(self) -> None:
        """A stopped service is not ready, and one that is about to start is not either."""
        self.ready_file.write_text("of the last time")
        machine = SlowMachine(self.server)
        service = self.operated(machine, None)
        self.start(service)
        self.assertFalse(self.ready_file.exists())
        port = self.successResultOf(self.server.streamServerEndpoint("tcp:0").listen(Factory()))
        machine.endpoint.opening.callback(port)
        self.assertTrue(self.ready_file.exists())
        self.world.runUntil(service.stopService(), 10)
        self.assertFalse(self.ready_file.exists())

    def test_status(self) -> None:
        """The status page has the service's name, version and time, and its counters."""
        service = self.operated()
        self.start(service)
        self.world.advance(100)
        self.world.runUntil(Player(self.server).meet((HOST, 7770)), 5)
        answer = self.world.runUntil(fetch(self.server, (HOST, 8080), "GET", "/status"), 5)
        status = json.loads(answer.partition(b"\r\n\r\n")[2])
        self.assertEqual(status["service"], "gamenet-lobby")
        self.assertEqual(status["version"], gamenet.__version__)
        self.assertAlmostEqual(status["running_s"], 100, delta=1)
        self.assertEqual(status["clients"], 1)

    def test_withoutExtras(self) -> None:
        """Without a status page and a ready file there is neither."""
        lobby = lobbyService(self.server)
        service = OperatedService("gamenet-lobby", self.server, lobby)
        self.start(service)
        self.assertTrue(lobby.running)
        self.assertEqual(os.listdir(self.folder), [])
        self.world.runUntil(service.stopService(), 10)
        self.assertFalse(lobby.running)

    def test_badStatusEndpoint(self) -> None:
        """A status endpoint that is none is found when the service is made."""
        with self.assertRaises(BadAddress):
            self.operated(status="nonsense")

    def test_cannotStart(self) -> None:
        """A port that is taken ends the start with a line that names it, and twistd with 1."""
        for port in ("udp", "stream", "status"):
            taken = self.take(port)
            service = self.operated()
            for start in (service.privilegedStartService, service.startService):
                with self.assertRaises(StartFailed) as caught:
                    start()
                self.assertIsInstance(caught.exception, SystemExit)
                self.assertIsInstance(caught.exception, Exception)
                text = str(caught.exception.code)
                self.assertTrue(text.startswith("gamenet-lobby: "), text)
                self.assertIn("8080" if port == "status" else "7770", text)
            self.assertEqual(os.listdir(self.folder), [])
            self.world.runUntil(service.stopService(), 10)
            self.world.runUntil(taken, 10)

    def take(self, port: str) -> Deferred[None]:
        """Take one of the ports; return what gives it back when it is waited for."""
        given_back: Deferred[None] = Deferred()
        if port == "udp":
            socket = self.server.openDatagramSocket(lambda data, address: None, "", 7770)
            self.world.clock.callLater(1, socket.close)
        else:
            description = "tcp:7770" if port == "stream" else "tcp:8080"
            listening = self.server.streamServerEndpoint(description).listen(Factory())
            opened = self.successResultOf(listening)
            self.world.clock.callLater(1, opened.stopListening)
        self.world.clock.callLater(2, given_back.callback, None)
        return given_back

    def test_failsLater(self) -> None:
        """An endpoint that fails after the start ends the process, and not with a status of 0."""
        machine = SlowMachine(self.server)
        self.start(self.operated(machine, None))
        self.assertEqual(self.signals, [])
        machine.endpoint.opening.errback(RuntimeError("no such network"))
        self.assertEqual(self.signals, [signal.SIGTERM])
        self.assertFalse(self.ready_file.exists())

    def test_readyFileThatCannotBe(self) -> None:
        """A ready file that cannot be written ends the process: nobody would know of it."""
        self.ready_file = self.folder / "gone" / "ready.json"
        service = self.operated()
        self.start(service)
        self.assertEqual(self.signals, [signal.SIGTERM])

    def test_stoppedWhileOpening(self) -> None:
        """A service that is stopped before it listens ends quietly."""
        machine = SlowMachine(self.server)
        service = self.operated(machine, None)
        self.start(service)
        self.successResultOf(service.stopService())
        self.assertEqual(self.signals, [])
