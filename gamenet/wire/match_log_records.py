"""
What a match log is made of, as values; L{gamenet.wire.match_log_format} writes them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

__all__ = [
    "EndRecord",
    "EventRecord",
    "FrameRecord",
    "LogHeader",
    "LogRecord",
    "NoteRecord",
    "PartDigest",
    "PartPatch",
    "StateRecord",
    "TickRecord",
]


@attrs.frozen
class LogHeader:
    """
    What a log is of.

    @ivar match_id: The match's id.
    @ivar players: How many seats the match has.
    @ivar local_players: Which of them are played here, ascending; none for a spectator.
    @ivar seating: The players of every peer, a tuple per peer.
    @ivar digest: What the peers compared before they began to play.
    @ivar frame_rate: Frames a second.
    @ivar prediction_window: How many frames may be played on predictions.
    @ivar checksum_interval: Frames between two checksums that peers compare.
    @ivar game: The game's name and version.
    @ivar started: What the writer's clock showed when the log began, in seconds.
    """

    match_id: bytes
    players: int
    local_players: tuple[int, ...]
    seating: tuple[tuple[int, ...], ...] = ()
    digest: bytes = b""
    frame_rate: int = 60
    prediction_window: int = 8
    checksum_interval: int = 30
    game: str = ""
    started: float = 0.0


@attrs.frozen
class TickRecord:
    """
    One call of a session's C{advance}, and what it asked for.

    @ivar time: When.
    @ivar frame: The frame that was next to be played.
    @ivar inputs: What it was played with, one per player; C{None} where it was not.
    @ivar counts: How many inputs of each player were known then: those of a frame
        from that number on were predicted.  Empty where that is not known.
    @ivar absent: The players whose seat was empty in the frame.
    @ivar stalled: Whether nothing was played because others are too far behind.
    @ivar load: The frame to which the session went back, or C{None}.
    @ivar replayed: The inputs of the frames played again, from C{load} on.
    @ivar restored: The snapshot's number, where another peer's state was taken over,
        or C{None}.
    """

    time: float
    frame: int
    inputs: tuple[bytes, ...] | None = None
    counts: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    stalled: bool = False
    load: int | None = None
    replayed: tuple[tuple[bytes, ...], ...] = ()
    restored: int | None = None


@attrs.frozen
class FrameRecord:
    """
    A frame that became final.

    @ivar frame: Which.
    @ivar inputs: All players' inputs of it.
    @ivar checksum: crc32 of the state that it led to, or C{None} where none was taken.
    """

    frame: int
    inputs: tuple[bytes, ...]
    checksum: int | None = None


@attrs.frozen
class PartPatch:
    """
    A part that has kept its length since the last L{StateRecord}, and where it changed.

    @ivar offset: The first byte that is another.
    @ivar replacement: The bytes from there on; behind them nothing changed.
    """

    offset: int
    replacement: bytes


@attrs.frozen
class PartDigest:
    """
    A part that is too long to be written down.

    @ivar length: How many bytes it has.
    @ivar checksum: Their crc32.
    """

    length: int
    checksum: int


@attrs.frozen
class StateRecord:
    """
    The state that a final frame led to, as changes since the record before.

    @ivar frame: The frame.
    @ivar parts: The parts that changed, by name, C{""} being the whole snapshot: all
        their bytes, or a L{PartPatch}, or a L{PartDigest}.
    @ivar gone: The names of parts that are no more.
    """

    frame: int
    parts: tuple[tuple[str, bytes | PartPatch | PartDigest], ...]
    gone: tuple[str, ...] = ()


@attrs.frozen
class EventRecord:
    """
    Anything that the session told beside its final frames.

    @ivar time: When.
    @ivar name: What, the name of its class.
    @ivar fields: Its particulars: what JSON has, bytes as hexadecimal digits.
    """

    time: float
    name: str
    fields: dict[str, Any]


@attrs.frozen
class NoteRecord:
    """
    A remark of the game's author, or of the log's own.

    @ivar time: When.
    @ivar text: The remark.
    """

    time: float
    text: str


@attrs.frozen
class EndRecord:
    """
    The last line: the log was closed, or is full.

    @ivar time: When.
    @ivar text: Why.
    """

    time: float
    text: str


#: What a line after the first can be.
LogRecord: TypeAlias = (
    TickRecord | FrameRecord | StateRecord | EventRecord | NoteRecord | EndRecord
)
