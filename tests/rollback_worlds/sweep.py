"""
The whole product of links, players and faults, many seeds each, as a run that can be
interrupted and taken up again::

    python -m tests.rollback_worlds.sweep --state sweep.txt --processes 2

Of each combination runs C{--each} seeds (50 unless set).  What is done stands in the
state file, a line a world; the same command goes on where it stopped.  The file's first
line is a digest of the code that is judged: after a change the run begins anew, unless
C{--mixed} says that worlds of other code count too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tests.rollback_worlds.outcomes import outcomesOf
from tests.rollback_worlds.plan import CELLS, cellOf

__all__ = ["main"]

_ROOT = Path(__file__).parents[2]
_JUDGED = (
    "gamenet/agreement",
    "gamenet/feed",
    "gamenet/rollback",
    "gamenet/wire",
    "tests/rollback_worlds",
)


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing; exit status 1 if any world failed, now or before."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.rollback_worlds.sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--state", type=Path, required=True, help="where is kept what is done")
    parser.add_argument("--each", type=int, default=50, help="seeds of each combination")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--limit", type=int, help="run so many worlds at most, and stop")
    parser.add_argument("--mixed", action="store_true", help="count worlds of other code too")
    options = parser.parse_args(arguments)
    done = _read(options.state, options.mixed)
    seeds = range(len(CELLS) * options.each)
    missing = [seed for seed in seeds if seed not in done][: options.limit]
    print(f"{len(seeds)} worlds, {len(seeds) - len(missing)} done or left for later", flush=True)
    with options.state.open("a") as state:
        for line in outcomesOf(missing, options.processes):
            done[line["seed"]] = line
            state.write(json.dumps(_brief(line)) + "\n")
            state.flush()
            _tell(line, len(done))
    return _conclude([done[seed] for seed in seeds if seed in done], len(seeds))


def digest() -> str:
    """Return a digest of the code that is judged and that judges."""
    running = blake2b(digest_size=8)
    for folder in _JUDGED:
        for path in sorted((_ROOT / folder).glob("*.py")):
            running.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return running.hexdigest()


def _read(path: Path, mixed: bool) -> dict[int, dict[str, Any]]:
    """Return what is done, by seed; begin a new file where that is of no use."""
    code = digest()
    lines = path.read_text().splitlines() if path.exists() else []
    if not lines or (lines[0] != code and not mixed):
        path.write_text(code + "\n")
        return {}
    done = {}
    for text in lines[1:]:
        try:
            line = json.loads(text)
        except ValueError:
            continue  # the run was killed while it wrote this
        done[line["seed"]] = line
    if not path.read_text().endswith("\n"):
        with path.open("a") as state:
            state.write("\n")
    return done


def _brief(line: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a world."""
    return {
        name: line[name]
        for name in ("seed", "trace", "frames", "seconds", "counters", "failure")
        if name in line
    }


def _tell(line: dict[str, Any], done: int) -> None:
    """Say how far the run is, and what has failed."""
    seed = line["seed"]
    if "failure" in line:
        print(f"{cellOf(seed)}: {line['failure']}")
        print(f"replay it: python -m tests.rollback_worlds --seed {seed} --log", flush=True)
    if not done % 100:
        print(f"{done} worlds done", flush=True)


def _conclude(lines: list[dict[str, Any]], wanted: int) -> int:
    """Say what all worlds together did."""
    total: Counter[str] = Counter()
    cells = Counter(cellOf(line["seed"]) for line in lines)
    for line in lines:
        total.update(line.get("counters", {}))
    for name, count in sorted(total.items()):
        print(f"  {name:45} {count:>12}")
    failed = [line["seed"] for line in lines if "failure" in line]
    print(
        f"{len(lines)} of {wanted} worlds, {len(cells)} of {len(CELLS)} combinations,"
        f" {sum(line.get('frames', 0) for line in lines)} frames,"
        f" {sum(line.get('seconds', 0.0) for line in lines) / 3600:.1f} hours of play"
    )
    print(f"{len(failed)} failed: {failed}")
    return 1 if failed or len(lines) < wanted else 0


if __name__ == "__main__":
    sys.exit(main())
