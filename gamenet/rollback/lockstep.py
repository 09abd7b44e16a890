"""
Waiting in lockstep.

With a prediction window of 0 a frame is played when all inputs of it are here,
never before.  L{LockstepWait} says when that is worth a try, so that nobody asks
in a loop: it is told of frames that are due, of packets and of time that has
passed, and answers with what to do now.  The caller's loop::

    a frame is due      wait.frameDue(frame, missing, now)       true: advance
    a packet has come   wait.packetReceived(missing)             true: advance
    at wait.wake_at     wait.timePassed(missing, now)            an event, or None

It is bounded: after C{limit} seconds L{timePassed<LockstepWait.timePassed>} gives
a L{gamenet.rollback.events.LockstepWaited} that names who is missing, and the
wait for the same frame begins anew when that frame is due again.  (GGRS's
C{advance_frame_with_wait} asks its socket in a loop instead, and returns without
a word.)
"""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds
from gamenet.errors import LocalProtocolError
from gamenet.rollback.events import LockstepWaited

__all__ = ["LockstepWait"]


@attrs.define
class LockstepWait:
    """
    The wait for the inputs of one frame after the other.

    @ivar limit: How long to wait before telling of it, in seconds, from 0.001
        to 60.
    @ivar frame: The frame that is waited for, or that was last, or -1.
    @ivar wake_at: When to call L{timePassed} at the latest, in seconds, or
        C{None} if nothing is waited for.
    @ivar _due: Whether C{frame} is due and not played.
    @ivar _since: When C{frame} was due first, in seconds.

    @raise gamenet.errors.BadSetting: The limit is out of bounds.
    """

    limit: float = attrs.field(default=0.25, validator=seconds(0.001, 60.0))
    frame: int = attrs.field(default=-1, init=False)
    wake_at: float | None = attrs.field(default=None, init=False)
    _due: bool = attrs.field(default=False, init=False)
    _since: float = attrs.field(default=0.0, init=False)

    @property
    def waiting(self) -> bool:
        """Whether a frame is due and lacks inputs."""
        return self._due

    def frameDue(self, frame: int, missing: tuple[int, ...], now: float) -> bool:
        """
        A frame is due.  The same frame may be due again and again: while it is
        waited for that says nothing new, and after the limit it begins the next
        wait for it.

        @param frame: The frame that is played next.
        @param missing: The players whose inputs of it are missing.
        @param now: The time, in seconds.
        @return: Whether to advance now.
        @raise LocalProtocolError: It is a frame before one that was due.
        """
        if frame < self.frame:
            raise LocalProtocolError(f"frame {frame} is due after frame {self.frame}")
        if not missing:
            self.frame = frame
            self._end()
            return True
        if not self._due or frame != self.frame:
            self.frame = frame
            self._due = True
            self._since = now
        if self.wake_at is None:
            self.wake_at = now + self.limit
        return False

    def packetReceived(self, missing: tuple[int, ...]) -> bool:
        """
        A packet has come, and what was in it has been taken.

        @param missing: The players whose inputs of the frame that is played
            next are missing.
        @return: Whether to advance now: a frame is due, and this was the last
            that it lacked.  Once for each frame.
        """
        if missing or not self._due:
            return False
        self._end()
        return True

    def timePassed(self, missing: tuple[int, ...], now: float) -> LockstepWaited | None:
        """
        Tell of a wait that has reached its limit; before that nothing happens.

        @param missing: The players whose inputs are missing.
        @param now: The time, in seconds.
        @return: What to tell the game; C{seconds} counts from when the frame was
            due first.
        """
        if self.wake_at is None or now < self.wake_at:
            return None
        self.wake_at = None
        return LockstepWaited(self.frame, now - self._since, tuple(sorted(missing)))

    def reset(self) -> None:
        """Begin anew, also with an earlier frame: the game's state was replaced."""
        self.frame = -1
        self._end()

    def _end(self) -> None:
        """Nothing is waited for."""
        self._due = False
        self.wake_at = None
