"""The way of a stream through the network, and one direction of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from attrs import define, field, frozen

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.mapping_table import PortMapping
from gamenet.world.realm import Attachment, Fabric, Translator

__all__ = ["Parcel", "Pipe", "Signal", "StreamLimits", "StreamPath", "findPath"]

_RETRANSMISSION_TIMEOUT = 0.2
_RETRANSMISSIONS = 6


class Signal(Enum):
    """What passes through a pipe besides bytes: the flags of TCP (RFC 9293)."""

    SYNCHRONIZE = "SYN"
    ACCEPT = "SYN, ACK"
    ACKNOWLEDGE = "ACK"
    FINISH = "FIN"
    RESET = "RST"


#: A NAT, its mapping of a stream, and its generation at the time.
Holding: TypeAlias = tuple[Translator, PortMapping, int]

#: What passes through a pipe.
Parcel: TypeAlias = bytes | Signal


@frozen
class StreamLimits:
    """
    The limits of every stream of a world.

    @ivar window: Bytes that may be on their way, or waiting to be read.
    @ivar write_buffer: Bytes that may be waiting to be sent before a producer is paused.
    @ivar stall: Seconds of being cut off, with something to deliver, after which both
        ends are aborted.
    """

    window: int = 262_144
    write_buffer: int = 65_536
    stall: float = 30.0

    def __attrs_post_init__(self) -> None:
        if self.window <= 0 or self.write_buffer <= 0 or not self.stall > 0:
            raise BadSetting("every limit of streams must be greater than 0")


@define(eq=False, repr=False)
class StreamPath:
    """
    The links that a stream passes, and the mappings that NATs hold for it.

    @ivar source: The attachment of the machine that connected.
    @ivar target: Of the one that was connected to.
    @ivar links: Every access link between them.
    @ivar peer: The address of the source as the target sees it.
    """

    fabric: Fabric
    source: Attachment
    target: Attachment
    links: tuple[Attachment, ...]
    peer: Address
    _mappings: list[Holding] = field(factory=list)
    _generations: tuple[int, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._generations = (self.source.generation, self.target.generation)

    def isBlocked(self) -> bool:
        """
        Return whether nothing passes at present, either way.

        It never will again where a NAT forgot the stream, or an end lost its address.
        """
        generations = (self.source.generation, self.target.generation)
        if self.links and generations != self._generations:
            return True
        for translator, _, generation in self._mappings:
            if translator.generation != generation:
                return True
        fabric = self.fabric
        return bool(fabric.partitions) and (
            fabric.isSevered(self.source, self.target)
            or fabric.isSevered(self.target, self.source)
        )

    def delay(self, random: SeededRandom) -> float:
        """Return the seconds one parcel takes, retransmissions included."""
        total = 0.0
        kept = 1.0
        for link in self.links:
            profile = link.profile
            total += profile.latency
            if profile.jitter:
                total += profile.jitter * random.unit()
            kept *= 1.0 - profile.loss
        timeout = _RETRANSMISSION_TIMEOUT + total
        if kept < 1.0:
            for _ in range(_RETRANSMISSIONS):
                if random.chance(kept):
                    break
                self.fabric.counters.stream_retransmissions += 1
                total += timeout
                timeout *= 2
        return total

    def release(self) -> None:
        """Give up the mappings: the stream is over."""
        for translator, mapping, _ in self._mappings:
            translator.closeStream(mapping)
        self._mappings.clear()


def findPath(fabric: Fabric, start: Attachment, source: Address, destination: Address) -> (
    StreamPath | None
):
    """
    Find the way of a stream and have the NATs on it map it.

    @return: The way, or C{None}: there is none, and nobody says so.
    """
    seen = source
    links = [start]
    mappings: list[Holding] = []
    realm = start.realm
    while True:
        target = realm.hosts.get(destination[0])
        if target is not None and target.stream_host is not None:
            if target.stream_host.clock.stopped:
                fabric.counters.unreachable += 1
                break
            way = () if target is start else (*links, target)
            return StreamPath(fabric, start, target, way, seen, mappings)
        translator = realm.translator
        if target is not None or (translator and translator.address == destination[0]):
            fabric.counters.filtered_by_nat += 1
            break
        if translator is None:
            fabric.counters.no_route += 1
            break
        mapping = translator.openStream(seen, destination)
        if mapping is None:
            fabric.counters.nat_table_full += 1
            break
        mappings.append((translator, mapping, translator.generation))
        seen = mapping.external
        links.append(translator.outside)
        realm = translator.outside.realm
    for translator, mapping, _ in mappings:
        translator.closeStream(mapping)
    return None


@define(eq=False, repr=False)
class Pipe:
    """
    One direction of a stream: parcels arrive in order, each once, however long it takes.

    @ivar in_flight: Bytes sent that the far end has not read yet.
    @ivar closed: Nothing is delivered any more.
    @ivar orphaned: The near end is gone: what is on its way arrives, but nothing is sent
        again.
    @ivar dead_end: The far end is gone: nothing ever arrives.
    """

    path: StreamPath
    limits: StreamLimits
    _random: SeededRandom
    _receive: Callable[[Parcel], object]
    _drained: Callable[[], object]
    _stalled: Callable[[], object]
    in_flight: int = 0
    closed: bool = False
    orphaned: bool = False
    dead_end: bool = False
    _sent: int = 0
    _expected: int = 0
    _early: dict[int, Parcel] = field(factory=dict)
    _held: list[tuple[int, Parcel]] = field(factory=list)
    _held_since: float | None = None

    def room(self) -> int:
        """Return how many bytes the window still takes."""
        return self.limits.window - self.in_flight

    def send(self, parcel: Parcel) -> None:
        """Send bytes or a signal on their way."""
        if isinstance(parcel, bytes):
            self.in_flight += len(parcel)
        number = self._sent
        self._sent += 1
        self._launch((number, parcel))

    def consumed(self, count: int) -> None:
        """Take notice that the far end has read C{count} bytes."""
        self.in_flight -= count
        self._drained()

    def resume(self) -> None:
        """Send on what was held up, if it passes now."""
        if self._held and not self._isBlocked():
            held, self._held = self._held, []
            self._held_since = None
            for numbered in held:
                self._launch(numbered)

    def close(self) -> None:
        """Deliver nothing more."""
        self.closed = True
        self._held.clear()
        self._early.clear()

    def orphan(self) -> None:
        """Take notice that the near end is gone."""
        self.orphaned = True
        self._held.clear()
        self._held_since = None

    def _isBlocked(self) -> bool:
        return self.dead_end or self.path.isBlocked()

    def _launch(self, numbered: tuple[int, Parcel]) -> None:
        clock = self.path.fabric.clock
        clock.schedule(clock.now + self.path.delay(self._random), self._arrive, numbered)

    def _arrive(self, numbered: tuple[int, Parcel]) -> None:
        if self.closed:
            return
        if self._isBlocked():
            if not self.orphaned:
                self._hold(numbered)
            return
        self._early[numbered[0]] = numbered[1]
        while self._expected in self._early:
            parcel = self._early.pop(self._expected)
            self._expected += 1
            self._receive(parcel)

    def _hold(self, numbered: tuple[int, Parcel]) -> None:
        fabric = self.path.fabric
        fabric.counters.streams_stalled += 1
        self._held.append(numbered)
        if self._held_since is None:
            self._held_since = fabric.clock.now
            fabric.clock.schedule(
                fabric.clock.now + self.limits.stall, self._giveUp, fabric.clock.now
            )

    def _giveUp(self, since: float) -> None:
        if not self.closed and self._held_since == since:
            self._stalled()
