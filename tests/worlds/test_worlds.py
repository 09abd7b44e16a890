"""
The whole network by seed, as part of the test run.

C{GAMENET_WORLD_SEEDS} says how many seeds run (200 unless set).  A longer sweep
is C{python -m tests.worlds --seeds 0-9999 --processes 2}.
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

SEEDS = int(os.environ.get("GAMENET_WORLD_SEEDS", "200"))

#: What must have happened at least once in all the worlds together: a fault that never
#: happened was never survived.
MUST_HAPPEN = (
    "lost",
    "duplicated",
    "reordered",
    "partitioned",
    "partitions",
    "expired_mappings",
    "forgotten_mappings",
    "filtered_by_nat",
    "suspensions",
    "wall_clock_steps",
    "streams_stalled",
    "stream_retransmissions",
    "direct_paths",
    "relay_paths",
    "packets_direct",
    "packets_relayed",
    "rollbacks",
    "stalls",
    "strangers",
    "lobby refused MALFORMED",
    "lobby refused UNKNOWN_MESSAGE",
    "lobby refused BAD_NAME",
    "lobby refused ALREADY_GREETED",
    "lobby refused NOT_GREETED",
    "lobby refused NO_SUCH_SESSION",
    "lobby refused SESSION_FULL",
    "lobby refused ALREADY_SEATED",
    "lobby refused NOT_SEATED",
    "lobby refused NOT_HOST",
    "lobby refused TOO_FEW_PLAYERS",
    "lobby refused MATCH_RUNNING",
    "lobby refused FRAME_TOO_LONG",
    "lobby refused UNSUPPORTED_VERSION",
    "lobby refused BAD_SETTING",
    "lobby refused TOO_MANY",
    "lobby refused NO_SUCH_MATCH",
    "lobby refused NO_SUCH_PLAYER",
    "heartbeats malformed",
    "heartbeats unknown",
    "heartbeats forged",
    "lobby stun ignored",
    "relay refused 401",
    "relay refused 437",
    "relay refused 438",
    "relay dropped malformed",
    "relay dropped no_allocation",
    "relay dropped no_permission",
)

_ROOT = Path(__file__).parents[2]


def _committedSeeds() -> list[int]:
    lines = (Path(__file__).parent / "failed_seeds.txt").read_text().splitlines()
    return [int(line) for line in lines if line and not line.startswith("#")]


def _start(seeds: list[int], hash_seed: str, output: IO[str]) -> subprocess.Popen[bytes]:
    """Run worlds in a process of their own, whose hashes are salted with C{hash_seed}."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.worlds", "--json", "--seeds", _asText(seeds)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=output,
    )


def _runTwice(seeds: list[int]) -> list[list[dict[str, Any]]]:
    """Run the same worlds in two processes at once; return what each printed."""
    with TemporaryFile("w+") as one, TemporaryFile("w+") as other:
        processes = [_start(seeds, "1", one), _start(seeds, "31415926", other)]
        for process in processes:
            process.wait(1800)
        for output in (one, other):
            output.seek(0)
        return [[json.loads(line) for line in output] for output in (one, other)]


def _asText(seeds: list[int]) -> str:
    return ",".join(str(seed) for seed in seeds)


class WorldTests(SynchronousTestCase):
    """Hundreds of worlds, each twice."""

    def test_everyWorldMovesAndAgreesAndIsTheSameTwice(self) -> None:
        """
        Done when: at least 200 seeds of the whole network, each run again in a new process
        with another PYTHONHASHSEED and the same trace hash; every world confirms 300
        more frames within 8 simulated seconds of healing; no counter is zero.
        """
        seeds = _committedSeeds() + list(range(SEEDS))
        first, second = _runTwice(seeds)
        self.assertEqual([line["seed"] for line in first], seeds)
        self._mustNotFail(first)
        self._mustNotFail(second)
        differing = [
            a["seed"] for a, b in zip(first, second, strict=True) if a["trace"] != b["trace"]
        ]
        self.assertEqual(differing, [], "these seeds depend on PYTHONHASHSEED")
        self._mustHaveHappened(first)

    def _mustNotFail(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if "failure" in line:
                self.fail(
                    f"{line['failure']}\nreplay it: "
                    f"python -m tests.worlds --seed {line['seed']} --log"
                )

    def _mustHaveHappened(self, lines: list[dict[str, Any]]) -> None:
        total: Counter[str] = Counter()
        for line in lines:
            total.update(line["counters"])
        print(f"\n{len(lines)} worlds:", file=sys.stderr)
        for name in MUST_HAPPEN:
            print(f"  {name:34} {total[name]:>9}", file=sys.stderr)
        never = [name for name in MUST_HAPPEN if not total[name]]
        self.assertEqual(never, [], "these faults never happened")
