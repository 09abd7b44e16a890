"""What L{gamenet.rollback.remote_peer} refuses, to the frame."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.remote_peer import RemotePeer
from gamenet.rollback.settings import DELAY_LIMIT, WINDOW_LIMIT, RollbackSettings
from gamenet.wire.frame_runs import INPUTS_LIMIT
from gamenet.wire.input_frames import NO_REPORT, InputHeader

#: A packet with nothing wrong, from a peer to which 200 inputs were sent.
HEADER = InputHeader(0, 200, 190, 200, 150, 0, NO_REPORT, 0, 0, 14)
SETTINGS = RollbackSettings(checksum_interval=30)


class CheckTests(SynchronousTestCase):
    """ "Bad input": what a peer cannot rightly have sent."""

    def setUp(self) -> None:
        queue = InputQueue()
        self.remote = RemotePeer(2, (2,), (queue,), queue, ChecksumComparison(2, 8))
        self.remote.sent = 200

    def check(self, end: int = 205, frames: int = 10_000, **changes: Any) -> None:
        """Check a packet that differs so."""
        before = repr(self.remote)
        try:
            self.remote.check(HEADER._replace(**changes), end, frames, SETTINGS)
        finally:
            self.assertEqual(repr(self.remote), before)

    def refuses(self, text: str, end: int = 205, frames: int = 10_000, **changes: Any) -> None:
        """It is refused, and the reason is told."""
        error = self.assertRaises(RemoteProtocolError, self.check, end, frames, **changes)
        self.assertIn(text, str(error))

    def test_acknowledgement(self) -> None:
        """Of no more inputs than were sent."""
        self.check(next_wanted=200)
        self.refuses("acknowledgement of 201", next_wanted=201)

    def test_current(self) -> None:
        """It plays no further than a whole window after our inputs, nor than the match."""
        last = 200 + WINDOW_LIMIT
        self.check(current_frame=last, end=last)
        self.refuses("playing frame", current_frame=last + 1, end=last)
        self.check(frames=210, current_frame=210)
        self.refuses("playing frame", frames=210, current_frame=211)

    def test_inputs(self) -> None:
        """Its inputs go no further than a window and a delay after ours, nor than the match."""
        last = 200 + WINDOW_LIMIT + DELAY_LIMIT
        self.check(end=last)
        self.refuses("inputs up to frame", end=last + 1)
        self.check(end=210, frames=210)
        self.refuses("inputs up to frame", end=211, frames=210)

    def test_first(self) -> None:
        """They begin neither too long before its frame nor later than a delay after it."""
        self.check(first_frame=200 - INPUTS_LIMIT)
        self.refuses("inputs from", first_frame=199 - INPUTS_LIMIT)
        self.check(first_frame=200 + DELAY_LIMIT + 1)
        self.refuses("inputs from", first_frame=200 + DELAY_LIMIT + 2)

    def test_seatedLate(self) -> None:
        """Who was seated at a frame may play up to it without any input of ours."""
        self.remote.sent = 0
        self.remote.first_frame = 200
        last = 200 + WINDOW_LIMIT
        self.check(next_wanted=0, current_frame=last, end=last + DELAY_LIMIT)
        self.refuses("playing frame", next_wanted=0, current_frame=last + 1)
        self.refuses("inputs up to", next_wanted=0, end=last + DELAY_LIMIT + 1)
        early = {"next_wanted": 0, "current_frame": 90}
        self.check(first_frame=200 + DELAY_LIMIT + 1, **early)
        self.refuses("inputs from", first_frame=200 + DELAY_LIMIT + 2, **early)

    def test_report(self) -> None:
        """A checksum is of a frame that was played, in its turn or the match's last."""
        self.check(report_frame=179)
        self.refuses("out of turn", report_frame=180)
        self.check(report_frame=209, current_frame=210)
        self.refuses("not yet played", report_frame=209, current_frame=209)
        self.refuses("not yet played", report_frame=209)
        self.check(report_frame=204, current_frame=205, frames=205)
        self.refuses("out of turn", report_frame=203, current_frame=205, frames=205)

    def test_contradiction(self) -> None:
        """Of one frame it says one checksum."""
        self.remote.checksums.reported(179, 7)
        self.check(report_frame=179, report_checksum=7)
        self.check(report_frame=149, report_checksum=8)
        self.refuses("another checksum", report_frame=179, report_checksum=8)
        self.check(report_checksum=8)


class MeasurementTests(SynchronousTestCase):
    """Round trips and advantages that must not be measured, or must."""

    def setUp(self) -> None:
        queue = InputQueue()
        self.remote = RemotePeer(2, (2,), (queue,), queue, ChecksumComparison(2, 8))

    def acknowledge(self, wanted: int, now: float, **changes: Any) -> None:
        """Take a packet."""
        packet = HEADER._replace(next_wanted=wanted, **changes)
        self.assertTrue(self.remote.noteReceived(packet, now))

    def test_untimed(self) -> None:
        """An input that was sent while another was timed is not timed, resent or not."""
        for resent in (False, True):
            self.setUp()
            self.remote.noteSent(3, 10.0, 3)
            self.remote.noteSent(5, 10.25, 5)
            self.acknowledge(3, 10.5)
            self.assertEqual(self.remote.round_trip, 0.5)
            if resent:
                self.remote.noteSent(5, 10.5, 6)
            self.acknowledge(5, 12.0)
            self.assertEqual(self.remote.round_trip, 0.5)
            self.remote.noteSent(6, 13.0, 7)
            self.acknowledge(6, 13.5)
            self.assertEqual(self.remote.round_trip, 0.5)

    def test_sameFrame(self) -> None:
        """A peer that stands still tells its advantage anew."""
        self.acknowledge(1, 1.0, advantage=4)
        self.acknowledge(2, 1.1, advantage=-6)
        self.assertEqual(self.remote.advantage, -3.0)

    def test_advantage(self) -> None:
        """Before the first round trip only the frames count."""
        self.acknowledge(1, 1.0)
        self.assertEqual(self.remote.advantageOf(203, 60), 3.0)
