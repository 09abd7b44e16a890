"""
When an alarm rings, and that it leaves nothing behind.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.machine.alarm import Alarm


class AlarmTests(SynchronousTestCase):
    """L{Alarm}."""

    def setUp(self) -> None:
        """A clock that stands at 100 s, and an alarm that notes when it rings."""
        self.clock = Clock()
        self.clock.advance(100.0)
        self.rung: list[float] = []
        self.alarm = Alarm(self.clock, lambda: self.rung.append(self.clock.seconds()))

    def assertNothingLeft(self) -> None:
        """Check that the alarm is not set, and that the clock knows nothing of it."""
        self.assertIsNone(self.alarm.due)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ringsOnce(self) -> None:
        """It rings when it is due, not before and not again."""
        self.alarm.set(102.0)
        self.assertEqual(self.alarm.due, 102.0)
        self.clock.advance(1.5)
        self.assertEqual(self.rung, [])
        self.clock.pump([0.5, 10.0])
        self.assertEqual(self.rung, [102.0])
        self.assertNothingLeft()

    def test_setAgain(self) -> None:
        """Only the last due time counts, be it earlier or later than the one before."""
        for due in (101.0, 105.0):
            self.alarm.set(103.0)
            self.alarm.set(due)
            self.assertEqual(self.alarm.due, due)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.clock.pump([0.5] * int(2 * (due - self.clock.seconds())))
            self.assertEqual(self.rung.pop(), due)
        self.assertEqual(self.rung, [])
        self.assertNothingLeft()

    def test_none(self) -> None:
        """Set to nothing it does not ring, and can be set again."""
        self.alarm.set(101.0)
        self.alarm.set(None)
        self.assertNothingLeft()
        self.clock.advance(5.0)
        self.assertEqual(self.rung, [])
        self.alarm.set(106.0)
        self.clock.advance(1.0)
        self.assertEqual(self.rung, [106.0])

    def test_cancelTwice(self) -> None:
        """Canceling is harmless when it is set, when it is not, and after it rang."""
        self.alarm.cancel()
        self.alarm.set(101.0)
        self.alarm.cancel()
        self.alarm.cancel()
        self.assertNothingLeft()
        self.alarm.set(101.0)
        self.clock.advance(1.0)
        self.alarm.cancel()
        self.assertEqual(self.rung, [101.0])
        self.assertNothingLeft()

    def test_past(self) -> None:
        """A time in the past rings as soon as possible, but never from inside of C{set}."""
        self.alarm.set(42.0)
        self.assertEqual(self.rung, [])
        self.assertEqual(self.clock.getDelayedCalls()[0].getTime(), 100.0)
        self.clock.advance(0.0)
        self.assertEqual(self.rung, [100.0])
        self.alarm.set(105.0)
        self.alarm.set(42.0)
        self.assertEqual(self.clock.getDelayedCalls()[0].getTime(), 100.0)
        self.clock.advance(0.0)
        self.assertEqual(self.rung, [100.0, 100.0])
        self.assertNothingLeft()

    def test_setsItself(self) -> None:
        """It is not set while it rings, and can be set by its own ring."""
        dues: list[float | None] = []

        def ring() -> None:
            dues.append(alarm.due)
            if len(dues) < 3:
                alarm.set(self.clock.seconds() + 1.0)

        alarm = Alarm(self.clock, ring)
        alarm.set(101.0)
        self.clock.pump([1.0] * 5)
        self.assertEqual(dues, [None] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelsItself(self) -> None:
        """Its ring may cancel it, as one does that finds everything at an end."""

        def ring() -> None:
            alarm.cancel()

        alarm = Alarm(self.clock, ring)
        alarm.set(101.0)
        self.clock.advance(1.0)
        self.assertIsNone(alarm.due)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self) -> None:
        """N1: whoever is woken late, since the process stood still, can tell."""
        self.assertEqual(self.alarm.late, 0.0)
        self.alarm.set(101.0)
        self.clock.advance(3.5)
        self.assertEqual(self.alarm.late, 2.5)
        self.alarm.set(104.0)
        self.clock.advance(0.5)
        self.assertEqual(self.alarm.late, 0.0)

    def test_ringRaises(self) -> None:
        """A ring that raises leaves an alarm that can be set again."""

        def ring() -> None:
            raise ZeroDivisionError

        self.alarm = Alarm(self.clock, ring)
        self.alarm.set(101.0)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 1.0)
        self.assertNothingLeft()
        self.alarm.set(102.0)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 1.0)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=12))
    def test_anySettings(self, dues: list[int | None]) -> None:
        """However often it is set, one delayed call at most stands for it."""
        clock, rung = Clock(), []
        alarm = Alarm(clock, lambda: rung.append(clock.seconds()))
        for due in dues:
            alarm.set(due)
            self.assertEqual(len(clock.getDelayedCalls()), int(due is not None))
        clock.pump([1.0] * 41)
        last = dues[-1] if dues else None
        self.assertEqual(rung, [] if last is None else [max(1, last)])
        self.assertEqual(clock.getDelayedCalls(), [])
