"""
How much may be on its way, so that a path is full and its queue is not.

The measure is the queue itself: how long packets wait on the path, beyond the shortest time
that it takes.  While little waits the window grows; it settles where the wait is what the
rate allows: C{queue_target} at 10 Mbit/s, half of that at ten times the rate, twice as long
at a tenth.  So of two channels in one queue, which both see the same wait, the faster
one gives way to the slower one until they are equal.  Each step moves a part of the
difference in a round trip, which is stable for any delay and any number of channels.

Who comes later takes the others' queue for a part of the path.  Therefore now and then,
unless the queue was seen empty, each channel holds back for a round trip and lets it drain:
what is then measured is true for everybody.

Where the wait changes more than any queue of ours would let it, that is jitter, and more of
it is borne.

Packets that are lost say nothing below a tenth of all: radio loses some by itself.  Sources:
Copa (NSDI 2018) for target rates by delay, Swift (SIGCOMM 2020) for targets by rate, LEDBAT++
for drains, BBR for what loss does not mean.
"""

from __future__ import annotations

import attrs

from gamenet.channel.queue_delay import QueueDelay

__all__ = ["CongestionControl"]

#: The rate at which the queue target is as given, in bytes a second: 10 Mbit/s.
_REFERENCE_RATE = 1_250_000.0
#: By which part of itself the window grows in a round trip while no queue is seen.
_STARTING_GROWTH = 0.3
#: Which part of what is too much or too little is made good in a round trip.
_STEP = 0.4
#: How much the delay changes from one measurement to the next if there is more than a queue.
_JITTER = 0.0035
#: How many times that may be waited on such a path.
_JITTER_SHARE = 3.0
#: For how long is waited on such a path at most, in seconds.
_JITTER_MOST = 0.025
#: For how many round trips less than half the target is to be seen until it grows so again.
_EMPTY_ROUNDS = 8
#: How long a channel goes on without an empty queue before it drains, in seconds.
_DRAIN_INTERVAL = 2.0
#: The same for a young one, which may be mistaken about the path.
_FIRST_DRAIN_INTERVAL = 0.5
_YOUNG = 4.0
#: Which part of the window is used while draining.
_DRAINED = 0.7
#: Packets lost, of all in a round trip, that mean a queue too short to be measured.
_TOO_MUCH_LOST = 0.1
#: The smallest window, in packets.
_SMALLEST = 2.0
#: The first window, in packets.
_FIRST = 6.0


@attrs.define
class CongestionControl:
    """
    The window of one path.

    @ivar packet_bytes: What a full packet takes on the wire.
    @ivar queue_target: How long packets are to wait at 10 Mbit/s, in seconds.
    @ivar largest: The largest window, in bytes.
    @ivar window: How many bytes may be on their way.
    @ivar delay: The queue as it is measured.
    @ivar starting: Whether the rate of the path is still to be found.
    """

    packet_bytes: int
    queue_target: float
    largest: float
    window: float = attrs.field(init=False)
    delay: QueueDelay = attrs.field(factory=QueueDelay)
    starting: bool = True
    _began_at: float | None = None
    _empty_at: float = 0.0
    _low_since: float = 0.0
    _draining_until: float = -1e9
    _round_ends: float = -1e9
    _acknowledged: int = 0
    _lost: int = 0

    def __attrs_post_init__(self) -> None:
        self.window = _FIRST * self.packet_bytes

    def allowed(self, now: float) -> float:
        """Return how many bytes may be on their way now."""
        if now < self._draining_until:
            return max(_DRAINED * self.window, _SMALLEST * self.packet_bytes)
        return self.window

    def target(self, rate: float) -> float:
        """Return how long packets may wait for a channel that sends so many bytes a second."""
        return self.queue_target * float((_REFERENCE_RATE / max(rate, 1000.0)) ** 0.3)

    def acknowledged(
        self, count: int, sent_window: float, round_trip: float, limited: bool, now: float
    ) -> None:
        """
        Packets have come; L{delay} has been told of the last one of them.

        @param count: How many bytes they were.
        @param sent_window: The window when the last one of them was sent.
        @param round_trip: The mean round trip, in seconds.
        @param limited: Whether there is more to send than the window allows.
        @param now: The time, in seconds.
        """
        if self._began_at is None:
            self._began_at = self._empty_at = self._low_since = now
        self._acknowledged += count
        self._judgeLoss(round_trip, now)
        delay = self.delay
        target = self.target(self.window / round_trip)
        brink = 0.5 * target
        if delay.variation > _JITTER:
            target = brink = max(target, min(_JITTER_MOST, _JITTER_SHARE * delay.variation))
        if delay.latest < 0.15 * target:
            self._empty_at = now
        if now < self._draining_until:
            return
        standing = delay.standing
        if self.starting:
            if standing > brink:
                self.starting = False
                path = delay.round_trip
                self.window = sent_window * (path + brink) / (path + standing)
            elif limited:
                self.window += _STARTING_GROWTH * count
        else:
            rate = self.window / round_trip
            error = target - standing
            if error < 0.0 or limited:
                self.window += _STEP * rate * error * min(1.0, count / self.window)
            if standing > brink or not limited:
                self._low_since = now
            elif now - self._low_since > _EMPTY_ROUNDS * round_trip:
                self.starting = True
                self._low_since = now
        self.window = min(self.largest, max(self.window, _SMALLEST * self.packet_bytes))
        young = now - self._began_at < _YOUNG
        if now - self._empty_at > (_FIRST_DRAIN_INTERVAL if young else _DRAIN_INTERVAL):
            self._empty_at = now
            self._draining_until = now + 1.25 * round_trip

    def lost(self, count: int) -> None:
        """Packets of so many bytes are lost."""
        self._lost += count

    def _judgeLoss(self, round_trip: float, now: float) -> None:
        """At the end of a round trip, give way to more loss than a radio has."""
        if now < self._round_ends:
            return
        self._round_ends = now + round_trip
        total = self._acknowledged + self._lost
        if self._lost > _TOO_MUCH_LOST * total and self._lost > 4 * self.packet_bytes:
            self.window *= 1.0 - 0.5 * self._lost / total
            self.starting = False
            self._low_since = now
        self._acknowledged = self._lost = 0

    def timedOut(self) -> None:
        """Nothing was heard for long: begin again with less."""
        self.window = max(0.5 * self.window, _FIRST * self.packet_bytes)
        self.starting = True

    def drainEnds(self, now: float) -> float | None:
        """Return until when less than the window is used, C{None} if all of it is."""
        return self._draining_until if now < self._draining_until else None
