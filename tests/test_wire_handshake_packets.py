"""
Packets of handshakes: exact bytes, strict lengths, nothing but values or refusals.
"""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.handshake_packets import (
    GENERATION_LAST,
    Challenge,
    Claim,
    HandshakeKind,
    HandshakePacket,
    Hello,
    Proof,
    Welcome,
    claimBytes,
    decodeHandshakePacket,
    encodeHandshakePacket,
)

MATCH = b"M" * 16
CLAIM = Claim(b"K" * 32, b"N" * 16, 0x0102, b"k" * 32)
SAMPLES: tuple[HandshakePacket, ...] = (
    Hello(MATCH, 1, 255, CLAIM),
    Challenge(MATCH, 255, 1, b"N" * 16, b"C" * 16, 0x0304, True),
    Proof(MATCH, 1, 255, CLAIM, b"C" * 16, 0x0304, 0x0506, b"S" * 64),
    Welcome(MATCH, 255, 1, b"N" * 16, b"L" * 32, 0x0708, 0x0506, b"S" * 64),
)

players = st.integers(1, 127)
generations = st.integers(0, GENERATION_LAST)
claims = st.builds(
    Claim,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    generations,
    st.binary(min_size=32, max_size=32),
)
head = (st.binary(min_size=16, max_size=16), players, players.map(lambda player: player + 127))
sixteen, signature = st.binary(min_size=16, max_size=16), st.binary(min_size=64, max_size=64)
packets = st.one_of(
    st.builds(Hello, *head, claims),
    st.builds(Challenge, *head, sixteen, sixteen, generations, st.booleans()),
    st.builds(Proof, *head, claims, sixteen, generations, generations, signature),
    st.builds(
        Welcome,
        *head,
        sixteen,
        st.binary(min_size=32, max_size=32),
        generations,
        generations,
        signature,
    ),
)


class HandshakePacketTests(SynchronousTestCase):
    """Done when: the wire protocol is complete enough to write a client in another language."""

    def test_layouts(self) -> None:
        """Each packet has exactly these bytes, both ways."""
        there, back = MATCH + b"\x01\xff", MATCH + b"\xff\x01"
        claim = b"K" * 32 + b"N" * 16 + b"\x01\x02" + b"k" * 32
        expected = (
            b"\xc5\x00\x01" + there + claim + bytes(84),
            b"\xc5\x01\x01" + back + b"N" * 16 + b"C" * 16 + b"\x03\x04\x01" + bytes(131),
            b"\xc5\x02\x01" + there + claim + b"C" * 16 + b"\x03\x04\x05\x06" + b"S" * 64,
            b"\xc5\x03\x01" + back + b"N" * 16 + b"L" * 32 + b"\x07\x08\x05\x06" + b"S" * 64,
        )
        for kind, packet, data in zip(HandshakeKind, SAMPLES, expected, strict=True):
            self.assertEqual(encodeHandshakePacket(packet), data)
            self.assertEqual(decodeHandshakePacket(data), packet)
            self.assertEqual(data[1], kind)
        self.assertEqual(claimBytes(CLAIM), claim)
        self.assertEqual([len(data) for data in expected], [187, 187, 187, 137])

    @settings(max_examples=200, deadline=None)
    @given(packets)
    def test_bothWays(self, packet: HandshakePacket) -> None:
        """Every packet comes out as it went in."""
        self.assertEqual(decodeHandshakePacket(encodeHandshakePacket(packet)), packet)

    @settings(max_examples=300, deadline=None)
    @given(packets, st.binary(max_size=220), st.integers(0, 186), st.integers(0, 255))
    def test_anyBytes(self, packet: HandshakePacket, raw: bytes, place: int, byte: int) -> None:
        """Any bytes: a packet that encodes to just them, or the named refusal."""
        data = encodeHandshakePacket(packet)
        changed = bytearray(data)
        changed[place % len(data)] = byte
        for each in (raw, data[:2] + raw, data[:place] + raw, bytes(changed)):
            try:
                decoded = decodeHandshakePacket(each)
            except MalformedMessage:
                continue
            self.assertEqual(encodeHandshakePacket(decoded), each)

    def test_lengths(self) -> None:
        """One byte less or more, or nothing at all: no packet."""
        for packet in SAMPLES:
            data = encodeHandshakePacket(packet)
            for other in [data[:length] for length in range(len(data))] + [data + b"\0"]:
                self.assertRaises(MalformedMessage, decodeHandshakePacket, other)

    def test_badBytes(self) -> None:
        """Another first byte, version, kind, player or flag; something where zeros belong."""
        hello, challenge, proof, _ = map(encodeHandshakePacket, SAMPLES)
        for data in (
            b"\xc4" + hello[1:],
            hello[:19] + b"\0" + hello[20:],
            hello[:20] + b"\0" + hello[21:],
            hello[:19] + b"\xff" + hello[20:],
            hello[:-1] + b"\x01",
            hello[:103] + b"\x01" + hello[104:],
            challenge[:-1] + b"\x01",
            challenge[:56] + b"\x01" + challenge[57:],
            challenge[:55] + b"\x02" + challenge[56:],
        ):
            self.assertRaises(MalformedMessage, decodeHandshakePacket, data)
        for data in (
            hello[:2] + b"\x02" + hello[3:],
            hello[:2] + b"\0" + hello[3:],
            hello[:1] + b"\x04" + hello[2:],
            proof[:1] + b"\xff" + proof[2:],
        ):
            self.assertRaises(UnknownMessage, decodeHandshakePacket, data)

    def test_badFields(self) -> None:
        """What does not fit is our own mistake, found before anything is sent."""
        bad: dict[str, tuple[object, ...]] = {
            "match_id": (b"M" * 15, b"M" * 17, "M" * 16, None),
            "sender": (0, 256, -1, True, "1", None),
            "receiver": (0, 256, 1.0),
            "nonce": (b"", b"N" * 15, b"N" * 17, bytearray(16)),
            "cookie": (b"C" * 15, b"C" * 17),
            "known_generation": (-1, GENERATION_LAST + 1, True, None),
            "generation": (-1, GENERATION_LAST + 1, 1.0),
            "initiator_generation": (-1, GENERATION_LAST + 1),
            "known_is_yours": (0, 1, None),
            "link_key": (b"K" * 31, b"K" * 33),
            "known_key": (b"K" * 31, b"K" * 33),
            "signature": (b"S" * 63, b"S" * 65),
        }
        refused = 0
        for packet in SAMPLES:
            for name, values in bad.items():
                for value in values:
                    if hasattr(packet, name):
                        wrong = attrs.evolve(packet, **{name: value})  # type: ignore[arg-type]
                        self.assertRaises(LocalProtocolError, encodeHandshakePacket, wrong)
                        refused += 1
                    claim = getattr(packet, "claim", None)
                    if claim is not None and hasattr(claim, name):
                        evil = attrs.evolve(claim, **{name: value})
                        wrong = attrs.evolve(packet, claim=evil)  # type: ignore[call-arg]
                        self.assertRaises(LocalProtocolError, encodeHandshakePacket, wrong)
                        refused += 1
        self.assertEqual(refused, 113)
        oneself = attrs.evolve(SAMPLES[0], receiver=1)
        self.assertRaises(LocalProtocolError, encodeHandshakePacket, oneself)
        self.assertRaises(LocalProtocolError, encodeHandshakePacket, CLAIM)
