"""
One match, from the ticket to the result: reach the others, play, say farewell.

The decisions are elsewhere (L{gamenet.match.start}, L{gamenet.match.barrier},
L{gamenet.mesh.path}, L{gamenet.traversal.punch}, L{gamenet.rollback}), and so is what is
done in each state (L{gamenet.match.stage}); this is where they meet the clock and the
sockets.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import GamenetError, LocalProtocolError, MomentFailed
from gamenet.interfaces import IMachine, IPeerProtocol, ISimulation
from gamenet.machine.alarm import Alarm
from gamenet.match.attachments import Attachments
from gamenet.match.conclusion import Conclusion
from gamenet.match.configuration import ConfigurationDiffers
from gamenet.match.difference import StatesDiffered
from gamenet.match.farewell import Farewell
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.leaving import Leaving, Over
from gamenet.match.loading import Loading
from gamenet.match.moments import moment
from gamenet.match.participation import Duties, Entry
from gamenet.match.peers import Peers, PeersHeard
from gamenet.match.protocol import MatchResult, Outcome
from gamenet.match.reaching import Arriving, Reaching
from gamenet.match.readings import Readings
from gamenet.match.settings import MatchSettings
from gamenet.match.stage import Ground, MatchState, Stage
from gamenet.match.start import Start, errorOf
from gamenet.mesh.path import Path
from gamenet.mesh.resume_secret import ResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.peer_packets import GoodbyeReason, PeerPacket
from gamenet.wire.start_packets import CallOff

__all__ = ["Match", "MatchState"]

#: What is said to the others for each error that is not just a failure of ours.
_REASONS = {
    ConfigurationDiffers: GoodbyeReason.REFUSED,
    StatesDiffered: GoodbyeReason.DIFFERED,
}

#: What the session's log says that is being played.
ACTIVITY = "match"

#: The states in which the match can be left.
_LEAVABLE = (MatchState.REACHING, MatchState.COUNTING, MatchState.PLAYING)


class Match(Readings):
    """
    A match as one player sees it.  Made by L{gamenet.match.session.Session.play}.

    @ivar match_id: The match's id, 16 bytes.
    @ivar player: Our player number, the lowest where several play here.
    @ivar seed: The seed of the match's random numbers, the same for all.
    @ivar members: Who the ticket says plays, and who came later, in order of player number.
    @ivar result: What is left of it, C{None} before it is over, and where an error ended it.
    @ivar error: What ended it instead.
    @ivar goes_on: Whether we left it while others play on.
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
        resumed: ResumeSecret | None = None,
        entry: Entry | None = None,
    ) -> None:
        """
        @param attachments: What the game attached to the match.
        @param candidates: Where we may be reached, as offered to the others.
        @param sendStep: Called with a player number, an attempt id and a step kind.
        @param resumed: What our former process left, where this one has returned.
        @param entry: How we come to it from a session.
        """
        self.match_id, self.player, self.seed = ticket.match_id, ticket.player, ticket.seed
        self.members = ticket.members
        self.result: MatchResult | None = None
        self.error: GamenetError | None = None
        self.goes_on = False
        self._machine = machine
        self._protocol = protocol
        self._settings = settings
        self._candidates = candidates
        self._conclusion = Conclusion(ticket, keys)
        entry = entry or Entry()
        others = self._others = Peers(
            machine, ticket, keys, sockets, settings, self._heard(sendStep), resumed,
            entry.returning,
        )  # fmt: skip
        late, transfer = resumed is not None, others.mesh.transfer
        duties = Duties(self._failSoon, lambda _: None, self._departed, entry.report)
        self._session = others.openSession(protocol, duties, entry.title, late)
        self._loop = FrameLoop(
            settings, ticket, simulation, protocol, attachments, late, transfer
        )
        others.know(self._loop.configuration)
        self._peers = others.table
        self._ground = self._makeGround(Start.of(ticket))
        self._stage: Stage = Reaching(self._ground, math.inf)
        self._alarm = Alarm(machine.clock, lambda: self._guard(self._beat))
        self._loading = Loading(self._loaded, self._loadFailed)
        self._result: Deferred[MatchResult] = Deferred(lambda _: self.leave())
        self._over: Deferred[None] = Deferred()

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
        now = self._machine.clock.seconds()
        limits = now + self._settings.start_timeout, now + self._settings.load_timeout
        late = self._loop.seats.joining
        self._stage = (Arriving if late else Reaching)(self._ground, *limits)
        self._others.mesh.start(self._candidates)
        self._log.info("match {m} begins as player {p}", m=self._name(), p=self.player)
        self._guard(lambda: self._loading.begin(self._protocol))
        if self.state is MatchState.REACHING:
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
        if self.state in _LEAVABLE:
            self._part(GoodbyeReason.LEFT)

    def memberJoined(self, member: TicketMember) -> None:
        """The lobby says that somebody comes late, or comes back with other keys."""
        seats = self._loop.seats.players
        ours = next(each for each in self.members if each.player == self.player)
        if self.state is MatchState.OVER or member.numbers[-1] > seats or ours.sharesSeat(member):
            return
        if self._others.add(member):
            former = [each for each in self.members if each.sharesSeat(member)]
            for each in former:
                self._loop.drop(each.player)
                if each.player != member.player:
                    self._others.remove(each.player)
            self._loop.expect(member.numbers)
            self._conclusion.admit(member)
            staying = [each for each in self.members if each not in former]
            self.members = tuple(sorted([*staying, member], key=lambda each: each.player))

    def resumeSecret(self) -> bytes:
        """
        Return what a later process of ours needs to come back to this match, in
        L{gamenet.match.returning.rejoin}; whoever has it is us.
        """
        return self._others.mesh.resumeSecret()

    def candidatesChanged(self, player: int, candidates: tuple[Candidate, ...]) -> None:
        """Another player may be reached elsewhere now."""
        if self.state is not MatchState.OVER:
            self._others.mesh.candidatesChanged(player, candidates)

    def stepReceived(self, player: int, attempt: bytes, kind: int) -> None:
        """The lobby carried a step of another player to us."""
        if self.state is not MatchState.OVER:
            self._others.mesh.stepReceived(player, attempt, kind)

    def offered(self, candidates: tuple[Candidate, ...]) -> None:
        """Our own candidates changed: our relayed address may have come, or be gone."""
        self._candidates = candidates
        if self.state is not MatchState.OVER:
            self._others.mesh.offered(candidates)

    def _heard(self, sendStep: Callable[[int, bytes, int], None]) -> PeersHeard:
        return PeersHeard(
            lambda player, packet: self._guard(lambda: self._packetReceived(player, packet)),
            lambda player, path: self._guard(lambda: self._pathChanged(player, path)),
            lambda player: self._guard(lambda: self._loop.drop(player)),
            sendStep,
            self.memberJoined,
        )

    def _makeGround(self, start: Start) -> Ground:
        return Ground(
            self._loop,
            self._protocol,
            self._settings,
            self._begin,
            self._become,
            self._part,
            self._end,
            self._wake,
            self._callOff,
            self._forget,
            start,
            self._conclusion.statements,
            self._peers,
            self._session,
        )

    def _loaded(self) -> None:
        self._ground.start.loaded = True
        if self.state is MatchState.REACHING:
            self._alarm.set(self._machine.clock.seconds())

    def _loadFailed(self, error: MomentFailed) -> None:
        self._log.failure("load failed in a match", Failure(error))
        self._failSoon(error)

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
        stage = self._stage
        due = stage.beat(self._machine.clock.seconds())
        if self._stage is stage:
            self._alarm.set(due)

    def _packetReceived(self, player: int, packet: PeerPacket) -> None:
        stage = self._stage
        peer = self._peers.get(player)
        if peer is None or not stage.playable:
            return
        now = self._machine.clock.seconds()
        stage.packetReceived(peer, packet, now)

    def _pathChanged(self, player: int, path: Path | None) -> None:
        if path is None or not self._stage.playable or player not in self._peers:
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

    def _forget(self, player: int) -> None:
        if not self._session.keeps(player):
            self._log.info("player {p} is out for good", p=player)
            self._others.remove(player)

    def _departed(self, player: int) -> None:
        self._loop.drop(player)
        self._others.remove(player)

    def _begin(self, due: float) -> None:
        """Everybody is there: play."""
        self._started = due
        self._loop.begin(due)
        self._log.info("match {match} is being played", match=self._name())
        with moment("matchStarted"):
            self._protocol.matchStarted(self)
        self._session.begin()
        self._session.activityBegins(ACTIVITY)
        self._alarm.set(due)

    def _part(
        self,
        reason: GoodbyeReason,
        error: GamenetError | None = None,
        call_off: CallOff | None = None,
    ) -> None:
        """Play no more, and begin to say goodbye."""
        now = self._machine.clock.seconds()
        farewell = Farewell(reason, now + self._settings.farewell_timeout)
        votes = tells = False
        if error is None and call_off is None and self.state is MatchState.PLAYING:
            if reason is GoodbyeReason.FINISHED:
                self._session.activityEnds(self._conclusion.sign(self._loop, self._protocol))
            else:
                several = len(self._loop.members) > 2
                self.goes_on = tells = several or self._settings.plays_alone
                votes = several and not self._loop.joining
            if votes:
                self._loop.leave(now)
        if error is not None:
            self._session.close(str(error))
        self._loading.stop()
        self._become(Leaving(self._ground, farewell, error, call_off, votes, tells))
        self._alarm.set(now)

    def _callOff(self, call_off: CallOff) -> None:
        """The match does not begin, for anybody: tell all."""
        settings = self._settings
        error = errorOf(call_off, settings.start_timeout, settings.load_timeout)
        self._log.warn("match {m} is called off: {why}", m=self._name(), why=str(error))
        self._part(GoodbyeReason.FAILED, error, call_off)

    def _failSoon(self, error: GamenetError) -> None:
        """The match has failed: say goodbye, then tell whoever waits for the result."""
        stage = self._stage
        if isinstance(stage, Leaving) and stage.error is not None:
            return
        if self.state is not MatchState.OVER:
            self._part(_REASONS.get(type(error), GoodbyeReason.FAILED), error)

    def _end(self, why: Outcome | GamenetError) -> None:
        """The match is over."""
        if isinstance(why, Outcome):
            self.result = self._conclusion.resultOf(why, self._loop, self.statistics())
        else:
            self.error = why
        self._close(why.value if isinstance(why, Outcome) else str(why))
        try:
            self._protocol.matchEnded(self.result)
        except Exception:
            self._log.failure("matchEnded raised in match {match}", match=self._name())
        if self._result.called:
            return
        if self.result is not None:
            self._result.callback(self.result)
        elif isinstance(why, GamenetError):
            self._result.errback(why)

    def _close(self, why: str) -> None:
        self._loading.stop()
        self._become(Over(self._ground))
        self._alarm.cancel()
        self._session.close(why)
        self._others.mesh.close()
        self._closeRecording(why)
        self._over.callback(None)

    def _closeRecording(self, why: str) -> None:
        try:
            self._loop.recording.closed(self._machine.clock.seconds(), why)
        except MomentFailed as error:
            self._log.failure("{moment} raised in a match", moment=error.moment)

    def _name(self) -> str:
        return self.match_id.hex()[:8]
