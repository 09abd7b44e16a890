"""
Tests of L{gamenet.rollback.confirmation} for who joins: final frames that others have
told, a start in the middle, and then a table of its own.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.view import firstView
from gamenet.errors import LocalProtocolError
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings


class GivenTests(SynchronousTestCase):
    """Final frames that come from elsewhere."""

    def setUp(self) -> None:
        self.settings = RollbackSettings(checksum_interval=3)
        self.progress = Progress(1000)
        self.final = Confirmation(self.settings, self.progress, self.table())

    def table(self) -> InputTable:
        """Return a table without inputs."""
        return InputTable(self.settings, firstView(self.settings.peers).seats)

    def give(self, start: int, end: int) -> None:
        """Give the final frames from C{start} up to C{end}, without it."""
        for frame in range(start, end):
            self.final.give(((b"%d" % frame, b"\xff"), (2,)))
        self.progress.confirmed_frame = end - 1

    def told(self) -> list[tuple[int, tuple[bytes, ...], int | None, tuple[int, ...]]]:
        """Return what was told since the last time."""
        told = []
        for event in self.progress.events:
            assert isinstance(event, FrameConfirmed)
            told.append((event.frame, event.inputs, event.checksum, event.absent))
        self.progress.events.clear()
        return told

    def test_given(self) -> None:
        """They are told in order, with a checksum only where all report one."""
        self.give(0, 5)
        self.assertEqual(list(self.final.wanted()), [2])
        self.final.settle()
        rows = [(frame, (b"%d" % frame, b"\xff"), None, (2,)) for frame in range(5)]
        self.assertEqual(self.told(), rows[:2])
        for frame in (1, 3):
            self.assertRaises(LocalProtocolError, self.final.taken, frame, 9)
        report = self.final.taken(2, 9)
        assert report is not None
        self.assertEqual(report[:2], (2, 9))
        self.assertEqual(self.told(), [(2, (b"2", b"\xff"), 9, (2,)), *rows[3:]])
        self.assertTrue(self.final.complete)

    def test_takenAtOnce(self) -> None:
        """Without L{Confirmation.settle} before, those ahead of the checksum are told too."""
        self.give(0, 4)
        self.final.taken(2, 9)
        self.assertEqual([frame for frame, *_ in self.told()], [0, 1, 2, 3])

    def test_notYetFinal(self) -> None:
        """The next in turn, where it is not final, has no checksum, though its inputs are here."""
        table = self.table()
        for queue in table.queues:
            queue.append(b"x")
        self.final.follow(table)
        self.assertRaises(LocalProtocolError, self.final.taken, 0, 9)
        self.assertEqual(self.told(), [])
        self.give(0, 3)
        self.final.taken(2, 9)
        self.assertRaises(LocalProtocolError, self.final.taken, 3, 9)
        self.assertEqual(self.final.told, 2)

    def test_restart(self) -> None:
        """
        After a snapshot of frame 100 that is the next frame to be told; nothing of
        before is kept, or told.
        """
        self.give(0, 5)
        self.final.settle()
        self.final.taken(2, 9)
        self.give(5, 8)
        self.progress.events.clear()
        self.final.restart(100)
        self.assertEqual((self.final.told, self.final.first_kept), (99, 100))
        self.assertRaises(LocalProtocolError, self.final.row, 99)
        self.progress.confirmed_frame = 99
        self.final.settle()
        self.assertEqual(self.told(), [])
        self.give(100, 101)
        self.assertEqual(list(self.final.wanted()), [])
        self.final.settle()
        self.assertEqual(self.told(), [(100, (b"100", b"\xff"), None, (2,))])
        self.assertEqual(self.final.row(100), ((b"100", b"\xff"), (2,)))

    def test_ownTable(self) -> None:
        """Once seated the frames come from the new table, each with its checksum."""
        self.give(0, 2)
        self.final.settle()
        self.told()
        table = self.table()
        for queue in table.queues:
            for frame in range(4):
                queue.append(b"own %d" % frame)
        self.final.follow(table)
        self.progress.confirmed_frame = 3
        self.assertEqual(list(self.final.wanted()), [2, 3])
        for frame in (2, 3):
            self.final.taken(frame, 50 + frame)
        inputs = (b"own 2",) * 2
        self.assertEqual(self.told()[0], (2, inputs, 52, ()))
