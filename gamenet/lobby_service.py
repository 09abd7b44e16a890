"""
The lobby as a Twisted service.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import asdict
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.interfaces import Address, IMachine
from gamenet.listening import IListeningService, StreamPorts, forget, raiseNow
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory, LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer

__all__ = ["LobbyService"]


@implementer(IListeningService)
class LobbyService(Service):
    """
    A lobby: its streams and its UDP port.  Made by L{gamenet.services.lobbyService}.

    @ivar factory: The streams' side, C{None} while stopped.
    @ivar demultiplexer: The UDP port's owner, C{None} while stopped.
    @ivar listening: See L{IListeningService}.
    """

    def __init__(
        self,
        machine: IMachine,
        settings: LobbySettings,
        listen: Sequence[str],
        udp: Address,
        protocol: type[LobbyProtocol],
    ) -> None:
        """
        See L{gamenet.services.lobbyService}.
        """
        self._machine = machine
        self._settings = settings
        self._udp = udp
        self._protocol = protocol
        self._streams = StreamPorts(machine, listen)
        self._datagrams: LobbyDatagrams | None = None
        self.factory: LobbyFactory | None = None
        self.demultiplexer: Demultiplexer | None = None
        self.listening: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """
        Open the ports, while the process may still have the right to.

        @raise gamenet.errors.CannotBind: One cannot be had; none stays open.
        """
        if self.factory is not None:
            return
        demultiplexer = Demultiplexer(self._machine, *self._udp)
        self.demultiplexer = demultiplexer
        self.factory = LobbyFactory(self._machine, self._settings)
        self.factory.protocol = self._protocol
        self._datagrams = LobbyDatagrams(self.factory, demultiplexer)
        listening = self._streams.open(self.factory)
        listening.addErrback(self._cannotListen)
        self.listening = raiseNow(listening)

    def startService(self) -> None:
        """
        Open the ports, unless that was done, and serve.

        @raise gamenet.errors.CannotBind: One cannot be had; none stays open.
        """
        self.privilegedStartService()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """
        Take nobody in any more, say farewell to everybody, and close the ports.

        @return: Fires when all is closed.
        """
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        factory = self.factory
        listening, self.listening = self.listening, None
        if listening is not None:
            listening.addErrback(forget)
        await self._streams.close()
        if factory is not None:
            await factory.close()
        self._closeDatagrams()

    def _cannotListen(self, failure: Failure) -> Failure:
        self._closeDatagrams()
        return failure

    def _closeDatagrams(self) -> None:
        datagrams, self._datagrams = self._datagrams, None
        demultiplexer, self.demultiplexer = self.demultiplexer, None
        self.factory = None
        if datagrams is not None:
            datagrams.close()
        if demultiplexer is not None:
            demultiplexer.close()

    def reloadCertificates(self) -> None:
        """
        Read the certificates again; streams stay open.

        @raise gamenet.errors.BadSetting: One cannot be read; the old one stays.
        """
        self._streams.reload()

    def places(self) -> dict[str, object]:
        """Return C{listen}, a place for each stream port, and C{udp}."""
        udp = None if self.demultiplexer is None else list(self.demultiplexer.address)
        return {"listen": self._streams.places(), "udp": udp}

    def status(self) -> dict[str, object]:
        """Return the lobby's counters, and how many are here now."""
        if self.factory is None or self.demultiplexer is None:
            return {}
        directory = self.factory.directory
        return {
            "clients": len(directory.clients),
            "sessions": len(directory.sessions.by_id),
            "results_kept": directory.sessions.results.statements,
            "matches_with_results": directory.sessions.results.matches,
            "matches_with_differing_results": directory.sessions.results.differing,
            **asdict(self.factory.counters),
            "datagrams_unclaimed": self.demultiplexer.unclaimed,
            "send_errors": self.demultiplexer.send_errors,
        }
