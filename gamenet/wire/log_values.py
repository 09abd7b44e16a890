"""
What the shared session's events, commands and messages are made of: its limits,
and the values that its state holds.

Each value is a L{gamenet.wire.lobby_fields.Row}: an array of its fields, in the
order in which they are declared; every bound named here holds when it is sent
and when it is received.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import ClassVar

import attrs

from gamenet.wire.lobby_fields import Field, ListOf, Octets, Row, RowOf, Text, Whole
from gamenet.wire.log_fields import Content, Key, OrNone, Packed, Phrase, requireAscending

__all__ = [
    "ACTIVITY_NAME_LIMIT",
    "CHAT_LIMIT",
    "COMMAND_NUMBER",
    "CONTENT_LIMIT",
    "EPOCHS_LIMIT",
    "KEY_LIMIT",
    "KEY_OCTETS",
    "KIND_LIMIT",
    "MEMBERS",
    "NAME_LIMIT",
    "NO_EPOCH",
    "PARTICIPANTS_LIMIT",
    "PLAYER",
    "SEQUENCE",
    "SESSION_ID",
    "SESSION_NAME_LIMIT",
    "SETTINGS_LIMIT",
    "SETTING_KEY",
    "SETTING_VALUE",
    "TIME_MS",
    "VALUE_LIMIT",
    "VALUE_OCTETS",
    "Activity",
    "Departed",
    "Epoch",
    "EpochRecord",
    "LeaveReason",
    "Participant",
    "RefusalCode",
    "Setting",
]

#: The most participants of a session, and the highest number of a player in it.
PARTICIPANTS_LIMIT = 64

#: The most settings of a session.
SETTINGS_LIMIT = 64

#: The most epochs that a state remembers: the newest.
EPOCHS_LIMIT = 64

#: The most characters of a session's name.
SESSION_NAME_LIMIT = 64

#: The most characters of a participant's name.
NAME_LIMIT = 32

#: The most characters of an activity's name.
ACTIVITY_NAME_LIMIT = 64

#: The most bytes that an activity or a custom event carries.
CONTENT_LIMIT = 1024

#: The most characters of what somebody says.
CHAT_LIMIT = 500

#: The most characters of a custom event's kind.
KIND_LIMIT = 32

#: The most characters of a setting's key.
KEY_LIMIT = 32

#: The most bytes (UTF-8) of a setting's key.
KEY_OCTETS = 64

#: The most characters of a setting's value.
VALUE_LIMIT = 256

#: The most bytes (UTF-8) of a setting's value: with all settings, participants and epochs
#: that there may be, a snapshot still fits in one message.
VALUE_OCTETS = 512

#: A player's number.
PLAYER = Whole(1, PARTICIPANTS_LIMIT)

#: How many events there have been.
SEQUENCE = Whole(0, 2**48 - 1)

#: Milliseconds since the session began.
TIME_MS = Whole(0, 2**48 - 1)

#: The number that an author gave a command; 0 stands for none.
COMMAND_NUMBER = Whole(0, 2**48 - 1)

#: A session's id.
SESSION_ID = Octets(16)


class LeaveReason(IntEnum):
    """
    Why somebody is no participant any more.

    @cvar LEFT: It said so.
    @cvar GRACE_OVER: It was lost for longer than the grace.
    @cvar KICKED: The host removed it.
    """

    LEFT = 1
    GRACE_OVER = 2
    KICKED = 3


class RefusalCode(IntEnum):
    """
    Why a host refuses a command.

    @cvar NOT_HOST: Only the host may do that.
    @cvar NOT_A_PARTICIPANT: Who commands has not joined, or is one no more.
    @cvar ALREADY_JOINED: Who joins is a participant.
    @cvar FULL: There are as many participants as the session has room for.
    @cvar BAD_NAME: A name, key or kind is empty or holds characters that it must not.
    @cvar NO_SUCH_PLAYER: It is about somebody who is no participant, is lost, or is
        the host itself.
    @cvar NO_SUCH_ACTIVITY: That activity does not run.
    @cvar ACTIVITY_RUNNING: An activity runs; one at a time.
    @cvar TOO_MANY_SETTINGS: There are as many settings as there may be.
    @cvar TOO_LONG: A text or a content is longer than its limit.
    @cvar NOT_SYNCED: Who was asked does not know the session yet.
    @cvar BUSY: The session is being handed over, or too much waits already.
    @cvar NOT_YOURS: It is about what belongs to another player.
    @cvar BAD_TEXT: A text is empty where it must not be, or holds characters that
        it must not.
    """

    NOT_HOST = 1
    NOT_A_PARTICIPANT = 2
    ALREADY_JOINED = 3
    FULL = 4
    BAD_NAME = 5
    NO_SUCH_PLAYER = 6
    NO_SUCH_ACTIVITY = 7
    ACTIVITY_RUNNING = 8
    TOO_MANY_SETTINGS = 9
    TOO_LONG = 10
    NOT_SYNCED = 11
    BUSY = 12
    NOT_YOURS = 13
    BAD_TEXT = 14


#: A setting's key.
SETTING_KEY = Key(1, KEY_LIMIT, KEY_OCTETS)

#: A setting's value.
SETTING_VALUE = Phrase(0, VALUE_LIMIT, VALUE_OCTETS)


@attrs.frozen(order=True)
class Epoch(Row):
    """
    A host's term.  The number alone cannot be trusted to be of one host: two halves of a
    partition go on from the same number.

    @ivar number: From 1; each term has a higher one than the terms before it.  0 in
        L{NO_EPOCH} alone.
    @ivar host: The host's player number.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        Whole(0, 2**48 - 1),
        Whole(0, PARTICIPANTS_LIMIT),
    )

    number: int
    host: int

    def requireConsistent(self) -> None:
        """
        @raise ValueError: One of the two is 0 and the other is not.
        """
        if (self.number == 0) != (self.host == 0):
            raise ValueError("Epoch: both are 0 or none is")


#: What stands where there is no epoch: lower than all.
NO_EPOCH = Epoch(0, 0)

#: Who was there: player numbers, ascending.
MEMBERS = ListOf(PLAYER, 1, PARTICIPANTS_LIMIT)


@attrs.frozen
class EpochRecord(Packed):
    """
    That an epoch began.

    @ivar epoch: Which.
    @ivar sequence: The number of the event that it began with; 0 for the first epoch.
    @ivar members: Who was heard then, ascending.
    """

    layout: ClassVar[tuple[Field, ...]] = (RowOf(Epoch), SEQUENCE, MEMBERS)

    epoch: Epoch
    sequence: int
    members: tuple[int, ...]

    @cached_property
    def packed(self) -> bytes:
        """Its bytes."""
        return self.encoded()

    def requireConsistent(self) -> None:
        """
        @raise ValueError: The epoch is none, or the members are not ascending or
            lack the host.
        """
        if self.epoch == NO_EPOCH:
            raise ValueError("EpochRecord: must name an epoch")
        requireAscending(list(self.members), "EpochRecord: members")
        if self.epoch.host not in self.members:
            raise ValueError("EpochRecord: the host is one of the members")


@attrs.frozen
class Participant(Packed):
    """
    Somebody who takes part.

    @ivar player: Its number.
    @ivar name: 1 to L{NAME_LIMIT} characters.
    @ivar joined_sequence: The number of the event it joined by; 0 where it was there from
        the start.
    @ivar lost_at_ms: Since when it is lost, in the session's milliseconds; C{None} while
        it is not.
    @ivar last_command: The highest number of a command of its own that became an event;
        0 where none did.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        PLAYER,
        Text(1, NAME_LIMIT),
        SEQUENCE,
        OrNone(TIME_MS),
        COMMAND_NUMBER,
    )

    player: int
    name: str
    joined_sequence: int
    lost_at_ms: int | None = None
    last_command: int = 0

    @cached_property
    def packed(self) -> bytes:
        """Its bytes."""
        return self.encoded()

    @property
    def is_lost(self) -> bool:
        """Whether nobody hears it, and its grace runs."""
        return self.lost_at_ms is not None


@attrs.frozen
class Departed(Packed):
    """
    The number of a player who took part once: were it forgotten, a command that is
    sent again after its event could become an event again.

    @ivar player: The number.
    @ivar last_command: The highest number of a command of its own that became an event.
    """

    layout: ClassVar[tuple[Field, ...]] = (PLAYER, COMMAND_NUMBER)

    player: int
    last_command: int

    @cached_property
    def packed(self) -> bytes:
        """Its bytes."""
        return self.encoded()


@attrs.frozen
class Activity(Packed):
    """
    What is being done together now, for example a round of the game.

    @ivar number: From 1; each activity of a session has the next one.
    @ivar name: 1 to L{ACTIVITY_NAME_LIMIT} characters.
    @ivar content: What it means to the game; at most L{CONTENT_LIMIT} bytes.
    @ivar author: Who began it, by player number.
    @ivar started_sequence: The number of the event that it began with.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        Whole(1, SEQUENCE.highest),
        Text(1, ACTIVITY_NAME_LIMIT),
        Content(CONTENT_LIMIT),
        PLAYER,
        SEQUENCE,
    )

    number: int
    name: str
    content: bytes
    author: int
    started_sequence: int

    @cached_property
    def packed(self) -> bytes:
        """Its bytes."""
        return self.encoded()


@attrs.frozen
class Setting(Packed):
    """
    Something that the host has set for all.

    @ivar key: 1 to L{KEY_LIMIT} characters, at most L{KEY_OCTETS} bytes.
    @ivar value: At most L{VALUE_LIMIT} characters and L{VALUE_OCTETS} bytes.
    """

    layout: ClassVar[tuple[Field, ...]] = (SETTING_KEY, SETTING_VALUE)

    key: str
    value: str

    @cached_property
    def packed(self) -> bytes:
        """Its bytes."""
        return self.encoded()
