"""Tests of L{gamenet.rollback.input_queue}: seats that empty and fill, the game's predictors."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MomentFailed, RemoteProtocolError
from gamenet.rollback.input_queue import ENDLESS, HISTORY, InputQueue
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.view_values import Seat


def filled(count: int) -> InputQueue:
    """A queue that knows C{count} different inputs."""
    queue = InputQueue()
    queue.extend([b"%d" % frame for frame in range(count)], 0)
    return queue


class ClosedTests(SynchronousTestCase):
    """A player left: from one frame on the input is the same for ever, and known."""

    def test_frozen(self) -> None:
        """Without a filler the last input that counts goes on."""
        queue = filled(5)
        queue.close(3, None)
        self.assertEqual((queue.count, queue.known_until), (3, ENDLESS))
        self.assertEqual(queue.play(1, 6), [b"1", b"2", b"2", b"2", b"2"])
        self.assertEqual(queue.known(2), b"2")
        self.assertEqual(queue.known(1_000_000), b"2")
        self.assertEqual(queue.playOne(7), b"2")

    def test_filler(self) -> None:
        """With one it is that, from the very frame on."""
        queue = filled(5)
        queue.close(3, b"bot")
        self.assertEqual(queue.play(1, 5), [b"1", b"2", b"bot", b"bot"])
        self.assertEqual((queue.known(3), queue.playOne(3)), (b"bot", b"bot"))

    def test_neverPressed(self) -> None:
        """Who left before frame 0 pressed nothing."""
        queue = InputQueue()
        queue.close(0, None)
        self.assertEqual((queue.play(0, 2), queue.known(5)), ([b"", b""], b""))

    def test_lacking(self) -> None:
        """What is missing up to the cut is wanted; until then only what is here is certain."""
        queue = filled(5)
        queue.close(8, b"bot")
        self.assertEqual((queue.count, queue.known_until, queue.closed_at), (5, 5, 8))
        self.assertRaises(LocalProtocolError, queue.known, 5)
        self.assertEqual(queue.play(4, 7), [b"4", b"4", b"4"])
        self.assertIsNone(queue.extend([b"4"], 7))
        self.assertEqual(queue.known_until, 6)
        queue.extend([b"6", b"7", b"8", b"9"], 7)
        self.assertEqual((queue.count, queue.known_until), (8, ENDLESS))
        self.assertEqual(queue.play(4, 10), [b"4", b"4", b"6", b"7", b"bot", b"bot"])

    def test_lastMissing(self) -> None:
        """When the last that was missing is here, what was played of the empty seat is wrong."""
        for current_frame, wrong in ((9, 8), (8, None)):
            queue = filled(5)
            queue.close(8, b"bot")
            queue.play(4, current_frame)
            self.assertEqual(queue.extend([b"4", b"4", b"4"], current_frame), wrong)

    def test_nothingBehindTheCut(self) -> None:
        """Inputs of a closed seat are not taken, however they come."""
        queue = filled(5)
        queue.close(5, b"bot")
        queue.extend([b"5", b"6"], 0)
        self.assertEqual((queue.count, queue.known(5)), (5, b"bot"))

    def test_earlierCut(self) -> None:
        """A cut may be lowered later; what was behind it is gone."""
        queue = filled(9)
        queue.close(8, b"bot")
        queue.close(6, b"bot")
        self.assertEqual((queue.count, queue.closed_at), (6, 6))
        self.assertEqual(queue.play(5, 8), [b"5", b"bot", b"bot"])
        lacking = filled(5)
        lacking.close(8, None)
        lacking.close(4, None)
        self.assertEqual((lacking.count, lacking.known_until), (4, ENDLESS))


class ReopenedTests(SynchronousTestCase):
    """Somebody takes an empty seat."""

    def test_reopened(self) -> None:
        """Up to the frame the empty seat's input stays; from it on real ones are wanted."""
        for filler, expected in ((None, b"2"), (b"bot", b"bot")):
            queue = filled(3)
            queue.close(3, filler)
            queue.reopen(10, 5)
            self.assertEqual((queue.count, queue.known_until, queue.closed_at), (10, 10, None))
            self.assertEqual(queue.play(5, 10), [expected] * 5)
            self.assertRaises(LocalProtocolError, queue.known, 10)
            queue.extend([b"new"], 10)
            self.assertEqual((queue.known(9), queue.known(10)), (expected, b"new"))

    def test_prediction(self) -> None:
        """What is predicted first is the empty seat's input."""
        queue = filled(3)
        queue.close(3, b"bot")
        queue.reopen(4, 3)
        self.assertEqual(queue.play(3, 6), [b"bot"] * 3)
        self.assertEqual(queue.extend([b"bot", b"x"], 6), 5)

    def test_notYet(self) -> None:
        """A seat that somebody has, or of which something is missing, cannot be taken."""
        self.assertRaises(LocalProtocolError, filled(3).reopen, 5, 0)
        queue = filled(3)
        queue.close(5, None)
        self.assertRaises(LocalProtocolError, queue.reopen, 9, 0)
        queue.extend([b"3", b"4"], 0)
        self.assertRaises(LocalProtocolError, queue.reopen, 4, 5)
        queue.reopen(9, 5)

    def test_again(self) -> None:
        """A seat may empty and fill many times; memory stays bounded."""
        queue = filled(3)
        for frame in range(3, 3000, 10):
            queue.close(frame, b"bot")
            queue.reopen(frame + 5, max(frame - 20, 0))
            queue.extend([b"x"] * 5, 0)
            self.assertEqual(queue.count, frame + 10)
            self.assertLess(len(queue.inputs), 8 * HISTORY)


class BaseTests(SynchronousTestCase):
    """A queue that begins in mid-match."""

    def test_firstFrame(self) -> None:
        """Only the input before the first frame is known, and it is predicted to go on."""
        queue = InputQueue(100, b"before")
        self.assertEqual((queue.count, queue.known_until, queue.first_kept), (100, 100, 99))
        self.assertEqual(queue.known(99), b"before")
        self.assertRaises(LocalProtocolError, queue.known, 98)
        self.assertRaises(LocalProtocolError, queue.since, 98)
        self.assertEqual(queue.play(100, 102), [b"before"] * 2)
        self.assertEqual(queue.extend([b"x"], 102), 100)
        self.assertEqual(queue.since(99), [b"before", b"x"])

    def test_longPast(self) -> None:
        """Inputs from before that cannot be checked."""
        queue = InputQueue(100, b"before")
        self.assertEqual(queue.overlap(99, 3), 1)
        self.assertRaises(RemoteProtocolError, queue.overlap, 98, 3)


class PredictorTests(SynchronousTestCase):
    """What is played for inputs that are not known."""

    def test_default(self) -> None:
        """A default input is predicted, whatever was pressed last."""
        queue = InputQueue(default=b"idle")
        queue.extend([b"a"], 0)
        self.assertEqual(queue.play(0, 3), [b"a", b"idle", b"idle"])
        self.assertEqual(queue.playOne(3), b"idle")
        self.assertIsNone(queue.extend([b"idle"], 4))
        self.assertEqual(queue.extend([b"a"], 4), 2)

    def test_own(self) -> None:
        """The game's own is given the last known input, and how long nothing is known."""
        asked: list[tuple[bytes, int]] = []

        def predict(last: bytes, missing: int) -> bytes:
            asked.append((last, missing))
            return last + b"%d" % missing

        queue = InputQueue(predictor=predict)
        self.assertEqual(queue.play(0, 2), [b"1", b"2"])
        queue.extend([b"a"], 2)
        self.assertEqual(queue.play(0, 3), [b"a", b"a1", b"a2"])
        self.assertEqual(queue.playOne(3), b"a3")
        self.assertEqual(asked, [(b"", 1), (b"", 2), (b"a", 1), (b"a", 2), (b"a", 3)])
        self.assertIsNone(queue.extend([b"a1"], 4))
        self.assertEqual(queue.extend([b"a2", b"x"], 4), 3)

    def test_ownReturnsNonsense(self) -> None:
        """
        Bad input: what the game's own predictor may not do is told with the moment and
        the frame; what it predicted before stays, and it is asked again.
        """
        fault: list[object] = [KeyError("nothing"), "x", bytes(65)]

        def predict(last: bytes, missing: int) -> Any:
            if missing < 3 or not fault:
                return b"%d" % missing
            made = fault.pop(0)
            if isinstance(made, Exception):
                raise made
            return made

        rules = RollbackSettings(prediction=predict, input_limit=64)
        table = InputTable(rules, (Seat(True, 0), Seat(True, 0)))
        queue = table.queues[1]
        for cause in (KeyError, TypeError, ValueError):
            error = self.assertRaises(MomentFailed, queue.play, 0, 4)
            self.assertEqual((error.moment, error.frame), ("prediction", 2))
            self.assertIsInstance(error.__cause__, cause)
            self.assertIn("prediction", str(error))
        self.assertEqual(queue.play(0, 4), [b"1", b"2", b"3", b"4"])

    def test_ownIsBounded(self) -> None:
        """What was predicted is forgotten when the input is here."""
        queue = InputQueue(predictor=lambda last, missing: last)
        for frame in range(5000):
            queue.playOne(frame)
            if frame >= 8:
                queue.extend([b"%d" % frame], frame + 1)
            self.assertLessEqual(len(queue._predicted), 9)

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(
            st.tuples(st.integers(0, 3), st.lists(st.sampled_from([b"", b"a", b"b"]), max_size=3)),
            max_size=20,
        ),
        st.sampled_from(["last", "default", "own"]),
    )
    def test_wrongExactlyIfPlayedOtherwise(
        self, ticks: list[tuple[int, list[bytes]]], kind: str
    ) -> None:
        """With every way to predict: wrong is exactly the first that was played otherwise."""
        default = b"a" if kind == "default" else None
        predictor = (lambda last, missing: (last + b"b")[:missing]) if kind == "own" else None
        queue = InputQueue(default=default, predictor=predictor)
        played: list[bytes] = []
        script: list[bytes] = []
        wrong_frame: int | None = None
        for plays, fresh in ticks:
            if plays and wrong_frame is not None:
                played[wrong_frame:] = queue.play(wrong_frame, len(played))
                wrong_frame = None
            for _ in range(plays):
                played.append(queue.playOne(len(played)))
            known = len(script)
            script += fresh
            wrong = queue.extend(fresh, len(played))
            differing = [
                frame
                for frame in range(known, min(len(script), len(played)))
                if played[frame] != script[frame]
            ]
            self.assertEqual(wrong, differing[0] if differing else None)
            if wrong is not None and wrong_frame is None:
                wrong_frame = wrong
