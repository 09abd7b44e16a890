"""
The receiving side of one transfer.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.wire.transfer_packets import CHUNK_BYTES, RECEIPT_BITS, Chunk, Offer, Receipt

__all__ = ["IncomingTransfer"]


@attrs.define
class IncomingTransfer:
    """
    What was offered, and what of it has come.  Takes no more memory than has come.

    @ivar offer: The L{Offer}.
    @ivar progress_at: When something new came last.
    @ivar receipt_due: Whether the sender is to be told what is here.
    """

    offer: Offer
    progress_at: float
    receipt_due: bool = True
    _content: bytearray = attrs.field(factory=bytearray, init=False, repr=False)
    _count: int = attrs.field(default=0, init=False)
    _early: dict[int, bytes] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.offer.size // CHUNK_BYTES)

    @property
    def complete(self) -> bool:
        """Whether every chunk is here."""
        return self._count == self.chunks

    @property
    def portion(self) -> float:
        """How much is here, from 0 to 1."""
        return self._count / self.chunks if self.offer.size else 1.0

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return len(self._content) + sum(map(len, self._early.values()))

    @property
    def reserved(self) -> int:
        """How many bytes may be here soon: those that are, and a window more."""
        return min(self.offer.size, self.size + RECEIPT_BITS * CHUNK_BYTES)

    def chunkReceived(self, chunk: Chunk, now: float) -> None:
        """
        Take a chunk; one that is here already says nothing new.

        @raise RemoteProtocolError: There is no such chunk, or its length is wrong,
            or it is too far ahead, or it is another than the one that is here.
        """
        index = chunk.index
        if not index < self.chunks or index > self._count + RECEIPT_BITS:
            raise RemoteProtocolError(f"chunk {index} of {self.chunks} while at {self._count}")
        begin = index * CHUNK_BYTES
        if len(chunk.content) != min(CHUNK_BYTES, self.offer.size - begin):
            raise RemoteProtocolError(f"chunk {index} has {len(chunk.content)} bytes")
        self.receipt_due = True
        if index < self._count:
            return
        if self._early.setdefault(index, chunk.content) != chunk.content:
            raise RemoteProtocolError(f"chunk {index} came with two contents")
        self.progress_at = now
        while self._count in self._early:
            self._content += self._early.pop(self._count)
            self._count += 1

    def receipt(self) -> Receipt:
        """Return what the sender is told."""
        self.receipt_due = False
        bitmap = 0
        for index in self._early:
            bitmap |= 1 << (index - self._count - 1)
        return Receipt(self.offer.purpose, self.offer.number, self._count, bitmap)

    def content(self) -> bytes:
        """Return what came, in one piece."""
        return bytes(self._content)
