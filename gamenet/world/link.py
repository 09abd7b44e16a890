"""
What happens to datagrams between two machines: latency, jitter, loss,
duplication, reordering, narrow bandwidth.

Every machine and every NAT has one access link, described by a L{LinkProfile}
for each direction alike.  A L{Route} is what two access links come to together.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import Attribute, define, evolve, field, frozen

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom

if TYPE_CHECKING:
    from gamenet.world.realm import Attachment, Fabric

__all__ = ["HEADERS", "PERFECT", "Datagram", "LinkProfile", "Route"]

#: C{(data, source, destination, ttl, origin)}; the origin is the sending machine's attachment.
Datagram: TypeAlias = "tuple[bytes, Address, Address, int, Attachment]"

#: Bytes of IP and UDP headers that a datagram takes up on a link.
HEADERS = 28

_WHOLE = 1 << 32


def _isProbability(profile: object, attribute: Attribute[float], value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise BadSetting(f"{attribute.name} must be from 0.0 to 1.0, not {value!r}")


def _isDuration(profile: object, attribute: Attribute[float], value: float) -> None:
    if not (value >= 0.0 and isfinite(value)):
        raise BadSetting(f"{attribute.name} must be seconds from 0 up, not {value!r}")


def _isPositive(profile: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not (value > 0 and isfinite(value)):
        raise BadSetting(f"{attribute.name} must be greater than 0, not {value!r}")


@frozen
class LinkProfile:
    """
    What one access link does to each datagram that passes it, either way.

    Jitter alone never changes the order of datagrams: a queue does not.  Streams know
    latency, jitter and loss (as a delay: what is lost is sent again) and nothing else.

    @ivar latency: Seconds that every datagram takes.
    @ivar jitter: Seconds more that it takes at most, evenly distributed.
    @ivar loss: The probability that it is lost.
    @ivar duplication: The probability that it arrives twice.
    @ivar reordering: The probability that it is held back by up to
        C{reordering_delay}, while later ones pass it.
    @ivar reordering_delay: In seconds.
    @ivar bandwidth: Bytes a second in each direction, headers of 28 bytes a datagram
        included, or C{None} for as many as anyone likes.
    @ivar queue_limit: Bytes that may wait for a narrow link; what comes then is
        dropped.
    """

    latency: float = field(default=0.0, validator=_isDuration)
    jitter: float = field(default=0.0, validator=_isDuration)
    loss: float = field(default=0.0, validator=_isProbability)
    duplication: float = field(default=0.0, validator=_isProbability)
    reordering: float = field(default=0.0, validator=_isProbability)
    reordering_delay: float = field(default=0.030, validator=_isDuration)
    bandwidth: float | None = field(default=None, validator=_isPositive)
    queue_limit: int = field(default=65_536, validator=_isPositive)

    def joinedWith(self, other: LinkProfile) -> LinkProfile:
        """
        Return what this link and another, one after the other, come to.

        Bandwidth is left out: it belongs to each of them.
        """
        return evolve(
            self,
            latency=self.latency + other.latency,
            jitter=self.jitter + other.jitter,
            loss=_either(self.loss, other.loss),
            duplication=_either(self.duplication, other.duplication),
            reordering=_either(self.reordering, other.reordering),
            reordering_delay=max(self.reordering_delay, other.reordering_delay),
            bandwidth=None,
        )


def _either(one: float, other: float) -> float:
    return 1.0 - (1.0 - one) * (1.0 - other)


#: A link that does nothing at all.
PERFECT = LinkProfile()


@define(eq=False, repr=False)
class NarrowQueue:
    """
    One direction of a link with limited bandwidth: datagrams leave one after the other.

    @ivar free_at: The world time when the last datagram so far will have left.
    """

    free_at: float = 0.0

    def departure(self, now: float, size: int, profile: LinkProfile) -> float | None:
        """
        Return when a datagram will have passed the bottleneck.

        @param size: Of its data, in bytes.
        @return: A world time in seconds, or C{None}: the queue is full.
        """
        assert profile.bandwidth is not None
        start = max(now, self.free_at)
        if (start - now) * profile.bandwidth + size + HEADERS > profile.queue_limit:
            return None
        self.free_at = start + (size + HEADERS) / profile.bandwidth
        return self.free_at


@define(eq=False, repr=False)
class Route:
    """
    The way of datagrams from one attachment of a realm to another: both their
    access links, and the routers between.

    @ivar source: Where they come from.
    @ivar target: Where they go.
    @ivar hops: How many routers lie between.
    @ivar outward: The target is the realm's gateway: what takes no time is handed over
        at once.
    """

    fabric: Fabric
    source: Attachment
    target: Attachment
    hops: int
    outward: bool
    _random: SeededRandom
    _receive: Callable[[Datagram], object] = field(init=False)
    _immediate: bool = field(default=False, init=False)
    _latency: float = field(default=0.0, init=False)
    _jitter: float = field(default=0.0, init=False)
    _reordering_delay: float = field(default=0.0, init=False)
    _lost_below: int = field(default=0, init=False)
    _duplicated_below: int = field(default=0, init=False)
    _reordered_below: int = field(default=0, init=False)
    _newest_arrival: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Take over the present profiles of both links."""
        source, target = self.source, self.target
        joined = source.profile.joinedWith(target.profile)
        self._latency = joined.latency
        self._jitter = joined.jitter
        self._reordering_delay = joined.reordering_delay
        self._lost_below = int(joined.loss * _WHOLE)
        kept = 1.0 - joined.loss
        self._duplicated_below = self._lost_below + int(kept * joined.duplication * _WHOLE)
        kept *= 1.0 - joined.duplication
        self._reordered_below = self._duplicated_below + int(kept * joined.reordering * _WHOLE)
        narrow = source.profile.bandwidth or target.profile.bandwidth
        self._immediate = not (
            self._latency or self._jitter or self._reordered_below or narrow or self.hops
        ) and (self.outward or source.isGateway())
        self._receive = target.queueIn if target.profile.bandwidth else target.receive

    def carry(self, datagram: Datagram) -> None:
        """Take a datagram to the target, or lose it on the way, or duplicate it, or …"""
        fabric = self.fabric
        if fabric.partitions and fabric.isSevered(datagram[4], self.target):
            fabric.counters.partitioned += 1
            return
        if self.hops:
            ttl = datagram[3] - self.hops
            if ttl <= 0:
                fabric.counters.expired_ttl += 1
                return
            datagram = (*datagram[:3], ttl, datagram[4])
        if self._immediate:
            self._receive(datagram)
            return
        clock = fabric.clock
        start = clock.now
        if self.source.profile.bandwidth:
            departure = self.source.queueOut(datagram)
            if departure is None:
                fabric.counters.congested += 1
                return
            start = departure
        due = start + self._latency
        if self._jitter:
            due += self._jitter * self._random.unit()
        if self._reordered_below:
            roll = self._random.bits32()
            if roll < self._reordered_below:
                self._misfortune(roll, due, datagram)
                return
        if due < self._newest_arrival:
            due = self._newest_arrival
        else:
            self._newest_arrival = due
        clock.schedule(due, self._receive, datagram)

    def _misfortune(self, roll: int, due: float, datagram: Datagram) -> None:
        fabric = self.fabric
        if roll < self._lost_below:
            fabric.counters.lost += 1
            return
        due = max(due, self._newest_arrival)
        if roll < self._duplicated_below:
            fabric.counters.duplicated += 1
            self._newest_arrival = due
            fabric.clock.schedule(due, self._receive, datagram)
            due += self._jitter * self._random.unit()
        else:
            fabric.counters.reordered += 1
            due += self._reordering_delay * self._random.unit()
        fabric.clock.schedule(due, self._receive, datagram)
