"""
Turns of an epoll reactor in which nothing but UDP sockets of ours has something to say.

Where one datagram comes at a time, a turn of Twisted's loop costs more than the datagram.
In a process that belongs to its UDP sockets, such as a relay, the socket that was read
last looks into the reactor's own poll again, for as long as the reactor itself would
sleep, and goes on while only such sockets wake it.  Everything else (a stream, a timer, a
signal, another thread) is the reactor's: it is left where it is, and the reactor meets it
at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["EpollTurns"]

#: Most sockets that one look into the poll tells of.
_EVENTS = 64

#: Seconds that one look waits at most: what the system can be told.
_LONGEST = 1e6

#: What of the reactor is used; not all of it is for others, so it has to be there.
_NEEDED = ("_justStopped", "_newTimedCalls", "_pendingTimedCalls", "_poller", "_selectables")


class _Reader(Protocol):
    def readSome(self) -> None:
        """Hand over some of what has arrived."""


class EpollTurns:
    """
    The turns of one reactor.  To be used where C{reactor.run} owns the loop: whoever turns
    the reactor by hand (C{reactor.iterate}) would wait here.
    """

    __slots__ = ("_event", "_find", "_kind", "_poll", "_reactor")

    def __init__(self, reactor: Any, kind: type[_Reader], readable: int) -> None:
        """
        @param reactor: An epoll reactor.
        @param kind: The sockets' class.
        @param readable: The event that says that there is something to read, and no more.
        """
        self._reactor = reactor
        self._kind = kind
        self._event = readable
        self._poll: Callable[[float | None, int], list[tuple[int, int]]] = reactor._poller.poll
        self._find: Callable[[int], object] = reactor._selectables.get

    @classmethod
    def of(cls, reactor: object, kind: type[_Reader]) -> EpollTurns | None:
        """Return the turns of a reactor, C{None} where it is not Twisted's epoll reactor."""
        try:
            from select import EPOLLIN

            from twisted.internet.epollreactor import EPollReactor
        except ImportError:
            return None
        fits = type(reactor) is EPollReactor and all(hasattr(reactor, name) for name in _NEEDED)
        return cls(reactor, kind, EPOLLIN) if fits else None

    def goOn(self) -> None:
        """Read on, until there is something for the reactor to do; called by a socket."""
        reactor = self._reactor
        kind, readable = self._kind, self._event
        poll, find = self._poll, self._find
        seconds = reactor.seconds
        # What was scheduled by what we read, and what was before, the earliest first.
        scheduled, timers = reactor._newTimedCalls, reactor._pendingTimedCalls
        timeout = None
        while not scheduled and not reactor._justStopped:
            if timers:
                timeout = timers[0].time - seconds()
                if timeout <= 0:
                    return
                timeout = min(timeout, _LONGEST)
            events = poll(timeout, _EVENTS)
            if not events:
                return
            for descriptor, event in events:
                reader = find(descriptor)
                if type(reader) is not kind or event != readable:
                    return
                reader.readSome()
