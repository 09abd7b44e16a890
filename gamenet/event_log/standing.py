"""
Where one replica stands: what it holds and hears, whom it follows, what it has promised.

The parts of a replica (L{gamenet.event_log.hosting}, L{gamenet.event_log.following} and
L{gamenet.event_log.election}) share one of these.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.branches import chainOf, hasEpoch
from gamenet.event_log.history import History, leaderOf
from gamenet.event_log.outbox import Outbox
from gamenet.event_log.reach import Hearing
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_election import Chain
from gamenet.wire.log_messages import Status
from gamenet.wire.log_values import NO_EPOCH, Epoch

__all__ = ["EPOCH_STRIDE", "WORD_STRIDE", "Standing", "Statistics"]

#: A number so far above all that we know is no epoch's.
EPOCH_STRIDE = 1 << 44

#: How far one word of somebody lifts the highest number that we know: so many lies are
#: needed to use the numbers up, or to leave somebody behind who was not lied to.
WORD_STRIDE = 1 << 24


@attrs.define
class Statistics:
    """
    What a replica counts.

    @ivar claims: How often we claimed to be the next host.
    @ivar epochs_begun: How many epochs we began.
    @ivar elections: How many of them because the host was silent.
    @ivar delegations: How many of them because the host handed its role over.
    @ivar merges: How many of them to make two branches one.
    @ivar yields: How often our branch did not stand against another.
    @ivar gaps: How often we asked for events.
    @ivar snapshots_taken: How many snapshots took the place of what we knew.
    @ivar snapshots_sent: How many we sent.
    @ivar rejected: How many messages were refused by name.
    @ivar ignored: How many messages were of no use any more.
    """

    claims: int = 0
    epochs_begun: int = 0
    elections: int = 0
    delegations: int = 0
    merges: int = 0
    yields: int = 0
    gaps: int = 0
    snapshots_taken: int = 0
    snapshots_sent: int = 0
    rejected: int = 0
    ignored: int = 0


@attrs.define
class Standing:
    """
    One replica's place among the others.

    @ivar player: Our number.
    @ivar session_id: The session's.
    @ivar settings: How patient we are.
    @ivar incarnation: Which process of this player we are: 0 for the first, and for each
        later one a number that those before it have not had.
    @ivar history: What we hold.
    @ivar hearing: Whom we hear.
    @ivar outbox: What we are about to send.
    @ivar statistics: What we count.
    @ivar began_at: When this process did.
    @ivar ordering: The epoch that this process orders, or ordered last.
    @ivar promised: The highest epoch that we have promised to follow.
    @ivar promised_at: When we did.
    @ivar highest: The highest epoch's number that we know of.
    @ivar yielded_to: The host whose branch stands against ours, 0 for nobody.
    @ivar yielded_at: Since when.
    @ivar stuck_since: Since when somebody should begin an epoch, and has not.
    @ivar absent_since: Since when somebody does not follow what we follow.
    @ivar parted: Who was out of our reach since it followed what we follow.
    """

    player: int
    session_id: bytes
    settings: EventLogSettings
    incarnation: int
    history: History
    hearing: Hearing
    outbox: Outbox
    statistics: Statistics = attrs.field(factory=Statistics)
    began_at: float = 0.0
    ordering: Epoch = NO_EPOCH
    promised: Epoch = NO_EPOCH
    promised_at: float = float("-inf")
    highest: int = 0
    yielded_to: int = 0
    yielded_at: float = float("-inf")
    stuck_since: float | None = None
    absent_since: dict[int, float] = attrs.field(factory=dict)
    parted: dict[int, bool] = attrs.field(factory=dict)

    @property
    def state(self) -> SharedState:
        """The state; there must be one."""
        return self.history.known

    @property
    def chain(self) -> Chain:
        """The log's epochs; there must be a state."""
        return self.history.held

    @property
    def leader(self) -> int:
        """Whom our log says to follow."""
        return leaderOf(self.state)

    @property
    def is_hosting(self) -> bool:
        """Whether we are the one who orders events, now."""
        return self.is_writer and not self.is_promised

    @property
    def is_writer(self) -> bool:
        """Whether nobody but us may order events of our epoch, though we may claim another."""
        state = self.history.state
        return (
            state is not None
            and self.ordering == state.epoch
            and leaderOf(state) == self.player
        )

    @property
    def is_promised(self) -> bool:
        """Whether we have promised to follow an epoch that we have not seen begin."""
        epoch = self.state.epoch
        return self.promised != epoch and self.promised > epoch

    def requireEpoch(self, epoch: Epoch, stride: int = EPOCH_STRIDE) -> None:
        """
        Check an epoch that somebody speaks of.

        @param stride: How far it may be above all that we know.
        @raise RemoteProtocolError: Its number is further above that.
        """
        if self.history.state is not None and epoch.number > self.highest + stride:
            raise RemoteProtocolError(f"epoch {epoch.number} is far above {self.highest}")

    def hearOf(self, epoch: Epoch) -> None:
        """Take note of an epoch that somebody speaks of, as far as one word counts."""
        self.highest = max(self.highest, min(epoch.number, self.highest + WORD_STRIDE))

    def isCredible(self, epoch: Epoch) -> bool:
        """Return whether an epoch is not above all that we have taken note of."""
        return epoch.number <= self.highest

    def noteEpoch(self, epoch: Epoch) -> None:
        """Claim no epoch below this one."""
        self.highest = max(self.highest, epoch.number)

    def promise(self, epoch: Epoch, now: float) -> None:
        """Promise to accept nothing of a lower epoch."""
        self.noteEpoch(epoch)
        self.promised = epoch
        self.promised_at = now

    def yieldTo(self, player: int, now: float) -> None:
        """Take note that somebody else's branch stands against ours."""
        self.yielded_to = player
        self.yielded_at = now

    def hasYielded(self, player: int, now: float) -> bool:
        """Return whether we wait for somebody to begin an epoch over our branch."""
        patience = self.settings.claim_timeout + self.settings.host_timeout
        return player == self.yielded_to and now - self.yielded_at < patience

    def isPromiseFresh(self, now: float) -> bool:
        """Return whether somebody may still begin the epoch that we promised to follow."""
        if not self.is_promised or self.promised.host == self.player:
            return False
        patience = self.settings.claim_timeout + self.settings.host_timeout
        return now - self.promised_at < patience and self.hearing.mayBeThere(
            self.promised.host, now
        )

    def follows(self, player: int) -> bool:
        """Return whether somebody, as far as it told us, is in an epoch of our log."""
        status = self.hearing.status(player)
        return status is None or hasEpoch(self.chain, status.epoch)

    def isLeaderThere(self, reach: tuple[int, ...]) -> bool:
        """
        Return whether whom we follow is in reach, and has not lost what we follow it for
        (as a new process has).
        """
        leader = self.leader
        if leader not in reach:
            return False
        status = self.hearing.status(leader)
        epoch = self.state.epoch
        return status is None or status.epoch == epoch or status.epoch > epoch

    def mayFollow(self, epoch: Epoch, now: float) -> bool:
        """
        Return whether a host of another epoch than ours is to be followed.

        It is if it is the one that we follow, or we promised to, or the one that we
        follow is out of reach, has yielded to it, or follows it itself; but not while it
        is heard and hears nobody.
        """
        if epoch <= self.state.epoch or epoch < self.promised or self.is_hosting:
            return False
        if epoch == self.promised:
            return True
        leader, reach = self.leader, self.hearing.reach(now)
        if epoch.host not in reach and self.hearing.isDeaf(epoch.host, now):
            return False
        if leader in (epoch.host, self.player):
            return True
        if self.hasYielded(epoch.host, now):
            return True
        status = self.hearing.status(leader)
        if status is not None and status.epoch >= epoch and self.hearing.hears(leader, now):
            return True
        return not self.isLeaderThere(reach)

    def watchOthersTurn(self, now: float) -> None:
        """Take note of since when we wait for an epoch that was promised or handed over."""
        if not self.is_promised and self.leader == self.state.host:
            self.stuck_since = None
        elif self.stuck_since is None:
            self.stuck_since = now

    def isStuck(self, now: float) -> bool:
        """Return whether whoever should begin an epoch has had time enough."""
        patience = self.settings.claim_timeout + self.settings.host_timeout
        return self.stuck_since is not None and now - self.stuck_since >= patience

    def mayPromise(self, epoch: Epoch, now: float) -> bool:
        """Return whether, not hosting, we let somebody claim an epoch."""
        leader = self.leader
        if leader in (epoch.host, self.player) or self.hasYielded(epoch.host, now):
            return True
        if self.isStuck(now):
            return True
        status = self.hearing.status(leader)
        if status is not None and epoch in (status.promised, status.epoch):
            return True
        return not self.isLeaderThere(self.hearing.reach(now))

    def isUnheardYet(self, player: int, now: float) -> bool:
        """Return whether somebody has said nothing yet, and it is too early to wonder."""
        if self.hearing.status(player) is not None:
            return False
        return now - self.began_at < self.settings.silence or self.hearing.mayBeThere(player, now)

    def watch(self, reach: tuple[int, ...], now: float) -> None:
        """Take note of who follows what we follow, and who does not."""
        for participant in self.state.participants:
            player = participant.player
            if player == self.player or (player in reach and self.follows(player)):
                self.absent_since.pop(player, None)
                self.parted.pop(player, None)
                continue
            if self.isUnheardYet(player, now):
                continue
            self.absent_since.setdefault(player, now)
            if player not in reach:
                self.parted[player] = True
        for player in [one for one in self.absent_since if self.state.participant(one) is None]:
            del self.absent_since[player]

    def mayBeAnotherHalf(self, player: int, now: float) -> bool:
        """
        Return whether somebody may have been in another half of a partition: it was out of
        our reach, or follows something else for long enough for a host to be replaced.
        """
        if self.state.participant(player) is None or self.parted.get(player, False):
            return True
        since = self.absent_since.get(player)
        patience = self.settings.silence + self.settings.host_timeout
        return since is not None and now - since >= patience

    def statusAt(self, now: float) -> Status:
        """Return what we tell the others of us now."""
        heard = sum(1 << (player - 1) for player in self.hearing.heard(now))
        commands = self.history.commands
        state = self.history.state
        if state is None:
            return Status(NO_EPOCH, 0, 0, bytes(8), heard, commands.first_unanswered)
        promised = self._promisedByOthers(now)
        if self.is_promised and self.promised > promised:
            promised = self.promised
        return Status(
            state.epoch,
            state.sequence,
            self.history.acknowledged,
            state.digest()[:8],
            heard,
            commands.first_unanswered,
            promised if promised.number and promised > state.epoch else NO_EPOCH,
        )

    def _promisedByOthers(self, now: float) -> Epoch:
        """Return the highest epoch that somebody who follows what we follow has promised."""
        highest = NO_EPOCH
        for player in self.hearing.heard(now):
            status = self.hearing.status(player)
            if status is None or not status.promised.number or not self.follows(player):
                continue
            highest = max(highest, status.promised)
        return highest

    def snapshotChain(self, state: SharedState) -> Chain:
        """Return the chain of a state that is not ours."""
        return chainOf(state)
