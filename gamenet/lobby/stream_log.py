"""
What the lobby writes into its log about one client: a line each, without a secret.
"""

from __future__ import annotations

from twisted.logger import Logger

from gamenet.lobby.effects import HostReported, MatchStarted, Moment, ResultOffered
from gamenet.lobby.request_budget import RequestBudget
from gamenet.wire.lobby_messages import Refused

__all__ = ["StreamLog"]


class StreamLog:
    """
    The lines about a client, for the L{gamenet.lobby.protocol.LobbyProtocol} that holds
    its stream.

    @ivar client_id: 8 bytes; empty where the lobby turned the connection away.
    @ivar log_lines: How many lines about its matches the client may still cause.
    """

    log_lines: RequestBudget

    _log = Logger(namespace="gamenet.lobby.protocol")

    client_id = b""

    def logRefused(self, refused: Refused) -> None:
        """A request was refused."""
        self._log.info(
            "lobby client {client} refused: {code} ({reason})",
            client=self.client_id.hex(),
            code=refused.code.name,
            reason=refused.reason,
        )

    def logClosed(self, reason: str) -> None:
        """The lobby closes the stream."""
        self._log.info(
            "lobby client {client} closed: {reason}", client=self.client_id.hex(), reason=reason
        )

    def logUnread(self, limit: int) -> None:
        """The lobby gives up a client that does not read."""
        self._log.info(
            "lobby client {client} closed: it leaves more than {limit} bytes unread",
            client=self.client_id.hex(),
            limit=limit,
        )

    def logRaised(self, name: str) -> None:
        """A method for a moment raised; called while the exception is handled."""
        self._log.failure(
            "{moment} of lobby client {client} raised", moment=name, client=self.client_id.hex()
        )

    def logMoment(self, moment: Moment, now: float) -> None:
        """
        Something happened that operators look for: a late player, a new host, a result.  A
        client that causes too many of these lines causes no more, so none fills the log.

        @param moment: What happened; most of what happens is not logged.
        @param now: Monotonic seconds.
        """
        match moment:
            case HostReported() | ResultOffered():
                told = self.log_lines.spend(now)
            case MatchStarted():
                told = moment.ticket.late and self.log_lines.spend(now)
            case _:
                told = False
        if told:
            self._logTold(moment)

    def _logTold(self, moment: Moment) -> None:
        """Log what happened."""
        client = self.client_id.hex()
        match moment:
            case MatchStarted():
                self._log.info(
                    "lobby client {client} joins match {match} late, as player {player}",
                    client=client,
                    match=moment.ticket.match_id.hex(),
                    player=moment.ticket.player,
                )
            case HostReported():
                self._log.info(
                    "lobby client {client} hosts match {match} by epoch {epoch},"
                    " as player {player} of {players}",
                    client=client,
                    match=moment.match_id.hex(),
                    epoch=moment.epoch[0],
                    player=moment.epoch[1],
                    players=len(moment.players),
                )
            case ResultOffered():
                offered = moment.offered
                whole = len(offered.players)
                self._log.info(
                    "lobby client {client} offers a result of match {match}, signed by {signed} of"
                    " {players} players{differs}",
                    client=client,
                    match=offered.match_id.hex(),
                    signed=whole - len(offered.missing),
                    players=whole,
                    differs=", that differs from another's" if moment.differs else "",
                )
