"""
Lobby messages as bytes and back, and everything about them under one name.

A message is the payload of one frame: a canonical CBOR array of the message's
number and its fields.  The messages themselves are described where they are
declared: L{gamenet.wire.lobby_requests} and L{gamenet.wire.lobby_answers},
made of L{gamenet.wire.lobby_values}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.framing import FRAME_LIMIT
from gamenet.wire.lobby_answers import (
    REASON_LIMIT,
    Answer,
    CandidatesChanged,
    Done,
    Farewell,
    MatchTicket,
    PlayerJoined,
    PlayerLeft,
    Refused,
    RelayCredentials,
    SessionClosed,
    SessionList,
    SessionState,
    Step,
    StreamHeartbeatAnswer,
    Welcome,
)
from gamenet.wire.lobby_fields import Row, nameProblem, packRow, unpackRow
from gamenet.wire.lobby_requests import (
    EPOCH_LIMIT,
    LOOSE_LIMIT,
    RESULT_LIMIT,
    CreateSession,
    EndMatch,
    Hello,
    JoinSession,
    LeaveSession,
    ListSessions,
    OfferCandidates,
    OfferResult,
    ReportHost,
    Request,
    ResultSignature,
    SendStep,
    StartMatch,
    StreamHeartbeat,
)
from gamenet.wire.lobby_values import (
    CANDIDATES_LIMIT,
    HOST,
    LISTED_LIMIT,
    LOBBY_VERSION,
    LOCAL_PLAYERS_LIMIT,
    LOWEST_VERSION,
    MATCH_ID_BYTES,
    NAME_LIMIT,
    OFFERED_LIMIT,
    OPEN,
    PLAYERS_LIMIT,
    PLAYING,
    PROTOCOL_VERSION,
    RELAYED,
    SERVER_REFLEXIVE,
    TITLE_LIMIT,
    Candidate,
    RefusalCode,
    SessionMember,
    SessionSummary,
    SessionView,
    TicketMember,
)

__all__ = [
    "ANSWERS",
    "CANDIDATES_LIMIT",
    "EPOCH_LIMIT",
    "HOST",
    "LISTED_LIMIT",
    "LOBBY_VERSION",
    "LOCAL_PLAYERS_LIMIT",
    "LOOSE_LIMIT",
    "LOWEST_VERSION",
    "MATCH_ID_BYTES",
    "NAME_LIMIT",
    "OFFERED_LIMIT",
    "OPEN",
    "PLAYERS_LIMIT",
    "PLAYING",
    "PROTOCOL_VERSION",
    "REASON_LIMIT",
    "RELAYED",
    "REQUESTS",
    "RESULT_LIMIT",
    "SERVER_REFLEXIVE",
    "TITLE_LIMIT",
    "Answer",
    "Candidate",
    "CandidatesChanged",
    "CreateSession",
    "Done",
    "EndMatch",
    "Farewell",
    "Hello",
    "JoinSession",
    "LeaveSession",
    "ListSessions",
    "MatchTicket",
    "Message",
    "OfferCandidates",
    "OfferResult",
    "PlayerJoined",
    "PlayerLeft",
    "RefusalCode",
    "Refused",
    "RelayCredentials",
    "ReportHost",
    "Request",
    "ResultSignature",
    "SendStep",
    "SessionClosed",
    "SessionList",
    "SessionMember",
    "SessionState",
    "SessionSummary",
    "SessionView",
    "StartMatch",
    "Step",
    "StreamHeartbeat",
    "StreamHeartbeatAnswer",
    "TicketMember",
    "Welcome",
    "agreedVersion",
    "decodeAnswer",
    "decodeRequest",
    "encodeMessage",
    "nameProblem",
    "requestNumber",
]

#: Any lobby message.
Message: TypeAlias = Request | Answer

#: Every request's class, by its number.
REQUESTS: dict[int, type[Request]] = {
    message.number: message
    for message in (
        Hello,
        ListSessions,
        CreateSession,
        JoinSession,
        LeaveSession,
        StartMatch,
        OfferCandidates,
        SendStep,
        StreamHeartbeat,
        EndMatch,
        OfferResult,
        ReportHost,
    )
}

#: Every answer's class, by its number.
ANSWERS: dict[int, type[Answer]] = {
    message.number: message
    for message in (
        Welcome,
        Done,
        Refused,
        SessionList,
        SessionState,
        SessionClosed,
        RelayCredentials,
        MatchTicket,
        CandidatesChanged,
        Step,
        StreamHeartbeatAnswer,
        Farewell,
        PlayerJoined,
        PlayerLeft,
    )
}

#: How many elements of a Hello are the same in every version, its number counted.
_HELLO_LENGTH = 1 + len(Hello.layout)


def agreedVersion(lowest: int, highest: int) -> int | None:
    """
    Return the newest version that both sides speak, or C{None} where there is none.

    Called by a lobby with the versions of a L{Hello}.

    @param lowest: The oldest version that the client speaks.
    @param highest: The newest version that the client speaks.
    """
    version = min(highest, LOBBY_VERSION)
    return version if version >= max(lowest, LOWEST_VERSION) else None


def encodeMessage(message: Message) -> bytes:
    """
    Return a message's bytes, ready for L{gamenet.wire.framing.frame}: the bounds of
    their fields keep all messages below the limit of a frame.

    Called by a lobby and its clients with what they are about to send.

    @raise LocalProtocolError: It is no lobby message, or a field of it is out
        of bounds; the text names the field.
    """
    kind = type(message)
    number = getattr(kind, "number", 0)
    if REQUESTS.get(number) is not kind and ANSWERS.get(number) is not kind:
        raise LocalProtocolError(f"{kind.__name__} is not a lobby message")
    try:
        fields = packRow(message)
    except ValueError as error:
        raise LocalProtocolError(str(error)) from error
    return canonical_cbor.encode([number, *fields])


def decodeRequest(data: bytes) -> Request:
    """
    Return the request that a client's frame holds.

    Called by a lobby.

    @param data: One frame's payload.
    @raise MalformedMessage: It is no message, or a field of it is out of bounds;
        L{requestNumber} tells which request to refuse.
    @raise UnknownMessage: No request has its number.
    """
    array = _arrayOf(data)
    if array[0] == Hello.number and len(array) > _HELLO_LENGTH:
        highest = array[3]
        if type(highest) is int and highest > LOBBY_VERSION:
            del array[_HELLO_LENGTH:]
    return cast(Request, _messageOf(REQUESTS, array))


def decodeAnswer(data: bytes) -> Answer:
    """
    Return the answer, or the push, that a lobby's frame holds.

    Called by a lobby's client.

    @param data: One frame's payload.
    @raise MalformedMessage: It is no message, or a field of it is out of bounds.
    @raise UnknownMessage: No answer has its number.
    """
    return cast(Answer, _messageOf(ANSWERS, _arrayOf(data)))


def requestNumber(data: bytes) -> int:
    """
    Return the number of a request that L{decodeRequest} found no message in, or 0.

    Called by a lobby for the L{Refused} that answers it, so that the client learns which
    of its requests was bad.

    @param data: One frame's payload, as bad as it may be.
    """
    try:
        array = _arrayOf(data)
    except MalformedMessage:
        return 0
    if array[0] == StreamHeartbeat.number or len(array) < 2:
        return 0
    number = array[1]
    return number if type(number) is int and 1 <= number < 1 << 32 else 0


def _arrayOf(data: bytes) -> list[object]:
    """
    Return the array of any message, its number first.

    @raise MalformedMessage: There is none.
    """
    if len(data) > FRAME_LIMIT:
        raise MalformedMessage(f"a message of {len(data)} bytes is above the limit")
    array = canonical_cbor.decode(data)
    if type(array) is not list or not array or type(array[0]) is not int:
        raise MalformedMessage("a message is an array that begins with an integer")
    return array


def _messageOf(
    known: Mapping[int, type[Request]] | Mapping[int, type[Answer]], array: list[object]
) -> Row:
    """
    Return the message that an array holds.

    @param known: The classes that it may be of.
    @raise UnknownMessage: It is of none of them.
    @raise MalformedMessage: A field of it is out of bounds.
    """
    message_type = known.get(cast(int, array[0]))
    if message_type is None:
        raise UnknownMessage(f"no message has the number {array[0]} here")
    try:
        return unpackRow(message_type, array[1:])
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
