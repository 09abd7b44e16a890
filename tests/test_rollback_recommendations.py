"""What a session recommends to the game: L{gamenet.rollback.recommendations}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.events import InputDelayRecommended, WaitRecommended
from tests.rollback_mesh import Mesh


class WaitTests(SynchronousTestCase):
    """Issue: "wait recommendations for games that cannot" play slower."""

    def waits(self, mesh: Mesh, peer: int) -> list[WaitRecommended]:
        return mesh.of(WaitRecommended, peer)

    def test_ahead(self) -> None:
        """
        Who is really ahead is told to wait, never for more than that, and for all of it
        once it was so for a while; who is behind is told nothing.
        """
        for start in (30, 41, 53):
            mesh = Mesh(2, prediction_window=16)
            mesh.run(start)
            mesh.dead.add(2)
            mesh.run(10)
            mesh.dead.clear()
            mesh.run(170)
            frames = [told.frames for told in self.waits(mesh, 1)]
            self.assertTrue(all(3 <= count <= 10 for count in frames), frames)
            self.assertIn(frames[-1], (9, 10))
            self.assertEqual(self.waits(mesh, 2), [])

    def test_rarePackets(self) -> None:
        """The same where packets are rarer than frames: it is measured with each packet."""
        for interval in (2, 4):
            mesh = Mesh(2, prediction_window=16, send_interval=interval)
            mesh.run(41)
            mesh.dead.add(2)
            mesh.run(10)
            mesh.dead.clear()
            mesh.run(260)
            frames = [told.frames for told in self.waits(mesh, 1)]
            self.assertTrue(all(3 <= count <= 10 for count in frames), frames)
            self.assertIn(frames[-1], (8, 9, 10))
            self.assertEqual(self.waits(mesh, 2), [])

    def test_waiting(self) -> None:
        """Who waits as it is told is told no more."""
        mesh = Mesh(2, prediction_window=16)
        mesh.run(30)
        mesh.dead.add(2)
        mesh.run(12)
        mesh.dead.clear()
        waited = 0
        for _ in range(400):
            told = self.waits(mesh, 1)[waited:]
            waited += len(told)
            if told:
                mesh.dead.add(1)
                mesh.run(told[0].frames)
                mesh.dead.clear()
            mesh.run(1)
        self.assertLessEqual(waited, 2)
        sessions = mesh.sessions
        self.assertLessEqual(abs(sessions[1].current_frame - sessions[2].current_frame), 4)

    def test_theSlowest(self) -> None:
        """Of three the slowest counts, for both who are ahead of it."""
        mesh = Mesh(3, prediction_window=16)
        mesh.run(30)
        mesh.dead.add(2)
        mesh.run(10)
        mesh.dead.clear()
        mesh.run(60)
        self.assertEqual(len(self.waits(mesh, 1)), 1)
        self.assertEqual(len(self.waits(mesh, 3)), 1)
        self.assertEqual(self.waits(mesh, 2), [])

    def test_together(self) -> None:
        """Peers that are as far as each other are told nothing, however long the path."""
        for latency in (0.5, 3.0, 9.0):
            mesh = Mesh(3, latency=latency, jitter=1.0, loss=0.05, prediction_window=16)
            mesh.run(600)
            for peer in mesh.sessions:
                self.assertEqual(self.waits(mesh, peer), [], latency)

    def test_silence(self) -> None:
        """Nobody waits again and again for somebody who is not there."""
        mesh = Mesh(2, lost_after=None)
        mesh.run(60)
        mesh.dead.add(2)
        mesh.run(900)
        self.assertLessEqual(len(self.waits(mesh, 1)), 1)


class DelayTests(SynchronousTestCase):
    """Issue: "an event that recommends an input delay from measured round trip and jitter"."""

    def delays(self, mesh: Mesh, peer: int) -> list[InputDelayRecommended]:
        return mesh.of(InputDelayRecommended, peer)

    def test_longPath(self) -> None:
        """On a path of 150 ms one way a higher delay is recommended, with what was measured."""
        mesh = Mesh(2, latency=9.0, prediction_window=12)
        mesh.run(400)
        for peer in (1, 2):
            (told,) = self.delays(mesh, peer)
            self.assertTrue(5 <= told.frames <= 8, told)
            self.assertTrue(0.29 < told.round_trip < 0.35, told)
            self.assertLess(told.jitter, 0.05)

    def test_lan(self) -> None:
        """On a LAN nothing is recommended to who has no delay; who has one could do without."""
        mesh = Mesh(3, latency=0.1)
        mesh.run(600)
        for peer in (1, 2, 3):
            self.assertEqual(self.delays(mesh, peer), [])
        slow: dict[int, dict[str, Any]] = {1: {"input_delay": 4}}
        mesh = Mesh(2, latency=0.1, own=slow)
        mesh.run(600)
        self.assertEqual({told.frames for told in self.delays(mesh, 1)}, {0})
        self.assertEqual(self.delays(mesh, 2), [])

    def test_taken(self) -> None:
        """Who takes the recommendation is told nothing more, and rolls back less."""
        mesh = Mesh(2, latency=9.0, prediction_window=12)
        mesh.run(400)
        before = [mesh.sessions[peer].statistics.frames_resimulated for peer in (1, 2)]
        for peer in (1, 2):
            mesh.sessions[peer].setInputDelay(self.delays(mesh, peer)[0].frames)
        mesh.run(800)
        for peer in (1, 2):
            self.assertEqual(len(self.delays(mesh, peer)), 1)
            after = mesh.sessions[peer].statistics.frames_resimulated - before[peer - 1]
            self.assertLess(after, before[peer - 1])

    def test_whoLeft(self) -> None:
        """The path to who has left does not count any more."""
        mesh = Mesh(3, prediction_window=12)
        far = {(1, 3), (3, 1), (2, 3), (3, 2)}
        near, mesh.latency = mesh.latency, 9.0
        send = mesh.send

        def bySender(sender: int, to: int, body: bytes) -> None:
            mesh.latency = 9.0 if (sender, to) in far else near
            send(sender, to, body)

        self.patch(mesh, "send", bySender)
        mesh.run(400)
        (told,) = self.delays(mesh, 1)
        mesh.sessions[1].setInputDelay(told.frames)
        mesh.run(100)
        mesh.sessions[3].leave(mesh.now)
        mesh.run(900)
        self.assertEqual(mesh.sessions[1].members, (1, 2))
        self.assertEqual(self.delays(mesh, 1)[-1].frames, 0)
