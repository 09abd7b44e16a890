"""
A state, to be looked at or sent to another player: what a desynchronization leaves
behind.

The layout of an encoded dump, big-endian::

    byte   0      version of this layout: 1
    byte   1..4   the frame that led to the state
    byte   5..8   the state's checksum
    byte   9..12  length of the snapshot
    the snapshot
    byte          1 if the state's parts follow, else 0
    2 bytes       count of parts, at most L{PARTS_LIMIT}
    each part:
      byte        length of its name in UTF-8
      4 bytes     length of its bytes
      the name, the bytes

Every dump has one encoding, at most L{DUMP_LIMIT} bytes long, and what is decoded is
never longer than what it was decoded from.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Any

import attrs

from gamenet.bounds import wholeNumber
from gamenet.errors import (
    BadSetting,
    LocalProtocolError,
    MalformedMessage,
    RemoteProtocolError,
    UnknownMessage,
)
from gamenet.interfaces import IOwnsSnapshots
from gamenet.rollback.state_difference import (
    NAME_LIMIT,
    PartDifference,
    SavedState,
    differences,
)
from gamenet.wire.input_frames import FRAMES_LIMIT

__all__ = [
    "DUMP_LIMIT",
    "DUMP_VERSION",
    "PARTS_LIMIT",
    "PART_NAME_BYTES",
    "DumpPair",
    "StateDump",
    "StateRefused",
    "checkedChecksum",
    "checkedParts",
    "decodeStateDump",
    "encodeStateDump",
    "packedSnapshot",
    "unpackedSnapshot",
]

#: The version of this layout.
DUMP_VERSION = 1

#: The longest encoded dump, in bytes.
DUMP_LIMIT = 1 << 24

#: The most parts of a state.
PARTS_LIMIT = 1024

#: The longest name of a part, in bytes of UTF-8.
PART_NAME_BYTES = 255

_HEADER = Struct(">BIII")
_COUNT = Struct(">H")
_PART = Struct(">BI")


class StateRefused(RemoteProtocolError):
    """
    The game cannot read the state that was asked of another player, so there is
    nothing to go on from.  What C{decodeSnapshot} raised is the C{__cause__}.

    @ivar frame: The snapshot's number: the frame that would have been played next.
    """

    def __init__(self, frame: int) -> None:
        super().__init__(f"the game refuses another player's state as snapshot {frame}")
        self.frame = frame


def packedSnapshot(simulation: IOwnsSnapshots, snapshot: Any) -> bytes:
    """
    Return a game's own snapshot as bytes.

    @param simulation: The game.
    @param snapshot: What its C{save} or C{decodeSnapshot} returned.
    @raise TypeError: It returned something else than bytes.
    @raise Exception: Whatever it raises.
    """
    data = simulation.encodeSnapshot(snapshot)
    if not isinstance(data, bytes):
        raise TypeError(f"encodeSnapshot returned {type(data).__name__}, not bytes")
    return bytes(data)


def unpackedSnapshot(simulation: IOwnsSnapshots, frame: int, data: bytes) -> Any:
    """
    Return a game's own snapshot that another player sent.

    @param simulation: The game.
    @param frame: The snapshot's number, for the error.
    @param data: What they sent.
    @raise StateRefused: The game raised, or returned C{None}.
    """
    try:
        snapshot = simulation.decodeSnapshot(data)
        if snapshot is None:
            raise TypeError("decodeSnapshot returned None, which is no snapshot")
    except Exception as error:
        raise StateRefused(frame) from error
    return snapshot


def checkedChecksum(checksum: object) -> int:
    """
    Return what a simulation's C{checksum} returned.

    @param checksum: That: 0 to 2**32 - 1.
    @raise TypeError: It is no C{int}.
    @raise ValueError: It is out of bounds.
    """
    if type(checksum) is not int:
        raise TypeError(f"checksum returned {type(checksum).__name__}, not int")
    if not 0 <= checksum < 1 << 32:
        raise ValueError(f"checksum returned {checksum}, not 0 to 2**32 - 1")
    return checksum


def checkedParts(parts: object) -> tuple[tuple[str, bytes], ...]:
    """
    Return what a simulation's C{parts} returned, in order.

    @param parts: That: bytes by name.
    @raise TypeError: It is something else.
    @raise ValueError: There are more than L{PARTS_LIMIT}, or a name is longer than
        L{PART_NAME_BYTES} or no text.
    """
    if not isinstance(parts, Mapping):
        raise TypeError(f"parts returned {type(parts).__name__}, not a mapping")
    if len(parts) > PARTS_LIMIT:
        raise ValueError(f"{len(parts)} parts, more than {PARTS_LIMIT}")
    checked = tuple(parts.items())
    for name, part in checked:
        if not isinstance(name, str) or not isinstance(part, bytes):
            raise TypeError(f"parts returned {type(name).__name__}: {type(part).__name__}")
        if len(name.encode()) > PART_NAME_BYTES:
            raise ValueError(f"a part's name is longer than {PART_NAME_BYTES} bytes: {name:.64}")
    return checked


def _areParts(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check a dump's parts."""
    if value is None:
        return
    try:
        if not isinstance(value, tuple) or len(checkedParts(dict(value))) != len(value):
            raise TypeError("not a tuple of different names with bytes")
    except (TypeError, ValueError) as error:
        raise BadSetting(f"{attribute.name}: {error}") from error


@attrs.frozen
class StateDump:
    """
    The state that a frame led to.

    @ivar frame: The frame; the state is snapshot C{frame + 1}.
    @ivar checksum: The state's checksum, 0 to 2**32 - 1.
    @ivar snapshot: What the simulation saved; for a
        L{gamenet.interfaces.IOwnsSnapshots} what it was encoded as.
    @ivar parts: Its parts as names and bytes, in the simulation's order, or C{None}.

    @raise BadSetting: A value is out of bounds.
    """

    frame: int = attrs.field(validator=wholeNumber(0, FRAMES_LIMIT - 1))
    checksum: int = attrs.field(validator=wholeNumber(0, (1 << 32) - 1))
    snapshot: bytes = attrs.field(repr=False)
    parts: tuple[tuple[str, bytes], ...] | None = attrs.field(
        default=None, repr=False, validator=_areParts
    )

    @property
    def state(self) -> SavedState:
        """The state, to be compared with another."""
        return SavedState(self.snapshot, None if self.parts is None else dict(self.parts))

    @property
    def size(self) -> int:
        """How many bytes it is encoded."""
        size = _HEADER.size + len(self.snapshot) + 1
        if self.parts is not None:
            size += _COUNT.size
            for name, part in self.parts:
                size += _PART.size + len(name.encode()) + len(part)
        return size


@attrs.frozen
class DumpPair:
    """
    The state that one frame led to, here and at another player's.

    @ivar frame: The frame.
    @ivar player: Whose the other one is.
    @ivar local: Ours.
    @ivar remote: Theirs.

    @raise LocalProtocolError: A dump is of another frame.
    """

    frame: int
    player: int
    local: StateDump
    remote: StateDump

    def __attrs_post_init__(self) -> None:
        for dump in (self.local, self.remote):
            if dump.frame != self.frame:
                raise LocalProtocolError(f"a dump of frame {dump.frame}, not {self.frame}")

    @property
    def differences(self) -> tuple[PartDifference, ...]:
        """How they differ: see L{gamenet.rollback.state_difference.differences}."""
        return differences(self.local.state, self.remote.state)

    @property
    def first(self) -> PartDifference | None:
        """The first part that differs, or C{None} if only the checksums do."""
        return next(iter(self.differences), None)

    def __str__(self) -> str:
        lines = [
            f"frame {self.frame}: checksum {self.local.checksum:08x} here, "
            f"{self.remote.checksum:08x} at player {self.player}"
        ]
        lines += [f"    {_told(difference)}" for difference in self.differences]
        if len(lines) == 1:
            lines.append("    the states are equal, and only their checksums differ")
        return "\n".join(lines)


def encodeStateDump(dump: StateDump) -> bytes:
    """
    Pack a dump.

    @param dump: The dump.
    @return: At most L{DUMP_LIMIT} bytes.
    @raise LocalProtocolError: It is larger; C{dump.size} tells before.
    """
    if dump.size > DUMP_LIMIT:
        raise LocalProtocolError(f"a dump of {dump.size} bytes, more than {DUMP_LIMIT}")
    pieces = [
        _HEADER.pack(DUMP_VERSION, dump.frame, dump.checksum, len(dump.snapshot)),
        dump.snapshot,
    ]
    if dump.parts is None:
        pieces.append(b"\x00")
    else:
        pieces += [b"\x01", _COUNT.pack(len(dump.parts))]
        for name, part in dump.parts:
            text = name.encode()
            pieces += [_PART.pack(len(text), len(part)), text, part]
    return b"".join(pieces)


def decodeStateDump(data: bytes) -> StateDump:
    """
    Unpack a dump.

    @param data: What L{encodeStateDump} returned somewhere, or anything.
    @raise MalformedMessage: It is none; C{UnknownMessage} for another version.
    """
    if len(data) > DUMP_LIMIT:
        raise MalformedMessage(f"a dump of {len(data)} bytes, more than {DUMP_LIMIT}")
    if data[:1] != bytes([DUMP_VERSION]):
        raise UnknownMessage(f"a dump of version {data[:1].hex() or 'none'}, not {DUMP_VERSION}")
    if len(data) < _HEADER.size:
        raise MalformedMessage("a dump that ends in its numbers")
    _, frame, checksum, length = _HEADER.unpack_from(data)
    end = _HEADER.size + length
    if len(data) <= end or data[end] > 1:
        raise MalformedMessage("a dump that ends in its snapshot, or goes on strangely")
    parts = None
    if data[end]:
        parts = _decodeParts(data, end + 1)
    elif len(data) != end + 1:
        raise MalformedMessage("a dump with more than its snapshot")
    try:
        return StateDump(frame, checksum, bytes(data[_HEADER.size : end]), parts)
    except BadSetting as error:
        raise MalformedMessage(f"a dump: {error}") from error


def _decodeParts(data: bytes, position: int) -> tuple[tuple[str, bytes], ...]:
    """Unpack the parts, with which a dump ends."""
    if len(data) < position + _COUNT.size:
        raise MalformedMessage("a dump that ends before its parts")
    (count,) = _COUNT.unpack_from(data, position)
    if count > PARTS_LIMIT:
        raise MalformedMessage(f"a dump of {count} parts")
    position += _COUNT.size
    parts = []
    for _ in range(count):
        if len(data) < position + _PART.size:
            raise MalformedMessage("a dump that ends before a part")
        name_bytes, part_bytes = _PART.unpack_from(data, position)
        name_end = position + _PART.size + name_bytes
        end = name_end + part_bytes
        if len(data) < end:
            raise MalformedMessage("a dump that ends in a part")
        try:
            name = data[position + _PART.size : name_end].decode()
        except UnicodeDecodeError as error:
            raise MalformedMessage("a part's name is not UTF-8") from error
        parts.append((name, bytes(data[name_end:end])))
        position = end
    if position != len(data):
        raise MalformedMessage("a dump with more than its parts")
    return tuple(parts)


def _told(difference: PartDifference) -> str:
    """Return a difference as text."""
    name = f"part {difference.part[:NAME_LIMIT]!r}" if difference.part else "the snapshot"
    if difference.first is None or difference.later is None:
        return f"{name}: only {'there' if difference.first is None else 'here'}"
    here = difference.first.hex() or "nothing"
    there = difference.later.hex() or "nothing"
    lengths = ""
    if difference.first_length != difference.later_length:
        lengths = f" ({difference.first_length} bytes here, {difference.later_length} there)"
    return f"{name}: from byte {difference.offset} on here {here}, there {there}{lengths}"
