"""Log events that strangers cause: one a kind and a while, however many they send."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

__all__ = ["LOG_INTERVAL", "SparseLog"]

#: Seconds for which a kind of event is logged once.
LOG_INTERVAL = 60.0


class SparseLog:
    """
    Writes the first event of each kind, and no other of that kind for a while.

    @ivar suppressed: How many were not written.
    """

    def __init__(self, log: Logger, clock: IReactorTime, interval: float = LOG_INTERVAL) -> None:
        """
        @param log: Where events go.
        @param clock: Whose time counts.
        @param interval: Seconds between two events of a kind.
        """
        self._log = log
        self._clock = clock
        self._interval = interval
        self._silent_until: dict[str, float] = {}
        self.suppressed = 0

    def note(self, kind: str, text: str, **fields: object) -> None:
        """
        Write an event, unless one of its kind was written a moment ago.

        @param kind: One of few: every kind is remembered.
        @param text: A format for C{fields} and C{kind}.
        """
        now = self._clock.seconds()
        if now < self._silent_until.get(kind, now):
            self.suppressed += 1
            return
        self._silent_until[kind] = now + self._interval
        self._log.info(text, kind=kind, **fields)
