"""
The arithmetic of views: who may decide, what may follow what, and what changed.

A I{seating} is a tuple of the players of each peer, ascending; a peer's number
is that of its lowest player.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from gamenet.errors import BadSetting
from gamenet.wire.view_values import PLAYERS_LIMIT, Seat, View

__all__ = [
    "Changes",
    "Seating",
    "changesBetween",
    "checkSeating",
    "faultOf",
    "faultOfSuccession",
    "firstView",
    "isQuorum",
    "playersOf",
    "regrouped",
]

#: The players of each peer.
Seating: TypeAlias = tuple[tuple[int, ...], ...]

#: Of players and frames: the seats that became empty, and those that became taken.
Changes: TypeAlias = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


def checkSeating(seating: Seating) -> None:
    """
    Check that each player from 1 on, up to L{gamenet.wire.view_values.PLAYERS_LIMIT},
    has one peer, and the peers are in order.

    @raise BadSetting: It is not so.
    """
    players = sorted(player for local in seating for player in local)
    if not players or players != list(range(1, len(players) + 1)) or len(players) > PLAYERS_LIMIT:
        raise BadSetting(f"seating must name each player from 1 on once: {seating!r}")
    ascending = all(local and local == tuple(sorted(local)) for local in seating)
    if not ascending or list(seating) != sorted(seating):
        raise BadSetting(f"seating must be in order of players: {seating!r}")


def firstView(seating: Seating, vacant: Collection[int] = ()) -> View:
    """
    Return view 0.

    @param vacant: The peers who are not there at the start.
    """
    members = tuple(local[0] for local in seating if local[0] not in vacant)
    seats = {player: local[0] in members for local in seating for player in local}
    return View(0, members, tuple(Seat(seats[player], 0) for player in sorted(seats)))


def playersOf(seating: Seating, peer: int) -> tuple[int, ...]:
    """Return the players of a peer; none if there is no such peer."""
    return next((local for local in seating if local[0] == peer), ())


def regrouped(seating: Seating, players: tuple[int, ...]) -> Seating:
    """
    Return a seating in which some players have one peer; those who had a peer with one of
    them have one each.
    """
    kept = [local for local in seating if not set(local) & set(players)]
    broken = [one for local in seating if local not in kept for one in local]
    alone = [(one,) for one in broken if one not in players]
    return tuple(sorted([*kept, *alone, players]))


def isQuorum(
    view: View,
    seating: Seating,
    peers: Collection[int],
    both_stop: bool,
    lone_survivor: bool = False,
) -> bool:
    """
    Return whether members of a view may decide what follows it: they hold more
    than half of its taken seats, or half and with them the lowest.  Any two
    quorums of a view have a member in common, but for C{lone_survivor}.

    @param peers: Who they are; those who are no members do not count.
    @param both_stop: Whether in a view of two players, each a peer, both are needed.
    @param lone_survivor: Whether in a view of two peers each is one alone.
    """
    if lone_survivor and len(view.members) == 2:
        return any(member in peers for member in view.members)
    held = sum(len(local) for local in seating if local[0] in peers and local[0] in view.members)
    total = sum(seat.taken for seat in view.seats)
    if both_stop and total == 2 and len(view.members) == 2:
        return held == 2
    return 2 * held > total or (2 * held == total and view.members[0] in peers)


def faultOf(view: View, seating: Seating) -> str | None:
    """Return why a view can be none of a match with that seating, or C{None}."""
    if len(view.seats) != sum(map(len, seating)):
        return f"a view of {len(view.seats)} players"
    for local in seating:
        member = local[0] in view.members
        if any(view.seats[player - 1].taken != member for player in local):
            return f"a view that seats half of peer {local[0]}"
    peers = [local[0] for local in seating]
    if any(member not in peers for member in view.members):
        return f"a view of peers that do not exist: {view.members}"
    return None


def faultOfSuccession(previous: View, view: View, seating: Seating) -> str | None:
    """
    Return why a view cannot have been decided by the members of C{previous}
    as the next one, or C{None}: at most one peer joins, and after all that its
    seats were before; who stays keeps its seats; no seat becomes empty before
    it was taken, nor later than it was.
    """
    fault = faultOf(view, seating)
    if fault is not None:
        return fault
    if view.number != previous.number + 1:
        return f"view {view.number} after view {previous.number}"
    joiners = [peer for peer in view.members if peer not in previous.members]
    if len(joiners) > 1:
        return f"peers {joiners} join at once"
    if len(joiners) == len(view.members):
        return "a view in which nobody stays"
    for player, (old, new) in enumerate(zip(previous.seats, view.seats, strict=True), 1):
        if new.taken:
            fits = new.since == old.since if old.taken else new.since > old.since
        else:
            fits = new.since >= old.since if old.taken else new.since <= old.since
        if not fits:
            return f"seat {player}, {old}, cannot become {new}"
    if joiners:
        frames = [view.seats[player - 1].since for player in playersOf(seating, joiners[0])]
        if frames != frames[:1] * len(frames):
            return f"the players of peer {joiners[0]} join in different frames"
    return None


def changesBetween(previous: View, view: View) -> Changes:
    """
    Return what is different in a later view.

    @return: (player, first frame without it) of each seat that is empty since
        another frame than before, and (player, first frame with it) of each
        that is taken since another.
    """
    changed = [
        (player, new)
        for player, (old, new) in enumerate(zip(previous.seats, view.seats, strict=True), 1)
        if old != new
    ]
    dropped = tuple((player, seat.since) for player, seat in changed if not seat.taken)
    return dropped, tuple((player, seat.since) for player, seat in changed if seat.taken)
