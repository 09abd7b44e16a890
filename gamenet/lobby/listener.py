"""
Who is told what a lobby pushes.
"""

from __future__ import annotations

from zope.interface import Interface

from gamenet.wire.lobby_messages import (
    Candidate,
    MatchTicket,
    RelayCredentials,
    SessionSummary,
    SessionView,
    TicketMember,
)

__all__ = ["ILobbyListener"]


class ILobbyListener(Interface):
    """
    What the lobby tells a player unasked.

    Supplied by whoever connects; called synchronously by L{gamenet.lobby.client.LobbyClient}, which
    has brought its own attributes up to date before.  A method that raises is logged
    with its traceback and its name, and the connection goes on.
    """

    def sessionsChanged(sessions: tuple[SessionSummary, ...]) -> None:
        """
        Sessions appeared, changed or vanished.

        @param sessions: The new list, as in C{LobbyClient.sessions}.
        """

    def sessionChanged(view: SessionView) -> None:
        """
        Somebody joined or left the session where this player sits, or its match
        began or ended.

        @param view: The session as it is now.
        """

    def sessionClosed(reason: str) -> None:
        """
        The session is gone and this player is back in the lobby.

        @param reason: Why, for a person.
        """

    def relayOffered(credentials: RelayCredentials) -> None:
        """
        There is a relay to use; comes with the seat.

        @param credentials: Where it is, and how to be let in.
        """

    def matchStarting(ticket: MatchTicket) -> None:
        """
        The host has started the match, or this player has sat down in a session whose match
        runs (C{ticket.late}).

        @param ticket: The same for every member but for C{ticket.player}.
        """

    def memberJoined(match_id: bytes, member: TicketMember) -> None:
        """
        Somebody sat down in the running match.

        @param match_id: Of the running match.
        @param member: Who, with their number, keys and candidates.
        """

    def memberLeft(match_id: bytes, player: int) -> None:
        """
        Somebody has no seat in the running match's session any more: they left it, or the
        lobby has lost them.  In the second case they may play on.

        @param match_id: Of the running match.
        @param player: Who, by player number.
        """

    def candidatesChanged(
        match_id: bytes, player: int, candidates: tuple[Candidate, ...]
    ) -> None:
        """
        Another player can be reached elsewhere now.

        @param match_id: Of the running match.
        @param player: Who, by player number.
        @param candidates: All of that player's, instead of those before.
        """

    def stepReceived(match_id: bytes, player: int, attempt: bytes, kind: int) -> None:
        """
        Another player sent a traversal step.

        @param match_id: Of the running match.
        @param player: From whom, by player number.
        @param attempt: Which attempt it belongs to, 16 bytes.
        @param kind: What it is, 0 to 255.
        """

    def lobbyLost(reason: str) -> None:
        """
        The connection with the lobby is gone, and not because this side closed
        it.  The last that is called.

        @param reason: Why, for a person.
        """
