"""
Who sits where: clients, sessions, and the matches that are played in them.
"""

from __future__ import annotations

from attrs import define, field, frozen

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.lobby.presence import Heartbeats
from gamenet.lobby.request_budget import RequestBudget
from gamenet.lobby.standing import Standing
from gamenet.wire.lobby_messages import (
    OPEN,
    PLAYING,
    Candidate,
    SessionMember,
    SessionState,
    SessionSummary,
    SessionView,
)

__all__ = ["Client", "Match", "Session"]


@define(eq=False)
class Client:
    """
    One connection, from its first byte to its last.

    @ivar client_id: 8 bytes, its name towards everybody else.
    @ivar host: Where its stream comes from, numeric.
    @ivar requests: How much it may still ask.
    @ivar refusals: How many refusals it may still earn.
    @ivar name: Its player's name; empty until greeted.
    @ivar link_key: Its X25519 public key, for tickets.
    @ivar statement_key: Its Ed25519 public key, for tickets.
    @ivar heartbeats: What its heartbeats have proven; C{None} until greeted.
    @ivar offered: The candidates it offered.
    @ivar session: Where it sits, or C{None}.
    """

    client_id: bytes
    host: str
    requests: RequestBudget
    refusals: RequestBudget
    name: str = ""
    link_key: bytes = b""
    statement_key: bytes = b""
    heartbeats: Heartbeats | None = None
    offered: tuple[Candidate, ...] = ()
    session: Session | None = None

    @property
    def standing(self) -> Standing:
        """What this client is to the lobby."""
        if self.heartbeats is None:
            return Standing.STRANGER
        if self.session is None:
            return Standing.GREETED
        hosting = self.session.host is self
        if self.session.match is None:
            return Standing.HOST if hosting else Standing.GUEST
        return Standing.PLAYING_HOST if hosting else Standing.PLAYING_GUEST

    @property
    def seat(self) -> Session:
        """
        Where this client sits.

        @raise LocalProtocolError: It sits nowhere, and should not have been asked.
        """
        if self.session is None:
            raise LocalProtocolError("the client sits in no session")
        return self.session

    @property
    def address_seen(self) -> Address | None:
        """Where its newest authenticated heartbeat came from."""
        return None if self.heartbeats is None else self.heartbeats.address


@frozen
class Match:
    """
    A match that runs.

    @ivar match_id: 16 bytes.
    @ivar players: The client ids in order of player number: the host at the
        start first, guests in the order they had joined (N14).  Who leaves
        keeps the number, so that nobody else's changes.
    """

    match_id: bytes
    players: tuple[bytes, ...]

    def playerOf(self, client_id: bytes) -> int:
        """Return a client's player number, from 1."""
        return self.players.index(client_id) + 1


@define(eq=False)
class Session:
    """
    A session that is in the list.

    @ivar session_id: 16 hexadecimal characters.
    @ivar title: What it is called.
    @ivar capacity: How many seats there are.
    @ivar minimum: How many must be taken before the host can start.
    @ivar members: Everybody seated, by client id, in joining order; never empty
        while it is in the list.
    @ivar match: What is being played, or C{None} while the session is open.
    """

    session_id: str
    title: str
    capacity: int
    minimum: int
    members: dict[bytes, Client] = field(factory=dict)
    match: Match | None = None

    @property
    def host(self) -> Client:
        """Who has been seated longest."""
        return next(iter(self.members.values()))

    @property
    def running(self) -> Match:
        """
        The match that runs.

        @raise LocalProtocolError: None does, and nobody should have asked.
        """
        if self.match is None:
            raise LocalProtocolError("no match is running")
        return self.match

    @property
    def full(self) -> bool:
        """Whether every seat is taken."""
        return len(self.members) >= self.capacity

    @property
    def joinable(self) -> bool:
        """Whether somebody could take a seat now."""
        return self.match is None and not self.full

    def add(self, client: Client) -> None:
        """Give a client the next seat.  The caller has made sure there is one."""
        self.members[client.client_id] = client
        client.session = self

    def remove(self, client: Client) -> None:
        """Take a client's seat away."""
        del self.members[client.client_id]
        client.session = None

    def memberAt(self, player: int) -> Client | None:
        """
        Return who plays as a number in the running match.

        @param player: From 1.
        @return: C{None} where nobody does, or whoever did has left.
        """
        if self.match is None or not 1 <= player <= len(self.match.players):
            return None
        return self.members.get(self.match.players[player - 1])

    def summary(self) -> SessionSummary:
        """Return what the list says of this session: no address, ever."""
        return SessionSummary(
            session_id=self.session_id,
            title=self.title,
            host_name=self.host.name,
            members=len(self.members),
            capacity=self.capacity,
            minimum=self.minimum,
            state=self._state,
        )

    def view(self) -> SessionView:
        """Return what the members are told of this session."""
        host = self.host
        return SessionView(
            session_id=self.session_id,
            title=self.title,
            capacity=self.capacity,
            minimum=self.minimum,
            state=self._state,
            members=tuple(
                SessionMember(client_id=member.client_id, name=member.name, is_host=member is host)
                for member in self.members.values()
            ),
        )

    def stateMessage(self, request: int = 0) -> SessionState:
        """
        Return the message that tells the state of this session.

        @param request: The request it answers; 0 where it answers none.
        """
        return SessionState(request=request, view=self.view())

    @property
    def _state(self) -> str:
        """The word for whether a match runs."""
        return OPEN if self.match is None else PLAYING
