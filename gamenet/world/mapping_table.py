"""The table of a NAT: which external port stands for which inside endpoint, and for whom."""

from __future__ import annotations

from math import inf

from attrs import define, field

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.counters import WorldCounters
from gamenet.world.nat_behavior import Filtering, Mapping, NatBehavior, PortChoice

__all__ = ["MappingKey", "MappingTable", "PortMapping"]

_RANDOM_TRIES = 32

#: What a mapping is looked up by: the inside endpoint, and what of the destination matters.
MappingKey = tuple[Address, Address | str | None]


@define(eq=False)
class PortMapping:
    """
    One external port that stands for one inside endpoint.

    @ivar internal: The inside endpoint.
    @ivar external: The external one.
    @ivar key: What it is looked up by.
    @ivar used_at: The world time when it was last refreshed.
    @ivar sent_to: When something was last sent, by whatever of the remote endpoint the
        filtering looks at.
    """

    internal: Address
    external: Address
    key: MappingKey
    used_at: float
    sent_to: dict[Address | str, float] = field(factory=dict)


@define(eq=False, repr=False)
class MappingTable:
    """
    The mappings of one NAT, for datagrams or for streams.

    @ivar address: The NAT's external address.
    @ivar behavior: How it maps and filters.
    """

    address: str
    behavior: NatBehavior
    _counters: WorldCounters
    _random: SeededRandom
    _by_key: dict[MappingKey, PortMapping] = field(factory=dict)
    _by_port: dict[int, PortMapping] = field(factory=dict)
    _last_port: int | None = None

    def __len__(self) -> int:
        """Return how many mappings there are, expired ones that nobody missed included."""
        return len(self._by_port)

    def outbound(self, now: float, source: Address, destination: Address) -> PortMapping | None:
        """
        Map what goes out, and remember that it did.

        @return: The mapping, or C{None}: there is no room.
        """
        behavior = self.behavior
        if behavior.mapping is Mapping.ENDPOINT_INDEPENDENT:
            key: MappingKey = (source, None)
        elif behavior.mapping is Mapping.ADDRESS_DEPENDENT:
            key = (source, destination[0])
        else:
            key = (source, destination)
        mapping = self._by_key.get(key)
        if mapping is not None and now - mapping.used_at >= behavior.expiry:
            self._expire(mapping)
            mapping = None
        if mapping is None:
            mapping = self.add(now, key)
            if mapping is None:
                return None
        mapping.used_at = now
        if behavior.filtering is Filtering.ADDRESS_AND_PORT_DEPENDENT:
            mapping.sent_to[destination] = now
        elif behavior.filtering is Filtering.ADDRESS_DEPENDENT:
            mapping.sent_to[destination[0]] = now
        if len(mapping.sent_to) > behavior.permission_limit:
            del mapping.sent_to[next(iter(mapping.sent_to))]
        return mapping

    def inbound(self, now: float, source: Address, port: int) -> PortMapping | None:
        """
        Find where something that comes in belongs.

        @param port: The external port it came to.
        @return: The mapping, or C{None}: there is none, or it does not let the source in.
        """
        mapping = self._by_port.get(port)
        if mapping is None:
            return None
        behavior = self.behavior
        if now - mapping.used_at >= behavior.expiry:
            self._expire(mapping)
            return None
        if behavior.filtering is not Filtering.ENDPOINT_INDEPENDENT:
            remote: Address | str = source
            if behavior.filtering is Filtering.ADDRESS_DEPENDENT:
                remote = source[0]
            sent_at = mapping.sent_to.get(remote)
            if sent_at is None:
                return None
            if now - sent_at >= behavior.expiry:
                del mapping.sent_to[remote]
                return None
            if behavior.refreshed_inbound:
                mapping.sent_to[remote] = now
        if behavior.refreshed_inbound:
            mapping.used_at = now
        return mapping

    def add(self, now: float, key: MappingKey, *, lasting: bool = False) -> PortMapping | None:
        """
        Make a mapping.

        @param lasting: It never expires.
        @return: It, or C{None}: the table or the range of ports is full, even of live ones.
        """
        if len(self._by_port) >= self.behavior.table_limit or len(
            self._by_port
        ) > self.behavior.highest_port - self.behavior.lowest_port:
            self._expireAll(now)
        if len(self._by_port) >= self.behavior.table_limit:
            return None
        port = self._choosePort(now, key[0][1])
        if port is None:
            return None
        mapping = PortMapping(key[0], (self.address, port), key, inf if lasting else now)
        self._by_key[key] = mapping
        self._by_port[port] = mapping
        self._counters.mappings += 1
        return mapping

    def remove(self, mapping: PortMapping) -> None:
        """Take a mapping away, if it is still there."""
        if self._by_port.get(mapping.external[1]) is mapping:
            del self._by_port[mapping.external[1]]
            if self._by_key.get(mapping.key) is mapping:
                del self._by_key[mapping.key]

    def clear(self) -> int:
        """Forget every mapping; return how many there were."""
        count = len(self._by_port)
        self._by_key.clear()
        self._by_port.clear()
        return count

    def _expire(self, mapping: PortMapping) -> None:
        self.remove(mapping)
        self._counters.expired_mappings += 1

    def _expireAll(self, now: float) -> None:
        for mapping in list(self._by_port.values()):
            if now - mapping.used_at >= self.behavior.expiry:
                self._expire(mapping)

    def _choosePort(self, now: float, internal: int) -> int | None:
        behavior = self.behavior
        lowest, highest = behavior.lowest_port, behavior.highest_port
        if behavior.port_choice is PortChoice.RANDOM:
            for _ in range(_RANDOM_TRIES):
                port = self._random.between(lowest, highest)
                if self._isFree(now, port):
                    return port
            return self._nextFree(now, self._random.between(lowest, highest))
        if behavior.port_choice is PortChoice.PRESERVING:
            return self._nextFree(now, internal if lowest <= internal <= highest else lowest)
        if self._last_port is None:
            self._last_port = self._random.between(lowest, highest)
        following = self._nextFree(now, self._last_port + behavior.port_delta)
        if following is not None:
            self._last_port = following
        return following

    def _nextFree(self, now: float, port: int) -> int | None:
        lowest = self.behavior.lowest_port
        count = self.behavior.highest_port - lowest + 1
        for _ in range(count):
            port = lowest + (port - lowest) % count
            if self._isFree(now, port):
                return port
            port += 1
        return None

    def _isFree(self, now: float, port: int) -> bool:
        mapping = self._by_port.get(port)
        if mapping is None:
            return True
        if now - mapping.used_at < self.behavior.expiry:
            return False
        self._expire(mapping)
        return True
