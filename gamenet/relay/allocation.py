"""
The allocations of a relay, with their permissions and channels (RFC 8656,
sections 3.2 and 9 to 12).

L{AllocationTable} decides nothing about who may do what; it knows what there
is, for how long, and within which limits.  What expires is gone at its moment:
every lookup compares with C{now}, and L{AllocationTable.sweep} only frees what it held.
"""

from __future__ import annotations

from enum import Enum
from heapq import heapify, heappop, heappush

from attrs import define, field, frozen

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.relay.authentication import Credential
from gamenet.relay.counters import DropReason
from gamenet.relay.peer_policy import PeerPolicy
from gamenet.relay.reservation import RelayedPort

__all__ = [
    "Allocation",
    "AllocationEnded",
    "AllocationLimits",
    "AllocationTable",
    "BindRefusal",
    "EndReason",
]


class EndReason(Enum):
    """Why an allocation is no more."""

    EXPIRED = "EXPIRED"
    DELETED = "DELETED"


class BindRefusal(Enum):
    """
    Why a channel cannot be bound.

    @cvar TAKEN: The channel has another peer, or the peer another channel.
    @cvar FULL: The allocation has too many channels or permissions.
    """

    TAKEN = "TAKEN"
    FULL = "FULL"


@frozen
class AllocationEnded:
    """
    An effect: close the relayed port.

    @ivar number: The port's number.
    @ivar reason: Why.
    """

    number: int
    reason: EndReason


@frozen
class AllocationLimits:
    """
    How much there may be of everything; lifetimes in seconds.

    @ivar allocations: Allocations and reserved ports in total.
    @ivar allocations_of_user: Allocations and reserved ports of one user.
    @ivar permissions: Permissions of one allocation.
    @ivar channels: Channels of one allocation.
    @ivar default_lifetime: An allocation's where the client asks for less or nothing.
    @ivar maximum_lifetime: An allocation's where the client asks for more.
    @ivar age: How old an allocation can get, however often it is refreshed.
    @ivar permission_lifetime: A permission's.
    @ivar channel_lifetime: A channel's.
    """

    allocations: int = 10_000
    allocations_of_user: int = 16
    permissions: int = 64
    channels: int = 64
    default_lifetime: int = 600
    maximum_lifetime: int = 3600
    age: float = 43_200.0
    permission_lifetime: float = 300.0
    channel_lifetime: float = 600.0


@define(eq=False)
class Allocation:
    """
    One allocation.

    @ivar port: The relayed port.
    @ivar client: The client's address; with the listener it is the 5-tuple.
    @ivar credential: Who made it.
    @ivar transaction_id: Of the Allocate that made it.
    @ivar lifetime: Seconds that Allocate granted.
    @ivar token: Of the port reserved beside it, C{None} without one.
    @ivar created: When it was made, seconds.
    @ivar expires: When it ends, seconds.
    @ivar permissions: By host: when it ends, and whether the host is guarded
        (see L{gamenet.relay.peer_policy.PeerVerdict}).
    @ivar channels: By number: the peer, and when it ends.
    @ivar channel_of: By peer: the channel's number.
    @ivar sweep_due: When the table looks at it next.
    """

    port: RelayedPort
    client: Address
    credential: Credential
    transaction_id: bytes
    lifetime: int
    token: bytes | None
    created: float
    expires: float
    permissions: dict[str, tuple[float, bool]] = field(factory=dict)
    channels: dict[int, tuple[Address, float]] = field(factory=dict)
    channel_of: dict[Address, int] = field(factory=dict)
    sweep_due: float = 0.0

    def forgetExpired(self, now: float) -> None:
        """Drop permissions and channels that ended."""
        for host, (expires, _) in tuple(self.permissions.items()):
            if expires <= now:
                del self.permissions[host]
        for number, (peer, expires) in tuple(self.channels.items()):
            if expires <= now:
                del self.channels[number]
                del self.channel_of[peer]

    def firstExpiry(self) -> float:
        """Return when the first thing of it ends, seconds."""
        ends = [self.expires]
        ends.extend(expires for expires, _ in self.permissions.values())
        ends.extend(expires for _, expires in self.channels.values())
        return min(ends)


@define(eq=False)
class AllocationTable:
    """
    All allocations of one relay.

    @ivar policy: Asked about ports of guarded hosts.
    @ivar limits: How much there may be of everything.
    """

    policy: PeerPolicy
    limits: AllocationLimits = AllocationLimits()
    _by_client: dict[Address, Allocation] = field(init=False, factory=dict)
    _by_number: dict[int, Allocation] = field(init=False, factory=dict)
    _by_relayed: dict[Address, Allocation] = field(init=False, factory=dict)
    _count_of: dict[str, int] = field(init=False, factory=dict)
    _dues: list[tuple[float, int]] = field(init=False, factory=list)

    def __len__(self) -> int:
        """Return how many allocations are held."""
        return len(self._by_number)

    def countOf(self, user: str) -> int:
        """Return how many allocations a user has."""
        return self._count_of.get(user, 0)

    def find(self, client: Address, now: float) -> Allocation | None:
        """Return the live allocation of a client, C{None} without one."""
        allocation = self._by_client.get(client)
        return None if allocation is None or allocation.expires <= now else allocation

    def add(
        self,
        port: RelayedPort,
        client: Address,
        credential: Credential,
        transaction_id: bytes,
        lifetime: int | None,
        now: float,
        token: bytes | None = None,
    ) -> Allocation:
        """
        Make an allocation.  The caller has looked after the quotas.

        @param port: The open relayed port.
        @param client: Whose.
        @param credential: Who asked.
        @param transaction_id: Of the request.
        @param lifetime: Seconds asked for, C{None} for none in particular.
        @param now: Seconds, monotonic.
        @param token: Of the port reserved beside it.
        @raise LocalProtocolError: The client has one (swept or not), or the
            port is another allocation's.
        """
        if client in self._by_client or port.number in self._by_number:
            raise LocalProtocolError(f"{client} or port {port.number} has an allocation")
        allocation = Allocation(
            port, client, credential, transaction_id, 0, token, created=now, expires=now
        )
        self._by_client[client] = allocation
        self._by_number[port.number] = allocation
        self._by_relayed[port.address] = allocation
        self._count_of[credential.user] = self.countOf(credential.user) + 1
        allocation.sweep_due = float("inf")
        allocation.lifetime = self.refresh(allocation, lifetime, now)
        return allocation

    def refresh(self, allocation: Allocation, lifetime: int | None, now: float) -> int:
        """
        Set when an allocation ends (sections 7.2 and 8.2).

        @param lifetime: Seconds asked for, not 0; C{None} for none in particular.
        @return: Seconds granted, at least 1.
        """
        wanted = self.limits.default_lifetime if lifetime is None else lifetime
        wanted = max(self.limits.default_lifetime, min(wanted, self.limits.maximum_lifetime))
        left = allocation.created + self.limits.age - now
        granted = max(1, min(wanted, int(left)))
        allocation.expires = now + granted
        self._lookAt(allocation, allocation.expires)
        return granted

    def remove(self, allocation: Allocation, reason: EndReason) -> AllocationEnded:
        """Forget an allocation with all it has."""
        number = allocation.port.number
        user = allocation.credential.user
        del self._by_client[allocation.client]
        del self._by_number[number]
        del self._by_relayed[allocation.port.address]
        self._count_of[user] -= 1
        if not self._count_of[user]:
            del self._count_of[user]
        return AllocationEnded(number, reason)

    def permit(
        self, allocation: Allocation, hosts: tuple[tuple[str, bool], ...], now: float
    ) -> bool:
        """
        Install or refresh permissions (section 10.2): all, or none.

        @param hosts: Each with whether it is guarded.
        @return: Whether there was room.
        """
        allocation.forgetExpired(now)
        added = dict.fromkeys(host for host, _ in hosts if host not in allocation.permissions)
        if len(allocation.permissions) + len(added) > self.limits.permissions:
            return False
        expires = now + self.limits.permission_lifetime
        for host, guarded in hosts:
            allocation.permissions[host] = (expires, guarded)
        self._lookAt(allocation, expires)
        return True

    def bind(
        self, allocation: Allocation, number: int, peer: Address, guarded: bool, now: float
    ) -> BindRefusal | None:
        """
        Bind or refresh a channel, and the permission of its peer (section 12.2).

        @param number: A channel number within the range of channels.
        @param peer: Where it leads.
        @param guarded: Whether the peer's host is guarded.
        @return: C{None} where it is done.
        """
        allocation.forgetExpired(now)
        bound = allocation.channels.get(number)
        if (bound is not None and bound[0] != peer) or (
            allocation.channel_of.get(peer, number) != number
        ):
            return BindRefusal.TAKEN
        if bound is None and len(allocation.channels) >= self.limits.channels:
            return BindRefusal.FULL
        if not self.permit(allocation, ((peer[0], guarded),), now):
            return BindRefusal.FULL
        expires = now + self.limits.channel_lifetime
        allocation.channels[number] = (peer, expires)
        allocation.channel_of[peer] = number
        self._lookAt(allocation, expires)
        return None

    def channelToPeer(
        self, client: Address, number: int, now: float
    ) -> tuple[int, Address] | DropReason:
        """
        Tell where ChannelData of a client goes.  Called for every one.

        @return: The number of the relayed port to send from, and the peer.
        """
        allocation = self._by_client.get(client)
        if allocation is None or allocation.expires <= now:
            return DropReason.NO_ALLOCATION
        channel = allocation.channels.get(number)
        if channel is None or channel[1] <= now:
            return DropReason.NO_CHANNEL
        refused = self._refuses(allocation, channel[0], now)
        return (allocation.port.number, channel[0]) if refused is None else refused

    def sendToPeer(
        self, client: Address, peer: Address, now: float
    ) -> tuple[int, Address] | DropReason:
        """
        Tell where a Send indication of a client goes.  Called for every one.

        @return: As L{channelToPeer}.
        """
        allocation = self._by_client.get(client)
        if allocation is None or allocation.expires <= now:
            return DropReason.NO_ALLOCATION
        refused = self._refuses(allocation, peer, now)
        return (allocation.port.number, peer) if refused is None else refused

    def toClient(
        self, number: int, peer: Address, now: float
    ) -> tuple[Address, int] | DropReason:
        """
        Tell where a datagram that came to a relayed port goes.  Called for every one.

        @param number: The relayed port's number.
        @param peer: Where the datagram came from.
        @return: The client, and the channel's number; 0 for a Data indication.
        """
        allocation = self._by_number.get(number)
        if allocation is None or allocation.expires <= now:
            return DropReason.NO_ALLOCATION
        refused = self._refuses(allocation, peer, now)
        if refused is not None:
            return refused
        channel = allocation.channel_of.get(peer, 0)
        if channel and allocation.channels[channel][1] <= now:
            channel = 0
        return allocation.client, channel

    def allowsPort(self, peer: Address, guarded: bool, now: float) -> bool:
        """
        Tell whether a port of a host that may be a peer may be one.

        @param peer: The host and the port.
        @param guarded: Whether the host is guarded.
        @param now: Seconds, monotonic.
        """
        if not guarded:
            return peer[1] != 0
        target = self._by_relayed.get(peer)
        return self.policy.allowsPort(peer, target is not None and target.expires > now)

    def sweep(self, now: float) -> tuple[AllocationEnded, ...]:
        """Forget what ended by now."""
        ended = []
        while self._dues and self._dues[0][0] <= now:
            due, number = heappop(self._dues)
            allocation = self._by_number.get(number)
            if allocation is None or allocation.sweep_due != due:
                continue
            if allocation.expires <= now:
                ended.append(self.remove(allocation, EndReason.EXPIRED))
            else:
                allocation.forgetExpired(now)
                allocation.sweep_due = float("inf")
                self._lookAt(allocation, allocation.firstExpiry())
        return tuple(ended)

    def nextDue(self) -> float | None:
        """Return when L{sweep} next may have something to do, C{None} for never."""
        return self._dues[0][0] if self._dues else None

    def _refuses(self, allocation: Allocation, peer: Address, now: float) -> DropReason | None:
        permission = allocation.permissions.get(peer[0])
        if permission is None or permission[0] <= now:
            return DropReason.NO_PERMISSION
        return None if self.allowsPort(peer, permission[1], now) else DropReason.PEER_FORBIDDEN

    def _lookAt(self, allocation: Allocation, due: float) -> None:
        if due >= allocation.sweep_due:
            return
        allocation.sweep_due = due
        heappush(self._dues, (due, allocation.port.number))
        if len(self._dues) > 64 + 4 * len(self._by_number):
            self._dues = [(each.sweep_due, n) for n, each in self._by_number.items()]
            heapify(self._dues)
