"""
What the packets of a channel say, as values; L{gamenet.wire.channel_frames} has their bytes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import attrs

__all__ = [
    "BODY_LIMIT",
    "CHECKSUM_BYTES",
    "CONTROLS_LIMIT",
    "FIRST_WINDOW",
    "HEADER_LIMIT",
    "RANGES_LIMIT",
    "STREAMS",
    "Accept",
    "Acknowledgement",
    "Cancel",
    "ChannelFrame",
    "ChannelPacket",
    "Chunk",
    "Done",
    "Offer",
    "Piece",
    "Refuse",
    "RefuseReason",
    "Window",
]

#: The longest body, in bytes.
BODY_LIMIT = 1150
#: How many streams of messages there are.
STREAMS = 4
#: How far a stream may go before its receiver has said anything, in bytes.
FIRST_WINDOW = (64 << 10) + 4
#: The most ranges below the topmost one in an acknowledgement.
RANGES_LIMIT = 12
#: The most frames of a packet that are neither piece nor chunk.
CONTROLS_LIMIT = 16
#: The longest header of an offer, in bytes.
HEADER_LIMIT = 255
#: The length of a content's checksum (BLAKE2b), in bytes.
CHECKSUM_BYTES = 16


class RefuseReason(IntEnum):
    """Why a receiver does not take a transfer."""

    #: Larger than it accepts.
    TOO_LARGE = 0
    #: It receives too much now.
    BUSY = 1
    #: The content does not have its checksum.
    WRONG_CHECKSUM = 2
    #: It does not want it, or not any more.
    NOT_WANTED = 3


@attrs.frozen
class Acknowledgement:
    """
    Which packets have come.

    @ivar ranges: Pairs of the first and the last number of each, the topmost first.
    @ivar waited: For how many seconds the largest has waited for this answer.
    @ivar received_at: When the largest came, in microseconds of the receiver's clock
        modulo 2**32.
    """

    ranges: tuple[tuple[int, int], ...]
    waited: float
    received_at: int


@attrs.frozen
class Piece:
    """
    Some bytes of a stream.

    @ivar stream: Which, from 0.
    @ivar offset: Where they begin.
    @ivar content: The bytes, at least one.
    """

    stream: int
    offset: int
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class Window:
    """
    How far a stream may go.

    @ivar stream: Which, from 0.
    @ivar limit: The offset before which bytes are taken.
    """

    stream: int
    limit: int


@attrs.frozen
class Offer:
    """
    Something large may come.

    @ivar transfer: Its number, from 1.
    @ivar label: What it is for.
    @ivar size: Of its content, in bytes.
    @ivar checksum: BLAKE2b-128 of the content.
    @ivar header: What the receiver is told beforehand.
    """

    transfer: int
    label: int
    size: int
    checksum: bytes
    header: bytes


@attrs.frozen
class Accept:
    """
    An offer is taken.

    @ivar transfer: Its number.
    @ivar window: How many bytes may be on their way beyond what is there in a row.
    """

    transfer: int
    window: int


@attrs.frozen
class Refuse:
    """
    A transfer is not taken, or no further.

    @ivar transfer: Its number.
    @ivar reason: Why.
    """

    transfer: int
    reason: RefuseReason


@attrs.frozen
class Chunk:
    """
    Some bytes of a transfer's content.

    @ivar transfer: Its number.
    @ivar offset: Where they begin.
    @ivar content: The bytes, at least one.
    """

    transfer: int
    offset: int
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class Cancel:
    """
    The sender sends no more of a transfer.

    @ivar transfer: Its number.
    """

    transfer: int


@attrs.frozen
class Done:
    """
    A transfer has come whole.

    @ivar transfer: Its number.
    """

    transfer: int


#: What a numbered packet consists of.
ChannelFrame: TypeAlias = Piece | Window | Offer | Accept | Refuse | Chunk | Cancel | Done


@attrs.frozen
class ChannelPacket:
    """
    One packet.

    @ivar number: Its number, or C{None}: it is not to be acknowledged.
    @ivar acknowledgement: What it says of the other direction, or C{None}.
    @ivar frames: The rest.
    """

    number: int | None
    acknowledgement: Acknowledgement | None
    frames: tuple[ChannelFrame, ...]
