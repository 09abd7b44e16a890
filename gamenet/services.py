"""
The lobby and the relay as Twisted services.

Start one and its ports are open, stop it and they are closed.  The twistd
plugins (L{gamenet.lobby_tap}, L{gamenet.relay_tap}) are thin doors to these; a
program of your own gives them its own L{gamenet.lobby.protocol.LobbyProtocol}::

    service = lobbyService(asMachine(reactor), protocol=Doorman)
    service.setServiceParent(application)
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import asdict
from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface, implementer

from gamenet.errors import CannotBind
from gamenet.interfaces import Address, IMachine
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory, LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings

__all__ = [
    "IListeningService",
    "LobbyService",
    "RelayService",
    "StreamPorts",
    "lobbyService",
    "raiseNow",
    "relayService",
]


class IListeningService(Interface):
    """A service with ports, for whoever operates it."""

    listening = Attribute(
        "A Deferred that fires with None once every port is open, or fails with "
        "L{gamenet.errors.CannotBind}; None while the service is stopped."
    )

    def places() -> dict[str, object]:
        """Return where it listens: names and what JSON can hold; once it does."""

    def status() -> dict[str, object]:
        """Return its counters: names and what JSON can hold; at any time."""


class StreamPorts:
    """
    The stream ports that lead to one factory.

    @ivar ports: Those that are open, in the order of their descriptions.
    """

    def __init__(self, machine: IMachine, descriptions: Sequence[str]) -> None:
        """
        @param machine: What they are opened on.
        @param descriptions: Twisted's server endpoint descriptions.
        @raise gamenet.errors.BadAddress: One is not a description.
        """
        self._descriptions = tuple(descriptions)
        self._endpoints = [machine.streamServerEndpoint(each) for each in descriptions]
        self._opening: list[Deferred[IListeningPort]] = []
        self.ports: list[IListeningPort] = []

    def open(self, factory: IProtocolFactory) -> Deferred[None]:
        """
        Listen at every endpoint.

        @return: Fires when all listen; fails with L{CannotBind}, and with
            every port closed, where one cannot.
        """
        return Deferred.fromCoroutine(self._open(factory))

    async def _open(self, factory: IProtocolFactory) -> None:
        try:
            for description, endpoint in zip(self._descriptions, self._endpoints, strict=True):
                try:
                    opening = endpoint.listen(factory)  # type: ignore[attr-defined]
                    self._opening.append(opening)
                    self.ports.append(await opening)
                except Exception as error:
                    cause = getattr(error, "socketError", error)
                    raise CannotBind(f"cannot listen at {description}: {cause}") from error
        except CannotBind:
            await self.close()
            raise

    def close(self) -> Deferred[None]:
        """Close what is open or about to be.  Closing twice is harmless."""
        opening, self._opening = self._opening, []
        for each in opening:
            each.cancel()
        ports, self.ports = self.ports, []
        closings = [port.stopListening() for port in ports]
        closed = gatherResults([each for each in closings if each is not None])
        return closed.addCallback(lambda _: None)

    def places(self) -> list[object]:
        """Return where the ports are: C{[host, port]}, or a text for what is not TCP."""
        places: list[object] = []
        for port in self.ports:
            address = port.getHost()
            if isinstance(address, IPv4Address | IPv6Address):
                places.append([address.host, address.port])
            else:
                places.append(str(address))
        return places


def raiseNow(listening: Deferred[None]) -> Deferred[None]:
    """
    Return a Deferred that has not failed yet.

    Endpoints listen at once or not at all, most of them; then whoever starts a
    service hears of it there and then.

    @raise gamenet.errors.CannotBind: It has failed.
    """
    failures: list[Failure] = []

    def note(failure: Failure) -> Failure:
        failures.append(failure)
        return failure

    listening.addErrback(note)
    if failures:
        listening.addErrback(_forget)
        failures[0].raiseException()
    return listening


@implementer(IListeningService)
class LobbyService(Service):
    """
    A lobby: its streams and its UDP port.  Made by L{lobbyService}.

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
        See L{lobbyService}.
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
            listening.addErrback(_forget)
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
            **asdict(self.factory.counters),
            "datagrams_unclaimed": self.demultiplexer.unclaimed,
            "send_errors": self.demultiplexer.send_errors,
        }


@implementer(IListeningService)
class RelayService(Service):
    """
    A relay and its ports.  Made by L{relayService}.

    @ivar server: The relay, C{None} while stopped.
    @ivar listening: See L{IListeningService}.
    """

    def __init__(self, machine: IMachine, settings: RelaySettings) -> None:
        """
        See L{relayService}.
        """
        self._machine = machine
        self._settings = settings
        self.server: RelayServer | None = None
        self.listening: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """
        Open the port, while the process may still have the right to.

        @raise gamenet.errors.CannotBind: It, or one for relayed addresses,
            cannot be had.
        """
        if self.server is not None:
            return
        server = RelayServer(self._machine, self._settings)
        server.start()
        try:
            # Found out now, and not by the first player.
            self._machine.openDatagramSocket(_ignore, server.relay_host).close()
        except CannotBind as error:
            server.stop()
            raise CannotBind(f"nothing can be relayed from {server.relay_host}: {error}") from error
        self.server = server
        self.listening = succeed(None)

    def startService(self) -> None:
        """
        Open the port, unless that was done, and serve.

        @raise gamenet.errors.CannotBind: It cannot be had.
        """
        self.privilegedStartService()
        Service.startService(self)

    def stopService(self) -> None:
        """Close every port."""
        Service.stopService(self)
        server, self.server = self.server, None
        self.listening = None
        if server is not None:
            server.stop()

    def places(self) -> dict[str, object]:
        """Return C{udp}, and C{relay_host}, where relayed addresses are."""
        if self.server is None:
            return {"udp": None}
        return {"udp": list(self.server.address), "relay_host": self.server.relay_host}

    def status(self) -> dict[str, object]:
        """Return the relay's counters."""
        return {} if self.server is None else self.server.counters.asDict()


def lobbyService(
    machine: IMachine,
    settings: LobbySettings | None = None,
    listen: Sequence[str] = ("tcp:7770",),
    udp: Address = ("", 7770),
    protocol: type[LobbyProtocol] = LobbyProtocol,
) -> LobbyService:
    """
    Make a lobby.

    @param machine: What it stands on.
    @param settings: How it behaves; L{LobbySettings} as they are by default.
    @param listen: Twisted server endpoint descriptions for the streams, for example
        C{"tcp:7770"} or C{"ssl:7770:privateKey=key.pem:certKey=cert.pem"}.
    @param udp: The numeric local address (C{""} is all of them) and port of the
        UDP port; port 0 lets the system choose.
    @param protocol: What makes each client's stream, to override its moments.
    @return: The service, not started.
    @raise gamenet.errors.BadAddress: An endpoint description is not one.
    """
    chosen = LobbySettings() if settings is None else settings
    return LobbyService(machine, chosen, listen, udp, protocol)


def relayService(machine: IMachine, settings: RelaySettings) -> RelayService:
    """
    Make a relay.

    @param machine: What it stands on.
    @param settings: How it behaves, and where it listens.
    @return: The service, not started.
    """
    return RelayService(machine, settings)


def _forget(failure: Failure) -> None:
    """Take a failure that somebody has been told of, or whose service has ended."""


def _ignore(data: bytes, address: Address) -> None:
    """Receive for a socket that is only opened to see whether it can be."""
