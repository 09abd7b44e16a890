"""
The loss of a link, from what was sent and what came.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.mesh.loss_meter import LOSS_MARKS, LossMeter


def metered(rounds: list[tuple[int, int]], start: int = 0) -> LossMeter:
    """Return a meter after rounds of so many packets sent, and so many that came."""
    meter = LossMeter()
    sent = start
    meter.told(sent % 2**32)
    for more, came in rounds:
        sent += more
        meter.received += came
        meter.told(sent % 2**32)
    return meter


class LossMeterTests(SynchronousTestCase):
    """Loss and bounds."""

    def test_nothing(self) -> None:
        """Nothing, and next to nothing, is no loss."""
        self.assertEqual(LossMeter().loss(), 0.0)
        self.assertEqual(metered([]).loss(), 0.0)
        self.assertEqual(metered([(15, 0)]).loss(), 0.0)

    def test_shares(self) -> None:
        """Everything came, nine tenths, nothing."""
        self.assertEqual(metered([(30, 30)] * 10).loss(), 0.0)
        self.assertAlmostEqual(metered([(30, 27)] * 10).loss(), 0.1)
        self.assertEqual(metered([(30, 0)] * 10).loss(), 1.0)

    def test_passing(self) -> None:
        """Packets that passed a check on a shorter path are no gain."""
        self.assertEqual(metered([(30, 32)]).loss(), 0.0)

    def test_window(self) -> None:
        """Limit: what was lost long ago is forgotten; memory is constant."""
        meter = metered([(30, 0)] * 10 + [(30, 30)] * LOSS_MARKS)
        self.assertEqual(meter.loss(), 0.0)

    def test_modulus(self) -> None:
        """The count goes round."""
        self.assertAlmostEqual(metered([(30, 15)] * 4, 2**32 - 50).loss(), 0.5)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 1000))))
    def test_lies(self, rounds: list[tuple[int, int]]) -> None:
        """Bad input: whatever they say they sent, the share is one."""
        meter = LossMeter()
        for sent, came in rounds:
            meter.received += came
            meter.told(sent)
            self.assertTrue(0.0 <= meter.loss() <= 1.0)
