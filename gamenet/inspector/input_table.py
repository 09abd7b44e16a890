"""
The inputs around one frame, player by player, as each peer has them.
"""

from __future__ import annotations

from collections.abc import Sequence

from gamenet.inspector.markup import Markup, joined, tag
from gamenet.inspector.peer_log import PeerLog
from gamenet.inspector.verdict import bytesText

__all__ = ["drawInputs"]

_NEAR = 8


def drawInputs(logs: Sequence[PeerLog], frame: int) -> Markup:
    """Return the table."""
    players = logs[0].header.players
    inputs = [f"input {player}" for player in range(1, players + 1)]
    names = ["frame", *inputs, "checksum", "went back"]
    head = tag("tr", *[tag("th", name, scope="col") for name in names])
    near = range(max(0, frame - _NEAR), frame + _NEAR + 1)
    depths: dict[tuple[int, int], int] = {}
    for place, log in enumerate(logs):
        for each in log.rollbacks:
            if each.frame in near:
                key = place, each.frame
                depths[key] = max(each.depth, depths.get(key, 0))
    rows = []
    for number in near:
        if not any(number in log.frames for log in logs):
            continue
        back = [
            f"{log.label}: {depths[place, number]}"
            for place, log in enumerate(logs)
            if (place, number) in depths
        ]
        cells = [_input(logs, number, player) for player in range(players)]
        cells += [_checksum(logs, number), joined(", ".join(back))]
        row = [tag("td", cell) for cell in cells]
        here = "here" if number == frame else None
        rows.append(tag("tr", tag("th", str(number), scope="row"), *row, class_=here))
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="inputs")


def _input(logs: Sequence[PeerLog], frame: int, player: int) -> Markup:
    """Return one player's input: once where all have the same, else each peer's."""
    values = {log.label: log.frames[frame][0][player] for log in logs if frame in log.frames}
    pieces: list[str]
    if len(dict.fromkeys(values.values())) == 1:
        pieces = [bytesText(next(iter(values.values())))]
    else:
        pieces = []
        for label, value in values.items():
            pieces += [f"{label} ", tag("b", bytesText(value)), " "]
    for log in logs:
        wrong = log.predictions.get(frame, {}).get(player + 1)
        if wrong is not None:
            pieces += [" ", tag("span", f"{bytesText(wrong)} by {log.label}", class_="guess")]
    return joined(*pieces)


def _checksum(logs: Sequence[PeerLog], frame: int) -> Markup:
    known = {
        log.label: log.frames[frame][1]
        for log in logs
        if frame in log.frames and log.frames[frame][1] is not None
    }
    values = dict.fromkeys(known.values())
    if len(values) == 1:
        sure = " equal" if len(known) > 1 else ""
        return joined(f"{next(iter(values)):08x}{sure}")
    pieces: list[str] = []
    for label, value in known.items():
        pieces += [f"{label} ", tag("b", f"{value:08x}"), " "]
    return joined(*pieces)
