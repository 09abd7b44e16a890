"""
The last two: each goes on alone where the other is not heard, and what becomes of that
when they hear each other again.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Standing
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import firstView, isQuorum
from gamenet.errors import BadSetting, RemoteProtocolError
from gamenet.rollback.seat_events import Dropped, PlayerDropped, PlayerJoined, SeatTaken
from gamenet.rollback.session_state import SessionState
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import Commit, Seat, View
from tests.rollback_mesh import Mesh

SECOND = 60


class LastTwo(Mesh):
    """Peers who come back when they are dropped, and tell those who can be reached again."""

    def __init__(self, players: int = 2, seed: int = 0, **options: Any) -> None:
        options.setdefault("lost_after", 1.0)
        super().__init__(players, seed, lone_survivor=True, **options)

    def live(self, seconds: float) -> None:
        """Let time pass, as a match does it."""
        for step in range(round(seconds * SECOND)):
            self.run(1)
            for peer, session in self.sessions.items():
                if peer in self.dead:
                    continue
                if session.state is SessionState.DROPPED:
                    session.rejoin(self.now)
                if step % SECOND == 0:
                    for other in self.sessions:
                        if other not in (peer, *session.members) and (other, peer) not in self.cut:
                            session.reached(other, self.now)

    def told(self, peer: int, kind: type) -> list[Any]:
        """Return what a peer was told of that kind."""
        return [event for event in self.events[peer] if type(event) is kind]

    def agreed(self, *peers: int) -> bool:
        """Whether the newest final frames of these are the same."""
        lines = [{each.frame: each for each in self.confirmed[peer]} for peer in peers]
        newest = min(max(line) for line in lines)
        return all(line[newest - 5] == lines[0][newest - 5] for line in lines)


class CrashTests(SynchronousTestCase):
    """Design F: of two players the one who is left goes on alone."""

    def test_eitherGoesOn(self) -> None:
        """Whoever crashes, the other plays on; without the setting only player 1 would."""
        for gone, left in ((1, 2), (2, 1)):
            mesh = LastTwo()
            mesh.live(2)
            mesh.dead.add(gone)
            mesh.live(6)
            (dropped,) = mesh.told(left, PlayerDropped)
            self.assertEqual(dropped.player, gone)
            self.assertEqual(mesh.sessions[left].members, (left,))
            self.assertGreater(mesh.sessions[left].confirmed_frame, 5 * SECOND)

    def test_downToOne(self) -> None:
        """Of three, two crash one after the other; the last goes on, also the highest."""
        mesh = LastTwo(3)
        mesh.live(1)
        mesh.dead.add(1)
        mesh.live(4)
        self.assertEqual(mesh.sessions[2].members, (2, 3))
        mesh.dead.add(2)
        mesh.live(6)
        self.assertEqual(mesh.sessions[3].members, (3,))
        self.assertGreater(mesh.sessions[3].confirmed_frame, 7 * SECOND)

    def test_halfOfFour(self) -> None:
        """More than two still need a quorum: half of four without the lowest waits."""
        mesh = LastTwo(4)
        mesh.live(1)
        mesh.dead |= {1, 2}
        mesh.live(6)
        self.assertEqual(mesh.sessions[3].members, (1, 2, 3, 4))
        self.assertIs(mesh.sessions[3].state, SessionState.ISOLATED)


class SplitBrainTests(SynchronousTestCase):
    """Both go on alone; after healing there is one match again."""

    def test_theLowerKeepsItsMatch(self) -> None:
        """The one with the lower number keeps every frame; the other comes back by its state."""
        mesh = LastTwo()
        mesh.live(2)
        mesh.cutLink(1, 2)
        mesh.live(8)
        for peer in (1, 2):
            self.assertEqual(mesh.sessions[peer].members, (peer,))
            self.assertGreater(mesh.sessions[peer].confirmed_frame, 7 * SECOND)
        mesh.cut.clear()
        mesh.live(8)
        self.assertEqual([mesh.sessions[peer].members for peer in (1, 2)], [(1, 2)] * 2)
        frames = [each.frame for each in mesh.confirmed[1]]
        self.assertEqual(frames, list(range(len(frames))), "player 1 never went back")
        self.assertEqual(len(mesh.told(1, Dropped)), 0)
        self.assertEqual([len(mesh.told(2, kind)) for kind in (Dropped, SeatTaken)], [1, 1])
        self.assertEqual(mesh.told(1, PlayerJoined)[0].frame, mesh.told(2, SeatTaken)[0].frame)
        self.assertTrue(mesh.agreed(1, 2))

    def test_overSeeds(self) -> None:
        """However long the cut, and with loss; both end in one match and go on in it."""
        both = 0
        for seed in range(8):
            mesh = LastTwo(seed=seed, loss=0.05, jitter=2.0)
            mesh.live(1.5)
            mesh.cutLink(1, 2)
            mesh.live(0.6 + 0.2 * seed)
            both += all(mesh.sessions[peer].members == (peer,) for peer in (1, 2))
            mesh.cut.clear()
            mesh.live(10)
            for peer in (1, 2):
                self.assertEqual(mesh.sessions[peer].members, (1, 2), f"seed {seed}")
            before = mesh.sessions[1].confirmed_frame
            mesh.live(2)
            self.assertGreater(mesh.sessions[1].confirmed_frame, before + SECOND)
            self.assertTrue(mesh.agreed(1, 2), f"seed {seed}")
        self.assertGreater(both, 1)
        self.assertLess(both, 8)

    def test_oneWay(self) -> None:
        """A link that is dead in one direction only, either one, parts and heals as well."""
        for cut in ((1, 2), (2, 1)):
            mesh = LastTwo()
            mesh.live(1)
            mesh.cut.add(cut)
            mesh.live(6)
            mesh.cut.clear()
            mesh.live(10)
            self.assertEqual([mesh.sessions[peer].members for peer in (1, 2)], [(1, 2)] * 2)
            self.assertTrue(mesh.agreed(1, 2))

    def test_whoSleptFollows(self) -> None:
        """Who stood still has played nothing alone: the other's match stands, whoever it is."""
        for asleep, awake in ((1, 2), (2, 1)):
            mesh = LastTwo()
            mesh.live(1)
            mesh.dead.add(asleep)
            mesh.live(8)
            mesh.dead.clear()
            mesh.live(8)
            self.assertEqual([mesh.sessions[peer].members for peer in (1, 2)], [(1, 2)] * 2)
            frames = [each.frame for each in mesh.confirmed[awake]]
            self.assertEqual(frames, list(range(len(frames))))
            self.assertEqual(len(mesh.told(asleep, Dropped)), 1)

    def test_bothFinish(self) -> None:
        """Who has played the last frame alone is finished, and comes back to nothing."""
        mesh = LastTwo(last_frame=5 * SECOND)
        mesh.live(1)
        mesh.cutLink(1, 2)
        mesh.live(8)
        mesh.cut.clear()
        mesh.live(3)
        for peer in (1, 2):
            self.assertTrue(mesh.sessions[peer].finished)
            self.assertEqual(mesh.told(peer, Dropped), [])


class RuleTests(SynchronousTestCase):
    """The rule itself."""

    def test_quorum(self) -> None:
        """Of two peers each is a quorum; of other numbers the rule is the usual one."""
        for seating in (((1,), (2,)), ((1,), (2, 3, 4))):
            view = firstView(seating)
            for peers, alone in (((1,), True), ((2,), True), ((), False), ((1, 2), True)):
                self.assertEqual(isQuorum(view, seating, peers, False, True), alone)
        three = ((1,), (2,), (3,))
        self.assertFalse(isQuorum(firstView(three), three, (3,), False, True))
        self.assertTrue(isQuorum(firstView(three), three, (2, 3), False, True))

    def test_settings(self) -> None:
        """It contradicts C{both_stop}, and is true or false."""
        self.assertRaises(BadSetting, AgreementSettings, lone_survivor=1)
        self.assertRaises(
            BadSetting, AgreementSettings, lone_survivor=True, both_stop=True
        )

    def alone(self, peer: int) -> tuple[Agreement, Standing]:
        """Return an agreement of two in which one has gone on alone."""
        seating = ((1,), (2,))
        agreement = Agreement(
            AgreementSettings(lone_survivor=True), peer, seating, firstView(seating)
        )
        standing = Standing(10, 20, (11, 11))
        agreement.suspect((3 - peer,), 0.0)
        for step in range(10):
            agreement.due(standing, step * 0.2)
        self.assertEqual(agreement.view.members, (peer,))
        return agreement, standing

    def other(self, peer: int) -> View:
        """Return the view of the other half."""
        seats = tuple(Seat(player == peer, 0 if player == peer else 11) for player in (1, 2))
        return View(1, (peer,), seats)

    def test_onlyTheLowerIsYieldedTo(self) -> None:
        """Player 2 yields to player 1's word; player 1 answers with its own view, unmoved."""
        two, standing = self.alone(2)
        two.received(1, encodeViewMessage(Commit(self.other(1))), standing, 5.0)
        self.assertEqual(two.dropped, self.other(1))
        one, standing = self.alone(1)
        for _ in range(30):
            one.due(standing, 20.0)
        one.received(2, encodeViewMessage(Commit(self.other(2))), standing, 20.0)
        self.assertIsNone(one.dropped)
        sent = [decodeViewMessage(body) for peer, body in one.due(standing, 21.0) if peer == 2]
        self.assertEqual([type(each) for each in sent], [Commit])

    def test_viewsThatCannotBe(self) -> None:
        """Bad input: another half whose view fits no match like ours is not believed."""
        two, standing = self.alone(2)
        before = two.view
        body = encodeViewMessage(Commit(View(1, (1,), (Seat(True, 0),))))
        self.assertRaises(RemoteProtocolError, two.received, 1, body, standing, 5.0)
        self.assertEqual((two.view, two.dropped), (before, None))

    def test_tell(self) -> None:
        """Who is no member and can be reached is told once who plays; a member is not."""
        one, standing = self.alone(1)
        for step in range(200):
            one.due(standing, 2.0 + step * 0.1)
        one.tell(2)
        one.tell(1)
        self.assertEqual([peer for peer, _ in one.due(standing, 30.0)], [2])
        self.assertEqual(one.due(standing, 31.0), ())
