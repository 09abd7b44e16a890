"""
Whole matches of games whose snapshots are objects of their own
(L{gamenet.interfaces.IOwnsSnapshots}): what is played again, and what travels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MomentFailed
from gamenet.feed.events import FollowEvent
from gamenet.rollback.events import Desynchronized
from gamenet.rollback.seat_events import Dropped, SeatTaken
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.state_dump import StateRefused
from gamenet.rollback.state_events import StatesDumped, StateTakenOver
from gamenet.rollback.timeline import Timeline
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SpectatorSettings
from gamenet.wire.transfer_packets import TransferPurpose
from tests.rollback_owned_games import OwnedMesh, TreeGame, TupleGame

GAMES: tuple[Callable[[], Any], ...] = (TupleGame, TreeGame)


class MatchTests(SynchronousTestCase):
    """State: snapshots of any kind the game owns."""

    def test_rollbacks(self) -> None:
        """Two players, many rollbacks: nobody diverges, and nothing is ever encoded."""
        for game in GAMES:
            mesh = OwnedMesh(game, 2, seed=1, latency=4.0, jitter=2.0, loss=0.05)
            mesh.run(300)
            self.assertGreater(len(mesh.common()), 250)
            self.assertEqual(len({event.checksum for event in mesh.common()}), len(mesh.common()))
            for peer, session in mesh.sessions.items():
                self.assertGreater(session.statistics.rollbacks, 30)
                self.assertEqual(mesh.games[peer].strangers, 0)
                self.assertGreater(mesh.games[peer].calls["load"], 30)
            self.assertEqual(mesh.called("encodeSnapshot"), [0, 0])
            self.assertEqual(mesh.called("decodeSnapshot"), [0, 0])

    def test_anyRules(self) -> None:
        """Metamorphic: the window and sparse saving change no confirmed state."""
        for game in GAMES:
            confirmed = []
            for rules in ({}, {"prediction_window": 3}, {"sparse_saving": True}):
                mesh = OwnedMesh(
                    game, 3, seed=2, latency=2.0, jitter=1.0, checksum_interval=20, **rules
                )
                mesh.run(200)
                rows = {event.frame: event for event in mesh.common()[:150]}
                confirmed.append([rows[frame] for frame in range(19, 150, 20)])
            self.assertEqual(confirmed[0], confirmed[1])
            self.assertEqual(confirmed[0], confirmed[2])

    def test_desynchronized(self) -> None:
        """On a desync a dump pair, of bytes; it names the first differing part if there are any."""
        for game in GAMES:
            mesh = OwnedMesh(game, 2, seed=3, checksum_interval=30)
            mesh.games[2].corrupt_at = 47
            mesh.run(120)
            for peer, other in ((1, 2), (2, 1)):
                self.assertEqual(mesh.of(Desynchronized, peer)[0].frame, 59)
                (dumped,) = mesh.of(StatesDumped, peer)
                pair = dumped.pair
                self.assertEqual((pair.frame, pair.player), (59, other))
                self.assertNotEqual(pair.local.checksum, pair.remote.checksum)
                decoded = mesh.games[peer].decodeSnapshot(pair.remote.snapshot)
                self.assertEqual(decoded[0], 60)
                self.assertEqual(pair.first.part, "total" if game is TreeGame else "")

    def test_takenOver(self) -> None:
        """
        Done when: with the full-state exchange on, a state corrupted on one side is found
        and both checksums agree from then on.
        """
        for game in GAMES:
            mesh = OwnedMesh(game, 2, seed=4, checksum_interval=30, state_exchange_interval=60)
            mesh.games[2].corrupt_at = 47
            mesh.run(300)
            self.assertEqual([event.frame for event in mesh.of(StateTakenOver, 2)], [59])
            self.assertEqual(mesh.of(StateTakenOver, 1), [])
            self.assertEqual(mesh.called("decodeSnapshot"), [0, 1])
            frames = min(len(rows) for rows in mesh.confirmed.values())
            one, two = (mesh.confirmed[peer][:frames] for peer in (1, 2))
            self.assertGreater(frames, 280)
            self.assertNotEqual(one[47:60], two[47:60])
            self.assertEqual(one[90:], two[90:])

    def test_rejoin(self) -> None:
        """Who was dropped comes back by a state transfer, and all agree again."""
        for game in GAMES:
            mesh = OwnedMesh(game, 3, seed=5)
            mesh.run(60)
            for link in ((1, 3), (2, 3)):
                mesh.cutLink(*link)
            mesh.run(300)
            mesh.cut.clear()
            mesh.run(60)
            self.assertEqual(len(mesh.of(Dropped, 3)), 1)
            mesh.sessions[3].rejoin(mesh.now)
            mesh.run(400)
            self.assertEqual(len(mesh.of(SeatTaken, 3)), 1)
            self.assertIs(mesh.sessions[3].state, SessionState.RUNNING)
            self.assertEqual(mesh.called("decodeSnapshot"), [0, 0, 1])
            self.assertEqual(mesh.games[3].strangers, 0)
            self.agree(mesh, (1, 2, 3), 300)

    def test_lateJoin(self) -> None:
        """Who joins late begins with a state that was decoded."""
        for game in GAMES:
            mesh = OwnedMesh(game, 3, (3,), seed=6)
            mesh.dead.add(3)
            mesh.run(900)
            mesh.dead.clear()
            mesh.run(400)
            self.assertEqual(len(mesh.of(SeatTaken, 3)), 1)
            self.assertEqual(mesh.called("decodeSnapshot"), [0, 0, 1])
            self.assertGreater(mesh.confirmed[3][0].frame, 500)
            self.agree(mesh, (1, 2, 3), 300)

    def test_spectator(self) -> None:
        """A spectator goes on from a state that was decoded, and goes back to it."""
        mesh = OwnedMesh(TreeGame, 2, seed=7)
        mesh.run(300)
        host = mesh.sessions[1]
        rules = SpectatorSettings(
            players=2, digest=host.settings.digest(), hosts=(1,), delay=0.1, from_beginning=False
        )
        viewer, game = SpectatorSession(rules), TreeGame()
        timeline = Timeline(game, viewer)
        told: list[Any] = []
        for _ in range(200):
            mesh.run(1)
            timeline.apply(viewer.advance(None, mesh.now))
            told += viewer.drainEvents()
            for _, body in viewer.packetsDue(mesh.now):
                host.packetReceived(100, body, mesh.now)
            for sender, body in mesh.strangers:
                viewer.packetReceived(sender, body, mesh.now)
            mesh.strangers.clear()
        self.assertGreater(viewer.confirmed_frame, 400)
        first = viewer.seekable[0]
        self.assertGreater(first, 200)
        timeline.apply(viewer.seek(first))
        self.assertEqual(game.frame, first)
        self.assertEqual(game.strangers, 0)
        checksums = {event.frame: event.checksum for event in mesh.confirmed[1]}
        seen = [
            event
            for event in told
            if not isinstance(event, FollowEvent) and event.checksum is not None
        ]
        self.assertGreater(len(seen), 3)
        for event in seen:
            self.assertEqual(event.checksum, checksums[event.frame])

    def agree(self, mesh: OwnedMesh, peers: tuple[int, ...], frames: int) -> None:
        """Assert that these peers have confirmed the same newest frames."""
        rows = [{event.frame: event for event in mesh.confirmed[peer]} for peer in peers]
        last = min(max(row) for row in rows)
        for frame in range(last - frames, last + 1):
            self.assertEqual(len({row[frame].inputs for row in rows}), 1)
            self.assertEqual(len({row[frame].checksum for row in rows}), 1)


class BadPeerTests(SynchronousTestCase):
    """Bad input: what travels, where a game or a player is wrong."""

    def corrupted(self) -> OwnedMesh:
        """Return a match in which player 2 is going to take over player 1's state."""
        mesh = OwnedMesh(TupleGame, 2, seed=4, checksum_interval=30, state_exchange_interval=60)
        mesh.games[2].corrupt_at = 47
        return mesh

    def test_encodeFails(self) -> None:
        """A state that cannot be encoded ends the match of whose game it is, by name."""
        for wrong in (None, "text"):
            mesh = self.corrupted()
            mesh.games[1].answers["encodeSnapshot"] = wrong
            error = self.assertRaises(MomentFailed, mesh.run, 300)
            self.assertEqual((error.moment, error.frame), ("encodeSnapshot", 60))
            self.assertTrue(mesh.timelines[1].failed)
            self.assertFalse(mesh.timelines[2].failed)

    def test_stateThatWasWanted(self) -> None:
        """The authority's state is none: there is nothing to go on from, and it is their fault."""
        mesh = self.corrupted()
        mesh.games[1].answers["encodeSnapshot"] = b"no state"
        error = self.assertRaises(StateRefused, mesh.run, 300)
        self.assertEqual(error.frame, 60)
        self.assertTrue(mesh.timelines[2].failed)
        self.assertFalse(mesh.timelines[1].failed)

    def test_stateToRejoinWith(self) -> None:
        """Likewise the state that somebody comes back with."""
        mesh = OwnedMesh(TreeGame, 3, seed=5)
        mesh.run(60)
        for link in ((1, 3), (2, 3)):
            mesh.cutLink(*link)
        mesh.run(300)
        mesh.cut.clear()
        mesh.run(60)
        for peer in (1, 2):
            mesh.games[peer].answers["encodeSnapshot"] = bytes(263)
        before = mesh.games[3].state
        mesh.sessions[3].rejoin(mesh.now)
        self.assertRaises(StateRefused, mesh.run, 400)
        self.assertIs(mesh.games[3].state, before)
        self.assertTrue(mesh.timelines[3].failed)

    def test_dumpIsNoState(self) -> None:
        """A dump is only looked at: one that no game can read does no harm."""
        mesh = OwnedMesh(TupleGame, 2, seed=3, checksum_interval=30)
        mesh.games[2].corrupt_at = 47
        mesh.games[2].answers["encodeSnapshot"] = b"no state"
        mesh.run(200)
        (dumped,) = mesh.of(StatesDumped, 1)
        self.assertEqual(dumped.pair.remote.snapshot, b"no state")
        self.assertEqual(mesh.called("decodeSnapshot"), [0, 0])
        self.assertGreater(mesh.sessions[1].confirmed_frame, 180)

    def test_unwanted(self) -> None:
        """A state that nobody asked for is refused, and never decoded."""
        mesh = OwnedMesh(TupleGame, 2, seed=3)
        mesh.run(60)
        liar, victim = mesh.sessions[2], mesh.sessions[1]
        mesh.attacker = 2
        liar._transfer.send(1, TransferPurpose.STATE, 40, b"no state", mesh.now)
        mesh.run(60)
        self.assertIsNone(liar._transfer.progress(1))
        self.assertEqual(mesh.called("decodeSnapshot"), [0, 0])
        self.assertGreater(victim.confirmed_frame, 100)
