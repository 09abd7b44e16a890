"""
Packets between players: exact bytes, strict lengths, nothing but values or refusals.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor, input_frames
from gamenet.wire.input_frames import BODY_LIMIT
from gamenet.wire.peer_packets import (
    DIGEST_BYTES,
    FRAME_LAST,
    NO_FRAME,
    NONCE_BYTES,
    PACKET_LIMIT,
    TERM_TEXT_LIMIT,
    TERMS_LIMIT,
    Check,
    CheckAnswer,
    Goodbye,
    GoodbyeReason,
    Inputs,
    PacketKind,
    PeerPacket,
    Ready,
    Terms,
    decodePeerPacket,
    encodePeerPacket,
)
from tests.wire_strategies import damaged, peer_packets

_DIGEST = bytes(range(16))


class PeerPacketTests(SynchronousTestCase):
    """Both directions."""

    def test_layouts(self) -> None:
        """Each kind of packet has exactly these bytes, both ways."""
        samples: list[tuple[PeerPacket, bytes]] = [
            (Check(b"12345678"), b"\x0012345678"),
            (CheckAnswer(b"12345678"), b"\x0112345678"),
            (Inputs(b"\x02"), b"\x02\x02"),
            (Inputs(b"\x80" * BODY_LIMIT), b"\x02" + b"\x80" * 1150),
            (Ready(_DIGEST, False), b"\x03" + _DIGEST + b"\x00"),
            (Ready(_DIGEST, True), b"\x03" + _DIGEST + b"\x01"),
            (Goodbye(GoodbyeReason.FINISHED, 0), b"\x04\x00\0\0\0\0"),
            (Goodbye(GoodbyeReason.LEFT, NO_FRAME), b"\x04\x01\xff\xff\xff\xff"),
            (Goodbye(GoodbyeReason.FAILED, FRAME_LAST), b"\x04\x02\x7f\xff\xff\xff"),
            (Goodbye(GoodbyeReason.REFUSED, NO_FRAME), b"\x04\x03\xff\xff\xff\xff"),
            (Goodbye(GoodbyeReason.DIFFERED, 119), b"\x04\x04\0\0\0\x77"),
            (Terms(()), b"\x05\x80"),
            (Terms((("a", 1), ("b", None), ("c", "x"))), b"\x05\x83\x82aa\x01\x82ab\xf6\x82acax"),
        ]
        for packet, data in samples:
            self.assertEqual(encodePeerPacket(packet), data)
            self.assertEqual(decodePeerPacket(data), packet)

    def test_kinds(self) -> None:
        """The numbers of the kinds are those of the bytes."""
        self.assertEqual(
            [(kind.name, kind.value) for kind in PacketKind],
            [
                ("CHECK", 0),
                ("CHECK_ANSWER", 1),
                ("INPUTS", 2),
                ("READY", 3),
                ("GOODBYE", 4),
                ("TERMS", 5),
            ],
        )

    def test_limits(self) -> None:
        """Rollback's bodies fit, and the sealed and relayed packet fits every IPv6 link."""
        self.assertEqual((NONCE_BYTES, DIGEST_BYTES), (8, 16))
        self.assertEqual(FRAME_LAST, input_frames.FRAMES_LIMIT - 1)
        sealing, channel_data, udp, ipv6 = 1 + 8 + 8 + 16, 4, 8, 40
        self.assertLessEqual(PACKET_LIMIT + sealing + channel_data + udp + ipv6, 1280)

    def test_types(self) -> None:
        """What is decoded has the types that it says, and not only equal values."""
        ready = decodePeerPacket(b"\x03" + _DIGEST + b"\x01")
        assert isinstance(ready, Ready)
        self.assertIs(ready.heard, True)
        goodbye = decodePeerPacket(b"\x04\x01\0\0\0\0")
        assert isinstance(goodbye, Goodbye)
        self.assertIs(goodbye.reason, GoodbyeReason.LEFT)

    @settings(deadline=None, max_examples=200)
    @given(peer_packets)
    def test_roundTrip(self, packet: PeerPacket) -> None:
        """Every packet arrives equal."""
        self.assertEqual(decodePeerPacket(encodePeerPacket(packet)), packet)

    def test_otherLengths(self) -> None:
        """No other length passes, one byte less and one byte more included."""
        for data in (
            b"\x00" + bytes(8),
            b"\x01" + bytes(8),
            b"\x03" + bytes(17),
            b"\x04" + bytes(5),
        ):
            decodePeerPacket(data)
            for length in range(1, len(data)):
                self.assertRaises(MalformedMessage, decodePeerPacket, data[:length])
            self.assertRaises(MalformedMessage, decodePeerPacket, data + b"\0")
        self.assertRaises(MalformedMessage, decodePeerPacket, b"\x02")
        self.assertRaises(MalformedMessage, decodePeerPacket, b"\x02" + bytes(BODY_LIMIT + 1))
        self.assertRaises(MalformedMessage, decodePeerPacket, b"")

    def test_unknownKinds(self) -> None:
        """All other first bytes are unknown messages."""
        for kind in range(6, 256):
            error = self.assertRaises(UnknownMessage, decodePeerPacket, bytes([kind]) + bytes(8))
            self.assertIn(str(kind), str(error))

    def test_unknownFlags(self) -> None:
        """A READY has one flag."""
        for flags in range(2, 256):
            self.assertRaises(
                MalformedMessage, decodePeerPacket, b"\x03" + _DIGEST + bytes([flags])
            )

    def test_badGoodbyes(self) -> None:
        """A reason that nobody knows and a frame that cannot be are malformed."""
        for reason in range(5, 256):
            self.assertRaises(MalformedMessage, decodePeerPacket, bytes([4, reason]) + bytes(4))
        for frame in (b"\x80\0\0\0", b"\xff\xff\xff\xfe"):
            self.assertRaises(MalformedMessage, decodePeerPacket, b"\x04\x00" + frame)

    def test_badTerms(self) -> None:
        """Bad input: terms that are too many, too long, out of order or of other types."""
        many = tuple((f"{number:03}", number) for number in range(TERMS_LIMIT + 1))
        long = "x" * (TERM_TEXT_LIMIT + 1)
        bad: list[object] = [
            None,
            {"a": 1},
            [1],
            [{"a": 1}],
            [["a"]],
            [["a", 1, 2]],
            [["", 1]],
            [[1, 1]],
            [[None, 1]],
            [[long, 1]],
            [["a", long]],
            [["a", True]],
            [["a", b"x"]],
            [["a", []]],
            [["a", 1], ["a", 1]],
            [["b", 1], ["a", 1]],
            many,
        ]
        for fields in bad:
            data = b"\x05" + canonical_cbor.encode(fields)
            self.assertRaises(MalformedMessage, decodePeerPacket, data)
        for data in (b"", b"\x80\x80", b"\x9f\xff", b"\x9b" + b"\xff" * 8, b"\x81" * 1150):
            self.assertRaises(MalformedMessage, decodePeerPacket, b"\x05" + data)

    def test_termsLimits(self) -> None:
        """The most and the longest terms pass; a packet that is too long does not."""
        most = Terms(many := tuple((f"{number:02}", 2**64 - 1) for number in range(TERMS_LIMIT)))
        text = "\u00fc" * TERM_TEXT_LIMIT
        for terms in (most, Terms(((text, text),)), Terms((("a", -(2**63)),))):
            self.assertEqual(decodePeerPacket(encodePeerPacket(terms)), terms)
        self.assertEqual(len(many), 32)
        too_long = Terms(tuple((f"{number:02}", text) for number in range(5)))
        self.assertRaises(LocalProtocolError, encodePeerPacket, too_long)
        padded = b"\x05" + canonical_cbor.encode([[f"{number:02}", text] for number in range(5)])
        self.assertRaises(MalformedMessage, decodePeerPacket, padded)

    def test_ourMistakes(self) -> None:
        """What is out of bounds does not leave."""
        bad: list[object] = [
            Check(b"1234567"),
            Check(b"123456789"),
            Check("12345678"),  # type: ignore[arg-type]
            CheckAnswer(b""),
            CheckAnswer(bytearray(8)),  # type: ignore[arg-type]
            Inputs(b""),
            Inputs(bytes(BODY_LIMIT + 1)),
            Inputs("x"),  # type: ignore[arg-type]
            Ready(_DIGEST[:-1], True),
            Ready(_DIGEST + b"x", True),
            Ready("x" * 16, True),  # type: ignore[arg-type]
            Ready(_DIGEST, 1),  # type: ignore[arg-type]
            Goodbye(1, 0),  # type: ignore[arg-type]
            Goodbye(GoodbyeReason.LEFT, -2),
            Goodbye(GoodbyeReason.LEFT, 2**31),
            Goodbye(GoodbyeReason.LEFT, True),
            Terms([("a", 1)]),  # type: ignore[arg-type]
            Terms((["a", 1],)),  # type: ignore[arg-type]
            Terms((("b", 1), ("a", 1))),
            Terms((("a", b"x"),)),  # type: ignore[arg-type]
            Terms((("a", "\ud800"),)),
            Terms((("a", 2**64),)),
            b"\x0012345678",
            None,
        ]
        for packet in bad:
            self.assertRaises(LocalProtocolError, encodePeerPacket, packet)

    @settings(deadline=None, max_examples=200)
    @given(
        st.binary(max_size=40)
        | st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(0, 6), st.binary())
        | damaged(peer_packets.map(encodePeerPacket))
    )
    @example(b"\x03" + bytes(16) + b"\x02")
    def test_anyBytes(self, data: bytes) -> None:
        """Any bytes give a packet that encodes to them again, or are malformed."""
        try:
            packet = decodePeerPacket(data)
        except MalformedMessage:
            return
        self.assertEqual(encodePeerPacket(packet), data)
