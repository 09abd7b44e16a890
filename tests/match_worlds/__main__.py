"""
Run worlds by seed::

    python -m tests.match_worlds --seeds 0-199 --processes 2
    python -m tests.match_worlds --seed 17 --log
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from twisted.logger import globalLogPublisher, textFileLogObserver

from tests.match_worlds.world import runWorld


def main() -> int:
    """Run what the command line asks for; exit status 1 if a world failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.match_worlds", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one, and print what it did")
    parser.add_argument("--seeds", default="0-199", help="for example 0-199,4711")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON line per world")
    parser.add_argument("--log", action="store_true", help="print the log of the world too")
    options = parser.parse_args()
    if options.log:
        globalLogPublisher.addObserver(textFileLogObserver(sys.stderr))
    if options.seed is not None:
        seeds = [options.seed]
    else:
        seeds = _named(options.seeds)
    failed = 0
    for line in _outcomes(seeds, options.processes):
        failed += "failure" in line
        if options.json:
            print(json.dumps(line), flush=True)
        elif "failure" in line:
            print(line["failure"])
            print(f"replay it: python -m tests.match_worlds --seed {line['seed']} --log")
        elif options.seed is not None:
            print(json.dumps(line, indent=2))
    if not options.json:
        print(f"{len(seeds)} worlds, {failed} failed")
    return 1 if failed else 0


def _named(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


def _outcomes(seeds: list[int], processes: int) -> list[dict[str, Any]]:
    if processes == 1:
        return [_outcome(seed) for seed in seeds]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(_outcome, seeds, chunksize=4))


def _outcome(seed: int) -> dict[str, Any]:
    """Run one world; what went wrong is in C{failure}."""
    try:
        return {"seed": seed, **runWorld(seed)}
    except Exception:
        return {"seed": seed, "failure": traceback.format_exc()}


if __name__ == "__main__":
    sys.exit(main())
