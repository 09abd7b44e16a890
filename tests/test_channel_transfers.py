"""Tests of L{gamenet.channel.transfers} and L{gamenet.channel.transfer_ends}."""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.channel import Channel
from gamenet.channel.controls import CONTROLS_OUTSTANDING
from gamenet.channel.errors import TransferRefused
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import (
    TransferArrived,
    TransferFailed,
    TransferFailure,
    TransferSent,
    contentChecksum,
)
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.wire.channel_frames import decodeChannelPacket, encodeFrame, encodeHeader
from gamenet.wire.channel_values import (
    Accept,
    Chunk,
    Done,
    Offer,
    Piece,
    Refuse,
    RefuseReason,
)
from tests.channel_pair import ChannelPair, content

GIVEN_UP = TransferFailure.GIVEN_UP


class TransferTests(SynchronousTestCase):
    """Large transfers in chunks with progress, whole or not at all."""

    def test_sizes(self) -> None:
        """Contents of every size around that of a chunk and a window arrive as they are."""
        for size in (0, 1, 1133, 1134, 1135, 16_384, 16_385, 100_000):
            pair = ChannelPair(1, ChannelSettings(transfer_window=16_384))
            pair.ends[0].beginTransfer(9, b"about it", content(size), 0.0)
            self.assertEqual(pair.ends[0].progress(9), 0.0)
            pair.settle()
            self.assertEqual(pair.transfers[1], [TransferArrived(9, b"about it", content(size))])
            self.assertEqual(pair.transfers[0], [TransferSent(9)])
            self.assertEqual([end.progress(9) for end in pair.ends], [None, None])

    def test_progress(self) -> None:
        """Both sides say how much is there, and it only grows."""
        pair = ChannelPair(rate=125_000.0)
        pair.ends[0].beginTransfer(1, b"", content(250_000), 0.0)
        seen: list[tuple[float, float]] = []
        while not pair.transfers[1]:
            pair.run(0.1)
            portions = [end.progress(1) for end in pair.ends]
            if None not in portions:
                seen.append((portions[0] or 0.0, portions[1] or 0.0))
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(dict.fromkeys(seen)), 15)
        self.assertTrue(all(0 <= sent <= come + 0.01 <= 1.02 for sent, come in seen[1:]), seen)

    def test_messagesFirst(self) -> None:
        """Transfers are below messages: a full channel takes a message within 60 ms more."""
        pair = ChannelPair(rate=1_250_000.0, loss=0.0)
        pair.ends[0].beginTransfer(1, b"", content(4_000_000), 0.0)
        pair.run(1.5)
        for number in range(20):
            pair.ends[0].send(0, bytes([number]))
            pair.run(0.05)
            self.assertEqual(pair.messages[1][-1], (0, bytes([number])))

    def test_fair(self) -> None:
        """Several transfers of one channel go on equally."""
        pair = ChannelPair(rate=1_250_000.0, loss=0.01)
        for label in range(4):
            pair.ends[0].beginTransfer(label, b"", content(1_000_000, label), 0.0)
        pair.run(2.5)
        portions = [pair.ends[0].progress(label) or 0.0 for label in range(4)]
        self.assertGreater(min(portions), 0.3)
        self.assertLess(max(portions) - min(portions), 0.06)

    def test_cancel(self) -> None:
        """Withdrawn by the sender or given up by the receiver, the other one is told."""
        for side in (0, 1):
            pair = ChannelPair(rate=1_250_000.0)
            pair.ends[0].beginTransfer(1, b"", content(900_000), 0.0)
            pair.run(0.5)
            if side:
                pair.ends[1].giveUpTransfer(1)
            else:
                pair.ends[0].cancelTransfer(1)
            self.assertIsNone(pair.ends[side].progress(1))
            pair.run(0.3)
            told = TransferFailed(1, GIVEN_UP, bool(side))
            self.assertEqual(pair.transfers[1 - side], [told])
            self.assertEqual(pair.transfers[side], [])
            pair.ends[0].beginTransfer(1, b"", b"new", pair.now)
            pair.settle()
            self.assertEqual(pair.transfers[1][-1], TransferArrived(1, b"", b"new"))
        pair.ends[0].cancelTransfer(77)
        pair.ends[0].giveUpTransfer(77)

    def test_newerReplaces(self) -> None:
        """A newer content under the same label takes the older one's place on both sides."""
        pair = ChannelPair(5, reordering=0.3, loss=0.1)
        for number in range(6):
            pair.ends[0].beginTransfer(1, bytes([number]), content(40_000, number), pair.now)
            pair.run(0.02)
        pair.settle()
        arrived = [one for one in pair.transfers[1] if isinstance(one, TransferArrived)]
        self.assertEqual(arrived[-1], TransferArrived(1, b"\x05", content(40_000, 5)))
        self.assertEqual(pair.transfers[0][-1], TransferSent(1))

    def test_timedOut(self) -> None:
        """After 10 s without progress it is given up by name, on both sides."""
        pair = ChannelPair(rate=125_000.0)
        pair.ends[0].beginTransfer(1, b"", content(900_000), 0.0)
        pair.run(3.0)
        for way in pair.ways:
            way.dead = True
        pair.run(9.7)
        self.assertEqual(pair.transfers, ([], []))
        pair.run(1.0)
        timed_out = TransferFailure.TIMED_OUT
        self.assertEqual(pair.transfers[0], [TransferFailed(1, timed_out, True)])
        self.assertEqual(pair.transfers[1], [TransferFailed(1, timed_out, False)])
        self.assertFalse(pair.ends[0].failed)


class AcceptanceTests(SynchronousTestCase):
    """The receiver accepts before memory is spent; each limit is reached."""

    def refused(self, pair: ChannelPair, size: int = 8_000) -> object:
        """Return how a transfer of some bytes ends for its sender."""
        pair.ends[0].beginTransfer(7, b"h", content(size), pair.now)
        pair.settle()
        return pair.transfers[0].pop()

    def test_accept(self) -> None:
        """Who is asked about an offer decides; nothing is kept of what it does not take."""
        pair = ChannelPair()
        asked: list[Offer] = []

        def accepts(offer: Offer) -> RefuseReason | None:
            asked.append(offer)
            return RefuseReason.NOT_WANTED

        pair.ends[1].accept(accepts)
        self.assertEqual(self.refused(pair), TransferFailed(7, GIVEN_UP, True))
        self.assertEqual(asked, [Offer(1, 7, 8_000, contentChecksum(content(8_000)), b"h")])
        self.assertEqual(pair.transfers[1], [])
        pair.ends[1].accept(None)
        self.assertEqual(self.refused(pair), TransferSent(7))

    def test_limits(self) -> None:
        """Too large, too much together: each refused by its name."""
        for rules, size, reason in [
            (ChannelSettings(size_limit=7_999), 8_000, TransferFailure.TOO_LARGE),
            (ChannelSettings(incoming_limit=7_999), 8_000, TransferFailure.BUSY),
        ]:
            pair = ChannelPair(1, ChannelSettings(), rules)
            self.assertEqual(self.refused(pair, size), TransferFailed(7, reason, True))
            self.assertEqual(self.refused(pair, 7_999), TransferSent(7))

    def test_tooManyIncoming(self) -> None:
        """More than C{transfers_limit} from the other end at once are refused."""
        end = Channel(ChannelSettings(transfers_limit=2))
        for number in (1, 2, 3):
            self.offer(end, Offer(number, number, 500, bytes(16), b""))
        self.assertEqual([offer.transfer for offer in end.incomingTransfers], [1, 2])
        self.assertIn(Refuse(3, RefuseReason.BUSY), self.said(end))

    def test_untaken(self) -> None:
        """What came and was not taken counts; beyond C{outcomes_limit} nothing is accepted."""
        end = Channel(ChannelSettings(incoming_limit=10, outcomes_limit=3))
        number = 0

        def come(size: int) -> bool:
            nonlocal number
            number += 1
            text = content(size, number)
            self.offer(end, Offer(number, number, size, contentChecksum(text), b""))
            accepted = [offer.transfer for offer in end.incomingTransfers] == [number]
            if accepted:
                body = encodeFrame(Chunk(number, 0, text))
                end.packetReceived(encodeHeader(1000 + number) + body, 1.0)
            return accepted

        self.assertEqual([come(4), come(4), come(4)], [True, True, False])
        self.assertEqual(len(end.takeTransfers()), 2)
        self.assertEqual([come(1), come(1), come(1), come(1)], [True, True, True, False])
        self.assertEqual(len(end.takeTransfers()), 3)

    def test_outgoingLimits(self) -> None:
        """Too many at once, too large, or no bytes: our own mistake."""
        end = Channel(ChannelSettings(transfers_limit=2, size_limit=10))
        end.beginTransfer(1, b"", bytes(10), 0.0)
        end.beginTransfer(2, b"", b"", 0.0)
        end.beginTransfer(2, b"", b"", 0.0)
        self.assertRaises(TransferRefused, end.beginTransfer, 3, b"", b"", 0.0)
        self.assertRaises(TransferRefused, end.beginTransfer, 1, b"", bytes(11), 0.0)
        self.assertRaises(TransferRefused, end.beginTransfer, 1, b"", "text", 0.0)
        for label, header in ((-1, b""), (65_536, b""), (1, bytes(256))):
            self.assertRaises(LocalProtocolError, end.beginTransfer, label, header, b"", 0.0)

    def test_replacedWithoutEnd(self) -> None:
        """Offers that nobody acknowledges are bounded."""
        end = Channel()
        for _ in range(CONTROLS_OUTSTANDING // 2):
            end.beginTransfer(1, b"", b"", 0.0)
        with self.assertRaises(TransferRefused):
            for _ in range(2):
                end.beginTransfer(1, b"", b"", 0.0)

    def test_memory(self) -> None:
        """Bad input: an offer that lies about its size takes no memory before chunks come."""
        end = Channel()
        tracemalloc.start()
        try:
            self.offer(end, Offer(1, 1, 16 << 20, bytes(16), b""))
            self.assertLess(tracemalloc.get_traced_memory()[0], 8_000)
        finally:
            tracemalloc.stop()
        self.assertEqual(len(end.incomingTransfers), 1)

    def offer(self, end: Channel, offer: Offer) -> None:
        """Let an offer come."""
        end.packetReceived(encodeHeader(offer.transfer) + encodeFrame(offer), 1.0)

    def said(self, end: Channel) -> list[object]:
        """Return the frames that are due."""
        return [f for body in end.packetsDue(1.0) for f in decodeChannelPacket(body).frames]


class HostileTests(SynchronousTestCase):
    """Bad input: what a sender or a receiver cannot rightly say."""

    def setUp(self) -> None:
        self.end = Channel(ChannelSettings(transfer_window=16_384))
        self.number = 0

    def take(self, frame: object) -> None:
        """Let a frame come."""
        self.number += 1
        self.end.packetReceived(encodeHeader(self.number) + encodeFrame(frame), 1.0)

    def refuse(self, frame: object) -> None:
        """Fail unless a frame is refused; it may come again later."""
        self.assertRaises(RemoteProtocolError, self.take, frame)
        self.number -= 1

    def test_chunks(self) -> None:
        """Beyond the size, the window, overlapping, or of what was never offered."""
        self.refuse(Chunk(1, 0, b"x"))
        self.take(Offer(1, 3, 20_000, bytes(16), b""))
        self.refuse(Chunk(2, 0, b"x"))
        self.refuse(Chunk(1, 19_999, b"xy"))
        self.refuse(Chunk(1, 16_380, b"12345"))
        self.take(Chunk(1, 16_000, bytes(100)))
        self.refuse(Chunk(1, 15_999, bytes(2)))
        self.refuse(Chunk(1, 16_099, bytes(2)))
        self.refuse(Chunk(1, 16_000, bytes(99)))
        self.take(Chunk(1, 0, bytes(1000)))
        self.take(Chunk(1, 17_383, b"x"))
        self.assertEqual(self.end.progress(3), 1000 / 20_000)

    def test_answers(self) -> None:
        """Answers to what was never offered; a content that came before it was sent."""
        for frame in (Accept(1, 5), Done(1), Refuse(1, RefuseReason.BUSY)):
            self.refuse(frame)
        self.end.beginTransfer(0, b"", content(100), 0.0)
        self.refuse(Done(1))
        self.take(Accept(1, 50))
        self.take(Done(1))
        self.take(Done(1))
        self.assertEqual(self.end.takeTransfers(), (TransferSent(0),))

    def test_wrongContent(self) -> None:
        """Another content than was offered is told to both by name, and not given out."""
        text = content(2_000)
        self.take(Offer(1, 3, 2_000, contentChecksum(text), b""))
        self.take(Chunk(1, 0, text[:1000]))
        self.take(Chunk(1, 1000, bytes(1000)))
        wrong = TransferFailure.WRONG_CHECKSUM
        self.assertEqual(self.end.takeTransfers(), (TransferFailed(3, wrong, False),))
        frames = [f for b in self.end.packetsDue(1.0) for f in decodeChannelPacket(b).frames]
        self.assertIn(Refuse(1, RefuseReason.WRONG_CHECKSUM), frames)
        sender = Channel()
        sender.beginTransfer(3, b"", text, 0.0)
        answer = encodeFrame(Refuse(1, RefuseReason.WRONG_CHECKSUM))
        sender.packetReceived(encodeHeader(1) + answer, 1.0)
        self.assertEqual(sender.takeTransfers(), (TransferFailed(3, wrong, True),))

    def test_offersWithoutEnd(self) -> None:
        """Offers to who is not told of any answer are refused at a limit."""
        self.end.accept(lambda offer: RefuseReason.NOT_WANTED)
        for number in range(1, CONTROLS_OUTSTANDING + 1):
            self.take(Offer(number, 3, 5, bytes(16), b""))
        self.refuse(Offer(1_000, 3, 5, bytes(16), b""))
        self.take(Piece(0, 0, b"\x00\x00\x00\x00"))
        self.assertEqual(self.end.takeMessages(), ((0, b""),))

    def test_failuresLimit(self) -> None:
        """Failures that nobody takes are bounded; the oldest go, contents stay."""
        end = Channel(ChannelSettings(outcomes_limit=3))
        offer = encodeFrame(Offer(1, 1, 0, contentChecksum(b""), b""))
        end.packetReceived(encodeHeader(1) + offer, 0.0)
        for number in range(1, 9):
            end.beginTransfer(number, b"", b"", 0.0)
            refusal = encodeFrame(Refuse(number, RefuseReason.BUSY))
            end.packetReceived(encodeHeader(1 + number) + refusal, 1.0)
        busy = TransferFailure.BUSY
        failed = TransferFailed(7, busy, True), TransferFailed(8, busy, True)
        self.assertEqual(end.takeTransfers(), (TransferArrived(1, b"", b""), *failed))
