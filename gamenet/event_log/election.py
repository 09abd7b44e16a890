"""
How a silent host is replaced, and how two halves of a partition become one again.

Who means to be host claims an epoch above all that it knows, in its own name.  Those in
its reach that may follow it promise to accept nothing of a lower epoch, and say what they
hold.  When all have, the claimer takes the log that stands
(L{gamenet.event_log.branches.stands}) from whoever holds it, and begins its epoch with
the names of those that promised.  So nothing that one of them holds is lost, unless it
is of a branch that does not stand.
"""

from __future__ import annotations

from enum import Enum

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.branches import Relation, hasEpoch, relation, stands
from gamenet.event_log.errors import NotTheHost, StaleEpoch
from gamenet.event_log.following import Following
from gamenet.event_log.hosting import Hosting
from gamenet.event_log.rivals import Rivals
from gamenet.event_log.standing import WORD_STRIDE, Standing
from gamenet.wire.log_election import Branch, Chain, Claim, Promise
from gamenet.wire.log_messages import Status
from gamenet.wire.log_values import Epoch

__all__ = ["Cause", "Election"]


class Cause(Enum):
    """
    Why somebody claims to be the next host.

    @cvar SILENCE: The host is out of reach.
    @cvar CALLED: The log says that it is to be the host.
    @cvar RECORD: It is the host, and lost somebody, or somebody promised another.
    @cvar MERGE: Its branch stands against another host's.
    @cvar STUCK: Whoever should be the host is in reach and does not begin.
    """

    SILENCE = 0
    CALLED = 1
    RECORD = 2
    MERGE = 3
    STUCK = 4


@attrs.define
class _Claiming:
    """
    A claim of ours under way.

    @ivar epoch: Which epoch.
    @ivar cause: Why.
    @ivar began_at: Since when.
    @ivar sent_at: When it was sent last.
    @ivar promises: What those who have promised hold, by player.
    @ivar fetching_since: Since when we take the log that stands from somebody.
    """

    epoch: Epoch
    cause: Cause
    began_at: float
    sent_at: float = float("-inf")
    promises: dict[int, Chain] = attrs.field(factory=dict)
    fetching_since: float | None = None


@attrs.define(init=False)
class Election:
    """One replica's part in finding a host."""

    _standing: Standing
    _hosting: Hosting
    _following: Following
    _rivals: Rivals
    _claim: _Claiming | None
    _claimed_at: float
    _leader: int
    _leader_out_since: float | None

    def __init__(
        self, standing: Standing, hosting: Hosting, following: Following, rivals: Rivals
    ) -> None:
        """
        @param standing: Where the replica stands.
        @param hosting: Its part as host.
        @param following: Its part as guest.
        @param rivals: Its part among several hosts.
        """
        self._standing = standing
        self._hosting = hosting
        self._following = following
        self._rivals = rivals
        self._claim = None
        self._claimed_at = float("-inf")
        self._leader = 0
        self._leader_out_since = None

    @property
    def is_claiming(self) -> bool:
        """Whether we claim an epoch now."""
        return self._claim is not None

    # Promising.

    def claimReceived(self, player: int, claim: Claim, now: float) -> None:
        """
        Answer somebody who claims an epoch.

        @raise NotTheHost: It may not, as far as we know.
        @raise StaleEpoch: We have promised to follow a higher one.
        """
        standing = self._standing
        if claim.epoch.host != player:
            raise NotTheHost(f"player {player} claims an epoch of player {claim.epoch.host}")
        if standing.history.state is None:
            standing.statistics.ignored += 1
            return
        standing.requireEpoch(claim.epoch, WORD_STRIDE)
        if claim.epoch <= standing.state.epoch or claim.epoch < standing.promised:
            raise StaleEpoch(f"player {player} claims epoch {claim.epoch.number}, which is over")
        if claim.epoch.number <= standing.state.epoch.number:
            raise StaleEpoch(f"player {player} claims an epoch with a number that is taken")
        if standing.hearing.isDeaf(player, now):
            raise NotTheHost(f"player {player} claims an epoch and does not hear us")
        if claim.epoch != standing.promised:
            if standing.is_writer:
                self._requireStanding(player, claim, now)
            elif not standing.mayPromise(claim.epoch, now):
                raise NotTheHost(f"player {player} claims an epoch while the host is heard")
            self._abandon()
            standing.promise(claim.epoch, now)
        standing.outbox.send(player, Promise(claim.epoch, standing.chain))

    def _requireStanding(self, player: int, claim: Claim, now: float) -> None:
        """
        Check, as host, that somebody else's branch stands against ours.

        @raise NotTheHost: It does not, or it was with us all the time.
        """
        standing = self._standing
        how = relation(standing.chain, claim.chain)
        if how in (Relation.SAME, Relation.AHEAD) or stands(standing.chain, claim.chain):
            raise NotTheHost(f"player {player} claims an epoch, and our branch stands")
        if not standing.mayBeAnotherHalf(player, now):
            raise NotTheHost(f"player {player} never left our reach and claims another branch")
        self._rivals.yieldTo(player, now)

    def promiseReceived(self, player: int, promise: Promise) -> None:
        """Take a promise, if it is for our claim."""
        standing = self._standing
        claim = self._claim
        if claim is None or promise.epoch != claim.epoch:
            standing.statistics.ignored += 1
            return
        standing.requireEpoch(promise.chain.epoch)
        standing.noteEpoch(promise.chain.epoch)
        claim.promises.setdefault(player, promise.chain)

    def branchReceived(self, player: int, branch: Branch, now: float) -> None:
        """
        Compare another host's branch with ours: one of the two yields.

        @raise NotTheHost: It is no host of another branch, or was with us all the time.
        """
        if self._rivals.branchReceived(player, branch, now):
            self._begin(Cause.MERGE, now)

    # Claiming.

    def advance(self, reach: tuple[int, ...], now: float) -> None:
        """Do what is due: meet other hosts, go on with a claim, or begin one."""
        self._watchLeader(reach, now)
        self._rivals.advance(now)
        if self._claim is None:
            cause = self._cause(reach, now)
            if cause is not None:
                self._begin(cause, now)
        if self._claim is not None:
            self._continue(self._claim, reach, now)

    def _watchLeader(self, reach: tuple[int, ...], now: float) -> None:
        """Take note of since when whom we follow is out of reach."""
        standing = self._standing
        standing.watchOthersTurn(now)
        if standing.leader != self._leader:
            self._leader = standing.leader
            self._leader_out_since = None
        leader = standing.leader
        early = leader not in reach and standing.isUnheardYet(leader, now)
        if leader == standing.player or early or standing.isLeaderThere(reach):
            self._leader_out_since = None
        elif self._leader_out_since is None:
            self._leader_out_since = now

    def _cause(self, reach: tuple[int, ...], now: float) -> Cause | None:
        """Return why we should claim an epoch now, C{None} where we should not."""
        standing = self._standing
        settings = standing.settings
        state = standing.state
        if state.participant(standing.player) is None or standing.isPromiseFresh(now):
            return None
        if standing.is_hosting:
            if standing.hasYielded(standing.yielded_to, now):
                return None
            lately = now - self._claimed_at < settings.host_timeout
            needed = self._hosting.needs_record
            if needed or (not lately and self._isOutbid(state.epoch, now)):
                return Cause.RECORD
            return None
        if standing.leader == standing.player:
            again = now - self._claimed_at >= settings.resend_interval
            return Cause.CALLED if again else None
        since, cause = self._leader_out_since, Cause.SILENCE
        if since is None and standing.isStuck(now):
            since, cause = standing.stuck_since, Cause.STUCK
        if since is None or now - self._claimed_at < settings.host_timeout:
            return None
        before = [
            one.player
            for one in state.participants
            if one.player < standing.player and one.player in reach
        ]
        wait = settings.host_timeout * (1 + len(before))
        if cause is Cause.STUCK:
            wait += settings.claim_timeout
        return cause if now - since >= wait else None

    def _isOutbid(self, epoch: Epoch, now: float) -> bool:
        """
        Return whether somebody that we hear would be with us, had it not promised to
        follow a higher epoch than C{epoch}, or lost the host of a branch with a higher one.
        """
        standing = self._standing
        reach = standing.hearing.reach(now)
        for player in standing.hearing.heard(now):
            status = standing.hearing.status(player)
            if status is None or not standing.hearing.isMutual(player, now):
                continue
            newest = max(status.epoch, status.promised)
            if newest <= epoch or not standing.isCredible(newest):
                continue
            if hasEpoch(standing.chain, status.epoch):
                if status.promised > epoch and status.promised.host != standing.player:
                    return True
            elif self._isOrphan(player, status, reach):
                return True
        return False

    def _isOrphan(self, player: int, status: Status, reach: tuple[int, ...]) -> bool:
        """Return whether the host of somebody's branch is not there to speak for it."""
        host = status.epoch.host
        if host == player:
            return False
        if host == self._standing.player or host not in reach:
            return True
        its = self._standing.hearing.status(host)
        if its is None:
            return False
        return its.epoch < status.epoch or hasEpoch(self._standing.chain, its.epoch)

    def _begin(self, cause: Cause, now: float) -> None:
        """Claim an epoch above all that we know."""
        standing = self._standing
        if self._claim is not None or standing.state.participant(standing.player) is None:
            return
        number = standing.highest + 1 + standing.incarnation
        epoch = Epoch(number, standing.player)
        standing.promise(epoch, now)
        standing.statistics.claims += 1
        self._claimed_at = now
        self._claim = _Claiming(epoch, cause, now)

    def _abandon(self) -> None:
        """Claim nothing any more."""
        self._claim = None
        self._following.source = 0

    def _continue(self, claim: _Claiming, reach: tuple[int, ...], now: float) -> None:
        """Ask for promises, and begin the epoch when all are there."""
        standing = self._standing
        settings = standing.settings
        is_over = claim.epoch.number <= standing.state.epoch.number or standing.is_hosting
        if is_over or (claim.cause is Cause.SILENCE and standing.isLeaderThere(reach)):
            self._abandon()
            return
        lately = now - claim.began_at < settings.resend_interval
        if claim.cause is not Cause.SILENCE and not lately and self._isOutbid(claim.epoch, now):
            self._abandon()
            self._begin(claim.cause, now)
            return
        if now - claim.sent_at >= settings.resend_interval:
            claim.sent_at = now
            message = Claim(claim.epoch, standing.chain)
            for player in standing.hearing.connected:
                if player not in claim.promises and not standing.hearing.isKnownEmpty(player):
                    standing.outbox.send(player, message)
        in_time = now - claim.began_at < settings.claim_timeout
        if claim.fetching_since is None and in_time and self._isWaited(claim, now):
            return
        self._fetchOrFinish(claim, now)

    def _isWaited(self, claim: _Claiming, now: float) -> bool:
        """Return whether somebody may still promise."""
        hearing = self._standing.hearing
        for participant in self._standing.state.participants:
            player = participant.player
            if player == self._standing.player or player in claim.promises:
                continue
            if hearing.isKnownEmpty(player) or hearing.isDeaf(player, now):
                continue
            if hearing.mayBeThere(player, now):
                return True
        return False

    def _fetchOrFinish(self, claim: _Claiming, now: float) -> None:
        """Take the log that stands from who holds it; when we hold it, begin the epoch."""
        standing = self._standing
        best, source = standing.chain, 0
        for player in sorted(claim.promises):
            chain = claim.promises[player]
            if not stands(best, chain):
                best, source = chain, player
        if not source:
            self._finish(claim, now)
            return
        if self._following.source != source:
            self._following.source = source
            claim.fetching_since = now
        since = now if claim.fetching_since is None else claim.fetching_since
        gone = not standing.hearing.mayBeThere(source, now)
        if gone or now - since >= standing.settings.claim_timeout:
            # Do without what it holds, if it holds it at all.
            del claim.promises[source]
            self._following.source = 0

    def _finish(self, claim: _Claiming, now: float) -> None:
        """Begin the epoch."""
        standing = self._standing
        state = standing.state
        self._abandon()
        if state.participant(standing.player) is None or claim.epoch.number <= state.epoch.number:
            return
        members = [
            one.player
            for one in state.participants
            if one.player == standing.player or one.player in claim.promises
        ]
        counts = standing.statistics
        counts.epochs_begun += 1
        counts.elections += claim.cause is Cause.SILENCE
        counts.delegations += state.delegate == standing.player
        counts.merges += any(
            relation(chain, standing.chain) is Relation.DIVERGED
            for chain in claim.promises.values()
        )
        try:
            self._hosting.begin(claim.epoch, tuple(members), now)
        except RemoteProtocolError:  # pragma: no cover - the checks above leave nothing
            standing.statistics.rejected += 1
