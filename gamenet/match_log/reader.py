"""
Reads a match log as it comes, in pieces of any length; the layout is that of
L{gamenet.wire.match_log_format}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from gamenet.errors import MalformedMessage
from gamenet.wire.match_log_format import LINE_LIMIT, decodeHeader, decodeRecord
from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    LogHeader,
    LogRecord,
    PartDigest,
    PartPatch,
    StateRecord,
    TickRecord,
)

__all__ = ["EVENT_LIMIT", "BadMatchLog", "MatchLogReader", "StateReader"]

#: Of an event whose line is longer than this, in bytes, only numbers and the beginnings of
#: the rest are kept: its fields may be any JSON, which takes many times its length in
#: memory.
EVENT_LIMIT = 1 << 11

#: How many fields of such an event are kept, and how many characters of each.
_FIELDS_KEPT, _FIELD_KEPT = 16, 128


class BadMatchLog(MalformedMessage):
    """
    A file that is no sound match log.

    @ivar line: The number of the line that is wrong, from 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


@attrs.define
class MatchLogReader:
    """
    Reads one log.  Keeps no more than a line of it.

    @ivar bytes_limit: The longest log.
    @ivar lines_limit: The most lines.
    @ivar header: What the log is of, once it was read.
    @ivar line: The number of the line that was read last, from 1.
    @ivar end: The last line, if it was read.
    @ivar cut: Whether the file ended within a line, once L{close} was called.
    @ivar size: How many bytes were fed.
    @ivar _frame: The newest final frame.
    @ivar _pending: The beginning of a line.
    """

    bytes_limit: int = 1 << 28
    lines_limit: int = 4_000_000
    header: LogHeader | None = attrs.field(default=None, init=False)
    line: int = attrs.field(default=0, init=False)
    end: EndRecord | None = attrs.field(default=None, init=False)
    cut: bool = attrs.field(default=False, init=False)
    size: int = attrs.field(default=0, init=False)
    _frame: int = attrs.field(default=-1, init=False)
    _pending: bytes = attrs.field(default=b"", init=False)

    def feed(self, data: bytes) -> Iterator[LogRecord]:
        """
        Take a piece of the file; exhaust what is returned before the next one.

        @return: The records in it, in order, without the header.
        @raise BadMatchLog: It is not a sound log; nothing more can be read.
        """
        self.size += len(data)
        if self.size > self.bytes_limit:
            raise BadMatchLog(self.line + 1, f"a log of more than {self.bytes_limit} bytes")
        lines = (self._pending + data).split(b"\n")
        self._pending = lines.pop()
        if len(self._pending) > LINE_LIMIT:
            raise BadMatchLog(self.line + len(lines) + 1, f"more than {LINE_LIMIT} bytes")
        for line in lines:
            record = self._read(line)
            if record is not None:
                yield record

    def close(self) -> None:
        """
        The file has ended.

        @raise BadMatchLog: There is not even a first line.
        """
        if self.header is None:
            raise BadMatchLog(1, "not a match log: it has no first line")
        self.cut = bool(self._pending)

    def _read(self, line: bytes) -> LogRecord | None:
        """Return the record of a line, if it has one that is known."""
        self.line += 1
        try:
            if self.line > self.lines_limit:
                raise MalformedMessage(f"more than {self.lines_limit} lines")
            if self.header is None:
                self.header = decodeHeader(line)
                return None
            if self.end is not None:
                raise MalformedMessage("something after the end")
            record = decodeRecord(line)
            if isinstance(record, EventRecord) and len(line) > EVENT_LIMIT:
                record = attrs.evolve(record, fields=_beginnings(record.fields))
            self._check(record, self.header)
        except MalformedMessage as error:
            raise BadMatchLog(self.line, str(error)) from error
        if isinstance(record, EndRecord):
            self.end = record
        return record

    def _check(self, record: LogRecord | None, header: LogHeader) -> None:
        """Refuse what cannot be in this log."""
        if isinstance(record, FrameRecord):
            if record.frame <= self._frame:
                # What was final stays so, unless another peer's state was taken over.
                raise MalformedMessage(f"frame {record.frame} after frame {self._frame}")
            self._frame = record.frame
            if len(record.inputs) != header.players:
                raise MalformedMessage(f"{len(record.inputs)} inputs of {header.players} players")
        elif isinstance(record, TickRecord):
            if record.restored is not None:
                self._frame = min(self._frame, record.restored - 1)
            counted = (record.inputs, record.counts or None, *record.replayed)
            for each in counted:
                if each is not None and len(each) != header.players:
                    raise MalformedMessage(f"{len(each)} entries for {header.players} players")


def _beginnings(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of the fields of a long event."""
    kept: dict[str, Any] = {}
    for name, value in list(fields.items())[:_FIELDS_KEPT]:
        number = type(value) is float or (type(value) is int and abs(value) < 1 << 64)
        kept[name[:_FIELD_KEPT]] = value if number else json.dumps(value)[:_FIELD_KEPT]
    return kept


@attrs.define
class StateReader:
    """
    Puts states together from the changes that a log has of them.

    Takes time and memory in proportion to the records, whatever they say.

    @ivar _parts: The present state.
    """

    _parts: dict[str, bytearray | PartDigest] = attrs.field(factory=dict, init=False)

    def changed(self, record: StateRecord) -> None:
        """
        Take the next record.

        @raise MalformedMessage: It changes what is not there.
        """
        for name, change in record.parts:
            if isinstance(change, PartPatch):
                part = self._parts.get(name)
                end = change.offset + len(change.replacement)
                if not isinstance(part, bytearray) or end > len(part):
                    raise MalformedMessage(f"part {name!r:.80} has no byte {end - 1} to change")
                part[change.offset : end] = change.replacement
            else:
                self._parts[name] = bytearray(change) if isinstance(change, bytes) else change
        for name in record.gone:
            if self._parts.pop(name, None) is None:
                raise MalformedMessage(f"part {name!r:.80} is not there to go")

    def parts(self) -> dict[str, bytes | PartDigest]:
        """Return the present state by its parts, C{""} being the whole snapshot."""
        return {
            name: part if isinstance(part, PartDigest) else bytes(part)
            for name, part in self._parts.items()
        }
