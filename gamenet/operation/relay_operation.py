"""
A relay as an operator runs it: told by signals what to read anew and when to end, and
counted for Prometheus.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from attrs import asdict, evolve
from twisted.internet.defer import Deferred
from twisted.python.usage import UsageError

from gamenet.errors import BadSetting
from gamenet.interfaces import IMachine
from gamenet.operation.interfaces import IRelayOperation, WorkerStatus
from gamenet.operation.json_log import JsonLog
from gamenet.operation.operated_service import OperatedService
from gamenet.operation.process_signals import ProcessSignals
from gamenet.operation.relay_options import Options
from gamenet.relay.settings import WILDCARDS
from gamenet.status import PageService

__all__ = ["TITLE", "OperatedRelay", "summed"]

#: The name of the plugin, for messages.
TITLE = "gamenet-relay"


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


def _named(status: WorkerStatus) -> dict[str, Any]:
    running = status.counters is not None
    return {"worker": status.worker, "running": running, **(status.counters or {})}


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

    def startService(self) -> None:
        """
        Serve.

        @raise gamenet.operation.operated_service.StartFailed: A port cannot be had.
        """
        super().startService()
        for host, port in self._options.settings.udp:
            if host in WILDCARDS:
                self._log.warn(
                    "{title}: answers of --udp {place} leave from the address that routes "
                    "choose; where this machine has several, clients of another one may never "
                    "take them: give --udp HOST:PORT for each",
                    title=TITLE,
                    place=f"[{host}]:{port}" if ":" in host else f"{host}:{port}".lstrip(":"),
                )

    def reload(self) -> None:
        """
        Read secrets, users, denied peers and certificates anew, and begin the log's file
        anew.  What cannot be read is logged by name, and changes nothing.
        """
        super().reload()
        try:
            reloadable = self._options.sources.read(os.environ)
            self._options.check(reloadable)
            denied = self._options.denied(reloadable)
            self._relay.reload(evolve(reloadable, deny_peer=denied))
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
            **summed([each.counters for each in statuses if each.counters is not None]),
            "places": self.places(),
            "limits": {name: value for each in limits for name, value in asdict(each).items()},
            **({"workers": [_named(each) for each in statuses]} if self._options.workers else {}),
        }

    def _drained(self, _: object) -> None:
        if self.running:
            self._log.info("{title} is drained and ends", title=TITLE)
            self._end_process()
