"""
The offset of another player's clock from ours, as a decision.

Each answer to a path check tells three times: ours when the check left, theirs when it
came, ours when the answer came.  The first two differ by the offset and the way there,
the last two by the offset and the way back.  Neither way takes less than nothing, so
each sample bounds the offset from one side each; the quickest way in each direction
bounds it best, and the middle between is the estimate (the clock filter of RFC 5905,
section 10, for each direction by itself).  Where both directions are equally quick at
their quickest, the estimate is right, whatever the jitter; where they are not, it is
wrong by half of the difference, and never by more than L{ClockOffset.error_bound}.
"""

from __future__ import annotations

from collections import deque

import attrs

from gamenet.bounds import seconds, wholeNumber

__all__ = ["ClockOffset", "ClockSettings"]


@attrs.frozen
class ClockSettings:
    """
    The limits of following another's clock.

    @ivar window: How many samples are remembered; the newest count.
    @ivar lasting: Seconds after which a sample does not count any more: both clocks
        drift.
    """

    window: int = attrs.field(default=16, validator=wholeNumber(1, 1024))
    lasting: float = attrs.field(default=20.0, validator=seconds())


@attrs.frozen
class _Sample:
    """One answer: when it came, and how much later each clock was read than the other."""

    taken: float
    there: float
    back: float


@attrs.define(eq=False)
class ClockOffset:
    """
    One other player's clock.  Used by L{gamenet.mesh.link.PeerLink}.

    All times are monotonic seconds, of our clock or of theirs; the zeros of the two have
    nothing to do with each other.

    @ivar settings: The limits.
    @ivar refused: How many answers told nothing: they came before they were asked for.
    """

    settings: ClockSettings = attrs.field(factory=ClockSettings)
    refused: int = attrs.field(init=False, default=0)
    _samples: deque[_Sample] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._samples = deque(maxlen=self.settings.window)

    def answered(self, sent: float, theirs: float, received: float) -> None:
        """
        Take an answer to a check.

        @param sent: When the check left, by our clock.
        @param theirs: What their clock showed when it came to them.
        @param received: When the answer came, by our clock.
        """
        if received < sent:
            self.refused += 1
            return
        samples = self._samples
        while samples and received - samples[0].taken > self.settings.lasting:
            samples.popleft()
        samples.append(_Sample(received, theirs - sent, received - theirs))

    def forget(self) -> None:
        """Begin anew: theirs, or ours, is another clock now."""
        self._samples.clear()

    @property
    def samples(self) -> int:
        """How many answers count now."""
        return len(self._samples)

    @property
    def offset(self) -> float | None:
        """What their clock shows minus what ours shows, in seconds; C{None} if unknown."""
        if not self._samples:
            return None
        there, back = self._quickest()
        return (there - back) / 2

    @property
    def error_bound(self) -> float | None:
        """
        How far C{offset} is from the truth at most, in seconds, however unlike both
        directions are; C{None} if unknown.
        """
        if not self._samples:
            return None
        there, back = self._quickest()
        return max(0.0, (there + back) / 2)

    def toOurs(self, theirs: float) -> float | None:
        """Return a time of their clock by ours, C{None} if that is unknown."""
        offset = self.offset
        return None if offset is None else theirs - offset

    def toTheirs(self, ours: float) -> float | None:
        """Return a time of our clock by theirs, C{None} if that is unknown."""
        offset = self.offset
        return None if offset is None else ours + offset

    def _quickest(self) -> tuple[float, float]:
        return (
            min(sample.there for sample in self._samples),
            min(sample.back for sample in self._samples),
        )
