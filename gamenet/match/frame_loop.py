"""
The frames of one match: the rollback session, the timeline, the pace, what is
written down, and the game's moments between them.  Told the time; no socket.
"""

from __future__ import annotations

from collections.abc import Sequence

from gamenet.interfaces import IPeerProtocol, ISeededSimulation, ISimulation, ITransfer
from gamenet.match.announcements import announce
from gamenet.match.attachments import Attachments
from gamenet.match.configuration import Configuration
from gamenet.match.difference import DifferenceWatch
from gamenet.match.lockstep_turns import LockstepTurns
from gamenet.match.loop_readings import LoopReadings
from gamenet.match.moments import askInput, moment
from gamenet.match.observed_simulation import ObservedSimulation
from gamenet.match.pace import Pace
from gamenet.match.recording import Recording
from gamenet.match.seats import Seats
from gamenet.match.settings import MatchSettings
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.seat_events import PlayerDropped, PlayerJoined, SeatRefused, SeatTaken
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy
from gamenet.rollback.steps import Step
from gamenet.rollback.timeline import Timeline
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.replay_file import INTERVAL_LIMIT, ReplayHeader

__all__ = ["FrameLoop"]


class FrameLoop(LoopReadings):
    """
    Plays the frames of one match.  Owned by L{gamenet.match.match.Match}.

    Whatever the game raises comes out as L{gamenet.errors.MomentFailed}.

    @ivar configuration: What all sides must agree on.
    @ivar checksum: crc32 of the state after the last confirmed frame that has one; 0
        before.
    @ivar difference: Whether the states were found to differ, and the match is to end.
    @ivar recording: What is written down.
    @ivar seats: The seats of the match.
    @ivar refused: Why the others gave us no seat, C{None} while they did not refuse.
    """

    def __init__(
        self,
        settings: MatchSettings,
        ticket: MatchTicket,
        simulation: ISimulation,
        protocol: IPeerProtocol,
        attachments: Attachments,
        joining: bool = False,
        transfer: ITransfer | None = None,
    ) -> None:
        """
        @param joining: Whether the match goes on already, whatever the ticket says.
        @param transfer: What carries states; C{None} is the simple one.
        @raise gamenet.errors.BadSetting: The settings cannot be played.
        """
        seats = self.seats = Seats.of(ticket, joining)
        rollback = settings.rollbackSettings(
            seats.players, ticket.player, seats.vacant, seats.seating
        )
        self.refused: str | None = None
        self.configuration = Configuration.of(rollback, settings.rules)
        self.checksum = 0
        self.difference = DifferenceWatch.of(rollback)
        self._seed = ticket.seed
        self._input_limit = rollback.input_limit
        self._local_players = rollback.local_players
        self._simulation = simulation
        self._protocol = protocol
        self._effects = attachments.effects
        self._pictures = attachments.pictures
        header = ReplayHeader(
            digest=self.configuration.digest,
            players=rollback.players,
            frame_rate=settings.frame_rate,
            seed=ticket.seed,
            rules=settings.rules,
            checksum_interval=min(settings.checksum_interval, INTERVAL_LIMIT),
            bots=rollback.leaver_policy is LeaverPolicy.BOT,
        )
        self.recording = Recording(
            attachments, header, self._recordingFailed, rollback.history_limit
        )
        self._session = RollbackSession(rollback, seats.joining, transfer)
        watched = self.recording.watched(simulation)
        self._observed = ObservedSimulation(watched, self._effects, self._pictures)
        self._timeline = Timeline(self._observed.face, self._session)
        self._arriving: list[tuple[int, ...]] = []
        self._others = rollback.others
        self._pace = Pace(settings.frame_rate, self._others)
        self._waited_after = settings.waited_after
        self._turns = self._turnsAnew()
        self._pressed = False

    def begin(self, now: float) -> None:
        """Frame 0 is due now."""
        if ISeededSimulation.providedBy(self._simulation):
            with moment("begin"):
                self._simulation.begin(self._seed)
        self._pace.begin(now)

    def run(self, now: float) -> None:
        """Play the frames that are due, and tell the game what became of it."""
        turns = self._turns
        if self._arriving:
            self._makeRoom()
        if self.joining:
            self._follow(now)
            return
        due = self._pace.framesDue(now) if turns is None else turns.framesDue(now)
        if self._pace.lost_seconds:
            with moment("timeLost"):
                self._protocol.timeLost(self._pace.lost_seconds)
        if turns is not None and turns.waited is not None:
            self._tell(turns.waited, now)
        if not due:
            self.serve(now)
        played = 0
        while played < due and self._playFrame(now):
            played += 1
        if played < due:
            self._notPlayed(due - played, now)
        self._pace.adjustSpeed(now)
        if due:
            with moment("frameReady", self._session.current_frame):
                self._protocol.frameReady(self._simulation, self._pace.blend(now))

    def drop(self, player: int) -> None:
        """Have another player dropped, who is gone, if they play."""
        session = self._session
        if not self.joining and player in session.members and player != session.settings.peer:
            session.drop(player)

    def expect(self, players: tuple[int, ...]) -> None:
        """
        Somebody comes late to these seats, as soon as they are empty: before that nothing of
        theirs is taken.
        """
        self._arriving = [each for each in self._arriving if not set(each) & set(players)]
        self._arriving.append(players)
        self._makeRoom()

    def _makeRoom(self) -> None:
        for players in tuple(self._arriving):
            if self._session.regroup(players):
                self._arriving.remove(players)
                self._others = self._session.settings.others
                self._pace.admit(players[0])

    def reached(self, player: int, now: float) -> None:
        """Somebody who does not play can be reached: tell them who does."""
        self._session.reached(player, now)

    def rejoin(self, now: float) -> None:
        """The others dropped us: take their state over, and ask for our seat."""
        self._session.rejoin(now)
        self._turns = None

    def leave(self, now: float) -> None:
        """Leave: have the others agree on our last frame; go on until C{left}."""
        self._session.leave(now)

    def serve(self, now: float) -> None:
        """While no frame is played: give others the states that they want of us."""
        self._apply((), now)
        self._tellEvents(now)

    def setInputDelay(self, frames: int, player: int | None = None) -> None:
        """
        Change the delay of a local player's inputs.

        @param player: Whose; C{None} is the first who is played here.
        @raise gamenet.errors.BadSetting: It is out of bounds.
        @raise LocalProtocolError: C{player} is not played here.
        """
        self._session.setInputDelay(frames, player)

    def packetsDue(self, now: float) -> Sequence[tuple[int, bytes]]:
        """
        Return what is to be sent now.

        In lockstep nobody goes on without our input: a new one never waits for the time
        between two packets to pass.

        @return: Pairs of a peer and the body of a packet to that peer.
        """
        session = self._session
        packets = session.packetsDue(now)
        pressed, self._pressed = self._pressed, False
        if self._turns is None or not pressed:
            return packets
        late = [
            peer
            for peer in self._others
            if peer in session.members and session.remote(peer).sent_at < now
        ]
        return [*packets, *[(peer, session.packetFor(peer, now)) for peer in late]]

    def packetReceived(self, player: int, body: bytes, now: float) -> None:
        """
        Take the body of another player's packet.

        @raise gamenet.errors.RemoteProtocolError: It makes no sense; it was counted, and
            nothing else changed.
        """
        if player not in self._others:
            return
        self._session.packetReceived(player, body, now)
        self._tellEvents(now)
        if player in self._session.members and not self.joining:
            self._pace.frameReported(player, self._session.remoteFrame(player), now)

    def roundTripMeasured(self, player: int, round_trip: float) -> None:
        """Note the smoothed seconds to another player and back."""
        self._pace.roundTripMeasured(player, round_trip)

    def _playFrame(self, now: float) -> bool:
        """
        Correct what was mispredicted and play one more frame.

        @return: Whether the frame was played; otherwise the session is stalled.
        """
        session = self._session
        if self._turns is not None and not self._turns.mayPlay(now):
            return False
        before = session.current_frame
        steps = session.advance(self._localInputs(), now)
        self._apply(steps, now)
        self.recording.ticked(now, steps, session)
        self._tellEvents(now)
        return session.current_frame > before

    def _follow(self, now: float) -> None:
        """On our way to a seat: play what the others have confirmed, some frames at a time."""
        before = self._session.current_frame
        self._playFrame(now)
        after = self._session.current_frame
        self._pace.goTo(after, now + 1 / self._session.settings.frame_rate)
        if after != before:
            with moment("frameReady", after):
                self._protocol.frameReady(self._simulation, self._pace.blend(now))

    def _notPlayed(self, count: int, now: float) -> None:
        """The last frames of those that were due could not be played."""
        if self._turns is None:
            self._pace.giveBack(count, now)
        else:
            self._turns.notPlayed(count, now)

    def _localInputs(self) -> dict[int, bytes] | None:
        """Return what the local players press, as far as it is wanted now."""
        pressed: dict[int, bytes] = {}
        for player in self._local_players:
            wanted = self._session.inputFrame(player)
            if wanted is not None:
                pressed[player] = askInput(self._protocol, player, wanted, self._input_limit)
        self._pressed = self._pressed or bool(pressed)
        return pressed or None

    def _apply(self, steps: Sequence[Step], now: float) -> None:
        """Do what the session asks for, watched."""
        self._observed.expect(steps, now)
        self._timeline.apply(steps)
        if self._observed.failure is not None:
            raise self._observed.failure

    def _tellEvents(self, now: float) -> None:
        """Tell the game, and whoever writes it down, what happened since the last time."""
        events: Sequence[object] = self._session.drainEvents()
        effects = self._effects
        if effects is not None:
            cancelled, self._observed.cancelled = self._observed.cancelled, []
            confirmed = min(self._session.confirmed_frame, effects.newest_frame)
            settled = effects.settle(max(confirmed, effects.confirmed_frame))
            events = (*events, *cancelled, *settled)
        for event in events:
            self._tell(event, now)

    def _turnsAnew(self) -> LockstepTurns | None:
        """Return the turns of a seat that is taken, in lockstep."""
        session = self._session
        if session.settings.prediction_window or session.state is SessionState.JOINING:
            return None
        return LockstepTurns(session, self._pace, self._waited_after)

    def _tell(self, event: object, now: float) -> None:
        if type(event) is FrameConfirmed:  # one a frame: what it means is not looked up
            if event.checksum is not None:
                self.checksum = event.checksum
            self.recording.told(now, event)
            with moment("frameConfirmed", event.frame):
                self._protocol.frameConfirmed(event.frame, event.inputs, event.checksum)
            return
        self.difference.told(event, now)
        self._seatsChanged(event, now)
        self.recording.told(now, event)
        announce(self._protocol, event)

    def _seatsChanged(self, event: object, now: float) -> None:
        """Somebody is out or came, or we did."""
        if isinstance(event, (PlayerDropped, PlayerJoined)):
            self._pace.forget(event.player)
        elif isinstance(event, SeatTaken):
            self._pace.goTo(self._session.current_frame, now)
            self._turns = self._turnsAnew()
        elif isinstance(event, SeatRefused):
            self.refused = event.reason

    def _recordingFailed(self, kind: str, error: Exception) -> None:
        with moment("recordingFailed"):
            self._protocol.recordingFailed(kind, error)
