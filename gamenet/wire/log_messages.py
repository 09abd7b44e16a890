"""
The messages that participants of a shared session send one another, as bytes and back.

A message is a canonical CBOR array of the message's number and its fields.  Those of
elections are in a module of their own and travel in the same way: who decodes says which
classes it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import (
    Field,
    ListOf,
    Octets,
    Row,
    RowOf,
    Text,
    Whole,
    packRow,
    unpackRow,
)
from gamenet.wire.log_commands import COMMANDS, Command
from gamenet.wire.log_events import Event
from gamenet.wire.log_fields import CodeOf, Content, Tagged
from gamenet.wire.log_values import COMMAND_NUMBER, NO_EPOCH, SEQUENCE, Epoch, RefusalCode

__all__ = [
    "BATCH_LIMIT",
    "DIGEST_OCTETS",
    "LOG_MESSAGES",
    "MESSAGE_LIMIT",
    "NO_DIGEST",
    "REASON_LIMIT",
    "SNAPSHOT_LIMIT",
    "CommandSent",
    "Events",
    "EventsWanted",
    "LogMessage",
    "Refused",
    "SnapshotSent",
    "SnapshotWanted",
    "Status",
    "decodeLogMessage",
    "encodeLogMessage",
]

#: The longest message in bytes: what a channel carries whole.
MESSAGE_LIMIT = 65_536

#: The longest snapshot in bytes; the largest state that there can be is smaller.
SNAPSHOT_LIMIT = 65_000

#: The most events in one message.
BATCH_LIMIT = 256

#: The most characters of a reason that a host gives.
REASON_LIMIT = 256

#: Bytes of a state's digest in a status: its first ones.
DIGEST_OCTETS = 8

#: What a status says in a digest's place where there is no state.
NO_DIGEST = bytes(DIGEST_OCTETS)

_NUMBER = Whole(1, COMMAND_NUMBER.highest)


@attrs.frozen
class Status(Row):
    """
    Where somebody stands; sent all the time, and not again if it is lost.

    C{[1, epoch, sequence, acknowledged, digest, heard, first_unanswered, promised]}.

    @ivar epoch: The epoch that it is in; L{NO_EPOCH} while it knows nothing, then
        all but C{heard} and C{first_unanswered} are 0.
    @ivar sequence: The last event that it holds.
    @ivar acknowledged: The last event that it knows to be acknowledged; at most C{sequence}.
    @ivar digest: The first L{DIGEST_OCTETS} bytes of the digest of its state at C{sequence}.
    @ivar heard: Whom it hears: bit C{n - 1} stands for player C{n}.
    @ivar first_unanswered: The lowest number of a command of its own that it has no answer
        to; where it waits for none, its next command's.
    @ivar promised: The highest epoch that it has promised to follow, or knows somebody
        it hears to have promised; L{NO_EPOCH} where there is none above C{epoch}.
    """

    number: ClassVar[int] = 1
    layout: ClassVar[tuple[Field, ...]] = (
        RowOf(Epoch),
        SEQUENCE,
        SEQUENCE,
        Octets(DIGEST_OCTETS),
        Whole(0, 2**64 - 1),
        _NUMBER,
        RowOf(Epoch),
    )

    epoch: Epoch
    sequence: int
    acknowledged: int
    digest: bytes
    heard: int
    first_unanswered: int
    promised: Epoch = NO_EPOCH

    def requireConsistent(self) -> None:
        """
        @raise ValueError: It has acknowledged what it does not hold, or holds
            something in no epoch.
        """
        if self.acknowledged > self.sequence:
            raise ValueError("Status: acknowledges what it does not hold")
        if self.epoch == NO_EPOCH and (self.sequence or self.digest != NO_DIGEST):
            raise ValueError("Status: holds events of no epoch")


@attrs.frozen
class CommandSent(Row):
    """
    A command of the sender's own.  C{[2, number, command]}.

    @ivar command_number: The sender's number for it, from 1, ascending; the same when it
        is sent again.
    @ivar command: The command.
    """

    number: ClassVar[int] = 2
    layout: ClassVar[tuple[Field, ...]] = (_NUMBER, Tagged(COMMANDS))

    command_number: int
    command: Command


@attrs.frozen
class Events(Row):
    """
    Events, from the host or in answer to EventsWanted.  C{[3, events, previous]}.

    @ivar events: 1 to L{BATCH_LIMIT} of one session, one after the other.
    @ivar previous: The epoch that the event before the first of them is in, so that
        nobody takes them for the continuation of another branch.
    """

    number: ClassVar[int] = 3
    layout: ClassVar[tuple[Field, ...]] = (
        ListOf(RowOf(Event), 1, BATCH_LIMIT),
        RowOf(Epoch),
    )

    events: tuple[Event, ...]
    previous: Epoch = NO_EPOCH

    def requireConsistent(self) -> None:
        """
        @raise ValueError: One of them does not follow the one before it.
        """
        before = self.events[0]
        if before.epoch < self.previous:
            raise ValueError("Events: the first does not follow the one before it")
        for event in self.events[1:]:
            if (
                event.sequence != before.sequence + 1
                or event.session_id != before.session_id
                or event.epoch < before.epoch
            ):
                raise ValueError("Events: one does not follow the one before it")
            before = event


@attrs.frozen
class Refused(Row):
    """
    The host's answer to a command that becomes no event.  C{[4, number, code, reason]}.

    @ivar command_number: Which command of the receiver's.
    @ivar code: Why.
    @ivar reason: Why, for a person; at most L{REASON_LIMIT} characters.
    """

    number: ClassVar[int] = 4
    layout: ClassVar[tuple[Field, ...]] = (
        _NUMBER,
        CodeOf(RefusalCode),
        Text(0, REASON_LIMIT),
    )

    command_number: int
    code: RefusalCode
    reason: str


@attrs.frozen
class EventsWanted(Row):
    """
    Ask for events that did not arrive.  C{[5, epoch, after, count]}.

    @ivar epoch: The epoch that the asker is in.
    @ivar after: The last event that it holds.
    @ivar count: How many it wants, 1 to L{BATCH_LIMIT}.
    """

    number: ClassVar[int] = 5
    layout: ClassVar[tuple[Field, ...]] = (RowOf(Epoch), SEQUENCE, Whole(1, BATCH_LIMIT))

    epoch: Epoch
    after: int
    count: int


@attrs.frozen
class SnapshotWanted(Row):
    """
    Ask for the whole state.  C{[6, known]}.

    @ivar known: The last event that the asker holds; 0 for none.
    """

    number: ClassVar[int] = 6
    layout: ClassVar[tuple[Field, ...]] = (SEQUENCE,)

    known: int


@attrs.frozen
class SnapshotSent(Row):
    """
    The whole state, asked for or to a newcomer.  C{[7, snapshot]}.

    @ivar snapshot: The bytes of a L{gamenet.event_log.snapshot.Snapshot}, at most
        L{SNAPSHOT_LIMIT}; they are decoded only if they are wanted.
    """

    number: ClassVar[int] = 7
    layout: ClassVar[tuple[Field, ...]] = (Content(SNAPSHOT_LIMIT),)

    snapshot: bytes


#: Any message of this module.
LogMessage: TypeAlias = (
    Status | CommandSent | Events | Refused | EventsWanted | SnapshotWanted | SnapshotSent
)

#: The classes of this module's messages, by their numbers.
LOG_MESSAGES: dict[int, type[Row]] = {
    message.number: message
    for message in (
        Status,
        CommandSent,
        Events,
        Refused,
        EventsWanted,
        SnapshotWanted,
        SnapshotSent,
    )
}


def encodeLogMessage(message: Row) -> bytes:
    """
    Return a message's bytes.

    Called by a replica, and whoever has a message of an election to send.

    @param message: A row whose class has a C{number}.
    @raise LocalProtocolError: It is no message, a field of it is out of bounds (the text
        names it), or it is longer than L{MESSAGE_LIMIT}.
    """
    number = getattr(type(message), "number", None)
    if type(number) is not int:
        raise LocalProtocolError(f"{type(message).__name__} is not a message")
    try:
        fields = packRow(message)
    except ValueError as error:
        raise LocalProtocolError(str(error)) from error
    data = canonical_cbor.encode([number, *fields])
    if len(data) > MESSAGE_LIMIT:
        raise LocalProtocolError(f"a message of {len(data)} bytes is above the limit")
    return data


def decodeLogMessage(data: bytes, known: Mapping[int, type[Row]] = LOG_MESSAGES) -> Row:
    """
    Return the message that bytes are.

    Called by a replica with what a link brought.

    @param data: All of the message.
    @param known: The classes that it may be of, by their numbers.
    @raise MalformedMessage: It is no message, a field of it is out of bounds, or it is
        longer than L{MESSAGE_LIMIT}.
    @raise UnknownMessage: It is of no class that is known.
    """
    if len(data) > MESSAGE_LIMIT:
        raise MalformedMessage(f"a message of {len(data)} bytes is above the limit")
    array = canonical_cbor.decode(data)
    if type(array) is not list or not array or type(array[0]) is not int:
        raise MalformedMessage("a message is an array that begins with an integer")
    kind = known.get(array[0])
    if kind is None:
        raise UnknownMessage(f"no message of a session has the number {array[0]}")
    try:
        return unpackRow(kind, array[1:])
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
