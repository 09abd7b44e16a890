"""
Who is ahead, and what to do about it.

Two players whose games run apart pay unevenly: the one ahead predicts more and
rolls back deeper, and at last stalls.  So the one ahead plays a little slower
and the other a little faster, until both are equally far.

A packet leaves right after its sender played a frame, so when it arrives its
sender has gone on for half a round trip.  Both sides use the same round trip
for that, so a path that is slower one way than the other moves the point that
they agree on, but they still agree.  The control is proportional with a
first-order smoothing; its gain is low enough for the delays of both (about
half a second of smoothing and half a round trip) not to make it swing.

GGPO measures the same and answers by stalling the player ahead; speeding and
slowing instead is Slippi's way.
"""

from __future__ import annotations

import attrs

from gamenet.rollback.frame_schedule import SPEED_LIMIT

__all__ = ["GAIN", "STEPS_A_UNIT", "WINDOW", "TimeSync"]

#: The smoothing's time constant, in packets.
WINDOW = 30

#: The change of speed per frame of advantage.
GAIN = 0.005

#: Speeds are whole multiples of 1/STEPS_A_UNIT, so that they seldom change.
STEPS_A_UNIT = 2000


@attrs.define(init=False)
class TimeSync:
    """
    How far we are ahead of one other player.

    @ivar rate: Frames a second.
    @ivar advantage: By how many frames we are ahead, smoothed; below 0 we are
        behind.
    @ivar samples: How many reports it is made of, at most L{WINDOW}.
    @ivar _newest_frame: The newest frame that was reported, or -1.
    """

    rate: float
    advantage: float
    samples: int
    _newest_frame: int

    def __init__(self, rate: float) -> None:
        """
        @param rate: Frames a second.
        """
        self.rate = rate
        self.reset()

    def frameReported(self, position: float, remote_frame: int, half_round_trip: float) -> None:
        """
        Take what a packet said, at once when it arrives.

        @param position: How far we are, in frames:
            L{gamenet.rollback.frame_schedule.FrameSchedule.position}.
        @param remote_frame: The frame that the other plays next, by this
            packet.  Older than what was reported before it says nothing.
        @param half_round_trip: Half of the mean round trip, in seconds.
        """
        if remote_frame < self._newest_frame:
            return
        self._newest_frame = remote_frame
        remote_position = remote_frame - 1 + half_round_trip * self.rate
        if self.samples < WINDOW:
            self.samples += 1
        self.advantage += (position - remote_position - self.advantage) / self.samples

    def speed(self) -> float:
        """
        Return the speed to play at, as a ratio within
        L{gamenet.rollback.frame_schedule.SPEED_LIMIT} of 1.
        """
        change = min(max(-GAIN * self.advantage, -SPEED_LIMIT), SPEED_LIMIT)
        return 1 + round(change * STEPS_A_UNIT) / STEPS_A_UNIT

    def reset(self) -> None:
        """Forget what was measured: after an interruption it is not true any more."""
        self.advantage = 0.0
        self.samples = 0
        self._newest_frame = -1
