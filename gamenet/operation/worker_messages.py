"""
What a supervisor and its workers tell each other: a JSON object a line, over pipes.

To a worker, on its standard input: C{start} and C{reload} (with what L{Reloadable} holds),
C{certificates}, C{drain}, C{stop}, and C{status} with a number.  The end of the input means
the end: whoever started the worker is gone.  From a worker, on descriptor L{REPORTS}: C{ready}
with its places, C{failed} with a text, C{status} with the number of the question, and C{log}.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["REPORTS", "LineReader", "line"]

#: The descriptor that a worker tells its supervisor on.
REPORTS = 3

#: The longest line, in bytes: a users file of the longest kind, all of it escaped.
_LINE_LIMIT = 33_554_432


def line(kind: str, **values: object) -> bytes:
    """Return one message."""
    return json.dumps({"kind": kind, **values}).encode() + b"\n"


class LineReader:
    """
    Puts lines together.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """
        Take what was read.

        @return: The messages that are whole now.
        @raise ValueError: It is no JSON, or longer than any message.
        """
        *ended, rest = data.split(b"\n")
        messages = []
        for part in ended:
            messages.append(json.loads(b"".join([*self._parts, part])))
            self._parts, self._size = [], 0
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > _LINE_LIMIT:
            raise ValueError("a message without an end")
        return messages
