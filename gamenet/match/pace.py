"""
The pace of one player's frames, as a decision: when the next is due, and how
fast to play so that everybody is equally far.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from gamenet.rollback.frame_schedule import INTERRUPTION, FrameSchedule
from gamenet.rollback.time_sync import TimeSync

__all__ = ["Pace"]


@attrs.define(init=False)
class Pace:
    """
    One schedule, and how far we are ahead of each other player.  Used by
    L{gamenet.match.frame_loop.FrameLoop}.

    @ivar lost_seconds: How much time the newest call of L{framesDue} or L{waitedUntil}
        gave up, because we had slept for too long; 0.0 for none.
    @ivar began: When frame 0 was due, in seconds; 0.0 before L{begin}.
    """

    lost_seconds: float
    began: float
    _frame_rate: int
    _held: bool
    _schedule: FrameSchedule
    _sync: dict[int, TimeSync]
    _round_trip: dict[int, float]

    def __init__(self, frame_rate: int, others: Iterable[int]) -> None:
        """
        @param frame_rate: Frames a second.
        @param others: The other players.
        @raise gamenet.errors.BadSetting: The rate is out of bounds.
        """
        self.lost_seconds = 0.0
        self.began = 0.0
        self._frame_rate = frame_rate
        self._held = False
        self._schedule = FrameSchedule(frame_rate, 0.0)
        self._sync = {player: TimeSync(frame_rate) for player in others}
        self._round_trip = dict.fromkeys(self._sync, 0.0)

    @property
    def next_due(self) -> float:
        """When the next frame is due, in seconds; may be in the past."""
        return self._schedule.nextDue()

    @property
    def speed(self) -> float:
        """The present speed, as a ratio."""
        return self._schedule.speed

    def begin(self, now: float) -> None:
        """Frame 0 is due now."""
        self.began = now
        self._schedule = FrameSchedule(self._frame_rate, now)

    def goTo(self, frame: int, now: float) -> None:
        """We came into the match, or came back: C{frame} is due now."""
        self._held = False
        self._schedule = FrameSchedule(self._frame_rate, now, frame)
        self._forget()

    def admit(self, player: int) -> None:
        """Somebody may come who was not there at the start."""
        if player not in self._sync:
            self._sync[player] = TimeSync(self._frame_rate)
            self._round_trip[player] = 0.0

    def forget(self, player: int) -> None:
        """A player is out, or comes anew: how far they were says nothing any more."""
        if player in self._sync:
            self._sync[player].reset()

    def framesDue(self, now: float) -> int:
        """
        Return how many frames are to be played now, and count them as played.

        What was measured before a long sleep of ours is forgotten: it is not true
        any more.
        """
        schedule = self._schedule
        before = schedule.lost_seconds
        due = schedule.framesDue(now)
        self.lost_seconds = schedule.lost_seconds - before
        if schedule.interrupted:
            self._forget()
        return due

    def giveBack(self, count: int, now: float) -> None:
        """Take back frames of the newest L{framesDue} that could not be played."""
        self._schedule.giveBack(count, now)

    def hold(self) -> None:
        """
        The newest frame of L{framesDue} could not be played and is not given back: it is
        going to be played as soon as that is possible.  Until L{release} time stands
        still at it.
        """
        self._held = True

    def waitedUntil(self, planned: float, now: float) -> None:
        """
        We looked at a frame that is held.

        @param planned: When we meant to at the latest, in seconds.
        """
        slept = now - planned
        self.lost_seconds = slept if slept > INTERRUPTION else 0.0
        if self.lost_seconds:
            self._forget()

    def release(self, now: float) -> None:
        """
        The frame that was held is played now.  The next is due one frame time after it
        was; what is over of that is not caught up with.
        """
        self._held = False
        late = self._schedule
        if late.nextDue() < now:
            self._schedule = FrameSchedule(self._frame_rate, now, late.frame)
            self._schedule.setSpeed(late.speed, now)

    def blend(self, now: float) -> float:
        """Return how far the present is past the newest frame, 0.0 to 1.0 of a frame."""
        return 1.0 if self._held else self._schedule.blend(now)

    def roundTripMeasured(self, player: int, round_trip: float) -> None:
        """Note the smoothed seconds to another player and back."""
        self._round_trip[player] = round_trip

    def frameReported(self, player: int, remote_frame: int, now: float) -> None:
        """
        Another player's packet came.

        @param remote_frame: The frame that they play next, by this packet.
        """
        position = self._schedule.position(now)
        if self._held:
            position = min(position, self._schedule.frame - 1)
        self._sync[player].frameReported(position, remote_frame, self._round_trip[player] / 2)

    def adjustSpeed(self, now: float) -> None:
        """Let whoever is furthest behind us set the pace."""
        if self._sync:
            furthest = max(self._sync.values(), key=lambda sync: sync.advantage)
            self._schedule.setSpeed(furthest.speed(), now)

    def _forget(self) -> None:
        """What was measured before a long sleep is not true any more."""
        for sync in self._sync.values():
            sync.reset()
