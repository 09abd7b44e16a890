"""
How many Binding answers an address gets.

Whoever asks seldom is always answered; a flood under one address, most likely
forged, ends in silence for the rest of the second.  The memory is bounded.
"""

from __future__ import annotations

import hmac
from array import array
from math import floor

from attrs import define, field

from gamenet.bounds import wholeNumber
from gamenet.wire.source_network import sourceNetwork

__all__ = ["BINDINGS_PER_SECOND", "SOURCES_COUNTED", "BindingBudget"]

#: Binding answers that every address gets in a second.
BINDINGS_PER_SECOND = 2000

#: Sources that are counted one by one in a second; further ones share counters.
SOURCES_COUNTED = 4096

#: Above every network, so that products spread all over it.
_PRIME = (1 << 89) - 1
#: Counters in each of the two rows, a power of two.
_ROW = 16_384


@define(eq=False)
class BindingBudget:
    """
    Counts answers in each second of the clock.

    The first L{SOURCES_COUNTED} sources of a second have a counter each.  Further ones,
    most likely forged, are counted in two rows of counters, at places that follow from the
    address and from a key of that second alone.  Such an address is silenced when both its
    counters are full: an innocent one only in a second in which it meets floods at
    both places.

    An IPv6 address counts as its /64.

    @ivar key: At least 16 unpredictable bytes.
    @ivar limit: Answers that an address gets in a second, at most 65535.
    """

    key: bytes = field(repr=False)
    limit: int = field(default=BINDINGS_PER_SECOND, validator=wholeNumber(1, 65_535))
    _ends: float = field(init=False, repr=False, default=0.0)
    _counts: dict[str, int] = field(init=False, repr=False, factory=dict)
    _rows: tuple[array[int], array[int]] | None = field(init=False, repr=False, default=None)
    _factor: int = field(init=False, repr=False, default=0)
    _summand: int = field(init=False, repr=False, default=0)

    def take(self, host: str, now: float) -> bool:
        """
        Take one answer, if there is one.

        @param host: Whom the answer would go to, numeric.
        @param now: Seconds, monotonic, not below 0.
        @return: Whether to answer.
        """
        if now >= self._ends:
            self._ends = floor(now) + 1.0
            self._counts.clear()
            self._rows = None
        if ":" in host:
            host = sourceNetwork(host).hex()
        counts = self._counts
        count = counts.get(host, 0)
        if count:
            if count >= self.limit:
                return False
        elif len(counts) >= SOURCES_COUNTED:
            return self._count(self._rows or self._makeRows(), host)
        counts[host] = count + 1
        return True

    def _makeRows(self) -> tuple[array[int], array[int]]:
        digest = hmac.digest(self.key, str(self._ends).encode(), "sha256")
        self._factor = int.from_bytes(digest[:16], "big") % (_PRIME - 1) + 1
        self._summand = int.from_bytes(digest[16:], "big")
        self._rows = rows = array("H", bytes(2 * _ROW)), array("H", bytes(2 * _ROW))
        return rows

    def _count(self, rows: tuple[array[int], array[int]], host: str) -> bool:
        first, second = rows
        network = int.from_bytes(host.encode(), "big") % _PRIME
        spread = (self._factor * network + self._summand) % _PRIME
        here = spread % _ROW
        there = (spread >> 40) % _ROW
        count = min(first[here], second[there])
        if count == self.limit:
            return False
        # The higher of the two counts somebody else as well: it is left to them.
        if first[here] == count:
            first[here] += 1
        if second[there] == count:
            second[there] += 1
        return True
