"""Tests of L{gamenet.rollback.checksum_comparison}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.events import Desynchronized


class ChecksumComparisonTests(SynchronousTestCase):
    """Checksums of final frames, ours and another player's."""

    def setUp(self) -> None:
        self.comparison = ChecksumComparison(2, limit=3)

    def test_agreement(self) -> None:
        """Equal checksums are no event, whichever comes first; the frame counts as compared."""
        self.assertEqual(self.comparison.compared_frame, -1)
        self.assertIsNone(self.comparison.confirmed(9, 111))
        self.assertIsNone(self.comparison.reported(9, 111))
        self.assertEqual(self.comparison.compared_frame, 9)
        self.assertIsNone(self.comparison.reported(19, 222))
        self.assertEqual(self.comparison.compared_frame, 9)
        self.assertIsNone(self.comparison.confirmed(19, 222))
        self.assertEqual(self.comparison.compared_frame, 19)
        self.assertEqual(self.comparison.mismatches, 0)

    def test_difference(self) -> None:
        """A difference names the frame, both checksums and the player; the first is marked."""
        self.comparison.confirmed(9, 111)
        self.assertEqual(self.comparison.reported(9, 112), Desynchronized(9, 111, 112, 2, True))
        self.comparison.reported(19, 5)
        self.assertEqual(self.comparison.confirmed(19, 6), Desynchronized(19, 6, 5, 2, False))
        self.assertEqual(self.comparison.mismatches, 2)

    def test_oncePerFrame(self) -> None:
        """A repeated report says nothing new."""
        self.comparison.confirmed(9, 111)
        self.assertIsNotNone(self.comparison.reported(9, 112))
        self.assertIsNone(self.comparison.reported(9, 112))
        self.assertEqual(self.comparison.mismatches, 1)

    def test_olderReport(self) -> None:
        """A report that was overtaken by a newer one is not compared."""
        self.comparison.confirmed(9, 111)
        self.comparison.confirmed(19, 222)
        self.assertIsNone(self.comparison.reported(19, 222))
        self.assertIsNone(self.comparison.reported(9, 0))
        self.assertEqual(self.comparison.compared_frame, 19)

    def test_contradiction(self) -> None:
        """Two checksums for one frame contradict each other; those of two frames do not."""
        self.assertFalse(self.comparison.contradicts(9, 5))
        self.comparison.reported(9, 5)
        self.assertFalse(self.comparison.contradicts(9, 5))
        self.assertTrue(self.comparison.contradicts(9, 6))
        self.assertFalse(self.comparison.contradicts(19, 6))

    def test_ownLimit(self) -> None:
        """Our checksums that nobody answers are bounded; the oldest go."""
        for frame in range(100):
            self.comparison.confirmed(frame, frame)
        self.assertEqual(self.comparison._own, {97: (97, 0), 98: (98, 0), 99: (99, 0)})
        self.assertIsNone(self.comparison.reported(96, 0))
        self.assertEqual(self.comparison.compared_frame, -1)
        self.assertEqual(self.comparison.reported(97, 0), Desynchronized(97, 97, 0, 2, True))

    def test_earlyLimit(self) -> None:
        """Their checksums that we have not come to are bounded; the oldest go."""
        for frame in range(100):
            self.comparison.reported(frame, frame)
        self.assertEqual(self.comparison._early, {97: (97, 0), 98: (98, 0), 99: (99, 0)})
        self.assertIsNone(self.comparison.confirmed(96, 0))
        self.assertEqual(self.comparison.confirmed(97, 0), Desynchronized(97, 0, 97, 2, True))

    def test_comparedIsForgotten(self) -> None:
        """What was compared takes no room."""
        for frame in range(0, 10, 2):
            self.comparison.confirmed(frame, 1)
            self.comparison.reported(frame, 1)
            self.comparison.reported(frame + 1, 1)
            self.comparison.confirmed(frame + 1, 1)
        self.assertEqual((self.comparison._own, self.comparison._early), ({}, {}))
