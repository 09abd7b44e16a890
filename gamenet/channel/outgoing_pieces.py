"""
Which bytes are on their way, in pieces.
"""

from __future__ import annotations

from heapq import heappop, heappush

import attrs

from gamenet.channel.reassembly import EARLY_LIMIT

__all__ = ["OutgoingPieces"]


@attrs.define
class OutgoingPieces:
    """
    What of some bytes was sent, lost and acknowledged.  A piece that is lost goes again as
    it was, so that the receiver never has to put overlapping ones together.

    @ivar begin: Up to where all is acknowledged.
    @ivar next: The first byte that was never sent.
    @ivar acknowledged_bytes: How many are acknowledged.
    """

    begin: int = 0
    next: int = 0
    acknowledged_bytes: int = 0
    _count: int = 0
    _landed: dict[int, int] = attrs.field(factory=dict, repr=False)
    _lost: list[tuple[int, int]] = attrs.field(factory=list, repr=False)

    def isDue(self, end: int) -> bool:
        """Return whether something before C{end} is to be sent."""
        return bool(self._lost) or (self.next < end and self._count < EARLY_LIMIT)

    def take(self, room: int, end: int) -> tuple[int, int] | None:
        """
        Return the next piece to be sent: its offset and its length.

        @param room: How long it may be.
        @param end: Before which offset there is something that may be sent.
        @return: C{None} if there is none, or it does not fit.
        """
        if self._lost:
            return heappop(self._lost) if self._lost[0][1] <= room else None
        length = min(room, end - self.next)
        if length <= 0 or self._count >= EARLY_LIMIT:
            return None
        offset = self.next
        self.next += length
        self._count += 1
        return offset, length

    def acknowledged(self, offset: int, length: int) -> None:
        """A piece has come."""
        self.acknowledged_bytes += length
        landed = self._landed
        landed[offset] = length
        while (size := landed.pop(self.begin, None)) is not None:
            self.begin += size
            self._count -= 1

    def lost(self, offset: int, length: int) -> None:
        """A piece has to go again."""
        heappush(self._lost, (offset, length))
