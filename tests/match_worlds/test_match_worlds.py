"""
Whole matches by seed, as part of the test run.

C{GAMENET_MATCH_WORLDS} says how many seeds run (20 unless set).  A longer sweep is
C{python -m tests.match_worlds --seeds 0-499 --processes 2}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from twisted.trial.unittest import SynchronousTestCase

from tests.match_worlds.sweep import failedSeeds, missing

SEEDS = int(os.environ.get("GAMENET_MATCH_WORLDS", "20"))

#: So many of them run in a second process, whose hashes are salted otherwise.
TWICE = 4

#: From so many seeds on everything must have happened.
MANY = 500

#: What must have happened in few worlds, too.
FEW = 16
IN_FEW = (
    "played", "shared alone", "net lost", "net partitioned", "host changed", "log elections",
    "log snapshots_taken", "returns by the lobby", "player dropped", "seat taken",
    "frames compared", "acknowledged and kept", "last words",
)  # fmt: skip

_ROOT = Path(__file__).parents[2]


def _start(seeds: list[int], hash_seed: str, output: IO[str]) -> subprocess.Popen[bytes]:
    """Run worlds in a process of their own, whose hashes are salted with C{hash_seed}."""
    named = ",".join(str(seed) for seed in seeds)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.match_worlds", "--json", "--seeds", named],
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=output,
    )


class MatchWorldTests(SynchronousTestCase):
    """Dozens of worlds, some of them twice."""

    def test_everyWorldIsOneAgain(self) -> None:
        """
        Done when: 2 to 8 participants, loss, partitions, crashes, host deaths at every step,
        joins and returns; after healing all logs agree, every command was answered, every
        acknowledged event is in all logs or was reported to its sender, one host per epoch,
        nobody outside grace kept, nobody inside grace lost; counters above zero.
        """
        seeds = failedSeeds() + list(range(SEEDS))
        half = len(seeds) // 2
        shares = (seeds[:half], seeds[half:], seeds[-TWICE:])
        lines = self._outcomesOf(shares)
        once, again = lines[:-TWICE], lines[-TWICE:]
        self.assertEqual([line["seed"] for line in once], seeds)
        for line in lines:
            if "failure" in line:
                self.fail(
                    f"{line['failure']}\nreplay it: "
                    f"python -m tests.match_worlds --seed {line['seed']} --log"
                )
        differing = [
            a["seed"] for a, b in zip(once[-TWICE:], again, strict=True) if a["trace"] != b["trace"]
        ]
        self.assertEqual(differing, [], "these seeds depend on PYTHONHASHSEED")
        self._mustHaveHappened(once)

    def _outcomesOf(self, shares: tuple[list[int], ...]) -> list[dict[str, Any]]:
        """Run each share in a process of its own; return what they printed, in order."""
        with ExitStack() as stack:
            outputs = [stack.enter_context(TemporaryFile("w+")) for _ in shares]
            processes = [
                _start(seeds, str(number), output)
                for number, (seeds, output) in enumerate(zip(shares, outputs, strict=True))
            ]
            lines = []
            for process, output in zip(processes, outputs, strict=True):
                process.wait(3600)
                output.seek(0)
                lines += [json.loads(line) for line in output]
        return lines

    def _mustHaveHappened(self, lines: list[dict[str, Any]]) -> None:
        total: Counter[str] = Counter()
        for line in lines:
            total.update(line["counters"])
        if SEEDS >= MANY:
            self.assertEqual(missing(total), [], "these never happened")
        elif SEEDS >= FEW:
            self.assertEqual([name for name in IN_FEW if not total[name]], [])
