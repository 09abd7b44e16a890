"""Tests of L{gamenet.status}: a page of counters over HTTP, in a world."""

from __future__ import annotations

import json

from twisted.application.service import IService
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadAddress, CannotBind
from gamenet.services import IListeningService
from gamenet.status import StatusService
from gamenet.world.network import WorldNetwork
from tests.operator_world import fetch, say

SERVER = ("203.0.113.1", 8080)


class StatusServiceTests(SynchronousTestCase):
    """What an operator's tool is answered."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.server = self.world.machine("server", SERVER[0])
        self.counters: dict[str, object] = {"clients": 3}
        self.service = self.serving("tcp:8080")

    def serving(self, description: str) -> StatusService:
        """Return a status service."""
        return StatusService(self.server, description, lambda: self.counters)

    def ask(self, method: str, path: str) -> tuple[str, str]:
        """Return the first line and the body of the answer to a request."""
        data = self.world.runUntil(fetch(self.server, SERVER, method, path), 30)
        head, _, body = data.decode().partition("\r\n\r\n")
        return head.partition("\r\n")[0], body

    def test_interfaces(self) -> None:
        """It is a service of Twisted's, and one that an operator can ask."""
        verifyObject(IService, self.service)
        verifyObject(IListeningService, self.service)
        self.assertEqual(self.service.status(), {})

    def test_page(self) -> None:
        """C{/status} is one JSON object, of the moment of the question."""
        self.service.startService()
        self.successResultOf(self.service.listening)
        line, body = self.ask("GET", "/status")
        self.assertEqual((line, json.loads(body)), ("HTTP/1.1 200 OK", {"clients": 3}))
        self.counters["clients"] = 4
        self.assertEqual(json.loads(self.ask("GET", "/status")[1]), {"clients": 4})

    def test_otherRequests(self) -> None:
        """Other pages are not there, other methods not allowed, and HEAD has no body."""
        self.service.startService()
        self.assertIn(" 404 ", self.ask("GET", "/")[0])
        self.assertIn(" 404 ", self.ask("GET", "/secret")[0])
        self.assertIn(" 404 ", self.ask("GET", "/status/more")[0])
        for method in ("POST", "DELETE", "TRACE", "NONSENSE"):
            self.assertIn(" 405 ", self.ask(method, "/status")[0])
        self.assertEqual(self.ask("HEAD", "/status"), ("HTTP/1.1 200 OK", ""))

    def test_failingCounters(self) -> None:
        """Counters that raise are logged; the caller is told nothing of where."""
        self.counters["clients"] = object()
        self.service.startService()
        line, body = self.ask("GET", "/status")
        self.assertIn(" 500 ", line)
        self.assertNotIn("Traceback", body)
        self.assertNotIn(".py", body)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_places(self) -> None:
        """Its place is the URL to ask, also where it listens at all addresses."""
        self.assertEqual(self.service.places(), {"status": None})
        self.service.startService()
        self.assertEqual(self.service.places(), {"status": "http://127.0.0.1:8080/status"})
        self.successResultOf(self.service.stopService())
        inner = self.serving("tcp:8081:interface=203.0.113.1")
        inner.startService()
        self.assertEqual(inner.places(), {"status": "http://203.0.113.1:8081/status"})

    def test_stop(self) -> None:
        """Stopped, it answers nobody, and it can be started again."""
        for _ in range(2):
            self.service.startService()
            self.ask("GET", "/status")
            self.successResultOf(self.service.stopService())
            self.successResultOf(self.service.stopService())
            self.world.advance(60)
            refused = fetch(self.server, SERVER, "GET", "/status")
            self.world.advance(1)
            self.failureResultOf(refused, ConnectionRefusedError)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_idleConnection(self) -> None:
        """A connection that asks nothing is closed."""
        self.service.startService()
        for data in (b"", b"GET /status HTTP/1.1\r\nHost: "):
            idle = say(self.server, SERVER, data)
            self.world.advance(10)
            self.assertNoResult(idle)
            self.world.advance(60)
            self.assertEqual(self.successResultOf(idle), b"")

    def test_cannotBind(self) -> None:
        """A taken port, or what is no endpoint, is told at once."""
        self.service.startService()
        second = self.serving("tcp:8080")
        with self.assertRaises(CannotBind):
            second.startService()
        self.assertIsNone(second.listening)
        with self.assertRaises(BadAddress):
            self.serving("nonsense")
