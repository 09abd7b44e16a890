"""
The sockets behind relayed addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from attrs import define

from gamenet.errors import CannotBind
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.relay_plane.port_range import PortRange

__all__ = ["OpenPort", "RelayedPorts"]


class OpenPort(Protocol):
    """
    One relayed port, as L{RelayedPorts} opens and closes it.
    """

    socket: IDatagramSocket

    def datagramReceived(self, data: bytes, peer: Address) -> None:
        """A datagram came to it."""


_Port = TypeVar("_Port", bound=OpenPort)


@define(eq=False)
class RelayedPorts(Generic[_Port]):
    """
    Opens and closes the relayed ports of one host.

    @ivar machine: What they are opened on.
    @ivar host: The numeric address they are opened at.
    @ivar make: Makes the L{OpenPort} that a socket is opened for, by its receiver.
    @ivar range: The ports to choose from; C{None} lets the system choose.
    @ivar attempts: How many ports are tried before there is none.
    """

    machine: IMachine
    host: str
    make: Callable[[], _Port]
    range: PortRange | None = None
    attempts: int = 16

    def open(self, even: bool, pair: bool) -> tuple[_Port, ...]:
        """
        Open a port.

        @param even: Whether it has to be even.
        @param pair: Whether the next higher one is to be opened too.
        @return: The port, the lower one first of a pair; nothing where none could be had.
        """
        if self.range is not None:
            return self._openFromRange(self.range, even or pair, pair)
        for _ in range(self.attempts):
            ports = self._openAnywhere(even or pair, pair)
            if ports:
                return ports
        return ()

    def close(self, port: _Port) -> None:
        """Close an open port."""
        number = port.socket.address[1]
        port.socket.close()
        if self.range is not None:
            self.range.release(number)

    def _openAnywhere(self, even: bool, pair: bool) -> tuple[_Port, ...]:
        first = self._openOne(0)
        if first is None:
            return ()
        number = first.socket.address[1]
        if not pair and not (even and number & 1):
            return (first,)
        # The neighbor that makes a pair of it, the even one below.
        second = self._openOne(number ^ 1)
        if second is None or not pair:
            first.socket.close()
            return () if second is None else (second,)
        return (second, first) if number & 1 else (first, second)

    def _openFromRange(self, free: PortRange, even: bool, pair: bool) -> tuple[_Port, ...]:
        occupied: list[int] = []
        opened: tuple[_Port, ...] = ()
        while not opened and len(occupied) < 2 * self.attempts:
            draw = int.from_bytes(self.machine.randomBytes(8), "big")
            port = free.take(draw, even, pair)
            if port is None:
                break
            wanted = (port, port + 1) if pair else (port,)
            opened = self._openThese(wanted)
            if not opened:
                occupied.extend(wanted)
        for port in occupied:
            free.release(port)
        return opened

    def _openThese(self, wanted: tuple[int, ...]) -> tuple[_Port, ...]:
        opened: list[_Port] = []
        for number in wanted:
            one = self._openOne(number)
            if one is None:
                for other in opened:
                    other.socket.close()
                return ()
            opened.append(one)
        return tuple(opened)

    def _openOne(self, number: int) -> _Port | None:
        port = self.make()
        receiver: DatagramReceiver = port.datagramReceived
        try:
            port.socket = self.machine.openDatagramSocket(receiver, self.host, number)
        except CannotBind:
            return None
        return port
