"""
How much of a relay one user, one source address and all together may use.

Allocations and permissions are counted, and every count is given back when what it
stands for ends.  Bandwidth is a bucket for each: an allocation draws from its user's,
its address's and the common one in chunks, so that a packet costs one subtraction.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from gamenet.errors import LocalProtocolError
from gamenet.relay_plane.allowance import Allowance, Usage
from gamenet.wire.source_network import sourceNetwork
from gamenet.wire.stun import ATTRIBUTE_LIMIT

__all__ = ["AllocationLimits", "Quotas"]


@frozen
class AllocationLimits:
    """
    How much there may be of everything; lifetimes in seconds, bandwidths in bytes a
    second, both directions together, the headers of IP and UDP too
    (L{gamenet.relay_plane.allowance.PACKET_OVERHEAD}).  A source address is what
    L{gamenet.wire.source_network.sourceNetwork} makes of it.

    @ivar allocations: Relayed ports in total, reserved ones too.
    @ivar allocations_of_user: Relayed ports of one user, reserved ones too.
    @ivar allocations_of_address: Relayed ports of one source address, reserved ones
        too; generous, as a school behind one NAT is one address.
    @ivar permissions: Permissions of one allocation.
    @ivar permissions_of_user: Permissions of one user.
    @ivar permissions_of_address: Permissions of one source address.
    @ivar permissions_in_total: Permissions of all.
    @ivar channels: Channels of one allocation.
    @ivar bandwidth: What all may send and be sent.
    @ivar bandwidth_of_user: What one user may.
    @ivar bandwidth_of_address: What one source address may.
    @ivar default_lifetime: An allocation's where the client asks for less or nothing.
    @ivar maximum_lifetime: An allocation's where the client asks for more.
    @ivar age: How old an allocation can get, however often it is refreshed.
    @ivar permission_lifetime: A permission's.
    @ivar channel_lifetime: A channel's.
    """

    allocations: int = 10_000
    allocations_of_user: int = 16
    allocations_of_address: int = 1024
    permissions: int = 64
    permissions_of_user: int = 1024
    permissions_of_address: int = 65_536
    permissions_in_total: int = 200_000
    channels: int = 64
    bandwidth: int = 125_000_000
    bandwidth_of_user: int = 4_000_000
    bandwidth_of_address: int = 64_000_000
    default_lifetime: int = 600
    maximum_lifetime: int = 3600
    age: float = 43_200.0
    permission_lifetime: float = 300.0
    channel_lifetime: float = 600.0

    @property
    def attributes(self) -> int:
        """
        The most attributes of a client's message: one CreatePermission may name as many
        peers as there may be permissions.
        """
        return ATTRIBUTE_LIMIT + self.permissions


@define(eq=False)
class _Usages:
    """
    What all users, or all source addresses, use.

    Who uses nothing any more is remembered until the bucket is full again: leaving
    and coming back is no way around the limit.
    """

    rate: int
    by_name: dict[bytes, Usage] = field(factory=dict)
    lingering: deque[tuple[float, bytes]] = field(factory=deque)

    def find(self, name: bytes, now: float) -> Usage:
        """Return what somebody uses; it is remembered from now on."""
        usage = self.by_name.get(name)
        if usage is None:
            usage = self.by_name[name] = Usage(name, self.rate, 0.0, now)
            usage.saved = usage.burst
        return usage

    def settle(self, usage: Usage, now: float) -> None:
        """Forget somebody who uses nothing, at once or when the bucket is full."""
        if not usage.unused or usage.lingers:
            return
        missing = usage.burst - usage.earn(now)
        if missing <= 0:
            del self.by_name[usage.name]
        else:
            usage.lingers = True
            self.lingering.append((now + usage.burst / usage.rate, usage.name))

    def forget(self, now: float) -> None:
        """Forget those whose time has come."""
        while self.lingering and self.lingering[0][0] <= now:
            _, name = self.lingering.popleft()
            usage = self.by_name[name]
            usage.lingers = False
            self.settle(usage, now)


@define(eq=False)
class Quotas:
    """
    What of a relay is used, by whom.

    @ivar limits: How much may be.
    @ivar total: What all use together.
    """

    limits: AllocationLimits
    total: Usage = field(init=False)
    _users: _Usages = field(init=False)
    _addresses: _Usages = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing."""
        limits = self.limits
        self.total = Usage(b"", limits.bandwidth, 0.0, 0.0)
        self.total.saved = self.total.burst
        self._users = _Usages(limits.bandwidth_of_user)
        self._addresses = _Usages(limits.bandwidth_of_address)

    def room(self, user: str, host: str) -> int:
        """
        Return how many more relayed ports a user at an address may have.

        @param user: Whom they would be counted for.
        @param host: The client's.
        """
        limits = self.limits
        usage = self._users.by_name.get(user.encode())
        return min(
            limits.allocations - self.total.allocations,
            limits.allocations_of_user - (0 if usage is None else usage.allocations),
            self.roomAt(host),
        )

    def roomAt(self, host: str) -> int:
        """Return how many more relayed ports a client's source address may have."""
        source = self._addresses.by_name.get(sourceNetwork(host))
        return self.limits.allocations_of_address - (0 if source is None else source.allocations)

    def open(self, user: str, host: str, ports: int, now: float) -> Allowance:
        """
        Count relayed ports.  The caller has asked L{room}.

        @param user: Whom they are counted for.
        @param host: The client's.
        @param ports: How many.
        @param now: Seconds, monotonic.
        @return: What further counts go to.
        """
        self._users.forget(now)
        self._addresses.forget(now)
        allowance = Allowance(
            self._users.find(user.encode(), now),
            self._addresses.find(sourceNetwork(host), now),
            self.total,
        )
        for usage in (allowance.user, allowance.address, allowance.total):
            usage.allocations += ports
        return allowance

    def permissionRoom(self, allowance: Allowance) -> int:
        """Return how many more permissions an allocation may have by its quotas."""
        limits = self.limits
        return min(
            limits.permissions_in_total - allowance.total.permissions,
            limits.permissions_of_user - allowance.user.permissions,
            limits.permissions_of_address - allowance.address.permissions,
        )

    def permit(self, allowance: Allowance, permissions: int) -> None:
        """Count further permissions, or fewer where the number is negative."""
        for usage in (allowance.user, allowance.address, allowance.total):
            usage.permissions += permissions

    def close(self, allowance: Allowance, ports: int, now: float) -> None:
        """
        Give relayed ports back.

        @param allowance: What L{open} returned for them.
        @param ports: How many of them ended.
        @param now: Seconds, monotonic.
        @raise LocalProtocolError: So many were not counted.
        """
        if ports > min(allowance.user.allocations, allowance.address.allocations):
            raise LocalProtocolError(f"{ports} ports were not counted")
        for usage in (allowance.user, allowance.address, allowance.total):
            usage.allocations -= ports
        self._users.settle(allowance.user, now)
        self._addresses.settle(allowance.address, now)
