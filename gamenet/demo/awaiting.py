"""
Waiting for something that other processes bring about: only so long, and not a
moment longer once it cannot happen any more.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gamenet.errors import GamenetError

__all__ = ["BoundedWait", "DemoFailed"]


class DemoFailed(GamenetError):
    """A process of the demo did not do its part; the text says which, and how."""


@define(eq=False)
class BoundedWait:
    """
    One wait after the other, each for a condition.

    The condition is looked at whenever L{happened} is called.  A failure ends
    the wait that is on and, as nothing can be waited for after it, each later one.

    @ivar clock: Measures the limits.
    @ivar failure: Why nothing can be waited for any more, or C{None}.
    """

    clock: IReactorTime
    failure: str | None = field(init=False, default=None)
    _waiting: Deferred[None] | None = field(init=False, default=None)
    _condition: Callable[[], bool] = field(init=False, default=bool)
    _timer: IDelayedCall | None = field(init=False, default=None)
    _limit: float = field(init=False, default=0.0)

    def until(self, condition: Callable[[], bool], limit: float, complaint: str) -> Deferred[None]:
        """
        Wait until C{condition} holds.

        @param limit: Seconds to wait.
        @param complaint: What to say after that, for example C{"the lobby did not
            get ready"}.
        @return: Fires when it holds; fails with L{DemoFailed}.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting, self._condition, self._limit = waiting, condition, limit
        expired = f"{complaint} within {limit:g} seconds"
        self._timer = self.clock.callLater(limit, self._expire, expired)
        self.happened()
        return waiting

    def happened(self) -> None:
        """Something happened: the condition may hold now."""
        if self._waiting is None:
            return
        if self.failure is not None:
            self._settle().errback(DemoFailed(self.failure))
        elif self._condition():
            self._settle().callback(None)

    def extend(self) -> None:
        """Something happened that is reason to wait for the whole limit once more."""
        if self._timer is not None:
            self._timer.reset(self._limit)

    def fail(self, reason: str) -> None:
        """Something went wrong; what goes wrong after it is its consequence and not kept."""
        if self.failure is None:
            self.failure = reason
        self.happened()

    def _expire(self, reason: str) -> None:
        self._timer = None
        self.fail(reason)

    def _settle(self) -> Deferred[None]:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return waiting
