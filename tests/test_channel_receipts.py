"""Tests of L{gamenet.channel.receipts} and L{gamenet.channel.received_numbers}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.channel.receipts import Receipts
from gamenet.channel.received_numbers import ReceivedNumbers
from gamenet.wire.channel_frames import decodeChannelPacket, encodeHeader
from gamenet.wire.channel_values import Acknowledgement


class ReceivedNumbersTests(SynchronousTestCase):
    """Acknowledgement ranges, bounded."""

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.integers(1, 60), max_size=80))
    def test_likeASet(self, numbers: list[int]) -> None:
        """Any order of arrivals leads to the same ranges as the numbers sorted."""
        received = ReceivedNumbers()
        for number in numbers:
            if number not in received:
                received.add(number)
        known = sorted(dict.fromkeys(numbers))
        self.assertEqual(received.largest, max(known, default=0))
        self.assertEqual([n for n in range(70) if n in received], known)
        listed = [n for low, high in received.topmost(99) for n in range(high, low - 1, -1)]
        self.assertEqual(listed, known[::-1])
        self.assertEqual(received.topmost(2), received.topmost(99)[:2])

    def test_limit(self) -> None:
        """Beyond the limit of ranges the lowest are forgotten, and count as come."""
        received = ReceivedNumbers(limit=4)
        for number in range(2, 22, 2):
            received.add(number)
        self.assertEqual(received.topmost(99), ((20, 20), (18, 18), (16, 16), (14, 14)))
        self.assertEqual([n for n in range(1, 22) if n not in received], [13, 15, 17, 19, 21])
        for number in (13, 15):
            received.add(number)
        self.assertEqual(received.topmost(99), ((20, 20), (18, 18), (13, 16)))


class ReceiptsTests(SynchronousTestCase):
    """When the other end is told what has come."""

    def told(self, receipts: Receipts, now: float) -> Acknowledgement:
        """Return what it is told."""
        acknowledgement = decodeChannelPacket(
            encodeHeader(None, receipts.take(now))
        ).acknowledgement
        assert acknowledgement is not None
        return acknowledgement

    def test_due(self) -> None:
        """After some milliseconds, or after some packets, or at once where one is missing."""
        receipts = Receipts(0.005, 3)
        self.assertIsNone(receipts.due_at)
        receipts.add(1, 1.0)
        receipts.add(2, 1.004)
        self.assertEqual(receipts.due_at, 1.005)
        receipts.add(3, 1.0045)
        self.assertEqual(receipts.due_at, 1.0045)
        told = self.told(receipts, 1.0061)
        self.assertEqual(told.ranges, ((1, 3),))
        self.assertAlmostEqual(told.waited, 0.0016)
        self.assertEqual(told.received_at, 1_004_500)
        self.assertIsNone(receipts.due_at)
        receipts.add(4, 2.0)
        self.assertEqual(receipts.due_at, 2.005)
        receipts.add(6, 2.001)
        self.assertEqual(receipts.due_at, 2.001)
        self.assertEqual(self.told(receipts, 2.001).ranges, ((6, 6), (1, 4)))
        receipts.add(5, 3.0)
        self.assertEqual(receipts.due_at, 3.0)
        self.assertEqual(self.told(receipts, 3.0).received_at, 2_001_000)
        receipts.repeated(4.0)
        self.assertEqual(receipts.due_at, 4.0)
        self.assertIn(5, receipts)
        self.assertNotIn(7, receipts)
