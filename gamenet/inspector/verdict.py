"""
What the logs of a match say, in a few lines for a terminal.

Names and texts come from the logs: whatever a terminal could take for an order is shown
escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gamenet.inspector.comparison import (
    Comparison,
    Divergence,
    DivergenceKind,
    StateComparison,
)
from gamenet.inspector.peer_log import PeerLog
from gamenet.rollback.state_difference import SHOWN_BYTES, PartDifference
from gamenet.wire.match_log_records import PartDigest

__all__ = [
    "bytesText",
    "differenceText",
    "digestText",
    "headline",
    "plural",
    "printable",
    "restoredText",
    "stateText",
    "verdictText",
]

#: The most bytes of an input that are shown.
_INPUT_SHOWN = 64

_PARTS_SHOWN = 8


def printable(text: str, limit: int = 120) -> str:
    """Return a text from a log as a terminal may show it: one line, nothing but signs."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        [sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut]
    )


def plural(count: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def bytesText(value: bytes | None, limit: int = SHOWN_BYTES) -> str:
    """Return bytes as hexadecimal digits."""
    if value is None:
        return "none"
    if not value:
        return "nothing"
    return value[:limit].hex(" ") + (" …" if len(value) > limit else "")


def headline(comparison: Comparison) -> str:
    """Return what was found, in a sentence."""
    divergence = comparison.divergence
    if divergence is None:
        if not comparison.compared:
            return "no divergence found: no frame is in two logs, and no peer noticed one"
        return f"no divergence in {plural(comparison.compared, 'compared frame')}"
    where = f"frame {divergence.frame}"
    if divergence.kind is DivergenceKind.INPUTS:
        players = ", ".join(str(each.player) for each in divergence.inputs)
        return f"first divergence: {where}: different inputs of player {players}"
    if divergence.kind is DivergenceKind.REPORTED:
        return f"first divergence: {where}, as {divergence.labels[0]} noticed; its cause is before"
    return f"first divergence: {where}: equal inputs led to different states"


def verdictText(
    logs: Sequence[PeerLog], comparison: Comparison, states: Sequence[StateComparison]
) -> str:
    """
    Return the lines to print.

    @param states: The states that were looked at.
    """
    return "\n".join(_lines(logs, comparison, states))


def _lines(
    logs: Sequence[PeerLog], comparison: Comparison, states: Sequence[StateComparison]
) -> Iterator[str]:
    header = logs[0].header
    frames = max(log.last_frame for log in logs) + 1
    yield (
        f"match {header.match_id[:4].hex()}: {plural(header.players, 'player')},"
        f" {plural(len(logs), 'log')}, {plural(frames, 'frame')}"
        f" ({frames / header.frame_rate:.1f} s at {header.frame_rate} a second)"
    )
    for log in logs:
        yield f"  {log.label}: {_totals(log)}"
        if log.problem:
            yield f"    {printable(log.problem)}"
        if log.restored:
            yield f"    {restoredText(log)}"
        if log.unexplained:
            shown = ", ".join(map(str, log.unexplained))
            yield f"    became final with other inputs than they were played with: frames {shown}"
    if len({log.header.digest: None for log in logs}) > 1:
        yield "  the peers' settings differ: their digests are not equal"
    yield headline(comparison)
    divergence = comparison.divergence
    if divergence is not None:
        yield from _divergenceLines(divergence, comparison)
    for compared in states:
        yield from stateText(compared)
    if divergence is not None and not any(divergence.frame <= each.frame for each in states):
        yield "  the logs do not have both states of it, so the part is not known"


def restoredText(log: PeerLog) -> str:
    """Return where a peer took over another's state."""
    shown = ", ".join(map(str, log.restored[:_PARTS_SHOWN]))
    more = ", ..." if len(log.restored) > _PARTS_SHOWN else ""
    return f"took over another peer's state before frame {shown}{more}"


def _totals(log: PeerLog) -> str:
    return (
        f"{plural(len(log.frames), 'final frame')}, {plural(len(log.rollbacks), 'rollback')}"
        f" (deepest {log.deepest}), {plural(log.mispredicted, 'misprediction')},"
        f" {plural(sum(log.stalls.values()), 'stalled tick')}"
    )


def _divergenceLines(divergence: Divergence, comparison: Comparison) -> Iterator[str]:
    if divergence.kind is DivergenceKind.STATE:
        if divergence.equal_before < 0:
            yield "  no frame before it was compared and equal"
        elif divergence.exact:
            before = divergence.equal_before
            yield f"  frame {before} and all before it that were compared are equal"
        else:
            yield (
                f"  the newest frame before it that was compared and equal is"
                f" {divergence.equal_before}: it happened in one of those after"
            )
    for each in divergence.inputs:
        values = [bytesText(value, _INPUT_SHOWN) for value in each.values]
        shown = ", ".join(map("{} has {}".format, divergence.labels, values))
        yield f"  input of player {each.player}: {shown}"
    known = [
        f"{label} {checksum:08x}"
        for label, checksum in zip(divergence.labels, divergence.checksums, strict=True)
        if checksum is not None
    ]
    if len(known) > 1:
        yield f"  checksums: {', '.join(known)}"
    if divergence.kind is DivergenceKind.INPUTS and comparison.differing_states:
        yield f"  the states differ from frame {next(iter(comparison.differing_states))} on"
    if divergence.kind is DivergenceKind.STATE and comparison.differing_inputs:
        yield f"  inputs differ too, from frame {next(iter(comparison.differing_inputs))} on"


def stateText(compared: StateComparison) -> Iterator[str]:
    """Give lines that say which parts of two states differ, and both values."""
    found = [
        differenceText(each, compared.labels) + _extent(each, compared)
        for each in compared.differences
    ]
    found += [
        f"{_partName(each.part)}: {compared.labels[0]} {digestText(each.first)},"
        f" {compared.labels[1]} {digestText(each.later)}"
        for each in compared.digests
    ]
    if not found:
        yield f"  state after frame {compared.frame}: equal in {' and '.join(compared.labels)}"
        return
    verb = "differs" if len(found) == 1 else "differ"
    yield f"  state after frame {compared.frame}: {plural(len(found), 'part')} {verb}"
    for line in found[:_PARTS_SHOWN]:
        yield f"    {line}"
    if len(found) > _PARTS_SHOWN:
        yield f"    and {len(found) - _PARTS_SHOWN} more"


def differenceText(difference: PartDifference, labels: tuple[str, str]) -> str:
    """Return one part that differs: its name, where, and both values."""
    name = _partName(difference.part)
    if difference.first is None or difference.later is None:
        has = labels[0] if difference.later is None else labels[1]
        return f"{name}: only {has} has it"
    sizes = f"{difference.first_length}"
    if difference.first_length != difference.later_length:
        sizes += f" or {difference.later_length}"
    first, later = _withoutEqualEnd(difference.first, difference.later)
    return (
        f"{name}, byte {difference.offset} of {sizes}:"
        f" {labels[0]} {bytesText(first)}, {labels[1]} {bytesText(later)}"
    )


def _withoutEqualEnd(first: bytes, later: bytes) -> tuple[bytes, bytes]:
    """Return both values without what is equal at their end."""
    if len(first) != len(later):
        return first, later
    size = max([at + 1 for at in range(len(first)) if first[at] != later[at]], default=0)
    return first[:size], later[:size]


def _extent(difference: PartDifference, compared: StateComparison) -> str:
    """Return how much of a part differs, where that is more than the values show."""
    one, other = [state.get(difference.part) for state in compared.states]
    if not isinstance(one, bytes) or not isinstance(other, bytes) or len(one) != len(other):
        return ""
    end = difference.offset + SHOWN_BYTES
    if one[end:] == other[end:]:
        return ""
    count = sum([a != b for a, b in zip(one, other, strict=True)])
    return f" ({plural(count, 'byte')} of it differ)"


def digestText(digest: PartDigest | None) -> str:
    """Return what is known of a part that is not in the log."""
    if digest is None:
        return "none"
    return f"{plural(digest.length, 'byte')} with crc32 {digest.checksum:08x}"


def _partName(name: str) -> str:
    return f"part '{printable(name, 64)}'" if name else "the snapshot"
