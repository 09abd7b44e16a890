"""Tests of L{gamenet.wire.transfer_packets}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage, UnknownMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.transfer_packets import (
    CHUNK_BYTES,
    CHUNKS_LIMIT,
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

#: Each packet, and its bytes for ever.
SAMPLES = {
    Offer(TransferPurpose.SNAPSHOT, 1, 600, 70_000, bytes(range(16))): (
        "4000000000010000025800011170000102030405060708090a0b0c0d0e0f"
    ),
    Chunk(TransferPurpose.STATE, 2, 258, b"abc"): "4101000000020102616263",
    Receipt(TransferPurpose.DUMP, 0xFFFFFFFF, 3, 5): "4202ffffffff00030000000000000005",
    Refusal(TransferPurpose.SNAPSHOT, 7, RefusalReason.NOT_WANTED): "43000000000703",
    Withdrawal(TransferPurpose.STATE, 8): "440100000008",
}

PURPOSES = st.sampled_from(TransferPurpose)
NUMBERS = st.integers(1, 2**32 - 1)
CONTENTS = st.binary(min_size=1, max_size=CHUNK_BYTES)
PACKETS = st.one_of(
    st.builds(
        Offer,
        PURPOSES,
        NUMBERS,
        st.integers(0, FRAMES_LIMIT),
        st.integers(0, CHUNKS_LIMIT * CHUNK_BYTES),
        st.binary(min_size=16, max_size=16),
    ),
    st.builds(Chunk, PURPOSES, NUMBERS, st.integers(0, 65_535), CONTENTS),
    st.builds(Receipt, PURPOSES, NUMBERS, st.integers(0, 65_535), st.integers(0, 2**64 - 1)),
    st.builds(Refusal, PURPOSES, NUMBERS, st.sampled_from(RefusalReason)),
    st.builds(Withdrawal, PURPOSES, NUMBERS),
)


class TransferPacketTests(SynchronousTestCase):
    """The packets of a transfer."""

    def test_samples(self) -> None:
        """The documented layout, byte by byte."""
        for packet, text in SAMPLES.items():
            self.assertEqual(encodeTransferPacket(packet).hex(), text)
            self.assertEqual(decodeTransferPacket(bytes.fromhex(text)), packet)

    @settings(deadline=None, max_examples=200)
    @given(PACKETS)
    def test_roundTrip(self, packet: object) -> None:
        """Every packet comes back from its bytes, and fits."""
        body = encodeTransferPacket(packet)
        self.assertLessEqual(len(body), 1150)
        self.assertEqual(decodeTransferPacket(body), packet)

    @settings(deadline=None, max_examples=300)
    @given(st.sampled_from(b"\x3f\x40\x41\x42\x43\x44\x45"), st.binary(max_size=40))
    def test_anyBytes(self, kind: int, rest: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        body = bytes([kind]) + rest
        try:
            packet = decodeTransferPacket(body)
        except MalformedMessage:
            return
        self.assertEqual(encodeTransferPacket(packet), body)

    def test_outOfBounds(self) -> None:
        """Bad input: each field's limits."""
        offer = bytearray(bytes.fromhex(SAMPLES[next(iter(SAMPLES))]))
        for place, text in (
            (1, b"\x03"),
            (2, bytes(4)),
            (6, (FRAMES_LIMIT + 1).to_bytes(4, "big")),
            (10, (CHUNKS_LIMIT * CHUNK_BYTES + 1).to_bytes(4, "big")),
        ):
            bad = offer.copy()
            bad[place : place + len(text)] = text
            self.assertRaises(MalformedMessage, decodeTransferPacket, bytes(bad))
        chunk = b"\x41\0\0\0\0\1\0\0"
        decodeTransferPacket(chunk + bytes(CHUNK_BYTES))
        longest = chunk + bytes(CHUNK_BYTES + 1)
        for body in (chunk, longest, b"\x43\0\0\0\0\1\4", b"\x44\0\0\0\0\1\0"):
            self.assertRaises(MalformedMessage, decodeTransferPacket, body)
        for body in (b"", b"\x45", b"\x30"):
            self.assertRaises(UnknownMessage, decodeTransferPacket, body)
