"""Tests of L{gamenet.channel.session_transfer}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.channel.channel import Channel
from gamenet.channel.session_transfer import NOTICE, ChannelTransfer, ChannelTransferSettings
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import TransferArrived
from gamenet.channel.transfers import Acceptance
from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.feed.broadcast import Broadcast
from gamenet.feed.settings import FeedSettings
from gamenet.feed.transfer_outcomes import TransferFailed, TransferFailure, TransferReceived
from gamenet.interfaces import ITransfer
from gamenet.rollback.timeline import Timeline
from gamenet.spectator.session import SpectatorSession
from gamenet.spectator.settings import SpectatorSettings
from gamenet.wire.channel_frames import encodeFrame, encodeHeader
from gamenet.wire.channel_values import Offer
from gamenet.wire.transfer_packets import TransferPurpose
from tests.channel_pair import ChannelPair, content
from tests.feed_world import FRAME, Host, Network, SeatGame, Viewer, committed

SNAPSHOT, STATE, DUMP = TransferPurpose


class SessionPair:
    """
    Peers 1 and 2, each a session's transfer over the channel between them.

    @ivar received: What each peer's session was given, by a notice as a packet.
    @ivar notices: How many notices each got.
    """

    def __init__(self, *, others: Acceptance | None = None, **path: float) -> None:
        self.pair = ChannelPair(4, None, **path)
        rules = ChannelTransferSettings(size_limit=3_000_000)
        self.ends = {1: ChannelTransfer(rules), 2: ChannelTransfer(rules)}
        self.received: dict[int, list[TransferReceived]] = {1: [], 2: []}
        self.notices = {1: 0, 2: 0}
        self.others: list[object] = []
        self.sessions: dict[int, SpectatorSession] = {}
        for peer, end in self.ends.items():
            end.attach(3 - peer, self.pair.ends[peer - 1], others)
            self.pair.owners[peer - 1].received = lambda peer=peer: self.collect(peer)

    def collect(self, peer: int) -> None:
        """What who owns the links does after each packet."""
        end = self.ends[peer]
        collected = end.collect(3 - peer, self.pair.now)
        self.others += collected.others
        for notice in collected.notices:
            self.notices[peer] += 1
            if peer in self.sessions:
                self.sessions[peer].packetReceived(3 - peer, notice, self.pair.now)
                continue
            received = end.packetReceived(3 - peer, notice, self.pair.now)
            if received is not None:
                self.received[peer].append(received)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for owner in self.pair.owners:
            owner.pump()
        self.pair.schedule.run(self.pair.now + seconds)
        for peer in (1, 2):
            self.collect(peer)

    def failures(self) -> list[tuple[TransferFailed, ...]]:
        """Return what failed at both."""
        return [end.drainFailures() for end in self.ends.values()]


class TransferTests(SynchronousTestCase):
    """Large transfers with progress: the C{ITransfer} of the rollback session."""

    def test_interface(self) -> None:
        """It is one; it has nothing to send by itself."""
        transfer = ChannelTransfer()
        self.assertTrue(verifyObject(ITransfer, transfer))
        self.assertEqual(transfer.packetsDue(0.0), ())
        self.assertEqual(transfer.size_limit, 16 << 20)
        self.assertRaises(BadSetting, ChannelTransferSettings, size_limit=0)

    def test_contents(self) -> None:
        """Contents of all purposes come both ways on a bad path, as they are, by notice."""
        sessions = SessionPair(loss=0.1, reordering=0.1, duplication=0.05, jitter=0.02)
        expected = {}
        for peer in (1, 2):
            for purpose in TransferPurpose:
                text = content(30_000 * purpose, peer)
                sessions.ends[peer].send(3 - peer, purpose, 10 + purpose, text, 0.0)
                expected[peer, purpose] = TransferReceived(peer, purpose, 10 + purpose, text)
        self.assertEqual(sessions.ends[1].progress(2), 0.0)
        for _ in range(100):
            sessions.run(0.1)
        for peer in (1, 2):
            came = sorted(sessions.received[peer], key=lambda one: one.purpose)
            self.assertEqual(came, [expected[3 - peer, purpose] for purpose in TransferPurpose])
        self.assertEqual([sessions.ends[n].progress(3 - n) for n in (1, 2)], [None, None])
        self.assertEqual(sessions.failures(), [(), ()])

    def test_progressNotices(self) -> None:
        """While something comes the session is told so, some times a second."""
        sessions = SessionPair(rate=125_000.0)
        sessions.ends[1].send(2, SNAPSHOT, 0, content(240_000), 0.0)
        sessions.run(2.2)
        self.assertEqual(sessions.received[2], [])
        self.assertTrue(25 < sessions.notices[2] < 45, sessions.notices)
        self.assertTrue(0.5 < (sessions.ends[2].progress(1) or 0) < 1)
        self.assertEqual(sessions.notices[1], 0)
        sessions.run(2.0)
        self.assertEqual(len(sessions.received[2]), 1)
        count = sessions.notices[2]
        sessions.run(5.0)
        self.assertEqual(sessions.notices[2], count)

    def test_arrivedCountsAsProgress(self) -> None:
        """What has come and was not taken yet is still under way for the session."""
        pair = ChannelPair()
        transfer, sender = ChannelTransfer(), ChannelTransfer()
        transfer.attach(1, pair.ends[1])
        sender.attach(2, pair.ends[0])
        pair.owners[1].received = lambda: None
        sender.send(2, STATE, 5, b"state", 0.0)
        for owner in pair.owners:
            owner.pump()
        pair.schedule.run(1.0)
        self.assertEqual(transfer.collect(1, 1.0).notices, (NOTICE,))
        self.assertEqual(transfer.progress(1), 1.0)
        received = transfer.packetReceived(1, NOTICE, 1.0)
        self.assertEqual(received, TransferReceived(1, STATE, 5, b"state"))
        self.assertIsNone(transfer.progress(1))
        self.assertIsNone(transfer.packetReceived(1, NOTICE, 1.0))

    def test_expect(self) -> None:
        """What is not expected is refused at once; what is no longer is given up."""
        sessions = SessionPair(rate=125_000.0)
        sessions.ends[2].expect([(1, SNAPSHOT), (3, STATE)])
        for purpose in (SNAPSHOT, STATE):
            sessions.ends[1].send(2, purpose, 0, content(100_000), 0.0)
        sessions.run(0.5)
        gone = TransferFailure.GIVEN_UP
        self.assertEqual(sessions.failures(), [(TransferFailed(2, STATE, gone, True),), ()])
        sessions.ends[2].expect([(1, SNAPSHOT), (3, STATE)])
        self.assertIsNotNone(sessions.ends[2].progress(1))
        sessions.ends[2].expect([])
        self.assertIsNone(sessions.ends[2].progress(1))
        sessions.run(0.5)
        self.assertEqual(sessions.failures(), [(TransferFailed(2, SNAPSHOT, gone, True),), ()])

    def test_cancelAndForget(self) -> None:
        """Ended on one side, the other is told; then a new one comes."""
        for forgotten in (False, True):
            sessions = SessionPair(rate=125_000.0)
            sessions.ends[1].send(2, SNAPSHOT, 0, content(100_000), 0.0)
            sessions.run(0.5)
            end = sessions.ends[1]
            (end.forget if forgotten else end.cancel)(2)
            self.assertIsNone(end.progress(2))
            sessions.run(0.5)
            told = TransferFailed(1, SNAPSHOT, TransferFailure.GIVEN_UP, False)
            self.assertEqual(sessions.failures(), [(), (told,)])
            end.send(2, SNAPSHOT, 4, b"new", sessions.pair.now)
            sessions.run(0.5)
            self.assertEqual([one.frame for one in sessions.received[2]], [4])
        sessions.ends[1].cancel(9)
        sessions.ends[1].forget(9)
        self.assertIsNone(sessions.ends[1].progress(9))

    def test_newProcess(self) -> None:
        """A peer that came back has another channel; nothing of the old one is left."""
        sessions = SessionPair(rate=125_000.0)
        sessions.ends[2].send(1, SNAPSHOT, 0, content(100_000), 0.0)
        sessions.run(0.5)
        sessions.ends[1].attach(2, Channel())
        self.assertIsNone(sessions.ends[1].progress(2))
        sessions.ends[1].detach(2)
        self.assertEqual(sessions.ends[1].collect(2, 1.0).notices, ())

    def test_others(self) -> None:
        """Other labels are the links' owner's: refused unless it takes them."""
        for others, count in ((None, 0), (lambda offer: None, 1)):
            sessions = SessionPair(others=others)
            sessions.pair.ends[0].beginTransfer(16, b"log", b"snapshot", 0.0)
            sessions.run(1.0)
            arrived = [one for one in sessions.others if isinstance(one, TransferArrived)]
            self.assertEqual(arrived, [TransferArrived(16, b"log", b"snapshot")] * count)
            self.assertEqual(sessions.received[2], [])
            self.assertIsNone(sessions.ends[1].progress(2))


class SpectatorTests(SynchronousTestCase):
    """A session that looks on gets its snapshot over the channel."""

    def test_snapshot(self) -> None:
        """Of 400 kB over 4 Mbit/s: asked for, waited for, restored, and the match followed."""
        pair = SessionPair(rate=500_000.0, loss=0.01)
        host = Host(FeedSettings(players=2), 1, padding=25_000)
        host.transfer = pair.ends[1]
        host.broadcast = Broadcast(host.broadcast.settings, pair.ends[1])
        host.commit(600)
        chosen = SpectatorSettings(players=2, hosts=(1,), delay=0.0)
        session = pair.sessions[2] = SpectatorSession(chosen, pair.ends[2])
        viewer = Viewer(chosen)
        viewer.session = session
        viewer.timeline = Timeline(viewer.game, session)
        network = Network()
        for tick in range(400):
            now = tick * FRAME
            for source, _, body in network.due(now):
                (host if source == 2 else viewer).received(source, body, now)
            host.commit()
            for _, body in host.packetsDue(now):
                network.send(1, 2, body, now)
            viewer.tick(now)
            for _, body in session.packetsDue(now):
                network.send(2, 1, body, now)
            pair.run(FRAME)
        self.assertEqual(host.snapshots, 1)
        self.assertEqual(viewer.refused, 0)
        self.assertGreater(pair.notices[2], 10)
        self.assertGreater(viewer.game.frame, 900)
        self.assertEqual(viewer.game.state, self.stateAt(viewer.game.frame))

    def stateAt(self, frame: int) -> bytes:
        """Return the state that the match was in before a frame."""
        game = SeatGame(25_000)
        for number in range(frame):
            game.advanceSeated(*committed(number, 2, 1))
        return game.state


class LimitTests(SynchronousTestCase):
    """Each limit is reached; what cannot be sent does not stop the session."""

    def test_nobody(self) -> None:
        """To who has no channel, or one that has failed or is full, it fails at once."""
        transfer = ChannelTransfer()
        transfer.send(2, STATE, 0, b"x", 0.0)
        busy = TransferFailure.BUSY
        self.assertEqual(transfer.drainFailures(), (TransferFailed(2, STATE, busy, True),))
        transfer.attach(2, Channel(ChannelSettings(transfers_limit=1)))
        transfer.send(2, STATE, 0, b"x", 0.0)
        transfer.send(2, DUMP, 0, b"x", 0.0)
        self.assertEqual(transfer.drainFailures(), (TransferFailed(2, DUMP, busy, True),))

    def test_misuse(self) -> None:
        """Numbers out of bounds and contents too long are our own mistake."""
        transfer = ChannelTransfer(ChannelTransferSettings(size_limit=10))
        transfer.attach(1, Channel())
        for purpose, frame, text in (
            (3, 0, b""), (0, -1, b""), (0, 0xFFFFFFFF, b""), (0, 0, bytes(11)), (0, 0, "text"),
        ):
            self.assertRaises(LocalProtocolError, transfer.send, 1, purpose, frame, text, 0.0)

    def test_failures(self) -> None:
        """Failures that nobody drains are bounded; the oldest go."""
        transfer = ChannelTransfer(ChannelTransferSettings(failures_limit=3))
        for peer in range(9):
            transfer.send(peer, STATE, 0, b"", 0.0)
        self.assertEqual([one.peer for one in transfer.drainFailures()], [6, 7, 8])

    def test_incomingLimits(self) -> None:
        """Offers that are too large, too much from all together, or name no frame."""
        rules = ChannelTransferSettings(size_limit=1_000, incoming_limit=1_500)
        transfer = ChannelTransfer(rules)
        channels = [Channel(), Channel()]
        for peer, channel in enumerate(channels):
            transfer.attach(peer, channel)

        def offer(end: Channel, number: int, size: int, header: bytes) -> int:
            frame = Offer(number, number % 3, size, bytes(16), header)
            end.packetReceived(encodeHeader(number) + encodeFrame(frame), 0.0)
            return len(end.incomingTransfers)

        frame = bytes(4)
        self.assertEqual(offer(channels[0], 1, 1_001, frame), 0)
        self.assertEqual(offer(channels[0], 2, 1_000, b"\x00"), 0)
        self.assertEqual(offer(channels[0], 3, 1_000, b"\xff" * 4), 0)
        self.assertEqual(offer(channels[0], 4, 1_000, frame), 1)
        self.assertEqual(offer(channels[1], 1, 501, frame), 0)
        self.assertEqual(offer(channels[1], 2, 500, frame), 1)

    def test_packets(self) -> None:
        """Bad input: the packets of a transfer without a channel, and forged notices."""
        transfer = ChannelTransfer()
        transfer.attach(1, Channel())
        for body in (b"", b"\x40" + bytes(33), b"\x41", NOTICE + b"x"):
            self.assertRaises(RemoteProtocolError, transfer.packetReceived, 1, body, 0.0)
        self.assertIsNone(transfer.packetReceived(1, NOTICE, 0.0))
        self.assertIsNone(transfer.packetReceived(2, NOTICE, 0.0))

    def test_checksumOnce(self) -> None:
        """A content that goes to many is read through once."""
        transfer = ChannelTransfer()
        text = content(1_000)
        channels = [Channel() for _ in range(3)]
        for peer, channel in enumerate(channels):
            transfer.attach(peer, channel)
            transfer.send(peer, SNAPSHOT, 0, text, 0.0)
        sums = [channel.checksumOf(text) for channel in channels]
        self.assertIs(sums[0], sums[1])
        self.assertIs(sums[0], sums[2])
        self.assertIsNone(channels[0].checksumOf(bytes(1_000)))
