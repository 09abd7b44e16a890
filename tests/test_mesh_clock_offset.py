"""
The other player's clock, from the answers to path checks.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.mesh.clock_offset import ClockOffset, ClockSettings
from gamenet.seeded_random import SeededRandom

#: When checks leave in the first two seconds of a link: those of a path that has just been
#: proven, as L{gamenet.mesh.path.PathSettings} has it.
CHECKS = [0.1 * number for number in range(17)]


def followed(
    offset: float, ways: list[tuple[float, float]], start: float = 0.0, drift: float = 0.0
) -> ClockOffset:
    """Return what is known after checks that took these seconds there and back."""
    clock = ClockOffset()
    for number, (there, back) in enumerate(ways):
        sent = start + 0.1 * number
        theirs = (sent + there) * (1.0 + drift) + offset
        clock.answered(sent, theirs, sent + there + back)
    return clock


class ClockOffsetTests(SynchronousTestCase):
    """Offset and error bound."""

    def test_unknown(self) -> None:
        """Before an answer nothing is known."""
        clock = ClockOffset()
        self.assertIsNone(clock.offset)
        self.assertIsNone(clock.error_bound)
        self.assertIsNone(clock.toOurs(1.0))
        self.assertIsNone(clock.toTheirs(1.0))
        self.assertEqual(clock.samples, 0)

    def test_oneAnswer(self) -> None:
        """One answer tells the offset to half of its round trip."""
        clock = ClockOffset()
        clock.answered(10.0, 510.25, 10.5)
        self.assertEqual((clock.offset, clock.error_bound), (500.0, 0.25))
        self.assertEqual(clock.toOurs(510.25), 10.25)
        self.assertEqual(clock.toTheirs(10.25), 510.25)

    def test_negative(self) -> None:
        """Their clock may show less than nothing: its zero means nothing."""
        clock = ClockOffset()
        clock.answered(10.0, -4.75, 10.5)
        self.assertEqual(clock.offset, -15.0)

    @settings(deadline=None, max_examples=200)
    @given(st.integers(0, 2**32), st.floats(-1e6, 1e6), st.floats(0, 1e5))
    def test_countdown(self, seed: int, offset: float, start: float) -> None:
        """
        Done when: 100 ms +- 20 ms either way, both alike: within 10 ms after the checks of
        2 s, whatever the clocks show; half of what two countdowns may differ by.
        """
        random = SeededRandom(seed)
        ways = [
            (random.uniform(0.080, 0.120), random.uniform(0.080, 0.120))
            for _ in CHECKS
        ]
        clock = followed(offset, ways, start)
        assert clock.offset is not None and clock.error_bound is not None
        self.assertLess(abs(clock.offset - offset), 0.010)
        self.assertGreaterEqual(clock.error_bound + 1e-6, abs(clock.offset - offset))

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), min_size=1, max_size=40),
        st.floats(-1e4, 1e4),
    )
    def test_bound(self, ways: list[tuple[float, float]], offset: float) -> None:
        """However unlike the ways there and back are, the bound holds; so it does with queues."""
        clock = followed(offset, ways)
        assert clock.offset is not None and clock.error_bound is not None
        self.assertLessEqual(abs(clock.offset - offset), clock.error_bound + 1e-6)
        self.assertEqual(clock.samples, min(len(ways), 16))

    def test_window(self) -> None:
        """Limit: only the newest samples count, by number and by age."""
        clock = ClockOffset(ClockSettings(window=2, lasting=10.0))
        clock.answered(0.0, 100.5, 0.5)
        clock.answered(1.0, 102.0, 3.0)
        self.assertEqual((clock.samples, clock.offset), (2, 100.25))
        clock.answered(2.0, 103.0, 4.0)
        self.assertEqual((clock.samples, clock.offset), (2, 100.0))
        clock.answered(20.0, 121.0, 22.0)
        self.assertEqual((clock.samples, clock.offset), (1, 100.0))
        clock.forget()
        self.assertEqual((clock.samples, clock.offset), (0, None))

    def test_drift(self) -> None:
        """A clock that runs 500 ppm off is followed: old samples do not hold it back for long."""
        clock = ClockOffset()
        for number in range(600):
            sent = number * 0.5
            clock.answered(sent, (sent + 0.1) * 1.0005, sent + 0.2)
        assert clock.offset is not None
        self.assertLess(abs(clock.offset - 299.5 * 0.0005), 0.005)

    def test_impossible(self) -> None:
        """An answer from before the question tells nothing; it is counted."""
        clock = ClockOffset()
        clock.answered(10.0, 10.0, 9.0)
        self.assertEqual((clock.samples, clock.refused), (0, 1))

    def test_settings(self) -> None:
        """Each limit has bounds."""
        self.assertRaises(BadSetting, ClockSettings, window=0)
        self.assertRaises(BadSetting, ClockSettings, lasting=0.0)
