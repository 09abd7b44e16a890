"""
The way in: connect to a lobby, sit down in a session, play.

::

    player = await gamenet.match.connect(reactor, "tls:lobby.example.org:7770", name="Ada")
    session = await player.createSession("Ada's game", capacity=2)
    result = await session.play(Tag(), TagPlayer())
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from gamenet.errors import BadSetting, GamenetError
from gamenet.interfaces import IMachine
from gamenet.lobby.client import ILobbyListener, LobbyClient
from gamenet.machine.reactor_machine import asMachine
from gamenet.match.match import Match
from gamenet.match.session import Session
from gamenet.match.shared_match import SharedMatch
from gamenet.mesh.match_keys import MatchKeys
from gamenet.mesh.own_relay import relayAmong
from gamenet.mesh.sockets import PlayerSockets, RelayAccess
from gamenet.rollback.settings import PLAYERS_LIMIT
from gamenet.sealing.player_keys import SEED_BYTES, PlayerKeys
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.lobby_answers import MatchTicket, RelayCredentials
from gamenet.wire.lobby_values import (
    HOST,
    LOCAL_PLAYERS_LIMIT,
    RELAYED,
    SERVER_REFLEXIVE,
    Candidate,
    SessionSummary,
    SessionView,
    TicketMember,
)

__all__ = ["SEATS_LIMIT", "Player", "connect"]

#: The most seats of a session that can be played.
SEATS_LIMIT = PLAYERS_LIMIT

_TOO_MANY = f"from 1 to {LOCAL_PLAYERS_LIMIT} can play at one machine, not {{}}"


def connect(
    reactor: object,
    lobby: str,
    name: str,
    *,
    insecure: bool = False,
    relay_only: bool = False,
    interface: str = "",
    port: int = 0,
    ice_servers: Sequence[IceServer] | None = None,
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
    @param ice_servers: Servers of our own, instead of the relay that the lobby offers: the
        first C{turn:} server among them, over UDP and by its numeric address (seed row K7).
        With none of those no relay is used.
    @return: Fires with the L{Player}; fails with L{gamenet.errors.ConnectionFailed},
        L{BadSetting} where no match can use one of the C{ice_servers},
        L{gamenet.errors.InsecureConnection}, L{gamenet.errors.RequestRefused},
        L{gamenet.errors.RequestTimedOut} or L{gamenet.errors.CannotBind}.
    """
    machine = asMachine(reactor)
    return Deferred.fromCoroutine(
        _connect(machine, lobby, name, insecure, relay_only, interface, port, ice_servers)
    )


async def _connect(
    machine: IMachine,
    lobby: str,
    name: str,
    insecure: bool,
    relay_only: bool,
    interface: str,
    port: int,
    ice_servers: Sequence[IceServer] | None,
) -> Player:
    own_relay = None if ice_servers is None else relayAmong(ice_servers)
    player = Player(machine, relay_only, interface, port)
    player.relay = own_relay
    player.takes_offer = ice_servers is None
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
    @ivar session: The session the player sits in, C{None} while in the lobby.
    @ivar relay_only: Whether no address but the relayed one is offered.
    @ivar relay: A relay of our own, C{None} for none.
    @ivar takes_offer: Whether the relay is used that the lobby offers.
    """

    _log = Logger()

    lobby: LobbyClient

    def __init__(self, machine: IMachine, relay_only: bool, interface: str, port: int) -> None:
        self.machine = machine
        self.relay_only = relay_only
        self.keys = PlayerKeys.fromRandomBytes(machine.randomBytes(SEED_BYTES))
        self._match_keys = MatchKeys(machine, self.keys)
        self.sockets = PlayerSockets(machine, interface, port, self._relayChanged, relay_only)
        self.session: Session | None = None
        self.relay: RelayAccess | None = None
        self.takes_offer = True
        self._interface = interface
        self._host = ""
        self._asking = 0
        self._left_id = ""
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether the lobby is there (seed row N8)."""
        return not self._closed and self.lobby.connected

    def listSessions(self) -> Deferred[tuple[SessionSummary, ...]]:
        """Ask the lobby for its sessions; C{player.lobby.sessions} is kept up to date by itself."""
        return self.lobby.listSessions()

    def createSession(
        self, title: str, capacity: int = 2, minimum: int = 2, players: int = 1
    ) -> Deferred[Session]:
        """
        Create a session and become its host.

        @param title: 1 to 64 characters.
        @param capacity: How many seats; at most L{SEATS_LIMIT}.  Who joins while a match
            runs takes a seat that is free.
        @param minimum: How many players it takes to start.
        @param players: How many play here, each in a seat of their own, 1 to
            L{LOCAL_PLAYERS_LIMIT}; L{gamenet.interfaces.IPeerProtocol.localInput} is asked
            for each of them.
        @return: Fires with the L{Session}; fails with L{BadSetting} where there are
            too many seats or players, or as L{LobbyClient.createSession} does.
        """
        if capacity > SEATS_LIMIT:
            return fail(BadSetting(f"a match has at most {SEATS_LIMIT} seats, not {capacity}"))
        if not _canPlay(players):
            return fail(BadSetting(_TOO_MANY.format(players)))
        return self._sitDown(self.lobby.createSession(title, capacity, minimum, players))

    def joinSession(self, session_id: str, players: int = 1) -> Deferred[Session]:
        """
        Take a seat in the session with that id, or several.

        @param players: How many play here, as for L{createSession}.
        @return: Fires with the L{Session}; fails with L{BadSetting}, or as
            L{LobbyClient.joinSession} does: C{SESSION_FULL} where they do not fit.
        """
        if not _canPlay(players):
            return fail(BadSetting(_TOO_MANY.format(players)))
        return self._sitDown(self.lobby.joinSession(session_id, players))

    def close(self) -> Deferred[None]:
        """Leave everything; no socket and no timer is left.  Closing twice is harmless."""
        if self._closed:
            return succeed(None)
        self._closed = True
        return Deferred.fromCoroutine(self._close())

    def candidates(self) -> tuple[Candidate, ...]:
        """Return where other players may try to reach us, as far as it is known now."""
        found: dict[Candidate, None] = {}
        if not self.relay_only:
            port = self.sockets.demultiplexer.address[1]
            found[Candidate(HOST, (self._host, port))] = None
            reflexive = self.lobby.server_reflexive
            if self.sockets.reopened and self.sockets.relayed is not None:
                # What the lobby saw was another socket; the relay has seen this one.
                reflexive = self.sockets.relayed.mapped_address
            if reflexive is not None:
                found[Candidate(SERVER_REFLEXIVE, reflexive)] = None
        if self.sockets.relayed is not None:
            found[Candidate(RELAYED, self.sockets.relayed.address)] = None
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
        try:
            self._host = self._ownHost()
        except GamenetError:
            await self.lobby.close()
            raise

    def _ownHost(self) -> str:
        """Return the local address that others on our own network may reach us at."""
        if self._interface not in ("", "0.0.0.0"):
            return self._interface
        return self.machine.sourceAddress(self.lobby.lobby_address[0])

    async def _close(self) -> None:
        session = self.session
        if session is not None:
            session.end("we left")
            await session.leaveMatch()
        self.sockets.close()
        await self.lobby.close()

    def _sitDown(self, asking: Deferred[SessionView]) -> Deferred[Session]:
        self._asking += 1
        return asking.addBoth(self._answered).addCallback(self._seated)

    def _answered(self, outcome: Any) -> Any:
        self._asking -= 1
        return outcome

    def _getUp(self, view: SessionView) -> None:
        """
        The lobby gave us a seat after all, in answer to a request that was given up:
        nobody will sit in it.
        """
        self._left_id = view.session_id
        self.lobby.leaveSession().addErrback(
            lambda failure: self._log.info(
                "getting up from {session} failed: {reason}",
                session=view.session_id,
                reason=failure.getErrorMessage(),
            )
        )

    def _seated(self, view: SessionView) -> Session:
        session = self.session = Session(
            self.machine,
            self.lobby,
            self.sockets,
            self._match_keys,
            view,
            self.candidates,
            self._letGo,
            self._relayAccess,
        )
        self.lobby.whenServerReflexiveKnown().addCallback(lambda _: session.offerCandidates())
        return session

    def _relayAccess(self) -> RelayAccess | None:
        offer = self.lobby.relay_credentials
        if not self.takes_offer or offer is None:
            return self.relay
        return offer.address, offer.username, offer.password

    def _letGo(self, session: Session) -> None:
        if self.session is session:
            self._left_id = session.session_id
            self.session = None
            self.sockets.releaseRelay()

    def _hostMayHaveChanged(self) -> None:
        """The game socket may be another one, at another address of ours."""
        try:
            self._host = self._ownHost()
        except GamenetError as error:
            self._log.info("our address is not known: {reason}", reason=str(error))

    def _relayChanged(self) -> None:
        if self._host:
            self._hostMayHaveChanged()
        if self.session is not None:
            self.session.relayChanged()

    def sessionsChanged(self, sessions: tuple[SessionSummary, ...]) -> None:
        """See L{ILobbyListener}; override to show the list."""

    def sessionChanged(self, view: SessionView) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session.viewChanged(view)
        elif not self._asking and view.session_id != self._left_id:
            self._getUp(view)

    def sessionClosed(self, reason: str) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session.end(reason)

    def relayOffered(self, credentials: RelayCredentials) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session.allocate()

    def matchStarting(self, ticket: MatchTicket) -> None:
        """See L{ILobbyListener}."""
        if self.session is not None:
            self.session.ticketReceived(ticket)

    def memberJoined(self, match_id: bytes, member: TicketMember) -> None:
        """See L{ILobbyListener}."""
        match = self._matchCalled(match_id)
        if match is not None:
            match.memberJoined(member)

    def memberLeft(self, match_id: bytes, player: int) -> None:
        """See L{ILobbyListener}: who leaves tells us by goodbye, or falls silent."""

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
            self.session.end(reason)

    def _matchCalled(self, match_id: bytes) -> Match | SharedMatch | None:
        match = None if self.session is None else self.session.match
        return match if match is not None and match.match_id == match_id else None


def _canPlay(players: int) -> bool:
    """Return whether so many can play at one machine."""
    return type(players) is int and 1 <= players <= LOCAL_PLAYERS_LIMIT
