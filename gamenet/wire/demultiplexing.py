"""
Which protocol a datagram belongs to, told by its first byte alone.

Several protocols share one UDP port.  RFC 7983 (updated by RFC 9443) divides
the first byte among STUN, ZRTP, DTLS, TURN channels, QUIC and RTP; RFC 8656,
section 12, narrows TURN's channels to 0x40 to 0x4F.  gamenet's own datagrams
take 0xC0 to 0xCF, which nothing that runs beside them uses::

    0x00 - 0x03   STUN        RFC 8489, section 5: a message begins with two 0 bits
    0x40 - 0x4F   TURN        RFC 8656, section 12: ChannelData
    0xC0 - 0xCF   gamenet     heartbeats with a lobby, sealed packets and handshakes
                              between players
    the others    unknown     counted and dropped by the owner of the port

Values only: L{gamenet.wire.heartbeats} says what follows 0xC0 and 0xC1,
L{gamenet.sealing.sealed_link} what follows 0xC4 and 0xC6, and
L{gamenet.wire.handshake_packets} what follows 0xC5.
"""

from __future__ import annotations

from enum import Enum

__all__ = [
    "HANDSHAKE_PACKET",
    "HEARTBEAT",
    "HEARTBEAT_ANSWER",
    "KIND_OF_FIRST_BYTE",
    "SEALED_FIRST_BYTES",
    "SEALED_PACKET",
    "SEALED_PACKET_ODD",
    "DatagramKind",
]

#: The first byte of a client's heartbeat to its lobby.
HEARTBEAT = 0xC0

#: The first byte of the lobby's answer to a heartbeat.
HEARTBEAT_ANSWER = 0xC1

#: The first byte of a sealed packet between two players, in an even epoch of its keys.
SEALED_PACKET = 0xC4

#: The first byte of a handshake of two players, one of whom has returned.
HANDSHAKE_PACKET = 0xC5

#: The first byte of a sealed packet in an odd epoch of its keys.
SEALED_PACKET_ODD = 0xC6

#: Both first bytes of sealed packets; indexed by the lowest bit of the epoch.
SEALED_FIRST_BYTES = (SEALED_PACKET, SEALED_PACKET_ODD)


class DatagramKind(Enum):
    """
    A protocol that shares a UDP port with others.

    @cvar STUN: A STUN message (RFC 8489), TURN's requests and indications
        included.
    @cvar CHANNEL_DATA: TURN ChannelData (RFC 8656, section 12.4).
    @cvar GAMENET: One of gamenet's own datagrams.
    @cvar UNKNOWN: Nothing that anybody here speaks.
    """

    STUN = "STUN"
    CHANNEL_DATA = "CHANNEL_DATA"
    GAMENET = "GAMENET"
    UNKNOWN = "UNKNOWN"


def _kindOfByte(first: int) -> DatagramKind:
    """Return the kind that a first byte, 0 to 255, announces."""
    if first <= 0x03:
        return DatagramKind.STUN
    if 0x40 <= first <= 0x4F:
        return DatagramKind.CHANNEL_DATA
    if 0xC0 <= first <= 0xCF:
        return DatagramKind.GAMENET
    return DatagramKind.UNKNOWN


#: The kind that each first byte announces; indexed by the byte, 256 entries.
KIND_OF_FIRST_BYTE: tuple[DatagramKind, ...] = tuple(map(_kindOfByte, range(256)))
