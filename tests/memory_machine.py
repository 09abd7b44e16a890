"""
Machines on a network in memory: no latency, no loss, nothing that nobody asked for.

Smaller than the twin world, and for tests of one room: time stands still until
L{MemoryNetwork.advance}, and a datagram arrives as soon as whoever sent it has
come to rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from twisted.internet.task import Clock
from zope.interface import implementer

from gamenet.errors import CannotBind
from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    DatagramSender,
    IDatagramSocket,
    IFragmentControl,
    IMachine,
)
from gamenet.seeded_random import SeededRandom

__all__ = ["Datagram", "MemoryMachine", "MemoryNetwork", "MemorySocket"]

#: Bytes, where they come from, and where they go.
Datagram: TypeAlias = tuple[bytes, Address, Address]

_FIRST_FREE_PORT = 40_000
_LONGEST_DATAGRAM = 65_507


@implementer(IDatagramSocket, IFragmentControl)
class MemorySocket:
    """
    A socket of a L{MemoryMachine}.

    @ivar open: Whether it is.
    @ivar whole: How many datagrams were sent that must not be fragmented.
    """

    keeps_whole = True

    def __init__(
        self, machine: MemoryMachine, receiver: DatagramReceiver, host: str, port: int
    ) -> None:
        self.machine = machine
        self.receiver = receiver
        self.address: Address = (host, port)
        self.send_errors = 0
        self.open = True
        self.whole = 0

    def sendWhole(self, data: bytes, address: Address) -> bool:
        """Put a datagram on the network that must not be fragmented."""
        self.whole += 1
        return self.send(data, address)

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Put a datagram on the network."""
        if not self.open or not address[1] or len(data) > _LONGEST_DATAGRAM:
            self.send_errors += 1
            return False
        source = self.machine.host if self.address[0] == "0.0.0.0" else self.address[0]
        self.machine.network.carry((bytes(data), (source, self.address[1]), address))
        return True

    def sender(self) -> DatagramSender:
        """Return what raises where L{send} says C{False}."""

        def give(data: bytes, address: Address) -> object:
            if not self.send(data, address):
                self.send_errors -= 1
                raise OSError("refused")
            return None

        return give

    def close(self) -> None:
        """Close the socket."""
        if self.open:
            self.open = False
            del self.machine.sockets[self.address[1]]


@implementer(IMachine)
class MemoryMachine:
    """
    A machine with one address.

    @ivar host: Its address.
    @ivar sockets: Its open sockets by port: one socket a port, whatever the interface.
    @ivar sockets_limit: Most sockets it opens.
    @ivar wall_offset: What the wall clock is ahead of the monotonic one, seconds.
    """

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self.network = network
        self.host = host
        self.clock = network.clock
        self.sockets: dict[int, MemorySocket] = {}
        self.sockets_limit = 10_000
        self.wall_offset = 1_700_000_000.0
        self._random = SeededRandom.fromLabel(network.seed, host)
        self._next_port = _FIRST_FREE_PORT

    def wallClock(self) -> float:
        """Return seconds since 1970."""
        return self.wall_offset + self.clock.seconds()

    def randomBytes(self, count: int) -> bytes:
        """Return bytes that are the same in every run."""
        return self._random.drawBytes(count)

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket; the system's choice of ports is the next free one."""
        host = interface or "0.0.0.0"
        if host not in ("0.0.0.0", self.host) or len(self.sockets) >= self.sockets_limit:
            raise CannotBind(f"no socket at {interface}")
        if not port:
            while self._next_port in self.sockets:
                self._next_port += 1
            port = self._next_port
            self._next_port += 1
        if port in self.sockets:
            raise CannotBind(f"port {port} is taken")
        opened = MemorySocket(self, receiver, host, port)
        self.sockets[port] = opened
        return opened

    def streamClientEndpoint(self, description: str) -> object:
        """There are no streams here."""
        raise NotImplementedError

    def streamServerEndpoint(self, description: str) -> object:
        """There are no streams here."""
        raise NotImplementedError

    def sourceAddress(self, destination: str) -> str:
        """Return the machine's one address."""
        return self.host

    def isOwnAddress(self, host: str) -> bool:
        """Return whether it is the machine's one address, or loopback."""
        return host == self.host or host.startswith("127.")


class MemoryNetwork:
    """
    Carries datagrams between its machines.

    @ivar clock: Everybody's monotonic clock.
    @ivar carried: Every datagram that was sent, in order.
    @ivar tamper: Given each datagram, returns those that arrive in its place.
    @ivar lost: How many reached no socket.
    """

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.clock = Clock()
        self.carried: list[Datagram] = []
        self.lost = 0
        self.tamper: Callable[[Datagram], Iterable[Datagram]] = lambda datagram: (datagram,)
        self._machines: dict[str, MemoryMachine] = {}
        self._travelling: deque[Datagram] = deque()

    def machine(self, host: str) -> MemoryMachine:
        """Return the machine with that address, a new one the first time."""
        if host not in self._machines:
            self._machines[host] = MemoryMachine(self, host)
        return self._machines[host]

    def carry(self, datagram: Datagram) -> None:
        """Take a datagram that was sent."""
        self.carried.append(datagram)
        self._travelling.extend(self.tamper(datagram))

    def settle(self) -> None:
        """Deliver datagrams until there are none."""
        while self._travelling:
            data, source, target = self._travelling.popleft()
            machine = self._machines.get(target[0])
            there = None if machine is None else machine.sockets.get(target[1])
            if there is None:
                self.lost += 1
            else:
                there.receiver(data, source)

    def advance(self, seconds: float) -> None:
        """Let time pass: to each timer's own moment, delivering before and after it."""
        end = self.clock.seconds() + seconds
        self.settle()
        while True:
            due = min((call.getTime() for call in self.clock.getDelayedCalls()), default=end)
            if due > end:
                break
            self.clock.advance(max(0.0, due - self.clock.seconds()))
            self.settle()
            if due == end and not self._dueBy(end):
                break
        self.clock.advance(max(0.0, end - self.clock.seconds()))
        self.settle()

    def _dueBy(self, end: float) -> bool:
        return any(call.getTime() <= end for call in self.clock.getDelayedCalls())
