"""
What really happened in a world of replicas, and what must be true of it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gamenet.event_log.branches import chainOf, holds
from gamenet.event_log.outcomes import (
    Acknowledged,
    CommandAccepted,
    CommandRefused,
    EventApplied,
    EventDropped,
    StateDiffers,
)
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_commands import Command
from gamenet.wire.log_events import Event, ParticipantLeft, ParticipantLost
from gamenet.wire.log_values import Epoch, LeaveReason

if TYPE_CHECKING:
    from tests.event_log_worlds import Process, World

__all__ = ["Ledger"]


class Ledger:
    """
    All events of a world, who held them, and what everybody was told.

    @ivar events: Every event that any replica ever applied.
    @ivar holders: Who applied each, as player and incarnation.
    """

    def __init__(self, state: SharedState, grace: float) -> None:
        self.counters: Counter[str] = Counter()
        self.grace = grace
        self.events: dict[tuple[Epoch, int], Event] = {}
        self.first_at: dict[tuple[Epoch, int], float] = {}
        self.holders: dict[tuple[Epoch, int], set[tuple[int, int]]] = {}
        self.digests: dict[tuple[Epoch, int], bytes] = {}
        self.writers: dict[Epoch, tuple[int, int]] = {state.epoch: (state.host, 0)}
        self.commands: dict[tuple[int, int], dict[int, Command]] = {}
        self.answers: dict[tuple[int, int], dict[int, object]] = {}
        self.accepted: list[tuple[tuple[int, int], int, Event]] = []
        self.dropped: Counter[tuple[tuple[int, int], Epoch, int]] = Counter()
        self.acknowledged: dict[tuple[Epoch, int], float] = {}
        self.dead: set[tuple[int, int]] = set()
        self.healed_at = float("inf")

    def submitted(self, process: Process, number: int, command: Command) -> None:
        """Take note of a command."""
        own = self.commands.setdefault((process.player, process.incarnation), {})
        if number in own:
            raise AssertionError(f"player {process.player} numbered two commands {number}")
        own[number] = command

    def crashed(self, process: Process) -> None:
        """Take note of a death."""
        self.dead.add((process.player, process.incarnation))

    def healed(self, now: float) -> None:
        """Take note that all faults are over."""
        self.healed_at = now

    def take(self, process: Process, outcome: object, now: float) -> None:
        """Write down what a replica told, and check what can be checked at once."""
        who = (process.player, process.incarnation)
        if isinstance(outcome, EventApplied):
            self._applied(process, who, outcome.event, now)
        elif isinstance(outcome, (CommandAccepted, CommandRefused)):
            self._answered(who, outcome)
        elif isinstance(outcome, EventDropped):
            event = outcome.event
            self.dropped[(who, event.epoch, event.sequence)] += 1
            self.counters["events dropped"] += 1
        elif isinstance(outcome, Acknowledged):
            self._acknowledged(process, outcome.sequence, now)
        elif isinstance(outcome, StateDiffers):
            raise AssertionError(f"player {process.player} differs: {outcome}")

    def _applied(self, process: Process, who: tuple[int, int], event: Event, now: float) -> None:
        """Take note of an event."""
        place = (event.epoch, event.sequence)
        known = self.events.setdefault(place, event)
        if known != event:
            raise AssertionError(f"two different events are {place}: {known} and {event}")
        self.holders.setdefault(place, set()).add(who)
        if place not in self.first_at:
            self.first_at[place] = now
            writer = self.writers.setdefault(event.epoch, who)
            if writer != who:
                raise AssertionError(f"{who} ordered {place}, the host of which is {writer}")

    def _answered(self, who: tuple[int, int], outcome: CommandAccepted | CommandRefused) -> None:
        """Take note of an answer."""
        answers = self.answers.setdefault(who, {})
        if outcome.number in answers:
            raise AssertionError(f"command {outcome.number} of {who} was answered twice")
        if outcome.number not in self.commands.get(who, {}):
            raise AssertionError(f"command {outcome.number} of {who} is answered, never asked")
        answers[outcome.number] = outcome
        if isinstance(outcome, CommandRefused):
            self.counters["refusals"] += 1
        elif outcome.event is not None:
            self.accepted.append((who, outcome.number, outcome.event))

    def _acknowledged(self, process: Process, sequence: int, now: float) -> None:
        """Take note of what is acknowledged: all that is before it in the same log."""
        state = process.replica.state
        assert state is not None
        chain = chainOf(state)
        for place in self.events:
            if place[1] <= sequence and place not in self.acknowledged and holds(chain, *place):
                self.acknowledged[place] = now

    # At the end.

    def checkEnd(self, world: World) -> None:
        """
        Check all that must be true when the faults are long over.

        @raise AssertionError: Something is not.
        """
        processes = list(world.processes.values())
        states = {process.player: process.replica.state for process in processes}
        heads = {
            (state.epoch, state.sequence, state.digest()) for state in states.values() if state
        }
        if len(heads) != 1 or None in states.values():
            where = {p: s and (s.epoch, s.sequence) for p, s in states.items()}
            raise AssertionError(f"the logs do not agree: {where}")
        state = processes[0].replica.state
        assert state is not None
        hosts = [process.player for process in processes if process.replica.is_host]
        if hosts != [state.host]:
            raise AssertionError(f"the hosts are {hosts}, in the epoch of {state.host}")
        chain = chainOf(state)
        final = {place: event for place, event in self.events.items() if holds(chain, *place)}
        if len(final) != state.sequence:
            raise AssertionError(f"{len(final)} of {state.sequence} events were ever applied")
        self._checkAnswers(world)
        self._checkEvents(world, final)
        self._checkSeats(world, state, final)
        if not any(number for number in self.answers.values()):
            raise AssertionError("nothing was ever answered")

    def _checkAnswers(self, world: World) -> None:
        """Every command of a living process was answered (twice is found at once)."""
        for process in world.processes.values():
            who = (process.player, process.incarnation)
            for number, command in self.commands.get(who, {}).items():
                if number not in self.answers.get(who, {}):
                    raise AssertionError(f"{who} has no answer to {number}, {command}")

    def _checkEvents(self, world: World, final: dict[tuple[Epoch, int], Event]) -> None:
        """What is acknowledged is there, or was reported to its living author once."""
        if not world.partitioned and self.dropped:
            raise AssertionError(f"events were dropped without a partition: {self.dropped}")
        for (who, epoch, sequence), count in self.dropped.items():
            if count > 1:
                raise AssertionError(f"{who} was told twice that {epoch, sequence} is dropped")
            if (epoch, sequence) in final:
                self.counters["dropped and there"] += 1
        commands = {(event.author, event.command) for event in final.values()}
        for who, number, event in self.accepted:
            place = (event.epoch, event.sequence)
            there = place in final or (event.author, event.command) in commands
            if who in self.dead or there or self.dropped[(who, *place)]:
                continue
            raise AssertionError(f"{who}'s command {number} was accepted and is nowhere: {event}")
        for place in self.acknowledged:
            if place in final:
                continue
            if not world.partitioned and self.holders[place] - self.dead:
                raise AssertionError(f"{self.events[place]} was acknowledged and is gone")
            self.counters["acknowledged and gone"] += 1
            self._checkGone(self.events[place], commands)

    def _checkGone(self, event: Event, commands: set[tuple[int, int]]) -> None:
        """The author of an acknowledged event that is gone knows it."""
        for who, answers in self.answers.items():
            asked = self.commands.get(who, {})
            if who[0] != event.author or who in self.dead or event.command not in asked:
                continue
            told = self.dropped[(who, event.epoch, event.sequence)]
            held = who in self.holders[(event.epoch, event.sequence)]
            if held and not told and (event.author, event.command) not in commands:
                raise AssertionError(f"{who} was not told that {event} is dropped: {answers}")

    def _checkSeats(
        self, world: World, state: SharedState, final: dict[tuple[Epoch, int], Event]
    ) -> None:
        """Nobody outside grace is kept, and nobody inside it has lost its seat."""
        for participant in state.participants:
            alive = participant.player in world.processes
            if alive == participant.is_lost:
                raise AssertionError(f"{participant} at the end, and alive is {alive}")
            if not alive:
                raise AssertionError(f"{participant} is outside of grace, and kept")
        lost: dict[int, float] = {}
        for place in sorted(final, key=lambda one: one[1]):
            event, at = final[place], self.first_at[place]
            body: Any = event.body
            if isinstance(body, ParticipantLost):
                lost[body.player] = at
            elif isinstance(body, ParticipantLeft) and body.reason is LeaveReason.GRACE_OVER:
                self.counters["graces over"] += 1
                if at - lost[body.player] < self.grace - 0.01:
                    raise AssertionError(f"{event} came {at - lost[body.player]} s after the loss")
