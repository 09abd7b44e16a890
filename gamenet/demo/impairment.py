"""
A machine whose outgoing datagrams take the bad road.

Each datagram is delayed, or lost, once: as it leaves a socket of this
machine, whatever its next hop is.  Streams are left alone.  The kernel could do
the same (C{netem}), but not everywhere, and not without being root.
"""

from __future__ import annotations

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    DatagramSender,
    IDatagramSocket,
    IMachine,
)
from gamenet.seeded_random import SeededRandom

__all__ = ["ImpairedMachine", "ImpairedSocket", "Impairment", "ImpairmentCounters"]


@frozen
class Impairment:
    """
    How bad the road is, one way.

    @ivar latency: Seconds that a datagram takes.
    @ivar jitter: By how much that varies, in seconds to either side, evenly;
        datagrams overtake each other where it is more than the gap between them.
    @ivar loss: The part of all datagrams that never arrives, 0.0 to 1.0.
    @ivar queue_limit: How many datagrams may be on the road at a time; those
        beyond are lost.

    @raise BadSetting: A value makes no sense.
    """

    latency: float = field(default=0.0, validator=seconds(0.0))
    jitter: float = field(default=0.0, validator=seconds(0.0))
    loss: float = field(default=0.0, validator=number(0.0, 1.0))
    queue_limit: int = field(default=1024, validator=wholeNumber())

    def __attrs_post_init__(self) -> None:
        """
        @raise BadSetting: A datagram would arrive before it was sent.
        """
        if self.jitter > self.latency:
            raise BadSetting(
                f"jitter must be at most the latency, {self.latency} s, not {self.jitter} s"
            )

    def delay(self, random: SeededRandom) -> float | None:
        """
        Return how many seconds the next datagram takes, or C{None} if it is lost.

        @param random: Drawn from twice, whatever the outcome, so that another
            loss does not change who is late.
        """
        lost = random.chance(self.loss)
        late = random.uniform(-self.jitter, self.jitter)
        return None if lost else self.latency + late


@define
class ImpairmentCounters:
    """
    What became of a machine's datagrams.

    @ivar sent: How many a protocol sent.
    @ivar lost: How many of them the road lost.
    @ivar overflowed: How many of them found the queue full.
    @ivar delivered: How many of them were handed to the system.
    """

    sent: int = 0
    lost: int = 0
    overflowed: int = 0
    delivered: int = 0

    @property
    def under_way(self) -> int:
        """How many are on the road."""
        return self.sent - self.lost - self.overflowed - self.delivered


@implementer(IMachine)
@define(eq=False)
class ImpairedMachine:
    """
    A machine like the one underneath, at the end of a bad road.

    @ivar machine: The machine underneath.
    @ivar impairment: How bad the road is.
    @ivar random: Decides which datagram is lost and which is late.
    @ivar counters: What became of the datagrams so far.
    """

    machine: IMachine
    impairment: Impairment
    random: SeededRandom
    counters: ImpairmentCounters = field(init=False, factory=ImpairmentCounters)
    _waiting: list[Deferred[None]] = field(init=False, factory=list)

    @property
    def clock(self) -> IReactorTime:
        """The clock of the machine underneath."""
        clock: IReactorTime = self.machine.clock
        return clock

    def wallClock(self) -> float:
        """Return seconds since 1970, as the machine underneath believes."""
        return self.machine.wallClock()

    def randomBytes(self, count: int) -> bytes:
        """Return C{count} unpredictable bytes; they have nothing to do with L{random}."""
        return self.machine.randomBytes(count)

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """
        Open a UDP socket whose datagrams take the bad road.

        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """
        impaired = ImpairedSocket(self, receiver)
        impaired.socket = self.machine.openDatagramSocket(impaired.receive, interface, port)
        return impaired

    def streamClientEndpoint(self, description: str) -> object:
        """Return a stream client endpoint of the machine underneath."""
        return self.machine.streamClientEndpoint(description)

    def streamServerEndpoint(self, description: str) -> object:
        """Return a stream server endpoint of the machine underneath."""
        return self.machine.streamServerEndpoint(description)

    def sourceAddress(self, destination: str) -> str:
        """Return where datagrams to C{destination} would leave from."""
        return self.machine.sourceAddress(destination)

    def isOwnAddress(self, host: str) -> bool:
        """Return whether datagrams to C{host} would stay on the machine underneath."""
        return self.machine.isOwnAddress(host)

    def drained(self) -> Deferred[None]:
        """
        Return a C{Deferred} that fires when nothing is on the road any more:
        at once if nothing is, or else when the last datagram has arrived.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self.noticeArrival()
        return waiting

    def noticeArrival(self) -> None:
        """Called by a socket whenever one datagram less is on the road."""
        if self.counters.under_way == 0:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)


@implementer(IDatagramSocket)
@define(eq=False)
class ImpairedSocket:
    """
    A socket at the beginning of a bad road.

    @ivar machine: The machine it belongs to.
    @ivar receiver: Called with every datagram that arrives.
    @ivar socket: The socket underneath; it stays open after L{close} until
        the datagrams that were sent before have left.
    """

    machine: ImpairedMachine
    receiver: DatagramReceiver
    socket: IDatagramSocket = field(init=False)
    _on_the_road: int = field(init=False, default=0)
    _closed: bool = field(init=False, default=False)

    @property
    def address(self) -> Address:
        """Where this socket can be reached on its own network."""
        address: Address = self.socket.address
        return address

    @property
    def send_errors(self) -> int:
        """How many sends the system refused so far."""
        errors: int = self.socket.send_errors
        return errors

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram down the road.

        @return: Whether the socket was open: what becomes of the datagram
            later is as unknown as on any road.
        """
        if self._closed:
            return False
        counters = self.machine.counters
        counters.sent += 1
        delay = self.machine.impairment.delay(self.machine.random)
        if delay is None:
            counters.lost += 1
        elif counters.under_way > self.machine.impairment.queue_limit:
            counters.overflowed += 1
        elif delay <= 0:
            counters.delivered += 1
            return self.socket.send(data, address, ttl)
        else:
            self._on_the_road += 1
            self.machine.clock.callLater(delay, self._arrive, data, address, ttl)
        return True

    def sender(self) -> DatagramSender:
        """Return L{send}, as what raises C{OSError} where that says C{False}."""

        def give(data: bytes, address: Address) -> object:
            if not self.send(data, address):
                raise OSError("the socket is closed")
            return None

        return give

    def close(self) -> None:
        """Receive nothing any more, and close as soon as everything sent has left."""
        self._closed = True
        if self._on_the_road == 0:
            self.socket.close()

    def receive(self, data: bytes, address: Address) -> None:
        """Called by the socket underneath with every datagram that arrives."""
        if not self._closed:
            self.receiver(data, address)

    def _arrive(self, data: bytes, address: Address, ttl: int | None) -> None:
        self._on_the_road -= 1
        self.socket.send(data, address, ttl)
        if self._closed and self._on_the_road == 0:
            self.socket.close()
        self.machine.counters.delivered += 1
        self.machine.noticeArrival()
