"""
A seat in a session: wait for the start, play, leave.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred

from gamenet.errors import (
    GamenetError,
    IdentityTimeout,
    LobbyLost,
    MatchEnded,
    RequestRefused,
)
from gamenet.interfaces import (
    IMachine,
    IPeerProtocol,
    IPicturedSimulation,
    ISessionProtocol,
    ISimulation,
)
from gamenet.lobby.client import LobbyClient
from gamenet.match.attachments import Attachments, IsMatchLog
from gamenet.match.lobby_reports import LobbyReports, isEnder, isOverForAll
from gamenet.match.match import Match
from gamenet.match.moments import requireMethods
from gamenet.match.participation import Entry
from gamenet.match.protocol import MatchResult
from gamenet.match.session_settings import SessionSettings
from gamenet.match.settings import MatchSettings
from gamenet.match.shared_match import SharedMatch
from gamenet.mesh.match_keys import MatchKeys
from gamenet.mesh.sockets import PlayerSockets, RelayAccess
from gamenet.rollback.effects import EffectTracker
from gamenet.rollback.interpolation import PictureTrack
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import OPEN, Candidate, SessionView

__all__ = ["Session"]


class Session:
    """
    A seat in a session.  Made by L{gamenet.match.player.Player}.

    @ivar view: The session as its members see it, kept up to date.
    @ivar match: The match being played, C{None} between matches.
    @ivar ended: Why the session is gone, C{None} while it is there.
    """

    def __init__(
        self,
        machine: IMachine,
        lobby: LobbyClient,
        sockets: PlayerSockets,
        keys: MatchKeys,
        view: SessionView,
        candidates: Callable[[], tuple[Candidate, ...]],
        letGo: Callable[[Session], None],
        relay: Callable[[], RelayAccess | None],
    ) -> None:
        """
        @param keys: Our keys for each match.
        @param view: The session as the lobby described it.
        @param candidates: Returns where we may be reached, as far as it is known.
        @param letGo: Called once, when the seat and the match are both gone.
        @param relay: Returns the relay to use, as far as it is known.
        """
        self.view = view
        self.match: Match | SharedMatch | None = None
        self.ended: str | None = None
        self._machine = machine
        self._lobby = lobby
        self._reports = LobbyReports(lobby)
        self._sockets = sockets
        self._keys = keys
        self._candidates = candidates
        self._letGo = letGo
        self._relay = relay
        self._waiting: Deferred[MatchTicket] | None = None
        self._ticket: MatchTicket | None = None
        self._asked = False
        self._over_for_all = b""
        self._seat = b"", 0
        self._parting: list[Deferred[None]] = []
        self._offered: tuple[Candidate, ...] = ()
        self.viewChanged(view)

    @property
    def session_id(self) -> str:
        """The session's id, 16 hexadecimal digits, to share with others."""
        return self.view.session_id

    @property
    def is_host(self) -> bool:
        """Whether we are the session's host."""
        return self.view.members[0].client_id == self._lobby.client_id

    def play(
        self,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        settings: MatchSettings | None = None,
        *,
        effects: EffectTracker | None = None,
        pictures: PictureTrack | None = None,
        replay: Callable[[bytes], object] | None = None,
        log: IsMatchLog | None = None,
    ) -> Deferred[MatchResult]:
        """
        Play one match: the host starts it as soon as the minimum of players is
        there, a guest waits for that.

        @param simulation: The rules of the game, before frame 0.
        @param protocol: Our side of it.
        @param settings: How it is played.
        @param effects: The tracker that the simulation announces its sounds and other
            effects to while it plays a frame; the match tells the protocol when each
            starts, is corrected, cancelled or final.  A fresh one for each match.
        @param pictures: Keeps what the simulation's C{picture} returns, for
            L{gamenet.match.match.Match.drawn}; a fresh one for each match.
        @param replay: Called with each piece of the replay file
            (L{gamenet.wire.replay_file}), in order, for example an open file's
            C{write}.  If it raises, the recording ends and the match goes on; see
            L{gamenet.interfaces.IPeerProtocol.recordingFailed}.
        @param log: Told everything that happens, for C{gamenet inspect}; if it
            raises, likewise.
        @return: Fires with the L{MatchResult}; fails with L{gamenet.errors.NoPath},
            L{gamenet.match.start.NotLoaded} or L{gamenet.match.start.StartCalledOff} where
            it did not begin, L{gamenet.match.start.NoSeat} where it goes on without us,
            L{gamenet.errors.PeerLost}, L{gamenet.errors.MomentFailed},
            L{gamenet.errors.RequestRefused},
            L{gamenet.match.configuration.ConfigurationDiffers} where the others play by
            other rules, L{gamenet.match.difference.StatesDiffered} where the players'
            states differ and are not to be repaired, L{gamenet.errors.BadSetting} where
            the game lacks a method or the settings do not suit the players, or
            L{MatchEnded} where the session is gone.  Cancelling it leaves the match.
        """
        return Deferred.fromCoroutine(
            self._play(
                simulation, protocol, settings or MatchSettings(), effects, pictures, replay, log
            )
        )

    def share(
        self, protocol: ISessionProtocol, settings: SessionSettings | None = None
    ) -> Deferred[SharedMatch]:
        """
        Share a session: what all know together, without a game of frames.

        The host starts it as soon as the minimum of players is there, at once where the
        session was created with a minimum of 1; the others come to it when they like.

        @param protocol: Our side of it.
        @param settings: How patient we are.
        @return: Fires with the L{SharedMatch} as soon as its state is known.  Fails with
            L{IdentityTimeout}, L{gamenet.errors.PeerTimeout} or
            L{gamenet.errors.SyncTimeout}, with L{gamenet.errors.CommandRefused} where we
            may not join, with L{RequestRefused}, L{gamenet.errors.MomentFailed},
            L{gamenet.errors.BadSetting} where the protocol lacks a method, or
            L{MatchEnded} where the session is gone.  Cancelling it leaves.
        """
        return Deferred.fromCoroutine(self._share(protocol, settings or SessionSettings()))

    def leave(self) -> Deferred[None]:
        """Leave the session, and the match if one is on; fires when the lobby has agreed."""
        if self.ended is not None:
            return self.leaveMatch()
        self.end("we left")
        return Deferred.fromCoroutine(self._leave())

    def leaveMatch(self) -> Deferred[None]:
        """Leave the match if one is on; fires when goodbye is said."""
        parted: Deferred[None] = Deferred()
        if self.match is None:
            parted.callback(None)
        else:
            self._parting.append(parted)
            self.match.leave()
        return parted

    def viewChanged(self, view: SessionView) -> None:
        """The lobby described the session anew; called by the player."""
        self.view = view
        if view.state == OPEN:
            self._ticket = None
            self._over_for_all = b""
        elif self._over_for_all and self.is_host:
            # Who was the host when the match ended is gone without a word.
            self._reports.endMatch(self._over_for_all)
            self._over_for_all = b""
        self.allocate()
        self.offerCandidates()
        self._startIfReady()

    def ticketReceived(self, ticket: MatchTicket) -> None:
        """The host has started; called by the player.  The same again is no news."""
        seat = ticket.match_id, ticket.player
        if seat == self._seat:
            return
        self._seat = seat
        self._asked = False
        waiting = self._waiting
        self._waitNoLonger()
        if waiting is not None:
            waiting.callback(ticket)
        else:
            self._ticket = ticket

    def allocate(self) -> None:
        """Get a relayed address, once the minimum of players is there; called by the player."""
        relay = self._relay()
        if relay is not None and self.view.seated >= self.view.minimum:
            self._sockets.allocate(*relay)

    def offerCandidates(self) -> None:
        """Tell the lobby where we may be reached, whenever that has changed."""
        candidates = self._candidates()
        if candidates != self._offered and self.ended is None and self._lobby.connected:
            self._offered = candidates
            self._reports.offerCandidates(candidates)

    def relayChanged(self) -> None:
        """Our relayed address came or went; called by the player."""
        self.offerCandidates()
        if self.match is not None:
            self.match.offered(self._candidates())
        self._startIfReady()

    def end(self, reason: str) -> None:
        """
        The session is gone for us; called by the player.

        A match that runs goes on, unless we left it: it needs no lobby.
        """
        if self.ended is not None:
            return
        self.ended = reason
        if self.match is None:
            self._letGo(self)
        waiting = self._waiting
        self._waitNoLonger()
        if waiting is not None:
            waiting.errback(MatchEnded(f"the session is gone: {reason}"))

    async def _leave(self) -> None:
        await self.leaveMatch()
        try:
            await self._lobby.leaveSession()
        except LobbyLost:
            return

    async def _play(
        self,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        settings: MatchSettings,
        effects: EffectTracker | None,
        pictures: PictureTrack | None,
        replay: Callable[[bytes], object] | None,
        log: IsMatchLog | None,
    ) -> MatchResult:
        attachments = Attachments(effects, pictures, replay, log)
        requireMethods(simulation, ISimulation if pictures is None else IPicturedSimulation)
        requireMethods(protocol, IPeerProtocol)
        ticket = await self._awaitTicket()
        try:
            keys, returning = self._keys.enter(ticket)
            match = Match(
                self._machine,
                ticket,
                keys,
                self._sockets,
                simulation,
                protocol,
                settings,
                attachments,
                self._candidates(),
                partial(self._reports.sendStep, ticket.match_id),
                entry=self._entry(ticket, returning),
            )
        except GamenetError:
            self._matchOver(ticket)
            raise
        self.match = match
        match.whenOver().addCallback(lambda _: self._matchOver(ticket))
        return await match.play()

    async def _share(self, protocol: ISessionProtocol, settings: SessionSettings) -> SharedMatch:
        requireMethods(protocol, ISessionProtocol)
        ticket = await self._awaitTicketInTime(settings.identity_timeout)
        try:
            keys, returning = self._keys.enter(ticket)
            match = SharedMatch(
                self._machine,
                ticket,
                keys,
                self._sockets,
                protocol,
                settings,
                self._candidates(),
                partial(self._reports.sendStep, ticket.match_id),
                self._entry(ticket, returning),
            )
        except GamenetError:
            self._matchOver(ticket)
            raise
        self.match = match
        match.whenOver().addBoth(lambda _: self._matchOver(ticket))
        return await match.begin()

    def _entry(self, ticket: MatchTicket, returning: bool) -> Entry:
        report = partial(self._reports.reportHost, ticket.match_id)
        return Entry(self.view.title, returning, report)

    def _matchOver(self, ticket: MatchTicket) -> None:
        match, self.match = self.match, None
        ends = self.is_host if match is None else isEnder(match, self.is_host)
        if isinstance(match, Match) and self.ended is None and ends:
            self._reports.offerResult(match)
        parting, self._parting = self._parting, []
        for parted in parting:
            parted.callback(None)
        if self.ended is not None:
            self._letGo(self)
        elif ends:
            self._reports.endMatch(ticket.match_id)
        elif match is not None and isOverForAll(match):
            self._over_for_all = ticket.match_id

    def _awaitTicketInTime(self, limit: float) -> Deferred[MatchTicket]:
        """Await the ticket; a host who waits for players waits as long as it likes."""
        waiting = self._awaitTicket()
        if not self.is_host or self.view.seated >= self.view.minimum:

            def tooLate(result: object, seconds: float | None) -> MatchTicket:
                raise IdentityTimeout(limit)

            waiting.addTimeout(limit, self._machine.clock, onTimeoutCancel=tooLate)
        return waiting

    def _awaitTicket(self) -> Deferred[MatchTicket]:
        waiting: Deferred[MatchTicket] = Deferred(lambda _: self._waitNoLonger())
        if self.match is not None or self._waiting is not None:
            waiting.errback(MatchEnded("a match of this session is on already"))
        elif self.ended is not None:
            waiting.errback(MatchEnded(f"the session is gone: {self.ended}"))
        elif self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            waiting.callback(ticket)
        else:
            self._waiting = waiting
            self._startIfReady()
        return waiting

    def _waitNoLonger(self) -> None:
        self._waiting = None

    def _startIfReady(self) -> None:
        """Ask for the start: as host, with somebody waiting for it, and our own addresses known."""
        ready = (
            self._waiting is not None
            and not self._asked
            and self.is_host
            and self.view.state == OPEN
            and self.view.seated >= self.view.minimum
            and not self._sockets.allocating
        )
        if ready:
            self._asked = True
            self._lobby.startMatch().addCallbacks(
                lambda _: None, lambda failure: self._startRefused(failure.value)
            )

    def _startRefused(self, error: Exception) -> None:
        self._asked = False
        if isinstance(error, RequestRefused) and self.view.seated < self.view.minimum:
            return
        waiting = self._waiting
        self._waitNoLonger()
        if waiting is not None:
            waiting.errback(error)
