"""
What a channel says of its path.
"""

from __future__ import annotations

import attrs

__all__ = ["ChannelStatistics"]


@attrs.frozen
class ChannelStatistics:
    """
    The numbers of one channel at one moment.

    @ivar round_trip: The mean round trip in seconds, C{None} until one was measured.
    @ivar jitter: Its mean deviation, in seconds.
    @ivar queue_delay: How long packets wait on the path now, in seconds.
    @ivar loss: Which part of our packets was lost lately, from 0 to 1.
    @ivar window: How many bytes may be on their way.
    @ivar in_flight: How many are.
    @ivar packets_sent: How many packets were sent, acknowledgements alone not counted.
    @ivar packets_lost: How many of them were taken for lost.
    @ivar bytes_sent: The bytes of all bodies sent.
    @ivar packets_received: How many numbered packets came, each counted once.
    @ivar bytes_received: The bytes of all bodies that came.
    @ivar refused: How many bodies were refused.
    """

    round_trip: float | None
    jitter: float
    queue_delay: float
    loss: float
    window: int
    in_flight: int
    packets_sent: int
    packets_lost: int
    bytes_sent: int
    packets_received: int
    bytes_received: int
    refused: int
