"""
Which numbers have come.
"""

from __future__ import annotations

import attrs

__all__ = ["ReceivedNumbers"]


@attrs.define
class ReceivedNumbers:
    """
    Numbers that came, as at most C{limit} ranges; all below the lowest range kept count
    as come once one had to be forgotten.

    @ivar limit: The most ranges.
    """

    limit: int = 64
    _ranges: list[list[int]] = attrs.field(factory=list)
    _floor: int = 0

    @property
    def largest(self) -> int:
        """The largest one, 0 if none came."""
        return self._ranges[-1][1] if self._ranges else 0

    def __contains__(self, number: int) -> bool:
        if number > self.largest:
            return False
        if number < self._floor:
            return True
        for low, high in reversed(self._ranges):
            if number > high:
                return False
            if number >= low:
                return True
        return False

    def add(self, number: int) -> None:
        """Note one that is not in here."""
        ranges = self._ranges
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
            return
        place = len(ranges)
        while place and ranges[place - 1][0] > number:
            place -= 1
        below = place > 0 and ranges[place - 1][1] == number - 1
        above = place < len(ranges) and ranges[place][0] == number + 1
        if below and above:
            ranges[place - 1][1] = ranges.pop(place)[1]
        elif below:
            ranges[place - 1][1] = number
        elif above:
            ranges[place][0] = number
        else:
            ranges.insert(place, [number, number])
            if len(ranges) > self.limit:
                self._floor = ranges.pop(0)[1] + 1

    def topmost(self, count: int) -> tuple[tuple[int, int], ...]:
        """Return the first and the last number of the topmost ranges, the topmost first."""
        return tuple([(low, high) for low, high in self._ranges[: -count - 1 : -1]])
