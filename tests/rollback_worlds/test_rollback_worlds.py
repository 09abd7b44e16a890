"""
Matches of 2 to 8 players over 13 kinds of links, by seed, as part of the test run.

C{GAMENET_ROLLBACK_WORLDS} says how many seeds run (500 unless set).  The whole product
is C{python -m tests.rollback_worlds.sweep --state FILE}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rollback_worlds.outcomes import MUST_HAPPEN, neverHappened
from tests.rollback_worlds.plan import CELLS, cellOf

SEEDS = int(os.environ.get("GAMENET_ROLLBACK_WORLDS", "500"))

#: Below this it is not demanded that everything happened.
ENOUGH = 200

#: Of so many seeds one runs in both processes.
SHARED = 10

_ROOT = Path(__file__).parents[2]


def _committedSeeds() -> list[int]:
    lines = (Path(__file__).parent / "failed_seeds.txt").read_text().splitlines()
    return [int(line) for line in lines if line and not line.startswith("#")]


def _start(seeds: list[int], hash_seed: str, output: IO[str]) -> subprocess.Popen[bytes]:
    """Run worlds in a process of their own, whose hashes are salted with C{hash_seed}."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.rollback_worlds",
            "--json",
            "--seeds",
            ",".join(map(str, seeds)),
        ],
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=output,
    )


def _runInTwo(seeds: list[int]) -> tuple[dict[int, Any], dict[int, Any]]:
    """Run worlds in two processes at once, some of them in both; return what each printed."""
    shared = seeds[::SHARED]
    rest = [seed for seed in seeds if seed not in shared]
    with TemporaryFile("w+") as one, TemporaryFile("w+") as other:
        processes = [
            _start(shared + rest[::2], "1", one),
            _start(shared + rest[1::2], "31415926", other),
        ]
        for process in processes:
            process.wait(1800)
        for output in (one, other):
            output.seek(0)
        first, second = (
            {line["seed"]: line for line in map(json.loads, output)} for output in (one, other)
        )
        return first, second


class RollbackWorldTests(SynchronousTestCase):
    """Hundreds of matches in which something goes wrong."""

    timeout = 1800

    def test_everyWorldAgreesAndMovesAndIsTheSameTwice(self) -> None:
        """
        Done when: 500 worlds drawn from 13 link profiles x 2, 3, 4, 8 players x drop, split,
        partial partition, reconnect, late join: identical confirmed inputs and checksums,
        300 more frames after healing, drops exactly where they were scheduled, and no
        counter is zero; the seeds that once failed too.
        """
        seeds = sorted({*range(SEEDS), *_committedSeeds()})
        first, second = _runInTwo(seeds)
        lines = {**first, **second}
        self.assertEqual(sorted(lines), seeds)
        for line in lines.values():
            if "failure" in line:
                self.fail(
                    f"{line['cell']}: {line['failure']}\nreplay it: "
                    f"python -m tests.rollback_worlds --seed {line['seed']} --log"
                )
        both = [seed for seed in first if seed in second]
        self.assertGreaterEqual(len(both), len(seeds) // SHARED)
        differing = [seed for seed in both if first[seed] != second[seed]]
        self.assertEqual(differing, [], "these seeds depend on PYTHONHASHSEED")
        self.requireHappened(list(lines.values()))

    def requireHappened(self, lines: list[dict[str, Any]]) -> None:
        """Done when: counters of each fault are above zero."""
        total: Counter[str] = Counter()
        for line in lines:
            total.update(line["counters"])
        print(f"\n{len(lines)} worlds of rollback:", file=sys.stderr)
        for name in MUST_HAPPEN:
            print(f"  {name:38} {total[name]:>9}", file=sys.stderr)
        if SEEDS >= ENOUGH:
            self.assertEqual(neverHappened(total), [], "these never happened")

    def test_seedsGoThroughTheWholeProduct(self) -> None:
        """Done when: as many seeds in a row as there are combinations are about each of them."""
        self.assertEqual(len(CELLS), 13 * 4 * 5)
        for start in (0, 7):
            seeds = range(start, start + len(CELLS))
            self.assertEqual(Counter(map(cellOf, seeds)), Counter(CELLS))
