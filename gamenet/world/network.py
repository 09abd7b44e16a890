"""
A whole network in memory, all from one seed: the twin of the one outside.

Machines and NATs hang on the public Internet or behind one another, each by an
access link of its own; protocols that know only
L{gamenet.interfaces.IMachine} run here unmodified, hundreds of times faster
than real time, and always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from gamenet.errors import BadSetting
from gamenet.world.addresses import OwnAddresses, isNumeric
from gamenet.world.clock import WorldClock
from gamenet.world.counters import WorldCounters
from gamenet.world.datagram_socket import BUFFER_LIMIT
from gamenet.world.link import PERFECT, LinkProfile
from gamenet.world.local_clock import LocalClock
from gamenet.world.machine import WorldMachine
from gamenet.world.nat import Nat
from gamenet.world.nat_behavior import (
    PORT_RESTRICTED,
    Filtering,
    Mapping,
    NatBehavior,
    PortChoice,
)
from gamenet.world.realm import Attachment, Fabric, Partition, Realm
from gamenet.world.stream_host import StreamHost, StreamRegistry
from gamenet.world.stream_path import StreamLimits
from gamenet.world.trace import Trace

__all__ = ["CORE_HOPS", "WorldNetwork"]

#: Routers between any two public addresses: a datagram with a time to live of 5 leaves a
#: double NAT, and dies before it comes to another home.
CORE_HOPS = 4


class WorldNetwork:
    """
    The network.

    @ivar seed: Everything that happens by chance follows from it.
    @ivar clock: The world's own time, which starts at 0.
    @ivar counters: What happened, by kind.
    @ivar trace: The hash over everything that was sent.
    @ivar machines: The machines that run, by name.
    @ivar nats: The NATs, by name.
    """

    def __init__(
        self,
        seed: int,
        *,
        core_hops: int = CORE_HOPS,
        stream_limits: StreamLimits | None = None,
    ) -> None:
        """
        @param seed: Any integer.
        @param core_hops: Routers between any two public addresses.
        @param stream_limits: Of every stream; C{None} is L{StreamLimits}'s own.
        """
        self.seed = seed
        self._fabric = Fabric(seed)
        self.clock: WorldClock = self._fabric.clock
        self.counters: WorldCounters = self._fabric.counters
        self.trace = Trace()
        self.machines: dict[str, WorldMachine] = {}
        self.nats: dict[str, Nat] = {}
        self._public = Realm(self._fabric, "public", core_hops)
        self._streams = StreamRegistry(stream_limits or StreamLimits())
        self._made: dict[str, int] = {}

    def machine(
        self,
        name: str,
        address: str | tuple[str, ...],
        behind: str | Nat | None = None,
        profile: LinkProfile = PERFECT,
        *,
        clock_offset: float = 0.0,
        drift_ppm: float = 0.0,
        receive_buffer: int = BUFFER_LIMIT,
    ) -> WorldMachine:
        """
        Add a machine.  A name may be used again once its machine is stopped.

        @param address: Its numeric address, or several, of either family: IPv6 addresses are
            public wherever the machine is, and pass no NAT (and none of the links of those
            around it).
        @param behind: The NAT it is behind, or C{None}: it is public.
        @param profile: Of its link, to the NAT or to the Internet.
        @param clock_offset: What its monotonic clock shows at world time 0, in seconds.
        @param drift_ppm: How much faster than the world its clock runs, in millionths.
        @param receive_buffer: Bytes that each socket holds while the machine is suspended.
        @raise gamenet.errors.BadSetting: The name or an address is taken, or not numeric.
        """
        if not abs(drift_ppm) < 1_000_000:
            raise BadSetting(f"a clock cannot drift by {drift_ppm!r} ppm")
        previous = self.machines.get(name)
        replaced = previous.attachment if previous and previous.clock.stopped else None
        if replaced is None:
            self._refuseTakenName(name)
        own = OwnAddresses.of(*((address,) if isinstance(address, str) else address))
        realm, lineage = self._place(behind)
        attachment = Attachment(realm, name, (name, *lineage), profile, _Nobody())
        attachment_six = attachment.beside(self._public, f"{name} over IPv6")
        replaced_six = previous.attachment_six if previous and replaced else None
        self._public.refuseTaken(own.six(), replaced_six)
        realm.attach(attachment, own.four(), replaced)
        self._public.attach(attachment_six, own.six(), replaced_six)
        for gone in (replaced, replaced_six):
            if gone is not None:
                gone.realm.detach(gone)
        clock = LocalClock(self.clock, clock_offset, 1.0 + drift_ppm / 1_000_000)
        attachments = (attachment, attachment_six)
        machine = self._assemble(name, own, clock, attachments, receive_buffer)
        for each in attachments:
            each.resident = machine
            each.stream_host = machine.stream_host
        self.machines[name] = machine
        return machine

    def nat(
        self,
        name: str,
        address: str,
        behavior: NatBehavior = PORT_RESTRICTED,
        behind: str | Nat | None = None,
        profile: LinkProfile = PERFECT,
        *,
        mapping: Mapping | None = None,
        filtering: Filtering | None = None,
        port_choice: PortChoice | None = None,
        expiry: float | None = None,
        hairpin: bool | None = None,
    ) -> Nat:
        """
        Add a NAT.

        @param address: Its external address.
        @param behavior: How it behaves, for example one of
            L{gamenet.world.nat_behavior.PRESETS}.
        @param behind: The NAT it is itself behind, or C{None}: it is public.
        @param profile: Of its link to the outside.
        @param mapping: Instead of the behavior's own, as are the rest.
        @param expiry: In seconds.
        @raise gamenet.errors.BadSetting: The name or the address is taken, or not numeric.
        """
        self._refuseTakenName(name)
        if not isNumeric(address):
            raise BadSetting(f"not a numeric IPv4 address: {address!r}")
        changes: dict[str, Any] = {
            "mapping": mapping,
            "filtering": filtering,
            "port_choice": port_choice,
            "expiry": expiry,
            "hairpin": hairpin,
        }
        changed = {key: value for key, value in changes.items() if value is not None}
        nat = Nat(self._fabric, name, address, evolve(behavior, **changed))
        realm, lineage = self._place(behind)
        nat.attach(realm, profile, lineage)
        self.nats[name] = nat
        return nat

    def setProfile(self, name: str, profile: LinkProfile) -> None:
        """
        Change the access link of a machine or a NAT, for whatever is sent from now on.

        @raise gamenet.errors.BadSetting: There is no such machine or NAT.
        """
        self._attachment(name).setProfile(profile)
        if name in self.machines:
            self.machines[name].attachment_six.setProfile(profile)

    def publishName(self, host_name: str, address: str) -> None:
        """Let every machine resolve a host name to a numeric address, at once."""
        self._streams.names[host_name] = OwnAddresses.of(address).all[0]

    def partition(
        self, ones: Iterable[str], others: Iterable[str] | None = None, *, one_way: bool = False
    ) -> None:
        """
        Let nothing pass between two groups, until L{heal}.

        Naming a NAT means everything behind it too.  What is on its way already still
        arrives, except on streams, where it waits.

        @param ones: Names of machines and NATs.
        @param others: The other group; C{None} is everyone else.
        @param one_way: Only datagrams from the first group to the second are stopped.
        @raise gamenet.errors.BadSetting: There is no such machine or NAT.
        """
        groups = [dict.fromkeys(ones), None if others is None else dict.fromkeys(others)]
        for group in groups:
            for name in group or {}:
                self._attachment(name)
        self._fabric.part(Partition(groups[0] or {}, groups[1], one_way))

    def heal(self) -> None:
        """End every partition; streams that were cut off by one go on."""
        self._fabric.heal()
        self._streams.resume()

    def advance(self, seconds: float) -> None:
        """Let C{seconds} of world time pass; see L{WorldClock.advance}."""
        self.clock.advance(seconds)

    def runUntil(self, goal: Deferred[Any] | Callable[[], Any], limit: float) -> Any:
        """
        Let time pass until a Deferred fires or a function returns something true; see
        L{WorldClock.runUntil}.

        @param limit: At most this many seconds.
        @return: What it fired with or returned.
        @raise gamenet.world.clock.NotReached: It did not come to that in time.
        """
        return self.clock.runUntil(goal, limit)

    def traceHash(self) -> str:
        """Return the hash over everything that was sent so far, 32 hexadecimal digits."""
        return self.trace.hexadecimal()

    def _assemble(
        self,
        name: str,
        own: OwnAddresses,
        clock: LocalClock,
        attachments: tuple[Attachment, Attachment],
        receive_buffer: int,
    ) -> WorldMachine:
        fabric = self._fabric
        self._made[name] = self._made.get(name, 0) + 1
        number = sum(self._made.values())
        label = f"machine/{name}/{self._made[name]}"
        host = StreamHost(
            label,
            number,
            fabric,
            clock,
            *attachments,
            own,
            self._streams,
            self.trace,
            fabric.random(f"{label}/stream ports"),
        )
        return WorldMachine(
            name,
            number,
            fabric,
            own,
            clock,
            *attachments,
            host,
            self.trace,
            fabric.random(f"{label}/bytes"),
            fabric.random(f"{label}/datagram ports"),
            receive_buffer,
        )

    def _place(self, behind: str | Nat | None) -> tuple[Realm, tuple[str, ...]]:
        if behind is None:
            return self._public, ()
        nat = self.nats.get(behind) if isinstance(behind, str) else behind
        if nat is None:
            raise BadSetting(f"there is no NAT {behind!r}")
        return nat.inside, nat.outside.lineage

    def _attachment(self, name: str) -> Attachment:
        if name in self.machines:
            return self.machines[name].attachment
        if name in self.nats:
            return self.nats[name].outside
        raise BadSetting(f"there is no machine or NAT {name!r}")

    def _refuseTakenName(self, name: str) -> None:
        if name in self.machines or name in self.nats:
            raise BadSetting(f"the name {name!r} is taken")


class _Nobody:
    """Stands in for a machine while it is being put together."""

    def receive(self, datagram: object) -> None:
        """Lose a datagram."""
