"""
Tests of flow control on the world's streams: producers, windows, readers that pause.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from gamenet.world.link import LinkProfile
from gamenet.world.stream_path import StreamLimits
from tests.world_streams import Wire

LIMITS = StreamLimits(window=10_000, write_buffer=4_000)


class PushProducer:
    """Writes pieces of 1000 bytes whenever it is not paused."""

    def __init__(self, transport: Any, clock: Any) -> None:
        self.transport = transport
        self.clock = clock
        self.log: list[str] = []
        self.paused = False
        self.stopped = False
        self.written = 0
        self.highest = 0

    def produce(self) -> None:
        """Write for as long as it lasts, and again a bit later."""
        if self.stopped:
            return
        for _ in range(3):
            if not self.paused:
                self.transport.write(b"x" * 1_000)
                self.written += 1_000
        self.clock.callLater(0.01, self.produce)

    def pauseProducing(self) -> None:
        """Pause."""
        self.log.append("pause")
        self.paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self.log.append("resume")
        self.paused = False

    def stopProducing(self) -> None:
        """Stop for good."""
        self.log.append("stop")
        self.stopped = True


class PullProducer:
    """Writes a piece each time it is asked, ten times."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.asked = 0
        self.stopped = False

    def resumeProducing(self) -> None:
        """Write one piece, or be done."""
        self.asked += 1
        if self.asked > 10:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        else:
            self.transport.write(b"%d" % (self.asked % 10) * 100)

    def stopProducing(self) -> None:
        """Stop for good."""
        self.stopped = True


class FlowTests(SynchronousTestCase):
    """Bounded buffers between a writer and a reader."""

    def setUp(self) -> None:
        self.wire = Wire(1, LinkProfile(latency=0.05), LIMITS)
        self.network = self.wire.network
        self.near, self.far = self.wire.connect()

    def producing(self) -> PushProducer:
        """Return a push producer that has begun."""
        producer = PushProducer(self.near.transport, self.wire.client.clock)
        self.near.transport.registerProducer(producer, True)
        producer.produce()
        return producer

    def test_pausedReader(self) -> None:
        """A reader that pauses stops the writer after window and buffer; then all arrives."""
        self.far.transport.pauseProducing()
        producer = self.producing()
        self.network.advance(5.0)
        self.assertEqual(self.far.received, b"")
        self.assertEqual(producer.log[-1], "pause")
        self.assertLessEqual(producer.written, 10_000 + 4_000 + 1_000)
        self.assertGreater(producer.written, 10_000)
        self.assertEqual(self.near.transport.pipe_out.in_flight, 10_000)
        self.far.transport.resumeProducing()
        self.network.advance(5.0)
        self.assertGreater(len(self.far.received), 100_000)
        producer.stopped = True
        self.network.advance(5.0)
        self.assertEqual(len(self.far.received), producer.written)
        self.assertEqual(self.near.transport.pipe_out.in_flight, 0)

    def test_pausesAndResumesInTurn(self) -> None:
        """A producer is paused and resumed by turns, beginning with a pause."""
        producer = self.producing()
        self.network.advance(5.0)
        self.assertGreater(len(producer.log), 4)
        self.assertEqual(producer.log[: len(producer.log) // 2 * 2 : 2].count("resume"), 0)
        self.assertEqual(producer.log[1::2].count("pause"), 0)

    def test_window(self) -> None:
        """Never more than the window is on its way, however much is written at once."""
        self.near.transport.write(b"y" * 100_000)
        for _ in range(200):
            self.network.advance(0.01)
            self.assertLessEqual(self.near.transport.pipe_out.in_flight, 10_000)
            self.assertGreaterEqual(self.near.transport.pipe_out.in_flight, 0)
        self.network.advance(5.0)
        self.assertEqual(self.far.received, b"y" * 100_000)

    def test_pullProducer(self) -> None:
        """A pull producer is asked each time there is room, and its last words arrive."""
        producer = PullProducer(self.near.transport)
        self.near.transport.registerProducer(producer, False)
        self.assertEqual(producer.asked, 1)
        self.network.advance(5.0)
        self.assertEqual(producer.asked, 11)
        self.assertEqual(
            self.far.received, b"".join(b"%d" % (number % 10) * 100 for number in range(1, 11))
        )
        self.assertEqual(self.far.lostBy(), [ConnectionDone])

    def test_closeWaitsForAPausedProducer(self) -> None:
        """A connection is not closed under a paused producer; without it, it is."""
        producer = self.producing()
        self.network.runUntil(lambda: producer.paused, 5.0)
        producer.stopped = True
        written = producer.written
        self.near.transport.loseConnection()
        self.network.runUntil(lambda: producer.log[-1] == "resume", 5.0)
        self.assertEqual(self.near.lostBy(), [])
        self.near.transport.unregisterProducer()
        self.network.advance(5.0)
        self.assertEqual(self.near.lostBy(), [ConnectionDone])
        self.assertEqual(len(self.far.received), written)

    def test_producerOfALostConnection(self) -> None:
        """A producer is stopped with its connection, one that comes too late at once."""
        producer = self.producing()
        self.far.transport.abortConnection()
        self.network.advance(1.0)
        self.assertEqual(producer.log[-1], "stop")
        late = PushProducer(self.near.transport, self.wire.client.clock)
        self.near.transport.registerProducer(late, True)
        self.assertEqual(late.log, ["stop"])
        self.assertIsNone(self.near.transport.producer)

    def test_oneProducer(self) -> None:
        """There is one producer at a time."""
        producer = self.producing()
        self.assertRaises(RuntimeError, self.near.transport.registerProducer, producer, True)
        self.near.transport.unregisterProducer()
        self.near.transport.registerProducer(producer, True)

    def test_anotherProducer(self) -> None:
        """A producer is never resumed for the pause of the one before it."""
        producer = self.producing()
        self.network.runUntil(lambda: producer.paused, 5.0)
        producer.stopped = True
        self.near.transport.unregisterProducer()
        another = PushProducer(self.near.transport, self.wire.client.clock)
        self.near.transport.registerProducer(another, True)
        self.network.advance(5.0)
        self.assertEqual(another.log, [])

    def test_writeBuffer(self) -> None:
        """A producer is paused when more waits than the buffer's limit, not before."""
        for size, log in ((4_000, []), (4_001, ["pause"])):
            producer = PushProducer(self.near.transport, self.wire.client.clock)
            self.near.transport.registerProducer(producer, True)
            self.near.transport.write(b"x" * size)
            self.assertEqual(producer.log, log)
            self.near.transport.unregisterProducer()
            self.network.advance(5.0)

    def test_closingEndTakesUpNoWindow(self) -> None:
        """What is sent to an end that is closing, and no longer reads, holds nobody up."""
        self.far.transport.pauseProducing()
        self.near.transport.write(b"x" * 50_000)
        self.near.transport.loseConnection()
        self.far.transport.write(b"y" * 100_000)
        self.network.advance(20.0)
        self.assertEqual((self.near.lostBy(), self.near.received), ([], b""))
        self.assertEqual(self.far.transport.pipe_out.in_flight, 0)
        self.far.transport.resumeProducing()
        self.network.advance(5.0)
        self.assertEqual(len(self.far.received), 50_000)
        self.assertEqual((self.near.lostBy(), self.far.lostBy()), ([ConnectionDone],) * 2)

    def test_largeReads(self) -> None:
        """What waited for a paused reader comes in few pieces, of 64 kB at most."""
        wire = Wire(1)
        near, far = wire.connect()
        far.transport.pauseProducing()
        near.transport.write(b"w" * 200_000)
        wire.network.advance(1.0)
        far.transport.resumeProducing()
        wire.network.advance(1.0)
        self.assertEqual(len(far.received), 200_000)
        self.assertLessEqual(max(len(piece) for piece in far.pieces), 65_536)
        self.assertLess(len(far.pieces), 8)

    def test_pausedInTheMiddle(self) -> None:
        """A reader that pauses itself in dataReceived gets nothing more until it resumes."""
        reads: list[int] = []

        def dataReceived(data: bytes) -> None:
            reads.append(len(data))
            self.far.transport.pauseProducing()

        self.far.dataReceived = dataReceived
        self.near.transport.setTcpNoDelay(True)
        for _ in range(30):
            self.near.transport.write(b"z" * 100)
            self.network.advance(0.01)
        self.network.advance(1.0)
        self.assertEqual(len(reads), 1)
        while sum(reads) < 3_000:
            before = len(reads)
            self.far.transport.resumeProducing()
            self.far.transport.resumeProducing()
            self.assertEqual(len(reads), before, "never within resumeProducing()")
            self.network.advance(0.1)
            self.assertEqual(len(reads), before + 1)
        self.assertEqual(sum(reads), 3_000)
