"""
The pace of one player's frames: due times, long sleeps, and who sets the speed.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.match.pace import Pace


class PaceTests(SynchronousTestCase):
    """One schedule, and one measurement per other player."""

    def begun(self, others: tuple[int, ...] = (2,)) -> Pace:
        """Return a pace of 50 frames a second whose frame 0 is due at 10.0 s."""
        pace = Pace(50, others)
        pace.begin(10.0)
        return pace

    def test_due(self) -> None:
        """Frames are due one by one; those given back are due a frame later."""
        pace = self.begun()
        self.assertEqual((pace.began, pace.next_due), (10.0, 10.0))
        self.assertEqual(pace.framesDue(9.99), 0)
        self.assertEqual(pace.framesDue(10.0), 1)
        self.assertAlmostEqual(pace.next_due, 10.02)
        self.assertAlmostEqual(pace.blend(10.01), 0.5)
        self.assertEqual(pace.framesDue(10.041), 2)
        pace.giveBack(2, 10.041)
        self.assertAlmostEqual(pace.next_due, 10.061)

    def test_timeLost(self) -> None:
        """More than 250 ms late: the time is given up, once, and says how much it was."""
        pace = self.begun()
        self.assertEqual((pace.framesDue(10.25), pace.lost_seconds), (3, 0.0))
        pace = self.begun()
        self.assertEqual(pace.framesDue(11.0), 1)
        self.assertAlmostEqual(pace.lost_seconds, 1.0)
        self.assertEqual((pace.framesDue(11.001), pace.lost_seconds), (0, 0.0))
        self.assertEqual((pace.framesDue(11.021), pace.lost_seconds), (1, 0.0))

    def test_speed(self) -> None:
        """Whoever is furthest behind us slows us down; nobody else does."""
        pace = self.begun((2, 3))
        pace.framesDue(10.0)
        for frame in range(1, 60):
            now = 10.0 + frame * 0.02
            pace.framesDue(now)
            pace.frameReported(2, frame + 5, now)
            pace.frameReported(3, max(frame - 5, 0), now)
        pace.adjustSpeed(now)
        self.assertLess(pace.speed, 1.0)

    def test_behind(self) -> None:
        """Behind everybody we hurry."""
        pace = self.begun((2, 3))
        for frame in range(1, 60):
            now = 10.0 + frame * 0.02
            pace.framesDue(now)
            for player in (2, 3):
                pace.frameReported(player, frame + 5, now)
        pace.adjustSpeed(now)
        self.assertGreater(pace.speed, 1.0)

    def test_roundTrip(self) -> None:
        """Half of the measured round trip is on top of where a packet says that they are."""
        speeds = []
        for round_trip in (0.0, 0.4):
            pace = self.begun()
            pace.roundTripMeasured(2, round_trip)
            for frame in range(1, 60):
                now = 10.0 + frame * 0.02
                pace.framesDue(now)
                pace.frameReported(2, frame + 1, now)
            pace.adjustSpeed(now)
            speeds.append(pace.speed)
        self.assertEqual(speeds[0], 1.0)
        self.assertGreater(speeds[1], 1.0)

    def test_sleepForgets(self) -> None:
        """What was measured before a long sleep is forgotten."""
        pace = self.begun()
        for frame in range(1, 60):
            now = 10.0 + frame * 0.02
            pace.framesDue(now)
            pace.frameReported(2, max(frame - 8, 0), now)
        pace.adjustSpeed(now)
        self.assertLess(pace.speed, 1.0)
        pace.framesDue(now + 5.0)
        pace.adjustSpeed(now + 5.0)
        self.assertEqual(pace.speed, 1.0)

    def test_alone(self) -> None:
        """Without others there is nobody to wait for."""
        pace = self.begun(())
        pace.adjustSpeed(10.0)
        self.assertEqual(pace.speed, 1.0)

    def test_badRate(self) -> None:
        """Bad input: a rate that cannot be."""
        self.assertRaises(BadSetting, Pace, 0, (2,))
