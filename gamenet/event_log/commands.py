"""
What becomes of a command: the body of an event, or a refusal by name.

Pure: the same state and command have the same answer everywhere, so a host that
takes over in the middle answers as the one before it would have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.lobby_fields import nameProblem
from gamenet.wire.log_commands import (
    ChangeSetting,
    Command,
    Delegate,
    EndActivity,
    Join,
    Kick,
    Leave,
    Rename,
    Say,
    SendCustom,
    StartActivity,
)
from gamenet.wire.log_events import (
    ActivityEnded,
    ActivityStarted,
    Body,
    Chat,
    Custom,
    HostDelegated,
    ParticipantJoined,
    ParticipantLeft,
    Renamed,
    SettingChanged,
)
from gamenet.wire.log_fields import Phrase
from gamenet.wire.log_values import (
    ACTIVITY_NAME_LIMIT,
    CHAT_LIMIT,
    CONTENT_LIMIT,
    KEY_LIMIT,
    KEY_OCTETS,
    KIND_LIMIT,
    NAME_LIMIT,
    VALUE_LIMIT,
    VALUE_OCTETS,
    LeaveReason,
    RefusalCode,
)

__all__ = ["Refusal", "judged"]


@attrs.frozen
class Refusal:
    """
    Why a command becomes no event.

    @ivar code: The reason by name.
    @ivar reason: The reason for a person; never quotes what was sent.
    """

    code: RefusalCode
    reason: str


class _No(Exception):
    """A refusal on its way out."""

    def __init__(self, code: RefusalCode, reason: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(code, reason)


def judged(
    state: SharedState, player: int, command: Command, settings: EventLogSettings
) -> Body | Refusal:
    """
    Return what becomes of a command.

    Called by a host, with each command that it has not answered yet; what it
    returns can be applied to the state as C{state.following(body, time, player, number)}.

    @param state: The state that the command comes to.
    @param player: Whose command it is, as the link has proven: nobody commands for another.
    @param command: The command.
    @param settings: The host's.
    """
    try:
        if state.delegate is not None:
            raise _No(RefusalCode.BUSY, "the session is being handed over")
        if type(command) is not Join and state.participant(player) is None:
            raise _No(RefusalCode.NOT_A_PARTICIPANT, "only participants can do that")
        if type(command) in _OF_THE_HOST and player != state.host:
            raise _No(RefusalCode.NOT_HOST, "only the host can do that")
        return _RULES[type(command)](state, player, command, settings)
    except _No as no:
        return no.refusal


def _name(text: str, highest: int, what: str, octets: int = 0) -> str:
    """
    Return a name that is good.

    @param what: What it names, for the refusal.
    @param octets: The most bytes in UTF-8; 0 for any number.
    """
    if len(text) > highest:
        raise _No(RefusalCode.TOO_LONG, f"{what} may have at most {highest} characters")
    problem = nameProblem(text, highest)
    if problem is not None:
        raise _No(RefusalCode.BAD_NAME, f"{what} {problem}")
    if octets and len(text.encode()) > octets:
        raise _No(RefusalCode.TOO_LONG, f"{what} may have at most {octets} bytes in UTF-8")
    return text


def _text(text: str, lowest: int, highest: int, octets: int, what: str) -> str:
    """Return a text that is good; C{what} it is, for the refusal."""
    if len(text) > highest:
        raise _No(RefusalCode.TOO_LONG, f"{what} may have at most {highest} characters")
    try:
        Phrase(lowest, highest, 4 * highest).unpack(text)
    except ValueError as error:
        raise _No(RefusalCode.BAD_TEXT, f"{what} {error}") from None
    if len(text.encode()) > octets:
        raise _No(RefusalCode.TOO_LONG, f"{what} may have at most {octets} bytes in UTF-8")
    return text


def _content(content: bytes) -> bytes:
    """Return a content that is short enough."""
    if len(content) > CONTENT_LIMIT:
        raise _No(RefusalCode.TOO_LONG, f"a content may have at most {CONTENT_LIMIT} bytes")
    return content


def _somebodyElse(state: SharedState, player: int) -> None:
    """Raise unless there is such a participant, and the host is another."""
    if state.participant(player) is None:
        raise _No(RefusalCode.NO_SUCH_PLAYER, f"player {player} is no participant")
    if player == state.host:
        raise _No(RefusalCode.NO_SUCH_PLAYER, f"player {player} is the host itself")


def _join(state: SharedState, player: int, command: Join, _: EventLogSettings) -> Body:
    """Seat who is none yet, while there is room."""
    if state.participant(player) is not None:
        raise _No(RefusalCode.ALREADY_JOINED, f"player {player} is a participant")
    name = _name(command.name, NAME_LIMIT, "a name")
    if len(state.participants) >= state.capacity:
        raise _No(RefusalCode.FULL, f"all {state.capacity} seats are taken")
    return ParticipantJoined(player, name)


def _leave(state: SharedState, player: int, command: Leave, _: EventLogSettings) -> Body:
    """Let go whoever wants to, also the host."""
    return ParticipantLeft(player, LeaveReason.LEFT)


def _rename(state: SharedState, player: int, command: Rename, _: EventLogSettings) -> Body:
    """Rename who asks, nobody else."""
    return Renamed(player, _name(command.name, NAME_LIMIT, "a name"))


def _startActivity(
    state: SharedState, player: int, command: StartActivity, _: EventLogSettings
) -> Body:
    """Begin the next activity where none runs."""
    name = _name(command.name, ACTIVITY_NAME_LIMIT, "an activity's name")
    content = _content(command.content)
    if state.activity is not None:
        raise _No(RefusalCode.ACTIVITY_RUNNING, f"activity {state.activity.number} runs")
    return ActivityStarted(state.activities_begun + 1, name, content)


def _endActivity(
    state: SharedState, player: int, command: EndActivity, _: EventLogSettings
) -> Body:
    """End the running activity, for who began it and for the host."""
    activity, number = state.activity, command.activity
    if activity is None or activity.number != number:
        raise _No(RefusalCode.NO_SUCH_ACTIVITY, f"activity {number} does not run")
    if player not in (activity.author, state.host):
        raise _No(RefusalCode.NOT_YOURS, f"activity {number} is player {activity.author}'s")
    return ActivityEnded(number, _content(command.content))


def _changeSetting(
    state: SharedState, player: int, command: ChangeSetting, settings: EventLogSettings
) -> Body:
    """Set something, while there are not too many settings."""
    key = _name(command.key, KEY_LIMIT, "a key", KEY_OCTETS)
    if command.value is None:
        return SettingChanged(key, None)
    value = _text(command.value, 0, VALUE_LIMIT, VALUE_OCTETS, "a value")
    full = len(state.settings) >= settings.settings_capacity
    if full and state.setting(key) is None:
        raise _No(RefusalCode.TOO_MANY_SETTINGS, f"there are {len(state.settings)} settings")
    return SettingChanged(key, value)


def _say(state: SharedState, player: int, command: Say, _: EventLogSettings) -> Body:
    """Pass on what is said."""
    return Chat(player, _text(command.text, 1, CHAT_LIMIT, 4 * CHAT_LIMIT, "a text"))


def _sendCustom(state: SharedState, player: int, command: SendCustom, _: EventLogSettings) -> Body:
    """Pass on what the game alone understands."""
    kind = _name(command.kind, KIND_LIMIT, "a kind")
    return Custom(player, kind, _content(command.content))


def _delegate(state: SharedState, player: int, command: Delegate, _: EventLogSettings) -> Body:
    """Hand the role to a participant that is there."""
    _somebodyElse(state, command.player)
    delegate = state.participant(command.player)
    if delegate is not None and delegate.is_lost:
        raise _No(RefusalCode.NO_SUCH_PLAYER, f"player {command.player} is lost")
    return HostDelegated(command.player)


def _kick(state: SharedState, player: int, command: Kick, _: EventLogSettings) -> Body:
    """Remove another participant, lost or not."""
    _somebodyElse(state, command.player)
    return ParticipantLeft(command.player, LeaveReason.KICKED)


#: What the host alone can command.
_OF_THE_HOST = (ChangeSetting, Delegate, Kick)

#: What becomes of each kind of command.
_RULES: dict[type, Callable[[SharedState, int, Any, EventLogSettings], Body]] = {
    Join: _join,
    Leave: _leave,
    Rename: _rename,
    StartActivity: _startActivity,
    EndActivity: _endActivity,
    ChangeSetting: _changeSetting,
    Say: _say,
    SendCustom: _sendCustom,
    Delegate: _delegate,
    Kick: _kick,
}
