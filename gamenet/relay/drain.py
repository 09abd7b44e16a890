"""
The graceful end of a relay: no new allocations, until the last is gone.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gamenet.machine.alarm import Alarm

__all__ = ["Drain"]


class Drain:
    """
    The drain of one relay.

    @ivar begun: Whether it has begun.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, limit: float) -> None:
        """
        @param clock: Times the limit.
        @param limit: Seconds that the last allocation is waited for.
        """
        self._clock = clock
        self._limit = limit
        self._alarm = Alarm(clock, self.end)
        self._waiting: list[Deferred[None]] = []
        self._over = False
        self.begun = False

    def begin(self, active: int) -> Deferred[None]:
        """
        Begin, unless that was done.

        @param active: How many allocations there are.
        @return: Fires at the end.  Every call returns a new one.
        """
        if not self.begun:
            self.begun = True
            self._log.info("relay drains: {active} allocations are left", active=active)
            self._alarm.set(self._clock.seconds() + self._limit)
        self.check(active)
        if self._over:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._waiting.append(drained)
        return drained

    def check(self, active: int) -> None:
        """
        Notice the end.

        @param active: How many allocations there are now.
        """
        if self.begun and not active:
            self.end()

    def end(self) -> None:
        """It is over: nobody is left, or nobody is waited for any more."""
        self._alarm.cancel()
        if not self.begun or self._over:
            return
        self._over = True
        self._log.info("relay is drained")
        waiting, self._waiting = self._waiting, []
        for drained in waiting:
            drained.callback(None)
