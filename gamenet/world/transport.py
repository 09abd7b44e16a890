"""One end of a stream: a transport that behaves as Twisted's TCP transport does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.addresses import isSix
from gamenet.world.stream_path import Parcel, Pipe, Signal, StreamLimits
from gamenet.world.trace import CLOSED, WRITTEN

if TYPE_CHECKING:
    from gamenet.world.stream_host import StreamHost
    from gamenet.world.streams import Stream

__all__ = ["COALESCING_DELAY", "WorldTransport"]

#: Seconds that a write may wait for another one to join it, as Nagle's algorithm does.
COALESCING_DELAY = 0.005

_SEGMENT = 1460
_LARGEST_READ = 65_536


@implementer(ITCPTransport, IConsumer, IPushProducer)
@define(eq=False, repr=False)
class WorldTransport:
    """
    One end of a L{gamenet.world.streams.Stream}.

    @ivar host: The machine's side of streams.
    @ivar connected: The protocol has been told that it is, and not yet that it is no more.
    @ivar disconnecting: L{loseConnection} was called; what was written is still to be sent.
    @ivar disconnected: This end is closed.
    @ivar opening: What the handshake's signals, and its failure, are told to; C{None} once
        the stream is open.
    @ivar producer: Who is to be paused while the buffer is full, or C{None}.
    """

    _log: ClassVar[Logger] = Logger()

    host: StreamHost
    _local: Address
    _remote: Address
    _limits: StreamLimits
    _random: SeededRandom
    stream: Stream = field(init=False)
    pipe_out: Pipe = field(init=False)
    pipe_in: Pipe = field(init=False)
    opening: Callable[[Signal | None], object] | None = field(default=None, init=False)
    connected: bool = field(default=False, init=False)
    disconnecting: bool = field(default=False, init=False)
    disconnected: bool = field(default=False, init=False)
    producer: Any = field(default=None, init=False)
    _protocol: IProtocol | None = field(default=None, init=False)
    _on_close: Callable[[], object] | None = field(default=None, init=False)
    _streaming: bool = field(default=False, init=False)
    _producer_paused: bool = field(default=False, init=False)
    _outgoing: bytearray = field(factory=bytearray, init=False)
    _departing: bool = field(default=False, init=False)
    _unread: deque[Parcel] = field(factory=deque, init=False)
    _reading: bool = field(default=True, init=False)
    _read_closed: bool = field(default=False, init=False)
    _write_closing: bool = field(default=False, init=False)
    _write_closed: bool = field(default=False, init=False)
    _no_delay: bool = field(default=False, init=False)
    _keep_alive: bool = field(default=False, init=False)

    def open(self, protocol: IProtocol, on_close: Callable[[], object] | None = None) -> None:
        """
        Connect a protocol to this end; what its C{connectionMade} raises is raised.

        @param on_close: Called after the protocol's C{connectionLost}.
        """
        self.opening = None
        self.connected = True
        self._protocol = protocol
        self._on_close = on_close
        protocol.makeConnection(self)

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return this end's address on its own network."""
        return _streamAddress(self._local)

    def getPeer(self) -> IPv4Address | IPv6Address:
        """Return the other end's address as it is seen from here."""
        return _streamAddress(self._remote)

    def write(self, data: bytes) -> None:
        """
        Send bytes, some time soon, in as many pieces as the seed says.

        @raise TypeError: C{data} is not bytes.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"only bytes can be written to a transport, not {type(data)}")
        if not self.connected or self._write_closed or not data:
            return
        self._outgoing += data
        self._note(WRITTEN, bytes(data))
        if (
            self.producer is not None
            and self._streaming
            and len(self._outgoing) > self._limits.write_buffer
        ):
            self._producer_paused = True
            self.producer.pauseProducing()
        self._startWriting()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces of bytes as one."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close this end once everything written has been sent; nothing more is received."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            if self._write_closed:
                self.host.clock.world.schedule(self.host.clock.world.now, self._enterLose, None)
            else:
                self._startWriting()

    def loseWriteConnection(self) -> None:
        """Tell the other end that nothing more comes, once everything written has been sent."""
        if self.connected and not self._write_closed:
            self._write_closing = True
            self._startWriting()

    def abortConnection(self) -> None:
        """Close this end at once; the other end sees its connection lost."""
        if not self.disconnected and self.connected:
            self.reset()
            self._lose(Failure(ConnectionAborted()))

    def reset(self) -> None:
        """Tell the other end that this one is gone."""
        self._note(CLOSED, b"\1")
        self.pipe_out.send(Signal.RESET)

    def getTcpNoDelay(self) -> bool:
        """Return whether writes never wait for others."""
        return self._no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Say whether writes never wait for others; pieces are cut as before."""
        self._no_delay = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        """Return what L{setTcpKeepAlive} was told."""
        return self._keep_alive

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Accept the setting: its two hours are longer than any world runs."""
        self._keep_alive = bool(enabled)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        Pause and resume whoever produces what is written here.

        @raise RuntimeError: Someone is registered already.
        """
        if self.producer is not None:
            raise RuntimeError(f"{self.producer!r} is registered already")
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self._streaming = streaming
        self._producer_paused = False
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Pause and resume nobody any more."""
        self.producer = None
        if self.connected and (self.disconnecting or self._write_closing):
            self._startWriting()

    def pauseProducing(self) -> None:
        """Deliver nothing to the protocol until L{resumeProducing}."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Deliver to the protocol again."""
        if self.connected and not self.disconnecting and not self._reading:
            self._reading = True
            world = self.host.clock.world
            world.schedule(world.now, self._enterRead, None)

    def stopProducing(self) -> None:
        """Close the connection."""
        self.loseConnection()

    def arrived(self, parcel: Parcel) -> None:
        """Take what came through the pipe, as soon as this machine runs."""
        if self.opening is not None and isinstance(parcel, Signal):
            self.opening(parcel)
        else:
            self.host.clock.enter(self._receive, parcel)

    def drained(self) -> None:
        """Take notice that the other end has read something."""
        if self._outgoing and not self._departing:
            self._startWriting()

    def giveUp(self, _: object) -> None:
        """Lose the connection without telling the other end."""
        if self.opening is not None:
            self.opening(None)
        elif not self.disconnected:
            self._lose(Failure(ConnectionLost()))

    def vanish(self) -> None:
        """Be gone without telling anybody, not even the protocol."""
        if self.disconnected:
            return
        self.disconnected = True
        self.connected = False
        self.pipe_in.dead_end = True
        self.pipe_out.orphan()
        self.stream.endClosed()

    def refuse(self) -> None:
        """Close an end that no protocol was ever connected to."""
        self.opening = None
        self.disconnected = True
        self.stream.endClosed()

    def _note(self, kind: int, data: bytes) -> None:
        host = self.host
        host.trace.note(
            kind, host.clock.world.now, host.number, self._local, self._remote, data
        )

    def _startWriting(self) -> None:
        if self._departing:
            return
        self._departing = True
        world = self.host.clock.world
        due = world.now
        if not self._no_delay and not self._random.below(4):
            due += COALESCING_DELAY * self._random.unit()
        world.schedule(due, self._enterDepart, None)

    def _enterDepart(self, _: object) -> None:
        self.host.clock.enter(self._depart, None)

    def _enterRead(self, _: object) -> None:
        self.host.clock.enter(self._readOn, None)

    def _enterLose(self, _: object) -> None:
        self.host.clock.enter(self._lose, Failure(ConnectionDone()))

    def _depart(self, _: object) -> None:
        self._departing = False
        if not self.connected or self._write_closed:
            return
        outgoing = self._outgoing
        while outgoing and (room := self.pipe_out.room()) > 0:
            size = min(self._pieceSize(), room)
            self.pipe_out.send(bytes(outgoing[:size]))
            del outgoing[:size]
        if outgoing:
            return
        if self.producer is not None and (not self._streaming or self._producer_paused):
            self._producer_paused = False
            self.producer.resumeProducing()
        elif self.disconnecting:
            self._finish()
            self._lose(Failure(ConnectionDone()))
        elif self._write_closing:
            self._finish()
            if IHalfCloseableProtocol.providedBy(self._protocol):
                self._tell(self._protocol.writeConnectionLost)
            if self._read_closed and self.connected:
                self._lose(Failure(ConnectionDone()))

    def _finish(self) -> None:
        self._write_closed = True
        self._note(CLOSED, b"\0")
        self.pipe_out.send(Signal.FINISH)

    def _pieceSize(self) -> int:
        kind = self._random.below(8)
        if kind == 0:
            return 1 + self._random.below(8)
        if kind <= 2:
            return 1 + self._random.below(_SEGMENT)
        return _LARGEST_READ

    def _receive(self, parcel: Parcel) -> None:
        if self.disconnected:
            return
        if parcel is Signal.RESET:
            self._lose(Failure(ConnectionLost()))
        elif self.disconnecting:
            if isinstance(parcel, bytes):
                self.pipe_in.consumed(len(parcel))
        elif not self._reading or self._unread:
            self._unread.append(parcel)
        else:
            self._take(parcel)

    def _readOn(self, _: object) -> None:
        while self._unread and self._reading and self.connected and not self.disconnecting:
            pieces: list[bytes] = []
            size = 0
            while self._unread:
                piece = self._unread[0]
                if not isinstance(piece, bytes) or size + len(piece) > _LARGEST_READ:
                    break
                pieces.append(piece)
                size += len(piece)
                self._unread.popleft()
            self._take(b"".join(pieces) if pieces else self._unread.popleft())

    def _take(self, parcel: Parcel) -> None:
        protocol = self._protocol
        assert protocol is not None
        if isinstance(parcel, bytes):
            self.pipe_in.consumed(len(parcel))
            self._tell(protocol.dataReceived, parcel)
        elif parcel is Signal.FINISH:
            self._read_closed = True
            if self._write_closed:
                self._lose(Failure(ConnectionDone()))
            elif IHalfCloseableProtocol.providedBy(protocol):
                self._tell(protocol.readConnectionLost)
            else:
                self._finish()
                self._lose(Failure(ConnectionDone()))

    def _tell(self, tell: Callable[..., object], *arguments: bytes) -> None:
        try:
            tell(*arguments)
        except Exception:
            failure = Failure()
            self._log.failure("A protocol raised; its connection is closed", failure=failure)
            if self.connected:
                if not self._write_closed:
                    self._finish()
                self._lose(failure)

    def _lose(self, reason: Failure) -> None:
        if self.disconnected:
            return
        self.disconnected = True
        self.connected = False
        self._outgoing.clear()
        self._unread.clear()
        producer, self.producer = self.producer, None
        protocol = self._protocol
        try:
            if producer is not None:
                producer.stopProducing()
            if protocol is not None:
                protocol.connectionLost(reason)
        except Exception:
            self._log.failure("A protocol raised as it lost its connection")
        if self._on_close is not None:
            self._on_close()
        self.stream.endClosed()


def _streamAddress(address: Address) -> IPv4Address | IPv6Address:
    """Return an address as Twisted's transports do."""
    kind = IPv6Address if isSix(address[0]) else IPv4Address
    return kind("TCP", *address)
