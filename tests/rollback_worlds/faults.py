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

__all__ = ["DECIDED_SECONDS", "Outcome", "beginFault", "beginSecondFault"]

#: How much longer than C{lost_after} a silence lasts at the most until it was answered,
#: in seconds; links heal soon after it was.
DECIDED_SECONDS = 8.0

#: The shares of splits that nobody is dropped for, and that end about when it is decided.
_SHORT, _UNCERTAIN = 0.25, 0.45

#: After a split of uncertain outcome it is clear within so many seconds what became of it.
_CLEAR_SECONDS = 6.0

#: How long links without which nothing can be decided stay cut, beside C{lost_after}.
_ISOLATED_SECONDS = 2.5


@attrs.frozen
class Outcome:
    """
    How a fault must end.

    @ivar choices: Who may play in the end, and who are dropped or leave on the way: any
        of these pairs.
    """

    choices: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]

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
        return Outcome(((peers, ()),))
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
    return Outcome(((_without(peers, (leaver,)), (leaver,)),))


def _drop(world: World) -> Outcome:
    """Some processes die, at once or within moments; their last packets reach some only."""
    random, mesh, peers = world.plan.random, world.mesh, world.playing
    victims = world.someOf(random.choice((1, 1, 1, 2, 3)))
    rest = _without(peers, victims)
    if not victims:
        return Outcome(((peers, ()),))
    spread = random.choice((0.0, 0.1, 0.5))
    for victim in victims:
        delay = random.uniform(0.0, spread)
        for other in _without(peers, (victim,)):
            if random.chance(0.5):
                before = random.uniform(0.0, min(0.25, delay)) if delay else 0.0
                mesh.call(delay - before, mesh.cut, (victim,), (other,), random.chance(0.5))
        world.later(delay, mesh.kill, victim)
        mesh.counters["deaths"] += 1
    if world.plan.holdsQuorum(rest, peers):
        return Outcome(((rest, victims),))
    mesh.counters["deaths of a quorum"] += 1
    return Outcome((((), ()),))


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
    rejoin, drawn = random.chance(0.5), random.unit()
    if _SHORT <= drawn < _UNCERTAIN:
        return _apartForAwhile(world, groups, rejoin)
    return _apart(world, groups, rejoin, drawn < _SHORT)


def _reconnect(world: World) -> Outcome:
    """Some peers lose all their links for so long that they are dropped, and come back."""
    random = world.plan.random
    peers = world.playing
    gone = world.someOf(2 if len(peers) > 4 and random.chance(0.3) else 1)
    rest = _without(peers, gone)
    if random.chance(0.3) and world.plan.holdsQuorum(rest, peers):
        return _restart(world, gone, rest)
    groups = [[peer] for peer in gone] + [list(rest)]
    return _apart(world, groups, True, False)


def _restart(world: World, gone: tuple[int, ...], rest: tuple[int, ...]) -> Outcome:
    """Some processes die, and are started anew, before or after the others noticed."""
    random, mesh = world.plan.random, world.mesh
    for peer in gone:
        mesh.kill(peer)
        world.later(random.uniform(0.1, 2 * world.plan.lost_after), world.start, peer, True)
        mesh.counters["restarts"] += 1
    return Outcome(((tuple(sorted((*rest, *gone))), gone),))


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
    mesh.counters["short splits" if short else "long splits"] += 1
    goes_on = next((tuple(sorted(g)) for g in groups if plan.holdsQuorum(g, everybody)), None)
    staying = everybody if short or goes_on is None else goes_on
    mesh.counters["splits without a quorum"] += not short and goes_on is None
    if short:
        world.later(random.uniform(0.1, plan.lost_after * 0.6), mesh.heal)
    else:
        _healOnceDecided(world, () if goes_on is None else (goes_on,), rejoin)
    return Outcome(((everybody if rejoin else staying, _without(everybody, staying)),))


def _apartForAwhile(world: World, groups: list[list[int]], rejoin: bool) -> Outcome:
    """
    Cut all links between groups, for about as long as it takes to decide on it: nobody,
    some or all of those without a quorum may be dropped.
    """
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    everybody = world.playing
    for one, other in combinations(groups, 2):
        mesh.cut(one, other)
    mesh.counters["splits that end while it is decided"] += 1
    seconds = plan.lost_after + random.uniform(-0.2, 1.5)
    world.later(seconds, mesh.heal)
    if rejoin:
        world.later(seconds, world.letRejoin)
    world.later(seconds + _CLEAR_SECONDS, lambda: None)
    goes_on = next((g for g in groups if plan.holdsQuorum(g, everybody)), [])
    outvoted = [peer for peer in everybody if peer not in goes_on]
    choices = []
    for count in range(len(outvoted) + 1):
        for out in combinations(outvoted, count):
            rest = _without(everybody, out)
            if plan.holdsQuorum(rest, everybody):
                choices.append((everybody if rejoin else rest, out))
    return Outcome(tuple(choices))


def _healOnceDecided(world: World, choices: tuple[tuple[int, ...], ...], rejoin: bool) -> None:
    """
    Let all links work again soon after it was decided who goes on without the others.

    @param choices: Who may go on; where nobody may, some time passes.
    @param rejoin: Whether the others come back then.
    """
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    pause = random.uniform(0.1, 1.0)
    began = mesh.now

    def heal() -> None:
        mesh.heal()
        if rejoin:
            world.letRejoin()

    def look() -> None:
        waited = mesh.now - began - plan.lost_after
        decided = any(world.haveAgreed(members) for members in choices)
        if decided or waited > (DECIDED_SECONDS if choices else _ISOLATED_SECONDS):
            world.later(pause, heal)
        else:
            world.later(0.1, look)

    look()


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
    rejoin = random.chance(0.3)
    choices = []
    for out in (one, other):
        rest = _without(everybody, (out,))
        if plan.holdsQuorum(rest, everybody):
            choices.append((rest, (out,)))
    if rejoin or not choices or random.chance(0.5):
        _healOnceDecided(world, tuple(rest for rest, _ in choices), rejoin)
    mesh.counters["partial partitions without a quorum"] += not choices
    if not choices:
        return Outcome(((everybody, ()),))
    return Outcome(tuple((everybody if rejoin else rest, out) for rest, out in choices))


def _lateJoin(world: World) -> Outcome:
    """Vacant seats are taken."""
    random, mesh, plan = world.plan.random, world.mesh, world.plan
    for peer in plan.joiners:
        world.later(random.uniform(0.0, 2.0), world.start, peer, True)
        mesh.counters["late joiners"] += 1
    return Outcome(((tuple(sorted(plan.settings)), ()),))


def _without(peers: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    """Return the peers that are none of the others."""
    return tuple(peer for peer in peers if peer not in others)
