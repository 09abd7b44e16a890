"""
What the players of a match ask of their lobby.

They travel as L{gamenet.wire.lobby_requests} says.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from gamenet.wire.lobby_fields import Field, ListOf, Octets, Row, RowOf, SomeOctets, Whole
from gamenet.wire.lobby_values import ATTEMPT, MATCH_ID, PLAYERS_LIMIT, REQUEST, STEP_KIND

__all__ = [
    "EPOCH_LIMIT",
    "RESULT_LIMIT",
    "EndMatch",
    "OfferResult",
    "ReportHost",
    "ResultSignature",
    "SendStep",
]

#: The most bytes of a match's result.
RESULT_LIMIT = 1024

#: The highest number of an epoch, as in L{gamenet.wire.log_values.Epoch}.
EPOCH_LIMIT = 2**48 - 1

#: Bytes of an Ed25519 signature (RFC 8032).
_SIGNATURE_BYTES = 64

_PLAYER = Whole(1, PLAYERS_LIMIT)


@attrs.frozen
class SendStep(Row):
    """
    Pass a traversal step on to another player of the same match.

    C{[8, request, match_id, player, attempt, kind]}, answered by Done or Refused;
    the player is sent a Step.

    @ivar request: The request's number.
    @ivar match_id: Which match, 16 bytes.
    @ivar player: To whom, by player number.
    @ivar attempt: Which attempt to reach one another the step belongs to, 16 bytes.
    @ivar kind: What the step is, 0 to 255; the players' own affair.
    """

    number: ClassVar[int] = 8
    layout: ClassVar[tuple[Field, ...]] = (
        REQUEST,
        MATCH_ID,
        _PLAYER,
        ATTEMPT,
        STEP_KIND,
    )

    request: int
    match_id: bytes
    player: int
    attempt: bytes
    kind: int


@attrs.frozen
class EndMatch(Row):
    """
    Say that a match is over for this client.

    C{[10, request, match_id]}, answered by Done or Refused.

    @ivar request: The request's number.
    @ivar match_id: Which match, 16 bytes.
    """

    number: ClassVar[int] = 10
    layout: ClassVar[tuple[Field, ...]] = (REQUEST, MATCH_ID)

    request: int
    match_id: bytes


@attrs.frozen
class ResultSignature(Row):
    """
    One player's signature under a match's result.

    @ivar player: Whose it is said to be, by player number.
    @ivar signature: 64 bytes (RFC 8032).
    """

    layout: ClassVar[tuple[Field, ...]] = (_PLAYER, Octets(_SIGNATURE_BYTES))

    player: int
    signature: bytes


def _playerOf(signature: ResultSignature) -> int:
    """Return what two signatures may not share."""
    return signature.player


def _itself(value: object) -> object:
    """Return a value that may not occur twice."""
    return value


@attrs.frozen
class OfferResult(Row):
    """
    Give the lobby the result of a match that the client plays, or has just played.

    C{[11, request, match_id, result, signatures]}, answered by Done or Refused; since
    version 2.  The lobby keeps what it is given as it is, and verifies no signature.

    @ivar request: The request's number.
    @ivar match_id: Which match, 16 bytes.
    @ivar result: What the players signed, 1 to L{RESULT_LIMIT} bytes.
    @ivar signatures: Those that the client has, no player's twice; missing ones are missing.
    """

    number: ClassVar[int] = 11
    layout: ClassVar[tuple[Field, ...]] = (
        REQUEST,
        MATCH_ID,
        SomeOctets(1, RESULT_LIMIT),
        ListOf(RowOf(ResultSignature), 0, PLAYERS_LIMIT, identity=_playerOf),
    )

    request: int
    match_id: bytes
    result: bytes
    signatures: tuple[ResultSignature, ...]


@attrs.frozen
class ReportHost(Row):
    """
    Say that the client is the host of a running match, by which epoch, and who plays.

    C{[12, request, match_id, epoch_number, epoch_host, players]}, answered by Done or
    Refused; since version 2.  Epochs are ordered by their number, then by their host.

    @ivar request: The request's number.
    @ivar match_id: Which match, 16 bytes.
    @ivar epoch_number: The epoch's number, 1 to L{EPOCH_LIMIT}.
    @ivar epoch_host: The epoch's host, by player number: the client's own.
    @ivar players: Who plays, by player numbers, ascending; the host among them.
    """

    number: ClassVar[int] = 12
    layout: ClassVar[tuple[Field, ...]] = (
        REQUEST,
        MATCH_ID,
        Whole(1, EPOCH_LIMIT),
        _PLAYER,
        ListOf(_PLAYER, 1, PLAYERS_LIMIT, identity=_itself),
    )

    request: int
    match_id: bytes
    epoch_number: int
    epoch_host: int
    players: tuple[int, ...]

    def requireConsistent(self) -> None:
        """
        @raise ValueError: The players are not in order, or the host is none of them.
        """
        if list(self.players) != sorted(self.players):
            raise ValueError("ReportHost: the players are not in order of their numbers")
        if self.epoch_host not in self.players:
            raise ValueError("ReportHost: the host is none of the players")
