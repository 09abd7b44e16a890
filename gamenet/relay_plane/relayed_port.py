"""
A relayed port as the relay"s decisions know it.
"""

from __future__ import annotations

from attrs import frozen

from gamenet.interfaces import Address

__all__ = ["RelayedPort"]


@frozen
class RelayedPort:
    """
    A socket that the relay opened for a client.

    @ivar number: Its number within the relay, never used twice.
    @ivar address: Its relayed transport address, as clients are told it.
    """

    number: int
    address: Address
