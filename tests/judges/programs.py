"""
Foreign programs: found, started, waited for no longer than is given, ended.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
from time import monotonic

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest

__all__ = ["Running", "Said", "freePorts", "missing", "pause", "program", "run"]


@attrs.frozen
class Said:
    """
    What a program said.

    @ivar text: What it wrote, errors included.
    @ivar code: Its exit code; many of these exit with 0 whatever happened.  124: the
        time was up.
    @ivar seconds: How long it took.
    """

    text: str
    code: int
    seconds: float


def missing(what: str) -> Exception:
    """Return what to raise where something foreign is missing: a failure in CI, else a skip."""
    if os.environ.get("GAMENET_REQUIRE_FOREIGN") == "1":
        return AssertionError(f"{what}: required here")
    return SkipTest(f"{what}: not there")


def program(name: str, package: str = "coturn") -> str:
    """
    Return the path of a foreign program.

    @param package: The Debian package that has it.
    """
    path = shutil.which(name)
    if path is None:
        raise missing(f"{name} (Debian package {package})")
    return path


async def run(limit: float, *command: str, folder: str | None = None, **environ: str) -> Said:
    """
    Run a program to its end.

    @param limit: Seconds, after which it is ended.
    @param command: The program's path and its arguments.
    @param folder: Where it runs.
    @param environ: What its environment has besides ours.
    """
    before = monotonic()
    arguments = ["--kill-after=2", f"{limit}", *command]
    out, err, code = await getProcessOutputAndValue(
        program("timeout", "coreutils"), arguments, {**os.environ, **environ}, path=folder
    )
    return Said((out + err).decode(errors="replace"), code, monotonic() - before)


def pause(seconds: float) -> Deferred[None]:
    """Return a Deferred that fires in some seconds."""
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)  # type: ignore[attr-defined]
    return waited


class Running(ProcessProtocol):
    """
    A program that runs until it is ended.

    @ivar output: What it wrote, errors included.
    @ivar ended: Fires when it is gone.
    """

    def __init__(self, *command: str, folder: str | None = None, **environ: str) -> None:
        self.output = b""
        self.ended: Deferred[None] = Deferred()
        self._process = reactor.spawnProcess(  # type: ignore[attr-defined]
            self, command[0], command, {**os.environ, **environ}, path=folder
        )

    async def says(self, text: str, limit: float = 10) -> None:
        """Wait until it has said something."""
        for _ in range(int(limit / 0.05)):
            if text.encode() in self.output:
                return
            if self.ended.called:
                break
            await pause(0.05)
        raise AssertionError(f"it does not say {text!r}: {self.output.decode(errors='replace')}")

    def stop(self, signal: str = "TERM") -> Deferred[None]:
        """End it; what is returned fires when it is gone."""
        try:
            self._process.signalProcess(signal)
        except ProcessExitedAlready:
            pass
        else:
            # Whoever does not listen to that is killed.
            killing = reactor.callLater(5, self._kill)  # type: ignore[attr-defined]
            self.ended.addBoth(lambda _: killing.cancel() if killing.active() else None)
        return self.ended

    def _kill(self) -> None:
        if not self.ended.called:
            self._process.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        """Keep."""
        self.output += data

    def errReceived(self, data: bytes) -> None:
        """Keep."""
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        """Tell whoever waits."""
        self.ended.callback(None)


def _isFree(port: int) -> bool:
    for kind, host in itertools.product(
        (socket.SOCK_DGRAM, socket.SOCK_STREAM), ("127.0.0.1", "127.0.0.2", "::1")
    ):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


# Below what the system gives away by itself (ip_local_port_range), and not the same for
# two runs at once; round and round, so that a port is not given away again soon.
_FIRST, _LAST = 12_000, 31_999
_candidates = itertools.cycle(range(_FIRST, _LAST + 1))
for _ in range(os.getpid() * 20 % (_LAST - _FIRST)):
    next(_candidates)


def freePorts(count: int) -> tuple[int, ...]:
    """Return ports in a row, free now and below the ephemeral range."""
    found: list[int] = []
    for port in itertools.islice(_candidates, 2 * (_LAST - _FIRST)):
        if not _isFree(port):
            found = []
            continue
        found = [*found, port] if found and port == found[-1] + 1 else [port]
        if len(found) == count:
            return tuple(found)
    raise AssertionError("no free ports")
