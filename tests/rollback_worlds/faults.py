"""
What goes wrong in a world, and how it must end.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import attrs

from tests.rollback_worlds.plan import Fault

if TYPE_CHECKING:
    from tests.rollback_worlds.world import World

__all__ = ["Outcome", "beginFault"]

#: How much longer than C{lost_after} a silence must be to be certainly noticed and
#: answered, in seconds, on any link.
CERTAIN = 6.0


@attrs.frozen
class Outcome:
    """
    How a fault must end.

    @ivar allowed: Who may play in the end, any of these.
    @ivar dropped: Who may be dropped on the way, peers: any of these sets.
    @ivar healed_at: When all links work again, in the world's time.
    @ivar seconds: How long that is from now.
    """

    allowed: tuple[tuple[int, ...], ...]
    dropped: tuple[tuple[int, ...], ...]
    healed_at: float
    seconds: float

    def __str__(self) -> str:
        return f"members {self.allowed}, dropped {self.dropped}"


def beginFault(world: World) -> Outcome:
    """Let the fault of a world happen from now on, and return how it must end."""
    acts = {
        Fault.DROP: _drop,
        Fault.SPLIT: _split,
        Fault.PARTIAL: _partial,
        Fault.RECONNECT: _reconnect,
        Fault.LATE_JOIN: _lateJoin,
    }
    return acts[world.plan.cell.fault](world)


def _drop(world: World) -> Outcome:
    """Some processes die or leave, one after the other, within moments or at once."""
    random, mesh = world.plan.random, world.mesh
    peers = list(mesh.peers)
    everybody = tuple(peers)
    random.shuffle(peers)
    count = random.choice((1, 1, 1, 2, 3))
    victims = tuple(sorted(peers[: min(count, len(peers) - 1)]))
    spread = random.choice((0.0, 0.1, 0.5))
    last = 0.0
    for victim in victims:
        delay = random.uniform(0.0, spread)
        last = max(last, delay)
        for other in everybody:
            # Its last packets reach some of the others only.
            if other != victim and random.chance(0.5):
                before = random.uniform(0.0, min(0.25, delay)) if delay else 0.0
                mesh.call(delay - before, mesh.cut, (victim,), (other,), random.chance(0.5))
        mesh.call(delay, mesh.kill, victim)
        mesh.counters["deaths"] += 1
    rest = tuple(peer for peer in everybody if peer not in victims)
    if world.plan.holdsQuorum(rest, everybody):
        return Outcome((rest,), (victims,), mesh.now + last, last)
    mesh.counters["deaths of a quorum"] += 1
    return Outcome(((),), ((),), mesh.now + last + CERTAIN, last + CERTAIN)


def _split(world: World) -> Outcome:
    """The peers are split into groups for a while."""
    random, mesh = world.plan.random, world.mesh
    peers = list(mesh.peers)
    random.shuffle(peers)
    count = 2 if len(peers) < 3 or random.chance(0.7) else 3
    bounds = sorted(random.between(1, len(peers) - 1) for _ in range(count - 1))
    groups = [peers[a:b] for a, b in zip([0, *bounds], [*bounds, len(peers)], strict=True)]
    if count == 2 and len(peers) % 2 == 0 and random.chance(0.5):
        half = len(peers) // 2
        groups = [peers[:half], peers[half:]]
    groups = [group for group in groups if group]
    mesh.counters[f"splits in {len(groups)}"] += 1
    return _apart(world, groups, rejoin=False)


def _reconnect(world: World) -> Outcome:
    """Some peers lose all their links for so long that they are dropped, and come back."""
    random, mesh = world.plan.random, world.mesh
    peers = list(mesh.peers)
    random.shuffle(peers)
    count = 2 if len(peers) > 4 and random.chance(0.3) else 1
    groups = [[peer] for peer in peers[:count]] + [peers[count:]]
    return _apart(world, groups, rejoin=True)


def _apart(world: World, groups: list[list[int]], rejoin: bool) -> Outcome:
    """Cut all links between groups, for a short or a long time."""
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    everybody = tuple(sorted(peer for group in groups for peer in group))
    for one, other in combinations(groups, 2):
        mesh.cut(one, other)
        half = {sum(len(plan.settings[peer].local_players) for peer in g) for g in (one, other)}
        mesh.counters["splits in equal halves"] += len(groups) == 2 and len(half) == 1
    short = not rejoin and random.chance(0.25)
    seconds = (
        random.uniform(0.1, plan.lost_after * 0.6)
        if short
        else plan.lost_after + CERTAIN + random.uniform(0.0, 1.0)
    )
    mesh.counters["short splits" if short else "long splits"] += 1
    mesh.call(seconds, mesh.heal)
    staying = next(
        (tuple(sorted(g)) for g in groups if plan.holdsQuorum(g, everybody)), everybody
    )
    if short:
        staying = everybody
    dropped = tuple(peer for peer in everybody if peer not in staying)
    mesh.counters["splits without a quorum"] += not short and not dropped
    for process in mesh.peers.values():
        process.rejoins = rejoin
    return Outcome(
        (everybody if rejoin else staying,), (dropped,), mesh.now + seconds, seconds
    )


def _partial(world: World) -> Outcome:
    """One pair of peers does not hear each other, both or one."""
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    peers = list(mesh.peers)
    everybody = tuple(peers)
    random.shuffle(peers)
    one, other = peers[:2]
    both = random.chance(0.5)
    mesh.counters["partial partitions " + ("both ways" if both else "one way")] += 1
    mesh.cut((one,), (other,), both)
    seconds = plan.lost_after + CERTAIN
    heals = random.chance(0.5)
    if heals:
        mesh.call(seconds, mesh.heal)
    outcomes = []
    # Who does not hear the other is one who may ask for its drop.
    for out in (one, other):
        rest = tuple(peer for peer in everybody if peer != out)
        if plan.holdsQuorum(rest, everybody):
            outcomes.append((rest, (out,)))
    if len(everybody) == 2 and not both and not plan.holdsQuorum((other,), everybody):
        outcomes = []
    if not outcomes:
        if not heals:
            mesh.call(seconds, mesh.heal)
        return Outcome((everybody,), ((),), mesh.now + seconds, seconds)
    return Outcome(
        tuple(rest for rest, _ in outcomes),
        tuple(out for _, out in outcomes),
        mesh.now + seconds,
        seconds,
    )


def _lateJoin(world: World) -> Outcome:
    """Vacant seats are taken."""
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    last = 0.0
    for peer in plan.joiners:
        delay = random.uniform(0.0, 2.0)
        last = max(last, delay)
        mesh.call(delay, world.start, peer, True)
        mesh.counters["late joiners"] += 1
    return Outcome((tuple(sorted(plan.settings)),), ((),), mesh.now + last, last)
