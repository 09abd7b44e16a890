"""
A bottleneck between senders and receivers, in memory and from one seed: a rate, a drop-tail
queue, delay, loss, jitter, reordering and duplication; and an owner of channels whose timers
are late.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush

import attrs

from gamenet.channel.channel import Channel
from gamenet.channel.path_control import PACKET_OVERHEAD
from gamenet.seeded_random import SeededRandom

__all__ = ["Bottleneck", "ChannelOwner", "GameTraffic", "Schedule"]


@attrs.define
class Schedule:
    """What happens when."""

    now: float = 0.0
    _queue: list[tuple[float, int, Callable[[], object]]] = attrs.field(factory=list)
    _count: int = 0

    def at(self, time: float, what: Callable[[], object]) -> None:
        """Do something at a time."""
        self._count += 1
        heappush(self._queue, (max(time, self.now), self._count, what))

    def run(self, until: float) -> None:
        """Let time pass."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, _, what = heappop(queue)
            what()
        self.now = until


@attrs.define
class Bottleneck:
    """
    One direction of a path that several senders share.

    @ivar rate: Bytes a second, C{0.0} for no limit.
    @ivar latency: Seconds one way.
    @ivar loss: The probability of each packet to be lost.
    @ivar queue_limit: Bytes that may wait.
    @ivar jitter: Seconds more that a packet may take; order is kept.
    @ivar reordering: The probability of a packet to be held back by up to 30 ms.
    @ivar duplication: The probability of a packet to come twice.
    @ivar dropped: How many were dropped because the queue was full.
    @ivar dead: Whether nothing comes through.
    """

    schedule: Schedule
    random: SeededRandom
    rate: float = 0.0
    latency: float = 0.025
    loss: float = 0.0
    queue_limit: int = 65_536
    jitter: float = 0.0
    reordering: float = 0.0
    duplication: float = 0.0
    dropped: int = 0
    lost: int = 0
    held: int = 0
    doubled: int = 0
    dead: bool = False
    _free_at: float = 0.0
    _newest: float = 0.0

    def carry(self, size: int, receive: Callable[[], object]) -> None:
        """Take a packet of so many bytes on the wire to its receiver, or lose it."""
        now = self.schedule.now
        leaves = now
        if self.rate:
            start = max(now, self._free_at)
            if (start - now) * self.rate + size > self.queue_limit:
                self.dropped += 1
                return
            leaves = self._free_at = start + size / self.rate
        if self.dead or (self.loss and self.random.chance(self.loss)):
            self.lost += 1
            return
        due = leaves + self.latency
        if self.jitter:
            due += self.jitter * self.random.unit()
        if self.reordering and self.random.chance(self.reordering):
            self.held += 1
            due += 0.03 * self.random.unit()
        else:
            due = self._newest = max(due, self._newest)
        self.schedule.at(due, receive)
        if self.duplication and self.random.chance(self.duplication):
            self.doubled += 1
            self.schedule.at(due + 0.01 * self.random.unit(), receive)


@attrs.define
class ChannelOwner:
    """
    Who pumps one end of a channel.

    @ivar lateness: By how many seconds timers are late at most.
    @ivar received: Called after each packet.
    """

    schedule: Schedule
    channel: Channel
    way: Bottleneck
    random: SeededRandom
    lateness: float = 0.0
    received: Callable[[], object] = lambda: None
    other: ChannelOwner | None = None
    refused: list[Exception] = attrs.field(factory=list)
    _wakes_at: float = 1e18

    def pump(self) -> None:
        """Send what is due, and wait for what will be."""
        for body in self.channel.packetsDue(self.schedule.now):
            self.way.carry(len(body) + PACKET_OVERHEAD, partial(self._arrives, body))
        self.wait()

    def wait(self) -> None:
        """Be woken when something is due."""
        due = self.channel.nextDue()
        if due is None or due >= self._wakes_at:
            return
        now = self.schedule.now
        if self.lateness:
            due = max(due, now) + self.lateness * self.random.unit()
        self._wakes_at = due
        self.schedule.at(due, lambda: self._wake(due))

    def _wake(self, due: float) -> None:
        if due == self._wakes_at:
            self._wakes_at = 1e18
            self.pump()

    def _arrives(self, body: bytes) -> None:
        assert self.other is not None
        self.other.arrived(body)

    def arrived(self, body: bytes) -> None:
        """A packet came."""
        self.channel.packetReceived(body, self.schedule.now)
        self.received()
        due = self.channel.nextDue()
        if due is not None and due <= self.schedule.now:
            self.pump()
        else:
            self.wait()


@attrs.define
class GameTraffic:
    """
    Sixty datagrams of 100 bytes a second.

    @ivar delays: When each that came was sent, and for how long it was on its way.
    """

    schedule: Schedule
    way: Bottleneck
    delays: list[tuple[float, float]] = attrs.field(factory=list)

    def tick(self) -> None:
        """Send one, and again in a 60th of a second."""
        sent_at = self.schedule.now
        self.way.carry(
            100 + PACKET_OVERHEAD,
            lambda: self.delays.append((sent_at, self.schedule.now - sent_at)),
        )
        self.schedule.at(sent_at + 1 / 60, self.tick)
