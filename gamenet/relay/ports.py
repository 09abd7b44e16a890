"""
The sockets behind relayed addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, field

from gamenet.errors import CannotBind
from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.relay.port_range import PortRange
from gamenet.relay.reservation import RelayedPort

__all__ = ["PeerReceiver", "RelayedPorts"]

#: Called with a relayed port's number, a datagram, and the peer it came from.
PeerReceiver = Callable[[int, bytes, Address], None]


@define(eq=False)
class RelayedPorts:
    """
    Opens and closes relayed ports.

    @ivar machine: What they are opened on.
    @ivar host: The numeric address they are opened at.
    @ivar receiver: Called with everything that comes.
    @ivar range: The ports to choose from; C{None} lets the system choose.
    @ivar attempts: How many ports are tried before there is none.
    @ivar sockets: The open sockets, by number.
    """

    machine: IMachine
    host: str
    receiver: PeerReceiver
    range: PortRange | None = None
    attempts: int = 16
    sockets: dict[int, IDatagramSocket] = field(init=False, factory=dict)
    _last: int = field(init=False, default=0)

    def open(self, even: bool, pair: bool) -> tuple[RelayedPort, ...]:
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

    def close(self, number: int) -> None:
        """Close a port; one that is closed already is left alone."""
        opened = self.sockets.pop(number, None)
        if opened is None:
            return
        port = opened.address[1]
        opened.close()
        if self.range is not None:
            self.range.release(port)

    def closeAll(self) -> None:
        """Close every port."""
        for number in tuple(self.sockets):
            self.close(number)

    def _openAnywhere(self, even: bool, pair: bool) -> tuple[RelayedPort, ...]:
        first = self._openOne(0)
        if first is None:
            return ()
        port = first.address[1]
        if not pair and not (even and port & 1):
            return (first,)
        # The neighbor that makes a pair of it, the even one below.
        second = self._openOne(port ^ 1)
        if second is None or not pair:
            self.close(first.number)
            return () if second is None else (second,)
        return (second, first) if port & 1 else (first, second)

    def _openFromRange(
        self, free: PortRange, even: bool, pair: bool
    ) -> tuple[RelayedPort, ...]:
        occupied: list[int] = []
        opened: tuple[RelayedPort, ...] = ()
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

    def _openThese(self, wanted: tuple[int, ...]) -> tuple[RelayedPort, ...]:
        opened: list[RelayedPort] = []
        for port in wanted:
            one = self._openOne(port)
            if one is None:
                for other in opened:
                    self.sockets.pop(other.number).close()
                return ()
            opened.append(one)
        return tuple(opened)

    def _openOne(self, port: int) -> RelayedPort | None:
        number = self._last + 1
        try:
            opened = self.machine.openDatagramSocket(
                partial(self.receiver, number), self.host, port
            )
        except CannotBind:
            return None
        self._last = number
        self.sockets[number] = opened
        return RelayedPort(number, opened.address)
