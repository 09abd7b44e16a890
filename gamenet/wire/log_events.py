"""
The events of a shared session: what its host has put in order.

An event travels as C{[session id, sequence, epoch, time, author, command, body]};
a body as C{[number, fields...]}, C{number} being the one its class names.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from gamenet.wire.lobby_fields import Field, Row, RowOf, Text, Whole
from gamenet.wire.log_fields import CodeOf, Content, OrNone, Phrase, Tagged, requireAscending
from gamenet.wire.log_values import (
    ACTIVITY_NAME_LIMIT,
    CHAT_LIMIT,
    COMMAND_NUMBER,
    CONTENT_LIMIT,
    KIND_LIMIT,
    MEMBERS,
    NAME_LIMIT,
    NO_EPOCH,
    PARTICIPANTS_LIMIT,
    PLAYER,
    SEQUENCE,
    SESSION_ID,
    SETTING_KEY,
    SETTING_VALUE,
    TIME_MS,
    Epoch,
    LeaveReason,
)

__all__ = [
    "BODIES",
    "NOBODY",
    "ActivityEnded",
    "ActivityStarted",
    "Body",
    "Chat",
    "Custom",
    "EpochStarted",
    "Event",
    "HostDelegated",
    "ParticipantJoined",
    "ParticipantLeft",
    "ParticipantLost",
    "ParticipantReturned",
    "Renamed",
    "SettingChanged",
]

#: The author of the host's own bookkeeping.
NOBODY = 0

_NAME = Text(1, NAME_LIMIT)
_ACTIVITY = Whole(1, SEQUENCE.highest)


@attrs.frozen
class ParticipantJoined(Row):
    """
    Somebody takes part from now on, by its own command.  C{[1, player, name]}.

    @ivar player: Who; the event's author.
    @ivar name: Its name, 1 to L{NAME_LIMIT} characters.
    """

    number: ClassVar[int] = 1
    layout: ClassVar[tuple[Field, ...]] = (PLAYER, _NAME)

    player: int
    name: str


@attrs.frozen
class ParticipantLeft(Row):
    """
    Somebody does not take part any more.  C{[2, player, reason]}.

    @ivar player: Who.
    @ivar reason: By its own command, by the host's, or by nobody's.
    """

    number: ClassVar[int] = 2
    layout: ClassVar[tuple[Field, ...]] = (PLAYER, CodeOf(LeaveReason))

    player: int
    reason: LeaveReason


@attrs.frozen
class ParticipantLost(Row):
    """
    The host does not hear somebody; the grace begins.  C{[3, player]}.

    @ivar player: Who.
    """

    number: ClassVar[int] = 3
    layout: ClassVar[tuple[Field, ...]] = (PLAYER,)

    player: int


@attrs.frozen
class ParticipantReturned(Row):
    """
    The host hears somebody again.  C{[4, player]}.

    @ivar player: Who.
    """

    number: ClassVar[int] = 4
    layout: ClassVar[tuple[Field, ...]] = (PLAYER,)

    player: int


@attrs.frozen
class Renamed(Row):
    """
    Somebody has another name now, by its own command.  C{[5, player, name]}.

    @ivar player: Who; the event's author.
    @ivar name: The new name, 1 to L{NAME_LIMIT} characters.
    """

    number: ClassVar[int] = 5
    layout: ClassVar[tuple[Field, ...]] = (PLAYER, _NAME)

    player: int
    name: str


@attrs.frozen
class ActivityStarted(Row):
    """
    An activity runs.  C{[6, number, name, content]}.

    @ivar activity: Its number: one more than the last one's, from 1.
    @ivar name: 1 to L{ACTIVITY_NAME_LIMIT} characters.
    @ivar content: What it means to the game; at most L{CONTENT_LIMIT} bytes.
    """

    number: ClassVar[int] = 6
    layout: ClassVar[tuple[Field, ...]] = (
        _ACTIVITY,
        Text(1, ACTIVITY_NAME_LIMIT),
        Content(CONTENT_LIMIT),
    )

    activity: int
    name: str
    content: bytes


@attrs.frozen
class ActivityEnded(Row):
    """
    The running activity is over.  C{[7, number, content]}.

    @ivar activity: Its number.
    @ivar content: How it ended, for the game; at most L{CONTENT_LIMIT} bytes.
    """

    number: ClassVar[int] = 7
    layout: ClassVar[tuple[Field, ...]] = (_ACTIVITY, Content(CONTENT_LIMIT))

    activity: int
    content: bytes


@attrs.frozen
class SettingChanged(Row):
    """
    The host has set something, or taken it back.  C{[8, key, value]}.

    @ivar key: Which setting.
    @ivar value: What it is now; C{None} takes it away.
    """

    number: ClassVar[int] = 8
    layout: ClassVar[tuple[Field, ...]] = (SETTING_KEY, OrNone(SETTING_VALUE))

    key: str
    value: str | None


@attrs.frozen
class Chat(Row):
    """
    Somebody said something.  C{[9, player, text]}.

    @ivar player: Who; the event's author.
    @ivar text: 1 to L{CHAT_LIMIT} characters.
    """

    number: ClassVar[int] = 9
    layout: ClassVar[tuple[Field, ...]] = (PLAYER, Phrase(1, CHAT_LIMIT, 4 * CHAT_LIMIT))

    player: int
    text: str


@attrs.frozen
class Custom(Row):
    """
    An event that the game alone understands.  C{[10, player, kind, content]}.

    @ivar player: By whose command; the event's author.
    @ivar kind: 1 to L{KIND_LIMIT} characters.
    @ivar content: At most L{CONTENT_LIMIT} bytes.
    """

    number: ClassVar[int] = 10
    layout: ClassVar[tuple[Field, ...]] = (PLAYER, Text(1, KIND_LIMIT), Content(CONTENT_LIMIT))

    player: int
    kind: str
    content: bytes


@attrs.frozen
class HostDelegated(Row):
    """
    The host hands its role over; the last event of its epoch.  C{[11, player]}.

    @ivar player: To whom.
    """

    number: ClassVar[int] = 11
    layout: ClassVar[tuple[Field, ...]] = (PLAYER,)

    player: int


@attrs.frozen
class EpochStarted(Row):
    """
    Another host orders from now on; the first event of its epoch.  C{[12, members]}.

    @ivar members: The participants that it hears, itself among them, ascending.
    """

    number: ClassVar[int] = 12
    layout: ClassVar[tuple[Field, ...]] = (MEMBERS,)

    members: tuple[int, ...]


#: What an event can be about.
Body: TypeAlias = (
    ParticipantJoined
    | ParticipantLeft
    | ParticipantLost
    | ParticipantReturned
    | Renamed
    | ActivityStarted
    | ActivityEnded
    | SettingChanged
    | Chat
    | Custom
    | HostDelegated
    | EpochStarted
)

#: The classes of bodies, by their numbers.
BODIES: dict[int, type[Row]] = {
    kind.number: kind
    for kind in (
        ParticipantJoined,
        ParticipantLeft,
        ParticipantLost,
        ParticipantReturned,
        Renamed,
        ActivityStarted,
        ActivityEnded,
        SettingChanged,
        Chat,
        Custom,
        HostDelegated,
        EpochStarted,
    )
}

#: What a participant does by a command of its own, about itself.
_OF_THE_AUTHOR = (ParticipantJoined, Renamed, Chat, Custom)

#: The host's own bookkeeping.
_OF_NOBODY = (ParticipantLost, ParticipantReturned, EpochStarted)

#: What only the host's commands cause.
_OF_THE_HOST = (SettingChanged, HostDelegated)


@attrs.frozen
class Event(Row):
    """
    What the host has put into the session's order.

    @ivar session_id: The session's, 16 bytes.
    @ivar sequence: Its place in the order, from 1.
    @ivar epoch: Which host ordered it, in which term.
    @ivar time_ms: When: milliseconds since the session began, by the host's clock.
    @ivar author: By whose command, by player number; L{NOBODY} for the host's own
        bookkeeping.
    @ivar command: Which command of the author's; 0 for none.
    @ivar body: What happened.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        SESSION_ID,
        Whole(1, SEQUENCE.highest),
        RowOf(Epoch),
        TIME_MS,
        Whole(0, PARTICIPANTS_LIMIT),
        COMMAND_NUMBER,
        Tagged(BODIES),
    )

    session_id: bytes
    sequence: int
    epoch: Epoch
    time_ms: int
    author: int
    command: int
    body: Body

    def requireConsistent(self) -> None:
        """
        @raise ValueError: It is in no epoch, or nobody with that author could
            have caused what it is about.
        """
        author, body, host = self.author, self.body, self.epoch.host
        if self.epoch == NO_EPOCH:
            raise ValueError("Event: must name an epoch")
        if (author == NOBODY) != (self.command == 0):
            raise ValueError("Event: it has an author and a command, or none of them")
        if isinstance(body, _OF_THE_AUTHOR):
            rightful = author == body.player
        elif isinstance(body, _OF_NOBODY):
            rightful = author == NOBODY
        elif isinstance(body, _OF_THE_HOST):
            rightful = author == host
        elif isinstance(body, ParticipantLeft):
            rightful = (
                author
                == {
                    LeaveReason.LEFT: body.player,
                    LeaveReason.GRACE_OVER: NOBODY,
                    LeaveReason.KICKED: host,
                }[body.reason]
            )
        else:
            rightful = author != NOBODY
        if not rightful:
            raise ValueError(f"Event: a {type(body).__name__} is not its author's to cause")
        if isinstance(body, EpochStarted):
            requireAscending(list(body.members), "EpochStarted: members")
            if host not in body.members:
                raise ValueError("EpochStarted: the host is one of the members")
        elif isinstance(body, (ParticipantLeft, HostDelegated)) and body.player == host:
            if not isinstance(body, ParticipantLeft) or body.reason is not LeaveReason.LEFT:
                raise ValueError("Event: a host does not do that to itself")
        elif isinstance(body, ParticipantLost) and body.player == host:
            raise ValueError("Event: a host is not lost to itself")
