"""
What players tell one another: the packets inside of the seal.

A sealed datagram (first byte 0xC4, see L{gamenet.wire.demultiplexing}) holds
one packet.  Its first byte is its kind, numbers are big endian, and each is exactly
as long as it says here::

    CHECK          0   nonce, 8 bytes                            9 bytes
    CHECK_ANSWER   1   nonce of the check, 8 bytes               9 bytes
    INPUTS         2   body, 1 to 1150 bytes                     2 to 1151 bytes
    READY          3   configuration digest, 16 bytes; flags     18 bytes
    GOODBYE        4   reason, 1 byte; last confirmed frame, 4   6 bytes
    TERMS          5   fields, canonical CBOR                    2 to 1151 bytes

The body of INPUTS is L{gamenet.wire.input_frames}'s and opaque here.  A READY's
flags are bit 0, "we have heard your READY"; the others are 0.  A GOODBYE's
frame is 0xFFFFFFFF where no frame was confirmed.  TERMS follow a READY or a
GOODBYE of whom the receiver's digest does not suit; they are an array of at most
L{TERMS_LIMIT} arrays of a name and a value, in ascending order of the names: what
the digest was made of, for people to compare.

There is no version byte: L{gamenet.wire.lobby_values.PROTOCOL_VERSION} is one of
the inputs of the keys that seal packets, so those of another version do not open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from struct import Struct
from typing import TypeAlias, cast

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.input_frames import BODY_LIMIT

__all__ = [
    "DIGEST_BYTES",
    "FRAME_LAST",
    "NONCE_BYTES",
    "NO_FRAME",
    "PACKET_LIMIT",
    "TERMS_LIMIT",
    "TERM_TEXT_LIMIT",
    "Check",
    "CheckAnswer",
    "Goodbye",
    "GoodbyeReason",
    "Inputs",
    "PacketKind",
    "PeerPacket",
    "Ready",
    "TermValue",
    "Terms",
    "decodePeerPacket",
    "encodePeerPacket",
]

#: Bytes of a check's nonce.
NONCE_BYTES = 8

#: Bytes of a configuration digest.
DIGEST_BYTES = 16

#: The most bytes of a packet, its kind counted.  Sealed, relayed and in an IPv6
#: packet it stays below 1280 bytes, the least that every IPv6 link carries (RFC 8200).
PACKET_LIMIT = 1 + BODY_LIMIT

#: The most settings in one TERMS.
TERMS_LIMIT = 32

#: The most characters of a setting's name, and of a text that is its value.
TERM_TEXT_LIMIT = 128

#: What a setting can be; C{None} where it is not set.
TermValue: TypeAlias = int | str | None

#: The C{last_confirmed_frame} of a goodbye before any frame was confirmed.
NO_FRAME = -1

#: The highest number that a frame can have.
FRAME_LAST = 2**31 - 1

_HEARD = 0x01
_READY = Struct(">B16sB")
_GOODBYE = Struct(">BBi")


class PacketKind(IntEnum):
    """
    The first byte of a packet.

    @cvar CHECK: Are you there, on this path?
    @cvar CHECK_ANSWER: Yes, and this path works both ways.
    @cvar INPUTS: What the player pressed, and what it has of the other's.
    @cvar READY: The configuration that the player is about to play with.
    @cvar GOODBYE: The player stops playing.
    @cvar TERMS: The settings that the player refuses to play without.
    """

    CHECK = 0
    CHECK_ANSWER = 1
    INPUTS = 2
    READY = 3
    GOODBYE = 4
    TERMS = 5


class GoodbyeReason(IntEnum):
    """
    Why a player stops.

    @cvar FINISHED: The match is over by its own rules.
    @cvar LEFT: The player left.
    @cvar FAILED: Something went wrong at the player's: the game raised.
    @cvar REFUSED: The other's settings are not the player's; nothing was played.
    @cvar DIFFERED: The other's state is not the player's, and is not to be repaired.
    """

    FINISHED = 0
    LEFT = 1
    FAILED = 2
    REFUSED = 3
    DIFFERED = 4


@attrs.frozen
class Check:
    """
    Ask for an answer over the same path; proves that a path works, and measures it.

    @ivar nonce: 8 unpredictable bytes.
    """

    nonce: bytes


@attrs.frozen
class CheckAnswer:
    """
    Answer a check, over the path that it came by.

    @ivar nonce: The check's.
    """

    nonce: bytes


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
    Say that a player could begin; repeated until the other's has been heard.

    @ivar digest: Digest of all settings that both must share, 16 bytes.
    @ivar heard: Whether the sender has heard the receiver's.
    """

    digest: bytes
    heard: bool


@attrs.frozen
class Goodbye:
    """
    Say that a player stops, so that the other need not wait for its silence.

    @ivar reason: Why.
    @ivar last_confirmed_frame: The newest frame that is final for the sender;
        L{NO_FRAME} where none is, up to L{FRAME_LAST}.
    """

    reason: GoodbyeReason
    last_confirmed_frame: int


@attrs.frozen
class Terms:
    """
    Say which settings a player refuses to play without, one by one.

    @ivar fields: Each setting's name and value, in ascending order of the names.
    """

    fields: tuple[tuple[str, TermValue], ...]


#: Any packet between players.
PeerPacket: TypeAlias = Check | CheckAnswer | Inputs | Ready | Goodbye | Terms


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


def _encodeCheck(packet: Check) -> bytes:
    """Return the bytes of a check."""
    return _withNonce(b"\x00", packet.nonce)


def _encodeCheckAnswer(packet: CheckAnswer) -> bytes:
    """Return the bytes of a check's answer."""
    return _withNonce(b"\x01", packet.nonce)


def _withNonce(kind: bytes, nonce: bytes) -> bytes:
    """Return a kind and a nonce."""
    if type(nonce) is not bytes or len(nonce) != NONCE_BYTES:
        raise LocalProtocolError(f"a nonce is {NONCE_BYTES} bytes")
    return kind + nonce


def _encodeInputs(packet: Inputs) -> bytes:
    """Return the bytes of an input packet."""
    body = packet.body
    if type(body) is not bytes or not 1 <= len(body) <= BODY_LIMIT:
        raise LocalProtocolError(f"an input packet's body is 1 to {BODY_LIMIT} bytes")
    return b"\x02" + body


def _encodeReady(packet: Ready) -> bytes:
    """Return the bytes of a ready packet."""
    if type(packet.digest) is not bytes or len(packet.digest) != DIGEST_BYTES:
        raise LocalProtocolError(f"a configuration digest is {DIGEST_BYTES} bytes")
    if type(packet.heard) is not bool:
        raise LocalProtocolError("heard is a bool")
    return _READY.pack(PacketKind.READY, packet.digest, _HEARD if packet.heard else 0)


def _encodeGoodbye(packet: Goodbye) -> bytes:
    """Return the bytes of a goodbye."""
    if type(packet.reason) is not GoodbyeReason:
        raise LocalProtocolError("a goodbye's reason is a GoodbyeReason")
    frame = packet.last_confirmed_frame
    if type(frame) is not int or not NO_FRAME <= frame <= FRAME_LAST:
        raise LocalProtocolError(f"a frame is {NO_FRAME} to {FRAME_LAST}")
    return _GOODBYE.pack(PacketKind.GOODBYE, packet.reason, frame)


def _encodeTerms(packet: Terms) -> bytes:
    """Return the bytes of a player's terms."""
    fields = packet.fields
    if type(fields) is not tuple or any(type(each) is not tuple for each in fields):
        raise LocalProtocolError("terms are a tuple of tuples")
    reason = _whyNotTerms(fields)
    if reason:
        raise LocalProtocolError(reason)
    data = b"\x05" + canonical_cbor.encode(fields)
    if len(data) > PACKET_LIMIT:
        raise LocalProtocolError(f"terms of {len(data)} bytes, more than {PACKET_LIMIT}")
    return data


def _decodeTerms(data: bytes) -> Terms:
    """Return a player's terms."""
    if not 2 <= len(data) <= PACKET_LIMIT:
        raise MalformedMessage(f"terms of {len(data)} bytes")
    fields = canonical_cbor.decode(data[1:], max_depth=2)
    if type(fields) is not list or any(type(each) is not list for each in fields):
        raise MalformedMessage("terms that are no array of arrays")
    reason = _whyNotTerms(fields)
    if reason:
        raise MalformedMessage(reason)
    return Terms(tuple((name, value) for name, value in fields))


def _whyNotTerms(fields: Sequence[Sequence[object]]) -> str:
    """Return what is wrong with the names and values of some terms, C{""} for nothing."""
    if len(fields) > TERMS_LIMIT:
        return f"terms of {len(fields)} settings, more than {TERMS_LIMIT}"
    former = ""
    for field in fields:
        if len(field) != 2:
            return "a term that is no name and value"
        name, value = field
        if type(name) is not str or not name or len(name) > TERM_TEXT_LIMIT:
            return f"a term's name is a text of 1 to {TERM_TEXT_LIMIT} characters"
        if name <= former:
            return "terms that are not in ascending order of their names"
        if type(value) is str:
            if len(value) > TERM_TEXT_LIMIT:
                return f"a term's text of more than {TERM_TEXT_LIMIT} characters"
        elif type(value) is not int and value is not None:
            return f"a term of type {type(value).__name__}"
        former = name
    return ""


def _decodeCheck(data: bytes) -> Check:
    """Return a check."""
    _requireLength(data, 1 + NONCE_BYTES)
    return Check(data[1:])


def _decodeCheckAnswer(data: bytes) -> CheckAnswer:
    """Return a check's answer."""
    _requireLength(data, 1 + NONCE_BYTES)
    return CheckAnswer(data[1:])


def _decodeInputs(data: bytes) -> Inputs:
    """Return an input packet."""
    if not 2 <= len(data) <= PACKET_LIMIT:
        raise MalformedMessage(f"an input packet of {len(data)} bytes")
    return Inputs(data[1:])


def _decodeReady(data: bytes) -> Ready:
    """Return a ready packet."""
    _requireLength(data, _READY.size)
    _, digest, flags = _READY.unpack(data)
    if flags & ~_HEARD:
        raise MalformedMessage(f"a ready packet with unknown flags {flags:#04x}")
    return Ready(digest, flags == _HEARD)


def _decodeGoodbye(data: bytes) -> Goodbye:
    """Return a goodbye."""
    _requireLength(data, _GOODBYE.size)
    _, reason, frame = _GOODBYE.unpack(data)
    if reason > GoodbyeReason.DIFFERED:
        raise MalformedMessage(f"a goodbye for an unknown reason {reason}")
    if frame < NO_FRAME:
        raise MalformedMessage("a goodbye with a frame out of bounds")
    return Goodbye(GoodbyeReason(reason), frame)


def _requireLength(data: bytes, length: int) -> None:
    """Raise L{MalformedMessage} for a packet of another length."""
    if len(data) != length:
        raise MalformedMessage(f"a peer packet of {len(data)} bytes instead of {length}")


_ENCODINGS = cast(
    dict[type, Callable[[PeerPacket], bytes]],
    {
        Check: _encodeCheck,
        CheckAnswer: _encodeCheckAnswer,
        Inputs: _encodeInputs,
        Ready: _encodeReady,
        Goodbye: _encodeGoodbye,
        Terms: _encodeTerms,
    },
)

#: In order of L{PacketKind}.
_DECODINGS: tuple[Callable[[bytes], PeerPacket], ...] = (
    _decodeCheck,
    _decodeCheckAnswer,
    _decodeInputs,
    _decodeReady,
    _decodeGoodbye,
    _decodeTerms,
)
