"""
Run worlds by seed::

    python -m tests.match_worlds --seeds 0-499 --processes 2
    python -m tests.match_worlds --seed 17 --log
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from twisted.logger import globalLogBeginner, textFileLogObserver

from tests.match_worlds.sweep import missing, outcome, outcomes, seedsNamed, silence

#: From so many worlds on everything must have happened.
_MANY = 500


def main() -> int:
    """Run what the command line asks for; exit status 1 if a world failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.match_worlds", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one, and print what it did")
    parser.add_argument("--seeds", default="0-499", help="for example 0-199,4711")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON line per world")
    parser.add_argument("--log", action="store_true", help="print what happens, and the log")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options.seed, options.log)
    silence()
    seeds = seedsNamed(options.seeds)
    total: Counter[str] = Counter()
    failed = 0
    for line in outcomes(seeds, options.processes):
        failed += "failure" in line
        total.update(line.get("counters", {}))
        if options.json:
            print(json.dumps(line), flush=True)
        elif "failure" in line:
            print(line["failure"])
            replay = f"python -m tests.match_worlds --seed {line['seed']} --log"
            print(f"replay it: {replay}", flush=True)
    never = missing(total) if len(seeds) >= _MANY else []
    if not options.json:
        for name in sorted(total):
            print(f"  {name:42} {total[name]:>9}")
        print(f"{len(seeds)} worlds, {failed} failed, never happened: {never}")
    return 1 if failed or never else 0


def _one(seed: int, log: bool) -> int:
    if log:
        globalLogBeginner.beginLoggingTo(
            [textFileLogObserver(sys.stdout)], redirectStandardIO=False, discardBuffer=True
        )
    else:
        silence()
    line = outcome(seed, log)
    print(line.get("failure") or json.dumps(line, indent=2))
    return 1 if "failure" in line else 0


if __name__ == "__main__":
    sys.exit(main())
