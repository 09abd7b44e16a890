"""Tests of L{gamenet.spectator.session}."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.feed.events import FollowingBegan
from gamenet.feed.transfer_outcomes import TransferReceived
from gamenet.interfaces import IRollbackSession
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.steps import Advance, Restore, Save
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SNAPSHOTS_LIMIT, SpectatorSettings
from gamenet.spectator.stream_delay import StreamDelay
from gamenet.wire.feed_packets import encodeFeedFrames
from gamenet.wire.transfer_packets import TransferPurpose
from tests.feed_world import FeedWorld, SpectatorCase, committed


class AnchorTests(SpectatorCase):
    """Anchor scenarios: GGRS tests/test_p2p_spectator_session.rs, with its numbers."""

    def directly(self, frames: int, **chosen: int) -> SpectatorSession:
        """A spectator that heard of the first frames, and played none."""
        session = SpectatorSession(
            SpectatorSettings(1, (1,), delay=0, from_beginning=True, **chosen)
        )
        self.hear(session, 0, frames)
        return session

    def hear(self, session: SpectatorSession, first: int, end: int) -> None:
        rows = [((b"\1",), ())] * (end - first)
        session.packetReceived(1, encodeFeedFrames(first, rows, end, end + 1, 1)[0], 0.0)

    def count(self, session: SpectatorSession) -> int:
        """How many frames one call plays."""
        steps = session.advance(None, 0.0)
        for frame in session.checksumsWanted():
            session.checksumTaken(frame, 1)
        session.drainEvents()
        return len([step for step in steps if isinstance(step, Advance)])

    def test_start(self) -> None:
        """test_start_session: before anything was heard nothing can be played."""
        session = SpectatorSession(SpectatorSettings(2, (1,)))
        self.assertIs(session.state, SessionState.STALLED)
        self.assertEqual(session.advance(None, 0.0), ())
        self.assertTrue(verifyObject(IRollbackSession, session))
        self.assertIsNone(session.inputFrame())
        self.assertEqual(session.seekable, range(0))
        self.assertEqual(session.live(), ())

    def test_observesFrames(self) -> None:
        """test_spectator_observes_frames: the host plays 11 frames, and the spectator 10."""
        session = SpectatorSession(SpectatorSettings(1, (1,), delay=0, from_beginning=True))
        for played in range(1, 12):
            confirmed = played - 1
            if confirmed:
                self.hear(session, confirmed - 1, confirmed)
                self.assertIs(session.state, SessionState.RUNNING)
                self.assertEqual(self.count(session), 1)
            else:
                self.assertEqual(self.count(session), 0)
        self.assertEqual(session.current_frame, 10)
        self.assertEqual(session.confirmed_frame, 9)

    def test_catchesUp(self) -> None:
        """test_spectator_catches_up_after_lag: 5 behind, limit 4, speed 2: 2 frames in a call."""
        session = self.directly(5, max_frames_behind=4, catchup_speed=2)
        self.assertGreater(session.frames_behind, 4)
        self.assertEqual(self.count(session), 2)
        self.assertEqual(session.current_frame, 2)
        self.assertEqual([self.count(session) for _ in range(3)], [2, 1, 0])

    def test_notBehindEnough(self) -> None:
        """4 behind with limit 4: 1 frame in a call."""
        self.assertEqual(self.count(self.directly(4, max_frames_behind=4, catchup_speed=2)), 1)

    def test_speedIsCapped(self) -> None:
        """Speed 10 with 5 frames there: 5 are played, and no more."""
        session = self.directly(5, max_frames_behind=4, catchup_speed=10)
        self.assertEqual(self.count(session), 5)
        self.assertEqual(self.count(session), 0)


class DelayTests(SpectatorCase):
    """Done when: a delay of 2 s unless set, only frames confirmed by all."""

    def test_twoSeconds(self) -> None:
        """On a clean link the position is 120 frames behind what was heard, at 60 a second."""
        world = FeedWorld()
        viewer = world.view(delay=2.0, from_beginning=True)
        self.assertEqual(SpectatorSettings(2, (1,)).delay, 2.0)
        world.run(300)
        for _ in range(300):
            world.tick()
            self.assertIn(viewer.session.frames_behind, range(117, 124))
        self.assertSame(world, viewer, 400)

    def test_snapshot(self) -> None:
        """Who comes late sees nothing for 2 s either: a snapshot waits as long as its frame."""
        world = FeedWorld()
        world.run(700)
        viewer = world.view(delay=2.0)
        for _ in range(300):
            world.tick()
            if viewer.frames:
                self.assertGreaterEqual(world.hosts[1].game.frame - viewer.game.frame, 118)
            self.assertEqual(bool(viewer.frames), viewer.session.seekable != range(0))
        self.assertSame(world, viewer, 150)

    def test_exactly(self) -> None:
        """A frame may be played 2 s after it was heard to be committed, and not sooner."""
        delay = StreamDelay(2.0)
        delay.heard(5, 10.0)
        delay.heard(9, 11.0)
        delay.heard(7, 11.5)
        self.assertEqual(delay.playable(11.99), 0)
        self.assertEqual(delay.playable(12.0), 5)
        self.assertEqual(delay.playable(12.99), 5)
        self.assertEqual(delay.playable(13.0), 9)
        delay.heard(9, 14.0)
        delay.heard(10, 15.0)
        self.assertEqual(delay.playable(16.9), 9)

    def test_notesAreBounded(self) -> None:
        """A flood of news takes no more memory, and nothing is played too soon."""
        delay = StreamDelay(1.0)
        for frame in range(1, 10_000):
            delay.heard(frame, frame * 1e-5)
        self.assertLessEqual(len(delay._notes), 125)
        self.assertLessEqual(delay.playable(1.05), 5_000)
        self.assertEqual(delay.playable(1.2), 9_999)

    def test_lastFrames(self) -> None:
        """The last frames of a match that ended are played too, and then it is finished."""
        world = FeedWorld()
        viewer = world.view(delay=2.0, from_beginning=True, last_frame=199)
        world.run(200)
        world.hosts[1].running = False
        world.run(200)
        self.assertIs(viewer.session.state, SessionState.FINISHED)
        self.assertEqual(viewer.session.current_frame, 200)
        self.assertEqual([event.frame for event in viewer.confirmed()], list(range(200)))
        stalls = viewer.session.statistics.stalls
        world.run(10)
        self.assertEqual(viewer.session.statistics.stalls, stalls)

    def test_confirmed(self) -> None:
        """Each frame is told once, in order, with checksums at the interval."""
        world = FeedWorld()
        viewer = world.view(from_beginning=True)
        world.run(200)
        events = viewer.confirmed()
        states = world.states(len(events))
        for number, event in enumerate(events):
            self.assertEqual((event.frame, event.inputs), (number, committed(number)[0]))
            self.assertEqual(event.checksum is not None, (number + 1) % 30 == 0)
        self.assertGreater(len(events), 180)
        self.assertEqual(viewer.game.state, states[-1])


class RewindTests(SpectatorCase):
    """Done when: rewind inside its buffer."""

    def setUp(self) -> None:
        self.world = FeedWorld()
        self.viewer = self.world.view(from_beginning=True)
        self.session = self.viewer.session

    def test_everywhere(self) -> None:
        """Each frame of the buffer can be gone to, back and forward, and is as it was."""
        self.world.run(900)
        seekable = self.session.seekable
        self.assertGreaterEqual(len(seekable), 600)
        states = self.world.states(950)
        for step in (seekable[0], seekable[-1], *seekable[::37], seekable[0] + 1):
            self.viewer.apply(self.session.seek(step))
            self.assertEqual((self.viewer.game.frame, self.session.current_frame), (step, step))
            self.assertEqual(self.viewer.game.state, states[step])
        for frame in (seekable[0] - 1, seekable[-1] + 1):
            self.assertRaises(LocalProtocolError, self.session.seek, frame)

    def test_andReturn(self) -> None:
        """After going back it plays one frame per call, tells none twice, and can return."""
        self.world.run(400)
        told = len(self.viewer.confirmed())
        self.viewer.apply(self.session.seek(200))
        self.assertTrue(self.session.rewound)
        for number in range(1, 60):
            self.world.tick()
            self.assertEqual(self.session.current_frame, 200 + number)
        self.assertEqual(len(self.viewer.confirmed()), told)
        self.viewer.apply(self.session.live())
        self.assertFalse(self.session.rewound)
        self.assertLess(self.session.frames_behind, 12)
        self.world.run(60)
        frames = [event.frame for event in self.viewer.confirmed()]
        self.assertEqual(frames, list(range(len(frames))))
        self.assertGreater(self.session.statistics.frames_resimulated, 50)
        self.assertSame(self.world, self.viewer, 400)

    def test_playsItselfLive(self) -> None:
        """Who went back a little while the match stands is live again at its end."""
        self.world.run(100)
        self.world.hosts[1].running = False
        self.world.run(20)
        self.viewer.apply(self.session.seek(self.session.current_frame - 5))
        self.world.run(6)
        self.assertFalse(self.session.rewound)

    def test_behindASnapshot(self) -> None:
        """After a snapshot the oldest place is that snapshot; going there restores it."""
        world = FeedWorld(history_frames=50)
        world.run(301)
        viewer = world.view()
        world.run(400)
        session = viewer.session
        begin = session.seekable[0]
        self.assertEqual(begin, viewer.told(FollowingBegan)[0].frame)
        steps = session.seek(begin)
        self.assertIsInstance(steps[0], Restore)
        viewer.apply(steps)
        self.assertEqual(viewer.game.frame, begin)
        viewer.apply(session.seek(begin + 45))
        viewer.apply(session.seek(begin + 35))
        viewer.apply(session.live())
        world.run(700)
        self.assertIsNone(session._base)
        viewer.apply(session.seek(session.seekable[0]))
        self.assertSame(world, viewer, 500)

    def test_rewoundTooLong(self) -> None:
        """Who stays in the past until frames are missing plays to the gap and goes over it."""
        self.world.run(100)
        self.viewer.apply(self.session.seek(50))
        self.viewer.paused = True
        self.world.run(3000)
        self.viewer.paused = False
        self.world.run(100)
        self.assertEqual(self.session.current_frame, 150)
        self.viewer.apply(self.session.live())
        self.world.run(300)
        self.assertLess(self.session.frames_behind, 20)
        self.assertSame(self.world, self.viewer, 300)


class MisuseTests(SpectatorCase):
    """Bad input, and limits."""

    def test_misuse(self) -> None:
        """A caller that does not do its part is told so."""
        session = SpectatorSession(
            SpectatorSettings(
                1, (1,), delay=0, from_beginning=True, snapshot_interval=20, events_limit=40
            )
        )
        self.assertRaises(LocalProtocolError, session.advance, b"", 0.0)
        self.assertRaises(LocalProtocolError, session.packetReceived, 2, b"\x32", 0.0)
        rows = [((b"\1",), ())] * 100
        session.packetReceived(1, encodeFeedFrames(0, rows, 100, 100, 1)[0], 0.0)
        self.assertEqual(session.advance(None, 0.0)[0], Save(0, True))
        while not session.checksumsWanted():
            session.advance(None, 0.0)
        self.assertEqual(session.drainEvents()[-1], FrameConfirmed(18, (b"\1",), None))
        self.assertRaises(LocalProtocolError, session.advance, None, 0.0)
        self.assertRaises(LocalProtocolError, session.seek, 0)
        self.assertRaises(LocalProtocolError, session.checksumTaken, 18, 1)
        session.checksumTaken(19, 7)
        self.assertEqual(session.drainEvents(), (FrameConfirmed(19, (b"\1",), 7),))
        with self.assertRaises(LocalProtocolError):
            for _ in range(100):
                session.advance(None, 0.0)
                for frame in session.checksumsWanted():
                    session.checksumTaken(frame, 0)
        self.assertLess(session.current_frame, 64)

    def test_undrained(self) -> None:
        """No frame is forgotten, for age or for a snapshot, before it was told."""
        rules = {"delay": 0, "from_beginning": True, "buffer_frames": 20, "snapshot_interval": 10}
        session = SpectatorSession(SpectatorSettings(1, (1,), **rules))
        rows = [((bytes([n]),), ()) for n in range(100)]
        session.packetReceived(1, encodeFeedFrames(0, rows, 100, 100, 1)[0], 0.0)
        for _ in range(60):
            session.advance(None, 0.0)
            for frame in session.checksumsWanted():
                session.checksumTaken(frame, 1)
        received = TransferReceived(1, TransferPurpose.SNAPSHOT, 100, b"state")
        self.assertFalse(session.follower.snapshotReceived(received, 0.0))
        received = attrs.evolve(received, frame=101)
        self.assertTrue(session.follower.snapshotReceived(received, 0.0))
        session.packetReceived(1, encodeFeedFrames(101, rows[:1], 102, 102, 1)[0], 0.0)
        self.assertEqual((session.current_frame, session.advance(None, 0.0)), (100, ()))
        told = [event for event in session.drainEvents() if isinstance(event, FrameConfirmed)]
        self.assertEqual([event.inputs for event in told], [row[0] for row in rows])
        self.assertEqual(session.advance(None, 0.0)[0], Restore(101, b"state"))

    def test_settings(self) -> None:
        """Settings that cannot work are refused by name."""
        for bad in (
            {"players": 0},
            {"hosts": ()},
            {"hosts": (1, 1)},
            {"delay": -1.0},
            {"delay": 301.0},
            {"catchup_speed": 0},
            {"buffer_frames": 30 * SNAPSHOTS_LIMIT + 1},
            {"digest": b"short"},
            {"lost_after": 0.0},
        ):
            with self.assertRaises(BadSetting):
                SpectatorSettings(**({"players": 2, "hosts": (1,)} | bad))

    def test_largestBuffer(self) -> None:
        """With as many snapshots as may be kept each place can still be gone to."""
        world = FeedWorld()
        viewer = world.view(
            from_beginning=True, buffer_frames=10 * SNAPSHOTS_LIMIT, snapshot_interval=10
        )
        world.run(1000)
        for frame in tuple(viewer.session.seekable)[::9]:
            viewer.apply(viewer.session.seek(frame))
        self.assertSame(world, viewer, 900)

    @settings(deadline=None, max_examples=300)
    @given(st.integers(1, 2), st.binary(max_size=40), st.sampled_from((b"", b"0", b"1", b"A")))
    def test_anyBytes(self, host: int, body: bytes, kind: bytes) -> None:
        """Every byte string is refused by name or is taken, and nothing else."""
        session = SpectatorSession(SpectatorSettings(2, (1, 2), delay=0))
        try:
            session.packetReceived(host, kind + body, 0.0)
        except RemoteProtocolError:
            self.assertEqual(session.statistics.packets_refused, 1)
        self.assertEqual(session.current_frame, 0)

    def test_memory(self) -> None:
        """After a long time neither side has kept more than its limits say."""
        world = FeedWorld()
        viewer = world.view(from_beginning=True)
        world.run(4000)
        session = viewer.session
        self.assertLessEqual(len(session._rows), 600 + 30 + 40)
        self.assertLessEqual(len(session._saved), 22)
        self.assertLessEqual(len(session.follower._rows), 600 + 64 + 40)
        self.assertLessEqual(len(session.follower._early), 10)
        self.assertLessEqual(len(session._checksums), 1)
        self.assertLessEqual(len(world.hosts[1].broadcast._rows), 664)
