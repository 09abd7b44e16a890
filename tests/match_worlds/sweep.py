"""
Many worlds, and what must have happened in them together: a fault that never happened was
never survived.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from twisted.logger import globalLogBeginner

from tests.match_worlds.world import runWorld

__all__ = ["MUST_HAPPEN", "failedSeeds", "missing", "outcomes", "seedsNamed", "silence"]

#: What must have happened at least once in a sweep of 500 worlds.
MUST_HAPPEN = (
    *(f"players {count}" for count in range(2, 9)),
    "played", "shared alone", "match started", "countdown", "path direct", "path relay",
    "net lost", "net duplicated", "net reordered", "net partitioned", "net suspensions",
    "net readdressings", "net forgotten_mappings", "net filtered_by_nat",
    "net streams_stalled",
    "host dies before the ticket", "host dies reaching", "host dies counting",
    "host deaths", "host deaths at a command", "host deaths while somebody joins",
    "crashes", "start called off", "begins anew", "returns by the lobby",
    "returns by the secret", "comes late", "leaves", "kicks", "delegates",
    "asks for everything", "lobby dies", "cut off", "host cut off", "split", "cut one way",
    "pair cut", "suspended", "another address", "storm", "router forgets",
    "relay suspended",
    "player dropped", "player joined", "seat taken", "dropped by the others", "isolated",
    "reunited", "frames compared",
    "command", "last words", "acknowledged and kept", "acknowledged and dropped",
    "event dropped", "host changed", "synced",
    "ParticipantJoined", "ParticipantLeft", "ParticipantLost", "ParticipantReturned",
    "GRACE_OVER", "KICKED", "LEFT", "Renamed", "Chat", "Custom", "SettingChanged",
    "HostDelegated", "EpochStarted", "ActivityStarted",
    "log claims", "log elections", "log delegations", "log merges", "log yields",
    "log gaps", "log snapshots_sent", "log snapshots_taken",
)  # fmt: skip


def seedsNamed(text: str) -> list[int]:
    """Return the seeds that a text like C{"0-199,4711"} names."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


def failedSeeds() -> list[int]:
    """Return the seeds that failed once; they always run."""
    lines = (Path(__file__).parent / "failed_seeds.txt").read_text().splitlines()
    return [int(line) for line in lines if line and not line.startswith("#")]


def missing(total: Counter[str]) -> list[str]:
    """Return what should have happened, and has not."""
    return [name for name in MUST_HAPPEN if not total[name]]


def silence() -> None:
    """Write no log: worlds look at it themselves."""
    globalLogBeginner.beginLoggingTo(
        [lambda event: None], redirectStandardIO=False, discardBuffer=True
    )


def outcomes(seeds: list[int], processes: int) -> Iterator[dict[str, Any]]:
    """Run worlds, and yield what became of each, in order."""
    if processes == 1:
        yield from map(outcome, seeds)
        return
    with ProcessPoolExecutor(processes, initializer=silence) as pool:
        yield from pool.map(outcome, seeds, chunksize=2)


def outcome(seed: int, log: bool = False) -> dict[str, Any]:
    """Run one world; what went wrong is in C{failure}."""
    try:
        return {"seed": seed, **runWorld(seed, log)}
    except Exception:
        return {"seed": seed, "failure": traceback.format_exc()}
