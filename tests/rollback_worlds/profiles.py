"""
The 13 kinds of link over which every fault is tried.

The figures are those of Fortress Rollback, C{tests/network/in_process_chaos.rs}.  There
both ends of a link lose packets, each with the profile's loss, so here a packet is lost
with C{1 - (1 - loss) ** 2}; but for C{terrible}, with which Fortress runs no such test
("near-deadlocks"): of that, each direction loses a quarter, bursts aside.
"""

from __future__ import annotations

from math import ceil, log10

import attrs

__all__ = ["PROFILES", "LinkProfile", "profileNamed"]


@attrs.frozen
class LinkProfile:
    """
    What happens to the packets of one link, in each direction on its own.

    @ivar name: What it is called.
    @ivar end_loss: The share of packets that each end loses.
    @ivar ends: How many ends lose packets.
    @ivar latency: Seconds on the way.
    @ivar jitter: How much more or less, in seconds; this alone puts packets out of order.
    @ivar reordering: The share of packets that are held back.
    @ivar held_back: By how many frames at the most.
    @ivar duplication: The share of packets that arrive twice.
    @ivar burst: The chance that with a packet a burst of losses begins.
    @ivar burst_length: For how many frames of 1/60 s everything is lost then.
    """

    name: str
    end_loss: float = 0.0
    latency: float = 0.0
    jitter: float = 0.0
    reordering: float = 0.0
    held_back: int = 0
    duplication: float = 0.0
    burst: float = 0.0
    burst_length: int = 0
    ends: int = 2

    @property
    def loss(self) -> float:
        """The share of packets that are lost on the way, bursts aside."""
        return 1 - (1 - self.end_loss) ** self.ends

    @property
    def packets_for_certain(self) -> int:
        """Of so many packets in a row, one comes for certain (but for one time in 10**9)."""
        lost = 1 - (1 - self.loss) * (1 - self.burst)
        return 1 if lost == 0 else ceil(-9 / log10(lost)) + self.burst_length

    @property
    def frames_late(self) -> int:
        """After how many frames of 1/60 s most packets are there."""
        return int((self.latency + self.jitter) * 60) + 1


PROFILES = (
    LinkProfile("local"),
    LinkProfile("lan", 0.0, 0.001, 0.001),
    LinkProfile("wifi_good", 0.01, 0.005, 0.005),
    LinkProfile("wifi_average", 0.05, 0.015, 0.015, 0.02, 3, 0.01),
    LinkProfile("wifi_congested", 0.15, 0.030, 0.040, 0.05, 5, 0.02, 0.02, 3),
    LinkProfile("mobile_4g", 0.08, 0.050, 0.025, 0.03, 4, 0.01, 0.01, 2),
    LinkProfile("mobile_3g", 0.15, 0.100, 0.050, 0.05, 6, 0.02, 0.02, 4),
    LinkProfile("intercontinental", 0.02, 0.150, 0.020, 0.01, 3),
    LinkProfile("terrible", 0.25, 0.120, 0.060, 0.10, 8, 0.05, 0.05, 5, ends=1),
    LinkProfile("heavy_reorder", 0.02, 0.030, 0.020, 0.30, 10),
    LinkProfile("duplicating", 0.02, 0.020, 0.010, 0.05, 3, 0.15),
    LinkProfile("bursty", 0.05, 0.025, 0.015, 0.02, 3, 0.01, 0.10, 8),
    LinkProfile("bursty_survivable", 0.05, 0.025, 0.015, 0.02, 3, 0.01, 0.05, 5),
)


def profileNamed(name: str) -> LinkProfile:
    """Return one of L{PROFILES}."""
    return next(profile for profile in PROFILES if profile.name == name)
