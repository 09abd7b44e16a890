"""Tests of L{gamenet.channel.congestion_control}, C{path_control} and C{queue_delay}."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.channel import Channel
from gamenet.channel.path_control import PACKET_OVERHEAD
from gamenet.channel.queue_delay import QueueDelay
from gamenet.channel.round_trip import RoundTrip
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import contentChecksum
from gamenet.seeded_random import SeededRandom
from tests.channel_path import Bottleneck, ChannelOwner, GameTraffic, Schedule

MBIT = 125_000.0
CONTENT = bytes(16 << 20)
CHECKSUM = contentChecksum(CONTENT)


@attrs.define(init=False)
class SharedLink:
    """
    A link of some rate, which game datagrams and the transfers of several channels share;
    25 ms each way, 1 % random loss, a drop-tail queue of 64 kB, timers up to 4 ms late.
    """

    schedule: Schedule
    forth: Bottleneck
    back: Bottleneck
    game: GameTraffic
    owners: list[ChannelOwner]
    received: list[float]
    seed: int

    def __init__(self, rate: float, seed: int = 1, **path: float) -> None:
        self.schedule = Schedule()
        self.seed = seed
        ways = {"rate": rate, "loss": 0.01, **path}
        self.forth, self.back = [
            Bottleneck(self.schedule, SeededRandom.fromLabel(seed, label), **ways)  # type: ignore[arg-type]
            for label in ("forth", "back")
        ]
        self.game = GameTraffic(self.schedule, self.forth)
        other = GameTraffic(self.schedule, self.back)
        self.owners = []
        self.received = []
        for traffic in (self.game, other):
            self.schedule.at(0.0, traffic.tick)

    def sendAlways(self, at: float = 0.0, reverse: bool = False) -> None:
        """From a time on, one more channel always has something to send."""
        timers = SeededRandom.fromLabel(self.seed, f"timers {len(self.owners)}")
        ways = (self.back, self.forth) if reverse else (self.forth, self.back)
        one = ChannelOwner(self.schedule, Channel(), ways[0], timers, 0.004)
        two = ChannelOwner(self.schedule, Channel(), ways[1], timers, 0.004)
        one.other, two.other = two, one
        place = len(self.owners)
        self.owners.append(one)
        self.received.append(0.0)

        def offer() -> None:
            for label in (1, 2):
                if one.channel.progress(label) is None:
                    one.channel.beginTransfer(label, b"", CONTENT, self.schedule.now, CHECKSUM)
                    one.pump()

        def came() -> None:
            two.channel.takeTransfers()
            self.received[place] = two.channel.statistics.bytes_received

        one.received, two.received = offer, came
        self.schedule.at(at, offer)

    def measure(self, begin: float, end: float) -> tuple[list[float], list[float]]:
        """
        Return how many bytes of bodies a second came of each between two times, and how long
        the game's datagrams waited meanwhile, ascending.
        """
        self.schedule.run(begin)
        former = list(self.received)
        self.schedule.run(end)
        pairs = zip(self.received, former, strict=True)
        rates = [(now - before) / (end - begin) for now, before in pairs]
        alone = self.forth.latency
        if self.forth.rate:
            alone += (100 + PACKET_OVERHEAD) / self.forth.rate
        waits = [delay - alone for sent_at, delay in self.game.delays if begin <= sent_at < end]
        return rates, sorted(waits)


class RateTests(SynchronousTestCase):
    """Speed: at least 0.8 of a link whose rate is not known, and room for the game."""

    def check(self, mbit: float, seconds: float, wait: float) -> None:
        """Fail unless a transfer has 0.8 of a link after 3 s, and no datagram waits longer."""
        link = SharedLink(mbit * MBIT)
        link.sendAlways()
        (rate,), waits = link.measure(3.0, 3.0 + seconds)
        self.assertGreater(rate, 0.815 * mbit * MBIT)
        self.assertLess(waits[-1], wait)

    def test_tenMegabits(self) -> None:
        """C{reliable_vs_link_rate} and C{queue_delay_added_ms} at 10 Mbit/s: 20 ms at most."""
        self.check(10, 6.0, 0.020)

    def test_oneMegabit(self) -> None:
        """The same code on 1 Mbit/s, where one packet alone takes 10 ms."""
        self.check(1, 20.0, 0.045)

    def test_fiftyMegabits(self) -> None:
        """The same code on 50 Mbit/s."""
        self.check(50, 1.5, 0.015)

    def test_starting(self) -> None:
        """Also while the rate is looked for, datagrams wait at most 20 ms at 10 Mbit/s."""
        for seed in (1, 2):
            link = SharedLink(10 * MBIT, seed)
            link.sendAlways(0.5)
            _, waits = link.measure(0.0, 3.0)
            self.assertLess(waits[-1], 0.020)

    def test_share(self) -> None:
        """Two transfers share within 40:60, started together or one later."""
        for later in (0.0, 4.0):
            link = SharedLink(10 * MBIT)
            link.sendAlways()
            link.sendAlways(later)
            rates, waits = link.measure(later + 3.0, later + 11.0)
            self.assertGreater(min(rates) / sum(rates), 0.4, rates)
            self.assertGreater(sum(rates), 0.815 * 10 * MBIT)
            self.assertLess(waits[-1], 0.020)

    def test_bothWays(self) -> None:
        """A transfer the other way does not take the rate of this one."""
        link = SharedLink(10 * MBIT)
        link.sendAlways()
        link.sendAlways(1.0, reverse=True)
        rates, _ = link.measure(4.0, 9.0)
        self.assertGreater(min(rates), 0.75 * 10 * MBIT)

    def test_shortQueue(self) -> None:
        """Where the queue is too short to be measured, loss is kept near a tenth."""
        link = SharedLink(10 * MBIT, queue_limit=6_000.0)
        link.sendAlways()
        (rate,), _ = link.measure(3.0, 8.0)
        self.assertGreater(rate, 0.55 * 10 * MBIT)
        self.assertLess(link.owners[0].channel.statistics.loss, 0.2)

    def test_rateChanges(self) -> None:
        """A link that gets faster or slower is followed within some seconds."""
        link = SharedLink(10 * MBIT)
        link.sendAlways()
        link.measure(0.0, 4.0)
        link.forth.rate = 2 * MBIT
        (slow,), waits = link.measure(7.0, 10.0)
        self.assertTrue(0.75 * 2 * MBIT < slow < 2 * MBIT)
        self.assertLess(waits[-1], 0.035)
        link.forth.rate = 20 * MBIT
        (fast,), _ = link.measure(13.0, 15.0)
        self.assertGreater(fast, 0.75 * 20 * MBIT)

    def test_jitter(self) -> None:
        """Jitter of 40 ms at 160 ms is no queue: a transfer still has 100 kB a second."""
        link = SharedLink(10 * MBIT, latency=0.08, jitter=0.04)
        link.sendAlways()
        (rate,), _ = link.measure(3.0, 11.0)
        self.assertGreater(rate, 100_000)

    def test_lateTimers(self) -> None:
        """Timers that are 5 ms late cost no rate."""
        rates = []
        for lateness in (0.0, 0.005):
            link = SharedLink(10 * MBIT)
            link.sendAlways()
            link.owners[0].lateness = lateness
            rates.append(link.measure(2.0, 6.0)[0][0])
        self.assertGreater(rates[1], 0.97 * rates[0])

    def test_window(self) -> None:
        """Who sends little does not get a window for much, nor loses the one it has."""
        link = SharedLink(10 * MBIT)
        link.sendAlways()
        owner = link.owners[0]
        link.schedule.run(3.0)
        window = owner.channel.statistics.window
        self.assertTrue(45_000 < window < 80_000, window)
        owner.received = lambda: None
        for label in (1, 2):
            owner.channel.cancelTransfer(label)
        for number in range(300):
            owner.channel.send(0, bytes(100))
            owner.pump()
            link.schedule.run(3.0 + number * 0.02)
        self.assertLess(abs(owner.channel.statistics.window - window), 0.3 * window)


class QueueDelayTests(SynchronousTestCase):
    """The queue is measured on the way out only, and no drifting clock is believed."""

    def feed(self, delay: QueueDelay, count: int, queue: float, back: float, drift: float) -> None:
        """Let packets come that met so much queue on either way."""
        for number in range(count):
            sent_at = 100.0 + number * 0.01
            received = 4_294_000_000 + int((sent_at * (1 + drift) + 0.02 + queue) * 1e6)
            whole = 0.04 + queue + back
            delay.sample(sent_at, received & 0xFFFFFFFF, whole, sent_at + whole)

    def test_queue(self) -> None:
        """The same queue by both measures; what waits on the way back does not count."""
        delay = QueueDelay()
        self.feed(delay, 10, 0.0, 0.0, 0.0)
        self.assertAlmostEqual(delay.standing, 0.0, places=4)
        self.feed(delay, 300, 0.03, 0.0, 0.0)
        self.assertAlmostEqual(delay.standing, 0.03, places=3)
        self.feed(delay, 300, 0.01, 0.05, 0.0)
        self.assertAlmostEqual(delay.standing, 0.01, places=3)
        self.assertAlmostEqual(delay.round_trip, 0.04, places=3)

    def test_drift(self) -> None:
        """A clock that runs 1 % too fast looks like a queue that grows, and is none."""
        delay = QueueDelay()
        self.feed(delay, 500, 0.0, 0.0, 0.01)
        self.assertAlmostEqual(delay.standing, 0.0, places=3)

    def test_forgets(self) -> None:
        """A path that is longer now is no queue after 8 s."""
        delay = QueueDelay()
        self.feed(delay, 10, 0.0, 0.0, 0.0)
        self.feed(delay, 1_000, 0.03, 0.0, 0.0)
        self.assertAlmostEqual(delay.standing, 0.0, places=3)


class RoundTripTests(SynchronousTestCase):
    """Retransmission by measured round trip (RFC 6298)."""

    def test_samples(self) -> None:
        """Mean and deviation; what the other end waited is no part of the path."""
        trip = RoundTrip(0.1)
        self.assertEqual((trip.measured, trip.timeout), (False, 0.2))
        trip.sample(0.05, 0.0)
        self.assertEqual((trip.smoothed, trip.deviation, trip.lowest), (0.05, 0.025, 0.05))
        self.assertAlmostEqual(trip.timeout, 0.15)
        trip.sample(0.09, 0.02)
        self.assertAlmostEqual(trip.latest, 0.07)
        self.assertAlmostEqual(trip.smoothed, 0.0525)
        self.assertAlmostEqual(trip.deviation, 0.02375)
        trip.sample(0.06, 0.03)
        self.assertAlmostEqual(trip.latest, 0.06)
        self.assertAlmostEqual(trip.lossDelay, 1.125 * 0.06)
        self.assertEqual(ChannelSettings().first_round_trip, 0.1)
