"""
What the rollback session costs.

C{python -m tests.benchmarks.rollback [--json] [section ...]}, with the sections

  - C{ratios}: what a tick costs, as ratios to a bare frame
    (L{tests.benchmarks.rollback_ratios});
  - C{wire}: packets and bytes a second (L{tests.benchmarks.rollback_wire});
  - C{fortress}: beside Fortress Rollback (L{tests.benchmarks.rollback_fortress});
  - C{profiles}: on 13 kinds of link (L{tests.benchmarks.rollback_profiles});
  - C{memory}: after 1 000 000 frames (L{tests.benchmarks.rollback_memory}).

Without any, the first three; the last two take minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tests.benchmarks.figures import Figure, report
from tests.benchmarks.rollback_fortress import besideFortress
from tests.benchmarks.rollback_memory import inMemory
from tests.benchmarks.rollback_profiles import onProfiles
from tests.benchmarks.rollback_ratios import ratios
from tests.benchmarks.rollback_wire import onTheWire

__all__ = ["SECTIONS", "main"]

#: What measures each section.
SECTIONS: dict[str, Callable[[], list[Figure]]] = {
    "ratios": ratios,
    "wire": onTheWire,
    "fortress": besideFortress,
    "profiles": onProfiles,
    "memory": inMemory,
}

_USUAL = ("ratios", "wire", "fortress")


def main(arguments: Sequence[str]) -> None:
    """
    Measure the sections that are named, and print.

    @param arguments: Of the command line, without the program's name.
    """
    named = [argument for argument in arguments if argument != "--json"]
    for name in named:
        if name not in SECTIONS:
            sys.exit(f"there is no section {name}: {', '.join(SECTIONS)}")
    figures: list[Figure] = []
    for name in named or _USUAL:
        figures += SECTIONS[name]()
    report("rollback", figures, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
