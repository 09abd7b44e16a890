"""
A data plane that relays nothing: it tells where a packet would go, from what it was told.
"""

from __future__ import annotations

from gamenet.interfaces import Address
from gamenet.relay.allocation_table import AllocationTable
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Effect, Grants, PortsClosed
from gamenet.wire.turn import familyOf

__all__ = ["ToldPlane"]


class ToldPlane:
    """
    What a data plane knows: only what the effects made the server tell it.

    @ivar grants: By flow, what it was told last.
    """

    def __init__(self, table: AllocationTable) -> None:
        self.table = table
        self.grants: dict[Flow, Grants] = {}

    def tell(self, effects: tuple[Effect, ...], now: float) -> tuple[int, ...]:
        """Do what the server does, and return the numbers of the ports it closes."""
        closed: list[int] = []
        for effect in effects:
            if isinstance(effect, PortsClosed):
                closed.extend(effect.numbers)
                if effect.ended:
                    del self.grants[effect.flow]
                continue
            allocation = self.table.find(effect.flow, now)
            if allocation is not None:
                self.grants[effect.flow] = self.table.grants(allocation)
        return tuple(closed)

    def addresses(self, flow: Flow) -> dict[int, Address]:
        """Return the relayed addresses of a client that it was told of, by number."""
        allocation = self.table._by_flow[flow]
        ports = {held.port.number: held.port.address for held in allocation.ports}
        return {number: ports[number] for number in self.grants[flow].ports}

    def sendToPeer(
        self, flow: Flow, peer: Address, now: float
    ) -> tuple[int, Address] | DropReason:
        """Tell where a Send indication goes: the number of the port it leaves by, and the peer."""
        grants = self.grants.get(flow)
        if grants is None:
            return DropReason.NO_ALLOCATION
        hosts = dict(grants.hosts)
        if peer[0] not in hosts:
            return DropReason.NO_PERMISSION
        if not self.table.allowsPort(peer, hosts[peer[0]], now):
            return DropReason.PEER_FORBIDDEN
        for number, address in self.addresses(flow).items():
            if familyOf(address[0]) == familyOf(peer[0]):
                return number, peer
        raise AssertionError(f"a permission without a port: {peer}")

    def channelToPeer(
        self, flow: Flow, channel: int, now: float
    ) -> tuple[int, Address] | DropReason:
        """Tell where ChannelData goes."""
        grants = self.grants.get(flow)
        if grants is None:
            return DropReason.NO_ALLOCATION
        peer = dict(grants.channels).get(channel)
        return DropReason.NO_CHANNEL if peer is None else self.sendToPeer(flow, peer, now)

    def toClient(
        self, number: int, peer: Address, now: float
    ) -> tuple[Flow, int] | DropReason:
        """Tell where a datagram to a relayed port goes: the client and the channel, 0 for none."""
        for flow, grants in self.grants.items():
            if number in grants.ports:
                sent = self.sendToPeer(flow, peer, now)
                if isinstance(sent, DropReason):
                    return sent
                channels = {to: channel for channel, to in grants.channels}
                return flow, channels.get(peer, 0)
        return DropReason.NO_ALLOCATION
