"""
The packets of the feed: the committed frames of a match, for those who look on,
join or come back.

Each is the body of a datagram of at most L{BODY_LIMIT} bytes.  The first byte
tells them apart; everything is big-endian::

    FRAMES   0x30  first frame, 4 | committed, 4 | current frame, 4 | players, 1 | runs
    FOLLOW   0x31  digest, 16 | number, 4 | next wanted, 4 | flags, 1
    UNFOLLOW 0x32
    REFUSED  0x33  reason, 1

I{committed} is how many frames all members of the match have confirmed, and
I{current frame} the one that the sender plays next.  A FOLLOW is numbered
upwards; its next wanted frame acknowledges all before it, and is L{NOTHING} (all
bits set) where the sender has no state to go on from.  Flag 1 is I{paused}:
nothing but signs of life are wanted for now.

The runs are rows, each for one or more frames in a row::

    byte  0      bit 7 = absent players follow; bits 0..6 = frames - 1
    [mask        who is absent: bit C{n - 1} for player C{n}]
    mask         whose input is another than in the row before
    per bit      length, 1 (to C{INPUT_LIMIT}) | the input

A mask has one byte for up to 8 players, and two for more.  Before the first row
all inputs are empty and nobody is absent.  A row that says nothing new is allowed
where it is the first, or behind a run of 128 frames.  So frames have exactly one
encoding.  Decoding is bounded: at most L{FRAMES_PER_PACKET} frames with together
L{INPUT_BYTES_LIMIT} bytes of inputs come out of any bytes, and equal rows share
one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct
from typing import TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.frame_runs import INPUT_LIMIT, PLAYERS_LIMIT
from gamenet.wire.input_frames import BODY_LIMIT, FRAMES_LIMIT
from gamenet.wire.peer_packets import DIGEST_BYTES

__all__ = [
    "FRAMES_PER_PACKET",
    "INPUT_BYTES_LIMIT",
    "NOTHING",
    "FeedFrames",
    "FeedPacket",
    "FeedRow",
    "Follow",
    "NotFed",
    "NotFedReason",
    "Unfollow",
    "decodeFeedPacket",
    "encodeFeedFrames",
    "encodeFollow",
    "encodeNotFed",
    "encodeUnfollow",
]

#: The most frames in one packet.
FRAMES_PER_PACKET = 600

#: The most bytes of inputs in one packet, each frame's counted.
INPUT_BYTES_LIMIT = 65_536

#: C{Follow.next_wanted} of who has no state to go on from.
NOTHING = 0xFFFFFFFF

#: All players' inputs of a frame in order of player number, and who is absent.
FeedRow: TypeAlias = tuple[tuple[bytes, ...], tuple[int, ...]]

_FRAMES = Struct(">BIIIB")
_FOLLOW = Struct(f">B{DIGEST_BYTES}sIIB")
_RUN_LIMIT = 128
_HAS_ABSENT = 0x80
_PAUSED = 0x01


class NotFedReason(IntEnum):
    """Why a host does not feed who asks."""

    #: It feeds as many as it may.
    FULL = 0
    #: The rules of its match are others.
    OTHER_CONFIGURATION = 1
    #: It feeds nobody, or no longer.
    NOT_FOLLOWING = 2


@attrs.frozen
class FeedFrames:
    """
    Some committed frames, or none as a sign of life.

    @ivar first_frame: The frame of C{rows[0]}.
    @ivar committed: How many frames are committed.
    @ivar current_frame: The frame that the host plays next.
    @ivar players: How many players the match has.
    @ivar rows: One L{FeedRow} a frame.
    """

    first_frame: int
    committed: int
    current_frame: int
    players: int
    rows: tuple[FeedRow, ...]


@attrs.frozen
class Follow:
    """
    A follower asks for frames, and says what it has.

    @ivar digest: That of the match's configuration.
    @ivar number: Counts upwards; an older one says nothing any more.
    @ivar next_wanted: The first frame that it lacks, or C{None} if it has no
        state to go on from.
    @ivar paused: Whether it wants no frames for now.
    """

    digest: bytes
    number: int
    next_wanted: int | None
    paused: bool = False


@attrs.frozen
class Unfollow:
    """A follower wants no more."""


@attrs.frozen
class NotFed:
    """
    The host feeds the receiver not, or no longer.

    @ivar reason: Why.
    """

    reason: NotFedReason


#: Any packet of the feed.
FeedPacket: TypeAlias = FeedFrames | Follow | Unfollow | NotFed


def encodeFeedFrames(
    first_frame: int,
    rows: Sequence[FeedRow],
    committed: int,
    current_frame: int,
    players: int,
    limit: int = BODY_LIMIT,
) -> tuple[bytes, int]:
    """
    Pack frames.  Where not all of them fit, the oldest go and the rest stay.

    @param first_frame: The frame of C{rows[0]}.
    @param rows: All players' inputs, and who is absent, frame by frame.
    @param committed: How many frames are committed.
    @param current_frame: The frame that is played next.
    @param players: How many players the match has.
    @param limit: The longest body wanted, in bytes.
    @return: The body, and how many of C{rows} are in it.
    @raise LocalProtocolError: An input is longer than C{INPUT_LIMIT}.
    """
    body = bytearray(_FRAMES.pack(0x30, first_frame, committed, current_frame, players))
    mask_bytes = _maskBytes(players)
    inputs: tuple[bytes, ...] = (b"",) * players
    absent: tuple[int, ...] = ()
    end = min(len(rows), FRAMES_PER_PACKET)
    position = total = 0
    while position < end:
        row = rows[position]
        stop = position + 1
        while stop < end and stop - position < _RUN_LIMIT and rows[stop] == row:
            stop += 1
        part = _encodeRow(row, inputs, absent, mask_bytes)
        inputs, absent = row
        size = sum(map(len, inputs))
        if size:
            stop = min(stop, position + (INPUT_BYTES_LIMIT - total) // size)
        if stop == position or len(body) + len(part) > limit:
            break
        body.append((_HAS_ABSENT if part[0] else 0) | (stop - position - 1))
        body += part[1:]
        total += size * (stop - position)
        position = stop
    return bytes(body), position


def _encodeRow(
    row: FeedRow, inputs: tuple[bytes, ...], absent: tuple[int, ...], mask_bytes: int
) -> bytes:
    """Return a row after the row before; the first byte is whether the absent players follow."""
    part = bytearray([row[1] != absent])
    if row[1] != absent:
        part += sum([1 << (player - 1) for player in row[1]]).to_bytes(mask_bytes, "big")
    changed = 0
    texts = bytearray()
    for place, text in enumerate(row[0]):
        if text != inputs[place]:
            if len(text) > INPUT_LIMIT:
                raise LocalProtocolError(f"an input of {len(text)} bytes")
            changed |= 1 << place
            texts.append(len(text))
            texts += text
    return bytes(part + changed.to_bytes(mask_bytes, "big") + texts)


def encodeFollow(follow: Follow) -> bytes:
    """Pack a L{Follow}."""
    wanted = NOTHING if follow.next_wanted is None else follow.next_wanted
    return _FOLLOW.pack(0x31, follow.digest, follow.number, wanted, follow.paused)


def encodeUnfollow() -> bytes:
    """Pack an L{Unfollow}."""
    return b"\x32"


def encodeNotFed(reason: NotFedReason) -> bytes:
    """Pack a L{NotFed}."""
    return bytes([0x33, reason])


def decodeFeedPacket(body: bytes) -> FeedPacket:
    """
    Unpack a packet.

    @raise MalformedMessage: It is not one: cut off, too long, numbers out of
        bounds, too many frames, not canonical.
    """
    size = len(body)
    if not size or size > BODY_LIMIT or not 0x30 <= body[0] <= 0x33:
        raise UnknownMessage(f"a feed packet of {size} bytes that begins with {body[:1].hex()}")
    kind = body[0]
    if kind == 0x30:
        return _decodeFrames(body)
    if kind == 0x31:
        return _decodeFollow(body)
    if kind == 0x32:
        if size != 1:
            raise MalformedMessage(f"an UNFOLLOW of {size} bytes")
        return Unfollow()
    if size != 2 or body[1] > max(NotFedReason):
        raise MalformedMessage(f"a REFUSED of {size} bytes")
    return NotFed(NotFedReason(body[1]))


def _decodeFollow(body: bytes) -> Follow:
    """Unpack a L{Follow}."""
    if len(body) != _FOLLOW.size:
        raise MalformedMessage(f"a FOLLOW of {len(body)} bytes")
    _, digest, number, wanted, flags = _FOLLOW.unpack(body)
    if wanted > FRAMES_LIMIT and wanted != NOTHING:
        raise MalformedMessage(f"a FOLLOW that wants frame {wanted}")
    if flags & ~_PAUSED:
        raise MalformedMessage(f"unknown flags {flags:#04x} in a FOLLOW")
    return Follow(digest, number, None if wanted == NOTHING else wanted, bool(flags))


def _decodeFrames(body: bytes) -> FeedFrames:
    """Unpack L{FeedFrames}."""
    if len(body) < _FRAMES.size:
        raise MalformedMessage(f"FRAMES of {len(body)} bytes")
    _, first_frame, committed, current_frame, players = _FRAMES.unpack_from(body)
    if not 1 <= players <= PLAYERS_LIMIT:
        raise MalformedMessage(f"FRAMES of {players} players")
    rows = _decodeRows(body, players)
    if max(committed, current_frame) > FRAMES_LIMIT:
        raise MalformedMessage("FRAMES with a frame number out of bounds")
    if first_frame + len(rows) > committed:
        raise MalformedMessage("FRAMES that are not committed")
    return FeedFrames(first_frame, committed, current_frame, players, tuple(rows))


def _decodeRows(body: bytes, players: int) -> list[FeedRow]:
    """Unpack the rows behind the header, to the end of the body."""
    size = len(body)
    mask_bytes = _maskBytes(players)
    inputs = [b""] * players
    absent = previous = total = 0
    rows: list[FeedRow] = []
    full = True
    position = _FRAMES.size
    while position < size:
        count = (body[position] & ~_HAS_ABSENT) + 1
        has_absent = body[position] & _HAS_ABSENT
        position += 1
        if has_absent:
            absent = _mask(body, position, players)
            position += mask_bytes
            if absent == previous:
                raise MalformedMessage("FRAMES that say the same of the absent twice")
            previous = absent
        changed = _mask(body, position, players)
        position += mask_bytes
        if not (changed or has_absent or full):
            raise MalformedMessage("FRAMES with one run in two parts")
        for place in range(players):
            if changed >> place & 1:
                end = position + 1 + (body[position] if position < size else size)
                text = body[position + 1 : end]
                if end > size or len(text) > INPUT_LIMIT or text == inputs[place]:
                    raise MalformedMessage("FRAMES with an input cut off, too long or repeated")
                inputs[place] = text
                position = end
        total += count * sum(map(len, inputs))
        if len(rows) + count > FRAMES_PER_PACKET or total > INPUT_BYTES_LIMIT:
            raise MalformedMessage("FRAMES with too many of them")
        players_absent = tuple([n + 1 for n in range(players) if absent >> n & 1])
        rows += [(tuple(inputs), players_absent)] * count
        full = count == _RUN_LIMIT
    return rows


def _maskBytes(players: int) -> int:
    """Return how many bytes a mask of that many players has."""
    return 1 if players <= 8 else 2


def _mask(body: bytes, position: int, players: int) -> int:
    """Read a mask."""
    end = position + _maskBytes(players)
    mask = int.from_bytes(body[position:end], "big")
    if end > len(body) or mask >> players:
        raise MalformedMessage("FRAMES with a mask cut off, or of players that do not exist")
    return mask
