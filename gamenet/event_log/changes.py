"""
What each kind of event changes in a session's state, or why it cannot follow.

One function for each kind of body: told the state and the event, it returns the
attributes that change.  L{gamenet.event_log.shared_state} calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from gamenet.wire.log_events import (
    ActivityEnded,
    ActivityStarted,
    Chat,
    Custom,
    EpochStarted,
    Event,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Renamed,
    SettingChanged,
)
from gamenet.wire.log_values import (
    EPOCHS_LIMIT,
    SETTINGS_LIMIT,
    Activity,
    Departed,
    EpochRecord,
    LeaveReason,
    Participant,
    Setting,
)

if TYPE_CHECKING:
    from gamenet.event_log.shared_state import SharedState

__all__ = ["Changes", "changesOf"]

#: The attributes of a state that an event changes, by name.
Changes: TypeAlias = dict[str, Any]


def changesOf(state: SharedState, event: Event) -> Changes:
    """
    Return what an event changes.

    @param state: The state that it comes after.
    @param event: The next one by its number, of the right session and epoch.
    @raise ValueError: It cannot follow; the text says why.
    """
    event.requireConsistent()
    author, body = event.author, event.body
    if author and event.command <= state.lastCommand(author):
        raise ValueError(f"command {event.command} of player {author} is used up")
    rule = _RULES.get(type(body))
    if rule is None:
        raise ValueError(f"a {type(body).__name__} is no event's body")
    changes = rule(state, event, body)
    if author and not (isinstance(body, ParticipantLeft) and body.player == author):
        participants = changes.get("participants", state.participants)
        changes["participants"] = _changed(participants, author, last_command=event.command)
    return changes


def _changed(
    participants: tuple[Participant, ...], player: int, **changes: Any
) -> tuple[Participant, ...]:
    """
    Return the participants, one of them changed.

    @raise ValueError: It is none of them.
    """
    for place, one in enumerate(participants):
        if one.player == player:
            changed = attrs.evolve(one, **changes)
            return (*participants[:place], changed, *participants[place + 1 :])
    raise ValueError(f"player {player} is no participant")


def _required(state: SharedState, player: int) -> Participant:
    """
    Return the participant with a number.

    @raise ValueError: There is none.
    """
    participant = state.participant(player)
    if participant is None:
        raise ValueError(f"player {player} is no participant")
    return participant


def _joined(state: SharedState, event: Event, body: ParticipantJoined) -> Changes:
    """Seat the newcomer among the others, in the order of their numbers."""
    if state.participant(body.player) is not None:
        raise ValueError(f"player {body.player} is a participant already")
    if len(state.participants) >= state.capacity:
        raise ValueError("there is no room for another participant")
    newcomer = Participant(body.player, body.name, event.sequence)
    joined = sorted((*state.participants, newcomer), key=lambda one: one.player)
    return {
        "participants": tuple(joined),
        "departed": tuple([one for one in state.departed if one.player != body.player]),
    }


def _left(state: SharedState, event: Event, body: ParticipantLeft) -> Changes:
    """Remember of who left only what its commands need."""
    gone = _required(state, body.player)
    if body.reason is LeaveReason.GRACE_OVER and not gone.is_lost:
        raise ValueError(f"player {body.player} is in no grace that could be over")
    last = event.command if event.author == body.player else gone.last_command
    departed = sorted((*state.departed, Departed(body.player, last)), key=lambda one: one.player)
    return {
        "participants": tuple([one for one in state.participants if one is not gone]),
        "departed": tuple(departed),
    }


def _lost(state: SharedState, event: Event, body: ParticipantLost) -> Changes:
    """Begin somebody's grace."""
    if _required(state, body.player).is_lost:
        raise ValueError(f"player {body.player} is lost already")
    lost = _changed(state.participants, body.player, lost_at_ms=event.time_ms)
    return {"participants": lost}


def _returned(state: SharedState, event: Event, body: ParticipantReturned) -> Changes:
    """End somebody's grace."""
    if not _required(state, body.player).is_lost:
        raise ValueError(f"player {body.player} is not lost")
    return {"participants": _changed(state.participants, body.player, lost_at_ms=None)}


def _renamed(state: SharedState, event: Event, body: Renamed) -> Changes:
    """Give somebody another name."""
    return {"participants": _changed(state.participants, body.player, name=body.name)}


def _activityStarted(state: SharedState, event: Event, body: ActivityStarted) -> Changes:
    """Let the next activity run."""
    if state.activity is not None:
        raise ValueError("an activity runs already")
    if body.activity != state.activities_begun + 1:
        raise ValueError(f"activity {body.activity} is not the next one")
    activity = Activity(body.activity, body.name, body.content, event.author, event.sequence)
    return {"activity": activity, "activities_begun": body.activity}


def _activityEnded(state: SharedState, event: Event, body: ActivityEnded) -> Changes:
    """Let no activity run."""
    if state.activity is None or state.activity.number != body.activity:
        raise ValueError(f"activity {body.activity} does not run")
    if event.author not in (state.activity.author, state.host):
        raise ValueError(f"activity {body.activity} is not the author's to end")
    return {"activity": None}


def _settingChanged(state: SharedState, event: Event, body: SettingChanged) -> Changes:
    """Set something, or take it away."""
    settings = [one for one in state.settings if one.key != body.key]
    if body.value is not None:
        settings.append(Setting(body.key, body.value))
        if len(settings) > SETTINGS_LIMIT:
            raise ValueError(f"there are {SETTINGS_LIMIT} settings already")
        settings.sort(key=lambda one: one.key)
    return {"settings": tuple(settings)}


def _said(state: SharedState, event: Event, body: Chat | Custom) -> Changes:
    """What is said changes nothing."""
    return {}


def _delegated(state: SharedState, event: Event, body: HostDelegated) -> Changes:
    """Wait for the delegate's epoch."""
    if _required(state, body.player).is_lost:
        raise ValueError(f"player {body.player} is lost and cannot be the host")
    return {"delegate": body.player}


def _epochStarted(state: SharedState, event: Event, body: EpochStarted) -> Changes:
    """Let another host order."""
    if event.epoch.number <= state.epoch.number:
        raise ValueError("the epoch that begins is not above the one before it")
    for player in body.members:
        _required(state, player)
    record = EpochRecord(event.epoch, event.sequence, body.members)
    return {"epochs": (*state.epochs, record)[-EPOCHS_LIMIT:]}


#: What each kind of body does.
_RULES: dict[type, Callable[[SharedState, Event, Any], Changes]] = {
    ParticipantJoined: _joined,
    ParticipantLeft: _left,
    ParticipantLost: _lost,
    ParticipantReturned: _returned,
    Renamed: _renamed,
    ActivityStarted: _activityStarted,
    ActivityEnded: _activityEnded,
    SettingChanged: _settingChanged,
    Chat: _said,
    Custom: _said,
    HostDelegated: _delegated,
    EpochStarted: _epochStarted,
}
