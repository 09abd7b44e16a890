"""A machine's side of streams: who listens, and who is connecting."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    NoProtocol,
    TimeoutError,
)
from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.clock import WorldCall
from gamenet.world.local_clock import LocalClock
from gamenet.world.realm import Attachment, Fabric
from gamenet.world.stream_path import Signal, StreamLimits, StreamPath, findPath
from gamenet.world.streams import Stream
from gamenet.world.trace import CONNECTED, Trace
from gamenet.world.transport import WorldTransport

__all__ = ["ConnectAttempt", "StreamHost", "StreamRegistry", "WorldPort"]

LOOPBACK = "127.0.0.1"
_LOWEST_EPHEMERAL = 49_152
_EPHEMERAL_COUNT = 16_384


@define(eq=False)
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


@define(eq=False)
class StreamHost:
    """
    What a machine connects and listens with.

    @ivar label: What the machine's random numbers go by.
    @ivar number: The machine's number in its world.
    @ivar attachment: Where the machine is plugged in.
    @ivar addresses: The machine's own.
    @ivar listeners: Who listens, by local address.
    """

    label: str
    number: int
    fabric: Fabric
    clock: LocalClock
    attachment: Attachment
    addresses: tuple[str, ...]
    registry: StreamRegistry
    trace: Trace
    _random: SeededRandom
    listeners: dict[Address, WorldPort] = field(factory=dict)
    _connects: int = 0

    def isOwn(self, host: str) -> bool:
        """Return whether an address is this machine's."""
        return host.startswith("127.") or host in self.addresses

    def resolve(self, host: str) -> str:
        """
        Return the numeric address of a host.

        @raise DNSLookupError: Nobody published that name.
        """
        if host == "localhost":
            return LOOPBACK
        if host.count(".") == 3 and host.replace(".", "").isdigit():
            return host
        try:
            return self.registry.names[host]
        except KeyError:
            raise DNSLookupError(f"no such host: {host}") from None

    def nextStreamLabel(self) -> str:
        """Return what the random numbers of this machine's next stream go by."""
        self._connects += 1
        return f"{self.label}/stream/{self._connects}"

    def ephemeralPort(self) -> int:
        """Return a local port for a stream that goes out."""
        return _LOWEST_EPHEMERAL + self._random.below(_EPHEMERAL_COUNT)

    def bind(self, port: WorldPort) -> int:
        """
        Have C{port} take the streams to its addresses.

        @return: The port number.
        @raise CannotListenError: Someone else does, or the address is not ours.
        """
        hosts = self.addresses
        if port.interface in ("", "0.0.0.0"):
            hosts = (*hosts, LOOPBACK)
        elif self.isOwn(port.interface):
            hosts = (port.interface,)
        else:
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


@implementer(IListeningPort)
@define(eq=False)
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

    def getHost(self) -> IPv4Address:
        """Return the address that is listened at."""
        return IPv4Address("TCP", self.interface or "0.0.0.0", self.number)

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


@define(eq=False)
class ConnectAttempt:
    """
    One attempt to connect.

    @ivar fired: Fires with the connected protocol, or fails as Twisted's endpoints do.
    """

    _log: ClassVar[Logger] = Logger()

    host: StreamHost
    _factory: IProtocolFactory
    _destination: tuple[str, int]
    _timeout: float
    _interface: str
    fired: Deferred[IProtocol] = field(init=False)
    _end: WorldTransport | None = field(default=None, init=False)
    _timer: WorldCall | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.fired = Deferred(self._cancelled)

    def start(self) -> Deferred[IProtocol]:
        """Try; return what fires when it is decided."""
        self._factory.doStart()
        self._timer = self.host.clock.callLater(self._timeout, self._timedOut)
        try:
            destination = (self.host.resolve(self._destination[0]), self._destination[1])
        except DNSLookupError:
            self._fail(Failure())
            return self.fired
        host = self.host
        port = host.ephemeralPort()
        own = host.isOwn(destination[0])
        source = (self._interface or (destination[0] if own else host.addresses[0]), port)
        host.trace.note(CONNECTED, host.fabric.clock.now, host.number, source, destination, b"")
        if own:
            path: StreamPath | None = StreamPath(
                host.fabric, host.attachment, host.attachment, (), source
            )
        else:
            path = findPath(host.fabric, host.attachment, source, destination)
        if path is not None:
            other = path.target.stream_host
            assert other is not None
            stream = host.registry.connect(path, (host, other), source, destination)
            self._end = stream.near
            stream.near.opening = self._signalled
            far = stream.far
            far.opening = _handshakeOf(other, far)
            stream.near.pipe_out.send(Signal.SYNCHRONIZE)
        return self.fired

    def _signalled(self, signal: Signal | None) -> None:
        if signal is Signal.ACCEPT:
            assert self._end is not None
            self._end.opening = None
            self._end.pipe_out.send(Signal.ACKNOWLEDGE)
        self.host.clock.enter(self._decided, signal)

    def _decided(self, signal: Signal | None) -> None:
        if self._over:
            return
        if signal is Signal.ACCEPT:
            self._established()
        elif signal is Signal.RESET:
            self._fail(Failure(ConnectionRefusedError()))
        else:
            self._timedOut()

    def _established(self) -> None:
        end = self._end
        assert end is not None
        self._stopTimer()
        try:
            protocol = self._factory.buildProtocol(end.getPeer())
            if protocol is None:
                raise NoProtocol()
        except Exception:
            end.reset()
            self._fail(Failure())
            return
        self.host.fabric.counters.streams_opened += 1
        self._over = True
        try:
            end.open(protocol, self._factory.doStop)
        except Exception:
            failure = Failure()
            self._log.failure("A protocol raised as its connection was made; it is closed")
            end.abortConnection()
            self.fired.errback(failure)
            return
        self.fired.callback(protocol)

    def _timedOut(self) -> None:
        if not self._over:
            self.host.fabric.counters.streams_timed_out += 1
            if self._end is not None:
                self._end.reset()
            self._fail(Failure(TimeoutError()))

    def _cancelled(self, fired: Deferred[IProtocol]) -> None:
        if not self._over:
            if self._end is not None:
                self._end.reset()
            address = IPv4Address("TCP", *self._destination)
            self._fail(Failure(ConnectingCancelledError(address)))

    def _fail(self, reason: Failure) -> None:
        self._over = True
        self._stopTimer()
        if self._end is not None:
            self._end.refuse()
        self._factory.doStop()
        self.fired.errback(reason)

    def _stopTimer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def _handshakeOf(
    host: StreamHost, end: WorldTransport
) -> Callable[[Signal | None], object]:
    def signalled(signal: Signal | None) -> None:
        host.handshake(end, signal)

    return signalled
