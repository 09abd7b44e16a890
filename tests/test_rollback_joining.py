"""The way to a seat: L{gamenet.rollback.joining}, packet by packet."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.view import firstView
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.transfer import DatagramTransfer
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.joining import CATCH_UP, CLOSE_BEHIND, Joining
from gamenet.rollback.progress import Progress
from gamenet.rollback.seat_events import SeatRefused
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Restore, Save, Step
from gamenet.wire.feed_packets import (
    FeedRow,
    Follow,
    NotFed,
    NotFedReason,
    Unfollow,
    decodeFeedPacket,
    encodeFeedFrames,
    encodeFollow,
    encodeNotFed,
)
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    Commit,
    CommitAck,
    JoinRefusal,
    JoinRefused,
    JoinRequest,
    Seat,
    View,
)

#: The inputs of a frame, of three players of whom the third is not there.
ROW: FeedRow = ((b"a", b"b", b""), (3,))


def seated(number: int, since: int, *members: int) -> View:
    """A view in which these of three peers play, the third of them from a frame on."""
    seats = [Seat(peer in members, since if peer == 3 else 0) for peer in (1, 2, 3)]
    return View(number, members, tuple(seats))


class JoiningCase(SynchronousTestCase):
    """Player 3 of three on their way, with a host that says what the tests want."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **changes: Any) -> None:
        settings = RollbackSettings(players=3, local_player=3, vacant=(3,), **changes)
        view = firstView(settings.peers, (3,))
        self.settings = settings
        self.progress = Progress(10_000)
        table = InputTable(settings, view.seats)
        self.confirmation = Confirmation(settings, self.progress, table)
        self.sender = DatagramTransfer()
        transfer = DatagramTransfer()
        self.joining = Joining(settings, self.progress, self.confirmation, transfer, view)
        self.sent: list[tuple[int, bytes]] = []

    def due(self, now: float) -> list[tuple[int, bytes]]:
        """Take what is sent; what is for the host's transfer goes there."""
        packets = list(self.joining.packetsDue(now))
        for peer, body in packets:
            if peer == 1 and body[0] >= 0x40:
                self.sender.packetReceived(3, body, now)
        return packets

    def snapshot(self, frame: int, now: float = 0.0, host: int = 1) -> None:
        """Let the host send a state."""
        self.due(now)
        self.sender.send(3, TransferPurpose.SNAPSHOT, frame, b"state %d" % frame, now)
        for tick in range(3):
            for _, body in self.sender.packetsDue(now + tick / 10):
                self.joining.packetReceived(host, body, now)
            self.due(now)

    def frames(self, first: int, count: int, committed: int = 0, now: float = 0.0) -> None:
        """Let the host send frames, of C{committed} that it has."""
        end = max(first + count, committed)
        body, sent = encodeFeedFrames(first, [ROW] * count, end, end, 3)
        self.assertEqual(sent, count)
        self.joining.packetReceived(1, body, now)

    def play(self, now: float = 0.0) -> list[Step]:
        """Take steps as a timeline does."""
        steps = self.joining.advance(now)
        for frame in self.confirmation.wanted():
            self.confirmation.taken(frame, frame)
        return steps

    def requests(self, now: float) -> list[tuple[int, JoinRequest]]:
        """Return the requests for the seat that are sent."""
        found = []
        for peer, body in self.due(now):
            if body[0] == 0x18:
                request = decodeViewMessage(body)
                assert isinstance(request, JoinRequest)
                found.append((peer, request))
        return found

    def say(self, peer: int, message: Any, now: float = 0.0) -> None:
        """Let a member say something."""
        self.joining.packetReceived(peer, encodeViewMessage(message), now)


class FollowingTests(JoiningCase):
    """Issue: "late join, by a checksummed state transfer plus the confirmed inputs since"."""

    def test_restores(self) -> None:
        """The state of another is what we go on from; before it nothing is played."""
        self.assertEqual(self.play(), [])
        self.snapshot(100)
        self.assertEqual(self.play(), [Restore(100, b"state 100")])
        self.assertEqual((self.progress.current_frame, self.progress.confirmed_frame), (100, 99))
        self.assertEqual(self.confirmation.told, 99)
        self.assertFalse(self.joining.seated)

    def test_nothingOfBefore(self) -> None:
        """What was to be done in a former seat is not done in the new one."""
        progress = self.progress
        progress.restored, progress.report = Restore(5, b"old"), (4, 1, 1)
        progress.kept_frame = 9
        hosts = self.settings, progress, self.confirmation, DatagramTransfer()
        Joining(*hosts, firstView(self.settings.peers, (3,)))
        self.assertEqual((progress.restored, progress.report), (None, None))
        self.assertEqual(progress.kept_frame, -1)

    def test_catchesUp(self) -> None:
        """The frames since are played, a few in each call; the game is told of each."""
        self.begin(checksum_interval=10)
        self.snapshot(100)
        self.frames(100, 21)
        steps = self.play()
        self.assertEqual(steps[0], Restore(100, b"state 100"))
        advances = [step for step in steps if isinstance(step, Advance)]
        self.assertEqual(advances, [Advance(100 + n, *ROW) for n in range(CATCH_UP)])
        self.assertEqual(steps[-1], Save(100 + CATCH_UP))
        self.assertIn(Save(110, True), self.play())
        self.play()
        told = [(event.frame, event.absent) for event in self.progress.events]
        self.assertEqual(told, [(frame, (3,)) for frame in range(100, 121)])
        checksums = {event.frame: event.checksum for event in self.progress.events}
        self.assertEqual([n for n, value in checksums.items() if value is not None], [109, 119])
        self.assertEqual(self.play(), [])

    def test_newerState(self) -> None:
        """Who was too slow gets another state, and goes on from that."""
        self.snapshot(100)
        self.frames(100, 4)
        self.play()
        self.snapshot(900)
        self.frames(900, 2)
        steps = self.play()
        self.assertEqual([step.frame for step in steps], [900, 900, 901, 902])
        self.assertEqual(self.confirmation.told, 901)

    def test_nothingOfOthers(self) -> None:
        """A state that is no snapshot is not taken over."""
        self.sender.send(3, TransferPurpose.STATE, 100, b"no", 0.0)
        for tick in range(3):
            for _, body in self.sender.packetsDue(tick / 10):
                self.joining.packetReceived(1, body, 0.0)
            self.due(0.0)
        self.assertEqual(self.play(), [])

    def test_hostsNobody(self) -> None:
        """Who asks a joiner for frames is told that there are none."""
        for _ in range(2):
            self.joining.packetReceived(2, encodeFollow(Follow(bytes(16), 1, 0)), 0.0)
        answers = [decodeFeedPacket(body) for peer, body in self.due(0.0) if peer == 2]
        self.assertEqual(answers, [NotFed(NotFedReason.NOT_FOLLOWING)])
        self.assertEqual([body for peer, body in self.due(0.0) if peer == 2], [])

    def test_spectators(self) -> None:
        """Who looks on, and did so while we had a seat, is told that there is nothing."""
        follow = encodeFollow(Follow(bytes(16), 1, 0))
        for number in range(17, 1017):
            self.joining.packetReceived(number, follow, 0.0)
        self.joining.packetReceived(17, b"\x44\0\0\0\0\1", 0.0)
        told = [peer for peer, body in self.due(0.0) if body[0] == 0x33]
        self.assertEqual(told, list(range(17, 17 + 2 + self.settings.followers_limit)))
        frames = encodeFeedFrames(0, [ROW], 1, 1, 3)[0]
        for body in (b"", b"\x00", b"\x10", b"\x18", b"\x28", b"\x50", frames):
            self.assertRaises(RemoteProtocolError, self.joining.packetReceived, 17, body, 0.0)

    def test_badPackets(self) -> None:
        """Bad input: strangers, unknown kinds and impossible views; nothing comes of them."""
        self.assertRaises(LocalProtocolError, self.joining.packetReceived, 4, b"\x30", 0.0)
        self.assertRaises(LocalProtocolError, self.joining.packetReceived, 3, b"\x30", 0.0)
        for body in (b"", b"\x50", b"\xff", b"\x30", b"\x40", b"\x14", b"\x1f"):
            self.assertRaises(RemoteProtocolError, self.joining.packetReceived, 1, body, 0.0)
        two = View(1, (1, 2), (Seat(True, 0), Seat(True, 0)))
        half = View(1, (1, 3), (Seat(True, 0), Seat(True, 0), Seat(True, 0)))
        for view in (two, half):
            self.assertRaises(RemoteProtocolError, self.say, 1, Commit(view))
        self.joining.packetReceived(1, b"\x00 an input packet", 0.0)
        self.joining.packetReceived(1, b"\x20 a request", 0.0)
        self.assertEqual(self.play(), [])
        self.assertEqual(self.progress.events, [])


class AskingTests(JoiningCase):
    """Issue: "reconnection of a dropped player, and late join"."""

    def test_closeBehind(self) -> None:
        """The seat is asked for when we are close behind what is final, of all."""
        self.snapshot(100)
        committed = 100 + CLOSE_BEHIND + 4
        self.frames(100, 2, committed)
        self.play()
        self.assertEqual(self.requests(0.1), [])
        self.frames(102, 1, committed)
        self.play()
        digest = self.settings.digest()
        asked = JoinRequest(digest, 0, 103, False)
        self.assertEqual(self.requests(0.2), [(1, asked), (2, asked)])
        self.assertEqual(self.requests(0.3), [])
        self.assertEqual(len(self.requests(0.41)), 2)

    def test_answeredByAll(self) -> None:
        """The request says whether every member has answered just now."""
        self.snapshot(100)
        self.play()
        self.assertEqual(self.requests(0.5), [])
        self.frames(100, 1)
        self.play()
        self.assertFalse(self.requests(1.0)[0][1].hears_all)
        self.say(1, JoinRefused(JoinRefusal.NOT_YET), 1.1)
        self.assertFalse(self.requests(1.3)[0][1].hears_all)
        self.say(2, JoinRefused(JoinRefusal.NOT_YET), 1.4)
        self.assertTrue(self.requests(1.6)[0][1].hears_all)
        self.assertFalse(self.requests(2.7)[0][1].hears_all)
        self.assertEqual([type(event) for event in self.progress.events], [FrameConfirmed])

    def test_newestView(self) -> None:
        """Of the views that we hear of the newest counts, also one that drops us again."""
        self.snapshot(100)
        self.play()
        self.frames(100, 1)
        self.play()
        self.say(2, Commit(seated(1, 160, 1, 2, 3)))
        self.assertEqual(self.joining.view, seated(1, 160, 1, 2, 3))
        self.assertTrue(self.joining.seated)
        acknowledged = [one for one in self.due(1.0) if one[1][0] == 0x15]
        self.assertEqual(acknowledged, [(2, encodeViewMessage(CommitAck(1)))])
        self.assertEqual(self.requests(2.0), [])
        self.say(1, Commit(seated(2, 160, 1, 2)))
        self.assertIsNone(self.joining.view)
        self.assertFalse(self.joining.seated)
        self.say(2, Commit(seated(1, 160, 1, 2, 3)))
        self.assertIsNone(self.joining.view)
        self.assertEqual(self.requests(3.0)[0][1].number, 2)

    def test_statistics(self) -> None:
        """What is sent and received on the way is counted."""
        self.snapshot(100)
        statistics = self.progress.statistics
        self.assertGreater(statistics.packets_sent, 0)
        self.assertGreater(statistics.bytes_sent, statistics.packets_sent)
        self.assertGreater(statistics.packets_received, 0)

    def test_playsAllFirst(self) -> None:
        """Who has a seat plays what was fed before it takes it."""
        self.snapshot(100)
        self.frames(100, 12)
        self.play()
        self.say(1, Commit(seated(1, 160, 1, 2, 3)))
        self.assertFalse(self.joining.seated)
        self.play()
        self.assertTrue(self.joining.seated)
        self.assertEqual(self.joining.before, ROW[0])
        ((host, body),) = self.joining.farewell()
        self.assertEqual((host, decodeFeedPacket(body)), (1, Unfollow()))

    def test_seatWithoutState(self) -> None:
        """A seat that was agreed on while the state went out of use is not taken yet."""
        self.say(1, Commit(seated(1, 160, 1, 2, 3)))
        self.assertFalse(self.joining.seated)
        self.snapshot(100)
        self.play()
        self.assertFalse(self.joining.seated)
        self.frames(100, 1)
        self.play()
        self.assertTrue(self.joining.seated)

    def test_refused(self) -> None:
        """Why the seat is refused is told once, and "not yet" is no refusal."""
        for _ in range(2):
            self.say(1, JoinRefused(JoinRefusal.NOT_YET))
            self.say(1, JoinRefused(JoinRefusal.CONFIGURATION_DIFFERS))
        self.assertEqual(self.progress.events, [SeatRefused("configuration differs")])

    def test_notFed(self) -> None:
        """A host that plays by other rules feeds us not: then the game is told why, once."""
        for host in (1, 2, 1):
            body = encodeNotFed(NotFedReason.OTHER_CONFIGURATION)
            self.joining.packetReceived(host, body, 0.0)
            self.due(1.0)
        self.assertEqual(self.progress.events, [SeatRefused("configuration differs")])
