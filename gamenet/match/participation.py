"""
One process's part in the shared session of a match, beyond the log itself: it joins and
leaves, keeps the links of those who are lost until their grace is over, says what is being
played, and tells the lobby who is host.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import CommandRefused, GamenetError, MatchEnded
from gamenet.event_log import outcomes
from gamenet.event_log.outcomes import Outcome
from gamenet.event_log.replica import INCARNATIONS, Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.interfaces import IMachine, ISessionProtocol
from gamenet.machine.alarm import Alarm
from gamenet.match.shared_session import LOG_STREAM, Carriage, SharedSession
from gamenet.mesh.mesh import Mesh
from gamenet.mesh.path import Path
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.log_commands import Command, EndActivity, Join, Leave, StartActivity
from gamenet.wire.log_events import ParticipantJoined, ParticipantLeft, ParticipantReturned
from gamenet.wire.log_values import CONTENT_LIMIT, Epoch, LeaveReason, RefusalCode

__all__ = ["FAREWELL", "JOIN_AGAIN", "LEAVE_PATIENCE", "Duties", "Entry", "Participation"]

#: For so many seconds the link with who has left stays, for the last words.
FAREWELL = 1.0

#: Seconds until a session that was busy is asked again to let us join.
JOIN_AGAIN = 0.5

#: The most seconds that our leaving waits until others know of it.
LEAVE_PATIENCE = 1.0


@attrs.frozen
class Duties:
    """
    What the owner of a L{Participation} does for it.

    @ivar failed: Called when the session cannot go on, or the host has removed us.
    @ivar refused: Called when we may not join.
    @ivar departed: Called with the number of a player who is out for good: the link
        with them is to be closed.
    @ivar report: Called where we are the host, with the epoch and the participants, when
        either is another.
    """

    failed: Callable[[GamenetError], object]
    refused: Callable[[CommandRefused], object]
    departed: Callable[[int], object]
    report: Callable[[Epoch, tuple[int, ...]], object]


@attrs.frozen
class Entry:
    """
    How a match is entered from a session.

    @ivar title: The session's name; C{""} is its id.
    @ivar returning: Whether we were in the match before by the same number, in this process.
    @ivar report: Called where we are the host, with the epoch and the participants.
    """

    title: str = ""
    returning: bool = False
    report: Callable[[Epoch, tuple[int, ...]], object] = attrs.field(
        default=lambda epoch, players: None, eq=False
    )


class Participation:
    """
    Our part in a session.  Owned by a L{gamenet.match.match.Match} or a
    L{gamenet.match.shared_match.SharedMatch}.

    @ivar session: What games see of it.
    @ivar leaving: Whether we have left, or are about to.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        ticket: MatchTicket,
        mesh: Mesh,
        protocol: ISessionProtocol,
        settings: EventLogSettings,
        duties: Duties,
        title: str = "",
        newcomer: bool = False,
        joins: bool = True,
    ) -> None:
        """
        @param ticket: The match; everybody in it takes part from the start.
        @param mesh: What carries the log.
        @param protocol: Whose moments are called.
        @param title: The session's name; C{""} is its id.
        @param newcomer: Whether the session goes on already, so that others tell us of it;
            a late ticket says so too.
        @param joins: Whether we take part by ourselves as soon as we know the session.
        """
        self.leaving = False
        self._joins = joins
        self._duties = duties
        self._name = next(each.name for each in ticket.members if each.player == ticket.player)
        self._player = ticket.player
        self._mesh = mesh
        self._clock = machine.clock
        self._said: tuple[Epoch, tuple[int, ...]] | None = None
        self._playing: str | None = None
        self._starting = False
        self._departing: dict[int, float] = {}
        self._alarm = Alarm(machine.clock, self._ring)
        self._join_alarm = Alarm(machine.clock, self._join)
        replica = _replica(machine, ticket, settings, title, newcomer or ticket.late)
        self.session = SharedSession(
            machine.clock,
            ticket.player,
            replica,
            Carriage(mesh.sendMessage, mesh.send),
            protocol,
            self._told,
            duties.failed,
        )
        mesh.introducer = self.session.host
        if replica.state is not None:
            self._said = replica.epoch, _playersOf(replica.state)

    def begin(self) -> None:
        """Take part from now on.  Beginning twice is harmless."""
        self.session.begin()

    def pathChanged(self, player: int, path: Path | None) -> None:
        """A link has another path, or none."""
        self.session.pathChanged(player, path is not None)

    def returned(self, player: int) -> None:
        """The link to a player has new keys."""
        self._stays(player)
        self.session.restarted(player)

    def removed(self, player: int) -> None:
        """The link to a player is closed."""
        self._stays(player)
        self.session.removed(player)

    def messageReceived(self, player: int, stream: int, message: bytes) -> None:
        """A reliable message came; those of other streams are not ours."""
        if stream == LOG_STREAM:
            self.session.messageReceived(player, message)

    def keeps(self, player: int) -> bool:
        """Return whether a player's link is to be kept, be they silent or not."""
        state = self.session.state
        there = state is not None and state.participant(player) is not None
        return there or player in self._departing

    def activityBegins(self, name: str) -> None:
        """Something is being played; the host, whoever that is, says so in the log."""
        self._playing = name
        self._keepActivity()

    def activityEnds(self, content: bytes) -> None:
        """It was played to its end; C{content} says how."""
        self._playing = None
        state = self.session.state
        if self.session.is_host and state is not None and state.activity is not None:
            self._do(EndActivity(state.activity.number, content[:CONTENT_LIMIT]))

    def leave(self) -> Deferred[None]:
        """
        Take part no more.

        @return: Fires when others know of it, after L{LEAVE_PATIENCE} at the latest.
        """
        session = self.session
        self.leaving = True
        self._playing = None
        if session.closed or not session.is_participant or not session.connected_players:
            return succeed(None)
        leaving = session.submit(Leave())
        leaving.addTimeout(LEAVE_PATIENCE, self._clock)
        return leaving.addCallbacks(lambda _: None, self._ignore)

    def close(self, why: str) -> None:
        """End it; no timer is left."""
        self._alarm.cancel()
        self._join_alarm.cancel()
        self.session.close(why)

    def _told(self, outcome: Outcome) -> None:
        """Do what an outcome asks of us."""
        match outcome:
            case outcomes.Synced():
                self._mesh.introducer = self.session.host
                self._joinIfAbsent()
            case outcomes.EventApplied(event):
                body = event.body
                if isinstance(body, ParticipantLeft):
                    self._left(body)
                elif isinstance(body, (ParticipantJoined, ParticipantReturned)):
                    self._stays(body.player)
                    self._joins = self._joins or body.player == self._player
            case outcomes.HostChanged():
                self._mesh.introducer = self.session.host
            case _:
                return
        self._report()
        self._keepActivity()

    def _left(self, body: ParticipantLeft) -> None:
        if body.player != self._player:
            self._departing[body.player] = self._clock.seconds() + FAREWELL
            self._plan()
        elif body.reason is LeaveReason.KICKED:
            self.leaving = True
            self._duties.failed(MatchEnded("the session's host has removed us from it"))
        else:
            self._joinIfAbsent()

    def _joinIfAbsent(self) -> None:
        """We know the session now: take part in it, unless we do or want to no more."""
        self._joins = self._joins or self.session.is_participant
        if self._joins and not self.leaving and not self.session.is_participant:
            self._join()

    def _join(self) -> None:
        if not self.leaving and not self.session.is_participant and not self.session.closed:
            self.session.submit(Join(self._name)).addErrback(self._joinFailed)

    def _joinFailed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CommandRefused) and error.code is not RefusalCode.ALREADY_JOINED:
            if error.code is RefusalCode.BUSY:
                self._join_alarm.set(self._clock.seconds() + JOIN_AGAIN)
            elif not self.session.closed:
                self._log.warn("we may not join the session: {reason}", reason=str(error))
                self._duties.refused(error)
        else:
            self._ignore(failure)

    def _keepActivity(self) -> None:
        """What is being played is in the log, also where the host died before saying so."""
        session, state = self.session, self.session.state
        if self._playing is None or self._starting or not session.is_host or state is None:
            return
        if state.activity is None and state.delegate is None and session.is_participant:
            self._starting = True
            asking = session.submit(StartActivity(self._playing, b""))
            asking.addErrback(self._ignore).addBoth(lambda _: self._started())

    def _started(self) -> None:
        self._starting = False

    def _report(self) -> None:
        """Tell the lobby who is host, and who is here, where that is news and ours to say."""
        state = self.session.state
        if state is None or not self.session.is_host:
            return
        said = state.epoch, _playersOf(state)
        if said != self._said and self._player in said[1]:
            self._said = said
            self._duties.report(*said)

    def _do(self, command: Command) -> None:
        self.session.submit(command).addErrback(self._ignore)

    def _ignore(self, failure: Failure) -> None:
        if failure.check(GamenetError, CancelledError, TimeoutError) is None:
            self._log.failure("a command failed", failure)
        else:
            self._log.info("a command: {reason}", reason=failure.getErrorMessage())

    def _stays(self, player: int) -> None:
        self._departing.pop(player, None)

    def _plan(self) -> None:
        self._alarm.set(min(self._departing.values(), default=None))

    def _ring(self) -> None:
        now = self._clock.seconds()
        for player in [one for one, due in self._departing.items() if due <= now]:
            del self._departing[player]
            self._duties.departed(player)
        if not self.session.closed:
            self._plan()


def _playersOf(state: SharedState) -> tuple[int, ...]:
    """Return who takes part, those in grace too, ascending."""
    return tuple(participant.player for participant in state.participants)


def _replica(
    machine: IMachine,
    ticket: MatchTicket,
    settings: EventLogSettings,
    title: str,
    newcomer: bool,
) -> Replica:
    """Return what we know of the session when it begins for us."""
    now = machine.clock.seconds()
    if newcomer:
        drawn = int.from_bytes(machine.randomBytes(4), "big")
        incarnation = 1 + drawn % (INCARNATIONS - 1)
        return Replica.newcomer(ticket.player, ticket.match_id, settings, now, incarnation)
    names = {member.player: member.name for member in ticket.members}
    capacity = max(ticket.capacity, *names)
    state = SharedState.opened(ticket.match_id, title or ticket.session_id, names, capacity)
    return Replica.opened(ticket.player, state, settings, now)
