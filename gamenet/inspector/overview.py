"""
The whole match in one line per peer: how far it went back, and where it waited.
"""

from __future__ import annotations

from collections.abc import Iterator

from gamenet.inspector.chart import Chart, Columns, spanOf
from gamenet.inspector.markup import Markup, tag

__all__ = ["drawOverview"]

_COLUMNS, _WIDTH = 500, 1000
_LANE, _BARS, _FOOT = 58, 32, 22


def drawOverview(chart: Chart) -> Markup:
    """Return the drawing; as wide as it is let to be."""
    first, last = spanOf(chart.logs)
    columns = Columns.within(first, last, _COLUMNS)
    height = _LANE * len(chart.logs) + _FOOT
    shapes = [*_lanes(chart, columns), *_marks(chart, columns, height)]
    box = {"viewBox": f"0 0 {_WIDTH} {height}"}
    return tag(
        "svg",
        *shapes,
        class_="overview",
        id="overview",
        role="img",
        aria_label="Rollback depth and stalls of each peer over the whole match",
        data_first=first,
        data_last=last,
        **box,
    )


def _lanes(chart: Chart, columns: Columns) -> Iterator[Markup]:
    wide = _WIDTH / columns.count
    for place, log in enumerate(chart.logs):
        base = _LANE * place + _LANE - 10
        depths: dict[int, int] = {}
        for each in log.rollbacks:
            if columns.holds(each.frame):
                column = columns.of(each.frame)
                depths[column] = max(each.depth, depths.get(column, 0))
        stalls: dict[int, None] = {
            columns.of(frame): None for frame in log.stalls if columns.holds(frame)
        }
        yield tag("rect", x=0, y=base - _BARS, width=_WIDTH, height=_BARS, class_="lane")
        bars = [
            f"M{column * wide:.5g} {base - _BARS * depth / chart.deepest:.4g}"
            f"h{wide:.4g}V{base}h-{wide:.4g}z"
            for column, depth in sorted(depths.items())
        ]
        yield tag("path", d=Markup("".join(bars)), class_="depth")
        marks = [f"M{column * wide:.5g} {base + 1}h{max(wide, 2):.4g}v4h-{max(wide, 2):.4g}z"
                 for column in stalls]
        yield tag("path", d=Markup("".join(marks)), class_="stall")
        words = f"{log.label}: deepest rollback {log.deepest} of {chart.deepest}"
        yield tag("text", words, x=2, y=base - _BARS - 4, class_="peer")


def _marks(chart: Chart, columns: Columns, height: int) -> Iterator[Markup]:
    wide = _WIDTH / columns.count
    for part in range(5):
        frame = columns.first + (columns.last - columns.first + (part < 4)) * part // 4
        anchor = ("start", "middle", "middle", "middle", "end")[part]
        x = _WIDTH * part / 4
        yield tag("text", f"{frame}", x=f"{x:g}", y=height - 6, class_="tick", text_anchor=anchor)
    divergence = chart.comparison.divergence
    if divergence is not None and columns.holds(divergence.frame):
        x = columns.of(divergence.frame) * wide
        yield tag(
            "path", d=Markup(f"M{x:.5g} 0h{max(2.0, wide):g}V{height - _FOOT + 4}H{x:.5g}z"),
            class_="mark",
        )
