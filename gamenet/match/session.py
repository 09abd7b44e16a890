"""
A seat in a session: wait for the start, play, leave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from gamenet.errors import GamenetError, LobbyLost, MatchEnded, RequestRefused
from gamenet.interfaces import IPeerProtocol, ISimulation
from gamenet.match.match import Match
from gamenet.match.protocol import MatchResult
from gamenet.match.settings import MatchSettings
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, SessionView

if TYPE_CHECKING:
    from gamenet.match.player import Player

__all__ = ["Session"]


class Session:
    """
    A seat in a session.  Made by L{gamenet.match.player.Player}.

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
        self._parting: list[Deferred[None]] = []
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
        return Deferred.fromCoroutine(self._leave())

    async def _leave(self) -> None:
        await self._leaveMatch()
        try:
            await self._player.lobby.leaveSession()
        except LobbyLost:
            return

    def _leaveMatch(self) -> Deferred[None]:
        """Leave the match if one is on; fires when goodbye is said."""
        parted: Deferred[None] = Deferred()
        if self.match is None:
            parted.callback(None)
        else:
            self._parting.append(parted)
            self.match.leave()
        return parted

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
            parting, self._parting = self._parting, []
            for parted in parting:
                parted.callback(None)
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
