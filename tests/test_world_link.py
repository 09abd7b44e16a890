"""
Tests of L{gamenet.world.link}: what links do to datagrams, and that it is counted.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.world.link import HEADERS, PERFECT, LinkProfile
from gamenet.world.network import WorldNetwork

HERE, THERE = "203.0.113.1", "203.0.113.2"


class Pair:
    """Two public machines with a socket each, and what arrives at the second one."""

    def __init__(
        self, seed: int, profile: LinkProfile, there: LinkProfile = PERFECT, **machine: Any
    ) -> None:
        self.network = WorldNetwork(seed)
        self.arrived: list[tuple[float, bytes]] = []
        self.here = self.network.machine("here", HERE, profile=profile, **machine)
        self.there = self.network.machine("there", THERE, profile=there)
        self.sending = self.here.openDatagramSocket(self._unexpected)
        self.there.openDatagramSocket(self._received, port=5000)

    def _unexpected(self, data: bytes, address: Address) -> None:
        raise AssertionError("nothing is sent here")

    def _received(self, data: bytes, address: Address) -> None:
        self.arrived.append((self.network.clock.seconds(), data))

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        self.sending.send(data, (THERE, 5000))

    def stream(self, count: int, interval: float) -> list[int]:
        """Send so many numbered datagrams; return the numbers that arrived, in order."""
        for number in range(count):
            self.network.clock.callLater(number * interval, self.send, b"%d" % number)
        self.network.advance(count * interval + 10.0)
        return [int(data) for _, data in self.arrived]


class ProfileTests(SynchronousTestCase):
    """L{LinkProfile}."""

    def test_impossible(self) -> None:
        """A profile that no link can have is refused by name."""
        for name, value in [
            ("latency", -0.001),
            ("latency", float("nan")),
            ("latency", float("inf")),
            ("jitter", -1.0),
            ("loss", 1.1),
            ("loss", -0.1),
            ("loss", float("nan")),
            ("duplication", 2.0),
            ("reordering", -0.5),
            ("reordering_delay", -0.5),
            ("bandwidth", 0.0),
            ("bandwidth", -5.0),
            ("queue_limit", 0),
        ]:
            impossible: dict[str, Any] = {name: value}
            error = self.assertRaises(BadSetting, LinkProfile, **impossible)
            self.assertIn(name, str(error))

    def test_possible(self) -> None:
        """The bounds themselves are possible."""
        LinkProfile(latency=0.0, jitter=0.0, loss=1.0, duplication=1.0, reordering=1.0)
        LinkProfile(loss=0.0, bandwidth=1.0, queue_limit=1)

    def test_joined(self) -> None:
        """Two links add up: latency and jitter by sum, probabilities as independent chances."""
        joined = LinkProfile(latency=0.01, jitter=0.002, loss=0.5, duplication=0.1).joinedWith(
            LinkProfile(latency=0.02, jitter=0.003, loss=0.5, reordering=0.2, reordering_delay=0.1)
        )
        self.assertAlmostEqual(joined.latency, 0.03)
        self.assertAlmostEqual(joined.jitter, 0.005)
        self.assertAlmostEqual(joined.loss, 0.75)
        self.assertAlmostEqual(joined.duplication, 0.1)
        self.assertAlmostEqual(joined.reordering, 0.2)
        self.assertEqual(joined.reordering_delay, 0.1)


class LatencyTests(SynchronousTestCase):
    """Time on the way."""

    def test_sumOfBothLinks(self) -> None:
        """A datagram takes the latencies of both access links, exactly."""
        pair = Pair(1, LinkProfile(latency=0.25), LinkProfile(latency=0.5))
        pair.send(b"x")
        pair.network.advance(1.0)
        self.assertEqual(pair.arrived, [(0.75, b"x")])

    def test_noLatency(self) -> None:
        """Without latency it arrives at the same instant, but never within send()."""
        pair = Pair(1, PERFECT)
        pair.send(b"x")
        self.assertEqual(pair.arrived, [])
        pair.network.advance(0.0)
        self.assertEqual(pair.arrived, [(0.0, b"x")])

    def test_jitter(self) -> None:
        """Jitter spreads the delays evenly over its whole range, and keeps the order."""
        pair = Pair(2, LinkProfile(latency=0.050, jitter=0.020), LinkProfile(jitter=0.010))
        numbers = pair.stream(3_000, 0.1)
        self.assertEqual(numbers, list(range(3_000)))
        delays = [when - number * 0.1 for number, (when, _) in enumerate(pair.arrived)]
        self.assertGreaterEqual(min(delays), 0.050 - 1e-9)
        self.assertLess(max(delays), 0.080)
        self.assertLess(min(delays), 0.051)
        self.assertGreater(max(delays), 0.079)
        self.assertLess(abs(sum(delays) / len(delays) - 0.065), 0.001)

    def test_jitterKeepsOrder(self) -> None:
        """Jitter alone never lets one datagram pass another, however close they are."""
        pair = Pair(3, LinkProfile(latency=0.010, jitter=0.100))
        self.assertEqual(pair.stream(2_000, 0.001), list(range(2_000)))

    def test_changeAtAnyTime(self) -> None:
        """A changed profile holds for what is sent from then on, at either end."""
        pair = Pair(4, LinkProfile(latency=1.0))
        pair.send(b"slow")
        pair.network.advance(5.0)
        pair.network.setProfile("here", LinkProfile(latency=0.25))
        pair.send(b"fast")
        pair.network.advance(5.0)
        pair.network.setProfile("there", LinkProfile(latency=0.5))
        pair.send(b"middle")
        pair.network.advance(5.0)
        pair.network.setProfile("there", LinkProfile(loss=1.0))
        pair.send(b"lost")
        pair.network.advance(5.0)
        self.assertEqual(pair.arrived, [(1.0, b"slow"), (5.25, b"fast"), (10.75, b"middle")])


class FaultTests(SynchronousTestCase):
    """Loss, duplication and reordering, in the measure asked for."""

    def test_loss(self) -> None:
        """Of 10 000 datagrams the links lose as many as they should, within four sigma."""
        pair = Pair(5, LinkProfile(loss=0.05), LinkProfile(loss=0.10))
        arrived = pair.stream(10_000, 0.001)
        counters = pair.network.counters
        self.assertEqual(counters.lost, 10_000 - len(arrived))
        self.assertEqual(counters.sent, 10_000)
        self.assertEqual(counters.delivered, len(arrived))
        self.assertLess(abs(counters.lost - 1_450), 4 * 35.2)
        self.assertEqual(arrived, sorted(dict.fromkeys(arrived)))

    def test_lossIsNotPeriodic(self) -> None:
        """Losses come in runs of every length that chance brings, as independent ones do."""
        pair = Pair(6, LinkProfile(loss=0.5))
        arrived = dict.fromkeys(pair.stream(4_000, 0.001))
        again = sum(
            1 for number in range(3_999) if number not in arrived and number + 1 not in arrived
        )
        self.assertLess(abs(again - 1_000), 4 * 31)

    def test_allOrNothing(self) -> None:
        """A loss of 1 loses everything, one of 0 nothing."""
        pair = Pair(7, LinkProfile(loss=1.0, duplication=1.0, reordering=1.0))
        self.assertEqual(pair.stream(500, 0.001), [])
        self.assertEqual(pair.network.counters.lost, 500)
        pair = Pair(7, LinkProfile(jitter=0.01))
        self.assertEqual(len(pair.stream(500, 0.001)), 500)

    def test_duplication(self) -> None:
        """As many datagrams arrive twice as should, within four sigma; none more often."""
        pair = Pair(8, LinkProfile(duplication=0.1))
        arrived = pair.stream(10_000, 0.001)
        twice = len(arrived) - len(dict.fromkeys(arrived))
        self.assertEqual(pair.network.counters.duplicated, twice)
        self.assertLess(abs(twice - 1_000), 4 * 30)
        self.assertEqual(max(arrived.count(number) for number in range(0, 10_000, 50)), 2)
        self.assertEqual(len(dict.fromkeys(arrived)), 10_000)

    def test_duplicatesOfJitter(self) -> None:
        """The first copy keeps its place in the order, the second comes within the jitter."""
        profile = LinkProfile(latency=0.02, jitter=0.1, duplication=0.5)
        pair = Pair(15, profile)
        pair.stream(2_000, 0.001)
        first: dict[bytes, float] = {}
        late: list[float] = []
        for when, data in pair.arrived:
            if data in first:
                late.append(when - first[data])
            else:
                first[data] = when
        self.assertEqual([int(data) for data in first], list(range(2_000)))
        self.assertLess(max(late), 0.1)
        self.assertGreater(max(late), 0.09)
        self.assertLess(min(late), 0.01)

    def test_reordering(self) -> None:
        """As many datagrams are held back as should be, and later ones pass them."""
        pair = Pair(9, LinkProfile(latency=0.02, reordering=0.1, reordering_delay=0.05))
        arrived = pair.stream(10_000, 0.001)
        self.assertEqual(sorted(arrived), list(range(10_000)))
        self.assertLess(abs(pair.network.counters.reordered - 1_000), 4 * 30)
        overtaken = sum(1 for one, next_one in pairwise(arrived) if next_one < one)
        self.assertGreater(overtaken, 700)
        late = max(when - int(data) * 0.001 for when, data in pair.arrived)
        self.assertLess(late, 0.0701)
        self.assertGreater(late, 0.069)

    def test_countsAddUp(self) -> None:
        """Whatever the faults: sent and duplicated are delivered or lost."""
        pair = Pair(
            10,
            LinkProfile(latency=0.01, jitter=0.01, loss=0.1, duplication=0.1, reordering=0.1),
            LinkProfile(loss=0.1, duplication=0.1, reordering=0.1),
        )
        arrived = pair.stream(5_000, 0.001)
        counters = pair.network.counters
        self.assertEqual(counters.sent + counters.duplicated, counters.delivered + counters.lost)
        self.assertEqual(len(arrived), counters.delivered)
        kept = 0.81
        self.assertLess(abs(counters.lost - 950), 4 * 28)
        self.assertLess(abs(counters.duplicated - 5_000 * kept * 0.19), 4 * 26)
        self.assertLess(abs(counters.reordered - 5_000 * kept * 0.81 * 0.19), 4 * 24)


class BandwidthTests(SynchronousTestCase):
    """Narrow links."""

    def test_oneAfterTheOther(self) -> None:
        """Datagrams leave a narrow link one after the other, each in the time its bytes take."""
        for here, there in [
            (LinkProfile(bandwidth=1_000.0), PERFECT),
            (PERFECT, LinkProfile(bandwidth=1_000.0)),
        ]:
            pair = Pair(11, here, there)
            for _ in range(3):
                pair.send(b"x" * (500 - HEADERS))
            pair.network.advance(10.0)
            self.assertEqual([when for when, _ in pair.arrived], [0.5, 1.0, 1.5])

    def test_queueLimit(self) -> None:
        """What finds the queue full is dropped and counted; the queue empties again."""
        for here, there in [
            (LinkProfile(bandwidth=1_000.0, queue_limit=1_000), PERFECT),
            (PERFECT, LinkProfile(bandwidth=1_000.0, queue_limit=1_000)),
        ]:
            pair = Pair(12, here, there)
            for _ in range(5):
                pair.send(b"x" * (500 - HEADERS))
            pair.network.advance(10.0)
            self.assertEqual([when for when, _ in pair.arrived], [0.5, 1.0])
            self.assertEqual(pair.network.counters.congested, 3)
            pair.send(b"y" * (500 - HEADERS))
            pair.network.advance(10.0)
            self.assertEqual(pair.arrived[2][0], 10.5)

    def test_widenedMeanwhile(self) -> None:
        """What is on its way to a narrow link when that is widened arrives at once."""
        pair = Pair(16, LinkProfile(latency=1.0), LinkProfile(bandwidth=1.0))
        pair.send(b"x" * 500)
        pair.network.setProfile("there", PERFECT)
        pair.network.advance(1.0)
        self.assertEqual(len(pair.arrived), 1)

    def test_exactlyFull(self) -> None:
        """A queue takes as many bytes as its limit says, headers included, and not one more."""
        for limit, expected in ((1_000, 2), (999, 1)):
            pair = Pair(14, LinkProfile(bandwidth=250.0, queue_limit=limit))
            for _ in range(3):
                pair.send(b"x" * (500 - HEADERS))
            pair.network.advance(10.0)
            self.assertEqual(len(pair.arrived), expected)

    def test_directionsApart(self) -> None:
        """What goes out over a narrow link is no hindrance to what comes in."""
        network = WorldNetwork(13)
        arrived: list[float] = []

        def received(data: bytes, address: Address) -> None:
            arrived.append(network.clock.seconds())

        narrow = network.machine("narrow", HERE, profile=LinkProfile(bandwidth=1_000.0))
        wide = network.machine("wide", THERE)
        one = narrow.openDatagramSocket(received, port=1000)
        other = wide.openDatagramSocket(received, port=1000)
        one.send(b"x" * (1_000 - HEADERS), (THERE, 1000))
        other.send(b"x" * (1_000 - HEADERS), (HERE, 1000))
        network.advance(5.0)
        self.assertEqual(arrived, [1.0, 1.0])

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.integers(0, 1_000), min_size=1, max_size=20), st.integers(0, 3))
    def test_neverFaster(self, sizes: list[int], seed: int) -> None:
        """However the datagrams come, no second carries more bytes than the bandwidth."""
        pair = Pair(seed, LinkProfile(bandwidth=500.0, jitter=0.5, queue_limit=100_000))
        for number, size in enumerate(sizes):
            pair.network.clock.callLater(number * 0.1, pair.send, b"x" * size)
        pair.network.advance(100.0)
        self.assertEqual(len(pair.arrived), len(sizes))
        total = sum(size + HEADERS for size in sizes)
        self.assertGreaterEqual(pair.arrived[-1][0], total / 500.0 - 1e-9)
