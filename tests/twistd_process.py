"""
A twistd in a process of its own, for tests: started, waited for, asked, ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["ROOT", "TwistdProcess", "environment"]

ROOT = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """Return an environment in which a child finds this gamenet and its plugins."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


class TwistdProcess(ProcessProtocol):
    """
    One twistd, in the foreground.

    @ivar output: What it wrote, its log included.
    @ivar ended: Fires with its exit status (minus the signal's number, for one) when it is gone.
    """

    def __init__(
        self,
        reactor: Any,
        folder: Path,
        plugin: str,
        *arguments: str,
        daemon: Path | None = None,
    ) -> None:
        """
        Start C{twistd -n plugin arguments} in C{folder}; with C{daemon} without C{-n}, to
        run in that directory.
        """
        self.output = b""
        self.ended: Deferred[int] = Deferred()
        self._ready: Deferred[dict[str, Any]] = Deferred()
        self._ready_file = folder / f"{plugin}.json"
        command = [
            *(sys.executable, "-c", "from twisted.scripts.twistd import run; run()"),
            *(("-n",) if daemon is None else ("--rundir", str(daemon))),
            *("--pidfile=", plugin, "--ready-file", str(self._ready_file), *arguments),
        ]
        self._process = reactor.spawnProcess(
            self, command[0], command, environment(), path=str(folder)
        )

    def ready(self) -> Deferred[dict[str, Any]]:
        """Return a Deferred that fires with the ready file, or fails when the process ends."""
        return self._ready

    def stop(self) -> Deferred[int]:
        """End it as an operator does, by SIGTERM; return its exit status."""
        if self._process.pid is not None:
            self._process.signalProcess("TERM")
        return self.ended

    def signal(self, name: str) -> None:
        """Send it a signal, such as C{"HUP"}."""
        self._process.signalProcess(int(getattr(signal, f"SIG{name}")))

    def outReceived(self, data: bytes) -> None:
        """Keep, and look whether it says that it is ready."""
        self.output += data
        if b" is ready: " in self.output and not self._ready.called:
            self._ready.callback(json.loads(self._ready_file.read_text()))

    def errReceived(self, data: bytes) -> None:
        """Keep."""
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        """Tell whoever waits."""
        reason.trap(ProcessDone, ProcessTerminated)
        value = reason.value
        status = getattr(value, "exitCode", None)
        status = -getattr(value, "signal", 0) if status is None else status
        if not self._ready.called:
            self._ready.errback(AssertionError(self.output.decode(errors="replace")))
        self.ended.callback(status)
