"""
What the two sides of a transfer are told before they start.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.wire.transfer_packets import CHUNK_BYTES, CHUNKS_LIMIT, RECEIPT_BITS

__all__ = ["TransferSettings"]


@attrs.frozen
class TransferSettings:
    """
    What a L{gamenet.feed.transfer.DatagramTransfer} is told before it starts.

    @ivar size_limit: The largest content, in bytes, both ways.
    @ivar incoming_limit: The most bytes of contents that are received at one
        time, from all peers together: what has come, and one window more of each.
        What is offered beyond it is refused, what comes beyond it given up.
    @ivar bytes_per_second: How fast chunks are sent to one peer.
    @ivar window: How many chunks may be on their way, at most
        L{gamenet.wire.transfer_packets.RECEIPT_BITS}.
    @ivar transfer_timeout: After how many seconds without any progress a
        transfer has failed.
    @ivar first_timeout: After how many seconds a packet goes again while no
        round trip was measured.
    @ivar longest_timeout: The longest time after which a packet goes again.
    @ivar peers_limit: How many peers may be known at once.
    @ivar failures_limit: How many failures may wait to be drained; beyond it
        the oldest are forgotten.

    @raise gamenet.errors.BadSetting: A value is out of bounds.
    """

    size_limit: int = attrs.field(
        default=4 << 20, validator=wholeNumber(1, CHUNKS_LIMIT * CHUNK_BYTES)
    )
    incoming_limit: int = attrs.field(default=16 << 20, validator=wholeNumber(1, 1 << 30))
    bytes_per_second: float = attrs.field(default=512 * 1024.0, validator=number(1100, 1e9))
    window: int = attrs.field(default=RECEIPT_BITS, validator=wholeNumber(1, RECEIPT_BITS))
    transfer_timeout: float = attrs.field(default=10.0, validator=seconds())
    first_timeout: float = attrs.field(default=0.3, validator=seconds())
    longest_timeout: float = attrs.field(default=2.0, validator=seconds())
    peers_limit: int = attrs.field(default=64, validator=wholeNumber(1, 4096))
    failures_limit: int = attrs.field(default=128, validator=wholeNumber(1, 65_536))
