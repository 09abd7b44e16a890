"""
Where the network runs while the game owns its loop: in a thread of its own, or in
the calls of C{poll}.

Twisted has one reactor in a process, which cannot be started twice.  So it is
started when the first session needs it, and runs until the process ends.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import IMachine
from gamenet.machine.reactor_machine import asMachine
from gamenet.polled.interfaces import INetworkLoop

__all__ = ["CallingLoop", "ThreadLoop", "processLoop", "requireEndpoint"]

#: Seconds that one turn of L{CallingLoop.finish} waits at most.
_TURN = 0.01

#: How many turns one call of L{CallingLoop.turn} makes: what came in may make something due.
_TURNS = 4

#: Seconds that the thread has to end when the process does.
_ENDING = 1.0

_lock = Lock()
_loops: list[INetworkLoop] = []


def processLoop(threaded: bool) -> INetworkLoop:
    """
    Return this process's loop, started.

    @param threaded: Whether it shall run in a thread of its own.
    @raise LocalProtocolError: It runs the other way already, or somebody else runs
        the reactor.
    """
    from twisted.internet import reactor

    with _lock:
        if not _loops:
            _loops.append(ThreadLoop(reactor) if threaded else CallingLoop(reactor))
        loop = _loops[0]
    if loop.threaded is not threaded:
        other = "in a thread" if loop.threaded else "in the calls of poll"
        raise LocalProtocolError(
            f"the network of this process runs {other} already: give all sessions the"
            " same value of threaded"
        )
    return loop


def requireEndpoint(description: str) -> None:
    """
    Insist that a text describes where to connect to; nothing is sent.

    @raise gamenet.errors.BadAddress: It does not.
    """
    from twisted.internet import reactor

    asMachine(reactor).streamClientEndpoint(description)


def _machineOf(reactor: Any) -> IMachine:
    """
    Return the machine of a reactor that is about to be started by us.

    @raise LocalProtocolError: It runs.
    """
    if reactor.running:
        raise LocalProtocolError(
            "the reactor runs already, and is not ours: use gamenet.match where the"
            " reactor owns the loop"
        )
    # Else a name that is still being looked up would keep the process from ending.
    reactor.getThreadPool().threadFactory = _daemon
    return asMachine(reactor)


def _daemon(*arguments: Any, **options: Any) -> Thread:
    """Return a thread that no process waits for."""
    return Thread(*arguments, daemon=True, **options)


@implementer(INetworkLoop)
class ThreadLoop:
    """The reactor in a thread of its own: a game may block for as long as it likes."""

    threaded = True

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: The reactor, not running yet.
        @raise LocalProtocolError: It runs.
        """
        self.machine = _machineOf(reactor)
        self._reactor = reactor
        run = {"installSignalHandlers": False}
        self._thread = _daemon(target=reactor.run, kwargs=run, name="gamenet")
        self._thread.start()
        atexit.register(self._end)

    def seconds(self) -> float:
        """Return the time in seconds."""
        now: float = self._reactor.seconds()
        return now

    def call(self, function: Callable[[], object]) -> None:
        """Have C{function} called on the network's side, soon."""
        self._reactor.callFromThread(function)

    def turn(self) -> None:
        """Nothing is to be done: the thread turns by itself."""

    def finish(self, ending: Callable[[], Deferred[None]], patience: float) -> bool:
        """Have C{ending} called, and wait until what it returns has fired."""
        done = Flag()
        self.call(lambda: ending().addBoth(lambda _: done.set()))
        return done.wait(patience)

    def _end(self) -> None:
        """The process ends: no thread shall run into its ruins."""
        self.call(lambda: self._reactor.running and self._reactor.stop())
        self._thread.join(_ENDING)


@implementer(INetworkLoop)
class CallingLoop:
    """
    The reactor in the calls of C{poll}: no thread, and nothing happens between them.

    A game that does not poll for longer than C{silence} of
    L{gamenet.event_log.settings.EventLogSettings} is lost to the others until it does.
    """

    threaded = False

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: The reactor, not running yet.
        @raise LocalProtocolError: It runs.
        """
        self.machine = _machineOf(reactor)
        self._reactor = reactor
        reactor.startRunning(installSignalHandlers=False)

    def seconds(self) -> float:
        """Return the time in seconds."""
        now: float = self._reactor.seconds()
        return now

    def call(self, function: Callable[[], object]) -> None:
        """Have C{function} called on the network's side, at the next turn."""
        self._reactor.callFromThread(function)  # calls in order, as callLater does not

    def turn(self) -> None:
        """Do what is due, and wait for nothing."""
        for _ in range(_TURNS):
            self._reactor.iterate(0)

    def finish(self, ending: Callable[[], Deferred[None]], patience: float) -> bool:
        """Have C{ending} called, and turn until what it returns has fired."""
        done: list[bool] = []
        self.call(lambda: ending().addBoth(lambda _: done.append(True)))
        limit = self.seconds() + patience
        while not done and self.seconds() < limit:
            self._reactor.iterate(_TURN)
        return bool(done)
