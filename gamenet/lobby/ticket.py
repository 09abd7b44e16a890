"""
The match ticket: what every member is told when the host starts, or when it comes late.
"""

from __future__ import annotations

from attrs import evolve

from gamenet.lobby.seating import Client, Match, Session
from gamenet.wire.lobby_messages import (
    RELAYED,
    SERVER_REFLEXIVE,
    Candidate,
    CandidatesChanged,
    MatchTicket,
    TicketMember,
)

__all__ = ["candidatesChanged", "candidatesOf", "memberOf", "ticketFor", "ticketsFor"]


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


def memberOf(player: int, client: Client) -> TicketMember:
    """Return what the others are told of one member, whose lowest number is C{player}."""
    return TicketMember(
        player=player,
        client_id=client.client_id,
        name=client.name,
        link_key=client.link_key,
        statement_key=client.statement_key,
        candidates=candidatesOf(client),
        players=client.players,
    )


def ticketFor(session: Session, match: Match, player: int, late: bool) -> MatchTicket:
    """
    Return one player's ticket.  It names everybody whose number is in use: who was lost
    to the lobby may still play.

    @param session: Where the match is played.
    @param match: The match.
    @param player: Whose ticket.
    @param late: Whether the match ran already.
    """
    return MatchTicket(
        match_id=match.match_id,
        session_id=session.session_id,
        player=player,
        seed=match.seed,
        members=tuple(
            memberOf(number, match.players[number])
            for number in match.members
        ),
        capacity=match.capacity,
        late=late,
    )


def ticketsFor(session: Session, match: Match) -> tuple[tuple[bytes, MatchTicket], ...]:
    """
    Return each member's ticket with that member's client id, in order of
    player number.  They differ only in whose number is C{player}.

    @param session: Whose members play.
    @param match: The match that begins.
    """
    ticket = ticketFor(session, match, 1, late=False)
    return tuple(
        (member.client_id, evolve(ticket, player=member.player)) for member in ticket.members
    )


def candidatesChanged(client: Client, match: Match) -> CandidatesChanged:
    """Return the message that tells the others where a player can now be reached."""
    return CandidatesChanged(
        match_id=match.match_id,
        player=match.playerOf(client),
        candidates=candidatesOf(client),
    )
