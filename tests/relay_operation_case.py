"""
A relay as an operator runs it, for tests: a real process, its files, its log and its pages.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, readBody

from tests.plain_turn_client import PlainTurnClient
from tests.twistd_process import TwistdProcess

__all__ = ["LOOPBACK", "NEW_SECRET", "SECRET", "OperationTestCase", "lives"]

SECRET = b"the-first-secret-nobody-may-see"
NEW_SECRET = b"the-other-secret-nobody-may-see"
USERS = "ada:the-password-of-ada\ngrace:the-password-of-grace\n"
LOOPBACK = "127.0.0.1"


def lives(process: int) -> bool:
    """Return whether a process is there that is more than its exit status."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][:1]
    except FileNotFoundError:
        return False
    return state != "Z"


class OperationTestCase(TestCase):
    """A relay of two users and a secret."""

    timeout = 90

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("relay.secret", SECRET.decode())
        self.write("users", USERS)
        self.write("denied", "192.0.2.0/24\n")
        self.log = self.folder / "log.json"
        self.known: list[PlainTurnClient] = []

    def write(self, name: str, text: str) -> None:
        """Replace a file."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)

    def writeCertificate(self, name: str) -> None:
        """Make a key and its certificate."""
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        arguments = ["-subj", f"/CN={name}", "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(
            [*command.split(), *arguments],
            cwd=self.folder,
            capture_output=True,
            timeout=30,
            check=True,
        )

    def start(self, *arguments: str) -> TwistdProcess:
        """Start a relay that ends with the test."""
        process = TwistdProcess(
            reactor,
            self.folder,
            "gamenet-relay",
            *("--udp", f"{LOOPBACK}:0", "--secret-file", "relay.secret", "--users-file", "users"),
            *("--deny-peer-file", "denied", "--allow-peer", "127.0.0.0/8"),
            *("--allocations-of-user", "200", "--json-log", str(self.log)),
            *("--status", f"tcp:0:interface={LOOPBACK}"),
            *("--metrics", f"tcp:0:interface={LOOPBACK}"),
            *arguments,
        )
        self.addCleanup(process.stop)
        process.ready().addErrback(lambda _: None)
        return process

    def client(
        self,
        relay: Any,
        secret: bytes = SECRET,
        user: str = "eve",
        kind: type[PlainTurnClient] = PlainTurnClient,
    ) -> PlainTurnClient:
        """Return a client that goes with the test."""
        client = kind.ephemeral(tuple(relay), secret, user)
        self.addCleanup(client.close)
        self.known.append(client)
        return client

    async def fetch(self, url: object) -> str:
        """Return a page."""
        response = await Agent(reactor).request(b"GET", str(url).encode())
        return str((await readBody(response)).decode())

    async def status(self, places: dict[str, Any]) -> dict[str, Any]:
        """Return what the status page says."""
        status: dict[str, Any] = json.loads(await self.fetch(places["status"]))
        return status

    async def until(self, condition: Any, what: str) -> None:
        """Wait for something, twenty seconds at most."""
        for _ in range(200):
            if condition():
                return
            await deferLater(reactor, 0.1)
        self.fail(f"never: {what}; the log: {self.logged()}")

    def logged(self) -> str:
        """Return the log's file."""
        return self.log.read_text() if self.log.exists() else ""

    async def told(self, text: str, times: int = 1) -> None:
        """Wait until the log says something so often."""
        await self.until(lambda: self.logged().count(text) >= times, text)

    def echoing(self) -> socket.socket:
        """Return a peer's socket."""
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind((LOOPBACK, 0))
        peer.settimeout(5)
        self.addCleanup(peer.close)
        return peer

    def assertRelays(self, client: PlainTurnClient, peer: socket.socket, data: bytes) -> None:
        """Fail unless data of a client comes to its peer, and back."""
        client.send(data)
        self.assertEqual(peer.recvfrom(100), (data, client.relayed))
        peer.sendto(data[::-1], client.relayed)
        self.assertEqual(client.socket.recv(100)[4 : 4 + len(data)], data[::-1])
