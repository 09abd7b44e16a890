"""
What a replica tells whoever drives it.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_events import Event
from gamenet.wire.log_values import Epoch, RefusalCode

__all__ = [
    "Acknowledged",
    "CommandAccepted",
    "CommandRefused",
    "EventApplied",
    "EventDropped",
    "HostChanged",
    "Outcome",
    "StateDiffers",
    "Synced",
]


@attrs.frozen
class EventApplied:
    """
    An event came next; the state has changed by it.

    @ivar event: The event.
    """

    event: Event


@attrs.frozen
class Synced:
    """
    A snapshot took the place of all that was known, without the events in between.

    @ivar state: The state that holds now.
    """

    state: SharedState


@attrs.frozen
class CommandAccepted:
    """
    A command of ours has become an event that crashes alone do not undo.

    @ivar number: The command's number.
    @ivar event: The event; C{None} where a snapshot says that there was one.
    """

    number: int
    event: Event | None


@attrs.frozen
class CommandRefused:
    """
    A command of ours becomes no event.

    @ivar number: The command's number.
    @ivar code: Why, by name.
    @ivar reason: Why, for a person.
    """

    number: int
    code: RefusalCode
    reason: str


@attrs.frozen
class EventDropped:
    """
    An event of ours is undone: it was in the half of a partition that does not stand.

    @ivar event: The event.
    """

    event: Event


@attrs.frozen
class HostChanged:
    """
    Another epoch holds.

    @ivar epoch: Which, and whose.
    """

    epoch: Epoch


@attrs.frozen
class Acknowledged:
    """
    Two participants hold all events up to a number, or there is only one.

    @ivar sequence: The number.
    """

    sequence: int


@attrs.frozen
class StateDiffers:
    """
    Somebody has applied the same events and come to another state: a bug, or a lie.

    @ivar sequence: The number of the last event.
    @ivar player: Who.
    """

    sequence: int
    player: int


#: Anything that a replica tells.
Outcome: TypeAlias = (
    EventApplied
    | Synced
    | CommandAccepted
    | CommandRefused
    | EventDropped
    | HostChanged
    | Acknowledged
    | StateDiffers
)
