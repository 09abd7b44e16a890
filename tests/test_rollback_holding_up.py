"""Who is heard and yet gives no inputs, and who stood still: nobody is dropped by mistake."""

from __future__ import annotations

from typing import Any

from gamenet.errors import LocalProtocolError
from gamenet.rollback.seat_events import (
    Dropped,
    PeerHoldsUp,
    PeerInterrupted,
    PlayerDropped,
)
from gamenet.rollback.session_state import SessionState
from tests.rollback_scene import NEAR, Scene, SceneCase, ScenePeer


class HoldingUpTests(SceneCase):
    """A game that stands still, while its process answers well."""

    def heldUp(self, players: int = 3, **rules: Any) -> Scene:
        """Return a match of which the last player's game has just stood still."""
        scene = Scene(players, profile=NEAR, **rules)
        scene.run(1.0)
        self.standStill(scene[players])
        return scene

    def standStill(self, peer: ScenePeer) -> None:
        """A process plays no frame any more, but hears and says everything."""

        def hear(local: float, now: float) -> bool:
            peer._takeEvents(local, now)
            return False

        peer._play = hear  # type: ignore[method-assign]

    def test_told(self) -> None:
        """All others are told once, after C{lost_after}; nobody is dropped, however long."""
        for rules in ({}, {"prediction_window": 0}, {"sparse_saving": True}):
            scene = self.heldUp(**rules)
            scene.run(15.0)
            for number in (1, 2):
                (told,) = scene[number].of(PeerHoldsUp)
                self.assertEqual(told.peer, 3)
                self.assertTrue(2.0 <= told.seconds < 2.3, told)
                self.assertEqual(scene[number].of(PeerInterrupted), [])
                self.assertIs(scene.session(number).state, SessionState.STALLED)
                self.assertEqual(scene.session(number).members, (1, 2, 3))
            self.assertEqual(scene[3].of(PeerHoldsUp), [])

    def test_again(self) -> None:
        """Who goes on and stands still again is told of again; a short wait is not told."""
        scene = self.heldUp()
        for seconds, told in ((1.0, 0), (3.0, 1), (3.0, 2)):
            scene.run(seconds)
            del scene[3]._play
            scene.played(1, 2, 3, least=30)
            self.standStill(scene[3])
            self.assertEqual(len(scene[1].of(PeerHoldsUp)), told)

    def test_drop(self) -> None:
        """A game may have it dropped, though it is heard: all go on without it, and it is told."""
        scene = self.heldUp()
        scene.until(lambda: bool(scene[1].of(PeerHoldsUp)))
        scene.session(1).drop(3)
        scene.untilMembers(1, 2)
        scene.played(1, 2, least=120)
        scene.until(lambda: bool(scene[3].of(Dropped)))
        for number in (1, 2):
            self.assertEqual([told.player for told in scene[number].of(PlayerDropped)], [3])
        self.assertAgree(scene, 1, 2, least=120)

    def test_dropNeedsAQuorum(self) -> None:
        """
        Who is no quorum drops nobody: of two, the second one that tries it is out itself.
        Nor is anybody dropped who is no other member.
        """
        scene = self.heldUp(2)
        scene.until(lambda: bool(scene[1].of(PeerHoldsUp)))
        scene.session(2).drop(1)
        scene.until(lambda: bool(scene[2].of(Dropped)))
        self.assertEqual(scene[2].of(PlayerDropped), [])
        self.assertEqual([told.player for told in scene[1].of(PlayerDropped)], [2])
        scene.played(1, least=60)
        for number in (1, 2, 3, 17):
            self.assertRaises(LocalProtocolError, scene.session(1).drop, number)

    def test_rejoins(self) -> None:
        """Who was dropped so may come back, and is not dropped at once again."""
        scene = self.heldUp()
        scene.until(lambda: bool(scene[1].of(PeerHoldsUp)))
        for number in (1, 2):
            scene.session(number).drop(3)
        scene.untilMembers(1, 2)
        scene.until(lambda: bool(scene[3].of(Dropped)))
        del scene[3]._play
        scene.session(3).rejoin(scene.mesh.now)
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        self.assertEqual(len(scene[1].of(PlayerDropped)), 1)
        self.assertEqual(scene.session(1).members, (1, 2, 3))


class SleepTests(SceneCase):
    """ "Machines that sleep": who stood still itself blames nobody for the silence."""

    def test_sleep(self) -> None:
        """
        A process sleeps longer than C{lost_after} and hears nothing of what came meanwhile:
        it drops nobody when it wakes, though it alone could.
        """
        for players in (2, 3):
            for sleeper in range(1, players + 1):
                scene = Scene(players, profile=NEAR)
                scene.run(1.0)
                scene.mesh.stop(sleeper, 6.0, connected=False)
                scene.run(12.0)
                woken = scene[sleeper]
                self.assertEqual(woken.of(PlayerDropped), [], (players, sleeper))
                self.assertEqual(woken.of(PeerInterrupted), [], (players, sleeper))
                others = [peer for peer in scene.players if peer is not woken]
                if any(peer.of(PlayerDropped) for peer in others):
                    self.assertEqual(len(woken.of(Dropped)), 1, (players, sleeper))
                    scene.played(*[peer.peer for peer in others], least=60)
                else:
                    scene.played(*scene.session(sleeper).members, least=60)

    def test_really(self) -> None:
        """Somebody who is gone when it wakes is dropped C{lost_after} later."""
        scene = Scene(2, profile=NEAR)
        scene.run(1.0)
        scene.mesh.stop(1, 6.0, connected=False)
        scene.run(3.0)
        scene.mesh.kill(2)
        scene.run(3.5)
        self.assertEqual(scene[1].of(PlayerDropped), [])
        scene.until(lambda: bool(scene[1].of(PlayerDropped)), 4.0)
        scene.played(1, least=60)
