"""
What the data plane is told of an allocation, and what the server does when one changes.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from attrs import frozen

from gamenet.interfaces import Address
from gamenet.relay_plane.allowance import Allowance
from gamenet.relay_plane.flow import Flow

__all__ = ["Effect", "EndReason", "Grants", "GrantsChanged", "PortsClosed"]


class EndReason(Enum):
    """
    Why an allocation is no more; the values are the names in metrics.

    @cvar EXPIRED: Nobody refreshed it, or it reached the maximum age.
    @cvar DELETED: Its client gave it back.
    @cvar DISCONNECTED: Its client's stream ended.
    """

    EXPIRED = "expired"
    DELETED = "deleted"
    DISCONNECTED = "disconnected"


@frozen
class Grants:
    """
    All that one client may do now: a snapshot that holds until the next
    L{GrantsChanged} or L{PortsClosed} of its flow.

    @ivar flow: Whose.
    @ivar ports: The numbers of its relayed ports, the IPv4 one first.
    @ivar hosts: The peers' hosts that have a permission, each with whether
        L{gamenet.relay.peer_policy.PeerPolicy.allowsPort} has to be asked for
        every packet there (a guarded host).
    @ivar channels: The channels whose peer has a permission: number and peer.
    @ivar allowance: What it may still send and be sent.
    """

    flow: Flow
    ports: tuple[int, ...]
    hosts: tuple[tuple[str, bool], ...]
    channels: tuple[tuple[int, Address], ...]
    allowance: Allowance


@frozen
class PortsClosed:
    """
    An effect: close relayed ports.

    @ivar flow: Whose they were.
    @ivar numbers: The ports' numbers.
    @ivar ended: Whether the allocation is gone: the data plane erases the
        flow.  Otherwise a L{GrantsChanged} follows where the allocation lives on
        with another port; a reserved port never was its flow's.
    """

    flow: Flow
    numbers: tuple[int, ...]
    ended: bool = True


@frozen
class GrantsChanged:
    """
    An effect: the data plane has to be told the L{Grants} of a flow again.

    @ivar flow: Whose.
    """

    flow: Flow


#: What the server has to do, in this order.
Effect: TypeAlias = PortsClosed | GrantsChanged
