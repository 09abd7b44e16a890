"""
How long the way to the other end and back takes (RFC 6298, RFC 9002 section 5).
"""

from __future__ import annotations

import attrs

__all__ = ["RoundTrip"]

#: What timers and clocks may be wrong by, in seconds.
_GRANULARITY = 0.001


@attrs.define
class RoundTrip:
    """
    The estimate of one path.

    @ivar smoothed: The mean round trip, in seconds; an assumption until C{measured}.
    @ivar deviation: Its mean deviation.
    @ivar lowest: The lowest one.
    @ivar latest: The last one.
    @ivar measured: Whether there was one.
    """

    smoothed: float
    deviation: float = 0.0
    lowest: float = 0.0
    latest: float = 0.0
    measured: bool = False

    def sample(self, seconds: float, waited: float) -> None:
        """
        Take a measurement.

        @param seconds: From sending a packet to hearing that it came.
        @param waited: How much of that the other end says that it waited.
        """
        seconds = max(seconds, 1e-6)
        if not self.measured:
            self.measured = True
            self.smoothed = self.lowest = self.latest = seconds
            self.deviation = seconds / 2
            return
        self.lowest = min(self.lowest, seconds)
        if seconds - waited >= self.lowest:
            seconds -= waited
        self.latest = seconds
        self.deviation += (abs(seconds - self.smoothed) - self.deviation) / 4
        self.smoothed += (seconds - self.smoothed) / 8

    @property
    def lossDelay(self) -> float:
        """After how many seconds something is lost where something later has come."""
        return max(1.125 * max(self.smoothed, self.latest), _GRANULARITY)

    @property
    def timeout(self) -> float:
        """After how many seconds without an answer the other end is asked again."""
        if not self.measured:
            return 2 * self.smoothed
        return self.smoothed + max(4 * self.deviation, _GRANULARITY)
