"""
STUN and ChannelData messages on a stream (RFC 8489, section 6.2.2; RFC 8656, section 12.5).

Each tells its length at its beginning, and ChannelData is padded to four bytes.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.stun import HEADER_LENGTH
from gamenet.wire.turn import CHANNEL_DATA_HEADER

__all__ = ["LONGEST_STREAM_MESSAGE", "TurnStreamDecoder", "padForStream"]

#: The longest message that there can be: a STUN message of 65 535 bytes behind its header.
LONGEST_STREAM_MESSAGE = HEADER_LENGTH + 65_535

_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


def padForStream(message: bytes) -> bytes:
    """Return a message as it goes over a stream: ChannelData padded, with zeros."""
    return message + _PADDING[len(message) & 3]


@define(eq=False)
class TurnStreamDecoder:
    """
    Cuts a stream into messages.  Keeps no more than one of them.

    @ivar limit: The longest message that is taken, in bytes, padding not counted; may be
        changed between two calls.
    """

    limit: int = LONGEST_STREAM_MESSAGE
    _buffer: bytearray = field(init=False, factory=bytearray, repr=False)
    _broken: bool = field(init=False, default=False)

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take what came.

        @return: The messages that are whole now, without padding.
        @raise MalformedMessage: A message begins as none can, or is longer than the limit.
            What was whole before it is lost with it: nothing on such a stream is to be believed.
        @raise LocalProtocolError: That has happened before.
        """
        if self._broken:
            raise LocalProtocolError("the stream is broken")
        buffer = self._buffer
        buffer += data
        messages = []
        start = 0
        end = len(buffer)
        while end - start >= CHANNEL_DATA_HEADER:
            size = self._sizeAt(start)
            following = start + size + (-size & 3)
            if following > end:
                break
            messages.append(bytes(buffer[start : start + size]))
            start = following
        del buffer[:start]
        return messages

    def _sizeAt(self, start: int) -> int:
        """Return the size of the message that begins at C{start}, without padding."""
        first = self._buffer[start]
        size = self._buffer[start + 2] << 8 | self._buffer[start + 3]
        if first < 0x40:
            if size & 3:
                self._fail(f"a STUN length of {size}")
            size += HEADER_LENGTH
        elif first < 0x80:
            size += CHANNEL_DATA_HEADER
        else:
            self._fail(f"no message begins with {first:#04x}")
        if size > self.limit:
            self._fail(f"a message of {size} bytes where {self.limit} are taken")
        return size

    def _fail(self, why: str) -> None:
        self._broken = True
        self._buffer.clear()
        raise MalformedMessage(why)
