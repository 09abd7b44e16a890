"""Tests of L{gamenet.rollback.remote_peer}; the refusals are in L{tests.test_rollback_hostile}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.remote_peer import RemotePeer
from gamenet.wire.input_frames import NO_REPORT, InputHeader


def header(
    wanted: int, current: int = 0, confirmed: int = -1, advantage: int = 0, first: int = 0
) -> InputHeader:
    """What stands before the inputs of a packet."""
    return InputHeader(0, first, wanted, current, confirmed, advantage, NO_REPORT, 0, 0, 14)


class RemotePeerTests(SynchronousTestCase):
    """What is known of another peer."""

    def setUp(self) -> None:
        queue = InputQueue()
        self.remote = RemotePeer(2, (2,), (queue,), queue, ChecksumComparison(2, 8))

    def test_rfc6298(self) -> None:
        """
        The figures of RFC 6298: the first sample R is the round trip and R/2 its
        deviation, then 1/8 and 1/4 of the difference are added, the deviation's first.
        """
        trip, deviation = 0.0, 0.0
        now = 100.0
        for count, sample in enumerate([0.1, 0.1, 0.2, 0.05, 0.5, 0.1], 1):
            self.remote.noteSent(count, now, count)
            self.assertTrue(self.remote.noteReceived(header(count), now + sample))
            if count == 1:
                trip, deviation = sample, sample / 2
            else:
                deviation = 0.75 * deviation + 0.25 * abs(trip - sample)
                trip = 0.875 * trip + 0.125 * sample
            now += 1.0
            self.assertAlmostEqual(self.remote.round_trip, trip, 12)
            self.assertAlmostEqual(self.remote.round_trip_deviation, deviation, 12)

    def test_firstSending(self) -> None:
        """An input is timed from its first sending; resent, it is timed no later (Karn)."""
        self.remote.noteSent(1, 10.0, 1)
        self.remote.noteSent(1, 10.3, 1)
        self.remote.noteSent(2, 10.4, 2)
        self.remote.noteReceived(header(2), 10.5)
        self.assertEqual(self.remote.round_trip, 0.5)

    def test_whoWasThere(self) -> None:
        """Nothing is measured of what was acknowledged before, or is not yet."""
        self.assertFalse(self.remote.noteReceived(header(0), 5.0))
        self.remote.noteSent(3, 10.0, 3)
        self.remote.noteReceived(header(2), 10.5)
        self.assertIsNone(self.remote.round_trip)
        self.assertFalse(self.remote.noteReceived(header(1), 10.6))
        self.assertEqual(self.remote.acknowledged, 2)

    def test_overtaken(self) -> None:
        """A packet that was overtaken takes nothing back."""
        self.remote.noteReceived(header(0, 9, 5, 4), 1.0)
        self.remote.noteReceived(header(0, 7, 3, -8), 1.1)
        self.assertEqual(
            (self.remote.current_frame, self.remote.confirmed_frame, self.remote.advantage),
            (9, 5, 2.0),
        )
        self.assertEqual(self.remote.heard_at, 1.1)

    def test_advantage(self) -> None:
        """We are ahead by the frames between us, less what they played on the way here."""
        self.remote.noteReceived(header(0, 100), 1.0)
        self.assertEqual(self.remote.advantageOf(110, 60), 10.0)
        self.remote.round_trip = 0.1
        self.assertAlmostEqual(self.remote.advantageOf(110, 60), 7.0, 9)
