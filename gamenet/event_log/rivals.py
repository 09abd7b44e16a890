"""
Two hosts that hear each other: whose branch stands, and who yields.
"""

from __future__ import annotations

import attrs

from gamenet.event_log.branches import Relation, relation, stands
from gamenet.event_log.errors import NotTheHost
from gamenet.event_log.standing import Standing
from gamenet.wire.log_election import Branch, Yield

__all__ = ["Rivals"]


@attrs.define(init=False)
class Rivals:
    """One replica's part where there are several hosts, because a partition has healed."""

    _standing: Standing
    _branch_at: dict[int, float]
    _yield_at: float

    def __init__(self, standing: Standing) -> None:
        """
        @param standing: Where the replica stands.
        """
        self._standing = standing
        self._branch_at = {}
        self._yield_at = float("-inf")

    def farewell(self, player: int) -> None:
        """Forget what only mattered to somebody whose link is closed."""
        self._branch_at.pop(player, None)

    def branchReceived(self, player: int, branch: Branch, now: float) -> bool:
        """
        Compare another host's branch with ours: one of the two yields.

        @return: Whether it is ours that stands, so that we should claim an epoch over both.
        @raise NotTheHost: It is no host of another branch, or was with us all the time.
        """
        standing = self._standing
        if branch.chain.epoch.host != player:
            raise NotTheHost(f"player {player} speaks for player {branch.chain.epoch.host}")
        if not standing.is_hosting:
            standing.statistics.ignored += 1
            return False
        standing.requireEpoch(branch.chain.epoch)
        how = relation(standing.chain, branch.chain)
        if how in (Relation.SAME, Relation.AHEAD):
            standing.statistics.ignored += 1
            return False
        if not standing.mayBeAnotherHalf(player, now):
            raise NotTheHost(f"player {player} never left our reach and has another branch")
        standing.hearOf(branch.chain.epoch)
        if stands(standing.chain, branch.chain):
            return not standing.hasYielded(standing.yielded_to, now)
        self.yieldTo(player, now)
        self._sendBranch(player, now)
        return False

    def yieldTo(self, player: int, now: float) -> None:
        """Let another host's branch stand against ours, and tell our half."""
        standing = self._standing
        if not standing.hasYielded(player, now):
            standing.statistics.yields += 1
        standing.yieldTo(player, now)
        self._tellYield(now)

    def advance(self, now: float) -> None:
        """As a host, show other hosts our branch, and our half to whom we yield."""
        standing = self._standing
        if not standing.is_hosting:
            return
        for player in self._others(now):
            self._sendBranch(player, now)
        yields = standing.hasYielded(standing.yielded_to, now)
        if yields and now - self._yield_at >= standing.settings.resend_interval:
            self._tellYield(now)

    def _sendBranch(self, player: int, now: float) -> None:
        """Show another host our branch, not too often."""
        last = self._branch_at.get(player, float("-inf"))
        if now - last >= self._standing.settings.resend_interval:
            self._branch_at[player] = now
            self._standing.outbox.send(player, Branch(self._standing.chain))

    def _tellYield(self, now: float) -> None:
        """Tell our half to whom we yield."""
        standing = self._standing
        self._yield_at = now
        message = Yield(standing.yielded_to)
        for player in standing.hearing.connected:
            if player != standing.yielded_to and standing.follows(player):
                standing.outbox.send(player, message)

    def yieldReceived(self, player: int, message: Yield, now: float) -> None:
        """
        Take note of whom our host yields to.

        @raise NotTheHost: It is not our host.
        """
        standing = self._standing
        if standing.history.state is None or standing.is_hosting or player != standing.leader:
            raise NotTheHost(f"player {player} yields what is not its own")
        standing.yieldTo(message.player, now)

    def _others(self, now: float) -> tuple[int, ...]:
        """Return the hosts of other branches that we and that hear each other."""
        standing = self._standing
        rivals = []
        for player in standing.hearing.heard(now):
            status = standing.hearing.status(player)
            if status is None or not standing.hearing.isMutual(player, now):
                continue
            if status.epoch.host == player and not standing.follows(player):
                rivals.append(player)
        return tuple(rivals)
