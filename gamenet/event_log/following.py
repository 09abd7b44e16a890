"""
What a guest does: it takes the events of the host in order, notices what is missing,
and asks for it.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.branches import Relation, chainOf, holds, relation
from gamenet.event_log.errors import NotTheHost, StaleEpoch
from gamenet.event_log.outcomes import StateDiffers
from gamenet.event_log.snapshot import Snapshot
from gamenet.event_log.standing import Standing
from gamenet.wire.log_events import Event
from gamenet.wire.log_messages import (
    CommandSent,
    Events,
    EventsWanted,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
)
from gamenet.wire.log_values import Epoch

__all__ = ["Following"]

#: So many of the host's statuses in a row are missing before others are believed to hold
#: more of its events than it said.
_MISSED_STATUSES = 4


@attrs.define(init=False)
class Following:
    """
    One replica's part as guest.

    @ivar source: From whom we take what it holds although its epoch is lower than the
        one we claim; 0 for nobody.
    @ivar full_sync: Whether the host is to be asked for a snapshot although nothing is
        missing.
    @ivar _gap_since: Since when something is missing.
    @ivar _asked: Whom we asked last, and when.
    @ivar _sent: The command that was sent last, to whom, and when.
    @ivar _differs: By player, for which event we said that its state is another.
    """

    source: int
    full_sync: bool
    _standing: Standing
    _gap_since: float | None
    _asked: tuple[int, float]
    _sent: tuple[int, int, float]
    _differs: dict[int, int]

    def __init__(self, standing: Standing) -> None:
        """
        @param standing: Where the replica stands.
        """
        self.source = 0
        self.full_sync = False
        self._standing = standing
        self._gap_since = None
        self._asked = 0, float("-inf")
        self._sent = 0, 0, float("-inf")
        self._differs = {}

    def farewell(self, player: int) -> None:
        """Forget what only mattered to somebody whose link is closed."""
        self._differs.pop(player, None)
        if self._asked[0] == player:
            self._asked = 0, float("-inf")

    # What comes in.

    def compare(self, player: int, status: Status) -> None:
        """
        Compare a status's digest with our state's, where both are at the same event.  Where
        the host's is another, ours is not what it ordered: we ask it for its own.
        """
        state = self._standing.history.state
        if state is None or (status.epoch, status.sequence) != (state.epoch, state.sequence):
            return
        differs = status.digest != state.digest()[:8]
        if differs and self._differs.get(player) != state.sequence:
            self._differs[player] = state.sequence
            self._standing.history.tell(StateDiffers(state.sequence, player))
            if player == self._standing.leader:
                self.full_sync = True

    def _requireRight(self, player: int, epoch: Epoch, is_last: bool, now: float) -> None:
        """
        Check that somebody may send us what ends in an epoch.

        @param is_last: Whether it is the last epoch that the sender is in.
        @raise StaleEpoch: We promised to follow a higher one.
        @raise NotTheHost: It is not the host, nor whom we asked.
        """
        standing = self._standing
        if player == self.source:
            return
        if standing.is_hosting:
            raise NotTheHost(f"player {player} orders events for the host")
        status = standing.hearing.status(player)
        newest = epoch
        if status is not None and not is_last:
            newest = max(epoch, status.epoch)
        if newest < standing.promised or newest < standing.state.epoch:
            raise StaleEpoch(f"player {player} follows epoch {newest.number}, which is over")
        if player not in (self._asked[0], epoch.host):
            raise NotTheHost(f"player {player} was not asked for events and is not the host")
        if newest != standing.state.epoch and not standing.mayFollow(newest, now):
            raise NotTheHost(f"the host of epoch {newest.number} is not to be followed")

    def eventsReceived(self, player: int, message: Events, now: float) -> None:
        """
        Take events from the host, or from whom we asked.

        @raise RemoteProtocolError: They cannot be; nothing changed.
        """
        standing = self._standing
        history = standing.history
        if history.state is None or history.is_full:
            standing.statistics.ignored += 1
            return
        state, chain = standing.state, standing.chain
        if message.events[0].session_id != state.session_id:
            raise RemoteProtocolError(f"player {player} sent events of another session")
        new = [one for one in message.events if not holds(chain, one.epoch, one.sequence)]
        if not new:
            standing.statistics.ignored += 1
            return
        self._requireRight(player, message.events[-1].epoch, False, now)
        place = message.events.index(new[0])
        previous = message.events[place - 1].epoch if place else message.previous
        if new[0].sequence > state.sequence + 1:
            if history.keepEarly(tuple(new)):
                self._gap_since = now if self._gap_since is None else self._gap_since
            return
        if new[0].sequence <= state.sequence or previous != state.epoch:
            # They continue another branch: whoever is ahead of us in it is asked.
            standing.statistics.ignored += 1
            return
        self._take(tuple(new))

    def _take(self, events: tuple[Event, ...]) -> None:
        """Apply events that come next."""
        history = self._standing.history
        history.apply(history.following(events))
        self._gap_since = None
        self._asked = 0, float("-inf")

    def snapshotReceived(self, player: int, message: SnapshotSent, now: float) -> None:
        """
        Take a snapshot, where it says more than we know.

        @raise RemoteProtocolError: It cannot be; nothing changed.
        """
        standing = self._standing
        known = standing.history.state
        wanted = known is None or player in (self.source, self._asked[0], standing.leader)
        if not wanted or standing.history.is_full:
            standing.statistics.ignored += 1
            return
        if standing.is_hosting:
            raise NotTheHost(f"player {player} sent the host a snapshot")
        state = Snapshot.decoded(message.snapshot, standing.settings.snapshot_limit).state
        if state.session_id != standing.session_id:
            raise RemoteProtocolError(f"player {player} sent a snapshot of another session")
        standing.requireEpoch(state.epoch)
        if known is not None:
            how = relation(standing.chain, chainOf(state))
            again = self.full_sync and player == standing.leader and how is Relation.SAME
            news = how is Relation.BEHIND or (
                how is Relation.DIVERGED and (player == self.source or state.epoch > known.epoch)
            )
            if not news and not again:
                standing.statistics.ignored += 1
                return
            self._requireRight(player, state.epoch, True, now)
        self.full_sync = False
        standing.statistics.snapshots_taken += 1
        standing.noteEpoch(state.epoch)
        standing.history.replace(state)
        self._gap_since = None
        self._asked = 0, float("-inf")

    def refusalReceived(self, player: int, message: Refused) -> None:
        """
        Take the host's answer to a command of ours.

        @raise NotTheHost: It is not the host's.
        """
        standing = self._standing
        history = standing.history
        if history.state is None or standing.is_hosting or player != standing.leader:
            raise NotTheHost(f"player {player} refuses what only the host can refuse")
        if standing.is_promised:
            standing.statistics.ignored += 1
            return
        history.tell(
            *history.commands.refused(message.command_number, message.code, message.reason)
        )

    # What goes out.

    def nextDue(self) -> float:
        """Return when something that is missing is to be asked for."""
        if self._gap_since is None:
            return float("inf")
        settings = self._standing.settings
        return max(self._gap_since + settings.gap_wait, self._asked[1] + settings.resend_interval)

    def sendCommand(self, now: float) -> None:
        """Ask the host for the first of our commands that has no answer."""
        standing = self._standing
        first = standing.history.commands.first
        leader = standing.leader
        if first is None or standing.is_promised or not standing.hearing.isConnected(leader):
            return
        number, command = first
        again = self._sent[:2] == (leader, number)
        if again and now - self._sent[2] < standing.settings.resend_interval:
            return
        if standing.outbox.send(leader, CommandSent(number, command)):
            self._sent = leader, number, now

    def askForMissing(self, now: float) -> None:
        """Ask somebody who holds what we lack, after a short wait."""
        standing = self._standing
        if standing.history.state is None:
            self._askForSnapshot(now)
            return
        if standing.is_hosting or standing.history.is_full:
            return
        ahead = self._ahead(now)
        if not ahead and standing.history.has_early:
            ahead = (standing.leader,)
        if not ahead and not self.full_sync:
            self._gap_since = None
            return
        if self._gap_since is None:
            self._gap_since = now
        settings = standing.settings
        if now - self._gap_since < settings.gap_wait and not self.source:
            return
        if now - self._asked[1] < settings.resend_interval:
            return
        if self.full_sync and not ahead:
            self._asked = standing.leader, now
            standing.outbox.send(standing.leader, SnapshotWanted(standing.state.sequence))
            return
        player = self._nextOf(ahead)
        self._asked = player, now
        standing.statistics.gaps += 1
        state = standing.state
        wanted = EventsWanted(state.epoch, state.sequence, settings.batch)
        standing.outbox.send(player, wanted)

    def _nextOf(self, ahead: tuple[int, ...]) -> int:
        """Return whom to ask: the host first, and then each of the others in turn."""
        last = self._asked[0] if self._asked[1] > float("-inf") else 0
        if last not in ahead:
            return ahead[0]
        return ahead[(ahead.index(last) + 1) % len(ahead)]

    def _ahead(self, now: float) -> tuple[int, ...]:
        """Return who holds events that we lack and may take, whom to ask first, first."""
        standing = self._standing
        if self.source:
            return (self.source,)
        state = standing.state
        highest = self._highestBelievable(now)
        ahead = []
        for player in standing.hearing.heard(now):
            status = standing.hearing.status(player)
            if status is None:
                continue
            if status.epoch == state.epoch:
                more = state.sequence < status.sequence <= highest and not standing.is_promised
            else:
                more = standing.mayFollow(status.epoch, now)
            if more:
                ahead.append((status.epoch, player == status.epoch.host, status.sequence, player))
        ahead.sort(reverse=True)
        return tuple([player for _, _, _, player in ahead])

    def _highestBelievable(self, now: float) -> float:
        """
        Return the highest number that an event of our epoch may have.

        Nobody is ahead of the host: who says so could put words into its mouth.  So what
        the host says counts, while it is heard well and hears us.
        """
        standing = self._standing
        epoch = standing.state.epoch
        status = standing.hearing.status(epoch.host)
        well = standing.hearing.isFresh(
            epoch.host, now, _MISSED_STATUSES * standing.settings.status_interval
        )
        there = well and standing.hearing.isMutual(epoch.host, now)
        if status is None or status.epoch != epoch or not there:
            return float("inf")
        return status.sequence

    def _askForSnapshot(self, now: float) -> None:
        """Ask those whom we hear for the whole state, one after the other."""
        standing = self._standing
        if now - self._asked[1] < standing.settings.resend_interval:
            return
        known = [
            player
            for player in standing.hearing.connected
            if not standing.hearing.isKnownEmpty(player)
        ]
        if not known:
            return
        last = self._asked[0]
        player = next((one for one in known if one > last), known[0])
        self._asked = player, now
        standing.outbox.send(player, SnapshotWanted(0))
