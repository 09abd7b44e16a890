"""
How long packets wait on their way, beyond what the way itself takes.
"""

from __future__ import annotations

from collections import deque

import attrs

__all__ = ["BASE_SPAN", "QueueDelay"]

#: For how many seconds the shortest way is remembered: longer than what passes between two
#: drains, short enough that two clocks drift apart by less than a millisecond (100 ppm).
BASE_SPAN = 8.0

_SLOTS = 8
_HALF = 1 << 31
_MASK = (1 << 32) - 1


@attrs.define
class _Lowest:
    """The lowest of the values of the last seconds."""

    _slots: deque[tuple[int, float]] = attrs.field(factory=deque)

    def add(self, value: float, now: float) -> float:
        """Take a value; return the lowest."""
        slot = int(now * _SLOTS / BASE_SPAN)
        slots = self._slots
        if slots and slots[-1][0] == slot:
            if value < slots[-1][1]:
                slots[-1] = (slot, value)
        else:
            slots.append((slot, value))
            while slots[0][0] <= slot - _SLOTS:
                slots.popleft()
        return min([lowest for _, lowest in slots])


@attrs.define
class QueueDelay:
    """
    The queue on the path from here to the other end, measured twice: by when packets arrive
    on the other end's clock, which knows nothing of the way back, and by round trips, which
    know nothing of clocks that drift.  Whichever is less is believed.

    @ivar latest: What the last packet met, in seconds.
    @ivar standing: The least that any met lately: bursts, late timers and jitter do not count.
    @ivar variation: By how much C{latest} changes from one measurement to the next: jitter,
        where it is large.
    @ivar round_trip: The shortest round trip of the last L{BASE_SPAN} seconds.
    """

    latest: float = 0.0
    standing: float = 0.0
    variation: float = 0.0
    round_trip: float = 0.0
    _reference: int | None = None
    _one_way: _Lowest = attrs.field(factory=_Lowest)
    _round_trips: _Lowest = attrs.field(factory=_Lowest)
    _last: float = 0.0
    _former: float = 0.0
    _current: float = 1e9
    _turn_at: float = -1e9

    def sample(self, sent_at: float, received_at: int, round_trip: float, now: float) -> None:
        """
        Take a measurement.

        @param sent_at: When the packet was sent, in seconds of our clock.
        @param received_at: When it came, in microseconds of theirs modulo 2**32.
        @param round_trip: How long it took until we knew, without what it had to wait there.
        @param now: The time, in seconds.
        """
        difference = received_at - int(sent_at * 1e6)
        if self._reference is None:
            self._reference = difference
        one_way = ((difference - self._reference + _HALF & _MASK) - _HALF) * 1e-6
        shortest = self._one_way.add(one_way, now)
        self.round_trip = self._round_trips.add(round_trip, now)
        self.latest = latest = min(one_way - shortest, round_trip - self.round_trip)
        self.variation += (abs(latest - self._last) - self.variation) / 32
        self._last = latest
        if now - self._turn_at >= 0.25 * round_trip:
            self._turn_at = now
            self._former, self._current = self._current, latest
        elif latest < self._current:
            self._current = latest
        self.standing = min(self._former, self._current)
