"""
The frames of one match: the rollback session, the timeline, the schedule and
the time sync, and the game's moments between them.  Told the time; no socket.
"""

from __future__ import annotations

from hashlib import blake2b

from gamenet.interfaces import IPeerProtocol, ISeededSimulation, ISimulation
from gamenet.match.moments import askInput, moment
from gamenet.match.settings import MatchSettings
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.frame_schedule import FrameSchedule
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.time_sync import TimeSync
from gamenet.rollback.timeline import Timeline
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.peer_packets import DIGEST_BYTES

__all__ = ["FrameLoop"]


class FrameLoop:
    """
    Plays the frames of one match.  Owned by L{gamenet.match.match.Match}.

    Whatever the game raises comes out as L{gamenet.errors.MomentFailed}.

    @ivar digest: What both sides must agree on, 16 bytes.
    @ivar checksum: crc32 of the state after the last confirmed frame; 0 before.
    """

    def __init__(
        self,
        settings: MatchSettings,
        ticket: MatchTicket,
        simulation: ISimulation,
        protocol: IPeerProtocol,
    ) -> None:
        """
        @raise gamenet.errors.BadSetting: The settings cannot be played.
        """
        rollback = settings.rollbackSettings(len(ticket.members), ticket.player)
        rules = settings.rules.encode()
        self.digest = blake2b(rollback.digest() + rules, digest_size=DIGEST_BYTES).digest()
        self.checksum = 0
        self._player = ticket.player
        self._seed = ticket.seed
        self._frame_rate = settings.frame_rate
        self._input_limit = rollback.input_limit
        self._simulation = simulation
        self._protocol = protocol
        self._session = RollbackSession(rollback)
        self._timeline = Timeline(simulation, self._session)
        self._schedule = FrameSchedule(settings.frame_rate, 0.0)
        others = [m.player for m in ticket.members if m.player != ticket.player]
        self._sync = {player: TimeSync(settings.frame_rate) for player in others}
        self._round_trip = dict.fromkeys(others, 0.0)
        self._began = 0.0

    @property
    def current_frame(self) -> int:
        """The next frame to be played."""
        return self._session.current_frame

    @property
    def confirmed_frame(self) -> int:
        """The last frame that is final, -1 before the first."""
        return self._session.confirmed_frame

    @property
    def finished(self) -> bool:
        """Whether the last frame of the match is final here."""
        return self._session.finished

    @property
    def statistics(self) -> SessionStatistics:
        """What the session counted."""
        return self._session.statistics

    @property
    def next_due(self) -> float:
        """When L{run} wants to be called next, in seconds; may be in the past."""
        return self._schedule.nextDue()

    def begin(self, now: float) -> None:
        """Frame 0 is due now."""
        if ISeededSimulation.providedBy(self._simulation):
            with moment("begin"):
                self._simulation.begin(self._seed)
        self._began = now
        self._schedule = FrameSchedule(self._frame_rate, now)

    def run(self, now: float) -> None:
        """Play the frames that are due, and tell the game what became of it."""
        due = self._schedule.framesDue(now)
        if self._schedule.interrupted:
            for sync in self._sync.values():
                sync.reset()
        played = 0
        while played < due and self._playFrame(now):
            played += 1
        if played < due:
            self._schedule.giveBack(due - played, now)
        self._adjustSpeed(now)
        if due:
            with moment("frameReady", self._session.current_frame):
                self._protocol.frameReady(self._simulation, self._schedule.blend(now))

    def packetFor(self, player: int, now: float) -> bytes:
        """Return the body of the next packet to another player."""
        return self._session.packetFor(player, now)

    def packetReceived(self, player: int, body: bytes, now: float) -> None:
        """
        Take the body of another player's packet.

        @raise gamenet.errors.RemoteProtocolError: It makes no sense; it was counted, and
            nothing else changed.
        """
        self._session.packetReceived(player, body, now)
        self._tellEvents()
        self._sync[player].frameReported(
            self._schedule.position(now),
            self._session.remoteFrame(player),
            self._round_trip[player] / 2,
        )

    def heardAt(self, player: int) -> float:
        """
        Return when another player's last acceptable packet came, in seconds; the start
        of play before the first.
        """
        heard = self._session.remote(player).heard_at
        return self._began if heard is None else max(heard, self._began)

    def acknowledged(self, player: int) -> bool:
        """
        Return whether another player needs nothing more from us: they have all our
        inputs, and have compared the checksum of the last frame.
        """
        return self._session.acknowledged(player)

    def roundTripMeasured(self, player: int, round_trip: float) -> None:
        """Note the smoothed seconds to another player and back."""
        self._round_trip[player] = round_trip

    def _playFrame(self, now: float) -> bool:
        """
        Correct what was mispredicted and play one more frame.

        @return: Whether the frame was played; otherwise the session is stalled.
        """
        session = self._session
        wanted = session.inputFrame()
        pressed = (
            None
            if wanted is None
            else askInput(self._protocol, self._player, wanted, self._input_limit)
        )
        before = session.current_frame
        self._timeline.apply(session.advance(pressed, now))
        self._tellEvents()
        return session.current_frame > before

    def _tellEvents(self) -> None:
        for event in self._session.drainEvents():
            if isinstance(event, FrameConfirmed):
                self.checksum = event.checksum
                with moment("frameConfirmed", event.frame):
                    self._protocol.frameConfirmed(event.frame, event.inputs, event.checksum)
            else:
                with moment("desynchronized", event.frame):
                    self._protocol.desynchronized(
                        event.frame, event.local, event.remote, event.player
                    )

    def _adjustSpeed(self, now: float) -> None:
        """Let whoever is furthest behind us set the pace."""
        furthest = max(self._sync.values(), key=lambda sync: sync.advantage)
        self._schedule.setSpeed(furthest.speed(), now)
