"""
A relay as an operator runs it: told by signals what to read anew and when to end, and
counted for Prometheus.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from attrs import asdict, evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.python.usage import UsageError
from zope.interface import implementer

from gamenet.errors import BadSetting
from gamenet.interfaces import IMachine
from gamenet.machine.open_files import raiseOpenFiles
from gamenet.operated_service import OperatedService
from gamenet.operation.interfaces import IRelayOperation, WorkerStatus
from gamenet.operation.json_log import JsonLog
from gamenet.operation.process_signals import ProcessSignals
from gamenet.operation.relay_options import Options
from gamenet.operation.reloadable import Reloadable
from gamenet.relay.settings import RelaySettings
from gamenet.services import relayService
from gamenet.status import PageService

__all__ = ["TITLE", "OperatedRelay", "SingleRelay", "filesNeeded", "summed"]

#: The name of the plugin, for messages.
TITLE = "gamenet-relay"

#: Open files that have nothing to do with clients: listeners, logs, pages, pipes.
_FILES_MARGIN = 256


def filesNeeded(settings: RelaySettings) -> int:
    """
    Return how many files a relay must be able to open: every relayed port and every stream
    is one, and there are some more.

    @param settings: The relay's.
    """
    streams = settings.streams.connections if settings.listen else 0
    return settings.limits.allocations + streams + _FILES_MARGIN


@implementer(IRelayOperation)
class SingleRelay(Service):
    """
    One relay in this very process.

    @ivar listening: See L{gamenet.services.IListeningService}.
    """

    def __init__(self, machine: IMachine, settings: RelaySettings) -> None:
        """
        @param machine: What it stands on.
        @param settings: How it is to be.
        """
        self._machine = machine
        self._settings = settings
        self._relay = relayService(machine, settings)

    @property
    def listening(self) -> Deferred[None] | None:
        """See L{gamenet.services.IListeningService}."""
        return self._relay.listening

    def privilegedStartService(self) -> None:
        """
        Open the ports, while the process may still have the right to.

        @raise gamenet.errors.CannotBind: One cannot be had.
        @raise gamenet.errors.BadSetting: Fewer files can be opened than clients may need.
        """
        raiseOpenFiles(filesNeeded(self._settings))
        self._relay.privilegedStartService()

    def startService(self) -> None:
        """
        Serve.

        @raise gamenet.errors.CannotBind: A port cannot be had.
        """
        self._relay.startService()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """
        Close every port.

        @return: Fires when they are closed.
        """
        Service.stopService(self)
        return self._relay.stopService()

    def places(self) -> dict[str, object]:
        """Return where it listens."""
        return self._relay.places()

    def status(self) -> dict[str, object]:
        """Return its counters, and what the process costs."""
        return {**self._relay.status(), "process": _processStatus()}

    def statuses(self) -> Deferred[list[WorkerStatus]]:
        """Return its counters as those of the only relay; see L{IRelayOperation}."""
        return succeed([("", self.status())])

    def reload(self, reloadable: Reloadable, deny_peer: tuple[str, ...]) -> None:
        """
        Take what was read anew.

        @raise gamenet.errors.BadSetting: Something cannot work; then nothing has changed.
        """
        settings = evolve(
            self._settings,
            secrets=reloadable.secrets,
            users=reloadable.users,
            deny_peer=deny_peer,
        )
        self._relay.reload(
            settings.secrets, settings.users, settings.allow_peer, settings.deny_peer
        )
        self._settings = settings

    def reloadCertificates(self) -> None:
        """
        Read the certificates again.

        @raise gamenet.errors.BadSetting: One cannot be read; the old one stays.
        """
        self._relay.reloadCertificates()

    def drain(self) -> Deferred[None]:
        """Take no new allocations; see L{IRelayOperation}."""
        return self._relay.drain()


def summed(statuses: list[dict[str, Any]]) -> dict[str, Any]:
    """
    Add up the counters of several relays.

    @param statuses: Of each its counters, and what else it says; that is left out.
    """
    sums: dict[str, Any] = {}
    for status in statuses:
        for name, value in status.items():
            if name == "process" or isinstance(value, bool):
                continue
            if isinstance(value, int):
                sums[name] = sums.get(name, 0) + value
            elif isinstance(value, dict):
                sums[name] = summed([sums.get(name, {}), value])
    return sums


def _named(name: str, status: dict[str, Any] | None) -> dict[str, Any]:
    return {"worker": int(name), "running": status is not None, **(status or {})}


def _processStatus() -> dict[str, object]:
    """Return what this process costs."""
    return {"pid": os.getpid(), "cpu_seconds": round(time.process_time(), 3), **_resident()}


def _resident() -> dict[str, object]:
    """Return the resident memory in bytes, where the system tells it (Linux)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return {}
    return {"resident_bytes": pages * os.sysconf("SC_PAGE_SIZE")}


class OperatedRelay(OperatedService):
    """
    A relay, or several workers, with what an operator puts around it.
    """

    def __init__(
        self,
        machine: IMachine,
        relay: IRelayOperation,
        options: Options,
        end: Callable[[], object],
        signals: ProcessSignals | None = None,
    ) -> None:
        """
        @param machine: What it stands on.
        @param relay: What is operated, an C{IService} as well.
        @param options: The parsed command line.
        @param end: Ends the process, as one that did what it should.
        @param signals: What lets it hear of signals.
        @raise gamenet.errors.BadAddress: An endpoint is none.
        """
        log = None if options.json_log is None else JsonLog(options.json_log)
        super().__init__(
            TITLE, machine, relay, options.status_endpoint, options.ready_file, log, signals
        )
        self._relay = relay
        self._options = options
        self._end_process = end
        self._draining = False
        if options.metrics_endpoint is not None:
            # The library for metrics is an extra: whoever asks for none needs none.
            from gamenet.operation.metrics import MetricsPage

            page = MetricsPage(relay.statuses)
            self._add(PageService(machine, options.metrics_endpoint, page))

    def heard(self) -> dict[str, Callable[[], object]]:
        """Return what is done at which signal."""
        return {"SIGHUP": self.reload, "SIGUSR1": self.drain}

    def reload(self) -> None:
        """
        Read secrets, users, denied peers and certificates anew, and begin the log's file
        anew.  What cannot be read is logged by name, and changes nothing.
        """
        super().reload()
        try:
            reloadable = self._options.sources.read(os.environ)
            self._options.check(reloadable)
            self._relay.reload(reloadable, self._options.denied(reloadable))
        except (UsageError, BadSetting) as error:
            self._log.error("{title} goes on as before: {error}", title=TITLE, error=error)
            return
        self._log.info(
            "{title} has read {secrets} secrets, {users} users and {denied} denied peers anew",
            title=TITLE,
            secrets=len(reloadable.secrets),
            users=len(reloadable.users),
            denied=len(reloadable.deny_peer),
        )

    def drain(self) -> None:
        """Take no new allocations, and end the process with the last one."""
        if self._draining:
            return
        self._draining = True
        self._relay.drain().addCallback(self._drained)

    def workersChanged(self, hopeless: bool) -> None:
        """
        Tell where the workers are now.

        @param hopeless: Whether none of them will ever work again.
        """
        if hopeless:
            self.failLater("no worker is left")
        elif self.running:
            self.writeReady()

    def pageStatus(self) -> Deferred[dict[str, object]]:
        """Return what the status page shows, in a moment."""
        return self._relay.statuses().addCallback(self._summed)

    def _summed(self, statuses: list[WorkerStatus]) -> dict[str, object]:
        limits = self._options.settings.limits, self._options.settings.streams
        return {
            **self.status(),
            "draining": self._draining,
            **summed([status for _, status in statuses if status is not None]),
            "places": self.places(),
            "limits": {name: value for each in limits for name, value in asdict(each).items()},
            **({"workers": [_named(*each) for each in statuses]} if self._options.workers else {}),
        }

    def _drained(self, _: object) -> None:
        if self.running:
            self._log.info("{title} is drained and ends", title=TITLE)
            self._end_process()
