"""
The packets of a channel: what one link carries reliably beside the game's datagrams.

Each is the body of a sealed packet, of at most C{BODY_LIMIT} bytes; everything is
big-endian::

    flags, 1        bit 0 = numbered, bit 1 = with an acknowledgement, others 0; not both 0
    [number, 4]     of this packet, counted from 1 and never used twice
    [acknowledgement]
    frames          to the end of the body; at least one where numbered, else none

    acknowledgement
        largest, 4 | waited, 2 | received at, 4 | ranges, 1 | length, 2 | (gap, 2 | length, 2) …

    PIECE   0x10 + stream  offset, 8 | length, 2 | bytes
    WINDOW  0x14 + stream  limit, 8
    OFFER   0x20           transfer, 4 | label, 2 | size, 4 | checksum, 16 | length, 1 | header
    ACCEPT  0x21           transfer, 4 | window, 4
    REFUSE  0x22           transfer, 4 | reason, 1
    CHUNK   0x23           transfer, 4 | offset, 4 | length, 2 | bytes
    CANCEL  0x24           transfer, 4
    DONE    0x25           transfer, 4

I{largest} is the largest number that came, I{waited} for how long it has waited for this
answer in units of 16 microseconds, I{received at} when it came in microseconds of the
receiver's own clock (modulo 2**32: its zero means nothing, its differences do).  I{ranges}
is how many gaps and lengths follow: the topmost range ends at I{largest} and has I{length}
+ 1 numbers, then I{gap} + 1 are missing, and so on downwards.

A stream is the bytes of its messages one after the other, each behind its length in 4
bytes.  I{limit} is the offset up to which the receiver takes bytes; before the first WINDOW
it is C{FIRST_WINDOW}.  What was sent once as one piece or chunk goes again as the same
piece or chunk, never cut otherwise.  Decoding is bounded by the body: at most one piece of
each stream, one chunk, and C{CONTROLS_LIMIT} other frames, none twice.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from gamenet.errors import MalformedMessage, UnknownMessage
from gamenet.wire.channel_values import (
    BODY_LIMIT,
    CHECKSUM_BYTES,
    CONTROLS_LIMIT,
    RANGES_LIMIT,
    STREAMS,
    Accept,
    Acknowledgement,
    Cancel,
    ChannelFrame,
    ChannelPacket,
    Chunk,
    Done,
    Offer,
    Piece,
    Refuse,
    RefuseReason,
    Window,
)

__all__ = [
    "ACKNOWLEDGEMENT_LIMIT",
    "CONTENT_LIMIT",
    "HEADER_BYTES",
    "decodeChannelPacket",
    "encodeAcknowledgement",
    "encodeFrame",
    "encodeHeader",
]

_NUMBERED = 0x01
_ACKNOWLEDGES = 0x02
_PIECE, _WINDOW, _OFFER, _ACCEPT, _REFUSE, _CHUNK, _CANCEL, _DONE = (
    0x10, 0x14, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25,
)

_NUMBER = Struct(">I")
_TOP = Struct(">IHIBH")
_RANGE = Struct(">HH")
_PIECE_HEAD = Struct(">BQH")
_WINDOW_HEAD = Struct(">BQ")
_OFFER_HEAD = Struct(f">BIHI{CHECKSUM_BYTES}sB")
_ACCEPT_HEAD = Struct(">BII")
_REFUSE_HEAD = Struct(">BIB")
_CHUNK_HEAD = Struct(">BIIH")
_TRANSFER_HEAD = Struct(">BI")

#: The bytes of a packet before its frames, where it acknowledges nothing.
HEADER_BYTES = 1 + _NUMBER.size
#: The longest acknowledgement, in bytes.
ACKNOWLEDGEMENT_LIMIT = _TOP.size + RANGES_LIMIT * _RANGE.size
#: The most bytes of a piece or a chunk.
CONTENT_LIMIT = BODY_LIMIT - HEADER_BYTES - _PIECE_HEAD.size

_WAITED_UNIT = 16e-6


def encodeHeader(number: int | None, acknowledgement: bytes = b"") -> bytes:
    """
    Pack what a packet begins with.

    @param number: Its number, C{None} for none.
    @param acknowledgement: What L{encodeAcknowledgement} gave, or nothing.
    """
    flags = _ACKNOWLEDGES if acknowledgement else 0
    if number is None:
        return bytes([flags]) + acknowledgement
    return bytes([flags | _NUMBERED]) + _NUMBER.pack(number) + acknowledgement


def encodeAcknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Pack an acknowledgement: as many of its ranges as fit, the topmost ones."""
    (low, high), *others = acknowledgement.ranges
    ranges = []
    below = max(low, high - 0xFFFF)
    if below == low:
        for first, last in others[:RANGES_LIMIT]:
            gap, length = below - last - 2, last - first
            if gap > 0xFFFF or length > 0xFFFF:
                break
            ranges.append(_RANGE.pack(gap, length))
            below = first
    waited = min(0xFFFF, max(0, round(acknowledgement.waited / _WAITED_UNIT)))
    length = min(high - low, 0xFFFF)
    top = _TOP.pack(high, waited, acknowledgement.received_at, len(ranges), length)
    return top + b"".join(ranges)


def encodeFrame(frame: ChannelFrame) -> bytes:
    """Pack a frame."""
    match frame:
        case Chunk():
            head = _CHUNK_HEAD.pack(_CHUNK, frame.transfer, frame.offset, len(frame.content))
            return head + frame.content
        case Piece():
            head = _PIECE_HEAD.pack(_PIECE + frame.stream, frame.offset, len(frame.content))
            return head + frame.content
        case Window():
            return _WINDOW_HEAD.pack(_WINDOW + frame.stream, frame.limit)
        case Offer():
            rest = frame.label, frame.size, frame.checksum, len(frame.header)
            return _OFFER_HEAD.pack(_OFFER, frame.transfer, *rest) + frame.header
        case Accept():
            return _ACCEPT_HEAD.pack(_ACCEPT, frame.transfer, frame.window)
        case Refuse():
            return _REFUSE_HEAD.pack(_REFUSE, frame.transfer, frame.reason)
        case Cancel():
            return _TRANSFER_HEAD.pack(_CANCEL, frame.transfer)
        case Done():
            return _TRANSFER_HEAD.pack(_DONE, frame.transfer)


def decodeChannelPacket(body: bytes) -> ChannelPacket:
    """
    Unpack a packet.

    @raise MalformedMessage: It is not one: cut off, too long, numbers out of bounds, too
        many frames or one twice.
    """
    size = len(body)
    if not 2 <= size <= BODY_LIMIT:
        raise MalformedMessage(f"a channel packet of {size} bytes")
    flags = body[0]
    if not flags or flags & ~(_NUMBERED | _ACKNOWLEDGES):
        raise UnknownMessage(f"a channel packet with the flags {flags:#04x}")
    position = 1
    number = acknowledgement = None
    if flags & _NUMBERED:
        if size < HEADER_BYTES:
            raise MalformedMessage("a channel packet without its number")
        number = _NUMBER.unpack_from(body, 1)[0]
        if not number:
            raise MalformedMessage("a channel packet with the number 0")
        position = HEADER_BYTES
    if flags & _ACKNOWLEDGES:
        acknowledgement, position = _decodeAcknowledgement(body, position)
    if (position < size) != (number is not None):
        raise MalformedMessage("a channel packet is numbered if and only if it has frames")
    frames: list[ChannelFrame] = []
    seen: dict[object, None] = {}
    while position < size:
        decode = _DECODINGS.get(body[position])
        if decode is None:
            raise UnknownMessage(f"an unknown channel frame {body[position]:#04x}")
        frame, position = decode(body, position)
        kind = type(frame)
        what = frame.stream if isinstance(frame, (Piece, Window)) else frame.transfer
        seen[(kind, 0 if kind is Chunk else what)] = None
        frames.append(frame)
        if len(seen) < len(frames) or len(frames) > CONTROLS_LIMIT + STREAMS + 1:
            raise MalformedMessage("a channel packet with too many frames, or one twice")
    return ChannelPacket(number, acknowledgement, tuple(frames))


def _decodeAcknowledgement(body: bytes, position: int) -> tuple[Acknowledgement, int]:
    """Unpack an acknowledgement; return it and where it ends."""
    if position + _TOP.size > len(body):
        raise MalformedMessage("an acknowledgement cut off")
    high, waited, received_at, count, length = _TOP.unpack_from(body, position)
    position += _TOP.size
    low = high - length
    if count > RANGES_LIMIT or position + count * _RANGE.size > len(body):
        raise MalformedMessage(f"an acknowledgement of {count} ranges, cut off or too many")
    ranges = [(low, high)]
    for _ in range(count):
        gap, length = _RANGE.unpack_from(body, position)
        position += _RANGE.size
        high = low - gap - 2
        low = high - length
        ranges.append((low, high))
    if low < 1:
        raise MalformedMessage("an acknowledgement of packets before the first")
    return Acknowledgement(tuple(ranges), waited * _WAITED_UNIT, received_at), position


def _fields(body: bytes, position: int, shape: Struct) -> tuple[int, ...]:
    """Unpack the fields of a frame behind its kind."""
    if position + shape.size > len(body):
        raise MalformedMessage(f"a channel frame {body[position]:#04x} cut off")
    return shape.unpack_from(body, position)[1:]


def _bytes(body: bytes, begin: int, length: int) -> tuple[bytes, int]:
    """Return some bytes of a frame and where they end."""
    end = begin + length
    if end > len(body):
        raise MalformedMessage("a channel frame with fewer bytes than it says")
    return body[begin:end], end


def _decodePiece(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    offset, length = _fields(body, position, _PIECE_HEAD)
    content, end = _bytes(body, position + _PIECE_HEAD.size, length)
    if not content or offset >> 62:
        raise MalformedMessage(f"a piece of {length} bytes at {offset}")
    return Piece(body[position] - _PIECE, offset, content), end


def _decodeWindow(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    (limit,) = _fields(body, position, _WINDOW_HEAD)
    if limit >> 62:
        raise MalformedMessage(f"a window to {limit}")
    return Window(body[position] - _WINDOW, limit), position + _WINDOW_HEAD.size


def _decodeOffer(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    fields = _fields(body, position, _OFFER_HEAD)
    transfer, label, size, checksum, length = fields
    header, end = _bytes(body, position + _OFFER_HEAD.size, length)
    return Offer(_transfer(transfer), label, size, bytes(checksum), header), end


def _decodeAccept(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    transfer, window = _fields(body, position, _ACCEPT_HEAD)
    return Accept(_transfer(transfer), window), position + _ACCEPT_HEAD.size


def _decodeRefuse(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    transfer, reason = _fields(body, position, _REFUSE_HEAD)
    if reason > max(RefuseReason):
        raise MalformedMessage(f"a transfer refused for the unknown reason {reason}")
    return Refuse(_transfer(transfer), RefuseReason(reason)), position + _REFUSE_HEAD.size


def _decodeChunk(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    transfer, offset, length = _fields(body, position, _CHUNK_HEAD)
    content, end = _bytes(body, position + _CHUNK_HEAD.size, length)
    if not content:
        raise MalformedMessage("a chunk of nothing")
    return Chunk(_transfer(transfer), offset, content), end


def _decodeCancel(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    (transfer,) = _fields(body, position, _TRANSFER_HEAD)
    return Cancel(_transfer(transfer)), position + _TRANSFER_HEAD.size


def _decodeDone(body: bytes, position: int) -> tuple[ChannelFrame, int]:
    (transfer,) = _fields(body, position, _TRANSFER_HEAD)
    return Done(_transfer(transfer)), position + _TRANSFER_HEAD.size


def _transfer(number: int) -> int:
    """Return a transfer's number, which is not 0."""
    if not number:
        raise MalformedMessage("a transfer with the number 0")
    return number


_DECODINGS: dict[int, Callable[[bytes, int], tuple[ChannelFrame, int]]] = {
    **dict.fromkeys(range(_PIECE, _PIECE + STREAMS), _decodePiece),
    **dict.fromkeys(range(_WINDOW, _WINDOW + STREAMS), _decodeWindow),
    _OFFER: _decodeOffer,
    _ACCEPT: _decodeAccept,
    _REFUSE: _decodeRefuse,
    _CHUNK: _decodeChunk,
    _CANCEL: _decodeCancel,
    _DONE: _decodeDone,
}
