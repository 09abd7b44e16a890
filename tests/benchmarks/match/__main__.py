"""
What the links of a match cost.

C{python -m tests.benchmarks.match [--json] [--rounds N] [--seconds N] [PART ...]}, with the
parts

  - C{seal_open_vs_aead}: sealing and opening a packet, beside the bare cipher
    (L{tests.benchmarks.match.seal_open});
  - C{reliable_vs_link_rate}: what transfers make of a narrow path, and how long the game's
    datagrams wait there, C{queue_delay_added_ms} (L{tests.benchmarks.match.transfer});
  - C{late_join}: whether three who play notice that a fourth joins,
    C{late_join_longest_stall_ms} and C{late_join_seconds}
    (L{tests.benchmarks.match.late_join});
  - C{core_share_percent}: what one player's process takes of a core, in C{--seconds} of
    play (L{tests.benchmarks.match.core_share}).

Without any, all of them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence

import attrs

from tests.benchmarks.figures import Figure, report
from tests.benchmarks.match.core_share import SECONDS, coreShare
from tests.benchmarks.match.late_join import lateJoin
from tests.benchmarks.match.seal_open import sealOpen
from tests.benchmarks.match.transfer import reliableRate

__all__ = ["PARTS", "Extent", "main"]


@attrs.frozen
class Extent:
    """
    How much is measured.

    @ivar rounds: How often, where a part has rounds.
    @ivar seconds: How long, where a part goes by the clock.
    """

    rounds: int
    seconds: float


#: What measures each part.
PARTS: dict[str, Callable[[Extent], list[Figure]]] = {
    "seal_open_vs_aead": lambda extent: sealOpen(extent.rounds),
    "reliable_vs_link_rate": lambda extent: reliableRate(extent.rounds),
    "late_join": lambda extent: lateJoin(extent.rounds),
    "core_share_percent": lambda extent: coreShare(extent.seconds),
}

_ROUNDS = 7


def main(arguments: Sequence[str]) -> None:
    """
    Measure the parts that are named, and print.

    @param arguments: Of the command line, without the program's name.
    """
    parser = ArgumentParser(prog="python -m tests.benchmarks.match")
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    for name in chosen.parts:
        if name not in PARTS:
            parser.error(f"there is no part {name}: {', '.join(PARTS)}")
    if chosen.rounds < 1:
        parser.error("there is at least one round")
    if not 1.0 <= chosen.seconds <= 3600.0:
        parser.error("from 1 to 3600 seconds are played")
    extent = Extent(chosen.rounds, chosen.seconds)
    figures: list[Figure] = []
    for name in chosen.parts or PARTS:
        figures += PARTS[name](extent)
    report("match", figures, ["--json"] if chosen.json else [])


if __name__ == "__main__":
    main(sys.argv[1:])
