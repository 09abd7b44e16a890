"""
The network's side of a polled session: does what the game asks for, and posts what
happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from gamenet.errors import CommandRefused, GamenetError, RemoteProtocolError
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.interfaces import IMachine
from gamenet.match.player import Player
from gamenet.match.session_protocol import SessionProtocol
from gamenet.match.shared_match import SharedMatch
from gamenet.polled.errors import SessionEnded
from gamenet.polled.events import (
    Accepted,
    Applied,
    Dropped,
    Ended,
    HostChanged,
    Opened,
    PeersChanged,
    PolledEvent,
    Refused,
    Seated,
    StatesDisagree,
    Synced,
)
from gamenet.polled.mailbox import Mailbox
from gamenet.polled.session_plan import SessionPlan
from gamenet.wire.log_commands import Command
from gamenet.wire.log_events import Event
from gamenet.wire.log_values import RefusalCode
from gamenet.wire.session_id import SessionId

__all__ = ["IN_FLIGHT", "PARTING", "Connects", "SessionDriver"]

T = TypeVar("T")

#: How the lobby is reached.
Connects: TypeAlias = Callable[[IMachine, SessionPlan], Deferred[Player]]

#: How many commands are with the session at once; the others wait in our own queue, which
#: may be longer than the session's.
IN_FLIGHT = EventLogSettings().queue // 2

#: Seconds that the others have to take our leave.
PARTING = 2.0


class SessionDriver(SessionProtocol):
    """
    Runs one session for a L{gamenet.polled.polled_session.PolledSession}, on the
    network's side of its loop; the constructor alone is called on the game's.

    Answers to commands, and what else is told but once, always find room.  That is
    bounded all the same: there are at most C{queue_size} commands without an answer that
    the game has taken, and nothing else of it is told more than once in a session or to a
    command.

    @ivar _state: The session as the game will know it, when it has polled all that was posted.
    @ivar _asked: The tickets of the commands that are with the session.
    @ivar _behind: Whether something found no room, and what follows would not fit to it.
    @ivar _stage: What the session waits for, where that may be given up.
    """

    _log = Logger()

    def __init__(
        self,
        plan: SessionPlan,
        connect: Connects,
        commands: Mailbox[tuple[int, Command]],
        news: Mailbox[PolledEvent],
    ) -> None:
        """
        @param plan: What to open or join.
        @param connect: How to reach the lobby.
        @param commands: What the game submits, with its tickets.
        @param news: What the game is told.
        """
        self._plan = plan
        self._connect = connect
        self._commands = commands
        self._news = news
        self._match: SharedMatch | None = None
        self._state: SharedState | None = None
        self._peers: tuple[int, ...] = ()
        self._asked: dict[int, None] = {}
        self._behind = False
        self._taking = False
        self._leaving = False
        self._over = False
        self._machine: IMachine | None = None
        self._stage: Deferred[Any] | None = None
        self._cut: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []

    def begin(self, machine: IMachine) -> None:
        """Connect, and open or join."""
        self._machine = machine
        Deferred.fromCoroutine(self._run(machine)).addBoth(self._ended).addErrback(
            lambda failure: self._log.failure("a polled session did not end", failure)
        )

    def takeCommands(self) -> None:
        """Submit what the game has submitted, as soon as the session is there."""
        if self._over:
            self._refuseAll()
        if self._taking:
            return
        self._taking = True
        while (match := self._ready()) and len(self._asked) < IN_FLIGHT and len(self._commands):
            ((ticket, command),) = self._commands.take(1)
            self._asked[ticket] = None
            asking = maybeDeferred(match.submit, command)
            asking.addBoth(self._answered, ticket)
        self._taking = False

    def requestFullSync(self) -> None:
        """Have the state sent anew."""
        if self._match is not None:
            self._match.requestFullSync()

    def catchUp(self) -> None:
        """The game knows that it missed something: tell it how things stand."""
        if not self._behind:
            return
        self._behind = False
        if self._state is not None:
            self._news.insist(Synced(self._state))
        self._news.insist(PeersChanged(self._peers))

    def leave(self) -> Deferred[None]:
        """Leave the session; fires when nothing more is sent."""
        if self._over:
            return succeed(None)
        left: Deferred[None] = Deferred()
        self._waiting.append(left)
        if not self._leaving:
            self._leaving = True
            if self._match is None or self._machine is None:
                self._giveUp()
            else:
                self._cut = self._machine.clock.callLater(PARTING, self._giveUp)
                self._match.leave()
        return left

    def synced(self, state: SharedState) -> None:
        """The state has come."""
        self._state = state
        self._post(Synced(state))
        self.takeCommands()

    def eventApplied(self, event: Event) -> None:
        """Something happened."""
        state = self._state
        if state is None or event.sequence <= state.sequence:
            return  # the state that the game is told holds it
        try:
            self._state = state.applied(event)
        except RemoteProtocolError as error:
            self._log.warn("the state is told anew: {reason}", reason=str(error))
            self._state = None
            self._tellState()
        else:
            self._post(Applied(event, self._state))

    def eventDropped(self, event: Event) -> None:
        """An event of ours is undone."""
        self._news.insist(Dropped(event))

    def hostChanged(self, player: int, epoch: int) -> None:
        """Another epoch began."""
        self._post(HostChanged(player))

    def peersChanged(self, players: Sequence[int]) -> None:
        """A path to somebody was found or lost."""
        if tuple(players) != self._peers:
            self._peers = tuple(players)
            self._post(PeersChanged(self._peers))

    def statesDisagree(self, sequence: int, player: int) -> None:
        """Somebody came to another state by the same events."""
        self._post(StatesDisagree(sequence, player))

    async def _run(self, machine: IMachine) -> None:
        plan = self._plan
        player = await self._cancellable(self._connect(machine, plan))
        try:
            if plan.join is None:
                seat = player.createSession(plan.session_name, plan.capacity, 1)
            else:
                seat = player.joinSession(plan.join.digits)
            session = await self._cancellable(seat)
            self._news.insist(Opened(SessionId.parse(session.session_id)))
            match = self._match = await self._cancellable(session.share(self))
            self._news.insist(Seated(match.player))
            self.peersChanged(match.connected_players)
            self._tellState()
            self.takeCommands()
            await self._cancellable(match.whenOver())
        finally:
            self._match = None
            if self._cut is not None and self._cut.active():
                self._cut.cancel()
            await player.close()

    async def _cancellable(self, stage: Deferred[T]) -> T:
        self._stage = stage
        try:
            return await stage
        finally:
            self._stage = None

    def _giveUp(self) -> None:
        if self._stage is not None:
            self._stage.cancel()

    def _ready(self) -> SharedMatch | None:
        """Return the session where it takes commands."""
        known = self._match is not None and self._match.state is not None
        return self._match if known else None

    def _tellState(self) -> None:
        """Tell the state as it is now, unless the game knows one or there is none."""
        if self._state is None and self._match is not None and self._match.state is not None:
            self.synced(self._match.state)

    def _post(self, news: PolledEvent) -> None:
        if not self._behind:
            self._behind = not self._news.post(news)

    def _answered(self, outcome: Any, ticket: int) -> None:
        if ticket not in self._asked:
            return
        del self._asked[ticket]
        if isinstance(outcome, Failure):
            self._news.insist(_refusal(ticket, outcome.value))
        else:
            self._news.insist(Accepted(ticket, outcome))
        self.takeCommands()

    def _refuseAll(self) -> None:
        """Answer what nobody will answer any more."""
        tickets = [*self._asked, *(ticket for ticket, _ in self._commands.take(1 << 20))]
        self._asked = {}
        for ticket in tickets:
            self._news.insist(Refused(ticket, None, "the session is over"))

    def _named(self, failure: Failure) -> GamenetError:
        if isinstance(failure.value, GamenetError):
            return failure.value
        self._log.failure("a polled session failed", failure)
        error = SessionEnded(f"the session failed: {failure.value!r}; see the log, and report it")
        error.__cause__ = failure.value
        return error

    def _ended(self, outcome: object) -> None:
        self._over = True
        error: GamenetError | None = None
        if isinstance(outcome, Failure) and not self._leaving:
            error = self._named(outcome)
        self._refuseAll()
        self.catchUp()
        self._news.insist(Ended(error))
        waiting, self._waiting = self._waiting, []
        for left in waiting:
            left.callback(None)


def _refusal(ticket: int, error: object) -> Refused:
    if isinstance(error, CommandRefused) and isinstance(error.code, RefusalCode):
        return Refused(ticket, error.code, error.reason)
    return Refused(ticket, None, str(error))
