"""
The game's side of a polled session.
"""

from __future__ import annotations

import warnings

from gamenet.errors import GamenetError, LocalProtocolError
from gamenet.event_log.shared_state import SharedState
from gamenet.polled.errors import (
    CommandQueueFull,
    EventQueueFull,
    PolledTooRarely,
    SessionEnded,
)
from gamenet.polled.events import (
    TOLD_ONCE,
    Accepted,
    Applied,
    Ended,
    Opened,
    PeersChanged,
    PolledEvent,
    Refused,
    Seated,
    Synced,
)
from gamenet.polled.interfaces import INetworkLoop
from gamenet.polled.mailbox import Mailbox
from gamenet.polled.session_driver import Connects, SessionDriver
from gamenet.polled.session_plan import SessionPlan
from gamenet.wire.lobby_fields import packRow
from gamenet.wire.log_commands import COMMANDS, Command
from gamenet.wire.session_id import SessionId

__all__ = ["PolledSession"]


class PolledSession:
    """
    A shared session that is polled (seed row K8).  Made by
    L{gamenet.polled.session_builder.SessionBuilder}; to be used by one thread alone.

    What the attributes say is as of the last L{poll}: nothing changes between two.

    @ivar session: What all participants know together, C{None} until it has come.
    @ivar session_id: The id to share, C{None} until the lobby has answered.
    @ivar peer_id: Our player number, C{None} until we have a seat.
    @ivar connected_peers: With whom there is a path, by player number, ascending.
    @ivar error: What ended the session, C{None} where nothing did or nothing went wrong.
    @ivar ended: Whether the session is over for us.
    """

    def __init__(self, loop: INetworkLoop, plan: SessionPlan, connect: Connects) -> None:
        """
        @param loop: Where the network runs.
        @param plan: What to open or join.
        @param connect: How to reach the lobby; called on the network's side.
        """
        self.session: SharedState | None = None
        self.session_id: SessionId | None = None
        self.peer_id: int | None = None
        self.connected_peers: tuple[int, ...] = ()
        self.error: GamenetError | None = None
        self.ended = False
        self._loop = loop
        self._settings = plan.settings
        self._commands: Mailbox[tuple[int, Command]] = Mailbox(plan.settings.queue_size)
        self._news: Mailbox[PolledEvent] = Mailbox(plan.settings.queue_size)
        self._events: list[PolledEvent] = []
        self._errors: list[GamenetError] = []
        self._behind = False
        self._missed = 0
        self._tickets = 0
        self._unanswered = 0
        self._polled_at: float | None = None
        self._warned = False
        self._driver = SessionDriver(plan, connect, self._commands, self._news)
        loop.call(lambda: self._driver.begin(loop.machine))

    @property
    def sequence(self) -> int:
        """The number of the last event that C{session} holds; 0 before the first."""
        return 0 if self.session is None else self.session.sequence

    @property
    def is_host(self) -> bool:
        """Whether we order the events."""
        return self.session is not None and self.session.host == self.peer_id

    def poll(self) -> int:
        """
        Hand over what has happened, at most C{batch_size} of it; every 100 ms is enough.

        Each error is raised once, one in a call, after everything else was done.

        @return: How much it was; more may wait where it is C{batch_size}.
        @raise EventQueueFull: Some events are gone; L{Synced} follows.
        @raise gamenet.errors.GamenetError: What ended the session.
        """
        self._loop.turn()
        self._noteTime()
        taken = self._news.take(self._settings.batch_size)
        room = len(self._events) < self._settings.queue_size
        for news in taken:
            self._follow(news)
            self._keep(news, room)
        if self._news.refused != self._missed:
            self._missed = self._news.refused
            self._errors.append(self._full("were not polled: call poll() more often"))
            self._loop.call(self._driver.catchUp)
        if self._errors:
            raise self._errors.pop(0)
        return len(taken)

    def events(self) -> list[PolledEvent]:
        """Return what L{poll} has handed over since the last call, in order."""
        events, self._events = self._events, []
        self._unanswered -= sum(isinstance(event, (Accepted, Refused)) for event in events)
        if self._behind:
            self._behind = False
            if self.session is not None:
                events.append(Synced(self.session))
            events.append(PeersChanged(self.connected_peers))
        return events

    def submit(self, command: Command) -> int:
        """
        Ask the host to make an event of a command.  It waits until the session is there.

        @param command: One of L{gamenet.wire.log_commands}.
        @return: Its ticket, from 1; L{Accepted} or L{Refused} with the same ticket follows.
        @raise CommandQueueFull: Too many have no answer that was taken by L{events}.
        @raise SessionEnded: The session is over.
        @raise LocalProtocolError: It is no command, or cannot be sent: a field of it is of
            the wrong type or far too long.
        """
        if self.ended:
            raise SessionEnded("the session is over: build another one to go on")
        if type(command) not in COMMANDS.values():
            raise LocalProtocolError(f"not a command of gamenet.wire.log_commands: {command!r:.80}")
        try:
            packRow(command)
        except ValueError as error:
            raise LocalProtocolError(f"a command that cannot be sent: check {error}") from error
        if self._unanswered >= self._settings.queue_size:
            raise CommandQueueFull(
                f"{self._settings.queue_size} commands are unanswered: check that the host is"
                " there, and that poll() and events() are called, or make queue_size larger"
            )
        self._tickets += 1
        self._unanswered += 1
        self._commands.insist((self._tickets, command))
        self._loop.call(self._driver.takeCommands)
        return self._tickets

    def request_full_sync(self) -> None:
        """Have the whole state sent anew; L{Synced} follows."""
        self._loop.call(self._driver.requestFullSync)

    def close(self, patience: float = 3.0) -> bool:
        """
        Leave the session, and wait until the others have been told.  What was not polled
        can still be.

        @param patience: For how many seconds at the most; C{poll} goes on with it where
            that was not enough.
        @return: Whether it was.
        """
        self.ended = True
        return self._loop.finish(self._driver.leave, patience)

    def _noteTime(self) -> None:
        now, before = self._loop.seconds(), self._polled_at
        self._polled_at = now
        if self.ended or self._warned or before is None or now - before <= self._settings.slow_poll:
            return
        self._warned = True
        text = (
            f"poll() was not called for {now - before:.1f} s: every 0.1 s is enough, and above"
            f" {self._settings.slow_poll:g} s players notice; this is said once"
        )
        warnings.warn(text, PolledTooRarely, stacklevel=3)

    def _follow(self, news: PolledEvent) -> None:
        match news:
            case Opened():
                self.session_id = news.session_id
            case Seated():
                self.peer_id = news.peer_id
            case Synced() | Applied():
                self.session = news.state
            case PeersChanged():
                self.connected_peers = news.players
            case Ended():
                self.ended = True
                self.connected_peers = ()
                self.error = news.error
                if news.error is not None:
                    self._errors.append(news.error)
            case _:
                pass

    def _keep(self, news: PolledEvent, room: bool) -> None:
        if isinstance(news, TOLD_ONCE) or (room and not self._behind):
            self._events.append(news)
        elif not self._behind:
            self._behind = True
            self._errors.append(self._full("were not taken: call events() after each poll()"))

    def _full(self, cause: str) -> EventQueueFull:
        size = self._settings.queue_size
        return EventQueueFull(f"{size} events {cause}, or make queue_size larger")
