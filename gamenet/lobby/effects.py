"""
What the directory wants done: frozen values, carried out by the lobby's protocol.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from gamenet.lobby.results import OfferedResult
from gamenet.wire.lobby_messages import Answer, MatchTicket, SessionView

__all__ = [
    "ClientGreeted",
    "ClientLost",
    "Close",
    "Effect",
    "Effects",
    "HostReported",
    "ListChanged",
    "MatchOver",
    "MatchStarted",
    "MemberJoined",
    "MemberLeft",
    "Moment",
    "OfferRelay",
    "ResultOffered",
    "Send",
    "SessionCreated",
]


@frozen
class Send:
    """Send a message to one client."""

    client_id: bytes
    message: Answer


@frozen
class Close:
    """
    Say farewell to a client and close its stream.  The directory has already
    forgotten it.

    @ivar reason: What it is told, and what the log says.
    """

    client_id: bytes
    reason: str


@frozen
class OfferRelay:
    """
    Send a client credentials for the relay of its session, where the lobby has one on offer.
    """

    client_id: bytes
    session_id: str


@frozen
class ListChanged:
    """Push the session list to everybody who is greeted, soon."""


@frozen
class ClientGreeted:
    """A client said who it is and was welcomed."""

    client_id: bytes
    name: str


@frozen
class SessionCreated:
    """A client created a session and is its host."""

    client_id: bytes
    view: SessionView


@frozen
class MemberJoined:
    """A client took a seat."""

    client_id: bytes
    view: SessionView


@frozen
class MemberLeft:
    """A client has no seat any more: it left, was lost, or its session is gone."""

    client_id: bytes
    session_id: str
    reason: str


@frozen
class MatchStarted:
    """A member was sent its match ticket, at the start or because it came late."""

    client_id: bytes
    ticket: MatchTicket


@frozen
class MatchOver:
    """The host of a member's session ended the match."""

    client_id: bytes
    match_id: bytes


@frozen
class HostReported:
    """
    A client says that it is the host of the match it plays.

    @ivar epoch: By which epoch, as (number, host).
    @ivar players: Who plays, by player numbers.
    """

    client_id: bytes
    match_id: bytes
    epoch: tuple[int, int]
    players: tuple[int, ...]


@frozen
class ResultOffered:
    """
    A client offered the result of a match.

    @ivar differs: Whether another player of the match has offered another result.
    """

    client_id: bytes
    offered: OfferedResult
    differs: bool


@frozen
class ClientLost:
    """A client that had been greeted is gone."""

    client_id: bytes
    reason: str


#: What a subclass of the lobby's protocol can listen to, by that client's protocol.
Moment: TypeAlias = (
    ClientGreeted
    | SessionCreated
    | MemberJoined
    | MemberLeft
    | MatchStarted
    | MatchOver
    | HostReported
    | ResultOffered
    | ClientLost
)

Effect: TypeAlias = Send | Close | OfferRelay | ListChanged | Moment

#: What one decision wants done, in this order.
Effects: TypeAlias = tuple[Effect, ...]
