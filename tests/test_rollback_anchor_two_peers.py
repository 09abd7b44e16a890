"""
What GGRS 0.13 proves of its peer-to-peer session, with its numbers, as scenarios
of ours.  Frame n there is our snapshot n, the state that frame n - 1 led to.

=============================================  ======================================
scenario                                       test
=============================================  ======================================
sync-test request sequences, distances 0, 1,   test_rollback_determinism_check:
2; 200 frames of distance 7 and delay 2;       SequenceTests, FaultTests,
single player; two runs; random checksums      SecondRunTests
sparse refused by a sync test                  the check has no such setting
add more players; start; advance 10 frames     PlayTests
game state converges, 50 frames                PlayTests.test_converges
duplicate, missing, out-of-range handles;      test_rollback_settings: SeatingTests,
revalidation; fps 0; interval 0                BoundTests; BuilderTests here
disconnect player, local, twice; stats         DisconnectTests
caught-up disconnect issues no Load            DisconnectTests.test_caughtUp
synchronizing, Running                         test_match_barrier, test_match_worlds
desync at 200; off; delay 5; sparse            DesyncTests
delay 0, 4, 1; +1 does not freeze; 2 local     DelayTests
lockstep: stalls, delays 0 and 1, 200 ticks,   LockstepTests; the waiting helper:
recovers                                       test_rollback_lockstep
spectators                                     test_rollback_spectator
RLE vector both ways                           test_wire_run_length
time-sync vectors                              test_rollback_frame_advantage
three-peer drop, gaps 0, 1, 2, 5, 8            test_rollback_anchor_drops
input_queue, sync_layer, protocol units        test_rollback_anchor_units
=============================================  ======================================
"""

from __future__ import annotations

from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.events import Desynchronized
from gamenet.rollback.seat_events import PlayerDropped
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Load
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import play, session


def byFrame(player: int, frame: int) -> bytes:
    """GGRS gives both players the number of the frame."""
    return bytes([frame & 0xFF])


def constant(player: int, frame: int) -> bytes:
    """Both players press the same for ever."""
    return b"\0"


class PlayTests(SynchronousTestCase):
    """Anchor: sessions start, and their games advance."""

    def test_addMorePlayers(self) -> None:
        """test_add_more_players: one local player and three remote ones."""
        one = RollbackSession(RollbackSettings(players=4))
        self.assertEqual(one.members, (1, 2, 3, 4))
        self.assertEqual([one.remote(peer).players for peer in (2, 3, 4)], [(2,), (3,), (4,)])

    def test_tenFrames(self) -> None:
        """test_advance_frame_p2p_sessions: in each of 10 ticks both games play one frame."""
        mesh = Mesh(2, script=byFrame)
        for tick in range(10):
            mesh.run(1)
            for peer, game in mesh.games.items():
                self.assertEqual(game.frame, tick + 1)
                self.assertEqual(mesh.sessions[peer].current_frame, tick + 1)
                self.assertIs(mesh.sessions[peer].state, SessionState.RUNNING)

    def test_converges(self) -> None:
        """test_game_state_converges: 50 frames of constant inputs, the same state."""
        mesh = Mesh(2, script=constant, latency=0.5)
        mesh.run(50)
        one, two = mesh.games.values()
        self.assertEqual((one.frame, one.state), (two.frame, two.state))
        self.assertEqual(one.frame, 50)
        self.assertGreaterEqual(len(mesh.common()), 48)


class BuilderTests(SynchronousTestCase):
    """Anchor: what the builder refuses; most of it in L{tests.test_rollback_settings}."""

    def test_refused(self) -> None:
        """fps 0; desync interval 0; num_players revalidation both ways."""
        for bad in (
            {"frame_rate": 0},
            {"checksum_interval": 0},
            {"players": 1},
            {"local_player": 3},
            {"players": 3, "seating": ((1,), (2,))},
            {"players": 2, "seating": ((1,), (2,), (3,))},
        ):
            self.assertRaises(BadSetting, RollbackSettings, **bad)


class DisconnectTests(SynchronousTestCase):
    """Anchor: a player goes."""

    def test_whoCannotBeDropped(self) -> None:
        """
        test_disconnect_player, test_network_stats_invalid_handles: there is nothing to
        be known or dropped of a local player, of nobody, nor twice of one who is gone.
        """
        one = self.alone()
        for peer in (1, 5, 99, 2):
            self.assertRaises(LocalProtocolError, one.remote, peer)
            self.assertRaises(LocalProtocolError, one.packetFor, peer, 9.0)
            self.assertRaises(LocalProtocolError, one.acknowledged, peer)
        self.assertEqual(one.members, (1,))
        for tick in range(120):
            one.packetsDue(4.0 + tick / 60)
        self.assertEqual(one.drainEvents(), ())

    def test_caughtUp(self) -> None:
        """
        test_caught_up_disconnect_does_not_rollback_to_current_frame: a player who is
        dropped in the frame that comes next causes no load, and is absent in it.
        """
        one = self.alone()
        self.assertEqual(one.current_frame, 0)
        steps = play(one, b"\1", 4.0)
        self.assertEqual([step for step in steps if isinstance(step, Load)], [])
        self.assertIn(Advance(0, (b"\1", b""), (2,)), steps)
        self.assertEqual(one.statistics.rollbacks, 0)
        self.assertEqual(one.confirmed_frame, 0)

    def alone(self) -> RollbackSession:
        """A session at frame 0 that has dropped the other."""
        one = session()
        for tick in range(240):
            one.packetsDue(tick / 60)
        dropped = [event for event in one.drainEvents() if isinstance(event, PlayerDropped)]
        self.assertEqual(dropped, [PlayerDropped(2, 0, 1)])
        return one


class DesyncTests(SynchronousTestCase):
    """Anchor: what is noticed of a state that goes wrong."""

    def spoiled(self, mesh: Mesh, frames: int, state: int) -> None:
        """Let frames pass, before each of which the first game's state becomes another."""
        for _ in range(frames):
            mesh.games[1].state = state.to_bytes(8, "big")
            mesh.run(1)

    def test_frame200(self) -> None:
        """
        test_desyncs_detected: interval 100, 110 sound frames, then 100 with a state
        of 1234 on one side: exactly one event on each side, for the state before frame
        200, with mirrored checksums.
        """
        mesh = Mesh(2, script=self.steady, latency=0.5,
                    checksum_interval=100)  # fmt: skip
        mesh.run(110)
        self.assertEqual(mesh.events, {1: [], 2: []})
        for peer in (1, 2):
            other = mesh.sessions[peer].remote(3 - peer)
            self.assertEqual(other.checksums.compared_frame + 1, 100)
        self.spoiled(mesh, 100, 1234)
        (one,), (two,) = (mesh.of(Desynchronized, peer) for peer in (1, 2))
        self.assertEqual(one.frame + 1, 200)
        self.assertEqual((one.player, two.player), (2, 1))
        self.assertNotEqual(one.local, one.remote)
        self.assertEqual(two, Desynchronized(199, one.remote, one.local, 1, True))
        self.assertEqual(one.local, mesh.confirmed[1][199].checksum)
        self.assertEqual(two.local, mesh.confirmed[2][199].checksum)

    def steady(self, player: int, frame: int) -> bytes:
        """The number of the frame for 110 frames, then 0 and 1."""
        return bytes([frame]) if frame < 110 else bytes([player - 1])

    def test_off(self) -> None:
        """
        test_desync_detection_off_by_default: with an interval beyond the match a state
        of 9999 on one side for 100 frames is told to nobody.
        """
        mesh = Mesh(2, script=constant, latency=0.5, checksum_interval=3600)
        self.spoiled(mesh, 100, 9999)
        self.assertEqual(mesh.events, {1: [], 2: []})
        self.assertNotEqual(mesh.confirmed[1][50].checksum, mesh.confirmed[2][50].checksum)

    def test_delay5(self) -> None:
        """test_desyncs_and_input_delay_no_panic: interval 100, delay 5, 150 frames."""
        mesh = Mesh(2, script=byFrame, latency=0.5, checksum_interval=100, input_delay=5)
        mesh.run(150)
        self.assertEqual(mesh.events, {1: [], 2: []})
        self.assertEqual([one.current_frame for one in mesh.sessions.values()], [150, 150])
        self.assertGreaterEqual(len(mesh.common()), 148)
        self.assertEqual(mesh.sessions[1].remote(2).checksums.compared_frame + 1, 100)

    def test_sparse6(self) -> None:
        """
        test_desync_detection_with_sparse_saving_no_panic: interval 6, sparse, 40 frames;
        here every one of the six intervals is compared too, and a fault is found.
        """
        for spoiled in (False, True):
            mesh = Mesh(2, script=byFrame, latency=0.5, checksum_interval=6, sparse_saving=True)
            mesh.games[2].corrupt_at = 20 if spoiled else None
            mesh.run(40)
            frames = [event.frame + 1 for event in mesh.of(Desynchronized, 1)]
            self.assertEqual(frames, [24, 30, 36] if spoiled else [])
            for peer in (1, 2):
                other = mesh.sessions[peer].remote(3 - peer)
                self.assertEqual(other.checksums.compared_frame + 1, 36)
                told = {event.frame + 1: event.checksum for event in mesh.confirmed[peer]}
                checked = [frame for frame, checksum in told.items() if checksum is not None]
                self.assertEqual(checked, [6, 12, 18, 24, 30, 36])

    def test_theirChecksum(self) -> None:
        """The checksum is that of the saved state: crc32 where the game has none."""
        mesh = Mesh(2, script=constant, latency=0.5)
        mesh.run(10)
        frame = mesh.confirmed[1][-1].frame
        snapshot = mesh.timelines[1].snapshot(frame + 1)
        self.assertEqual(mesh.confirmed[1][-1].checksum, crc32(snapshot))


class DelayTests(SynchronousTestCase):
    """Anchor: input delays that change in mid-match."""

    def test_up4down1(self) -> None:
        """
        test_set_input_delay_mid_session: 10 frames without delay, 20 with 4, 10 with 1:
        both games are in the same state, and every frame has one input.
        """
        mesh = Mesh(2, script=byFrame, latency=0.5)
        mesh.run(10)
        self.setDelay(mesh, 4)
        mesh.run(20)
        self.setDelay(mesh, 1)
        mesh.run(10)
        for one in mesh.sessions.values():
            self.assertEqual(one.current_frame, 40)
            self.assertEqual(one.statistics.stalls, 0)
        mesh.run(10)
        common = mesh.common()
        self.assertGreaterEqual(len(common), 48)
        for event in common:
            expected = 9 if 10 <= event.frame < 14 else event.frame
            self.assertEqual(event.inputs, (bytes([expected]),) * 2)

    def test_plus1(self) -> None:
        """
        test_increase_input_delay_does_not_freeze: 5 frames, a delay of 1 more, 10 frames:
        one is played at every tick.
        """
        mesh = Mesh(2, script=byFrame, latency=0.5)
        mesh.run(5)
        self.setDelay(mesh, 1)
        for tick in range(10):
            mesh.run(1)
            self.assertEqual([game.frame for game in mesh.games.values()], [6 + tick] * 2)
        mesh.common()

    def test_twoLocalPlayers(self) -> None:
        """
        test_input_delay_change_with_multiple_local_players: two players of one peer and
        one of another, 5 frames, a delay of 2 for the first of them only, 20 frames.
        """
        mesh = Mesh(3, script=self.plus10, latency=0.5, seating=((1, 2), (3,)))
        mesh.run(5)
        mesh.sessions[1].setInputDelay(2, 1)
        mesh.run(20)
        self.assertEqual([game.frame for game in mesh.games.values()], [25, 25])
        mesh.run(10)
        common = mesh.common()
        self.assertGreaterEqual(len(common), 33)
        for event in common:
            frame = event.frame
            first = 4 if 5 <= frame < 7 else frame
            self.assertEqual(event.inputs, (bytes([first]), bytes([frame + 10]), bytes([frame])))

    def plus10(self, player: int, frame: int) -> bytes:
        """The second player's numbers are 10 more than the others'."""
        return bytes([frame + 10 if player == 2 else frame])

    def setDelay(self, mesh: Mesh, delay: int) -> None:
        """Change both players' delay."""
        for one in mesh.sessions.values():
            one.setInputDelay(delay)


class LockstepTests(SynchronousTestCase):
    """Anchor: a prediction window of 0."""

    def test_stalls(self) -> None:
        """test_lockstep_stalls_without_remote_input: no frame before the other's input."""
        one = session(prediction_window=0)
        self.assertEqual(play(one, b"\0"), ())
        self.assertEqual((one.current_frame, one.statistics.stalls), (0, 1))

    def test_200Ticks(self) -> None:
        """
        test_lockstep_stalls_with_input_delay_and_no_remote_input: delay 3, the other
        silent, 200 stalled ticks keep frame 0.
        """
        one = session(prediction_window=0, input_delay=3)
        for tick in range(200):
            text = None if one.inputFrame() is None else b"\0"
            self.assertEqual(play(one, text, tick / 60), ())
            self.assertEqual(one.current_frame, 0)
        self.assertEqual(one.statistics.stalls, 200)
        self.assertEqual(one.statistics.frames_played, 0)

    def test_delays(self) -> None:
        """
        test_lockstep_advances_with_zero_latency_zero_delay and ..._with_input_delay: 20
        frames with a delay of 0 and of 1, none of them twice.
        """
        for delay in (0, 1):
            mesh = Mesh(2, script=byFrame, latency=0.5, prediction_window=0, input_delay=delay)
            ticks = 0
            while mesh.sessions[1].current_frame < 20:
                mesh.run(1)
                ticks += 1
            self.assertLessEqual(ticks, 41 if delay == 0 else 21)
            self.assertGreaterEqual(len(mesh.common()), 19)
            for one in mesh.sessions.values():
                self.assertEqual(one.statistics.rollbacks, 0)

    def test_recovers(self) -> None:
        """
        test_lockstep_recovers_after_repeated_stalls: delay 2, 12 ticks in which nothing
        gets through, then both play on.
        """
        mesh = Mesh(2, script=byFrame, latency=0.5, prediction_window=0, input_delay=2)
        mesh.cutLink(1, 2)
        mesh.run(12)
        self.assertEqual([game.frame for game in mesh.games.values()], [0, 0])
        mesh.healLink(1, 2)
        mesh.run(30)
        self.assertGreaterEqual(len(mesh.common()), 20)
