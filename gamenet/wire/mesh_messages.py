"""
What the players of a match tell one another about ways to each other, so that they find
them where there is no lobby, or not any more.

Reliable messages on stream L{MESH_STREAM} of each link; arrays in canonical CBOR::

    [1, player, candidates]     where a player may be reached: the sender, or another
    [2, attempt, kind]          a step of traversal, as a lobby carries it
    [3, member]                 somebody has come, with keys, as a ticket has it
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Field, Row, RowOf, Whole, packRow, unpackRow
from gamenet.wire.lobby_values import (
    ATTEMPT,
    CANDIDATES,
    PLAYERS_LIMIT,
    STEP_KIND,
    Candidate,
    TicketMember,
)

__all__ = [
    "MESH_MESSAGE_LIMIT",
    "MESH_STREAM",
    "Attempted",
    "Introduction",
    "MeshMessage",
    "Whereabouts",
    "decodeMeshMessage",
    "encodeMeshMessage",
]

#: The stream of each link that these travel on; nothing else does.
MESH_STREAM = 3

#: The most bytes of a message.
MESH_MESSAGE_LIMIT = 1536


@attrs.frozen
class Whereabouts(Row):
    """
    Say where a player may be reached.

    @ivar player: Who.
    @ivar candidates: Where, instead of what was said before.
    """

    number: ClassVar[int] = 1
    layout: ClassVar[tuple[Field, ...]] = (Whole(1, PLAYERS_LIMIT), CANDIDATES)

    player: int
    candidates: tuple[Candidate, ...]


@attrs.frozen
class Attempted(Row):
    """
    Carry a step of traversal to the receiver.

    @ivar attempt: Which attempt it belongs to, 16 bytes.
    @ivar kind: What it is, 0 to 255.
    """

    number: ClassVar[int] = 2
    layout: ClassVar[tuple[Field, ...]] = (ATTEMPT, STEP_KIND)

    attempt: bytes
    kind: int


@attrs.frozen
class Introduction(Row):
    """
    Say that somebody has come to the match.

    @ivar member: Who, with the keys that their ticket has.
    """

    number: ClassVar[int] = 3
    layout: ClassVar[tuple[Field, ...]] = (RowOf(TicketMember),)

    member: TicketMember


#: Any of these.
MeshMessage: TypeAlias = Whereabouts | Attempted | Introduction

_TYPES: dict[int, type[Whereabouts | Attempted | Introduction]] = {
    1: Whereabouts,
    2: Attempted,
    3: Introduction,
}


def encodeMeshMessage(message: MeshMessage) -> bytes:
    """
    Return a message's bytes.

    @raise LocalProtocolError: A field is out of bounds.
    """
    try:
        return canonical_cbor.encode([message.number, *packRow(message)])
    except ValueError as error:
        raise LocalProtocolError(str(error)) from error


def decodeMeshMessage(data: bytes) -> MeshMessage:
    """
    Return the message in these bytes.

    @raise MalformedMessage: There is none, or a field is out of bounds.
    @raise UnknownMessage: No message has its number.
    """
    if len(data) > MESH_MESSAGE_LIMIT:
        raise MalformedMessage(f"a message of {len(data)} bytes")
    array = canonical_cbor.decode(data)
    if type(array) is not list or not array or type(array[0]) is not int:
        raise MalformedMessage("a message that is no array behind a number")
    kind = _TYPES.get(array[0])
    if kind is None:
        raise UnknownMessage(f"no message between players has number {array[0]}")
    try:
        return unpackRow(kind, array[1:])
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
