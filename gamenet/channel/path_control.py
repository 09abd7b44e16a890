"""
When packets may go: what is on its way, what is lost, how fast.
"""

from __future__ import annotations

import attrs

from gamenet.channel.congestion_control import CongestionControl
from gamenet.channel.packets_in_flight import Carried, PacketsInFlight, SentPacket
from gamenet.channel.round_trip import RoundTrip
from gamenet.channel.settings import ChannelSettings
from gamenet.wire.channel_values import BODY_LIMIT, Acknowledgement

__all__ = ["PACKET_OVERHEAD", "PathControl"]

#: What a body takes on the wire beside itself: kind and seal, UDP and IPv4 headers.
PACKET_OVERHEAD = 62

#: Faster than the window's rate by this, so that the window is what limits.
_PACING_GAIN = 1.1
#: The same while the window grows.
_STARTING_GAIN = 1.3
#: How much is sent at least when the owner is woken for it, in seconds of the rate.
_QUANTUM = 0.001
#: How many packets ask again after a silence.
_PROBES = 2
#: Of how many packets the loss is the mean.
_LOSS_SPAN = 256


@attrs.define(init=False)
class PathControl:
    """
    Loss recovery (RFC 9002), congestion control and pacing of one channel.

    @ivar flight: What is on its way.
    @ivar lost_count: How many packets were lost.
    @ivar loss: Which part of the packets was lost lately.
    @ivar hungry: Whether there was more to send than might go.
    """

    settings: ChannelSettings
    flight: PacketsInFlight
    round_trip: RoundTrip
    congestion: CongestionControl
    lost_count: int
    loss: float
    hungry: bool
    _credit: float
    _credited_at: float | None
    _probes: int
    _silences: int
    _sent_at: float
    _heard_at: float

    def __init__(self, settings: ChannelSettings) -> None:
        """
        @param settings: The limits.
        """
        self.settings = settings
        self.flight = PacketsInFlight()
        self.lost_count = 0
        self.loss = 0.0
        self._sent_at = self._heard_at = 0.0
        self._begin()

    def _begin(self) -> None:
        """Know nothing of the path."""
        packet = BODY_LIMIT + PACKET_OVERHEAD
        settings = self.settings
        self.round_trip = RoundTrip(settings.first_round_trip)
        self.congestion = CongestionControl(
            packet, settings.queue_target, float(settings.packets_limit * packet)
        )
        self.hungry = False
        self._credit = 1.0 * packet
        self._credited_at = None
        self._probes = self._silences = 0

    def pathChanged(self, now: float) -> None:
        """The way to the other end is another one: ask again at once, and measure anew."""
        self._begin()
        self._heard_at = now
        if len(self.flight):
            self._probe()

    def rate(self) -> float:
        """Return how fast packets are sent, in bytes a second."""
        gain = _STARTING_GAIN if self.congestion.starting else _PACING_GAIN
        return gain * self.congestion.window / self.round_trip.smoothed

    def earn(self, now: float) -> None:
        """Time has passed: more may be sent, but no more than for late timers."""
        if self._credited_at is not None:
            rate = self.rate()
            limit = max(1.0 * (BODY_LIMIT + PACKET_OVERHEAD), rate * self.settings.burst)
            gained = max(0.0, now - self._credited_at) * rate
            self._credit = min(limit, self._credit + gained)
        self._credited_at = now

    def mayFly(self, now: float) -> bool:
        """Return whether the window lets one more packet go."""
        flight = self.flight
        if self._probes > 0:
            return True
        return (
            flight.bytes < self.congestion.allowed(now)
            and len(flight) < self.settings.packets_limit
        )

    def maySend(self, now: float) -> bool:
        """Return whether one more packet may go now."""
        return self.mayFly(now) and (self._credit > 0.0 or self._probes > 0)

    def paceDue(self, now: float) -> float:
        """Return when the next packet may go, as far as the rate is concerned."""
        if self._probes > 0 or self._credited_at is None or self._credit > 0.0:
            return self._credited_at if self._credited_at is not None else now
        rate = self.rate()
        return self._credited_at + max(_QUANTUM, (1.0 - self._credit) / rate)

    def sent(self, body_size: int, carried: list[Carried], now: float) -> None:
        """A packet goes, under the next number."""
        flight = self.flight
        if not len(flight) and not self._silences:
            self._heard_at = now
        size = body_size + PACKET_OVERHEAD
        flight.add(SentPacket(flight.next_number, now, size, self.congestion.window, carried))
        self._sent_at = now
        self._credit -= size
        if self._probes > 0:
            self._probes -= 1

    def acknowledged(self, acknowledgement: Acknowledgement, now: float) -> None:
        """Some packets have come."""
        former = self.flight.largest
        landed = self.flight.acknowledge(acknowledgement)
        if not landed:
            return
        newest = landed[0]
        congestion, round_trip = self.congestion, self.round_trip
        if newest.number == acknowledgement.ranges[0][1] and newest.number > former:
            round_trip.sample(now - newest.sent_at, acknowledgement.waited)
            waited = min(acknowledgement.waited, 0.5 * (now - newest.sent_at))
            whole = now - newest.sent_at - waited
            congestion.delay.sample(newest.sent_at, acknowledgement.received_at, whole, now)
        count = 0
        for packet in landed:
            count += packet.size
            for owner, what, length in packet.carried:
                owner.acknowledged(what, length)
        self.loss *= (1 - 1 / _LOSS_SPAN) ** len(landed)
        congestion.acknowledged(count, newest.window, round_trip.smoothed, self.hungry, now)
        self._heard_at = now
        self._silences = 0
        self._take(self.flight.lost(now, round_trip.lossDelay))

    def recover(self, now: float) -> None:
        """Time has passed: find what is lost, and ask again after a silence."""
        if not len(self.flight):
            return
        self._take(self.flight.lost(now, self.round_trip.lossDelay))
        if len(self.flight) and now >= self._silenceDue():
            self._silences += 1
            if self._silences > 1:
                self.congestion.timedOut()
            self._sent_at = now
            self._probe()

    def isDead(self, now: float) -> bool:
        """Return whether nothing was heard for too long."""
        return bool(len(self.flight)) and now >= self._heard_at + self.settings.give_up_after

    def noMoreProbes(self) -> None:
        """There is nothing to ask again with."""
        self._probes = 0

    def nextDue(self) -> float | None:
        """Return when L{recover} has something to do."""
        if not len(self.flight):
            return None
        due = min(self._silenceDue(), self._heard_at + self.settings.give_up_after)
        lost = self.flight.lossDue(self.round_trip.lossDelay)
        return due if lost is None else min(due, lost)

    def drainDue(self, now: float) -> float | None:
        """Return when more may go although nothing comes, C{None} if nothing is held back."""
        return self.congestion.drainEnds(now)

    def _silenceDue(self) -> float:
        """Return when the other end is asked again."""
        timeout = self.round_trip.timeout + self.settings.acknowledge_after
        timeout *= 2.0 ** min(self._silences, 16)
        return self._sent_at + min(timeout, self.settings.longest_timeout)

    def _probe(self) -> None:
        """Send the oldest packets again, whatever the window says."""
        for _ in range(_PROBES):
            packet = self.flight.oldest()
            if packet is not None:
                self._probes += 1
                self._take([packet])

    def _take(self, lost: list[SentPacket]) -> None:
        """Packets are lost."""
        for packet in lost:
            self.lost_count += 1
            self.loss += (1 - self.loss) / _LOSS_SPAN
            self.congestion.lost(packet.size)
            for owner, what, length in packet.carried:
                owner.lost(what, length)
