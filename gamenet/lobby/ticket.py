"""
The match ticket: what every member is told when the host starts.
"""

from __future__ import annotations

from gamenet.lobby.seating import Client, Match, Session
from gamenet.wire.lobby_messages import (
    RELAYED,
    SERVER_REFLEXIVE,
    Candidate,
    CandidatesChanged,
    MatchTicket,
    TicketMember,
)

__all__ = ["candidatesChanged", "candidatesOf", "ticketsFor"]


def candidatesOf(client: Client) -> tuple[Candidate, ...]:
    """
    Return where a client might be reached: what it offered, and the address
    that its authenticated heartbeats come from where it did not offer that
    itself.

    A client that offers nothing but relayed addresses wants to be reached by
    them alone, so the address that was seen stays with the lobby.
    """
    seen = client.address_seen
    direct = [c.address for c in client.offered if c.kind != RELAYED]
    if seen is None or not direct or seen in direct:
        return client.offered
    return (*client.offered, Candidate(kind=SERVER_REFLEXIVE, address=seen))


def ticketsFor(session: Session, match: Match, seed: int) -> tuple[tuple[bytes, MatchTicket], ...]:
    """
    Return each member's ticket with that member's client id, in order of
    player number.  They differ only in whose number is C{player}.

    @param session: Whose members play.
    @param match: The match that begins.
    @param seed: The seed of the match's random numbers, 64 bits.
    """
    members = tuple(
        TicketMember(
            player=player,
            client_id=client_id,
            name=session.members[client_id].name,
            link_key=session.members[client_id].link_key,
            statement_key=session.members[client_id].statement_key,
            candidates=candidatesOf(session.members[client_id]),
        )
        for player, client_id in enumerate(match.players, 1)
    )
    return tuple(
        (
            member.client_id,
            MatchTicket(
                match_id=match.match_id,
                session_id=session.session_id,
                player=member.player,
                seed=seed,
                members=members,
            ),
        )
        for member in members
    )


def candidatesChanged(client: Client, match: Match) -> CandidatesChanged:
    """Return the message that tells the others where a player can now be reached."""
    return CandidatesChanged(
        match_id=match.match_id,
        player=match.playerOf(client.client_id),
        candidates=candidatesOf(client),
    )
