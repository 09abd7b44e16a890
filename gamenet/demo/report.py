"""
The picture of a demo: rollback depth, path and round trip over time, as SVG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor
from xml.sax.saxutils import escape

from gamenet.demo.drawing import (
    ALARM,
    INK,
    PAPER,
    PATH_COLORS,
    PATH_NAMES,
    SOFT,
    Axis,
    Drawing,
    drawPanel,
    playerColor,
    ticks,
)
from gamenet.demo.history import Mark, PlayerHistory, RoundTrip
from gamenet.demo.report_tables import checksHeight, drawChecks, drawLinks, linksHeight
from gamenet.demo.settings import FRAME_RATE, DemoSettings
from gamenet.demo.verdict import Verdict

__all__ = ["drawReport"]

_WIDTH = 980.0
_LEFT, _RIGHT = 64.0, 132.0
_TOP = 134.0
_DEPTH_HEIGHT, _TRIP_HEIGHT = 104.0, 150.0
_RIBBON, _RIBBON_GAP = 9.0, 9.0
_GAP = 42.0
_BOTTOM = 58.0
_MARK_ROW = 16.0
_PAIR = 2

#: From so many players on the panels are lower, so that a picture still fits a screen.
_MANY, _LOWER = 4, 52.0


def drawReport(
    settings: DemoSettings,
    histories: Sequence[PlayerHistory],
    verdict: Verdict,
    marks: Sequence[Mark] = (),
) -> str:
    """
    Return the picture of a demo, a whole SVG document.

    @param histories: What happened to each player, in order of player number.
    @param marks: What is worth a line across the picture, in order of time.
    """
    seconds = max([history.end for history in histories] + [1.0 / FRAME_RATE])
    across = Axis(_LEFT, _WIDTH - _RIGHT, seconds)
    drawing = Drawing()
    _drawHead(drawing, settings, verdict)
    y = top = _TOP + _MARK_ROW * len(marks)
    height = _DEPTH_HEIGHT if len(histories) < _MANY else _LOWER
    deepest = max([depth for history in histories for _, depth in history.rollbacks] + [4])
    for number, history in enumerate(histories):
        up = Axis(y + height, y, float(deepest))
        _drawDepths(drawing, history, playerColor(number), across, up)
        y += height + _RIBBON_GAP + _RIBBON + _GAP
    _drawRoundTrips(drawing, settings, histories, across, y)
    y += _TRIP_HEIGHT
    for tick in ticks(seconds, 10):
        x = across.at(tick)
        drawing.line((x, y), (x, y + 5), SOFT)
        drawing.text(x, y + 19, f"{tick:g}", color=SOFT, anchor="middle")
    middle = (across.start + across.end) / 2
    drawing.text(middle, y + 38, "seconds since play began", color=SOFT, anchor="middle")
    behind = Drawing()
    for number, mark in enumerate(marks):
        place = _TOP - 32 + _MARK_ROW * number
        _drawMark(behind, drawing, across.at(mark.time), across, (place, y), INK, mark.text)
    _drawFirstDifference(drawing, histories, verdict, across, (top - 32, y))
    y += _BOTTOM
    below = linksHeight(verdict)
    if below:
        drawLinks(drawing, verdict, _LEFT, y - 8)
    if settings.casualties:
        drawChecks(drawing, verdict, _LEFT, y + below - 8)
        below += checksHeight(verdict)
    drawing.parts[:0] = behind.parts
    return "\n".join(_document(drawing, settings, verdict, y + below))


def _document(
    drawing: Drawing, settings: DemoSettings, verdict: Verdict, height: float
) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}"'
        f' width="{_WIDTH:g}" height="{height:g}" role="img"'
        ' font-family="Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif">'
    )
    yield "<title>gamenet demo</title>"
    description = "; ".join(check.text for check in verdict.checks)
    yield f"<desc>{escape(f'{settings.frames} frames, {settings.road}: {description}')}</desc>"
    yield f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    yield from drawing.parts
    yield "</svg>\n"


def _drawHead(drawing: Drawing, settings: DemoSettings, verdict: Verdict) -> None:
    title = f"gamenet demo: {settings.players} players, {settings.frames} frames"
    drawing.text(_LEFT, 38, title, size=21, weight=700)
    only = ", relay only" if settings.relay_only else ""
    drawing.text(_LEFT, 60, f"{settings.road}{only}, seed {settings.seed}", 13, color=SOFT)
    failed = [check.text for check in verdict.checks if not check.passed]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    said = failed[0] + more if failed else verdict.checks[0].text
    drawing.text(_LEFT, 79, said, 13, color=ALARM if failed else SOFT)
    # Where there is one other player, one path is all there is.
    shown = [kind for kind in PATH_NAMES if kind != "mixed" or settings.players > _PAIR]
    x = _WIDTH - len(shown) * 112
    for kind in shown:
        drawing.rectangle(x, 29, 14, _RIBBON, PATH_COLORS[kind])
        drawing.text(x + 20, 38, PATH_NAMES[kind], color=SOFT)
        x += 112


def _drawDepths(
    drawing: Drawing, history: PlayerHistory, color: str, across: Axis, up: Axis
) -> None:
    about = 4 if up.start - up.end >= _DEPTH_HEIGHT else 2
    marks = [mark for mark in ticks(up.highest, about) if mark == int(mark)]
    drawPanel(drawing, across, up, marks)
    drawing.heading(across.start, up.end - 12, history.name, color, "rollback depth, frames")
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
        drawing.rectangle(x, ribbon, end - x, _RIBBON, PATH_COLORS.get(span.kind, SOFT))
    drawing.text(across.start - 8, ribbon + _RIBBON, "path", 11, SOFT, "end")
    count = len(history.rollbacks)
    drawing.text(
        across.end + 10, up.start - 20, f"{count} rollback{'' if count == 1 else 's'}", color=color
    )
    if count:
        mean = sum(depth for _, depth in history.rollbacks) / count
        drawing.text(across.end + 10, up.start - 4, f"mean {mean:.1f} frames", 11, SOFT)


def _drawRoundTrips(
    drawing: Drawing,
    settings: DemoSettings,
    histories: Sequence[PlayerHistory],
    across: Axis,
    top: float,
) -> None:
    nominal = 2 * settings.latency
    measured = [
        trip.rtt for history in histories for trip in history.round_trips if trip.rtt is not None
    ]
    marks = ticks(max([*measured, nominal, 0.001]) * 1000, 5)
    step = marks[1] if len(marks) > 1 else 1.0
    highest = ceil(max([*measured, nominal, 0.001]) * 1050 / step) * step
    up = Axis(top + _TRIP_HEIGHT, top, highest)
    drawPanel(drawing, across, up, [step * number for number in range(round(highest / step) + 1)])
    drawing.heading(across.start, top - 12, "Round trip", INK, "milliseconds")
    if nominal:
        y = up.at(nominal * 1000)
        drawing.line((across.start, y), (across.end, y), SOFT, dash="2 4")
        drawing.text(across.end - 4, y + 14, "the road alone", 11, SOFT, "end")
    ends: list[tuple[float, int, str]] = []
    for number, history in enumerate(histories):
        for run in _measured(history.round_trips):
            points = [(across.at(time), up.at(rtt * 1000)) for time, rtt in run]
            # The first ones are wider, so that they can be seen below the others.
            width = 1.5 + min(1.5, 6.0 / len(histories)) * (len(histories) - 1 - number)
            drawing.curve(points, playerColor(number), width)
        last = next(
            (trip.rtt for trip in reversed(history.round_trips) if trip.rtt is not None), None
        )
        if last is not None:
            ends.append((up.at(last * 1000), number, f"{history.name} {last * 1000:.0f} ms"))
    # Lines that end close together would have their names on top of each other.
    lowest = top + _TRIP_HEIGHT + 4 - 15 * len(ends)
    place = top - 11
    for at, (y, number, words) in enumerate(sorted(ends), start=1):
        place = max(place + 15, min(y + 4, lowest + 15 * at))
        drawing.text(across.end + 10, place, words, color=playerColor(number), weight=700)


def _measured(trips: Sequence[RoundTrip]) -> list[list[tuple[float, float]]]:
    """Return the times and round trips, in pieces between which nothing was measured."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for trip in trips:
        if trip.rtt is not None:
            pieces[-1].append((trip.time, trip.rtt))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _drawFirstDifference(
    drawing: Drawing,
    histories: Sequence[PlayerHistory],
    verdict: Verdict,
    across: Axis,
    ends: tuple[float, float],
) -> None:
    frame = verdict.comparison.first_difference
    times = [] if frame is None else [history.timeOf(frame) for history in histories]
    known = [time for time in times if time is not None]
    if known:
        x = across.at(min(known))
        words = f"first difference: frame {frame}"
        _drawMark(drawing, drawing, x, across, ends, ALARM, words)


def _drawMark(
    behind: Drawing,
    drawing: Drawing,
    x: float,
    across: Axis,
    ends: tuple[float, float],
    color: str,
    words: str,
) -> None:
    """
    Draw a line down the picture, and its words at the top.

    @param behind: Where the line is drawn.
    @param ends: Where the words are, and where the line ends.
    """
    top, bottom = ends
    behind.line((x, top + 4), (x, bottom), color, dash="5 4")
    late = x > (across.start + across.end) / 2
    place, anchor = (x - 6, "end") if late else (x + 6, "start")
    drawing.text(place, top, words, color=color, anchor=anchor, weight=700, halo=True)
