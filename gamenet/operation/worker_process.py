"""
A worker as its supervisor sees it: a process and the pipes to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

import gamenet
from gamenet.errors import CannotBind
from gamenet.operation.reloadable import Reloadable
from gamenet.operation.worker_messages import REPORTS, LineReader, line

__all__ = ["WorkerProcess"]

#: Most characters that are kept of what a worker writes to its standard error.
_ERRORS_LIMIT = 4096


class WorkerProcess(ProcessProtocol):
    """
    One worker.

    @ivar number: Its number, from 1.
    @ivar pid: Its process's.
    @ivar places: Where it listens, C{None} until it does.
    @ivar ready: Fires with C{None} when it listens; fails with L{CannotBind}, which says why,
        where it ended before.
    @ivar ended: Fires with its exit status, or minus the signal's number, when it is gone.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, reactor: Any, number: int, start_limit: float) -> None:
        """
        @param reactor: Starts processes, and has the time.
        @param number: Its number.
        @param start_limit: Seconds that it has to be ready.
        """
        self._reactor = reactor
        self._lines = LineReader()
        self._errors = ""
        self._why = ""
        self._asked: dict[int, Deferred[dict[str, Any] | None]] = {}
        self._questions = 0
        self._kill: Any = None
        self._start_limit = start_limit
        self.number = number
        self.pid = 0
        self.places: dict[str, Any] | None = None
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[int] = Deferred()

    def start(self, arguments: Sequence[str], directory: str, reloadable: Reloadable) -> None:
        """
        Start it.

        @param arguments: The plugin's command line.
        @param directory: Where it runs.
        @param reloadable: What was read from files.
        """
        command = [sys.executable, "-m", "gamenet.operation.worker", str(self.number), *arguments]
        spawned = self._reactor.spawnProcess(
            self,
            command[0],
            command,
            env=_environment(os.environ),
            path=directory,
            childFDs={0: "w", 1: "r", 2: "r", REPORTS: "r"},
        )
        self.pid = spawned.pid
        self._killAfter(self._start_limit)
        self._tell("start", reloadable=reloadable.asJson())

    def reload(self, reloadable: Reloadable) -> None:
        """Let it take other secrets, users and denied peers."""
        self._tell("reload", reloadable=reloadable.asJson())

    def reloadCertificates(self) -> None:
        """Let it read its certificates again."""
        self._tell("certificates")

    def drain(self) -> None:
        """Let it end with its last allocation."""
        self._tell("drain")

    def stop(self, limit: float) -> Deferred[None]:
        """
        End it.

        @param limit: Seconds after which it is killed.
        @return: Fires when it is gone.
        """
        self._tell("stop")
        self._killAfter(limit)
        gone: Deferred[None] = Deferred()

        def tell(status: int) -> int:
            gone.callback(None)
            return status

        self.ended.addCallback(tell)
        return gone

    def askStatus(self, limit: float) -> Deferred[dict[str, Any] | None]:
        """
        Ask for its counters.

        @param limit: Seconds that it has to answer.
        @return: Fires with them, or with C{None} where there is no answer.
        """
        self._questions += 1
        number = self._questions
        answer: Deferred[dict[str, Any] | None] = Deferred()
        self._asked[number] = answer
        timer = self._reactor.callLater(limit, self._answered, number, None)
        answer.addCallback(lambda status: (timer.active() and timer.cancel()) or status)
        self._tell("status", number=number)
        return answer

    def childDataReceived(self, descriptor: int, data: bytes) -> None:
        """Hear it; called by Twisted."""
        if descriptor != REPORTS:
            self._errors = (self._errors + data.decode(errors="replace"))[-_ERRORS_LIMIT:]
            return
        for message in self._lines.feed(data):
            self._heard(message)

    def processEnded(self, reason: Failure) -> None:
        """Tell whoever waits; called by Twisted."""
        reason.trap(ProcessDone, ProcessTerminated)
        status = getattr(reason.value, "exitCode", None)
        if status is None:
            status = -(getattr(reason.value, "signal", None) or 0)
        self._calm()
        if self._errors.strip():
            self._log.error(
                "worker {worker} wrote: {errors}", worker=self.number, errors=self._errors
            )
        for number in list(self._asked):
            self._answered(number, None)
        self.places = None
        if not self.ready.called:
            why = self._why or f"it ended with {status}"
            self.ready.errback(CannotBind(f"worker {self.number} cannot start: {why}"))
        self.ended.callback(status)

    def _heard(self, message: Mapping[str, Any]) -> None:
        match message["kind"]:
            case "ready":
                self._calm()
                self.places = message["places"]
                self.ready.callback(None)
            case "failed":
                self._why = message["error"]
                self._log.error(
                    "worker {worker} cannot start: {error}", worker=self.number, error=self._why
                )
            case "status":
                self._answered(message["number"], message["status"])
            case "log":
                self._republish(message["record"])

    def _answered(self, number: int, status: dict[str, Any] | None) -> None:
        answer = self._asked.pop(number, None)
        if answer is not None:
            answer.callback(status)

    def _republish(self, record: Mapping[str, Any]) -> None:
        """Log what the worker logged, with its own time, as one of this process."""
        fields = {str(name): value for name, value in record["fields"].items()}
        trouble = f"\n{record['traceback']}" if "traceback" in record else ""
        globalLogPublisher(
            {
                **fields,
                "log_level": LogLevel.levelWithName(record["level"]),
                "log_namespace": record["source"],
                "log_time": datetime.fromisoformat(record["time"]).timestamp(),
                "log_format": "worker {worker}: {worker_text}",
                "worker": self.number,
                "worker_text": record["text"] + trouble,
            }
        )

    def _tell(self, kind: str, **values: object) -> None:
        if self.transport is not None and not self.ended.called:
            self.transport.writeToChild(0, line(kind, **values))

    def _killAfter(self, limit: float) -> None:
        self._calm()
        self._kill = self._reactor.callLater(limit, self._killed)

    def _killed(self) -> None:
        self._kill = None
        self._why = self._why or "it took too long"
        try:
            self.transport.signalProcess("KILL")  # type: ignore[union-attr]
        except ProcessExitedAlready:
            return

    def _calm(self) -> None:
        kill, self._kill = self._kill, None
        if kill is not None:
            kill.cancel()


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker, in which this very gamenet is found."""
    values = dict(environment)
    home = Path(gamenet.__file__).resolve().parent.parent
    if home.name not in ("site-packages", "dist-packages"):
        paths = [str(home), values.get("PYTHONPATH", "")]
        values["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return values
