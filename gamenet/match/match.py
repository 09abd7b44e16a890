"""
One match, from the ticket to the result: reach the others, play, say farewell.

The decisions are elsewhere (L{gamenet.match.barrier}, L{gamenet.match.path},
L{gamenet.traversal.punch}, L{gamenet.rollback}); this is where they meet the
clock and the sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from gamenet.errors import (
    GamenetError,
    LocalProtocolError,
    MomentFailed,
    NoPath,
    PeerLost,
    RemoteProtocolError,
)
from gamenet.interfaces import IMachine, IPeerProtocol, ISimulation
from gamenet.machine.alarm import Alarm
from gamenet.match.barrier import StartBarrier
from gamenet.match.farewell import FAREWELL_INTERVAL, Farewell
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.keys import PlayerKeys
from gamenet.match.link import PeerLink
from gamenet.match.moments import moment
from gamenet.match.path import Path
from gamenet.match.peer import Peer
from gamenet.match.protocol import MatchResult, Outcome
from gamenet.match.sealed_link import SealedLink
from gamenet.match.settings import MatchSettings
from gamenet.match.silence import Silence, SilenceWatch
from gamenet.match.sockets import PlayerSockets
from gamenet.match.statistics import MatchStatistics
from gamenet.traversal.punch import PunchRole
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, PeerPacket, Ready

__all__ = ["Match", "MatchState"]

#: Seconds between two READY while the others are not there yet.
_READY_INTERVAL = 0.1

_OUTCOMES = {
    GoodbyeReason.FINISHED: Outcome.FINISHED,
    GoodbyeReason.LEFT: Outcome.LEFT,
}


class MatchState(Enum):
    """Where a match stands."""

    #: The others are not there yet.
    REACHING = "reaching"
    #: Frames are played.
    PLAYING = "playing"
    #: We play no more, and say goodbye; others may still need our inputs.
    LEAVING = "leaving"
    #: Over; nothing is sent or called any more.
    OVER = "over"


class Match:
    """
    A match as one player sees it.  Made by L{gamenet.match.session.Session.play}.

    @ivar match_id: The match's id, 16 bytes.
    @ivar player: Our player number.
    @ivar seed: The seed of the match's random numbers, the same for all.
    @ivar members: Who plays, in order of player number.
    @ivar state: Where the match stands.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        ticket: MatchTicket,
        keys: PlayerKeys,
        sockets: PlayerSockets,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        settings: MatchSettings,
        candidates: tuple[Candidate, ...],
        sendStep: Callable[[int, bytes, int], None],
    ) -> None:
        """
        @param candidates: Where we may be reached, as offered to the others.
        @param sendStep: Called with a player number, an attempt id and a step kind.
        """
        self.match_id, self.player, self.seed = ticket.match_id, ticket.player, ticket.seed
        self.members = ticket.members
        self.state = MatchState.REACHING
        self._machine = machine
        self._sockets = sockets
        self._protocol = protocol
        self._settings = settings
        self._candidates = candidates
        self._sendStep = sendStep
        self._loop = FrameLoop(settings, ticket, simulation, protocol)
        self._peers: dict[int, Peer] = {}
        self._alarm = Alarm(machine.clock, lambda: self._guard(self._beat))
        self._limit = 0.0
        self._started = 0.0
        self._farewell = Farewell(GoodbyeReason.FAILED, 0.0)
        self._error: GamenetError | None = None
        self._result: Deferred[MatchResult] = Deferred(lambda _: self.leave())
        self._over: Deferred[None] = Deferred()
        for member in ticket.members:
            if member.player != self.player:
                self._peers[member.player] = self._peerFor(member, keys)

    def play(self) -> Deferred[MatchResult]:
        """
        Reach the others and play.

        @return: Fires when the match is over; see
            L{gamenet.match.session.Session.play} for the failures.
        """
        self._limit = self._machine.clock.seconds() + self._settings.start_timeout
        for peer in self._peers.values():
            self._sockets.addLink(peer.link)
            peer.reachOut(self._sockets, self._candidates)
        self._log.info("match {m} begins as player {p}", m=self._name(), p=self.player)
        self._guard(self._beat)
        return self._result

    def whenOver(self) -> Deferred[None]:
        """Return what fires, once, when the match has ended; just before L{play}'s."""
        return self._over

    def leave(self) -> None:
        """
        Leave the match and tell the others; L{play} fires with what was reached as
        soon as goodbye is said.
        """
        if self.state in (MatchState.REACHING, MatchState.PLAYING):
            self._part(GoodbyeReason.LEFT)

    def statistics(self) -> MatchStatistics:
        """Return what the match has cost so far."""
        now = self._machine.clock.seconds()
        duration = 0.0 if self.state is MatchState.REACHING else now - self._started
        links = [peer.link for peer in self._peers.values()]
        return MatchStatistics.gather(links, self._loop, duration)

    def candidatesChanged(self, player: int, candidates: tuple[Candidate, ...]) -> None:
        """Another player may be reached elsewhere now."""
        peer = self._peers.get(player)
        if peer is not None and self.state is not MatchState.OVER:
            peer.candidates = candidates
            peer.reachOut(self._sockets, self._candidates)

    def stepReceived(self, player: int, attempt: bytes, kind: int) -> None:
        """The lobby carried a step of another player to us."""
        peer = self._peers.get(player)
        if peer is not None and self.state is not MatchState.OVER:
            peer.link.stepReceived(attempt, kind)

    def offered(self, candidates: tuple[Candidate, ...]) -> None:
        """Our own candidates changed: our relayed address may have come, or be gone."""
        self._candidates = candidates
        if self.state is not MatchState.OVER:
            for peer in self._peers.values():
                peer.reachOut(self._sockets, candidates)

    def _peerFor(self, member: TicketMember, keys: PlayerKeys) -> Peer:
        player = member.player
        link = PeerLink(
            self._machine,
            SealedLink.between(keys, self.player, member.link_key, player, self.match_id),
            player,
            PunchRole.OPENER if self.player < player else PunchRole.ANSWERER,
            lambda packet: self._guard(lambda: self._packetReceived(player, packet)),
            lambda path: self._guard(lambda: self._pathChanged(player, path)),
            lambda attempt, kind: self._sendStep(player, attempt, kind),
            lambda: self._relaySilent(player),
            self._settings.paths,
            self._settings.punch,
        )
        watch = SilenceWatch(self._settings.interrupted_after, self._settings.lost_after)
        return Peer(player, link, StartBarrier(self._loop.digest), watch, member.candidates)

    def _relaySilent(self, player: int) -> None:
        """Nothing comes back through the relay: is our address there, and the channel bound?"""
        self._sockets.verifyRelay()
        self._peers[player].reachOut(self._sockets, self._candidates)

    def _guard(self, act: Callable[[], None]) -> None:
        """Do something that may end the match by raising."""
        try:
            act()
        except GamenetError as error:
            if isinstance(error, MomentFailed):
                self._log.failure("{moment} raised in a match", moment=error.moment)
            else:
                self._log.warn("match {m} failed: {why}", m=self._name(), why=str(error))
            self._failSoon(error)
        except Exception as error:
            self._log.failure("match {m} failed", m=self._name())
            self._failSoon(LocalProtocolError(f"the match cannot go on: {error!r}"))

    def _beat(self) -> None:
        """Do what is due in the present state, and come back when more is."""
        now = self._machine.clock.seconds()
        if self.state is MatchState.REACHING:
            due = self._reachingDue(now)
        elif self.state is MatchState.PLAYING:
            due = self._playingDue(now)
        else:
            due = self._leavingDue(now)
        self._alarm.set(None if self.state is MatchState.OVER else due)

    def _reachingDue(self, now: float) -> float:
        if now >= self._limit:
            limit = self._settings.start_timeout
            absent = [str(p.player) for p in self._peers.values() if not p.barrier.open]
            raise NoPath(
                f"player {', '.join(absent)} could not be reached within {limit:g} s:"
                " check that the lobby's relay is running and that UDP is not blocked"
            )
        for peer in self._peers.values():
            peer.link.send(peer.barrier.packet())
        return now + _READY_INTERVAL

    def _playingDue(self, now: float) -> float:
        for peer in self._peers.values():
            round_trip = peer.link.paths.roundTrip()
            if round_trip is not None:
                self._loop.roundTripMeasured(peer.player, round_trip)
        self._loop.run(now)
        if self.state is not MatchState.PLAYING:
            return now
        self._sendInputs(now)
        self._watchSilence(now)
        if self._loop.finished:
            self._part(GoodbyeReason.FINISHED)
            return now
        return self._loop.next_due

    def _leavingDue(self, now: float) -> float:
        farewell = self._farewell
        if farewell.goesOn(self._everybodyParted(), now):
            if farewell.answering:
                self._sendInputs(now)
            self._sayGoodbye(farewell.reason)
        elif self._error is not None:
            self._fail(self._error)
        else:
            self._finish(_OUTCOMES[farewell.reason])
        return now + FAREWELL_INTERVAL

    def _everybodyParted(self) -> bool:
        peers = self._peers.values()
        return all(peer.parted and self._loop.acknowledged(peer.player) for peer in peers)

    def _part(self, reason: GoodbyeReason) -> None:
        """Play no more, and begin to say goodbye."""
        now = self._machine.clock.seconds()
        self.state = MatchState.LEAVING
        self._farewell = Farewell(reason, now + self._settings.farewell_timeout)
        self._alarm.set(now)

    def _sendInputs(self, now: float) -> None:
        for peer in self._peers.values():
            peer.link.send(Inputs(self._loop.packetFor(peer.player, now)))

    def _watchSilence(self, now: float) -> None:
        for peer in self._peers.values():
            silence = now - self._loop.heardAt(peer.player)
            meaning = peer.watch.silentFor(silence)
            if meaning is Silence.LOST:
                with moment("peerLost"):
                    self._protocol.peerLost(peer.player, silence)
                raise PeerLost(peer.player, silence)
            if meaning is Silence.INTERRUPTED:
                with moment("interrupted"):
                    self._protocol.interrupted(peer.player, silence)

    def _packetReceived(self, player: int, packet: PeerPacket) -> None:
        if self._left:
            return
        if isinstance(packet, Ready):
            self._readyReceived(player, packet)
        elif isinstance(packet, Inputs):
            self._inputsReceived(player, packet)
        elif isinstance(packet, Goodbye):
            self._goodbyeReceived(player, packet)

    def _readyReceived(self, player: int, ready: Ready) -> None:
        peer = self._peers[player]
        peer.barrier.readyReceived(ready)
        if self.state is MatchState.REACHING:
            self._startIfOpen()
        if not ready.heard:
            peer.link.send(peer.barrier.packet())

    def _startIfOpen(self) -> None:
        if not all(peer.barrier.open for peer in self._peers.values()):
            return
        now = self._machine.clock.seconds()
        self.state = MatchState.PLAYING
        self._started = now
        self._loop.begin(now)
        self._log.info("match {match} is being played", match=self._name())
        with moment("matchStarted"):
            self._protocol.matchStarted(self)
        self._alarm.set(now)

    def _inputsReceived(self, player: int, packet: Inputs) -> None:
        peer = self._peers[player]
        if self.state is MatchState.REACHING:
            if not peer.barrier.hears:
                return
            peer.barrier.playReceived()
            self._startIfOpen()
        try:
            self._loop.packetReceived(player, packet.body, self._machine.clock.seconds())
        except RemoteProtocolError as error:
            if self._loop.statistics.packets_refused == 1:
                self._log.warn("a packet of player {p} refused: {why}", p=player, why=str(error))
            return
        if peer.watch.heard():
            with moment("resumed"):
                self._protocol.resumed(player)

    def _goodbyeReceived(self, player: int, goodbye: Goodbye) -> None:
        if goodbye.reason is GoodbyeReason.FINISHED or self.state is MatchState.LEAVING:
            self._peers[player].parted = True
            return
        self._log.info("player {p} left at {at}", p=player, at=goodbye.last_confirmed_frame)
        failed = goodbye.reason is GoodbyeReason.FAILED
        self._finish(Outcome.OTHER_FAILED if failed else Outcome.OTHER_LEFT)

    @property
    def _left(self) -> bool:
        """Whether the match is over for the game, and only goodbyes are still said."""
        return self.state is MatchState.LEAVING and not self._farewell.answering

    def _pathChanged(self, player: int, path: Path | None) -> None:
        if path is None or self._left:
            return
        self._log.info("player {p} is reached by {kind}", p=player, kind=path.kind.value)
        with moment("pathChanged"):
            self._protocol.pathChanged(player, path.kind.value, path.address)
        if self.state is MatchState.REACHING:
            peer = self._peers[player]
            peer.link.send(peer.barrier.packet())

    def _sayGoodbye(self, reason: GoodbyeReason) -> None:
        goodbye = Goodbye(reason, self._loop.confirmed_frame)
        for peer in self._peers.values():
            peer.link.send(goodbye)

    def _finish(self, outcome: Outcome) -> None:
        last, checksum = self._loop.confirmed_frame, self._loop.checksum
        counted = self.statistics()
        result = MatchResult(self.match_id, self.player, outcome, last, checksum, counted)
        self._close()
        self._tellEnd(result)
        if not self._result.called:
            self._result.callback(result)

    def _failSoon(self, error: GamenetError) -> None:
        """The match has failed: say goodbye, then tell whoever waits for the result."""
        if self._error is None and self.state is not MatchState.OVER:
            self._error = error
            self._part(GoodbyeReason.FAILED)

    def _fail(self, error: GamenetError) -> None:
        self._close()
        self._tellEnd(None)
        if not self._result.called:
            self._result.errback(error)

    def _tellEnd(self, result: MatchResult | None) -> None:
        try:
            self._protocol.matchEnded(result)
        except Exception:
            self._log.failure("matchEnded raised in match {match}", match=self._name())

    def _close(self) -> None:
        self.state = MatchState.OVER
        self._alarm.cancel()
        for peer in self._peers.values():
            self._sockets.removeLink(peer.link)
            peer.link.close()
        self._over.callback(None)

    def _name(self) -> str:
        return self.match_id.hex()[:8]
