"""
What the page's script says of a frame, as JSON within a limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gamenet.inspector.chart import Columns
from gamenet.inspector.peer_log import PeerLog

__all__ = ["DATA_LIMIT", "frameData"]

#: The most runs of equal inputs or marks that the page is given, of all peers.
DATA_LIMIT = 400_000

_VALUE_SHOWN = 32
_FRAMES_PER_PEER = 60_000


def frameData(logs: Sequence[PeerLog], columns: Columns, scale: float, focus: int) -> str:
    """
    Return the data, to stand in a C{script} element.

    @param columns: The drawing's.
    @param scale: How wide one is at first.
    @param focus: The frame to show first.
    """
    values: dict[str, int] = {}
    room = DATA_LIMIT
    peers: list[dict[str, Any]] = []
    for log in logs:
        players = range(log.header.players)
        marks = [_runs((f, m[p]) for f, m in log.marks.items()) for p in players]
        inputs = [
            _runs((f, _number(values, i[p])) for f, (i, _) in log.frames.items()) for p in players
        ]
        marks, room = _within(marks, room)
        inputs, room = _within(inputs, room)
        back = [[each.frame, each.depth] for each in log.rollbacks[:_FRAMES_PER_PEER]]
        stalls = dict(list(log.stalls.items())[:_FRAMES_PER_PEER])
        peers.append(
            {"label": log.label, "marks": marks, "inputs": inputs, "back": back, "stalls": stalls}
        )
    data = {
        "first": columns.first,
        "last": columns.last,
        "bucket": columns.bucket,
        "columns": columns.count,
        "scale": scale,
        "focus": focus,
        "rate": logs[0].header.frame_rate,
        "peers": peers,
        "values": list(values),
    }
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _runs(entries: Iterable[tuple[int, Any]]) -> list[list[Any]]:
    """Return where something changes, and to what."""
    runs: list[list[Any]] = []
    expected = -1
    for frame, value in entries:
        if frame != expected and runs:
            runs.append([expected, None])
        if not runs or runs[-1][1] != value:
            runs.append([frame, value])
        expected = frame + 1
    if runs:
        runs.append([expected, None])
    return runs


def _within(table: list[list[list[Any]]], room: int) -> tuple[list[list[list[Any]]], int]:
    """Return a table, empty if there is no room for it, and the room that is left."""
    size = sum(map(len, table))
    return (table, room - size) if size <= room else ([[] for _ in table], room)


def _number(values: dict[str, int], text: bytes) -> int:
    """Return the number of an input among those that the page is given."""
    shown = text[:_VALUE_SHOWN].hex(" ") + ("…" if len(text) > _VALUE_SHOWN else "")
    return values.setdefault(shown, len(values))
