"""
Who sits where: clients, sessions, and the matches that are played in them.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.lobby.presence import Heartbeats
from gamenet.lobby.request_budget import RequestBudget
from gamenet.lobby.standing import Standing
from gamenet.wire.lobby_messages import (
    LOWEST_VERSION,
    OPEN,
    PLAYING,
    Candidate,
    SessionMember,
    SessionState,
    SessionSummary,
    SessionView,
)

__all__ = ["LATE_SINCE", "Client", "Match", "Session"]

#: The version of the protocol since which one can sit down while a match runs.
LATE_SINCE = 2


@define(eq=False)
class Client:
    """
    One connection, from its first byte to its last.

    @ivar client_id: 8 bytes, its name towards everybody else.
    @ivar host: Where its stream comes from, numeric.
    @ivar version: The version of the protocol that its stream speaks.
    @ivar requests: How much it may still ask.
    @ivar refusals: How many refusals it may still earn.
    @ivar name: Its player's name; empty until greeted.
    @ivar link_key: Its X25519 public key, for tickets.
    @ivar statement_key: Its Ed25519 public key, for tickets.
    @ivar heartbeats: What its heartbeats have proven; C{None} until greeted.
    @ivar offered: The candidates it offered.
    @ivar session: Where it sits, or C{None}.
    @ivar players: How many play there, each in a seat, as it said when it sat down.
    """

    client_id: bytes
    host: str
    requests: RequestBudget
    refusals: RequestBudget
    version: int = LOWEST_VERSION
    name: str = ""
    link_key: bytes = b""
    statement_key: bytes = b""
    heartbeats: Heartbeats | None = None
    offered: tuple[Candidate, ...] = ()
    session: Session | None = None
    players: int = 1

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


@define(eq=False)
class Match:
    """
    A match that runs.

    A number is one player's for the whole match: who leaves keeps it, so that nobody else's
    changes, and it goes to somebody else only when there is no number left that nobody
    ever had.  The number of somebody who was I{lost} is kept for a while longer, and for as
    long as the match's host says that they still play: their links need no lobby.

    Where several play at one client it has as many numbers, one after the other; it is
    spoken of by the lowest, in every message and in every argument here.

    @ivar match_id: 16 bytes.
    @ivar seed: The seed of its random numbers, 64 bits, for the tickets of who comes late.
    @ivar capacity: How many seats it has; no number is above it.
    @ivar players: By number, who has it or had it last: the host at the start is 1, guests
        follow in the order they had joined (N14), then who comes late.
    @ivar lowest: By number, the lowest of those that the same client has or had with it.
    @ivar kept: The numbers of players who were lost, and whether their grace is over.
    @ivar free: The numbers whose players are gone for good.
    @ivar epoch: The newest epoch that a host has reported, as (number, host).
    @ivar reported: Who plays, as that host says; empty before the first report.
    """

    match_id: bytes
    seed: int
    capacity: int
    players: dict[int, Client] = field(init=False, factory=dict)
    lowest: dict[int, int] = field(init=False, factory=dict)
    kept: dict[int, bool] = field(init=False, factory=dict)
    free: dict[int, None] = field(init=False, factory=dict)
    epoch: tuple[int, int] = field(init=False, default=(1, 1))
    reported: tuple[int, ...] = field(init=False, default=())

    @property
    def members(self) -> tuple[int, ...]:
        """By their lowest numbers, ascending: all who play, and those for whom seats are kept."""
        return tuple(
            player for player in sorted(self.players)
            if self.isMember(player) and player not in self.free
        )

    def isMember(self, player: int) -> bool:
        """Return whether somebody is or was spoken of by that number."""
        return self.lowest.get(player) == player

    def numbersOf(self, player: int) -> tuple[int, ...]:
        """Return all numbers of a member, ascending."""
        return tuple(sorted(each for each, lowest in self.lowest.items() if lowest == player))

    def playerOf(self, client: Client) -> int:
        """
        Return a client's player number, of several the lowest.

        @raise LocalProtocolError: It plays no more, and should not have been asked.
        """
        for player, other in self.players.items():
            if other is client and player not in self.free and player not in self.kept:
                return player
        raise LocalProtocolError("the client does not play in this match")

    def played(self, client: Client) -> int | None:
        """Return the newest number that a client has or had; C{None} for one who never played."""
        numbers = [player for player, other in self.players.items() if other is client]
        return self.lowest[numbers[-1]] if numbers else None

    def clientAt(self, player: int) -> Client | None:
        """Return who plays as a number now; C{None} where nobody who is in the lobby does."""
        if player in self.kept or player in self.free or not self.isMember(player):
            return None
        return self.players.get(player)

    def nextNumber(self, count: int = 1) -> int | None:
        """
        Return the number that the next who sits down gets: the lowest that nobody ever
        had, else the lowest whose player is gone for good; C{None} where there is none.

        @param count: How many play there: so many numbers are needed, one after the other.
        """
        for reused in ({}, self.free):
            run = 0
            for player in range(1, self.capacity + 1):
                run = run + 1 if player not in self.players or player in reused else 0
                if run == count:
                    return player - count + 1
        return None

    def take(self, client: Client) -> int:
        """
        Give a client its number, or its numbers.  The caller has made sure that there are
        such.

        @return: The lowest.
        @raise LocalProtocolError: There are none.
        """
        lowest = self.nextNumber(client.players)
        if lowest is None:
            raise LocalProtocolError("no number is left in this match")
        for player in range(lowest, lowest + client.players):
            former = self.numbersOf(self.lowest.get(player, player))
            self.lowest.update({each: each for each in former})
            self.free.pop(player, None)
            self.players.pop(player, None)
            self.players[player] = client
        self.lowest.update({lowest + each: lowest for each in range(client.players)})
        return lowest

    def giveUp(self, player: int, lost: bool) -> None:
        """
        Note that a player has no seat any more.

        @param player: Which.
        @param lost: Whether it was lost, so that its number is kept for it; else it left.
        """
        for each in self.numbersOf(player):
            if lost:
                self.kept[each] = False
            else:
                self.free[each] = None

    def graceOver(self, player: int) -> bool:
        """
        Note that a lost player's grace is over.

        @return: Whether its number is free now: the host does not say that it still plays.
        """
        for each in self.numbersOf(player):
            self.kept[each] = True
        return self._freeKept()

    def report(self, epoch: tuple[int, int], players: tuple[int, ...]) -> bool:
        """
        Take a host's report.

        @param epoch: Its epoch; not before the newest.
        @param players: Who plays.
        @return: Whether that frees a number.
        """
        self.epoch = epoch
        self.reported = players
        return self._freeKept()

    def _freeKept(self) -> bool:
        """Free every kept number whose grace is over and that is not said to play."""
        gone = [
            player
            for player, over in self.kept.items()
            if over and self.lowest[player] not in self.reported
        ]
        for player in gone:
            del self.kept[player]
            self.free[player] = None
        return bool(gone)


@define(eq=False)
class Session:
    """
    A session that is in the list.

    @ivar session_id: 16 hexadecimal characters.
    @ivar title: What it is called.
    @ivar capacity: How many seats there are.
    @ivar minimum: How many must be taken before the host can start.
    @ivar members: Everybody seated, by client id, the host first and then in joining
        order; never empty while it is in the list.
    @ivar match: What is being played, or C{None} while the session is open.
    @ivar last_match: What was played before that, for results that come late.
    """

    session_id: str
    title: str
    capacity: int
    minimum: int
    members: dict[bytes, Client] = field(factory=dict)
    match: Match | None = None
    last_match: Match | None = None

    @property
    def host(self) -> Client:
        """Who has been seated longest, or is the host of the match by its players' word."""
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
    def seated(self) -> int:
        """How many players sit in it, over all members."""
        return sum(member.players for member in self.members.values())

    @property
    def full(self) -> bool:
        """Whether every seat is taken."""
        return self.seated >= self.capacity

    def hasRoomFor(self, players: int) -> bool:
        """Return whether so many who play at one client could sit down, or take numbers."""
        if self.match is not None:
            return self.match.nextNumber(players) is not None
        return self.seated + players <= self.capacity

    @property
    def joinable(self) -> bool:
        """
        Whether somebody could take a seat now.  While a match runs that takes a number,
        and members who all speak a version in which they are told of who comes late.
        """
        return self.hasRoomFor(1) and (self.match is None or self.extensible)

    @property
    def extensible(self) -> bool:
        """Whether all members know that somebody may sit down during a match."""
        return all(member.version >= LATE_SINCE for member in self.members.values())

    def add(self, client: Client, players: int) -> None:
        """Seat all who play at a client.  The caller has made sure that they fit."""
        client.players = players
        self.members[client.client_id] = client
        client.session = self

    def remove(self, client: Client) -> None:
        """Take a client's seat away."""
        del self.members[client.client_id]
        client.session = None

    def putFirst(self, client: Client) -> None:
        """Make a member the host."""
        others = dict(self.members)
        self.members.clear()
        self.members[client.client_id] = client
        self.members.update(others)

    def summary(self) -> SessionSummary:
        """Return what the list says of this session: no address, ever."""
        return SessionSummary(
            session_id=self.session_id,
            title=self.title,
            host_name=self.host.name,
            members=self.seated,
            capacity=self.capacity,
            minimum=self.minimum,
            state=self._state,
            said_joinable=self.joinable,
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
                SessionMember(
                    client_id=member.client_id,
                    name=member.name,
                    is_host=member is host,
                    players=member.players,
                )
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
