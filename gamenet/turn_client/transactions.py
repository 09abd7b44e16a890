"""
Requests that wait for their answers (RFC 8489, section 6.2.1).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gamenet.errors import GamenetError, LocalProtocolError, RelayRefused, RemoteProtocolError
from gamenet.wire.stun import StunMessage, transmissionTimes

__all__ = ["RELIABLE_TIMES", "Transactions"]

#: When a request over a stream is sent and given up, seconds from its beginning: once, and
#: after Ti (section 6.2.2).
RELIABLE_TIMES = (0.0, transmissionTimes()[-1])


@define(eq=False)
class _Transaction:
    """One request on its way."""

    request: bytes
    method: int
    accepts: Callable[[StunMessage], bool]
    begun: float
    answer: Deferred[StunMessage]
    sent: int = 0
    timer: IDelayedCall | None = None


@define(eq=False)
class Transactions:
    """
    The outstanding requests to one server, each sent again until it is answered.

    @ivar clock: Times the retransmissions.
    @ivar send: Sends one datagram to the server.
    @ivar limit: Most requests outstanding at a time.
    @ivar times: When each is sent and given up, seconds from its beginning:
        see L{gamenet.wire.stun.transmissionTimes}, and L{RELIABLE_TIMES}.
    @ivar strict: Whether an answer that is not believed ends its transaction: over a
        stream nobody else can have sent it (section 9.2.5).
    """

    clock: IReactorTime
    send: Callable[[bytes], object]
    limit: int = 256
    times: tuple[float, ...] = field(factory=transmissionTimes)
    strict: bool = False
    _waiting: dict[bytes, _Transaction] = field(init=False, factory=dict)

    def __len__(self) -> int:
        """Return how many requests are outstanding."""
        return len(self._waiting)

    def request(
        self,
        transaction_id: bytes,
        method: int,
        request: bytes,
        accepts: Callable[[StunMessage], bool],
    ) -> Deferred[StunMessage]:
        """
        Send a request until it is answered.

        @param transaction_id: New and unpredictable, 12 bytes.
        @param method: The request's method.
        @param request: The request.
        @param accepts: Whether an answer is to be believed; others are ignored.
        @return: Fires with the answer, a success or an error.  Fails with
            L{RelayRefused} of code 0 where none came in time, with
            L{LocalProtocolError} where too many are outstanding, and with
            L{RemoteProtocolError} where C{strict} says so.
        """
        if len(self._waiting) >= self.limit:
            return fail(LocalProtocolError("too many requests to the relay are outstanding"))
        answer: Deferred[StunMessage] = Deferred(lambda _: self._abandon(transaction_id))
        transaction = _Transaction(request, method, accepts, self.clock.seconds(), answer)
        self._waiting[transaction_id] = transaction
        self._transmit(transaction_id)
        return answer

    def answered(self, message: StunMessage) -> bool:
        """
        Take an answer.

        @return: Whether it was one that somebody waited for and believes.
        """
        transaction = self._waiting.get(message.transaction_id)
        if transaction is None or message.method != transaction.method:
            return False
        believed = transaction.accepts(message)
        if believed or self.strict:
            self._forget(message.transaction_id)
        if believed:
            transaction.answer.callback(message)
        elif self.strict:
            why = "an answer of the relay that is not signed as it must be"
            transaction.answer.errback(RemoteProtocolError(why))
        return believed

    def failAll(self, error: GamenetError) -> None:
        """Give every request up."""
        for transaction_id in tuple(self._waiting):
            transaction = self._forget(transaction_id)
            if transaction is not None:
                transaction.answer.errback(error)

    def _transmit(self, transaction_id: bytes) -> None:
        transaction = self._waiting[transaction_id]
        transaction.timer = None
        if transaction.sent == len(self.times) - 1:
            self._forget(transaction_id)
            transaction.answer.errback(RelayRefused(0, "no answer from the relay"))
            return
        transaction.sent += 1
        due = transaction.begun + self.times[transaction.sent]
        transaction.timer = self.clock.callLater(
            max(0.0, due - self.clock.seconds()), self._transmit, transaction_id
        )
        self.send(transaction.request)

    def _abandon(self, transaction_id: bytes) -> None:
        self._forget(transaction_id)

    def _forget(self, transaction_id: bytes) -> _Transaction | None:
        transaction = self._waiting.pop(transaction_id, None)
        if transaction is not None and transaction.timer is not None:
            transaction.timer.cancel()
            transaction.timer = None
        return transaction
