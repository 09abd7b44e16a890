"""
When each frame is due.

A frame has a due time of its own, C{due(n) = base + (n - base frame) / rate},
so a late wake-up delays no frame after it and nothing adds up over a match.
The base moves only when the speed changes, when frames are given back because
the session stalled, and when we slept for so long that catching up would be
worse than losing the time.
"""

from __future__ import annotations

import attrs

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.settings import RATE_LIMIT

__all__ = ["INTERRUPTION", "LATE_FRAMES_LIMIT", "SPEED_LIMIT", "FrameSchedule"]

#: The most frames that are played at one wake-up.
LATE_FRAMES_LIMIT = 3

#: A frame that is later than this, in seconds, is not caught up with.
INTERRUPTION = 0.25

#: How far the speed may be from 1.
SPEED_LIMIT = 0.02


@attrs.define(init=False)
class FrameSchedule:
    """
    The due times of one player's frames.

    @ivar rate: Frames a second at speed 1.
    @ivar speed: The present speed, as a ratio.
    @ivar frame: The frame that is due next.
    @ivar interrupted: Whether the newest call of L{framesDue} gave up on lost
        time.
    @ivar lost_seconds: How much time was given up so far.
    @ivar _base: When frame C{_base_frame} is due, in seconds.
    @ivar _base_frame: The frame that C{_base} belongs to.
    @ivar _frames_a_second: The rate at the present speed.
    @ivar _given: How many frames the newest call of L{framesDue} gave and were
        not given back.
    """

    rate: float
    speed: float
    frame: int
    interrupted: bool
    lost_seconds: float
    _base: float
    _base_frame: int
    _frames_a_second: float
    _given: int

    def __init__(self, rate: float, now: float, frame: int = 0) -> None:
        """
        @param rate: Frames a second.
        @param now: When C{frame} is due, in seconds.
        @param frame: The first frame.
        @raise BadSetting: The rate is not above 0 and at most
            L{gamenet.rollback.settings.RATE_LIMIT}.
        """
        if not 0 < rate <= RATE_LIMIT:
            raise BadSetting(f"rate must be above 0 and at most {RATE_LIMIT}, not {rate}")
        self.rate = rate
        self.speed = 1.0
        self.frame = frame
        self.interrupted = False
        self.lost_seconds = 0.0
        self._base = now
        self._base_frame = frame
        self._frames_a_second = rate
        self._given = 0

    def nextDue(self) -> float:
        """Return when the next frame is due, in seconds; may be in the past."""
        return self._base + (self.frame - self._base_frame) / self._frames_a_second

    def framesDue(self, now: float) -> int:
        """
        Return how many frames are to be played at this wake-up, 0 to
        L{LATE_FRAMES_LIMIT}, and count them as played.

        If more are late, the next is due in the past, and the caller wakes up
        again at once.  If the first is later than L{INTERRUPTION} the time is
        given up: that frame is due now, and C{interrupted} is true.

        @param now: The time, in seconds.
        """
        self.interrupted = False
        self._given = 0
        late = now - self.nextDue()
        if late < 0:
            return 0
        if late > INTERRUPTION:
            self.interrupted = True
            self.lost_seconds += late
            self._rebase(now)
        count = 0
        while count < LATE_FRAMES_LIMIT and self.nextDue() <= now:
            self.frame += 1
            count += 1
        self._given = count
        return count

    def giveBack(self, count: int, now: float) -> None:
        """
        Take back frames that L{framesDue} gave and that could not be played,
        because the session is stalled; the first is due again one frame from
        now.

        @param count: How many.
        @param now: The time, in seconds.
        @raise LocalProtocolError: More than were given at the last wake-up.
        """
        if not 0 <= count <= self._given:
            raise LocalProtocolError(f"{count} frames to give back of {self._given}")
        if count:
            self._given -= count
            self.frame -= count
            self._rebase(now + 1 / self._frames_a_second)

    def setSpeed(self, speed: float, now: float) -> None:
        """
        Play faster or slower from now on; no frame is lost or repeated.

        @param speed: The ratio to the rate, at most L{SPEED_LIMIT} from 1.
        @param now: The time, in seconds.
        @raise BadSetting: It is further from 1.
        """
        if not abs(speed - 1) <= SPEED_LIMIT + 1e-9:
            raise BadSetting(f"speed must be within {SPEED_LIMIT} of 1, not {speed}")
        if speed == self.speed:
            return
        wait = self.nextDue() - now
        if wait > 0:
            wait *= self.speed / speed
        self._rebase(now + wait)
        self.speed = speed
        self._frames_a_second = self.rate * speed

    def position(self, now: float) -> float:
        """
        Return how far play is at a moment, in frames: C{n} when frame C{n} is
        due, and on towards C{n + 1}.
        """
        return self._base_frame + (now - self._base) * self._frames_a_second

    def blend(self, now: float) -> float:
        """
        Return how far the present is past the newest frame that was given, 0.0
        to 1.0 of a frame; for drawing between frames.
        """
        return min(max(self.position(now) - (self.frame - 1), 0.0), 1.0)

    def _rebase(self, due: float) -> None:
        """The next frame is due at C{due}."""
        self._base = due
        self._base_frame = self.frame
