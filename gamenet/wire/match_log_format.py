"""
Match logs: what one peer of a match saw, as lines of JSON.

The first line is the header, every later one a record; a record's C{t} says which.
Bytes are hexadecimal digits, times are seconds since the log began, and frames are
numbered from 0.  The records are those of L{gamenet.wire.match_log_records}.  A line is
written whole or, where the writer died, not to its end: a file that was cut off anywhere
is sound up to its last line feed::

    {"gamenet": "match log", "v": 1, ...}           C{LogHeader}
    {"t": "tick", "n": time, "f": frame, ...}       C{TickRecord}
    {"t": "frame", "f": frame, "i": [...], ...}     C{FrameRecord}
    {"t": "state", "f": frame, "p": {...}, ...}     C{StateRecord}
    {"t": "event", "n": time, "e": name, "v": ...}  L{EventRecord}
    {"t": "note", "n": time, "x": text}             C{NoteRecord}
    {"t": "end", "n": time, "x": text}              C{EndRecord}

Keys that are not known, and records whose C{t} is not, are left to later versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from gamenet.errors import MalformedMessage
from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    LogHeader,
    LogRecord,
    NoteRecord,
    PartDigest,
    PartPatch,
    StateRecord,
    TickRecord,
)

__all__ = [
    "FRAME_LIMIT",
    "LINE_LIMIT",
    "MATCH_LOG_VERSION",
    "PARTS_LIMIT",
    "PLAYERS_LIMIT",
    "TEXT_LIMIT",
    "decodeHeader",
    "decodeRecord",
    "encodeHeader",
    "encodeRecord",
]

#: The version of this layout.
MATCH_LOG_VERSION = 1

#: The longest line, in bytes, its line feed included.
LINE_LIMIT = 1 << 20

#: Frame numbers are below this.
FRAME_LIMIT = 1 << 31

#: The most players.
PLAYERS_LIMIT = 16

#: The most parts of a state.
PARTS_LIMIT = 256

#: The longest text (a name, a note), in characters.
TEXT_LIMIT = 1024

_KIND = "match log"
_TIME_LIMIT = 1e12
_LENGTH_LIMIT = 1 << 48


def encodeHeader(header: LogHeader) -> bytes:
    """Return the first line."""
    return _line(
        {
            "gamenet": _KIND,
            "v": MATCH_LOG_VERSION,
            "match": header.match_id.hex(),
            "players": header.players,
            "local": header.local_players,
            "peers": header.seating,
            "digest": header.digest.hex(),
            "rate": header.frame_rate,
            "window": header.prediction_window,
            "interval": header.checksum_interval,
            "game": header.game[:TEXT_LIMIT],
            "start": header.started,
        }
    )


def encodeRecord(record: LogRecord) -> bytes:
    """Return a later line."""
    if isinstance(record, TickRecord):
        return _line(_tickFields(record))
    if isinstance(record, FrameRecord):
        fields: dict[str, Any] = {
            "t": "frame", "f": record.frame, "i": [text.hex() for text in record.inputs]
        }
        if record.checksum is not None:
            fields["c"] = record.checksum
        return _line(fields)
    if isinstance(record, StateRecord):
        parts = {name: _partField(change) for name, change in record.parts}
        fields = {"t": "state", "f": record.frame, "p": parts}
        if record.gone:
            fields["d"] = record.gone
        return _line(fields)
    time = _seconds(record.time)
    if isinstance(record, EventRecord):
        return _line({"t": "event", "n": time, "e": record.name, "v": record.fields})
    kind = "note" if isinstance(record, NoteRecord) else "end"
    return _line({"t": kind, "n": time, "x": record.text[:TEXT_LIMIT]})


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"


def _seconds(time: float) -> float:
    return round(time, 4)


def _tickFields(record: TickRecord) -> dict[str, Any]:
    """Return a tick's keys; those that say nothing are left out."""
    fields: dict[str, Any] = {"t": "tick", "n": _seconds(record.time), "f": record.frame}
    if record.inputs is not None:
        fields["i"] = [text.hex() for text in record.inputs]
    if record.counts:
        fields["k"] = record.counts
    if record.absent:
        fields["a"] = record.absent
    if record.stalled:
        fields["s"] = 1
    if record.load is not None:
        fields["l"] = record.load
        fields["g"] = [[text.hex() for text in inputs] for inputs in record.replayed]
    if record.restored is not None:
        fields["r"] = record.restored
    return fields


def _partField(change: bytes | PartPatch | PartDigest) -> Any:
    if isinstance(change, bytes):
        return change.hex()
    if isinstance(change, PartPatch):
        return [change.offset, change.replacement.hex()]
    return {"n": change.length, "c": change.checksum}


def decodeHeader(line: bytes) -> LogHeader:
    """
    Return what the first line says.

    @param line: The line, without its line feed.
    @raise MalformedMessage: It is not such a line, or of another version.
    """
    fields = _fields(line)
    if fields.get("gamenet") != _KIND:
        raise MalformedMessage("not a match log")
    if fields.get("v") != MATCH_LOG_VERSION:
        raise MalformedMessage(f"a match log of version {fields.get('v')!r:.20}")
    players = _whole(fields, "players", 1, PLAYERS_LIMIT)
    seating = tuple(
        _numbers(seats, PLAYERS_LIMIT, players) for seats in _list(fields, "peers", players)
    )
    local = _numbers(fields.get("local"), PLAYERS_LIMIT, players)
    if 0 in local or any(0 in seats for seats in seating):
        raise MalformedMessage("'local' or 'peers' names no player")
    return LogHeader(
        _hex(fields.get("match")),
        players,
        local,
        seating,
        _hex(fields.get("digest")),
        _whole(fields, "rate", 1, 100_000),
        _whole(fields, "window", 0, 1 << 16),
        _whole(fields, "interval", 1, FRAME_LIMIT),
        _text(fields, "game"),
        _time(fields, "start"),
    )


def decodeRecord(line: bytes) -> LogRecord | None:
    """
    Return what a later line says.

    @param line: The line, without its line feed.
    @return: The record; C{None} for one of a kind that is not known here.
    @raise MalformedMessage: It is not such a line.
    """
    fields = _fields(line)
    kind = fields.get("t")
    if not isinstance(kind, str):
        raise MalformedMessage("a record without 't'")
    decode = _DECODERS.get(kind)
    return None if decode is None else decode(fields)


def _tick(fields: dict[str, Any]) -> TickRecord:
    replayed = _list(fields, "g", LINE_LIMIT)
    return TickRecord(
        _time(fields, "n"),
        _whole(fields, "f", 0, FRAME_LIMIT),
        _inputs(fields["i"]) if "i" in fields else None,
        _numbers(fields.get("k", []), PLAYERS_LIMIT, FRAME_LIMIT),
        _numbers(fields.get("a", []), PLAYERS_LIMIT, PLAYERS_LIMIT),
        "s" in fields,
        _whole(fields, "l", 0, FRAME_LIMIT) if "l" in fields else None,
        tuple([_inputs(each) for each in replayed]),
        _whole(fields, "r", 0, FRAME_LIMIT) if "r" in fields else None,
    )


def _frame(fields: dict[str, Any]) -> FrameRecord:
    return FrameRecord(
        _whole(fields, "f", 0, FRAME_LIMIT),
        _inputs(fields.get("i")),
        _whole(fields, "c", 0, 1 << 32) if "c" in fields else None,
    )


def _state(fields: dict[str, Any]) -> StateRecord:
    parts = fields.get("p")
    gone = _list(fields, "d", PARTS_LIMIT)
    if not isinstance(parts, dict) or len(parts) > PARTS_LIMIT:
        raise MalformedMessage(f"'p' is not at most {PARTS_LIMIT} parts")
    if not all(isinstance(name, str) for name in gone):
        raise MalformedMessage("'d' names no parts")
    return StateRecord(
        _whole(fields, "f", 0, FRAME_LIMIT),
        tuple([(name, _part(value)) for name, value in parts.items()]),
        tuple(gone),
    )


def _part(value: Any) -> bytes | PartPatch | PartDigest:
    if isinstance(value, str):
        return _hex(value)
    if isinstance(value, list) and len(value) == 2:
        return PartPatch(_bounded(value[0], "an offset", 0, _LENGTH_LIMIT), _hex(value[1]))
    if isinstance(value, dict):
        return PartDigest(
            _whole(value, "n", 0, _LENGTH_LIMIT), _whole(value, "c", 0, 1 << 32)
        )
    raise MalformedMessage("a part that is neither bytes nor a patch nor a digest")


def _event(fields: dict[str, Any]) -> EventRecord:
    values = fields.get("v")
    if not isinstance(values, dict):
        raise MalformedMessage("'v' is not an object")
    return EventRecord(_time(fields, "n"), _text(fields, "e"), values)


_DECODERS: dict[str, Callable[[dict[str, Any]], LogRecord]] = {
    "tick": _tick,
    "frame": _frame,
    "state": _state,
    "event": _event,
    "note": lambda fields: NoteRecord(_time(fields, "n"), _text(fields, "x")),
    "end": lambda fields: EndRecord(_time(fields, "n"), _text(fields, "x")),
}


def _fields(line: bytes) -> dict[str, Any]:
    """Return a line's object."""
    if len(line) > LINE_LIMIT:
        raise MalformedMessage(f"a line of more than {LINE_LIMIT} bytes")
    try:
        fields = json.loads(line.decode("ascii"), parse_constant=_refuseConstant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("not a line of JSON") from error
    if not isinstance(fields, dict):
        raise MalformedMessage("not an object")
    return fields


def _refuseConstant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _bounded(value: Any, name: str, lowest: int, end: int) -> int:
    """Return a whole number that is below C{end}, or equal to it."""
    if type(value) is not int or not lowest <= value <= end:
        raise MalformedMessage(f"{name} is not a whole number from {lowest} to {end}")
    return value


def _whole(fields: dict[str, Any], name: str, lowest: int, end: int) -> int:
    return _bounded(fields.get(name), repr(name), lowest, end)


def _time(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if type(value) not in (int, float) or not -_TIME_LIMIT <= value <= _TIME_LIMIT:  # type: ignore[operator]
        raise MalformedMessage(f"{name!r} is not a time in seconds")
    return float(value)  # type: ignore[arg-type]


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise MalformedMessage(f"{name!r} is not a text of at most {TEXT_LIMIT} characters")
    return value


def _list(fields: dict[str, Any], name: str, limit: int) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > limit:
        raise MalformedMessage(f"{name!r} is not a list of at most {limit}")
    return value


def _numbers(value: Any, limit: int, end: int) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > limit:
        raise MalformedMessage(f"not a list of at most {limit} numbers")
    return tuple([_bounded(each, "one of the numbers", 0, end) for each in value])


def _hex(value: Any) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError) as error:
        raise MalformedMessage("bytes that are not hexadecimal digits") from error


def _inputs(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > PLAYERS_LIMIT:
        raise MalformedMessage(f"not a list of at most {PLAYERS_LIMIT} inputs")
    return tuple([_hex(each) for each in value])
