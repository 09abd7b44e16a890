"""
How much one client may ask: a token bucket, told the time.
"""

from __future__ import annotations

from attrs import define, field

__all__ = ["RequestBudget"]


@define
class RequestBudget:
    """
    A token bucket: C{burst} at once, C{rate} a second in the long run.

    @ivar rate: Tokens that come back each second.
    @ivar burst: The most tokens there can be, and how many there are at first.
    """

    rate: float
    burst: float
    _tokens: float = field(init=False)
    _counted_at: float = field(init=False, default=float("-inf"))

    def __attrs_post_init__(self) -> None:
        """Begin with a full bucket."""
        self._tokens = self.burst

    def spend(self, now: float) -> bool:
        """
        Take one token, if there is one.

        @param now: Monotonic seconds, never less than the last time.
        @return: Whether there was one.
        """
        self._tokens = min(self.burst, self._tokens + (now - self._counted_at) * self.rate)
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
