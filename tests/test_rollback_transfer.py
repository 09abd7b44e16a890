"""Tests of L{gamenet.feed.transfer}."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.feed.outgoing_transfer import SLOW_WINDOW
from gamenet.feed.transfer import (
    DatagramTransfer,
    TransferFailed,
    TransferFailure,
    TransferReceived,
    TransferSettings,
)
from gamenet.interfaces import ITransfer
from gamenet.seeded_random import SeededRandom
from gamenet.wire.transfer_packets import (
    CHUNK_BYTES,
    RECEIPT_BITS,
    Chunk,
    Offer,
    Receipt,
    Refusal,
    RefusalReason,
    TransferPurpose,
    Withdrawal,
    decodeTransferPacket,
    encodeTransferPacket,
)
from tests.feed_world import FRAME, Network

SNAPSHOT, STATE, DUMP = TransferPurpose


class Pair:
    """Peers 1 and 2 with a network between them."""

    def __init__(self, network: Network | None = None, **chosen: float) -> None:
        self.network = network or Network()
        rules = TransferSettings(**chosen)
        self.ends = {1: DatagramTransfer(rules), 2: DatagramTransfer(rules)}
        self.tick = 0
        self.received: list[TransferReceived] = []

    @property
    def now(self) -> float:
        return self.tick * FRAME

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            for source, to, body in self.network.due(self.now):
                received = self.ends[to].packetReceived(source, body, self.now)
                if received is not None:
                    self.received.append(received)
            for number, end in self.ends.items():
                for to, body in end.packetsDue(self.now):
                    self.network.send(number, to, body, self.now)
            self.tick += 1

    def failures(self) -> list[tuple[TransferFailed, ...]]:
        return [end.drainFailures() for end in self.ends.values()]


def content(size: int, seed: int = 1) -> bytes:
    """Some bytes."""
    return SeededRandom.fromLabel(seed, "content").drawBytes(size)


class TransferTests(SynchronousTestCase):
    """Done when: state goes to another peer whole, proven by its checksum."""

    def test_sizes(self) -> None:
        """Contents of every size around that of a chunk and a window arrive as they are."""
        self.assertTrue(verifyObject(ITransfer, DatagramTransfer()))
        window = RECEIPT_BITS * CHUNK_BYTES
        for size in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, window, window * 3 + 7):
            pair = Pair()
            sent = content(size)
            pair.ends[1].send(2, STATE, 77, sent, 0.0)
            self.assertEqual(pair.ends[1].progress(2), 0.0)
            pair.run(120)
            self.assertEqual(pair.received, [TransferReceived(1, STATE, 77, sent)])
            self.assertEqual([end.progress(3 - n) for n, end in pair.ends.items()], [None, None])
            self.assertEqual(pair.failures(), [(), ()])

    def test_badLinks(self) -> None:
        """On links that lose, delay, reorder and repeat it comes all the same, once."""
        for seed, loss in enumerate((0.05, 0.15, 0.3), 1):
            network = Network(seed, loss, 0.15, 0.06, 0.06)
            pair = Pair(network)
            for purpose in TransferPurpose:
                pair.ends[1].send(2, purpose, purpose, content(60_000, purpose), 0.0)
            pair.ends[2].send(1, SNAPSHOT, 9, content(50_000), 0.0)
            for _ in range(100):
                if len(pair.received) < 4:
                    pair.run(9)
            self.assertEqual(len(pair.received), 4)
            for received in pair.received:
                size, label = (60_000, received.purpose) if received.peer == 1 else (50_000, 1)
                self.assertEqual(received.content, content(size, label))
            self.assertGreater(min(network.counters.values()), 0)

    @settings(deadline=None, max_examples=15)
    @example(4890, 0.25, 0.0, 0.0, 1)
    @given(
        st.integers(0, 2**32),
        st.floats(0, 0.4),
        st.floats(0, 0.2),
        st.floats(0, 0.2),
        st.integers(0, 150_000),
    )
    def test_anyLink(
        self, seed: int, loss: float, latency: float, jitter: float, size: int
    ) -> None:
        """On any link what comes is what was sent (it may take a while)."""
        pair = Pair(Network(seed, loss, 0.1, latency, jitter), transfer_timeout=60.0)
        pair.ends[1].send(2, SNAPSHOT, 5, content(size, seed), 0.0)
        for _ in range(100):
            if not pair.received:
                pair.run(24)
        self.assertEqual(pair.received, [TransferReceived(1, SNAPSHOT, 5, content(size, seed))])

    def test_rate(self) -> None:
        """512 KiB a second at most, and not much less; the first window at once."""
        pair = Pair()
        pair.ends[1].send(2, SNAPSHOT, 0, content(1 << 20), 0.0)
        pair.run(60)
        sent = pair.network.bytes_sent[1, 2]
        pair.run(30)
        rate = (pair.network.bytes_sent[1, 2] - sent) / 0.5
        self.assertLess(sent, RECEIPT_BITS * 1108 + 512 * 1024 * 1.02)
        self.assertTrue(480_000 < rate < 540_000, rate)
        ratio = pair.ends[1].progress(2)
        self.assertTrue(0.6 < ratio < 0.9, ratio)
        pair.run(60)
        self.assertEqual(len(pair.received), 1)

    def test_window(self) -> None:
        """Not more than a window is on its way; it grows by what is acknowledged."""
        end = DatagramTransfer(TransferSettings(window=8))
        end.send(2, SNAPSHOT, 0, content(50_000), 0.0)
        self.assertEqual(len(end.packetsDue(0.0)), 1)
        for count, more in ((0, SLOW_WINDOW), (2, 4), (6, 6), (14, 8)):
            now = 0.1 + count / 100
            receipt = encodeTransferPacket(Receipt(SNAPSHOT, 1, count, 0))
            self.assertIsNone(end.packetReceived(2, receipt, now))
            self.assertEqual(len(end.packetsDue(now)), more)
            self.assertEqual(end.packetsDue(now + 0.01), ())

    def test_unanswered(self) -> None:
        """
        Bad input: who accepts an offer and answers nothing more costs 4 chunks at a time;
        who falls silent later, fewer and fewer.
        """
        end = DatagramTransfer()
        end.send(2, SNAPSHOT, 0, content(200_000), 0.0)
        end.packetsDue(0.0)
        end.packetReceived(2, encodeTransferPacket(Receipt(SNAPSHOT, 1, 0, 0)), 0.1)
        sent = sum(len(end.packetsDue(0.1 + tick / 60)) for tick in range(300))
        self.assertTrue(12 <= sent <= 8 * SLOW_WINDOW, sent)
        end = DatagramTransfer()
        end.send(2, SNAPSHOT, 0, content(400_000), 0.0)
        end.packetsDue(0.0)
        landed = 0
        for tick in range(1, 7):
            receipt = Receipt(SNAPSHOT, 1, landed, 0)
            end.packetReceived(2, encodeTransferPacket(receipt), tick / 10)
            landed += len(end.packetsDue(tick / 10))
        again = [len(end.packetsDue(0.6 + tick / 60)) for tick in range(1, 500)]
        again = [count for count in again if count]
        self.assertEqual(again[-1], SLOW_WINDOW)
        self.assertGreater(max(again), 4 * SLOW_WINDOW)

    def test_backOff(self) -> None:
        """What nobody answers goes again after twice as long each time, at most 2 s."""
        end = DatagramTransfer()
        end.send(2, SNAPSHOT, 0, b"x", 0.0)
        times = [n * 0.01 for n in range(1000) if end.packetsDue(n * 0.01)]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        self.assertEqual([round(gap, 1) for gap in gaps], [0.3, 0.6, 1.2, 2.0, 2.0, 2.0])

    def test_newerReplaces(self) -> None:
        """A newer content for the same purpose takes the older one's place on both sides."""
        pair = Pair()
        pair.ends[1].send(2, SNAPSHOT, 1, content(200_000, 1), 0.0)
        pair.run(10)
        pair.ends[1].send(2, SNAPSHOT, 2, content(30_000, 2), pair.now)
        pair.run(100)
        self.assertEqual([received.frame for received in pair.received], [2])
        self.assertEqual(pair.failures(), [(), ()])

    def test_cancel(self) -> None:
        """Cancelled by either side, the other one knows; and a new one still comes."""
        for side in (1, 2):
            pair = Pair()
            pair.ends[1].send(2, SNAPSHOT, 1, content(200_000), 0.0)
            pair.run(10)
            pair.ends[side].cancel(3 - side)
            pair.run(10)
            told = TransferFailed(side, SNAPSHOT, TransferFailure.GIVEN_UP, side == 2)
            self.assertEqual(pair.failures(), [(told,), ()] if side == 2 else [(), (told,)])
            pair.ends[1].send(2, SNAPSHOT, 3, b"new", pair.now)
            pair.run(30)
            self.assertEqual([received.frame for received in pair.received], [3])
        pair.ends[1].cancel(77)
        pair.ends[1].forget(2)
        self.assertIsNone(pair.ends[1].progress(2))

    def test_timedOut(self) -> None:
        """Done when: after 10 s without progress it is given up by name, on both sides."""
        pair = Pair()
        pair.ends[1].send(2, SNAPSHOT, 1, content(400_000), 0.0)
        pair.run(20)
        pair.network.dead[1] = True
        pair.run(560)
        self.assertEqual(pair.failures(), [(), ()])
        pair.run(80)
        self.assertEqual(
            pair.failures(),
            [
                (TransferFailed(2, SNAPSHOT, TransferFailure.TIMED_OUT, True),),
                (TransferFailed(1, SNAPSHOT, TransferFailure.TIMED_OUT, False),),
            ],
        )
        self.assertIsNone(pair.ends[1].progress(2))


class LimitTests(SynchronousTestCase):
    """Each limit is reached."""

    def setUp(self) -> None:
        self.rules = TransferSettings(size_limit=10_000, incoming_limit=15_000, peers_limit=3)
        self.end = DatagramTransfer(self.rules)

    def offer(self, peer: int, number: int = 1, size: int = 8_000, checksum: int = 0) -> object:
        offer = Offer(SNAPSHOT, number, 0, size, bytes([checksum]) * 16)
        return self.end.packetReceived(peer, encodeTransferPacket(offer), 0.0)

    def answers(self) -> list[object]:
        return [decodeTransferPacket(body) for _, body in self.end.packetsDue(0.0)]

    def test_tooLarge(self) -> None:
        """A content that is too large is refused at its offer, and the sender told."""
        self.assertRaises(RemoteProtocolError, self.offer, 1, size=10_001)
        self.assertEqual(self.answers(), [Refusal(SNAPSHOT, 1, RefusalReason.TOO_LARGE)])
        self.assertRaises(LocalProtocolError, self.end.send, 1, 0, 0, bytes(10_001), 0.0)
        sender = DatagramTransfer()
        sender.send(5, SNAPSHOT, 0, bytes(20_000), 0.0)
        body = encodeTransferPacket(Refusal(SNAPSHOT, 1, RefusalReason.TOO_LARGE))
        sender.packetReceived(5, body, 0.0)
        failed = TransferFailed(5, SNAPSHOT, TransferFailure.TOO_LARGE, True)
        self.assertEqual(sender.drainFailures(), (failed,))

    def test_busy(self) -> None:
        """More than the limit from all peers together is refused until there is room."""
        self.offer(1)
        self.offer(2)
        self.assertIn(Refusal(SNAPSHOT, 1, RefusalReason.BUSY), self.answers())
        self.offer(2, number=2, size=7_000)
        self.assertIn(Receipt(SNAPSHOT, 2, 0, 0), self.answers())
        self.offer(1, number=2, size=8_000)
        self.assertEqual(self.answers(), [Receipt(SNAPSHOT, 2, 0, 0)])

    def test_peers(self) -> None:
        """An idle peer is forgotten for a new one; without any there is no room."""
        for peer in (1, 2):
            with self.assertRaises(RemoteProtocolError):
                self.offer(peer, size=0)
        for peer in (3, 4, 5):
            self.offer(peer, size=4_000)
        self.assertRaises(RemoteProtocolError, self.offer, 6)
        self.assertRaises(LocalProtocolError, self.end.send, 6, 0, 0, b"", 0.0)
        self.end.forget(3)
        self.end.send(6, 0, 0, b"", 0.0)

    def test_failures(self) -> None:
        """Failures that nobody drains are bounded; the oldest go."""
        end = DatagramTransfer(TransferSettings(failures_limit=3))
        for number in range(1, 10):
            end.send(1, SNAPSHOT, 0, b"", 0.0)
            body = encodeTransferPacket(Refusal(SNAPSHOT, number, RefusalReason.BUSY))
            end.packetReceived(1, body, 0.0)
        self.assertEqual(len(end.drainFailures()), 3)

    def test_settings(self) -> None:
        """Settings that cannot work are refused by name."""
        for bad in ({"window": 65}, {"size_limit": 0}, {"bytes_per_second": 1}, {"peers_limit": 0}):
            self.assertRaises(BadSetting, TransferSettings, **bad)

    def test_memory(self) -> None:
        """Bad input: an offer of 4 MiB takes no memory before its chunks come."""
        end = DatagramTransfer()
        body = encodeTransferPacket(Offer(SNAPSHOT, 1, 0, 4 << 20, bytes(16)))
        tracemalloc.start()
        try:
            end.packetReceived(1, body, 0.0)
            self.assertLess(tracemalloc.get_traced_memory()[0], 8192)
        finally:
            tracemalloc.stop()

    def test_ourMisuse(self) -> None:
        """What cannot be sent is our own mistake."""
        for purpose, frame, text in ((3, 0, b""), (0, -1, b""), (0, 0, bytearray(3))):
            self.assertRaises(LocalProtocolError, self.end.send, 1, purpose, frame, text, 0.0)


class HostileTests(SynchronousTestCase):
    """Bad input: what a peer cannot rightly send."""

    def setUp(self) -> None:
        self.end = DatagramTransfer()

    def take(self, packet: object, now: float = 0.0) -> TransferReceived | None:
        return self.end.packetReceived(1, encodeTransferPacket(packet), now)

    def refuse(self, packet: object) -> None:
        self.assertRaises(RemoteProtocolError, self.take, packet)

    def test_chunks(self) -> None:
        """Chunks that were not offered, do not exist, have a wrong length or contradict."""
        self.take(Offer(SNAPSHOT, 1, 0, 100 * CHUNK_BYTES + 5, bytes(16)))
        full = bytes(CHUNK_BYTES)
        self.assertIsNone(self.take(Chunk(SNAPSHOT, 2, 0, full)))
        self.assertIsNone(self.take(Chunk(STATE, 1, 0, full)))
        self.refuse(Chunk(SNAPSHOT, 1, 0, full[1:]))
        self.refuse(Chunk(SNAPSHOT, 1, 101, full))
        self.refuse(Chunk(SNAPSHOT, 1, RECEIPT_BITS + 1, full))
        self.take(Chunk(SNAPSHOT, 1, RECEIPT_BITS, full))
        self.refuse(Chunk(SNAPSHOT, 1, RECEIPT_BITS, b"y" * CHUNK_BYTES))
        self.take(Chunk(SNAPSHOT, 1, 0, full))
        self.assertEqual(
            [decodeTransferPacket(body) for _, body in self.end.packetsDue(0.0)],
            [Receipt(SNAPSHOT, 1, 1, 1 << (RECEIPT_BITS - 2))],
        )

    def test_chunkOfTheForgotten(self) -> None:
        """
        A late chunk of somebody of whom nothing is known any more is no proof of anything:
        it is ignored, nothing is kept of it, and the next offer is taken as ever.
        """
        self.assertIsNone(self.take(Chunk(SNAPSHOT, 1, 0, b"x")))
        self.assertEqual(self.end.packetsDue(0.0), ())
        self.take(Offer(SNAPSHOT, 1, 0, 100 * CHUNK_BYTES, bytes(16)))
        self.end.forget(1)
        self.assertIsNone(self.take(Chunk(SNAPSHOT, 1, 0, bytes(CHUNK_BYTES))))
        self.assertIsNone(self.take(Withdrawal(SNAPSHOT, 1)))
        self.assertEqual(self.end.packetsDue(9.0), ())
        self.assertEqual(self.end.drainFailures(), ())
        self.assertIsNone(self.end.progress(1))
        self.take(Offer(SNAPSHOT, 1, 0, 100 * CHUNK_BYTES, bytes(16)))
        self.take(Chunk(SNAPSHOT, 1, 0, bytes(CHUNK_BYTES)))
        self.assertEqual(self.end.progress(1), 0.01)

    def test_offers(self) -> None:
        """An offer that contradicts the one before it; an older one says nothing."""
        offer = Offer(SNAPSHOT, 4, 0, 5000, bytes(16))
        self.take(offer)
        self.take(offer)
        self.refuse(Offer(SNAPSHOT, 4, 1, 5000, bytes(16)))
        self.refuse(Offer(SNAPSHOT, 4, 0, 5001, bytes(16)))
        self.assertIsNone(self.take(Offer(SNAPSHOT, 3, 9, 1, bytes(16))))
        self.assertIsNone(self.take(Chunk(SNAPSHOT, 3, 9, b"x")))

    def test_checksum(self) -> None:
        """A content with another checksum is refused by name; the next one is taken."""
        self.take(Offer(SNAPSHOT, 1, 0, 3, bytes(16)))
        self.refuse(Chunk(SNAPSHOT, 1, 0, b"abc"))
        failed = TransferFailed(1, SNAPSHOT, TransferFailure.WRONG_CHECKSUM, False)
        self.assertEqual(self.end.drainFailures(), (failed,))
        answer = decodeTransferPacket(self.end.packetsDue(0.0)[0][1])
        self.assertEqual(answer, Refusal(SNAPSHOT, 1, RefusalReason.WRONG_CHECKSUM))
        self.assertIsNone(self.take(Chunk(SNAPSHOT, 1, 0, b"abc")))
        self.assertIsNone(self.end.progress(1))

    def test_receipts(self) -> None:
        """Receipts of what was never sent; old and repeated ones say nothing."""
        self.refuse(Receipt(SNAPSHOT, 1, 0, 0))
        self.end.send(1, SNAPSHOT, 0, content(5000), 0.0)
        self.end.packetsDue(0.0)
        self.refuse(Receipt(SNAPSHOT, 1, 1, 0))
        self.refuse(Receipt(SNAPSHOT, 1, 0, 1))
        self.refuse(Refusal(SNAPSHOT, 2, RefusalReason.BUSY))
        self.take(Receipt(SNAPSHOT, 1, 0, 0))
        self.end.packetsDue(0.0)
        self.take(Receipt(SNAPSHOT, 1, 3, 0))
        self.end.packetsDue(0.0)
        self.take(Receipt(SNAPSHOT, 1, 2, 0))
        self.assertEqual(self.end.progress(1), 3 / 5)
        self.refuse(Receipt(SNAPSHOT, 1, 4, 1))
        self.take(Receipt(SNAPSHOT, 1, 5, 0))
        self.take(Receipt(SNAPSHOT, 1, 5, 0))
        self.take(Withdrawal(SNAPSHOT, 9))
        self.assertIsNone(self.end.progress(1))

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.tuples(st.integers(0x40, 0x44), st.binary(max_size=32)), max_size=8))
    def test_anyBytes(self, bodies: list[tuple[int, bytes]]) -> None:
        """Every byte string is refused by name or is taken; a transfer goes on beside it."""
        end = DatagramTransfer()
        end.send(1, STATE, 0, b"abc", 0.0)
        for kind, rest in bodies:
            try:
                end.packetReceived(2, bytes([kind]) + rest, 0.0)
            except RemoteProtocolError:
                continue
        end.packetsDue(0.0)
        self.assertEqual(end.progress(1), 0.0)
