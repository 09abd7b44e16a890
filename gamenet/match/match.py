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
    LocalProtocolError,
    MomentFailed,
    NoPath,
    PeerLost,
    RemoteProtocolError,
)
from gamenet.interfaces import IMachine, IPeerProtocol, ISimulation
from gamenet.match.barrier import StartBarrier
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.keys import PlayerKeys
from gamenet.match.link import PeerLink
from gamenet.match.moments import moment
from gamenet.match.path import Path
from gamenet.match.protocol import MatchResult, MatchStatistics, Outcome
from gamenet.match.sealed_link import SealedLink
from gamenet.match.settings import MatchSettings
from gamenet.match.sockets import PlayerSockets
from gamenet.traversal.candidates import relayedAddress
from gamenet.traversal.punch import PunchRole
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, PeerPacket, Ready

__all__ = ["Match", "MatchState"]

#: Seconds between two READY while the others are not there yet.
_READY_INTERVAL = 0.1

#: Seconds between two farewells after our own last frame.
_FAREWELL_INTERVAL = 0.05

#: How often a farewell that nobody answers is said.
_FAREWELLS = 3


class MatchState(Enum):
    """Where a match stands."""

    #: The others are not there yet.
    REACHING = "reaching"
    #: Frames are played.
    PLAYING = "playing"
    #: All our frames are final; others may still need our inputs.
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
        self._barriers: dict[int, StartBarrier] = {}
        self._links: dict[int, PeerLink] = {}
        self._theirs: dict[int, tuple[Candidate, ...]] = {}
        self._silent: dict[int, bool] = {}
        self._parted: dict[int, bool] = {}
        self._timer: IDelayedCall | None = None
        self._limit = 0.0
        self._started = 0.0
        self._result: Deferred[MatchResult] = Deferred()
        for member in ticket.members:
            if member.player != self.player:
                self._addMember(member, keys)

    def play(self) -> Deferred[MatchResult]:
        """
        Reach the others and play.

        @return: Fires when the match is over; see
            L{gamenet.match.session.Session.play} for the failures.
        """
        now = self._machine.clock.seconds()
        self._limit = now + self._settings.path_limit
        for link in self._links.values():
            self._sockets.addLink(link)
        self._log.info(
            "match {match} begins as player {player}", match=self._name(), player=self.player
        )
        self._guard(self._reach)
        return self._result

    def leave(self) -> None:
        """Leave the match now, and tell the others; L{play} fires with what was reached."""
        if self.state is not MatchState.OVER:
            self._sayGoodbye(GoodbyeReason.LEFT)
            self._finish(Outcome.LEFT)

    def statistics(self) -> MatchStatistics:
        """Return what the match has cost so far."""
        links = tuple(self._links.values())
        chosen = links[0].paths.chosen if links else None
        counted = self._loop.statistics
        began = self.state is not MatchState.REACHING
        sums = [link.statistics for link in links]
        return MatchStatistics(
            path="none" if chosen is None else chosen.kind.value,
            round_trip=links[0].paths.roundTrip() if links else None,
            frame=self._loop.current_frame,
            confirmed_frame=self._loop.confirmed_frame,
            rollbacks=counted.rollbacks,
            deepest_rollback=counted.deepest_rollback,
            resimulated_frames=counted.frames_resimulated,
            stalls=counted.stalls,
            desyncs=self._loop.desyncs,
            packets_direct=sum(s.packets_direct for s in sums),
            packets_relayed=sum(s.packets_relayed for s in sums),
            packets_sent=sum(s.packets_direct + s.packets_relayed + s.checks_sent for s in sums),
            bytes_sent=sum(s.bytes_sent for s in sums),
            packets_received=sum(s.packets_received for s in sums),
            rejected=sum(s.rejected for s in sums),
            duration=self._machine.clock.seconds() - self._started if began else 0.0,
        )

    def candidatesChanged(self, player: int, candidates: tuple[Candidate, ...]) -> None:
        """Another player may be reached elsewhere now."""
        if player in self._links and self.state is not MatchState.OVER:
            self._theirs[player] = candidates
            self._reachOut(player)

    def stepReceived(self, player: int, attempt: bytes, kind: int) -> None:
        """The lobby carried a step of another player to us."""
        link = self._links.get(player)
        if link is not None and self.state is not MatchState.OVER:
            link.stepReceived(attempt, kind)

    def offered(self, candidates: tuple[Candidate, ...]) -> None:
        """Our own candidates changed: our relayed address may have come, or be gone."""
        self._candidates = candidates
        if self.state is MatchState.OVER:
            return
        for player, link in self._links.items():
            if self._sockets.relayed is None:
                link.relayLost()
            self._reachOut(player)

    def _addMember(self, member: TicketMember, keys: PlayerKeys) -> None:
        player = member.player
        sealed = SealedLink.between(keys, self.player, member.link_key, player, self.match_id)
        self._theirs[player] = member.candidates
        self._silent[player] = False
        self._parted[player] = False
        self._barriers[player] = StartBarrier(self._loop.digest)
        self._links[player] = PeerLink(
            self._machine,
            sealed,
            player,
            PunchRole.OPENER if self.player < player else PunchRole.ANSWERER,
            lambda packet: self._guard(lambda: self._packetReceived(player, packet)),
            lambda path: self._guard(lambda: self._pathChanged(player, path)),
            lambda attempt, kind: self._sendStep(player, attempt, kind),
            self._settings.paths,
            self._settings.punch,
        )

    def _guard(self, act: Callable[[], None]) -> None:
        """Do something that may end the match by raising."""
        try:
            act()
        except MomentFailed as error:
            self._log.failure(
                "{moment} raised in match {match}", moment=error.moment, match=self._name()
            )
            self._fail(error)
        except GamenetError as error:
            self._log.warn("match {match} failed: {reason}", match=self._name(), reason=str(error))
            self._fail(error)

    def _reach(self) -> None:
        for player in self._links:
            self._reachOut(player)
        self._beat()

    def _reachOut(self, player: int) -> None:
        link = self._links[player]
        theirs = self._theirs[player]
        relayed = relayedAddress(theirs)
        ours = self._sockets.relayed
        if ours is not None and relayed is not None:
            ours.bindChannel(relayed).addErrback(
                lambda failure: self._log.info(
                    "no channel to player {player}: {reason}",
                    player=player,
                    reason=failure.getErrorMessage(),
                )
            )
            link.addRelay(ours, relayed)
        if any(candidate.kind != "relayed" for candidate in self._candidates):
            link.searchDirect(self._sockets.game, self._candidates, theirs)

    def _beat(self) -> None:
        """Do what is due in the present state, and come back when more is."""
        self._timer = None
        now = self._machine.clock.seconds()
        if self.state is MatchState.REACHING:
            due = self._reachingDue(now)
        elif self.state is MatchState.PLAYING:
            due = self._playingDue(now)
        else:
            due = self._leavingDue(now)
        if self.state is not MatchState.OVER:
            delay = max(0.0, due - self._machine.clock.seconds())
            self._timer = self._machine.clock.callLater(delay, self._guard, self._beat)

    def _beatNow(self) -> None:
        if self._timer is not None:
            self._timer.reset(0.0)

    def _reachingDue(self, now: float) -> float:
        if now >= self._limit:
            absent = [str(p) for p, barrier in self._barriers.items() if not barrier.open]
            raise NoPath(
                f"player {', '.join(absent)} could not be reached within"
                f" {self._settings.path_limit:g} s: check that the lobby's relay is running and"
                " that UDP is not blocked on either side"
            )
        for player, link in self._links.items():
            link.send(self._barriers[player].packet())
        return now + _READY_INTERVAL

    def _playingDue(self, now: float) -> float:
        for player, link in self._links.items():
            round_trip = link.paths.roundTrip()
            if round_trip is not None:
                self._loop.roundTripMeasured(player, round_trip)
        self._loop.run(now)
        if self.state is not MatchState.PLAYING:
            return now
        self._sendInputs(now)
        self._watchSilence(now)
        if self._loop.finished:
            self.state = MatchState.LEAVING
            self._limit = now + self._settings.farewell_limit
            return self._leavingDue(now)
        return self._loop.next_due

    def _leavingDue(self, now: float) -> float:
        if all(self._parted.values()) or now >= self._limit:
            for _ in range(_FAREWELLS):
                self._sayGoodbye(GoodbyeReason.FINISHED)
            self._finish(Outcome.FINISHED)
            return now
        self._sendInputs(now)
        self._sayGoodbye(GoodbyeReason.FINISHED)
        return now + _FAREWELL_INTERVAL

    def _sendInputs(self, now: float) -> None:
        for player, link in self._links.items():
            link.send(Inputs(self._loop.packetFor(player, now)))

    def _watchSilence(self, now: float) -> None:
        for player, link in self._links.items():
            silence = now - max(link.paths.last_heard, self._started)
            if silence >= self._settings.lost_after:
                with moment("peerLost"):
                    self._protocol.peerLost(player, silence)
                raise PeerLost(player, silence)
            if silence >= self._settings.interrupted_after and not self._silent[player]:
                self._silent[player] = True
                with moment("interrupted"):
                    self._protocol.interrupted(player, silence)

    def _packetReceived(self, player: int, packet: PeerPacket) -> None:
        if self._silent[player]:
            self._silent[player] = False
            with moment("resumed"):
                self._protocol.resumed(player)
        if isinstance(packet, Ready):
            self._readyReceived(player, packet)
        elif isinstance(packet, Inputs):
            self._inputsReceived(player, packet)
        elif isinstance(packet, Goodbye):
            self._goodbyeReceived(player, packet)

    def _readyReceived(self, player: int, ready: Ready) -> None:
        barrier = self._barriers[player]
        barrier.readyReceived(ready)
        if self.state is MatchState.REACHING:
            self._startIfOpen()
        if not ready.heard:
            self._links[player].send(barrier.packet())

    def _startIfOpen(self) -> None:
        if not all(barrier.open for barrier in self._barriers.values()):
            return
        now = self._machine.clock.seconds()
        self.state = MatchState.PLAYING
        self._started = now
        self._loop.begin(now)
        self._log.info("match {match} is being played", match=self._name())
        with moment("matchStarted"):
            self._protocol.matchStarted(self)
        self._beatNow()

    def _inputsReceived(self, player: int, packet: Inputs) -> None:
        if self.state is MatchState.REACHING:
            self._barriers[player].playReceived()
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
        if goodbye.reason is GoodbyeReason.FINISHED:
            self._parted[player] = True
            if self.state is MatchState.LEAVING:
                self._beatNow()
            return
        self._log.info("player {player} left match {match}", player=player, match=self._name())
        failed = goodbye.reason is GoodbyeReason.FAILED
        self._finish(Outcome.OTHER_FAILED if failed else Outcome.OTHER_LEFT)

    def _pathChanged(self, player: int, path: Path | None) -> None:
        if path is None:
            self._log.info("no path to player {player}", player=player)
            return
        self._log.info("player {player} is reached by {kind}", player=player, kind=path.kind.value)
        with moment("pathChanged"):
            self._protocol.pathChanged(player, path.kind.value, path.address)
        if self.state is MatchState.REACHING:
            self._links[player].send(self._barriers[player].packet())

    def _sayGoodbye(self, reason: GoodbyeReason) -> None:
        goodbye = Goodbye(reason, self._loop.confirmed_frame)
        for link in self._links.values():
            link.send(goodbye)

    def _finish(self, outcome: Outcome) -> None:
        result = MatchResult(
            self.match_id,
            self.player,
            outcome,
            self._loop.confirmed_frame,
            self._loop.checksum,
            self.statistics(),
        )
        self._close()
        self._tellEnd(result)
        self._result.callback(result)

    def _fail(self, error: GamenetError) -> None:
        if self.state is MatchState.OVER:
            return
        self._sayGoodbye(GoodbyeReason.FAILED)
        self._close()
        if not isinstance(error, MomentFailed):
            self._tellEnd(None)
        self._result.errback(error)

    def _tellEnd(self, result: MatchResult | None) -> None:
        try:
            self._protocol.matchEnded(result)
        except Exception:
            self._log.failure("matchEnded raised in match {match}", match=self._name())

    def _close(self) -> None:
        if self.state is MatchState.OVER:
            raise LocalProtocolError("the match is over already")
        self.state = MatchState.OVER
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        for link in self._links.values():
            self._sockets.removeLink(link)
            link.close()

    def _name(self) -> str:
        return self.match_id.hex()[:8]
