"""
A service as an operator runs it: with its status page, its ready file, and an
end that the operator can read when it cannot start.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

import gamenet
from gamenet.errors import CannotBind
from gamenet.interfaces import IMachine
from gamenet.services import IListeningService
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
    ) -> None:
        """
        @param title: The name of the plugin, for messages.
        @param machine: What it stands on.
        @param serving: What is operated, an C{IService} as well.
        @param status_endpoint: Where its counters are served, a Twisted server
            endpoint description, or C{None} for nowhere.
        @param ready_file: Written once it listens, as JSON with the real addresses;
            removed when it ends.
        @raise gamenet.errors.BadAddress: C{status_endpoint} is not one.
        """
        MultiService.__init__(self)
        self._title = title
        self._machine = machine
        self._serving = serving
        self._ready_file = ready_file
        self._members: list[IListeningService] = [serving]
        if status_endpoint is not None:
            self._members.append(StatusService(machine, status_endpoint, self.status))
        for member in self._members:
            IService(member).setServiceParent(self)
        self._started = machine.clock.seconds()

    def privilegedStartService(self) -> None:
        """
        Open every port, while the process may still have the right to.

        @raise StartFailed: One cannot be had.
        """
        self._forgetReady()
        try:
            MultiService.privilegedStartService(self)
        except CannotBind as error:
            self._failed(error)

    def startService(self) -> None:
        """
        Serve, and say so once every port is open.

        @raise StartFailed: One cannot be had.
        """
        try:
            MultiService.startService(self)
        except CannotBind as error:
            self._failed(error)
        self._started = self._machine.clock.seconds()
        listening: Sequence[Deferred[None]] = [member.listening for member in self._members]
        gatherResults(listening, consumeErrors=True).addCallbacks(self._ready, self._failedLater)

    def stopService(self) -> Deferred[None]:
        """
        Stop, and take the ready file away.

        @return: Fires when everything is closed.
        """
        self._forgetReady()
        stopped: Deferred[object] = MultiService.stopService(self)
        return stopped.addCallback(lambda _: None)

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
        places = self.places()
        if self._ready_file is not None:
            # A reader sees all of it or nothing.
            part = self._ready_file.with_name(f".{self._ready_file.name}.{os.getpid()}")
            try:
                part.write_text(json.dumps(places) + "\n", encoding="utf-8")
                part.replace(self._ready_file)
            except OSError as error:
                self._end(error)
                return
        self._log.info("{title} is ready: {places}", title=self._title, places=places)

    def _forgetReady(self) -> None:
        if self._ready_file is not None:
            self._ready_file.unlink(missing_ok=True)

    def _failed(self, error: CannotBind) -> None:
        """
        Say why it cannot start.

        @raise StartFailed: Always.
        """
        raise StartFailed(f"{self._title}: {error}") from error

    def _failedLater(self, failure: Failure) -> None:
        """Hear that an endpoint which took its time cannot be had after all."""
        if self.running:
            first = failure.value
            self._end(first.subFailure.value if isinstance(first, FirstError) else first)

    def _end(self, error: object) -> None:
        """End the process, which was started and is of no use."""
        self._log.critical("{title}: {error}", title=self._title, error=error)
        # twistd stops cleanly, and ends with the signal: not a status of 0.
        signal.raise_signal(signal.SIGTERM)
