"""
The layout of a replay file: all players' confirmed inputs of a match, and
checksums to prove that playing them leads to the same states.

A file is a header, then chunks; everything is big-endian.  The header::

    byte   0..7   magic: 89 67 6E 72 0D 0A 1A 0A ("gnr", and bytes that a transfer
                  as text would spoil, as PNG has them)
    byte   8..9   version of this layout: 1
    byte  10..25  digest of the rules that were agreed before the match
    byte  26      players, 1 to L{PLAYERS_LIMIT}
    byte  27      frames a second, 1 to L{FRAME_RATE_LIMIT}
    byte  28..29  checksum interval in frames, 1 to L{INTERVAL_LIMIT}
    byte  30..37  seed of the match's random numbers
    byte  38..39  length of the rules, at most L{RULES_LIMIT}
    the rules: text for people and for the game, UTF-8
    4 bytes       crc32 of all before

A chunk::

    byte   0      kind: 1 = frames, 2 = end
    byte   1..4   length of what follows, without the crc32; at most L{CHUNK_LIMIT}
    the payload
    4 bytes       crc32 of the chunk so far

The payload of frames: consecutive frames, as many as the header's checksum interval
says; only the last such chunk may have fewer::

    byte   0..3   number of the first frame, one more than that of the last one before
    byte   4..5   count of frames
    byte   6..9   crc32 of the state that the last of them led to
    a column for each player, in order of player number

A column is runs, each of one or more consecutive frames with the same input::

    number        2 * (frames - 1), plus 1 if a length follows
    [number       length of the input, 0 to L{REPLAY_INPUT_LIMIT}]
    the input XOR the input of the run before it in the column

A number is 7 bits a byte, lowest first; bit 7 says that another byte follows, and
there are at most two.  A run without a length has that of the run before it, 0 before
the first, whose predecessor is empty; a predecessor counts as continued by zeros.  XORed
inputs of L{MASKED_FROM} bytes and more are written as groups of 8: a byte of which bit
C{n} says that byte C{n} of the group is not 0, then those bytes.

The payload of the end, after which nothing follows::

    byte   0..3   count of frames in the file
    byte   4..19  BLAKE2b (RFC 7693), 16 bytes long, of the file before this chunk

A chunk has exactly one encoding: needless lengths, needless bytes of numbers, two
neighboring runs with the same input and zeros that a mask calls otherwise are malformed.
Decoding is bounded: at most L{INTERVAL_LIMIT} times L{PLAYERS_LIMIT} inputs come out of
one chunk, and equal neighbors share one object.  A file that was cut off can be read up
to its last whole chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from zlib import crc32

import attrs

from gamenet.bounds import wholeNumber
from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.replay_columns import (
    MASKED_FROM,
    REPLAY_INPUT_LIMIT,
    decodeColumn,
    encodeColumn,
)

__all__ = [
    "CHUNK_LIMIT",
    "DIGEST_BYTES",
    "FRAME_RATE_LIMIT",
    "INTERVAL_LIMIT",
    "MAGIC",
    "MASKED_FROM",
    "PLAYERS_LIMIT",
    "REPLAY_INPUT_LIMIT",
    "REPLAY_VERSION",
    "RULES_LIMIT",
    "EndRecord",
    "FramesRecord",
    "ReplayHeader",
    "decodeChunk",
    "decodeHeader",
    "decodeInputs",
    "encodeEnd",
    "encodeFrames",
    "encodeHeader",
]

#: The first bytes of every replay file.
MAGIC = b"\x89gnr\r\n\x1a\n"

#: The version of this layout.
REPLAY_VERSION = 1

#: The length of the header's digest.
DIGEST_BYTES = 16

#: The most players.
PLAYERS_LIMIT = 16

#: The most frames a second.
FRAME_RATE_LIMIT = 240

#: The most frames in one chunk, and so between two checksums.
INTERVAL_LIMIT = 600

#: The longest text of the rules, in bytes of UTF-8.
RULES_LIMIT = 4096

#: The longest payload of a chunk, in bytes: none that we write is longer.
CHUNK_LIMIT = 1 << 22

_FRAMES = 1
_END = 2
_HEADER = Struct(">8sH16sBBHQH")
_CHUNK = Struct(">BI")
_FRAMES_PAYLOAD = Struct(">IHI")
_END_PAYLOAD = Struct(">I16s")
_CRC_BYTES = 4


def _isDigest(instance: object, attribute: attrs.Attribute[bytes], value: object) -> None:
    """Check a header's digest."""
    if not isinstance(value, bytes) or len(value) != DIGEST_BYTES:
        raise BadSetting(f"{attribute.name} must be {DIGEST_BYTES} bytes, not {value!r:.80}")


def _isRules(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    """Check a header's rules."""
    try:
        length = len(value.encode()) if isinstance(value, str) else RULES_LIMIT + 1
    except UnicodeEncodeError:
        length = RULES_LIMIT + 1
    if length > RULES_LIMIT:
        raise BadSetting(f"{attribute.name} must be text of at most {RULES_LIMIT} bytes of UTF-8")


@attrs.frozen
class ReplayHeader:
    """
    What a replay is of.

    @ivar digest: What the players compared before the match, for example
        C{RollbackSettings.digest()}; L{DIGEST_BYTES} bytes.
    @ivar players: How many played.
    @ivar frame_rate: Frames a second.
    @ivar seed: Of the match's random numbers, 0 to 2**64 - 1.
    @ivar rules: The game's own words: its name, its version, the map.
    @ivar checksum_interval: Every how many frames there is a checksum.

    @raise BadSetting: A value is out of bounds.
    """

    digest: bytes = attrs.field(validator=_isDigest)
    players: int = attrs.field(validator=wholeNumber(1, PLAYERS_LIMIT))
    frame_rate: int = attrs.field(default=60, validator=wholeNumber(1, FRAME_RATE_LIMIT))
    seed: int = attrs.field(default=0, validator=wholeNumber(0, (1 << 64) - 1))
    rules: str = attrs.field(default="", validator=_isRules)
    checksum_interval: int = attrs.field(default=60, validator=wholeNumber(1, INTERVAL_LIMIT))


@attrs.frozen
class FramesRecord:
    """
    A chunk of frames, its inputs still packed.

    @ivar first_frame: The first frame's number.
    @ivar count: How many frames.
    @ivar checksum: crc32 of the state that the last of them led to.
    @ivar columns: The inputs; see L{decodeInputs}.
    """

    first_frame: int
    count: int
    checksum: int
    columns: bytes = attrs.field(repr=False)


@attrs.frozen
class EndRecord:
    """
    The chunk that a file ends with.

    @ivar frames: How many frames the file has.
    @ivar digest: BLAKE2b of all before the chunk.
    """

    frames: int
    digest: bytes


def encodeHeader(header: ReplayHeader) -> bytes:
    """Pack the header, with which a file begins."""
    rules = header.rules.encode()
    fields = _HEADER.pack(
        MAGIC,
        REPLAY_VERSION,
        header.digest,
        header.players,
        header.frame_rate,
        header.checksum_interval,
        header.seed,
        len(rules),
    )
    return _withCrc(fields + rules)


def encodeFrames(first_frame: int, inputs: Sequence[Sequence[bytes]], checksum: int) -> bytes:
    """
    Pack a chunk of frames.

    @param first_frame: The number of the first.
    @param inputs: All players' inputs, frame by frame; at least one frame, at most
        L{INTERVAL_LIMIT}.
    @param checksum: crc32 of the state that the last of them led to.
    @raise LocalProtocolError: A number does not fit its field, or an input is longer
        than L{REPLAY_INPUT_LIMIT}.
    """
    if not 0 < len(inputs) <= INTERVAL_LIMIT or not 0 <= checksum < 1 << 32:
        raise LocalProtocolError(f"a chunk of {len(inputs)} frames with checksum {checksum}")
    if not 0 <= first_frame <= FRAMES_LIMIT - len(inputs):
        raise LocalProtocolError(f"frame {first_frame} in a replay")
    payload = bytearray(_FRAMES_PAYLOAD.pack(first_frame, len(inputs), checksum))
    for column in zip(*inputs, strict=True):
        encodeColumn(payload, column)
    return _chunk(_FRAMES, payload)


def encodeEnd(frames: int, digest: bytes) -> bytes:
    """
    Pack the chunk that a file ends with.

    @param frames: How many frames the file has.
    @param digest: BLAKE2b of all before this chunk, 16 bytes.
    """
    return _chunk(_END, _END_PAYLOAD.pack(frames, digest))


def decodeInputs(record: FramesRecord, players: int) -> list[tuple[bytes, ...]]:
    """
    Unpack the inputs of a chunk: all players', frame by frame.

    @param record: The chunk, its columns still packed.
    @param players: How many, as the header says.
    @raise MalformedMessage: There are other columns in it.
    """
    columns = record.columns
    position = 0
    unpacked = []
    for _ in range(players):
        column, position = decodeColumn(columns, position, record.count)
        unpacked.append(column)
    if position != len(columns):
        raise MalformedMessage("a replay chunk with more than its columns")
    return list(zip(*unpacked, strict=True))


def decodeHeader(data: bytes | bytearray) -> tuple[ReplayHeader, int] | None:
    """
    Unpack the header of a file.

    @param data: The file from its first byte on.
    @return: The header and its length, or C{None} if it is not all there.
    @raise MalformedMessage: It is none; C{UnknownMessage} for another version.
    """
    if not MAGIC.startswith(data[: len(MAGIC)]):
        raise MalformedMessage("not a replay file")
    if len(data) < _HEADER.size:
        return None
    _, version, digest, players, rate, interval, seed, length = _HEADER.unpack_from(data)
    if version != REPLAY_VERSION:
        raise UnknownMessage(f"a replay file of version {version}, not {REPLAY_VERSION}")
    if length > RULES_LIMIT:
        raise MalformedMessage(f"a replay file with {length} bytes of rules")
    size = _HEADER.size + length + _CRC_BYTES
    if len(data) < size:
        return None
    sound = _withoutCrc(data, size)
    try:
        rules = sound[_HEADER.size :].decode()
        return ReplayHeader(digest, players, rate, seed, rules, interval), size
    except (BadSetting, UnicodeDecodeError) as error:
        raise MalformedMessage(f"a replay header: {error}") from error


def decodeChunk(data: bytes | bytearray) -> tuple[FramesRecord | EndRecord, int] | None:
    """
    Unpack a chunk, but for its inputs.

    @param data: The file from the chunk's first byte on.
    @return: The chunk and its length, or C{None} if it is not all there.
    @raise MalformedMessage: It is none; C{UnknownMessage} for another kind.
    """
    if len(data) < _CHUNK.size:
        return None
    kind, length = _CHUNK.unpack_from(data)
    if kind not in (_FRAMES, _END):
        raise UnknownMessage(f"a replay chunk of kind {kind}")
    if length > CHUNK_LIMIT or (kind == _END and length != _END_PAYLOAD.size):
        raise MalformedMessage(f"a replay chunk of {length} bytes")
    size = _CHUNK.size + length + _CRC_BYTES
    if len(data) < size:
        return None
    payload = _withoutCrc(data, size)[_CHUNK.size :]
    if kind == _END:
        return EndRecord(*_END_PAYLOAD.unpack(payload)), size
    if length < _FRAMES_PAYLOAD.size:
        raise MalformedMessage("a replay chunk that ends in its numbers")
    first_frame, count, checksum = _FRAMES_PAYLOAD.unpack_from(payload)
    if not count or count > INTERVAL_LIMIT or first_frame + count > FRAMES_LIMIT:
        raise MalformedMessage(f"a replay chunk of {count} frames from {first_frame} on")
    return FramesRecord(first_frame, count, checksum, payload[_FRAMES_PAYLOAD.size :]), size


def _withoutCrc(data: bytes | bytearray, size: int) -> bytes:
    """Return the first C{size} bytes without the crc32 that they end with, if it is right."""
    sound = bytes(data[: size - _CRC_BYTES])
    if int.from_bytes(data[size - _CRC_BYTES : size], "big") != crc32(sound):
        raise MalformedMessage("a replay file with damaged bytes")
    return sound


def _withCrc(data: bytes) -> bytes:
    """Return C{data} and its crc32."""
    return data + crc32(data).to_bytes(_CRC_BYTES, "big")


def _chunk(kind: int, payload: bytes | bytearray) -> bytes:
    """Return a chunk."""
    return _withCrc(_CHUNK.pack(kind, len(payload)) + payload)
