"""
Decisions read from bytes, so that a fuzzer which only knows bytes can make them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from attrs import define, field

__all__ = ["Choices"]

_Item = TypeVar("_Item")


@define(eq=False)
class Choices:
    """
    Reads decisions until the bytes are at their end; from there on every one is 0.

    @ivar data: The bytes.
    """

    data: bytes
    _place: int = field(init=False, default=0)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be read."""
        return self._place >= len(self.data)

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to C{limit - 1}."""
        size = 1 if limit <= 256 else 2
        return int.from_bytes(self.take(size).ljust(size, b"\0"), "big") % limit

    def take(self, count: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        taken = self.data[self._place : self._place + count]
        self._place += count
        return taken

    def of(self, items: Sequence[_Item]) -> _Item:
        """Return one of some items."""
        return items[self.below(len(items))]
