"""
What a polled session tells its game, in the order in which it happened.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from gamenet.errors import GamenetError
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_events import Event
from gamenet.wire.log_values import RefusalCode
from gamenet.wire.session_id import SessionId

__all__ = [
    "TOLD_ONCE",
    "Accepted",
    "Applied",
    "Dropped",
    "Ended",
    "HostChanged",
    "Opened",
    "PeersChanged",
    "PolledEvent",
    "Refused",
    "Seated",
    "StatesDisagree",
    "Synced",
]


@attrs.frozen
class Opened:
    """
    The lobby has registered our session, or given us a seat in one.

    @ivar session_id: To share with others.
    """

    session_id: SessionId


@attrs.frozen
class Seated:
    """
    We know which player we are.

    @ivar peer_id: Our player number, from 1.
    """

    peer_id: int


@attrs.frozen
class Synced:
    """
    The whole state of the session is here: the first time, or in place of events
    that could not be had any more.

    @ivar state: The state.
    """

    state: SharedState


@attrs.frozen
class Applied:
    """
    Something happened in the session.

    @ivar event: What; its number follows the one before.
    @ivar state: The session after it.
    """

    event: Event
    state: SharedState


@attrs.frozen
class Accepted:
    """
    A command of ours became an event, which others hold too.

    @ivar ticket: What C{submit} returned.
    @ivar event: The event; C{None} where it is known only that there is one, as the whole
        state took its place.
    """

    ticket: int
    event: Event | None


@attrs.frozen
class Refused:
    """
    A command of ours was refused; nothing came of it.

    @ivar ticket: What C{submit} returned.
    @ivar code: Why, as the host said; C{None} where it could not even be sent, or the
        session ended before the host said anything.
    @ivar reason: Why, for a person.
    """

    ticket: int
    code: RefusalCode | None
    reason: str


@attrs.frozen
class Dropped:
    """
    An event of ours is undone: it happened in the smaller half of a partition.

    @ivar event: The event; submit its command again if it shall happen after all.
    """

    event: Event


@attrs.frozen
class HostChanged:
    """
    Another epoch began: somebody orders the events from now on, who may be the one that did
    so before, where some others were lost.

    @ivar player: Who, by player number.
    """

    player: int


@attrs.frozen
class PeersChanged:
    """
    The links to others changed.

    @ivar players: With whom there is a path now, by player number, ascending.
    """

    players: tuple[int, ...]


@attrs.frozen
class StatesDisagree:
    """
    Somebody has applied the same events and come to another state: a bug, or a lie.

    @ivar sequence: The number of the last event.
    @ivar player: Whose state is another one, by player number.
    """

    sequence: int
    player: int


@attrs.frozen
class Ended:
    """
    The session is over for us; the last event.

    @ivar error: Why, the same that C{poll} raises; C{None} where nothing went wrong.
    """

    error: GamenetError | None


PolledEvent: TypeAlias = (
    Opened
    | Seated
    | Synced
    | Applied
    | Accepted
    | Refused
    | Dropped
    | HostChanged
    | PeersChanged
    | StatesDisagree
    | Ended
)

#: What is never among the events that are gone when a queue was full.
TOLD_ONCE = (Opened, Seated, Accepted, Refused, Dropped, Ended)
