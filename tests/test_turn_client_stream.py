"""Our TURN client over a stream, in the twin world and against a transport that is full."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadAddress, GamenetError, MalformedMessage, RelayRefused
from gamenet.interfaces import Address, IDatagramSocket
from gamenet.turn_client.alternate_servers import TurnServer
from gamenet.turn_client.client import TurnClient
from gamenet.turn_client.connection_setup import allocateAt, connectClient, streamOf
from gamenet.turn_client.relay_connection import (
    CLOSING_LIMIT,
    REQUESTS_BACKLOG,
    RelayConnection,
    RelayDisconnected,
)
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.stun import MessageClass, StunMessage, encode
from gamenet.wire.turn import ALLOCATE, REFRESH, encodeChannelData, encodeSendIndication
from gamenet.wire.turn_stream import padForStream
from gamenet.wire.turn_transport import Transport
from gamenet.world.link import LinkProfile
from gamenet.world.network import WorldNetwork
from tests.played_relay import PlayedRelay
from tests.relay_client_values import PASSWORD, RELAY, USER
from tests.relay_scene import outcomeOf

_SERVER = TurnServer(*RELAY, Transport.TCP)
_PEER: Address = ("192.0.2.1", 7)
_REQUEST = encode(StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12)))


class _Transport(StringTransport):
    """A transport that knows addresses and how it ended."""

    def __init__(self) -> None:
        super().__init__(
            IPv4Address("TCP", "198.51.100.1", 1), IPv4Address("TCP", *RELAY)
        )
        self.aborted = False

    def abortConnection(self) -> None:
        """Note that it was."""
        self.aborted = True


class StreamTests(SynchronousTestCase):
    """The connection alone."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = RelayConnection(self.clock)
        self.transport = _Transport()
        self.received: list[tuple[bytes, Address]] = []
        self.lost: list[GamenetError] = []
        self.stream.lost = self.lost.append
        self.stream.makeConnection(self.transport)
        self.stream.open(lambda data, source: self.received.append((data, source)))

    def end(self) -> None:
        """Let the connection be gone."""
        self.stream.connectionLost(Failure(ConnectionLost()))

    def test_socket(self) -> None:
        """It is a datagram socket that reaches the relay."""
        verifyObject(IDatagramSocket, self.stream)
        self.assertEqual((self.stream.address, self.stream.relay_address),
                         (("198.51.100.1", 1), RELAY))

    def test_padding(self) -> None:
        """ChannelData goes out padded to four bytes with zeros; STUN messages as they are."""
        for size in range(5):
            self.transport.clear()
            self.assertTrue(self.stream.send(encodeChannelData(0x4000, b"x" * size), RELAY))
            self.assertEqual(len(self.transport.value()) % 4, 0)
            self.assertEqual(self.transport.value()[4 + size :].strip(b"\0"), b"")
        self.transport.clear()
        self.stream.sender()(_REQUEST, RELAY)
        self.assertEqual(self.transport.value(), _REQUEST)

    @given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 30))
    @settings(deadline=None, max_examples=100)
    def test_pieces(self, payloads: list[bytes], size: int) -> None:
        """However the stream is cut, whole messages are handed over, in order."""
        messages = [encodeChannelData(0x4001, each) for each in payloads] + [_REQUEST]
        data = b"".join(map(padForStream, messages))
        self.received.clear()
        for start in range(0, len(data), size):
            self.stream.dataReceived(data[start : start + size])
        self.assertEqual(self.received, [(each, RELAY) for each in messages])

    def test_garbage(self) -> None:
        """What is no message ends the connection, by name, once."""
        self.stream.dataReceived(b"\xff\xfb\x1f\xff")
        self.stream.dataReceived(_REQUEST)
        self.end()
        (why,) = self.lost
        self.assertIsInstance(why, MalformedMessage)
        self.assertEqual((self.transport.aborted, self.received), (True, []))
        self.assertFalse(self.stream.send(_REQUEST, RELAY))

    def test_full(self) -> None:
        """While the system takes no more packets are dropped and counted, requests are not."""
        packets = (
            encodeChannelData(0x4000, b"x"),
            encodeSendIndication(bytes(12), _PEER, b"x"),
        )
        self.stream.pauseProducing()
        for packet in packets:
            self.assertFalse(self.stream.send(packet, RELAY))
            with self.assertRaises(OSError):
                self.stream.sender()(packet, RELAY)
        self.assertEqual(self.stream.send_errors, 4)
        self.assertTrue(self.stream.send(_REQUEST, RELAY))
        self.assertEqual(self.transport.value(), _REQUEST)
        self.stream.resumeProducing()
        for packet in packets:
            self.assertTrue(self.stream.send(packet, RELAY))

    def test_backlog(self) -> None:
        """The limit: where requests pile up too the relay is given up, by name."""
        self.stream.pauseProducing()
        for _ in range(REQUESTS_BACKLOG // len(_REQUEST)):
            self.assertTrue(self.stream.send(_REQUEST, RELAY))
        self.assertFalse(self.stream.send(_REQUEST, RELAY))
        (why,) = self.lost
        self.assertIsInstance(why, RelayDisconnected)
        self.assertTrue(self.transport.aborted)

    def test_lost(self) -> None:
        """A connection that ends is lost by name; one that was closed is not."""
        self.end()
        (why,) = self.lost
        assert isinstance(why, RelayRefused)
        self.assertEqual(why.code, 0)
        self.assertIn("connection with the relay ended", why.reason)

    def test_close(self) -> None:
        """Closing lets what was sent leave, within a limit, and leaves no timer."""
        gone = outcomeOf(self.stream.whenGone())
        self.stream.close()
        self.stream.close()
        self.assertTrue(self.transport.disconnecting)
        self.clock.advance(CLOSING_LIMIT - 0.1)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(0.2)
        self.assertTrue(self.transport.aborted)
        self.end()
        self.assertEqual((gone, self.lost), ([None], []))
        self.assertEqual(outcomeOf(self.stream.whenGone()), [None])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closeFull(self) -> None:
        """A connection that takes nothing is not waited for."""
        self.stream.pauseProducing()
        self.stream.close()
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WorldTests(SynchronousTestCase):
    """A client and a relay that is played, with 20 ms between them."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.machine = self.network.machine(
            "player", "198.51.100.1", profile=LinkProfile(latency=0.01)
        )
        self.relay = PlayedRelay(RELAY[0])
        self.there = self.network.machine(
            "relay", (RELAY[0], "203.0.113.3"), profile=LinkProfile(latency=0.01)
        )
        self.listening = self.relay.listenStreams(self.there)

    def connect(self, server: TurnServer = _SERVER, **wanted: Any) -> list[object]:
        """Return what becomes of a connection after ten seconds."""
        outcome = outcomeOf(
            connectClient(self.machine, server, (USER, PASSWORD), TurnClientSettings(**wanted))
        )
        self.network.advance(10.0)
        return outcome

    def allocated(self) -> tuple[TurnClient, RelayedSocket]:
        """Return an allocation."""
        (client,) = self.connect()
        assert isinstance(client, TurnClient), client
        outcome = outcomeOf(client.allocate(lambda data, peer: None))
        self.network.advance(1.0)
        (socket,) = outcome
        assert isinstance(socket, RelayedSocket), socket
        return client, socket

    def assertNothingLeft(self) -> None:
        """Assert that neither timers nor connections are left."""
        self.network.advance(3.0)
        self.assertEqual((self.network.clock.getDelayedCalls(), self.relay.connections), ([], []))

    def test_keptAlive(self) -> None:
        """An hour over a stream: refreshed, nothing sent twice, and gone when it is closed."""
        client, socket = self.allocated()
        asked = [outcomeOf(socket.permit("192.0.2.9")), outcomeOf(socket.bindChannel(_PEER))]
        self.network.advance(3590.0)
        self.assertEqual(asked, [[None], [0x4000]])
        self.assertFalse(socket.closed)
        self.assertEqual(self.relay.requests.count(REFRESH), 6)
        socket.send(b"x", _PEER)
        self.network.advance(1.0)
        self.assertEqual(self.relay.received[-1], b"\x40\0\0\1x")
        stream = streamOf(client)
        assert stream is not None
        gone = outcomeOf(stream.whenGone())
        client.close()
        self.network.advance(1.0)
        self.assertEqual((gone, self.relay.allocations), ([None], {}))
        self.assertNothingLeft()

    def test_connectionEnds(self) -> None:
        """"Connection loss = allocation lost by name", also for requests on their way."""
        client, socket = self.allocated()
        told = outcomeOf(socket.whenLost())
        self.relay.silent = True
        asked = outcomeOf(socket.permit("192.0.2.9"))
        self.network.advance(1.0)
        self.relay.connections[0].transport.abortConnection()
        self.network.advance(1.0)
        self.assertIsInstance(told[0], RelayDisconnected)
        self.assertIsInstance(asked[0], RelayRefused)
        self.assertTrue(socket.closed)
        self.assertFalse(socket.send(b"x", _PEER))
        client.close()
        self.assertNothingLeft()

    def test_relayGone(self) -> None:
        """A relay that loses power is found out by the refresh, at the latest."""
        client, socket = self.allocated()
        told = outcomeOf(socket.whenLost())
        self.there.stop()
        socket.verify()
        self.network.advance(60.0)
        self.assertEqual(len(told), 1)
        client.close()
        self.network.advance(60.0)
        self.assertEqual(self.machine.clock.getDelayedCalls(), [])

    def test_nobodyListens(self) -> None:
        """No connection is a RelayRefused of code 0; a bad address has its own name."""
        (refused,) = self.connect(TurnServer(RELAY[0], 9, Transport.TCP))
        self.assertIsInstance(refused, RelayDisconnected)
        (refused,) = self.connect(
            TurnServer("203.0.113.77", 9, Transport.TCP), connect_timeout=2.0
        )
        self.assertIsInstance(refused, RelayDisconnected)
        (refused,) = self.connect(TurnServer("", 9, Transport.TCP))
        self.assertIsInstance(refused, BadAddress)
        self.listening.stopListening()
        self.assertNothingLeft()

    def test_alternate(self) -> None:
        """300 over a stream: the other server is asked over a stream of its own."""
        other = PlayedRelay("203.0.113.3")
        other.listenStreams(self.there, 3479)
        moved = b"\0\1\x0d\x97\xcb\0\x71\x03"
        self.relay.refusals[ALLOCATE] = (300, ((0x8023, moved),))
        settings = TurnClientSettings()
        made: list[TurnClient] = []
        outcome = outcomeOf(
            Deferred.fromCoroutine(
                allocateAt(
                    self.machine, _SERVER, (USER, PASSWORD), lambda data, peer: None,
                    settings, None, made.append,
                )
            )
        )  # fmt: skip
        self.network.advance(2.0)
        client, socket = outcome[0]  # type: ignore[misc]
        self.assertEqual(socket.address[0], "203.0.113.3")
        self.assertEqual((len(made), made[-1], self.relay.connections), (2, client, []))
        other.refusals[ALLOCATE] = (300, ((0x8023, b"\0\1\x0d\x96\xcb\0\x71\x02"),))
        client.close()
        outcome = outcomeOf(
            Deferred.fromCoroutine(
                allocateAt(self.machine, _SERVER, (USER, PASSWORD), lambda *seen: None, settings)
            )
        )
        self.network.advance(2.0)
        refused = outcome[0]
        assert isinstance(refused, RelayRefused)
        self.assertIn("circle", refused.reason)
        self.assertNothingLeft()
