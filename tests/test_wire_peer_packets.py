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
    CallOff,
    ChannelBody,
    Check,
    CheckAnswer,
    Countdown,
    Goodbye,
    GoodbyeReason,
    Inputs,
    LogBody,
    PacketKind,
    PeerPacket,
    Ready,
    Reception,
    StatementPacket,
    Terms,
    decodePeerPacket,
    encodePeerPacket,
)
from gamenet.wire.start_packets import CallOffReason
from tests.wire_strategies import damaged, peer_packets

_DIGEST = bytes(range(16))


class PeerPacketTests(SynchronousTestCase):
    """Both directions."""

    def test_layouts(self) -> None:
        """Each kind of packet has exactly these bytes, both ways."""
        samples: list[tuple[PeerPacket, bytes]] = [
            (Check(b"12345678"), b"\x0012345678"),
            (CheckAnswer(b"12345678"), b"\x0112345678"),
            (
                Check(b"12345678", Reception(1, 0x0203, 0x04050607)),
                b"\x0012345678\x00\x01\x02\x03\x04\x05\x06\x07",
            ),
            (
                Check(b"12345678", Reception(0xFFFF, 0xFFFF, 0xFFFFFFFF)),
                b"\x0012345678" + b"\xff" * 8,
            ),
            (CheckAnswer(b"12345678", 0), b"\x0112345678" + bytes(8)),
            (CheckAnswer(b"12345678", -2), b"\x0112345678" + b"\xff" * 7 + b"\xfe"),
            (Inputs(b"\x02"), b"\x02\x02"),
            (Inputs(b"\x80" * BODY_LIMIT), b"\x02" + b"\x80" * 1150),
            (Ready(_DIGEST, False), b"\x03" + _DIGEST + b"\x00"),
            (Ready(_DIGEST, True), b"\x03" + _DIGEST + b"\x01"),
            (Ready(_DIGEST, False, loaded=True), b"\x03" + _DIGEST + b"\x02"),
            (Ready(_DIGEST, False, reached=True), b"\x03" + _DIGEST + b"\x04"),
            (Ready(_DIGEST, False, counting=True), b"\x03" + _DIGEST + b"\x08"),
            (Countdown(1, 2), b"\x08" + bytes(7) + b"\x01" + bytes(7) + b"\x02"),
            (CallOff(CallOffReason.LOST, (1, 2, 16)), b"\x09\x02\x80\x03"),
            (
                StatementPacket(True, 1, 2, b"won", bytes(range(64))),
                b"\x0a\x01\0\0\0\x01\0\0\0\x02" + bytes(range(64)) + b"won",
            ),
            (Goodbye(GoodbyeReason.FINISHED, 0), b"\x04\x00\0\0\0\0"),
            (Goodbye(GoodbyeReason.LEFT, NO_FRAME), b"\x04\x01\xff\xff\xff\xff"),
            (Goodbye(GoodbyeReason.FAILED, FRAME_LAST), b"\x04\x02\x7f\xff\xff\xff"),
            (Goodbye(GoodbyeReason.REFUSED, NO_FRAME), b"\x04\x03\xff\xff\xff\xff"),
            (Goodbye(GoodbyeReason.DIFFERED, 119), b"\x04\x04\0\0\0\x77"),
            (Terms(()), b"\x05\x80"),
            (ChannelBody(b"\x06"), b"\x06\x06"),
            (ChannelBody(b"\x80" * BODY_LIMIT), b"\x06" + b"\x80" * 1150),
            (LogBody(b"\x07"), b"\x07\x07"),
            (LogBody(b"\x80" * BODY_LIMIT), b"\x07" + b"\x80" * 1150),
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
                ("CHANNEL", 6),
                ("LOG", 7),
                ("COUNTDOWN", 8),
                ("CALL_OFF", 9),
                ("STATEMENT", 10),
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
            b"\x03" + bytes(17),
            b"\x04" + bytes(5),
        ):
            decodePeerPacket(data)
            for length in range(1, len(data)):
                self.assertRaises(MalformedMessage, decodePeerPacket, data[:length])
            self.assertRaises(MalformedMessage, decodePeerPacket, data + b"\0")
        for kind in (b"\x02", b"\x06", b"\x07"):
            self.assertRaises(MalformedMessage, decodePeerPacket, kind)
            self.assertRaises(MalformedMessage, decodePeerPacket, kind + bytes(BODY_LIMIT + 1))
        for kind in (b"\x00", b"\x01"):
            for length in (*range(9, 16), *range(17, 40)):
                self.assertRaises(MalformedMessage, decodePeerPacket, kind + bytes(length))
        self.assertRaises(MalformedMessage, decodePeerPacket, b"")

    def test_reception(self) -> None:
        """Measurements travel as whole numbers, those that are too large as the largest."""
        measured = Reception.measured(0.5, 0.020, 100_000)
        self.assertEqual(measured, Reception(32_768, 2_000, 100_000))
        self.assertApproximates(measured.loss_share, 0.5, 1e-4)
        self.assertEqual(measured.jitter_seconds, 0.020)
        self.assertEqual(
            Reception.measured(1.5, 1e9, 2**32 + 7), Reception(0xFFFF, 0xFFFF, 7)
        )
        self.assertEqual(Reception.measured(-1.0, 0.0, 0), Reception(0, 0, 0))

    def test_unknownKinds(self) -> None:
        """All other first bytes are unknown messages."""
        for kind in range(11, 256):
            error = self.assertRaises(UnknownMessage, decodePeerPacket, bytes([kind]) + bytes(8))
            self.assertIn(str(kind), str(error))

    def test_unknownFlags(self) -> None:
        """A READY has four flags."""
        for flags in range(16, 256):
            self.assertRaises(
                MalformedMessage, decodePeerPacket, b"\x03" + _DIGEST + bytes([flags])
            )

    def test_badGoodbyes(self) -> None:
        """A reason that nobody knows and a frame that cannot be are malformed."""
        for reason in range(5, 256):
            self.assertRaises(MalformedMessage, decodePeerPacket, bytes([4, reason]) + bytes(4))
        for frame in (b"\x80\0\0\0", b"\xff\xff\xff\xfe"):
            self.assertRaises(MalformedMessage, decodePeerPacket, b"\x04\x00" + frame)

    def test_badStarts(self) -> None:
        """Bad input: countdowns, call-offs and statements that cannot be."""
        for data in (
            b"\x08" + bytes(15),
            b"\x08" + bytes(17),
            b"\x09\x00\x00\x00",
            b"\x09\x04\x00\x01",
            b"\x09\x00\x00",
            b"\x0a" + bytes(72),
            b"\x0a" + bytes(73 + 513),
            b"\x0a\x02" + bytes(72),
            b"\x0a\x00\xff\xff\xff\xff" + bytes(68),
        ):
            self.assertRaises(MalformedMessage, decodePeerPacket, data)
        for packet in (
            Countdown(-(2**63) - 1, 0),
            Countdown(0, 2**64),
            CallOff(CallOffReason.LOST, ()),
            CallOff(CallOffReason.LOST, (17,)),
            CallOff(1, (1,)),  # type: ignore[arg-type]
            StatementPacket(False, -1, 0, b"", bytes(64)),
            StatementPacket(False, 0, 0, bytes(513), bytes(64)),
            StatementPacket(False, 0, 0, b"", bytes(63)),
        ):
            self.assertRaises(LocalProtocolError, encodePeerPacket, packet)

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
            Check(b"12345678", (0, 0, 0)),  # type: ignore[arg-type]
            Check(b"12345678", Reception(-1, 0, 0)),
            Check(b"12345678", Reception(0x10000, 0, 0)),
            Check(b"12345678", Reception(0, 0x10000, 0)),
            Check(b"12345678", Reception(0, 0, 2**32)),
            Check(b"12345678", Reception(0, 0, 1.0)),  # type: ignore[arg-type]
            CheckAnswer(b"12345678", 2**63),
            CheckAnswer(b"12345678", -(2**63) - 1),
            CheckAnswer(b"12345678", 1.0),  # type: ignore[arg-type]
            ChannelBody(b""),
            ChannelBody(bytes(BODY_LIMIT + 1)),
            LogBody(b""),
            LogBody(bytearray(1)),  # type: ignore[arg-type]
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
        | st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(0, 11), st.binary())
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
