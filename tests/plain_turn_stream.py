"""
The plain TURN client over TCP or TLS: a blocking stream that looks like a datagram socket.
"""

from __future__ import annotations

import socket
import ssl

from gamenet.interfaces import Address
from tests.plain_turn_client import PlainTurnClient

__all__ = ["FramedStream", "PlainStreamClient", "PlainTlsClient"]


class FramedStream:
    """
    Sends and receives whole STUN messages and ChannelData.
    """

    def __init__(self, relay: Address, tls: bool) -> None:
        """Connect, with TLS that believes every certificate."""
        plain = socket.create_connection(relay, timeout=10)
        self._stream: socket.socket = plain
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self._stream = context.wrap_socket(plain)
        self._stream.settimeout(1)
        self._rest = b""

    def send(self, message: bytes) -> None:
        """Send a message, padded as streams want it."""
        self._stream.sendall(message + bytes(-len(message) % 4))

    def recv(self, limit: int) -> bytes:
        """
        Return a message, with its padding.

        @raise TimeoutError: None came within a second.
        @raise EOFError: The relay closed the stream.
        """
        while not (length := self._length()) or len(self._rest) < length:
            data = self._stream.recv(limit)
            if not data:
                raise EOFError("the relay closed the stream")
            self._rest += data
        message, self._rest = self._rest[:length], self._rest[length:]
        return message

    def _length(self) -> int:
        """Return how long the message is that has begun, 0 for one that has not."""
        if len(self._rest) < 4:
            return 0
        length = int.from_bytes(self._rest[2:4], "big")
        return 20 + length if self._rest[0] < 0x40 else 4 + length + -length % 4

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class PlainStreamClient(PlainTurnClient):
    """
    A client whose every call waits for its answer.

    @cvar tls: Whether it speaks TLS.
    """

    tls = False

    def __init__(self, relay: Address, username: str, password: str) -> None:
        """Connect."""
        PlainTurnClient.__init__(self, relay, username, password)
        self.socket.close()
        self.socket = FramedStream(relay, self.tls)  # type: ignore[assignment]


class PlainTlsClient(PlainStreamClient):
    """A client over TLS."""

    tls = True
