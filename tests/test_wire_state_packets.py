"""Tests of L{gamenet.wire.state_packets}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.state_packets import (
    STATE_WANTED,
    StateWanted,
    decodeStateWanted,
    encodeStateWanted,
)
from gamenet.wire.transfer_packets import TransferPurpose

#: Each request, and its bytes for ever.
SAMPLES = {
    StateWanted(TransferPurpose.STATE, 0): "280100000000",
    StateWanted(TransferPurpose.STATE, 59): "28010000003b",
    StateWanted(TransferPurpose.DUMP, 0x01020304): "280201020304",
}

ASKED = st.sampled_from([TransferPurpose.STATE, TransferPurpose.DUMP])
FRAMES = st.integers(0, FRAMES_LIMIT - 1)


class StateWantedTests(SynchronousTestCase):
    """A request for a state."""

    def test_samples(self) -> None:
        """The documented layout, byte by byte."""
        for wanted, text in SAMPLES.items():
            self.assertEqual(encodeStateWanted(wanted).hex(), text)
            self.assertEqual(decodeStateWanted(bytes.fromhex(text)), wanted)

    @settings(deadline=None, max_examples=100)
    @given(st.builds(StateWanted, ASKED, FRAMES))
    def test_roundTrip(self, wanted: StateWanted) -> None:
        """Every request comes back from its bytes."""
        self.assertEqual(decodeStateWanted(encodeStateWanted(wanted)), wanted)

    @settings(deadline=None, max_examples=300)
    @given(st.one_of(st.binary(max_size=8), st.binary(max_size=6).map(lambda rest: b"\x28" + rest)))
    def test_anyBytes(self, body: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        try:
            wanted = decodeStateWanted(body)
        except MalformedMessage:
            return
        self.assertEqual(encodeStateWanted(wanted), body)

    def test_outOfBounds(self) -> None:
        """Bad input: each field's limits, and the length."""
        end = FRAMES_LIMIT.to_bytes(4, "big")
        for body in (
            b"",
            bytes([STATE_WANTED]),
            b"\x29\1\0\0\0\0",
            b"\x28\0\0\0\0\0",
            b"\x28\3\0\0\0\0",
            b"\x28\1\0\0\0",
            b"\x28\1\0\0\0\0\0",
            b"\x28\1" + end,
        ):
            self.assertRaises(MalformedMessage, decodeStateWanted, body)

    def test_impossible(self) -> None:
        """We ask for no snapshot in this way, and for no frame that cannot be."""
        for purpose, frame in (
            (TransferPurpose.SNAPSHOT, 0),
            (TransferPurpose.STATE, -1),
            (TransferPurpose.DUMP, FRAMES_LIMIT),
        ):
            self.assertRaises(LocalProtocolError, encodeStateWanted, StateWanted(purpose, frame))
