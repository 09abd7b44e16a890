"""
The match log: what a session did, tick by tick, for a person to look at later.

A L{MatchLog} is told the steps that were applied and the events, and writes lines
(L{gamenet.wire.match_log_format}).  Nothing that it does can harm the match: a disk
that fails, or a log that is full, ends the log alone.  C{gamenet inspect} reads it.

The owner of the session tells it what happens, in this order::

    timeline.apply(steps)
    log.ticked(now, steps, session)
    for event in session.drainEvents():
        log.told(now, event)

and plays with C{log.watched(simulation)} in place of the simulation, so that the log
sees the states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import attrs

from gamenet.bounds import wholeNumber
from gamenet.interfaces import ISimulation
from gamenet.match_log.logged_states import LoggedStates
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.steps import Advance, Restore, Save, Step
from gamenet.wire.match_log_format import (
    LINE_LIMIT,
    TEXT_LIMIT,
    encodeHeader,
    encodeRecord,
)
from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    LogHeader,
    LogRecord,
    NoteRecord,
    TickRecord,
)

__all__ = ["MatchLog", "MatchLogSettings"]

#: How much of a value in an event's particulars is written: characters or bytes, items,
#: and how deep one may lie in another.
_VALUE_LIMIT, _ITEMS_LIMIT, _DEPTH_LIMIT = 256, 64, 4

#: Bytes at the end that are kept for the last line.
_LAST_LINE = 4096


@attrs.frozen
class MatchLogSettings:
    """
    The limits of a log.

    @ivar size_limit: The most bytes; the last line says that it is full, and the match
        goes on.
    @ivar every_frame_limit: The longest state, in bytes, that is written for every
        final frame; a longer one only for those whose checksums are compared.
    @ivar part_limit: The longest part of a state that is written whole; of a longer
        one the length and the crc32 are.
    @ivar state_limit: The most bytes of one state that are written whole, parts in
        their order.

    @raise gamenet.errors.BadSetting: A value cannot work; the text says which and why.
    """

    size_limit: int = attrs.field(default=64 << 20, validator=wholeNumber(1 << 16, 1 << 40))
    every_frame_limit: int = attrs.field(default=4096, validator=wholeNumber(0, 1 << 18))
    part_limit: int = attrs.field(default=1 << 16, validator=wholeNumber(0, 1 << 18))
    state_limit: int = attrs.field(default=1 << 18, validator=wholeNumber(0, 1 << 18))


@attrs.define(init=False)
class MatchLog:
    """
    Writes one peer's log.

    @ivar settings: The L{MatchLogSettings}.
    @ivar header: What the log is of; C{None} until it began.
    @ivar size: How many bytes were written.
    @ivar ended: Why nothing more is written, C{None} while it is.
    @ivar _write: Takes the lines.
    @ivar _states: What is known of the newest states.
    @ivar _next_frame: The frame that was never played.
    @ivar _stalls: How many stalls the session had counted.
    """

    settings: MatchLogSettings
    header: LogHeader | None
    size: int
    ended: str | None
    _write: Callable[[bytes], object]
    _states: LoggedStates
    _next_frame: int
    _stalls: int

    def __init__(
        self,
        write: Callable[[bytes], object] | None = None,
        header: LogHeader | None = None,
        settings: MatchLogSettings | None = None,
    ) -> None:
        """
        @param write: See L{begin}; without it and C{header} the log waits for that.
        @param header: Likewise.
        @param settings: The limits.
        """
        self.settings = settings or MatchLogSettings()
        self.header = None
        self.size = 0
        self.ended = None
        self._write = lambda line: None
        self._states = LoggedStates(
            self.settings.every_frame_limit, self.settings.part_limit, self.settings.state_limit
        )
        self._next_frame = 0
        self._stalls = 0
        if write is not None and header is not None:
            self.begin(write, header)

    @property
    def writing(self) -> bool:
        """Whether the log began and has not ended."""
        return self.header is not None and self.ended is None

    def begin(self, write: Callable[[bytes], object], header: LogHeader) -> None:
        """
        Write the first line.  What was told before that is not in the log.  A log that
        began stays as it is.

        @param write: Takes each line, to be appended to the file at once; an C{OSError}
            from it ends the log.
        @param header: What the log is of; its C{started} is second 0 of the log.
        """
        if self.header is None and self.ended is None:
            self.header = header
            self._write = write
            self._append(encodeHeader(header))

    def watched(self, simulation: ISimulation) -> ISimulation:
        """
        Return what to play with in place of a simulation, so that the log sees its
        states: by parts where it offers L{gamenet.rollback.state_difference.INamedParts}.
        """
        return self._states.watched(simulation)

    def ticked(self, now: float, steps: Sequence[Step], session: Any) -> None:
        """
        Take one tick, after its steps were applied.

        @param now: The time, in seconds.
        @param steps: What the session's C{advance} returned.
        @param session: The session: C{current_frame}, and C{inputCounts()}, one number
            per player, the first frame of which no input is known, or C{None} where it
            cannot tell; C{statistics.stalls}.
        """
        if not self.writing:
            return
        stalls = getattr(getattr(session, "statistics", None), "stalls", self._stalls)
        stalled = stalls > self._stalls
        self._stalls = stalls
        if not steps and not stalled:
            return
        load = restored = None
        fresh: list[Advance] = []
        replayed: list[tuple[bytes, ...]] = []
        moves = 0
        self._states.expect(sum([not isinstance(step, Save) for step in steps]))
        for step in steps:
            if isinstance(step, Save):
                self._states.saved(step.frame, moves, step.kept)
                continue
            moves += 1
            if isinstance(step, Advance):
                if step.frame >= self._next_frame:
                    fresh.append(step)
                    self._next_frame = step.frame + 1
                else:
                    replayed.append(step.inputs)
                continue
            if step.frame < self._next_frame:
                # Of several ways back in one tick the newest is told.
                load, replayed = step.frame, []
            if isinstance(step, Restore):
                restored = step.frame
                self._next_frame = max(self._next_frame, restored)
        self._states.tickEnded()
        time, counts = self._time(now), self._counts(session)
        back = TickRecord(
            time, session.current_frame, None, counts, (), stalled, load, tuple(replayed), restored
        )
        if not fresh:
            self._put(back)
            return
        self._put(attrs.evolve(back, **_playing(fresh[0])))
        for each in fresh[1:]:
            self._put(TickRecord(time, each.frame, each.inputs, counts, each.absent))

    def told(self, now: float, event: object) -> None:
        """
        Take an event of the session: a final frame, or anything else that is an attrs
        class, by the names of its fields.
        """
        if not self.writing:
            return
        if isinstance(event, FrameConfirmed):
            self._frameConfirmed(event)
        else:
            fields = _fieldsOf(event)
            self._put(EventRecord(self._time(now), type(event).__name__[:TEXT_LIMIT], fields))

    def state(self, frame: int, parts: Mapping[str, bytes] | bytes) -> None:
        """
        Take the state that a frame led to, where no simulation is L{watched}.

        @param frame: The frame, not final yet or just now.
        @param parts: The state by its parts, or the whole snapshot.
        """
        if self.writing:
            self._states.given(frame + 1, parts)

    def noted(self, now: float, text: str) -> None:
        """Write a remark, at most L{TEXT_LIMIT} characters of it."""
        if self.writing:
            self._put(NoteRecord(self._time(now), text))

    def closed(self, now: float, why: str) -> None:
        """
        Write the last line; the file may be closed then.  Does nothing if the log has
        ended, or never began.

        @param why: How the match ended, in a few words.
        """
        if self.writing:
            self._end(now, why)

    def _frameConfirmed(self, event: FrameConfirmed) -> None:
        """Write a final frame, and its state if that is to be."""
        self._put(FrameRecord(event.frame, event.inputs, event.checksum))
        assert self.header is not None
        compared = not (event.frame + 1) % self.header.checksum_interval
        record = self._states.recordOf(event.frame, compared)
        if record is not None and self.ended is None:
            self._put(record)

    def _counts(self, session: Any) -> tuple[int, ...]:
        """Return how many inputs of each player the session knows, or nothing."""
        known = getattr(session, "inputCounts", None)
        if known is not None:
            return tuple(known())
        members = getattr(session, "members", None)
        if members is None or self.header is None:
            return ()
        # Nothing is predicted of those who are played here, or have left.
        counts = [self._next_frame] * self.header.players
        for peer in members:
            if peer not in self.header.local_players:
                remote = session.remote(peer)
                for player, queue in zip(remote.players, remote.queues, strict=True):
                    counts[player - 1] = queue.count
        return tuple(counts)

    def _time(self, now: float) -> float:
        return now - (self.header.started if self.header else 0.0)

    def _put(self, record: LogRecord) -> None:
        self._append(encodeRecord(record))

    def _append(self, line: bytes) -> None:
        """Write a line, unless the log would become too long."""
        if len(line) > LINE_LIMIT:
            line = encodeRecord(NoteRecord(0.0, f"a line of {len(line)} bytes was left out"))
        if self.size + len(line) + _LAST_LINE > self.settings.size_limit:
            limit = self.settings.size_limit
            self._finish(encodeRecord(EndRecord(0.0, f"full: {limit} bytes")), "full")
        else:
            self._finish(line, None)

    def _end(self, now: float, why: str) -> None:
        self._finish(encodeRecord(EndRecord(self._time(now), why)), why)

    def _finish(self, line: bytes, ended: str | None) -> None:
        """Write a line, which may be the last; note what is wrong with the disk."""
        self.size += len(line)
        self.ended = ended
        try:
            self._write(line)
        except OSError as error:
            self.ended = f"{type(error).__name__}: {error}"
        if self.ended is not None:
            self._states.clear()


def _playing(step: Advance) -> dict[str, Any]:
    """Return what a tick says of the frame that it played for the first time."""
    return {"frame": step.frame, "inputs": step.inputs, "absent": step.absent}


def _fieldsOf(event: object) -> dict[str, Any]:
    """Return an event's particulars as what JSON has."""
    if not attrs.has(type(event)):
        return {"value": _plain(event, 1)}
    return _members(event, 0)


def _members(value: object, depth: int) -> dict[str, Any]:
    """Return what an attrs object holds, by name."""
    fields: Any = getattr(type(value), "__attrs_attrs__", ())
    names = [field.name for field in fields if not field.name.startswith("_")][:_ITEMS_LIMIT]
    return {name: _plain(getattr(value, name), depth + 1) for name in names}


def _plain(value: object, depth: int) -> Any:
    """Return something of any type as what JSON has, cut where it is long."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 1 << 64 else hex(value)[:_VALUE_LIMIT]
    if isinstance(value, str):
        return value[:_VALUE_LIMIT]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[:_VALUE_LIMIT]).hex()
    if depth > _DEPTH_LIMIT:
        return type(value).__name__
    if isinstance(value, (tuple, list)):
        return [_plain(each, depth + 1) for each in value[:_ITEMS_LIMIT]]
    if isinstance(value, Mapping):
        items = list(value.items())[:_ITEMS_LIMIT]
        return {str(name)[:_VALUE_LIMIT]: _plain(each, depth + 1) for name, each in items}
    if attrs.has(type(value)):
        return _members(value, depth)
    return str(getattr(value, "name", type(value).__name__))[:_VALUE_LIMIT]
