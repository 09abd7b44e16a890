"""One agreement, whose peers are played by the test."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Standing
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import Seating, firstView
from gamenet.errors import RemoteProtocolError
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    Ballot,
    Commit,
    Promise,
    ViewMessage,
)

__all__ = ["ScriptedCase"]

FIVE: Seating = ((1,), (2,), (3,), (4,), (5,))

FIVE_PEERS = (1, 2, 3, 4, 5)


class ScriptedCase(SynchronousTestCase):
    """One agreement, whose peers are played by the test."""

    def setUp(self) -> None:
        self.standing = Standing(9, 20, (12, 11, 10, 10, 10))
        self.agreement = Agreement(AgreementSettings(), 2, FIVE, firstView(FIVE))
        self.now = 0.0

    def take(self, peer: int, message: ViewMessage) -> None:
        """
        Have the agreement take a message; of a COMMIT another member has spoken already,
        see L{tests.test_rollback_agreement_hostile_members} for where none has.
        """
        if isinstance(message, Commit):
            state = self.agreement._state
            for witness in FIVE_PEERS:
                if witness not in (peer, state.peer):
                    state.claims[witness] = message.view
        self.agreement.received(peer, encodeViewMessage(message), self.standing, self.now)

    def sent(self, now: float) -> dict[int, list[ViewMessage]]:
        """Return what is sent at a time, by peer."""
        self.now = now
        messages: dict[int, list[ViewMessage]] = {}
        for peer, body in self.agreement.due(self.standing, now):
            messages.setdefault(peer, []).append(decodeViewMessage(body))
        return messages

    def promiseOf(self, ballot: Ballot, number: int = 1) -> Promise:
        """Return a promise that somebody makes."""
        return Promise(number, ballot, (10, 10, 10, 10, 14), 9, 30)

    def refuses(self, peer: int, message: ViewMessage) -> None:
        """The message is refused, and nothing changes."""
        before = repr(self.agreement)
        body = encodeViewMessage(message)
        self.assertRaises(
            RemoteProtocolError, self.agreement.received, peer, body, self.standing, self.now
        )
        self.assertEqual(repr(self.agreement), before)
