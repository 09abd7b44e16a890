"""
The page: one HTML file that needs nothing else, of logs that nobody trusts.

Whatever comes from a log is text, escaped (L{gamenet.inspector.markup}); a policy in the
page lets no browser fetch anything, nor run or apply what was not written here.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

from attrs import frozen

from gamenet.inspector.chart import (
    CELLS_LIMIT,
    COLUMNS_LIMIT,
    Chart,
    Columns,
    drawChart,
    drawLabels,
    spanOf,
)
from gamenet.inspector.comparison import Comparison, DivergenceKind, StateComparison
from gamenet.inspector.frame_data import frameData
from gamenet.inspector.input_table import drawInputs
from gamenet.inspector.markup import Markup, joined, tag
from gamenet.inspector.overview import drawOverview
from gamenet.inspector.peer_log import PeerLog
from gamenet.inspector.script import SCRIPT
from gamenet.inspector.state_view import drawStates
from gamenet.inspector.style import STYLE
from gamenet.inspector.verdict import headline, plural, restoredText, stateText
from gamenet.wire.match_log_records import EventRecord

__all__ = ["EVENTS_SHOWN", "Inspection", "drawPage"]

#: The most events of one peer that are listed.
EVENTS_SHOWN = 200

_SCALE, _NEAR = 8.0, 60
_FIELDS_SHOWN = 300


@frozen
class Inspection:
    """
    All that the page shows.

    @ivar logs: The peers' logs.
    @ivar comparison: Where they differ.
    @ivar states: The states that were looked at.
    @ivar asked: The frame that was asked for, or C{None}.
    """

    logs: tuple[PeerLog, ...]
    comparison: Comparison
    states: tuple[StateComparison, ...]
    asked: int | None = None

    @property
    def focus(self) -> int:
        """The frame to look at first."""
        if self.asked is not None:
            return self.asked
        if self.comparison.divergence is not None:
            return self.comparison.divergence.frame
        first = self.logs[0]
        return max(first.rollbacks, key=lambda each: each.depth).frame if first.rollbacks else 0


def drawPage(inspection: Inspection) -> bytes:
    """Return the page."""
    header = inspection.logs[0].header
    title = f"Match {header.match_id[:4].hex()}"
    sections = [
        _head(inspection, title),
        _totals(inspection),
        _whole(inspection),
        _frames(inspection),
        _divergence(inspection),
        _inputs(inspection),
        _events(inspection),
        _foot(),
    ]
    policy = (
        f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)};"
        " base-uri 'none'; form-action 'none'"
    )
    meta = [
        tag("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{title}: {headline(inspection.comparison)}"),
        tag("style", Markup(STYLE)),
    ]
    body = tag("body", tag("main", *sections), tag("script", Markup(SCRIPT)))
    page = joined(Markup("<!DOCTYPE html>\n"), tag("html", tag("head", *meta), body, lang="en"))
    return page.encode("utf-8")


def _sentence(inspection: Inspection) -> str:
    words = headline(inspection.comparison)
    return f"{words[:1].upper()}{words[1:]}."


def _source(text: str) -> str:
    """Return how the policy names something that stands in the page."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _head(inspection: Inspection, title: str) -> Markup:
    header = inspection.logs[0].header
    frames = max(log.last_frame for log in inspection.logs) + 1
    facts = [
        header.game,
        plural(header.players, "player"),
        f"{plural(len(inspection.logs), 'log')}",
        f"{plural(frames, 'frame')}, {frames / header.frame_rate:.1f} s",
        f"{header.frame_rate} frames a second",
        f"prediction window {header.prediction_window}",
    ]
    divergence = inspection.comparison.divergence
    lines: list[str] = [tag("strong", _sentence(inspection))]
    if divergence is not None:
        for state in inspection.states[:1]:
            lines += [tag("p", line.strip()) for line in stateText(state)]
        lines.append(
            tag("p", tag("a", "See it below", href="#divergence", data_go=divergence.frame), ".")
        )
    kind = "good" if divergence is None else "bad"
    if divergence is None and not inspection.comparison.compared:
        kind = "none"
    return joined(
        tag("h1", title),
        tag("p", " · ".join(filter(None, facts)), class_="sub"),
        tag("div", *lines, class_=f"banner {kind}", role="status"),
    )


def _totals(inspection: Inspection) -> Markup:
    names = (
        "peer", "final frames", "rollbacks", "deepest", "predicted", "mispredicted",
        "stalled ticks", "states", "log",
    )
    head = tag("tr", *[tag("th", name, scope="col") for name in names])
    rows = []
    for log in inspection.logs:
        count = len(log.marks) * log.header.players
        share = f" ({100 * log.mispredicted / count:.1f} %)" if count else ""
        cells = [
            f"{len(log.frames)}",
            f"{len(log.rollbacks)}",
            f"{log.deepest}",
            f"{log.predicted}",
            f"{log.mispredicted}{share}",
            f"{sum(log.stalls.values())}",
            f"{len(log.state_frames)}",
        ]
        state: list[str] = [log.name]
        if log.problem:
            state += [": ", tag("span", log.problem, class_="warn")]
        elif log.why:
            state += [f": {log.why}"]
        if log.unexplained:
            shown = ", ".join(map(str, log.unexplained))
            words = f"; frames {shown} became final with other inputs than they were played with"
            state.append(tag("span", words, class_="warn"))
        if log.restored:
            state.append(tag("span", f"; {restoredText(log)}", class_="warn"))
        rows.append(
            tag("tr", tag("th", log.label, scope="row"), *[tag("td", c) for c in cells],
                tag("td", *state))
        )
    notes = []
    if len({log.header.digest: None for log in inspection.logs}) > 1:
        notes.append(tag("p", "The peers' settings differ: their digests are not equal.",
                         class_="warn"))
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="totals")
    return tag("section", tag("h2", "Peers"), tag("div", table, class_="card wide", tabindex=0),
               *notes)


def _chart(inspection: Inspection, columns: Columns) -> Chart:
    return Chart(inspection.logs, inspection.comparison, columns)


def _whole(inspection: Inspection) -> Markup:
    chart = _chart(inspection, Columns(*spanOf(inspection.logs)))
    return tag(
        "section",
        tag("h2", "The whole match"),
        tag("p", "How far each peer went back, over frames; a mark below the line is a stall.",
            class_="sub"),
        tag("div", drawOverview(chart), class_="card"),
    )


def _frames(inspection: Inspection) -> Markup:
    first, last = spanOf(inspection.logs)
    rows = sum(log.header.players for log in inspection.logs)
    columns = Columns.within(first, last, max(500, min(COLUMNS_LIMIT, CELLS_LIMIT // rows)))
    chart = _chart(inspection, columns)
    said: list[str] = []
    if columns.bucket > 1:
        words = (
            f"The match is long: each column stands for {columns.bucket} frames and shows the"
            " worst of them."
        )
        said.append(tag("p", words, class_="note"))
    tools = tag(
        "div",
        tag("button", "- smaller", id="out", type="button"),
        tag("button", "+ larger", id="in", type="button"),
        tag("button", "all", id="fit", type="button"),
        tag("label", "frame ", tag("input", id="frame", type="number", min=first, max=last)),
        _jump(inspection),
        class_="tools",
        id="tools",
        hidden=True,
    )
    scroll = tag(
        "div",
        drawChart(chart, _SCALE),
        class_="scroll bars" if columns.bucket > 1 else "scroll",
        id="scroll",
        tabindex=0,
        role="region",
        aria_label="Frame by frame; arrow keys move, plus and minus zoom",
    )
    data = frameData(inspection.logs, columns, _SCALE, inspection.focus)
    return tag(
        "section",
        tag("h2", "Frame by frame"),
        *said,
        tag(
            "div",
            tools,
            tag("div", drawLabels(chart), scroll, class_="frames"),
            tag("p", "", class_="readout", id="readout", aria_live="polite"),
            _key(),
            class_="card",
        ),
        tag("script", Markup(data), type="application/json", id="data"),
    )


def _jump(inspection: Inspection) -> Markup:
    divergence = inspection.comparison.divergence
    if divergence is None:
        return joined()
    return tag("button", "first divergence", type="button", data_go=divergence.frame)


def _key() -> Markup:
    """Return what the marks mean."""
    entries = [
        ("known", 3, "the input was known"),
        ("predicted", 8, "predicted, and rightly"),
        ("missed", 14, "predicted wrong"),
        ("stall", 8, "stalled: too far ahead of the others"),
        ("equal", 4, "checksums equal"),
        ("differ", 12, "checksums or inputs differ"),
    ]
    items = [
        tag("li", tag("svg", tag("path", d=Markup(f"M0 {14 - high}h14v{high}h-14z"), class_=name),
                      width=14, height=14, role="presentation"), words)
        for name, high, words in entries
    ]
    arc = tag("path", d=Markup("M14 14Q7 -10 0 14"), class_="back")
    items.insert(3, tag("li", tag("svg", arc, width=14, height=14, role="presentation"),
                        "went back; the arc ends at the frame that was loaded"))
    return tag("ul", *items, class_="key")


def _divergence(inspection: Inspection) -> Markup:
    divergence = inspection.comparison.divergence
    parts: list[str] = []
    if divergence is not None:
        parts.append(tag("h2", f"The first divergence: frame {divergence.frame}"))
        parts.append(tag("p", _sentence(inspection)))
        if divergence.kind is not DivergenceKind.REPORTED and not divergence.exact:
            words = f"The newest frame that was compared before it is {divergence.equal_before}."
            parts.append(tag("p", words if divergence.equal_before >= 0 else
                             "No frame before it was compared."))
        parts.append(_near(inspection, divergence.frame))
        known = [
            tag("tr", tag("th", label, scope="row"), tag("td", tag("code", f"{checksum:08x}")))
            for label, checksum in zip(divergence.labels, divergence.checksums, strict=True)
            if checksum is not None
        ]
        if known:
            parts += [tag("h3", f"Checksums after frame {divergence.frame}"),
                      tag("table", tag("tbody", *known))]
        if not any(state.frame >= divergence.frame for state in inspection.states):
            parts.append(tag("p", "The logs do not have both states of it.", class_="note"))
    for state in inspection.states:
        parts.append(tag("h3", f"The states after frame {state.frame}, side by side"))
        if divergence is not None and state.frame > divergence.frame:
            parts.append(tag("p", "The first frame from there on whose state both logs have.",
                             class_="note"))
        parts.append(drawStates(state))
    return tag("section", *parts, id="divergence") if parts else joined()


def _near(inspection: Inspection, frame: int) -> Markup:
    """Return the frames around the divergence, to be seen without a script."""
    first, last = spanOf(inspection.logs)
    start = max(first, frame - _NEAR)
    columns = Columns(start, max(start, min(last, start + 2 * _NEAR)))
    chart = _chart(inspection, columns)
    drawing = tag("div", drawChart(chart, _SCALE), class_="scroll", id="near", tabindex=0,
                  data_center=f"{(frame - start) * _SCALE:g}")
    return tag("div", tag("div", drawLabels(chart), drawing, class_="frames"), class_="card")


def _inputs(inspection: Inspection) -> Markup:
    return tag(
        "section",
        tag("h2", f"Inputs around frame {inspection.focus}"),
        tag("p", "As they became final; ✗ is what was predicted first.", class_="sub"),
        tag("div", drawInputs(inspection.logs, inspection.focus), class_="card wide", tabindex=0),
    )


def _events(inspection: Inspection) -> Markup:
    lists = list(_eventLists(inspection))
    return tag("section", tag("h2", "Events"), *lists) if lists else joined()


def _eventLists(inspection: Inspection) -> Iterator[Markup]:
    for log in inspection.logs:
        if not log.events:
            continue
        items = []
        for event in log.events[:EVENTS_SHOWN]:
            if isinstance(event, EventRecord):
                fields = json.dumps(event.fields, ensure_ascii=True)
                cut = fields if len(fields) <= _FIELDS_SHOWN else f"{fields[:_FIELDS_SHOWN]} …"
                said = joined(tag("b", event.name), " ", tag("code", cut))
            else:
                said = joined(event.text)
            items.append(tag("li", f"{event.time:.3f} s: ", said))
        more = len(log.events) - len(items) + log.more_events
        if more:
            items.append(tag("li", f"and {more} more"))
        count = len(log.events) + log.more_events
        yield tag(
            "details",
            tag("summary", f"{log.label}: {plural(count, 'event')}"),
            tag("ul", *items, class_="list"),
            open=count <= 12,
        )


def _foot() -> Markup:
    return tag("footer", "Made by gamenet inspect. Times are seconds since the log began; bytes"
               " are hexadecimal. A frame's checksum is that of the state that it led to.")
