"""
What players tell one another: the packets inside of the seal.

A sealed datagram (first byte 0xC4, see L{gamenet.wire.demultiplexing}) holds
one packet.  Its first byte is its kind, numbers are big endian, and each is exactly
as long as it says here::

    CHECK          0   see L{gamenet.wire.path_checks}           9 or 17 bytes
    CHECK_ANSWER   1   the same                                  9 or 17 bytes
    INPUTS         2   body, 1 to 1150 bytes                     2 to 1151 bytes
    READY          3   configuration digest, 16 bytes; flags     18 bytes
    GOODBYE        4   reason, 1 byte; last confirmed frame, 4   6 bytes
    TERMS          5   see L{gamenet.wire.peer_terms}            2 to 1151 bytes
    CHANNEL        6   body, 1 to 1150 bytes                     2 to 1151 bytes
    LOG            7   body, 1 to 1150 bytes                     2 to 1151 bytes
    COUNTDOWN      8   see L{gamenet.wire.start_packets}         17 bytes
    CALL_OFF       9   the same                                  4 bytes
    STATEMENT      10  see L{gamenet.wire.match_statements}      74 to 586 bytes

The bodies are opaque here: of INPUTS it is L{gamenet.wire.input_frames}'s, of CHANNEL
what carries reliable messages and transfers, and of LOG a message of the session's
log that may get lost.  A READY's
flags are bit 0, "we have heard your READY"; bit 1, "our game is loaded"; bit 2, "we
have reached everybody, and everybody us"; bit 3, "we know when play begins"; the others
are 0.  A GOODBYE's
frame is 0xFFFFFFFF where no frame was confirmed.  TERMS follow a READY or a
GOODBYE of whom the receiver's digest does not suit: what the digest was made of, for
people to compare.

There is no version byte: L{gamenet.wire.lobby_values.PROTOCOL_VERSION} is one of
the inputs of the keys that seal packets, so those of another version do not open.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import TypeAlias, cast

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.goodbyes import (
    FRAME_LAST,
    NO_FRAME,
    Goodbye,
    GoodbyeReason,
    decodeGoodbye,
    encodeGoodbye,
)
from gamenet.wire.input_frames import BODY_LIMIT
from gamenet.wire.match_statements import (
    StatementPacket,
    decodeStatementPacket,
    encodeStatementPacket,
)
from gamenet.wire.path_checks import (
    NONCE_BYTES,
    Check,
    CheckAnswer,
    Reception,
    decodeCheck,
    decodeCheckAnswer,
    encodeCheck,
    encodeCheckAnswer,
)
from gamenet.wire.peer_terms import (
    TERM_TEXT_LIMIT,
    TERMS_LIMIT,
    Terms,
    TermValue,
    decodeTerms,
    encodeTerms,
)
from gamenet.wire.start_packets import (
    CallOff,
    Countdown,
    decodeCallOff,
    decodeCountdown,
    encodeCallOff,
    encodeCountdown,
)

__all__ = [
    "BODY_LIMIT",
    "DIGEST_BYTES",
    "FRAME_LAST",
    "NONCE_BYTES",
    "NO_FRAME",
    "PACKET_LIMIT",
    "TERMS_LIMIT",
    "TERM_TEXT_LIMIT",
    "CallOff",
    "ChannelBody",
    "Check",
    "CheckAnswer",
    "Countdown",
    "Goodbye",
    "GoodbyeReason",
    "Inputs",
    "LogBody",
    "PacketKind",
    "PeerPacket",
    "Ready",
    "Reception",
    "StatementPacket",
    "TermValue",
    "Terms",
    "decodePeerPacket",
    "encodePeerPacket",
]

#: Bytes of a configuration digest.
DIGEST_BYTES = 16

#: The most bytes of a packet, its kind counted.  Sealed, relayed and in an IPv6
#: packet it stays below 1280 bytes, the least that every IPv6 link carries (RFC 8200).
PACKET_LIMIT = 1 + BODY_LIMIT

_HEARD, _LOADED, _REACHED, _COUNTING = 0x01, 0x02, 0x04, 0x08
_READY = Struct(">B16sB")


class PacketKind(IntEnum):
    """
    The first byte of a packet.

    @cvar CHECK: Are you there, on this path?
    @cvar CHECK_ANSWER: Yes, and this path works both ways.
    @cvar INPUTS: What the player pressed, and what it has of the other's.
    @cvar READY: The configuration that the player is about to play with.
    @cvar GOODBYE: The player stops playing.
    @cvar TERMS: The settings that the player refuses to play without.
    @cvar CHANNEL: A part of the reliable messages and transfers.
    @cvar LOG: A message of the session's log that may get lost.
    @cvar COUNTDOWN: When play begins.
    @cvar CALL_OFF: Play does not begin.
    @cvar STATEMENT: How the match ended, signed.
    """

    CHECK = 0
    CHECK_ANSWER = 1
    INPUTS = 2
    READY = 3
    GOODBYE = 4
    TERMS = 5
    CHANNEL = 6
    LOG = 7
    COUNTDOWN = 8
    CALL_OFF = 9
    STATEMENT = 10


@attrs.frozen
class Inputs:
    """
    Carry what one rollback session tells another.

    @ivar body: 1 to L{gamenet.wire.input_frames.BODY_LIMIT} bytes, opaque here.
    """

    body: bytes


@attrs.frozen
class Ready:
    """
    Say that a player could begin; repeated until play begins.

    @ivar digest: Digest of all settings that both must share, 16 bytes.
    @ivar heard: Whether the sender has heard the receiver's.
    @ivar loaded: Whether the sender's game is loaded.
    @ivar reached: Whether the sender and every other player have heard each other.
    @ivar counting: Whether the sender knows when play begins.
    """

    digest: bytes
    heard: bool
    loaded: bool = False
    reached: bool = False
    counting: bool = False


@attrs.frozen
class ChannelBody:
    """
    Carry a part of a link's reliable messages and transfers.

    @ivar body: 1 to L{BODY_LIMIT} bytes, opaque here.
    """

    body: bytes


@attrs.frozen
class LogBody:
    """
    Carry a message of the session's log that may get lost.

    @ivar body: 1 to L{BODY_LIMIT} bytes, opaque here.
    """

    body: bytes


#: Any packet between players.
PeerPacket: TypeAlias = (
    Check
    | CheckAnswer
    | Inputs
    | Ready
    | Goodbye
    | Terms
    | ChannelBody
    | LogBody
    | Countdown
    | CallOff
    | StatementPacket
)


def encodePeerPacket(packet: PeerPacket) -> bytes:
    """
    Return a packet's bytes, ready to be sealed.

    Called once per packet by a match.

    @raise LocalProtocolError: It is no packet, or a field of it is out of bounds.
    """
    encoding = _ENCODINGS.get(type(packet))
    if encoding is None:
        raise LocalProtocolError(f"{type(packet).__name__} is not a peer packet")
    return encoding(packet)


def decodePeerPacket(data: bytes) -> PeerPacket:
    """
    Return the packet that an opened seal gave.

    Called once per packet by a match.

    @raise MalformedMessage: It is empty, too long or too short, or a field of it is
        out of bounds.
    @raise UnknownMessage: No packet is of its kind.
    """
    if not data:
        raise MalformedMessage("an empty peer packet")
    kind = data[0]
    if kind >= len(_DECODINGS):
        raise UnknownMessage(f"no peer packet is of kind {kind}")
    return _DECODINGS[kind](data)


def _encodeInputs(packet: Inputs) -> bytes:
    """Return the bytes of an input packet."""
    return _withBody(b"\x02", packet.body)


def _encodeChannelBody(packet: ChannelBody) -> bytes:
    """Return the bytes of a packet of the channel."""
    return _withBody(b"\x06", packet.body)


def _encodeLogBody(packet: LogBody) -> bytes:
    """Return the bytes of a packet of the log."""
    return _withBody(b"\x07", packet.body)


def _withBody(kind: bytes, body: bytes) -> bytes:
    """Return a kind and an opaque body."""
    if type(body) is not bytes or not 1 <= len(body) <= BODY_LIMIT:
        raise LocalProtocolError(f"the body of a packet is 1 to {BODY_LIMIT} bytes")
    return kind + body


def _encodeReady(packet: Ready) -> bytes:
    """Return the bytes of a ready packet."""
    if type(packet.digest) is not bytes or len(packet.digest) != DIGEST_BYTES:
        raise LocalProtocolError(f"a configuration digest is {DIGEST_BYTES} bytes")
    said = (packet.heard, packet.loaded, packet.reached, packet.counting)
    if any(type(each) is not bool for each in said):
        raise LocalProtocolError("heard, loaded, reached and counting are bools")
    flags = sum(1 << bit for bit, each in enumerate(said) if each)
    return _READY.pack(PacketKind.READY, packet.digest, flags)


def _decodeInputs(data: bytes) -> Inputs:
    """Return an input packet."""
    return Inputs(_bodyOf(data))


def _decodeChannelBody(data: bytes) -> ChannelBody:
    """Return a packet of the channel."""
    return ChannelBody(_bodyOf(data))


def _decodeLogBody(data: bytes) -> LogBody:
    """Return a packet of the log."""
    return LogBody(_bodyOf(data))


def _bodyOf(data: bytes) -> bytes:
    """Return what is behind the kind."""
    if not 2 <= len(data) <= PACKET_LIMIT:
        raise MalformedMessage(f"a peer packet of {len(data)} bytes")
    return data[1:]


def _decodeReady(data: bytes) -> Ready:
    """Return a ready packet."""
    _requireLength(data, _READY.size)
    _, digest, flags = _READY.unpack(data)
    if flags & ~(_HEARD | _LOADED | _REACHED | _COUNTING):
        raise MalformedMessage(f"a ready packet with unknown flags {flags:#04x}")
    said = (bool(flags & bit) for bit in (_HEARD, _LOADED, _REACHED, _COUNTING))
    return Ready(digest, *said)


def _requireLength(data: bytes, length: int) -> None:
    """Raise L{MalformedMessage} for a packet of another length."""
    if len(data) != length:
        raise MalformedMessage(f"a peer packet of {len(data)} bytes instead of {length}")


_ENCODINGS = cast(
    dict[type, Callable[[PeerPacket], bytes]],
    {
        Check: encodeCheck,
        CheckAnswer: encodeCheckAnswer,
        Inputs: _encodeInputs,
        Ready: _encodeReady,
        Goodbye: encodeGoodbye,
        Terms: encodeTerms,
        ChannelBody: _encodeChannelBody,
        LogBody: _encodeLogBody,
        Countdown: encodeCountdown,
        CallOff: encodeCallOff,
        StatementPacket: encodeStatementPacket,
    },
)

#: In order of L{PacketKind}.
_DECODINGS: tuple[Callable[[bytes], PeerPacket], ...] = (
    decodeCheck,
    decodeCheckAnswer,
    _decodeInputs,
    _decodeReady,
    decodeGoodbye,
    decodeTerms,
    _decodeChannelBody,
    _decodeLogBody,
    decodeCountdown,
    decodeCallOff,
    decodeStatementPacket,
)
