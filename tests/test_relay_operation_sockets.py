"""Tests of the relay as an operator runs it: signals, a real process and real sockets."""

from __future__ import annotations

import json
import os
import signal
import ssl
from base64 import b64encode
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from tests.metrics_page import checkMetrics, sampled
from tests.plain_turn_client import PlainTurnClient
from tests.plain_turn_stream import PlainStreamClient, PlainTlsClient
from tests.relay_operation_case import LOOPBACK, NEW_SECRET, SECRET, OperationTestCase, lives
from tests.twistd_process import TwistdProcess

#: A port for TCP and one for TLS.
STREAMS = (
    *("--listen", f"tcp:0:interface={LOOPBACK}"),
    *("--listen", f"tls:0:interface={LOOPBACK}:privateKey=key.pem:certKey=cert.pem"),
)


class ReloadTests(OperationTestCase):
    """SIGHUP."""

    async def test_hundredClients(self) -> None:
        """
        Done when: SIGHUP with 100 clients connected loses none; B3: 20 of them over TCP and 20
        over TLS, whose certificate is another one afterwards.
        """
        self.writeCertificate("first.example.org")
        process = self.start(*STREAMS)
        places = await process.ready()
        peer = self.echoing()
        tcp, tls = places["listen"]
        clients = [
            *(self.client(places["udp"]) for _ in range(60)),
            *(self.client(tcp, kind=PlainStreamClient) for _ in range(20)),
            *(self.client(tls, kind=PlainTlsClient) for _ in range(20)),
        ]
        for client in clients:
            self.assertEqual(client.allocate(), 0)
            self.assertEqual(client.bind(peer.getsockname()), 0)
        self.write("relay.secret", NEW_SECRET.decode())
        self.write("users", "ada:another-password\n")
        self.writeCertificate("second.example.org")
        process.signal("HUP")
        await self.told("has read")
        status = await self.status(places)
        self.assertEqual((status["allocations_active"], status["streams_active"]), (100, 40))
        self.assertEqual(
            await deferToThread(self.shown, tls[1]), (self.folder / "cert.pem").read_text()
        )
        for number, client in enumerate(clients):
            self.assertRelays(client, peer, b"after %d" % number)
            self.assertEqual(client.refresh(), 0)
        # Who is new needs what is new.
        self.assertEqual(self.client(places["udp"], SECRET).allocate(), 401)
        self.assertEqual(self.client(places["udp"], NEW_SECRET).allocate(), 0)
        self.assertEqual(self.user(places["udp"], "ada", "the-password-of-ada").allocate(), 401)
        self.assertEqual(self.user(places["udp"], "ada", "another-password").allocate(), 0)
        metrics = checkMetrics(self, await self.fetch(places["metrics"]))
        self.assertEqual(sampled(metrics, "gamenet_relay_allocations"), 102)
        self.assertEqual(await process.stop(), -15)
        self.assertNothingSecret(process)

    def user(self, relay: Any, name: str, password: str) -> PlainTurnClient:
        """Return a client of a long-term user."""
        client = PlainTurnClient(tuple(relay), name, password)
        self.addCleanup(client.close)
        return client

    async def test_badFiles(self) -> None:
        """A file that cannot work is logged by its name, and changes nothing."""
        process = self.start()
        places = await process.ready()
        bad = [
            ("relay.secret", "short", "--secret-file"),
            ("users", "no colon here", "--users-file"),
            ("denied", "everybody", "--deny-peer-file"),
        ]
        good = {name: (self.folder / name).read_text() for name, _, _ in bad}
        for count, (name, text, option) in enumerate(bad, 1):
            self.write(name, text)
            process.signal("HUP")
            await self.told("goes on as before", count)
            self.assertIn(option, self.logged())
            self.assertIn(str(self.folder / name), self.logged())
            self.assertEqual(self.client(places["udp"]).allocate(), 0)
            self.write(name, good[name])
        (self.folder / "users").unlink()
        process.signal("HUP")
        await self.told("goes on as before", 4)
        self.assertEqual(
            self.user(places["udp"], "grace", "the-password-of-grace").allocate(), 0
        )
        self.assertNotIn("no colon here", self.logged())
        self.assertEqual(await process.stop(), -15)

    async def test_denied(self) -> None:
        """The deny file is read anew: a peer of before is refused to who asks now."""
        process = self.start()
        places = await process.ready()
        peer = self.echoing()
        before, after = self.client(places["udp"]), self.client(places["udp"])
        self.assertEqual((before.allocate(), after.allocate()), (0, 0))
        self.assertEqual(before.bind(peer.getsockname()), 0)
        self.write("denied", "127.0.0.0-127.0.0.9\n")
        process.signal("HUP")
        await self.told("has read")
        self.assertEqual(after.bind(peer.getsockname()), 403)

    async def test_logRotation(self) -> None:
        """The log's file is opened anew: what was renamed is left alone."""
        process = self.start()
        await process.ready()
        old = self.log.rename(self.folder / "log.1")
        process.signal("HUP")
        await self.told("has read")
        size = old.stat().st_size
        process.signal("HUP")
        await self.told("has read", 2)
        self.assertEqual(old.stat().st_size, size)
        for line in (old.read_text() + self.logged()).splitlines():
            self.assertEqual(
                sorted({"time", "level", "source", "text", "fields"} - set(json.loads(line))), []
            )

    async def test_certificate(self) -> None:
        """A renewed certificate is shown to who comes now; a bad one leaves the old in place."""
        self.writeCertificate("first.example.org")
        process = self.start(
            "--listen", f"tls:0:interface={LOOPBACK}:privateKey=key.pem:certKey=cert.pem"
        )
        places = await process.ready()
        ((_, port),) = places["listen"]
        first = (self.folder / "cert.pem").read_text()
        self.assertEqual(await deferToThread(self.shown, port), first)
        (self.folder / "cert.pem").write_text("no certificate")
        process.signal("HUP")
        await self.told("a certificate stays as it was")
        self.assertIn("cert.pem", self.logged())
        self.assertEqual(await deferToThread(self.shown, port), first)
        self.writeCertificate("second.example.org")
        process.signal("HUP")
        await self.told("has read", 2)
        second = (self.folder / "cert.pem").read_text()
        self.assertNotEqual(first, second)
        self.assertEqual(await deferToThread(self.shown, port), second)

    def shown(self, port: int) -> str:
        """Return the certificate that a port shows."""
        return ssl.get_server_certificate((LOOPBACK, port), timeout=10)

    def assertNothingSecret(self, process: TwistdProcess) -> None:
        """Fail if a log or the terminal shows a secret, a password or a key."""
        shown = self.logged() + process.output.decode()
        self.assertIn("is ready", shown)
        words = [SECRET.decode(), NEW_SECRET.decode(), "password"]
        for client in self.known:
            words += [client.password, client.key.hex(), b64encode(client.key).decode()]
        self.assertGreater(len(words), 300)
        for word in words:
            self.assertNotIn(word, shown)
        for trouble in ("Traceback", "#critical", "Unhandled"):
            self.assertNotIn(trouble, shown)


class DrainTests(OperationTestCase):
    """SIGUSR1."""

    async def test_lastAllocation(self) -> None:
        """Done when: drain ends by itself; those who are there go on, nobody else comes."""
        process = self.start()
        places = await process.ready()
        peer = self.echoing()
        client = self.client(places["udp"])
        self.assertEqual((client.allocate(), client.bind(peer.getsockname())), (0, 0))
        process.signal("USR1")
        await self.told("drains")
        self.assertEqual(self.client(places["udp"]).allocate(), 508)
        self.assertRelays(client, peer, b"still here")
        self.assertTrue((await self.status(places))["draining"])
        metrics = checkMetrics(self, await self.fetch(places["metrics"]))
        self.assertEqual(sampled(metrics, "gamenet_relay_draining"), 1)
        self.assertEqual(client.refresh(0), 0)
        self.assertEqual(await process.ended, 0)
        self.assertFalse((self.folder / "gamenet-relay.json").exists())

    async def test_lastOverTcp(self) -> None:
        """B3: where the last client is one over TCP or TLS, its Refresh(0) is answered first."""
        self.writeCertificate("relay.example.org")
        for place, kind in enumerate((PlainStreamClient, PlainTlsClient)):
            process = self.start(*STREAMS)
            places = await process.ready()
            client = self.client(places["listen"][place], kind=kind)
            self.assertEqual(client.allocate(), 0)
            process.signal("USR1")
            await self.told("relay drains", place + 1)
            self.assertEqual(client.refresh(0), 0)
            self.assertEqual(await process.ended, 0)

    async def test_limit(self) -> None:
        """Done when: drain ends after its limit, whoever is left."""
        process = self.start("--drain-limit", "0.5")
        places = await process.ready()
        self.assertEqual(self.client(places["udp"]).allocate(), 0)
        process.signal("USR1")
        self.assertEqual(await process.ended, 0)


class DaemonTests(OperationTestCase):
    """A relay that went into the background."""

    async def test_signals(self) -> None:
        """Daemonised, in another directory, it reloads and drains as in the foreground."""
        run_directory = self.folder / "run"
        run_directory.mkdir()
        daemon = TwistdProcess(
            reactor,
            self.folder,
            "gamenet-relay",
            *("--udp", f"{LOOPBACK}:0", "--secret-file", "relay.secret"),
            *("--json-log", str(self.log)),
            daemon=run_directory,
        )
        daemon.ready().addErrback(lambda _: None)
        self.assertEqual(await daemon.ended, 0, daemon.output)
        ready_file = self.folder / "gamenet-relay.json"
        await self.until(ready_file.exists, "the ready file")
        places = json.loads(ready_file.read_text())
        self.addCleanup(_end, places["process"])
        self.write("relay.secret", NEW_SECRET.decode())
        os.kill(places["process"], signal.SIGHUP)
        await self.told("has read")
        client = self.client(places["udp"], NEW_SECRET)
        self.assertEqual(client.allocate(), 0)
        os.kill(places["process"], signal.SIGUSR1)
        await self.told("drains")
        client.refresh(0)
        await self.until(lambda: not lives(places["process"]), "the end of the daemon")


def _end(process: int) -> None:
    if lives(process):
        os.kill(process, signal.SIGKILL)
