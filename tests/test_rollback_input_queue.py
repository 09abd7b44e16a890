"""Tests of L{gamenet.rollback.input_queue}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.rollback.input_queue import CAPACITY, HISTORY, InputQueue


def filled(count: int) -> InputQueue:
    """A queue that knows C{count} different inputs."""
    queue = InputQueue()
    for frame in range(count):
        queue.append(b"%d" % frame)
    return queue


class KnownTests(SynchronousTestCase):
    """Inputs that are known."""

    def test_append(self) -> None:
        """Inputs are numbered from frame 0 in the order in which they are added."""
        queue = filled(3)
        self.assertEqual(queue.count, 3)
        self.assertEqual([queue.known(frame) for frame in range(3)], [b"0", b"1", b"2"])
        self.assertEqual(queue.since(1), [b"1", b"2"])
        self.assertEqual(queue.since(3), [])

    def test_unknown(self) -> None:
        """Asking for an input that is not known is our mistake."""
        queue = filled(3)
        for frame in (-1, 3):
            self.assertRaises(LocalProtocolError, queue.known, frame)
        self.assertRaises(LocalProtocolError, InputQueue().known, 0)
        self.assertRaises(LocalProtocolError, queue.since, -1)
        self.assertRaises(LocalProtocolError, queue.play, -1, 2)

    def test_bounded(self) -> None:
        """However long a match is, the inputs kept are bounded, and the newest always there."""
        most = 0
        queue = InputQueue()
        for frame in range(5000):
            queue.append(b"%d" % frame)
            most = max(most, len(queue.inputs))
            if frame >= HISTORY:
                self.assertEqual(queue.known(frame - HISTORY + 1), b"%d" % (frame - HISTORY + 1))
        self.assertLess(most, CAPACITY)
        self.assertEqual(queue.since(4999), [b"4999"])
        self.assertRaises(LocalProtocolError, queue.known, 3000)
        self.assertRaises(LocalProtocolError, queue.since, 3000)
        self.assertRaises(LocalProtocolError, queue.play, 3000, 3001)

    def test_boundedByPackets(self) -> None:
        """The same holds where inputs come in packets."""
        queue = InputQueue()
        for first in range(0, 5120, 128):
            queue.extend([b"%d" % frame for frame in range(first, first + 128)], 0)
            self.assertLess(len(queue.inputs), CAPACITY)
            self.assertEqual(queue.known(first), b"%d" % first)
        self.assertEqual(queue.count, 5120)
        self.assertEqual(queue.since(5118), [b"5118", b"5119"])


class PredictionTests(SynchronousTestCase):
    """What is played for inputs that are not known."""

    def test_nothingKnown(self) -> None:
        """Before the first input nothing is pressed."""
        self.assertEqual(InputQueue().play(0, 3), [b"", b"", b""])

    def test_repeatLast(self) -> None:
        """The newest known input is repeated (GGRS: prediction)."""
        queue = filled(2)
        self.assertEqual(queue.play(0, 5), [b"0", b"1", b"1", b"1", b"1"])
        self.assertEqual(queue.play(3, 5), [b"1", b"1"])
        self.assertEqual(queue.play(0, 1), [b"0"])
        self.assertEqual(queue.play(2, 2), [])

    def test_rightPrediction(self) -> None:
        """An input that was predicted right is not wrong."""
        queue = InputQueue()
        queue.extend([b"a"], 0)
        queue.play(0, 4)
        self.assertIsNone(queue.extend([b"a", b"a"], 4))
        self.assertEqual(queue.count, 3)

    def test_firstWrong(self) -> None:
        """The first frame that was predicted wrong is found (GGRS: first incorrect)."""
        queue = InputQueue()
        queue.extend([b"a"], 0)
        queue.play(0, 5)
        self.assertEqual(queue.extend([b"a", b"b", b"a", b"c"], 5), 2)

    def test_lastPlayedFrame(self) -> None:
        """The last frame that was played can be wrong, the next one cannot."""
        for current, expected in ((3, 2), (2, None)):
            queue = InputQueue()
            queue.extend([b"a"], 0)
            queue.play(0, 5)
            self.assertEqual(queue.extend([b"a", b"b"], current), expected)

    def test_notYetPlayed(self) -> None:
        """Inputs of frames to come cannot be wrong."""
        queue = InputQueue()
        self.assertIsNone(queue.extend([b"a", b"b", b"c"], 0))
        self.assertEqual(queue.play(0, 3), [b"a", b"b", b"c"])

    def test_predictionIsWhatWasPlayed(self) -> None:
        """
        Two packets before the next frame: the second is judged by what was
        played, not by what the first one brought.
        """
        queue = InputQueue()
        queue.extend([b"a"], 0)
        queue.play(0, 5)
        self.assertEqual(queue.extend([b"b"], 5), 1)
        self.assertEqual(queue.extend([b"b"], 5), 2)
        self.assertIsNone(queue.extend([b"a"], 5))

    def test_playedAgain(self) -> None:
        """After frames were played again, later inputs are judged by the new prediction."""
        queue = InputQueue()
        queue.extend([b"a"], 0)
        queue.play(0, 5)
        self.assertEqual(queue.extend([b"b"], 5), 1)
        self.assertEqual(queue.play(1, 6), [b"b"] * 5)
        self.assertIsNone(queue.extend([b"b", b"b"], 6))
        self.assertEqual(queue.extend([b"a"], 6), 4)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(st.integers(0, 3), st.lists(st.sampled_from([b"", b"a", b"b"]), max_size=3)),
            max_size=20,
        )
    )
    def test_wrongExactlyIfPlayedOtherwise(self, ticks: list[tuple[int, list[bytes]]]) -> None:
        """
        Whatever is played and received in whatever order, a frame is found
        wrong exactly if it is the first that was played with another input.
        """
        queue = InputQueue()
        played: list[bytes] = []
        script: list[bytes] = []
        wrong_frames: list[int] = []
        for plays, fresh in ticks:
            if plays and wrong_frames:
                played[min(wrong_frames) :] = queue.play(min(wrong_frames), len(played))
                wrong_frames = []
            for _ in range(plays):
                played += queue.play(len(played), len(played) + 1)
            known = len(script)
            script += fresh
            wrong = queue.extend(fresh, len(played))
            differing = [
                frame
                for frame in range(known, min(len(script), len(played)))
                if played[frame] != script[frame]
            ]
            self.assertEqual(wrong, differing[0] if differing else None)
            wrong_frames += differing[:1]
        if wrong_frames:
            played[min(wrong_frames) :] = queue.play(min(wrong_frames), len(played))
        both = min(len(script), len(played))
        self.assertEqual(played[:both], script[:both])


class RepetitionTests(SynchronousTestCase):
    """Inputs that are received again."""

    def test_overlap(self) -> None:
        """It is counted how many of the inputs received are known."""
        queue = filled(10)
        self.assertEqual(queue.overlap(7, 5), 3)
        self.assertEqual(queue.overlap(7, 2), 2)
        self.assertEqual(queue.overlap(7, 3), 3)
        self.assertEqual(queue.overlap(10, 5), 0)
        self.assertEqual(queue.overlap(0, 0), 0)

    def test_gap(self) -> None:
        """Inputs that leave a frame out are impossible: the sender resends what we lack."""
        error = self.assertRaises(RemoteProtocolError, filled(10).overlap, 11, 1)
        self.assertIn("not 10", str(error))

    def test_longPast(self) -> None:
        """Inputs from before what is kept cannot be checked, and are refused."""
        queue = filled(CAPACITY)
        base = CAPACITY - HISTORY
        self.assertEqual(queue.overlap(base, 4), 4)
        error = self.assertRaises(RemoteProtocolError, queue.overlap, base - 1, 4)
        self.assertIn("long past", str(error))

    def test_agrees(self) -> None:
        """The same inputs agree, others do not; both before and after old ones were dropped."""
        for count in (10, CAPACITY + 10):
            queue = filled(count)
            first = count - 4
            same = [b"%d" % frame for frame in range(first, count)]
            self.assertTrue(queue.agrees(first, same))
            self.assertTrue(queue.agrees(first, same[:2]))
            self.assertTrue(queue.agrees(first, []))
            self.assertFalse(queue.agrees(first - 1, same))
            self.assertFalse(queue.agrees(first, [*same[:3], b"x"]))
            self.assertFalse(queue.agrees(first, [b"x", *same[1:]]))
