"""
The commands of a shared session: what participants ask its host to make events of.

A command travels as C{[number, fields...]}.  Its bounds are looser than those of
the events, so that a host can refuse a name or a text by name
(L{gamenet.event_log.commands}) instead of dropping the message.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from gamenet.wire.lobby_fields import Field, LooseText, Row, Whole
from gamenet.wire.log_fields import Content, OrNone
from gamenet.wire.log_values import PLAYER, SEQUENCE

__all__ = [
    "COMMANDS",
    "LOOSE_CONTENT",
    "LOOSE_TEXT",
    "ChangeSetting",
    "Command",
    "Delegate",
    "EndActivity",
    "Join",
    "Kick",
    "Leave",
    "Rename",
    "Say",
    "SendCustom",
    "StartActivity",
]

#: The most characters of a text that a host judges for itself.
LOOSE_TEXT = 2048

#: The most bytes of a content that a host judges for itself.
LOOSE_CONTENT = 4096

_TEXT = LooseText(LOOSE_TEXT)
_CONTENT = Content(LOOSE_CONTENT)


@attrs.frozen
class Join(Row):
    """
    Take part.  C{[1, name]}.

    @ivar name: The name that all shall see.
    """

    number: ClassVar[int] = 1
    layout: ClassVar[tuple[Field, ...]] = (_TEXT,)

    name: str


@attrs.frozen
class Leave(Row):
    """Take part no more.  C{[2]}."""

    number: ClassVar[int] = 2
    layout: ClassVar[tuple[Field, ...]] = ()


@attrs.frozen
class Rename(Row):
    """
    Have another name.  C{[3, name]}.

    @ivar name: The new one.
    """

    number: ClassVar[int] = 3
    layout: ClassVar[tuple[Field, ...]] = (_TEXT,)

    name: str


@attrs.frozen
class StartActivity(Row):
    """
    Begin an activity; one runs at a time.  C{[4, name, content]}.

    @ivar name: Its name.
    @ivar content: What it means to the game.
    """

    number: ClassVar[int] = 4
    layout: ClassVar[tuple[Field, ...]] = (_TEXT, _CONTENT)

    name: str
    content: bytes


@attrs.frozen
class EndActivity(Row):
    """
    End the running activity: who began it may, and the host.  C{[5, number, content]}.

    @ivar activity: Its number.
    @ivar content: How it ended, for the game.
    """

    number: ClassVar[int] = 5
    layout: ClassVar[tuple[Field, ...]] = (Whole(0, SEQUENCE.highest), _CONTENT)

    activity: int
    content: bytes


@attrs.frozen
class ChangeSetting(Row):
    """
    Set something for all: the host alone may.  C{[6, key, value]}.

    @ivar key: What.
    @ivar value: What it shall be; C{None} takes it away.
    """

    number: ClassVar[int] = 6
    layout: ClassVar[tuple[Field, ...]] = (_TEXT, OrNone(_TEXT))

    key: str
    value: str | None


@attrs.frozen
class Say(Row):
    """
    Say something to all.  C{[7, text]}.

    @ivar text: What.
    """

    number: ClassVar[int] = 7
    layout: ClassVar[tuple[Field, ...]] = (_TEXT,)

    text: str


@attrs.frozen
class SendCustom(Row):
    """
    Send all something that the game alone understands.  C{[8, kind, content]}.

    @ivar kind: What kind of thing, in the game's words.
    @ivar content: The thing.
    """

    number: ClassVar[int] = 8
    layout: ClassVar[tuple[Field, ...]] = (_TEXT, _CONTENT)

    kind: str
    content: bytes


@attrs.frozen
class Delegate(Row):
    """
    Make somebody else the host: the host alone may.  C{[9, player]}.

    @ivar player: Whom.
    """

    number: ClassVar[int] = 9
    layout: ClassVar[tuple[Field, ...]] = (PLAYER,)

    player: int


@attrs.frozen
class Kick(Row):
    """
    Remove somebody: the host alone may.  C{[10, player]}.

    @ivar player: Whom.
    """

    number: ClassVar[int] = 10
    layout: ClassVar[tuple[Field, ...]] = (PLAYER,)

    player: int


#: Any command.
Command: TypeAlias = (
    Join
    | Leave
    | Rename
    | StartActivity
    | EndActivity
    | ChangeSetting
    | Say
    | SendCustom
    | Delegate
    | Kick
)

#: The classes of commands, by their numbers.
COMMANDS: dict[int, type[Row]] = {
    kind.number: kind
    for kind in (
        Join,
        Leave,
        Rename,
        StartActivity,
        EndActivity,
        ChangeSetting,
        Say,
        SendCustom,
        Delegate,
        Kick,
    )
}
