"""Bad input of hosts, of followers and of who sends contents: L{gamenet.feed}."""

from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed import transfer as transfer_module
from gamenet.feed.events import FollowingBegan
from gamenet.feed.transfer import DatagramTransfer, TransferReceived, TransferSettings
from gamenet.spectator.stream_delay import StreamDelay
from gamenet.wire.feed_packets import encodeFeedFrames
from gamenet.wire.transfer_packets import (
    CHUNK_BYTES,
    Chunk,
    Offer,
    Receipt,
    Refusal,
    RefusalReason,
    TransferPurpose,
    decodeTransferPacket,
    encodeTransferPacket,
)
from tests.feed_world import FeedWorld
from tests.test_rollback_feed import BroadcastCase
from tests.test_rollback_follower import FollowerCase, frames

SNAPSHOT, STATE, DUMP = TransferPurpose


class LyingHostTests(FollowerCase):
    """A host that lies does so no longer than it is asked."""

    def test_impossiblePresent(self) -> None:
        """Bad input: a host that plays further ahead of what is committed than anybody can."""
        self.make()
        body = encodeFeedFrames(0, [], 10, 10 + 1025, 2)[0]
        self.assertRaises(RemoteProtocolError, self.follower.packetReceived, 1, body, 0.0)
        self.assertEqual((self.follower.committed_frame, self.follower.host_frame), (-1, 0))

    def test_forgotten(self) -> None:
        """Bad input: frames committed that never come: the next host is believed instead."""
        self.make(stuck_after=2.0)
        self.due(0.0)
        self.hear(0, 5)
        body = encodeFeedFrames(5, [], 1 << 30, 1 << 30, 2)[0]
        for tick in range(1, 22):
            self.follower.packetReceived(1, body, tick / 10)
            self.due(tick / 10)
        self.assertEqual(self.follower.host, 2)
        self.assertEqual(self.follower.committed_frame, (1 << 30) - 1)
        self.hear(5, 9, 2, 2.2)
        self.assertEqual((self.follower.committed_frame, self.follower.host_frame), (8, 9))
        self.hear(5, 8, 2, 2.3)
        self.assertEqual(self.follower.committed_frame, 8)

    def test_impossibleSnapshot(self) -> None:
        """Bad input: a state of a frame that is not committed, or behind the last frame."""
        self.make(from_beginning=False, last_frame=599)
        self.due(0.0)
        self.hear(90, 90)
        for frame in (10**6, 1 << 31, 601, 90 + 1025):
            self.assertFalse(self.follower.snapshotReceived(self.snapshot(frame), 0.1), frame)
        self.assertIsNone(self.follower.next_wanted)
        self.assertTrue(self.follower.snapshotReceived(self.snapshot(90), 0.2))

    def test_snapshotOfTheFuture(self) -> None:
        """
        Bad input: a host says that so much is committed, and gives a state of that: when all
        others are that far behind it, we begin anew.
        """
        self.make(from_beginning=False, stuck_after=2.0)
        self.due(0.0)
        body = encodeFeedFrames(10**6, [], 10**6, 10**6, 2)[0]
        self.follower.packetReceived(1, body, 0.0)
        self.assertTrue(self.follower.snapshotReceived(self.snapshot(10**6), 0.1))
        self.follower.takeSnapshot()
        for tick in range(2, 100):
            now = tick / 10
            if self.follower.host == 1:
                self.follower.packetReceived(1, body, now)
            else:
                self.hear(tick * 6, tick * 6, self.follower.host, now)
            self.due(now)
            if self.follower.next_wanted is None:
                break
        self.assertIsNone(self.follower.next_wanted)
        self.due(10.0)
        host = self.follower.host
        if host == 1:
            self.due(11.0)
            host = self.follower.host
        self.hear(700, 700, host, 11.0)
        self.assertTrue(self.follower.snapshotReceived(self.snapshot(700, host), 11.1))
        self.follower.takeSnapshot()
        self.hear(700, 720, host, 11.2)
        self.assertEqual(self.taken(), list(range(700, 720)))
        began = [one for one in self.follower.drainEvents() if isinstance(one, FollowingBegan)]
        self.assertEqual([one.frame for one in began], [10**6, 700])

    def test_slowHosts(self) -> None:
        """Hosts that are a little behind, or silent, are no reason to begin anew."""
        self.make(stuck_after=2.0)
        self.due(0.0)
        self.hear(0, 900)
        known = len(self.taken())
        for tick in range(200):
            now = tick / 10
            if tick % 50 > 20:
                self.follower.packetReceived(self.follower.host, frames(0, 0, 5), now)
            self.due(now)
        self.assertEqual(self.follower.next_wanted, known)

    def test_delay(self) -> None:
        """Bad input: a spectator's delay is there again once another host is followed."""
        delay = StreamDelay(2.0)
        delay.heard(100, 0.0)
        delay.heard(1 << 31, 0.1)
        self.assertEqual(delay.playable(2.5), 1 << 31)
        delay.heard(200, 3.0)
        self.assertEqual(delay.playable(3.0), 200)
        delay.heard(260, 4.0)
        self.assertEqual(delay.playable(5.9), 200)
        delay.heard(1 << 31, 6.0)
        delay.heard(300, 6.1)
        self.assertEqual([delay.playable(now) for now in (6.0, 8.2)], [260, 300])


class FollowersTests(BroadcastCase):
    """Followers that cost their host as much as they can."""

    def test_checksumOnce(self) -> None:
        """Bad input: many want a state at once: its checksum is computed once for all."""
        self.make()
        self.commit(700)
        for follower in range(20, 36):
            self.follow(None, 0.0, follower)
        with mock.patch.object(
            transfer_module, "blake2b", side_effect=transfer_module.blake2b
        ) as computed:
            self.broadcast.snapshotTaken(700, b"the state", 0.0)
        self.assertEqual(computed.call_count, 1)
        offers = [decodeTransferPacket(body) for _, body in self.transfer.packetsDue(0.0)]
        self.assertEqual(len({offer.checksum for offer in offers}), 1)
        self.assertEqual(len(offers), 16)

    def test_noRoom(self) -> None:
        """A limit: more followers than transfers: those left over get the next snapshot."""
        self.make(followers_limit=100)
        self.transfer = DatagramTransfer(TransferSettings(peers_limit=3))
        self.broadcast._transfer = self.transfer
        self.commit(700)
        for follower in range(20, 25):
            self.follow(None, 0.0, follower)
        self.broadcast.snapshotTaken(700, b"state", 0.0)
        offered = [peer for peer, _ in self.transfer.packetsDue(0.0)]
        self.assertEqual(offered, [20, 21, 22])
        self.due(0.5)
        for follower in offered:
            self.transfer.forget(follower)
            self.broadcast.remove(follower)
        for follower in (23, 24):
            self.follow(None, 0.9, follower)
        self.due(1.0)
        self.assertTrue(self.broadcast.snapshotWanted)
        self.broadcast.snapshotTaken(700, b"state", 1.0)
        self.assertEqual([peer for peer, _ in self.transfer.packetsDue(1.0)], [23, 24])
        self.assertRaises(
            LocalProtocolError, self.broadcast.snapshotTaken, 700, bytes(5 << 20), 3.0
        )

    def test_snapshotInterval(self) -> None:
        """Bad input: whoever leaves and asks again waits, and is given the next one with all."""
        self.make()
        self.commit(700)
        self.follow(None, 0.0)
        self.broadcast.snapshotTaken(700, b"state", 0.0)
        self.broadcast.remove(20)
        for follower in (20, 21):
            self.follow(None, 0.5, follower)
        self.assertFalse(self.broadcast.snapshotWanted)
        self.due(1.0)
        self.assertTrue(self.broadcast.snapshotWanted)
        self.broadcast.snapshotTaken(700, b"state", 1.0)
        offered = [peer for peer, body in self.transfer.packetsDue(1.0) if body[0] == 0x40]
        self.assertEqual(offered, [20, 21])


class OfferTests(SynchronousTestCase):
    """Offers that nobody asked for."""

    def offer(self, peer: int, purpose: TransferPurpose = SNAPSHOT, size: int = 4 << 20) -> object:
        """Let a peer offer something; return the answer."""
        offer = Offer(purpose, 1, 0, size, bytes(16))
        self.end.packetReceived(peer, encodeTransferPacket(offer), 0.0)
        ((to, body),) = self.end.packetsDue(0.0)
        self.assertEqual(to, peer)
        return decodeTransferPacket(body)

    def setUp(self) -> None:
        self.end = DatagramTransfer()
        self.end.expect([(1, SNAPSHOT), (2, STATE)])

    def test_unexpected(self) -> None:
        """Bad input: offers of other peers or purposes are refused and reserve nothing."""
        for peer in range(3, 16):
            for purpose in (SNAPSHOT, STATE, DUMP):
                told = Refusal(purpose, 1, RefusalReason.NOT_WANTED)
                self.assertEqual(self.offer(peer, purpose), told)
                self.assertIsNone(self.end.progress(peer))
        self.assertEqual(self.offer(1), Receipt(SNAPSHOT, 1, 0, 0))
        self.assertEqual(self.offer(2, STATE), Receipt(STATE, 1, 0, 0))

    def test_noMoreExpected(self) -> None:
        """What is not wanted any more is given up, and its sender told."""
        self.offer(1)
        self.end.expect([(2, SNAPSHOT)])
        self.assertIsNone(self.end.progress(1))
        ((_, body),) = self.end.packetsDue(0.0)
        self.assertEqual(
            decodeTransferPacket(body), Refusal(SNAPSHOT, 1, RefusalReason.NOT_WANTED)
        )
        self.assertEqual(self.offer(2), Receipt(SNAPSHOT, 1, 0, 0))

    def test_reserved(self) -> None:
        """Bad input: contents that never come leave room for those that do, up to the limit."""
        rules = TransferSettings(incoming_limit=1 << 20)
        self.end = DatagramTransfer(rules)
        for peer in range(1, 11):
            self.assertEqual(self.offer(peer), Receipt(SNAPSHOT, 1, 0, 0))
        chunk = bytes(CHUNK_BYTES)
        ended: TransferReceived | None = None
        index = 0
        while self.end.progress(10) is not None:
            body = encodeTransferPacket(Chunk(SNAPSHOT, 1, index, chunk))
            ended = self.end.packetReceived(10, body, 0.0)
            index += 1
        self.assertIsNone(ended)
        self.assertEqual(index, (1 << 20) // CHUNK_BYTES + 1)
        answers = [decodeTransferPacket(body) for to, body in self.end.packetsDue(0.0) if to == 10]
        self.assertEqual(answers, [Refusal(SNAPSHOT, 1, RefusalReason.BUSY)])

    def test_spectator(self) -> None:
        """Bad input: a spectator takes a state from the host that it follows, and no other."""
        world = FeedWorld((1, 2), history_frames=100)
        viewer = world.view()
        for _ in range(30):
            world.tick()
        offer = encodeTransferPacket(Offer(SNAPSHOT, 9, 5, 4 << 20, bytes(16)))
        viewer.received(2, offer, world.now)
        self.assertIsNone(viewer.session.transfer.progress(2))
