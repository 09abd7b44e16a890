"""
Tests of L{gamenet.world.local_clock}: clocks that start apart, drift and hiccup.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.world.clock import WorldClock
from gamenet.world.local_clock import LocalClock

FRAME = 1 / 60


class LocalClockTests(SynchronousTestCase):
    """L{LocalClock}."""

    def setUp(self) -> None:
        self.world = WorldClock()
        self.log: list[object] = []

    def test_interfaces(self) -> None:
        """A machine's clock provides IReactorTime, its calls IDelayedCall."""
        clock = LocalClock(self.world)
        verifyObject(IReactorTime, clock)
        verifyObject(IDelayedCall, clock.callLater(1.0, self.fail))

    def test_offset(self) -> None:
        """A clock shows its offset at world time 0 and goes on from there."""
        clock = LocalClock(self.world, 100.0)
        self.assertEqual(clock.seconds(), 100.0)
        self.world.advance(2.5)
        self.assertEqual(clock.seconds(), 102.5)

    def test_drift(self) -> None:
        """+500 ppm gains 0.5 ms a second, -500 ppm loses as much."""
        fast, slow = LocalClock(self.world, 0.0, 1.0005), LocalClock(self.world, 0.0, 0.9995)
        self.world.advance(1000.0)
        self.assertAlmostEqual(fast.seconds(), 1000.5, places=9)
        self.assertAlmostEqual(slow.seconds(), 999.5, places=9)

    def test_driftedDelays(self) -> None:
        """A second of a fast clock passes in less than one of the world's."""
        fast, slow = LocalClock(self.world, 0.0, 1.0005), LocalClock(self.world, 0.0, 0.9995)
        fast.callLater(1.0, lambda: self.log.append(self.world.seconds()))
        slow.callLater(1.0, lambda: self.log.append(self.world.seconds()))
        self.world.advance(2.0)
        self.assertEqual(self.log, [1.0 / 1.0005, 1.0 / 0.9995])

    @settings(deadline=None, max_examples=100)
    @given(
        st.floats(-1000.0, 1e6),
        st.integers(-500, 500),
        st.lists(st.floats(0.0, 5.0, allow_nan=False), min_size=1, max_size=20),
    )
    def test_exactTimes(self, offset: float, drift: int, delays: list[float]) -> None:
        """A callback sees exactly its due time on its own clock, whatever the drift."""
        world = WorldClock()
        clock = LocalClock(world, offset, 1.0 + drift / 1_000_000)
        started = clock.seconds()
        seen: list[tuple[float, float]] = []
        for delay in delays:
            clock.callLater(delay, lambda due: seen.append((due, clock.seconds())), started + delay)
        world.advance(6.0)
        self.assertEqual(seen, [(started + delay, started + delay) for delay in sorted(delays)])

    def test_exactTimesAgainAndAgain(self) -> None:
        """To the last bit, asked twice, for ten thousand times that no float divides evenly."""
        for offset, drift in ((77.7, 321e-6), (0.1, -499e-6), (12_345.6, 1e-6)):
            world = WorldClock()
            clock = LocalClock(world, offset, 1.0 + drift)
            wrong: list[float] = []

            def check(due: float, clock: LocalClock = clock, wrong: list[float] = wrong) -> None:
                if (clock.seconds(), clock.seconds()) != (due, due):
                    wrong.append(due)

            for number in range(10_000):
                clock.callLater(number * 0.0123, check, clock.seconds() + number * 0.0123)
            world.advance(200.0)
            self.assertEqual(wrong, [])

    @settings(deadline=None, max_examples=50)
    @given(st.floats(0.0, 1e6), st.integers(-500, 500))
    def test_neverBack(self, offset: float, drift: int) -> None:
        """The clock never goes back, between timers and other events alike."""
        world = WorldClock()
        clock = LocalClock(world, offset, 1.0 + drift / 1_000_000)
        shown: list[float] = []
        for number in range(100):
            clock.callLater(number / 10, lambda: shown.append(clock.seconds()))
            world.callLater(number / 10, lambda: shown.append(clock.seconds()))
        world.advance(20.0)
        self.assertEqual(shown, sorted(shown))
        self.assertEqual(len(shown), 200)

    def test_framesFromDueTimes(self) -> None:
        """Ten minutes of frames from due times are 36 000, none early, none late."""
        clock = LocalClock(self.world, 77.7, 1.0 + 321e-6)
        started = clock.seconds()
        late: list[float] = []

        def frame(number: int) -> None:
            due = started + number * FRAME
            late.append(clock.seconds() - due)
            following = started + (number + 1) * FRAME
            clock.callLater(following - clock.seconds(), frame, number + 1)

        clock.callLater(0.0, frame, 0)
        self.world.advance(600.0 / (1.0 + 321e-6) - FRAME / 2)
        self.assertEqual(len(late), 36_000)
        self.assertLess(max(abs(seconds) for seconds in late), 1e-9)

    def test_getDelayedCalls(self) -> None:
        """A machine sees its own calls only, those that a suspension holds up included."""
        clock, other = LocalClock(self.world), LocalClock(self.world)
        later, sooner = clock.callLater(5.0, self.fail), clock.callLater(1.0, lambda: None)
        other.callLater(2.0, lambda: None)
        self.assertEqual(clock.getDelayedCalls(), [sooner, later])
        cancelled = clock.callLater(1.5, self.fail)
        clock.suspend(3.0)
        self.world.advance(2.0)
        clock.enter(self.log.append, "an event is not a call")
        cancelled.cancel()
        self.assertEqual(clock.getDelayedCalls(), [sooner, later])
        self.world.advance(2.0)
        self.assertEqual(clock.getDelayedCalls(), [later])
        clock.stop()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_enter(self) -> None:
        """What a running machine is to do it does at once."""
        LocalClock(self.world).enter(self.log.append, "now")
        self.assertEqual(self.log, ["now"])


class SuspensionTests(SynchronousTestCase):
    """L{LocalClock.suspend} and L{LocalClock.stop}: hiccups and power cuts."""

    def setUp(self) -> None:
        self.world = WorldClock()
        self.clock = LocalClock(self.world, 10.0)
        self.log: list[tuple[float, object]] = []

    def note(self, what: object) -> None:
        """Write down the local time, and what."""
        self.log.append((self.clock.seconds(), what))

    def test_everythingLateInOrder(self) -> None:
        """Nothing runs during a suspension; then all that was due does, in order, at its end."""
        self.clock.callLater(2.0, self.note, "second")
        self.clock.callLater(1.0, self.note, "first")
        self.world.callLater(1.5, self.clock.enter, self.note, "an event")
        self.clock.callLater(4.0, self.note, "after")
        self.world.callLater(0.5, self.clock.suspend, 2.5)
        self.world.advance(5.0)
        self.assertEqual(
            self.log, [(13.0, "first"), (13.0, "an event"), (13.0, "second"), (14.0, "after")]
        )

    def test_othersRun(self) -> None:
        """A suspension is one machine's own."""
        other = LocalClock(self.world)
        self.clock.suspend(5.0)
        other.callLater(1.0, lambda: self.log.append((other.seconds(), "other")))
        self.world.advance(2.0)
        self.assertEqual(self.log, [(1.0, "other")])

    def test_longer(self) -> None:
        """A suspension within another makes it longer, never shorter."""
        self.clock.callLater(0.5, self.note, "late")
        self.clock.suspend(2.0)
        self.world.callLater(1.0, self.clock.suspend, 3.0)
        self.world.callLater(1.5, self.clock.suspend, 0.1)
        self.world.advance(10.0)
        self.assertEqual(self.log, [(14.0, "late")])

    def test_again(self) -> None:
        """What runs at the end of a suspension may begin another; the rest waits for its end."""
        self.clock.callLater(1.0, self.clock.suspend, 2.0)
        self.clock.callLater(1.5, self.note, "rest")
        self.clock.suspend(2.0)
        self.world.advance(10.0)
        self.assertEqual(self.log, [(14.0, "rest")])
        self.clock.callLater(1.0, self.note, "punctual")
        self.world.advance(1.0)
        self.assertEqual(self.log[1:], [(21.0, "punctual")])

    def test_cancelledLate(self) -> None:
        """A late call can cancel another late call, or move it."""
        self.clock.callLater(1.0, lambda: (cancelled.cancel(), moved.reset(5.0)))
        cancelled = self.clock.callLater(1.5, self.note, "cancelled")
        moved = self.clock.callLater(1.5, self.note, "moved")
        self.clock.suspend(2.0)
        self.world.advance(10.0)
        self.assertFalse(cancelled.active())
        self.assertEqual(self.log, [(17.0, "moved")])

    def test_lateException(self) -> None:
        """A late call that raises is logged, and the others run."""
        self.clock.callLater(1.0, lambda: 1 // 0)
        self.clock.callLater(1.5, self.note, "fine")
        self.clock.suspend(2.0)
        self.world.advance(3.0)
        self.assertEqual(self.log, [(12.0, "fine")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop(self) -> None:
        """Nothing runs on a stopped machine, not even what a suspension held up."""
        self.clock.callLater(1.0, self.note, "held up")
        self.clock.callLater(3.0, self.note, "never")
        self.clock.suspend(2.0)
        self.world.advance(1.5)
        self.clock.stop()
        self.clock.enter(self.note, "event")
        self.world.advance(10.0)
        self.assertEqual(self.log, [])
