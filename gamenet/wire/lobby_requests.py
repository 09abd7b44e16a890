"""
What clients send to their lobby over the stream.

Every message travels as one frame (L{gamenet.wire.framing}) that holds one
CBOR array (L{gamenet.wire.canonical_cbor}): the message's number, then its
fields in the order in which they are declared.  Arrays are exactly as long as
the version of the protocol says that both agreed upon.  What players of a match
ask for stands in L{gamenet.wire.lobby_match_requests}.

C{request} numbers a request, 1 to 2**32 - 1; the client chooses it and the lobby's
answer repeats it, so answers may overtake one another.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from gamenet.wire.lobby_fields import (
    Field,
    LooseText,
    Row,
    SessionId,
    Whole,
)
from gamenet.wire.lobby_match_requests import (
    EPOCH_LIMIT,
    RESULT_LIMIT,
    EndMatch,
    OfferResult,
    ReportHost,
    ResultSignature,
    SendStep,
)
from gamenet.wire.lobby_values import OFFERED, PUBLIC_KEY, REQUEST, SEQUENCE, Candidate

__all__ = [
    "EPOCH_LIMIT",
    "LOOSE_LIMIT",
    "RESULT_LIMIT",
    "CreateSession",
    "EndMatch",
    "Hello",
    "JoinSession",
    "LeaveSession",
    "ListSessions",
    "OfferCandidates",
    "OfferResult",
    "ReportHost",
    "Request",
    "ResultSignature",
    "SendStep",
    "StartMatch",
    "StreamHeartbeat",
]

#: The most characters of a name or title that a client can ask for.  It is well
#: above what is good, so that a bad one is refused as C{BAD_NAME}, not as malformed.
LOOSE_LIMIT = 1024

_VERSION = Whole(1, 65_535)
_LOOSE_COUNT = Whole(0, 2**32 - 1)
_SEVERAL = Whole(2, 255)


@attrs.frozen
class Hello(Row):
    """
    The first message of a stream: who the client is and what it speaks.

    C{[1, request, lowest_version, highest_version, name, link_key,
    statement_key]}.  Answered by Welcome or Refused.

    Of all messages this one is also read by lobbies older than the client, so these
    fields are what they are for ever, later ones are appended, and a lobby
    ignores what follows them where C{highest_version} is above its own.

    @ivar request: The request's number.
    @ivar lowest_version: The oldest version of the protocol that the client
        speaks; 1 to 65 535.
    @ivar highest_version: The newest; not below the oldest.
    @ivar name: What others shall see; at most L{LOOSE_LIMIT} characters, and the
        lobby refuses it where L{gamenet.wire.lobby_fields.nameProblem} finds one.
    @ivar link_key: The client's X25519 public key for this stream's matches, 32 bytes.
    @ivar statement_key: The client's Ed25519 public key, 32 bytes.
    """

    number: ClassVar[int] = 1
    layout: ClassVar[tuple[Field, ...]] = (
        REQUEST,
        _VERSION,
        _VERSION,
        LooseText(LOOSE_LIMIT),
        PUBLIC_KEY,
        PUBLIC_KEY,
    )

    request: int
    lowest_version: int
    highest_version: int
    name: str
    link_key: bytes
    statement_key: bytes

    def requireConsistent(self) -> None:
        """
        @raise ValueError: The newest version is older than the oldest.
        """
        if self.highest_version < self.lowest_version:
            raise ValueError("Hello: the highest version is below the lowest")


@attrs.frozen
class ListSessions(Row):
    """
    Ask for the list of sessions.  C{[2, request]}, answered by SessionList or Refused.

    @ivar request: The request's number.
    """

    number: ClassVar[int] = 2
    layout: ClassVar[tuple[Field, ...]] = (REQUEST,)

    request: int


@attrs.frozen
class CreateSession(Row):
    """
    Open a session and sit in it as its host.

    C{[3, request, title, capacity, minimum, players]}, answered by SessionState or Refused.
    It ends with the minimum where one plays at the client, and in version 1.

    @ivar request: The request's number.
    @ivar title: What the list shall say; at most L{LOOSE_LIMIT} characters, and
        the lobby refuses it where L{gamenet.wire.lobby_fields.nameProblem} finds one.
    @ivar capacity: How many players can sit in it, any 32-bit integer; the lobby refuses
        what cannot be as C{BAD_SETTING}.
    @ivar minimum: How many it takes to start; likewise.
    @ivar players: How many play at the client, each in a seat: 1 to
        L{gamenet.wire.lobby_values.LOCAL_PLAYERS_LIMIT}.  Up to 255 can be asked for; the
        lobby refuses what cannot be as C{BAD_SETTING}.
    """

    number: ClassVar[int] = 3
    layout: ClassVar[tuple[Field, ...]] = (
        REQUEST,
        LooseText(LOOSE_LIMIT),
        _LOOSE_COUNT,
        _LOOSE_COUNT,
        _SEVERAL,
    )
    appended: ClassVar[int] = 1

    request: int
    title: str
    capacity: int
    minimum: int
    players: int = 1

    def saysAppended(self) -> bool:
        """Return whether several play at the client."""
        return self.players != 1


@attrs.frozen
class JoinSession(Row):
    """
    Sit in a session.  C{[4, request, session_id, players]}, answered by SessionState or
    Refused.  It ends with the session's id where one plays at the client, and in version 1.

    @ivar request: The request's number.
    @ivar session_id: 16 hexadecimal digits, from the list.
    @ivar players: As in CreateSession.
    """

    number: ClassVar[int] = 4
    layout: ClassVar[tuple[Field, ...]] = (REQUEST, SessionId(), _SEVERAL)
    appended: ClassVar[int] = 1

    request: int
    session_id: str
    players: int = 1

    def saysAppended(self) -> bool:
        """Return whether several play at the client."""
        return self.players != 1


@attrs.frozen
class LeaveSession(Row):
    """
    Get up from the session.  C{[5, request]}, answered by Done or Refused.

    @ivar request: The request's number.
    """

    number: ClassVar[int] = 5
    layout: ClassVar[tuple[Field, ...]] = (REQUEST,)

    request: int


@attrs.frozen
class StartMatch(Row):
    """
    Start the match; for the host.  C{[6, request]}, answered by Done or
    Refused; every member is sent a MatchTicket.

    @ivar request: The request's number.
    """

    number: ClassVar[int] = 6
    layout: ClassVar[tuple[Field, ...]] = (REQUEST,)

    request: int


@attrs.frozen
class OfferCandidates(Row):
    """
    Say where this client may be reached, instead of what it said before.

    C{[7, request, candidates]}, answered by Done or Refused.  They go into
    tickets, and to the other players of a running match; never into lists.

    @ivar request: The request's number.
    @ivar candidates: At most L{gamenet.wire.lobby_values.OFFERED_LIMIT}, none twice;
        none at all takes the earlier ones back.
    """

    number: ClassVar[int] = 7
    layout: ClassVar[tuple[Field, ...]] = (REQUEST, OFFERED)

    request: int
    candidates: tuple[Candidate, ...]


@attrs.frozen
class StreamHeartbeat(Row):
    """
    A sign of life over the stream, where datagrams do not get through.

    C{[9, sequence]}, answered by StreamHeartbeatAnswer.

    @ivar sequence: Repeated in the answer; 0 to 2**64 - 1.
    """

    number: ClassVar[int] = 9
    layout: ClassVar[tuple[Field, ...]] = (SEQUENCE,)

    sequence: int


#: Anything that a client sends.
Request: TypeAlias = (
    Hello
    | ListSessions
    | CreateSession
    | JoinSession
    | LeaveSession
    | StartMatch
    | OfferCandidates
    | SendStep
    | StreamHeartbeat
    | EndMatch
    | OfferResult
    | ReportHost
)
