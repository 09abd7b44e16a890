"""
One stream of frames, as both the lobby and its clients hold it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from gamenet.errors import MalformedMessage
from gamenet.wire.framing import FRAME_LIMIT, FrameBuffer

__all__ = ["FramedStream"]


@implementer(IPushProducer)
class FramedStream(Protocol):
    """
    Whole frames in, bounded bytes out.

    What is written while the other side does not read is counted, from the
    moment at which the transport says that its own buffer is full.

    @cvar frame_limit: The longest frame that is accepted, in bytes.
    @cvar write_limit: The most bytes that may wait beyond the transport's own
        buffer.
    @ivar closing: Whether the stream is closed, or about to be; nothing more
        is read or sent then.
    """

    frame_limit = FRAME_LIMIT
    write_limit = 262_144
    closing = True

    @property
    def _wire(self) -> Any:
        """The transport, which is a consumer and can be aborted, as every stream's is."""
        return self.transport

    @property
    def peer_host(self) -> str:
        """The numeric host of the other side; empty where that is no Internet host."""
        host: str = getattr(self._wire.getPeer(), "host", "")
        return host

    def connectionMade(self) -> None:
        """The stream is open.  Called by Twisted; a subclass calls this first."""
        self._frames = FrameBuffer(self.frame_limit)
        self._full = False
        self._waiting = 0
        self.closing = False
        if ITCPTransport.providedBy(self._wire):
            self._wire.setTcpNoDelay(True)
        self._wire.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Cut what arrived into frames.  Called by Twisted."""
        if self.closing:
            return
        try:
            payloads = self._frames.feed(data)
        except MalformedMessage as error:
            self.frameBroken(error)
            return
        for payload in payloads:
            if self.closing:
                return
            self.frameReceived(payload)

    def frameReceived(self, payload: bytes) -> None:
        """
        A whole frame arrived.  Subclasses implement it.

        @param payload: What the frame held.
        """
        raise NotImplementedError

    def frameBroken(self, error: MalformedMessage) -> None:
        """
        No frame will ever arrive any more: a length was bad.  Subclasses
        implement it and close the stream.

        @param error: What was bad; L{gamenet.errors.FrameTooLong} above the limit.
        """
        raise NotImplementedError

    def readerTooSlow(self) -> None:
        """
        More than C{write_limit} bytes wait for the other side.  Subclasses
        implement it and L{abort} the stream.
        """
        raise NotImplementedError

    def sendBytes(self, data: bytes) -> None:
        """
        Send bytes that are framed already.

        @param data: One or more whole frames; lost where the stream is closing.
        """
        if self.closing:
            return
        self._wire.write(data)
        if self._full:
            self._waiting += len(data)
            if self._waiting > self.write_limit:
                self.readerTooSlow()

    def close(self, last: bytes = b"") -> None:
        """
        Close the stream once everything written has left.

        A side that has stopped reading would never let that happen: towards
        it the stream is aborted.

        @param last: Bytes to send before, framed already.
        """
        if self.closing:
            return
        if self._full:
            self.abort()
            return
        self.closing = True
        if last:
            self._wire.write(last)
        self._wire.unregisterProducer()
        self._wire.loseConnection()

    def abort(self) -> None:
        """Close the stream now, whatever still waits."""
        self.closing = True
        self._wire.abortConnection()

    def pauseProducing(self) -> None:
        """The transport's buffer is full.  Called by the transport, at every write while it is."""
        if not self._full:
            self._full = True
            self._waiting = 0

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again.  Called by the transport."""
        self._full = False

    def stopProducing(self) -> None:
        """The stream is gone.  Called by the transport."""
        self.closing = True
