"""
What a seed means: which world it is, and everything that is drawn for it.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

import attrs

from gamenet.rollback.settings import LeaverPolicy, Prediction, RollbackSettings
from gamenet.seeded_random import SeededRandom
from tests.rollback_worlds.profiles import PROFILES, LinkProfile, profileNamed

__all__ = [
    "CELLS",
    "PLAYERS",
    "Cell",
    "Fault",
    "Plan",
    "cellNamed",
    "cellOf",
    "holdsQuorum",
    "planOf",
]

PLAYERS = (2, 3, 4, 8)


class Fault(Enum):
    """What a world is about."""

    #: Processes die.
    DROP = "drop"
    #: The peers are split into groups that do not hear each other.
    SPLIT = "split"
    #: Two peers do not hear each other, and everybody else hears both.
    PARTIAL = "partial partition"
    #: Peers lose their links for so long that the others drop them, and come back.
    RECONNECT = "reconnect"
    #: Somebody takes a seat that was empty.
    LATE_JOIN = "late join"


@attrs.frozen
class Cell:
    """One combination of what the worlds are made of."""

    profile: LinkProfile
    players: int
    fault: Fault

    @property
    def name(self) -> str:
        """What L{cellNamed} understands."""
        return f"{self.profile.name},{self.players},{self.fault.value}"

    def __str__(self) -> str:
        return f"{self.profile.name} x {self.players} players x {self.fault.value}"


#: All combinations.
CELLS = tuple(
    Cell(profile, players, fault)
    for profile in PROFILES
    for players in PLAYERS
    for fault in Fault
)

#: Coprime to the number of combinations: the next seed is about something else.
_STRIDE = 97


def cellNamed(text: str) -> Cell:
    """
    Return a combination by name: profile, players and fault with commas between; also with
    more players than in L{PLAYERS}.
    """
    profile, players, fault = text.split(",")
    return Cell(profileNamed(profile), int(players), Fault(fault))


def cellOf(seed: int) -> Cell:
    """Return what the world of a seed is about: of as many seeds in a row, each its own."""
    return CELLS[seed * _STRIDE % len(CELLS)]


@attrs.frozen
class Plan:
    """
    The world of one seed.

    @ivar cell: What it is about.
    @ivar settings: Of each peer, by number.
    @ivar clocks: Offset and rate of each peer's clock.
    @ivar joiners: The peers whose seats are vacant at first.
    @ivar random: For what happens in it.
    """

    seed: int
    cell: Cell
    settings: dict[int, RollbackSettings]
    clocks: dict[int, tuple[float, float]]
    joiners: tuple[int, ...]
    random: SeededRandom

    @property
    def seating(self) -> tuple[tuple[int, ...], ...]:
        """The players of each peer."""
        return next(iter(self.settings.values())).peers

    @property
    def lost_after(self) -> float:
        """Seconds of silence after which a peer is dropped."""
        return next(iter(self.settings.values())).lost_after or 0.0

    @property
    def both_stop(self) -> bool:
        """See L{RollbackSettings}."""
        return next(iter(self.settings.values())).both_stop

    def holdsQuorum(self, peers: Collection[int], members: Collection[int]) -> bool:
        """Return whether of the members of a match some may go on without the others."""
        return holdsQuorum(self.seating, peers, members, self.both_stop)


def holdsQuorum(
    seating: tuple[tuple[int, ...], ...],
    peers: Collection[int],
    members: Collection[int],
    both_stop: bool = False,
) -> bool:
    """
    Return whether of the members of a match some may go on without the others: they are
    more than half of the players, or half with the lowest of all.

    Told anew from the issue's words, to judge L{gamenet.agreement.view.isQuorum}.
    """
    players = sorted(p for local in seating for p in local if local[0] in members)
    here = [p for local in seating for p in local if local[0] in peers and local[0] in members]
    if both_stop and len(members) == len(players) == 2:
        return len(here) == 2
    return len(here) * 2 > len(players) or (
        len(here) * 2 == len(players) and players[0] in here
    )


def planOf(seed: int, cell: Cell | None = None) -> Plan:
    """
    Draw a world.

    @param cell: What it is about; C{None} leaves that to the seed.
    """
    cell = cellOf(seed) if cell is None else cell
    random = SeededRandom.fromLabel(seed, "plan")
    seating = _seating(cell, random)
    peers = [local[0] for local in seating]
    joiners: tuple[int, ...] = ()
    if cell.fault is Fault.LATE_JOIN:
        random.shuffle(peers)
        joiners = tuple(sorted(peers[: random.between(1, min(2, len(peers) - 1))]))
    vacant = tuple(sorted(p for local in seating if local[0] in joiners for p in local))
    shared = _shared(cell, seating, vacant, random)
    settings = {}
    for local in seating:
        own = _own(cell, shared, random)
        settings[local[0]] = attrs.evolve(shared, local_player=local[0], **own)
    clocks = {
        local[0]: (random.uniform(0.0, 1000.0), 1 + random.uniform(-2e-4, 2e-4))
        for local in seating
    }
    return Plan(seed, cell, settings, clocks, joiners, random)


def _seating(cell: Cell, random: SeededRandom) -> tuple[tuple[int, ...], ...]:
    """Draw who sits where."""
    count = cell.players
    players = list(range(1, count + 1))
    fewest = 3 if cell.fault is Fault.PARTIAL else 2
    if count <= fewest or random.chance(0.6):
        return tuple((player,) for player in players)
    peers = random.between(fewest, count - 1)
    random.shuffle(players)
    groups = [[player] for player in players[:peers]]
    for player in players[peers:]:
        random.choice(groups).append(player)
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def _shared(
    cell: Cell,
    seating: tuple[tuple[int, ...], ...],
    vacant: tuple[int, ...],
    random: SeededRandom,
) -> RollbackSettings:
    """Draw what is the same for all."""
    lost_after = random.uniform(1.0, 1.8)
    interval = random.choice((5, 10, 30, 30, 60))
    return RollbackSettings(
        players=cell.players,
        seating=seating,
        vacant=vacant,
        checksum_interval=interval,
        state_exchange_interval=random.choice((0, 0, interval, 2 * interval)),
        input_limit=random.choice((1, 2, 4, 4, 8, 24, 64)),
        default_input=random.drawBytes(1),
        leaver_policy=random.choice(tuple(LeaverPolicy)),
        lost_after=lost_after,
        interrupted_after=lost_after * random.uniform(0.3, 0.7),
        both_stop=cell.players == 2 and random.chance(0.2),
        dump_states=random.chance(0.5),
    )


def _own(cell: Cell, shared: RollbackSettings, random: SeededRandom) -> dict[str, object]:
    """Draw what is one peer's own; fast enough for its link in any case."""
    late = cell.profile.frames_late
    windows = [window for window in (0, 2, 4, 6, 8, 8, 8, 12, 16, 32) if window * 2 >= late - 4]
    window = random.choice(windows)
    shortest = max(0, min(8, late * 2 // 3 - window))
    if window == 0:
        shortest = max(shortest, min(8, late))
    # A link over which too few packets come for the patience chosen is nobody's fault.
    slowest = (shared.lost_after or 0.0) / cell.profile.packets_for_certain
    intervals = [frames for frames in (1, 2, 3, 4) if frames / 60 <= slowest] or [1]
    if shared.players <= 8 or 2 in intervals:
        intervals.append(None)
    return {
        "prediction_window": window,
        "input_delay": random.between(shortest, shortest + 3),
        "send_interval": random.choice(intervals),
        "sparse_saving": random.chance(0.3),
        "prediction": random.choice(
            (Prediction.REPEAT_LAST, Prediction.REPEAT_LAST, Prediction.DEFAULT, _decaying)
        ),
        "keep_alive": random.uniform(0.02, max(0.025, min(0.2, slowest))),
    }


def _decaying(last: bytes, missing: int) -> bytes:
    """A prediction of a game's own: buttons are held for some frames only."""
    return last if missing < 5 else b""
