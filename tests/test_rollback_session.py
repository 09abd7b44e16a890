"""Tests of L{gamenet.rollback.session}: scenarios of one or two sessions, step by step."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import INPUT_LIMIT, RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.steps import Advance, Load, Save
from tests.rollback_pipe import play, read, session, tell


class StepTests(SynchronousTestCase):
    """What a session asks the game to do."""

    def test_firstFrame(self) -> None:
        """The first frame is preceded by a snapshot of the beginning, and only that one."""
        one = session()
        self.assertEqual((one.current_frame, one.confirmed_frame), (0, -1))
        self.assertEqual(play(one, b"a"), (Save(0), Advance(0, (b"a", b"")), Save(1)))
        self.assertEqual(play(one, b"b"), (Advance(1, (b"b", b"")), Save(2)))
        self.assertEqual((one.current_frame, one.confirmed_frame), (2, -1))

    def test_playerNumbers(self) -> None:
        """Inputs are in order of player number on both sides."""
        one, two = session(1), session(2)
        two.packetReceived(1, self.sent(one, b"a", to=2), 0.0)
        one.packetReceived(2, self.sent(two, b"b", to=1), 0.0)
        self.assertEqual(play(two, b"d")[-2], Advance(1, (b"a", b"d")))
        self.assertEqual(
            play(one, b"c"),
            (
                Load(0),
                Advance(0, (b"a", b"b")),
                Save(1),
                Advance(1, (b"c", b"b")),
                Save(2),
            ),
        )

    def sent(self, one: RollbackSession, text: bytes, to: int) -> bytes:
        play(one, text)
        return one.packetFor(to, 0.0)

    def test_mispredicted(self) -> None:
        """
        A wrong prediction: back to the state before the first wrong frame, all
        frames since again with what is known now, then the new one.
        """
        one = session()
        for text in (b"a", b"b", b"c"):
            play(one, text)
        tell(one, b"", b"x")
        self.assertEqual(
            play(one, b"d"),
            (
                Load(1),
                Advance(1, (b"b", b"x")),
                Save(2),
                Advance(2, (b"c", b"x")),
                Save(3),
                Advance(3, (b"d", b"x")),
                Save(4),
            ),
        )
        self.assertEqual(one.confirmed_frame, 1)
        self.assertEqual(one.statistics.rollbacks, 1)
        self.assertEqual(one.statistics.deepest_rollback, 2)
        self.assertEqual(one.statistics.frames_resimulated, 2)
        self.assertEqual(one.statistics.frames_played, 4)

    def test_predictedRight(self) -> None:
        """A right prediction loads nothing, and its frames become final."""
        one = session()
        tell(one, b"x")
        for text in (b"a", b"b", b"c"):
            play(one, text)
        tell(one, b"x", b"x", first=1)
        self.assertEqual(play(one, b"d"), (Advance(3, (b"d", b"x")), Save(4)))
        self.assertEqual(one.confirmed_frame, 2)
        self.assertEqual(one.statistics.rollbacks, 0)

    def test_twoPacketsInOneTick(self) -> None:
        """Of several wrong frames it goes back to the first, once, whatever came last."""
        one = session()
        for _ in range(4):
            play(one, b"a")
        tell(one, b"", b"x")
        tell(one, b"y", b"x", first=2)
        steps = play(one, b"b")
        self.assertEqual(steps[0], Load(1))
        self.assertEqual(
            [step.inputs[1] for step in steps if isinstance(step, Advance)],
            [b"x", b"y", b"x", b"x"],
        )
        self.assertEqual(one.statistics.rollbacks, 1)
        self.assertEqual(play(one, b"b"), (Advance(5, (b"b", b"x")), Save(6)))

    def test_predictedRightAfterAll(self) -> None:
        """A prediction proven wrong stays so, whatever comes in the next packet."""
        one = session()
        for _ in range(3):
            play(one, b"a")
        tell(one, b"x")
        tell(one, b"", b"", first=1)
        steps = play(one, b"b")
        self.assertEqual(steps[0], Load(0))
        self.assertEqual(
            [step.inputs[1] for step in steps if isinstance(step, Advance)], [b"x", b"", b"", b""]
        )

    def test_onlyCorrections(self) -> None:
        """Without an input nothing new is played, but what was wrong is put right."""
        one = session()
        play(one, b"a")
        self.assertEqual(play(one, None), ())
        tell(one, b"x")
        self.assertEqual(play(one, None), (Load(0), Advance(0, (b"a", b"x")), Save(1)))
        self.assertEqual((one.current_frame, one.confirmed_frame), (1, 0))
        self.assertEqual(one.statistics.stalls, 0)

    def test_inputsAheadOfUs(self) -> None:
        """Inputs of frames that we have not come to are used when we do, without a rollback."""
        one = session()
        tell(one, b"x", b"y", b"z")
        self.assertEqual(play(one, b"a")[1], Advance(0, (b"a", b"x")))
        self.assertEqual(one.confirmed_frame, 0)
        self.assertEqual(play(one, b"b")[0], Advance(1, (b"b", b"y")))
        self.assertEqual(play(one, b"c")[0], Advance(2, (b"c", b"z")))
        self.assertEqual(play(one, b"d")[0], Advance(3, (b"d", b"z")))
        self.assertEqual(one.confirmed_frame, 2)
        self.assertEqual(one.statistics.rollbacks, 0)

    def test_savesAreShared(self) -> None:
        """Playing a frame again does not make its save step anew: the loop is hot."""
        one = session()
        first = play(one, b"a")[-1]
        tell(one, b"x")
        self.assertIs(play(one, None)[-1], first)


class DelayTests(SynchronousTestCase):
    """Local inputs that take effect some frames later."""

    def test_delay(self) -> None:
        """With a delay of 2 the input asked for at frame 0 is played at frame 2."""
        one = session(input_delay=2)
        self.assertEqual(one.inputFrame(), 2)
        self.assertEqual(play(one, b"a")[1], Advance(0, (b"", b"")))
        self.assertEqual(one.inputFrame(), 3)
        self.assertEqual(play(one, b"b")[0], Advance(1, (b"", b"")))
        self.assertEqual(play(one, b"c")[0], Advance(2, (b"a", b"")))
        self.assertEqual(play(one, b"d")[0], Advance(3, (b"b", b"")))

    def test_delayHidesLatency(self) -> None:
        """Where the delay covers the latency nothing is ever predicted wrong."""
        one, two = session(1, input_delay=3), session(2, input_delay=3)
        flying: list[tuple[bytes, bytes]] = []
        for tick in range(50):
            play(one, b"%d" % tick)
            play(two, b"%d" % (tick * 7))
            flying.append((one.packetFor(2, 0.0), two.packetFor(1, 0.0)))
            if len(flying) == 3:
                to_two, to_one = flying.pop(0)
                one.packetReceived(2, to_one, 0.0)
                two.packetReceived(1, to_two, 0.0)
        self.assertEqual(one.statistics.rollbacks + two.statistics.rollbacks, 0)
        self.assertGreater(one.confirmed_frame, 45)

    def test_differentDelays(self) -> None:
        """Each player chooses their own delay: the first inputs are sent, not assumed."""
        one, two = session(1, input_delay=0), session(2, input_delay=4)
        play(one, b"a")
        play(two, b"b")
        one.packetReceived(2, two.packetFor(1, 0.0), 0.0)
        play(one, b"c")
        self.assertEqual(one.confirmed_frame, 1)
        self.assertEqual(one.drainEvents()[1], FrameConfirmed(1, (b"c", b""), 1))


class WindowTests(SynchronousTestCase):
    """How far a session runs ahead of what it knows."""

    def test_stallsAtTheWindow(self) -> None:
        """Eight frames are played on predictions, the ninth is not (GGRS: prediction threshold)."""
        one = session()
        for frame in range(8):
            self.assertEqual(one.inputFrame(), frame)
            play(one, b"a")
        self.assertIsNone(one.inputFrame())
        self.assertIs(one.state, SessionState.STALLED)
        for tick in range(200):
            self.assertEqual(play(one, None, float(tick)), ())
        self.assertEqual(one.current_frame, 8)
        self.assertEqual(one.statistics.stalls, 200)

    def test_recovers(self) -> None:
        """One input more is one frame more; the time of the stall is counted."""
        one = session()
        for _ in range(8):
            play(one, b"a", 1.0)
        play(one, None, 2.0)
        play(one, None, 3.0)
        tell(one, b"")
        self.assertEqual(one.inputFrame(), 8)
        self.assertIs(one.state, SessionState.RUNNING)
        self.assertEqual(play(one, b"b", 4.5), (Advance(8, (b"b", b"")), Save(9)))
        self.assertIsNone(one.inputFrame())
        self.assertEqual(one.statistics.stalled_seconds, 2.5)
        self.assertEqual(one.statistics.stalls, 2)
        self.assertEqual(one.statistics.deepest_rollback, 0)
        play(one, None, 10.0)
        tell(one, b"", first=1)
        play(one, b"c", 11.0)
        self.assertEqual(one.statistics.stalled_seconds, 3.5)

    def test_deepestRollback(self) -> None:
        """A rollback of the whole window works, from a stall."""
        one = session()
        for _ in range(8):
            play(one, b"a")
        tell(one, b"x")
        steps = play(one, None)
        self.assertEqual(steps[0], Load(0))
        self.assertEqual(len(steps), 17)
        self.assertEqual(one.statistics.deepest_rollback, 8)
        self.assertEqual(one.statistics.stalls, 0)

    def test_lockstep(self) -> None:
        """A window of 0 is lockstep: no frame before its inputs, none played twice."""
        one = session(prediction_window=0)
        self.assertIs(one.state, SessionState.STALLED)
        self.assertEqual(one.inputFrame(), 0)
        self.assertEqual(play(one, b"a"), ())
        self.assertIsNone(one.inputFrame())
        self.assertRaises(LocalProtocolError, one.advance, b"b", 0.0)
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs, [b"a"])
        for _ in range(200):
            self.assertEqual(play(one, None), ())
        self.assertEqual((one.current_frame, one.statistics.stalls), (0, 201))
        tell(one, b"x", b"y")
        self.assertIs(one.state, SessionState.RUNNING)
        self.assertEqual(play(one, None), (Save(0), Advance(0, (b"a", b"x")), Save(1)))
        self.assertEqual(play(one, b"b"), (Advance(1, (b"b", b"y")), Save(2)))
        self.assertEqual(play(one, b"c"), ())
        self.assertEqual(one.confirmed_frame, 1)

    def test_lockstepOfTwo(self) -> None:
        """Two sessions in lockstep play on, with and without a delay (GGRS: delay 0 and 1)."""
        for delay in (0, 1):
            one = session(1, prediction_window=0, input_delay=delay)
            two = session(2, prediction_window=0, input_delay=delay)
            for tick in range(100):
                for each in (one, two):
                    play(each, None if each.inputFrame() is None else b"%d" % tick)
                one.packetReceived(2, two.packetFor(1, 0.0), 0.0)
                two.packetReceived(1, one.packetFor(2, 0.0), 0.0)
            self.assertGreaterEqual(one.confirmed_frame, 48)
            self.assertEqual(one.drainEvents(), two.drainEvents())
            self.assertEqual(one.statistics.rollbacks, 0)

    def test_unacknowledgedLimit(self) -> None:
        """A player who sends but never acknowledges stalls us at the limit, without growth."""
        one = session(unacknowledged_limit=20)
        for frame in range(20):
            tell(one, b"x", first=frame)
            play(one, b"a")
            one.packetFor(2, 0.0)
        tell(one, b"x", first=20)
        self.assertIsNone(one.inputFrame())
        self.assertEqual(play(one, None), ())
        self.assertEqual(one.statistics.stalls, 1)
        tell(one, first=21, wanted=1)
        self.assertEqual(one.inputFrame(), 20)


class InputTests(SynchronousTestCase):
    """What the local player may give."""

    def test_refused(self) -> None:
        """Too long or not bytes: our own mistake, and nothing changed."""
        one = session()
        play(one, b"a")
        for bad in (bytes(INPUT_LIMIT + 1), "text", bytearray(b"x"), 7):
            self.assertRaises(LocalProtocolError, one.advance, bad, 0.0)
        self.assertEqual((one.current_frame, one.inputFrame()), (1, 1))
        self.assertEqual(play(one, bytes(INPUT_LIMIT))[0], Advance(1, (bytes(64), b"")))

    def test_ownLimit(self) -> None:
        """The limit is a setting, for ours and for theirs."""
        one = session(input_limit=3)
        self.assertRaises(LocalProtocolError, one.advance, b"abcd", 0.0)
        play(one, b"abc")

    def test_notWanted(self) -> None:
        """An input in a stall is our mistake, and does not count as a stall."""
        one = session(prediction_window=1)
        play(one, b"a")
        self.assertRaises(LocalProtocolError, one.advance, b"b", 0.0)
        self.assertEqual(one.statistics.stalls, 0)
        self.assertEqual(read(one.packetFor(2, 0.0)).inputs, [b"a"])
