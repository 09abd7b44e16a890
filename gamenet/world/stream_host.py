"""A machine's side of streams: who listens, and who is connecting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field
from twisted.internet.error import CannotListenError, DNSLookupError

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.addresses import LOOPBACK, OwnAddresses, isSix, numericForm
from gamenet.world.local_clock import LocalClock
from gamenet.world.realm import Attachment, Fabric
from gamenet.world.stream_path import Signal, StreamLimits, StreamPath
from gamenet.world.streams import Stream
from gamenet.world.trace import Trace
from gamenet.world.transport import WorldTransport

if TYPE_CHECKING:
    from gamenet.world.listening_port import WorldPort

__all__ = ["StreamHost", "StreamRegistry"]

_LOWEST_EPHEMERAL = 49_152
_EPHEMERAL_COUNT = 16_384


@define(eq=False, repr=False)
class StreamRegistry:
    """
    Every stream of a world that is open, or opening.

    @ivar limits: Of every one of them.
    @ivar names: What host names stand for.
    @ivar streams: Them, by label, in the order of connecting.
    """

    limits: StreamLimits
    names: dict[str, str] = field(factory=dict)
    streams: dict[str, Stream] = field(factory=dict)

    def connect(
        self, path: StreamPath, hosts: tuple[StreamHost, StreamHost], near: Address, far: Address
    ) -> Stream:
        """Return a new stream over C{path}, still to be opened."""
        label = hosts[0].nextStreamLabel()
        stream = Stream.between(label, path, hosts, (near, far), self.limits, self._forget)
        self.streams[label] = stream
        return stream

    def resume(self) -> None:
        """Send on what was held up, if it passes now."""
        for stream in list(self.streams.values()):
            stream.resume()

    def vanish(self, host: StreamHost) -> None:
        """Have a machine's ends be gone without telling anybody."""
        for stream in list(self.streams.values()):
            for end in (stream.near, stream.far):
                if end.host is host:
                    end.vanish()

    def _forget(self, stream: Stream) -> None:
        self.streams.pop(stream.label, None)


@define(eq=False, repr=False)
class StreamHost:
    """
    What a machine connects and listens with.

    @ivar label: What the machine's random numbers go by.
    @ivar number: The machine's number in its world.
    @ivar attachment: Where the machine is plugged in.
    @ivar attachment_six: Where it is plugged in for IPv6.
    @ivar own: The machine's addresses.
    @ivar listeners: Who listens, by local address.
    """

    label: str
    number: int
    fabric: Fabric
    clock: LocalClock
    attachment: Attachment
    attachment_six: Attachment
    own: OwnAddresses
    registry: StreamRegistry
    trace: Trace
    _random: SeededRandom
    listeners: dict[Address, WorldPort] = field(factory=dict)
    _connects: int = 0
    _next_port: int | None = None

    def isOwn(self, host: str) -> bool:
        """Return whether an address is this machine's."""
        return self.own.isOwn(host)

    def attachmentTo(self, host: str) -> Attachment:
        """Return where streams to a numeric address leave the machine."""
        return self.attachment_six if isSix(host) else self.attachment

    def resolve(self, host: str) -> str:
        """
        Return the numeric address of a host.

        @raise DNSLookupError: Nobody published that name.
        """
        if host == "localhost":
            return LOOPBACK
        numeric = numericForm(host)
        if numeric is not None:
            return numeric
        try:
            return self.registry.names[host]
        except KeyError:
            raise DNSLookupError(f"no such host: {host}") from None

    def nextStreamLabel(self) -> str:
        """Return what the random numbers of this machine's next stream go by."""
        self._connects += 1
        return f"{self.label}/stream/{self._connects}"

    def ephemeralPort(self) -> int:
        """Return a local port for a stream that goes out: any one at first, then the next."""
        if self._next_port is None:
            self._next_port = self._random.below(_EPHEMERAL_COUNT)
        self._next_port = (self._next_port + 1) % _EPHEMERAL_COUNT
        return _LOWEST_EPHEMERAL + self._next_port

    def bind(self, port: WorldPort) -> int:
        """
        Have C{port} take the streams to its addresses.

        @return: The port number.
        @raise CannotListenError: Someone else does, or the address is not ours.
        """
        hosts = self.own.boundBy(port.interface)
        if not hosts:
            raise CannotListenError(port.interface, port.number, OSError("not our address"))
        number = port.number
        for _ in range(_EPHEMERAL_COUNT):
            candidate = number or self.ephemeralPort()
            if not any((host, candidate) in self.listeners for host in hosts):
                for host in hosts:
                    self.listeners[(host, candidate)] = port
                return candidate
            if number:
                break
        raise CannotListenError(port.interface, number, OSError("the address is in use"))

    def rebind(self) -> None:
        """Have every port take the streams to its addresses as they are now."""
        self.listeners = {
            (host, port.number): port
            for port in dict.fromkeys(self.listeners.values())
            for host in self.own.boundBy(port.interface) or (port.interface,)
        }

    def unbind(self, port: WorldPort) -> None:
        """Have C{port} take nothing any more."""
        self.listeners = {
            address: other for address, other in self.listeners.items() if other is not port
        }

    def vanish(self) -> None:
        """Be gone without telling anybody."""
        self.listeners.clear()
        self.registry.vanish(self)

    def handshake(self, end: WorldTransport, signal: Signal | None) -> None:
        """Answer the handshake of a stream to this machine, as a kernel does."""
        if signal is Signal.SYNCHRONIZE:
            if (end.getHost().host, end.getHost().port) in self.listeners:
                end.pipe_out.send(Signal.ACCEPT)
            else:
                self.fabric.counters.streams_refused += 1
                end.pipe_out.send(Signal.RESET)
                end.refuse()
        elif signal is Signal.ACKNOWLEDGE:
            end.opening = None
            self.clock.enter(self._accept, end)
        else:
            end.refuse()

    def _accept(self, end: WorldTransport) -> None:
        port = self.listeners.get((end.getHost().host, end.getHost().port))
        if port is None:
            end.reset()
            end.refuse()
        else:
            port.accept(end)
