"""
Network address translators (RFC 4787) between an inside realm and an outside one.

The outside may be the inside of another: a double NAT.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.interfaces import Address
from gamenet.world.link import Datagram, LinkProfile
from gamenet.world.mapping_table import MappingTable, PortMapping
from gamenet.world.nat_behavior import NatBehavior
from gamenet.world.realm import Attachment, Fabric, Realm, insideGateway

__all__ = ["Nat"]


@define(eq=False, repr=False)
class _Inside:
    """The inside of a NAT, as a resident of its own realm: what arrives here goes out."""

    nat: Nat

    def receive(self, datagram: Datagram) -> None:
        """Take a datagram that wants to go out."""
        self.nat.outward(datagram)


@define(eq=False, repr=False)
class Nat:
    """
    One NAT.  Made by L{gamenet.world.network.WorldNetwork.nat}.

    @ivar name: Its name.
    @ivar address: Its external address.
    @ivar behavior: How it maps, filters and chooses ports.
    @ivar outside: Where it is attached to the outside.
    @ivar inside: The realm behind it.
    @ivar datagram_mappings: Its table for datagrams.
    @ivar stream_mappings: Its table for streams, which only ever pass outward.
    @ivar generation: How often it forgot everything.
    """

    fabric: Fabric
    name: str
    address: str
    behavior: NatBehavior
    outside: Attachment = field(init=False)
    inside: Realm = field(init=False)
    datagram_mappings: MappingTable = field(init=False)
    stream_mappings: MappingTable = field(init=False)
    generation: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        counters = self.fabric.counters
        self.datagram_mappings = MappingTable(
            self.address, self.behavior, counters, self.fabric.random(f"nat/{self.name}/datagrams")
        )
        self.stream_mappings = MappingTable(
            self.address, self.behavior, counters, self.fabric.random(f"nat/{self.name}/streams")
        )

    def __repr__(self) -> str:
        return f"<Nat {self.name!r} at {self.address}>"

    def attach(self, outside: Realm, profile: LinkProfile, lineage: tuple[str, ...]) -> None:
        """
        Plug the NAT in.

        @param lineage: The names of the NATs around it.
        @raise gamenet.errors.BadSetting: Its address is taken.
        """
        names = (self.name, *lineage)
        self.outside = Attachment(outside, self.name, names, profile, self)
        outside.attach(self.outside, [self.address])
        self.inside = Realm(self.fabric, self.name, translator=self)
        self.inside.gateway = insideGateway(self.inside, self.name, names, _Inside(self))

    def outward(self, datagram: Datagram) -> None:
        """Take a datagram from the inside out, or turn it around, or drop it."""
        data, source, destination, ttl, origin = datagram
        fabric = self.fabric
        if ttl <= 1:
            fabric.counters.expired_ttl += 1
            return
        behavior = self.behavior
        if not behavior.datagrams:
            fabric.counters.blocked_by_nat += 1
            return
        turned = destination[0] == self.address
        if turned and not behavior.hairpin:
            fabric.counters.hairpin_refused += 1
            return
        mapping = self.datagram_mappings.outbound(fabric.clock.now, source, destination)
        if mapping is None:
            fabric.counters.nat_table_full += 1
        elif turned:
            fabric.counters.hairpinned += 1
            # An event of its own, so that nobody receives anything within their own send().
            fabric.clock.schedule(
                fabric.clock.now, self.receive, (data, mapping.external, destination, ttl, origin)
            )
        else:
            self.outside.forward(data, mapping.external, destination, ttl - 1, origin)

    def receive(self, datagram: Datagram) -> None:
        """Take a datagram from the outside in, if a mapping lets it."""
        data, source, destination, ttl, origin = datagram
        fabric = self.fabric
        if ttl <= 1:
            fabric.counters.expired_ttl += 1
            return
        if not self.behavior.datagrams:
            fabric.counters.blocked_by_nat += 1
            return
        mapping = self.datagram_mappings.inbound(fabric.clock.now, source, destination[1])
        gateway = self.inside.gateway
        if mapping is None or gateway is None:
            fabric.counters.filtered_by_nat += 1
        else:
            gateway.forward(data, source, mapping.internal, ttl - 1, origin)

    def openStream(self, source: Address, destination: Address) -> PortMapping | None:
        """
        Map a stream that goes out; the mapping lasts as long as the stream.

        @return: The mapping, or C{None}: there is no room.
        """
        return self.stream_mappings.add(
            self.fabric.clock.now, (source, destination), lasting=True
        )

    def closeStream(self, mapping: PortMapping) -> None:
        """Take the mapping of a stream away."""
        self.stream_mappings.remove(mapping)

    def replaceBehavior(self, behavior: NatBehavior) -> None:
        """Behave otherwise from now on, as another router in its place would: all is forgotten."""
        self.behavior = behavior
        self.datagram_mappings.behavior = behavior
        self.stream_mappings.behavior = behavior
        self.forget()

    def forget(self) -> None:
        """
        Lose every mapping at once, as a router does that reboots.

        Streams through it are cut off: neither end is told, and both find out
        when they next send and hear nothing.
        """
        self.generation += 1
        lost = self.datagram_mappings.clear() + self.stream_mappings.clear()
        self.fabric.counters.forgotten_mappings += lost
