"""
One participant's share in what a session knows together.

A replica is told of links, messages and the time, and returns messages and outcomes.
While all hear each other, the host orders commands and everybody applies its events;
L{gamenet.event_log.election} says what happens when they do not.
"""

from __future__ import annotations

from typing import cast

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.event_log.election import Election
from gamenet.event_log.following import Following
from gamenet.event_log.history import History
from gamenet.event_log.hosting import Hosting
from gamenet.event_log.outbox import Outbox
from gamenet.event_log.outcomes import Outcome, Synced
from gamenet.event_log.reach import Hearing
from gamenet.event_log.rivals import Rivals
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.event_log.standing import Standing, Statistics
from gamenet.wire.log_commands import Command
from gamenet.wire.log_election import REPLICA_MESSAGES, Branch, Claim, Promise, Yield
from gamenet.wire.log_messages import (
    CommandSent,
    Events,
    EventsWanted,
    Refused,
    SnapshotSent,
    SnapshotWanted,
    Status,
    decodeLogMessage,
)
from gamenet.wire.log_values import NO_EPOCH, PARTICIPANTS_LIMIT, Epoch

__all__ = ["INCARNATIONS", "Replica"]

#: How many different incarnations a player's processes choose from.
INCARNATIONS = 1 << 16


@attrs.define(init=False)
class Replica:
    """
    What one process knows of a session, and its part in it.

    Made by L{Replica.opened} or L{Replica.newcomer}.  Between two inputs nothing
    happens; C{messagesDue} does what the time has made due.
    """

    _standing: Standing
    _hosting: Hosting
    _following: Following
    _rivals: Rivals
    _election: Election
    _status_due: float
    _told: tuple[object, ...]
    _has_input: bool

    def __init__(
        self,
        player: int,
        session_id: bytes,
        state: SharedState | None,
        settings: EventLogSettings,
        incarnation: int,
        now: float,
    ) -> None:
        if not 1 <= player <= PARTICIPANTS_LIMIT:
            raise LocalProtocolError(f"there is no player {player}")
        if not 0 <= incarnation < INCARNATIONS:
            raise LocalProtocolError(f"an incarnation is below {INCARNATIONS}, not {incarnation}")
        history = History(player, settings, state)
        hearing = Hearing(player, settings.silence)
        self._standing = Standing(
            player, session_id, settings, incarnation, history, hearing, Outbox(), began_at=now
        )
        self._hosting = Hosting(self._standing, now)
        self._following = Following(self._standing)
        self._rivals = Rivals(self._standing)
        self._election = Election(
            self._standing, self._hosting, self._following, self._rivals
        )
        self._status_due = now
        self._told = ()
        self._has_input = True
        if state is not None:
            self._standing.noteEpoch(state.epoch)
            if state.host == player:
                self._standing.ordering = state.epoch

    @classmethod
    def opened(
        cls, player: int, state: SharedState, settings: EventLogSettings, now: float
    ) -> Replica:
        """
        Return the replica of somebody who was there when the session began.

        @param player: Its number.
        @param state: What the session begins with, by everybody's ticket.
        @param settings: How patient it is, and how much it keeps.
        @param now: The time in seconds, as everywhere here.
        """
        return cls(player, state.session_id, state, settings, 0, now)

    @classmethod
    def newcomer(
        cls,
        player: int,
        session_id: bytes,
        settings: EventLogSettings,
        now: float,
        incarnation: int = 1,
    ) -> Replica:
        """
        Return the replica of somebody who knows nothing of the session yet: who comes
        later, or a new process of somebody whose process has died.

        @param player: Its number.
        @param incarnation: Below L{INCARNATIONS}; drawn at random, so that it begins no
            epoch that a process before it has begun.
        """
        return cls(player, session_id, None, settings, incarnation, now)

    # What is known.

    @property
    def state(self) -> SharedState | None:
        """What the session has come to; C{None} until that is known."""
        return self._standing.history.state

    @property
    def sequence(self) -> int:
        """The number of the last event; 0 where none is known."""
        return 0 if self.state is None else self.state.sequence

    @property
    def epoch(self) -> Epoch:
        """The epoch that holds; L{NO_EPOCH} where none is known."""
        return NO_EPOCH if self.state is None else self.state.epoch

    @property
    def host(self) -> int:
        """Whose epoch it is, by player number; 0 where that is not known."""
        return self.epoch.host

    @property
    def is_host(self) -> bool:
        """Whether we are the one who orders events, now."""
        return self._standing.is_hosting

    @property
    def acknowledged(self) -> int:
        """The number of the last event that is acknowledged."""
        return self._standing.history.acknowledged

    @property
    def unanswered(self) -> int:
        """How many of our commands have no answer yet."""
        return self._standing.history.commands.unanswered

    @property
    def statistics(self) -> Statistics:
        """What has been counted."""
        return self._standing.statistics

    def heard(self, now: float) -> tuple[int, ...]:
        """Return whom we hear, ascending."""
        return self._standing.hearing.heard(now)

    # Inputs.

    def connected(self, player: int, now: float) -> None:
        """Take note of a link with somebody, also of one that is there again."""
        self._connect(player, False, now)

    def restarted(self, player: int, now: float) -> None:
        """Take note of a link with a new process of somebody, which knows nothing."""
        self._connect(player, True, now)

    def _connect(self, player: int, is_new: bool, now: float) -> None:
        """Take note of a link."""
        if player == self._standing.player or not 1 <= player <= PARTICIPANTS_LIMIT:
            raise LocalProtocolError(f"no link leads to player {player}")
        self._standing.outbox.forget(player)
        self._standing.hearing.connect(player, now)
        self._hosting.welcome(player, is_new, now)
        self._status_due = now
        self._has_input = True

    def disconnected(self, player: int, now: float) -> None:
        """Take note that a link is closed for good."""
        self._has_input = True
        self._standing.hearing.disconnect(player)
        self._standing.outbox.forget(player)
        for part in (self._hosting, self._following, self._rivals):
            part.farewell(player)

    def submit(self, command: Command, now: float) -> int:
        """
        Have something done.

        @return: The command's number; an outcome with that number will answer it.
        @raise SubmitQueueFull: Too many commands wait for their answers.
        @raise LocalProtocolError: The session is not known yet.
        """
        if self.state is None:
            raise LocalProtocolError("nothing can be done before the session is known")
        number = self._standing.history.commands.submit(command)
        self._has_input = True
        if self._standing.is_hosting:
            self._hosting.orderOwn(now)
        return number

    def requestFullSync(self, now: float) -> None:
        """Have the whole state told once more, by the host where we are not it."""
        self._has_input = True
        if self._standing.is_hosting:
            self._standing.history.tell(Synced(self._standing.state))
        else:
            self._following.full_sync = True

    def messageReceived(self, player: int, message: bytes, now: float) -> None:
        """
        Take a message.

        @param player: Whose it is, as the link has proven.
        @raise MalformedMessage: It is no message.
        @raise RemoteProtocolError: It cannot be; it is counted, and nothing has changed.
        @raise LocalProtocolError: No link leads to that player.
        """
        if not self._standing.hearing.isConnected(player):
            raise LocalProtocolError(f"no link leads to player {player}")
        try:
            decoded = decodeLogMessage(message, REPLICA_MESSAGES)
            is_news = decoded != self._standing.hearing.status(player)
            self._take(player, decoded, now)
        except RemoteProtocolError:
            self._standing.statistics.rejected += 1
            raise
        self._has_input = self._has_input or is_news
        self._standing.hearing.hear(player, now)

    def _take(self, player: int, message: object, now: float) -> None:
        """Give a message to whom it concerns."""
        match message:
            case Status():
                self._statusReceived(player, message)
            case Events():
                self._following.eventsReceived(player, message, now)
            case CommandSent():
                self._hosting.commandReceived(player, message, now)
            case Refused():
                self._following.refusalReceived(player, message)
            case EventsWanted():
                self._hosting.eventsWanted(player, message, now)
            case SnapshotWanted():
                self._hosting.sendSnapshot(player, now)
            case SnapshotSent():
                self._following.snapshotReceived(player, message, now)
            case Claim():
                self._election.claimReceived(player, message, now)
            case Promise():
                self._election.promiseReceived(player, message)
            case Branch():
                self._election.branchReceived(player, message, now)
            case _:
                self._rivals.yieldReceived(player, cast(Yield, message), now)

    def _statusReceived(self, player: int, status: Status) -> None:
        """Take note of where somebody stands."""
        self._standing.requireEpoch(status.epoch)
        self._standing.requireEpoch(status.promised)
        self._standing.hearOf(max(status.epoch, status.promised))
        self._standing.hearing.told(player, status)
        self._following.compare(player, status)

    # Outputs.

    def takeOutcomes(self) -> tuple[Outcome, ...]:
        """Return what happened since the last call."""
        return self._standing.history.takeOutcomes()

    def messagesDue(self, now: float) -> tuple[tuple[int, bytes, bool], ...]:
        """
        Do what is due, and return what is to be sent: for whom, the message, and whether
        its link should see to it that it arrives.
        """
        standing = self._standing
        if not self._has_input and now < self.nextDue():
            return ()
        self._has_input = False
        if standing.history.state is not None:
            reach = standing.hearing.reach(now)
            self._hosting.follow(now)
            standing.watch(reach, now)
            self._hosting.keepSeats(now)
            self._election.advance(reach, now)
            if standing.is_hosting:
                self._hosting.orderOwn(now)
            else:
                self._following.sendCommand(now)
            self._hosting.push()
            standing.history.acknowledge(standing.hearing, now)
        self._following.askForMissing(now)
        self._sendStatus(now)
        return standing.outbox.take()

    def _sendStatus(self, now: float) -> None:
        """Tell the others where we stand, all the time, and at once where it has changed."""
        standing = self._standing
        told = (self.sequence, self.epoch, standing.promised, self.acknowledged)
        if now < self._status_due and told == self._told:
            return
        self._told = told
        self._status_due = now + standing.settings.status_interval
        status = standing.statusAt(now)
        for player in standing.hearing.connected:
            standing.outbox.send(player, status, False)

    def nextDue(self) -> float:
        """Return when C{messagesDue} is to be called again at the latest, without any input."""
        return min(self._status_due, self._following.nextDue())
