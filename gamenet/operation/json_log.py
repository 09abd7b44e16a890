"""
The log as a file of JSON objects, one a line, for machines to read.

Every record has C{time} (UTC), C{level}, C{source} and C{text}, and every field of the
event beside them under C{fields}, so that nobody has to take a text apart.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from twisted.logger import ILogObserver, LogEvent, formatEvent
from zope.interface import implementer

__all__ = ["JsonLog", "logRecord"]

#: Most characters of a text in a record; a longer one is cut.
_TEXT_LIMIT = 8192

#: Most characters of one field, and most items of a sequence or a mapping.
_FIELD_LIMIT = 1024
_ITEMS_LIMIT = 64

#: Most characters of all fields; where there are more, only their names are told.
_FIELDS_LIMIT = 65_536

#: How deep what is in a field may lie.
_DEPTH_LIMIT = 4


def _plain(value: object, depth: int = 0) -> object:
    """Return C{value} as what JSON can hold, cut to size."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (dict, list, tuple)) and depth == _DEPTH_LIMIT:
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        items = islice(value.items(), _ITEMS_LIMIT)
        return {str(key)[:_FIELD_LIMIT]: _plain(each, depth + 1) for key, each in items}
    if isinstance(value, (list, tuple)):
        return [_plain(each, depth + 1) for each in value[:_ITEMS_LIMIT]]
    try:
        return str(value)[:_FIELD_LIMIT]
    except Exception:
        # A field that cannot be told is no reason to lose the record.
        return f"<{type(value).__name__}>"


def logRecord(event: LogEvent) -> dict[str, Any]:
    """
    Return what a log file says of an event, as what JSON can hold.

    @param event: Any event of C{twisted.logger}.
    @return: C{time}, C{level}, C{source}, C{text}, C{fields}, and with a failure its
        C{traceback}.  Its size is bounded.
    """
    level = event.get("log_level")
    fields = {
        str(name)[:_FIELD_LIMIT]: _plain(value)
        for name, value in event.items()
        if not name.startswith("log_") and name not in _LEGACY
    }
    worker_text = fields.pop("worker_text", None)
    if len(json.dumps(fields)) > _FIELDS_LIMIT:
        fields = {"too_long": sorted(fields)[:_ITEMS_LIMIT]}
    record: dict[str, Any] = {
        "time": datetime.fromtimestamp(float(event.get("log_time", 0.0)), UTC).isoformat(
            timespec="milliseconds"
        ),
        "level": "info" if level is None else level.name,
        "source": str(event.get("log_namespace", "")),
        "text": str(worker_text or formatEvent(event))[:_TEXT_LIMIT],
        "fields": fields,
    }
    failure = event.get("log_failure")
    if failure is not None:
        record["traceback"] = str(failure.getTraceback())[-_TEXT_LIMIT:]
    return record


#: What Twisted adds to an event for logs of before C{twisted.logger}.
_LEGACY = frozenset(["message", "time", "system", "format", "isError", "why", "failure"])


@implementer(ILogObserver)
class JsonLog:
    """
    Writes every event to a file, each as one line.

    @ivar path: The file.
    """

    def __init__(self, path: Path) -> None:
        """
        @param path: The file; what is in it stays.
        """
        self.path = path
        self._file: TextIO | None = None

    def open(self) -> None:
        """
        Begin, or begin anew: a file that was renamed meanwhile is left to whoever renamed it.

        @raise OSError: The file cannot be had.  Then everything goes on as before.
        """
        # Not buffered beyond the line, so that a line is one write and nothing waits.
        file = self.path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        self.close()
        self._file = file

    def close(self) -> None:
        """Write no more.  Closing twice is harmless."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                # A full disk is no reason not to end.
                return

    def __call__(self, event: LogEvent) -> None:
        """
        Write an event; called by C{twisted.logger}.

        A disk that is full costs lines, and nothing else.
        """
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(logRecord(event), allow_nan=True) + "\n")
        except (OSError, ValueError):
            return
