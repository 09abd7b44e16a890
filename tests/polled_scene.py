"""
A polled session on a loop that turns when the test says so, over a match that does what
the test says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from gamenet.event_log.shared_state import SharedState
from gamenet.polled.interfaces import INetworkLoop
from gamenet.polled.polled_session import PolledSession
from gamenet.polled.session_plan import SessionPlan
from gamenet.polled.settings import PolledSettings
from gamenet.wire.log_commands import Command
from gamenet.wire.log_events import Body, Chat, Event
from gamenet.wire.session_id import SessionId

__all__ = ["DIGITS", "FIRST", "HandTurnedLoop", "Scene", "ToldMatch"]

DIGITS = "0123456789abcdef"

#: What the session begins with.
FIRST = SharedState.opened(b"s" * 16, "a game", {1: "Ada", 2: "Grace"}, 8)


@attrs.define
class _ClockMachine:
    clock: Clock


@implementer(INetworkLoop)
class HandTurnedLoop:
    """The network's side runs when L{run} is called, and while the game's side waits for it."""

    threaded = True

    def __init__(self) -> None:
        self.clock = Clock()
        self.machine: Any = _ClockMachine(self.clock)
        self.turned = 0
        self._calls: list[Callable[[], object]] = []

    def seconds(self) -> float:
        """The time."""
        return self.clock.seconds()

    def call(self, function: Callable[[], object]) -> None:
        """Keep it for the network's side."""
        self._calls.append(function)

    def turn(self) -> None:
        """Count."""
        self.turned += 1

    def run(self) -> None:
        """Let the network's side do what it was asked."""
        while self._calls:
            self._calls.pop(0)()

    def finish(self, ending: Callable[[], Deferred[None]], patience: float) -> bool:
        """Wait by moving the clock."""
        self.run()
        done: list[object] = []
        ending().addBoth(done.append)
        limit = self.seconds() + patience
        while not done and self.seconds() < limit:
            self.run()
            self.clock.advance(min(0.25, limit - self.seconds()))
        return bool(done)


class ToldMatch:
    """The shared session of a match, and a player and a seat in one person."""

    session_id = DIGITS

    def __init__(self, player: int, state: SharedState | None) -> None:
        """Seat C{player} in a session that is in C{state}."""
        self.player = player
        self.state = state
        self.connected_players: tuple[int, ...] = ()
        self.calls: list[tuple[object, ...]] = []
        self.asked: list[tuple[Command, Deferred[Event | None]]] = []
        self.over: Deferred[None] = Deferred()
        self.sharing: Deferred[ToldMatch] = Deferred()
        self.closed = 0
        self.protocol: Any = None

    def createSession(self, title: str, capacity: int, minimum: int) -> Deferred[ToldMatch]:
        """Open a session."""
        self.calls.append(("create", title, capacity, minimum))
        return succeed(self)

    def joinSession(self, session_id: str) -> Deferred[ToldMatch]:
        """Join one."""
        self.calls.append(("join", session_id))
        return succeed(self)

    def share(self, protocol: Any) -> Deferred[ToldMatch]:
        """Begin; the test fires C{sharing}."""
        self.protocol = protocol
        return self.sharing

    def close(self) -> Deferred[None]:
        """Close the player."""
        self.closed += 1
        return succeed(None)

    def submit(self, command: Command) -> Deferred[Event | None]:
        """Take a command; the test answers."""
        answer: Deferred[Event | None] = Deferred()
        self.asked.append((command, answer))
        return answer

    def requestFullSync(self) -> None:
        """Note."""
        self.calls.append(("full sync",))

    def whenOver(self) -> Deferred[None]:
        """Fires when the test says so."""
        return self.over

    def leave(self) -> None:
        """Note."""
        self.calls.append(("leave",))

    def order(self, body: Body | None = None, author: int = 2) -> Event:
        """Let an event happen: somebody says something, if nothing else is said."""
        assert self.state is not None
        body = body or Chat(author, "hello")
        command = self.state.lastCommand(author) + 1 if author else 0
        event = self.state.following(body, self.state.time_ms, author, command)
        self.state = self.state.applied(event)
        self.protocol.eventApplied(event)
        return event

    def sync(self, state: SharedState) -> None:
        """Let the whole state come."""
        self.state = state
        self.protocol.synced(state)


class Scene:
    """
    One polled session.

    @ivar loop: Its loop.
    @ivar match: What it drives.
    @ivar session: The session.
    @ivar connecting: Fires with the match, as the player.
    """

    def __init__(
        self,
        queue_size: int = 8,
        batch_size: int = 4,
        join: SessionId | None = None,
        player: int = 1,
        state: SharedState | None = FIRST,
    ) -> None:
        """Make it; nothing has happened yet."""
        sizes = PolledSettings(batch_size=batch_size, queue_size=queue_size)
        plan = SessionPlan("tcp:127.0.0.1:1", "Ada", "Ada's game", join, 8, None, False, sizes)
        self.loop = HandTurnedLoop()
        self.match = ToldMatch(player, state)
        self.connecting: Deferred[ToldMatch] = Deferred()
        self.plans: list[SessionPlan] = []
        self.session = PolledSession(self.loop, plan, self._connect)

    def _connect(self, machine: Any, plan: SessionPlan) -> Deferred[ToldMatch]:
        assert machine is self.loop.machine
        self.plans.append(plan)
        return self.connecting

    def begin(self) -> None:
        """Let all go well until the session is shared; nothing is polled."""
        self.loop.run()
        self.connecting.callback(self.match)
        self.match.sharing.callback(self.match)

    def begun(self) -> Scene:
        """Let all go well, poll it, and take the events."""
        self.begin()
        self.drain()
        return self

    def drain(self) -> list[Any]:
        """Poll and take until nothing is left; return the events."""
        taken: list[Any] = []
        self.loop.run()
        while self.session.poll():
            taken += self.session.events()
            self.loop.run()
        return taken + self.session.events()
