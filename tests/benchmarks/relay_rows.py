"""
What the relay's benchmark compares, and what several rounds of it come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from attrs import frozen

from tests.benchmarks.figures import Figure, fromRounds
from tests.benchmarks.relay_generator import Load, Traffic

__all__ = [
    "LEAST_OFFERED",
    "LEAST_SENT",
    "ROWS",
    "TOO_MUCH_LOST",
    "Pair",
    "Row",
    "figureOf",
    "rowsNamed",
]

#: Which part of the packets may be lost where the server is not saturated.
TOO_MUCH_LOST = 0.01
#: How many times what it delivers is offered at least to a saturated server; it should be twice.
LEAST_OFFERED = 1.6
#: Which part of a steady rate has to be sent; on a busy machine the generator cannot.
LEAST_SENT = 0.9

_SATURATED = Load(None, 0.8, 0.4)
_LOADS = {
    "1k": Load(1_000, 2.0, 0.1),
    "6k": Load(6_000, 1.0, 0.1),
    "40k": Load(40_000, 0.6, 0.1),
    "saturated": _SATURATED,
}


@frozen
class Row:
    """
    One comparison.

    @ivar traffic: C{"direct"}, C{"short_cut"} or C{"binding"}.
    @ivar load: How much is sent.
    @ivar pace: The load's name; empty for Binding, which is saturated.
    @ivar goal: What the ratio should be at least, C{None} where it is only watched.
    """

    traffic: str
    load: Load
    pace: str
    goal: float | None

    def name(self) -> str:
        """Return the figure's name."""
        return "_".join(part for part in (self.traffic, self.pace, "vs_coturn") if part)

    def words(self) -> tuple[str, ...]:
        """Return the words of the command line that ask for it."""
        saturated = ("saturated",) if self.load.rate is None else ()
        return (self.traffic, self.name(), self.name().removesuffix("_vs_coturn"), *saturated)


@frozen
class Pair:
    """
    One round of one row: the same load on both servers.

    @ivar coturn: What came of it there.
    @ivar ours: What came of it here.
    """

    coturn: Traffic
    ours: Traffic

    def ratio(self) -> float:
        """Return coturn's cost for a packet, over ours: above 1, we are cheaper."""
        return self.coturn.cost() / self.ours.cost()


#: Every comparison.
ROWS = (
    Row("direct", _LOADS["1k"], "1k", None),
    Row("direct", _LOADS["6k"], "6k", 0.75),
    Row("direct", _SATURATED, "saturated", 0.80),
    Row("short_cut", _LOADS["1k"], "1k", 1.0),
    Row("short_cut", _LOADS["6k"], "6k", 1.0),
    Row("short_cut", _LOADS["40k"], "40k", 1.0),
    Row("short_cut", _SATURATED, "saturated", 1.4),
    Row("binding", _SATURATED, "", 0.85),
)


def rowsNamed(words: Sequence[str]) -> list[Row]:
    """
    Return what the command line asks for, in the order of L{ROWS}.

    @param words: Each names the rows of one kind, those that are saturated, or one row.
    @raise ValueError: A word names nothing; the text says which.
    """
    for word in words:
        if not any(word in row.words() for row in ROWS):
            raise ValueError(word)
    return [row for row in ROWS if set(words) & set(row.words())]


def figureOf(row: Row, pairs: Sequence[Pair]) -> Figure:
    """
    Return what the rounds of a row come to.

    @param pairs: One a round, one at least.
    """
    both = ([pair.coturn for pair in pairs], [pair.ours for pair in pairs])
    cost = _beside(f"{median(run.cost() for run in runs):.2f}" for runs in both)
    p50 = _beside(f"{median(run.p50 for run in runs):,.0f}" for runs in both)
    p99 = _beside(f"{median(run.p99 for run in runs):,.0f}" for runs in both)
    losses = [_lossOf(runs) for runs in both]
    lost = _beside(f"{loss:.2%}" for loss in losses)
    notes = [f"us a packet {cost}", f"p50 {p50} us", f"p99 {p99} us", f"loss {lost}"]
    if row.load.rate is None:
        delivered = _beside(f"{median(run.rate() for run in runs):,.0f}" for runs in both)
        offered = _beside(f"{median(run.offered() for run in runs):.2f}" for runs in both)
        notes += [f"delivered a second {delivered}", f"offered {offered} times that"]
        if any(median(run.offered() for run in runs) < LEAST_OFFERED for runs in both):
            notes.append("NOT VALID: not saturated")
    else:
        if max(losses) >= TOO_MUCH_LOST:
            notes.append(f"NOT VALID: more than {TOO_MUCH_LOST:.0%} lost")
        least = row.load.rate * row.load.seconds * LEAST_SENT
        if any(median(run.sent for run in runs) < least for runs in both):
            notes.append("NOT VALID: the generator was not let run")
    return fromRounds(
        row.name(),
        [pair.ratio() for pair in pairs],
        "x",
        goal=row.goal,
        better="higher",
        note=", ".join(notes),
    )


def _lossOf(runs: Sequence[Traffic]) -> float:
    """Return which part of the packets of all rounds did not arrive."""
    return 1.0 - sum(run.delivered for run in runs) / sum(run.sent for run in runs)


def _beside(texts: Iterable[str]) -> str:
    """Return coturn's figure and ours."""
    return " / ".join(texts)
