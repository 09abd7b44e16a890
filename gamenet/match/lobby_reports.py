"""
What a player in a match tells the lobby, for as long as there is one: a match needs none.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from gamenet.errors import NoPath, PeerLost
from gamenet.lobby.client import LobbyClient
from gamenet.match.match import Match
from gamenet.match.protocol import Outcome
from gamenet.match.result import SignatureState
from gamenet.match.shared_match import SharedMatch
from gamenet.match.start import NotLoaded, StartCalledOff
from gamenet.wire.lobby_values import Candidate
from gamenet.wire.log_values import Epoch

__all__ = ["LobbyReports", "isEnder", "isOverForAll"]

#: What ends a match for everybody, or for the last one.
_FOR_ALL = (NoPath, NotLoaded, PeerLost, StartCalledOff)


class LobbyReports:
    """What is told; a refusal is logged.  Owned by a L{gamenet.match.session.Session}."""

    _log = Logger()

    def __init__(self, lobby: LobbyClient) -> None:
        """
        @param lobby: The lobby, there or not.
        """
        self._lobby = lobby

    def reportHost(self, match_id: bytes, epoch: Epoch, players: tuple[int, ...]) -> None:
        """We are the host of the match, and these take part in it."""
        if self._lobby.connected:
            reporting = self._lobby.reportHost(match_id, epoch.number, epoch.host, players)
            self._quietly(reporting, "reporting the host")

    def offerResult(self, match: Match) -> None:
        """
        What was signed, and by whom, where the match was finished.  Who signed something
        else has not signed this.
        """
        result = match.result
        if result is not None and result.statement and self._lobby.connected:
            signatures = [
                (each.player, each.signature)
                for each in result.signatures
                if each.state is SignatureState.GIVEN
            ]
            offering = self._lobby.offerResult(match.match_id, result.statement, signatures)
            self._quietly(offering, "offering the result")

    def endMatch(self, match_id: bytes) -> None:
        """The match is over, for all."""
        self._quietly(self._lobby.endMatch(match_id), "ending the match")

    def offerCandidates(self, candidates: tuple[Candidate, ...]) -> None:
        """Where we may be reached."""
        self._quietly(self._lobby.offerCandidates(candidates), "offering candidates")

    def sendStep(self, match_id: bytes, player: int, attempt: bytes, kind: int) -> None:
        """A step of traversal, to be carried to a player."""
        if self._lobby.connected:
            step = self._lobby.sendStep(match_id, player, attempt, kind)
            self._quietly(step, "carrying a step")

    def _quietly(self, request: Deferred[None], what: str) -> None:
        request.addErrback(
            lambda failure: self._log.info(
                "{what} failed: {reason}", what=what, reason=failure.getErrorMessage()
            )
        )


def isOverForAll(match: Match | SharedMatch) -> bool:
    """Return whether nobody can be left in a match that is over for us."""
    if isinstance(match, SharedMatch):
        return not match.goes_on
    if match.result is not None:
        return not (match.result.outcome is Outcome.LEFT and match.goes_on)
    return isinstance(match.error, _FOR_ALL)


def isEnder(match: Match | SharedMatch, hosts_session: bool) -> bool:
    """
    Return whether it is for us to tell the lobby that a match is over.

    @param match: The match, which is over for us.
    @param hosts_session: Whether we are the session's host, as far as the lobby says.
    """
    if isinstance(match, SharedMatch):
        return hosts_session and not match.goes_on
    left = match.result is not None and match.result.outcome is Outcome.LEFT
    if left and match.goes_on:
        return False
    return match.shared.is_host or hosts_session
