"""
One large transfer, at its two ends.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b

import attrs

from gamenet.channel.outgoing_pieces import OutgoingPieces
from gamenet.channel.reassembly import Reassembly
from gamenet.errors import RemoteProtocolError
from gamenet.wire.channel_values import CHECKSUM_BYTES, Chunk, Offer

__all__ = [
    "IncomingTransfer",
    "OutgoingTransfer",
    "TransferArrived",
    "TransferEnded",
    "TransferFailed",
    "TransferFailure",
    "TransferSent",
    "contentChecksum",
]


class TransferFailure(Enum):
    """Why a transfer failed."""

    #: Nothing of it went on for too long.
    TIMED_OUT = "timed out"
    #: The receiver accepts nothing as large.
    TOO_LARGE = "too large"
    #: The receiver was receiving too much.
    BUSY = "busy"
    #: What came is not what was offered.
    WRONG_CHECKSUM = "wrong checksum"
    #: The other side gave it up, or does not want it.
    GIVEN_UP = "given up"


@attrs.frozen
class TransferArrived:
    """
    A content that came whole, and has its checksum.

    @ivar label: What it is for.
    @ivar header: What the sender said of it beforehand.
    @ivar content: The bytes.
    """

    label: int
    header: bytes
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class TransferSent:
    """
    A content of ours has come whole at the other end.

    @ivar label: What it was for.
    """

    label: int


@attrs.frozen
class TransferFailed:
    """
    A transfer has ended without its content.

    @ivar label: What it was for.
    @ivar reason: Why.
    @ivar sending: Whether it was ours to send.
    """

    label: int
    reason: TransferFailure
    sending: bool


#: How a transfer ends.
TransferEnded = TransferArrived | TransferSent | TransferFailed


def contentChecksum(content: bytes) -> bytes:
    """Return BLAKE2b-128 of a content."""
    return blake2b(content, digest_size=CHECKSUM_BYTES).digest()


@attrs.define
class OutgoingTransfer:
    """
    A content on its way.

    @ivar offer: What the receiver is told first.
    @ivar progress_at: When something of it was answered or acknowledged last.
    @ivar ended: Whether it is over; what is on its way of it goes not again.
    @ivar window: How many bytes may be beyond those acknowledged in a row; C{None} until
        the offer was accepted.
    """

    offer: Offer
    content: bytes = attrs.field(repr=False)
    progress_at: float
    window: int | None = None
    ended: bool = False
    _noted: int = 0
    _pieces: OutgoingPieces = attrs.field(factory=OutgoingPieces)

    @property
    def portion(self) -> float:
        """How much is there, from 0 to 1."""
        return self._pieces.acknowledged_bytes / self.offer.size if self.offer.size else 0.0

    def noteProgress(self, now: float) -> None:
        """Note when, if more has been acknowledged than the last time."""
        if self._pieces.acknowledged_bytes > self._noted:
            self._noted = self._pieces.acknowledged_bytes
            self.progress_at = now

    def isDue(self) -> bool:
        """Return whether something is to be sent."""
        return self.window is not None and self._pieces.isDue(self._end())

    def take(self, room: int) -> Chunk | None:
        """Return the next chunk to be sent, with at most C{room} bytes of content."""
        if self.window is None:
            return None
        taken = self._pieces.take(room, self._end())
        if taken is None:
            return None
        offset, length = taken
        return Chunk(self.offer.transfer, offset, self.content[offset : offset + length])

    def acknowledged(self, offset: int, length: int) -> None:
        """A chunk has come."""
        self._pieces.acknowledged(offset, length)

    def lost(self, offset: int, length: int) -> None:
        """A chunk has to go again."""
        if not self.ended:
            self._pieces.lost(offset, length)

    def _end(self) -> int:
        """Return before which offset chunks may be sent now."""
        assert self.window is not None
        return min(self.offer.size, self._pieces.begin + self.window)


@attrs.define
class IncomingTransfer:
    """
    A content that comes.  Takes no more memory than what has come.

    @ivar offer: What was offered.
    @ivar window: How many bytes beyond those in a row are taken.
    @ivar progress_at: When something new came last.
    """

    offer: Offer
    window: int
    progress_at: float
    _bytes: Reassembly = attrs.field(factory=Reassembly)

    @property
    def complete(self) -> bool:
        """Whether all is here."""
        return self._bytes.end == self.offer.size

    @property
    def portion(self) -> float:
        """How much is here, from 0 to 1."""
        return self._bytes.end / self.offer.size if self.offer.size else 1.0

    def isNew(self, chunk: Chunk) -> bool:
        """
        Return whether a chunk says anything new.

        @raise RemoteProtocolError: It goes beyond the content or the window, or is cut
            otherwise than what came.
        """
        end = chunk.offset + len(chunk.content)
        if end > min(self.offer.size, self._bytes.end + self.window):
            raise RemoteProtocolError(
                f"a chunk to {end} of {self.offer.size} bytes while at {self._bytes.end}"
            )
        return self._bytes.isNew(chunk.offset, chunk.content)

    def add(self, chunk: Chunk, now: float) -> None:
        """Take a new chunk."""
        self._bytes.add(chunk.offset, chunk.content)
        self.progress_at = now

    def content(self) -> bytes:
        """Return what came, in one piece; and keep it no longer."""
        return self._bytes.take(self.offer.size)
