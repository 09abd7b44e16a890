"""Tests of L{gamenet.interfaces.IRollbackSession}: the one interface of all sessions."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.determinism.check import CheckedTimeline
from gamenet.determinism.session import DeterminismCheckSession, DeterminismCheckSettings
from gamenet.errors import LocalProtocolError
from gamenet.interfaces import IRollbackSession
from gamenet.replay.replay import Replay
from gamenet.replay.session import Divergence, ReplaySession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.steps import Advance, Load
from gamenet.rollback.timeline import Timeline
from gamenet.wire.replay_file import ReplayHeader
from tests.replay_samples import plain, recorded
from tests.rollback_faulty_game import Ledger
from tests.rollback_stub_session import StubSession


def inputsOf(frame: int) -> tuple[bytes, ...]:
    """Two players' inputs of a frame."""
    return (b"%d" % (frame // 3), b"x" * (frame % 4))


def replayOf(frames: int) -> Replay:
    """Return a replay of so many frames, a checksum at every tenth one."""
    header = ReplayHeader(bytes(16), 2, checksum_interval=10)
    match = [(inputsOf(frame), frame) for frame in range(frames)]
    return Replay.read(recorded(plain(header, match)))


class PeerlessTests(SynchronousTestCase):
    """What must exist: sessions behind one interface."""

    def sessions(self) -> tuple[DeterminismCheckSession, ReplaySession]:
        return DeterminismCheckSession(DeterminismCheckSettings()), ReplaySession(replayOf(50))

    def test_interface(self) -> None:
        """Each of them provides all of it."""
        for session in (*self.sessions(), StubSession()):
            self.assertTrue(verifyObject(IRollbackSession, session))
            self.assertEqual((session.current_frame, session.confirmed_frame), (0, -1))
            self.assertEqual(tuple(session.checksumsWanted()), ())
            self.assertEqual(tuple(session.packetsDue(0.0)), ())
            self.assertEqual(tuple(session.drainEvents()), ())

    def test_nobodyElse(self) -> None:
        """A packet to a session that plays alone is our mistake."""
        for session in self.sessions():
            error = self.assertRaises(LocalProtocolError, session.packetReceived, 2, b"x", 0.0)
            self.assertEqual(str(error), "peer 2 does not take part")


class DeterminismTests(SynchronousTestCase):
    """The determinism check."""

    def test_inputs(self) -> None:
        """Inputs are taken in order, by player number, or of the only player."""
        session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=0))
        self.assertEqual(session.advance((b"a", b"b")), (Advance(0, (b"a", b"b")),))
        self.assertEqual(session.advance({2: b"d", 1: b"c"}, 0.5), (Advance(1, (b"c", b"d")),))
        for wrong in (None, b"", b"ab", {1: b""}, {1: b"", 3: b""}, {1: b"", 2: 7}):
            self.assertRaises(LocalProtocolError, session.advance, wrong, 1.0)
        self.assertEqual(session.current_frame, 2)
        alone = DeterminismCheckSession(DeterminismCheckSettings(players=1, check_distance=0))
        self.assertEqual(alone.advance(b"only", 0.0), (Advance(0, (b"only",)),))

    def test_inputFrame(self) -> None:
        """An input is always wanted, and takes effect later by the delay."""
        session = DeterminismCheckSession(DeterminismCheckSettings(input_delay=3))
        self.assertEqual([session.inputFrame(player) for player in (None, 1, 2)], [3, 3, 3])
        for player in (0, 3):
            self.assertRaises(LocalProtocolError, session.inputFrame, player)

    def test_statistics(self) -> None:
        """They are those of the steps, and what is final is not played again."""
        for distance in (0, 1, 3):
            settings = DeterminismCheckSettings(check_distance=distance)
            session = DeterminismCheckSession(settings)
            self.assertEqual(session.timeline_rules.prediction_window, distance)
            timeline = CheckedTimeline(Ledger(), session)
            rollbacks = 0
            for frame in range(12):
                final = session.confirmed_frame
                steps = session.finish() if frame == 11 else session.advance((b"", b""))
                rollbacks += sum(isinstance(step, Load) for step in steps)
                if frame < 11:
                    played = [step.frame for step in steps if isinstance(step, Advance)]
                    self.assertGreater(min(played), final)
                timeline.apply(steps)
                statistics = session.statistics
                self.assertEqual(statistics.rollbacks, rollbacks)
                self.assertEqual(
                    statistics.frames_played + statistics.frames_resimulated, timeline.simulated
                )
                self.assertEqual(statistics.deepest_rollback, distance if rollbacks else 0)
            self.assertIs(session.state, SessionState.RUNNING)

    def test_events(self) -> None:
        """Each frame that differs is told once."""

        def fault(game: Ledger, frame: int, before: int) -> None:
            game.gold += frame == 2 and before == 1

        session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=2))
        timeline = CheckedTimeline(Ledger(fault), session)
        told = []
        for _ in range(9):
            timeline.apply(session.advance((b"", b"")))
            told += [mismatch.frame for mismatch in session.drainEvents()]
        self.assertEqual(sorted(told), [mismatch.frame for mismatch in session.mismatches])
        self.assertIn(2, told)
        self.assertEqual(session.drainEvents(), ())

    def test_checksums(self) -> None:
        """It compares states, so nobody has a checksum for it."""
        session = DeterminismCheckSession(DeterminismCheckSettings())
        self.assertRaises(LocalProtocolError, session.checksumTaken, 0, 0)


class ReplayTests(SynchronousTestCase):
    """The replay."""

    def test_forward(self) -> None:
        """A timeline can play one forward."""
        game = Ledger()
        session = ReplaySession(replayOf(50))
        timeline = Timeline(game, session)
        self.assertIsNone(session.inputFrame())
        for frame in range(50):
            self.assertIs(session.state, SessionState.RUNNING)
            timeline.apply(session.advance(None, frame / 60))
            self.assertEqual(session.confirmed_frame, frame)
        self.assertIs(session.state, SessionState.FINISHED)
        self.assertEqual([each for _, each in game.inputs], [inputsOf(n) for n in range(50)])
        self.assertEqual(session.statistics.frames_played, 50)
        self.assertEqual(session.statistics.frames_resimulated, 0)

    def test_noInputs(self) -> None:
        """It takes none."""
        session = ReplaySession(replayOf(50))
        self.assertRaises(LocalProtocolError, session.advance, b"", 0.0)
        self.assertEqual(session.current_frame, 0)

    def test_again(self) -> None:
        """Frames that are looked at again are counted as such."""
        session = ReplaySession(replayOf(50))
        for frame in (30, 0, 40):
            for _ in session.seek(frame):
                pass
        statistics = session.statistics
        self.assertEqual(
            (statistics.rollbacks, statistics.frames_played, statistics.frames_resimulated),
            (1, 40, 30),
        )

    def test_divergence(self) -> None:
        """The first divergence is told once."""
        session = ReplaySession(replayOf(50))
        interval = session.replay.header.checksum_interval
        session.checksumTaken(interval - 1, 7)
        (told,) = session.drainEvents()
        self.assertEqual(told, Divergence(interval - 1, told.recorded, 7))
        self.assertEqual(session.drainEvents(), ())
        self.assertRaises(LocalProtocolError, session.checksumTaken, interval, 7)
