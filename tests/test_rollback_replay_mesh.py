"""
Real matches, recorded at each peer and played back: L{gamenet.replay.recorder},
L{gamenet.replay.session} and L{gamenet.replay.playback}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.replay.playback import Playback
from gamenet.replay.recorder import ReplayRecorder
from gamenet.replay.replay import Replay
from gamenet.rollback.seat_events import Dropped, SeatTaken
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import LeaverPolicy, RollbackSettings
from gamenet.rollback.state_events import StateTakenOver
from gamenet.rollback.steps import Restore, Step
from gamenet.rollback.timeline import Timeline
from gamenet.wire.replay_file import ReplayHeader
from tests import rollback_mesh
from tests.rollback_faulty_game import Ledger
from tests.rollback_mesh import Mesh
from tests.rollback_worlds.game import SeatedHashGame


class CorruptibleGame(SeatedHashGame):
    """
    A game whose state goes wrong once.

    @ivar corrupt_at: In which frame, or C{None}.
    """

    corrupt_at: int | None = None

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        super().advanceSeated(inputs, absent)
        if self.frame - 1 == self.corrupt_at:
            self.state = bytes(8)


class RecordedTimeline(Timeline):
    """A timeline that tells a recorder of the states that are taken over."""

    recorder: ReplayRecorder

    def apply(self, steps: Sequence[Step]) -> None:
        super().apply(steps)
        for step in steps:
            if isinstance(step, Restore):
                self.recorder.restored(step.frame, step.snapshot)


class RecordedMesh(Mesh):
    """
    Peers whose game knows of empty seats and has bots, and who record the match.

    @ivar files: By peer, what was written.
    @ivar played: By peer, the game.
    """

    def __init__(self, players: int, **settings: Any) -> None:
        super().__init__(players, **settings)
        self.files = {peer: bytearray() for peer in self.sessions}
        self.played: dict[int, CorruptibleGame] = {}
        self.recorders: dict[int, ReplayRecorder] = {}
        self._told: dict[int, int] = {}
        for peer in self.sessions:
            self._record(peer)

    def join(self, settings: RollbackSettings) -> None:
        """Somebody comes late."""
        peer = settings.peer
        self.sessions[peer] = RollbackSession(settings, joining=True)
        self.files[peer] = bytearray()
        self.confirmed[peer] = []
        self.events[peer] = []
        self._record(peer)

    def tick(self, peer: int) -> None:
        super().tick(peer)
        confirmed, recorder = self.confirmed[peer], self.recorders[peer]
        for event in confirmed[self._told[peer] :]:
            self.files[peer] += recorder.frameConfirmed(
                event.frame, event.inputs, event.checksum, event.absent
            )
        self._told[peer] = len(confirmed)

    def replay(self, peer: int) -> Replay:
        """End a peer's file, and read it."""
        self.files[peer] += self.recorders[peer].finish()
        return Replay.read([bytes(self.files[peer])])

    def _record(self, peer: int) -> None:
        session = self.sessions[peer]
        settings = session.settings
        self.played[peer] = CorruptibleGame()
        timeline = RecordedTimeline(self.played[peer], session)
        timeline.recorder = self.recorders[peer] = ReplayRecorder(
            ReplayHeader(
                settings.digest(),
                settings.players,
                checksum_interval=settings.checksum_interval,
                bots=settings.leaver_policy is LeaverPolicy.BOT,
            )
        )
        self.timelines[peer] = timeline
        self._told[peer] = 0


class MeshTests(SynchronousTestCase):
    """A replay of any match plays back exactly."""

    def setUp(self) -> None:
        """All peers play a game that has bots."""
        self.patch(rollback_mesh, "HashGame", CorruptibleGame)

    def mesh(self, **settings: Any) -> RecordedMesh:
        """Three peers, of whom the third drops out and comes back."""
        mesh = RecordedMesh(3, seed=5, jitter=2.0, checksum_interval=20, **settings)
        mesh.run(100)
        mesh.cutLink(1, 3)
        mesh.cutLink(2, 3)
        mesh.run(400)
        mesh.cut.clear()
        mesh.run(60)
        self.assertEqual(len(mesh.of(Dropped, 3)), 1)
        mesh.sessions[3].rejoin(mesh.now)
        mesh.run(300)
        self.assertEqual(len(mesh.of(SeatTaken, 3)), 1)
        return mesh

    def playsBack(self, mesh: RecordedMesh, peer: int) -> Playback:
        """Assert that a replay leads to the states that the peer had, wherever it goes."""
        replay = mesh.replay(peer)
        lived = mesh.played[peer].played
        game = CorruptibleGame()
        playback = Playback(replay, game, mesh.sessions[peer].settings.digest())
        while playback.advance():
            frame = playback.frame - 1
            self.assertEqual(game.played[frame], lived[frame], frame)
        self.assertIsNone(playback.divergence)
        self.assertEqual(playback.verified, replay.checksums)
        self.assertEqual(replay.end, mesh.confirmed[peer][-1].frame + 1)
        for segment in reversed(replay.segments):
            for frame in (segment.start + 1, segment.end, (segment.start + segment.end) // 2):
                playback.seek(frame)
                self.assertEqual((game.frame, game.state), (frame, lived[frame - 1][0]))
        other = Playback(replay, CorruptibleGame())
        other.seek(replay.end)
        self.assertIsNone(other.verify())
        self.assertEqual(other.verified, replay.checksums)
        return playback

    def test_bot(self) -> None:
        """A drop, a bot, a rejoin: at each of the three peers, states and absent are the same."""
        mesh = self.mesh(leaver_policy=LeaverPolicy.BOT)
        for peer in (1, 2, 3):
            playback = self.playsBack(mesh, peer)
            replay = playback.session.replay
            self.assertTrue(replay.header.bots)
            self.assertEqual(len(replay.segments), 1 + (peer == 3))
            self.assertGreater(playback.verified, replay.frames // 20 - 3)
            if peer < 3:
                absent = [
                    frame
                    for index, record in enumerate(replay.records)
                    for frame, (_, empty) in enumerate(replay.rows(index), record.first_frame)
                    if empty == (3,)
                ]
                self.assertGreater(len(absent), 200)
                self.assertEqual(absent, list(range(absent[0], absent[-1] + 1)))
        first, second = replay.segments
        self.assertLess(first.end, second.start)
        self.assertRaises(BadSetting, Playback, replay, Ledger())

    def test_policies(self) -> None:
        """The same with frozen, removed and default inputs, and where saving is sparse."""
        for policy in (LeaverPolicy.FREEZE, LeaverPolicy.REMOVE, LeaverPolicy.DEFAULT_INPUT):
            mesh = self.mesh(
                leaver_policy=policy, default_input=b"d", own={2: {"sparse_saving": True}}
            )
            for peer in (1, 2, 3):
                playback = self.playsBack(mesh, peer)
                replay = playback.session.replay
                self.assertFalse(replay.header.bots)
                self.assertGreater(playback.verified, replay.frames // 20 - 3)

    def test_joinedLate(self) -> None:
        """Who comes late has a replay that begins with a state, at another frame than 0."""
        mesh = RecordedMesh(
            3, seed=6, jitter=2.0, checksum_interval=20, vacant=(3,),
            leaver_policy=LeaverPolicy.BOT, own={3: {"vacant": ()}},
        )
        mesh.dead.add(3)
        mesh.run(250)
        mesh.dead.clear()
        mesh.join(attrs.evolve(mesh.sessions[3].settings, vacant=(3,)))
        mesh.run(300)
        self.assertEqual(len(mesh.of(SeatTaken, 3)), 1)
        for peer in (1, 2, 3):
            playback = self.playsBack(mesh, peer)
        replay = playback.session.replay
        (segment,) = replay.segments
        self.assertGreater(segment.start, 100)
        self.assertIsNotNone(segment.snapshot)
        self.assertRaises(LocalProtocolError, playback.seek, segment.start - 1)
        self.assertEqual({row[1] for row in replay.rows(0)}, {(3,)})
        self.assertEqual({row[1] for row in replay.rows(len(replay.records) - 1)}, {()})

    def test_takenOver(self) -> None:
        """A wrong state is found where it was wrong, and all is right after it was replaced."""
        mesh = RecordedMesh(3, seed=7, checksum_interval=20, state_exchange_interval=60)
        mesh.played[3].corrupt_at = 130
        mesh.run(140)
        mesh.played[3].corrupt_at = None
        mesh.run(300)
        (taken,) = mesh.of(StateTakenOver, 3)
        self.assertEqual(mesh.played[3].played[400], mesh.played[1].played[400])
        replay = mesh.replay(3)
        self.assertEqual([segment.start for segment in replay.segments], [0, taken.frame + 1])
        game = CorruptibleGame()
        playback = Playback(replay, game)
        divergence = playback.verify()
        assert divergence is not None
        self.assertEqual(divergence.frame, 139)
        self.assertEqual(game.played[400], mesh.played[3].played[400])
        playback = Playback(replay, CorruptibleGame())
        playback.seek(replay.end)
        later = [record for record in replay.records if record.first_frame > taken.frame]
        self.assertEqual(playback.verified, sum(record.checked > 0 for record in later))
        self.assertIsNone(playback.divergence)
