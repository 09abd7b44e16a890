"""
One stream of messages, at its two ends.
"""

from __future__ import annotations

from collections import deque
from struct import Struct

import attrs

from gamenet.channel.errors import SendQueueFull
from gamenet.channel.outgoing_pieces import OutgoingPieces
from gamenet.channel.reassembly import Reassembly
from gamenet.channel.settings import ChannelSettings
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.wire.channel_values import FIRST_WINDOW, Piece, Window

__all__ = ["IncomingStream", "OutgoingStream"]

_LENGTH = Struct(">I")


@attrs.define
class OutgoingStream:
    """
    Messages on their way.  What is acknowledged is forgotten.

    @ivar stream: Which stream it is.
    @ivar limit: Before which offset the receiver takes bytes.
    """

    stream: int
    _settings: ChannelSettings
    limit: int = FIRST_WINDOW
    _pieces: OutgoingPieces = attrs.field(factory=OutgoingPieces)
    _begin: int = 0
    _content: bytearray = attrs.field(factory=bytearray, repr=False)
    _ends: deque[int] = attrs.field(factory=deque, repr=False)

    @property
    def idle(self) -> bool:
        """Whether all is acknowledged."""
        return not self._content

    @property
    def queued(self) -> int:
        """How many bytes wait to be acknowledged."""
        return len(self._content)

    def send(self, message: bytes) -> None:
        """
        Queue a message.

        @raise SendQueueFull: Too much waits already.
        @raise LocalProtocolError: It is too long, or no C{bytes}.
        """
        settings = self._settings
        if type(message) is not bytes or len(message) > settings.message_limit:
            raise LocalProtocolError(f"a message of more than {settings.message_limit} bytes")
        size = len(self._content) + len(message) + _LENGTH.size
        if size > settings.queue_limit or len(self._ends) >= settings.queue_messages:
            raise SendQueueFull(
                f"stream {self.stream}: {len(self._ends)} messages with {len(self._content)} bytes"
                " wait to be acknowledged"
            )
        self._content += _LENGTH.pack(len(message))
        self._content += message
        self._ends.append(self._begin + size)

    def isDue(self) -> bool:
        """Return whether something is to be sent."""
        return self._pieces.isDue(min(self.limit, self._begin + len(self._content)))

    def take(self, room: int) -> Piece | None:
        """Return the next piece to be sent, with at most C{room} bytes of content."""
        taken = self._pieces.take(room, min(self.limit, self._begin + len(self._content)))
        if taken is None:
            return None
        offset, length = taken
        begin = offset - self._begin
        return Piece(self.stream, offset, bytes(self._content[begin : begin + length]))

    def acknowledged(self, offset: int, length: int) -> None:
        """A piece has come."""
        self._pieces.acknowledged(offset, length)
        begin = self._pieces.begin
        if begin > self._begin:
            del self._content[: begin - self._begin]
            self._begin = begin
            while self._ends and self._ends[0] <= begin:
                self._ends.popleft()

    def lost(self, offset: int, length: int) -> None:
        """A piece has to go again."""
        self._pieces.lost(offset, length)


@attrs.define
class IncomingStream:
    """
    Messages that come, until they are taken.

    @ivar stream: Which stream it is.
    @ivar _walked: The offset of the first length that is not here, or not looked at.
    @ivar _announced: Up to where the sender was told that it may go.
    """

    stream: int
    _settings: ChannelSettings
    _bytes: Reassembly = attrs.field(factory=Reassembly)
    _walked: int = 0
    _announced: int = FIRST_WINDOW

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return self._bytes.size

    def check(self, piece: Piece) -> None:
        """
        Look at a piece without taking it.

        @raise RemoteProtocolError: It goes too far, overlaps another, or a message is too
            long.
        """
        offset, content = piece.offset, piece.content
        if offset + len(content) > self._announced:
            raise RemoteProtocolError(f"a piece from {offset} beyond the window {self._announced}")
        if self._bytes.isNew(offset, content):
            self._walk(offset, content)

    def add(self, piece: Piece) -> None:
        """Take a piece that was looked at."""
        if self._bytes.isNew(piece.offset, piece.content):
            self._walked = self._walk(piece.offset, piece.content)
            self._bytes.add(piece.offset, piece.content)

    def take(self) -> list[bytes]:
        """Return the messages that are here whole, in order, and forget them."""
        received = self._bytes
        messages: list[bytes] = []
        content = received.content
        position, size = 0, len(content)
        while position + _LENGTH.size <= size:
            length = _LENGTH.unpack_from(content, position)[0]
            end = position + _LENGTH.size + length
            if end > size:
                break
            messages.append(bytes(content[position + _LENGTH.size : end]))
            position = end
        if position:
            received.take(position)
        return messages

    def windowDue(self) -> bool:
        """Return whether the sender is to be told that it may go further."""
        more = self._limit() - self._announced
        if more <= 0 or not self._bytes.end:
            return False
        waits = self._walked + _LENGTH.size > self._announced
        return waits or more >= self._settings.receive_window // 4

    def window(self) -> Window:
        """Return what the sender is told."""
        self._announced = self._limit()
        return Window(self.stream, self._announced)

    def _limit(self) -> int:
        """Return how far the sender may go now."""
        return self._bytes.begin + self._settings.receive_window

    def _walk(self, offset: int, content: bytes) -> int:
        """
        Go from length to length through what a new piece brings.

        @return: Where the next length is that is not here.
        @raise RemoteProtocolError: One is too long.
        """
        walked = self._walked
        row = self._bytes.row(offset, content)
        end = offset + len(row)
        if not row or walked + _LENGTH.size > end:
            return walked
        if walked < offset:
            row = bytes(self._bytes.content[walked - self._bytes.begin :]) + row
        start = end - len(row)
        while walked + _LENGTH.size <= end:
            length = _LENGTH.unpack_from(row, walked - start)[0]
            if length > self._settings.message_limit:
                raise RemoteProtocolError(f"a message of {length} bytes in stream {self.stream}")
            walked += _LENGTH.size + length
        return walked
