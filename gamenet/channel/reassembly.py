"""
Bytes that come in pieces, put in order.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import attrs

from gamenet.errors import RemoteProtocolError

__all__ = ["EARLY_LIMIT", "Reassembly"]

#: How many pieces may be here beyond a gap, and so how many a sender may have on their way.
EARLY_LIMIT = 4096


@attrs.define
class Reassembly:
    """
    What came in a row, and what came beyond a gap.

    @ivar begin: The offset of C{content}'s first byte; what was before it was taken.
    @ivar content: The bytes in a row.
    """

    begin: int = 0
    content: bytearray = attrs.field(factory=bytearray, repr=False)
    _early: dict[int, bytes] = attrs.field(factory=dict, repr=False)
    _starts: list[int] = attrs.field(factory=list, repr=False)
    _early_bytes: int = 0

    @property
    def end(self) -> int:
        """Up to which offset all is here, or was."""
        return self.begin + len(self.content)

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return len(self.content) + self._early_bytes

    def isNew(self, offset: int, content: bytes) -> bool:
        """
        Return whether a piece says anything new.

        @raise RemoteProtocolError: It is cut otherwise than what came, or there are too
            many pieces beyond a gap.
        """
        end = self.end
        stop = offset + len(content)
        if stop <= end:
            return False
        if offset < end:
            raise RemoteProtocolError(f"a piece from {offset} overlaps the {end} bytes before it")
        starts = self._starts
        if not starts:
            return True
        place = bisect_left(starts, offset)
        if place < len(starts) and starts[place] < stop:
            if starts[place] == offset and len(self._early[offset]) == len(content):
                return False
            raise RemoteProtocolError(f"a piece from {offset} overlaps the one after it")
        if place and starts[place - 1] + len(self._early[starts[place - 1]]) > offset:
            raise RemoteProtocolError(f"a piece from {offset} overlaps the one before it")
        if offset > end and len(starts) >= EARLY_LIMIT:
            raise RemoteProtocolError(f"more than {EARLY_LIMIT} pieces beyond a gap")
        return True

    def row(self, offset: int, content: bytes) -> bytes:
        """Return what a new piece adds to the bytes in a row: nothing beyond a gap."""
        if offset != self.end:
            return b""
        if not self._starts:
            return content
        row = [content]
        stop = offset + len(content)
        while stop in self._early:
            row.append(self._early[stop])
            stop += len(row[-1])
        return b"".join(row)

    def add(self, offset: int, content: bytes) -> None:
        """Take a new piece."""
        if offset != self.end:
            self._early[offset] = content
            insort(self._starts, offset)
            self._early_bytes += len(content)
            return
        self.content += content
        count = 0
        while (early := self._early.pop(self.end, None)) is not None:
            self.content += early
            self._early_bytes -= len(early)
            count += 1
        del self._starts[:count]

    def take(self, count: int) -> bytes:
        """Take out the first bytes."""
        taken = bytes(self.content[:count])
        del self.content[:count]
        self.begin += count
        return taken
