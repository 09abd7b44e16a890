"""When L{gamenet.agreement.agreement} tries a joiner, and when it tries the next."""

from __future__ import annotations

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Standing
from gamenet.agreement.settings import AgreementSettings
from gamenet.wire.view_values import (
    Accept,
    Accepted,
    Ballot,
    CommitAck,
    Prepare,
    Promise,
    Seat,
    View,
)
from tests.rollback_agreement_case import FIVE, ScriptedCase

TAKEN = (Seat(True, 0),) * 3
EMPTY = Seat(False, 20)
BALLOT = Ballot(1, 1)


class PauseTests(ScriptedCase):
    """A joiner that could not be seated is tried again after a pause; others at once."""

    def setUp(self) -> None:
        super().setUp()
        view = View(1, (1, 2, 3), (*TAKEN, EMPTY, EMPTY))
        self.agreement = Agreement(AgreementSettings(), 1, FIVE, view)
        self.standing = Standing(60, 70, (61, 61, 61, 20, 20))

    def decide(self, confirmed: int, now: float) -> View:
        """Have a ballot decided to whose promises all have confirmed that much."""
        self.now = now
        for peer in (2, 3):
            self.take(peer, Promise(2, BALLOT, (61, 61, 61, 20, 20), confirmed, 70))
        message = self.sent(now)[2][0]
        assert isinstance(message, Accept)
        self.take(2, Accepted(2, BALLOT))
        for peer in message.view.members[1:]:
            self.take(peer, CommitAck(2))
        self.assertEqual(self.agreement.view, message.view)
        return message.view

    def proposesAt(self, now: float, *joiners: int) -> bool:
        """Return whether a ballot begins, after these have asked."""
        for joiner in joiners:
            self.agreement.admit(joiner, now)
        messages = self.sent(now).get(2, [])
        return any(isinstance(message, Prepare) for message in messages)

    def test_notSeated(self) -> None:
        """It waits a second from the value on, whoever asks."""
        self.assertTrue(self.proposesAt(0.0, 4))
        view = self.decide(19, 0.125)
        self.assertEqual(view.members, (1, 2, 3))
        for now in (0.125, 0.5, 1.0, 1.0625):
            self.assertFalse(self.proposesAt(now, 4, 5))
        self.assertTrue(self.proposesAt(1.125, 4, 5))

    def test_seated(self) -> None:
        """After one was seated and that frame is confirmed the next need not wait."""
        self.assertTrue(self.proposesAt(0.0, 4, 5))
        view = self.decide(60, 0.125)
        self.assertEqual(view.members, (1, 2, 3, 4))
        self.standing = Standing(69, 80, (71, 71, 71, 70, 20))
        self.assertFalse(self.proposesAt(0.25, 5))
        self.standing = Standing(70, 80, (71, 71, 71, 71, 20))
        self.assertTrue(self.proposesAt(0.25, 5))

    def test_nobodyAsked(self) -> None:
        """A ballot without a joiner is no reason to let the first one wait."""
        self.agreement.suspect((3,), 0.0)
        self.assertTrue(self.proposesAt(0.0))
        self.now = 0.125
        self.take(2, Promise(2, BALLOT, (61, 61, 61, 20, 20), 60, 70))
        self.take(2, Accepted(2, BALLOT))
        self.assertEqual(self.agreement.view.members, (1, 2))
        self.standing = Standing(70, 80, (71, 71, 61, 20, 20))
        self.assertTrue(self.proposesAt(0.25, 4))
