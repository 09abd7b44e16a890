"""Play in one seat: L{gamenet.rollback.play}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.rollback.joining import CATCH_UP
from gamenet.rollback.seat_events import PlayerDropped, SeatTaken
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Load, Save
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import play, session, tell
from tests.rollback_scene import Scene, SceneCase


class WindowTests(SynchronousTestCase):
    """Issue: the prediction window; "the session stalls rather than fails"."""

    def test_stalls(self) -> None:
        """So many frames are played on predictions, then none, and no input is asked for."""
        for window in (1, 4, 8, 32):
            one = session(prediction_window=window)
            for _ in range(window):
                self.assertIs(one.state, SessionState.RUNNING)
                self.assertEqual(one.inputFrame(), one.current_frame)
                play(one)
            self.assertIs(one.state, SessionState.STALLED)
            self.assertIsNone(one.inputFrame())
            self.assertEqual(play(one, None), ())
            self.assertRaises(LocalProtocolError, one.advance, b"", 0.0)
            tell(one, b"")
            self.assertIs(one.state, SessionState.RUNNING)
            self.assertEqual(one.inputFrame(), window)

    def test_lockstep(self) -> None:
        """With a window of 0 the input is given before the frame can be played."""
        one = session(prediction_window=0)
        self.assertEqual(one.inputFrame(), 0)
        self.assertEqual(play(one, b"x"), ())
        self.assertIsNone(one.inputFrame())
        tell(one, b"y")
        steps = play(one, None)
        self.assertEqual(steps, (Save(0), Advance(0, (b"x", b"y")), Save(1)))
        self.assertEqual(one.confirmed_frame, 0)

    def test_corrects(self) -> None:
        """A wrong prediction is played again, in the same call as the next frame."""
        one = session()
        for _ in range(3):
            play(one, b"a")
        tell(one, b"", b"!")
        steps = play(one, b"a")
        self.assertEqual(steps[0], Load(1))
        self.assertEqual(
            [step for step in steps if isinstance(step, Advance)],
            [Advance(frame, (b"a", b"!")) for frame in (1, 2, 3)],
        )

    def test_lastFrame(self) -> None:
        """At the end no input is asked for; the last frames are still corrected."""
        one = session(last_frame=2)
        for _ in range(3):
            play(one, b"a")
        self.assertIs(one.state, SessionState.CONFIRMING)
        self.assertIsNone(one.inputFrame())
        tell(one, b"", b"!", b"!")
        self.assertEqual(play(one, None)[0], Load(1))
        self.assertIs(one.state, SessionState.FINISHED)
        self.assertTrue(one.finished)


class SeveralPlayersTests(SynchronousTestCase):
    """Issue: "any number of local players per peer"."""

    def begin(self, **changes: Any) -> RollbackSession:
        chosen: dict[str, Any] = {"players": 3, "seating": ((1, 3), (2,)), "input_delay": 0}
        return RollbackSession(RollbackSettings(**chosen | changes))

    def test_both(self) -> None:
        """Both are asked, and nothing is played before both have given theirs."""
        one = self.begin()
        self.assertEqual((one.inputFrame(1), one.inputFrame(3)), (0, 0))
        self.assertRaises(LocalProtocolError, one.inputFrame, 2)
        self.assertEqual(one.advance({1: b"a"}, 0.0), [])
        self.assertEqual((one.inputFrame(1), one.inputFrame(3)), (None, 0))
        steps = one.advance({3: b"c"}, 0.0)
        self.assertEqual(steps[1], Advance(0, (b"a", b"", b"c")))

    def test_wrongPlayer(self) -> None:
        """An input for somebody who is not played here changes nothing."""
        one = self.begin()
        self.assertRaises(LocalProtocolError, one.advance, {2: b"x"}, 0.0)
        self.assertRaises(LocalProtocolError, one.advance, {1: b"a", 2: b"x"}, 0.0)
        self.assertEqual((one.inputFrame(1), one.inputFrame(3)), (0, 0))

    def test_match(self) -> None:
        """A match with two players at one peer and different delays is the same for all."""
        mesh = Mesh(4, seating=((1, 3), (2,), (4,)), loss=0.1, jitter=2.0)
        mesh.run(60)
        mesh.sessions[1].setInputDelay(4, 3)
        mesh.run(300)
        self.assertGreater(len(mesh.common()), 300)


class SeatTests(SceneCase):
    """Issue: players come and go."""

    def test_catchesUp(self) -> None:
        """Who has taken its seat catches up with the others, some frames in a call."""
        scene = Scene(3, vacant=(3,))
        scene.run(1.0)
        late = scene.start(3, joining=True)
        scene.until(lambda: bool(late.of(SeatTaken)))
        behind = scene.session(1).current_frame - late.session.current_frame
        scene.run(1.0)
        ahead = abs(scene.session(1).current_frame - late.session.current_frame)
        self.assertLessEqual(ahead, 4, behind)
        self.assertGreater(CATCH_UP, 1)

    def test_droppedAsksNothing(self) -> None:
        """Who is dropped plays nothing more and is asked for nothing."""
        scene = Scene(3)
        scene.run(1.0)
        scene.cutOff(2)
        scene.untilMembers(1, 3)
        scene.mesh.heal()
        scene.untilState(2, SessionState.DROPPED)
        one = scene.session(2)
        frame = one.current_frame
        scene.run(1.0)
        self.assertEqual((one.current_frame, one.inputFrame()), (frame, None))
        self.assertRaises(LocalProtocolError, one.advance, b"", scene.mesh.now)
        self.assertEqual(list(one.advance(None, scene.mesh.now)), [])

    def test_leaves(self) -> None:
        """Who leaves is gone within a second; the others agree on the frame."""
        scene = Scene(3)
        scene.run(1.0)
        scene.session(3).leave(scene.mesh.now)
        took = scene.untilState(3, SessionState.LEFT)
        self.assertLess(took, 1.0)
        scene.untilMembers(1, 2)
        scene.played(1, 2)
        dropped = {tuple(scene[peer].of(PlayerDropped)) for peer in (1, 2)}
        self.assertEqual(len(dropped), 1)
        self.assertAgree(scene, 1, 2)

    def test_isolated(self) -> None:
        """Who hears too few stands still within its window, and goes on when it hears them."""
        scene = Scene(3, lost_after=None)
        scene.run(1.0)
        scene.cutOff(3)
        scene.run(3.0)
        one = scene.session(3)
        window = one.settings.prediction_window
        self.assertIs(one.state, SessionState.STALLED)
        self.assertLessEqual(one.current_frame - one.confirmed_frame - 1, window)
        scene.mesh.heal()
        scene.played(1, 2, 3)
        self.assertAgree(scene)
