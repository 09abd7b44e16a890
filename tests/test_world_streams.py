"""
Tests of L{gamenet.world.streams} and L{gamenet.world.transport}: ordered, reliable, closable.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.protocols.basic import Int32StringReceiver
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from gamenet.errors import BadSetting
from gamenet.world.link import LinkProfile
from gamenet.world.stream_path import StreamLimits
from tests.world_streams import CLIENT, SERVER, Recorder, Wire

FAULTY = LinkProfile(latency=0.02, jitter=0.03, loss=0.2, duplication=0.2, reordering=0.2)


class Strings(Int32StringReceiver):
    """Keeps the strings it receives, and counts the pieces they came in."""

    def __init__(self) -> None:
        self.strings: list[bytes] = []
        self.made = 0
        self.reads = 0

    def connectionMade(self) -> None:
        """Count it."""
        self.made += 1

    def dataReceived(self, data: bytes) -> None:
        """Count the pieces."""
        self.reads += 1
        super().dataReceived(data)

    def stringReceived(self, string: bytes) -> None:
        """Keep it."""
        self.strings.append(string)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    """Goes on when the other side has said all."""

    def __init__(self) -> None:
        super().__init__()
        self.half: list[str] = []

    def readConnectionLost(self) -> None:
        """Write it down."""
        self.half.append("read")

    def writeConnectionLost(self) -> None:
        """Write it down."""
        self.half.append("write")


class DataTests(SynchronousTestCase):
    """Bytes from end to end."""

    def test_interfaces(self) -> None:
        """Transports provide ITCPTransport, IConsumer and IPushProducer."""
        for protocol in Wire().connect():
            verifyObject(ITCPTransport, protocol.transport)
            verifyObject(IConsumer, protocol.transport)
            verifyObject(IPushProducer, protocol.transport)

    def test_addresses(self) -> None:
        """Each end knows its own address and the other's."""
        near, far = Wire().connect()
        here, there = near.transport.getHost(), far.transport.getHost()
        self.assertEqual((there.type, there.host, there.port), ("TCP", SERVER, 7770))
        self.assertEqual((here.type, here.host), ("TCP", CLIENT))
        self.assertEqual((near.transport.getPeer(), far.transport.getPeer()), (there, here))

    def test_bothWays(self) -> None:
        """Writes arrive in order, after the latency and not before."""
        wire = Wire(1, LinkProfile(latency=0.5))
        near, far = wire.connect()
        near.transport.write(b"one ")
        near.transport.writeSequence([b"two ", bytearray(b"three")])
        far.transport.write(b"back")
        wire.network.advance(0.499)
        self.assertEqual((near.received, far.received), (b"", b""))
        wire.network.advance(0.1)
        self.assertEqual((near.received, far.received), (b"back", b"one two three"))

    def test_wrongTypes(self) -> None:
        """Text cannot be written; nothing and nothing at all can, to no effect."""
        near, far = (wire := Wire()).connect()
        self.assertRaises(TypeError, near.transport.write, "text")
        self.assertRaises(TypeError, near.transport.writeSequence, ["text"])
        near.transport.write(b"")
        near.transport.writeSequence([])
        wire.network.advance(1.0)
        self.assertEqual(far.pieces, [])

    def test_splitAndCoalesced(self) -> None:
        """Writes are cut and joined as the seed says, so that framing is really exercised."""
        wire = Wire(5, LinkProfile(latency=0.01))
        near, far = wire.connect()
        whole = b""
        for number in range(200):
            near.transport.write(b"%05d" % number * 40)
            whole += b"%05d" % number * 40
            wire.network.advance(0.002)
        wire.network.advance(1.0)
        self.assertEqual(far.received, whole)
        sizes = [len(piece) for piece in far.pieces]
        self.assertGreater(sum(size < 200 for size in sizes), 20, "cut")
        self.assertGreater(sum(size > 200 for size in sizes), 20, "joined")
        self.assertGreater(sum(size <= 8 for size in sizes), 3, "cut within a length prefix")
        self.assertGreater(sum(8 < size < 200 for size in sizes), 10, "cut anywhere")

    def test_noDelay(self) -> None:
        """TCP_NODELAY ends the waiting for more to send, and is remembered, as is keep-alive."""
        for no_delay in (True, False):
            wire = Wire(6)
            near, far = wire.connect()
            near.transport.setTcpNoDelay(no_delay)
            near.transport.setTcpKeepAlive(True)
            self.assertEqual(near.transport.getTcpNoDelay(), no_delay)
            self.assertIs(near.transport.getTcpKeepAlive(), True)
            at_once = 0
            for number in range(1, 101):
                near.transport.write(b"x")
                wire.network.advance(0.0)
                at_once += len(far.received) == number
                wire.network.advance(1.0)
            self.assertEqual(at_once == 100, no_delay)
            self.assertGreater(at_once, 50)

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    ["near", "far", "part", "heal", "hiccup", "hiccup far", "profile", "pause"]
                ),
                st.integers(0, 3_000),
            ),
            max_size=40,
        ),
        st.integers(0, 1_000),
    )
    def test_orderUnderEveryFault(self, steps: list[tuple[str, int]], seed: int) -> None:
        """Whatever the links, partitions and hiccups do, strings arrive in order, each once."""
        wire = Wire(seed, FAULTY, kind=Strings)
        near, far = wire.connect()
        sent: dict[str, list[bytes]] = {"near": [], "far": []}
        for kind, size in steps:
            if kind in sent:
                string = bytes([size % 256]) * size
                sent[kind].append(string)
                (near if kind == "near" else far).sendString(string)
            elif kind == "part":
                wire.network.partition(["client"], ["server"], one_way=bool(size % 2))
            elif kind == "heal":
                wire.network.heal()
            elif kind == "hiccup":
                wire.client.suspend(size / 10_000)
            elif kind == "hiccup far":
                wire.server.suspend(size / 10_000)
            elif kind == "profile":
                wire.network.setProfile("client", LinkProfile(latency=size / 10_000, loss=0.1))
            else:
                near.transport.pauseProducing()
                wire.network.clock.callLater(size / 5_000, near.transport.resumeProducing)
            wire.network.advance(size / 10_000)
        wire.network.heal()
        wire.network.advance(60.0)
        self.assertEqual(far.strings, sent["near"])
        self.assertEqual(near.strings, sent["far"])

    def test_jitter(self) -> None:
        """Jitter makes what is sent arrive anywhere within it, in order."""
        wire = Wire(8, LinkProfile(latency=0.1, jitter=0.1))
        near, far = wire.connect()
        near.transport.setTcpNoDelay(True)
        delays = []
        for number in range(1, 201):
            sent_at = wire.network.clock.seconds()
            near.transport.write(b"x")
            wire.network.runUntil(lambda number=number: len(far.received) == number, 1.0)
            delays.append(wire.network.clock.seconds() - sent_at)
        self.assertGreaterEqual(min(delays), 0.1 - 1e-9)
        self.assertLess(max(delays), 0.2)
        self.assertLess(min(delays), 0.105)
        self.assertGreater(max(delays), 0.195)

    def test_retransmissionTimeouts(self) -> None:
        """What is lost is sent again after 0.2 s and a trip, then twice that, six times at most."""
        wire = Wire(1, LinkProfile(latency=0.1))
        near, far = wire.connect()
        near.transport.setTcpNoDelay(True)
        wire.network.setProfile("client", LinkProfile(latency=0.1, loss=1.0))
        near.transport.write(b"x")
        wire.network.advance(0.1 + 0.3 * 63 - 0.001)
        self.assertEqual(far.received, b"")
        wire.network.advance(0.002)
        self.assertEqual(far.received, b"x")
        self.assertEqual(wire.network.counters.stream_retransmissions, 6)

    def test_lossCostsTime(self) -> None:
        """A lossy link delivers everything, later, and counts what it sent again."""
        took = []
        for loss in (0.0, 0.5):
            wire = Wire(7, LinkProfile(latency=0.01, loss=loss))
            near, far = wire.connect()
            started = wire.network.clock.seconds()
            for _ in range(50):
                near.transport.write(b"x" * 1000)
                wire.network.advance(0.01)
            wire.network.runUntil(lambda far=far: len(far.received) == 50_000, 60.0)
            took.append(wire.network.clock.seconds() - started)
            self.assertEqual(wire.network.counters.stream_retransmissions > 10, loss > 0)
        self.assertGreater(took[1], took[0] + 0.2)

    def test_suspended(self) -> None:
        """A suspended machine reads and writes nothing until its suspension ends."""
        wire = Wire()
        near, far = wire.connect()
        wire.server.suspend(2.0)
        near.transport.write(b"in")
        far.transport.write(b"out")
        wire.network.advance(1.9)
        self.assertEqual((near.received, far.received), (b"", b""))
        wire.network.advance(0.2)
        self.assertEqual((near.received, far.received), (b"out", b"in"))

    def test_limits(self) -> None:
        """Limits that no stream can have are refused."""
        for impossible in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0), (1, 1, float("nan"))):
            self.assertRaises(BadSetting, StreamLimits, *impossible)
        StreamLimits(1, 1, 0.001)


class ClosingTests(SynchronousTestCase):
    """Ends of connections, with the reasons that Twisted gives."""

    def setUp(self) -> None:
        self.wire = Wire(1, LinkProfile(latency=0.1))
        self.near, self.far = self.wire.connect()

    def test_loseConnection(self) -> None:
        """What was written arrives first; then both ends are done, each told once."""
        self.near.transport.write(b"x" * 500_000)
        self.near.transport.loseConnection()
        self.near.transport.loseConnection()
        self.assertTrue(self.near.transport.disconnecting)
        self.far.transport.write(b"nobody reads this any more")
        self.wire.network.advance(5.0)
        self.assertEqual(len(self.far.received), 500_000)
        self.assertEqual(self.near.received, b"")
        self.assertEqual(self.near.lostBy(), [ConnectionDone])
        self.assertEqual(self.far.lostBy(), [ConnectionDone])
        self.assertFalse(self.near.transport.connected)
        self.assertEqual(self.wire.connecting.stopped, 1)

    def test_nothingAfter(self) -> None:
        """On a closed transport nothing does anything."""
        self.near.transport.loseConnection()
        self.wire.network.advance(5.0)
        entries = self.wire.network.trace.entries
        for transport in (self.near.transport, self.far.transport):
            transport.write(b"x")
            transport.loseConnection()
            transport.abortConnection()
            transport.loseWriteConnection()
            transport.pauseProducing()
            transport.resumeProducing()
        self.wire.network.advance(5.0)
        self.assertEqual((self.near.received, self.far.received), (b"", b""))
        self.assertEqual(len(self.near.lost) + len(self.far.lost), 2)
        self.assertEqual(self.wire.network.trace.entries, entries)

    def test_stopProducing(self) -> None:
        """As a producer, a transport that is stopped closes."""
        self.near.transport.stopProducing()
        self.wire.network.advance(5.0)
        self.assertEqual(self.near.lostBy() + self.far.lostBy(), [ConnectionDone] * 2)

    def test_abortConnection(self) -> None:
        """An aborted end knows at once, the other after the latency; what was unsent is not."""
        self.far.transport.write(b"x" * 100)
        self.near.transport.write(b"x" * 1_000_000)
        self.near.transport.abortConnection()
        self.assertEqual(self.near.lostBy(), [ConnectionAborted])
        self.wire.network.advance(0.099)
        self.assertEqual(self.far.lostBy(), [])
        self.wire.network.advance(0.1)
        self.assertEqual(self.far.lostBy(), [ConnectionLost])
        self.assertLess(len(self.far.received), 1_000_000)
        self.wire.network.advance(1.0)
        self.assertEqual(self.near.received, b"")

    def test_abortInsteadOfClosing(self) -> None:
        """An end that was about to close may still abort; the other end hears of that alone."""
        entries = self.wire.network.trace.entries
        self.near.transport.loseConnection()
        self.near.transport.abortConnection()
        self.wire.network.advance(5.0)
        self.assertEqual(self.near.lostBy(), [ConnectionAborted])
        self.assertEqual(self.far.lostBy(), [ConnectionLost])
        self.assertEqual(self.wire.network.trace.entries, entries + 1)

    def test_bothAtOnce(self) -> None:
        """Ends that close at the same time are both done."""
        self.near.transport.loseConnection()
        self.far.transport.loseConnection()
        self.wire.network.advance(5.0)
        self.assertEqual(self.near.lostBy() + self.far.lostBy(), [ConnectionDone] * 2)

    def test_raisingProtocol(self) -> None:
        """A protocol that raises is closed with what it raised; the other end is done."""

        def fails(data: bytes) -> None:
            raise ZeroDivisionError

        self.far.dataReceived = fails
        self.near.transport.write(b"x")
        self.wire.network.advance(5.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.far.lostBy(), [ZeroDivisionError])
        self.assertEqual(self.near.lostBy(), [ConnectionDone])

    def test_raisingAtTheEnd(self) -> None:
        """A protocol that raises as it loses its connection is logged, and nothing else."""

        def fails(reason: object) -> None:
            raise ZeroDivisionError

        self.far.connectionLost = fails
        self.near.transport.loseConnection()
        self.wire.network.advance(5.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.near.lostBy(), [ConnectionDone])

    def test_halfClose(self) -> None:
        """A half-closed end still reads; one that cannot go on alone is closed by it."""
        wire = Wire(1, LinkProfile(latency=0.1), kind=HalfCloseable)
        near, far = wire.connect()
        near.transport.write(b"last words")
        near.transport.loseWriteConnection()
        wire.network.advance(1.0)
        near.transport.write(b"not sent")
        self.assertEqual((near.half, far.half), (["write"], ["read"]))
        self.assertEqual(far.received, b"last words")
        far.transport.write(b"answer")
        wire.network.advance(1.0)
        self.assertEqual(near.received, b"answer")
        far.transport.loseConnection()
        wire.network.advance(1.0)
        self.assertEqual(near.lostBy() + far.lostBy(), [ConnectionDone] * 2)
        self.assertEqual(far.received, b"last words")
        self.near.transport.loseWriteConnection()
        self.wire.network.advance(1.0)
        self.assertEqual(self.near.lostBy() + self.far.lostBy(), [ConnectionDone] * 2)

    def test_halfCloseThenClose(self) -> None:
        """An end whose writing is closed already closes at once."""
        wire = Wire(1, kind=HalfCloseable)
        near, far = wire.connect()
        near.transport.loseWriteConnection()
        wire.network.advance(1.0)
        near.transport.loseConnection()
        wire.network.advance(1.0)
        self.assertEqual(near.lostBy(), [ConnectionDone])
        far.transport.loseWriteConnection()
        wire.network.advance(1.0)
        self.assertEqual(far.lostBy(), [ConnectionDone])

    def test_closedWhilePaused(self) -> None:
        """An end that does not read learns of the close when it reads again, after the data."""
        self.far.transport.pauseProducing()
        self.near.transport.write(b"data")
        self.near.transport.loseConnection()
        self.wire.network.advance(2.0)
        self.assertEqual((self.far.received, self.far.lostBy()), (b"", []))
        self.far.transport.resumeProducing()
        self.wire.network.advance(1.0)
        self.assertEqual((self.far.received, self.far.lostBy()), (b"data", [ConnectionDone]))

    def test_nothingIsKept(self) -> None:
        """A closed stream is forgotten by its world."""
        registry = self.wire.client.stream_host.registry
        self.assertEqual(len(registry.streams), 1)
        self.near.transport.loseConnection()
        self.wire.network.advance(5.0)
        self.assertEqual(len(registry.streams), 0)
