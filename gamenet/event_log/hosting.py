"""
What a host does: it puts commands in order, sends the events, and keeps the seats of
those it has lost for as long as their grace lasts.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.branches import epochAt
from gamenet.event_log.commands import Refusal, judged
from gamenet.event_log.snapshot import Snapshot
from gamenet.event_log.standing import Standing
from gamenet.wire.log_events import (
    NOBODY,
    Body,
    EpochStarted,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
)
from gamenet.wire.log_messages import CommandSent, Events, EventsWanted, Refused, SnapshotSent
from gamenet.wire.log_values import Epoch, LeaveReason, RefusalCode

__all__ = ["Hosting"]


@attrs.define(init=False)
class Hosting:
    """
    One replica's part as host, and what every replica gives to those who lack events.

    @ivar needs_record: Whether somebody was lost, so that the epochs should say who is
        still here.
    @ivar _refusals: The last refusal that each player was sent, by its number.
    @ivar _pushed: Up to which event each player was sent them, unasked.
    @ivar _lost_seen: Since when somebody is lost, by the log and by our own clock.
    @ivar _snapshot_at: When each player was sent a snapshot.
    """

    needs_record: bool
    _standing: Standing
    _began: tuple[float, int]
    _refusals: dict[int, Refused]
    _pushed: dict[int, int]
    _lost_seen: dict[int, tuple[int, float]]
    _snapshot_at: dict[int, float]

    def __init__(self, standing: Standing, now: float) -> None:
        """
        @param standing: Where the replica stands.
        """
        self.needs_record = False
        self._standing = standing
        self._began = now, 0
        self._refusals = {}
        self._pushed = {}
        self._lost_seen = {}
        self._snapshot_at = {}

    def timeAt(self, now: float) -> int:
        """Return the session's time in milliseconds, as we would give it to an event."""
        at, time_ms = self._began
        return max(time_ms + int(max(0.0, now - at) * 1000), self._standing.state.time_ms)

    def follow(self, now: float) -> None:
        """Set our clock by the newest event that we did not order ourselves."""
        if self._standing.state.time_ms > self.timeOf(now):
            self._began = now, self._standing.state.time_ms

    def timeOf(self, now: float) -> int:
        """Return the milliseconds of our clock alone."""
        at, time_ms = self._began
        return time_ms + int(max(0.0, now - at) * 1000)

    def welcome(self, player: int, is_new: bool, now: float) -> None:
        """
        Take note of a new link: a host sends whoever may need it a snapshot, unasked.

        @param is_new: Whether the process behind it is a new one.
        """
        standing = self._standing
        self._refusals.pop(player, None)
        self._snapshot_at.pop(player, None)
        if standing.history.state is None:
            return
        self._pushed[player] = standing.state.sequence
        stranger = standing.state.participant(player) is None
        if standing.is_hosting and (is_new or stranger or standing.state.sequence):
            self.sendSnapshot(player, now)

    def farewell(self, player: int) -> None:
        """Forget what only mattered to somebody whose link is closed."""
        for known in (self._refusals, self._pushed, self._snapshot_at):
            known.pop(player, None)

    def begin(self, epoch: Epoch, members: tuple[int, ...], now: float) -> None:
        """Begin an epoch of ours."""
        standing = self._standing
        for player in standing.hearing.connected:
            self._pushed[player] = standing.state.sequence
        standing.ordering = epoch
        self.needs_record = False
        self._order(EpochStarted(members), now, epoch=epoch)

    def _order(
        self,
        body: Body,
        now: float,
        author: int = NOBODY,
        command: int = 0,
        epoch: Epoch | None = None,
    ) -> None:
        """
        Put something in order.

        @raise RemoteProtocolError: It cannot follow; nothing changed.
        """
        history = self._standing.history
        event = history.known.following(body, self.timeAt(now), author, command, epoch)
        history.apply(history.following((event,)))
        self.follow(now)

    def commandReceived(self, player: int, sent: CommandSent, now: float) -> None:
        """
        Answer a command of another player.

        Not by a host, or with no room for what comes of it, it is ignored: it will be
        sent again, to whoever is the host then.
        """
        standing = self._standing
        if not standing.is_hosting or standing.history.is_full:
            standing.statistics.ignored += 1
            return
        number = sent.command_number
        last = self._refusals.get(player)
        if number <= standing.state.lastCommand(player):
            standing.statistics.ignored += 1
            return
        if last is not None and number <= last.command_number:
            if number == last.command_number:
                standing.outbox.send(player, last)
            return
        body = judged(standing.state, player, sent.command, standing.settings)
        if isinstance(body, Refusal):
            self._refuse(player, number, body)
            return
        try:
            self._order(body, now, player, number)
        except RemoteProtocolError as error:
            self._refuse(player, number, Refusal(RefusalCode.BUSY, str(error)[:200]))

    def _refuse(self, player: int, number: int, refusal: Refusal) -> None:
        """Answer a command with a refusal, and remember it."""
        refused = Refused(number, refusal.code, refusal.reason)
        self._refusals[player] = refused
        self._standing.outbox.send(player, refused)

    def orderOwn(self, now: float) -> None:
        """Answer our own commands."""
        standing = self._standing
        history = standing.history
        while standing.is_hosting and not history.is_full:
            first = history.commands.first
            if first is None:
                return
            number, command = first
            body = judged(standing.state, standing.player, command, standing.settings)
            if isinstance(body, Refusal):
                history.tell(*history.commands.refused(number, body.code, body.reason))
                continue
            self._order(body, now, standing.player, number)

    def keepSeats(self, now: float) -> None:
        """Say who is lost, who has returned, and whose grace is over."""
        standing = self._standing
        self._watchLost(now)
        if not standing.is_hosting:
            return
        # Who is in reach again, and follows another branch still, is about to be back.
        reach = standing.hearing.reach(now)
        for participant in standing.state.participants:
            player = participant.player
            absent = standing.absent_since.get(player)
            if standing.history.is_full:
                return
            if participant.is_lost:
                if absent is None:
                    self._order(ParticipantReturned(player), now)
                elif player in reach:
                    continue
                elif now - self._lost_seen[player][1] >= standing.settings.grace:
                    self._order(ParticipantLeft(player, LeaveReason.GRACE_OVER), now)
            elif absent is not None and now - absent >= standing.settings.settling:
                self._order(ParticipantLost(player), now)
                self.needs_record = True

    def _watchLost(self, now: float) -> None:
        """Take note of since when whom is lost: our own clock measures the grace."""
        seen = self._lost_seen
        self._lost_seen = {}
        for participant in self._standing.state.participants:
            since = participant.lost_at_ms
            if since is None:
                continue
            before = seen.get(participant.player)
            same = before is not None and before[0] == since
            self._lost_seen[participant.player] = before if same and before else (since, now)

    def push(self) -> None:
        """Send the events that were not sent yet to all that a link leads to."""
        standing = self._standing
        if standing.ordering != standing.state.epoch:
            return
        log, chain = standing.history.log, standing.chain
        for player in standing.hearing.connected:
            sent = self._pushed.get(player, log.last)
            while sent < log.last:
                previous = epochAt(chain, sent)
                if previous is None or not log.reaches(sent):
                    sent = log.last
                    break
                events = log.after(sent, standing.settings.batch)
                if not standing.outbox.send(player, Events(events, previous)):
                    # It will ask for what it lacks.
                    sent = log.last
                    break
                sent = events[-1].sequence
            self._pushed[player] = sent

    def eventsWanted(self, player: int, wanted: EventsWanted, now: float) -> None:
        """Give somebody the events it lacks, or a snapshot where it lacks more."""
        standing = self._standing
        if standing.history.state is None:
            return
        chain, log = standing.chain, standing.history.log
        previous = epochAt(chain, wanted.after)
        if previous == wanted.epoch and log.reaches(wanted.after):
            events = log.after(wanted.after, wanted.count)
            if events:
                standing.outbox.send(player, Events(events, previous))
        elif (wanted.epoch, wanted.after) != (chain.epoch, chain.sequence):
            self.sendSnapshot(player, now)

    def sendSnapshot(self, player: int, now: float) -> None:
        """Send somebody a snapshot, not too often."""
        standing = self._standing
        if standing.history.state is None:
            return
        at = self._snapshot_at.get(player)
        if at is not None and now - at < standing.settings.resend_interval / 2:
            standing.statistics.ignored += 1
            return
        self._snapshot_at[player] = now
        standing.statistics.snapshots_sent += 1
        data = Snapshot(standing.state).encoded(standing.settings.snapshot_limit)
        standing.outbox.send(player, SnapshotSent(data))
