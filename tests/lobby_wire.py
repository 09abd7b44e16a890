"""
A lobby whose streams are held by hand, for tests.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.protocol import LobbyFactory, LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.wire.framing import FrameBuffer, frame
from gamenet.wire.lobby_messages import (
    CreateSession,
    Farewell,
    Hello,
    JoinSession,
    Message,
    RefusalCode,
    Refused,
    SessionList,
    Welcome,
    decodeAnswer,
    encodeMessage,
)
from gamenet.world.network import WorldNetwork

__all__ = ["KEY", "ProtocolCase", "Wire"]

KEY = bytes(32)


class Wire(StringTransport):
    """
    The client's end of a stream, as far as the lobby can tell.  Like Twisted's own, it
    says at every write that it is full, as long as it is.

    @ivar buffer: How many bytes may be unread before it says so.
    """

    buffer = 65_536

    def __init__(self, protocol: LobbyProtocol, host: str) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, 5000))
        self.protocol = protocol
        self.aborted = False
        self.frames = FrameBuffer()

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.producer is not None and len(self.value()) > self.buffer:
            self.producer.pauseProducing()

    def abortConnection(self) -> None:
        self.aborted = True
        self.lose()

    def lose(self) -> None:
        """End the stream, from whichever side."""
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def say(self, *messages: Message) -> None:
        """Let the client send messages, in one piece."""
        self.protocol.dataReceived(b"".join(frame(encodeMessage(m)) for m in messages))

    def heard(self) -> list[Any]:
        """Return what the lobby has sent since the last time."""
        data = self.value()
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()
        return [decodeAnswer(payload) for payload in self.frames.feed(data)]


class ProtocolCase(SynchronousTestCase):
    """A lobby on a machine of a world, its streams held by hand."""

    protocol: type[LobbyProtocol] = LobbyProtocol
    settings = LobbySettings()

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.factory = LobbyFactory(self.network.machine("lobby", "203.0.113.1"), self.settings)
        self.factory.protocol = self.protocol
        self.factory.directory.udp_port = 7770
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: Any) -> None:
        if isinstance(event.get("log_source"), LobbyProtocol):
            self.events.append(event)

    def open(self, host: str = "198.51.100.1") -> Wire:
        protocol = self.factory.buildProtocol(IPv4Address("TCP", host, 5000))
        assert isinstance(protocol, LobbyProtocol)
        wire = Wire(protocol, host)
        protocol.makeConnection(wire)
        return wire

    def greet(self, name: str = "Ada", host: str = "198.51.100.1", version: int = 2) -> Wire:
        wire = self.open(host)
        wire.say(Hello(1, 1, version, name, KEY, KEY))
        self.assertEqual([type(message) for message in wire.heard()], [Welcome, SessionList])
        return wire

    def seat(self) -> tuple[Wire, Wire]:
        """Return a host and a guest in one session."""
        host, guest = self.greet("Ada"), self.greet("Bob")
        host.say(CreateSession(2, "a game", 2, 2))
        session_id = host.heard()[0].view.session_id
        guest.say(JoinSession(2, session_id))
        self.network.advance(1)
        host.heard()
        guest.heard()
        return host, guest

    def assertClosed(self, wire: Wire, code: RefusalCode, request: int = 0) -> None:
        """Check that a stream got one refusal, the farewell, and an end; and one log event."""
        refused, farewell = wire.heard()
        self.assertEqual((type(refused), refused.code), (Refused, code))
        self.assertEqual(refused.request, request)
        self.assertEqual(farewell, Farewell(refused.reason))
        self.assertTrue(wire.disconnecting)
        self.assertEqual(len(self.events), 1, self.events)
