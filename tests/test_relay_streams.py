"""
Clients over TCP: messages of a stream, and streams that are slow, silent, many or full.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.settings import RelaySettings, StreamLimits
from gamenet.relay.stream_clients import CLOSING_TIME, UNPROVEN_LIMIT, RelayStream
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingRequest,
    readBindingAddress,
)
from gamenet.wire.stun_attributes import ERROR_CODE, NONCE, decodeErrorCode, decodeXorAddress
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    REFRESH,
    XOR_RELAYED_ADDRESS,
    encodeChannelData,
    encodeSendIndication,
)
from gamenet.wire.turn_stream import TurnStreamDecoder, padForStream
from tests.relay_desk import (
    SECRET,
    Attributes,
    allocateAttributes,
    channelAttributes,
    signedRequest,
    usernameOf,
)
from tests.relay_scene import GONE, Peer, RawClient, Scene

_LIMITS = StreamLimits(connections=3, connections_of_address=2, silence=30.0, partial=10.0)


class FullTransport(StringTransport):
    """A transport whose client does not read; it can be told so, and be aborted."""

    aborted = False

    def abortConnection(self) -> None:
        """Note it, and tell the protocol."""
        if not self.aborted:
            self.aborted = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    protocol: RelayStream


class StreamClient:
    """A client on a stream of one relay."""

    def __init__(self, scene: Scene, address: Any = None) -> None:
        self.scene = scene
        peer = address or IPv4Address("TCP", "198.51.100.9", 5000)
        self.transport = FullTransport(peerAddress=peer)
        self.stream = scene.server.streams.buildProtocol(None)
        self.transport.protocol = self.stream
        self.stream.makeConnection(self.transport)
        self._decoder = TurnStreamDecoder()
        self._received: list[bytes] = []
        self._transactions = 0
        #: What is sent right behind each signed request.
        self.behind = b""

    @property
    def received(self) -> list[bytes]:
        """Every message that came so far."""
        self._received += self._decoder.feed(self.transport.value())
        self.transport.clear()
        return self._received

    def put(self, data: bytes) -> None:
        """Send bytes to the relay, and let everything arrive."""
        self.stream.dataReceived(data)
        self.scene.network.settle()

    def nextId(self) -> bytes:
        """Return a new transaction id."""
        self._transactions += 1
        return self._transactions.to_bytes(12, "big")

    def ask(self, method: int, attributes: Attributes = (), transaction_id: bytes = b"") -> int:
        """Put a request with a nonce of this moment; return the answer's error code, or 0."""
        bare = StunMessage(ALLOCATE, MessageClass.REQUEST, self.nextId(), allocateAttributes())
        self.put(encode(bare))
        nonce = decode(self.received[-1]).first(NONCE) or b""
        transaction = transaction_id or self.nextId()
        username = usernameOf("alice", 1e6)
        self.put(signedRequest(method, attributes, username, nonce, transaction) + self.behind)
        answer = decode(self.received[-1])
        if answer.message_class is MessageClass.SUCCESS:
            return 0
        return decodeErrorCode(answer.first(ERROR_CODE) or b"").code

    def allocate(self) -> tuple[str, int]:
        """Make an allocation; return its relayed address."""
        assert self.ask(ALLOCATE, allocateAttributes()) == 0
        answer = decode(self.received[-1])
        return decodeXorAddress(answer.first(XOR_RELAYED_ADDRESS) or b"", answer.transaction_id)

    def bind(self, number: int, peer: tuple[str, int]) -> int:
        """Bind a channel."""
        transaction_id = self.nextId()
        return self.ask(
            CHANNEL_BIND, channelAttributes(number, peer, transaction_id), transaction_id
        )


class StreamCase(SynchronousTestCase):
    """A relay with few streams."""

    def setUp(self) -> None:
        self.scene = Scene(RelaySettings((SECRET,), streams=_LIMITS))
        self.counters = self.scene.server.counters
        self.client = StreamClient(self.scene)
        self.peer = Peer(self.scene)


class RelayedTests(StreamCase):
    """Allocate, Send, Data and ChannelData over TCP."""

    def test_binding(self) -> None:
        """Binding over TCP: the address of the stream's other end."""
        self.client.put(encodeBindingRequest(bytes(12)))
        answer = decode(self.client.received[-1])
        self.assertEqual(readBindingAddress(answer), ("198.51.100.9", 5000))
        self.assertEqual(self.counters.bindings, 1)

    def test_channelData(self) -> None:
        """ChannelData over streams is padded to four bytes, both ways."""
        relayed = self.client.allocate()
        self.assertEqual(self.client.bind(0x4000, self.peer.address), 0)
        for payload in (b"", b"a", b"ab", b"abcd", bytes(40_000)):
            self.client.put(padForStream(encodeChannelData(0x4000, payload)))
            self.assertEqual(self.peer.received[-1], (payload, relayed))
            self.peer.send(payload, relayed)
            value = self.client.transport.value()
            self.assertEqual(value, padForStream(encodeChannelData(0x4000, payload)))
            self.assertEqual(self.client.received[-1], encodeChannelData(0x4000, payload))

    def test_indications(self) -> None:
        """Send and Data over TCP; a stranger's port becomes a Data indication."""
        relayed = self.client.allocate()
        self.client.bind(0x4000, self.peer.address)
        self.client.put(encodeSendIndication(bytes(12), self.peer.address, b"there"))
        self.assertEqual(self.peer.received, [(b"there", relayed)])
        Peer(self.scene).send(b"stranger", relayed)
        self.assertEqual(
            decode(self.client.received[-1]).message_class, MessageClass.INDICATION
        )

    def test_toAClientOverUdp(self) -> None:
        """The short cut between a client over TCP and one over UDP."""
        relayed = self.client.allocate()
        other = RawClient(self.scene, "198.51.100.1", "bob")
        there = other.allocate()
        self.client.bind(0x4000, there)
        other.bind(0x4001, relayed)
        self.client.put(padForStream(encodeChannelData(0x4000, b"x")))
        self.assertEqual(other.received[-1], encodeChannelData(0x4001, b"x"))
        other.put(encodeChannelData(0x4001, b"yz"))
        self.assertEqual(self.client.received[-1], encodeChannelData(0x4000, b"yz"))
        self.assertEqual(self.counters.short_cut_packets, 2)

    def test_ends(self) -> None:
        """The allocation ends with its stream, and its port is closed."""
        self.client.allocate()
        self.assertEqual(len(self.scene.relayedPorts()), 1)
        self.assertEqual(self.counters.streams_active, 1)
        self.client.transport.abortConnection()
        self.assertEqual(self.scene.relayedPorts(), [])
        self.assertEqual((self.counters.allocations_active, self.counters.streams_active), (0, 0))
        self.assertEqual(self.counters.asDict()["allocations_ended"]["disconnected"], 1)  # type: ignore[index]
        self.assertEqual(self.scene.network.clock.getDelayedCalls(), [])

    def test_notDisturbedByUdp(self) -> None:
        """The same client address over UDP is another 5-tuple."""
        self.client.allocate()
        machine = self.scene.network.machine("198.51.100.9")
        machine._next_port = 5000
        other = RawClient(self.scene, "198.51.100.9")
        self.assertEqual(other.address, ("198.51.100.9", 5000))
        self.assertEqual(other.ask(REFRESH), 437)
        other.allocate()
        self.assertEqual(self.counters.allocations_active, 2)

    def test_mappedAddress(self) -> None:
        """An IPv4-mapped address of a dual-stack listener is told as IPv4; IPv6 as it is."""
        mapped = ("::ffff:198.51.100.7", "198.51.100.7")
        for given, told in (mapped, ("2001:DB8::1", "2001:db8::1")):
            client = StreamClient(self.scene, IPv6Address("TCP", given, 7))
            client.put(encodeBindingRequest(bytes(12)))
            self.assertEqual(readBindingAddress(decode(client.received[-1])), (told, 7))
            client.transport.abortConnection()


class LimitTests(StreamCase):
    """Slow and half-open streams bounded by time and count."""

    def test_silent(self) -> None:
        """Who has no allocation within 30 s is closed: half-open TLS too."""
        self.client.put(encodeBindingRequest(bytes(12)))
        self.scene.network.advance(29.9)
        self.assertFalse(self.client.transport.aborted)
        self.scene.network.advance(0.1)
        self.assertTrue(self.client.transport.aborted)
        self.assertEqual(self.scene.dropped(), {"stream_stalled": 1})

    def test_allocated(self) -> None:
        """Who has one stays, until 30 s after it ended."""
        self.client.allocate()
        self.scene.network.advance(599.0)
        self.assertFalse(self.client.transport.aborted)
        self.assertEqual(self.client.ask(REFRESH, GONE), 0)
        self.scene.network.advance(29.9)
        self.assertFalse(self.client.transport.aborted)
        self.scene.network.advance(0.1)
        self.assertTrue(self.client.transport.aborted)

    def test_slow(self) -> None:
        """Slowloris on TCP framing: a message has 10 s to become whole, however it trickles."""
        self.client.allocate()
        message = encodeBindingRequest(bytes(12))
        for place in range(10):
            self.client.put(message[place : place + 1])
            self.scene.network.advance(0.99)
        self.assertFalse(self.client.transport.aborted)
        self.scene.network.advance(0.11)
        self.assertTrue(self.client.transport.aborted)
        self.assertEqual(self.scene.dropped(), {"stream_stalled": 1})

    def test_whole(self) -> None:
        """A message that becomes whole in time starts the clock anew for the next."""
        self.client.allocate()
        message = encodeBindingRequest(bytes(12))
        for _ in range(5):
            self.client.put(message[:7])
            self.scene.network.advance(9.0)
            self.client.put(message[7:])
            self.scene.network.advance(9.0)
        self.client.put(message + message[:7])
        self.scene.network.advance(9.0)
        self.client.put(message[7:] + message[:7])
        self.scene.network.advance(9.9)
        self.assertFalse(self.client.transport.aborted)
        self.scene.network.advance(0.1)
        self.assertTrue(self.client.transport.aborted)

    def test_long(self) -> None:
        """A length of 65535 is refused at once from who has proven nothing."""
        self.client.put(b"\x40\x00\xff\xff")
        self.assertTrue(self.client.transport.aborted)
        self.assertEqual(self.scene.dropped(), {"malformed": 1})
        self.assertEqual(UNPROVEN_LIMIT, 2048)

    def test_garbage(self) -> None:
        """What is no STUN message closes the stream."""
        for garbage in (b"\x80\0\0\0", b"\0\1\0\0" + bytes(16), b"GET / HTTP/1.1\r\n\r\n"):
            client = StreamClient(self.scene)
            client.put(garbage)
            self.assertTrue(client.transport.aborted, garbage)
        self.assertEqual(self.scene.dropped(), {"malformed": 3})

    def test_notStopped(self) -> None:
        """Nothing behind garbage is read."""
        self.client.put(b"\0\1\0\0" + bytes(16) + encodeBindingRequest(bytes(12)))
        self.assertEqual(self.client.transport.value(), b"")

    def test_tooMany(self) -> None:
        """Streams are bounded for each source address and in total, and told of."""
        second = StreamClient(self.scene)
        third = StreamClient(self.scene)
        self.assertTrue(third.transport.aborted)
        other = StreamClient(self.scene, IPv4Address("TCP", "198.51.100.10", 1))
        full = StreamClient(self.scene, IPv4Address("TCP", "198.51.100.11", 1))
        self.assertTrue(full.transport.aborted)
        self.assertFalse(other.transport.aborted)
        self.assertEqual(self.scene.dropped(), {"stream_refused": 2})
        second.transport.abortConnection()
        self.assertFalse(StreamClient(self.scene).transport.aborted)
        third.put(encodeBindingRequest(bytes(12)))
        self.assertEqual(third.transport.value(), b"")

    def test_noAddress(self) -> None:
        """A stream without an Internet address is turned away."""
        client = StreamClient(self.scene, UNIXAddress("/nowhere"))
        self.assertTrue(client.transport.aborted)
        self.assertEqual(self.scene.dropped(), {"stream_refused": 1})

    def test_full(self) -> None:
        """A client that does not read: packets are dropped, answers kept, nothing more is read."""
        relayed = self.client.allocate()
        self.client.bind(0x4000, self.peer.address)
        self.client.stream.pauseProducing()
        self.assertEqual(self.client.transport.producerState, "paused")
        before = len(self.client.received)
        self.peer.send(b"lost", relayed)
        self.assertEqual(self.scene.dropped(), {"backlog": 1})
        self.client.put(encodeBindingRequest(bytes(12)))
        self.assertEqual(len(self.client.received), before + 1)
        self.client.stream.resumeProducing()
        self.assertEqual(self.client.transport.producerState, "producing")
        self.peer.send(b"there", relayed)
        self.assertEqual(self.client.received[-1], encodeChannelData(0x4000, b"there"))

    def test_afterStop(self) -> None:
        """When the relay stops every stream is closed, and who comes then is too."""
        self.client.allocate()
        closed = self.scene.server.stop()
        self.assertTrue(self.client.transport.disconnecting)
        self.assertNoResult(closed)
        self.assertTrue(StreamClient(self.scene).transport.aborted)
        self.client.put(encodeBindingRequest(bytes(12)))
        self.assertEqual(self.client.transport.value(), b"")
        self.scene.network.advance(CLOSING_TIME)
        self.assertTrue(self.client.transport.aborted)
        self.successResultOf(closed)
        self.successResultOf(self.scene.server.stop())
        self.assertEqual(self.scene.network.clock.getDelayedCalls(), [])

    def test_lastAnswer(self) -> None:
        """A drain that ends over TCP: the last client's farewell is answered before the end."""
        self.client.allocate()
        drained = self.scene.server.drain()
        drained.addCallback(lambda _: self.scene.server.stop())
        self.assertEqual(self.client.ask(REFRESH, GONE), 0)
        self.assertTrue(self.client.transport.disconnecting)
        self.client.transport.abortConnection()
        self.successResultOf(drained)

    def test_lastAnswerOfSeveral(self) -> None:
        """What comes behind the last farewell does not take its answer away."""
        self.client.allocate()
        self.scene.server.drain().addCallback(lambda _: self.scene.server.stop())
        self.client.behind = encodeBindingRequest(bytes(12))
        self.assertEqual(self.client.ask(REFRESH, GONE), 0)
        self.assertFalse(self.client.transport.aborted)

    def test_pausedByAnswers(self) -> None:
        """A stream that our own answers paused has no time to run out, half a message or not."""
        self.client.allocate()
        stream = self.client.stream
        write = self.client.transport.write

        def writeAndPause(data: bytes) -> None:
            write(data)
            stream.pauseProducing()

        self.client.transport.write = writeAndPause
        message = encodeBindingRequest(bytes(12))
        self.client.put(message + message[:9])
        self.scene.network.advance(20.0)
        self.assertFalse(self.client.transport.aborted)

    def test_pausedWhilePartial(self) -> None:
        """A stream that we paused is not ended as too slow, and has its time when it goes on."""
        self.client.allocate()
        message = encodeBindingRequest(bytes(12))
        self.client.put(message[:9])
        self.client.stream.pauseProducing()
        self.scene.network.advance(11.0)
        self.assertFalse(self.client.transport.aborted)
        self.client.stream.resumeProducing()
        self.scene.network.advance(9.9)
        self.assertFalse(self.client.transport.aborted)
        self.scene.network.advance(0.1)
        self.assertTrue(self.client.transport.aborted)

    def test_ipv6Network(self) -> None:
        """Streams of one IPv6 /64 are of one source."""
        transports = [
            StreamClient(self.scene, IPv6Address("TCP", f"2001:db8::{number}", 1)).transport
            for number in (1, 2, 3)
        ]
        self.assertEqual([each.aborted for each in transports], [False, False, True])

    def test_bindingClasses(self) -> None:
        """Nobody is answered who sends an indication or an answer."""
        for message_class in (MessageClass.INDICATION, MessageClass.SUCCESS, MessageClass.ERROR):
            self.client.put(encode(StunMessage(BINDING, message_class, bytes(12))))
        self.assertEqual(self.client.transport.value(), b"")
        self.assertEqual(self.scene.dropped(), {"not_a_request": 2})
