"""
The layout of a replay file: all players' confirmed inputs of a match, whose seats were
empty, and checksums to prove that playing them leads to the same states.

A file is a header, then chunks; everything is big-endian.  The header::

    byte   0..7   magic: 89 67 6E 72 0D 0A 1A 0A ("gnr", and bytes that a transfer
                  as text would spoil, as PNG has them)
    byte   8..9   version of this layout: 1
    byte  10..25  digest of the rules that were agreed before the match
    byte  26      players, 1 to L{PLAYERS_LIMIT}
    byte  27      frames a second, 1 to L{FRAME_RATE_LIMIT}
    byte  28..29  checksum interval in frames, 1 to L{INTERVAL_LIMIT}
    byte  30..37  seed of the match's random numbers
    byte  38      1 if the game's bots play for absent players, else 0
    byte  39..40  length of the rules, at most L{RULES_LIMIT}
    the rules: text for people and for the game, UTF-8
    4 bytes       crc32 of all before

A chunk::

    byte   0      kind: 1 = frames, 2 = end, 3 = snapshot
    byte   1..4   length of what follows, without the crc32: at most
                  L{gamenet.wire.replay_chunks.CHUNK_LIMIT}; of a snapshot
                  L{gamenet.wire.replay_chunks.SNAPSHOT_LIMIT} and 4
    the payload
    4 bytes       crc32 of the chunk so far

The payload of frames: consecutive frames, up to the next whose number and one is a
multiple of the header's checksum interval.  Only the last chunk before a snapshot or
the end may have fewer::

    byte   0..3   number of the first frame: 0 in the first chunk; that of the snapshot
                  in the first chunk after one; else one more than that of the last
                  frame before
    byte   4..5   count of frames
    byte   6..7   how many of them lead to the state that the checksum is of, 0 if
                  there is no checksum
    byte   8..11  that state's checksum; 0 if there is none
    a column of the absent
    a column for each player, in order of player number

A column is runs, each of one or more consecutive frames with the same input::

    number        2 * (frames - 1), plus 1 if a length follows
    [number       length of the input, 0 to L{REPLAY_INPUT_LIMIT}]
    the input XOR the input of the run before it in the column

The absent of a frame are written like an input: nothing if no seat is empty, else 2
bytes in which bit C{n - 1} says that player C{n}'s is.

A number is 7 bits a byte, lowest first; bit 7 says that another byte follows, and
there are at most two.  A run without a length has that of the run before it, 0 before
the first, whose predecessor is empty; a predecessor counts as continued by zeros.  XORed
inputs of L{MASKED_FROM} bytes and more are written as groups of 8: a byte of which bit
C{n} says that byte C{n} of the group is not 0, then those bytes.

The payload of a snapshot, behind which there are frames::

    byte   0..3   number of the frame that comes next
    the snapshot, which the recording player's game became then

All frames before it with this number or a higher one are void: they were played by
nobody, or from another state, and those that hold come again.  A file in which nobody
took a state over has no snapshot, and begins at frame 0 in the game's first state.

The payload of the end, after which nothing follows::

    byte   0..3   count of frames in the file, those that are void too
    byte   4..19  BLAKE2b (RFC 7693), 16 bytes long, of the file before this chunk

A chunk has exactly one encoding: needless lengths, needless bytes of numbers, two
neighboring runs with the same input and zeros that a mask calls otherwise are malformed.
Decoding is bounded: at most L{INTERVAL_LIMIT} times L{PLAYERS_LIMIT} inputs come out of
one chunk, and equal neighbors share one object.  A file that was cut off can be read up
to its last whole chunk.

The header is read and written here, the chunks by L{gamenet.wire.replay_chunks}.
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

import attrs

from gamenet.bounds import wholeNumber
from gamenet.errors import BadSetting, MalformedMessage, UnknownMessage
from gamenet.wire.replay_columns import MASKED_FROM, REPLAY_INPUT_LIMIT

__all__ = [
    "DIGEST_BYTES",
    "FRAME_RATE_LIMIT",
    "INTERVAL_LIMIT",
    "MAGIC",
    "MASKED_FROM",
    "PLAYERS_LIMIT",
    "REPLAY_INPUT_LIMIT",
    "REPLAY_VERSION",
    "RULES_LIMIT",
    "ReplayHeader",
    "decodeHeader",
    "encodeHeader",
    "withCrc",
    "withoutCrc",
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

_HEADER = Struct(">8sH16sBBHQBH")
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


def _isBool(instance: object, attribute: attrs.Attribute[bool], value: object) -> None:
    """Check a setting that is true or false."""
    if type(value) is not bool:
        raise BadSetting(f"{attribute.name} must be true or false, not {value!r:.80}")


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
    @ivar bots: Whether the game plays on for absent players
        (L{gamenet.interfaces.IBotSimulation}): their inputs are not in the file.

    @raise BadSetting: A value is out of bounds.
    """

    digest: bytes = attrs.field(validator=_isDigest)
    players: int = attrs.field(validator=wholeNumber(1, PLAYERS_LIMIT))
    frame_rate: int = attrs.field(default=60, validator=wholeNumber(1, FRAME_RATE_LIMIT))
    seed: int = attrs.field(default=0, validator=wholeNumber(0, (1 << 64) - 1))
    rules: str = attrs.field(default="", validator=_isRules)
    checksum_interval: int = attrs.field(default=60, validator=wholeNumber(1, INTERVAL_LIMIT))
    bots: bool = attrs.field(default=False, validator=_isBool)


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
        header.bots,
        len(rules),
    )
    return withCrc(fields + rules)


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
    _, version, digest, players, rate, interval, seed, bots, length = _HEADER.unpack_from(data)
    if version != REPLAY_VERSION:
        raise UnknownMessage(f"a replay file of version {version}, not {REPLAY_VERSION}")
    if length > RULES_LIMIT:
        raise MalformedMessage(f"a replay file with {length} bytes of rules")
    size = _HEADER.size + length + _CRC_BYTES
    if len(data) < size:
        return None
    sound = withoutCrc(data, size)
    if bots > 1:
        raise MalformedMessage(f"a replay header whose bots are {bots}, not 0 or 1")
    try:
        rules = sound[_HEADER.size :].decode()
        header = ReplayHeader(digest, players, rate, seed, rules, interval, bool(bots))
    except (BadSetting, UnicodeDecodeError) as error:
        raise MalformedMessage(f"a replay header: {error}") from error
    return header, size


def withoutCrc(data: bytes | bytearray, size: int) -> bytes:
    """
    Return the first C{size} bytes without the crc32 that they end with.

    @raise MalformedMessage: It is not theirs.
    """
    sound = bytes(data[: size - _CRC_BYTES])
    if int.from_bytes(data[size - _CRC_BYTES : size], "big") != crc32(sound):
        raise MalformedMessage("a replay file with damaged bytes")
    return sound


def withCrc(data: bytes) -> bytes:
    """Return C{data} and its crc32."""
    return data + crc32(data).to_bytes(_CRC_BYTES, "big")
