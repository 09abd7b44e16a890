"""
The seats of a match, from its ticket: how many, and which are empty at the start.
"""

from __future__ import annotations

import attrs

from gamenet.errors import BadSetting
from gamenet.rollback.settings import PLAYERS_LIMIT
from gamenet.wire.lobby_answers import MatchTicket

__all__ = ["Seats"]

#: What is played by fewer is no match.
_FEWEST = 2


@attrs.frozen
class Seats:
    """
    The seats of one match.  Used by L{gamenet.match.frame_loop.FrameLoop}.

    @ivar players: How many there are, the empty ones counted.
    @ivar vacant: Which are empty as far as the ticket says, ascending: those that nobody
        has, and our own where we come late.
    @ivar joining: Whether we come late.
    @ivar seating: The players of each member, ascending; an empty seat stands alone.
    """

    players: int
    vacant: tuple[int, ...]
    joining: bool
    seating: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, ticket: MatchTicket, joining: bool = False) -> Seats:
        """
        Return the seats of a ticket's match.

        @param joining: Whether the match goes on already, though the ticket is not late: we
            were in it before.
        @raise BadSetting: The match has more seats than can be played.
        """
        late = joining or ticket.late
        taken = [number for member in ticket.members for number in member.numbers]
        players = max(_FEWEST, ticket.capacity, *taken)
        if players > PLAYERS_LIMIT:
            raise BadSetting(f"a match has at most {PLAYERS_LIMIT} seats, not {players}")
        ours = next(each.numbers for each in ticket.members if each.player == ticket.player)
        empty = [player for player in range(1, players + 1) if player not in taken]
        vacant = (*empty, *ours) if late else tuple(empty)
        several = (member.numbers for member in ticket.members)
        seating = sorted([*several, *((player,) for player in empty)])
        return cls(players, tuple(sorted(vacant)), late, tuple(seating))
