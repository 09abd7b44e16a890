"""One timer that is set to a due time, and set anew as often as that changes."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["STALL", "Alarm"]

#: An alarm that rings later than this, in seconds, belongs to a process that stood
#: still: what arrived meanwhile waits in the sockets and is read before anything is
#: concluded from silence.
STALL = 1.0


class Alarm:
    """
    Rings once at the time it was last set to.

    @ivar due: When it rings, in seconds; C{None} while it is not set.
    @ivar late: How many seconds after C{due} it rang last; more than L{STALL} where the
        process stood still.
    """

    __slots__ = ("_call", "_clock", "_ring", "due", "late")

    def __init__(self, clock: IReactorTime, ring: Callable[[], object]) -> None:
        """
        @param clock: Whose time it keeps.
        @param ring: Called when it is due; it may set the alarm again.
        """
        self._clock = clock
        self._ring = ring
        self._call: IDelayedCall | None = None
        self.due: float | None = None
        self.late = 0.0

    def set(self, due: float | None) -> None:
        """
        Ring at C{due} and not when it was set to before.

        @param due: In seconds; a time in the past rings as soon as possible, C{None}
            not at all.
        """
        self.due = due
        if due is None:
            if self._call is not None:
                self._call.cancel()
                self._call = None
            return
        delay = max(0.0, due - self._clock.seconds())
        if self._call is None:
            self._call = self._clock.callLater(delay, self._ringing)
        else:
            self._call.reset(delay)

    def cancel(self) -> None:
        """Do not ring; cancelling twice is harmless."""
        self.set(None)

    def _ringing(self) -> None:
        self._call = None
        if self.due is not None:
            self.late = self._clock.seconds() - self.due
        self.due = None
        self._ring()
