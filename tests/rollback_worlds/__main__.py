"""
Run worlds by seed::

    python -m tests.rollback_worlds --seeds 0-499 --processes 2
    python -m tests.rollback_worlds --seed 17 --log
    python -m tests.rollback_worlds --seeds 0-19 --cell "mobile_4g,16,partial partition"

The whole product, with seeds for every combination: L{tests.rollback_worlds.sweep}.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections import Counter

from tests.rollback_worlds.outcomes import neverHappened, outcomesOf, seedsNamed
from tests.rollback_worlds.plan import Cell, cellNamed, planOf
from tests.rollback_worlds.world import World


def main() -> int:
    """Run what the command line asks for; exit status 1 if a world failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.rollback_worlds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, help="run this one, and print what it did")
    parser.add_argument("--seeds", default="0-499", help="for example 0-499,4711")
    parser.add_argument("--cell", type=cellNamed, help="profile,players,fault for all seeds")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON line per world")
    parser.add_argument("--log", action="store_true", help="print everything that was told")
    options = parser.parse_args()
    if options.seed is not None:
        return _runOne(options.seed, options.cell, options.log)
    seeds = seedsNamed(options.seeds)
    failed = 0
    total: Counter[str] = Counter()
    for line in outcomesOf(seeds, options.processes, options.cell):
        failed += "failure" in line
        total.update(line.get("counters", {}))
        if options.json:
            print(json.dumps(line), flush=True)
        elif "failure" in line:
            print(f"{line['cell']}: {line['failure']}")
            cell = "" if options.cell is None else f' --cell "{options.cell.name}"'
            print(
                f"replay it: python -m tests.rollback_worlds --seed {line['seed']}{cell} --log",
                flush=True,
            )
    if not options.json:
        for name, count in sorted(total.items()):
            print(f"  {name:45} {count:>10}")
        print(f"never happened: {neverHappened(total)}")
        print(f"{len(seeds)} worlds, {failed} failed")
    return 1 if failed else 0


def _runOne(seed: int, cell: Cell | None, log: bool) -> int:
    """Run one world, and tell about it."""
    world = World(planOf(seed, cell))
    failure = None
    try:
        print(json.dumps(world.run(), indent=2))
    except Exception:
        failure = traceback.format_exc()
    if log:
        print(f"{world.plan.cell}: {world.plan.seating}, vacant {world.plan.joiners}")
        for process in world.everybody:
            print(process.settings)
        for outcome in world.outcomes:
            print(f"must end with {outcome}")
        told = [
            (now, process.peer, event) for process in world.everybody for now, event in process.told
        ]
        for now, peer, event in sorted(told, key=lambda one: one[0]):
            print(f"{now:8.3f} peer {peer}: {event}")
    if failure is not None:
        print(failure)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
