"""Tests of the relay's workers: real processes and real sockets."""

from __future__ import annotations

import json
import os
import signal
import ssl
from typing import Any

from twisted.internet.threads import deferToThread

from gamenet.interfaces import Address
from gamenet.wire.stun import encodeBindingRequest
from tests.judges.programs import freePorts
from tests.metrics_page import checkMetrics, sampled
from tests.plain_turn_client import PlainTurnClient
from tests.relay_operation_case import LOOPBACK, NEW_SECRET, SECRET, OperationTestCase, lives


class WorkersTests(OperationTestCase):
    """C{--workers}."""

    async def test_twoWorkers(self) -> None:
        """Workers are listed together, counted apart, reloaded, started again, and drained."""
        process = self.start("--workers", "2")
        places = await process.ready()
        relays: list[Address] = [tuple(each["udp"]) for each in places["workers"]]
        self.assertEqual([each["worker"] for each in places["workers"]], [1, 2])
        clients = [self.client(relay) for relay in relays]
        self.assertEqual([client.allocate() for client in clients], [0, 0])
        await self.assertCounted(places)
        self.write("relay.secret", NEW_SECRET.decode())
        process.signal("HUP")
        others: list[PlainTurnClient] = []
        await self.until(lambda: self.allocates(relays[1], others), "the new secret")
        await self.assertRestarted(places, others)
        self.assertEqual(clients[1].refresh(), 0)
        process.signal("USR1")
        await self.told("relay drains", 2)
        self.assertEqual(clients[1].refresh(0), 0)
        for client in others:
            client.refresh(0)
        self.assertEqual(await process.ended, 0)
        shown = self.logged() + process.output.decode()
        for word in (SECRET.decode(), NEW_SECRET.decode(), "password-of", "Traceback"):
            self.assertNotIn(word, shown)

    async def test_certificates(self) -> None:
        """A7: with a users file that cannot work every worker shows its renewed certificate."""
        self.writeCertificate("first.example.org")
        port = freePorts(2)[0]
        process = self.start(
            *("--workers", "2", "--listen"),
            f"tls:{port}:interface={LOOPBACK}:privateKey=key.pem:certKey=cert.pem",
        )
        places = await process.ready()
        ports = [each["listen"][0][1] for each in places["workers"]]
        self.assertEqual(ports, [port, port + 1])
        first = (self.folder / "cert.pem").read_text()
        self.assertEqual([await deferToThread(_shown, each) for each in ports], [first] * 2)
        self.write("users", "no colon here")
        self.writeCertificate("second.example.org")
        process.signal("HUP")
        await self.told("goes on as before")
        second = (self.folder / "cert.pem").read_text()
        self.assertNotEqual(first, second)
        for each in ports:
            await self.until(lambda: _shown(each) == second, "the new one")  # noqa: B023
        self.assertEqual(self.client(places["workers"][1]["udp"]).allocate(), 0)

    async def test_others(self) -> None:
        """A6: where loopback is opened, a worker's UDP port is no peer for another's client."""
        port = freePorts(2)[0]
        process = self.start("--workers", "2", "--udp", f"{LOOPBACK}:{port}")
        places = await process.ready()
        relays: list[Address] = [tuple(each["udp_ports"][1]) for each in places["workers"]]
        self.assertEqual(relays, [(LOOPBACK, port), (LOOPBACK, port + 1)])
        before = (await self.status(places))["workers"][0]["bindings"]
        client = self.client(relays[1])
        self.assertEqual(client.allocate(), 0)
        if client.bind(relays[0]) == 0:
            client.send(encodeBindingRequest(bytes(12)))
            peer = self.echoing()
            other = self.client(relays[1])
            self.assertEqual((other.allocate(), other.bind(peer.getsockname())), (0, 0))
            self.assertRelays(other, peer, b"what came after it")
        self.assertEqual((await self.status(places))["workers"][0]["bindings"], before)

    def allocates(self, relay: Address, others: list[PlainTurnClient]) -> bool:
        """Return whether the new secret is good at a relay; its client is added then."""
        client = self.client(relay, NEW_SECRET)
        good = client.allocate() == 0
        others += [client] if good else []
        return good

    async def assertCounted(self, places: dict[str, Any]) -> None:
        """Fail unless both workers are counted, apart and together."""
        status = await self.status(places)
        self.assertEqual(status["allocations_active"], 2)
        self.assertEqual([each["allocations_active"] for each in status["workers"]], [1, 1])
        metrics = checkMetrics(self, await self.fetch(places["metrics"]))
        for worker in ("1", "2"):
            self.assertEqual(sampled(metrics, "gamenet_relay_up", worker=worker), 1)
            self.assertEqual(sampled(metrics, "gamenet_relay_allocations", worker=worker), 1)

    async def assertRestarted(
        self, places: dict[str, Any], others: list[PlainTurnClient]
    ) -> None:
        """Fail unless a worker that is killed is started again, with what is new."""
        ready_file = self.folder / "gamenet-relay.json"
        dead = places["workers"][0]["process"]
        os.kill(dead, signal.SIGKILL)

        def workers() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json.loads(ready_file.read_text())["workers"]
            return found

        await self.until(lambda: workers()[0]["process"] not in (None, dead), "a new worker")
        self.assertEqual(workers()[1]["process"], places["workers"][1]["process"])
        self.assertTrue(self.allocates(tuple(workers()[0]["udp"]), others))

    async def test_noOrphans(self) -> None:
        """Killed beyond all hope, a supervisor leaves no worker behind."""
        process = self.start("--workers", "2")
        places = await process.ready()
        process.signal("KILL")
        self.assertEqual(await process.ended, -9)
        for worker in places["workers"]:
            await self.until(lambda: not lives(worker["process"]), "orphans")  # noqa: B023

    async def test_stop(self) -> None:
        """SIGTERM ends all of them."""
        process = self.start("--workers", "2")
        places = await process.ready()
        self.assertEqual(await process.stop(), -15)
        for worker in places["workers"]:
            self.assertFalse(lives(worker["process"]))

    async def test_takenPort(self) -> None:
        """A worker whose port is taken ends all, and says which it was."""
        taken = self.echoing()
        port = taken.getsockname()[1]
        process = self.start("--workers", "2", "--udp", f"{LOOPBACK}:{port}")
        self.assertNotEqual(await process.ended, 0)
        self.assertIn(f"{LOOPBACK}:{port}", process.output.decode())
        self.assertNotIn("Traceback", process.output.decode())


def _shown(port: int) -> str:
    """Return the certificate that a port shows."""
    return ssl.get_server_certificate((LOOPBACK, port), timeout=10)
