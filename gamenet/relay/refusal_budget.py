"""
How many refusals an address gets while it proves nothing.

A relay that answers every forged request floods whoever was forged as the
sender.  The budget takes a fixed amount of memory whatever arrives.
"""

from __future__ import annotations

import hmac
from array import array

from attrs import define, field

from gamenet.wire.source_network import sourceNetwork

__all__ = ["RefusalBudget"]


@define(eq=False)
class RefusalBudget:
    """
    Token buckets, shared by the sources (L{sourceNetwork}) that a keyed hash puts
    together, whatever their ports.

    @ivar key: At least 16 unpredictable bytes, so that nobody can choose whom
        to share a bucket with.
    @ivar rate: Refusals a second that a bucket earns.
    @ivar burst: Most refusals that a bucket saves up.
    @ivar buckets: How many there are: so many that spoofed addresses empty them all
        only in a flood that no relay could answer anyway.
    """

    key: bytes = field(repr=False)
    rate: float = 20.0
    burst: float = 100.0
    buckets: int = 16_384
    _saved: array[float] = field(init=False, repr=False)
    _counted_at: array[float] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Fill every bucket."""
        self._saved = array("d", [self.burst]) * self.buckets
        self._counted_at = array("d", [0.0]) * self.buckets

    def take(self, host: str, now: float) -> bool:
        """
        Take one refusal, if there is one.

        @param host: Whom it would go to.
        @param now: Seconds, monotonic.
        @return: Whether to refuse aloud.
        """
        digest = hmac.digest(self.key, sourceNetwork(host), "sha256")
        bucket = int.from_bytes(digest[:8], "big") % self.buckets
        earned = max(0.0, now - self._counted_at[bucket]) * self.rate
        saved = min(self.burst, self._saved[bucket] + earned)
        self._counted_at[bucket] = now
        granted = saved >= 1.0
        self._saved[bucket] = saved - 1.0 if granted else saved
        return granted
