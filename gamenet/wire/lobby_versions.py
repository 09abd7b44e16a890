"""
What a lobby sends to those who speak an older version of its protocol.

A lobby decides and speaks as the newest version has it; only at the edge of a stream is a
message turned into the shape that its reader knows.  Readers need no such thing: fields
that were appended may be missing (L{gamenet.wire.lobby_fields.Row.appended}).

Nobody of version 1 sits in a session with a client at which several play: their numbers
cannot be told in that version, so the lobby refuses it.
"""

from __future__ import annotations

import attrs

from gamenet.wire.lobby_answers import (
    Answer,
    MatchTicket,
    PlayerJoined,
    PlayerLeft,
    SessionList,
    SessionState,
)

__all__ = ["shapedFor"]


def shapedFor(message: Answer, version: int) -> Answer | None:
    """
    Return a message as a version of the protocol knows it.

    @param message: An answer or a push, in the newest shape.
    @param version: The version that both sides of the stream agreed upon.
    @return: The message itself where the version has it like that; C{None} where it has
        no such message.
    """
    if version >= 2:
        return message
    match message:
        case PlayerJoined() | PlayerLeft():
            return None
        case MatchTicket():
            return attrs.evolve(message, capacity=0, late=False)
        case SessionList():
            lines = tuple(attrs.evolve(line, said_joinable=None) for line in message.sessions)
            return attrs.evolve(message, sessions=lines)
        case SessionState():
            members = tuple(attrs.evolve(member, players=1) for member in message.view.members)
            return attrs.evolve(message, view=attrs.evolve(message.view, members=members))
    return message
