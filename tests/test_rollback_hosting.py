"""What a session does for those who follow: L{gamenet.rollback.hosting}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.feed.transfer import DatagramTransfer
from gamenet.rollback.hosting import Hosting
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_dump import StateDump
from gamenet.wire.feed_packets import (
    FeedFrames,
    Follow,
    NotFed,
    NotFedReason,
    decodeFeedPacket,
    encodeFeedFrames,
    encodeFollow,
    encodeNotFed,
    encodeUnfollow,
)
from gamenet.wire.input_frames import encodeInputPacket
from gamenet.wire.transfer_packets import Offer, decodeTransferPacket


class HostingCase(SynchronousTestCase):
    """Player 1 of three, who hears the others, and followers who are told by the tests."""

    def begin(self, **changes: Any) -> None:
        chosen: dict[str, Any] = {"players": 3, "input_delay": 0, "lost_after": None}
        self.session = RollbackSession(RollbackSettings(**chosen | changes))
        self.now = 0.0
        self.number = 0

    @property
    def hosting(self) -> Hosting:
        return self.session._play.controls.hosting

    def play(
        self, frames: int, confirmed: dict[int, int] | None = None, silent: bool = False
    ) -> None:
        """
        Play; the others have confirmed as much as they could, or up to a frame each.

        @param silent: Whether nothing is sent but inputs.
        """
        session = self.session
        for _ in range(frames):
            frame = session.current_frame
            for peer in (2, 3):
                final = min((confirmed or {}).get(peer, frame), frame)
                text = b"%d" % peer
                base = text if frame else b""
                body, _ = encodeInputPacket(
                    0, frame, base, [text], frame, frame + 1, final, 0, None
                )
                session.packetReceived(peer, body, self.now)
            session.advance(b"1", self.now)
            for wanted in session.checksumsWanted():
                session.checksumTaken(wanted, wanted)
            session.drainEvents()
            self.now += 1 / 60
            if not silent:
                session.packetsDue(self.now)
                continue
            for peer in (2, 3):
                session.packetFor(peer, self.now)

    def follow(self, follower: int, wanted: int | None, digest: bytes | None = None) -> None:
        """Let somebody follow."""
        self.number += 1
        digest = self.session.settings.digest() if digest is None else digest
        body = encodeFollow(Follow(digest, self.number, wanted))
        self.session.packetReceived(follower, body, self.now)

    def fed(self, seconds: float = 0.3) -> dict[int, list[Any]]:
        """Return what is sent to whom beside inputs."""
        sent: dict[int, list[Any]] = {}
        end = self.now + seconds
        while self.now < end:
            self.now += 0.05
            for peer, body in self.session.packetsDue(self.now):
                if body[0] & 0xF0 == 0x30:
                    sent.setdefault(peer, []).append(decodeFeedPacket(body))
                elif body[0] & 0xF0 == 0x40:
                    sent.setdefault(peer, []).append(decodeTransferPacket(body))
        return sent


class CommittedTests(HostingCase):
    """Issue: "only frames confirmed by all"."""

    def test_slowestMember(self) -> None:
        """No frame is fed before every member has said that it is final there."""
        self.begin()
        self.follow(17, 0)
        self.play(40, {3: 20})
        self.assertEqual(self.hosting.committed_frame, 20)
        (packets,) = self.fed().values()
        newest = max(p.first_frame + len(p.rows) for p in packets if isinstance(p, FeedFrames))
        self.assertEqual(newest, 21)
        self.assertEqual({p.committed for p in packets if isinstance(p, FeedFrames)}, {21})

    def test_ownFrames(self) -> None:
        """Nor before it is final here: what the others say of later frames does not count."""
        self.begin()
        self.follow(17, 0)
        self.play(10)
        packets = self.fed()[17]
        rows = [row for one in packets for row in one.rows]
        self.assertEqual(rows[0], ((b"1", b"2", b"3"), ()))
        self.assertLessEqual(max(p.committed for p in packets), self.session.confirmed_frame + 1)

    def test_alone(self) -> None:
        """Who is the only member feeds what is final here."""
        self.begin(vacant=(2, 3))
        for _ in range(5):
            self.session.advance(b"1", self.now)
            for wanted in self.session.checksumsWanted():
                self.session.checksumTaken(wanted, wanted)
        self.assertEqual(self.hosting.committed_frame, 4)

    def test_unheardMember(self) -> None:
        """A member of whom nothing was heard has confirmed nothing."""
        self.begin()
        self.assertEqual(self.hosting.committed_frame, -1)

    def test_history(self) -> None:
        """Who asks late begins with what is kept of final frames."""
        self.begin(history_limit=120)
        self.play(300)
        self.follow(17, 250)
        first = self.fed()[17][0]
        self.assertEqual(first.first_frame, 250)
        self.assertGreater(len(first.rows), 40)

    def test_gap(self) -> None:
        """A limit: where frames are kept no more that nobody was fed, a state goes before them."""
        self.begin(history_limit=120)
        self.follow(17, 0)
        self.play(60)
        self.play(200, silent=True)
        self.follow(17, 0)
        self.fed()
        broadcast = self.hosting._broadcast
        self.assertEqual(broadcast.committed, self.session.confirmed_frame + 1)
        self.assertEqual(broadcast.oldest_frame, 260 - 120)
        self.assertTrue(broadcast.snapshotWanted or self.hosting.awaitsDump)


class FollowerTests(HostingCase):
    """Issue: spectators, and "by a checksummed state transfer plus the confirmed inputs"."""

    def test_nobody(self) -> None:
        """Without followers nothing is sent and no state is kept."""
        self.begin()
        self.play(60)
        self.assertEqual(self.fed(), {})
        self.assertEqual(self.hosting.followers, ())
        self.assertFalse(self.hosting.awaitsDump)

    def test_snapshot(self) -> None:
        """Who has no state gets one, of a frame that all have confirmed, and frames from there."""
        self.begin()
        self.play(60)
        self.follow(17, None)
        self.play(3)
        self.assertTrue(self.hosting.awaitsDump)
        kept = self.session.current_frame - 1
        wanted: tuple[int, ...] = ()
        for _ in range(20):
            self.play(1)
            wanted = tuple(self.session.dumpsWanted())
            if wanted:
                break
        self.assertLessEqual(wanted[0], self.hosting.committed_frame)
        self.assertGreaterEqual(wanted[0], kept - 5)
        self.session.dumpTaken(wanted[0], StateDump(wanted[0], 1, b"the state", None))
        sent = self.fed(0.1)[17]
        (offer,) = [one for one in sent if isinstance(one, Offer)]
        self.assertEqual((offer.frame, offer.size), (wanted[0] + 1, 9))
        self.assertEqual(list(self.session.dumpsWanted()), [])

    def test_stateGone(self) -> None:
        """A state that was not kept is kept anew."""
        self.begin()
        self.play(30)
        self.follow(17, None)
        asked = []
        for _ in range(60):
            self.play(1)
            for frame in tuple(self.session.dumpsWanted()):
                asked.append(frame)
                self.session.dumpTaken(frame, None)
            self.follow(17, None)
        self.assertGreater(len(asked), 2)
        self.assertEqual(asked, sorted(frozenset(asked)))

    def test_leaves(self) -> None:
        """Who follows no more is sent nothing more; who leaves the match feeds nobody."""
        self.begin()
        self.play(30)
        self.follow(17, 0)
        self.follow(18, 0)
        self.session.packetReceived(17, encodeUnfollow(), self.now)
        self.assertEqual(self.hosting.followers, (18,))
        self.session.leave(self.now)
        self.assertEqual(self.fed(0.1)[18], [NotFed(NotFedReason.NOT_FOLLOWING)])
        self.follow(19, 0)
        self.assertEqual(self.fed(0.1)[19], [NotFed(NotFedReason.NOT_FOLLOWING)])

    def test_limit(self) -> None:
        """A limit: C{followers_limit} are served, more are told that it is full."""
        self.begin(followers_limit=3)
        self.play(10)
        for follower in range(17, 100):
            self.follow(follower, 0)
        self.assertEqual(self.hosting.followers, (17, 18, 19))
        self.assertEqual(self.fed(0.1)[20], [NotFed(NotFedReason.FULL)])

    def test_playersAreFed(self) -> None:
        """Bad input: however many look on, a player without a seat is fed."""
        self.begin(followers_limit=3, vacant=(3,))
        for follower in (*range(17, 100), 3):
            self.follow(follower, 0)
        self.assertEqual(self.hosting.followers, (17, 18, 19, 3))

    def test_longHistory(self) -> None:
        """The longest history that may be set is no obstacle to who asks."""
        self.begin(history_limit=1_000_000)
        self.follow(17, 0)
        self.assertEqual(self.hosting.followers, (17,))

    def test_snapshotRate(self) -> None:
        """Bad input: who follows and leaves all the time costs one state a second."""
        self.begin()
        self.play(60)
        states = 0
        for tick in range(240):
            for follower in range(17, 33):
                self.follow(follower, None)
            for frame in tuple(self.session.dumpsWanted()):
                states += 1
                self.session.dumpTaken(frame, StateDump(frame, 1, b"the state", None))
            if tick % 2:
                for follower in range(17, 33):
                    self.session.packetReceived(follower, encodeUnfollow(), self.now)
            self.play(1)
        self.assertTrue(3 <= states <= 5, states)

    def test_otherRules(self) -> None:
        """Who plays by other rules is told so."""
        self.begin()
        self.follow(17, 0, digest=bytes(16))
        self.assertEqual(self.fed(0.1)[17], [NotFed(NotFedReason.OTHER_CONFIGURATION)])

    def test_lateFeed(self) -> None:
        """What a host sends to one who has its seat by now is nothing new, and no fault."""
        self.begin()
        for body in (
            encodeFeedFrames(0, [], 0, 0, 3)[0],
            encodeNotFed(NotFedReason.NOT_FOLLOWING),
        ):
            self.session.packetReceived(2, body, 0.0)
        self.assertEqual(self.hosting.followers, ())
        self.assertEqual(self.session.statistics.packets_refused, 0)

    def test_bad(self) -> None:
        """Bad input: what is no packet of a feed or a transfer; spectators who send contents."""
        self.begin()
        for body in (b"\x30", b"\x31", b"\x3f", b"\x40", b"\x45", b"\x32\0"):
            self.assertRaises(RemoteProtocolError, self.session.packetReceived, 17, body, 0.0)
        offers = DatagramTransfer()
        offers.send(1, 0, 0, bytes(1 << 20), 0.0)
        ((_, offer),) = offers.packetsDue(0.0)
        for follower in range(17, 200):
            self.assertRaises(
                RemoteProtocolError, self.session.packetReceived, follower, offer, 0.0
            )
