"""UDP sockets of the world's machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import define, field
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    DatagramSender,
    IDatagramSocket,
    IFragmentControl,
)
from gamenet.world.addresses import LOOPBACK_SIX, WILDCARD, WILDCARD_SIX, isSix, numericForm
from gamenet.world.link import Datagram
from gamenet.world.trace import DATAGRAM

if TYPE_CHECKING:
    from gamenet.world.machine import WorldMachine
    from gamenet.world.realm import Attachment

__all__ = ["BUFFER_LIMIT", "DATAGRAM_OVERHEAD", "LARGEST_DATAGRAM", "WorldDatagramSocket"]

#: The most bytes that fit into a UDP datagram over IPv4.
LARGEST_DATAGRAM = 65_507

#: Bytes that a socket's receive buffer holds while its machine is suspended.
BUFFER_LIMIT = 262_144

#: What each datagram in a receive buffer takes up besides its own bytes.
DATAGRAM_OVERHEAD = 256

_TIME_TO_LIVE = 64

#: How many different exception types of one receiver are logged.
_FAULT_KINDS = 16


@implementer(IDatagramSocket, IFragmentControl)
@define(eq=False, repr=False)
class WorldDatagramSocket:
    """
    One UDP socket of a L{gamenet.world.machine.WorldMachine}.

    @ivar address: The local address; its host is C{"0.0.0.0"} or C{"::"} where it is bound
        to all of them, as a real one's is.
    @ivar send_errors: How many sends were refused.
    @ivar closed: Whether it is.
    @ivar buffer_limit: Bytes that are kept while the machine is suspended.
    @cvar keeps_whole: The links of the world never fragment anything.
    """

    _log: ClassVar[Logger] = Logger()
    keeps_whole: ClassVar[bool] = True

    _machine: WorldMachine
    _attachment: Attachment
    _receiver: DatagramReceiver
    address: Address
    _source: Address
    buffer_limit: int = BUFFER_LIMIT
    send_errors: int = field(default=0, init=False)
    closed: bool = field(default=False, init=False)
    _mute: bool = field(default=False, init=False)
    _buffered: int = field(default=0, init=False)
    _fault_kinds: dict[type[object], None] = field(factory=dict, init=False)

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram, or lose it.

        @param data: At most L{LARGEST_DATAGRAM} bytes.
        @param address: Where to, numeric.
        @param ttl: Its time to live in hops, from 1 to 255; C{None} is 64.
        @return: Whether it went out at all.
        """
        machine = self._machine
        route = self._attachment.by_destination.get(address[0])
        if (
            self._mute
            or len(data) > LARGEST_DATAGRAM
            or not 0 < address[1] <= 65_535
            or (ttl is not None and not 1 <= ttl <= 255)
            or (route is None and not self._canReach(address[0]))
        ):
            self.send_errors += 1
            return False
        if type(data) is not bytes:
            data = bytes(data)
        if route is None:
            return self._sendByNewRoute(data, address, ttl)
        fabric = machine.fabric
        fabric.counters.sent += 1
        machine.trace.note(DATAGRAM, fabric.clock.now, machine.number, self._source, address, data)
        route.carry((data, self._source, address, ttl or _TIME_TO_LIVE, self._attachment))
        return True

    def sendWhole(self, data: bytes, address: Address) -> bool:
        """Send one datagram, or lose it; the world's links take every size in one piece."""
        return self.send(data, address)

    def sender(self) -> DatagramSender:
        """Return L{send}, as what raises C{OSError} where that says C{False}."""
        return self._give

    def _give(self, data: bytes, address: Address) -> None:
        if not self.send(data, address):
            self.send_errors -= 1
            raise OSError(f"{address[0]} cannot be sent to from {self.address[0]}")

    def close(self) -> None:
        """Receive nothing any more; closing twice is harmless."""
        if not self.closed:
            self.closed = self._mute = True
            self._machine.forgetSocket(self)

    def moveTo(self, source: str | None) -> None:
        """
        Send from another address of the machine from now on, or not at all: the one that it
        is bound to is gone.
        """
        self._mute = source is None
        if source is not None:
            self._source = (source, self._source[1])

    def _canReach(self, host: str) -> bool:
        return numericForm(host) is not None and isSix(host) == isSix(self.address[0])

    def receive(self, datagram: Datagram) -> None:
        """Hand a datagram to the receiver; log what that raises, once a kind."""
        try:
            self._receiver(datagram[0], datagram[1])
        except Exception as error:
            kind = type(error)
            if kind not in self._fault_kinds and len(self._fault_kinds) < _FAULT_KINDS:
                self._fault_kinds[kind] = None
                self._log.failure(
                    "the receiver of socket {local} raised; more of this kind go unsaid",
                    failure=Failure(),
                    local=self.address,
                )

    def keep(self, datagram: Datagram) -> None:
        """Keep a datagram until the machine's suspension ends, or lose it: the buffer is full."""
        size = len(datagram[0]) + DATAGRAM_OVERHEAD
        if self._buffered + size > self.buffer_limit:
            self._machine.fabric.counters.buffer_overflow += 1
        else:
            self._buffered += size
            self._machine.clock.enter(self._receiveLate, datagram)

    def _receiveLate(self, datagram: Datagram) -> None:
        self._buffered -= len(datagram[0]) + DATAGRAM_OVERHEAD
        if not self.closed:
            self._machine.fabric.counters.delivered += 1
            self.receive(datagram)

    def _sendByNewRoute(self, data: bytes, address: Address, ttl: int | None) -> bool:
        machine = self._machine
        address = (numericForm(address[0]) or "", address[1])
        own = machine.isOwn(address[0])
        source = self._source
        if own and self.address[0] in (WILDCARD, WILDCARD_SIX):
            source = (address[0], source[1])
        elif (source[0].startswith("127.") or source[0] == LOOPBACK_SIX) and not own:
            self.send_errors += 1
            return False
        fabric = machine.fabric
        fabric.counters.sent += 1
        machine.trace.note(DATAGRAM, fabric.clock.now, machine.number, source, address, data)
        datagram = (data, source, address, ttl or _TIME_TO_LIVE, self._attachment)
        if own:
            fabric.clock.schedule(fabric.clock.now, machine.receive, datagram)
            return True
        route = self._attachment.routeTo(address[0])
        if route is None:
            fabric.counters.no_route += 1
        else:
            route.carry(datagram)
        return True
