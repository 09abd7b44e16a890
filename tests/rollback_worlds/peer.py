"""
One process of a match: a session, its game, its clock and its pace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from zlib import crc32

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.frame_schedule import FrameSchedule
from gamenet.rollback.seat_events import Dropped
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Restore, Step
from gamenet.rollback.time_sync import TimeSync
from gamenet.rollback.timeline import Timeline
from tests.rollback_worlds.game import SeatedHashGame

__all__ = ["Confirmed", "Restored", "SimulatedPeer"]

#: Inputs, the state that they led to, and the empty seats.
Confirmed = tuple[tuple[bytes, ...], bytes, tuple[int, ...]]


@attrs.frozen
class Restored:
    """
    A state of others was taken over.

    @ivar frame: The frame that is played next.
    """

    frame: int


class SimulatedPeer:
    """
    One process.

    @ivar peer: Its number.
    @ivar confirmed: What is final here, by frame, with the state after it.
    @ivar given: What was pressed here, by player and frame.
    @ivar told: Every other event, with the world's time.
    @ivar rejoins: Whether it joins again as soon as it hears that it was dropped.
    """

    def __init__(
        self,
        settings: RollbackSettings,
        scripts: dict[int, Callable[[int], bytes]],
        counters: Counter[str],
        clock: tuple[float, float] = (0.0, 1.0),
        joining: bool = False,
    ) -> None:
        """
        @param scripts: What each local player presses.
        @param clock: What the process' clock shows at the world's time 0, and how fast
            it goes.
        @param joining: Whether it takes a vacant seat.
        """
        self.settings = settings
        self.peer = settings.peer
        self.scripts = scripts
        self.offset, self.rate = clock
        self.session = (
            RollbackSession(settings, joining=True) if joining else RollbackSession(settings)
        )
        self.game = SeatedHashGame()
        self.timeline = Timeline(self.game, self.session)
        self.confirmed: dict[int, Confirmed] = {}
        self.given: dict[int, dict[int, bytes]] = {player: {} for player in scripts}
        self.told: list[tuple[float, object]] = []
        self.rejoins = False
        self.refused: list[tuple[float, int, str]] = []
        self._counters = counters
        self._inputs: dict[int, tuple[bytes, ...]] = {}
        self._schedule = FrameSchedule(settings.frame_rate, self.offset)
        self._sync: dict[int, TimeSync] = {}

    def begin(self, now: float) -> None:
        """Frame 0 is due now."""
        self._schedule = FrameSchedule(self.settings.frame_rate, self.local(now))

    def local(self, now: float) -> float:
        """Return what our clock shows at the world's time C{now}."""
        return self.offset + now * self.rate

    @property
    def next_due(self) -> float:
        """When the process wants to wake up next, in the world's time."""
        return (self._schedule.nextDue() - self.offset) / self.rate

    @property
    def speed(self) -> float:
        """How fast frames are played."""
        return self._schedule.speed

    @property
    def restored(self) -> bool:
        """Whether a state of others was ever taken over."""
        return any(isinstance(event, Restored) for _, event in self.told)

    @property
    def plays(self) -> bool:
        """Whether it is one of those who play, as far as it knows."""
        return self.session.state in (SessionState.RUNNING, SessionState.STALLED)

    def position(self, now: float) -> float:
        """Return how far play is, in frames and parts of a frame."""
        return self._schedule.position(self.local(now))

    def received(self, sender: int, body: bytes, now: float) -> None:
        """A packet came."""
        local = self.local(now)
        try:
            self.session.packetReceived(sender, body, local)
        except RemoteProtocolError as error:
            self.refused.append((now, sender, str(error)))
            self._counters["packets refused"] += 1
            return
        session = self.session
        if sender in session.members and body[0] < 0x10 and self.peer in session.members:
            remote = session.remote(sender)
            sync = self._sync.get(sender)
            if sync is None:
                sync = self._sync[sender] = TimeSync(self.settings.frame_rate)
            half = (remote.round_trip or 0.0) / 2
            sync.frameReported(self._schedule.position(local), remote.current_frame, half)

    def wake(self, now: float) -> list[tuple[int, bytes]]:
        """
        Play the frames that are due.

        @return: The packets to send.
        """
        local = self.local(now)
        schedule = self._schedule
        due = schedule.framesDue(local)
        if schedule.interrupted:
            self._sync.clear()
        played = 0
        while played < due and self._play(local, now):
            played += 1
        if self._schedule is schedule and played < due:
            schedule.giveBack(due - played, local)
        self._adjustSpeed(local)
        return list(self.session.packetsDue(local))

    def _play(self, local: float, now: float) -> bool:
        """Play one frame; return whether it was one more."""
        session = self.session
        pressed: dict[int, bytes] = {}
        for player, script in self.scripts.items():
            frame = session.inputFrame(player)
            if frame is not None:
                pressed[player] = self.given[player][frame] = script(frame)
        before = session.current_frame
        steps = session.advance(pressed or None, local)
        self._note(steps, now)
        self.timeline.apply(steps)
        self._takeEvents(local, now)
        after = session.current_frame
        if after not in (before, before + 1):
            self._schedule = FrameSchedule(self.settings.frame_rate, local, after)
            self._sync.clear()
        return after > before

    def _note(self, steps: Sequence[Step], now: float) -> None:
        """Write down what is played."""
        for step in steps:
            if type(step) is Advance:
                self._inputs[step.frame] = step.inputs
            elif type(step) is Restore:
                self.told.append((now, Restored(step.frame)))
                self._counters["states restored"] += 1

    def _takeEvents(self, local: float, now: float) -> None:
        """Write down what the session tells, and do what a game would."""
        for event in self.session.drainEvents():
            if type(event) is FrameConfirmed:
                frame = event.frame
                state, absent = self.game.played[frame]
                told = event.inputs, event.absent
                if told != (self._inputs[frame], absent) or event.checksum not in (
                    None,
                    crc32((frame + 1).to_bytes(4, "big") + state),
                ):
                    raise AssertionError(f"peer {self.peer} played frame {frame} unlike {event}")
                self.confirmed[frame] = event.inputs, state, absent
                continue
            self.told.append((now, event))
            self._counters[type(event).__name__] += 1
            if type(event) is Dropped and self.rejoins:
                self.session.rejoin(local)

    def _adjustSpeed(self, local: float) -> None:
        """Let whoever is furthest behind us set the pace."""
        members = self.session.members
        furthest = max(
            [sync for peer, sync in self._sync.items() if peer in members],
            key=lambda sync: sync.advantage,
            default=None,
        )
        if furthest is not None:
            self._schedule.setSpeed(furthest.speed(), local)
