"""
Tests of L{gamenet.rollback.input_queue} and L{gamenet.rollback.input_table} where two
things meet: a cut and a wrong prediction, a match begun in the middle, seats that
change more than once.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.input_queue import HISTORY, InputQueue
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.settings import LeaverPolicy, RollbackSettings
from gamenet.wire.view_values import Seat

TAKEN = Seat(True, 0)


class QueueTests(SynchronousTestCase):
    """One player's inputs."""

    def test_wrongBeforeTheCut(self) -> None:
        """
        The last inputs of who left come late: it goes back to the first that was
        predicted wrong, or else to the cut, if that was played.
        """
        for inputs, current, wrong in (
            ([b"x", b"b", b"b"], 8, 2),
            ([b"b", b"x", b"b"], 8, 3),
            ([b"b", b"b", b"b"], 8, 5),
            ([b"b", b"b", b"b"], 5, None),
        ):
            queue = InputQueue()
            queue.extend([b"a", b"b"], 0)
            queue.play(0, current)
            queue.close(5, b"")
            self.assertEqual(queue.extend(inputs, current), wrong)
            self.assertEqual(queue.play(4, 7), [inputs[-1], b"", b""])

    def test_begunInTheMiddle(self) -> None:
        """Frames are counted from the match's start, wherever the queue begins."""
        queue = InputQueue(100, b"-")
        queue.extend([b"%d" % frame for frame in range(100, 105)], 100)
        self.assertEqual(queue.play(102, 106), [b"102", b"103", b"104", b"104"])
        self.assertEqual([queue.playOne(frame) for frame in (101, 104)], [b"101", b"104"])
        self.assertEqual(queue.playOne(105), b"104")

    def test_closedFromTheStart(self) -> None:
        """Who left before its first frame has pressed nothing."""
        queue = InputQueue()
        queue.extend([b"a", b"b", b"c"], 0)
        queue.close(0, b"")
        self.assertEqual((queue.count, queue.play(0, 2)), (0, [b"", b""]))


class SeatTests(SynchronousTestCase):
    """Whose seat is empty when, after several changes."""

    def test_history(self) -> None:
        """Dropped, the cut lowered, back, and gone again: each frame says what was then."""
        table = InputTable(RollbackSettings(players=3), (TAKEN,) * 3)
        for queue in table.queues:
            queue.extend([b""] * 40, 0)
        for seat, confirmed, empty in (
            (Seat(False, 10), 5, [(10, 40)]),
            (Seat(False, 8), 6, [(8, 40)]),
            (Seat(True, 20), 7, [(8, 20)]),
            (Seat(False, 30), 7, [(8, 20), (30, 40)]),
            (Seat(False, 25), 7, [(8, 20), (25, 40)]),
            (Seat(True, 35), 15, [(8, 20), (25, 35)]),
        ):
            table.reseat((TAKEN, TAKEN, seat), confirmed, 40)
            if seat.taken:
                table.queues[2].extend([b""] * (40 - seat.since), 0)
            for frame in range(confirmed + 1, 40):
                absent = any(start <= frame < end for start, end in empty)
                self.assertEqual(table.absentAt(frame), (3,) if absent else (), (seat, frame))

    def test_historyIsBounded(self) -> None:
        """What was long before the frames that are confirmed is forgotten."""
        table = InputTable(RollbackSettings(players=3), (TAKEN,) * 3)
        for round_ in range(200):
            frame = 20 * round_ + 20
            table.queues[2].extend([b""] * (frame - table.queues[2].count), 0)
            table.reseat((TAKEN, TAKEN, Seat(False, frame)), frame - 1, frame)
            table.reseat((TAKEN, TAKEN, Seat(True, frame + 10)), frame + 9, frame + 10)
        self.assertLessEqual(max(map(len, table._changes)), HISTORY // 10 + 4)

    def test_leftBeforeWeCame(self) -> None:
        """
        Who begins in the middle goes on for who has left with what the policy says: the
        last input that it heard of only where that is frozen.
        """
        seats = (TAKEN, TAKEN, Seat(False, 5))
        for policy, text in (
            (LeaverPolicy.FREEZE, b"c"),
            (LeaverPolicy.REMOVE, b""),
            (LeaverPolicy.DEFAULT_INPUT, b"d"),
        ):
            rules = RollbackSettings(players=3, leaver_policy=policy, default_input=b"d")
            table = InputTable(rules, seats, 10, (b"a", b"b", b"c"))
            self.assertEqual(table.columns(10, 12)[2], [text] * 2, policy)
