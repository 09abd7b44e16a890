"""
One relay in this very process: what a worker is, and what an operator has without workers.

A worker loads this and not L{gamenet.operation.relay_operation}: no pages, no lobby.
"""

from __future__ import annotations

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from gamenet.interfaces import IMachine
from gamenet.machine.open_files import raiseOpenFiles
from gamenet.operation.interfaces import IRelayOperation, WorkerStatus
from gamenet.operation.process_usage import processUsage
from gamenet.operation.reloadable import Reloadable
from gamenet.relay.settings import RelaySettings
from gamenet.relay_service import RelayService

__all__ = ["SingleRelay", "filesNeeded"]

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

    @ivar listening: See L{gamenet.listening.IListeningService}.
    """

    def __init__(self, machine: IMachine, settings: RelaySettings) -> None:
        """
        @param machine: What it stands on.
        @param settings: How it is to be.
        """
        self._machine = machine
        self._settings = settings
        self._relay = RelayService(machine, settings)

    @property
    def listening(self) -> Deferred[None] | None:
        """See L{gamenet.listening.IListeningService}."""
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
        return {**self._relay.status(), "process": processUsage()}

    def statuses(self) -> Deferred[list[WorkerStatus]]:
        """Return its counters as those of the only relay; see L{IRelayOperation}."""
        return succeed([WorkerStatus(None, self.status())])

    def reload(self, reloadable: Reloadable) -> None:
        """
        Take what was read anew.

        @raise gamenet.errors.BadSetting: Something cannot work; then nothing has changed.
        """
        settings = evolve(
            self._settings,
            secrets=reloadable.secrets,
            users=reloadable.users,
            deny_peer=reloadable.deny_peer,
        )
        self._relay.reload(settings)
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
