"""
The values in L{gamenet.wire.view_messages}: views, ballots, and each message.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

import attrs

__all__ = [
    "PLAYERS_LIMIT",
    "ROUNDS_LIMIT",
    "VIEWS_LIMIT",
    "Accept",
    "Accepted",
    "Ballot",
    "Commit",
    "CommitAck",
    "JoinRefusal",
    "JoinRefused",
    "JoinRequest",
    "Leave",
    "Outbid",
    "Prepare",
    "Promise",
    "Seat",
    "View",
    "ViewMessage",
]

#: The most players in a match.
PLAYERS_LIMIT = 16

#: View numbers are below this.
VIEWS_LIMIT = 1 << 16

#: Rounds of one instance are below this.
ROUNDS_LIMIT = 1 << 31


class Ballot(NamedTuple):
    """
    One try to decide; a higher one goes before a lower one.

    @ivar round: From 1.
    @ivar proposer: Whose try it is.
    """

    round: int
    proposer: int


@attrs.frozen
class Seat:
    """
    Who provides the inputs of one player.

    @ivar taken: Whether its peer does, from frame C{since} on; otherwise the
        seat is empty from that frame on.  Before it, it was the other way round.
    @ivar since: The frame.
    """

    taken: bool
    since: int


@attrs.frozen
class View:
    """
    Who plays, as all members have agreed.

    @ivar number: 0 at the start of the match; each decision is one more.
    @ivar members: The peers who play, ascending.
    @ivar seats: Of each player, from player 1.
    """

    number: int
    members: tuple[int, ...]
    seats: tuple[Seat, ...]


@attrs.frozen
class Prepare:
    """
    "Promise me this ballot."

    @ivar number: The view to be decided.
    @ivar ballot: The sender's.
    @ivar suspects: Peers that the sender does not hear, ascending: it does
        without their promises.
    @ivar leavers: Peers that leave on purpose, ascending: they vote.
    """

    number: int
    ballot: Ballot
    suspects: tuple[int, ...]
    leavers: tuple[int, ...]


@attrs.frozen
class Promise:
    """
    "Nothing of a lower ballot is accepted here from now on."

    @ivar number: The view to be decided.
    @ivar ballot: The promised one.
    @ivar floors: Per player, the first frame whose input is not here.
    @ivar confirmed: The sender's newest confirmed frame, or -1.
    @ivar horizon: The sender confirms no frame from this one on before the
        view is decided.
    @ivar leaving: Whether the sender leaves.
    @ivar accepted_ballot: The highest ballot that the sender has accepted.
    @ivar accepted_view: What it accepted then.
    """

    number: int
    ballot: Ballot
    floors: tuple[int, ...]
    confirmed: int
    horizon: int
    leaving: bool = False
    accepted_ballot: Ballot | None = None
    accepted_view: View | None = None


@attrs.frozen
class Accept:
    """
    "Accept this view."

    @ivar ballot: The sender's.
    @ivar view: What it proposes.
    """

    ballot: Ballot
    view: View


@attrs.frozen
class Accepted:
    """
    "Accepted."

    @ivar number: The view to be decided.
    @ivar ballot: Whose proposal was accepted.
    """

    number: int
    ballot: Ballot


@attrs.frozen
class Outbid:
    """
    "Your ballot is too low."

    @ivar number: The view to be decided.
    @ivar ballot: The higher one that the sender has promised.
    """

    number: int
    ballot: Ballot


@attrs.frozen
class Commit:
    """
    "This is decided."

    @ivar view: The newest view.
    """

    view: View


@attrs.frozen
class CommitAck:
    """
    "This is the newest view I know."

    @ivar number: Its number.
    """

    number: int


@attrs.frozen
class Leave:
    """
    "I leave."

    @ivar number: The view that the sender is in.
    """

    number: int


@attrs.frozen
class JoinRequest:
    """
    "Seat me": the sender's players are those of its seat.

    @ivar digest: L{gamenet.wire.peer_packets.DIGEST_BYTES} bytes of the sender's configuration.
    @ivar number: The newest view it knows.
    @ivar frame: The first frame that it has not followed yet.
    @ivar hears_all: Whether every member of that view has answered it just now;
        before that nobody seats it, as it would only be dropped again.
    """

    digest: bytes
    number: int
    frame: int
    hears_all: bool = True


class JoinRefusal(IntEnum):
    """Why a joiner is not seated."""

    CONFIGURATION_DIFFERS = 0
    SEAT_TAKEN = 1
    NOT_YET = 2
    MATCH_FULL = 3
    TOO_LATE = 4


@attrs.frozen
class JoinRefused:
    """
    "No."

    @ivar reason: Why.
    """

    reason: JoinRefusal


#: What L{gamenet.wire.view_messages.decodeViewMessage} returns.
ViewMessage: TypeAlias = (
    Prepare
    | Promise
    | Accept
    | Accepted
    | Commit
    | CommitAck
    | Leave
    | Outbid
    | JoinRequest
    | JoinRefused
)
