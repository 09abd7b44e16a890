"""Tests of L{gamenet.rollback.membership}: what the game is told of who plays."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.control_exchange import QUIET_INTERVAL
from gamenet.rollback.seat_events import (
    Dropped,
    Isolated,
    PeerInterrupted,
    PeerResumed,
    PlayerDropped,
    Reunited,
)
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import FRAME


class SilenceTests(SynchronousTestCase):
    """A peer falls silent, and comes back in time."""

    def test_interruptedAndResumed(self) -> None:
        """GGRS's notices: interrupted after 500 ms of silence, resumed with the next packet."""
        mesh = Mesh(2)
        mesh.run(60)
        mesh.cutLink(1, 2)
        mesh.run(40)
        for peer in (1, 2):
            (event,) = mesh.events[peer]
            self.assertIsInstance(event, PeerInterrupted)
            self.assertEqual(event.peer, 3 - peer)
            self.assertTrue(0.5 <= event.silence < 0.5 + QUIET_INTERVAL + 2 * FRAME, event)
        mesh.run(30)
        mesh.healLink(1, 2)
        mesh.run(40)
        for peer in (1, 2):
            self.assertEqual(mesh.events[peer][1:], [PeerResumed(3 - peer)])
            self.assertIs(mesh.sessions[peer].state, SessionState.RUNNING)
        mesh.run(300)
        self.assertGreater(len(mesh.common()), 360)

    def test_setting(self) -> None:
        """The times are settings; None never drops anybody."""
        mesh = Mesh(2, interrupted_after=1.0, lost_after=None)
        mesh.run(60)
        mesh.dead.add(2)
        mesh.run(3600)
        (event,) = mesh.events[1]
        self.assertIsInstance(event, PeerInterrupted)
        self.assertEqual(mesh.sessions[1].members, (1, 2))
        self.assertIs(mesh.sessions[1].state, SessionState.STALLED)

    def test_neverHeard(self) -> None:
        """Who never says anything is dropped too, from the first frame on."""
        mesh = Mesh(3)
        mesh.dead.add(3)
        mesh.run(500)
        for peer in (1, 2):
            self.assertEqual(mesh.of(PlayerDropped, peer), [PlayerDropped(3, 0, 1)])
        self.assertGreater(len(mesh.common(1, 2)), 300)


class TwoPeersTests(SynchronousTestCase):
    """A game of two, in which one falls silent."""

    def test_firstPlayerGoesOn(self) -> None:
        """At exactly half of the seats, the side with the lowest player goes on."""
        mesh = Mesh(2)
        mesh.run(60)
        mesh.cutLink(1, 2)
        mesh.run(400)
        (dropped,) = mesh.of(PlayerDropped, 1)
        self.assertEqual((dropped.player, dropped.view), (2, 1))
        self.assertEqual(mesh.sessions[1].members, (1,))
        self.assertIs(mesh.sessions[1].state, SessionState.RUNNING)
        self.assertGreater(mesh.sessions[1].confirmed_frame, 200)
        self.assertIs(mesh.sessions[2].state, SessionState.ISOLATED)
        self.assertEqual(mesh.of(Isolated, 2), [Isolated((1,))])
        self.assertLess(mesh.sessions[2].current_frame, 75)
        mesh.healLink(1, 2)
        mesh.run(60)
        self.assertEqual(mesh.of(Dropped, 2), [Dropped(dropped.frame, 1)])
        self.assertIs(mesh.sessions[2].state, SessionState.DROPPED)
        self.assertIsNone(mesh.sessions[2].inputFrame())

    def test_bothStop(self) -> None:
        """A 1 v 1 may choose that both stop; they go on together when they hear each other."""
        mesh = Mesh(2, both_stop=True)
        mesh.run(60)
        mesh.cutLink(1, 2)
        mesh.run(400)
        for peer in (1, 2):
            self.assertEqual(mesh.of(Isolated, peer), [Isolated((3 - peer,))])
            self.assertEqual(mesh.of(PlayerDropped, peer), [])
            self.assertIs(mesh.sessions[peer].state, SessionState.ISOLATED)
            self.assertLess(mesh.sessions[peer].current_frame, 75)
        mesh.healLink(1, 2)
        mesh.run(330)
        for peer in (1, 2):
            self.assertEqual(mesh.of(Reunited, peer), [Reunited()])
            self.assertEqual(mesh.sessions[peer].members, (1, 2))
        self.assertGreater(len(mesh.common()), 360)


class SplitTests(SynchronousTestCase):
    """A mesh falls apart."""

    def split(self, players: int, side: tuple[int, ...]) -> Mesh:
        """Those of one side do not hear the others any more."""
        mesh = Mesh(players)
        mesh.run(60)
        for one in side:
            for other in mesh.sessions:
                if other not in side:
                    mesh.cutLink(one, other)
        mesh.run(500)
        return mesh

    def test_majorityGoesOn(self) -> None:
        """More than half drop the others and go on; the others stop and say so."""
        mesh = self.split(5, (2, 4))
        for peer in (1, 3, 5):
            self.assertEqual(mesh.sessions[peer].members, (1, 3, 5))
            self.assertEqual(sorted(event.player for event in mesh.of(PlayerDropped, peer)), [2, 4])
        self.assertGreater(len(mesh.common(1, 3, 5)), 300)
        for peer in (2, 4):
            self.assertIs(mesh.sessions[peer].state, SessionState.ISOLATED)
            self.assertLess(mesh.sessions[peer].current_frame, 75)
        mesh.common()

    def test_half(self) -> None:
        """At exactly half, the side of the lowest seated player goes on."""
        mesh = self.split(4, (3, 4))
        self.assertEqual(mesh.sessions[2].members, (1, 2))
        self.assertGreater(len(mesh.common(1, 2)), 300)
        self.assertIs(mesh.sessions[3].state, SessionState.ISOLATED)

    def test_nobody(self) -> None:
        """Where no side has more than half, all stop, and heal without anybody dropped."""
        mesh = Mesh(3)
        mesh.run(60)
        for link in ((1, 2), (1, 3), (2, 3)):
            mesh.cutLink(*link)
        mesh.run(400)
        for session in mesh.sessions.values():
            self.assertIs(session.state, SessionState.ISOLATED)
        mesh.cut.clear()
        mesh.run(330)
        self.assertGreater(len(mesh.common()), 360)


class LeaveTests(SynchronousTestCase):
    """A player leaves on purpose."""

    def test_leave(self) -> None:
        """The others agree on the last frame soon, and go on; who left is told it may go."""
        for players, leaver in ((2, 1), (2, 2), (3, 1), (3, 2), (5, 5)):
            mesh = Mesh(players, leaver_policy=LeaverPolicy.REMOVE)
            mesh.run(60)
            mesh.sessions[leaver].leave(mesh.now)
            self.assertIsNone(mesh.sessions[leaver].inputFrame())
            mesh.run(330)
            self.assertIs(mesh.sessions[leaver].state, SessionState.LEFT)
            self.assertEqual(mesh.of(Dropped, leaver), [])
            others = [peer for peer in mesh.sessions if peer != leaver]
            frames = set()
            for peer in others:
                (dropped,) = mesh.of(PlayerDropped, peer)
                self.assertEqual(dropped.player, leaver)
                frames.add(dropped.frame)
                self.assertEqual(mesh.of(PeerInterrupted, peer), [])
            (frame,) = frames
            self.assertLess(frame, 65)
            common = mesh.common(*others)
            self.assertGreater(len(common), 360)
            self.assertEqual({event.inputs[leaver - 1] for event in common[frame:]}, {b""})

    def test_twice(self) -> None:
        """Leaving twice is leaving once; everybody may leave."""
        mesh = Mesh(3)
        mesh.run(60)
        for session in mesh.sessions.values():
            session.leave(mesh.now)
            session.leave(mesh.now)
        mesh.run(330)
        for session in mesh.sessions.values():
            self.assertIs(session.state, SessionState.LEFT)
        mesh.common()
