"""
One machine's time: it starts apart from the world's, drifts, and hiccups.

What a machine does is done through its clock, because a machine that is
suspended does nothing at all, and everything that was due meanwhile afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from gamenet.world.clock import WorldCall, WorldClock

__all__ = ["LocalClock"]


@implementer(IReactorTime)
@define(eq=False, repr=False)
class LocalClock:
    """
    A machine's monotonic clock and timers, in its own seconds.

    @ivar world: The clock underneath.
    @ivar offset: What this clock shows when the world's shows 0, in seconds.
    @ivar rate: Local seconds per world second, 1.0005 for +500 ppm.
    @ivar suspended: Nothing of this machine runs at present.
    @ivar stopped: Nothing of this machine will ever run again.
    """

    world: WorldClock
    offset: float = 0.0
    rate: float = 1.0
    suspended: bool = field(default=False, init=False)
    stopped: bool = field(default=False, init=False)
    _resume_at: float = field(default=0.0, init=False)
    _backlog: deque[tuple[Callable[[Any], object], Any]] = field(factory=deque, init=False)
    _local: float = field(default=float("-inf"), init=False)
    _local_at: float = field(default=-1.0, init=False)

    def seconds(self) -> float:
        """Return the local time in seconds; it never goes back."""
        now = self.world.now
        if now != self._local_at:
            self._local_at = now
            self._local = max(self._local, self.offset + now * self.rate)
        return self._local

    def worldTime(self, local: float) -> float:
        """Return the world time at which this clock shows C{local}."""
        return (local - self.offset) / self.rate

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> WorldCall:
        """
        Call a function C{delay} local seconds from now.

        @raise ValueError: C{delay} is negative or not a finite number.
        """
        return self.world.callOn(self, delay, callable, args, kw)

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Return this machine's calls that are still to be made, soonest first."""
        if self.stopped:
            return []
        late = [item for _, item in self._backlog if isinstance(item, WorldCall) and item.active()]
        return [
            *late,
            *(
                call
                for call in self.world.getDelayedCalls()
                if isinstance(call, WorldCall) and call.timeline is self
            ),
        ]

    def enter(self, run: Callable[[Any], object], argument: object) -> None:
        """Have this machine do C{run(argument)}: now, or when its suspension ends, or never."""
        if self.stopped:
            return
        if self.suspended:
            self._backlog.append((run, argument))
        else:
            run(argument)

    def runCall(self, call: WorldCall) -> None:
        """Make a call that is due, at exactly its own time, or once the suspension ends."""
        if self.stopped:
            return
        if self.suspended:
            self._backlog.append((self._runLate, call))
            return
        self._local = max(self._local, call.time)
        self._local_at = self.world.now
        call.execute()

    def suspend(self, seconds: float) -> None:
        """
        Do nothing for C{seconds} of world time, then everything that was due, in order.

        A suspension within another can only make it longer.
        """
        resume_at = self.world.now + seconds
        if self.suspended and resume_at <= self._resume_at:
            return
        self.suspended = True
        self._resume_at = resume_at
        self.world.schedule(resume_at, self._resume, resume_at)

    def stop(self) -> None:
        """Do nothing, ever again."""
        self.stopped = True
        self._backlog.clear()

    def _resume(self, resume_at: float) -> None:
        if resume_at != self._resume_at:
            return
        self.suspended = False
        while self._backlog and not self.suspended:
            run, argument = self._backlog.popleft()
            self.world.attempt(run, argument)

    def _runLate(self, call: WorldCall) -> None:
        if call.active() and call.queued < 0:
            call.execute()
