"""
The way in: connect to a lobby, sit down in a session, play.

::

    player = await gamenet.match.connect(reactor, "tls:lobby.example.org:7770", name="Ada")
    session = await player.createSession("Ada's game", capacity=2)
    result = await session.play(Tag(), TagPlayer())
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from gamenet.errors import GamenetError, LobbyLost, MatchEnded, RequestRefused
from gamenet.interfaces import IMachine, IPeerProtocol, ISimulation
from gamenet.lobby.client import ILobbyListener, LobbyClient
from gamenet.machine.reactor_machine import asMachine
from gamenet.match.keys import SEED_BYTES, PlayerKeys
from gamenet.match.match import Match
from gamenet.match.protocol import MatchResult
from gamenet.match.settings import MatchSettings
from gamenet.match.sockets import PlayerSockets
from gamenet.wire.lobby_answers import MatchTicket, RelayCredentials
from gamenet.wire.lobby_values import Candidate, SessionSummary, SessionView

__all__ = ["Player", "Session", "connect"]


def connect(
    reactor: object,
    lobby: str,
    name: str,
    *,
    insecure: bool = False,
    relay_only: bool = False,
    interface: str = "",
    port: int = 0,
) -> Deferred[Player]:
    """
    Connect to a lobby.

    @param reactor: The reactor, or any L{IMachine}.
    @param lobby: A Twisted endpoint description, for example
        C{"tls:lobby.example.org:7770"}.
    @param name: The player's name, 1 to 32 characters.
    @param insecure: Allow plain C{tcp:} to a host that is not loopback.
    @param relay_only: Reach other players through the relay alone; no other
        address of ours is offered to anybody.
    @param interface: The numeric local address of the game socket; C{""} is all.
    @param port: The port of the game socket; 0 lets the system choose (seed row H12).
    @return: Fires with the L{Player}; fails with L{gamenet.errors.ConnectionFailed},
        L{gamenet.errors.InsecureConnection}, L{gamenet.errors.RequestRefused},
        L{gamenet.errors.RequestTimedOut} or L{gamenet.errors.CannotBind}.
    """
    machine = asMachine(reactor)
    return Deferred.fromCoroutine(
        _connect(machine, lobby, name, insecure, relay_only, interface, port)
    )


async def _connect(
    machine: IMachine,
    lobby: str,
    name: str,
    insecure: bool,
    relay_only: bool,
    interface: str,
    port: int,
) -> Player:
    player = Player(machine, relay_only, interface, port)
    try:
        await player._greet(lobby, name, insecure)
    except BaseException:
        player.sockets.close()
        raise
    return player


@implementer(ILobbyListener)
class Player:
    """
    One player, connected to a lobby.  Made by L{connect}.

    @ivar lobby: The connection with the lobby, for reading.
    @ivar sockets: The player's sockets.
    @ivar session: The session the player sits in, L{None} while in the lobby.
    @ivar relay_only: Whether no address but the relayed one is offered.
    """

    _log = Logger()

    lobby: LobbyClient

    def __init__(self, machine: IMachine, relay_only: bool, interface: str, port: int) -> None:
        self.machine = machine
        self.relay_only = relay_only
        self.keys = PlayerKeys.fromRandomBytes(machine.randomBytes(SEED_BYTES))
        self.sockets = PlayerSockets(machine, interface, port, self._relayChanged)
        self.session: Session | None = None
        self._interface = interface
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether the lobby is there (seed row N8)."""
        return not self._closed and self.lobby.connected

    def listSessions(self) -> Deferred[tuple[SessionSummary, ...]]:
        """Ask the lobby for its sessions; C{player.lobby.sessions} is kept up to date by itself."""
        return self.lobby.listSessions()

    def createSession(self, title: str, capacity: int = 2, minimum: int = 2) -> Deferred[Session]:
        """
        Create a session and become its host.

        @param title: 1 to 64 characters.
        @param capacity: How many seats.
        @param minimum: How many players it takes to start.
        @return: Fires with the L{Session}.
        """
        return self.lobby.createSession(title, capacity, minimum).addCallback(self._seated)

    def joinSession(self, session_id: str) -> Deferred[Session]:
        """Take a seat in the session with that id; fires with the L{Session}."""
        return self.lobby.joinSession(session_id).addCallback(self._seated)

    def close(self) -> Deferred[None]:
        """Leave everything; no socket and no timer is left.  Closing twice is harmless."""
        if self._closed:
            return succeed(None)
        self._closed = True
        if self.session is not None:
            self.session._end("we left")
            if self.session is not None and self.session.match is not None:
                self.session.match.leave()
        self.sockets.close()
        return self.lobby.close()

    def candidates(self) -> tuple[Candidate, ...]:
        """Return where other players may try to reach us, as far as it is known now."""
        found: dict[Candidate, None] = {}
        if not self.relay_only:
            host = self._interface or self.machine.sourceAddress(self.lobby.lobby_address[0])
            found[Candidate("host", (host, self.sockets.demultiplexer.address[1]))] = None
            if self.lobby.server_reflexive is not None:
                found[Candidate("server_reflexive", self.lobby.server_reflexive)] = None
        if self.sockets.relayed is not None:
            found[Candidate("relayed", self.sockets.relayed.address)] = None
        return tuple(found)

    async def _greet(self, lobby: str, name: str, insecure: bool) -> None:
        self.lobby = await LobbyClient.connect(
            self.machine,
            lobby,
            name,
            (self.keys.link_key, self.keys.statement_key),
            self.sockets.demultiplexer,
            self,
            insecure=insecure,
        )

    def _seated(self, view: SessionView) -> Session:
        session = self.session = Session(self, view)
        self.lobby.serverReflexive().addCallback(lambda _: session._offer())
        return session

    def _relayChanged(self) -> None:
        if self.session is not None:
            self.session._relayChanged()

    def sessionsChanged(self, sessions: tuple[SessionSummary, ...]) -> None:
        """See L{ILobbyListener}; override to show the list."""

    def sessionChanged(self, view: SessionView) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session._changed(view)

    def sessionClosed(self, reason: str) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session._end(reason)

    def relayOffered(self, credentials: RelayCredentials) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session._allocate()

    def matchStarting(self, ticket: MatchTicket) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session._ticketReceived(ticket)

    def candidatesChanged(
        self, match_id: bytes, player: int, candidates: tuple[Candidate, ...]
    ) -> None:
        """See L{ILobbyListener}."""
        match = self._matchCalled(match_id)
        if match is not None:
            match.candidatesChanged(player, candidates)

    def stepReceived(self, match_id: bytes, player: int, attempt: bytes, kind: int) -> None:
        """See L{ILobbyListener}."""
        match = self._matchCalled(match_id)
        if match is not None:
            match.stepReceived(player, attempt, kind)

    def lobbyLost(self, reason: str) -> None:
        """See L{ILobbyListener}; a match that runs goes on without the lobby."""
        self._log.warn("the lobby is lost: {reason}", reason=reason)
        if self.session is not None:
            self.session._end(reason)

    def _matchCalled(self, match_id: bytes) -> Match | None:
        match = None if self.session is None else self.session.match
        return match if match is not None and match.match_id == match_id else None


class Session:
    """
    A seat in a session.  Made by L{Player.createSession} and L{Player.joinSession}.

    @ivar view: The session as its members see it, kept up to date.
    @ivar match: The match being played, L{None} between matches.
    @ivar ended: Why the session is gone, L{None} while it is there.
    """

    _log = Logger()

    def __init__(self, player: Player, view: SessionView) -> None:
        self.view = view
        self.match: Match | None = None
        self.ended: str | None = None
        self._player = player
        self._waiting: Callable[[MatchTicket], None] | None = None
        self._refuse: Callable[[GamenetError], None] | None = None
        self._ticket: MatchTicket | None = None
        self._asked = False
        self._offered: tuple[Candidate, ...] = ()
        self._changed(view)

    @property
    def session_id(self) -> str:
        """The session's id, 16 hexadecimal digits, to share with others."""
        return self.view.session_id

    @property
    def is_host(self) -> bool:
        """Whether we are the session's host."""
        return self.view.members[0].client_id == self._player.lobby.client_id

    def play(
        self,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        settings: MatchSettings | None = None,
    ) -> Deferred[MatchResult]:
        """
        Play one match: the host starts it as soon as the minimum of players is
        there, a guest waits for that.

        @param simulation: The rules of the game, before frame 0.
        @param protocol: Our side of it.
        @param settings: How it is played.
        @return: Fires with the L{MatchResult}; fails with L{gamenet.errors.NoPath},
            L{gamenet.errors.PeerLost}, L{gamenet.errors.MomentFailed},
            L{gamenet.errors.RequestRefused}, L{gamenet.errors.RemoteProtocolError} where the
            others play by other rules, or L{MatchEnded} where the session is gone.
        """
        return Deferred.fromCoroutine(
            self._play(simulation, protocol, settings or MatchSettings())
        )

    def leave(self) -> Deferred[None]:
        """Leave the session, and the match if one is on; fires when the lobby has agreed."""
        if self.ended is not None:
            return succeed(None)
        self._end("we left")
        if self.match is not None:
            self.match.leave()
        return self._player.lobby.leaveSession()

    async def _play(
        self, simulation: ISimulation, protocol: IPeerProtocol, settings: MatchSettings
    ) -> MatchResult:
        ticket = await self._awaitTicket()
        player = self._player
        match = Match(
            player.machine,
            ticket,
            player.keys,
            player.sockets,
            simulation,
            protocol,
            settings,
            player.candidates(),
            lambda other, attempt, kind: self._sendStep(ticket.match_id, other, attempt, kind),
        )
        self.match = match
        try:
            return await match.play()
        finally:
            self.match = None
            if self.ended is not None:
                self._letGo()
            elif self.is_host:
                self._quietly(player.lobby.endMatch(ticket.match_id), "ending the match")

    def _awaitTicket(self) -> Deferred[MatchTicket]:
        waiting: Deferred[MatchTicket] = Deferred()
        if self.match is not None or self._waiting is not None:
            waiting.errback(MatchEnded("a match of this session is on already"))
        elif self.ended is not None:
            waiting.errback(MatchEnded(f"the session is gone: {self.ended}"))
        elif self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            waiting.callback(ticket)
        else:
            self._waiting = waiting.callback
            self._refuse = waiting.errback
            self._startIfReady()
        return waiting

    def _startIfReady(self) -> None:
        """Ask for the start: as host, with somebody waiting for it, and our own addresses known."""
        ready = (
            self._waiting is not None
            and not self._asked
            and self.is_host
            and self.view.state == "open"
            and len(self.view.members) >= self.view.minimum
            and not self._player.sockets.allocating
        )
        if ready:
            self._asked = True
            self._player.lobby.startMatch().addCallbacks(
                lambda _: None, lambda failure: self._startRefused(failure.value)
            )

    def _startRefused(self, error: Exception) -> None:
        self._asked = False
        if isinstance(error, RequestRefused) and len(self.view.members) < self.view.minimum:
            return
        refuse, self._waiting, self._refuse = self._refuse, None, None
        if refuse is not None:
            refuse(error if isinstance(error, GamenetError) else LobbyLost(str(error)))

    def _ticketReceived(self, ticket: MatchTicket) -> None:
        self._asked = False
        waiting, self._waiting, self._refuse = self._waiting, None, None
        if waiting is not None:
            waiting(ticket)
        else:
            self._ticket = ticket

    def _changed(self, view: SessionView) -> None:
        self.view = view
        if view.state == "open":
            self._ticket = None
        self._allocate()
        self._offer()
        self._startIfReady()

    def _allocate(self) -> None:
        credentials = self._player.lobby.relay_credentials
        if credentials is not None and len(self.view.members) >= self.view.minimum:
            self._player.sockets.allocate(
                credentials.address, credentials.username, credentials.password
            )

    def _offer(self) -> None:
        """Tell the lobby where we may be reached, whenever that has changed."""
        candidates = self._player.candidates()
        if candidates != self._offered and self.ended is None and self._player.connected:
            self._offered = candidates
            self._quietly(self._player.lobby.offerCandidates(candidates), "offering candidates")

    def _relayChanged(self) -> None:
        self._offer()
        if self.match is not None:
            self.match.offered(self._player.candidates())
        self._startIfReady()

    def _sendStep(self, match_id: bytes, player: int, attempt: bytes, kind: int) -> None:
        if self._player.connected:
            step = self._player.lobby.sendStep(match_id, player, attempt, kind)
            self._quietly(step, "carrying a step")

    def _quietly(self, request: Deferred[None], what: str) -> None:
        request.addErrback(
            lambda failure: self._log.info(
                "{what} failed: {reason}", what=what, reason=failure.getErrorMessage()
            )
        )

    def _end(self, reason: str) -> None:
        """The session is gone for us; a match that runs goes on unless we left it."""
        if self.ended is not None:
            return
        self.ended = reason
        if self.match is None:
            self._letGo()
        refuse, self._waiting, self._refuse = self._refuse, None, None
        if refuse is not None:
            refuse(MatchEnded(f"the session is gone: {reason}"))

    def _letGo(self) -> None:
        """Give back what belonged to the seat."""
        if self._player.session is self:
            self._player.session = None
            self._player.sockets.releaseRelay()
