"""Any order of polls, events, commands and turns of the network, against a model."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import GamenetError
from gamenet.polled.errors import CommandQueueFull, EventQueueFull, SessionEnded
from gamenet.polled.events import (
    Accepted,
    Applied,
    Dropped,
    Ended,
    Opened,
    PeersChanged,
    Refused,
    Seated,
    Synced,
)
from gamenet.wire.log_commands import Say
from tests.polled_scene import FIRST, Scene


class Broken(GamenetError):
    """What ends the session."""


class Interleavings(RuleBasedStateMachine):
    """
    The game, the network's side and the match, each moving when hypothesis says so.

    @ivar seen: What the game took.
    @ivar overflows: How many times it was told that events are gone.
    """

    queue_size = 3
    batch_size = 2

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(self.queue_size, self.batch_size)
        self.seen: list[Any] = []
        self.tickets: list[int] = []
        self.dropped: list[Any] = []
        self.overflows = 0
        self.raised: list[GamenetError] = []
        self.stage = 0
        self.error: Broken | None = None

    def _ran(self) -> bool:
        return self.scene.match.protocol is not None and self.stage < 3

    @precondition(lambda self: self.stage < 2)
    @rule()
    def proceed(self) -> None:
        """The lobby answers, or the session is shared."""
        self.scene.loop.run()
        (self.scene.connecting, self.scene.match.sharing)[self.stage].callback(self.scene.match)
        self.stage += 1

    @rule()
    def poll(self) -> None:
        """The game polls."""
        try:
            count = self.scene.session.poll()
        except EventQueueFull:
            self.overflows += 1
        except GamenetError as error:
            self.raised.append(error)
        else:
            assert 0 <= count <= self.batch_size

    @rule()
    def take(self) -> None:
        """The game takes."""
        self.seen += self.scene.session.events()

    @rule()
    def run_network(self) -> None:
        """The network's side does what the game asked for."""
        self.scene.loop.run()

    @rule()
    def submit(self) -> None:
        """The game submits."""
        answered = sum(isinstance(event, (Accepted, Refused)) for event in self.seen)
        full = len(self.tickets) - answered >= self.queue_size
        try:
            self.tickets.append(self.scene.session.submit(Say("x")))
        except CommandQueueFull:
            assert full
        except SessionEnded:
            assert self.scene.session.ended
        else:
            assert not full

    @precondition(lambda self: self._ran())
    @rule(own=st.booleans(), count=st.integers(1, 5))
    def event(self, own: bool, count: int) -> None:
        """Something happens, or a lot at once."""
        for _ in range(count):
            self.scene.match.order(author=1 if own else 2)

    @precondition(lambda self: self._ran())
    @rule()
    def dropped_event(self) -> None:
        """An event of ours is undone: the other half's state comes."""
        event = self.scene.match.order(author=1)
        self.dropped.append(event)
        self.scene.match.sync(FIRST)
        self.scene.match.protocol.eventDropped(event)

    @precondition(lambda self: self._ran())
    @rule(players=st.sampled_from([(), (2,), (2, 3)]))
    def peers(self, players: tuple[int, ...]) -> None:
        """A path is found or lost."""
        self.scene.match.connected_players = players
        self.scene.match.protocol.peersChanged(players)

    @precondition(lambda self: self.scene.match.asked and self.stage < 3)
    @rule(accepted=st.booleans())
    def answer(self, accepted: bool) -> None:
        """The host answers the oldest command."""
        _, answer = self.scene.match.asked.pop(0)
        if accepted:
            answer.callback(None)
        else:
            answer.errback(GamenetError("no"))

    @precondition(lambda self: self.stage == 2)
    @rule(failed=st.booleans())
    def end(self, failed: bool) -> None:
        """The session ends."""
        self.stage = 3
        self.error = Broken("broken") if failed else None
        over = self.scene.match.over
        over.errback(self.error) if failed else over.callback(None)

    @invariant()
    def bounded(self) -> None:
        """No queue grows without end, and the attributes are never ahead of a poll."""
        session = self.scene.session
        told = 2 * self.queue_size + len(self.dropped) + 3
        assert len(session._news) <= self.queue_size + 2 * (self.overflows + 1) + told
        assert len(session._events) <= self.queue_size + self.batch_size + told

    def teardown(self) -> None:
        """Let all of it come to rest, and compare what the game saw with what happened."""
        scene = self.scene
        for _ in range(200):
            scene.loop.run()
            self.poll()
            self.take()
        seen = self.seen
        state = None
        for event in seen:
            if isinstance(event, Synced):
                state = event.state
            elif isinstance(event, Applied):
                assert state is not None
                state = state.applied(event.event)
                assert state == event.state
        if self.stage >= 2:
            assert state == scene.match.state == scene.session.session
            assert [type(event) for event in seen if isinstance(event, (Opened, Seated))] == [
                Opened,
                Seated,
            ]
        assert [event.event for event in seen if isinstance(event, Dropped)] == self.dropped
        answered = [event.ticket for event in seen if isinstance(event, (Accepted, Refused))]
        assert len(set(answered)) == len(answered)
        peers = [event.players for event in seen if isinstance(event, PeersChanged)]
        if self.stage in (1, 2) and peers:
            assert peers[-1] == scene.match.connected_players == scene.session.connected_peers
        if self.stage == 3:
            assert sorted(answered) == self.tickets
            assert [event.error for event in seen if isinstance(event, Ended)] == [self.error]
            assert self.raised == ([self.error] if self.error else [])
            assert scene.match.closed == 1
        else:
            waiting = len(scene.match.asked) if self.stage == 2 else len(self.tickets)
            assert len(answered) == len(self.tickets) - waiting
            assert self.raised == []
        if self.overflows:
            assert any(isinstance(event, Synced) for event in seen) or scene.match.state is None


class AttentiveGame(Interleavings):
    """A game that polls and takes after everything that happens misses nothing."""

    queue_size = 9
    batch_size = 20

    @invariant()
    def attentive(self) -> None:
        """Poll and take."""
        self.scene.loop.run()
        self.poll()
        self.take()
        assert self.overflows == 0


class TinyQueues(Interleavings):
    """The smallest queues that there can be."""

    queue_size = 1
    batch_size = 1


class InterleavingTests(SynchronousTestCase):
    """
    Seed row K6: named errors, no silent loss; Done when: every command was answered.

    Whatever the order: the events that the game takes lead to the state that the match
    has, each command has one answer, what is told once is told once, each error is
    raised once, and no queue outgrows its bound.
    """

    def explore(self, machine: type[RuleBasedStateMachine]) -> None:
        """Let hypothesis look for a story that goes wrong."""
        effort = settings(deadline=None, max_examples=60, stateful_step_count=40)
        run_state_machine_as_test(machine, settings=effort)  # type: ignore[no-untyped-call]

    def test_anyOrder(self) -> None:
        """A game that polls, takes and submits as it likes."""
        self.explore(Interleavings)

    def test_attentive(self) -> None:
        """A game that polls after everything that happens sees every single event."""
        self.explore(AttentiveGame)

    def test_tinyQueues(self) -> None:
        """Queues of one."""
        self.explore(TinyQueues)
