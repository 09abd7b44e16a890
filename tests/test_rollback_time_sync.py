"""Tests of L{gamenet.rollback.time_sync}."""

from __future__ import annotations

import heapq

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.frame_schedule import FrameSchedule
from gamenet.rollback.time_sync import GAIN, WINDOW, TimeSync
from gamenet.seeded_random import SeededRandom


@attrs.define
class Side:
    """A player with a clock of its own that only plays frames and tells which."""

    schedule: FrameSchedule
    sync: TimeSync
    drift: float
    zero: float
    speeds: list[float] = attrs.field(factory=list)

    @classmethod
    def of(cls, drift: float, zero: float, start: float) -> Side:
        side = cls(FrameSchedule(60, 0.0), TimeSync(60), drift, zero)
        side.schedule = FrameSchedule(60, side.clock(start))
        return side

    def clock(self, now: float) -> float:
        """What this side's clock shows at a true time."""
        return self.zero + now * (1 + self.drift)

    def trueTime(self, shown: float) -> float:
        """When this side's clock shows that."""
        return (shown - self.zero) / (1 + self.drift)


@attrs.frozen
class Road:
    """The way between two sides; seconds."""

    there: float
    back: float
    jitter: float = 0.0
    loss: float = 0.0


def offsets(
    road: Road, start: float, drift: float, seconds: float, seed: int = 1
) -> tuple[list[float], Side, Side]:
    """
    Play, and return by how many frames side 1 is ahead in truth, ten times a
    second, and the sides.

    @param start: How many seconds later side 2 starts.
    @param drift: How much faster side 1's clock runs, and how much slower side 2's.
    """
    random = SeededRandom.fromLabel(seed, "road")
    sides = (Side.of(drift, 100.0, 1.0), Side.of(-drift, -7.0, 1.0 + start))
    half = (road.there + road.back + road.jitter) / 2
    events: list[tuple[float, int, str, int, int]] = []
    order = 0

    def at(time: float, kind: str, side: int, frame: int = 0) -> None:
        nonlocal order
        heapq.heappush(events, (time, order, kind, side, frame))
        order += 1

    for index in (0, 1):
        at(sides[index].trueTime(sides[index].schedule.nextDue()), "frame", index)
    for tenth in range(int(seconds * 10)):
        at(2.0 + tenth / 10, "look", 0)
    seen: list[float] = []
    now = 0.0
    while now < seconds + 2.0:
        now, _, kind, index, frame = heapq.heappop(events)
        side = sides[index]
        shown = side.clock(now)
        if kind == "look":
            other = sides[1]
            ahead = side.schedule.position(shown) - other.schedule.position(other.clock(now))
            seen.append(ahead)
        elif kind == "frame":
            side.schedule.framesDue(shown + 1e-9)
            side.schedule.setSpeed(side.sync.speed(), shown)
            side.speeds.append(side.schedule.speed)
            if not random.chance(road.loss):
                delay = (road.there, road.back)[index] + random.unit() * road.jitter
                at(now + delay, "packet", 1 - index, side.schedule.frame)
            at(max(now, side.trueTime(side.schedule.nextDue())), "frame", index)
        else:
            side.sync.frameReported(side.schedule.position(shown), frame, half)
    return seen, sides[0], sides[1]


class ConvergenceTests(SynchronousTestCase):
    """Two sides that start apart and drift apart come and stay together."""

    def settled(self, road: Road, start: float, drift: float, within: float = 1.5) -> None:
        """Assert that both sides are together after 10 seconds and for 20 more."""
        seen, one, two = offsets(road, start, drift, 30.0)
        self.assertLess(max(map(abs, seen[100:])), within, (road, start, drift))
        for side in (one, two):
            self.assertLessEqual(max(side.speeds), 1.02)
            self.assertGreaterEqual(min(side.speeds), 0.98)
            self.assertLess(max(abs(speed - 1) for speed in side.speeds[-600:]), 0.006)

    def test_latencies(self) -> None:
        """From 5 to 150 ms one way with jitter: within 1.5 frames after 10 seconds."""
        for latency in (0.005, 0.040, 0.080, 0.150):
            for start in (-0.1, 0.1):
                self.settled(Road(latency, latency, latency / 2, 0.05), start, 0.0005)

    def test_noJitter(self) -> None:
        """On a clean link they come within half a frame, from a 15-frame lead too."""
        for latency in (0.005, 0.150):
            for start in (-0.25, 0.0, 0.25):
                self.settled(Road(latency, latency), start, 0.0, 0.5)

    def test_drift(self) -> None:
        """Clocks that drift apart by 500 parts in a million each, either way, stay together."""
        for drift in (-0.0005, 0.0005):
            self.settled(Road(0.05, 0.05, 0.02), 0.0, drift, 0.5)

    def test_withoutSync(self) -> None:
        """The same worlds do not come together by themselves: these tests can fail."""
        self.patch(TimeSync, "speed", lambda self: 1.0)
        seen, _, _ = offsets(Road(0.05, 0.05), 0.1, 0.0005, 30.0)
        self.assertGreater(min(map(abs, seen[100:])), 5.0)

    def test_oneSideAlone(self) -> None:
        """If the other side does nothing about it, ours alone closes the gap, more slowly."""
        speed = TimeSync.speed
        chosen: list[TimeSync] = []

        def onlyFirst(sync: TimeSync) -> float:
            chosen.append(sync)
            return speed(sync) if sync is chosen[0] else 1.0

        self.patch(TimeSync, "speed", onlyFirst)
        seen, _, other = offsets(Road(0.05, 0.05, 0.02), 0.1, 0.0, 30.0)
        self.assertEqual(set(other.speeds), {1.0})
        self.assertLess(max(map(abs, seen[150:])), 1.5)

    def test_asymmetricRoad(self) -> None:
        """
        A road that is slower one way shifts where they meet, by half of the
        difference, but does not make both run fast or slow.
        """
        seen, one, two = offsets(Road(0.02, 0.08), 0.0, 0.0, 30.0)
        shift = 0.03 * 60
        self.assertLess(abs(abs(seen[-1]) - shift), 0.5)
        for side in (one, two):
            self.assertLess(abs(sum(side.speeds[-600:]) / 600 - 1), 0.001)

    def test_gently(self) -> None:
        """The speed never swings to and fro: after the first second the lead only shrinks."""
        for latency in (0.005, 0.150):
            seen, _, _ = offsets(Road(latency, latency), 0.1, 0.0, 20.0)
            for before, after in zip(seen[15:], seen[25:], strict=False):
                self.assertLess(after, before + 0.1)
            self.assertGreater(min(seen), -0.5)


class MeasureTests(SynchronousTestCase):
    """One side's measure and answer."""

    def test_ahead(self) -> None:
        """The one ahead slows, the one behind speeds up, by the gain per frame."""
        for position, sign in ((103.0, -1), (97.0, 1)):
            sync = TimeSync(60)
            sync.frameReported(position, 95, 0.1)
            self.assertAlmostEqual(sync.advantage, position - (94 + 6))
            self.assertAlmostEqual(sync.speed(), 1 + sign * GAIN * abs(sync.advantage))

    def test_bounds(self) -> None:
        """However far apart, the speed stays within 2 %."""
        for position, expected in ((1e6, 0.98), (-1e6, 1.02)):
            sync = TimeSync(60)
            sync.frameReported(position, 0, 0.0)
            self.assertAlmostEqual(sync.speed(), expected)
            FrameSchedule(60, 0.0).setSpeed(sync.speed(), 0.0)

    def test_nothingKnown(self) -> None:
        """Before the first report play goes at its own speed."""
        self.assertEqual(TimeSync(60).speed(), 1.0)

    def test_smallLead(self) -> None:
        """A lead that is too small to matter changes nothing."""
        sync = TimeSync(60)
        sync.frameReported(10.04, 11, 0.0)
        self.assertEqual(sync.speed(), 1.0)

    def test_smoothed(self) -> None:
        """One odd report among many moves the measure by a thirtieth."""
        sync = TimeSync(60)
        for frame in range(100):
            sync.frameReported(float(frame - 1), frame, 0.0)
        self.assertEqual(sync.samples, WINDOW)
        sync.frameReported(99.0 + 30, 100, 0.0)
        self.assertAlmostEqual(sync.advantage, 1.0)

    def test_firstReports(self) -> None:
        """The first reports are averaged evenly."""
        sync = TimeSync(60)
        for lead in (1.0, 2.0, 6.0):
            sync.frameReported(lead, 1, 0.0)
        self.assertAlmostEqual(sync.advantage, 3.0)
        self.assertEqual(sync.samples, 3)

    def test_overtaken(self) -> None:
        """A report older than one before it says nothing; a repeated frame does (a stall)."""
        sync = TimeSync(60)
        sync.frameReported(10.0, 11, 0.0)
        sync.frameReported(50.0, 10, 0.0)
        self.assertEqual((sync.advantage, sync.samples), (0.0, 1))
        sync.frameReported(12.0, 11, 0.0)
        self.assertEqual((sync.advantage, sync.samples), (1.0, 2))

    def test_reset(self) -> None:
        """After a reset nothing of before counts."""
        sync = TimeSync(60)
        sync.frameReported(50.0, 11, 0.0)
        sync.reset()
        self.assertEqual((sync.advantage, sync.samples, sync.speed()), (0.0, 0, 1.0))
        sync.frameReported(7.0, 5, 0.0)
        self.assertEqual(sync.advantage, 3.0)
