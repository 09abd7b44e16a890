"""The world's machines: what a process stands on, all in memory."""

from __future__ import annotations

from attrs import define, field
from zope.interface import implementer

from gamenet.errors import BadAddress, CannotBind
from gamenet.interfaces import Address, DatagramReceiver, IMachine
from gamenet.seeded_random import SeededRandom
from gamenet.world.addresses import WILDCARD, OwnAddresses, isSix, numericForm
from gamenet.world.datagram_socket import BUFFER_LIMIT, WorldDatagramSocket
from gamenet.world.link import Datagram
from gamenet.world.local_clock import LocalClock
from gamenet.world.realm import Attachment, Fabric
from gamenet.world.stream_endpoints import (
    WorldClientEndpoint,
    WorldServerEndpoint,
    clientEndpoint,
    serverEndpoint,
)
from gamenet.world.stream_host import StreamHost
from gamenet.world.trace import Trace

__all__ = ["WALL_CLOCK_START", "WorldMachine"]

#: The wall clock of every machine at the start of its world: 2026-01-01 00:00 UTC.
WALL_CLOCK_START = 1_767_225_600.0

_LOWEST_EPHEMERAL = 49_152
_EPHEMERAL_COUNT = 16_384


@implementer(IMachine)
@define(eq=False, repr=False)
class WorldMachine:
    """
    One machine.  Made by L{gamenet.world.network.WorldNetwork.machine}.

    @ivar name: Its name in the world.
    @ivar number: Its place in the order of making; the trace goes by it.
    @ivar own: Its numeric addresses; what it sends leaves from the first of the family.
    @ivar clock: Its monotonic clock and timers.
    @ivar attachment: Where it is plugged in.
    @ivar attachment_six: Where it is plugged in for IPv6, which passes every NAT.
    @ivar stream_host: Its side of streams.
    """

    name: str
    number: int
    fabric: Fabric
    own: OwnAddresses
    clock: LocalClock
    attachment: Attachment
    attachment_six: Attachment
    stream_host: StreamHost
    trace: Trace
    _random: SeededRandom
    _ports: SeededRandom
    _receive_buffer: int = BUFFER_LIMIT
    _sockets: dict[Address, WorldDatagramSocket] = field(factory=dict, init=False)
    _stranded: list[WorldDatagramSocket] = field(factory=list, init=False)
    _wall_step: float = field(default=0.0, init=False)

    def __repr__(self) -> str:
        return f"<WorldMachine {self.name!r} at {', '.join(self.addresses)}>"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The machine's addresses, of both families."""
        return self.own.all

    @property
    def address(self) -> str:
        """The first of the machine's addresses."""
        return self.addresses[0]

    def wallClock(self) -> float:
        """Return seconds since 1970 as this machine believes; drifts as its clock does."""
        return WALL_CLOCK_START + self.fabric.clock.now * self.clock.rate + self._wall_step

    def stepWallClock(self, seconds: float) -> None:
        """Step the wall clock, as a correction from the network does; nothing else notices."""
        self._wall_step += seconds
        self.fabric.counters.wall_clock_steps += 1

    def randomBytes(self, count: int) -> bytes:
        """Return that many bytes, which nobody but the world's seed can predict."""
        return self._random.drawBytes(count)

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> WorldDatagramSocket:
        """
        Open a UDP socket.

        @param receiver: Called with every datagram; what it raises is logged.
        @param interface: One of the machine's addresses, C{""} for all of those of IPv4, or
            C{"::"} for all of those of IPv6.
        @param port: The local port; 0 lets the machine choose.
        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """
        hosts = self.own.boundBy(interface)
        if not hosts:
            raise CannotBind(f"{interface} is not an address of {self.name}")
        if not 0 <= port <= 65_535:
            raise CannotBind(f"{port} is not a port")
        if self.clock.stopped:
            raise CannotBind(f"{self.name} is stopped")
        number = port or self._freePort(hosts)
        if any((host, number) in self._sockets for host in hosts):
            raise CannotBind(f"port {number} of {self.name} is taken")
        shown = numericForm(interface) or WILDCARD
        socket = WorldDatagramSocket(
            self,
            self.attachment_six if isSix(shown) else self.attachment,
            receiver,
            (shown, number),
            (hosts[0], number),
            self._receive_buffer,
        )
        for host in hosts:
            self._sockets[(host, number)] = socket
        return socket

    def forgetSocket(self, socket: WorldDatagramSocket) -> None:
        """Take away a socket that was closed."""
        self._sockets = {
            address: other for address, other in self._sockets.items() if other is not socket
        }
        self._stranded = [other for other in self._stranded if other is not socket]

    def streamClientEndpoint(self, description: str) -> WorldClientEndpoint:
        """
        Return what connects to C{"tcp:host:port"}, with C{":timeout=…"} and
        C{":bindAddress=…"} where wanted.

        @raise gamenet.errors.BadAddress: The description is not that.
        """
        return clientEndpoint(self.stream_host, description)

    def streamServerEndpoint(self, description: str) -> WorldServerEndpoint:
        """
        Return what listens at C{"tcp:port"}, with C{":interface=…"} where wanted.

        @raise gamenet.errors.BadAddress: The description is not that.
        """
        return serverEndpoint(self.stream_host, description)

    def sourceAddress(self, destination: str) -> str:
        """
        Return the local address that datagrams to C{destination} would leave from.

        @raise gamenet.errors.BadAddress: It is not numeric.
        @raise gamenet.errors.CannotBind: The machine has none of its family.
        """
        numeric = numericForm(destination)
        if numeric is None:
            raise BadAddress(f"not a numeric address: {destination!r}")
        source = self.own.sourceFor(numeric)
        if source is None:
            raise CannotBind(f"no route from {self.name} to {destination}")
        return source

    def isOwn(self, host: str) -> bool:
        """Return whether an address is this machine's, or loopback."""
        return self.stream_host.isOwn(host)

    def isOwnAddress(self, host: str) -> bool:
        """Return whether datagrams to a host would stay on this machine."""
        return self.own.isLocal(host)

    def readdress(self, *addresses: str) -> None:
        """
        Have other addresses from now on, as after a change of networks.

        Sockets that are bound to all addresses send from the new ones; those that are bound
        to one which is gone cannot send, and hear nothing, until it comes back.  Streams
        that leave the machine are cut off where one of its addresses is gone: neither end is
        told, and both find out as with a NAT that forgot them.

        @param addresses: All of them, in order of preference, at least one; where the
            machine is behind a NAT it stays there.
        @raise gamenet.errors.BadSetting: One is not numeric or somebody else's; nothing has
            changed then.
        """
        numeric = OwnAddresses.of(*addresses)
        self.attachment.realm.refuseTaken(numeric.four(), self.attachment)
        self.attachment_six.realm.refuseTaken(numeric.six(), self.attachment_six)
        self.own.all = numeric.all
        self.attachment.realm.readdress(self.attachment, numeric.four())
        self.attachment_six.realm.readdress(self.attachment_six, numeric.six())
        self._rebind()
        self.stream_host.rebind()
        self.fabric.counters.readdressings += 1

    def _rebind(self) -> None:
        """Sort every socket by the addresses that it is bound to now."""
        every = dict.fromkeys((*self._sockets.values(), *self._stranded))
        self._sockets, self._stranded = {}, []
        for socket in every:
            hosts = self.own.boundBy(socket.address[0])
            free = [host for host in hosts if (host, socket.address[1]) not in self._sockets]
            socket.moveTo(free[0] if free else None)
            if not free:
                self._stranded.append(socket)
            for host in free:
                self._sockets[(host, socket.address[1])] = socket

    def suspend(self, seconds: float) -> None:
        """
        Run nothing for C{seconds} of world time: no timer, no datagram, no stream; then
        everything that was due, in order.

        What does not fit into a socket's receive buffer meanwhile is lost.
        """
        self.fabric.counters.suspensions += 1
        self.clock.suspend(seconds)

    def stop(self) -> None:
        """
        Lose power: nothing of this machine runs ever again, and nobody is told.

        Streams to it stall until their other ends give up.
        """
        self.clock.stop()
        for socket in [*self._sockets.values(), *self._stranded]:
            socket.close()
        self.stream_host.vanish()

    def receive(self, datagram: Datagram) -> None:
        """Take a datagram that arrived."""
        socket = self._sockets.get(datagram[2])
        if socket is None:
            self.fabric.counters.unreachable += 1
        elif self.clock.suspended:
            socket.keep(datagram)
        else:
            self.fabric.counters.delivered += 1
            socket.receive(datagram)

    def _freePort(self, hosts: tuple[str, ...]) -> int:
        first = self._ports.below(_EPHEMERAL_COUNT)
        for step in range(_EPHEMERAL_COUNT):
            number = _LOWEST_EPHEMERAL + (first + step) % _EPHEMERAL_COUNT
            if not any((host, number) in self._sockets for host in hosts):
                return number
        raise CannotBind(f"every port of {self.name} is taken")
