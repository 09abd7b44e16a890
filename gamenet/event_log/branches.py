"""
Branches of one session's log: whether one continues another, and which of two stands.

Each epoch has one host, and a host orders its events once, so that an event is named by
its epoch and its number, and all that came before it as well.  Two logs are compared by
their L{Chain}s alone.
"""

from __future__ import annotations

from enum import Enum

from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_election import Chain
from gamenet.wire.log_values import EPOCHS_LIMIT, Epoch, EpochRecord

__all__ = [
    "Relation",
    "chainOf",
    "epochAt",
    "hasEpoch",
    "holds",
    "lastHeld",
    "relation",
    "sharedSequence",
    "stands",
]


class Relation(Enum):
    """
    How a log is to another one.

    @cvar SAME: They are the same.
    @cvar BEHIND: The other continues it.
    @cvar AHEAD: It continues the other.
    @cvar DIVERGED: Each has what the other lacks.
    """

    SAME = 0
    BEHIND = 1
    AHEAD = 2
    DIVERGED = 3


def chainOf(state: SharedState) -> Chain:
    """Return the chain of the log that leads to a state."""
    return Chain(state.epochs, state.sequence)


def _endOf(chain: Chain, place: int) -> int:
    """Return the number of the last event of the record at C{place}."""
    if place + 1 < len(chain.records):
        return chain.records[place + 1].sequence - 1
    return chain.sequence


def _isForgotten(chain: Chain, epoch: Epoch) -> bool:
    """Return whether an epoch is older than all that the chain remembers."""
    return len(chain.records) >= EPOCHS_LIMIT and epoch < chain.records[0].epoch


def hasEpoch(chain: Chain, epoch: Epoch) -> bool:
    """Return whether some of the log's events are, or may be, of an epoch."""
    return any(one.epoch == epoch for one in chain.records) or _isForgotten(chain, epoch)


def holds(chain: Chain, epoch: Epoch, sequence: int) -> bool:
    """
    Return whether an event is in the log.

    @param epoch: The event's epoch.
    @param sequence: Its number; 0 for what the session began with.
    """
    for place, record in enumerate(chain.records):
        if record.epoch == epoch:
            return record.sequence <= sequence <= _endOf(chain, place)
    return _isForgotten(chain, epoch) and sequence < chain.records[0].sequence


def epochAt(chain: Chain, sequence: int) -> Epoch | None:
    """Return the epoch of the log's event with a number, C{None} where it is unknown."""
    if sequence > chain.sequence:
        return None
    for record in reversed(chain.records):
        if record.sequence <= sequence:
            return record.epoch
    return None


def lastHeld(chain: Chain, epoch: Epoch, sequence: int) -> int:
    """
    Return the number of the last event of the log that somebody holds as well, or 0
    where that is unknown.

    @param epoch: The epoch of the other's last event.
    @param sequence: The number of the other's last event.
    """
    for place, record in enumerate(chain.records):
        if record.epoch == epoch and record.sequence <= sequence:
            return min(sequence, _endOf(chain, place))
    return sequence if holds(chain, epoch, sequence) else 0


def relation(one: Chain, other: Chain) -> Relation:
    """Return how the first log is to the second."""
    behind = holds(other, one.epoch, one.sequence)
    ahead = holds(one, other.epoch, other.sequence)
    if behind and ahead:
        return Relation.SAME
    if behind:
        return Relation.BEHIND
    return Relation.AHEAD if ahead else Relation.DIVERGED


def _fork(one: Chain, other: Chain) -> tuple[int, int] | None:
    """Return the places of the last record that both have, or C{None}."""
    for place in range(len(one.records) - 1, -1, -1):
        for there in range(len(other.records) - 1, -1, -1):
            if one.records[place] == other.records[there]:
                return place, there
    return None


def sharedSequence(one: Chain, other: Chain) -> int:
    """Return the number of the last event that is in both logs, 0 where none is known to be."""
    fork = _fork(one, other)
    if fork is None:
        return 0
    return min(_endOf(one, fork[0]), _endOf(other, fork[1]))


def _after(chain: Chain, place: int) -> EpochRecord | None:
    """Return the record after a place, or C{None}."""
    return chain.records[place + 1] if place + 1 < len(chain.records) else None


def _sides(one: Chain, other: Chain) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return who was in either half when two logs parted."""
    fork = _fork(one, other)
    if fork is None:
        return one.records[0].members, other.records[0].members
    ours, theirs = _after(one, fork[0]), _after(other, fork[1])
    there = one.records[fork[0]].members
    if ours is None and theirs is None:
        return there, there
    members = ours.members if ours else ()
    others = theirs.members if theirs else ()
    if ours is None:
        members = tuple([player for player in there if player not in others])
    if theirs is None:
        others = tuple([player for player in there if player not in members])
    return members, others


def stands(one: Chain, other: Chain) -> bool:
    """
    Return whether the first of two logs is the one that both halves go on with.

    A log that continues the other stands.  Where each has what the other lacks,
    it is the half that had more participants when they parted; of two equal ones,
    the half with the lowest player number.  A half that has recorded nothing since
    is everybody who was there before, without those of the other half.  Of the two
    orders of the same logs, exactly one stands, unless they are the same.
    """
    how = relation(one, other)
    if how is not Relation.DIVERGED:
        return how is not Relation.BEHIND
    members, others = _sides(one, other)
    if len(members) != len(others):
        return len(members) > len(others)
    if members != others:
        return members < others
    return (one.epoch, one.sequence) > (other.epoch, other.sequence)
