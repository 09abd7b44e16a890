"""After the last frame is final nobody is missed any more, and the match stays finished."""

from __future__ import annotations

from typing import Any

from gamenet.errors import LocalProtocolError
from gamenet.rollback.events import Desynchronized, InputDelayRecommended, WaitRecommended
from gamenet.rollback.seat_events import Dropped, PeerInterrupted, PlayerDropped
from gamenet.rollback.session_state import SessionState
from tests.rollback_scene import NEAR, Scene, SceneCase

LAST = 119


class FinishedTests(SceneCase):
    """The last frame is final here."""

    def finished(self, players: int = 2, **rules: Any) -> Scene:
        """Return a match that everybody has finished."""
        scene = Scene(players, profile=NEAR, last_frame=LAST, **rules)
        for number in range(1, players + 1):
            scene.untilState(number, SessionState.FINISHED, 6.0)
        for peer in scene.players:
            peer.told.clear()
        return scene

    def assertQuiet(self, scene: Scene) -> None:
        """Nobody tells anything, everybody has finished, and nobody may come back."""
        for peer in scene.players:
            session = peer.session
            self.assertEqual(peer.told, [], peer.peer)
            self.assertIs(session.state, SessionState.FINISHED)
            self.assertTrue(session.finished)
            self.assertEqual((session.current_frame, session.confirmed_frame), (LAST + 1, LAST))
            self.assertRaises(LocalProtocolError, session.rejoin, scene.mesh.now)
            self.assertEqual(sorted(peer.confirmed), list(range(LAST + 1)))

    def assertStaysFinished(self, players: int) -> None:
        """Who finishes first hears nothing for 8 s, then what the others did meanwhile."""
        scene = Scene(players, profile=NEAR, last_frame=LAST)
        scene.until(lambda: scene.session(1).finished or scene.session(2).finished, 6.0)
        first = 1 if scene.session(1).finished else 2
        done = scene[first]
        done.told.clear()
        scene.cutOff(first)
        scene.run(8.0)
        scene.mesh.heal()
        scene.run(3.0)
        self.assertIs(done.session.state, SessionState.FINISHED)
        for kind in (
            Dropped,
            PeerInterrupted,
            Desynchronized,
            InputDelayRecommended,
            WaitRecommended,
        ):
            self.assertEqual(done.of(kind), [], kind)
        self.assertRaises(LocalProtocolError, done.session.rejoin, scene.mesh.now)
        self.assertAgree(scene, least=LAST)

    def test_everybodyIsGone(self) -> None:
        """The links are cut when all have finished: silence for a minute says nothing."""
        for players in (2, 3):
            scene = self.finished(players)
            scene.mesh.cut((1,), range(2, players + 1))
            scene.run(60.0)
            self.assertQuiet(scene)
            self.assertEqual(scene.session(1).members, tuple(range(1, players + 1)))

    def test_oneIsGone(self) -> None:
        """One process ends: the others neither drop it nor are told that it is interrupted."""
        scene = self.finished(3)
        scene.mesh.kill(2)
        scene.run(20.0)
        self.assertQuiet(scene)

    def test_longPath(self) -> None:
        """Nothing is recommended any more, where the path becomes worse after the end."""
        scene = self.finished(2)
        for one, other in ((1, 2), (2, 1)):
            scene.mesh.link(one, other).cut += 1
        scene.run(0.4)
        scene.mesh.heal()
        scene.run(30.0)
        self.assertQuiet(scene)

    def test_theOtherStillWaits(self) -> None:
        """
        Who has finished is cut off before the other heard its last packets: the other drops
        it as ever or stays alone, and who has finished hears of that and has still finished.
        """
        for players in (2, 3):
            self.assertStaysFinished(players)

    def test_droppedByThoseWhoAreNot(self) -> None:
        """
        Its last packets never come: the others drop it, finish without its last inputs and
        tell it so.  It has finished all the same.
        """
        scene = Scene(3, profile=NEAR, last_frame=LAST)
        scene.until(lambda: scene.session(1).current_frame >= LAST - 6, 6.0)
        scene.mesh.cut((1,), (2, 3), both=False)
        scene.untilState(1, SessionState.FINISHED, 3.0)
        done = scene[1]
        done.told.clear()
        self.assertFalse(scene.session(2).finished)
        for number in (2, 3):
            scene.untilState(number, SessionState.FINISHED, 8.0)
            self.assertEqual([event.player for event in scene[number].of(PlayerDropped)], [1])
        scene.run(6.0)
        self.assertIs(done.session.state, SessionState.FINISHED)
        self.assertEqual(done.of(Dropped), [])
        self.assertRaises(LocalProtocolError, done.session.rejoin, scene.mesh.now)
        self.assertAgree(scene, 2, 3, least=LAST)

    def test_beforeTheEnd(self) -> None:
        """One frame before the end people are missed as ever."""
        scene = Scene(3, profile=NEAR, last_frame=LAST)
        scene.until(lambda: scene.session(1).current_frame >= LAST - 5, 6.0)
        scene.mesh.kill(3)
        scene.untilState(1, SessionState.FINISHED, 8.0)
        self.assertEqual([event.player for event in scene[1].of(PlayerDropped)], [3])
