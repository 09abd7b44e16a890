"""
Two states side by side: every part, and of those that differ the bytes that do.
"""

from __future__ import annotations

from collections.abc import Iterator

from gamenet.inspector.comparison import StateComparison
from gamenet.inspector.markup import Markup, joined, tag
from gamenet.inspector.verdict import differenceText, digestText, plural
from gamenet.wire.match_log_records import PartDigest

__all__ = ["PARTS_SHOWN", "ROWS_SHOWN", "drawStates"]

#: The most rows of 16 bytes that are shown of one part, and the most parts.
ROWS_SHOWN, PARTS_SHOWN = 64, 64

_ROW = 16


def drawStates(compared: StateComparison) -> Markup:
    """Return a comparison's parts, those that differ first."""
    first, later = compared.states
    names = list({**first, **later})
    differing = [each.part for each in compared.differences]
    differing += [each.part for each in compared.digests]
    equal = [name for name in names if name not in differing]
    views = []
    for name in differing[:PARTS_SHOWN]:
        views.append(_differing(compared, name))
    views += [_equalPart(name, first[name]) for name in equal[:PARTS_SHOWN]]
    hidden = len(names) - min(len(differing), PARTS_SHOWN) - min(len(equal), PARTS_SHOWN)
    if hidden > 0:
        views.append(tag("p", f"{plural(hidden, 'more part')} not shown.", class_="note"))
    return tag("div", *views, class_="states")


def _title(name: str) -> Markup:
    return tag("code", name) if name else joined("the whole snapshot")


def _differing(compared: StateComparison, name: str) -> Markup:
    one, other = compared.states[0].get(name), compared.states[1].get(name)
    said = [
        differenceText(each, compared.labels)
        for each in compared.differences
        if each.part == name
    ]
    heading = tag("h4", _title(name), " ", tag("span", "differs", class_="badge bad"))
    text = tag("p", said[0], class_="said") if said else joined()
    if isinstance(one, bytes) and isinstance(other, bytes):
        return tag("section", heading, text, _table(one, other, compared.labels), class_="part")
    lines = [
        tag("li", tag("b", label), ": ", _oneSide(part))
        for label, part in zip(compared.labels, (one, other), strict=True)
    ]
    return tag("section", heading, tag("ul", *lines), class_="part")


def _oneSide(part: bytes | PartDigest | None) -> str:
    if part is None:
        return "has no such part"
    if isinstance(part, PartDigest):
        return f"{digestText(part)}: too long to be in the log"
    more = " …" if len(part) > 4 * _ROW else ""
    return f"{plural(len(part), 'byte')}: {part[: 4 * _ROW].hex(' ')}{more}"


def _equalPart(name: str, part: bytes | PartDigest) -> Markup:
    size = part.length if isinstance(part, PartDigest) else len(part)
    summary = tag("summary", _title(name), f" {plural(size, 'byte')} ",
                  tag("span", "equal", class_="badge good"))
    if isinstance(part, PartDigest):
        return tag("details", summary, tag("p", digestText(part)), class_="part")
    shown = part[: _ROW * ROWS_SHOWN]
    rows = [
        f"{at:6d}  {shown[at : at + _ROW].hex(' ')}" for at in range(0, len(shown), _ROW)
    ]
    more = f"\n… {plural(len(part) - len(shown), 'more byte')}" if len(part) > len(shown) else ""
    lines = Markup("\n".join(rows) + more)
    return tag("details", summary, tag("pre", lines, tabindex=0), class_="part")


def _table(one: bytes, other: bytes, labels: tuple[str, str]) -> Markup:
    """Return the rows that differ, and those beside them, as a table."""
    rows = list(_rows(one, other))
    head = tag(
        "tr", tag("th", "byte", scope="col"), *[tag("th", label, scope="col") for label in labels]
    )
    body = tag("tbody", *rows)
    return tag("div", tag("table", tag("thead", head), body, class_="bytes"), class_="wide",
               tabindex=0)


def _rows(one: bytes, other: bytes) -> Iterator[Markup]:
    last = (max(len(one), len(other)) - 1) // _ROW
    differing = _differingRows(one, other, last)
    wanted = sorted({
        near: None for row in differing for near in (row - 1, row, row + 1) if 0 <= near <= last
    })
    before = -1
    for row in wanted[:ROWS_SHOWN]:
        if row > before + 1:
            words = f"{plural((row - before - 1) * _ROW, 'equal byte')}"
            yield tag("tr", tag("td", words, colspan=3, class_="skip"))
        before = row
        start = row * _ROW
        sides = one[start : start + _ROW], other[start : start + _ROW]
        cells = [_cells(side, opposite) for side, opposite in (sides, sides[::-1])]
        yield tag("tr", tag("th", str(start), scope="row"), *[tag("td", each) for each in cells])
    if before < last:
        words = f"… {plural(max(len(one), len(other)) - (before + 1) * _ROW, 'byte')} not shown"
        yield tag("tr", tag("td", words, colspan=3, class_="skip"))


def _differingRows(one: bytes, other: bytes, last: int) -> list[int]:
    """Return the first rows that differ, enough to fill what is shown."""
    found = []
    for row in range(last + 1):
        start = row * _ROW
        if one[start : start + _ROW] != other[start : start + _ROW]:
            found.append(row)
            if len(found) >= ROWS_SHOWN:
                break
    return found


def _cells(side: bytes, opposite: bytes) -> Markup:
    """Return a row's bytes, those that differ marked."""
    pieces: list[str] = []
    for at in range(max(len(side), len(opposite))):
        text = f"{side[at]:02x}" if at < len(side) else "··"
        if at:
            pieces.append(" ")
        differs = side[at : at + 1] != opposite[at : at + 1]
        pieces.append(tag("b", text) if differs else text)
    return joined(*pieces)
