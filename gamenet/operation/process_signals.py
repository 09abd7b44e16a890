"""
The signals by which an operator speaks to a process.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["ProcessSignals"]


class ProcessSignals:
    """
    Lets the reactor hear of signals, and puts back what was there before.

    Where the system has no such signal (Windows) nothing is done.
    """

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: An C{IReactorFromThreads}: what calls whoever wants to hear of a
            signal, never in the middle of something else.
        """
        self._reactor = reactor
        self._before: dict[int, Any] = {}

    def install(self, heard: dict[str, Callable[[], object]]) -> None:
        """
        Hear of signals from now on.

        @param heard: What to call, by the signal's name, such as C{"SIGHUP"}.
        """
        for name, call in heard.items():
            number = getattr(signal, name, None)
            if number is not None and number not in self._before:
                self._before[number] = signal.signal(number, self._listener(call))

    def putBack(self) -> None:
        """Put back what was there before.  Doing it twice is harmless."""
        before, self._before = self._before, {}
        for number, listener in before.items():
            signal.signal(number, listener)

    def _listener(self, call: Callable[[], object]) -> Callable[[int, FrameType | None], None]:
        def listener(number: int, frame: FrameType | None) -> None:
            # From a thread, as it were: this wakes a reactor that sleeps.
            self._reactor.callFromThread(call)

        return listener
