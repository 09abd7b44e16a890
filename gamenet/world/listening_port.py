"""Listening ports of the world's machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import define
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger
from zope.interface import implementer

from gamenet.world.addresses import WILDCARD, isSix
from gamenet.world.stream_path import Signal
from gamenet.world.transport import WorldTransport

if TYPE_CHECKING:
    from gamenet.world.stream_host import StreamHost

__all__ = ["WorldPort"]


@implementer(IListeningPort)
@define(eq=False, repr=False)
class WorldPort:
    """
    A listening port.

    @ivar host: The machine's side of streams.
    @ivar factory: Builds the protocols of those who connect.
    @ivar number: The port, 0 until one is chosen.
    @ivar interface: The local address, or C{""} for all of them.
    """

    _log: ClassVar[Logger] = Logger()

    host: StreamHost
    factory: IProtocolFactory
    number: int
    interface: str
    _listening: bool = False

    def startListening(self) -> None:
        """
        Listen.

        @raise CannotListenError: The address is taken or not ours.
        """
        self.number = self.host.bind(self)
        self._listening = True
        self.factory.doStart()

    def stopListening(self) -> Deferred[None]:
        """Listen no more; connections stay."""
        if self._listening:
            self._listening = False
            self.host.unbind(self)
            self.factory.doStop()
        return succeed(None)

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the address that is listened at."""
        if isSix(self.interface):
            return IPv6Address("TCP", self.interface, self.number)
        return IPv4Address("TCP", self.interface or WILDCARD, self.number)

    def accept(self, end: WorldTransport) -> None:
        """Connect whoever connected with a new protocol."""
        try:
            protocol = self.factory.buildProtocol(end.getPeer())
        except Exception:
            self._log.failure("A factory raised; the connection is closed")
            protocol = None
        if protocol is None:
            end.pipe_out.send(Signal.FINISH)
            end.refuse()
            return
        try:
            end.open(protocol)
        except Exception:
            self._log.failure("A protocol raised as its connection was made; it is closed")
            end.abortConnection()
