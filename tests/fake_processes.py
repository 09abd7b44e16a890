"""
Processes that only exist in a test, and the reactor that starts them.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

__all__ = ["FakeProcess", "FakeReactor"]


@define(eq=False)
class FakeProcess:
    """A process, from the inside."""

    protocol: Any
    command: list[str]
    environment: dict[str, str]
    pid: int | None
    stubborn: bool = False
    dies_of: int = 15
    written: bytes = b""
    signals: list[str] = field(factory=list)

    def write(self, data: bytes) -> None:
        """Take what comes on standard input."""
        self.written += data

    def signalProcess(self, name: str) -> None:
        """Die of any signal, or of KILL alone."""
        if self.pid is None:
            raise ProcessExitedAlready
        self.signals.append(name)
        if name == "KILL" or not self.stubborn:
            self.end(signal=9 if name == "KILL" else self.dies_of)

    def end(self, status: int | None = None, signal: int | None = None) -> None:
        """End."""
        self.pid = None
        reason = ProcessDone(0) if status == 0 else ProcessTerminated(status, signal)
        self.protocol.processEnded(Failure(reason))

    def say(self, *lines: bytes) -> None:
        """Write to standard output."""
        self.protocol.outReceived(b"".join(line + b"\n" for line in lines))

    def option(self, name: str) -> str:
        """Return the value of a command line option."""
        return self.command[self.command.index(name) + 1]


@define(eq=False)
class FakeReactor(Clock):
    """A reactor with a clock of its own and processes that do what the test says."""

    processes: list[FakeProcess]

    def __init__(self) -> None:
        Clock.__init__(self)
        self.processes = []

    def spawnProcess(
        self, protocol: Any, executable: str, args: list[str], env: dict[str, str]
    ) -> FakeProcess:
        """Start one."""
        process = FakeProcess(protocol, args, env, 100 + len(self.processes))
        self.processes.append(process)
        protocol.makeConnection(process)
        return process
