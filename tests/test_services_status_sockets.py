"""The status page against clients that upload; real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from gamenet.machine.reactor_machine import ReactorMachine
from gamenet.status import StatusService


class _Uploader(Protocol):
    """Sends a body without an end, until it is hung up on."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.sent = 0
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        """Announce a body, and go on."""
        self.transport.write(self.head)  # type: ignore[union-attr]
        self.transport.registerProducer(self, False)  # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        """Send some more."""
        self.sent += 65_536
        self.transport.write(b"5\r\nabcde\r\n" * 6_554)  # type: ignore[union-attr]

    def stopProducing(self) -> None:
        """Be hung up on."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Be gone."""
        self.gone.callback(None)


class StatusPageTests(TestCase):
    """The status page keeps nothing that it is sent; real sockets."""

    timeout = 30

    async def test_bodies(self) -> None:
        """Whoever announces a body, by length or in chunks, is hung up on at once."""
        machine = ReactorMachine(reactor)
        service = StatusService(machine, "tcp:0:interface=127.0.0.1", dict)
        service.startService()
        self.addCleanup(service.stopService)
        place = str(service.places()["status"])
        port = int(place.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
        for head in (
            b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n",
            b"POST /status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            uploader = _Uploader(head)
            endpoint: Any = machine.streamClientEndpoint(f"tcp:127.0.0.1:{port}")
            await endpoint.connect(Factory.forProtocol(lambda: uploader))  # noqa: B023
            await uploader.gone
            self.assertLess(uploader.sent, 20_000_000)
