"""
The chunks of a replay file; their layout is that of L{gamenet.wire.replay_file}.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.replay_columns import decodeColumn, encodeColumn
from gamenet.wire.replay_file import INTERVAL_LIMIT, withCrc, withoutCrc

__all__ = [
    "CHUNK_LIMIT",
    "SNAPSHOT_LIMIT",
    "EndRecord",
    "FramesRecord",
    "ReplayRow",
    "SnapshotRecord",
    "decodeChunk",
    "decodeRows",
    "encodeEnd",
    "encodeFrames",
    "encodeSnapshot",
]

#: One frame: all players' inputs, and the players whose seats were empty, ascending.
ReplayRow: TypeAlias = tuple[tuple[bytes, ...], tuple[int, ...]]

#: The longest payload of frames, in bytes: none that we write is longer.
CHUNK_LIMIT = 1 << 22

#: The largest snapshot, in bytes.
SNAPSHOT_LIMIT = 1 << 26

_FRAMES = 1
_END = 2
_SNAPSHOT = 3
_CHUNK = Struct(">BI")
_FRAMES_PAYLOAD = Struct(">IHHI")
_END_PAYLOAD = Struct(">I16s")
_NUMBER_BYTES = 4
_MASK_BYTES = 2
_CRC_BYTES = 4

#: The shortest and the longest payload of each kind, in bytes.
_LENGTHS = {
    _FRAMES: (_FRAMES_PAYLOAD.size, CHUNK_LIMIT),
    _END: (_END_PAYLOAD.size, _END_PAYLOAD.size),
    _SNAPSHOT: (_NUMBER_BYTES, _NUMBER_BYTES + SNAPSHOT_LIMIT),
}


@attrs.frozen
class FramesRecord:
    """
    A chunk of frames, still packed.

    @ivar first_frame: The first frame's number.
    @ivar count: How many frames.
    @ivar checked: How many of them lead to the state that C{checksum} is of; 0 if
        there is no checksum.
    @ivar checksum: That state's checksum; 0 if there is none.
    @ivar columns: The absent and the inputs; see L{decodeRows}.
    """

    first_frame: int
    count: int
    checked: int
    checksum: int
    columns: bytes = attrs.field(repr=False)


@attrs.frozen
class SnapshotRecord:
    """
    A state that the recording player took over from another.

    @ivar frame: The frame that comes next.
    @ivar snapshot: What the simulation's C{save} returned there.
    """

    frame: int
    snapshot: bytes = attrs.field(repr=False)


@attrs.frozen
class EndRecord:
    """
    The chunk that a file ends with.

    @ivar frames: How many frames the file has.
    @ivar digest: BLAKE2b of all before the chunk.
    """

    frames: int
    digest: bytes


def encodeFrames(
    first_frame: int, rows: Sequence[ReplayRow], checked: int = 0, checksum: int = 0
) -> bytes:
    """
    Pack a chunk of frames.

    @param first_frame: The number of the first.
    @param rows: The frames; at least one, at most L{INTERVAL_LIMIT}.
    @param checked: How many of them lead to the state that C{checksum} is of; 0 if
        there is no checksum.
    @param checksum: That state's checksum; 0 if there is none.
    @raise LocalProtocolError: A number does not fit its field, or an input is longer
        than L{gamenet.wire.replay_columns.REPLAY_INPUT_LIMIT}.
    """
    count = len(rows)
    if not 0 < count <= INTERVAL_LIMIT or not 0 <= checked <= count:
        raise LocalProtocolError(f"a chunk of {count} frames, {checked} of them checked")
    if not 0 <= checksum < 1 << 32 or (checksum and not checked):
        raise LocalProtocolError(f"a chunk with checksum {checksum} of {checked} frames")
    if not 0 <= first_frame <= FRAMES_LIMIT - count:
        raise LocalProtocolError(f"frame {first_frame} in a replay")
    payload = bytearray(_FRAMES_PAYLOAD.pack(first_frame, count, checked, checksum))
    encodeColumn(payload, [_mask(absent) for _, absent in rows])
    for column in zip(*[inputs for inputs, _ in rows], strict=True):
        encodeColumn(payload, column)
    return _chunk(_FRAMES, payload)


def encodeSnapshot(frame: int, snapshot: bytes) -> bytes:
    """
    Pack a snapshot.

    @param frame: The frame that comes next.
    @param snapshot: At most L{SNAPSHOT_LIMIT} bytes.
    @raise LocalProtocolError: A value is out of bounds.
    """
    if not 0 <= frame < FRAMES_LIMIT or len(snapshot) > SNAPSHOT_LIMIT:
        raise LocalProtocolError(f"a snapshot of {len(snapshot)} bytes at frame {frame}")
    return _chunk(_SNAPSHOT, frame.to_bytes(_NUMBER_BYTES, "big") + snapshot)


def encodeEnd(frames: int, digest: bytes) -> bytes:
    """
    Pack the chunk that a file ends with.

    @param frames: How many frames the file has.
    @param digest: BLAKE2b of all before this chunk, 16 bytes.
    """
    return _chunk(_END, _END_PAYLOAD.pack(frames, digest))


def decodeRows(record: FramesRecord, players: int) -> list[ReplayRow]:
    """
    Unpack the frames of a chunk.

    @param record: The chunk, its columns still packed.
    @param players: How many, as the header says.
    @raise MalformedMessage: There are other columns in it.
    """
    columns, count = record.columns, record.count
    masks, position = decodeColumn(columns, 0, count)
    unpacked = []
    for _ in range(players):
        column, position = decodeColumn(columns, position, count)
        unpacked.append(column)
    if position != len(columns):
        raise MalformedMessage("a replay chunk with more than its columns")
    mask = b""
    absent: tuple[int, ...] = ()
    rows = []
    for each, inputs in zip(masks, zip(*unpacked, strict=True), strict=True):
        if each is not mask:
            mask = each
            absent = _absentOf(mask, players)
        rows.append((inputs, absent))
    return rows


def decodeChunk(
    data: bytes | bytearray,
) -> tuple[FramesRecord | SnapshotRecord | EndRecord, int] | None:
    """
    Unpack a chunk, but for its frames.

    @param data: The file from the chunk's first byte on.
    @return: The chunk and its length, or C{None} if it is not all there.
    @raise MalformedMessage: It is none; C{UnknownMessage} for another kind.
    """
    if len(data) < _CHUNK.size:
        return None
    kind, length = _CHUNK.unpack_from(data)
    if kind not in _LENGTHS:
        raise UnknownMessage(f"a replay chunk of kind {kind}")
    shortest, longest = _LENGTHS[kind]
    if not shortest <= length <= longest:
        raise MalformedMessage(f"a replay chunk of {length} bytes")
    size = _CHUNK.size + length + _CRC_BYTES
    if len(data) < size:
        return None
    payload = withoutCrc(data, size)[_CHUNK.size :]
    if kind == _END:
        return EndRecord(*_END_PAYLOAD.unpack(payload)), size
    if kind == _SNAPSHOT:
        frame = int.from_bytes(payload[:_NUMBER_BYTES], "big")
        if frame >= FRAMES_LIMIT:
            raise MalformedMessage(f"a replay snapshot at frame {frame}")
        return SnapshotRecord(frame, payload[_NUMBER_BYTES:]), size
    first_frame, count, checked, checksum = _FRAMES_PAYLOAD.unpack_from(payload)
    if not count or count > INTERVAL_LIMIT or first_frame + count > FRAMES_LIMIT:
        raise MalformedMessage(f"a replay chunk of {count} frames from {first_frame} on")
    if checked > count or (checksum and not checked):
        raise MalformedMessage(f"a replay chunk with a checksum of {checked} of {count} frames")
    columns = payload[_FRAMES_PAYLOAD.size :]
    return FramesRecord(first_frame, count, checked, checksum, columns), size


def _mask(absent: tuple[int, ...]) -> bytes:
    """Return what is written of the absent."""
    if not absent:
        return b""
    return sum([1 << player - 1 for player in absent]).to_bytes(_MASK_BYTES, "big")


def _absentOf(mask: bytes, players: int) -> tuple[int, ...]:
    """Return the players of whom it was written."""
    if not mask:
        return ()
    bits = int.from_bytes(mask, "big")
    if len(mask) != _MASK_BYTES or not bits or bits >> players:
        raise MalformedMessage(f"a replay whose absent are {mask.hex()} of {players} players")
    return tuple([player for player in range(1, players + 1) if bits >> player - 1 & 1])


def _chunk(kind: int, payload: bytes | bytearray) -> bytes:
    """Return a chunk."""
    return withCrc(_CHUNK.pack(kind, len(payload)) + payload)
