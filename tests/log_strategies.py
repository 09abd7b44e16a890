"""
Hypothesis strategies for what travels in a shared session, and for its states.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from gamenet.event_log.commands import Refusal, judged
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.lobby_fields import ListOf, LooseText, Octets, RowOf, Text, Whole
from gamenet.wire.log_commands import COMMANDS, EndActivity, Join
from gamenet.wire.log_events import (
    EpochStarted,
    Event,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
)
from gamenet.wire.log_fields import CodeOf, Content, Key, OrNone, Phrase, Tagged
from gamenet.wire.log_messages import NO_DIGEST, Events, Status
from gamenet.wire.log_values import NO_EPOCH, Epoch, EpochRecord, LeaveReason
from tests.wire_strategies import names

__all__ = ["SESSION", "commands", "logRows", "ofLogField", "opened", "sessions"]

SESSION = bytes(range(16))


def opened(*names_of_players: str, capacity: int = 16) -> SharedState:
    """Return the state that a session of players 1, 2 … begins with."""
    names_by_player = {place + 1: name for place, name in enumerate(names_of_players)}
    return SharedState.opened(SESSION, "a session", names_by_player, capacity)


def ofLogField(field: Any) -> st.SearchStrategy[Any]:
    """Values that one field accepts."""
    match field:
        case Whole(lowest, highest):
            return st.integers(lowest, highest) | st.sampled_from((lowest, highest))
        case Octets(length):
            return st.binary(min_size=length, max_size=length)
        case Content(highest):
            return st.binary(max_size=min(highest, 24))
        case LooseText(highest):
            return st.text(st.characters(exclude_categories=("Cs",)), max_size=min(highest, 40))
        case Phrase(lowest, highest, _):
            characters = st.characters(exclude_categories=("C", "Zl", "Zp"))
            return st.text(characters, min_size=lowest, max_size=min(highest, 40))
        case Key(_, _, octets):
            return names(1, 12).filter(lambda key: len(key.encode()) <= octets)
        case Text(lowest, highest):
            return names(lowest, min(highest, 40))
        case OrNone(inner):
            return st.none() | ofLogField(inner)
        case CodeOf(codes):
            return st.sampled_from(codes)
        case Tagged(kinds):
            return st.sampled_from(list(kinds.values())).flatmap(logRows)
        case RowOf(row_type):
            return logRows(row_type)
        case ListOf(item, lowest, highest, _):
            return st.lists(ofLogField(item), min_size=lowest, max_size=min(highest, 4)).map(tuple)
    raise AssertionError(f"no strategy for {field!r}")


def _consistent(row: Any) -> Any:
    """Return the nearest row whose fields do not contradict one another."""
    match row:
        case Epoch(number, host):
            return Epoch(max(number, 1), max(host, 1))
        case EpochRecord():
            members = tuple(sorted({*row.members, row.epoch.host}))
            return attrs.evolve(row, members=members)
        case Status():
            return attrs.evolve(row, acknowledged=min(row.acknowledged, row.sequence))
        case Events():
            first = row.events[0]
            start = min(first.sequence, 1 << 40)
            return Events(
                events=tuple(
                    [
                        attrs.evolve(first, sequence=start + place)
                        for place in range(len(row.events))
                    ]
                )
            )
        case Event():
            return _rightful(row)
    return row


def _rightful(event: Event) -> Event:
    """Return the event with an author who may have caused it."""
    host, body = event.epoch.host, event.body
    other = host % 64 + 1
    author = getattr(body, "player", host)
    if isinstance(body, EpochStarted):
        body = EpochStarted(tuple(sorted({*body.members, host})))
        author = 0
    elif isinstance(body, ParticipantLost | ParticipantReturned):
        body = type(body)(other)
        author = 0
    elif isinstance(body, ParticipantLeft):
        if body.reason is not LeaveReason.LEFT:
            body = ParticipantLeft(other, body.reason)
        by = {LeaveReason.LEFT: body.player, LeaveReason.GRACE_OVER: 0, LeaveReason.KICKED: host}
        author = by[body.reason]
    elif type(body).__name__ == "HostDelegated":
        body = type(body)(other)
        author = host
    return attrs.evolve(
        event, body=body, author=author, command=max(event.command, 1) if author else 0
    )


def logRows(row_type: type[Any]) -> st.SearchStrategy[Any]:
    """Messages, events or values of one class."""
    return st.tuples(*map(ofLogField, row_type.layout)).map(
        lambda values: _consistent(row_type(*values))
    )


#: Statuses of those who know nothing.
IGNORANT = Status(NO_EPOCH, 0, 0, NO_DIGEST, 5, 1)

#: Any command, about players that are often there.
commands = st.one_of(
    [logRows(kind) for kind in COMMANDS.values()]
    + [st.builds(COMMANDS[9], st.integers(1, 5)), st.builds(COMMANDS[10], st.integers(1, 5))]
    + [st.builds(Join, names(1, 8)), st.builds(EndActivity, st.integers(0, 3), st.just(b""))]
)


@st.composite
def sessions(draw: st.DrawFn, steps: int = 12) -> tuple[SharedState, list[Event]]:
    """A session's first state, and events that follow it, whatever they do to it."""
    players = draw(st.integers(1, 4))
    state = first = opened(*"ABCD"[:players], capacity=draw(st.integers(players, 5)))
    settings = EventLogSettings()
    events: list[Event] = []
    for _ in range(draw(st.integers(0, steps))):
        event = draw(_nextEvent(state, settings))
        if event is not None:
            state = state.applied(event)
            events.append(event)
    return first, events


@st.composite
def _nextEvent(draw: st.DrawFn, state: SharedState, settings: EventLogSettings) -> Event | None:
    """An event that can come next: of a command, of the host's bookkeeping, of a new host."""
    time_ms = draw(st.integers(0, 100_000))
    present = [one.player for one in state.participants]
    kind = draw(st.integers(0, 3))
    if present and (kind == 0 or state.delegate is not None):
        host = draw(st.sampled_from(present))
        members = draw(st.lists(st.sampled_from(present), unique=True))
        epoch = Epoch(state.epoch.number + draw(st.integers(1, 3)), host)
        started = EpochStarted(tuple(sorted({*members, host})))
        return state.following(started, time_ms, epoch=epoch)
    if present and kind == 1:
        one = state.participant(draw(st.sampled_from(present)))
        assert one is not None
        if one.is_lost:
            over = ParticipantLeft(one.player, LeaveReason.GRACE_OVER)
            ended = draw(st.sampled_from((over, ParticipantReturned(one.player))))
            lost_host = one.player == state.host and ended is over
            return None if lost_host else state.following(ended, time_ms)
        if one.player != state.host:
            return state.following(ParticipantLost(one.player), time_ms)
    player = draw(st.sampled_from((state.host, *present, 1, 2, 3, 4, 5)))
    body = judged(state, player, draw(commands), settings)
    if isinstance(body, Refusal):
        return None
    number = state.lastCommand(player) + draw(st.integers(1, 3))
    return state.following(body, time_ms, player, number)
