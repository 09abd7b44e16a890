"""Tests of L{gamenet.feed.broadcast}."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.feed.broadcast import Broadcast
from gamenet.feed.settings import FeedSettings
from gamenet.feed.transfer import DatagramTransfer
from gamenet.wire.feed_packets import (
    FeedFrames,
    Follow,
    NotFed,
    NotFedReason,
    decodeFeedPacket,
    encodeFollow,
    encodeNotFed,
    encodeUnfollow,
)

DIGEST = bytes(16)


class BroadcastCase(SynchronousTestCase):
    """A host of two players."""

    def make(self, **chosen: float) -> Broadcast:
        self.transfer = DatagramTransfer()
        self.number = 0
        self.broadcast = Broadcast(FeedSettings(2, **chosen), self.transfer)
        return self.broadcast

    def commit(self, count: int, size: int = 1) -> None:
        for _ in range(count):
            frame = self.broadcast.committed
            text = frame.to_bytes(4, "big")[-1:] * size
            self.broadcast.frameCommitted(frame, (text, b""))

    def follow(self, wanted: int | None, now: float, follower: int = 20, **more: object) -> None:
        self.number += 1
        follow = Follow(DIGEST, self.number, wanted, **more)
        self.broadcast.received(follower, encodeFollow(follow), now)

    def due(self, now: float) -> list[FeedFrames | NotFed]:
        return [decodeFeedPacket(body) for _, body in self.broadcast.packetsDue(now)]


class FramesTests(BroadcastCase):
    """What a follower is sent."""

    def test_upToDate(self) -> None:
        """One packet per 1/20 s, with all that is not acknowledged."""
        self.make()
        self.follow(0, 0.0)
        self.commit(3)
        self.assertEqual([len(packet.rows) for packet in self.due(0.0)], [3])
        self.commit(3)
        self.assertEqual(self.due(0.03), [])
        self.assertEqual([len(packet.rows) for packet in self.due(0.05)], [6])
        self.follow(6, 0.1)
        self.assertEqual(self.due(0.1), [])
        self.commit(1)
        (packet,) = self.due(0.1)
        self.assertEqual((packet.first_frame, packet.committed, len(packet.rows)), (6, 7, 1))
        self.assertEqual(self.broadcast.followers, (20,))

    def test_again(self) -> None:
        """What is not acknowledged goes again, each time later; then signs of life."""
        self.make(longest_timeout=1.0)
        self.follow(0, 0.0)
        self.commit(3)
        times = [n / 100 for n in range(300) if any(p.rows for p in self.due(n / 100))]
        gaps = [round(later - earlier, 2) for earlier, later in pairwise(times)]
        for gap, wanted in zip(gaps, [0.3, 0.6, 1.0, 1.0], strict=True):
            self.assertTrue(wanted <= gap < wanted + 0.06, gaps)

    def test_window(self) -> None:
        """Who catches up gets 16 packets, and more when they are acknowledged."""
        self.make()
        self.commit(500, 60)
        self.follow(0, 0.0)
        packets = self.due(0.0)
        self.assertEqual(len(packets), 16)
        ends = [packet.first_frame + len(packet.rows) for packet in packets]
        self.assertEqual([packet.first_frame for packet in packets], [0, *ends[:-1]])
        self.assertEqual(self.due(0.01), [])
        self.follow(ends[1], 0.02)
        more = self.due(0.02)
        self.assertEqual([more[0].first_frame, len(more)], [ends[-1], 2])
        self.assertEqual(self.due(2.0)[0].first_frame, ends[1])

    def test_signsOfLife(self) -> None:
        """Five packets a second where there is nothing to say."""
        self.make()
        self.follow(None, 0.0)
        self.assertEqual(sum(len(self.due(n / 100)) for n in range(100)), 5)
        self.follow(5, 1.0)
        (packet,) = self.due(1.2)
        self.assertEqual((packet.first_frame, packet.committed, packet.rows), (0, 0, ()))

    def test_paused(self) -> None:
        """Who is paused gets neither frames nor snapshots."""
        self.make()
        self.commit(10)
        self.follow(None, 0.0, paused=True)
        self.assertFalse(self.broadcast.snapshotWanted)
        self.follow(0, 0.0, paused=True)
        self.assertEqual([packet.rows for packet in self.due(0.2)], [()])

    def test_oldFollow(self) -> None:
        """A FOLLOW that was overtaken says nothing."""
        self.make()
        self.commit(10)
        self.follow(5, 0.0)
        self.number = 0
        self.follow(None, 0.0)
        self.assertFalse(self.broadcast.snapshotWanted)

    def test_currentFrame(self) -> None:
        """The host's current frame is told, as the owner says."""
        self.make()
        self.commit(2)
        self.follow(0, 0.0)
        self.broadcast.current_frame = 9
        self.assertEqual(self.due(0.0)[0].current_frame, 9)


class SnapshotTests(BroadcastCase):
    """Who needs a snapshot, and gets it."""

    def test_wanted(self) -> None:
        """Wanted by who has nothing, or wants what is not kept; given once."""
        self.make(history_frames=100)
        self.commit(300)
        self.assertFalse(self.broadcast.snapshotWanted)
        self.follow(None, 0.0)
        self.follow(0, 0.0, 21)
        self.follow(290, 0.0, 22)
        self.assertTrue(self.broadcast.snapshotWanted)
        self.assertRaises(LocalProtocolError, self.broadcast.snapshotTaken, 301, b"s", 0.0)
        oldest = self.broadcast.oldest_frame
        self.assertRaises(LocalProtocolError, self.broadcast.snapshotTaken, oldest - 1, b"s", 0.0)
        self.broadcast.snapshotTaken(250, b"state", 0.0)
        self.assertFalse(self.broadcast.snapshotWanted)
        self.assertEqual([peer for peer, _ in self.transfer.packetsDue(0.0)], [20, 21])
        self.follow(250, 0.1)
        self.assertEqual(len(self.due(0.1)[0].rows), 50)

    def test_beforeTheFirstFrame(self) -> None:
        """Before anything is committed snapshot 0 will do."""
        self.make()
        self.follow(None, 0.0)
        self.broadcast.snapshotTaken(0, b"state", 0.0)
        self.assertFalse(self.broadcast.snapshotWanted)

    def test_lost(self) -> None:
        """When the transfer has ended and the follower has nothing, another one is wanted."""
        self.make()
        self.commit(5)
        self.follow(None, 0.0)
        self.broadcast.snapshotTaken(5, b"state", 0.0)
        self.due(0.0)
        self.transfer.cancel(20)
        for now in (0.1, 0.5, 1.0):
            self.follow(None, now)
            self.due(now)
            self.assertFalse(self.broadcast.snapshotWanted)
        self.follow(None, 1.2)
        self.due(1.2)
        self.assertTrue(self.broadcast.snapshotWanted)

    def test_silent(self) -> None:
        """Who was not heard for a second is sent no snapshot."""
        self.make()
        self.follow(None, 0.0)
        self.due(1.1)
        self.assertFalse(self.broadcast.snapshotWanted)
        self.follow(None, 1.2)
        self.assertTrue(self.broadcast.snapshotWanted)

    def test_history(self) -> None:
        """The history is longer while a snapshot is under way, and never longer than it may be."""
        self.make(history_frames=100, snapshot_frames=200, snapshot_interval=0.5)
        self.commit(300)
        self.assertLessEqual(len(self.broadcast._rows), 164)
        self.follow(None, 0.0)
        self.broadcast.snapshotTaken(300, b"state", 0.0)
        self.commit(150)
        self.follow(300, 0.0)
        self.commit(100)
        self.assertEqual(self.due(0.1)[0].first_frame, 300)
        self.commit(400)
        self.assertLessEqual(len(self.broadcast._rows), 364)
        self.assertFalse(self.broadcast.snapshotWanted)
        self.due(0.5)
        self.assertTrue(self.broadcast.snapshotWanted)
        self.follow(940, 0.6)
        self.commit(70)
        self.assertLessEqual(len(self.broadcast._rows), 164)


class FollowersTests(BroadcastCase):
    """Who may follow."""

    def test_limit(self) -> None:
        """The seventeenth is refused; when one left there is room."""
        self.make()
        for follower in range(101, 118):
            self.follow(0, 0.0, follower)
        self.assertEqual(len(self.broadcast.followers), 16)
        self.assertEqual(self.due(0.0)[0], NotFed(NotFedReason.FULL))
        self.broadcast.received(101, encodeUnfollow(), 0.0)
        self.follow(0, 0.0, 117)
        self.assertIn(117, self.broadcast.followers)
        for follower in range(200, 300):
            self.follow(0, 0.0, follower)
        self.assertEqual(sum(isinstance(packet, NotFed) for packet in self.due(0.0)), 16)

    def test_timeout(self) -> None:
        """Who is silent for 5 s is no follower any more."""
        self.make()
        self.follow(0, 0.0)
        self.follow(0, 1.0, 21)
        self.due(4.9)
        self.assertEqual(len(self.broadcast.followers), 2)
        self.due(5.0)
        self.assertEqual(self.broadcast.followers, (21,))

    def test_stop(self) -> None:
        """Done when: one leaving, or all being sent away, disturbs nobody else."""
        self.make()
        self.follow(0, 0.0)
        self.follow(0, 0.0, 21)
        self.broadcast.remove(20)
        self.broadcast.remove(99)
        self.assertEqual(self.broadcast.followers, (21,))
        self.assertIn(NotFed(NotFedReason.NOT_FOLLOWING), self.due(0.0))
        self.broadcast.stop()
        self.follow(0, 0.1)
        self.assertEqual(self.broadcast.followers, ())
        self.assertEqual(self.due(0.1), [NotFed(NotFedReason.NOT_FOLLOWING)] * 2)

    def test_configuration(self) -> None:
        """Who has another configuration is refused, also in the middle of it."""
        self.make()
        self.follow(0, 0.0)
        self.broadcast.received(20, encodeFollow(Follow(b"x" * 16, 9, 0)), 0.0)
        self.assertEqual(self.broadcast.followers, ())
        self.assertEqual(self.due(0.0), [NotFed(NotFedReason.OTHER_CONFIGURATION)])

    def test_playerKeepsItsTransfers(self) -> None:
        """A player who follows no more keeps its other transfers, a spectator does not."""
        self.make()
        for follower, kept in ((3, True), (30, False)):
            self.follow(0, 0.0, follower)
            self.transfer.send(follower, 1, 0, b"state", 0.0)
            self.broadcast.received(follower, encodeUnfollow(), 0.0)
            self.assertEqual(self.transfer.progress(follower) is not None, kept)


class MisuseTests(BroadcastCase):
    """Bad input, and our own mistakes."""

    def test_frames(self) -> None:
        """Frames are committed one after the other, from any first one on."""
        self.make()
        for frame, inputs in ((-1, (b"", b"")), (0, (b"",)), (0, (b"", b"x" * 65))):
            self.assertRaises(LocalProtocolError, self.broadcast.frameCommitted, frame, inputs)
        self.broadcast.frameCommitted(700, (b"", b""))
        self.assertEqual(self.broadcast.oldest_frame, 700)
        for frame in (700, 702):
            self.assertRaises(
                LocalProtocolError, self.broadcast.frameCommitted, frame, (b"", b"")
            )

    def test_packets(self) -> None:
        """A follower sends nothing that only a host may."""
        self.make()
        body = encodeNotFed(NotFedReason.FULL)
        self.assertRaises(RemoteProtocolError, self.broadcast.received, 20, body, 0.0)

    def test_settings(self) -> None:
        """Settings that cannot work are refused by name."""
        for bad in ({"players": 17}, {"followers_limit": -1}, {"digest": b""}):
            self.assertRaises(BadSetting, FeedSettings, **({"players": 2} | bad))

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.tuples(st.integers(0x30, 0x33), st.binary(max_size=30)), max_size=8))
    def test_anyBytes(self, bodies: list[tuple[int, bytes]]) -> None:
        """Every byte string is refused by name or is taken; another follower is fed on."""
        self.make()
        self.follow(0, 0.0)
        for kind, rest in bodies:
            try:
                self.broadcast.received(30, bytes([kind]) + rest, 0.0)
            except RemoteProtocolError:
                continue
        self.commit(3)
        self.assertIn(20, self.broadcast.followers)
        sent = [packet for packet in self.due(0.0) if isinstance(packet, FeedFrames)]
        self.assertIn(3, [len(packet.rows) for packet in sent])

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.integers(0, 2**31) | st.none(), max_size=30))
    def test_anyAcknowledgement(self, wanted: list[int | None]) -> None:
        """Whatever a follower says that it has, it gets the frames that it wants next."""
        self.make()
        self.commit(100)
        now = 0.0
        for frame in (*wanted, 60):
            now += 0.35
            self.follow(frame, now)
            packets = self.due(now)
            if packets and packets[0].rows:
                self.assertEqual(packets[0].first_frame, frame)
            self.assertLessEqual(len(packets), 16)
        while not (packets and packets[0].rows):
            now += 0.25
            self.assertLess(now, 60)
            packets = self.due(now)
            self.follow(60, now)
        self.assertEqual((packets[0].first_frame, len(packets[0].rows)), (60, 40))
