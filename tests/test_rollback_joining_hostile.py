"""Bad input for who is on the way to a seat: L{gamenet.rollback.joining}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.view import firstView
from gamenet.feed.transfer import DatagramTransfer
from gamenet.feed.transfer_outcomes import TransferReceived
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.joining import Joining
from gamenet.rollback.progress import Progress
from gamenet.rollback.seat_events import SeatRefused
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.feed_packets import FeedRow, encodeFeedFrames
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import Commit, JoinRefusal, JoinRefused, JoinRequest, Seat, View

#: The inputs of a frame, of five players of whom two are not there.
ROW: FeedRow = ((b"a", b"b", b"c", b"", b""), (4, 5))


def view(number: int, *members: int, since: int = 0) -> View:
    """A view in which these of five peers play, the fifth of them from a frame on."""
    seats = [Seat(peer in members, since if peer == 5 else 0) for peer in range(1, 6)]
    return View(number, members, tuple(seats))


class HostileTests(SynchronousTestCase):
    """Player 5 joins players 1, 2 and 3; the seat of 4 is vacant."""

    def setUp(self) -> None:
        settings = RollbackSettings(players=5, local_player=5, vacant=(4, 5))
        first = firstView(settings.peers, (4, 5))
        progress = self.progress = Progress(100_000)
        self.confirmation = Confirmation(settings, progress, InputTable(settings, first.seats))
        rooms = settings, progress, self.confirmation, DatagramTransfer()
        self.joining = Joining(*rooms, first)
        self.frame = 100
        body = encodeFeedFrames(100, [], 100, 100, 5)[0]
        self.joining.packetReceived(1, body, 0.0)
        state = TransferReceived(1, TransferPurpose.SNAPSHOT, 100, b"state")
        self.joining._snapshotReceived(state, 0.0)

    def tick(self, now: float, ahead: int = 0) -> list[tuple[int, JoinRequest]]:
        """One frame comes and is played; return the requests for the seat."""
        self.frame += 1
        end = self.frame
        body = encodeFeedFrames(end - 1, [ROW], end + ahead, end + ahead, 5)[0]
        self.joining.packetReceived(1, body, now)
        self.joining.advance(now)
        for frame in self.confirmation.wanted():
            self.confirmation.taken(frame, frame)
        requests = []
        for peer, sent in self.joining.packetsDue(now):
            message: Any = decodeViewMessage(sent) if sent[0] == 0x18 else None
            if isinstance(message, JoinRequest):
                requests.append((peer, message))
        return requests

    def say(self, peer: int, message: Any, now: float) -> None:
        """Let a peer say something."""
        self.joining.packetReceived(peer, encodeViewMessage(message), now)

    def answer(self, requests: list[tuple[int, JoinRequest]], present: View, now: float) -> None:
        """Let the members answer as they do."""
        for peer, request in requests:
            if peer in present.members:
                older = request.number < present.number
                said = Commit(present) if older else JoinRefused(JoinRefusal.NOT_YET)
                self.say(peer, said, now)

    def test_newerView(self) -> None:
        """
        Bad input: one peer, a member or not, says again and again that there is a far newer
        view: the members are asked for their own, and the seat is asked for in that.
        """
        for liar in (3, 4):
            self.setUp()
            present = view(7, 1, 2, 3)
            numbers = []
            for count in range(60):
                now = 1.0 + count / 5
                self.say(liar, Commit(view(65_535, 1, 2, 3)), now)
                requests = self.tick(now)
                numbers += [request.number for _, request in requests]
                self.answer(requests, present, now)
                self.say(liar, Commit(view(65_535, 1, 2, 3)), now)
            self.assertEqual({*numbers[60:]}, {0, 7}, liar)
            self.assertGreater(numbers.count(7), 100)

    def test_seat(self) -> None:
        """A single voice gives us no seat where others say that there is none."""
        for count in range(20):
            now = 1.0 + count / 5
            self.answer(self.tick(now), view(1, 1, 2, 3), now)
        self.say(3, Commit(view(2, 1, 2, 3, 5, since=200)), 5.0)
        self.assertIsNone(self.joining.view)
        self.say(2, Commit(view(2, 1, 2, 3, 5, since=200)), 5.1)
        self.assertEqual(self.joining.view, view(2, 1, 2, 3, 5, since=200))

    def test_membersGone(self) -> None:
        """The word of members who are gone counts no more after 3 s."""
        for peer in (1, 2, 3):
            self.say(peer, Commit(view(1, 1, 2, 3)), 1.0)
        self.say(1, Commit(view(2, 1)), 3.9)
        self.assertEqual(self.joining._known_view.number, 1)
        self.say(1, Commit(view(2, 1)), 4.1)
        self.assertEqual(self.joining._known_view, view(2, 1))

    def test_refusedByNobody(self) -> None:
        """Bad input: who has no seat refuses us ours; the game is not told of that."""
        self.say(4, JoinRefused(JoinRefusal.TOO_LATE), 1.0)
        self.assertEqual(self.progress.events, [])
        self.say(3, JoinRefused(JoinRefusal.TOO_LATE), 1.0)
        self.assertEqual(self.progress.events, [SeatRefused("too late")])

    def test_hostFarAhead(self) -> None:
        """Bad input: a host that says it is far ahead does not keep us from asking."""
        asked = [now for now in range(180) if self.tick(now / 60, ahead=1000)]
        self.assertTrue(120 <= asked[0] <= 130, asked)
        self.assertGreater(len(asked), 3)

    def test_silentMember(self) -> None:
        """Bad input: a member that answers no request is waited for 10 s, then a quorum does."""
        hears: dict[float, bool] = {}
        for count in range(75):
            now = count / 5
            requests = self.tick(now)
            for peer, request in requests:
                hears[now] = request.hears_all
                if peer in (1, 2):
                    self.say(peer, JoinRefused(JoinRefusal.NOT_YET), now)
        first = next(now for now, heard in hears.items() if heard)
        self.assertTrue(10.0 <= first <= 11.0, first)
        self.assertTrue(hears[max(hears)])
