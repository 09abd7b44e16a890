"""
What a replica holds of its session: the state, the newest events, and what of them is
acknowledged.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.event_log.branches import Relation, chainOf, lastHeld, relation, sharedSequence
from gamenet.event_log.event_log import EventLog
from gamenet.event_log.outcomes import Acknowledged, EventApplied, HostChanged, Outcome, Synced
from gamenet.event_log.own_commands import OwnCommands
from gamenet.event_log.reach import Hearing
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_election import Chain
from gamenet.wire.log_events import Event

__all__ = ["History", "leaderOf"]


def leaderOf(state: SharedState) -> int:
    """
    Return who is to order events after a state: by its log alone, so the same for all.

    It is the epoch's host, or whom it handed its role.  Where the host has left,
    it is the lowest participant that is not lost; of nobody it stays the host.
    """
    if state.delegate is not None:
        return state.delegate
    if state.participant(state.host) is None:
        for participant in state.participants:
            if not participant.is_lost:
                return participant.player
    return state.host


@attrs.define(init=False)
class History:
    """
    The log of one replica.

    @ivar state: The state after the last event; C{None} where nothing is known.
    @ivar log: The newest events.
    @ivar commands: Our own commands.
    @ivar acknowledged: The number of the last event that two participants hold.
    @ivar chain: The log's epochs.
    """

    state: SharedState | None
    log: EventLog
    commands: OwnCommands
    acknowledged: int
    chain: Chain | None
    _player: int
    _settings: EventLogSettings
    _outcomes: list[Outcome]
    _early: dict[int, Event]

    def __init__(
        self, player: int, settings: EventLogSettings, state: SharedState | None = None
    ) -> None:
        """
        @param player: Our number.
        @param settings: How much is kept.
        @param state: What the session began with; C{None} where that is not known.
        """
        self.state = state
        self.log = EventLog(settings, 0 if state is None else state.sequence)
        self.commands = OwnCommands(player, settings)
        self.acknowledged = 0 if state is None else state.sequence
        self.chain = None if state is None else chainOf(state)
        self._player = player
        self._settings = settings
        self._outcomes = []
        self._early = {}

    @property
    def known(self) -> SharedState:
        """
        The state, where there is one.

        @raise LocalProtocolError: There is none.
        """
        if self.state is None:
            raise LocalProtocolError("the session is not known yet")
        return self.state

    @property
    def held(self) -> Chain:
        """
        The chain, where there is one.

        @raise LocalProtocolError: There is none.
        """
        if self.chain is None:
            raise LocalProtocolError("the session is not known yet")
        return self.chain

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be taken until the outcomes are."""
        return len(self._outcomes) >= self._settings.outcomes_capacity

    def tell(self, *outcomes: Outcome) -> None:
        """Keep outcomes until they are taken."""
        self._outcomes.extend(outcomes)

    def takeOutcomes(self) -> tuple[Outcome, ...]:
        """Return the outcomes since the last call."""
        outcomes = tuple(self._outcomes)
        self._outcomes.clear()
        return outcomes

    def following(self, events: tuple[Event, ...]) -> list[tuple[Event, SharedState]]:
        """
        Return events and the states after them, without applying them.

        @param events: The next ones, in order.
        @raise RemoteProtocolError: One of them cannot follow.
        """
        state = self.known
        steps = []
        for event in events:
            state = state.applied(event)
            steps.append((event, state))
        return steps

    def apply(self, steps: list[tuple[Event, SharedState]]) -> None:
        """Take what L{following} returned, and what came too early before and now follows."""
        for event, state in steps:
            self._applyOne(event, state)
        while self.known.sequence + 1 in self._early:
            event = self._early.pop(self.known.sequence + 1)
            try:
                state = self.known.applied(event)
            except RemoteProtocolError:
                # It was none of these events' after all; what is missing is asked for.
                self._early.clear()
                return
            self._applyOne(event, state)

    def _applyOne(self, event: Event, state: SharedState) -> None:
        """Hold one more event."""
        before = self.known
        self.log.append(event)
        self.state = state
        self.chain = chainOf(state)
        self._early.pop(event.sequence, None)
        self.tell(EventApplied(event))
        if state.epoch != before.epoch:
            self._early.clear()
            self.tell(HostChanged(state.epoch))
        if event.author == self._player:
            self.tell(*self.commands.ordered(event))

    def keepEarly(self, events: tuple[Event, ...]) -> bool:
        """
        Keep events that came before those that they follow, as long as there is room, if
        they are of the epoch that we are in.

        @return: Whether any is kept.
        """
        state = self.known
        for event in events:
            room = len(self._early) < self._settings.early_capacity
            if room and event.epoch == state.epoch and event.session_id == state.session_id:
                self._early[event.sequence] = event
        return bool(self._early)

    @property
    def has_early(self) -> bool:
        """Whether events wait for those that they follow."""
        return bool(self._early)

    def replace(self, state: SharedState) -> None:
        """Let a snapshot's state take the place of all that is known."""
        old, before = self.chain, self.state
        new = chainOf(state)
        self.log.restart(state.sequence)
        self._early.clear()
        self.state, self.chain = state, new
        self.tell(Synced(state))
        if before is None or before.epoch != state.epoch:
            self.tell(HostChanged(state.epoch))
        if old is None:
            self.commands.begin(state)
        else:
            if relation(old, new) not in (Relation.BEHIND, Relation.SAME):
                self.acknowledged = min(self.acknowledged, sharedSequence(old, new))
            self.tell(*self.commands.replaced(old, state, new))

    def acknowledge(self, hearing: Hearing, now: float) -> bool:
        """
        Find out how much is acknowledged, and answer our commands.

        @return: Whether it is more than before.
        """
        state, chain = self.known, self.held
        others = [one.player for one in state.participants if one.player != self._player]
        held, told = [], self.acknowledged
        for player in others:
            status = hearing.status(player)
            if status is None:
                continue
            last = lastHeld(chain, status.epoch, status.sequence)
            held.append(last)
            told = max(told, min(status.acknowledged, last))
        if state.participant(self._player) is not None:
            held.append(state.sequence)
            if not any(hearing.mayBeThere(player, now) for player in others):
                told = state.sequence
        held.sort()
        sequence = max(told, held[-2] if len(held) > 1 else 0)
        more = sequence > self.acknowledged
        if more:
            self.acknowledged = sequence
            self.tell(Acknowledged(sequence))
        self.tell(*self.commands.acknowledged(self.acknowledged))
        return more
