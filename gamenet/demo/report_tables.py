"""
What stands at the foot of a demo's picture: which way led from whom to whom at the end,
and what had to hold where somebody was killed.
"""

from __future__ import annotations

from gamenet.demo.drawing import ALARM, GRID, INK, PATH_COLORS, SOFT, Drawing, playerColor
from gamenet.demo.verdict import Verdict

__all__ = ["checksHeight", "drawChecks", "drawLinks", "linksHeight"]

#: Two players have one way, which their own panels show.
_PAIR = 2

_ROW, _COLUMN, _NAMES = 22.0, 82.0, 76.0
_ABOVE, _BELOW = 60.0, 18.0
_LINE, _CHECK_NAMES, _LETTERS = 18.0, 96.0, 118


def linksHeight(verdict: Verdict) -> float:
    """Return how high the table is, in pixels; 0.0 where there is none."""
    count = len(verdict.players)
    drawn = count > _PAIR and any(player.links for player in verdict.players)
    return _ABOVE + _ROW * count + _BELOW if drawn else 0.0


def drawLinks(drawing: Drawing, verdict: Verdict, left: float, top: float) -> None:
    """
    Draw a table with a row and a column for each player: the round trip and, as its
    color, the kind of path from the one to the other.

    @param left: Where it begins, in pixels.
    @param top: Likewise.
    """
    drawing.heading(
        left, top + 20, "Links", INK, "round trip at the end, ms, from the left to the top"
    )
    cells = left + _NAMES
    for number, player in enumerate(verdict.players):
        x, y = cells + _COLUMN * number, top + _ABOVE + _ROW * number
        color = playerColor(number)
        drawing.text(x + _COLUMN / 2, top + _ABOVE - 10, player.name, 12, color, "middle", 700)
        drawing.text(left, y + 15, player.name, 12, color, weight=700)
        drawing.rectangle(x, y, _COLUMN - 3, _ROW - 3, GRID)
    for row, player in enumerate(verdict.players):
        for link in player.links:
            x, y = cells + _COLUMN * (link.to - 1), top + _ABOVE + _ROW * row
            drawing.rectangle(x, y, _COLUMN - 3, 4, PATH_COLORS.get(link.kind, SOFT))
            rtt = "?" if link.rtt is None else f"{link.rtt * 1000:.0f}"
            drawing.text(x + (_COLUMN - 3) / 2, y + 17, rtt, 12, INK, "middle")


def checksHeight(verdict: Verdict) -> float:
    """Return how high the list of what had to hold is, in pixels."""
    return 30.0 + _LINE * len(verdict.checks) + _BELOW


def drawChecks(drawing: Drawing, verdict: Verdict, left: float, top: float) -> None:
    """
    Draw the list of what had to hold.

    @param left: Where it begins, in pixels.
    @param top: Likewise.
    """
    drawing.heading(left, top + 20, "Verdict", INK, "passed" if verdict.passed else "failed")
    for number, check in enumerate(verdict.checks):
        y = top + 44 + _LINE * number
        color = INK if check.passed else ALARM
        words = check.text if len(check.text) <= _LETTERS else check.text[: _LETTERS - 1] + "…"
        drawing.text(left, y, check.name, 12, color, weight=700)
        drawing.text(left + _CHECK_NAMES, y, words, 12, color if color == ALARM else SOFT)
