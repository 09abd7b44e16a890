"""Tests of L{gamenet.rollback.frame_schedule}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.frame_schedule import INTERRUPTION, LATE_FRAMES_LIMIT, FrameSchedule

BASE = 12_345.678


class DueTests(SynchronousTestCase):
    """Frames come when they are due."""

    def test_anHour(self) -> None:
        """An hour of an exact clock is exactly 216 000 frames at 60 a second, one a wake-up."""
        schedule = FrameSchedule(60, BASE)
        frames = 0
        while (due := schedule.nextDue()) < BASE + 3600:
            self.assertEqual(schedule.framesDue(due), 1)
            frames += 1
        self.assertEqual(frames, 216_000)
        self.assertEqual(schedule.frame, 216_000)
        self.assertEqual(due, BASE + 3600)

    def test_lateWakeUpsLoseNothing(self) -> None:
        """A clock that wakes up to 40 ms late for an hour still plays 216 000 frames."""
        schedule = FrameSchedule(60, 0.0)
        frames = 0
        now = 0.0
        wake_ups = 0
        while now < 3600 - 0.05:
            now = max(now, schedule.nextDue()) + (wake_ups * 7919 % 41) / 1000
            frames += schedule.framesDue(now)
            wake_ups += 1
            self.assertFalse(schedule.interrupted)
        while schedule.nextDue() < 3600:
            frames += schedule.framesDue(3599.999)
        self.assertEqual(frames, 216_000)
        self.assertLess(wake_ups, 216_000)

    def test_notDue(self) -> None:
        """Before its due time there is no frame; at that moment there is one."""
        schedule = FrameSchedule(60, 10.0)
        self.assertEqual(schedule.nextDue(), 10.0)
        self.assertEqual(schedule.framesDue(9.999), 0)
        self.assertEqual(schedule.framesDue(-500.0), 0)
        self.assertEqual(schedule.framesDue(10.0), 1)
        self.assertEqual(schedule.framesDue(10.0), 0)
        self.assertEqual(schedule.nextDue(), 10.0 + 1 / 60)
        self.assertEqual(schedule.frame, 1)

    def test_firstFrame(self) -> None:
        """A schedule can begin at any frame."""
        schedule = FrameSchedule(50, 10.0, frame=500)
        self.assertEqual(schedule.framesDue(10.0), 1)
        self.assertEqual(schedule.frame, 501)
        self.assertAlmostEqual(schedule.nextDue(), 10.02)
        self.assertAlmostEqual(schedule.position(10.01), 500.5)

    def test_badRate(self) -> None:
        """A rate that cannot be is refused."""
        for rate in (0, -60, 241, float("nan"), float("inf")):
            self.assertRaises(BadSetting, FrameSchedule, rate, 0.0)
        for rate in (240, 1, 0.5):
            self.assertEqual(FrameSchedule(rate, 0.0).framesDue(0.0), 1)


class LateTests(SynchronousTestCase):
    """A late wake-up catches up, but never much at once."""

    def test_atMostThree(self) -> None:
        """Six late frames are played three at a wake-up, and the next is due at once."""
        schedule = FrameSchedule(60, 0.0)
        now = 5.5 / 60
        self.assertEqual(schedule.framesDue(now), LATE_FRAMES_LIMIT)
        self.assertLess(schedule.nextDue(), now)
        self.assertEqual(schedule.framesDue(now), LATE_FRAMES_LIMIT)
        self.assertEqual(schedule.framesDue(now), 0)
        self.assertFalse(schedule.interrupted)
        self.assertEqual(schedule.lost_seconds, 0.0)
        self.assertEqual(schedule.nextDue(), 6 / 60)

    def test_interruption(self) -> None:
        """Later than 250 ms: the time is given up, one frame is due, and it is told once."""
        schedule = FrameSchedule(60, 0.0)
        self.assertEqual(schedule.framesDue(5.0), 1)
        self.assertTrue(schedule.interrupted)
        self.assertEqual(schedule.lost_seconds, 5.0)
        self.assertEqual(schedule.frame, 1)
        self.assertEqual(schedule.nextDue(), 5.0 + 1 / 60)
        self.assertEqual(schedule.framesDue(5.0), 0)
        self.assertFalse(schedule.interrupted)
        self.assertEqual(schedule.framesDue(6.0), 1)
        self.assertAlmostEqual(schedule.lost_seconds, 6.0 - 1 / 60)

    def test_limitOfAnInterruption(self) -> None:
        """Exactly 250 ms is caught up with; a moment more is not."""
        schedule = FrameSchedule(64, 0.0)
        self.assertEqual(schedule.framesDue(INTERRUPTION), 3)
        self.assertFalse(schedule.interrupted)
        schedule = FrameSchedule(64, 0.0)
        self.assertEqual(schedule.framesDue(INTERRUPTION + 0.0001), 1)
        self.assertTrue(schedule.interrupted)


class GiveBackTests(SynchronousTestCase):
    """Frames that could not be played because the session is stalled."""

    def test_giveBack(self) -> None:
        """They come again, one frame later; nothing is caught up with afterwards."""
        schedule = FrameSchedule(50, 0.0)
        self.assertEqual(schedule.framesDue(0.05), 3)
        schedule.giveBack(2, 0.05)
        self.assertEqual(schedule.frame, 1)
        self.assertAlmostEqual(schedule.nextDue(), 0.07)
        self.assertEqual(schedule.framesDue(0.0701), 1)
        self.assertEqual(schedule.frame, 2)

    def test_longStall(self) -> None:
        """However long a stall lasts, it is no interruption and nothing piles up."""
        schedule = FrameSchedule(60, 0.0)
        for _ in range(1000):
            now = schedule.nextDue()
            self.assertEqual(schedule.framesDue(now), 1)
            self.assertFalse(schedule.interrupted)
            schedule.giveBack(1, now)
        self.assertEqual(schedule.frame, 0)
        self.assertAlmostEqual(now, 999 / 60)
        self.assertAlmostEqual(schedule.position(now), -1.0)

    def test_nothing(self) -> None:
        """To give back nothing changes nothing."""
        schedule = FrameSchedule(60, 0.0)
        schedule.framesDue(0.01)
        schedule.giveBack(0, 0.01)
        self.assertEqual(schedule.nextDue(), 1 / 60)

    def test_notGiven(self) -> None:
        """To give back more than was given is our mistake."""
        schedule = FrameSchedule(60, 0.0)
        self.assertRaises(LocalProtocolError, schedule.giveBack, 1, 0.0)
        schedule.framesDue(0.02)
        self.assertRaises(LocalProtocolError, schedule.giveBack, 3, 0.02)
        self.assertRaises(LocalProtocolError, schedule.giveBack, -1, 0.02)
        schedule.giveBack(1, 0.02)
        schedule.giveBack(1, 0.02)
        self.assertRaises(LocalProtocolError, schedule.giveBack, 1, 0.02)
        self.assertEqual(schedule.frame, 0)

    def test_onlyOfTheLastWakeUp(self) -> None:
        """What was given at an earlier wake-up cannot be given back any more."""
        schedule = FrameSchedule(60, 0.0)
        self.assertEqual(schedule.framesDue(0.0), 1)
        self.assertEqual(schedule.framesDue(0.001), 0)
        self.assertRaises(LocalProtocolError, schedule.giveBack, 1, 0.001)


class SpeedTests(SynchronousTestCase):
    """Playing a little faster or slower."""

    def test_speed(self) -> None:
        """Ten seconds at 1.02 are 612 frames, at 0.98 they are 588."""
        for speed, expected in ((1.02, 612), (0.98, 588), (1.0, 600)):
            schedule = FrameSchedule(60, 0.0)
            schedule.setSpeed(speed, 0.0)
            frames = 0
            while schedule.nextDue() < 9.9999:
                frames += schedule.framesDue(schedule.nextDue())
            self.assertEqual(frames, expected)

    def test_betweenFrames(self) -> None:
        """A change between two frames counts from that moment: neither frame nor time is lost."""
        schedule = FrameSchedule(50, 0.0)
        schedule.framesDue(0.0)
        before = schedule.position(0.01)
        schedule.setSpeed(1.02, 0.01)
        self.assertAlmostEqual(schedule.position(0.01), before)
        self.assertAlmostEqual(schedule.nextDue(), 0.01 + 0.01 / 1.02)
        schedule.framesDue(0.02)
        self.assertAlmostEqual(schedule.nextDue(), 0.01 + 0.01 / 1.02 + 0.02 / 1.02)

    def test_whileLate(self) -> None:
        """A change while frames are late leaves their due times where they are."""
        schedule = FrameSchedule(50, 0.0)
        schedule.setSpeed(0.98, 0.05)
        self.assertEqual(schedule.nextDue(), 0.0)
        self.assertEqual(schedule.speed, 0.98)
        self.assertEqual(schedule.framesDue(0.05), 3)

    def test_sameSpeed(self) -> None:
        """To set the speed that there is changes nothing, so an hour stays exact."""
        schedule = FrameSchedule(60, BASE)
        for _ in range(10_000):
            due = schedule.nextDue()
            schedule.framesDue(due)
            schedule.setSpeed(1.0, due + 0.001)
        self.assertEqual(schedule.nextDue(), BASE + 10_000 / 60)

    def test_bounds(self) -> None:
        """A speed more than 2 % from 1 is refused."""
        schedule = FrameSchedule(60, 0.0)
        for speed in (0.9799, 1.0201, 0.0, -1.0, float("nan")):
            self.assertRaises(BadSetting, schedule.setSpeed, speed, 0.0)
        self.assertEqual(schedule.speed, 1.0)

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(st.floats(0.0, 0.2), st.sampled_from([0.98, 0.99, 1.0, 1.0105, 1.02])),
            max_size=60,
        )
    )
    def test_nothingIsLost(self, wake_ups: list[tuple[float, float]]) -> None:
        """
        Whatever the wake-ups and speeds, the frames played are those of the
        time passed at the speeds set, to within the frames still late.
        """
        schedule = FrameSchedule(60, 0.0)
        now = expected = 0.0
        frames = 0
        for sleep, speed in wake_ups:
            now += sleep
            expected += sleep * 60 * schedule.speed
            while count := schedule.framesDue(now):
                self.assertLessEqual(count, LATE_FRAMES_LIMIT)
                frames += count
            schedule.setSpeed(speed, now)
            self.assertAlmostEqual(schedule.position(now), expected, delta=1e-6)
            self.assertLess(abs(frames - 0.5 - expected), 0.5 + 1e-6)
        self.assertEqual(schedule.frame, frames)
        self.assertFalse(schedule.interrupted)


class PositionTests(SynchronousTestCase):
    """How far play is, for drawing and for the time sync."""

    def test_position(self) -> None:
        """The position is a frame's number when it is due, and grows evenly."""
        schedule = FrameSchedule(50, 10.0)
        self.assertAlmostEqual(schedule.position(10.0), 0.0)
        self.assertAlmostEqual(schedule.position(10.03), 1.5)
        self.assertAlmostEqual(schedule.position(9.99), -0.5)

    def test_afterGivingBack(self) -> None:
        """In a stall the position is that of the frame that was played last."""
        schedule = FrameSchedule(50, 0.0)
        schedule.framesDue(0.0)
        schedule.framesDue(0.02)
        schedule.giveBack(1, 0.02)
        self.assertAlmostEqual(schedule.position(0.02), 0.0)

    def test_blend(self) -> None:
        """The blend goes from 0 to 1 between two frames and stays within."""
        schedule = FrameSchedule(50, 0.0)
        self.assertEqual(schedule.blend(0.0), 1.0)
        schedule.framesDue(0.0)
        self.assertEqual(schedule.blend(0.0), 0.0)
        self.assertAlmostEqual(schedule.blend(0.005), 0.25)
        self.assertAlmostEqual(schedule.blend(0.015), 0.75)
        self.assertEqual(schedule.blend(0.5), 1.0)
        self.assertEqual(schedule.blend(-0.5), 0.0)
