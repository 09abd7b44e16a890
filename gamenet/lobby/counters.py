"""
What a lobby has done so far, as numbers for operators and tests.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.lobby.effects import (
    ClientGreeted,
    HostReported,
    MatchStarted,
    Moment,
    ResultOffered,
)

__all__ = ["LobbyCounters"]


@define
class LobbyCounters:
    """
    Counts since the lobby was made; they only grow.

    @ivar connections: Streams that were taken in.
    @ivar connections_refused: Streams that were turned away at a limit.
    @ivar greeted: Clients that were welcomed.
    @ivar closed: Streams that the lobby closed, those of lost clients included.
    @ivar requests: Requests that could be read.
    @ivar refusals: Refusals by the name of their code.
    @ivar lists_pushed: Pushes of the list, each to everybody.
    @ivar matches_started: Matches that began.
    @ivar late_joins: Players who sat down in a running match.
    @ivar hosts_reported: Reports of a match's own host that were taken.
    @ivar results_offered: Results of matches that were kept.
    @ivar results_incomplete: Those of them that lacked a player's signature.
    @ivar results_differing: Those of them that differed from another player's.
    @ivar heartbeats: Heartbeats over datagrams that were answered.
    @ivar heartbeats_malformed: Datagrams that began like a heartbeat and were none.
    @ivar heartbeats_unknown: Heartbeats of nobody who is here.
    @ivar heartbeats_forged: Heartbeats whose tag was wrong.
    @ivar heartbeats_old: Heartbeats that were replayed or overtaken.
    @ivar bindings: STUN Binding requests that were answered.
    @ivar bindings_refused: STUN Binding requests with attributes not known here.
    @ivar stun_ignored: STUN messages that were malformed or no Binding request.
    """

    connections: int = 0
    connections_refused: int = 0
    greeted: int = 0
    closed: int = 0
    requests: int = 0
    refusals: dict[str, int] = field(factory=dict)
    lists_pushed: int = 0
    matches_started: int = 0
    late_joins: int = 0
    hosts_reported: int = 0
    results_offered: int = 0
    results_incomplete: int = 0
    results_differing: int = 0
    heartbeats: int = 0
    heartbeats_malformed: int = 0
    heartbeats_unknown: int = 0
    heartbeats_forged: int = 0
    heartbeats_old: int = 0
    bindings: int = 0
    bindings_refused: int = 0
    stun_ignored: int = 0

    def countRefusal(self, code: str) -> None:
        """Count one refusal under the name of its code."""
        self.refusals[code] = self.refusals.get(code, 0) + 1

    def countMoment(self, moment: Moment) -> None:
        """Count what happened to a client, where that is counted."""
        match moment:
            case ClientGreeted():
                self.greeted += 1
            case MatchStarted():
                self.late_joins += moment.ticket.late
                self.matches_started += moment.ticket.player == 1 and not moment.ticket.late
            case HostReported():
                self.hosts_reported += 1
            case ResultOffered():
                self.results_offered += 1
                self.results_incomplete += bool(moment.offered.missing)
                self.results_differing += moment.differs
