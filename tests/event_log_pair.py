"""
A few replicas side by side, with links that a test delivers by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.outcomes import Outcome
from gamenet.event_log.replica import Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.lobby_fields import Row
from gamenet.wire.log_election import REPLICA_MESSAGES
from gamenet.wire.log_messages import decodeLogMessage, encodeLogMessage

__all__ = ["SESSION_ID", "Table", "fullState"]

SESSION_ID = bytes(range(16))


def fullState(value: Any) -> Any:
    """Return all that an object of attrs holds, for comparison, except what only counts."""
    if attrs.has(type(value)):
        return {
            one.name: fullState(getattr(value, one.name))
            for one in attrs.fields(type(value))
            if one.name != "statistics"
        }
    if isinstance(value, dict):
        return {key: fullState(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [fullState(item) for item in value]
    if hasattr(value, "__dict__") and not isinstance(value, Enum):
        return {name: fullState(item) for name, item in vars(value).items()}
    return value


class Table:
    """
    Replicas of players 1 to C{count}, which all hear each other at first.

    @ivar cut: Links, sender and receiver, on which nothing arrives.
    @ivar lose: Says of a message, by sender, receiver and value, whether it is lost.
    """

    def __init__(
        self, count: int, settings: EventLogSettings | None = None, steps: int = 4
    ) -> None:
        self.settings = settings or EventLogSettings()
        self.now = 100.0
        self.cut: list[tuple[int, int]] = []
        self.lose: Callable[[int, int, Row], bool] = lambda sender, receiver, message: False
        self.refusals: list[RemoteProtocolError] = []
        self.told: dict[int, list[Outcome]] = {}
        self.sent: list[tuple[int, int, Row]] = []
        names = {player: f"p{player}" for player in range(1, count + 1)}
        self.opening = SharedState.opened(SESSION_ID, "table", names, 16)
        self.replicas = {
            player: Replica.opened(player, self.opening, self.settings, self.now)
            for player in names
        }
        for player, replica in self.replicas.items():
            for other in names:
                if other != player:
                    replica.connected(other, self.now)
        self.run(steps * self.settings.status_interval)

    def run(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass; messages arrive in the step after the one they were sent in."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += step
            on_the_way = []
            for player, replica in self.replicas.items():
                for other, message, _ in replica.messagesDue(self.now):
                    on_the_way.append((player, other, message))
            for sender, receiver, message in on_the_way:
                decoded = decodeLogMessage(message, REPLICA_MESSAGES)
                self.sent.append((sender, receiver, decoded))
                lost = (sender, receiver) in self.cut or self.lose(sender, receiver, decoded)
                if receiver in self.replicas and not lost:
                    self.give(sender, receiver, message)
            for player, replica in self.replicas.items():
                self.told.setdefault(player, []).extend(replica.takeOutcomes())

    def give(self, sender: int, receiver: int, message: bytes | Row) -> None:
        """Let one message arrive; a refusal by name is kept."""
        data = message if isinstance(message, bytes) else encodeLogMessage(message)
        try:
            self.replicas[receiver].messageReceived(sender, data, self.now)
        except RemoteProtocolError as error:
            self.refusals.append(error)

    def of(self, player: int, kind: type[Any]) -> list[Any]:
        """Return what a player was told, of one kind."""
        return [one for one in self.told.get(player, []) if type(one) is kind]

    def split(self, *groups: tuple[int, ...]) -> None:
        """Cut all links between groups of players."""
        place = {player: number for number, group in enumerate(groups) for player in group}
        self.cut = [(a, b) for a in place for b in place if place[a] != place[b]]

    def heal(self) -> None:
        """Let all links be good again."""
        self.cut = []

    def die(self, player: int) -> Replica:
        """Let a process end, and return what it was."""
        return self.replicas.pop(player)

    def arrive(self, player: int, incarnation: int = 1) -> Replica:
        """Begin a new process."""
        replica = Replica.newcomer(player, SESSION_ID, self.settings, self.now, incarnation)
        for other, known in self.replicas.items():
            replica.connected(other, self.now)
            known.restarted(player, self.now)
        self.replicas[player] = replica
        return replica

    def heads(self) -> set[tuple[Any, ...]]:
        """Return where the replicas stand; one element where all are the same."""
        return {
            (state.epoch, state.sequence, state.digest())
            for state in (replica.state for replica in self.replicas.values())
            if state is not None
        }

    def hosts(self) -> list[int]:
        """Return who orders events now."""
        return [player for player, replica in self.replicas.items() if replica.is_host]
