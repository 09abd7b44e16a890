"""
The frames of a match as drawings: for each peer what it predicted, when it went back and
how far, where it waited, and where the peers' checksums agree.

What a drawing shows is told by heights as well as by colors.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from attrs import define, field, frozen

from gamenet.inspector.comparison import Comparison
from gamenet.inspector.markup import Markup, joined, tag
from gamenet.inspector.peer_log import KNOWN, MISPREDICTED, PREDICTED, PeerLog

__all__ = ["CELLS_LIMIT", "COLUMNS_LIMIT", "Chart", "Columns", "drawChart", "drawLabels", "spanOf"]

#: The most columns of a drawing, and of columns times rows.
COLUMNS_LIMIT, CELLS_LIMIT = 30_000, 400_000

_CHUNK = 1000
_AXIS, _ARCS, _STALLS, _ROW, _GAP, _CHECKS = 22, 46, 10, 16, 16, 14
_TITLE = 18
_MARK_HEIGHTS = {KNOWN: 3, PREDICTED: 8, MISPREDICTED: 14}
_MARK_CLASSES = {KNOWN: "known", PREDICTED: "predicted", MISPREDICTED: "missed"}
_RANK = {KNOWN: 0, PREDICTED: 1, MISPREDICTED: 2}

_Value = TypeVar("_Value")

#: What is drawn in one row: from which column on, how many, and how high.
Bar = tuple[int, int, float]


@frozen
class Columns:
    """
    Which frames stand in which column.

    @ivar first: The first frame.
    @ivar last: The last one.
    @ivar bucket: How many frames a column has.
    """

    first: int
    last: int
    bucket: int = 1

    @classmethod
    def within(cls, first: int, last: int, limit: int) -> Columns:
        """Return at most so many columns for some frames."""
        return cls(first, last, -(-(last - first + 1) // limit))

    @property
    def count(self) -> int:
        """How many columns there are."""
        return (self.last - self.first) // self.bucket + 1

    def holds(self, frame: int) -> bool:
        """Return whether a frame has a column."""
        return self.first <= frame <= self.last

    def of(self, frame: int) -> int:
        """Return a frame's column."""
        return (frame - self.first) // self.bucket


@define
class Chart:
    """
    What is drawn, and where its rows are.

    @ivar logs: The peers.
    @ivar comparison: Where they differ.
    @ivar columns: The frames.
    @ivar deepest: The deepest rollback of all peers, the height of the arcs.
    @ivar finals: Each peer's final frames, ascending.
    @ivar marked: Those whose inputs' marks are known.
    """

    logs: Sequence[PeerLog]
    comparison: Comparison
    columns: Columns
    deepest: int = field(init=False)
    finals: list[list[int]] = field(init=False, repr=False)
    marked: list[list[int]] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.deepest = max([1, *(log.deepest for log in self.logs)])
        self.finals = [sorted(log.frames) for log in self.logs]
        self.marked = [sorted(log.marks) for log in self.logs]

    @property
    def lane(self) -> int:
        """The height of one peer's rows."""
        return _TITLE + _ARCS + _STALLS + _ROW * self.logs[0].header.players + _GAP

    @property
    def height(self) -> int:
        """The height of the drawing."""
        return _AXIS + self.lane * len(self.logs) + _CHECKS + 6

    def top(self, place: int) -> int:
        """Return where a peer's rows begin."""
        return _AXIS + self.lane * place


def spanOf(logs: Sequence[PeerLog]) -> tuple[int, int]:
    """Return the first and the last frame of all logs."""
    first = min((frame for log in logs for frame in log.frames), default=0)
    last = max((frame for log in logs for frame in log.frames), default=0)
    return first, last


def drawLabels(chart: Chart) -> Markup:
    """Return what the rows are, as a drawing to stand left of them."""
    texts = [_text(8, 15, "frame", "axis")]
    for place, log in enumerate(chart.logs):
        top = chart.top(place)
        texts.append(_text(8, top + 13, log.label, "peer"))
        texts.append(_text(8, top + _TITLE + _ARCS - 4, f"went back (≤ {chart.deepest})", "row"))
        texts.append(_text(8, top + _TITLE + _ARCS + 9, "stalled", "row"))
        for player in range(1, log.header.players + 1):
            here = " (here)" if player in log.header.local_players else ""
            y = top + _TITLE + _ARCS + _STALLS + _ROW * player - 3
            texts.append(_text(8, y, f"input {player}{here}", "row"))
    if len(chart.logs) > 1:
        texts.append(_text(8, chart.height - 7, "checksums", "row"))
    return tag("svg", *texts, width=132, height=chart.height, class_="labels", role="presentation")


def drawChart(chart: Chart, scale: float) -> Markup:
    """
    Return the drawing, in pieces that stand side by side.

    @param scale: How wide a column is, in pixels.
    """
    count = chart.columns.count
    pieces = [
        _piece(chart, start, min(_CHUNK, count - start), scale)
        for start in range(0, count, _CHUNK)
    ]
    return joined(*pieces)


def _piece(chart: Chart, start: int, count: int, scale: float) -> Markup:
    """Return the columns from C{start} on."""
    shapes = list(_shapes(chart, start, count))
    inside = [tag("g", *shapes, transform=f"scale({scale:g} 1)", class_="scaled")]
    inside.extend(_axis(chart, start, count, scale))
    return tag(
        "svg",
        *inside,
        class_="piece",
        width=f"{count * scale:g}",
        height=chart.height,
        data_start=start,
        data_count=count,
        role="presentation",
    )


def _shapes(chart: Chart, start: int, count: int) -> Iterator[Markup]:
    """Give what is drawn in a piece; x is the column, from the piece's first on."""
    columns = chart.columns
    first = columns.first + start * columns.bucket
    part = Columns(first, min(columns.last, first + count * columns.bucket - 1), columns.bucket)
    for place, log in enumerate(chart.logs):
        top = chart.top(place)
        yield _path("lane", [f"M0 {top}h{count}v{chart.lane - _GAP + 4}h-{count}z"])
        yield _path("back", _arcs(log, part, top + _TITLE + _ARCS, chart.deepest))
        y = top + _TITLE + _ARCS + _STALLS
        stalls = ((part.of(frame), 1, 8.0) for frame in _inside(log.stalls, part))
        yield _path("stall", _bars(y, stalls))
        for player in range(log.header.players):
            y += _ROW
            runs = _runs(chart, place, player, part)
            for mark, name in _MARK_CLASSES.items():
                height = _MARK_HEIGHTS[mark]
                bars = [(x, size, height) for x, size, kind in runs if kind == mark]
                yield _path(name, _bars(y, bars))
    if len(chart.logs) > 1:
        base = chart.height - 4
        differing = {**chart.comparison.differing_states, **chart.comparison.differing_inputs}
        yield _path("equal", _bars(base, _merged(_equal(chart, part), part, 4)))
        yield _path("differ", _bars(base, _merged(_inside(differing, part), part, 12)))
    divergence = chart.comparison.divergence
    if divergence is not None and part.holds(divergence.frame):
        x = part.of(divergence.frame)
        yield tag("path", d=Markup(f"M{x} 0h1v{chart.height}h-1z"), class_="mark")


def _axis(chart: Chart, start: int, count: int, scale: float) -> Iterator[Markup]:
    """Give the frame numbers, and the mark of the divergence."""
    step = _step(64 / scale)
    columns = chart.columns
    for column in range(-(-start // step) * step, start + count, step):
        number = columns.first + column * columns.bucket
        x = (column - start) * scale + 3
        yield _text(x, 15, str(number), "tick", data_column=column - start)
    divergence = chart.comparison.divergence
    if divergence is not None and columns.holds(divergence.frame):
        column = columns.of(divergence.frame) - start
        if 0 <= column < count:
            label = f"▼ {divergence.frame} differs"
            x = column * scale + 3
            yield _text(x, chart.height - 20, label, "flag", data_column=column)


def _step(least: float) -> int:
    """Return how many columns lie between two numbers: 10, 20, 50, 100, ..."""
    step = 10
    for factor in (2, 2.5, 2) * 8:
        if step >= least:
            break
        step = int(step * factor)
    return step


def _text(x: float, y: float, words: str, kind: str, **more: object) -> Markup:
    return tag("text", words, x=f"{x:g}", y=f"{y:g}", class_=kind, **more)


def _path(kind: str, pieces: Iterable[str]) -> Markup:
    outline = "".join(pieces)
    return tag("path", d=Markup(outline), class_=kind) if outline else Markup("")


def _bars(base: int, bars: Iterable[Bar]) -> Iterator[str]:
    """Give the outlines of bars that stand on C{base}."""
    for x, size, height in bars:
        yield f"M{x} {base - height:g}h{size}v{height:g}h-{size}z"


def _arcs(log: PeerLog, part: Columns, base: int, deepest: int) -> Iterator[str]:
    """Give the ways back: arcs, or bars where a column has many frames."""
    depths: dict[int, int] = {}
    seen: dict[tuple[int, int], None] = {}
    for each in log.rollbacks:
        if not part.holds(each.frame):
            continue
        if part.bucket > 1:
            column = part.of(each.frame)
            depths[column] = max(each.depth, depths.get(column, 0))
        else:
            seen[each.frame - part.first, each.load - part.first] = None
    tallest = _ARCS - 4
    for end, load in seen:
        height = 2 * tallest * (end - load) / deepest
        yield f"M{end} {base}Q{(end + load) / 2:g} {base - height:.4g} {load} {base}"
    yield from _bars(base, ((x, 1, tallest * depth / deepest) for x, depth in depths.items()))


def _runs(chart: Chart, place: int, player: int, part: Columns) -> list[tuple[int, int, str]]:
    """Return one row: runs of columns of one kind; a column shows its worst frame."""
    runs: list[tuple[int, int, str]] = []
    for frame, marks in _between(chart.marked[place], chart.logs[place].marks, part):
        column, mark = part.of(frame), marks[player]
        x, size, kind = runs[-1] if runs else (-1, 0, "")
        if x <= column < x + size:
            # Several frames in one column: the last column of a run may yet become worse.
            if _RANK[mark] > _RANK[kind]:
                runs[-1:] = [(x, size - 1, kind)] if size > 1 else []
                runs.append((column, 1, mark))
        elif column == x + size and mark == kind:
            runs[-1] = (x, size + 1, kind)
        else:
            runs.append((column, 1, mark))
    return runs


def _between(
    frames: Sequence[int], table: Mapping[int, _Value], part: Columns
) -> Iterator[tuple[int, _Value]]:
    """Give the entries of frames that a piece has; C{frames} are all of them, ascending."""
    start, end = bisect_left(frames, part.first), bisect_right(frames, part.last)
    for frame in frames[start:end]:
        yield frame, table[frame]


def _inside(frames: Iterable[int], part: Columns) -> list[int]:
    return [frame for frame in frames if part.holds(frame)]


def _equal(chart: Chart, part: Columns) -> list[int]:
    """Return the frames that two logs have with a checksum, all of them equal."""
    differing = chart.comparison.differing_states
    counts: dict[int, int] = {}
    for frames, log in zip(chart.finals, chart.logs, strict=True):
        for frame, (_, checksum) in _between(frames, log.frames, part):
            if checksum is not None:
                counts[frame] = counts.get(frame, 0) + 1
    return [frame for frame, seen in counts.items() if seen > 1 and frame not in differing]


def _merged(frames: Iterable[int], part: Columns, height: float) -> list[Bar]:
    """Return bars over the columns of some frames."""
    bars: list[Bar] = []
    for column in sorted({part.of(frame): None for frame in frames}):
        if bars and bars[-1][0] + bars[-1][1] == column:
            bars[-1] = (bars[-1][0], bars[-1][1] + 1, height)
        else:
            bars.append((column, 1, height))
    return bars
