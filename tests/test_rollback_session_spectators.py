"""Spectators of matches that are played by L{gamenet.rollback.session.RollbackSession}."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.events import FollowingBegan, HostChanged, HostRefused
from gamenet.interfaces import IRollbackSession
from gamenet.rollback.seat_events import Dropped, PlayerDropped, PlayerJoined
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SpectatorSettings
from gamenet.wire.feed_packets import NotFedReason
from tests.rollback_scene import LOSSY, PaddedGame, Scene, SceneCase
from tests.rollback_worlds.link import Link
from tests.rollback_worlds.profiles import LinkProfile


class ContractTests(SynchronousTestCase):
    """Issue: "Sessions behind one interface (C{IRollbackSession})"."""

    def test_interface(self) -> None:
        """A spectator's session provides all of it, and wants no states to compare."""
        session = SpectatorSession(SpectatorSettings(3, (1, 2)))
        verifyObject(IRollbackSession, session)
        self.assertEqual(session.dumpsWanted(), ())
        self.assertRaises(LocalProtocolError, session.dumpTaken, 0, None)


class SeenTests(SceneCase):
    """Issue: "spectator: only frames confirmed by all, a delay of 2 s unless set"."""

    def test_fromBeginning(self) -> None:
        """Over bad links a spectator sees every frame with the players' inputs and states."""
        scene = Scene(3, profile=LOSSY)
        watcher = scene.watch(from_beginning=True)
        scene.run(8.0)
        self.assertAgree(scene)
        self.assertSeen(scene, watcher, least=300)
        self.assertEqual(sorted(watcher.confirmed), list(range(len(watcher.confirmed))))
        behind = scene.session(1).confirmed_frame - watcher.session.confirmed_frame
        self.assertTrue(120 <= behind <= 150, behind)

    def test_comesLate(self) -> None:
        """Who comes when the first frames are not kept any more gets a snapshot."""
        scene = Scene(3, history_limit=120, game=PaddedGame)
        scene.run(4.0)
        watcher = scene.watch(delay=0.0)
        scene.run(4.0)
        (began,) = watcher.of(FollowingBegan)
        self.assertTrue(began.snapshot and began.frame > 120, began)
        self.assertSeen(scene, watcher)
        late = scene.watch(18, delay=0.0, from_beginning=True)
        scene.run(4.0)
        self.assertTrue(late.of(FollowingBegan)[0].snapshot)
        self.assertSeen(scene, late)

    def test_sparse(self) -> None:
        """Players who save seldom, and in lockstep, serve spectators too."""
        for rules in ({"sparse_saving": True}, {"prediction_window": 0, "input_delay": 4}):
            scene = Scene(2, history_limit=120, **rules)
            scene.run(3.0)
            watcher = scene.watch(delay=0.5)
            scene.run(4.0)
            self.assertSeen(scene, watcher)

    def test_manySpectators(self) -> None:
        """Numbers above the players' are spectators; C{followers_limit} of them are served."""
        scene = Scene(2, followers_limit=2)
        watchers = [scene.watch(number, hosts=(1,)) for number in (17, 18, 255)]
        scene.run(4.0)
        fed = [watcher for watcher in watchers if watcher.confirmed]
        self.assertEqual(len(fed), 2)
        (refused,) = [watcher for watcher in watchers if not watcher.confirmed]
        self.assertEqual(refused.of(HostRefused)[0], HostRefused(1, NotFedReason.FULL))
        for watcher in fed:
            self.assertSeen(scene, watcher)

    def test_otherRules(self) -> None:
        """A spectator with another configuration is refused by name, and disturbs nobody."""
        scene = Scene(2)
        watcher = scene.watch(digest=b"another digest..")
        scene.run(3.0)
        reasons = {event.reason for event in watcher.of(HostRefused)}
        self.assertEqual(reasons, {NotFedReason.OTHER_CONFIGURATION})
        self.assertEqual(watcher.confirmed, {})
        self.assertAgree(scene)

    def test_nobodyNotices(self) -> None:
        """A spectator that dies does not change what the players do."""
        scene = Scene(2)
        scene.watch()
        scene.run(2.0)
        scene.mesh.kill(17)
        scene.run(8.0)
        self.assertAgree(scene, least=500)
        self.assertEqual(scene.session(1)._play.controls.hosting.followers, ())


class ChangeTests(SceneCase):
    """Issue: "several hosts to follow, fail-over between them"."""

    def test_hostDies(self) -> None:
        """The host dies: the next one is followed, no frame is missing, its seat is empty."""
        scene = Scene(3, profile=LOSSY, leaver_policy=LeaverPolicy.REMOVE)
        watcher = scene.watch(from_beginning=True)
        scene.run(3.0)
        scene.mesh.kill(1)
        scene.untilMembers(2, 3)
        scene.run(4.0)
        self.assertEqual(watcher.of(HostChanged)[0], HostChanged(2, 1))
        dropped = scene[2].of(PlayerDropped)[0].frame
        self.assertEqual(watcher.confirmed[dropped].absent, (1,))
        self.assertEqual(watcher.confirmed[dropped - 1].absent, ())
        self.assertSeen(scene, watcher, least=200)
        self.assertEqual(sorted(watcher.confirmed), list(range(len(watcher.confirmed))))

    def test_dropAndRejoin(self) -> None:
        """A player is dropped and comes back; who looks on sees both where they happened."""
        scene = Scene(3, profile=LOSSY)
        watcher = scene.watch(from_beginning=True)
        scene.run(2.0)
        scene.mesh.cut((3,), (1, 2))
        scene.untilMembers(1, 2)
        scene.mesh.heal()
        scene[3].rejoins = True
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
        scene.run(3.0)
        dropped = scene[1].of(PlayerDropped)[0].frame
        joined = scene[1].of(PlayerJoined)[0].frame
        absent = [frame for frame, event in watcher.confirmed.items() if event.absent]
        self.assertEqual(absent, list(range(dropped, joined)))
        self.assertSeen(scene, watcher, least=400)

    def test_hostComesBack(self) -> None:
        """The host is dropped itself: the spectator goes on with another, also when it is back."""
        scene = Scene(3)
        watcher = scene.watch(hosts=(3, 2), delay=0.5)
        scene.run(2.0)
        scene.mesh.cut((3,), (1, 2))
        scene.untilMembers(1, 2)
        scene.run(6.0)
        self.assertEqual(watcher.session.follower.host, 2)
        scene.mesh.heal()
        scene[3].rejoins = True
        scene.untilMembers(1, 2, 3)
        scene.run(3.0)
        self.assertEqual(len(scene[3].of(Dropped)), 1)
        self.assertSeen(scene, watcher, least=500)


class CommittedTests(SceneCase):
    """Attack: an isolated host must not feed frames that the others contradict later."""

    def test_minority(self) -> None:
        """The frames of a host that was cut off at any moment are those of the match."""
        for wait in range(8):
            scene = Scene(3, seed=wait, leaver_policy=LeaverPolicy.REMOVE)
            watcher = scene.watch(hosts=(3,), delay=0.0, from_beginning=True)
            scene.run(1.5 + wait * 0.021)
            scene.mesh.cut((3,), (1, 2))
            scene.untilMembers(1, 2)
            scene.untilState(3, SessionState.ISOLATED)
            self.assertSeen(scene, watcher)
            dropped = scene[1].of(PlayerDropped)[0].frame
            self.assertLess(watcher.session.confirmed_frame, dropped)

    def test_oneWay(self) -> None:
        """So it is if the host hears the others and they do not hear it."""
        for wait in range(8):
            scene = Scene(3, seed=wait, leaver_policy=LeaverPolicy.REMOVE)
            watcher = scene.watch(hosts=(3,), delay=0.0, from_beginning=True)
            scene.run(1.5 + wait * 0.021)
            scene.mesh.cut((3,), (1, 2), both=False)
            scene.untilMembers(1, 2)
            scene.run(1.0)
            self.assertSeen(scene, watcher)

    def assertUncontradicted(self, host: int, joiner: int, **rules: Any) -> None:
        """
        A peer joins one that is alone and could go on without it at once; then neither hears
        the other.  What the host fed before and feeds then is not contradicted.
        """
        for wait in (0.1, 0.12, 0.2, 0.3, 4.0):
            scene = Scene(**rules)
            scene.run(1.0)
            watcher = scene.watch(hosts=(host,), delay=0.0, from_beginning=True)
            scene.run(0.5)
            scene.start(joiner, joining=True)
            scene.until(lambda scene=scene: scene.session(host).members == (1, 2))
            scene.run(wait)
            scene.mesh.cut((1,), (2,))
            scene.untilState(host, SessionState.ISOLATED)
            scene.run(5.0)
            self.assertSeen(scene, watcher)
            scene.mesh.heal()
            scene.run(3.0)
            self.assertSeen(scene, watcher)

    def assertGoesOn(self, wait: float) -> None:
        """A joiner whose link dies as it is seated for a second goes on with the others."""
        scene = Scene(2, vacant=(2,), lost_after=None)
        scene.run(1.5)
        scene.start(2, joining=True)
        scene.until(lambda: scene.session(1).members == (1, 2))
        scene.run(wait)
        scene.mesh.cut((1,), (2,))
        scene.run(5.0)
        scene.mesh.heal()
        scene.untilMembers(1, 2)
        scene.played(1, 2)
        self.assertAgree(scene)

    def test_cutAsSeated(self) -> None:
        """Nobody stands still for ever, however far the others played on before the seat."""
        for wait in (0.0, 0.03, 0.06, 0.2):
            self.assertGoesOn(wait)

    def test_joinerIsQuorum(self) -> None:
        """A peer of two players joins one of a single player."""
        self.assertUncontradicted(1, 2, players=3, seating=((1,), (2, 3)), vacant=(2, 3))

    def test_lowestComesBack(self) -> None:
        """Player 1 comes to a game of two, in which it is a quorum by itself."""
        self.assertUncontradicted(2, 1, players=2, vacant=(1,))

    @settings(deadline=None, max_examples=10)
    @given(
        st.integers(0, 2**32),
        st.floats(0, 0.2),
        st.floats(0.001, 0.15),
        st.sampled_from([2, 3, 4]),
        st.floats(0.0, 1.0),
        st.data(),
    )
    def test_anyCut(
        self,
        seed: int,
        loss: float,
        latency: float,
        players: int,
        wait: float,
        data: st.DataObject,
    ) -> None:
        """Whoever is cut off at whatever time, on any link, no host feeds what never was."""
        profile = LinkProfile("any", loss, latency, latency / 3, 0.05, 5, 0.05, ends=1)
        scene = Scene(players, seed=seed, profile=profile, prediction_window=16)
        watchers = [
            scene.watch(16 + host, hosts=(host,), delay=0.0, from_beginning=True)
            for host in range(1, players + 1)
        ]
        scene.run(1.0 + wait)
        gone = data.draw(st.integers(1, players))
        others = [peer for peer in range(1, players + 1) if peer != gone]
        scene.mesh.cut((gone,), others, both=data.draw(st.booleans()))
        scene.run(8.0)
        playing = [peer for peer in scene.players if peer.plays]
        self.assertGreater(len(playing), 0)
        for watcher in watchers:
            self.assertSeen(scene, watcher, least=1)


class DirectTests(SceneCase):
    """What a session takes from spectators, packet by packet."""

    def test_strangers(self) -> None:
        """Bad input: a number above 16 may follow, and nothing else."""
        session = Scene(2).session(1)
        for body in (b"\x00", b"\x10", b"\x18", b"\x20", b"\x28\1\0\0\0\0", b"\x50", b""):
            self.assertRaises(RemoteProtocolError, session.packetReceived, 17, body, 0.0)
        for body in (b"\x32", b"\x44\0\0\0\0\1"):
            session.packetReceived(17, body, 0.0)
        for number in (0, 1, 3, 16, -1):
            self.assertRaises(LocalProtocolError, session.packetReceived, number, b"\x32", 0.0)

    def test_gap(self) -> None:
        """Who was away for longer than is kept goes on from another snapshot."""
        scene = Scene(2, history_limit=120)
        watcher = scene.watch(delay=0.0, hosts=(1,))
        scene.run(2.0)
        links: list[Link] = [scene.mesh.link(17, 1), scene.mesh.link(1, 17)]
        for link in links:
            link.cut += 1
        scene.run(6.0)
        for link in links:
            link.cut = 0
        scene.run(4.0)
        self.assertEqual(len(watcher.of(FollowingBegan)), 2)
        self.assertSeen(scene, watcher)
