"""
What became of the worlds of some seeds.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from tests.rollback_worlds.plan import PLAYERS, Cell, Fault, cellOf
from tests.rollback_worlds.profiles import PROFILES
from tests.rollback_worlds.world import runWorld

__all__ = ["MUST_HAPPEN", "neverHappened", "outcomeOf", "outcomesOf", "seedsNamed"]

#: What must have happened at least once in many worlds together: a fault that never
#: happened was never survived.
MUST_HAPPEN = (
    "lost",
    "lost in bursts",
    "duplicated",
    "reordered",
    "packets cut off",
    "packets delivered",
    "delay changes",
    "short stops",
    "deaths",
    "deaths of a quorum",
    "restarts",
    "leaves",
    "left",
    "splits in 2",
    "splits in 3",
    "splits in equal halves",
    "splits without a quorum",
    "short splits",
    "long splits",
    "splits that end while it is decided",
    "partial partitions both ways",
    "partial partitions one way",
    "partial partitions without a quorum",
    "late joiners",
    "second faults",
    "states restored",
    "PeerInterrupted",
    "PeerResumed",
    "PlayerDropped",
    "PlayerJoined",
    "Dropped",
    "SeatTaken",
    "Isolated",
    "Reunited",
    "several players a peer",
    "lockstep",
    "sparse saving",
    "both stop",
    "states exchanged",
    "leavers freeze",
    "leavers remove",
    "leavers default input",
    "leavers bot",
    "prediction repeat last",
    "prediction default",
    "prediction own",
    "send interval None",
    "send interval 1",
    "send interval 2",
    "send interval 3",
    "send interval 4",
    "statistics rollbacks",
    "statistics stalls",
    "statistics inputs_backfilled",
    "statistics packets_repeated",
    *(f"profile {profile.name}" for profile in PROFILES),
    *(f"players {players}" for players in PLAYERS),
    *(f"fault {fault.value}" for fault in Fault),
)


def seedsNamed(text: str) -> list[int]:
    """Return the seeds that a text such as C{0-199,4711} names."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


def outcomeOf(seed: int, cell: Cell | None = None) -> dict[str, Any]:
    """
    Run one world; what went wrong is in C{failure}.

    @param cell: What it is about; C{None} leaves that to the seed.
    """
    try:
        return {"seed": seed, **runWorld(seed, cell)}
    except Exception:
        failure = traceback.format_exc()
        return {"seed": seed, "cell": str(cell or cellOf(seed)), "failure": failure}


def outcomesOf(
    seeds: Iterable[int], processes: int = 1, cell: Cell | None = None
) -> Iterator[dict[str, Any]]:
    """Run worlds, and tell of them in order."""
    run = partial(outcomeOf, cell=cell)
    if processes == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(run, seeds, chunksize=4)


def neverHappened(total: Counter[str]) -> list[str]:
    """Return what of L{MUST_HAPPEN} did not happen."""
    return [name for name in MUST_HAPPEN if not total[name]]
