"""
The relay as a Twisted service.
"""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.interfaces import IMachine
from gamenet.listening import IListeningService, StreamPorts, forget, raiseNow
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings

__all__ = ["RelayService"]


@implementer(IListeningService)
class RelayService(Service):
    """
    A relay and its ports.  Made by L{gamenet.services.relayService}.

    @ivar server: The relay, C{None} while stopped.
    @ivar listening: See L{IListeningService}.
    """

    def __init__(self, machine: IMachine, settings: RelaySettings) -> None:
        """
        See L{gamenet.services.relayService}.

        @raise gamenet.errors.BadAddress: An endpoint's description is not one.
        """
        self._machine = machine
        self._settings = settings
        self._streams = StreamPorts(machine, settings.listen)
        self.server: RelayServer | None = None
        self.listening: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """
        Open the ports, while the process may still have the right to.

        @raise gamenet.errors.CannotBind: One, or one for relayed addresses,
            cannot be had; then none is open.
        """
        if self.server is not None:
            return
        server = RelayServer(self._machine, self._settings)
        server.start()
        self.server = server
        listening = self._streams.open(server.streams)
        listening.addErrback(self._cannotListen)
        self.listening = raiseNow(listening)

    def startService(self) -> None:
        """
        Open the ports, unless that was done, and serve.

        @raise gamenet.errors.CannotBind: One cannot be had.
        """
        self.privilegedStartService()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """
        Close every port, and forget every client.

        @return: Fires when all is closed.
        """
        Service.stopService(self)
        listening, self.listening = self.listening, None
        if listening is not None:
            listening.addErrback(forget)
        server, self.server = self.server, None
        closing = [self._streams.close()]
        if server is not None:
            closing.append(server.stop())
        return gatherResults(closing).addCallback(lambda _: None)

    def reload(self, settings: RelaySettings) -> None:
        """
        Take other secrets, users and rules for peers, for now and for the next start; see
        L{gamenet.relay.protocol.RelayServer.reload}.

        @param settings: Only these four of it count while the relay runs.
        @raise gamenet.errors.BadSetting: One cannot work; then nothing has changed.
        """
        if self.server is not None:
            self.server.reload(settings)
        self._settings = self._settings.reloaded(settings)

    def reloadCertificates(self) -> None:
        """
        Read the certificates again; streams stay open.

        @raise gamenet.errors.BadSetting: One cannot be read; the old one stays.
        """
        self._streams.reload()

    def drain(self) -> Deferred[None]:
        """
        Take no new allocations any more.

        @return: Fires when the last allocation is gone, or after the drain limit.
        """
        return succeed(None) if self.server is None else self.server.drain()

    def places(self) -> dict[str, object]:
        """
        Return C{udp}, the first UDP port; C{udp_ports}, all of them; C{listen}, a place for each
        stream port; C{probe_ports} and C{alternate}; and C{relay_hosts}, where relayed
        addresses are, with C{relay_host}, the first of them.
        """
        server = self.server
        if server is None:
            return {"udp": None}
        return {
            "udp": list(server.addresses[0]) if server.addresses else None,
            "udp_ports": [list(address) for address in server.addresses],
            "listen": self._streams.places(),
            "probe_ports": [list(address) for address in server.probe_addresses],
            "alternate": None if server.alternate is None else list(server.alternate),
            "relay_host": server.relay_hosts[0],
            "relay_hosts": list(server.relay_hosts),
        }

    def status(self) -> dict[str, object]:
        """Return what is now and what was counted."""
        return {} if self.server is None else self.server.status()

    def _cannotListen(self, failure: Failure) -> Failure:
        server, self.server = self.server, None
        if server is not None:
            server.stop()
        return failure
