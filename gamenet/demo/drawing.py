"""
What the picture of a demo is made of: text, rectangles, lines and axes, as SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from xml.sax.saxutils import escape

from attrs import define, field, frozen

__all__ = [
    "ALARM",
    "GRID",
    "INK",
    "PAPER",
    "PATH_COLORS",
    "PATH_NAMES",
    "SOFT",
    "Axis",
    "Drawing",
    "drawPanel",
    "playerColor",
    "ticks",
]

#: The colors of text, of what matters less, of lines behind the data, and of trouble.
INK, SOFT, GRID, PAPER, ALARM = "#1c2733", "#5f6f80", "#e4e9ee", "#ffffff", "#c81e3a"

_PLAYER_COLORS = (
    "#2563b8",
    "#c4570c",
    "#7a3fa0",
    "#0e7f86",
    "#a8326e",
    "#5b6b1f",
    "#6b4a2b",
    "#3f4a5a",
)

#: The color and the name of each kind of path.
PATH_COLORS = {"direct": "#2fa67a", "relay": "#f0b429", "mixed": "#a5bd3a", "none": "#c3ccd5"}
PATH_NAMES = {
    "direct": "direct path",
    "relay": "by relay",
    "mixed": "some by relay",
    "none": "no path",
}


def ticks(highest: float, about: int = 5) -> list[float]:
    """
    Return round numbers from 0 up to C{highest}: 1, 2 or 5 times a power of ten apart.

    @param highest: The end of the axis, more than 0.
    @param about: How many steps are wanted.
    """
    rough = highest / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [round(step * number, 10) for number in range(floor(highest / step + 1e-9) + 1)]


@frozen
class Axis:
    """
    Maps values from 0 to a highest one onto a stretch of the picture.

    @ivar start: Where 0 is, in pixels.
    @ivar end: Where the highest value is, and whatever is above it.
    @ivar highest: That value.
    """

    start: float
    end: float
    highest: float

    def at(self, value: float) -> float:
        """Return where a value is, in pixels."""
        return self.start + (self.end - self.start) * min(value / self.highest, 1.0)


@define
class Drawing:
    """
    The elements of a picture.

    @ivar parts: Each as XML, in order.
    """

    parts: list[str] = field(factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 12,
        color: str = INK,
        anchor: str = "start",
        weight: int = 400,
        halo: bool = False,
    ) -> None:
        """
        Write words; C{anchor} says which part of them is at C{x}.

        @param halo: Whether to keep what lies below at a distance.
        """
        around = f' paint-order="stroke" stroke="{PAPER}" stroke-width="4"' if halo else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}"'
            f' text-anchor="{anchor}" font-weight="{weight}"{around}>{escape(words)}</text>'
        )

    def heading(self, x: float, y: float, name: str, color: str, rest: str) -> None:
        """Write a panel's name, and in smaller letters what it shows."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" font-weight="700" fill="{color}">'
            f'{escape(name)}<tspan dx="8" font-size="12" font-weight="400" fill="{SOFT}">'
            f"{escape(rest)}</tspan></text>"
        )

    def rectangle(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Draw a rectangle by its upper left corner and its size."""
        self.parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
            f' fill="{color}"/>'
        )

    def line(
        self, start: tuple[float, float], end: tuple[float, float], color: str, dash: str = ""
    ) -> None:
        """Draw a straight line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{start[0]:.2f}" y1="{start[1]:.2f}" x2="{end[0]:.2f}" y2="{end[1]:.2f}"'
            f' stroke="{color}"{dashed}/>'
        )

    def curve(self, points: Sequence[tuple[float, float]], color: str, width: float) -> None:
        """Draw a line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="{width:g}"'
            ' stroke-linejoin="round" stroke-linecap="round"/>'
        )


def playerColor(number: int) -> str:
    """Return the color of a player, counted from 0."""
    return _PLAYER_COLORS[number % len(_PLAYER_COLORS)]


def drawPanel(
    drawing: Drawing, across: Axis, up: Axis, marks: Sequence[float], factor: float = 1.0
) -> None:
    """
    Draw the lines behind a panel's data, and their numbers.

    @param marks: The values that have a line.
    @param factor: What the numbers are multiplied with before they are written.
    """
    for mark in marks:
        y = up.at(mark)
        drawing.line((across.start, y), (across.end, y), GRID if mark else SOFT)
        drawing.text(across.start - 8, y + 4, f"{mark * factor:g}", color=SOFT, anchor="end")
