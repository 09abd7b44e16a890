"""Tests of L{gamenet.feed.follower}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, RemoteProtocolError
from gamenet.feed.events import FollowingBegan, HostChanged, HostRefused, HostsLost
from gamenet.feed.follower import Follower
from gamenet.feed.settings import FollowerSettings
from gamenet.feed.transfer import TransferReceived
from gamenet.wire.feed_packets import (
    FeedRow,
    Follow,
    NotFedReason,
    Unfollow,
    decodeFeedPacket,
    encodeFeedFrames,
    encodeFollow,
    encodeNotFed,
)
from gamenet.wire.transfer_packets import TransferPurpose


def row(frame: int) -> FeedRow:
    """The inputs of a frame, and who is absent."""
    return (bytes([frame % 256]), b""), ((2,) if frame % 2 else ())


def frames(first: int, end: int, committed: int | None = None) -> bytes:
    """A packet of frames."""
    rows = [row(frame) for frame in range(first, end)]
    newest = end if committed is None else committed
    return encodeFeedFrames(first, rows, newest, newest, 2)[0]


class FollowerCase(SynchronousTestCase):
    """A follower of hosts 1, 2 and 3."""

    def make(self, hosts: tuple[int, ...] = (1, 2, 3), **chosen: float) -> Follower:
        rules = {"players": 2, "from_beginning": True} | chosen
        self.follower = Follower(FollowerSettings(**rules), hosts)
        return self.follower

    def hear(self, first: int, end: int, host: int = 1, now: float = 0.0) -> None:
        self.follower.packetReceived(host, frames(first, end), now)

    def due(self, now: float) -> list[tuple[int, object]]:
        return [(host, decodeFeedPacket(body)) for host, body in self.follower.packetsDue(now)]

    def taken(self) -> list[int]:
        taken = self.follower.take(10_000)
        for frame, inputs, absent in taken:
            self.assertEqual((inputs, absent), row(frame))
        return [frame for frame, _, _ in taken]

    def snapshot(self, frame: int, host: int = 1) -> TransferReceived:
        return TransferReceived(host, TransferPurpose.SNAPSHOT, frame, b"state")


class FramesTests(FollowerCase):
    """Each frame once, in order."""

    def test_inOrder(self) -> None:
        """Frames that come late, twice or too early are given once and in order."""
        self.make()
        self.hear(3, 6)
        self.assertEqual(self.taken(), [])
        self.hear(0, 2)
        self.hear(0, 2)
        self.assertEqual(self.taken(), [0, 1])
        self.hear(1, 4)
        self.assertEqual(self.taken(), [2, 3, 4, 5])
        self.assertEqual(self.follower.committed_frame, 5)
        self.assertEqual(self.follower.host_frame, 6)
        self.assertEqual(self.follower.drainEvents(), (FollowingBegan(0, False),))

    def test_take(self) -> None:
        """Not more than asked for."""
        self.make()
        self.hear(0, 9)
        self.assertEqual([frame for frame, _, _ in self.follower.take(4)], [0, 1, 2, 3])
        self.assertEqual(self.follower.ready, 5)

    def test_readyLimit(self) -> None:
        """What nobody takes is bounded, and the host is told to pause."""
        self.make(ready_limit=10, early_limit=10, follow_interval=0.05)
        self.due(0.0)
        self.hear(0, 8)
        self.hear(8, 30)
        self.assertEqual(self.follower.ready, 10)
        self.hear(10, 30)
        self.assertLessEqual(len(self.follower._early), 11)
        (packet,) = self.due(0.1)
        self.assertEqual((packet[1].next_wanted, packet[1].paused), (10, True))
        self.taken()
        self.hear(10, 12)
        self.assertEqual(self.taken()[:2], [10, 11])

    def test_earlyLimit(self) -> None:
        """Frames too far ahead are not kept."""
        self.make(early_limit=20)
        self.hear(15, 30)
        self.hear(10_000, 10_100)
        self.assertEqual(sorted(self.follower._early), list(range(15, 21)))

    def test_comparedLimit(self) -> None:
        """Frames that were taken are forgotten after a while."""
        self.make(compared_limit=100)
        for first in range(0, 2000, 50):
            self.hear(first, first + 50)
            self.taken()
        self.assertLess(len(self.follower._rows), 165)

    def test_paused(self) -> None:
        """Who wants nothing for now says so."""
        self.make()
        self.follower.paused = True
        self.assertTrue(self.due(0.0)[0][1].paused)


class FollowTests(FollowerCase):
    """What the host is told."""

    def test_rate(self) -> None:
        """At once, five times a second without news, and 20 times with them."""
        self.make()
        self.assertEqual(self.due(0.0), [(1, Follow(bytes(16), 1, 0))])
        self.assertEqual(sum(len(self.due(n / 100)) for n in range(1, 91)), 4)
        sent = 0
        for n in range(100):
            self.hear(n, n + 1, now=1 + n / 100)
            sent += len(self.due(1 + n / 100))
        self.assertTrue(19 <= sent <= 21, sent)

    def test_catchingUp(self) -> None:
        """While more is known to be committed, each progress is told."""
        self.make()
        self.due(0.0)
        for n in range(1, 10):
            self.follower.packetReceived(1, frames(n * 5 - 5, n * 5, 1000), n / 100)
            ((_, follow),) = self.due(n / 100)
            self.assertEqual(follow.next_wanted, n * 5)


class FailOverTests(FollowerCase):
    """Which host is asked."""

    def test_silence(self) -> None:
        """After 1 s of silence the next one is asked, in order and round again."""
        self.make()
        hosts = []
        for n in range(45):
            hosts += [host for host, packet in self.due(n / 10) if isinstance(packet, Follow)]
        changes = [host for n, host in enumerate(hosts) if not n or hosts[n - 1] != host]
        self.assertEqual(changes, [1, 2, 3, 1, 2])
        self.assertIn(HostChanged(2, 1), self.follower.drainEvents())

    def test_farewell(self) -> None:
        """The host that is left is told so, and again when it goes on sending."""
        self.make()
        self.due(0.0)
        self.hear(0, 3)
        packets = self.due(1.0)
        self.assertEqual(packets, [(1, Unfollow()), (2, Follow(bytes(16), 2, 3))])
        self.hear(3, 6, host=1, now=1.1)
        self.assertEqual(self.follower.ready, 3)
        self.assertEqual(self.due(1.1), [(1, Unfollow())])
        self.hear(3, 6, host=2, now=1.1)
        self.assertEqual(self.taken(), [0, 1, 2, 3, 4, 5])
        self.assertEqual(decodeFeedPacket(self.follower.leave()[0][1]), Unfollow())

    def test_noFarewellToTheNext(self) -> None:
        """The host that is asked now is not told goodbye for what it sent before."""
        self.make()
        self.due(0.0)
        self.hear(0, 3, host=2, now=0.9)
        packets = self.due(1.0)
        self.assertEqual(packets, [(1, Unfollow()), (2, Follow(bytes(16), 2, 0))])

    def test_pausedIsNotStuck(self) -> None:
        """Who wants nothing for now does not leave a host that has no news."""
        for paused, host in ((True, 1), (False, 2)):
            self.make(stuck_after=3.0)
            self.follower.paused = paused
            for n in range(40):
                self.follower.packetReceived(1, encodeFeedFrames(0, (), 0, 0, 2)[0], n / 10)
                self.due(n / 10)
            self.assertEqual(self.follower.host, host)

    def test_earlyFramesGo(self) -> None:
        """Two hosts never mix frames: what the former sent too early is forgotten."""
        self.make()
        self.due(0.0)
        self.hear(5, 9)
        self.due(1.0)
        self.hear(0, 5, host=2, now=1.1)
        self.assertEqual(self.taken(), [0, 1, 2, 3, 4])

    def test_refused(self) -> None:
        """A host that refuses is left at once, and not asked again for a second."""
        self.make((1, 2))
        self.due(0.0)
        for host, reason in ((1, NotFedReason.FULL), (2, NotFedReason.NOT_FOLLOWING)):
            self.follower.packetReceived(host, encodeNotFed(reason), 0.1)
        self.follower.packetReceived(2, encodeNotFed(NotFedReason.FULL), 0.1)
        self.assertEqual(
            self.follower.drainEvents(),
            (
                HostRefused(1, NotFedReason.FULL),
                HostChanged(2, 1),
                HostRefused(2, NotFedReason.NOT_FOLLOWING),
                HostChanged(1, 2),
            ),
        )
        asked = []
        for n in range(1, 30):
            packets = self.due(0.1 + n / 20)
            asked += [n for _, packet in packets if isinstance(packet, Follow)]
        self.assertEqual(asked[0], 20)

    def test_only(self) -> None:
        """The only host is asked again and again."""
        self.make((7,))
        for n in range(30):
            self.due(n / 10)
        self.assertEqual((self.follower.host, self.follower.drainEvents()), (7, ()))

    def test_lost(self) -> None:
        """Nobody for 10 s is told once, and again after somebody was heard."""
        self.make()
        for n in range(300):
            self.due(n / 10)
            if n == 150:
                self.hear(0, 1, self.follower.host, n / 10)
        told = [e for e in self.follower.drainEvents() if isinstance(e, HostsLost)]
        self.assertEqual([round(event.silence, 1) for event in told], [10.0, 10.0])

    def test_eventsLimit(self) -> None:
        """Events that nobody drains are bounded."""
        self.make()
        for n in range(3000):
            self.due(n / 10)
        self.assertEqual(len(self.follower.drainEvents()), 64)

    def test_contradiction(self) -> None:
        """Another content of a frame that is here is refused, from whomever; the first stays."""
        self.make()
        self.hear(0, 3)
        self.hear(5, 6)
        for host in (1, 2):
            for first in (1, 5):
                body = encodeFeedFrames(first, [((b"?", b""), ())], 9, 9, 2)[0]
                self.assertRaises(
                    RemoteProtocolError, self.follower.packetReceived, host, body, 0.0
                )
        self.assertEqual(self.taken(), [0, 1, 2])
        self.assertEqual(self.follower.committed_frame, 5)


class SnapshotTests(FollowerCase):
    """A state to go on from."""

    def test_first(self) -> None:
        """Without a state nothing is taken; with one, the frames behind it."""
        self.make(from_beginning=False)
        self.assertIsNone(self.due(0.0)[0][1].next_wanted)
        self.hear(0, 9)
        self.assertEqual((self.follower.ready, self.taken()), (0, []))
        self.assertTrue(self.follower.snapshotReceived(self.snapshot(9), 0.1))
        self.assertEqual(self.follower.drainEvents(), (FollowingBegan(9, True),))
        self.assertEqual(self.due(0.2)[0][1].next_wanted, 9)
        self.hear(9, 12)
        self.assertEqual(self.taken(), [])
        self.assertEqual(self.follower.takeSnapshot(), self.snapshot(9))
        self.assertIsNone(self.follower.snapshot)
        self.assertEqual(self.taken(), [9, 10, 11])

    def test_overAGap(self) -> None:
        """A snapshot beyond what is missing closes the gap, with what came early behind it."""
        self.make()
        self.hear(0, 3)
        self.taken()
        self.hear(50, 60)
        self.assertTrue(self.follower.snapshotReceived(self.snapshot(52), 0.1))
        self.follower.takeSnapshot()
        self.assertEqual(self.taken(), list(range(52, 60)))

    def test_noUse(self) -> None:
        """One from another host, or of what is here already, is of no use."""
        self.make()
        self.hear(0, 30)
        for received in (self.snapshot(90, host=2), self.snapshot(30), self.snapshot(5)):
            self.assertFalse(self.follower.snapshotReceived(received, 0.0))
        self.assertIsNone(self.follower.snapshot)

    def test_progress(self) -> None:
        """While one is coming its host is not left."""
        self.make()
        for n in range(100):
            self.follower.noteProgress(n / 10)
            self.due(n / 10)
        self.assertEqual(self.follower.host, 1)


class MisuseTests(FollowerCase):
    """Bad input, and our own mistakes."""

    def test_hosts(self) -> None:
        """At least one host, each once; others are none."""
        self.assertRaises(LocalProtocolError, self.make, ())
        self.assertRaises(LocalProtocolError, self.make, (1, 1))
        self.make()
        self.assertRaises(LocalProtocolError, self.follower.packetReceived, 9, frames(0, 1), 0.0)

    def test_packets(self) -> None:
        """Another count of players, inputs too long, packets of followers."""
        self.make(input_limit=1)
        for body in (
            encodeFeedFrames(0, (), 0, 0, 3)[0],
            encodeFeedFrames(0, [((b"xx", b""), ())], 1, 1, 2)[0],
            encodeFollow(Follow(bytes(16), 1, 0)),
        ):
            self.assertRaises(RemoteProtocolError, self.follower.packetReceived, 1, body, 0.0)
        self.assertEqual(self.follower.committed_frame, -1)

    def test_settings(self) -> None:
        """Settings that cannot work are refused by name."""
        for bad in ({"players": 0}, {"ready_limit": 0}, {"digest": b"?"}, {"stuck_after": 0}):
            self.assertRaises(BadSetting, FollowerSettings, **({"players": 2} | bad))

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.tuples(st.integers(0x30, 0x33), st.binary(max_size=40)), max_size=6))
    def test_anyBytes(self, bodies: list[tuple[int, bytes]]) -> None:
        """Every byte string is refused by name or is taken; nothing is lost by it."""
        self.make((1,))
        self.hear(0, 3)
        for kind, rest in bodies:
            try:
                self.follower.packetReceived(1, bytes([kind]) + rest, 0.0)
            except RemoteProtocolError:
                continue
        self.assertEqual(self.taken()[:3], [0, 1, 2])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), max_size=40))
    def test_anyOrder(self, parts: list[tuple[int, int]]) -> None:
        """Frames in any pieces and order come out once each, in order."""
        self.make()
        taken = []
        for first, count in parts:
            self.hear(first, first + count)
            taken += self.taken()
        self.assertEqual(taken, list(range(len(taken))))
