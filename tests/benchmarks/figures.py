"""
What every benchmark measures and prints: rounds, a table for people, one JSON object for CI.

A benchmark is a function per figure, run for several rounds; what counts is the median, and the
lowest and highest round say how far to trust it.  CPU time is measured, not
wall-clock time, because other processes share the machine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from statistics import median
from time import process_time

from attrs import frozen

__all__ = ["Figure", "cpuSeconds", "fromRounds", "report"]


@frozen
class Figure:
    """
    One measured figure.

    @ivar name: What was measured, in words with dashes.
    @ivar value: The median round.
    @ivar low: The lowest round.
    @ivar high: The highest round.
    @ivar unit: Of all of them.
    @ivar goal: What it should be, or C{None} where it is only watched.
    @ivar better: C{"higher"} or C{"lower"}.
    @ivar note: What else there is to say, in a few words.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    goal: float | None
    better: str
    note: str = ""

    def met(self) -> bool:
        """Return whether the median is as good as the goal."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal


def fromRounds(
    name: str,
    rounds: Sequence[float],
    unit: str,
    *,
    goal: float | None = None,
    better: str,
    note: str = "",
) -> Figure:
    """
    Return the figure that several rounds come to.

    @param rounds: What each round measured, one at least.
    """
    return Figure(name, median(rounds), min(rounds), max(rounds), unit, goal, better, note)


def cpuSeconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that C{work} takes."""
    started = process_time()
    work()
    return process_time() - started


def report(benchmark: str, figures: Sequence[Figure], arguments: Sequence[str]) -> None:
    """
    Print a table; with C{--json} among the arguments, one JSON object as the last line.

    @param benchmark: The name of the module in C{tests.benchmarks}.
    @param arguments: Of the command line, without the program's name.
    """
    print(f"{benchmark}: median of each figure, lowest to highest round")
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        goal = ""
        if figure.goal is not None:
            sign = ">=" if figure.better == "higher" else "<="
            verdict = "met" if figure.met() else "MISSED"
            goal = f"   goal {sign} {_number(figure.goal)}: {verdict}"
        note = f"   ({figure.note})" if figure.note else ""
        print(
            f"  {figure.name:<{width}}  {_number(figure.value):>12} {figure.unit}"
            f"  ({_number(figure.low)} to {_number(figure.high)}){goal}{note}"
        )
    if "--json" in arguments:
        rows = [
            {
                "name": figure.name,
                "value": figure.value,
                "low": figure.low,
                "high": figure.high,
                "unit": figure.unit,
                "goal": figure.goal,
                "better": figure.better,
                "note": figure.note,
            }
            for figure in figures
        ]
        print(json.dumps({"benchmark": benchmark, "figures": rows}))
    sys.stdout.flush()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
