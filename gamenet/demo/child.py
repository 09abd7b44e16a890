"""
One process of the demo, as its parent sees it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from signal import SIGTERM

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["Child", "Ending"]

#: What kills; not every system's C{signal} module has a name for it.
_SIGKILL = 9

_LINE_LIMIT = 1 << 20
_TAIL = 30


@frozen
class Ending:
    """
    How a process ended.

    @ivar status: Its exit status, or C{None} where a signal ended it.
    @ivar signal: The signal that ended it, or C{None}.
    """

    status: int | None
    signal: int | None

    @property
    def as_told(self) -> bool:
        """Whether that is how a process ends that was told to end, and did so in order."""
        return self.status == 0 or self.signal == SIGTERM

    def __str__(self) -> str:
        return f"signal {self.signal}" if self.status is None else f"exit status {self.status}"


@define(eq=False)
class Child(ProcessProtocol):
    """
    One process of the demo: its lines, its end, and how to bring that about.

    @ivar name: What the process is, for a person: C{"the lobby"}.
    @ivar ended: Called once, when it is gone and everything it wrote was read.
    @ivar lineReceived: Called with each line of its standard output; C{None}
        where that is its log, like standard error.
    @ivar tail: The last lines of its log.
    @ivar ending: How it ended, C{None} while it runs.
    @ivar killed: Whether it did not end when it was told to, and was killed.
    @ivar told: Whether it was told to end.
    @ivar sacrificed: Whether it was killed because that was asked for.
    @ivar traceback: Whether it printed a traceback.
    """

    name: str
    ended: Callable[[Child], object]
    lineReceived: Callable[[bytes], object] | None = None
    tail: deque[str] = field(init=False, factory=lambda: deque(maxlen=_TAIL))
    ending: Ending | None = field(init=False, default=None)
    killed: bool = field(init=False, default=False)
    told: bool = field(init=False, default=False)
    sacrificed: bool = field(init=False, default=False)
    traceback: bool = field(init=False, default=False)
    transport: IProcessTransport = field(init=False, default=None)
    _output: bytes = field(init=False, default=b"")
    _errors: bytes = field(init=False, default=b"")
    _waiting: list[Deferred[None]] = field(init=False, factory=list)
    _kill: IDelayedCall | None = field(init=False, default=None)

    @property
    def fell(self) -> bool:
        """Whether it ended as it was asked for: of the signal that L{sacrifice} sent."""
        return self.sacrificed and self.ending is not None and self.ending.signal == _SIGKILL

    @property
    def pid(self) -> int | None:
        """The process's number, C{None} once it is gone."""
        pid: int | None = self.transport.pid
        return pid

    def faults(self, limit: float) -> list[str]:
        """
        Return what was not clean about its end, a sentence each.

        @param limit: The seconds it was given to end.
        """
        found = []
        if self.killed:
            found.append(f"{self.name} did not end within {limit:g} seconds and was killed")
        if self.traceback:
            found.append(f"{self.name} printed a traceback")
        return found

    def note(self, line: bytes) -> None:
        """Keep a line of the process's log."""
        text = line.decode("utf-8", "replace").rstrip()
        if "Traceback (most recent call last)" in text:
            self.traceback = True
        self.tail.append(text)

    def outReceived(self, data: bytes) -> None:
        """The process wrote to standard output."""
        *lines, self._output = (self._output + data).split(b"\n")
        take = self.lineReceived or self.note
        for line in lines:
            take(line)
        if len(self._output) > _LINE_LIMIT:
            self.note(b"(a line that was too long)")
            self._output = b""

    def errReceived(self, data: bytes) -> None:
        """The process wrote to standard error."""
        *lines, self._errors = (self._errors + data).split(b"\n")
        for line in lines:
            self.note(line)
        self._errors = self._errors[-_LINE_LIMIT:]

    def processEnded(self, reason: Failure) -> None:
        """The process is gone and everything it wrote was read."""
        value = reason.value
        if isinstance(value, ProcessTerminated):
            self.ending = Ending(value.exitCode, value.signal)
        else:
            self.ending = Ending(0, None)
        if self._kill is not None:
            self._kill.cancel()
            self._kill = None
        if self._errors:
            self.note(self._errors)
        self.ended(self)
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def write(self, line: bytes) -> None:
        """Write to the process's standard input, if it is still there to read it."""
        if self.ending is None:
            self.transport.write(line)

    def whenEnded(self) -> Deferred[None]:
        """Return a C{Deferred} that fires when the process is gone."""
        waiting: Deferred[None] = Deferred()
        if self.ending is None:
            self._waiting.append(waiting)
        else:
            waiting.callback(None)
        return waiting

    def stop(self, clock: IReactorTime, limit: float) -> Deferred[None]:
        """
        Tell the process to end, and kill it if it does not.

        @param limit: Seconds that it has.
        @return: Fires when it is gone.
        """
        if self.ending is None and not self.told:
            self.told = True
            self._kill = clock.callLater(limit, self._killNow)
            self._signal("TERM")
        return self.whenEnded()

    def kill(self) -> None:
        """Kill the process, if it still runs."""
        if self.ending is None:
            self.killed = True
            self._signal("KILL")

    def sacrifice(self) -> None:
        """Kill the process, if it still runs, because somebody asked to see that."""
        if self.ending is None:
            self.sacrificed = True
            self._signal("KILL")

    def start(
        self, reactor: object, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """
        Start the process.

        @param reactor: Provides
            C{twisted.internet.interfaces.IReactorProcess}.
        @param command: The program, its path in full, and its arguments.
        """
        reactor.spawnProcess(  # type: ignore[attr-defined]
            self, command[0], list(command), dict(environment)
        )

    def _killNow(self) -> None:
        self._kill = None
        self.kill()

    def _signal(self, name: str) -> None:
        # If it has exited, its last words are still being read: processEnded comes by itself.
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)
