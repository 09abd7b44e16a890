"""
Bad input among players who come and go: one that came late sends anything, and who is on
its way to its seat is sent anything.
"""

from __future__ import annotations

import contextlib

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.session_state import SessionState
from gamenet.seeded_random import SeededRandom
from tests.rollback_attack import mutated, recorded
from tests.rollback_scene import NEAR, Scene, SceneCase

#: The messages of the agreement; with a vote an attacker may do more than disturb.
_AGREEMENT = range(0x10, 0x20)


class HostileJoinerTests(SceneCase):
    """Bad input: every byte string is a legal argument of packetReceived."""

    def give(self, scene: Scene, sender: int, to: int, bodies: list[bytes]) -> None:
        """Give a session packets, each of which may be refused but raise nothing else."""
        session, now = scene.session(to), scene.mesh.now
        for body in bodies:
            with contextlib.suppress(RemoteProtocolError):
                session.packetReceived(sender, body, now)

    def attack(self, scene: Scene, sender: int, victims: tuple[int, ...], seed: int) -> None:
        """For a second or so send changed packets: recorded ones, and those of this match."""
        random = SeededRandom.fromLabel(seed, "hostile joiners")
        kinds = [kind for kind in sorted(recorded()) if kind not in _AGREEMENT]
        for _ in range(30):
            scene.run(random.below(4) / 60)
            for victim in victims:
                live = [scene.session(sender).packetFor(victim, scene.mesh.now)]
                bodies = [random.choice(recorded()[random.choice(kinds)]) for _ in range(2)]
                bodies += live * 3
                changed = [mutated(random, body) for body in bodies]
                for body in live * 3:
                    # An input packet of an earlier or later view.
                    view = bytes([random.choice([0, 1, 2, 129, random.below(256)])])
                    changed.append(mutated(random, body[:1] + view + body[2:]))
                self.give(scene, sender, victim, changed)

    def test_seatedLate(self) -> None:
        """
        Who came late, or came back, sends changed packets of every family: the others take
        or refuse them, drop it when it falls silent, and confirm the same.
        """
        for seed in range(12):
            vacant = (3,) if seed % 2 else ()
            scene = Scene(3, seed, NEAR, vacant=vacant, lost_after=1.0)
            scene.run(0.5)
            if vacant:
                scene.start(3, joining=True)
            else:
                scene.cutOff(3)
                scene.untilMembers(1, 2)
                scene.mesh.heal()
                scene.untilState(3, SessionState.DROPPED)
                scene.session(3).rejoin(scene.mesh.now)
            scene.untilMembers(1, 2, 3)
            scene.run(1.0)
            self.attack(scene, 3, (1, 2), seed)
            scene.mesh.kill(3)
            scene.untilMembers(1, 2)
            scene.played(1, 2, least=120)
            for peer in scene.players:
                peer.refused.clear()
            self.assertAgree(scene, 1, 2, least=120)

    def test_onItsWay(self) -> None:
        """Changed packets to who is joining, of every family: nothing else is raised."""
        for seed in range(12):
            scene = Scene(3, seed, NEAR, vacant=(3,), history_limit=120)
            scene.run(0.5 + seed % 3)
            scene.start(3, joining=True)
            random = SeededRandom.fromLabel(seed, "on its way")
            kinds = sorted(recorded())
            for _ in range(40):
                scene.run(random.below(3) / 60)
                session = scene.session(3)
                bodies = [random.choice(recorded()[random.choice(kinds)]) for _ in range(3)]
                for host in (1, 2):
                    self.give(scene, host, 3, [mutated(random, body) for body in bodies])
                session.packetsDue(scene.mesh.now)
            scene.mesh.kill(3)
            scene.played(1, 2, least=60)
            for peer in scene.players:
                peer.refused.clear()
            self.assertAgree(scene, 1, 2, least=60)
