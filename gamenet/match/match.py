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
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from gamenet.errors import (
    GamenetError,
    MomentFailed,
    NoPath,
    PeerLost,
    RemoteProtocolError,
)
from gamenet.interfaces import IMachine, IPeerProtocol, ISimulation
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
        self.match_id = ticket.match_id
        self.player = ticket.player
        self.seed = ticket.seed
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
        self._timer: IDelayedCall | None = None
        self._limit = 0.0
        self._started = 0.0
        self._farewell = Farewell(GoodbyeReason.FAILED, 0.0)
        self._error: GamenetError | None = None
        self._result: Deferred[MatchResult] = Deferred(lambda _: self.leave())
        for member in ticket.members:
            if member.player != self.player:
                self._peers[member.player] = self._peerFor(member, keys)

    def play(self) -> Deferred[MatchResult]:
        """
        Reach the others and play.

        @return: Fires when the match is over; see
            L{gamenet.match.session.Session.play} for the failures.
        """
        self._limit = self._machine.clock.seconds() + self._settings.path_limit
        for peer in self._peers.values():
            self._sockets.addLink(peer.link)
        self._log.info("match {m} begins as player {p}", m=self._name(), p=self.player)
        self._guard(self._reach)
        return self._result

    def leave(self) -> None:
        """
        Leave the match and tell the others; L{play} fires with what was reached as
        soon as goodbye is said.
        """
        if self.state in (MatchState.REACHING, MatchState.PLAYING):
            self._part(GoodbyeReason.LEFT)

    def statistics(self) -> MatchStatistics:
        """Return what the match has cost so far."""
        began = self.state is not MatchState.REACHING
        duration = self._machine.clock.seconds() - self._started if began else 0.0
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
            self._sockets.verifyRelay,
            self._settings.paths,
            self._settings.punch,
        )
        watch = SilenceWatch(self._settings.interrupted_after, self._settings.lost_after)
        return Peer(player, link, StartBarrier(self._loop.digest), watch, member.candidates)

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

    def _reach(self) -> None:
        for peer in self._peers.values():
            peer.reachOut(self._sockets, self._candidates)
        self._beat()

    def _beat(self) -> None:
        """Do what is due in the present state, and come back when more is."""
        now = self._machine.clock.seconds()
        if self.state is MatchState.REACHING:
            due = self._reachingDue(now)
        elif self.state is MatchState.PLAYING:
            due = self._playingDue(now)
        else:
            due = self._leavingDue(now)
        self._schedule(due)

    def _schedule(self, due: float) -> None:
        """Beat at C{due}, instead of when it was planned before."""
        self._unschedule()
        if self.state is not MatchState.OVER:
            clock = self._machine.clock
            delay = max(0.0, due - clock.seconds())
            self._timer = clock.callLater(delay, self._guard, self._beat)

    def _unschedule(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _reachingDue(self, now: float) -> float:
        if now >= self._limit:
            absent = [str(p.player) for p in self._peers.values() if not p.barrier.open]
            raise NoPath(
                f"player {', '.join(absent)} could not be reached within"
                f" {self._settings.path_limit:g} s: check that the lobby's relay is running and"
                " that UDP is not blocked on either side"
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
        if farewell.goesOn(all(peer.parted for peer in self._peers.values()), now):
            if farewell.answering:
                self._sendInputs(now)
            self._sayGoodbye(farewell.reason)
        elif self._error is not None:
            self._fail(self._error)
        else:
            self._finish(_OUTCOMES[farewell.reason])
        return now + FAREWELL_INTERVAL

    def _part(self, reason: GoodbyeReason) -> None:
        """Play no more, and begin to say goodbye."""
        now = self._machine.clock.seconds()
        self.state = MatchState.LEAVING
        self._farewell = Farewell(reason, now + self._settings.farewell_limit)
        self._schedule(now)

    def _sendInputs(self, now: float) -> None:
        for peer in self._peers.values():
            peer.link.send(Inputs(self._loop.packetFor(peer.player, now)))

    def _watchSilence(self, now: float) -> None:
        for peer in self._peers.values():
            silence = now - max(peer.link.paths.last_heard, self._started)
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
        if self._peers[player].watch.heard():
            with moment("resumed"):
                self._protocol.resumed(player)
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
        self._schedule(now)

    def _inputsReceived(self, player: int, packet: Inputs) -> None:
        if self.state is MatchState.REACHING:
            self._peers[player].barrier.playReceived()
            self._startIfOpen()
        try:
            self._loop.packetReceived(player, packet.body, self._machine.clock.seconds())
        except RemoteProtocolError as error:
            self._loop.refused += 1
            if self._loop.refused == 1:
                self._log.warn(
                    "a packet of player {player} was refused: {reason}; more are only counted",
                    player=player,
                    reason=str(error),
                )

    def _goodbyeReceived(self, player: int, goodbye: Goodbye) -> None:
        if goodbye.reason is GoodbyeReason.FINISHED or self.state is MatchState.LEAVING:
            self._peers[player].parted = True
            return
        self._log.info("player {player} left match {match}", player=player, match=self._name())
        failed = goodbye.reason is GoodbyeReason.FAILED
        self._finish(Outcome.OTHER_FAILED if failed else Outcome.OTHER_LEFT)

    @property
    def _left(self) -> bool:
        """Whether the match is over for the game, and only goodbyes are still said."""
        return self.state is MatchState.LEAVING and not self._farewell.answering

    def _pathChanged(self, player: int, path: Path | None) -> None:
        if path is None or self._left:
            return
        self._log.info("player {player} is reached by {kind}", player=player, kind=path.kind.value)
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
        result = MatchResult(
            self.match_id, self.player, outcome, last, checksum, self.statistics()
        )
        self._close()
        self._tellEnd(result)
        self._result.callback(result)

    def _failSoon(self, error: GamenetError) -> None:
        """The match has failed: say goodbye, then tell whoever waits for the result."""
        if self._error is None and self.state is not MatchState.OVER:
            self._error = error
            self._part(GoodbyeReason.FAILED)

    def _fail(self, error: GamenetError) -> None:
        self._close()
        self._tellEnd(None)
        self._result.errback(error)

    def _tellEnd(self, result: MatchResult | None) -> None:
        try:
            self._protocol.matchEnded(result)
        except Exception:
            self._log.failure("matchEnded raised in match {match}", match=self._name())

    def _close(self) -> None:
        self.state = MatchState.OVER
        self._unschedule()
        for peer in self._peers.values():
            self._sockets.removeLink(peer.link)
            peer.link.close()

    def _name(self) -> str:
        return self.match_id.hex()[:8]
