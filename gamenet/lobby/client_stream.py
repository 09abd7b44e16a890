"""
The client's side of the stream: requests out, each with its answer or its time limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import (
    GamenetError,
    LobbyLost,
    LocalProtocolError,
    MalformedMessage,
    RequestRefused,
    RequestTimedOut,
)
from gamenet.lobby.settings import LobbyClientSettings
from gamenet.lobby.stream import FramedStream
from gamenet.wire.framing import frame
from gamenet.wire.lobby_messages import (
    Answer,
    Farewell,
    Refused,
    Request,
    decodeAnswer,
    encodeMessage,
)

__all__ = ["LobbyStream"]

_A = TypeVar("_A", bound=Answer)

_REQUEST_NUMBERS = 1 << 32


@frozen
class _Pending:
    """
    A request that waits for its answer.

    @ivar name: Of the request, for texts.
    @ivar expected: The class of the answer.
    @ivar waiting: Fires with it.
    """

    name: str
    expected: type
    waiting: Deferred[Any]


def _nothing() -> None:
    """Nobody wants to know yet that something arrived."""


class LobbyStream(FramedStream):
    """
    The stream to a lobby.

    @ivar refusal: The newest refusal of nothing in particular: why the lobby
        turned the connection away, or could not read what was sent.
    @ivar farewell: What the lobby said before it closed the stream.
    @ivar heard: Called whenever anything arrives.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        settings: LobbyClientSettings,
        pushReceived: Callable[[Answer], None],
        streamLost: Callable[[str], None],
    ) -> None:
        """
        @param clock: The monotonic clock.
        @param settings: Time limits, and how many requests may wait.
        @param pushReceived: Called with every message that answers nothing that
            still waits.
        @param streamLost: Called once when the stream has ended, with the reason,
            after everything that waited has failed.
        """
        self._clock = clock
        self._settings = settings
        self._pushReceived = pushReceived
        self._streamLost = streamLost
        self._pending: dict[int, _Pending] = {}
        self._last_number = 0
        self._why = ""
        self.refusal: Refused | None = None
        self.farewell = ""
        self.heard: Callable[[], None] = _nothing

    def nextNumber(self) -> int:
        """Return the number that the next request takes, from 1 to 2**32 - 1."""
        self._last_number = self._last_number % (_REQUEST_NUMBERS - 1) + 1
        return self._last_number

    def ask(self, build: Callable[[int], Request], expected: type[_A]) -> Deferred[_A]:
        """
        Send a request.

        @param build: Given the request's number, returns the request.
        @param expected: The class of its answer.
        @return: Fires with the answer; fails with L{RequestRefused},
            L{RequestTimedOut}, L{LobbyLost}, or L{LocalProtocolError} where the
            request cannot be sent or too many wait already.
        """
        number = self.nextNumber()
        try:
            request = build(number)
            name = type(request).__name__
            if self.closing:
                raise LobbyLost(f"{name}: there is no connection with the lobby")
            if len(self._pending) >= self._settings.pending_limit or number in self._pending:
                raise LocalProtocolError(f"{name}: {len(self._pending)} requests wait already")
            data = frame(encodeMessage(request))
        except GamenetError:
            return fail(Failure())
        limit = self._settings.request_timeout

        def giveUp(result: object, seconds: float | None) -> Any:
            raise RequestTimedOut(f"{name}: the lobby did not answer within {seconds:g} s")

        def forget(_: object) -> None:
            self._pending.pop(number, None)

        waiting: Deferred[_A] = Deferred(forget)
        self._pending[number] = _Pending(name, expected, waiting)
        waiting.addTimeout(limit, self._clock, onTimeoutCancel=giveUp)
        self.sendBytes(data)
        return waiting

    def tell(self, request: Request) -> None:
        """
        Send a request whose answer nobody waits for; lost where the stream is closing.

        @param request: A request.
        """
        self.sendBytes(frame(encodeMessage(request)))

    def end(self, why: str) -> None:
        """
        Abort the stream from this side.

        @param why: What C{streamLost} shall be called with.
        """
        if not self.closing:
            self._why = why
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        """Note that the lobby is alive.  Called by Twisted."""
        self.heard()
        super().dataReceived(data)

    def frameReceived(self, payload: bytes) -> None:
        """Give a message to whoever waits for it."""
        try:
            message = decodeAnswer(payload)
        except MalformedMessage as error:
            self.frameBroken(error)
            return
        number = getattr(message, "request", 0)
        pending = self._pending.pop(number, None)
        if isinstance(message, Refused):
            self._refused(message, pending)
        elif isinstance(message, Farewell):
            self.farewell = message.reason
            self._pushReceived(message)
        elif pending is None:
            self._pushReceived(cast(Answer, message))
        elif type(message) is pending.expected:
            pending.waiting.callback(message)
        else:
            self._pending[number] = pending
            self.frameBroken(
                MalformedMessage(f"{pending.name} was answered by {type(message).__name__}")
            )

    def frameBroken(self, error: MalformedMessage) -> None:
        """The lobby said what no lobby says: end the stream."""
        self._log.warn("the lobby sent what cannot be read: {error}", error=str(error))
        self.end(f"the lobby sent what cannot be read: {error}")

    def readerTooSlow(self) -> None:
        """The lobby does not read: end the stream."""
        self.end("the lobby does not read")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail everything that waits.  Called by Twisted."""
        self.closing = True
        why = self._why or self.farewell or "the connection was lost"
        pending, self._pending = self._pending, {}
        for request in pending.values():
            request.waiting.errback(LobbyLost(f"{request.name}: {why}"))
        self._streamLost(why)

    def _refused(self, refused: Refused, pending: _Pending | None) -> None:
        """Fail what was refused."""
        if pending is not None:
            pending.waiting.errback(RequestRefused(refused.code, refused.reason))
            return
        if not refused.request:
            self.refusal = refused
        self._log.info(
            "the lobby refused: {code} ({reason})", code=refused.code.name, reason=refused.reason
        )
