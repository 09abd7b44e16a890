"""
Frames on a stream: each message preceded by its length.

::

    0..3    length of the payload in bytes, big endian, 1 to the limit
    4..     the payload

A receiver knows the length before it has buffered anything, so it refuses a
frame that is too long at its first four bytes.  There is no way to find the
next frame after a bad length, so a stream that brought one stays broken.
"""

from __future__ import annotations

from gamenet.errors import FrameTooLong, LocalProtocolError, MalformedMessage

__all__ = ["FRAME_LIMIT", "FrameBuffer", "frame"]

#: The longest payload that is sent or accepted, in bytes, unless told otherwise.
FRAME_LIMIT = 65_536

_PREFIX = 4


def frame(payload: bytes, limit: int = FRAME_LIMIT) -> bytes:
    """
    Return a payload with its length before it, ready for a stream.

    @param payload: From 1 to C{limit} bytes.
    @param limit: What the receiver accepts, in bytes.
    @raise LocalProtocolError: It is empty or longer than that.
    """
    length = len(payload)
    if not 1 <= length <= limit:
        raise LocalProtocolError(f"a frame holds 1 to {limit} bytes, not {length}")
    return length.to_bytes(_PREFIX, "big") + payload


class FrameBuffer:
    """
    The receiving end of one stream: chunks of any size in, whole frames out.

    At most one unfinished frame is kept, so at most C{limit + 3} bytes stay
    buffered between calls.

    @ivar buffered: Bytes kept for a frame that is not whole yet.
    """

    __slots__ = ("_broken", "_buffer", "_limit")

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        """
        @param limit: The longest payload that is accepted, in bytes; from 1.
        @raise LocalProtocolError: The limit is below 1 or does not fit in the prefix.
        """
        if not 1 <= limit < 1 << 32:
            raise LocalProtocolError(f"a frame limit is from 1 to 2**32 - 1, not {limit}")
        self._limit = limit
        self._buffer = bytearray()
        self._broken: MalformedMessage | None = None

    @property
    def buffered(self) -> int:
        """Bytes kept for a frame that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next bytes of the stream.

        Called with each chunk as it arrives.

        @param data: Any number of bytes.
        @return: The payloads that became whole, in order; often none.
        @raise FrameTooLong: A prefix announces more than the limit.  Frames
            before it in the same chunk are lost with the stream.
        @raise MalformedMessage: A prefix announces an empty frame.
        """
        if self._broken is not None:
            raise type(self._broken)(*self._broken.args)
        buffer = self._buffer
        buffer += data
        payloads: list[bytes] = []
        start = 0
        while len(buffer) - start >= _PREFIX:
            begin = start + _PREFIX
            length = int.from_bytes(buffer[start:begin], "big")
            if not 1 <= length <= self._limit:
                raise self._break(length)
            end = begin + length
            if len(buffer) < end:
                break
            payloads.append(bytes(buffer[begin:end]))
            start = end
        # Cutting off the front moves nothing: a bytearray remembers where it begins.
        del buffer[:start]
        return payloads

    def _break(self, length: int) -> MalformedMessage:
        """Give the stream up for a length that cannot be, and return the reason."""
        if length == 0:
            self._broken = MalformedMessage("a frame is empty")
        else:
            self._broken = FrameTooLong(
                f"a frame of {length} bytes is announced, the limit is {self._limit}"
            )
        self._buffer = bytearray()
        return self._broken
