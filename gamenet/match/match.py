"""
One match, from the ticket to the result: reach the others, play, say farewell.

The decisions are elsewhere (L{gamenet.match.barrier}, L{gamenet.match.path},
L{gamenet.traversal.punch}, L{gamenet.rollback}), and so is what is done in each
state (L{gamenet.match.stages}); this is where they meet the clock and the sockets.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from gamenet.errors import GamenetError, LocalProtocolError, MomentFailed
from gamenet.interfaces import IMachine, IPeerProtocol, ISimulation
from gamenet.machine.alarm import Alarm
from gamenet.match.attachments import Attachments
from gamenet.match.barrier import StartBarrier
from gamenet.match.configuration import ConfigurationDiffers
from gamenet.match.difference import StatesDiffered
from gamenet.match.farewell import Farewell
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.keys import PlayerKeys
from gamenet.match.link import PeerLink
from gamenet.match.moments import moment
from gamenet.match.path import Path
from gamenet.match.peer import Peer
from gamenet.match.protocol import MatchResult, Outcome
from gamenet.match.sealed_link import SealedLink
from gamenet.match.settings import MatchSettings
from gamenet.match.silence import SilenceWatch
from gamenet.match.sockets import PlayerSockets
from gamenet.match.stages import Ground, Leaving, MatchState, Over, Reaching, Stage
from gamenet.match.statistics import MatchStatistics
from gamenet.rollback.interpolation import Drawn
from gamenet.traversal.punch import PunchRole
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.match_log_records import LogHeader
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, PeerPacket, Ready, Terms

__all__ = ["Match", "MatchState"]

#: What is said to the others for each error that is not just a failure of ours.
_REASONS = {
    ConfigurationDiffers: GoodbyeReason.REFUSED,
    StatesDiffered: GoodbyeReason.DIFFERED,
}


class Match:
    """
    A match as one player sees it.  Made by L{gamenet.match.session.Session.play}.

    @ivar match_id: The match's id, 16 bytes.
    @ivar player: Our player number.
    @ivar seed: The seed of the match's random numbers, the same for all.
    @ivar members: Who plays, in order of player number.
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
        attachments: Attachments,
        candidates: tuple[Candidate, ...],
        sendStep: Callable[[int, bytes, int], None],
    ) -> None:
        """
        @param attachments: What the game attached to the match.
        @param candidates: Where we may be reached, as offered to the others.
        @param sendStep: Called with a player number, an attempt id and a step kind.
        """
        self.match_id, self.player, self.seed = ticket.match_id, ticket.player, ticket.seed
        self.members = ticket.members
        self._machine = machine
        self._sockets = sockets
        self._protocol = protocol
        self._settings = settings
        self._candidates = candidates
        self._sendStep = sendStep
        self._loop = FrameLoop(settings, ticket, simulation, protocol, attachments)
        self._ground = Ground(
            self._loop,
            protocol,
            settings,
            self._begin,
            self._become,
            self._part,
            self._end,
            self._wake,
        )
        self._peers = self._ground.peers
        self._stage: Stage = Reaching(self._ground, math.inf)
        self._alarm = Alarm(machine.clock, lambda: self._guard(self._beat))
        self._started: float | None = None
        self._result: Deferred[MatchResult] = Deferred(lambda _: self.leave())
        self._over: Deferred[None] = Deferred()
        for member in ticket.members:
            if member.player != self.player:
                self._peers[member.player] = self._peerFor(member, keys)

    @property
    def state(self) -> MatchState:
        """Where the match stands."""
        return self._stage.state

    def play(self) -> Deferred[MatchResult]:
        """
        Reach the others and play.

        @return: Fires when the match is over; see
            L{gamenet.match.session.Session.play} for the failures.
        """
        limit = self._machine.clock.seconds() + self._settings.start_timeout
        self._stage = Reaching(self._ground, limit)
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
        duration = 0.0 if self._started is None else now - self._started
        links = [peer.link for peer in self._peers.values()]
        return MatchStatistics.gather(links, self._loop, duration)

    def blend(self) -> float:
        """
        Return how far the present is past the newest frame, 0.0 to 1.0 of a frame; for
        a game that draws at a rate of its own, between two frames.
        """
        return self._loop.blend(self._machine.clock.seconds())

    def drawn(self) -> Drawn:
        """
        Return what to draw right now: between the pictures of the two newest frames,
        corrections smoothed.  For a game that draws at a rate of its own.

        @return: The values of each object, nothing before the first frame.
        @raise LocalProtocolError: No C{pictures} were given to
            L{gamenet.match.session.Session.play}, or the pictures' tuples differ in
            length from the axes.
        """
        return self._loop.drawn(self._machine.clock.seconds())

    def logHeader(self) -> LogHeader:
        """
        Return what C{MatchLog.begin} of L{gamenet.match_log.match_log} asks for; called in
        C{matchStarted}.
        """
        settings = self._settings
        return LogHeader(
            match_id=self.match_id,
            players=len(self.members),
            local_players=(self.player,),
            seating=tuple((member.player,) for member in self.members),
            digest=self._loop.configuration.digest,
            frame_rate=settings.frame_rate,
            prediction_window=settings.prediction_window,
            checksum_interval=settings.checksum_interval,
            game=settings.rules,
            started=self._machine.clock.seconds(),
        )

    def setInputDelay(self, frames: int, player: int | None = None) -> None:
        """
        Change the delay between an input of ours and its effect, from the next input
        on.  A longer one holds the newest input for the frames in between; a shorter
        one asks for no input for a while.

        @param frames: As C{input_delay} of L{gamenet.match.settings.MatchSettings}.
        @param player: Whose; C{None} is the first who is played here.
        @raise gamenet.errors.BadSetting: It is out of bounds.
        @raise LocalProtocolError: C{player} is not played here.
        """
        self._loop.setInputDelay(frames, player)

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
        barrier = StartBarrier(player, self._loop.configuration)
        return Peer(player, link, barrier, watch, member.candidates)

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
        due = self._stage.beat(self._machine.clock.seconds())
        self._alarm.set(None if self.state is MatchState.OVER else due)

    def _packetReceived(self, player: int, packet: PeerPacket) -> None:
        stage = self._stage
        if not stage.playable:
            return
        peer = self._peers[player]
        now = self._machine.clock.seconds()
        if isinstance(packet, Inputs):
            stage.inputsReceived(peer, packet, now)
        elif isinstance(packet, Ready):
            stage.readyReceived(peer, packet, now)
        elif isinstance(packet, Goodbye):
            stage.goodbyeReceived(peer, packet, now)
        elif isinstance(packet, Terms):
            stage.termsReceived(peer, packet)

    def _pathChanged(self, player: int, path: Path | None) -> None:
        if path is None or not self._stage.playable:
            return
        self._log.info("player {p} is reached by {kind}", p=player, kind=path.kind.value)
        with moment("pathChanged"):
            self._protocol.pathChanged(player, path.kind.value, path.address)
        self._stage.pathFound(self._peers[player], self._machine.clock.seconds())

    def _wake(self, now: float) -> None:
        self._alarm.set(now)

    def _become(self, stage: Stage) -> None:
        self._stage.stopped = True
        self._stage = stage

    def _begin(self, now: float) -> None:
        """Everybody is there: play."""
        self._started = now
        self._loop.begin(now)
        self._log.info("match {match} is being played", match=self._name())
        with moment("matchStarted"):
            self._protocol.matchStarted(self)
        self._alarm.set(now)

    def _part(self, reason: GoodbyeReason, error: GamenetError | None = None) -> None:
        """Play no more, and begin to say goodbye."""
        now = self._machine.clock.seconds()
        farewell = Farewell(reason, now + self._settings.farewell_timeout)
        self._become(Leaving(self._ground, farewell, error))
        self._alarm.set(now)

    def _failSoon(self, error: GamenetError) -> None:
        """The match has failed: say goodbye, then tell whoever waits for the result."""
        stage = self._stage
        if isinstance(stage, Leaving) and stage.error is not None:
            return
        if self.state is not MatchState.OVER:
            self._part(_REASONS.get(type(error), GoodbyeReason.FAILED), error)

    def _end(self, why: Outcome | GamenetError) -> None:
        """The match is over."""
        result: MatchResult | None = None
        if isinstance(why, Outcome):
            last, checksum = self._loop.confirmed_frame, self._loop.checksum
            counted = self.statistics()
            result = MatchResult(self.match_id, self.player, why, last, checksum, counted)
        self._close(why.value if isinstance(why, Outcome) else str(why))
        try:
            self._protocol.matchEnded(result)
        except Exception:
            self._log.failure("matchEnded raised in match {match}", match=self._name())
        if self._result.called:
            return
        if result is not None:
            self._result.callback(result)
        elif isinstance(why, GamenetError):
            self._result.errback(why)

    def _close(self, why: str) -> None:
        self._become(Over(self._ground))
        self._alarm.cancel()
        for peer in self._peers.values():
            self._sockets.removeLink(peer.link)
            peer.link.close()
        self._closeRecording(why)
        self._over.callback(None)

    def _closeRecording(self, why: str) -> None:
        try:
            self._loop.recording.closed(self._machine.clock.seconds(), why)
        except MomentFailed as error:
            self._log.failure("{moment} raised in a match", moment=error.moment)

    def _name(self) -> str:
        return self.match_id.hex()[:8]
