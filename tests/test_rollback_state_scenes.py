"""Matches in which a state goes wrong."""

from __future__ import annotations

from typing import Any

from gamenet.rollback.events import Desynchronized
from gamenet.rollback.seat_events import SeatTaken
from gamenet.rollback.settings import StateRepair
from gamenet.rollback.state_events import (
    StatesDiffer,
    StatesDumped,
    StateTakenOver,
    StateTooLarge,
)
from tests.rollback_scene import LOSSY, PaddedGame, PartsGame, Scene, SceneCase


def spoil(scene: Scene, number: int, late: int = 5) -> float:
    """
    Let one peer's state go wrong soon.

    @param late: How many frames after one whose state is compared.
    @return: When that frame was played first.
    """
    peer = scene[number]
    frame = peer.session.current_frame // 60 * 60 + 60 + late
    peer.game.spoiled_at = frame
    scene.until(lambda: peer.session.current_frame > frame)
    return scene.mesh.now


class RepairTests(SceneCase):
    """Done when: "with the full-state exchange on, a state corrupted on one side is found"."""

    def assertRepaired(self, scene: Scene, spoiled: int) -> None:
        """A wrong state is found within 1.2 s, and all agree from then on."""
        at = spoil(scene, spoiled, 0)
        scene.until(lambda: any(peer.of(StateTakenOver) for peer in scene.players), 5.0)
        found = min(peer.when(Desynchronized) for peer in scene.players if peer.of(Desynchronized))
        self.assertLess(found - at, 1.2)
        wrong = [peer.peer for peer in scene.players if peer.peer != 1]
        wrong = wrong if spoiled == 1 else [spoiled]
        scene.until(lambda: all(scene[peer].of(StateTakenOver) for peer in wrong), 1.0)
        self.assertLess(scene.mesh.now - at, 2.0)
        taken = scene[wrong[0]].of(StateTakenOver)[0]
        self.assertEqual(taken.peer, 1)
        self.assertEqual((taken.frame + 1) % 60, 0)
        repaired = max(peer.session.confirmed_frame for peer in scene.players) + 1
        told = [len(peer.of(Desynchronized)) for peer in scene.players]
        scene.run(2.5)
        self.assertAgree(scene, start=repaired, least=120)
        self.assertEqual([len(peer.of(Desynchronized)) for peer in scene.players], told)
        for peer in scene.players:
            self.assertEqual(len(peer.of(StateTakenOver)), peer.peer in wrong)

    def test_anySide(self) -> None:
        """Two, three and eight peers, whichever goes wrong, saving every frame or seldom."""
        for players, spoiled in ((2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (8, 1), (8, 5)):
            for sparse in (False, True):
                rules = {"state_exchange_interval": 60, "checksum_interval": 60}
                scene = Scene(players, sparse_saving=sparse, **rules)
                scene.run(1.0)
                self.assertRepaired(scene, spoiled)

    def test_lossy(self) -> None:
        """Where one packet in ten is lost it is repaired too, only later."""
        scene = Scene(3, profile=LOSSY, state_exchange_interval=60)
        scene.run(1.0)
        spoil(scene, 3)
        scene.until(lambda: bool(scene[3].of(StateTakenOver)), 8.0)
        repaired = max(peer.session.confirmed_frame for peer in scene.players) + 1
        scene.run(2.0)
        self.assertAgree(scene, start=repaired, least=60)

    def test_againAndAgain(self) -> None:
        """A game that goes wrong five times is repaired five times."""
        scene = Scene(2, state_exchange_interval=60, dump_states=False)
        scene.run(1.0)
        for count in range(1, 6):
            spoil(scene, 2)
            scene.until(lambda count=count: len(scene[2].of(StateTakenOver)) == count, 5.0)
        repaired = max(peer.session.confirmed_frame for peer in scene.players) + 1
        scene.run(2.0)
        self.assertAgree(scene, start=repaired, least=60)

    def test_off(self) -> None:
        """Unless asked for, differences are told and nothing is taken over."""
        scene = Scene(2)
        scene.run(1.0)
        spoil(scene, 2)
        scene.run(3.0)
        for peer in scene.players:
            told = peer.of(Desynchronized)
            self.assertGreaterEqual(len(told), 5)
            self.assertEqual([event.first for event in told[:2]], [True, False])
            self.assertEqual(peer.of(StateTakenOver), [])
        mirrored = [(one.frame, one.remote, one.local) for one in scene[2].of(Desynchronized)]
        here = [(one.frame, one.local, one.remote) for one in scene[1].of(Desynchronized)]
        self.assertEqual(here, mirrored)

    def test_end(self) -> None:
        """Issue: "or a named end of the match, as configured": all sides know, nothing is sent."""
        for players, spoiled in ((2, 1), (2, 2), (3, 2)):
            rules: dict[str, Any] = {"state_repair": StateRepair.END}
            scene = Scene(players, state_exchange_interval=60, **rules)
            scene.run(1.0)
            spoil(scene, spoiled)
            scene.run(1.5)
            frames = {peer.of(StatesDiffer)[0] for peer in scene.players}
            self.assertEqual(len(frames), 1)
            (told,) = frames
            self.assertEqual(((told.frame + 1) % 60, told.peer), (0, 1))
            for peer in scene.players:
                self.assertEqual(peer.of(StateTakenOver), [])


class DumpTests(SceneCase):
    """Issue: "a dump pair that names the first differing part"."""

    def test_part(self) -> None:
        """A game that offers its parts is told which of them differs, both states at hand."""
        scene = Scene(3, game=PartsGame)
        scene.run(1.0)
        spoil(scene, 2)
        scene.run(2.0)
        for peer, others in ((1, [2]), (2, [1, 3]), (3, [2])):
            pairs = [event.pair for event in scene[peer].of(StatesDumped)]
            self.assertEqual(sorted(pair.player for pair in pairs), others)
            first = scene[peer].of(Desynchronized)[0]
            for pair in pairs:
                self.assertEqual(pair.frame, first.frame)
                self.assertEqual([one.part for one in pair.differences], ["hash"])
                self.assertEqual(dict(pair.local.parts)["hash"], pair.local.snapshot[4:12])

    def test_snapshot(self) -> None:
        """Any other game is told the byte of the snapshot."""
        scene = Scene(2)
        scene.run(1.0)
        spoil(scene, 2)
        scene.run(2.0)
        (pair,) = [event.pair for event in scene[1].of(StatesDumped)]
        (difference,) = pair.differences
        self.assertEqual((difference.part, difference.offset >= 4), ("", True))


class LargeTests(SceneCase):
    """Row N13 with states that take their time, or are too large."""

    def test_tooLarge(self) -> None:
        """A state above what can be sent is told once, on each side; the match goes on."""

        class Huge(PaddedGame):
            padding = 5 << 20

        scene = Scene(2, game=Huge, state_exchange_interval=60, sparse_saving=True)
        scene.run(1.0)
        spoil(scene, 2)
        scene.run(4.0)
        for peer in scene.players:
            (told,) = peer.of(StateTooLarge)
            self.assertEqual((told.limit, told.size > 5 << 20), (4 << 20, True))
            self.assertEqual(peer.of(StatesDumped) + peer.of(StateTakenOver), [])
            self.assertEqual(peer.refused, [])
        scene.played(1, 2)

    def test_slow(self) -> None:
        """A state that takes more than 3 s to send arrives; nobody refuses it."""

        class Large(PaddedGame):
            padding = 1_800_000

        scene = Scene(2, game=Large, sparse_saving=True)
        scene.run(1.0)
        spoil(scene, 2)
        scene.run(7.0)
        for peer in scene.players:
            self.assertEqual(len(peer.of(StatesDumped)), 1)
            self.assertEqual(peer.refused, [])

    def test_old(self) -> None:
        """A state that comes eight seconds after its frame is still taken over."""

        class Largest(PaddedGame):
            padding = 3_900_000

        rules = {"state_exchange_interval": 60, "dump_states": False}
        scene = Scene(2, game=Largest, sparse_saving=True, **rules)
        scene.run(1.0)
        spoil(scene, 2)
        scene.run(10.0)
        taken = scene[2].of(StateTakenOver)
        self.assertEqual(len(taken), 1)
        self.assertGreater(scene[2].when(StateTakenOver) * 60 - taken[0].frame, 400)
        repaired = max(peer.session.confirmed_frame for peer in scene.players) + 1
        scene.run(2.0)
        self.assertAgree(scene, start=repaired, least=60)
        for peer in scene.players:
            self.assertEqual(peer.refused, [])


class ChangeTests(SceneCase):
    """Row N13 while players come and go."""

    def test_authorityDies(self) -> None:
        """The authority dies: the next one's state is taken over."""
        scene = Scene(4, state_exchange_interval=60)
        scene.run(1.0)
        spoil(scene, 4, 50)
        scene.mesh.kill(1)
        scene.untilMembers(2, 3, 4)
        scene.until(lambda: bool(scene[4].of(StateTakenOver)), 5.0)
        self.assertEqual(scene[4].of(StateTakenOver)[-1].peer, 2)
        repaired = max(peer.session.confirmed_frame for peer in scene.players) + 1
        scene.run(2.0)
        self.assertAgree(scene, start=repaired, least=60)

    def test_wrongStateToGoOnFrom(self) -> None:
        """Who joined with the state of a host that was wrong is repaired like that host."""
        scene = Scene(3, vacant=(1,), state_exchange_interval=60, dump_states=False)
        scene.run(1.0)
        spoil(scene, 2, 50)
        scene.start(1, joining=True)
        scene.untilMembers(1, 2, 3)
        scene.run(4.0)
        repaired = max(peer.session.confirmed_frame for peer in scene.players) + 1
        scene.run(2.0)
        self.assertAgree(scene, start=repaired, least=60)

    def test_spoiledComesBack(self) -> None:
        """Whose state went wrong and who was dropped then comes back with a sound one."""
        scene = Scene(3, state_exchange_interval=120, checksum_interval=120)
        scene.run(1.0)
        spoil(scene, 3)
        scene.cutOff(3)
        scene.untilMembers(1, 2)
        scene.mesh.heal()
        scene[3].rejoins = True
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        start = scene[3].of(SeatTaken)[-1].frame
        self.assertAgree(scene, start=start, least=60)
