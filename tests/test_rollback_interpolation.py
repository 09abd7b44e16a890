"""Tests of L{gamenet.rollback.interpolation}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.interpolation import Axis, PictureTrack, Smoother, interpolate

PLACE = Axis()
TURN = Axis(period=360)
WARY = Axis(jump=100)

check = settings(deadline=None, max_examples=200)


class AxisTests(SynchronousTestCase):
    """What a value means."""

    @check
    @given(st.integers(-5000, 5000), st.integers(-5000, 5000))
    def test_shorterWay(self, before: int, after: int) -> None:
        """An angle changes by at most half a turn, half a turn forwards, and gets there."""
        change = TURN.change(before, after)
        self.assertTrue(-180 < change <= 180)
        self.assertEqual((before + change - after) % 360, 0)
        self.assertEqual(PLACE.change(before, after), after - before)

    def test_settings(self) -> None:
        """Bad settings are refused by name."""
        for bad in ({"period": 0}, {"period": -1}, {"jump": -1}):
            self.assertRaises(BadSetting, lambda bad=bad: Axis(**bad))
        self.assertEqual(Axis(period=1, jump=0).jump, 0)


class InterpolateTests(SynchronousTestCase):
    """Between two pictures."""

    def test_between(self) -> None:
        """Part of the way, each value for itself, in the order of the newer picture."""
        drawn = interpolate({"b": (0, 100), "a": (1, 1)}, {"a": (1, 3), "b": (10, 0)}, 0.25)
        self.assertEqual(list(drawn.items()), [("a", (1.0, 1.5)), ("b", (2.5, 75.0))])
        for values in drawn.values():
            for value in values:
                self.assertIsInstance(value, float)

    def test_ends(self) -> None:
        """At the ends the pictures themselves, and nothing beyond them."""
        before, after = {"a": (1, 350)}, {"a": (5, 10)}
        for blend, wanted in [
            (-1.0, (1, 350)), (0.0, (1, 350)), (0.5, (3, 360)), (1.0, (5, 370)), (7.5, (5, 370)),
        ]:
            self.assertEqual(interpolate(before, after, blend, (PLACE, TURN)), {"a": wanted})

    def test_comeAndGo(self) -> None:
        """What is new is drawn where it is, what is gone is not drawn."""
        drawn = interpolate({"old": (1,)}, {"new": (2,)}, 0.1)
        self.assertEqual(drawn, {"new": (2.0,)})
        self.assertEqual(interpolate({}, {}, 0.5), {})

    def test_jump(self) -> None:
        """An object that jumps in one value is drawn where it is in all of them."""
        for far, wanted in [(100, (50.0, 5.0)), (101, (101.0, 10.0)), (-101, (-101.0, 10.0))]:
            drawn = interpolate({"a": (0, 0)}, {"a": (far, 10)}, 0.5, (WARY, PLACE))
            self.assertEqual(drawn, {"a": wanted})
        around = Axis(period=360, jump=30)
        self.assertEqual(interpolate({"a": (350,)}, {"a": (20,)}, 0.5, [around]), {"a": (365.0,)})

    def test_lengths(self) -> None:
        """Bad input: tuples that do not fit each other or the axes."""
        for before, after, axes in [
            ((1, 2), (1,), ()),
            ((1,), (1, 2), ()),
            ((1,), (1,), (PLACE, PLACE)),
            ((1, 2), (1, 2), (PLACE,)),
        ]:
            error = self.assertRaises(
                LocalProtocolError, interpolate, {"ship": before}, {"ship": after}, 0.5, axes
            )
            self.assertIn("'ship'", str(error))

    @check
    @given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.floats(0.0, 1.0))
    def test_neverOutside(self, before: int, after: int, blend: float) -> None:
        """What is drawn is never outside of the two pictures."""
        ((value,),) = interpolate({0: (before,)}, {0: (after,)}, blend).values()
        self.assertTrue(min(before, after) - 1e-9 <= value <= max(before, after) + 1e-9)


class SmootherTests(SynchronousTestCase):
    """After a correction."""

    def setUp(self) -> None:
        self.smoother = Smoother(1.0, (PLACE, TURN))

    def at(self, now: float, *values: int) -> tuple[float, ...]:
        """Return what is drawn of an object that is at C{values}."""
        return self.smoother.drawn({"ship": values}, now)["ship"]

    def test_overTime(self) -> None:
        """From the old picture to the new, evenly, in the time that was given, then no more."""
        self.smoother.corrected({"ship": (100, 350)}, {"ship": (0, 10)}, 5.0)
        self.assertEqual(self.at(5.0, 0, 10), (100.0, -10.0))
        self.assertEqual(self.at(5.25, 0, 10), (75.0, -5.0))
        self.assertEqual(self.at(5.5, 1000, 90), (1050.0, 80.0))
        self.assertEqual(self.smoother.smoothed, 1)
        self.assertEqual(self.at(6.0, 0, 10), (0.0, 10.0))
        self.assertEqual(self.smoother.smoothed, 0)

    def test_timeBefore(self) -> None:
        """A time before the correction counts as the moment of it."""
        self.smoother.corrected({"ship": (100, 0)}, {"ship": (0, 0)}, 5.0)
        self.assertEqual(self.at(4.0, 0, 0), (100.0, 0.0))

    def test_again(self) -> None:
        """A further correction adds to what is left, without a jump."""
        self.smoother.corrected({"ship": (100, 0)}, {"ship": (0, 0)}, 0.0)
        self.assertEqual(self.at(0.5, 0, 0), (50.0, 0.0))
        self.smoother.corrected({"ship": (0, 0)}, {"ship": (-10, 0)}, 0.5)
        self.assertEqual(self.at(0.5, -10, 0), (50.0, 0.0))
        self.assertEqual(self.at(1.0, -10, 0), (20.0, 0.0))
        self.assertEqual(self.at(1.5, -10, 0), (-10.0, 0.0))

    def test_nothingChanged(self) -> None:
        """A correction that changes nothing neither begins nor delays anything."""
        self.smoother.corrected({"ship": (100, 0)}, {"ship": (100, 360)}, 0.0)
        self.assertEqual(self.smoother.smoothed, 0)
        self.smoother.corrected({"ship": (100, 0)}, {"ship": (0, 0)}, 0.0)
        self.smoother.corrected({"ship": (0, 0)}, {"ship": (0, 0)}, 0.5)
        self.assertEqual(self.at(0.75, 0, 0), (25.0, 0.0))
        self.assertEqual(self.at(1.0, 0, 0), (0.0, 0.0))

    def test_angles(self) -> None:
        """Two corrections together never turn an angle by more than half a turn."""
        self.smoother.corrected({"ship": (0, 0)}, {"ship": (0, 240)}, 0.0)
        self.assertEqual(self.at(0.0, 0, 240), (0.0, 360.0))
        self.smoother.corrected({"ship": (0, 240)}, {"ship": (0, 120)}, 0.0)
        self.assertEqual(self.at(0.0, 0, 120), (0.0, 0.0))

    def test_comeAndGo(self) -> None:
        """What is in one of the pictures alone appears and vanishes at once."""
        self.smoother.corrected({"old": (1, 1)}, {"ship": (7, 7)}, 0.0)
        self.assertEqual(self.at(0.0, 7, 7), (7.0, 7.0))
        self.smoother.corrected({"ship": (0, 0)}, {"ship": (9, 0)}, 0.0)
        self.smoother.corrected({"ship": (0, 0)}, {}, 0.0)
        self.assertEqual(self.smoother.smoothed, 0)

    def test_jump(self) -> None:
        """Further than a jump is not smoothed, and ends what was."""
        smoother = Smoother(1.0, (WARY,))
        smoother.corrected({"a": (100,)}, {"a": (0,)}, 0.0)
        self.assertEqual(smoother.drawn({"a": (0,)}, 0.0), {"a": (100.0,)})
        smoother.corrected({"a": (0,)}, {"a": (101,)}, 0.0)
        self.assertEqual(smoother.drawn({"a": (101,)}, 0.0), {"a": (101.0,)})

    def test_none(self) -> None:
        """No duration is no smoothing."""
        smoother = Smoother(0.0)
        smoother.corrected({"a": (100,)}, {"a": (0,)}, 0.0)
        self.assertEqual(smoother.smoothed, 0)
        self.assertEqual(smoother.drawn({"a": (0,)}, 0.0), {"a": (0.0,)})

    def test_reset(self) -> None:
        """Everything where it is, at once."""
        self.smoother.corrected({"ship": (100, 0)}, {"ship": (0, 0)}, 0.0)
        self.smoother.reset()
        self.assertEqual(self.at(0.0, 0, 0), (0.0, 0.0))

    def test_limit(self) -> None:
        """Bad input: more objects than are smoothed; the rest jumps and is counted."""
        smoother = Smoother(1.0, keys_limit=3)
        for _ in range(2):
            old, new = (dict.fromkeys(range(5), (place,)) for place in (1, 0))
            smoother.corrected(old, new, 0.0)
            self.assertEqual(smoother.smoothed, 3)
        self.assertEqual(smoother.unsmoothed, 4)
        self.assertEqual(smoother.drawn({2: (0,), 3: (0,)}, 0.0), {2: (2.0,), 3: (0.0,)})

    def test_forgets(self) -> None:
        """Objects that are never drawn again are forgotten at the next correction."""
        for number in range(100):
            self.smoother.corrected({number: (1, 1)}, {number: (0, 0)}, float(number))
            self.assertEqual(self.smoother.smoothed, 1)

    def test_refused(self) -> None:
        """Bad input: settings that cannot work, tuples that do not fit; nothing changes."""
        for bad in (
            {"duration": -0.1}, {"duration": float("inf")}, {"duration": float("nan")},
            {"keys_limit": 0},
        ):
            self.assertRaises(BadSetting, lambda bad=bad: Smoother(**bad))
        self.smoother.corrected({"ship": (100, 0)}, {"ship": (0, 0)}, 0.0)
        for old, new in [((1, 2), (1,)), ((1,), (1, 2)), ((1,), (1,))]:
            self.assertRaises(
                LocalProtocolError, self.smoother.corrected, {"ship": old}, {"ship": new}, 0.0
            )
        self.assertRaises(LocalProtocolError, self.at, 0.0, 1)
        self.assertEqual(self.at(0.0, 0, 0), (100.0, 0.0))
        self.assertEqual(self.smoother.unsmoothed, 0)

    @check
    @given(
        st.lists(
            st.tuples(st.floats(0.0, 0.4), st.integers(-500, 500), st.integers(-500, 500)),
            max_size=12,
        )
    )
    def test_neverJumps(self, corrections: list[tuple[float, int, int]]) -> None:
        """However corrections follow one another, what is drawn goes on from where it was."""
        smoother, now, place = Smoother(1.0, (PLACE, TURN)), 0.0, (0, 0)
        for pause, x, turn in corrections:
            now += pause
            ((old_x, old_turn),) = smoother.drawn({0: place}, now).values()
            smoother.corrected({0: place}, {0: (x, turn)}, now)
            place = (x, turn)
            ((new_x, new_turn),) = smoother.drawn({0: place}, now).values()
            self.assertAlmostEqual(new_x, old_x, places=6)
            self.assertAlmostEqual(abs((new_turn - old_turn + 180) % 360 - 180), 0.0, places=6)
        self.assertEqual(smoother.drawn({0: place}, now + 1.01), {0: tuple(map(float, place))})


class TrackTests(SynchronousTestCase):
    """The two newest frames of a game that goes back."""

    def setUp(self) -> None:
        self.track = PictureTrack(Smoother(1.0, (PLACE,)))

    def play(self, now: float, *frames: tuple[int, int]) -> None:
        """Tell the pictures of some frames: where the ship is."""
        for frame, place in frames:
            self.track.pictured(frame, {"ship": (place,)}, now)

    def at(self, blend: float, now: float) -> float:
        """Return where the ship is drawn."""
        return self.track.drawn(blend, now)["ship"][0]

    def test_nothing(self) -> None:
        """Before the first picture nothing is drawn, and the first is drawn as it is."""
        self.assertEqual(self.track.drawn(0.5, 0.0), {})
        self.play(0.0, (7, 70))
        self.assertEqual(self.at(0.5, 0.0), 70.0)

    def test_between(self) -> None:
        """Between the two newest frames."""
        self.play(0.0, (0, 0), (1, 10))
        self.assertEqual([self.at(blend, 0.0) for blend in (0.0, 0.5, 1.0)], [0.0, 5.0, 10.0])
        self.play(0.0, (2, 30))
        self.assertEqual([self.at(blend, 0.0) for blend in (0.0, 0.5, 1.0)], [10.0, 20.0, 30.0])

    def test_gap(self) -> None:
        """After a gap nothing is interpolated until the next frame."""
        self.play(0.0, (0, 0), (1, 10), (3, 90))
        self.assertEqual(self.at(0.5, 0.0), 90.0)
        self.play(0.0, (4, 100))
        self.assertEqual(self.at(0.5, 0.0), 95.0)

    def test_rollback(self) -> None:
        """Frames that were played again: drawn on from where it was, and in time where it is."""
        self.play(0.0, (0, 0), (1, 10), (2, 20))
        self.assertEqual(self.at(1.0, 0.0), 20.0)
        self.play(0.0, (0, 0), (1, 0), (2, 0), (3, 0))
        self.assertEqual(self.at(0.0, 0.0), 20.0)
        self.assertEqual(self.at(0.5, 0.5), 10.0)
        self.assertEqual(self.at(1.0, 1.0), 0.0)

    def test_rollbackWithoutANewFrame(self) -> None:
        """In a stall the newest frame is corrected and nothing jumps either."""
        self.play(0.0, (0, 0), (1, 10), (2, 20), (1, 0), (2, 0))
        self.assertEqual(self.at(1.0, 0.0), 20.0)
        self.assertEqual(self.at(1.0, 1.0), 0.0)
        self.assertEqual(self.at(0.0, 1.0), 0.0)

    def test_rollbackThatChangesNothing(self) -> None:
        """A rollback to the same pictures does not show, and delays nothing."""
        self.play(0.0, (0, 0), (1, 10), (0, 0), (1, 10), (2, 20))
        self.assertEqual(self.at(0.5, 0.0), 15.0)
        self.assertEqual(self.track.smoother.smoothed, 0)

    def test_wants(self) -> None:
        """Older frames than the last two change nothing."""
        self.play(0.0, *((frame, frame) for frame in range(6)))
        self.assertEqual([frame for frame in range(8) if self.track.wants(frame)], [4, 5, 6, 7])
        before = repr(self.track)
        self.play(0.0, (3, 999), (0, 999))
        self.assertEqual(repr(self.track), before)

    def test_takenOver(self) -> None:
        """A state from elsewhere, also of an older frame: the drawing moves there."""
        self.play(0.0, (7, 50), (8, 100))
        self.track.takenOver(3, {"ship": (0,)}, 0.0)
        self.assertEqual(self.track.newest_frame, 3)
        self.assertEqual(self.at(0.7, 0.0), 100.0)
        self.play(0.0, (4, 10))
        self.assertEqual(self.at(0.5, 0.5), 55.0)
        self.assertEqual(self.at(0.5, 1.0), 5.0)

    def test_goneBefore(self) -> None:
        """After a gap, the frame before the newest is none of the two."""
        self.play(0.0, (5, 50), (4, 999))
        self.assertEqual(self.at(0.0, 0.0), 50.0)

    def test_refused(self) -> None:
        """Bad input: an object with another count of values."""
        self.play(0.0, (0, 0))
        self.assertRaises(LocalProtocolError, self.track.pictured, 0, {"ship": (1, 2)}, 0.0)
        self.assertEqual(self.at(0.5, 0.0), 0.0)
        self.track.pictured(1, {"ship": (1, 2)}, 0.0)
        self.assertRaises(LocalProtocolError, self.track.drawn, 0.5, 0.0)
