"""
One direction of a link: what becomes of each packet.
"""

from __future__ import annotations

from collections import Counter

from gamenet.seeded_random import SeededRandom
from tests.rollback_worlds.profiles import LinkProfile

__all__ = ["Link"]


class Link:
    """
    One direction of a link.  Each has a random stream of its own: with equal ones the
    losses of two directions fall together, and what should be independent is not.

    @ivar profile: What happens to packets now.
    @ivar cut: How many faults cut it at present; nothing gets through then.
    """

    def __init__(
        self, profile: LinkProfile, random: SeededRandom, counters: Counter[str]
    ) -> None:
        """
        @param counters: Where what happened is counted.
        """
        self.profile = profile
        self.cut = 0
        self._random = random
        self._counters = counters
        self._burst_until = 0.0
        self._newest = 0.0

    def carry(self, now: float) -> list[float]:
        """
        Take a packet.

        @param now: When it is sent, in seconds.
        @return: When it arrives; nothing if it is lost, twice if it is repeated.
        """
        profile, random, counters = self.profile, self._random, self._counters
        if self.cut:
            counters["packets cut off"] += 1
            return []
        if now < self._burst_until:
            counters["lost in bursts"] += 1
            return []
        if profile.burst and random.chance(profile.burst):
            self._burst_until = now + (profile.burst_length - 0.5) / 60
            counters["lost in bursts"] += 1
            return []
        if profile.end_loss and random.chance(profile.loss):
            counters["lost"] += 1
            return []
        arrivals = [self._arrival(now)]
        if profile.duplication and random.chance(profile.duplication):
            counters["duplicated"] += 1
            arrivals.append(self._arrival(now))
        return arrivals

    def _arrival(self, now: float) -> float:
        """Return when a packet that is sent now arrives."""
        profile = self.profile
        arrival = now + profile.latency
        if profile.jitter:
            arrival += profile.jitter * (2 * self._random.unit() - 1)
        if profile.reordering and self._random.chance(profile.reordering):
            arrival += self._random.between(1, profile.held_back) / 60
        if arrival < self._newest:
            self._counters["reordered"] += 1
        else:
            self._newest = arrival
        return arrival
