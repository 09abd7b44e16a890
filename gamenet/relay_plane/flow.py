"""
Who a client is to the relay: the 5-tuple of RFC 8656, section 3.2.
"""

from __future__ import annotations

from attrs import frozen

from gamenet.interfaces import Address
from gamenet.wire.turn_transport import Transport

__all__ = ["Flow", ]




@frozen
class Flow:
    """
    A client's 5-tuple.

    @ivar listener: The number of the UDP listener that it sends to, or of the
        stream connection; never used twice.
    @ivar address: The client's address as the relay sees it.
    @ivar transport: What lies between.
    """

    listener: int
    address: Address
    transport: Transport = Transport.UDP
