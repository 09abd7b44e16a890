"""
Clients that reach the relay over TCP or TLS (RFC 8656, sections 3.1 and 12.5).

A stream costs memory before anybody has proven anything, so it is bounded in number,
time and bytes: see L{gamenet.relay.settings.StreamLimits}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IProtocolNegotiationFactory,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.machine.alarm import Alarm
from gamenet.relay.peer_policy import canonicalHost
from gamenet.relay.settings import StreamLimits
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.data_plane import BacklogError
from gamenet.relay_plane.flow import Flow
from gamenet.wire.source_network import sourceNetwork
from gamenet.wire.turn_stream import LONGEST_STREAM_MESSAGE, TurnStreamDecoder, padForStream
from gamenet.wire.turn_transport import Transport

if TYPE_CHECKING:
    from gamenet.relay.protocol import RelayServer

__all__ = ["CLOSING_TIME", "UNPROVEN_LIMIT", "RelayStream", "RelayStreamFactory"]

#: Seconds that the last answers have to leave when the relay stops.
CLOSING_TIME = 1.0

#: The longest message that is taken from somebody without an allocation, in bytes.
UNPROVEN_LIMIT = 2048


@implementer(IPushProducer)
class RelayStream(Protocol):
    """
    One client's stream.  Made by L{RelayStreamFactory}.

    While the client reads slower than it is sent to, packets for it are dropped, as a full
    buffer of UDP drops them, and nothing more is read from it.

    @ivar flow: Its 5-tuple, C{None} while it is not connected or was turned away.
    """

    _log: ClassVar[Logger] = Logger()
    #: Twisted types it for any protocol; ours runs over streams that can be aborted and paused.
    transport: Any

    def __init__(self, server: RelayServer, streams: RelayStreamFactory) -> None:
        """
        @param server: The relay.
        @param streams: What made it.
        """
        self._server = server
        self._streams = streams
        self._decoder = TurnStreamDecoder(UNPROVEN_LIMIT)
        self._full = False
        self._closed = False
        self._silence = Alarm(server.clock, self._silent)
        self._partial = Alarm(server.clock, self._tooSlow)
        self._closing = Alarm(server.clock, self.close)
        self.flow: Flow | None = None

    def connectionMade(self) -> None:
        """Take the client in, or turn it away."""
        address = _addressOf(self.transport.getPeer())
        if address is None or not self._streams.admit(self, address[0]):
            self._server.dropped(DropReason.STREAM_REFUSED)
            self.transport.abortConnection()
            return
        transport = Transport.TLS if ISSLTransport.providedBy(self.transport) else Transport.TCP
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.flow = Flow(self._server.newListener(), address, transport)
        self._watch()
        self._server.streamConnected(self.flow, self)

    def dataReceived(self, data: bytes) -> None:
        """Take messages; a stream that cannot be understood is closed."""
        flow = self.flow
        if flow is None or self._closed:
            return
        try:
            messages = self._decoder.feed(data)
        except MalformedMessage:
            self._server.dropped(DropReason.MALFORMED)
            self.close()
            return
        for message in messages:
            if self.flow is None or self._closed:
                return
            if not self._server.streamMessageReceived(message, flow):
                self.close()
                return
        if self._full or self._closed:
            return
        if not self._decoder.partial:
            self._partial.cancel()
        elif messages or self._partial.due is None:
            self._partial.set(self._server.clock.seconds() + self._limits.partial)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Its allocation ends with the stream."""
        self._silence.cancel()
        self._partial.cancel()
        self._closing.cancel()
        flow, self.flow = self.flow, None
        if flow is not None:
            self._streams.forget(self, flow.address[0])
            self._server.streamLost(flow)

    def send(self, message: bytes, address: Address) -> None:
        """
        Send a message of play, or lose it.

        @param address: The client's; there is no other here.
        @raise BacklogError: The client reads slower than it is sent to, or is gone.
        """
        if self._full or self.flow is None:
            raise BacklogError
        self.transport.write(padForStream(message))

    def answer(self, message: bytes) -> None:
        """Send an answer: it is never lost while the stream lasts."""
        if self.flow is not None:
            self.transport.write(padForStream(message))

    def allocated(self, held: bool) -> None:
        """The client has an allocation, or has none any more."""
        self._decoder.limit = LONGEST_STREAM_MESSAGE if held else UNPROVEN_LIMIT
        if held:
            self._silence.cancel()
        elif self.flow is not None and self._silence.due is None:
            self._watch()

    def close(self) -> None:
        """Close the stream at once.  Closing twice is harmless."""
        self._closed = True
        if self.transport is not None:
            self.transport.abortConnection()

    def finish(self) -> None:
        """Close the stream once what was answered has left, L{CLOSING_TIME} later at most."""
        self._closed = True
        self._silence.cancel()
        self._partial.cancel()
        self._closing.set(self._server.clock.seconds() + CLOSING_TIME)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def pauseProducing(self) -> None:
        """The client reads too slowly; called by the transport."""
        self._full = True
        # What is not read cannot become whole.
        self._partial.cancel()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read; called by the transport."""
        self._full = False
        if self._decoder.partial and not self._closed:
            self._partial.set(self._server.clock.seconds() + self._limits.partial)
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The transport takes nothing any more; called by it."""
        self._full = True

    @property
    def _limits(self) -> StreamLimits:
        return self._streams.limits

    def _watch(self) -> None:
        self._silence.set(self._server.clock.seconds() + self._limits.silence)

    def _silent(self) -> None:
        self._server.dropped(DropReason.STREAM_STALLED)
        self.close()

    def _tooSlow(self) -> None:
        self._server.dropped(DropReason.STREAM_STALLED)
        self.close()


@implementer(IProtocolNegotiationFactory)
class RelayStreamFactory(Factory):
    """
    Makes the streams of one relay.

    @ivar limits: How many there may be, and for how long.
    """

    noisy = False

    def __init__(self, server: RelayServer, limits: StreamLimits) -> None:
        """
        @param server: The relay.
        @param limits: How many there may be, and for how long.
        """
        self._server = server
        self.limits = limits
        self._streams: dict[RelayStream, None] = {}
        self._count_of: dict[bytes, int] = {}
        self._closed: list[Deferred[None]] = []

    def __len__(self) -> int:
        """Return how many streams there are."""
        return len(self._streams)

    def acceptableProtocols(self) -> list[bytes]:
        """Return the ALPN names of what is spoken here (RFC 7443); called by Twisted."""
        return [b"stun.turn", b"stun.nat-discovery"]

    def buildProtocol(self, addr: IAddress | None) -> RelayStream:
        """Make a stream; called by Twisted."""
        return RelayStream(self._server, self)

    def admit(self, stream: RelayStream, host: str) -> bool:
        """Count a stream, where there is room for it."""
        source = sourceNetwork(host)
        count = self._count_of.get(source, 0)
        if (
            len(self._streams) >= self.limits.connections
            or count >= self.limits.connections_of_address
        ):
            return False
        self._streams[stream] = None
        self._count_of[source] = count + 1
        self._server.counters.streams_active = len(self._streams)
        return True

    def forget(self, stream: RelayStream, host: str) -> None:
        """A stream that was admitted is gone."""
        del self._streams[stream]
        self._server.counters.streams_active = len(self._streams)
        source = sourceNetwork(host)
        self._count_of[source] -= 1
        if not self._count_of[source]:
            del self._count_of[source]
        if not self._streams:
            closed, self._closed = self._closed, []
            for each in closed:
                each.callback(None)

    def closeAll(self) -> Deferred[None]:
        """
        Close every stream, once what was answered has left.

        @return: Fires when they are closed, after L{CLOSING_TIME} at the latest.
        """
        for stream in tuple(self._streams):
            stream.finish()
        if not self._streams:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        return closed


def _addressOf(peer: object) -> Address | None:
    """Return the address of the other end, an IPv4-mapped one as IPv4; C{None} for no IP."""
    host, port = getattr(peer, "host", None), getattr(peer, "port", None)
    if type(host) is not str or type(port) is not int:
        return None
    try:
        return str(canonicalHost(host)), port
    except ValueError:
        return None
