"""
The allocations of a relay, for how long, and within which limits (RFC 8656,
sections 3.2 and 9 to 12).

L{AllocationTable} decides nothing about who may do what.  What expires is gone at its
moment: L{AllocationTable.sweep} is called before anything is looked up at a later time,
and returns what has to be done about it.
"""

from __future__ import annotations

from enum import Enum
from heapq import heappop, heappush

from attrs import define, evolve, field

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.relay.allocation import Allocation, Channel, HeldPort, Permission
from gamenet.relay.authentication import Credential
from gamenet.relay.peer_policy import PeerPolicy, PeerVerdict
from gamenet.relay.quotas import AllocationLimits, Quotas
from gamenet.relay_plane.counters import RelayCounters
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Effect, EndReason, Grants, GrantsChanged, PortsClosed
from gamenet.relay_plane.relayed_port import RelayedPort

__all__ = ["AllocationTable", "BindRefusal"]

_NEVER = float("inf")


class BindRefusal(Enum):
    """
    Why a channel cannot be bound.

    @cvar TAKEN: The channel has another peer, or the peer another channel.
    @cvar FULL: There are too many channels or permissions.
    """

    TAKEN = "TAKEN"
    FULL = "FULL"


@define(eq=False)
class AllocationTable:
    """
    All allocations of one relay.

    @ivar policy: Asked about ports of guarded hosts.
    @ivar limits: How much there may be of everything.
    @ivar counters: Where allocations are counted.
    @ivar quotas: Who uses how much; reserved ports are counted there too.
    """

    policy: PeerPolicy
    limits: AllocationLimits = field(factory=AllocationLimits)
    counters: RelayCounters = field(factory=RelayCounters)
    quotas: Quotas = field(init=False)
    _by_flow: dict[Flow, Allocation] = field(init=False, factory=dict)
    _by_relayed: dict[Address, Allocation] = field(init=False, factory=dict)
    # When to look at whom, the earliest first; the number only keeps the order.
    _dues: list[tuple[float, int, Allocation]] = field(init=False, factory=list)
    _pushed: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing."""
        self.quotas = Quotas(self.limits)

    def __len__(self) -> int:
        """Return how many allocations are held."""
        return len(self._by_flow)

    def find(self, flow: Flow, now: float) -> Allocation | None:
        """Return the live allocation of a client, C{None} without one."""
        allocation = self._by_flow.get(flow)
        return allocation if allocation is not None and allocation.isLive(now) else None

    def byRelayed(self, address: Address, now: float) -> Allocation | None:
        """Return the allocation that a live relayed address belongs to, C{None} without one."""
        allocation = self._by_relayed.get(address)
        if allocation is None:
            return None
        for held in allocation.ports:
            if held.port.address == address and held.expires > now:
                return allocation
        return None

    def grants(self, allocation: Allocation) -> Grants:
        """Return all that the client of an allocation may do, as of the last L{sweep}."""
        return allocation.grants()

    def add(
        self,
        flow: Flow,
        credential: Credential,
        transaction_id: bytes,
        ports: tuple[RelayedPort, ...],
        lifetime: int | None,
        now: float,
    ) -> Allocation:
        """
        Make an allocation.  The caller has asked the quotas.

        @param flow: Whose.
        @param credential: Who asked.
        @param transaction_id: Of the request.
        @param ports: The open relayed ports: one, or an IPv4 one and an IPv6 one.
        @param lifetime: Seconds asked for, C{None} for none in particular.
        @param now: Seconds, monotonic.
        @raise LocalProtocolError: The client has one (swept or not), there is no
            port, or one is another allocation's.
        """
        taken = any(port.address in self._by_relayed for port in ports)
        if flow in self._by_flow or taken or not ports:
            raise LocalProtocolError(f"{flow} or one of {ports} has an allocation")
        allowance = self.quotas.open(credential.user, flow.address[0], len(ports), now)
        held = tuple(HeldPort(port, now) for port in ports)
        allocation = Allocation(flow, credential, transaction_id, held, allowance, now)
        self._by_flow[flow] = allocation
        for port in ports:
            self._by_relayed[port.address] = allocation
        allocation.lifetime = self.refresh(allocation, lifetime, now)
        self._countPorts(allocation.ports, 1)
        self.counters.allocations_active += 1
        self.counters.allocations_by_transport[flow.transport] += 1
        self.counters.allocations_total += 1
        self.counters.allocations_total_by_transport[flow.transport] += 1
        return allocation

    def refresh(
        self, allocation: Allocation, lifetime: int | None, now: float, family: int | None = None
    ) -> int:
        """
        Set when an allocation ends (sections 7.2 and 8.2).

        @param lifetime: Seconds asked for, not 0; C{None} for none in particular.
        @param now: Seconds, monotonic.
        @param family: The address family whose port lives on, C{None} for all.
        @return: Seconds granted, whole ones: at least 1, unless it L{isOld}.
        """
        wanted = self.limits.default_lifetime if lifetime is None else lifetime
        wanted = max(self.limits.default_lifetime, min(wanted, self.limits.maximum_lifetime))
        expires = min(now + wanted, allocation.created + self.limits.age)
        allocation.ports = tuple(
            evolve(held, expires=expires) if family in (None, held.family) else held
            for held in allocation.ports
        )
        self._lookAt(allocation, expires)
        return wanted if expires == now + wanted else int(expires - now)

    def isOld(self, allocation: Allocation, now: float) -> bool:
        """Tell whether less than a second is missing to the maximum age: no refresh can help."""
        return allocation.created + self.limits.age - now < 1.0

    def delete(
        self, allocation: Allocation, now: float, family: int | None = None
    ) -> tuple[Effect, ...]:
        """
        Give back what the client of an allocation does not want any more.

        @param now: Seconds, monotonic.
        @param family: The address family whose port is not wanted, C{None} for all.
        """
        kept = tuple(held for held in allocation.ports if family not in (None, held.family))
        if not kept:
            return (self.remove(allocation, EndReason.DELETED, now),)
        allocation.ports = tuple(
            held if held in kept else evolve(held, expires=now) for held in allocation.ports
        )
        return self._expire(allocation, EndReason.DELETED, now)

    def disconnected(self, flow: Flow, now: float) -> tuple[Effect, ...]:
        """Forget the allocation of a client whose stream ended."""
        allocation = self._by_flow.get(flow)
        if allocation is None:
            return ()
        return (self.remove(allocation, EndReason.DISCONNECTED, now),)

    def remove(self, allocation: Allocation, reason: EndReason, now: float) -> PortsClosed:
        """
        Forget an allocation with all it has.

        @param reason: Why.
        @param now: Seconds, monotonic.
        """
        flow = allocation.flow
        del self._by_flow[flow]
        closed = allocation.ports
        self._countPeers(allocation, -len(allocation.permissions), -len(allocation.channels))
        allocation.allowance.giveBack()
        self._close(allocation, closed, now)
        allocation.sweep_due = -1.0
        allocation.ports = ()
        self.counters.allocations_active -= 1
        self.counters.allocations_by_transport[flow.transport] -= 1
        self.counters.allocations_ended[reason] += 1
        return PortsClosed(flow, tuple(held.port.number for held in closed))

    def permit(
        self, allocation: Allocation, hosts: tuple[tuple[str, bool], ...], now: float
    ) -> tuple[Effect, ...] | None:
        """
        Install or refresh permissions (section 10.2): all, or none.

        @param hosts: Each with whether it is guarded.
        @param now: Seconds, monotonic.
        @return: C{None} where there was no room.
        """
        held = {each.host: each for each in allocation.permissions}
        added = dict.fromkeys(host for host, _ in hosts if host not in held)
        room = min(
            self.limits.permissions - len(held), self.quotas.permissionRoom(allocation.allowance)
        )
        if added and len(added) > room:
            return None
        expires = now + self.limits.permission_lifetime
        changed = bool(added)
        for host, guarded in hosts:
            changed = changed or held[host].guarded != guarded
            held[host] = Permission(host, guarded, expires)
        allocation.permissions = tuple(held.values())
        self._countPeers(allocation, len(added), 0)
        self._lookAt(allocation, expires)
        return (GrantsChanged(allocation.flow),) if changed else ()

    def bind(
        self, allocation: Allocation, number: int, peer: Address, guarded: bool, now: float
    ) -> tuple[Effect, ...] | BindRefusal:
        """
        Bind or refresh a channel, and the permission of its peer (section 12.2).

        @param number: A channel number within the range of channels.
        @param peer: Where it leads.
        @param guarded: Whether the peer's host is guarded.
        @param now: Seconds, monotonic.
        """
        bound = None
        for channel in allocation.channels:
            if channel.number == number or channel.peer == peer:
                if channel.number != number or channel.peer != peer:
                    return BindRefusal.TAKEN
                bound = channel
        if bound is None and len(allocation.channels) >= self.limits.channels:
            return BindRefusal.FULL
        effects = self.permit(allocation, ((peer[0], guarded),), now)
        if effects is None:
            return BindRefusal.FULL
        expires = now + self.limits.channel_lifetime
        fresh = Channel(number, peer, expires)
        self._lookAt(allocation, expires)
        if bound is not None:
            allocation.channels = tuple(
                fresh if channel is bound else channel for channel in allocation.channels
            )
            return effects
        allocation.channels = (*allocation.channels, fresh)
        self._countPeers(allocation, 0, 1)
        return (GrantsChanged(allocation.flow),)

    def allowsPort(self, peer: Address, guarded: bool, now: float) -> bool:
        """
        Tell whether a port of a host that may be a peer may be one.

        @param peer: The host and the port.
        @param guarded: Whether the host is guarded.
        @param now: Seconds, monotonic.
        """
        if not guarded:
            return peer[1] != 0
        return self.policy.allowsPort(peer, self.byRelayed(peer, now) is not None)

    def usePolicy(self, policy: PeerPolicy) -> tuple[Effect, ...]:
        """
        Judge every permission by other rules: those that are refused end at once.  Which
        ports of guarded hosts are open has changed as well: whoever has one is told of again.

        @param policy: Replaces C{policy}.
        """
        changed = policy != self.policy
        self.policy = policy
        effects: list[Effect] = []
        for allocation in self._by_flow.values():
            before = allocation.permissions
            verdicts = [(each, policy.judgeHost(each.host)) for each in before]
            allocation.permissions = tuple(
                each
                if verdict is PeerVerdict.UNKNOWN
                else evolve(each, guarded=verdict is PeerVerdict.GUARDED)
                for each, verdict in verdicts
                if verdict is not PeerVerdict.DENIED
            )
            guarded = changed and any(each.guarded for each in allocation.permissions)
            if guarded or allocation.permissions != before:
                self._countPeers(allocation, len(allocation.permissions) - len(before), 0)
                effects.append(GrantsChanged(allocation.flow))
        return tuple(effects)

    def sweep(self, now: float) -> tuple[Effect, ...]:
        """Forget what ended by now, and return what is to be done about it."""
        effects: list[Effect] = []
        while self._dues and self._dues[0][0] <= now:
            due, _, allocation = heappop(self._dues)
            if allocation.sweep_due == due:
                allocation.sweep_due = _NEVER
                effects.extend(self._expire(allocation, EndReason.EXPIRED, now))
        return tuple(effects)

    def nextDue(self) -> float | None:
        """Return when L{sweep} next has something to do, C{None} for never."""
        while self._dues and self._dues[0][2].sweep_due != self._dues[0][0]:
            heappop(self._dues)
        return self._dues[0][0] if self._dues else None

    def _expire(
        self, allocation: Allocation, reason: EndReason, now: float
    ) -> tuple[Effect, ...]:
        if not allocation.isLive(now):
            return (self.remove(allocation, reason, now),)
        before = allocation.grants()
        permissions, channels = len(allocation.permissions), len(allocation.channels)
        closed = allocation.drop(now)
        self._countPeers(
            allocation,
            len(allocation.permissions) - permissions,
            len(allocation.channels) - channels,
        )
        self._lookAt(allocation, allocation.firstExpiry())
        effects: list[Effect] = []
        if closed:
            self._close(allocation, closed, now)
            numbers = tuple(held.port.number for held in closed)
            effects.append(PortsClosed(allocation.flow, numbers, ended=False))
        if allocation.grants() != before:
            effects.append(GrantsChanged(allocation.flow))
        return tuple(effects)

    def _close(self, allocation: Allocation, closed: tuple[HeldPort, ...], now: float) -> None:
        for held in closed:
            del self._by_relayed[held.port.address]
        self._countPorts(closed, -1)
        self.quotas.close(allocation.allowance, len(closed), now)

    def _countPorts(self, ports: tuple[HeldPort, ...], change: int) -> None:
        for held in ports:
            self.counters.relayed_ports_by_family[held.family] += change

    def _countPeers(self, allocation: Allocation, permissions: int, channels: int) -> None:
        self.quotas.permit(allocation.allowance, permissions)
        self.counters.permissions_active += permissions
        self.counters.channels_active += channels

    def _lookAt(self, allocation: Allocation, due: float) -> None:
        if due >= allocation.sweep_due:
            return
        allocation.sweep_due = due
        self._push(allocation)
        if len(self._dues) > 64 + 2 * len(self._by_flow):
            self._dues.clear()
            for each in self._by_flow.values():
                self._push(each)

    def _push(self, allocation: Allocation) -> None:
        self._pushed += 1
        heappush(self._dues, (allocation.sweep_due, self._pushed, allocation))
