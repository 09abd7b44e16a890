"""
What a lobby sends to its clients over the stream: answers, and what it pushes unasked.

They travel as L{gamenet.wire.lobby_requests} says.  C{request} is the number of
the request that is answered; 0 says that none is.  What is said of a match
stands in L{gamenet.wire.lobby_match_answers}.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from gamenet.interfaces import Address
from gamenet.wire.heartbeats import KEY_BYTES
from gamenet.wire.lobby_fields import (
    Field,
    ListOf,
    Octets,
    Row,
    RowOf,
    SessionId,
    Text,
    TransportAddress,
    Whole,
)
from gamenet.wire.lobby_match_answers import (
    CandidatesChanged,
    MatchTicket,
    PlayerJoined,
    PlayerLeft,
    Step,
)
from gamenet.wire.lobby_values import (
    CLIENT_ID,
    LISTED_LIMIT,
    REQUEST,
    SEQUENCE,
    RefusalCode,
    SessionSummary,
    SessionView,
)

__all__ = [
    "REASON_LIMIT",
    "Answer",
    "CandidatesChanged",
    "Done",
    "Farewell",
    "MatchTicket",
    "PlayerJoined",
    "PlayerLeft",
    "Refused",
    "RelayCredentials",
    "SessionClosed",
    "SessionList",
    "SessionState",
    "Step",
    "StreamHeartbeatAnswer",
    "Welcome",
]

#: The most characters of a reason that a lobby gives.
REASON_LIMIT = 256

_REQUEST_OR_PUSH = Whole(0, REQUEST.highest)
_REASON = Text(0, REASON_LIMIT)


class _CodeOfRefusal:
    """A field that holds a L{gamenet.wire.lobby_refusals.RefusalCode}: an integer on the wire."""

    __slots__ = ()

    def pack(self, value: object) -> int:
        """Return the code's number."""
        if type(value) is not RefusalCode:
            raise ValueError("must be a RefusalCode")
        return int(value)

    def unpack(self, wire: object) -> RefusalCode:
        """Return the code with that number."""
        if type(wire) is not int:
            raise ValueError("must be an integer")
        try:
            return RefusalCode(wire)
        except ValueError:
            raise ValueError("must be the number of a RefusalCode") from None


@attrs.frozen
class Welcome(Row):
    """
    The answer to a good Hello.

    C{[64, request, version, client_id, heartbeat_key, heartbeat_interval_ms,
    heartbeat_timeout_ms, udp_port]}.

    @ivar request: The Hello's number.
    @ivar version: The version of the protocol that both speak from here on.
    @ivar client_id: The client's name on this stream, 8 bytes that the lobby chose.
    @ivar heartbeat_key: Authenticates the client's heartbeats, 32 bytes; secret.
    @ivar heartbeat_interval_ms: How often the client shall send one; 100 to
        3 600 000 milliseconds.
    @ivar heartbeat_timeout_ms: How long the lobby waits for one before it takes
        the client for lost; not below the interval, up to 86 400 000 milliseconds.
    @ivar udp_port: The lobby's UDP port, on the address that the stream goes to.
    """

    number: ClassVar[int] = 64
    layout: ClassVar[tuple[Field, ...]] = (
        REQUEST,
        Whole(1, 65_535),
        CLIENT_ID,
        Octets(KEY_BYTES),
        Whole(100, 3_600_000),
        Whole(100, 86_400_000),
        Whole(1, 65_535),
    )

    request: int
    version: int
    client_id: bytes
    heartbeat_key: bytes = attrs.field(repr=False)
    heartbeat_interval_ms: int
    heartbeat_timeout_ms: int
    udp_port: int

    def requireConsistent(self) -> None:
        """
        @raise ValueError: A client would be lost between two heartbeats.
        """
        if self.heartbeat_timeout_ms < self.heartbeat_interval_ms:
            raise ValueError("Welcome: the timeout is below the interval")


@attrs.frozen
class Done(Row):
    """
    A request was carried out, and there is nothing more to say.  C{[65, request]}.

    @ivar request: The request's number.
    """

    number: ClassVar[int] = 65
    layout: ClassVar[tuple[Field, ...]] = (REQUEST,)

    request: int


@attrs.frozen
class Refused(Row):
    """
    A request was not carried out, and nothing was changed by it.

    C{[66, request, code, reason]}.

    @ivar request: The request's number; 0 where the lobby could not read it.
    @ivar code: Why, a L{gamenet.wire.lobby_refusals.RefusalCode}.
    @ivar reason: Why, for a person; up to L{REASON_LIMIT} characters.
    """

    number: ClassVar[int] = 66
    layout: ClassVar[tuple[Field, ...]] = (_REQUEST_OR_PUSH, _CodeOfRefusal(), _REASON)

    request: int
    code: RefusalCode
    reason: str


def _sessionIdOf(summary: SessionSummary) -> str:
    """Return what two lines of a list may not share."""
    return summary.session_id


@attrs.frozen
class SessionList(Row):
    """
    The list of sessions, as an answer or because it changed.

    C{[67, request, sessions, total]}.

    @ivar request: The request's number; 0 for a push.
    @ivar sessions: At most L{LISTED_LIMIT}, none twice.
    @ivar total: How many there are in all, those left out included; 0 to 2**32 - 1.
    """

    number: ClassVar[int] = 67
    layout: ClassVar[tuple[Field, ...]] = (
        _REQUEST_OR_PUSH,
        ListOf(RowOf(SessionSummary), 0, LISTED_LIMIT, identity=_sessionIdOf),
        Whole(0, 2**32 - 1),
    )

    request: int
    sessions: tuple[SessionSummary, ...]
    total: int

    def requireConsistent(self) -> None:
        """
        @raise ValueError: There are more in the list than in all.
        """
        if self.total < len(self.sessions):
            raise ValueError("SessionList: the total is below what is listed")


@attrs.frozen
class SessionState(Row):
    """
    The session that the client sits in, as an answer or because it changed.

    C{[68, request, view]}.

    @ivar request: The request's number; 0 for a push.
    @ivar view: All that members may know of it.
    """

    number: ClassVar[int] = 68
    layout: ClassVar[tuple[Field, ...]] = (_REQUEST_OR_PUSH, RowOf(SessionView))

    request: int
    view: SessionView


@attrs.frozen
class SessionClosed(Row):
    """
    The session that the client sat in is gone, and the client sits in none.

    C{[69, session_id, reason]}.

    @ivar session_id: 16 hexadecimal digits.
    @ivar reason: Why, for a person; up to L{REASON_LIMIT} characters.
    """

    number: ClassVar[int] = 69
    layout: ClassVar[tuple[Field, ...]] = (SessionId(), _REASON)

    session_id: str
    reason: str


@attrs.frozen
class RelayCredentials(Row):
    """
    A relay, and what it takes to use it: ephemeral TURN credentials.

    C{[70, address, username, password, lifetime]}.  Pushed with a seat.  The
    realm is not among them: the relay says it when it challenges (RFC 8489, section 9.2.4).

    @ivar address: The relay's UDP address.
    @ivar username: 1 to 255 characters (RFC 8489 allows less than 509 bytes).
    @ivar password: 1 to 255 characters; secret.
    @ivar lifetime: For how long the relay accepts them, counted from their arrival; 1 to
        2**32 - 1 seconds.
    """

    number: ClassVar[int] = 70
    layout: ClassVar[tuple[Field, ...]] = (
        TransportAddress(),
        Text(1, 255),
        Text(1, 255),
        Whole(1, 2**32 - 1),
    )

    address: Address
    username: str
    password: str = attrs.field(repr=False)
    lifetime: int


@attrs.frozen
class StreamHeartbeatAnswer(Row):
    """
    The answer to a StreamHeartbeat.  C{[74, sequence]}.

    @ivar sequence: The heartbeat's.
    """

    number: ClassVar[int] = 74
    layout: ClassVar[tuple[Field, ...]] = (SEQUENCE,)

    sequence: int


@attrs.frozen
class Farewell(Row):
    """
    The last message of a stream that the lobby is about to close.  C{[75, reason]}.

    @ivar reason: Why, for a person; up to L{REASON_LIMIT} characters.
    """

    number: ClassVar[int] = 75
    layout: ClassVar[tuple[Field, ...]] = (_REASON,)

    reason: str


#: Anything that a lobby sends.
Answer: TypeAlias = (
    Welcome
    | Done
    | Refused
    | SessionList
    | SessionState
    | SessionClosed
    | RelayCredentials
    | MatchTicket
    | CandidatesChanged
    | Step
    | StreamHeartbeatAnswer
    | Farewell
    | PlayerJoined
    | PlayerLeft
)
