"""
What the relay costs, beside Debian's coturn.

C{python -m tests.benchmarks.relay [--json] [--rounds N] [--coturn-twice] [WORD ...]},
with the words

  - C{direct}, C{short_cut}, C{binding}: the kinds of traffic
    (L{tests.benchmarks.relay_traffic});
  - C{saturated}: of those, what is saturated;
  - C{direct_6k} and the like: one row;
  - C{memory}: what an allocation costs (L{tests.benchmarks.relay_memory}).

Without any, all of them, which takes five minutes.  Both servers run side by side on
core 0; this program and its generator, which is compiled by C{cc}, run on core 1.  It
needs Linux, two cores, C{cc} and C{turnserver}.

A figure is coturn's CPU for a packet delivered to the far end, divided by ours, the
median over the rounds: both servers serve in every round, in alternating order.  All
threads of a server count.  A saturated server shares its core with a spinner, and twice
what it delivers is offered.  The generator itself reads up to some 10 us late, which is
part of the latency.

C{--coturn-twice} puts a second coturn in our place: its ratios are what this benchmark
measures where there is no difference.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.figures import Figure, report
from tests.benchmarks.relay_generator import GENERATOR_CORE, SERVER_CORE, compileGenerator
from tests.benchmarks.relay_memory import inMemory
from tests.benchmarks.relay_rows import ROWS, Pair, Row, figureOf, rowsNamed
from tests.benchmarks.relay_servers import Server, coturn, coturnVersion, ours
from tests.benchmarks.relay_traffic import Scene

__all__ = ["main"]

_ROUNDS = 7
_MEMORY = "memory"

_Started = Callable[[Path], AbstractContextManager[Server]]


def main(arguments: Sequence[str]) -> None:
    """
    Measure what is named, and print.

    @param arguments: Of the command line, without the program's name.
    """
    parser = ArgumentParser(prog="python -m tests.benchmarks.relay")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--coturn-twice", action="store_true")
    chosen = parser.parse_args(arguments)
    words = [word for word in chosen.words if word != _MEMORY]
    try:
        rows = rowsNamed(words) if chosen.words else list(ROWS)
    except ValueError as error:
        parser.error(f"there is no {error}")
    if chosen.rounds < 1:
        parser.error("there is at least one round")
    if not {SERVER_CORE, GENERATOR_CORE} <= os.sched_getaffinity(0):
        sys.exit("tests.benchmarks.relay needs the cores 0 and 1")
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Every child is ended on the way out.
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    os.sched_setaffinity(0, {GENERATOR_CORE})
    print(
        f"{date.today()}, coturn {coturnVersion()} (4.17 is not measured),"
        f" Python {platform.python_version()}, Linux {platform.release()}, {_processor()};"
        f" {chosen.rounds} rounds; of two figures coturn's is the first",
        flush=True,
    )
    other: _Started = coturn if chosen.coturn_twice else ours
    figures = _compare(rows, chosen.rounds, other) if rows else []
    if _MEMORY in chosen.words or not chosen.words:
        figures += inMemory(chosen.rounds, coturn, other)
    report("relay", figures, ["--json"] if chosen.json else [])


def _compare(rows: Sequence[Row], rounds: int, other: _Started) -> list[Figure]:
    """Run both servers, and every row in every round."""
    with ExitStack() as stack:
        folders = [
            Path(stack.enter_context(TemporaryDirectory(prefix="relay-benchmark-")))
            for _ in range(3)
        ]
        generator = compileGenerator(folders[2])
        servers = (
            stack.enter_context(coturn(folders[0])),
            stack.enter_context(other(folders[1])),
        )
        scenes: dict[tuple[int, str], Scene] = {}
        for traffic in dict.fromkeys(row.traffic for row in rows):
            for place, server in enumerate(servers):
                scene = scenes[place, traffic] = Scene(server, traffic, generator)
                stack.callback(scene.close)
        pairs: dict[Row, list[Pair]] = {row: [] for row in rows}
        for number in range(rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            for row in rows:
                runs = {place: scenes[place, row.traffic].run(row.load) for place in order}
                pairs[row].append(Pair(runs[0], runs[1]))
    return [figureOf(row, pairs[row]) for row in rows]


def _processor() -> str:
    """Return the name of the machine's processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
