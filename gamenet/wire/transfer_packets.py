"""
The packets that carry something large from one peer to another: a snapshot, a
state to be compared, a dump.

Each is the body of a datagram.  The first byte tells them apart; everything is
big-endian::

    OFFER      0x40  purpose, 1 | number, 4 | frame, 4 | size, 4 | checksum, 16
    CHUNK      0x41  purpose, 1 | number, 4 | index, 2 | 1 to 1100 bytes
    RECEIPT    0x42  purpose, 1 | number, 4 | count, 2 | bitmap, 8
    REFUSAL    0x43  purpose, 1 | number, 4 | reason, 1
    WITHDRAWAL 0x44  purpose, 1 | number, 4

The sender counts its transfers of one purpose from 1 on.  The checksum is
BLAKE2b-128 of the whole content.  Every chunk but the last has
L{CHUNK_BYTES} bytes.  A receipt says that the first C{count} chunks are here,
and by bit C{i} of the bitmap that chunk C{count + 1 + i} is; chunk C{count} is
missing, or there is none.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import TypeAlias

import attrs

from gamenet.errors import MalformedMessage, UnknownMessage
from gamenet.wire.input_frames import FRAMES_LIMIT

__all__ = [
    "CHECKSUM_BYTES",
    "CHUNKS_LIMIT",
    "CHUNK_BYTES",
    "RECEIPT_BITS",
    "Chunk",
    "Offer",
    "Receipt",
    "Refusal",
    "RefusalReason",
    "TransferPacket",
    "TransferPurpose",
    "Withdrawal",
    "decodeTransferPacket",
    "encodeTransferPacket",
]

#: The bytes of a chunk that is not the last.
CHUNK_BYTES = 1100

#: The most chunks of one transfer.
CHUNKS_LIMIT = 0xFFFF

#: The length of a content's checksum, in bytes.
CHECKSUM_BYTES = 16

#: How many chunks a receipt can name beyond those that are here in a row.
RECEIPT_BITS = 64

_OFFER = Struct(">BBIII16s")
_CHUNK = Struct(">BBIH")
_RECEIPT = Struct(">BBIHQ")
_REFUSAL = Struct(">BBIB")
_WITHDRAWAL = Struct(">BBI")


class TransferPurpose(IntEnum):
    """What the content of a transfer is."""

    #: A state to go on from, for who joins, comes back or looks on.
    SNAPSHOT = 0
    #: A state to be compared.
    STATE = 1
    #: What one side knows of a frame that differs.
    DUMP = 2


class RefusalReason(IntEnum):
    """Why a receiver does not take an offer."""

    #: Larger than it accepts.
    TOO_LARGE = 0
    #: It receives too much from others now.
    BUSY = 1
    #: The content does not have its checksum.
    WRONG_CHECKSUM = 2
    #: It does not want it any more.
    NOT_WANTED = 3


@attrs.frozen
class Offer:
    """
    What is going to come.

    @ivar purpose: Which L{TransferPurpose} it is for.
    @ivar number: The transfer's number, from 1.
    @ivar frame: The number of the snapshot, or the frame that it is about.
    @ivar size: The length of the content, in bytes.
    @ivar checksum: BLAKE2b-128 of the content.
    """

    purpose: TransferPurpose
    number: int
    frame: int
    size: int
    checksum: bytes


@attrs.frozen
class Chunk:
    """
    A piece of what was offered.

    @ivar purpose: Which L{TransferPurpose} it is for.
    @ivar number: The transfer's number.
    @ivar index: Which piece, from 0.
    @ivar content: Its bytes.
    """

    purpose: TransferPurpose
    number: int
    index: int
    content: bytes


@attrs.frozen
class Receipt:
    """
    What has come.

    @ivar purpose: Which L{TransferPurpose} it is for.
    @ivar number: The transfer's number.
    @ivar count: How many chunks are here in a row.
    @ivar bitmap: Which of the next ones are.
    """

    purpose: TransferPurpose
    number: int
    count: int
    bitmap: int


@attrs.frozen
class Refusal:
    """
    The receiver does not take it.

    @ivar purpose: Which L{TransferPurpose} it is for.
    @ivar number: The transfer's number.
    @ivar reason: Why.
    """

    purpose: TransferPurpose
    number: int
    reason: RefusalReason


@attrs.frozen
class Withdrawal:
    """
    The sender sends no more of it.

    @ivar purpose: Which L{TransferPurpose} it is for.
    @ivar number: The transfer's number.
    """

    purpose: TransferPurpose
    number: int


#: Any packet of a transfer.
TransferPacket: TypeAlias = Offer | Chunk | Receipt | Refusal | Withdrawal


def encodeTransferPacket(packet: TransferPacket) -> bytes:
    """
    Pack a packet.

    @return: At most 1 150 bytes.
    """
    purpose, number = packet.purpose, packet.number
    match packet:
        case Offer():
            return _OFFER.pack(0x40, purpose, number, packet.frame, packet.size, packet.checksum)
        case Chunk():
            return _CHUNK.pack(0x41, purpose, number, packet.index) + packet.content
        case Receipt():
            return _RECEIPT.pack(0x42, purpose, number, packet.count, packet.bitmap)
        case Refusal():
            return _REFUSAL.pack(0x43, purpose, number, packet.reason)
        case Withdrawal():
            return _WITHDRAWAL.pack(0x44, purpose, number)


def decodeTransferPacket(body: bytes) -> TransferPacket:
    """
    Unpack a packet.

    @raise MalformedMessage: It is not one: cut off, too long, a number out of
        bounds.
    """
    if not body or not 0x40 <= body[0] <= 0x44:
        raise UnknownMessage(f"a transfer packet that begins with {body[:1].hex() or 'nothing'}")
    kind = body[0]
    size = len(body)
    shape = (_OFFER, _CHUNK, _RECEIPT, _REFUSAL, _WITHDRAWAL)[kind - 0x40]
    if kind == 0x41:
        fits = shape.size < size <= shape.size + CHUNK_BYTES
    else:
        fits = size == shape.size
    if not fits:
        raise MalformedMessage(f"a transfer packet of kind {kind:#04x} with {size} bytes")
    _, given, number, *rest = shape.unpack_from(body)
    if given > max(TransferPurpose):
        raise MalformedMessage(f"a transfer for the unknown purpose {given}")
    purpose = TransferPurpose(given)
    if not number:
        raise MalformedMessage("a transfer with the number 0")
    if kind == 0x40:
        frame, length, checksum = rest
        if frame > FRAMES_LIMIT or length > CHUNKS_LIMIT * CHUNK_BYTES:
            raise MalformedMessage("an offer with a frame number or a size out of bounds")
        return Offer(purpose, number, frame, length, checksum)
    if kind == 0x41:
        return Chunk(purpose, number, rest[0], body[shape.size :])
    if kind == 0x42:
        return Receipt(purpose, number, *rest)
    if kind == 0x43:
        if rest[0] > max(RefusalReason):
            raise MalformedMessage(f"a transfer refused for the unknown reason {rest[0]}")
        return Refusal(purpose, number, RefusalReason(rest[0]))
    return Withdrawal(purpose, number)
