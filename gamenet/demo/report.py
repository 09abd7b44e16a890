"""
The picture of a demo: rollback depth, path and round trip over time, as SVG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10
from xml.sax.saxutils import escape

from attrs import define, field, frozen

from gamenet.demo.history import PlayerHistory
from gamenet.demo.settings import FRAME_RATE, DemoSettings
from gamenet.demo.verdict import Verdict

__all__ = ["drawReport", "ticks"]

_WIDTH = 980.0
_LEFT, _RIGHT = 64.0, 132.0
_TOP = 134.0
_DEPTH_HEIGHT, _TRIP_HEIGHT = 104.0, 150.0
_RIBBON, _RIBBON_GAP = 9.0, 9.0
_GAP = 42.0
_BOTTOM = 58.0

_INK, _SOFT, _GRID, _PAPER, _ALARM = "#1c2733", "#5f6f80", "#e4e9ee", "#ffffff", "#c81e3a"
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
_PATH_COLORS = {"direct": "#2fa67a", "relay": "#f0b429", "none": "#c3ccd5"}
_PATH_NAMES = {"direct": "direct path", "relay": "by relay", "none": "no path"}


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
class _Axis:
    """Maps values from 0 to C{highest} onto a stretch of the picture."""

    start: float
    end: float
    highest: float

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * min(value / self.highest, 1.0)


@define
class _Drawing:
    """The elements of a picture, in order."""

    parts: list[str] = field(factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 12,
        color: str = _INK,
        anchor: str = "start",
        weight: int = 400,
    ) -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}"'
            f' text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
        )

    def heading(self, x: float, y: float, name: str, color: str, rest: str) -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" font-weight="700" fill="{color}">'
            f'{escape(name)}<tspan dx="8" font-size="12" font-weight="400" fill="{_SOFT}">'
            f"{escape(rest)}</tspan></text>"
        )

    def rectangle(self, x: float, y: float, width: float, height: float, color: str) -> None:
        self.parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
            f' fill="{color}"/>'
        )

    def line(
        self, start: tuple[float, float], end: tuple[float, float], color: str, dash: str = ""
    ) -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{start[0]:.2f}" y1="{start[1]:.2f}" x2="{end[0]:.2f}" y2="{end[1]:.2f}"'
            f' stroke="{color}"{dashed}/>'
        )

    def curve(self, points: Sequence[tuple[float, float]], color: str, width: float) -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="{width:g}"'
            ' stroke-linejoin="round" stroke-linecap="round"/>'
        )


def drawReport(
    settings: DemoSettings, histories: Sequence[PlayerHistory], verdict: Verdict
) -> str:
    """
    Return the picture of a demo, a whole SVG document.

    @param histories: What happened to each player, in order of player number.
    """
    seconds = max([history.end for history in histories] + [1.0 / FRAME_RATE])
    across = _Axis(_LEFT, _WIDTH - _RIGHT, seconds)
    drawing = _Drawing()
    _drawHead(drawing, settings, verdict)
    y = _TOP
    deepest = max([depth for history in histories for _, depth in history.rollbacks] + [4])
    for number, history in enumerate(histories):
        _drawDepths(drawing, history, _color(number), across, y, deepest)
        y += _DEPTH_HEIGHT + _RIBBON_GAP + _RIBBON + _GAP
    _drawRoundTrips(drawing, settings, histories, across, y)
    y += _TRIP_HEIGHT
    for tick in ticks(seconds, 10):
        x = across.at(tick)
        drawing.line((x, y), (x, y + 5), _SOFT)
        drawing.text(x, y + 19, f"{tick:g}", color=_SOFT, anchor="middle")
    middle = (across.start + across.end) / 2
    drawing.text(middle, y + 38, "seconds since play began", color=_SOFT, anchor="middle")
    _drawFirstDifference(drawing, histories, verdict, across, y)
    return "\n".join(_document(drawing, settings, verdict, y + _BOTTOM))


def _document(
    drawing: _Drawing, settings: DemoSettings, verdict: Verdict, height: float
) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}"'
        f' width="{_WIDTH:g}" height="{height:g}" role="img"'
        ' font-family="Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif">'
    )
    yield "<title>gamenet demo</title>"
    description = "; ".join(check.text for check in verdict.checks)
    yield f"<desc>{escape(f'{settings.frames} frames, {settings.road}: {description}')}</desc>"
    yield f'<rect width="100%" height="100%" fill="{_PAPER}"/>'
    yield from drawing.parts
    yield "</svg>\n"


def _color(number: int) -> str:
    return _PLAYER_COLORS[number % len(_PLAYER_COLORS)]


def _drawHead(drawing: _Drawing, settings: DemoSettings, verdict: Verdict) -> None:
    title = f"gamenet demo: {settings.players} players, {settings.frames} frames"
    drawing.text(_LEFT, 38, title, size=21, weight=700)
    only = ", relay only" if settings.relay_only else ""
    drawing.text(_LEFT, 60, f"{settings.road}{only}, seed {settings.seed}", 13, color=_SOFT)
    failed = [check.text for check in verdict.checks if not check.passed]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    said = failed[0] + more if failed else verdict.checks[0].text
    drawing.text(_LEFT, 79, said, 13, color=_ALARM if failed else _SOFT)
    x = _WIDTH - 3 * 104
    for kind, words in _PATH_NAMES.items():
        drawing.rectangle(x, 29, 14, _RIBBON, _PATH_COLORS[kind])
        drawing.text(x + 20, 38, words, color=_SOFT)
        x += 104


def _panel(
    drawing: _Drawing, across: _Axis, up: _Axis, marks: Sequence[float], factor: float = 1.0
) -> None:
    for mark in marks:
        y = up.at(mark)
        drawing.line((across.start, y), (across.end, y), _GRID if mark else _SOFT)
        drawing.text(
            across.start - 8, y + 4, f"{mark * factor:g}", color=_SOFT, anchor="end"
        )


def _drawDepths(
    drawing: _Drawing,
    history: PlayerHistory,
    color: str,
    across: _Axis,
    top: float,
    deepest: int,
) -> None:
    up = _Axis(top + _DEPTH_HEIGHT, top, float(deepest))
    _panel(drawing, across, up, [mark for mark in ticks(deepest, 4) if mark == int(mark)])
    drawing.heading(across.start, top - 12, history.name, color, "rollback depth, frames")
    # Two rollbacks in one column of the picture would hide each other: the deeper is drawn.
    last_column = floor((across.end - across.start) / 2) - 1
    deepest_of: dict[int, int] = {}
    for time, depth in history.rollbacks:
        column = min(floor((across.at(time) - across.start) / 2), last_column)
        deepest_of[column] = max(depth, deepest_of.get(column, 0))
    for column, depth in deepest_of.items():
        y = up.at(float(depth))
        drawing.rectangle(across.start + 2 * column, y, 2, up.start - y, color)
    ribbon = up.start + _RIBBON_GAP
    for span in history.pathSpans():
        x, end = across.at(span.start), across.at(span.end)
        drawing.rectangle(x, ribbon, end - x, _RIBBON, _PATH_COLORS.get(span.kind, _SOFT))
    drawing.text(across.start - 8, ribbon + _RIBBON, "path", 11, _SOFT, "end")
    count = len(history.rollbacks)
    drawing.text(
        across.end + 10, up.start - 20, f"{count} rollback{'' if count == 1 else 's'}", color=color
    )
    if count:
        mean = sum(depth for _, depth in history.rollbacks) / count
        drawing.text(across.end + 10, up.start - 4, f"mean {mean:.1f} frames", 11, _SOFT)


def _drawRoundTrips(
    drawing: _Drawing,
    settings: DemoSettings,
    histories: Sequence[PlayerHistory],
    across: _Axis,
    top: float,
) -> None:
    nominal = 2 * settings.latency
    measured = [
        trip.rtt for history in histories for trip in history.round_trips if trip.rtt is not None
    ]
    marks = ticks(max([*measured, nominal, 0.001]) * 1000, 5)
    step = marks[1] if len(marks) > 1 else 1.0
    highest = ceil(max([*measured, nominal, 0.001]) * 1050 / step) * step
    up = _Axis(top + _TRIP_HEIGHT, top, highest)
    _panel(drawing, across, up, [step * number for number in range(round(highest / step) + 1)])
    drawing.heading(across.start, top - 12, "Round trip", _INK, "milliseconds")
    if nominal:
        y = up.at(nominal * 1000)
        drawing.line((across.start, y), (across.end, y), _SOFT, dash="2 4")
        drawing.text(across.end - 4, y + 14, "the road alone", 11, _SOFT, "end")
    ends: list[tuple[float, int, str]] = []
    for number, history in enumerate(histories):
        points = [
            (across.at(trip.time), up.at(trip.rtt * 1000))
            for trip in history.round_trips
            if trip.rtt is not None
        ]
        if points:
            # The first ones are wider, so that they can be seen below the others.
            drawing.curve(points, _color(number), 1.75 + 1.5 * (len(histories) - 1 - number))
            last = next(trip.rtt for trip in reversed(history.round_trips) if trip.rtt is not None)
            ends.append((points[-1][1], number, f"{history.name} {last * 1000:.0f} ms"))
    lowest = top
    for y, number, words in sorted(ends):
        # Lines that end close together would have their names on top of each other.
        lowest = max(y + 4, lowest + 15)
        drawing.text(across.end + 10, lowest, words, color=_color(number), weight=700)


def _drawFirstDifference(
    drawing: _Drawing,
    histories: Sequence[PlayerHistory],
    verdict: Verdict,
    across: _Axis,
    bottom: float,
) -> None:
    frame = verdict.comparison.first_difference
    times = [] if frame is None else [history.timeOf(frame) for history in histories]
    known = [time for time in times if time is not None]
    if not known:
        return
    x = across.at(min(known))
    drawing.line((x, _TOP - 28), (x, bottom), _ALARM, dash="5 4")
    late = x > (across.start + across.end) / 2
    drawing.text(
        x - 6 if late else x + 6,
        _TOP - 32,
        f"first difference: frame {frame}",
        color=_ALARM,
        anchor="end" if late else "start",
        weight=700,
    )
