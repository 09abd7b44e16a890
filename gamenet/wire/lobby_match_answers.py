"""
What a lobby tells the players of a match: the ticket, who came and went, where
others can be reached, and the steps that they pass to one another.

All of it is pushed, so nothing here carries the number of a request.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from gamenet.wire.lobby_fields import Field, Flag, Row, RowOf, SessionId, Whole
from gamenet.wire.lobby_values import (
    ATTEMPT,
    CANDIDATES,
    MATCH_ID,
    PLAYERS_LIMIT,
    STEP_KIND,
    TICKET_MEMBERS,
    Candidate,
    TicketMember,
)

__all__ = ["CandidatesChanged", "MatchTicket", "PlayerJoined", "PlayerLeft", "Step"]

_PLAYER = Whole(1, PLAYERS_LIMIT)


@attrs.frozen
class MatchTicket(Row):
    """
    The match begins, or is joined while it runs: what every member is told, the same for
    all who are told at one time but for C{player}.

    C{[71, match_id, session_id, player, seed, members, capacity, late]}; version 1 ends
    with the members.

    @ivar match_id: 16 bytes that the lobby chose.
    @ivar session_id: The session that it came of, 16 hexadecimal digits.
    @ivar player: Which of the members the receiver is, by its player's number, the lowest
        where several play there.
    @ivar seed: The seed of the match's random numbers, 0 to 2**64 - 1.
    @ivar members: All members in order of their players' numbers, no client twice.  At the
        start the numbers run from 1; whoever is late may find some of them vacant.
    @ivar capacity: How many seats the match has: no player's number is above it; 1 to
        L{gamenet.wire.lobby_values.PLAYERS_LIMIT}.  0 where the lobby speaks version 1 and
        does not say.
    @ivar late: Whether the match ran already when the receiver sat down.
    """

    number: ClassVar[int] = 71
    layout: ClassVar[tuple[Field, ...]] = (
        MATCH_ID,
        SessionId(),
        _PLAYER,
        Whole(0, 2**64 - 1),
        TICKET_MEMBERS,
        _PLAYER,
        Flag(),
    )
    appended: ClassVar[int] = 2

    match_id: bytes
    session_id: str
    player: int
    seed: int
    members: tuple[TicketMember, ...]
    capacity: int = 0
    late: bool = False

    def saysAppended(self) -> bool:
        """Return whether the lobby said how many seats there are."""
        return self.capacity != 0

    def requireConsistent(self) -> None:
        """
        @raise ValueError: The members are not in order of their numbers, or at the start not
            numbered from 1 on; the receiver is none of them, or one is above the capacity.
        """
        numbers = [number for member in self.members for number in member.numbers]
        if self.late:
            if not self.capacity:
                raise ValueError("MatchTicket: late, without a capacity")
            if numbers != sorted(numbers) or len(set(numbers)) != len(numbers):
                raise ValueError("MatchTicket: the members are not in order of their numbers")
        elif numbers != list(range(1, len(numbers) + 1)):
            raise ValueError("MatchTicket: the members are not numbered from 1 on")
        if all(member.player != self.player for member in self.members):
            raise ValueError("MatchTicket: the receiver is no member")
        if self.capacity and numbers[-1] > self.capacity:
            raise ValueError("MatchTicket: a member's number is above the capacity")


@attrs.frozen
class CandidatesChanged(Row):
    """
    Another player of a running match may be reached elsewhere now.

    C{[72, match_id, player, candidates]}.

    @ivar match_id: Which match, 16 bytes.
    @ivar player: Whose they are, by player number.
    @ivar candidates: All of theirs, instead of those before.
    """

    number: ClassVar[int] = 72
    layout: ClassVar[tuple[Field, ...]] = (MATCH_ID, _PLAYER, CANDIDATES)

    match_id: bytes
    player: int
    candidates: tuple[Candidate, ...]


@attrs.frozen
class Step(Row):
    """
    A traversal step from another player, as SendStep gave it.

    C{[73, match_id, player, attempt, kind]}.

    @ivar match_id: Which match, 16 bytes.
    @ivar player: From whom, by player number.
    @ivar attempt: Which attempt the step belongs to, 16 bytes.
    @ivar kind: What the step is, 0 to 255.
    """

    number: ClassVar[int] = 73
    layout: ClassVar[tuple[Field, ...]] = (MATCH_ID, _PLAYER, ATTEMPT, STEP_KIND)

    match_id: bytes
    player: int
    attempt: bytes
    kind: int


@attrs.frozen
class PlayerJoined(Row):
    """
    Somebody sat down in a running match.  C{[76, match_id, member]}; since version 2.

    @ivar match_id: Which match, 16 bytes.
    @ivar member: Who, with the numbers that are theirs in this match from here on.
    """

    number: ClassVar[int] = 76
    layout: ClassVar[tuple[Field, ...]] = (MATCH_ID, RowOf(TicketMember))

    match_id: bytes
    member: TicketMember


@attrs.frozen
class PlayerLeft(Row):
    """
    Somebody has no seat in the lobby's session of a running match any more: they left
    it, or their stream is lost.  C{[77, match_id, player]}; since version 2.

    Nothing follows from it for the players' own links: whoever lost the lobby may play on.

    @ivar match_id: Which match, 16 bytes.
    @ivar player: Who, by player number; where several play there, by the lowest, for all of
        them.
    """

    number: ClassVar[int] = 77
    layout: ClassVar[tuple[Field, ...]] = (MATCH_ID, _PLAYER)

    match_id: bytes
    player: int
