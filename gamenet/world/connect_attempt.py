"""Attempts to connect, from the first packet to the protocol's C{connectionMade}."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    NoProtocol,
    TimeoutError,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.world.clock import WorldCall
from gamenet.world.stream_host import StreamHost
from gamenet.world.stream_path import Signal, StreamPath, findPath
from gamenet.world.trace import CONNECTED
from gamenet.world.transport import WorldTransport

__all__ = ["ConnectAttempt"]


@define(eq=False, repr=False)
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
        local = host.own.sourceFor(destination[0])
        source = (self._interface or local or "", port)
        host.trace.note(CONNECTED, host.fabric.clock.now, host.number, source, destination, b"")
        if own:
            path: StreamPath | None = StreamPath(
                host.fabric, host.attachment, host.attachment, (), source
            )
        elif local is None:
            host.fabric.counters.no_route += 1
            path = None
        else:
            path = findPath(host.fabric, host.attachmentTo(destination[0]), source, destination)
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
