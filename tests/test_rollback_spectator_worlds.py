"""Worlds of hosts and spectators: late ones, dying hosts, bad links."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.errors import RemoteProtocolError
from gamenet.feed.events import FollowingBegan, HostChanged, HostRefused, HostsLost
from gamenet.rollback.steps import Advance
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SpectatorSettings
from gamenet.wire.feed_packets import NotFedReason, encodeFeedFrames
from tests.feed_world import FeedWorld, Network, SpectatorCase, largest


class LateTests(SpectatorCase):
    """Done when: who comes late or falls behind gets a snapshot."""

    def test_joinsLate(self) -> None:
        """A spectator that comes at frame 2000 begins with a snapshot and is soon at the edge."""
        world = FeedWorld(padding=2000)
        world.run(2000)
        viewer = world.view()
        world.run(120)
        began = viewer.told(FollowingBegan)
        self.assertEqual(len(began), 1)
        self.assertTrue(began[0].snapshot and began[0].frame >= 2000)
        self.assertLess(viewer.session.frames_behind, 10)
        self.assertSame(world, viewer, 50)

    def test_fromBeginningTooLate(self) -> None:
        """Who wants frame 0 when it is not kept any more gets a snapshot instead."""
        world = FeedWorld(history_frames=100)
        world.run(500)
        viewer = world.view(from_beginning=True)
        world.run(60)
        self.assertGreaterEqual(viewer.told(FollowingBegan)[0].frame, 500)
        self.assertSame(world, viewer, 20)

    def test_fromBeginningCatchesUp(self) -> None:
        """Who wants frame 0 while it is kept gets all, without a snapshot."""
        world = FeedWorld()
        world.run(400)
        viewer = world.view(from_beginning=True, catchup_speed=8)
        world.run(200)
        self.assertEqual(world.hosts[1].snapshots, 0)
        self.assertLess(viewer.session.frames_behind, 20)
        self.assertEqual([event.frame for event in viewer.confirmed()][:3], [0, 1, 2])
        self.assertSame(world, viewer, 500)

    def test_fallsBehindTheHistory(self) -> None:
        """A spectator without a network for 4 s, with a history of 2 s, goes on from a snapshot."""
        world = FeedWorld(history_frames=120)
        viewer = world.view(from_beginning=True, lost_after=2.0)
        world.run(100)
        world.network.dead[101] = True
        world.run(240)
        world.network.dead.clear()
        world.run(120)
        self.assertEqual(len(viewer.told(HostsLost)), 1)
        self.assertEqual([event.snapshot for event in viewer.told(FollowingBegan)], [False, True])
        self.assertLess(viewer.session.frames_behind, 10)
        self.assertSame(world, viewer, 150)

    def test_slowTransfer(self) -> None:
        """A snapshot that takes longer than the history is long still leads somewhere."""
        world = FeedWorld(padding=60_000, history_frames=60)
        world.run(100)
        viewer = world.view(catchup_speed=8)
        world.run(500)
        self.assertEqual(world.hosts[1].snapshots, 1)
        self.assertLess(viewer.session.frames_behind, 20)
        self.assertSame(world, viewer, 100)

    def test_pausedViewer(self) -> None:
        """Who does not play for a minute takes no more memory, and is taken over the gap."""
        world = FeedWorld()
        viewer = world.view(from_beginning=True)
        world.run(100)
        viewer.paused = True
        world.run(3000)
        self.assertEqual(viewer.session.follower.ready, 1200)
        self.assertLessEqual(len(viewer.session._rows), 1300)
        snapshots = world.hosts[1].snapshots
        viewer.paused = False
        world.run(300)
        self.assertLessEqual(snapshots, 1)
        self.assertLess(viewer.session.frames_behind, 20)
        self.assertSame(world, viewer, 200)


class FailOverTests(SpectatorCase):
    """Done when: several hosts to follow, fail-over between them."""

    def test_atEveryOffset(self) -> None:
        """A host that dies at any frame is replaced; no frame is missing or comes twice."""
        for offset in range(12):
            world = FeedWorld(hosts=(1, 2))
            viewer = world.view(from_beginning=True)
            world.run(60 + offset)
            world.network.dead[1] = True
            world.run(180)
            self.assertEqual(viewer.told(HostChanged), [HostChanged(2, 1)])
            self.assertEqual(viewer.session.follower.host, 2)
            frames = [event.frame for event in viewer.confirmed()]
            self.assertEqual(frames, list(range(len(frames))))
            self.assertLess(viewer.session.frames_behind, 12)
            self.assertSame(world, viewer, 200)
            self.assertEqual(viewer.refused, 0)

    def test_whileBeginning(self) -> None:
        """A host that dies amid a snapshot is replaced, and the snapshot comes from the other."""
        world = FeedWorld(hosts=(1, 2), padding=40_000)
        world.run(700)
        viewer = world.view()
        world.run(20)
        world.network.dead[1] = True
        world.run(300)
        self.assertEqual(viewer.session.follower.host, 2)
        self.assertEqual([host.snapshots for host in world.hosts.values()], [1, 1])
        self.assertSame(world, viewer, 100)

    def test_refused(self) -> None:
        """A host that refuses is left at once; one with another configuration says so."""
        world = FeedWorld(hosts=(1, 2), followers_limit=1)
        other = world.view(102, hosts=(1,), from_beginning=True)
        world.run(10)
        viewer = world.view(hosts=(1, 2), from_beginning=True)
        world.run(30)
        self.assertEqual(viewer.told(HostRefused), [HostRefused(1, NotFedReason.FULL)])
        self.assertEqual(viewer.session.follower.host, 2)
        stranger = world.view(103, digest=b"x" * 16)
        world.run(60)
        reasons = {event.reason for event in stranger.told(HostRefused)}
        self.assertEqual(reasons, {NotFedReason.OTHER_CONFIGURATION})
        self.assertEqual(stranger.frames, {})
        self.assertSame(world, viewer, 50)
        self.assertSame(world, other, 80)

    def test_stuck(self) -> None:
        """A host that is heard but has no news for 5 s, being cut off, is left for the next."""
        world = FeedWorld(hosts=(1, 2))
        viewer = world.view(from_beginning=True)
        world.run(60)
        world.hosts[1].running = False
        world.run(600)
        self.assertEqual(viewer.told(HostChanged), [HostChanged(2, 1)])
        self.assertSame(world, viewer, 600)

    def test_lost(self) -> None:
        """When nobody answers for 10 s that is told once; and it goes on when they are back."""
        world = FeedWorld(hosts=(1, 2))
        viewer = world.view(from_beginning=True)
        world.run(60)
        world.network.dead[101] = True
        world.run(800)
        self.assertEqual(len(viewer.told(HostsLost)), 1)
        self.assertGreaterEqual(viewer.told(HostsLost)[0].silence, 10.0)
        world.network.dead.clear()
        world.run(200)
        self.assertLess(viewer.session.frames_behind, 20)
        self.assertSame(world, viewer, 200)

    def test_contradiction(self) -> None:
        """Two hosts that say different things of one frame: the first stays, the other is told."""
        session = SpectatorSession(SpectatorSettings(2, (1, 2), delay=0, from_beginning=True))
        rows = [((b"a", b""), ()), ((b"b", b""), ())]
        session.packetReceived(1, encodeFeedFrames(0, rows, 2, 2, 2)[0], 0.0)
        other = [((b"a", b""), ()), ((b"x", b""), ()), ((b"y", b""), ())]
        body = encodeFeedFrames(0, other, 3, 3, 2)[0]
        self.assertRaises(RemoteProtocolError, session.packetReceived, 2, body, 0.1)
        session.packetsDue(0.0)
        session.packetsDue(1.5)
        self.assertEqual(session.follower.host, 2)
        self.assertRaises(RemoteProtocolError, session.packetReceived, 2, body, 1.6)
        self.assertEqual(session.statistics.packets_refused, 2)
        session.advance(None, 1.7)
        self.assertEqual(session.advance(None, 1.8), (Advance(1, (b"b", b""), ()),))


class TwoTests(SpectatorCase):
    """Done when: a spectator that leaves disturbs nobody (ggpo#66)."""

    def test_oneLeaves(self) -> None:
        """Of two spectators one dies and one says goodbye; the others see every frame."""
        world = FeedWorld()
        first, second, third = (
            world.view(number, from_beginning=True) for number in (101, 102, 103)
        )
        world.run(100)
        world.network.dead[101] = True
        host = world.hosts[1].broadcast
        for to, body in third.session.follower.leave():
            world.hosts[to].received(103, body, world.now)
        del world.viewers[103]
        self.assertEqual(host.followers, (101, 102))
        world.run(320)
        self.assertEqual(host.followers, (102,))
        self.assertLess(second.session.frames_behind, 10)
        self.assertEqual(second.told(HostChanged), [])
        self.assertSame(world, second, 400)
        self.assertSame(world, first, 90)


class LossTests(SpectatorCase):
    """Done when: on bad links spectators see what the players see."""

    def test_profiles(self) -> None:
        """Loss, jitter, reordering and repeats; the counters of each are above zero."""
        profiles = ((0.05, 0.015, 0.015), (0.15, 0.1, 0.05), (0.25, 0.12, 0.06), (0.02, 0.15, 0.3))
        for seed, (loss, latency, jitter) in enumerate(profiles, 1):
            network = Network(seed, loss, 0.1, latency, jitter)
            world = FeedWorld(hosts=(1, 2), network=network, players=4, padding=500)
            viewer = world.view(from_beginning=True, delay=1.0)
            world.run(300)
            late = world.view(102, delay=1.0)
            world.run(600)
            self.assertGreater(min(network.counters.values()), 0)
            self.assertLess(viewer.session.frames_behind, 150)
            self.assertLess(late.session.frames_behind, 150)
            self.assertSame(world, viewer, 700)
            self.assertSame(world, late, 300)
            self.assertEqual(viewer.refused + late.refused, 0)

    @settings(deadline=None, max_examples=12)
    @given(
        st.integers(0, 2**32),
        st.floats(0, 0.3),
        st.floats(0, 0.2),
        st.floats(0, 0.2),
        st.integers(20, 160),
    )
    def test_anyLink(
        self, seed: int, loss: float, latency: float, jitter: float, death: int
    ) -> None:
        """On any link, with a host that dies at any time, the viewer's states are the players'."""
        network = Network(seed, loss, 0.05, latency, jitter)
        world = FeedWorld(hosts=(1, 2), network=network)
        viewer = world.view(from_beginning=True, fail_over_after=1.5)
        world.run(death)
        network.dead[1] = True
        world.run(600)
        frames = [event.frame for event in viewer.confirmed()]
        self.assertEqual(frames, list(range(len(frames))))
        self.assertSame(world, viewer, 300)

    def test_largestInputs(self) -> None:
        """16 players with 64 new bytes each in every frame, 200 ms there and back: nobody lags."""
        network = Network(1, 0.02, 0.0, 0.1)
        world = FeedWorld(network=network, players=16, script=largest)
        viewer = world.view(from_beginning=True, delay=1.0, catchup_speed=4)
        world.run(900)
        self.assertEqual(world.hosts[1].snapshots, 0)
        self.assertLess(viewer.session.frames_behind, 110)
        self.assertSame(world, viewer, 780)

    def test_cleanLinkRate(self) -> None:
        """On a clean link a spectator costs at most 20 packets a second each way."""
        world = FeedWorld(network=Network(latency=0.05))
        world.view(from_beginning=True)
        world.run(120)
        before = dict(world.network.packets_sent)
        begin = dict(world.network.bytes_sent)
        world.run(600)
        for pair, packets in before.items():
            self.assertLessEqual(world.network.packets_sent[pair] - packets, 201)
        self.assertLess(world.network.bytes_sent[1, 101] - begin[1, 101], 10 * 1600)
