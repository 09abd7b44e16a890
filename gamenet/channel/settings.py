"""
What the two ends of a channel are told before they start.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.wire.channel_values import FIRST_WINDOW

__all__ = ["ChannelSettings"]


@attrs.frozen
class ChannelSettings:
    """
    The limits of one L{gamenet.channel.channel.Channel}; each end may have its own.

    @ivar message_limit: The longest message, in bytes, both ways.
    @ivar queue_limit: The most bytes of one stream that wait to be acknowledged.
    @ivar queue_messages: The most messages of one stream that do.
    @ivar receive_window: The most bytes of one stream that wait to be taken or to be
        put in order here.
    @ivar size_limit: The largest content of a transfer, in bytes, both ways.
    @ivar incoming_limit: The most bytes of all contents being received together.
    @ivar transfers_limit: How many transfers may be under way, each way.
    @ivar transfer_window: How many bytes of a content may be here beyond a gap.
    @ivar transfer_timeout: After how many seconds without any progress a transfer has failed.
    @ivar outcomes_limit: How many ended transfers may wait to be taken; beyond it no
        offer is accepted, and what failed is forgotten, the oldest first.
    @ivar give_up_after: After how many seconds without an acknowledgement, while
        something waits for one, the channel has failed.
    @ivar acknowledge_after: For how many seconds an acknowledgement may wait.
    @ivar acknowledge_every: How many packets may wait for one.
    @ivar packets_limit: How many packets may be on their way.
    @ivar first_round_trip: The round trip that is assumed before one was measured.
    @ivar longest_timeout: The longest time after which something goes again, in seconds.
    @ivar burst: How late the owner's timers may be without loss of rate, in seconds: what
        was not sent meanwhile goes at once.
    @ivar queue_target: How long a queue on the path the channel itself may cause, in
        seconds, while it sends at 10 Mbit/s: see
        L{gamenet.channel.congestion_control.CongestionControl}.

    @raise gamenet.errors.BadSetting: A value is out of bounds.
    """

    message_limit: int = attrs.field(default=64 << 10, validator=wholeNumber(1, FIRST_WINDOW - 4))
    queue_limit: int = attrs.field(default=1 << 20, validator=wholeNumber(1, 1 << 28))
    queue_messages: int = attrs.field(default=4096, validator=wholeNumber(1, 1 << 20))
    receive_window: int = attrs.field(
        default=256 << 10, validator=wholeNumber(FIRST_WINDOW, 1 << 28)
    )
    size_limit: int = attrs.field(default=16 << 20, validator=wholeNumber(1, (1 << 32) - 1))
    incoming_limit: int = attrs.field(default=32 << 20, validator=wholeNumber(1, 1 << 32))
    transfers_limit: int = attrs.field(default=8, validator=wholeNumber(1, 64))
    transfer_window: int = attrs.field(default=2 << 20, validator=wholeNumber(16 << 10, 1 << 28))
    transfer_timeout: float = attrs.field(default=10.0, validator=seconds())
    outcomes_limit: int = attrs.field(default=64, validator=wholeNumber(1, 4096))
    give_up_after: float = attrs.field(default=60.0, validator=seconds())
    acknowledge_after: float = attrs.field(default=0.005, validator=seconds(0.0, 0.5))
    acknowledge_every: int = attrs.field(default=10, validator=wholeNumber(1, 64))
    packets_limit: int = attrs.field(default=4096, validator=wholeNumber(8, 1 << 16))
    first_round_trip: float = attrs.field(default=0.1, validator=seconds())
    longest_timeout: float = attrs.field(default=2.0, validator=seconds())
    burst: float = attrs.field(default=0.006, validator=seconds(0.0, 0.1))
    queue_target: float = attrs.field(default=0.005, validator=number(0.001, 0.1, "seconds"))
