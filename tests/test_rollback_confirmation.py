"""Tests of L{gamenet.rollback.confirmation}."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.view import firstView
from gamenet.errors import LocalProtocolError
from gamenet.rollback.checksum_comparison import NO_INPUTS_CHECKSUM
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings


class ConfirmationTests(SynchronousTestCase):
    """Final frames."""

    def begin(self, frames: int = 1000, **changes: Any) -> Confirmation:
        """Final frames of two players who press the number of the frame."""
        settings = RollbackSettings(**changes)
        self.progress = Progress(frames)
        self.table = InputTable(settings, firstView(settings.peers).seats)
        return Confirmation(settings, self.progress, self.table)

    def confirm(self, frame: int) -> None:
        """All frames up to one became final."""
        for queue in self.table.queues:
            while queue.count <= frame:
                queue.append(b"%d" % queue.count)
        self.progress.confirmed_frame = frame

    def events(self) -> list[tuple[int, int | None]]:
        """The frames that were told of, and their checksums."""
        told = []
        for event in self.progress.events:
            assert isinstance(event, FrameConfirmed)
            self.assertEqual(event.inputs, (b"%d" % event.frame,) * 2)
            told.append((event.frame, event.checksum))
        return told

    def test_dense(self) -> None:
        """Each frame's checksum is wanted in order; the report is of each interval's last."""
        final = self.begin(checksum_interval=3)
        self.confirm(3)
        self.assertEqual(list(final.wanted()), [0, 1, 2, 3])
        self.assertFalse(final.complete)
        reports = [final.taken(frame, frame + 50) for frame in range(4)]
        inputs = [text for frame in range(3) for text in (b"%d" % frame,) * 2]
        checksum = crc32(b"".join(inputs), crc32(bytes(map(len, inputs))))
        self.assertEqual(reports, [None, None, (2, 52, checksum), None])
        self.assertEqual(self.events(), [(frame, frame + 50) for frame in range(4)])
        self.assertTrue(final.complete)

    def test_outOfTurn(self) -> None:
        """Another frame's checksum is refused, and nothing is told."""
        final = self.begin()
        self.confirm(3)
        for frame in (-1, 1, 4):
            self.assertRaises(LocalProtocolError, final.taken, frame, 0)
        self.assertEqual(self.events(), [])

    def test_sparse(self) -> None:
        """
        In a sparse session only reported frames have checksums; the others are told in
        order as soon as those before them are.
        """
        final = self.begin(checksum_interval=3, sparse_saving=True)
        self.confirm(1)
        final.settle()
        self.assertEqual(self.events(), [(0, None), (1, None)])
        self.assertEqual(list(final.wanted()), [])
        self.confirm(7)
        final.settle()
        self.assertEqual(len(self.events()), 2)
        self.assertEqual(list(final.wanted()), [2, 5])
        self.assertFalse(final.complete)
        self.assertRaises(LocalProtocolError, final.taken, 5, 0)
        self.assertIsNotNone(final.taken(2, 9))
        self.assertEqual(self.events()[2:], [(2, 9), (3, None), (4, None)])
        final.taken(5, 8)
        self.assertEqual(self.events()[5:], [(5, 8), (6, None), (7, None)])
        self.assertTrue(final.complete)

    def test_lastFrame(self) -> None:
        """The last frame is reported whatever the interval, with the inputs since the last."""
        final = self.begin(frames=5, checksum_interval=3, sparse_saving=True)
        self.confirm(4)
        self.assertEqual(list(final.wanted()), [2, 4])
        final.taken(2, 1)
        report = final.taken(4, 2)
        inputs = [text for frame in (3, 4) for text in (b"%d" % frame,) * 2]
        checksum = crc32(b"".join(inputs), crc32(bytes(map(len, inputs))))
        self.assertEqual(report, (4, 2, checksum))

    def test_rows(self) -> None:
        """The newest final frames are kept, up to the limit, to be looked up."""
        final = self.begin(history_limit=120)
        self.assertRaises(LocalProtocolError, final.row, 0)
        for frame in range(136):
            self.confirm(frame)
            final.taken(frame, 0)
        self.assertEqual((final.first_kept, final.told), (16, 135))
        self.assertEqual(final.row(16), ((b"16", b"16"), ()))
        self.assertEqual(len(final.rows(16, 136)), 120)
        self.assertEqual(final.rows(18, 18), [])
        for start, end in ((15, 18), (16, 137), (19, 18)):
            self.assertRaises(LocalProtocolError, final.rows, start, end)
        for frame in (15, 136, -1):
            self.assertRaises(LocalProtocolError, final.row, frame)

    def test_historyTooShort(self) -> None:
        """Where reports are rarer than frames are kept, those since the report are kept too."""
        final = self.begin(history_limit=120, checksum_interval=150)
        report = None
        for frame in range(150):
            self.confirm(frame)
            report = final.taken(frame, 7)
        inputs = [text for frame in range(150) for text in (b"%d" % frame,) * 2]
        checksum = crc32(b"".join(inputs), crc32(bytes(map(len, inputs))))
        self.assertEqual(report, (149, 7, checksum))
        self.assertEqual(len(final._rows), 150)

    def test_begunBetween(self) -> None:
        """Where not all inputs since the report before are known, their checksum is not told."""
        final = self.begin(checksum_interval=3)
        final.restart(4)
        for frame in range(4, 9):
            final.give(((b"%d" % frame,) * 2, ()))
        self.progress.confirmed_frame = 8
        reports = [final.taken(frame, 7) for frame in (5, 8)]
        assert reports[1] is not None
        self.assertEqual(reports[0], (5, 7, NO_INPUTS_CHECKSUM))
        self.assertNotEqual(reports[1][2], NO_INPUTS_CHECKSUM)

    def test_bounded(self) -> None:
        """After many frames no more than the limit is kept."""
        final = self.begin(frames=100_000, history_limit=120)
        for frame in range(5000):
            self.confirm(frame)
            final.taken(frame, 0)
            self.progress.events.clear()
        self.assertEqual(len(final._rows), 120)
