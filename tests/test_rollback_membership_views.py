"""Tests of L{gamenet.rollback.membership} alone: views, modulo 256, and who is new."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.events import Standing
from gamenet.agreement.view import Seating, firstView
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.membership import Membership
from gamenet.rollback.progress import Progress
from gamenet.rollback.seat_events import PlayerJoined
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    Accept,
    Ballot,
    Commit,
    CommitAck,
    Prepare,
    Seat,
    View,
    ViewMessage,
)

SEATING: Seating = ((1,), (2,), (3, 4))


class MembershipCase(SynchronousTestCase):
    """The membership of peer 1, of three peers with four players."""

    def begin(self, number: int = 0, vacant: tuple[int, ...] = ()) -> Membership:
        """Return it, in a view."""
        first = firstView(SEATING, vacant)
        self.view = View(number, first.members, first.seats)
        settings = RollbackSettings(
            players=4, seating=SEATING, input_delay=0, prediction_window=8, lost_after=2.0
        )
        self.progress = Progress(100_000)
        self.table = InputTable(settings, self.view.seats)
        self.exchange = InputExchange(settings, self.progress, self.table, self.view.members)
        return Membership(settings, self.progress, self.exchange, self.view)

    def said(self, membership: Membership, now: float) -> dict[int, ViewMessage]:
        """Return what is said, by peer."""
        return {peer: decodeViewMessage(body) for peer, body in membership.packetsDue(now)}


class HeardViewTests(MembershipCase):
    """Input packets name their sender's view modulo 256."""

    def test_same(self) -> None:
        """Who is in the same view is told nothing."""
        for number in (0, 5, 255, 256, 300, 1000):
            membership = self.begin(number)
            self.assertEqual(self.progress.view, number)
            membership.heard(2, number & 0xFF, 0.0)
            self.assertEqual(self.said(membership, 0.0), {})

    def test_newer(self) -> None:
        """Who is in a newer view, by up to 127, is asked for it."""
        for number in (0, 5, 200, 255, 256, 300, 1000):
            for ahead in (1, 2, 100, 127):
                membership = self.begin(number)
                membership.heard(2, (number + ahead) & 0xFF, 0.0)
                self.assertEqual(self.said(membership, 0.0), {2: CommitAck(number)})

    def test_older(self) -> None:
        """Who is in an older view, by up to 128, is told ours."""
        for number in (5, 200, 255, 256, 300, 1000):
            for behind in (1, 2, 5, 100, 128):
                membership = self.begin(number)
                membership.heard(2, (number - behind) & 0xFF, 0.0)
                self.assertEqual(self.said(membership, 0.0), {2: Commit(self.view)})


class SeatingTests(MembershipCase):
    """What a new view brings."""

    def test_standing(self) -> None:
        """The pledge lies a window and two seconds beyond what is played and confirmed."""
        membership = self.begin()
        for queue in self.table.queues:
            queue.extend([b""] * 100, 0)
        self.progress.current_frame, self.progress.confirmed_frame = 40, 30
        self.assertEqual(membership.standing(), Standing(30, 40 + 8 + 120, (100,) * 4))
        self.progress.confirmed_frame = 60
        self.assertEqual(membership.standing().horizon, 61 + 8 + 120)

    def test_joined(self) -> None:
        """A peer of two players is admitted once, and counts as heard from now on."""
        membership = self.begin(0, (3,))
        seats = (*self.view.seats[:2], Seat(True, 40), Seat(True, 40))
        view, ballot = View(1, (1, 2, 3), seats), Ballot(1, 2)
        for message in (Prepare(1, ballot, (), ()), Accept(ballot, view), Commit(view)):
            membership.received(2, encodeViewMessage(message), 50.0)
        self.assertEqual([remote.peer for remote in self.exchange.others], [2, 3])
        newcomer = self.exchange.remote(3)
        self.assertEqual((newcomer.heard_at, newcomer.first_frame), (50.0, 40))
        self.assertTrue(newcomer.joining)
        self.assertEqual(self.progress.events, [PlayerJoined(3, 40, 1), PlayerJoined(4, 40, 1)])
        self.assertEqual(self.progress.view, 1)
        membership.heard(2, 1, 51.0)
        self.said(membership, 51.5)
        self.assertEqual(membership.view.members, (1, 2, 3))
