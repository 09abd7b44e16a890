"""
The moments in a client's life at the lobby, as methods to override.
"""

from __future__ import annotations

from gamenet.lobby.effects import (
    ClientGreeted,
    ClientLost,
    HostReported,
    MatchOver,
    MatchStarted,
    MemberJoined,
    MemberLeft,
    Moment,
    ResultOffered,
    SessionCreated,
)
from gamenet.lobby.results import OfferedResult
from gamenet.wire.lobby_messages import MatchTicket, SessionView

__all__ = ["LobbyMoments", "momentName"]


def momentName(moment: Moment) -> str:
    """Return the name of the method of L{LobbyMoments} that a moment belongs to."""
    kind = type(moment).__name__
    return kind[0].lower() + kind[1:]


class LobbyMoments:
    """
    What happens to one client.  Every method does nothing here.

    They are called synchronously, after the messages of the moment have been
    sent.  One that raises closes that client and disturbs nobody else; see
    L{gamenet.lobby.protocol.LobbyProtocol}.
    """

    def clientGreeted(self, name: str) -> None:
        """
        The client said who it is and was welcomed.

        @param name: The player's name.
        """

    def sessionCreated(self, view: SessionView) -> None:
        """
        The client created a session and is its host.

        @param view: The session.
        """

    def memberJoined(self, view: SessionView) -> None:
        """
        The client took a seat in a session.

        @param view: The session, this client included.
        """

    def memberLeft(self, session_id: str, reason: str) -> None:
        """
        The client has no seat any more.

        @param session_id: The session where it sat.
        @param reason: What happened, for example C{"left"} or C{"the host left"}.
        """

    def matchStarted(self, ticket: MatchTicket) -> None:
        """
        The client was sent its ticket: the host started the match, or the client sat down
        in one that runs (C{ticket.late}).

        @param ticket: That ticket.
        """

    def matchOver(self, match_id: bytes) -> None:
        """
        The host ended the match; the session is open again.

        @param match_id: 16 bytes.
        """

    def hostReported(
        self, match_id: bytes, epoch: tuple[int, int], players: tuple[int, ...]
    ) -> None:
        """
        The client said that it is the host of the match it plays.

        @param match_id: 16 bytes.
        @param epoch: By which epoch: its number, and the host's player number.
        @param players: Who plays, by player numbers.
        """

    def resultOffered(self, offered: OfferedResult, differs: bool) -> None:
        """
        The client offered a result of a match.  No signature of it was verified.

        @param offered: What it offered.
        @param differs: Whether another player has offered another result of that match.
        """

    def clientLost(self, reason: str) -> None:
        """
        The client, which had been greeted, is gone.  The last of the moments.

        @param reason: What happened, for example C{"was silent for 10 s"}.
        """

    def callMoment(self, moment: Moment) -> None:
        """
        Call the method that a moment belongs to.

        @param moment: What happened to this client.
        """
        match moment:
            case ClientGreeted():
                self.clientGreeted(moment.name)
            case SessionCreated():
                self.sessionCreated(moment.view)
            case MemberJoined():
                self.memberJoined(moment.view)
            case MemberLeft():
                self.memberLeft(moment.session_id, moment.reason)
            case MatchStarted():
                self.matchStarted(moment.ticket)
            case MatchOver():
                self.matchOver(moment.match_id)
            case HostReported():
                self.hostReported(moment.match_id, moment.epoch, moment.players)
            case ResultOffered():
                self.resultOffered(moment.offered, moment.differs)
            case ClientLost():
                self.clientLost(moment.reason)
