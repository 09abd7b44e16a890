"""
Address realms (RFC 2663, section 2.1): the public Internet, and the inside of each NAT.

In each, numeric addresses name the machines and NATs that are attached to it;
what is not there goes out by the gateway, where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.clock import WorldClock
from gamenet.world.counters import WorldCounters
from gamenet.world.link import PERFECT, Datagram, LinkProfile, NarrowQueue, Route
from gamenet.world.mapping_table import PortMapping

if TYPE_CHECKING:
    from gamenet.world.stream_host import StreamHost

__all__ = [
    "Attachment",
    "Fabric",
    "Partition",
    "Realm",
    "Resident",
    "Translator",
    "insideGateway",
]

_REMEMBERED_ROUTES = 4096


class Resident(Protocol):
    """What is attached to a realm: a machine, or one side of a NAT."""

    def receive(self, datagram: Datagram) -> None:
        """Take a datagram that arrived."""


class Translator(Protocol):
    """
    A NAT, as streams see it.

    @ivar generation: How often it forgot everything.
    """

    address: str
    outside: Attachment
    generation: int

    def openStream(self, source: Address, destination: Address) -> PortMapping | None:
        """Map a stream that goes out; C{None} where there is no room."""

    def closeStream(self, mapping: PortMapping) -> None:
        """Take the mapping of a stream away."""


@define(eq=False, repr=False)
class Partition:
    """
    Two groups of names between which nothing passes.

    @ivar ones: The first group.
    @ivar others: The second, or C{None}: everyone who is not of the first.
    @ivar one_way: Only what goes from the first group to the second is stopped.
    """

    ones: dict[str, None]
    others: dict[str, None] | None
    one_way: bool

    def stops(self, source: tuple[str, ...], target: tuple[str, ...]) -> bool:
        """Return whether nothing passes from one line of names to the other."""
        return self._divides(source, target) or (
            not self.one_way and self._divides(target, source)
        )

    def _divides(self, source: tuple[str, ...], target: tuple[str, ...]) -> bool:
        if not any(name in self.ones for name in source):
            return False
        if self.others is None:
            return not any(name in self.ones for name in target)
        return any(name in self.others for name in target)


@define(eq=False, repr=False)
class Fabric:
    """
    What every part of a network stands on: the clock, the counters, the seed and the
    partitions.
    """

    seed: int
    clock: WorldClock = field(factory=WorldClock)
    counters: WorldCounters = field(factory=WorldCounters)
    partitions: list[Partition] = field(factory=list)
    _severed: dict[tuple[str, str], bool] = field(factory=dict)

    def random(self, label: str) -> SeededRandom:
        """Return the random numbers that belong to one part of the world."""
        return SeededRandom.fromLabel(self.seed, label)

    def isSevered(self, source: Attachment, target: Attachment) -> bool:
        """Return whether a partition lets nothing pass from one attachment to another."""
        key = (source.name, target.name)
        severed = self._severed.get(key)
        if severed is None:
            severed = any(
                partition.stops(source.lineage, target.lineage) for partition in self.partitions
            )
            self._severed[key] = severed
        return severed

    def part(self, partition: Partition) -> None:
        """Let nothing pass between the groups of C{partition}."""
        self.partitions.append(partition)
        self._severed.clear()
        self.counters.partitions += 1

    def heal(self) -> None:
        """Let everything pass again."""
        self.partitions.clear()
        self._severed.clear()
        self.counters.heals += 1


@define(eq=False, repr=False)
class Realm:
    """
    One address realm.

    @ivar name: Of the NAT whose inside it is; C{"public"} for the Internet.
    @ivar hops: Routers between any two attachments.
    @ivar translator: The NAT that this is the inside of, or C{None}.
    @ivar hosts: Who is there, by numeric address.
    @ivar gateway: Where everything else goes, or C{None}.
    @ivar residents: Every attachment there ever was, in the order of attaching.
    """

    fabric: Fabric
    name: str
    hops: int = 0
    translator: Translator | None = None
    hosts: dict[str, Attachment] = field(factory=dict)
    gateway: Attachment | None = None
    residents: list[Attachment] = field(factory=list)

    def attach(
        self,
        attachment: Attachment,
        addresses: Sequence[str],
        replaced: Attachment | None = None,
    ) -> None:
        """
        Give an attachment its addresses here.

        @param replaced: Another one, whose addresses it may take over.
        @raise gamenet.errors.BadSetting: One of them is taken.
        """
        self.refuseTaken(addresses, replaced)
        for address in addresses:
            self.hosts[address] = attachment
        self.residents.append(attachment)
        self._forgetRoutes()

    def refuseTaken(self, addresses: Sequence[str], owner: Attachment | None = None) -> None:
        """
        Refuse addresses that are taken.

        @param owner: Who may have taken them.
        @raise gamenet.errors.BadSetting: One of them is.
        """
        for address in addresses:
            if self.hosts.get(address, owner) is not owner:
                raise BadSetting(f"{address} is taken in {self.name}")

    def readdress(self, attachment: Attachment, addresses: Sequence[str]) -> None:
        """
        Give an attachment other addresses in place of those it has here.

        @raise gamenet.errors.BadSetting: One of them is taken.
        """
        self.refuseTaken(addresses, attachment)
        kept = {host: other for host, other in self.hosts.items() if other is not attachment}
        lost = [host for host, other in self.hosts.items() if other is attachment]
        self.hosts = {**kept, **dict.fromkeys(addresses, attachment)}
        if any(host not in addresses for host in lost):
            attachment.generation += 1
        self._forgetRoutes()

    def detach(self, attachment: Attachment) -> None:
        """Take an attachment and its addresses away."""
        self.hosts = {
            address: other for address, other in self.hosts.items() if other is not attachment
        }
        self.residents.remove(attachment)
        self._forgetRoutes()

    def _forgetRoutes(self) -> None:
        for resident in self.residents:
            resident.by_destination.clear()
        if self.gateway is not None:
            self.gateway.by_destination.clear()


@define(eq=False, repr=False)
class Attachment:
    """
    Where a machine or a NAT is plugged into a realm, by its access link.

    @ivar name: Of the machine or NAT.
    @ivar lineage: That name and those of the NATs around it, from the inside out:
        a partition that names any of them concerns it.
    @ivar profile: Of the link, each way.
    @ivar stream_host: Who takes streams there; a NAT takes none.
    @ivar generation: How often it lost an address.
    """

    realm: Realm
    name: str
    lineage: tuple[str, ...]
    profile: LinkProfile
    resident: Resident
    stream_host: StreamHost | None = None
    generation: int = 0
    by_destination: dict[str, Route] = field(factory=dict)
    _routes: dict[str, Route] = field(factory=dict)
    _queue_in: NarrowQueue = field(factory=NarrowQueue)
    _queue_out: NarrowQueue = field(factory=NarrowQueue)

    def beside(self, realm: Realm, name: str) -> Attachment:
        """Return another attachment over the same link, to C{realm}."""
        return Attachment(
            realm,
            name,
            self.lineage,
            self.profile,
            self.resident,
            queue_in=self._queue_in,
            queue_out=self._queue_out,
        )

    def isGateway(self) -> bool:
        """Return whether this is the way out of its realm."""
        return self.realm.gateway is self

    def forward(
        self, data: bytes, source: Address, destination: Address, ttl: int, origin: Attachment
    ) -> None:
        """Send a datagram on from here, to wherever its destination is."""
        route = self.by_destination.get(destination[0]) or self.routeTo(destination[0])
        if route is None:
            self.realm.fabric.counters.no_route += 1
        else:
            route.carry((data, source, destination, ttl, origin))

    def receive(self, datagram: Datagram) -> None:
        """Take a datagram that came over the link."""
        self.resident.receive(datagram)

    def queueOut(self, datagram: Datagram) -> float | None:
        """Return when a datagram will have left over the narrow link, if it ever does."""
        now = self.realm.fabric.clock.now
        return self._queue_out.departure(now, len(datagram[0]), self.profile)

    def queueIn(self, datagram: Datagram) -> None:
        """Take a datagram once it has come through the narrow link."""
        fabric = self.realm.fabric
        if not self.profile.bandwidth:
            self.resident.receive(datagram)
            return
        arrival = self._queue_in.departure(fabric.clock.now, len(datagram[0]), self.profile)
        if arrival is None:
            fabric.counters.congested += 1
        else:
            fabric.clock.schedule(arrival, self.resident.receive, datagram)

    def routeTo(self, host: str) -> Route | None:
        """Return the way to an address from here, or C{None}: there is none."""
        realm = self.realm
        target = realm.hosts.get(host)
        if target is None:
            target = realm.gateway
            if target is None or target is self:
                return None
        outward = target is realm.gateway
        route = self._routes.get(target.name)
        if route is None or route.target is not target:
            label = f"route/{realm.name}/{self.name}/{target.name}"
            hops = 0 if outward or self.isGateway() else realm.hops
            route = Route(realm.fabric, self, target, hops, outward, realm.fabric.random(label))
            self._routes[target.name] = route
        if len(self.by_destination) >= _REMEMBERED_ROUTES:
            self.by_destination.clear()
        self.by_destination[host] = route
        return route

    def setProfile(self, profile: LinkProfile) -> None:
        """Change the link, for every datagram from now on."""
        self.profile = profile
        self.refreshRoutes()

    def refreshRoutes(self) -> None:
        """Take over changed profiles into the routes from here."""
        for route in self._routes.values():
            route.refresh()
        for resident in self.realm.residents:
            for route in resident.routesTo(self):
                route.refresh()
        if self.realm.gateway is not None:
            for route in self.realm.gateway.routesTo(self):
                route.refresh()

    def routesTo(self, target: Attachment) -> list[Route]:
        """Return the routes from here to C{target} that have been used."""
        return [route for route in self._routes.values() if route.target is target]


def insideGateway(realm: Realm, name: str, lineage: tuple[str, ...], nat: Resident) -> Attachment:
    """Return the inside attachment of a NAT: the gateway of its realm, over no link at all."""
    return Attachment(realm, name, lineage, PERFECT, nat)
