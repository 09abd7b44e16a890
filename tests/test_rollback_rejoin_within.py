"""
A player who was dropped comes back: for how long the seat stays its own
(C{rejoin_within}), and what it keeps.
"""

from __future__ import annotations

from typing import Any

from gamenet.rollback.seat_events import Dropped, PlayerJoined, SeatRefused, SeatTaken
from gamenet.rollback.session_state import SessionState
from tests.rollback_scene import NEAR, Scene, SceneCase


class RejoinWithinTests(SceneCase):
    """ "Players come and go": a player comes back after some time."""

    def dropped(self, seconds: float, **rules: Any) -> Scene:
        """Return a match of three whose third player hears that it was out for so long."""
        scene = Scene(3, profile=NEAR, lost_after=1.0, **rules)
        scene.run(0.5)
        scene.cutOff(3)
        scene.untilMembers(1, 2)
        view = scene.session(1)._play.controls.membership.view
        since = view.seats[2].since
        scene.until(lambda: scene.session(1).current_frame - since >= seconds * 60)
        scene.mesh.heal()
        scene.until(lambda: bool(scene[3].of(Dropped)))
        return scene

    def test_tooLate(self) -> None:
        """After that time the seat is refused, told once, however often it is asked for."""
        scene = self.dropped(1.2, rejoin_within=1.0)
        scene.session(3).rejoin(scene.mesh.now)
        scene.run(5.0)
        self.assertIs(scene.session(3).state, SessionState.JOINING)
        self.assertEqual(scene[3].of(SeatRefused), [SeatRefused("too late")])
        self.assertEqual(scene.session(1).members, (1, 2))
        self.assertEqual(scene[1].of(PlayerJoined), [])
        scene.played(1, 2, least=60)

    def test_newProcess(self) -> None:
        """A new process under the same number is refused as well."""
        scene = self.dropped(1.2, rejoin_within=1.0)
        scene.mesh.kill(3)
        late = scene.start(3, joining=True)
        scene.run(5.0)
        self.assertIs(late.session.state, SessionState.JOINING)
        self.assertEqual(late.of(SeatRefused), [SeatRefused("too late")])
        self.assertEqual(scene.session(2).members, (1, 2))

    def test_inTime(self) -> None:
        """Within that time it gets its seat back; so it does whenever where there is no end."""
        for seconds, within in ((0.5, 6.0), (1.2, 30.0), (8.0, None)):
            scene = self.dropped(seconds, rejoin_within=within)
            scene.session(3).rejoin(scene.mesh.now)
            scene.untilMembers(1, 2, 3)
            self.assertEqual(scene[3].of(SeatRefused), [])
            self.assertEqual(len(scene[3].of(SeatTaken)), 1)
            scene.played(1, 2, 3, least=60)

    def test_vacant(self) -> None:
        """A seat that was vacant from the start can be taken whenever."""
        scene = Scene(3, profile=NEAR, vacant=(3,), rejoin_within=1.0)
        scene.run(4.0)
        late = scene.start(3, joining=True)
        scene.untilMembers(1, 2, 3)
        self.assertEqual(late.of(SeatRefused), [])

    def test_eachHasItsOwn(self) -> None:
        """
        The time is each member's own; it is refused by those for whom it is over, and seated
        by the first member all the same, if that one is more patient.
        """
        scene = self.dropped(1.2, own={2: {"rejoin_within": 1.0}})
        scene.session(3).rejoin(scene.mesh.now)
        scene.untilMembers(1, 2, 3)
        self.assertEqual(scene[3].of(SeatRefused), [SeatRefused("too late")])
        scene.played(1, 2, 3, least=60)

    def test_keepsItsDelay(self) -> None:
        """The input delay that was set before counts in the seat that is taken again too."""
        scene = Scene(3, profile=NEAR, lost_after=1.0)
        scene.run(0.5)
        scene.session(3).setInputDelay(4)
        scene.cutOff(3)
        scene.untilMembers(1, 2)
        scene.mesh.heal()
        scene.until(lambda: bool(scene[3].of(Dropped)))
        scene.session(3).rejoin(scene.mesh.now)
        scene.untilMembers(1, 2, 3)
        session = scene.session(3)
        seated = scene[3].of(SeatTaken)[0].frame
        scene.until(lambda: session.confirmed_frame > seated + 80)
        self.assertEqual(session._exchange.local.delay(None), 4)
        self.assertEqual(session.inputCounts()[2], session.current_frame + 4)
        self.assertAgree(scene, start=seated, least=60)
