"""Players who come late, and who come back, in matches."""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.rollback.seat_events import (
    Dropped,
    PlayerDropped,
    PlayerJoined,
    SeatRefused,
    SeatTaken,
)
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy, RollbackSettings
from tests.rollback_scene import LOSSY, NEAR, PaddedGame, Scene, SceneCase
from tests.rollback_worlds.profiles import LinkProfile


class LateTests(SceneCase):
    """Done when: late join."""

    def test_vacantSeat(self) -> None:
        """A seat that is empty at first is taken later; everybody tells the same frame of it."""
        scene = Scene(3, profile=LOSSY, vacant=(3,))
        scene.run(1.5)
        late = scene.start(3, joining=True)
        self.assertIs(late.session.state, SessionState.JOINING)
        self.assertTrue(late.session.joining)
        self.assertIsNone(late.session.inputFrame())
        self.assertRaises(LocalProtocolError, late.session.advance, b"", scene.mesh.now)
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        self.assertFalse(late.session.joining)
        taken = late.of(SeatTaken)
        self.assertEqual(len(taken), 1)
        frame = taken[0].frame
        for peer in (1, 2):
            self.assertEqual(scene[peer].of(PlayerJoined), [PlayerJoined(3, frame, 1)])
        rows = scene[1].confirmed
        self.assertEqual(rows[frame - 1][2], (3,))
        self.assertEqual(rows[frame][2], ())
        self.assertAgree(scene, least=200)
        pressed = late.given[3]
        self.assertEqual(
            [rows[n][0][2] for n in sorted(pressed) if n in rows],
            [pressed[n] for n in sorted(pressed) if n in rows],
        )
        self.assertGreater(len(pressed), 60)

    def test_vacantPlaysNot(self) -> None:
        """A vacant seat is taken by joining only."""
        settings = RollbackSettings(players=2, local_player=2, vacant=(2,))
        self.assertRaises(LocalProtocolError, RollbackSession, settings)

    def test_severalPlayers(self) -> None:
        """Two players of one process take their seats in one."""
        scene = Scene(4, seating=((1,), (2, 4), (3,)), vacant=(2, 4))
        scene.run(1.0)
        late = scene.start(2, joining=True)
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        frame = late.of(SeatTaken)[0].frame
        self.assertEqual([event.player for event in scene[1].of(PlayerJoined)], [2, 4])
        self.assertEqual(scene[1].confirmed[frame - 1][2], (2, 4))
        self.assertAgree(scene, least=200)

    def test_twoAtOnce(self) -> None:
        """Two who come at the same time both get their seats, one after the other."""
        scene = Scene(4, vacant=(2, 3))
        scene.run(1.0)
        scene.start(2, joining=True)
        scene.start(3, joining=True)
        scene.untilMembers(1, 2, 3, 4)
        scene.played(1, 2, 3, 4, least=200)
        self.assertEqual(sorted(event.player for event in scene[1].of(PlayerJoined)), [2, 3])
        self.assertEqual(scene[1].of(PlayerDropped), [])
        self.assertAgree(scene, least=60)

    def test_hostDies(self) -> None:
        """The host that sends the state dies before it is there: another one sends it."""
        scene = Scene(4, vacant=(4,), game=PaddedGame)
        scene.run(1.0)
        late = scene.start(4, joining=True)
        scene.run(0.6)
        self.assertFalse(late.restored)
        scene.mesh.kill(1)
        scene.untilMembers(2, 3, 4, limit=30.0)
        scene.played(2, 3, 4, least=200)
        self.assertAgree(scene, least=200)

    def test_heardByAll(self) -> None:
        """Who does not hear every member gets no seat, and nobody is dropped for it."""
        scene = Scene(3, vacant=(3,))
        scene.run(1.0)
        scene.start(3, joining=True)
        scene.mesh.cut((3,), (2,))
        scene.run(5.0)
        self.assertIs(scene.session(3).state, SessionState.JOINING)
        self.assertEqual(scene.session(1).members, (1, 2))
        scene.mesh.heal()
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        self.assertEqual(scene[1].of(PlayerDropped), [])
        self.assertAgree(scene, least=200)

    def test_otherRules(self) -> None:
        """Who plays by other rules is told so, and gets no seat."""
        scene = Scene(3, vacant=(3,), own={3: {"checksum_interval": 15}})
        scene.run(1.0)
        late = scene.start(3, joining=True)
        scene.run(4.0)
        self.assertEqual(late.of(SeatRefused), [SeatRefused("configuration differs")])
        self.assertIs(late.session.state, SessionState.JOINING)
        self.assertEqual(scene.session(1).members, (1, 2))

    def test_fastGames(self) -> None:
        """At 240 frames a second over 150 ms a seat is taken like at 60: all inputs are kept."""
        far = LinkProfile("far", 0.0, 0.15, 0.02)
        for rate in (120, 240):
            rules = {"frame_rate": rate, "prediction_window": 32}
            scene = Scene(2, profile=far, vacant=(1,), **rules)
            scene.run(1.5)
            scene.start(1, joining=True)
            scene.untilMembers(1, 2)
            scene.played(1, 2, least=600)
            self.assertAgree(scene, least=600)

    def test_leavers(self) -> None:
        """Under every policy for empty seats a late player finds the same game."""
        for policy in LeaverPolicy:
            scene = Scene(3, vacant=(2,), leaver_policy=policy, default_input=b"d")
            scene.run(1.0)
            scene.start(2, joining=True)
            scene.untilMembers(1, 2, 3)
            scene.played(1, 2, 3, least=200)
            self.assertAgree(scene, least=200)


class BackTests(SceneCase):
    """Done when: reconnect; issue: "who is back after its drop was agreed gets C{Dropped}"."""

    def test_dropped(self) -> None:
        """Who was dropped is told the frame when it is heard again, and comes back."""
        scene = Scene(3, profile=LOSSY)
        scene.run(1.0)
        scene.cutOff(3)
        scene.untilMembers(1, 2)
        scene.untilState(3, SessionState.ISOLATED)
        self.assertRaises(LocalProtocolError, scene.session(3).rejoin, scene.mesh.now)
        scene.mesh.heal()
        scene.untilState(3, SessionState.DROPPED)
        (told,) = scene[3].of(Dropped)
        (seen,) = scene[1].of(PlayerDropped)
        self.assertEqual((told.frame, told.view), (seen.frame, seen.view))
        self.assertIsNone(scene.session(3).inputFrame())
        back = scene[3]
        back.session.rejoin(back.local(scene.mesh.now))
        back.session.rejoin(back.local(scene.mesh.now))
        self.assertIs(back.session.state, SessionState.JOINING)
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        (taken,) = back.of(SeatTaken)
        self.assertGreater(taken.frame, told.frame)
        self.assertAgree(scene, start=taken.frame - 10, least=60)

    def test_again(self) -> None:
        """Who is dropped again on its way, or just in its seat, comes back in the end."""
        for wait in (0.3, 0.8, 1.2, 2.5):
            scene = Scene(3, seed=round(wait * 10))
            scene.run(1.0)
            scene.cutOff(3)
            scene.untilMembers(1, 2)
            scene.mesh.heal()
            scene[3].rejoins = True
            scene.untilState(3, SessionState.JOINING)
            scene.run(wait)
            scene.cutOff(3)
            scene.run(4.0)
            scene.untilMembers(1, 2)
            scene.mesh.heal()
            scene.untilMembers(1, 2, 3)
            scene.played(1, 2, 3, least=200)
            start = scene[3].of(SeatTaken)[-1].frame
            self.assertAgree(scene, start=start, least=60)

    def test_newProcess(self) -> None:
        """A process that died is started anew and gets its own seat, with sparse saving too."""
        scene = Scene(2, profile=NEAR, sparse_saving=True)
        scene.run(1.0)
        scene.mesh.kill(2)
        scene.untilMembers(1)
        scene.run(1.0)
        scene.start(2, joining=True)
        scene.untilMembers(1, 2)
        scene.played(1, 2, least=200)
        self.assertAgree(scene, least=60)

    def test_lowestComesBack(self) -> None:
        """Player 1, whom others outvoted, comes back like anybody."""
        scene = Scene(3, profile=LOSSY, seed=4)
        scene.run(1.0)
        scene.cutOff(1)
        scene.untilMembers(2, 3)
        scene.mesh.heal()
        scene[1].rejoins = True
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        self.assertAgree(scene, start=scene[1].of(SeatTaken)[-1].frame, least=60)
