"""
A service as an operator runs it: with its status page, its ready file, its log, its
signals, and an end that the operator can read when it cannot start.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure

import gamenet
from gamenet.errors import BadSetting, CannotBind
from gamenet.interfaces import IMachine
from gamenet.listening import IListeningService
from gamenet.operation.json_log import JsonLog
from gamenet.operation.process_signals import ProcessSignals
from gamenet.status import StatusService

__all__ = ["OperatedService", "StartFailed"]


class StartFailed(SystemExit, Exception):
    """
    A service cannot start; the text says why.

    twistd cleans up after an C{Exception} alone, and Python ends with a line
    instead of a traceback for a C{SystemExit} alone: so it is both.
    """


class OperatedService(MultiService):
    """
    The lobby or the relay, with what an operator puts around it.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        title: str,
        machine: IMachine,
        serving: IListeningService,
        status_endpoint: str | None = None,
        ready_file: Path | None = None,
        json_log: JsonLog | None = None,
        signals: ProcessSignals | None = None,
    ) -> None:
        """
        @param title: The name of the plugin, for messages.
        @param machine: What it stands on.
        @param serving: What is operated, an C{IService} as well.
        @param status_endpoint: Where its counters are served, a Twisted server
            endpoint description, or C{None} for nowhere.
        @param ready_file: Written once it listens, as JSON with the real addresses;
            removed when it ends.
        @param json_log: Where everything is logged to as well, while it is started.
        @param signals: What lets it hear of L{heard}'s signals, while it runs.
        @raise gamenet.errors.BadAddress: C{status_endpoint} is not one.
        """
        MultiService.__init__(self)
        self._title = title
        self._machine = machine
        self._serving = serving
        self._ready_file = ready_file
        self._json_log = json_log
        self._signals = signals
        self._logging = False
        self._members: list[IListeningService] = []
        self._add(serving)
        if status_endpoint is not None:
            self._add(StatusService(machine, status_endpoint, self.pageStatus))
        self._started = machine.clock.seconds()

    def _add(self, member: IListeningService) -> None:
        """Start and stop C{member} with this service, and tell its places."""
        self._members.append(member)
        IService(member).setServiceParent(self)

    def privilegedStartService(self) -> None:
        """
        Open every port, while the process may still have the right to.

        @raise StartFailed: One cannot be had.
        """
        self._forgetReady()
        try:
            self._openLog()
            MultiService.privilegedStartService(self)
        except (BadSetting, CannotBind) as error:
            self._failed(error)

    def startService(self) -> None:
        """
        Serve, and say so once every port is open.

        @raise StartFailed: One cannot be had.
        """
        try:
            self._openLog()
            MultiService.startService(self)
        except (BadSetting, CannotBind) as error:
            self._failed(error)
        if self._signals is not None:
            self._signals.install(self.heard())
        self._started = self._machine.clock.seconds()
        listening: Sequence[Deferred[None]] = [member.listening for member in self._members]
        gatherResults(listening, consumeErrors=True).addCallbacks(self._ready, self._failedLater)

    def stopService(self) -> Deferred[None]:
        """
        Stop, and take the ready file away.

        @return: Fires when everything is closed.
        """
        if self._signals is not None:
            self._signals.putBack()
        self._forgetReady()
        stopped: Deferred[object] = MultiService.stopService(self)
        return stopped.addCallback(lambda _: self._closeLog())

    def heard(self) -> dict[str, Callable[[], object]]:
        """Return what is done at which signal."""
        return {"SIGHUP": self.reload}

    def reload(self) -> None:
        """
        Begin the log's file anew, for whoever renamed it, and read the certificates again.
        What cannot be done is logged, and is as it was then.
        """
        for member in self._members:
            try:
                member.reloadCertificates()
            except BadSetting as error:
                self._log.error("a certificate stays as it was: {error}", error=error)
        if self._json_log is not None:
            try:
                self._json_log.open()
            except OSError as error:
                self._log.error(
                    "--json-log: cannot open {path}: {error}",
                    path=str(self._json_log.path),
                    error=error,
                )

    def _openLog(self) -> None:
        """
        Log to the file, unless that is done already.

        @raise BadSetting: It cannot be had.
        """
        if self._json_log is None or self._logging:
            return
        try:
            self._json_log.open()
        except OSError as error:
            raise BadSetting(f"--json-log: cannot open {self._json_log.path}: {error}") from error
        globalLogPublisher.addObserver(self._json_log)
        self._logging = True

    def _closeLog(self) -> None:
        if self._json_log is not None and self._logging:
            globalLogPublisher.removeObserver(self._json_log)
            self._json_log.close()
            self._logging = False

    def pageStatus(self) -> dict[str, object] | Deferred[dict[str, object]]:
        """Return what the status page shows, now or in a moment."""
        return self.status()

    def status(self) -> dict[str, object]:
        """Return what the status page says."""
        running = self._machine.clock.seconds() - self._started
        head = {"service": self._title, "version": gamenet.__version__}
        return {**head, "running_s": round(running, 3), **self._serving.status()}

    def places(self) -> dict[str, object]:
        """Return what the ready file says."""
        places: dict[str, object] = {"service": self._title, "process": os.getpid()}
        for member in self._members:
            places.update(member.places())
        return places

    def _ready(self, _: object) -> None:
        if self.writeReady():
            self._log.info("{title} is ready: {places}", title=self._title, places=self.places())

    def writeReady(self) -> bool:
        """
        Write the ready file, where there is to be one.

        @return: Whether that worked; otherwise the process ends.
        """
        if self._ready_file is None:
            return True
        # A reader sees all of it or nothing.
        part = self._ready_file.with_name(f".{self._ready_file.name}.{os.getpid()}")
        try:
            part.write_text(json.dumps(self.places()) + "\n", encoding="utf-8")
            part.replace(self._ready_file)
        except OSError as error:
            self.failLater(error)
            return False
        return True

    def _forgetReady(self) -> None:
        if self._ready_file is not None:
            self._ready_file.unlink(missing_ok=True)

    def _failed(self, error: BadSetting | CannotBind) -> None:
        """
        Say why it cannot start.

        @raise StartFailed: Always.
        """
        self._closeLog()
        raise StartFailed(f"{self._title}: {error}") from error

    def _failedLater(self, failure: Failure) -> None:
        """Hear that an endpoint which took its time cannot be had after all."""
        if self.running:
            first = failure.value
            self.failLater(first.subFailure.value if isinstance(first, FirstError) else first)

    def failLater(self, error: object) -> None:
        """
        End the process, which was started and is of no use.

        @param error: Why.
        """
        self._log.critical("{title}: {error}", title=self._title, error=error)
        # twistd stops cleanly, and ends with the signal: not a status of 0.
        signal.raise_signal(signal.SIGTERM)
