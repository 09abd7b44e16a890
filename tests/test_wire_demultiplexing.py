"""
The first byte of a datagram tells whose it is.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.demultiplexing import (
    HANDSHAKE_PACKET,
    HEARTBEAT,
    HEARTBEAT_ANSWER,
    KIND_OF_FIRST_BYTE,
    SEALED_FIRST_BYTES,
    SEALED_PACKET,
    SEALED_PACKET_ODD,
    DatagramKind,
)


class DemultiplexingTests(SynchronousTestCase):
    """RFC 7983's division of the first byte."""

    def test_everyFirstByte(self) -> None:
        """All 256 first bytes: 4 are STUN's, 16 ChannelData's, 16 ours, the rest nobody's."""
        expected = (
            [DatagramKind.STUN] * 4
            + [DatagramKind.UNKNOWN] * 60
            + [DatagramKind.CHANNEL_DATA] * 16
            + [DatagramKind.UNKNOWN] * 112
            + [DatagramKind.GAMENET] * 16
            + [DatagramKind.UNKNOWN] * 48
        )
        self.assertEqual(list(KIND_OF_FIRST_BYTE), expected)

    def test_ourOwn(self) -> None:
        """Our five first bytes are what the wire says, and in our range."""
        ours = (HEARTBEAT, HEARTBEAT_ANSWER, *SEALED_FIRST_BYTES, HANDSHAKE_PACKET)
        self.assertEqual(ours, (0xC0, 0xC1, 0xC4, 0xC6, 0xC5))
        self.assertEqual(SEALED_FIRST_BYTES, (SEALED_PACKET, SEALED_PACKET_ODD))
        for first in ours:
            self.assertIs(KIND_OF_FIRST_BYTE[first], DatagramKind.GAMENET)
