"""
A connection with a relay over TCP or TLS, used as a socket that reaches only the relay
(RFC 8656, sections 2.1 and 12.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.errors import GamenetError, MalformedMessage, RelayRefused
from gamenet.interfaces import Address, DatagramReceiver, DatagramSender, IDatagramSocket
from gamenet.machine.alarm import Alarm
from gamenet.turn_client.raising_sender import raisingSender
from gamenet.wire.turn import SEND_INDICATION
from gamenet.wire.turn_stream import TurnStreamDecoder, padForStream

__all__ = ["CLOSING_LIMIT", "REQUESTS_BACKLOG", "RelayConnection", "RelayDisconnected"]

#: Most bytes of requests that wait while the relay reads nothing; then it is given up.
REQUESTS_BACKLOG = 65_536
#: Seconds that a closed connection may take to say so to the other side.
CLOSING_LIMIT = 2.0

_CHANNEL_DATA = 0x40
_INDICATION = 0x10 | SEND_INDICATION


class RelayDisconnected(RelayRefused):
    """There is no connection with the relay, or none any more; the text says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


def _nobody(*arguments: object) -> None:
    """Nobody wants to know yet."""


@implementer(IDatagramSocket, IPushProducer)
class RelayConnection(Protocol):
    """
    One connection.  While the system takes no more, packets to be relayed are dropped, as
    a full link would drop them: what is late is of no use to a game.

    @ivar relay_address: The relay, numeric; where everything received comes from.
    @ivar address: Our end.
    @ivar lost: Called once with the reason, an L{GamenetError}, when the connection has
        ended and nobody here closed it.
    @ivar send_errors: Packets that were dropped.
    @ivar closed: Whether it is closed or lost.
    """

    #: Twisted types it for any protocol; ours runs over streams that can be aborted and paused.
    transport: Any

    def __init__(self, clock: IReactorTime) -> None:
        """
        @param clock: Times the closing.
        """
        self.relay_address: Address = ("", 0)
        self.address: Address = ("", 0)
        self.lost: Callable[[GamenetError], object] = _nobody
        self.send_errors = 0
        self.closed = False
        self._receiver: DatagramReceiver = _nobody
        self._decoder = TurnStreamDecoder()
        self._full = False
        self._backlog = 0
        self._gone = False
        self._why: GamenetError | None = None
        self._watchers: list[Deferred[None]] = []
        self._clock = clock
        self._abort = Alarm(clock, self.abort)

    def open(self, receiver: DatagramReceiver) -> IDatagramSocket:
        """
        Hand what the relay sends to C{receiver}, message by message.

        @return: This.
        """
        self._receiver = receiver
        return self

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one message to the relay.

        @param data: A STUN message, or ChannelData without padding.
        @param address: Not looked at: there is only the relay.
        @param ttl: Not looked at.
        @return: Whether it was taken.
        """
        if self.closed:
            self.send_errors += 1
            return False
        if self._full:
            if data[0] >= _CHANNEL_DATA or data[1] == _INDICATION:
                self.send_errors += 1
                return False
            self._backlog += len(data)
            if self._backlog > REQUESTS_BACKLOG:
                self._fail(RelayDisconnected("the relay reads nothing any more"))
                return False
        self.transport.write(padForStream(data))
        return True

    def sender(self) -> DatagramSender:
        """Return L{send}, as what raises C{OSError} where that says C{False}."""
        return raisingSender(self.send, "the connection with the relay takes nothing")

    def close(self) -> None:
        """
        End the connection once what was sent has left, within L{CLOSING_LIMIT}.  Closing
        twice is harmless.
        """
        if self.closed:
            return
        self.closed = True
        if self._full:
            self.abort()
        elif self.transport is not None:
            self.transport.loseConnection()
            self._abort.set(self._clock.seconds() + CLOSING_LIMIT)

    def abort(self) -> None:
        """End the connection at once."""
        self.closed = True
        if self.transport is not None:
            self.transport.abortConnection()

    def whenGone(self) -> Deferred[None]:
        """Return what fires once the connection is no more, and nothing of it is left."""
        if self._gone:
            return succeed(None)
        watcher: Deferred[None] = Deferred()
        self._watchers.append(watcher)
        return watcher

    def connectionMade(self) -> None:
        """Find out who is who, and ask to be told when the system takes no more."""
        transport = self.transport
        peer, host = transport.getPeer(), transport.getHost()
        self.relay_address = (peer.host, peer.port)
        self.address = (host.host, host.port)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Cut what came into messages, and hand them over."""
        if self.closed:
            return
        try:
            messages = self._decoder.feed(data)
        except MalformedMessage as error:
            self._fail(error)
            return
        for message in messages:
            if self.closed:
                return
            self._receiver(message, self.relay_address)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say so to whoever has to know."""
        self._abort.cancel()
        self._gone = True
        if not self.closed:
            self._why = RelayDisconnected(
                f"the connection with the relay ended: {reason.getErrorMessage()}"
            )
        self.closed = True
        self._tell()
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.callback(None)

    def pauseProducing(self) -> None:
        """Drop packets from now on; the system takes no more."""
        self._full = True

    def resumeProducing(self) -> None:
        """Send packets again."""
        self._full = False
        self._backlog = 0

    def stopProducing(self) -> None:
        """The connection ends; L{connectionLost} says so."""

    def _fail(self, error: GamenetError) -> None:
        self._why = error
        self.abort()
        self._tell()

    def _tell(self) -> None:
        why, self._why = self._why, None
        if why is not None:
            self.lost(why)
