"""
The end of a match: what is signed, and what is left of it.
"""

from __future__ import annotations

from gamenet.interfaces import IPeerProtocol
from gamenet.match.frame_loop import FrameLoop
from gamenet.match.moments import askOutcome
from gamenet.match.protocol import MatchResult, Outcome
from gamenet.match.result import StatementExchange
from gamenet.match.statistics import MatchStatistics
from gamenet.sealing.player_keys import PlayerKeys, isSigned
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import TicketMember
from gamenet.wire.match_statements import MatchStatement

__all__ = ["Conclusion"]


class Conclusion:
    """
    One player's word on how a match ended, and the others'.  Owned by
    L{gamenet.match.match.Match}.

    @ivar statements: The words of all.
    """

    def __init__(self, ticket: MatchTicket, keys: PlayerKeys) -> None:
        others = {
            member.player: member.statement_key
            for member in ticket.members
            if member.player != ticket.player
        }
        self.statements = StatementExchange(ticket.player, others, isSigned)
        self._match_id = ticket.match_id
        self._keys = keys

    def admit(self, member: TicketMember) -> None:
        """Somebody came late: their word counts too."""
        if member.player != self.statements.player:
            self.statements.keys[member.player] = member.statement_key

    def sign(self, loop: FrameLoop, protocol: IPeerProtocol) -> bytes:
        """
        The last frame is final: say how the match ended, and sign that.

        @return: What is signed.
        @raise gamenet.errors.MomentFailed: The game could not say.
        """
        outcome = askOutcome(protocol)
        statement = MatchStatement(
            self._match_id, loop.confirmed_frame, loop.checksum, outcome
        )
        said = statement.toBytes()
        self.statements.made(statement, self._keys.sign(said))
        return said

    def resultOf(
        self, outcome: Outcome, loop: FrameLoop, statistics: MatchStatistics
    ) -> MatchResult:
        """Return what is left of the match."""
        ours = self.statements.ours
        return MatchResult(
            self._match_id,
            self.statements.player,
            outcome,
            loop.confirmed_frame,
            loop.checksum,
            statistics,
            b"" if ours is None else ours.toBytes(),
            self.statements.signatures(),
        )
