"""
The bodies with which peers fill each other's gaps, beside the input packets.

After a player has dropped, the others have received different numbers of its
last inputs; who lacks some asks for them, and whoever has them sends them.  And
peers show each other what a player sent them, to find one that sends different
inputs of one frame to different peers.  Everything is big-endian::

    WANT      0x20 | player, 1 | first frame, 4 | end, 4 | the next one ...
    BACKFILL  0x21 | player, 1 | first frame, 4 | runs, to the end of the body
    EVIDENCE  0x22 | player, 1 | first frame, 4 | runs, to the end of the body

The runs are those of L{gamenet.wire.frame_runs} with an empty base, and one
player's inputs as blobs.  The players of a WANT ascend, so there are at most
16 of them.  Each body has exactly one encoding, and decoding is bounded: at most
L{gamenet.wire.frame_runs.INPUTS_LIMIT} inputs come out of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple, TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.frame_runs import INPUT_LIMIT, PLAYERS_LIMIT, appendBlobs, decodeBlobs
from gamenet.wire.input_frames import BODY_LIMIT, FRAMES_LIMIT

__all__ = [
    "BACKFILL",
    "EVIDENCE",
    "WANT",
    "Backfill",
    "BackfillPacket",
    "Evidence",
    "InputRange",
    "Want",
    "decodeBackfillPacket",
    "encodeBackfill",
    "encodeEvidence",
    "encodeWant",
]

#: The first byte of a body that asks for inputs.
WANT = 0x20

#: The first byte of a body that brings the inputs asked for.
BACKFILL = 0x21

#: The first byte of a body that shows confirmed inputs, to be compared.
EVIDENCE = 0x22

_RANGE = Struct(">BII")
_HEADER = Struct(">BBI")


class InputRange(NamedTuple):
    """
    Consecutive frames of one player.

    @ivar player: From 1 to 16.
    @ivar first_frame: The first of them.
    @ivar end_frame: The first behind them.
    """

    player: int
    first_frame: int
    end_frame: int


@attrs.frozen
class Want:
    """
    The sender lacks these inputs and asks for them.

    @ivar ranges: At least one, in order of players, each once.
    """

    ranges: tuple[InputRange, ...]


@attrs.frozen
class Backfill:
    """
    Inputs that the receiver asked for.

    @ivar player: Whose they are, from 1 to 16.
    @ivar first_frame: The frame of the first.
    @ivar inputs: Those of consecutive frames, at least one.
    """

    player: int
    first_frame: int
    inputs: list[bytes]


@attrs.frozen
class Evidence:
    """
    Inputs that the sender has confirmed.

    @ivar player: Whose they are, from 1 to 16.
    @ivar first_frame: The frame of the first.
    @ivar inputs: Those of consecutive frames, at least one.
    """

    player: int
    first_frame: int
    inputs: list[bytes]


#: What L{decodeBackfillPacket} returns.
BackfillPacket: TypeAlias = Want | Backfill | Evidence


def encodeWant(ranges: Sequence[InputRange]) -> bytes:
    """
    Pack a L{Want}.

    @param ranges: 1 to 16, in order of players, each once.
    @raise LocalProtocolError: They are not that, or a number is out of bounds.
    """
    before = 0
    for player, first_frame, end_frame in ranges:
        if not before < player <= PLAYERS_LIMIT or not 0 <= first_frame < end_frame <= FRAMES_LIMIT:
            raise LocalProtocolError(f"frames {first_frame} to {end_frame} of player {player}")
        before = player
    if not before:
        raise LocalProtocolError("no inputs are wanted")
    return bytes((WANT,)) + b"".join([_RANGE.pack(*one) for one in ranges])


def encodeBackfill(
    player: int, first_frame: int, inputs: Sequence[bytes], limit: int = BODY_LIMIT
) -> tuple[bytes, int]:
    """
    Pack a L{Backfill}.  Where not all inputs fit, the oldest go.

    @param limit: The longest body wanted, in bytes; at least 72, so that one
        input fits.
    @return: The body, and how many of C{inputs} are in it.
    @raise LocalProtocolError: There are none, or a number or an input is out of
        bounds.
    """
    return _encodeInputs(BACKFILL, player, first_frame, inputs, limit)


def encodeEvidence(
    player: int, first_frame: int, inputs: Sequence[bytes], limit: int = BODY_LIMIT
) -> tuple[bytes, int]:
    """
    Pack L{Evidence}; as L{encodeBackfill}.

    @param limit: The longest body wanted, in bytes.
    @return: The body, and how many of C{inputs} are in it.
    @raise LocalProtocolError: There are none, or a number or an input is out of
        bounds.
    """
    return _encodeInputs(EVIDENCE, player, first_frame, inputs, limit)


def _encodeInputs(
    kind: int, player: int, first_frame: int, inputs: Sequence[bytes], limit: int
) -> tuple[bytes, int]:
    """Pack a body with inputs."""
    if not 0 < player <= PLAYERS_LIMIT:
        raise LocalProtocolError(f"inputs of player {player}")
    if not inputs or not 0 <= first_frame <= FRAMES_LIMIT - len(inputs):
        raise LocalProtocolError(f"{len(inputs)} inputs from frame {first_frame}")
    if limit < _HEADER.size + 2 + INPUT_LIMIT:
        raise LocalProtocolError(f"a limit of {limit} bytes, where one input may not fit")
    body = bytearray(_HEADER.pack(kind, player, first_frame))
    included = appendBlobs(body, b"", inputs, limit, INPUT_LIMIT)
    return bytes(body), included


def decodeBackfillPacket(body: bytes) -> BackfillPacket:
    """
    Unpack a body of any of the kinds here.

    @raise UnknownMessage: Its first byte is none of L{WANT}, L{BACKFILL} and
        L{EVIDENCE}.
    @raise MalformedMessage: It is cut off, too long, has a number out of bounds
        or is not canonical.
    """
    if not 0 < len(body) <= BODY_LIMIT:
        raise MalformedMessage(f"a backfill packet of {len(body)} bytes")
    kind = body[0]
    if kind == WANT:
        return Want(_decodeRanges(body))
    if kind not in (BACKFILL, EVIDENCE):
        raise UnknownMessage(f"unknown kind {kind:#04x} of a backfill packet")
    if len(body) <= _HEADER.size:
        raise MalformedMessage("a backfill packet without inputs")
    _, player, first_frame = _HEADER.unpack_from(body)
    inputs = decodeBlobs(body, _HEADER.size, b"", INPUT_LIMIT)
    if not 0 < player <= PLAYERS_LIMIT:
        raise MalformedMessage(f"inputs of player {player}")
    if first_frame + len(inputs) > FRAMES_LIMIT:
        raise MalformedMessage("inputs beyond the last frame number")
    if kind == BACKFILL:
        return Backfill(player, first_frame, inputs)
    return Evidence(player, first_frame, inputs)


def _decodeRanges(body: bytes) -> tuple[InputRange, ...]:
    """Unpack what a WANT asks for."""
    count, rest = divmod(len(body) - 1, _RANGE.size)
    if rest or not 0 < count <= PLAYERS_LIMIT:
        raise MalformedMessage(f"a request for inputs of {len(body)} bytes")
    ranges = tuple([InputRange(*one) for one in _RANGE.iter_unpack(body[1:])])
    before = 0
    for player, first_frame, end_frame in ranges:
        if not before < player <= PLAYERS_LIMIT:
            raise MalformedMessage(f"a request for inputs of player {player} behind {before}")
        if not first_frame < end_frame <= FRAMES_LIMIT:
            raise MalformedMessage(f"a request for frames {first_frame} to {end_frame}")
        before = player
    return ranges
