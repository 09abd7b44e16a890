"""
What goes wrong in a world, and how it must end.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import attrs

from gamenet.rollback.session_state import SessionState
from tests.rollback_worlds.plan import Fault

if TYPE_CHECKING:
    from tests.rollback_worlds.world import World

__all__ = ["CERTAIN", "Outcome", "beginFault", "beginSecondFault"]

#: How much longer than C{lost_after} a silence must last to be certainly noticed and
#: answered over any link, in seconds.
CERTAIN = 6.0


@attrs.frozen
class Outcome:
    """
    How a fault must end.

    @ivar choices: Who may play in the end, and who are dropped or leave on the way: any
        of these pairs.
    @ivar healed_at: When all links work again, in the world's time.
    """

    choices: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    healed_at: float

    def __str__(self) -> str:
        return " or ".join(f"{out} out, {members} play" for members, out in self.choices)


def beginFault(world: World) -> Outcome:
    """Let the fault that a world is about happen from now on, and return how it must end."""
    acts = {
        Fault.DROP: _drop,
        Fault.SPLIT: _split,
        Fault.PARTIAL: _partial,
        Fault.RECONNECT: _reconnect,
        Fault.LATE_JOIN: _lateJoin,
    }
    return acts[world.plan.cell.fault](world)


def beginSecondFault(world: World) -> Outcome:
    """Let something else happen to those who still play."""
    acts = [_leave, _leave, _drop]
    if len(world.playing) > 1:
        acts += [_split, _reconnect]
    if len(world.playing) > 2:
        acts.append(_partial)
    world.mesh.counters["second faults"] += 1
    return world.plan.random.choice(acts)(world)


def _leave(world: World) -> Outcome:
    """Somebody leaves on purpose."""
    mesh, peers = world.mesh, world.playing
    if len(peers) == 1:
        return Outcome(((peers, ()),), mesh.now)
    leaver = world.plan.random.choice(peers)
    process = mesh.peers[leaver]
    process.session.leave(process.local(mesh.now))
    mesh.counters["leaves"] += 1

    def goOn() -> None:
        if process.session.state is SessionState.LEFT:
            mesh.counters["left"] += 1
            mesh.kill(leaver)
        else:
            mesh.call(0.05, goOn)

    goOn()
    return Outcome(((_without(peers, (leaver,)), (leaver,)),), mesh.now)


def _drop(world: World) -> Outcome:
    """Some processes die, at once or within moments; their last packets reach some only."""
    random, mesh, peers = world.plan.random, world.mesh, world.playing
    victims = world.someOf(random.choice((1, 1, 1, 2, 3)))
    rest = _without(peers, victims)
    if not victims:
        return Outcome(((peers, ()),), mesh.now)
    spread = random.choice((0.0, 0.1, 0.5))
    last = 0.0
    for victim in victims:
        delay = random.uniform(0.0, spread)
        last = max(last, delay)
        for other in _without(peers, (victim,)):
            if random.chance(0.5):
                before = random.uniform(0.0, min(0.25, delay)) if delay else 0.0
                mesh.call(delay - before, mesh.cut, (victim,), (other,), random.chance(0.5))
        mesh.call(delay, mesh.kill, victim)
        mesh.counters["deaths"] += 1
    if world.plan.holdsQuorum(rest, peers):
        return Outcome(((rest, victims),), mesh.now + last)
    mesh.counters["deaths of a quorum"] += 1
    return Outcome((((), ()),), mesh.now + last + world.plan.lost_after + CERTAIN)


def _split(world: World) -> Outcome:
    """The peers are split into groups for a while."""
    random = world.plan.random
    peers = list(world.playing)
    random.shuffle(peers)
    count = 2 if len(peers) < 3 or random.chance(0.7) else 3
    bounds = sorted(random.between(1, len(peers) - 1) for _ in range(count - 1))
    groups = [peers[a:b] for a, b in zip([0, *bounds], [*bounds, len(peers)], strict=True)]
    if count == 2 and len(peers) % 2 == 0 and random.chance(0.5):
        half = len(peers) // 2
        groups = [peers[:half], peers[half:]]
    groups = [group for group in groups if group]
    world.mesh.counters[f"splits in {len(groups)}"] += 1
    return _apart(world, groups, random.chance(0.5), random.chance(0.25))


def _reconnect(world: World) -> Outcome:
    """Some peers lose all their links for so long that they are dropped, and come back."""
    random = world.plan.random
    peers = world.playing
    gone = world.someOf(2 if len(peers) > 4 and random.chance(0.3) else 1)
    groups = [[peer] for peer in gone] + [list(_without(peers, gone))]
    return _apart(world, groups, True, False)


def _apart(world: World, groups: list[list[int]], rejoin: bool, short: bool) -> Outcome:
    """
    Cut all links between groups.

    @param rejoin: Whether who was dropped joins again after healing.
    @param short: Whether nobody is silent for so long that it is dropped.
    """
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    everybody = world.playing
    for one, other in combinations(groups, 2):
        mesh.cut(one, other)
    seats = [
        sum(len(plan.settings[peer].local_players) for peer in group) for group in groups
    ]
    mesh.counters["splits in equal halves"] += len(seats) == 2 and seats[0] == seats[1]
    seconds = plan.lost_after + CERTAIN + random.uniform(0.0, 1.0)
    if short:
        seconds = random.uniform(0.1, plan.lost_after * 0.6)
    mesh.counters["short splits" if short else "long splits"] += 1
    mesh.call(seconds, mesh.heal)
    goes_on = next((tuple(sorted(g)) for g in groups if plan.holdsQuorum(g, everybody)), None)
    staying = everybody if short or goes_on is None else goes_on
    mesh.counters["splits without a quorum"] += not short and goes_on is None
    if rejoin:
        mesh.call(seconds, world.letRejoin)
    members = everybody if rejoin else staying
    return Outcome(((members, _without(everybody, staying)),), mesh.now + seconds)


def _partial(world: World) -> Outcome:
    """One pair of peers does not hear each other, or one of them not the other."""
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    everybody = world.playing
    pair = list(everybody)
    random.shuffle(pair)
    one, other = pair[:2]
    both = random.chance(0.5)
    mesh.counters["partial partitions " + ("both ways" if both else "one way")] += 1
    mesh.cut((one,), (other,), both)
    seconds = plan.lost_after + CERTAIN
    rejoin = random.chance(0.3)
    choices = []
    for out in (one, other):
        rest = _without(everybody, (out,))
        # Who hears everybody suspects nobody: with two, only who does not hear may go on.
        hears = len(everybody) == 2 and not both and rest == (one,)
        if plan.holdsQuorum(rest, everybody) and not hears:
            choices.append((everybody if rejoin else rest, (out,)))
    if rejoin or not choices or random.chance(0.5):
        mesh.call(seconds, mesh.heal)
    if rejoin:
        mesh.call(seconds, world.letRejoin)
    mesh.counters["partial partitions without a quorum"] += not choices
    return Outcome(tuple(choices) or ((everybody, ()),), mesh.now + seconds)


def _lateJoin(world: World) -> Outcome:
    """Vacant seats are taken."""
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    last = 0.0
    for peer in plan.joiners:
        delay = random.uniform(0.0, 2.0)
        last = max(last, delay)
        mesh.call(delay, world.start, peer, True)
        mesh.counters["late joiners"] += 1
    return Outcome(((tuple(sorted(plan.settings)), ()),), mesh.now + last)


def _without(peers: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    """Return the peers that are none of the others."""
    return tuple(peer for peer in peers if peer not in others)
