"""Tests of L{gamenet.wire.channel_frames} and L{gamenet.wire.channel_values}."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage, UnknownMessage
from gamenet.wire.channel_frames import (
    ACKNOWLEDGEMENT_LIMIT,
    CONTENT_LIMIT,
    HEADER_BYTES,
    decodeChannelPacket,
    encodeAcknowledgement,
    encodeFrame,
    encodeHeader,
)
from gamenet.wire.channel_values import (
    BODY_LIMIT,
    CONTROLS_LIMIT,
    HEADER_LIMIT,
    RANGES_LIMIT,
    Accept,
    Acknowledgement,
    Cancel,
    ChannelPacket,
    Chunk,
    Done,
    Offer,
    Piece,
    Refuse,
    RefuseReason,
    Window,
)
from tests.vectors.channel import PATH, channelVectors
from tests.vectors.channel import SAMPLES as SAMPLE_PACKETS

#: A sample of every frame and its bytes, which never change.
SAMPLES = [
    (Piece(3, 0x0102030405, b"abc"), "13 0000000102030405 0003 616263"),
    (Window(1, 0x10004), "15 0000000000010004"),
    (
        Offer(7, 2, 1_000_000, bytes(range(16)), b"head"),
        "20 00000007 0002 000f4240 000102030405060708090a0b0c0d0e0f 04 68656164",
    ),
    (Accept(7, 0x200000), "21 00000007 00200000"),
    (Refuse(7, RefuseReason.BUSY), "22 00000007 01"),
    (Chunk(7, 1100, b"xyz"), "23 00000007 0000044c 0003 78797a"),
    (Cancel(7), "24 00000007"),
    (Done(7), "25 00000007"),
]

#: Numbers 1 to 4, 7, and 10 to 12 have come; 12 has waited for 1.6 ms.
ACKNOWLEDGEMENT = Acknowledgement(((10, 12), (7, 7), (1, 4)), 100 * 16e-6, 0x89ABCDEF)
ACKNOWLEDGEMENT_BYTES = "0000000c 0064 89abcdef 02 0002 0001 0000 0001 0003"


def packed(*frames: object, number: int | None = 5, acknowledgement: bytes = b"") -> bytes:
    """A packet of some frames."""
    return encodeHeader(number, acknowledgement) + b"".join(map(encodeFrame, frames))


class FormatTests(SynchronousTestCase):
    """Docs: the wire protocol is complete enough to write a client in another language."""

    def test_frames(self) -> None:
        """Every frame has the bytes that the description says, and is read back."""
        for frame, text in SAMPLES:
            body = packed(frame)
            self.assertEqual(body, bytes.fromhex("01 00000005" + text))
            self.assertEqual(decodeChannelPacket(body), ChannelPacket(5, None, (frame,)))
        every = tuple(frame for frame, _ in SAMPLES)
        self.assertEqual(decodeChannelPacket(packed(*every)).frames, every)

    def test_acknowledgement(self) -> None:
        """An acknowledgement alone has no number; with frames it stands before them."""
        encoded = encodeAcknowledgement(ACKNOWLEDGEMENT)
        self.assertEqual(encoded, bytes.fromhex(ACKNOWLEDGEMENT_BYTES))
        alone = decodeChannelPacket(encodeHeader(None, encoded))
        self.assertEqual(alone, ChannelPacket(None, ACKNOWLEDGEMENT, ()))
        both = packed(Done(1), number=9, acknowledgement=encoded)
        self.assertEqual(decodeChannelPacket(both), ChannelPacket(9, ACKNOWLEDGEMENT, (Done(1),)))

    def test_vectors(self) -> None:
        """C{docs/vectors/channel.json} says what the codec does, both ways."""
        kept = json.loads(PATH.read_text(encoding="ascii"))
        self.assertEqual(kept, json.loads(json.dumps(channelVectors())))
        for vector, (_, packet) in zip(kept, SAMPLE_PACKETS, strict=True):
            self.assertEqual(decodeChannelPacket(bytes.fromhex(vector["body"])), packet)

    def test_longAcknowledgements(self) -> None:
        """What does not fit into an acknowledgement is left out from below, never lied about."""
        ranges = tuple((number, number) for number in range(100, 0, -3))
        decoded = decodeChannelPacket(
            encodeHeader(None, encodeAcknowledgement(Acknowledgement(ranges, 9.0, 0)))
        ).acknowledgement
        assert decoded is not None
        self.assertEqual(decoded.ranges, ranges[: RANGES_LIMIT + 1])
        self.assertAlmostEqual(decoded.waited, 0xFFFF * 16e-6)
        for given_ranges, said in [
            (((5, 200_000), (1, 2)), ((200_000 - 0xFFFF, 200_000),)),
            (((200_000, 200_001), (1, 2)), ((200_000, 200_001),)),
            (((200_000, 200_001), (1, 199_000)), ((200_000, 200_001),)),
        ]:
            encoded = encodeAcknowledgement(Acknowledgement(given_ranges, 0.0, 0))
            packet = decodeChannelPacket(encodeHeader(None, encoded))
            assert packet.acknowledgement is not None
            self.assertEqual(packet.acknowledgement.ranges, said)

    def test_fits(self) -> None:
        """The longest piece and chunk fill a body; an acknowledgement is at most 61 bytes."""
        for frame in (Piece(0, 0, bytes(CONTENT_LIMIT)), Chunk(1, 0, bytes(CONTENT_LIMIT))):
            body = packed(frame)
            self.assertEqual(len(body), BODY_LIMIT)
            self.assertEqual(decodeChannelPacket(body).frames, (frame,))
        self.assertEqual(ACKNOWLEDGEMENT_LIMIT, 13 + 4 * RANGES_LIMIT)
        offer = Offer(1, 0xFFFF, 0xFFFFFFFF, bytes(16), bytes(HEADER_LIMIT))
        self.assertEqual(decodeChannelPacket(packed(offer)).frames, (offer,))


class BadInputTests(SynchronousTestCase):
    """Bad input: what is no packet is refused by name."""

    def refuse(self, body: bytes) -> None:
        """Fail unless a body is refused."""
        self.assertRaises(MalformedMessage, decodeChannelPacket, body)

    def test_headers(self) -> None:
        """Empty, too long, unknown flags, number 0, frames without a number and the reverse."""
        self.refuse(b"")
        self.refuse(b"\x01")
        self.refuse(b"\x01\x00\x00\x00")
        self.refuse(packed(Piece(0, 0, bytes(CONTENT_LIMIT + 1))))
        for flags in (0, 4, 5, 0x81):
            with self.assertRaises(UnknownMessage):
                decodeChannelPacket(bytes([flags]) + packed(Done(1))[1:])
        self.refuse(packed(Done(1), number=0))
        self.refuse(packed())
        encoded = encodeAcknowledgement(ACKNOWLEDGEMENT)
        self.refuse(packed(Done(1), number=None, acknowledgement=encoded))
        self.refuse(packed(acknowledgement=encoded))

    def test_cutOff(self) -> None:
        """Every truncation of every sample, except where a whole frame is left out."""
        encoded = encodeAcknowledgement(ACKNOWLEDGEMENT)
        for end in range(1 + len(encoded)):
            self.refuse(encodeHeader(None, encoded)[:end])
        for frame, _ in SAMPLES:
            body = packed(frame, acknowledgement=encoded)
            for end in range(len(body)):
                self.refuse(body[:end])
            self.refuse(body + b"\x00")

    def test_ranges(self) -> None:
        """Bad input: ranges of a billion: more than there are numbers, or too many of them."""
        top = bytes.fromhex("0000000a 0000 00000000")
        self.refuse(b"\x02" + top + bytes.fromhex("00 000a"))
        self.refuse(b"\x02" + top + bytes.fromhex("01 0000 0000 0008"))
        self.refuse(b"\x02" + top + bytes.fromhex("01 0000 ffff ffff"))
        self.refuse(b"\x02" + bytes.fromhex("ffffffff 0000 00000000 0d 0000") + bytes(52))
        whole = decodeChannelPacket(b"\x02" + top + bytes.fromhex("01 0000 0000 0007"))
        assert whole.acknowledgement is not None
        self.assertEqual(whole.acknowledgement.ranges, ((10, 10), (1, 8)))

    def test_frames(self) -> None:
        """Lengths that lie, nothing in a piece, numbers out of bounds, unknown kinds."""
        for bad in (
            Piece(0, 0, b""),
            Piece(0, 1 << 62, b"x"),
            Window(0, 1 << 62),
            Chunk(1, 0, b""),
            Chunk(0, 0, b"x"),
            Cancel(0),
            Done(0),
            Accept(0, 1),
            Refuse(0, RefuseReason.BUSY),
            Offer(0, 0, 0, bytes(16), b""),
        ):
            self.refuse(packed(bad))
        self.refuse(packed() + bytes.fromhex("22 00000001 04"))
        self.refuse(packed() + bytes.fromhex("10 0000000000000000 0005 6162"))
        for kind in (0x00, 0x0F, 0x18, 0x1F, 0x26, 0xFF):
            with self.assertRaises(UnknownMessage):
                decodeChannelPacket(packed() + bytes([kind]) + bytes(30))

    def test_twice(self) -> None:
        """A frame for the same thing twice, two chunks, and more frames than there may be."""
        self.refuse(packed(Piece(2, 0, b"a"), Piece(2, 1, b"b")))
        self.refuse(packed(Window(2, 1), Window(2, 2)))
        self.refuse(packed(Chunk(1, 0, b"a"), Chunk(2, 0, b"a")))
        self.refuse(packed(Done(1), Done(1)))
        most = CONTROLS_LIMIT + 5
        self.assertEqual(
            len(decodeChannelPacket(packed(*[Done(n) for n in range(1, most + 1)])).frames), most
        )
        self.refuse(packed(*[Done(n) for n in range(1, most + 2)]))

    @settings(deadline=None, max_examples=300)
    @given(st.one_of(
        st.binary(max_size=BODY_LIMIT + 20),
        st.builds(lambda rest: b"\x01\x00\x00\x00\x01" + rest, st.binary(max_size=80)),
        st.builds(lambda rest: b"\x03\x00\x00\x00\x01" + rest, st.binary(max_size=80)),
    ))
    def test_anything(self, body: bytes) -> None:
        """Any bytes are a packet that is written as the same bytes, or are refused by name."""
        try:
            packet = decodeChannelPacket(body)
        except MalformedMessage:
            return
        encoded = b""
        if packet.acknowledgement is not None:
            encoded = encodeAcknowledgement(packet.acknowledgement)
        again = packed(*packet.frames, number=packet.number, acknowledgement=encoded)
        self.assertEqual(decodeChannelPacket(again), packet)
        self.assertGreaterEqual(len(body), HEADER_BYTES if packet.number else 2)
