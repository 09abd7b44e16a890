"""
The one random number generator: for worlds, tests and games.

It is PCG32 (O'Neill, "PCG: A Family of Simple Fast Space-Efficient
Statistically Good Algorithms for Random Number Generation", 2014, the
XSH RR 64/32 variant): integers only, so it gives the same numbers on every
Python and every machine, and its whole state is 16 bytes, small enough to live
in a game's snapshot.  It is not for secrets.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from hashlib import blake2b
from typing import TypeVar

__all__ = ["SeededRandom"]

_T = TypeVar("_T")

_MULTIPLIER = 6364136223846793005
_MASK_64 = (1 << 64) - 1
_MASK_32 = (1 << 32) - 1


class SeededRandom:
    """
    A PCG32 stream.

    @ivar _state: The 64-bit state.
    @ivar _increment: The odd 64-bit increment that selects the stream.
    """

    __slots__ = ("_increment", "_state")

    def __init__(self, seed: int, stream: int = 0) -> None:
        """
        @param seed: Any integer; its lowest 64 bits count.
        @param stream: Which of 2**63 independent sequences.
        """
        self._increment = ((stream << 1) | 1) & _MASK_64
        self._state = 0
        self.bits32()
        self._state = (self._state + seed) & _MASK_64
        self.bits32()

    @classmethod
    def fromLabel(cls, seed: int, label: str) -> SeededRandom:
        """
        Return the generator that belongs to C{label} within C{seed}.

        Different labels give unrelated streams, so one part of a world can
        draw more numbers without changing what another part sees.
        """
        digest = blake2b(f"{seed}/{label}".encode(), digest_size=16).digest()
        return cls(int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big"))

    def bits32(self) -> int:
        """Return the next 32 bits, as an integer from 0 to 2**32 - 1."""
        old = self._state
        self._state = (old * _MULTIPLIER + self._increment) & _MASK_64
        shifted = (((old >> 18) ^ old) >> 27) & _MASK_32
        rotation = old >> 59
        return ((shifted >> rotation) | (shifted << (-rotation & 31))) & _MASK_32

    def below(self, limit: int) -> int:
        """
        Return an integer from 0 to C{limit - 1}, all equally likely.

        @param limit: From 1 to 2**32.
        @raise ValueError: C{limit} is outside of that.
        """
        if not 1 <= limit <= 1 << 32:
            raise ValueError(f"limit must be from 1 to 2**32, not {limit}")
        threshold = (1 << 32) % limit
        while True:
            drawn = self.bits32()
            if drawn >= threshold:
                return drawn % limit

    def between(self, lowest: int, highest: int) -> int:
        """Return an integer from C{lowest} to C{highest}, both included."""
        return lowest + self.below(highest - lowest + 1)

    def unit(self) -> float:
        """Return a float from 0.0 up to, but not including, 1.0 (32 bits of it)."""
        return self.bits32() / 4294967296.0

    def uniform(self, lowest: float, highest: float) -> float:
        """Return a float from C{lowest} up to, but not including, C{highest}."""
        return lowest + (highest - lowest) * self.unit()

    def chance(self, probability: float) -> bool:
        """Return whether something that happens with C{probability} (0.0 to 1.0) happened."""
        return self.unit() < probability

    def choice(self, options: Sequence[_T]) -> _T:
        """
        Return one of C{options}, all equally likely.

        @raise ValueError: There are none.
        """
        return options[self.below(len(options))]

    def shuffle(self, items: MutableSequence[_T]) -> None:
        """Put C{items} into a random order, in place (Fisher and Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def drawBytes(self, count: int) -> bytes:
        """Return C{count} bytes."""
        words = (count + 3) // 4
        return b"".join(self.bits32().to_bytes(4, "big") for _ in range(words))[:count]

    def save(self) -> bytes:
        """Return the state, 16 bytes that L{load} understands."""
        return self._state.to_bytes(8, "big") + self._increment.to_bytes(8, "big")

    def load(self, snapshot: bytes) -> None:
        """
        Go back to the state that C{snapshot} was taken of.

        @raise ValueError: It is not 16 bytes, or not a state of this generator.
        """
        if len(snapshot) != 16 or not snapshot[15] & 1:
            raise ValueError("not a SeededRandom snapshot")
        self._state = int.from_bytes(snapshot[:8], "big")
        self._increment = int.from_bytes(snapshot[8:], "big")
