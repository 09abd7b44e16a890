"""
What has come, and when the other end is to be told.
"""

from __future__ import annotations

import attrs

from gamenet.channel.received_numbers import ReceivedNumbers
from gamenet.wire.channel_frames import encodeAcknowledgement
from gamenet.wire.channel_values import RANGES_LIMIT, Acknowledgement

__all__ = ["Receipts"]


@attrs.define
class Receipts:
    """
    The packets that came.

    @ivar after: For how many seconds an acknowledgement may wait.
    @ivar every: For how many packets it may wait.
    @ivar due_at: When one is due, C{None} for never.
    """

    after: float
    every: int
    due_at: float | None = None
    _numbers: ReceivedNumbers = attrs.field(factory=ReceivedNumbers)
    _waiting: int = 0
    _largest_at: float = 0.0

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def repeated(self, now: float) -> None:
        """A packet came again: perhaps the other end has not heard that it did."""
        self.due_at = now

    def add(self, number: int, now: float) -> None:
        """A packet came for the first time; a gap is told of at once."""
        largest = self._numbers.largest
        self._numbers.add(number)
        if number > largest:
            self._largest_at = now
        self._waiting += 1
        if number != largest + 1 or self._waiting >= self.every:
            self.due_at = now
        elif self.due_at is None:
            self.due_at = now + self.after

    def take(self, now: float) -> bytes:
        """Return an acknowledgement of all that came; none is due afterwards."""
        self.due_at = None
        self._waiting = 0
        ranges = self._numbers.topmost(RANGES_LIMIT + 1)
        received_at = int(self._largest_at * 1e6) & 0xFFFFFFFF
        waited = now - self._largest_at
        return encodeAcknowledgement(Acknowledgement(ranges, waited, received_at))
