"""
An allocation and what belongs to it: relayed ports, permissions and channels (RFC 8656,
sections 3.2 and 9 to 12).  L{gamenet.relay.allocation_table} keeps them.
"""

from __future__ import annotations

from attrs import define, field, frozen

from gamenet.interfaces import Address
from gamenet.relay.authentication import Credential
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay_plane.allowance import Allowance
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Grants
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire.turn import familyOf

__all__ = ["Allocation", "AllocationLimits", "Channel", "HeldPort", "Permission"]


@frozen
class HeldPort:
    """
    A relayed port of an allocation.

    @ivar port: The port.
    @ivar expires: When it is given up, seconds.
    """

    port: RelayedPort
    expires: float

    @property
    def family(self) -> int:
        """The address family that it relays."""
        return familyOf(self.port.address[0])


@frozen
class Permission:
    """
    A host that may send, and be sent to.

    @ivar host: Numeric.
    @ivar guarded: Whether it is one of the relay's own hosts
        (see L{gamenet.relay.peer_policy.PeerVerdict}).
    @ivar expires: When it ends, seconds.
    """

    host: str
    guarded: bool
    expires: float


@frozen
class Channel:
    """
    A number that stands for a peer.

    @ivar number: The channel's.
    @ivar peer: The peer.
    @ivar expires: When it ends, seconds.
    """

    number: int
    peer: Address
    expires: float


# Ten thousand of these have to fit: tuples, which are short, instead of dictionaries.
@define(eq=False)
class Allocation:
    """
    One allocation, of one relayed port or of one in each family.

    @ivar flow: The client.
    @ivar credential: Who made it, or refreshed it last; good as long as it lives.
    @ivar transaction_id: Of the Allocate that made it.
    @ivar ports: What it relays with, the IPv4 one first.
    @ivar allowance: What its packets and permissions are counted on.
    @ivar created: When it was made, seconds.
    @ivar lifetime: Seconds that the Allocate granted.
    @ivar token: Of the port reserved beside it, C{None} without one.
    @ivar address_error: A family that was asked for and has no port, and the error code
        that says why; C{None} where nothing is missing.
    @ivar permissions: The hosts that may be peers, the earliest first.
    @ivar channels: What stands for peers, the earliest first.
    @ivar sweep_due: When the table looks at it next; C{-1} when it is no more.
    """

    flow: Flow
    credential: Credential
    transaction_id: bytes
    ports: tuple[HeldPort, ...]
    allowance: Allowance
    created: float
    lifetime: int = 0
    token: bytes | None = None
    address_error: tuple[int, int] | None = None
    permissions: tuple[Permission, ...] = ()
    channels: tuple[Channel, ...] = ()
    sweep_due: float = field(default=float("inf"))

    @property
    def user(self) -> str:
        """Whom quotas count it for."""
        return self.credential.user

    def isLive(self, now: float) -> bool:
        """Tell whether any of its ports has not expired."""
        return any(held.expires > now for held in self.ports)

    def relays(self, family: int) -> bool:
        """Tell whether it has a port of an address family."""
        return any(held.family == family for held in self.ports)

    def grants(self) -> Grants:
        """Return what its client may do; what expired was swept before."""
        hosts = tuple((each.host, each.guarded) for each in self.permissions)
        permitted = [each.host for each in self.permissions]
        return Grants(
            self.flow,
            tuple(held.port.number for held in self.ports),
            hosts,
            tuple((each.number, each.peer) for each in self.channels if each.peer[0] in permitted),
            self.allowance,
        )

    def drop(self, now: float) -> tuple[HeldPort, ...]:
        """
        Forget what expired by now; permissions and channels of a family end with its
        port.  The caller counts what is missing.

        @return: The ports that expired.
        """
        closed = tuple(held for held in self.ports if held.expires <= now)
        if closed:
            self.ports = tuple(held for held in self.ports if held.expires > now)
        families = [held.family for held in self.ports]
        self.permissions = tuple(
            each
            for each in self.permissions
            if each.expires > now and familyOf(each.host) in families
        )
        self.channels = tuple(
            each
            for each in self.channels
            if each.expires > now and familyOf(each.peer[0]) in families
        )
        return closed

    def firstExpiry(self) -> float:
        """Return when the first thing of it ends, seconds."""
        ends = [held.expires for held in self.ports]
        ends.extend(permission.expires for permission in self.permissions)
        ends.extend(channel.expires for channel in self.channels)
        return min(ends)
