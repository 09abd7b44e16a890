"""Tests of L{gamenet.rollback.input_table}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.rollback.input_queue import ENDLESS, HISTORY
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.settings import LeaverPolicy, Prediction, RollbackSettings
from gamenet.wire.view_values import Seat

TAKEN = Seat(True, 0)


def tableOf(*seats: Seat, **changes: Any) -> InputTable:
    """The table of player 1."""
    return InputTable(RollbackSettings(players=len(seats), **changes), seats)


class KnownTests(SynchronousTestCase):
    """How far everything is certain."""

    def setUp(self) -> None:
        self.table = tableOf(TAKEN, TAKEN, TAKEN)

    def give(self, player: int, *inputs: bytes, current_frame: int = 0) -> None:
        """Add a player's inputs."""
        self.table.take(self.table.queues[player - 1], list(inputs), current_frame)
        self.table.refresh()

    def test_slowest(self) -> None:
        """It is as far as of the slowest of the others; our own do not count."""
        self.assertEqual(self.table.known, 0)
        self.give(2, b"a", b"b", b"c")
        self.assertEqual(self.table.known, 0)
        self.give(3, b"x", b"y")
        self.assertEqual(self.table.known, 2)
        self.assertEqual(self.table.floors(), (0, 3, 2))

    def test_pledge(self) -> None:
        """Nothing is certain from a pledged frame on, until everything is pledged again."""
        self.give(2, b"a", b"b", b"c")
        self.give(3, b"a", b"b", b"c")
        self.table.pledge(2)
        self.assertEqual(self.table.known, 2)
        self.give(2, b"d")
        self.assertEqual(self.table.known, 2)
        self.table.pledge(ENDLESS)
        self.assertEqual(self.table.known, 3)

    def test_wrongFrame(self) -> None:
        """Of several wrong frames it is the first, whatever came last."""
        self.give(2, b"", b"", b"x", current_frame=5)
        self.assertEqual(self.table.wrong_frame, 2)
        self.give(3, b"", b"y", current_frame=5)
        self.assertEqual(self.table.wrong_frame, 1)
        self.give(3, b"z", current_frame=5)
        self.assertEqual(self.table.wrong_frame, 1)

    def test_row(self) -> None:
        """A row is certain inputs only; columns are also predicted ones."""
        self.table.queues[0].append(b"1")
        self.give(2, b"a")
        self.assertRaises(LocalProtocolError, self.table.row, 0)
        self.assertEqual(self.table.columns(0, 2), [[b"1", b"1"], [b"a", b"a"], [b"", b""]])
        self.give(3, b"x")
        self.assertEqual(self.table.row(0), (b"1", b"a", b"x"))


class SeatTests(SynchronousTestCase):
    """Who is seated."""

    def test_vacant(self) -> None:
        """A vacant seat holds nobody up, and its player is absent from the first frame on."""
        table = tableOf(TAKEN, TAKEN, Seat(False, 0))
        table.take(table.queues[1], [b"a"], 0)
        table.refresh()
        self.assertEqual(table.known, 1)
        self.assertEqual((table.absentAt(0), table.absent, table.settled), ((3,), (3,), 0))
        self.assertEqual(table.lacking(), [])

    def test_policies(self) -> None:
        """What an empty seat plays is what was chosen."""
        for policy, expected in (
            (LeaverPolicy.FREEZE, b"b"),
            (LeaverPolicy.REMOVE, b""),
            (LeaverPolicy.DEFAULT_INPUT, b"idle"),
            (LeaverPolicy.BOT, b""),
        ):
            table = tableOf(TAKEN, TAKEN, leaver_policy=policy, default_input=b"idle")
            table.take(table.queues[1], [b"a", b"b"], 0)
            table.reseat((TAKEN, Seat(False, 2)), -1, 0)
            self.assertEqual(table.queues[1].play(1, 4), [b"b", expected, expected])
            self.assertEqual(table.known, ENDLESS)

    def test_prediction(self) -> None:
        """Each queue predicts as the settings say."""
        table = tableOf(TAKEN, TAKEN, prediction=Prediction.DEFAULT, default_input=b"idle")
        self.assertEqual(table.queues[1].play(0, 1), [b"idle"])
        table = tableOf(TAKEN, TAKEN, prediction=lambda last, missing: b"%d" % missing)
        self.assertEqual(table.queues[1].play(0, 2), [b"1", b"2"])

    def test_dropped(self) -> None:
        """A drop: absent from the cut on, played again from there, what is missing is told."""
        table = tableOf(TAKEN, TAKEN, TAKEN)
        table.take(table.queues[1], [b"a"] * 5, 0)
        table.take(table.queues[2], [b"x"] * 9, 0)
        table.reseat((TAKEN, Seat(False, 7), TAKEN), 4, 9)
        self.assertEqual(table.wrong_frame, 7)
        self.assertEqual(table.lacking(), [(2, 5, 7)])
        self.assertEqual(table.known, 5)
        self.assertEqual([table.absentAt(frame) for frame in (6, 7, 99)], [(), (2,), (2,)])
        table.take(table.queues[1], [b"a", b"a"], 9)
        table.refresh()
        self.assertEqual((table.lacking(), table.known), ([], 9))

    def test_droppedAhead(self) -> None:
        """A cut that was not played yet takes nothing back."""
        table = tableOf(TAKEN, TAKEN)
        table.reseat((TAKEN, Seat(False, 7)), -1, 7)
        self.assertIsNone(table.wrong_frame)

    def test_joined(self) -> None:
        """A join: absent until its frame, and from there on held up by its inputs."""
        table = tableOf(TAKEN, TAKEN, Seat(False, 0))
        table.take(table.queues[1], [b"a"] * 30, 0)
        table.reseat((TAKEN, TAKEN, Seat(True, 20)), 9, 12)
        self.assertIsNone(table.wrong_frame)
        self.assertEqual((table.known, table.settled, table.absent), (20, 20, ()))
        self.assertEqual([table.absentAt(frame) for frame in (10, 19, 20)], [(3,), (3,), ()])
        table.take(table.queues[2], [b"x"], 12)
        table.refresh()
        self.assertEqual(table.known, 21)

    def test_leftBeforeTheirFrame(self) -> None:
        """Who joins and is dropped again before the join was final: each frame has one truth."""
        table = tableOf(TAKEN, TAKEN, Seat(False, 0))
        table.reseat((TAKEN, TAKEN, Seat(True, 20)), 9, 12)
        table.reseat((TAKEN, TAKEN, Seat(False, 25)), 9, 26)
        self.assertEqual(
            [table.absentAt(frame) for frame in (19, 20, 24, 25)], [(3,), (), (), (3,)]
        )
        table.reseat((TAKEN, TAKEN, Seat(False, 15)), 9, 26)
        self.assertEqual([table.absentAt(frame) for frame in (14, 20, 25)], [(3,), (3,), (3,)])

    def test_bounded(self) -> None:
        """Of a thousand comings and goings those stay that may be played again."""
        table = tableOf(TAKEN, TAKEN)
        frame = 0
        for number in range(1000):
            frame += 10
            taken = bool(number % 2)
            queue = table.queues[1]
            if not taken:
                table.take(queue, [b"x"] * (frame - queue.count), 0)
            table.reseat((TAKEN, Seat(taken, frame)), frame - 1, frame)
            self.assertEqual(table.absentAt(frame), () if taken else (2,))
        self.assertLessEqual(len(table._changes[1]), HISTORY // 10 + 3)

    def test_inMidMatch(self) -> None:
        """A table that begins later knows the inputs before, and who is absent."""
        seats = (TAKEN, TAKEN, Seat(False, 40), Seat(True, 120))
        settings = RollbackSettings(players=4, leaver_policy=LeaverPolicy.FREEZE)
        table = InputTable(settings, seats, 100, (b"1", b"2", b"3", b"4"))
        self.assertEqual(table.floors(), (100, 100, 100, 120)[:2] + table.floors()[2:])
        self.assertEqual(table.columns(100, 102), [[text] * 2 for text in (b"1", b"2", b"3", b"4")])
        self.assertEqual([table.absentAt(frame) for frame in (100, 120)], [(3, 4), (3,)])
        self.assertEqual(table.known, 100)
