"""Requests that wait for their answers."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RelayRefused
from gamenet.turn_client.transactions import Transactions
from gamenet.wire.stun import MessageClass, StunMessage

_ID = bytes(range(12))


def _answer(method: int = 3, transaction_id: bytes = _ID) -> StunMessage:
    return StunMessage(method, MessageClass.SUCCESS, transaction_id)


class TransactionTests(SynchronousTestCase):
    """RFC 8489, section 6.2.1."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[tuple[float, bytes]] = []
        self.transactions = Transactions(
            self.clock, lambda data: self.sent.append((self.clock.seconds(), data)), 3, 2
        )

    def request(self, transaction_id: bytes = _ID, believed: bool = True) -> Deferred[StunMessage]:
        """Ask something."""
        return self.transactions.request(transaction_id, 3, b"request", lambda _: believed)

    def test_retransmissions(self) -> None:
        """Sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and given up after 39.5 s."""
        asked = self.request()
        for _ in range(79):
            self.assertNoResult(asked)
            self.clock.advance(0.5)
        self.assertEqual(
            self.sent, [(at, b"request") for at in (0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
        )
        refused = self.failureResultOf(asked, RelayRefused)
        self.assertEqual(refused.value.code, 0)
        self.assertEqual((len(self.transactions), self.clock.getDelayedCalls()), (0, []))

    def test_lateTimer(self) -> None:
        """Transmissions keep to their due times however late the clock came before."""
        self.request()
        self.clock.advance(1.2)
        self.clock.advance(0.3)
        self.assertEqual([at for at, _ in self.sent], [0.0, 1.2, 1.5])

    def test_answer(self) -> None:
        """The answer ends it: no further transmission, no timer."""
        asked = self.request()
        self.clock.advance(0.6)
        self.assertTrue(self.transactions.answered(_answer()))
        self.assertEqual(self.successResultOf(asked), _answer())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(100.0)
        self.assertEqual(len(self.sent), 2)
        self.assertFalse(self.transactions.answered(_answer()))

    def test_notTheAnswer(self) -> None:
        """Another transaction's, another method's, and an unbelievable answer are ignored."""
        asked = self.request()
        self.assertFalse(self.transactions.answered(_answer(4)))
        self.assertFalse(self.transactions.answered(_answer(3, bytes(12))))
        other = self.request(b"another.....", believed=False)
        self.assertFalse(self.transactions.answered(_answer(3, b"another.....")))
        self.assertNoResult(asked)
        self.assertNoResult(other)
        self.assertTrue(self.transactions.answered(_answer()))
        self.assertNoResult(other)
        self.transactions.failAll(RelayRefused(0, "enough"))
        self.failureResultOf(other, RelayRefused)

    def test_limit(self) -> None:
        """
        "Bounded number of outstanding transactions": others wait for their turn, in order,
        and one too many fails (A2).
        """
        asked = [self.request(bytes([number]) * 12) for number in range(5)]
        self.failureResultOf(self.request(b"one too many"), LocalProtocolError)
        self.assertEqual((len(self.sent), len(self.transactions)), (3, 5))
        self.clock.advance(0.4)
        self.transactions.answered(_answer(3, bytes(12)))
        self.successResultOf(asked[0])
        self.assertEqual((len(self.sent), len(self.transactions)), (4, 4))
        self.transactions.answered(_answer(3, bytes([3]) * 12))
        self.successResultOf(asked.pop(3))
        self.assertEqual((len(self.sent), len(self.transactions)), (5, 3))
        asked.append(self.request(b"one too many"))
        self.assertNoResult(asked[-1])
        self.transactions.failAll(RelayRefused(0, "x"))
        self.assertEqual((len(self.sent), len(self.transactions)), (5, 0))
        self.assertEqual(Transactions(self.clock, self.sent.append).limit, 256)
        for each in asked[1:]:
            self.failureResultOf(each, RelayRefused)

    def test_queueTimes(self) -> None:
        """What waited is given up 39.5 s after it was sent; cancelled, it is never sent (A2)."""
        for number in range(3):
            self.request(bytes([number]) * 12).addErrback(lambda failure: None)
        waiting, cancelled = self.request(b"waiting....."), self.request(b"cancelled...")
        cancelled.addErrback(lambda failure: None)
        cancelled.cancel()
        for _ in range(79):
            self.clock.advance(0.5)
        self.assertEqual((len(self.sent), len(self.transactions)), (22, 1))
        self.assertNoResult(waiting)
        for _ in range(79):
            self.clock.advance(0.5)
        self.failureResultOf(waiting, RelayRefused)
        self.assertEqual(len(self.sent), 28)

    def test_failAll(self) -> None:
        """All are given up at once, also one that asks again when it fails."""
        asked = [self.request(bytes([number]) * 12) for number in range(2)]
        again: list[Deferred[StunMessage]] = []

        def ask(failure: object) -> None:
            again.append(self.request(b"another try."))

        asked[0].addErrback(ask)
        self.transactions.failAll(RelayRefused(0, "closed"))
        self.failureResultOf(asked[1], RelayRefused)
        self.assertEqual(len(self.transactions), 1)
        self.assertNoResult(again[0])
        self.transactions.failAll(RelayRefused(0, "closed"))
        self.failureResultOf(again[0], RelayRefused)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel(self) -> None:
        """Cancelling the Deferred ends the transaction."""
        asked = self.request()
        asked.addErrback(lambda failure: None)
        asked.cancel()
        self.assertEqual((len(self.transactions), self.clock.getDelayedCalls()), (0, []))

    def test_answeredWithinSend(self) -> None:
        """An answer that arrives before sending returns is an answer."""

        def send(data: bytes) -> None:
            self.assertTrue(transactions.answered(_answer()))

        transactions = Transactions(self.clock, send)
        asked = transactions.request(_ID, 3, b"request", lambda _: True)
        self.assertEqual(self.successResultOf(asked), _answer())
        self.assertEqual(self.clock.getDelayedCalls(), [])
