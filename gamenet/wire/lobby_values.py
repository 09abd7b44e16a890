"""
The values inside of lobby messages: sessions, their members, candidates.

Each travels as an array of its fields in the order in which they are declared;
every bound named here holds when it is sent and when it is received.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from gamenet.interfaces import Address
from gamenet.wire.heartbeats import CLIENT_ID_BYTES
from gamenet.wire.lobby_fields import (
    Field,
    Flag,
    ListOf,
    Octets,
    OneOf,
    Row,
    RowOf,
    SessionId,
    Text,
    TransportAddress,
    Whole,
)
from gamenet.wire.lobby_refusals import RefusalCode

__all__ = [
    "ATTEMPT",
    "ATTEMPT_BYTES",
    "CANDIDATES",
    "CANDIDATES_LIMIT",
    "CLIENT_ID",
    "HOST",
    "LISTED_LIMIT",
    "LOBBY_VERSION",
    "LOCAL_PLAYERS_LIMIT",
    "LOWEST_VERSION",
    "MATCH_ID",
    "MATCH_ID_BYTES",
    "NAME_LIMIT",
    "OFFERED",
    "OFFERED_LIMIT",
    "OPEN",
    "PLAYERS_LIMIT",
    "PLAYING",
    "PROTOCOL_VERSION",
    "PUBLIC_KEY",
    "RELAYED",
    "REQUEST",
    "SEQUENCE",
    "SERVER_REFLEXIVE",
    "STEP_KIND",
    "TICKET_MEMBERS",
    "TITLE_LIMIT",
    "Candidate",
    "RefusalCode",
    "SessionMember",
    "SessionSummary",
    "SessionView",
    "TicketMember",
]

#: The version of what players say to one another; their links' keys depend on it.
PROTOCOL_VERSION = 1

#: The newest version of the lobby protocol that this code speaks.  Version 2 appended
#: fields to MatchTicket and to a session's line in the list, and added OfferResult,
#: ReportHost, PlayerJoined and PlayerLeft; and several may play at one client, which
#: CreateSession, JoinSession, SessionMember and TicketMember say in an appended field that
#: travels only where it is so.
LOBBY_VERSION = 2

#: The oldest version of the lobby protocol that this code speaks.
LOWEST_VERSION = 1

#: The most characters of a client's name.
NAME_LIMIT = 32

#: The most characters of a session's title.
TITLE_LIMIT = 64

#: The most players of a session.
PLAYERS_LIMIT = 32

#: The most players who play at one client, each in a seat of their own.
LOCAL_PLAYERS_LIMIT = 4

#: The most candidates of one player.
CANDIDATES_LIMIT = 16

#: The most candidates that a player can offer; the lobby adds the address that
#: it sees to them.
OFFERED_LIMIT = CANDIDATES_LIMIT - 1

#: The most sessions in one list; what is left out is counted in its total.
LISTED_LIMIT = 100

#: Bytes of a match's id.
MATCH_ID_BYTES = 16

#: Bytes of an attempt's id: unguessable, so that nobody outside can make a player probe.
ATTEMPT_BYTES = 16

#: The kind of a candidate on the player's own network (RFC 8445, section 5.1.1.1).
HOST = "host"

#: The kind of a candidate that a server saw a player's datagrams come from.
SERVER_REFLEXIVE = "server_reflexive"

#: The kind of a candidate at a relay.
RELAYED = "relayed"

#: The state of a session that can be joined and started.
OPEN = "open"

#: The state of a session while its match runs.
PLAYING = "playing"

_NAME = Text(1, NAME_LIMIT)
_TITLE = Text(1, TITLE_LIMIT)
_COUNT = Whole(1, PLAYERS_LIMIT)
_STATE = OneOf((OPEN, PLAYING))
_SEVERAL = Whole(2, LOCAL_PLAYERS_LIMIT)

#: A client's id.
CLIENT_ID = Octets(CLIENT_ID_BYTES)

#: A player's public key, X25519 (RFC 7748) or Ed25519 (RFC 8032): both have 32 bytes.
PUBLIC_KEY = Octets(32)

#: A match's id.
MATCH_ID = Octets(MATCH_ID_BYTES)

#: The id of an attempt of two players to reach one another.
ATTEMPT = Octets(ATTEMPT_BYTES)

#: The number of a request.
REQUEST = Whole(1, 2**32 - 1)

#: The number of a heartbeat.
SEQUENCE = Whole(0, 2**64 - 1)

#: What a traversal step is; its meaning is the players' own.
STEP_KIND = Whole(0, 255)


@attrs.frozen
class Candidate(Row):
    """
    An address at which a player may be reached (RFC 8445, section 5.1.1).

    @ivar kind: L{HOST}, L{SERVER_REFLEXIVE} or L{RELAYED}.
    @ivar address: Numeric, as
        L{gamenet.wire.transport_address.TransportAddress} says.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        OneOf((HOST, SERVER_REFLEXIVE, RELAYED)),
        TransportAddress(),
    )

    kind: str
    address: Address


def _itself(value: object) -> object:
    """Return what a value that may not occur twice is told apart by: all of it."""
    return value


#: A player's candidates, none twice.
CANDIDATES = ListOf(RowOf(Candidate), 0, CANDIDATES_LIMIT, identity=_itself)

#: The candidates that a player offers, none twice; none at all takes back the
#: earlier ones.
OFFERED = ListOf(RowOf(Candidate), 0, OFFERED_LIMIT, identity=_itself)


@attrs.frozen
class SessionSummary(Row):
    """
    What everybody may know of a session: one line of the list.  Never an address.

    @ivar session_id: 16 hexadecimal digits.
    @ivar title: 1 to L{TITLE_LIMIT} characters.
    @ivar host_name: The host's name, 1 to L{NAME_LIMIT} characters.
    @ivar members: How many players sit in it, those of the host counted; from 1 to
        C{capacity}.
    @ivar capacity: How many can; 1 to L{PLAYERS_LIMIT}.
    @ivar minimum: How many it takes to start; 1 to C{capacity}.
    @ivar state: L{OPEN} or L{PLAYING}.
    @ivar said_joinable: Whether a seat can be taken now, by the lobby's own word; C{None}
        where the lobby speaks version 1 and does not say.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        SessionId(),
        _TITLE,
        _NAME,
        _COUNT,
        _COUNT,
        _COUNT,
        _STATE,
        Flag(),
    )
    appended: ClassVar[int] = 1

    session_id: str
    title: str
    host_name: str
    members: int
    capacity: int
    minimum: int
    state: str
    said_joinable: bool | None = None

    @property
    def full(self) -> bool:
        """Whether every seat is taken."""
        return self.members >= self.capacity

    @property
    def joinable(self) -> bool:
        """Whether a seat can be taken now; in a session that is playing as well."""
        if self.said_joinable is None:
            return self.state == OPEN and not self.full
        return self.said_joinable

    def saysAppended(self) -> bool:
        """Return whether the lobby said if the session can be joined."""
        return self.said_joinable is not None

    def requireConsistent(self) -> None:
        """
        @raise ValueError: There are more members than seats, or more needed than
            there can be.
        """
        if self.members > self.capacity:
            raise ValueError("SessionSummary: more members than the capacity")
        if self.minimum > self.capacity:
            raise ValueError("SessionSummary: the minimum is above the capacity")
        if self.said_joinable and self.full:
            raise ValueError("SessionSummary: joinable, but every seat is taken")


@attrs.frozen
class SessionMember(Row):
    """
    Somebody who sits in the same session.

    @ivar client_id: 8 bytes that the lobby chose.
    @ivar name: 1 to L{NAME_LIMIT} characters.
    @ivar is_host: Whether this is the host.
    @ivar players: How many play there, 1 to L{LOCAL_PLAYERS_LIMIT}; it travels only where
        they are several.
    """

    layout: ClassVar[tuple[Field, ...]] = (CLIENT_ID, _NAME, Flag(), _SEVERAL)
    appended: ClassVar[int] = 1

    client_id: bytes
    name: str
    is_host: bool
    players: int = 1

    def saysAppended(self) -> bool:
        """Return whether several play there."""
        return self.players != 1


def _clientIdOf(member: SessionMember | TicketMember) -> bytes:
    """Return what two members may not share."""
    return member.client_id


@attrs.frozen
class SessionView(Row):
    """
    A session as its members see it.

    @ivar session_id: 16 hexadecimal digits.
    @ivar title: 1 to L{TITLE_LIMIT} characters.
    @ivar capacity: How many can sit in it; 1 to L{PLAYERS_LIMIT}.
    @ivar minimum: How many it takes to start; 1 to C{capacity}.
    @ivar state: L{OPEN} or L{PLAYING}.
    @ivar members: Who sits in it, the host first and then in joining order, no client
        twice; the first and nobody else is the host.  Their players are 1 to C{capacity}.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        SessionId(),
        _TITLE,
        _COUNT,
        _COUNT,
        _STATE,
        ListOf(RowOf(SessionMember), 1, PLAYERS_LIMIT, identity=_clientIdOf),
    )

    session_id: str
    title: str
    capacity: int
    minimum: int
    state: str
    members: tuple[SessionMember, ...]

    @property
    def seated(self) -> int:
        """How many players sit in it, over all members."""
        return sum([member.players for member in self.members])

    def requireConsistent(self) -> None:
        """
        @raise ValueError: There are more players than seats, more needed than
            there can be, or the host is not the first member alone.
        """
        if self.seated > self.capacity:
            raise ValueError("SessionView: more players than the capacity")
        if self.minimum > self.capacity:
            raise ValueError("SessionView: the minimum is above the capacity")
        for place, member in enumerate(self.members):
            if member.is_host != (place == 0):
                raise ValueError("SessionView: the first member alone is the host")


@attrs.frozen
class TicketMember(Row):
    """
    One member of a match: a player, or several who play at the same client.

    @ivar player: The player's number; of several their lowest, the others' follow it one
        by one.  At the start the host is 1 and guests follow in joining order.  Who comes
        later gets a number that nobody had before, as long as there is one.
    @ivar client_id: 8 bytes that the lobby chose.
    @ivar name: 1 to L{NAME_LIMIT} characters.
    @ivar link_key: The player's X25519 public key, 32 bytes (RFC 7748): seals
        what players send one another.
    @ivar statement_key: The player's Ed25519 public key, 32 bytes (RFC 8032):
        signs what must hold for everybody.
    @ivar candidates: Where the player may be reached, at most
        L{CANDIDATES_LIMIT}, none twice.
    @ivar players: How many play there, 1 to L{LOCAL_PLAYERS_LIMIT}; it travels only where
        they are several.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        _COUNT,
        CLIENT_ID,
        _NAME,
        PUBLIC_KEY,
        PUBLIC_KEY,
        CANDIDATES,
        _SEVERAL,
    )
    appended: ClassVar[int] = 1

    player: int
    client_id: bytes
    name: str
    link_key: bytes
    statement_key: bytes
    candidates: tuple[Candidate, ...]
    players: int = 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all who play there, ascending."""
        return tuple(range(self.player, self.player + self.players))

    def sharesSeat(self, other: TicketMember) -> bool:
        """Return whether a number of ours is one of somebody else's too."""
        return any(number in other.numbers for number in self.numbers)

    def saysAppended(self) -> bool:
        """Return whether several play there."""
        return self.players != 1

    def requireConsistent(self) -> None:
        """
        @raise ValueError: A number is above the highest that there is.
        """
        if self.numbers[-1] > PLAYERS_LIMIT:
            raise ValueError("TicketMember: a player's number is above the limit")


#: The members of a match; 1 to L{PLAYERS_LIMIT}, no client twice.
TICKET_MEMBERS = ListOf(RowOf(TicketMember), 1, PLAYERS_LIMIT, identity=_clientIdOf)
