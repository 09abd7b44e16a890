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
    """
    One request on its way, or that waits to be sent.

    @ivar timer: Its next transmission; set once for each, so an Alarm would buy nothing.
    """

    request: bytes
    method: int
    accepts: Callable[[StunMessage], bool]
    answer: Deferred[StunMessage]
    begun: float = 0.0
    sent: int = 0
    timer: IDelayedCall | None = None


@define(eq=False)
class Transactions:
    """
    The outstanding requests to one server, each sent again until it is answered.

    @ivar clock: Times the retransmissions.
    @ivar send: Sends one datagram to the server.
    @ivar limit: Most requests outstanding at a time; others wait for their turn.
    @ivar queue_limit: Most requests that wait for it.
    @ivar times: When each is sent and given up, seconds from its beginning:
        see L{gamenet.wire.stun.transmissionTimes}, and L{RELIABLE_TIMES}.
    @ivar strict: Whether an answer that is not believed ends its transaction: over a
        stream nobody else can have sent it (section 9.2.5).
    """

    clock: IReactorTime
    send: Callable[[bytes], object]
    limit: int = 256
    queue_limit: int = 256
    times: tuple[float, ...] = field(factory=transmissionTimes)
    strict: bool = False
    _waiting: dict[bytes, _Transaction] = field(init=False, factory=dict)
    _queue: dict[bytes, _Transaction] = field(init=False, factory=dict)

    def __len__(self) -> int:
        """Return how many requests are outstanding or wait for their turn."""
        return len(self._waiting) + len(self._queue)

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
        if len(self._waiting) >= self.limit and len(self._queue) >= self.queue_limit:
            return fail(LocalProtocolError("too many requests to the relay are outstanding"))
        answer: Deferred[StunMessage] = Deferred(lambda _: self._abandon(transaction_id))
        self._queue[transaction_id] = _Transaction(request, method, accepts, answer)
        self._sendNext()
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
        """Give every request up, those that wait for their turn too."""
        queue, self._queue = self._queue, {}
        for transaction in queue.values():
            transaction.answer.errback(error)
        for transaction_id in tuple(self._waiting):
            given_up = self._forget(transaction_id)
            if given_up is not None:
                given_up.answer.errback(error)

    def _sendNext(self) -> None:
        while self._queue and len(self._waiting) < self.limit:
            transaction_id = next(iter(self._queue))
            transaction = self._queue.pop(transaction_id)
            transaction.begun = self.clock.seconds()
            self._waiting[transaction_id] = transaction
            self._transmit(transaction_id)

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
        self._queue.pop(transaction_id, None)
        self._forget(transaction_id)

    def _forget(self, transaction_id: bytes) -> _Transaction | None:
        transaction = self._waiting.pop(transaction_id, None)
        if transaction is not None and transaction.timer is not None:
            transaction.timer.cancel()
            transaction.timer = None
        self._sendNext()
        return transaction
