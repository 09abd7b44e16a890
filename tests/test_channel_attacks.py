"""
The other end of a channel lies: whatever it sends is taken, or refused by name and counted,
and costs no memory.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.channel import Channel
from gamenet.channel.session_transfer import NOTICE, ChannelTransfer, ChannelTransferSettings
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import (
    TransferArrived,
    TransferFailed,
    TransferFailure,
    contentChecksum,
)
from gamenet.errors import MalformedMessage, RemoteProtocolError
from gamenet.wire.channel_frames import (
    encodeAcknowledgement,
    encodeFrame,
    encodeHeader,
)
from gamenet.wire.channel_values import (
    CONTROLS_LIMIT,
    FIRST_WINDOW,
    Accept,
    Acknowledgement,
    Cancel,
    ChannelFrame,
    Chunk,
    Done,
    Offer,
    Piece,
    Refuse,
    RefuseReason,
    Window,
)
from tests.channel_pair import ChannelPair, content
from tests.match_attacks import MEGABYTE, fingerprint, residentBytes

COUNT = 8000
BILLION = 10**9


def packet(number: int | None, *frames: ChannelFrame, acknowledgement: bytes = b"") -> bytes:
    """Return a packet of a channel."""
    return encodeHeader(number, acknowledgement) + b"".join(map(encodeFrame, frames))


def ack(*ranges: tuple[int, int]) -> bytes:
    """Return a packet that acknowledges, the topmost numbers first."""
    return encodeHeader(None, encodeAcknowledgement(Acknowledgement(ranges, 0.0, 0)))


def message(size: int) -> bytes:
    """Return a message in a stream."""
    return size.to_bytes(4, "big") + bytes(size)


class LiarCase(SynchronousTestCase):
    """One true end, and one that lies in a conversation that has begun."""

    def setUp(self) -> None:
        self.pair = ChannelPair()
        self.pair.ends[1].send(0, b"a true word")
        self.pair.run(1.0)
        self.channel = self.pair.ends[0]
        self.assertEqual(self.pair.messages[0], [(0, b"a true word")])

    @property
    def next(self) -> int:
        """The number of the next packet of the liar's."""
        return self.pair.ends[1].statistics.packets_sent + 1

    def state(self, channel: Channel) -> list[object]:
        """Return all that a channel holds, but the time and what it has refused."""
        refused, now = channel._refused, channel._now
        channel._refused, channel._now = 0, 0.0
        found = fingerprint(channel)
        channel._refused, channel._now = refused, now
        return found

    def refused(self, body: bytes, error: type[Exception] = RemoteProtocolError) -> None:
        """Check that a packet is refused by name, is counted, and changes nothing."""
        channel = self.channel
        before, refused = self.state(channel), channel.statistics.refused
        with self.assertRaises(error):
            channel.packetReceived(body, self.pair.now)
        self.assertEqual(self.state(channel), before)
        self.assertEqual(channel.statistics.refused, refused + 1)

    def flood(self, make: Callable[[int], bytes], count: int = COUNT, takes: bool = True) -> int:
        """
        Send a flood in two halves; keep no more after the second than after the first.

        @return: How many were refused.
        """
        refused = 0
        before = self.channel.statistics.refused
        resident = []
        for half in range(2):
            for number in range(half * count // 2, (half + 1) * count // 2):
                try:
                    self.channel.packetReceived(make(number), self.pair.now)
                except RemoteProtocolError:
                    refused += 1
                if takes:
                    self.channel.takeMessages()
                    self.channel.takeTransfers()
                if not number % 50:
                    self.channel.packetsDue(self.pair.now)
            resident.append(residentBytes())
        self.assertLessEqual(resident[1] - resident[0], MEGABYTE, resident)
        self.assertEqual(self.channel.statistics.refused - before, refused)
        return refused

    def assertGoesOn(self) -> None:
        """Check that messages and a transfer still come, both ways."""
        for end in (0, 1):
            self.pair.messages[end].clear()
            self.pair.transfers[end].clear()
        large = content(40_000)
        for end in (0, 1):
            self.pair.ends[end].send(1, b"another")
            self.pair.ends[end].beginTransfer(7, b"head", large, self.pair.now)
        self.pair.settle()
        for end in (0, 1):
            self.assertIn((1, b"another"), self.pair.messages[end])
            self.assertIn(TransferArrived(7, b"head", large), self.pair.transfers[end])


class AcknowledgementTests(LiarCase):
    """Acknowledgements of a billion."""

    def test_neverSent(self) -> None:
        """What was never sent cannot be acknowledged: not one more, not a billion."""
        sent = self.channel.statistics.packets_sent
        for ranges in (
            ((sent + 1, sent + 1),),
            ((1, sent + 1),),
            ((BILLION - 9, BILLION),),
            ((0xFFFFFFFF, 0xFFFFFFFF), (1, 5)),
            ((0xFFFF0000, 0xFFFFFFFF),),
        ):
            self.refused(ack(*ranges))
        self.assertGoesOn()

    def test_ranges(self) -> None:
        """Ranges that reach below the first packet, or are cut off, are no packet at all."""
        top = encodeAcknowledgement(Acknowledgement(((1, 1),), 0.0, 0))
        for cut in range(len(top)):
            self.refused(encodeHeader(None, b"\x01" + top)[:1] + top[:cut], MalformedMessage)
        for count in (1, 32, 255):
            lie = top[:10] + bytes([count]) + b"\xff\xff" + b"\xff" * 4 * count
            self.refused(encodeHeader(None, lie), MalformedMessage)
        self.assertGoesOn()

    def test_flood(self) -> None:
        """A flood of both."""
        refused = self.flood(lambda n: ack((BILLION + n - 60_000, BILLION + n)))
        self.assertEqual(refused, COUNT)
        self.flood(lambda n: ack((1, 1)))
        self.assertGoesOn()


class StreamTests(LiarCase):
    """Overlapping pieces, lengths that lie, windows that are not."""

    def test_pieces(self) -> None:
        """Beyond the window, across what came, in another cut, of a message too long."""
        begin = len(b"a true word") + 4
        limit = ChannelSettings().message_limit
        for piece in (
            Piece(0, begin + ChannelSettings().receive_window, b"x"),
            Piece(0, (1 << 62) - 1, b"x"),
            Piece(0, begin - 1, b"xx"),
            Piece(0, begin, (limit + 1).to_bytes(4, "big")),
            Piece(0, begin, b"\xff\xff\xff\xff"),
            Piece(1, FIRST_WINDOW, b"x"),
        ):
            self.refused(packet(self.next, piece))
        self.assertGoesOn()

    def test_together(self) -> None:
        """One bad frame behind good ones: nothing of the packet is taken."""
        begin = len(b"a true word") + 4
        good = Piece(0, begin, message(3)), Offer(1, 9, 5, bytes(16), b"")
        for bad in (Chunk(99, 0, b"x"), Piece(1, 1 << 40, b"x"), Done(50), Accept(7, 1)):
            self.refused(packet(self.next, *good, bad))
        self.refused(packet(self.next, good[0], good[0]), MalformedMessage)
        self.refused(
            packet(self.next, *[Cancel(n) for n in range(1, CONTROLS_LIMIT + 7)]), MalformedMessage
        )
        self.assertGoesOn()

    def test_neverAcknowledged(self) -> None:
        """
        Messages without end of one who acknowledges nothing: one window for each stream
        waits, and no more.
        """
        offset = len(b"a true word") + 4
        first, each = self.next, message(1000)
        channel = self.channel
        self.flood(lambda n: packet(first + n, Piece(0, offset + n * len(each), each)), 12_000)
        self.assertEqual(channel.statistics.refused, 0)
        self.assertLessEqual(len(channel._controls._due), 4)

    def test_notTaken(self) -> None:
        """Where nobody takes the messages no more is taken in than the window."""
        offset = len(b"a true word") + 4
        first, each = self.next, message(1000)
        self.flood(
            lambda n: packet(first + n, Piece(0, offset + n * len(each), each)), COUNT, takes=False
        )
        self.assertLessEqual(
            self.channel._incoming[0].size, ChannelSettings().receive_window
        )

    def test_gaps(self) -> None:
        """Pieces of one byte beyond gaps, and numbers that jump to the last there is."""
        self.flood(lambda n: packet(2 + self.next + 2 * n, Piece(n % 4, 20 + 2 * n, b"x")))
        self.channel.packetReceived(packet(0xFFFFFFFF, Window(0, 1)), self.pair.now)
        self.channel.packetReceived(packet(0xFFFFFFFE, Window(0, 1)), self.pair.now)
        self.assertLessEqual(len(self.channel._receipts._numbers._ranges), 64)

    def test_windows(self) -> None:
        """Windows only ever grow: one to the end of the world lets no more wait than may."""
        self.flood(lambda n: packet(self.next + n, Window(n % 4, n * n)))
        self.channel.packetReceived(packet(0xFFFF, Window(0, (1 << 62) - 1)), self.pair.now)
        self.assertEqual(self.channel.queued(0), 0)


class TransferTests(LiarCase):
    """Transfers that lie: size, checksum, never finished, a thousand offers."""

    def ended(self) -> list[object]:
        """Return how transfers ended here."""
        return list(self.channel.takeTransfers())

    def test_sizes(self) -> None:
        """What is too large is not taken; what comes beyond what was offered is refused."""
        settings = ChannelSettings()
        too_large = Offer(1, 9, settings.size_limit + 1, bytes(16), b"")
        self.channel.packetReceived(packet(self.next, too_large), self.pair.now)
        self.assertEqual(self.channel.incomingTransfers, ())
        small = Offer(2, 9, 10, bytes(16), b"")
        self.channel.packetReceived(packet(self.next + 1, small), self.pair.now)
        for chunk in (
            Chunk(2, 0, bytes(11)),
            Chunk(2, 10, b"x"),
            Chunk(2, 0xFFFFFFFF, b"x"),
            Chunk(3, 0, b"x"),
        ):
            self.refused(packet(self.next + 2, chunk))
        self.channel.packetReceived(packet(self.next + 2, Chunk(2, 0, bytes(6))), self.pair.now)
        self.refused(packet(self.next + 3, Chunk(2, 5, bytes(5))))
        self.assertEqual(self.ended(), [])

    def test_checksum(self) -> None:
        """A content that is not what was offered is never handed on."""
        offer = Offer(1, 9, 10, contentChecksum(b"the truth."), b"")
        frames = offer, Chunk(1, 0, b"not at all")
        self.channel.packetReceived(packet(self.next, offer), self.pair.now)
        self.channel.packetReceived(packet(self.next + 1, frames[1]), self.pair.now)
        self.assertEqual(self.ended(), [TransferFailed(9, TransferFailure.WRONG_CHECKSUM, False)])

    def test_neverFinished(self) -> None:
        """One byte in a while: what does not go on is given up, and its room is free again."""
        settings = ChannelSettings()
        first = self.next
        for number in range(1, settings.transfers_limit + 1):
            offer = Offer(number, number, 4 << 20, bytes(16), b"")
            self.channel.packetReceived(packet(first + number, offer), self.pair.now)
        self.assertEqual(len(self.channel.incomingTransfers), settings.transfers_limit)
        self.channel.packetsDue(self.pair.now + settings.transfer_timeout)
        self.assertEqual(self.channel.incomingTransfers, ())
        failed = [TransferFailure.TIMED_OUT] * settings.transfers_limit
        self.assertEqual([end.reason for end in self.ended()], failed)  # type: ignore[attr-defined]

    def test_thousandOffers(self) -> None:
        """As many as the limits allow; the others are refused, and then not even that."""
        first = self.next
        refused = self.flood(
            lambda n: packet(first + n, Offer(n + 1, n, 1 << 20, bytes(16), bytes(255)))
        )
        self.assertGreater(refused, COUNT - 1000)
        self.assertLessEqual(len(self.channel.incomingTransfers), ChannelSettings().transfers_limit)
        self.assertLess(self.channel._controls.outstanding, 300)

    def test_withdrawn(self) -> None:
        """Offers that are withdrawn at once, empty ones, and answers to what we offer."""
        first = self.next

        def make(number: int) -> bytes:
            size = number % 2 << 20
            offer = Offer(number + 1, number % 9, size, contentChecksum(b""), b"")
            return packet(first + number, offer, Cancel(number + 1))

        self.flood(make)
        self.refused(packet(first + 2 * COUNT, Accept(1, 1)))
        self.refused(packet(first + 2 * COUNT, Refuse(1, RefuseReason.BUSY)))
        self.refused(packet(first + 2 * COUNT, Done(1)))

    def test_notTaken(self) -> None:
        """Contents for a session that takes none: as many wait as the setting says."""
        for limit in (8, 3):
            self.setUp()
            rules = ChannelTransferSettings(arrivals_limit=limit)
            self.assertEqual(ChannelTransferSettings().arrivals_limit, 8)
            transfer = ChannelTransfer(rules)
            transfer.attach(2, self.channel)
            first = self.next
            channel = self.channel
            for number in range(1, 201):
                offer = Offer(number, number % 3, 0, contentChecksum(b""), b"\0\0\0\1")
                channel.packetReceived(packet(first + number, offer), self.pair.now)
                transfer.collect(2, self.pair.now)
            self.assertEqual(len(transfer._peers[2].arrived), limit)
            for _ in range(limit):
                self.assertIsNotNone(transfer.packetReceived(2, NOTICE, self.pair.now))
            self.assertIsNone(transfer.packetReceived(2, NOTICE, self.pair.now))

    def test_doneBefore(self) -> None:
        """What we offered cannot have come before any of it was sent."""
        self.channel.beginTransfer(3, b"", bytes(1000), self.pair.now)
        self.refused(packet(self.next, Done(1)))
        self.assertGoesOn()


class AnyBytesTests(LiarCase):
    """Any bytes at all."""

    @examples(deadline=None, max_examples=200)
    @given(st.lists(st.binary(min_size=1, max_size=80), max_size=5), st.integers(0, 3))
    def test_bytes(self, bodies: list[bytes], flags: int) -> None:
        """They are taken, or refused by name without a change."""
        channel = Channel()
        for place, junk in enumerate(bodies):
            body = bytes([flags]) + (place + 1).to_bytes(4, "big") + junk
            before = self.state(channel)
            try:
                channel.packetReceived(body, 1.0)
            except RemoteProtocolError:
                self.assertEqual(self.state(channel), before)
            channel.packetsDue(1.0)
        channel.send(0, b"still")
        self.assertTrue(channel.packetsDue(2.0))
