"""What L{gamenet.agreement.agreement} refuses."""

from __future__ import annotations

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Standing
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import Seating, firstView
from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.wire.view_messages import encodeViewMessage
from gamenet.wire.view_values import (
    VIEWS_LIMIT,
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    Leave,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
)
from tests.rollback_agreement_case import ScriptedCase

FOUR: Seating = ((1,), (2,), (3,), (4,))
FIVE: Seating = ((1,), (2,), (3,), (4,), (5,))


class RefusalTests(ScriptedCase):
    """ "Bad input": what cannot be right is refused with a reason, and changes nothing."""

    def test_nobody(self) -> None:
        """Peers that do not exist, or are we; views that do not."""
        for peer in (0, 2, 6, 17, -1):
            self.refuses(peer, CommitAck(0))
            self.assertRaises(RemoteProtocolError, self.agreement.heardInView, peer, 0, 0.0)
        self.assertRaises(RemoteProtocolError, self.agreement.heardInView, 1, -1, 0.0)
        self.assertRaises(RemoteProtocolError, self.agreement.heardInView, 1, VIEWS_LIMIT, 0.0)
        take = self.agreement.received
        self.assertRaises(MalformedMessage, take, 1, b"\x1f", self.standing, 0.0)

    def test_prepare(self) -> None:
        """A PREPARE in another's name, without itself, without us, or of too few."""
        ballot = Ballot(1, 3)
        self.refuses(1, Prepare(1, ballot, (5,), ()))
        self.refuses(3, Prepare(1, ballot, (3,), ()))
        self.refuses(3, Prepare(1, ballot, (), (3,)))
        self.refuses(3, Prepare(1, ballot, (2,), ()))
        self.refuses(3, Prepare(1, ballot, (), (2,)))
        self.refuses(3, Prepare(1, ballot, (6,), ()))
        self.refuses(3, Prepare(1, ballot, (1, 4, 5), ()))
        self.take(3, Prepare(1, ballot, (5,), ()))
        self.refuses(3, Prepare(1, ballot, (4,), ()))

    def test_leavingPrepare(self) -> None:
        """We are asked as a leaver only when we leave."""
        self.agreement.leave(0.0)
        self.take(3, Prepare(1, Ballot(1, 3), (5,), (2,)))
        message = self.sent(0.0)[3][0]
        assert isinstance(message, Promise)
        self.assertTrue(message.leaving)
        self.assertEqual(self.agreement.frozen, (5,))

    def test_notMember(self) -> None:
        """Who is no member has no say."""
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE, (5,)))
        self.refuses(5, Prepare(1, Ballot(1, 5), (), ()))
        self.refuses(5, Leave(0))
        self.refuses(5, Outbid(1, Ballot(1, 1)))
        self.refuses(1, Prepare(1, Ballot(1, 1), (5,), ()))
        self.refuses(1, Outbid(1, Ballot(1, 5)))

    def test_answers(self) -> None:
        """Answers to what was never asked."""
        ballot = Ballot(1, 2)
        self.refuses(1, self.promiseOf(ballot))
        self.refuses(1, Accepted(1, ballot))
        self.refuses(1, Outbid(1, ballot))
        self.refuses(1, self.promiseOf(Ballot(1, 3)))
        self.refuses(1, Accepted(1, Ballot(1, 3)))
        self.refuses(1, Accepted(9, Ballot(1, 3)))
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.3)
        self.refuses(5, self.promiseOf(ballot))
        self.refuses(1, self.promiseOf(Ballot(2, 2)))
        self.refuses(1, Accepted(1, ballot))
        self.refuses(1, Outbid(1, Ballot(2, 2)))
        for peer in (1, 3, 4):
            self.take(peer, self.promiseOf(ballot))
        self.refuses(5, Accepted(1, ballot))

    def test_promise(self) -> None:
        """Promises that contradict themselves or the view."""
        self.agreement.suspect((5,), 0.0)
        self.sent(0.0)
        self.sent(0.3)
        ballot = Ballot(1, 2)
        self.refuses(1, Promise(1, ballot, (10, 10, 10), 9, 30))
        self.refuses(1, Promise(1, ballot, (10,) * 5, 9, 9))
        self.refuses(1, Promise(1, ballot, (10, 10, 9, 10, 10), 9, 30))
        value = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 4 + (Seat(False, 12),))
        self.refuses(1, Promise(1, ballot, (10,) * 5, 9, 30, False, ballot, value))
        half = View(1, (1, 2, 3, 4), (Seat(True, 0),) * 5)
        self.refuses(1, Promise(1, ballot, (10,) * 5, 9, 30, False, Ballot(1, 1), half))

    def test_accept(self) -> None:
        """An ACCEPT in another's name, without our promise, or of what cannot follow."""
        ballot = Ballot(2, 3)
        seats = (Seat(True, 0),) * 4
        value = View(1, (1, 2, 3, 4), (*seats, Seat(False, 12)))
        self.refuses(3, Accept(ballot, value))
        self.take(3, Prepare(1, ballot, (5,), ()))
        self.refuses(1, Accept(ballot, value))
        self.refuses(3, Accept(Ballot(3, 3), value))
        self.refuses(3, Accept(ballot, View(1, (1, 2, 3, 4), (*seats, Seat(False, 9)))))
        self.refuses(3, Accept(ballot, View(1, (1, 2, 3, 4), (*seats, Seat(True, 0)))))
        self.take(3, Accept(ballot, value))
        self.refuses(3, Accept(ballot, View(1, (1, 2, 3, 4), (*seats, Seat(False, 13)))))

    def test_commit(self) -> None:
        """Views that cannot follow, contradict, change what is confirmed, or skip our vote."""
        seats = (Seat(True, 0),) * 4
        members = (1, 2, 3, 4)
        self.refuses(3, Commit(View(1, members, (*seats, Seat(False, 9)))))
        self.refuses(3, Commit(View(1, members, (*seats, Seat(True, 0)))))
        self.refuses(3, Commit(View(1, members, seats)))
        self.refuses(3, Commit(View(2, members, (*seats, Seat(False, 30)))))
        self.refuses(3, Commit(View(2, (1,), seats)))
        value = View(1, members, (*seats, Seat(False, 10)))
        self.take(3, Commit(value))
        self.refuses(3, Commit(View(1, members, (*seats, Seat(False, 11)))))
        early = View(2, (1, 2, 3, 4, 5), (*seats, Seat(True, 11)))
        self.standing = Standing(11, 20, (12, 12, 12, 12, 10))
        self.refuses(4, Commit(early))

    def test_ours(self) -> None:
        """Our own mistakes."""
        view = firstView(FIVE)
        self.assertRaises(LocalProtocolError, Agreement, AgreementSettings(), 6, FIVE, view)
        self.assertRaises(LocalProtocolError, Agreement, AgreementSettings(), 1, FOUR, view)
        nobody = View(0, (), (Seat(False, 0),) * 5)
        self.assertRaises(LocalProtocolError, Agreement, AgreementSettings(), 1, FIVE, nobody)
        self.assertRaises(BadSetting, Agreement, AgreementSettings(), 1, ((2,),), view)
        short = Standing(0, 1, (1,))
        self.assertRaises(LocalProtocolError, self.agreement.due, short, 0.0)
        body = encodeViewMessage(CommitAck(0))
        self.assertRaises(LocalProtocolError, self.agreement.received, 1, body, short, 0.0)

    def test_joinersMessages(self) -> None:
        """The session's own two messages are ignored here."""
        before = repr(self.agreement)
        self.agreement.received(1, b"\x19\x00", self.standing, 0.0)
        for hears_all in (b"\x00", b"\x01"):
            body = b"\x18" + bytes(22) + hears_all
            self.agreement.received(1, body, self.standing, 0.0)
        for body in (b"\x18" + bytes(22), b"\x18" + bytes(22) + b"\x02"):
            received = self.agreement.received
            self.assertRaises(MalformedMessage, received, 1, body, self.standing, 0.0)
        self.assertEqual(repr(self.agreement), before)
