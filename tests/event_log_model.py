"""
An exhaustive search over short schedules of three participants: what is delivered, lost,
cut, healed, crashed and submitted in every order, as far as the depth reaches::

    python -m tests.event_log_model --depth 9

Statuses are delivered at once with each tick of the clock, on links that are not cut; every
other message is delivered or lost by a step of its own, or with the second tick.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections import Counter
from hashlib import blake2b
from typing import Any, TypeAlias

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.branches import chainOf, holds
from gamenet.event_log.outcomes import (
    Acknowledged,
    CommandAccepted,
    CommandRefused,
    EventApplied,
    EventDropped,
)
from gamenet.event_log.replica import Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.wire.log_commands import Delegate, Say
from gamenet.wire.log_values import Epoch

__all__ = ["Budget", "Node", "Step", "explore", "finished", "opening", "steps"]

#: One step: its kind, and whom it is about.
Step: TypeAlias = tuple[str, int, int]

SETTINGS = EventLogSettings(
    status_interval=0.5,
    silence=1.6,
    host_timeout=0.9,
    claim_timeout=5.0,
    settling=0.3,
    gap_wait=0.1,
    resend_interval=1.0,
    grace=60.0,
)

#: Seconds between two ticks: who is not heard in two of them is silent.
TICK = 1.0

PLAYERS = (1, 2, 3)


@attrs.frozen
class Budget:
    """How often each kind of step may still happen."""

    ticks: int = 7
    losses: int = 1
    crashes: int = 1
    cuts: int = 1
    commands: int = 2
    delegations: int = 1


@attrs.define
class Node:
    """A state of the whole."""

    replicas: dict[int, Replica]
    budget: Budget
    now: float = 0.0
    queues: dict[tuple[int, int], list[tuple[float, bytes]]] = attrs.field(factory=dict)
    cut: tuple[tuple[int, int], ...] = ()
    was_cut: bool = False
    events: dict[tuple[Epoch, int], bytes] = attrs.field(factory=dict)
    writers: dict[Epoch, int] = attrs.field(factory=dict)
    acknowledged: dict[tuple[Epoch, int], int] = attrs.field(factory=dict)
    asked: dict[tuple[int, int], int] = attrs.field(factory=dict)
    dropped: dict[tuple[int, Epoch, int], int] = attrs.field(factory=dict)
    counters: Counter[str] = attrs.field(factory=Counter)

    def pump(self, player: int, statuses: bool) -> None:
        """Have a replica do what is due; its statuses arrive at once, or never."""
        replica = self.replicas.get(player)
        if replica is None:
            return
        messages = replica.messagesDue(self.now)
        self._hear(player, replica)
        for other, message, reliable in messages:
            if other not in self.replicas or (player, other) in self.cut:
                continue
            if reliable:
                self.queues.setdefault((player, other), []).append((self.now, message))
            elif statuses:
                self._give(player, other, message)

    def _give(self, sender: int, receiver: int, message: bytes) -> None:
        """Let a message arrive."""
        replica = self.replicas[receiver]
        try:
            replica.messageReceived(sender, message, self.now)
        except RemoteProtocolError as error:
            self.counters[type(error).__name__] += 1
        self._hear(receiver, replica)

    def _hear(self, player: int, replica: Replica) -> None:
        """Write down what a replica tells, and check it."""
        for outcome in replica.takeOutcomes():
            if isinstance(outcome, EventApplied):
                event = outcome.event
                place = (event.epoch, event.sequence)
                data = repr(event).encode()
                first = place not in self.events
                if self.events.setdefault(place, data) != data:
                    raise AssertionError(f"two events are {place}")
                if first and self.writers.setdefault(event.epoch, player) != player:
                    raise AssertionError(f"two order {place}")
            elif isinstance(outcome, Acknowledged):
                state = replica.state
                assert state is not None
                chain = chainOf(state)
                for place in self.events:
                    if place[1] <= outcome.sequence and holds(chain, *place):
                        self.acknowledged[place] = player
            elif isinstance(outcome, (CommandAccepted, CommandRefused)):
                self.asked[player, outcome.number] += 1
                if self.asked[player, outcome.number] != 1:
                    raise AssertionError(f"command {outcome.number} of {player} is answered twice")
            elif isinstance(outcome, EventDropped):
                what = (player, outcome.event.epoch, outcome.event.sequence)
                self.dropped[what] = self.dropped.get(what, 0) + 1
                if self.dropped[what] > 1 or not self.was_cut:
                    raise AssertionError(f"dropped twice, or without a cut: {what}")

    def tick(self) -> None:
        """
        Let time pass, and everybody say where it stands.  What has been on its way for a
        whole tick arrives before: later would be a partition.
        """
        late = [link for link in sorted(self.queues) if self.queues[link][0][0] < self.now]
        for link in late:
            while link in self.queues and self.queues[link][0][0] < self.now:
                self.deliver(link)
        self.now += TICK
        for _ in range(2):
            for player in PLAYERS:
                self.pump(player, True)

    def deliver(self, link: tuple[int, int]) -> None:
        """Let the first message of a link arrive."""
        _, message = self.queues[link].pop(0)
        if not self.queues[link]:
            del self.queues[link]
        if link[1] in self.replicas:
            self._give(*link, message)
            self.pump(link[1], True)

    def check(self) -> None:
        """
        Check what must be true at any time.

        @raise AssertionError: It is not.
        """
        digests: dict[tuple[Epoch, int], bytes] = {}
        hosts: Counter[Epoch] = Counter()
        for replica in self.replicas.values():
            state = replica.state
            assert state is not None
            place = (state.epoch, state.sequence)
            if digests.setdefault(place, state.digest()) != state.digest():
                raise AssertionError(f"two states are {place}")
            hosts[state.epoch] += replica.is_host
        if any(count > 1 for count in hosts.values()):
            raise AssertionError(f"two hosts of one epoch: {hosts}")
        if not self.was_cut:
            chains = [chainOf(one.state) for one in self.replicas.values() if one.state]
            for place in self.acknowledged:
                if not any(holds(chain, *place) for chain in chains):
                    raise AssertionError(f"{place} was acknowledged, and nobody holds it")


def opening(budget: Budget) -> Node:
    """Return what all schedules begin with: three that hear each other."""
    names = {player: f"p{player}" for player in PLAYERS}
    state = SharedState.opened(bytes(16), "model", names, 4)
    replicas = {player: Replica.opened(player, state, SETTINGS, 0.0) for player in PLAYERS}
    node = Node(replicas, budget)
    node.writers[state.epoch] = 1
    for player in PLAYERS:
        for other in PLAYERS:
            if player != other:
                replicas[player].connected(other, 0.0)
    node.tick()
    return node


def steps(node: Node) -> list[Step]:
    """Return the steps that may come next."""
    budget = node.budget
    found: list[Step] = [("deliver", *link) for link in sorted(node.queues)]
    if budget.losses:
        found += [("lose", *link) for link in sorted(node.queues)]
    if budget.ticks:
        found.append(("tick", 0, 0))
    if budget.commands:
        found += [("command", player, 0) for player in sorted(node.replicas)]
    if budget.delegations:
        hosts = [one for one in sorted(node.replicas) if node.replicas[one].is_host]
        found += [("delegate", one, 0) for one in hosts]
    if budget.crashes:
        found += [("crash", player, 0) for player in sorted(node.replicas)]
    if budget.cuts and not node.cut:
        found += [("cut", player, 0) for player in PLAYERS]
        found += [("one way", 1, 2), ("one way", 2, 1), ("pair", 1, 2)]
    if node.cut:
        found.append(("heal", 0, 0))
    return found


def after(node: Node, step: Step) -> Node:
    """Return the state after a step, and leave the one before it as it is."""
    node = pickle.loads(pickle.dumps(node))
    kind, one, other = step
    spent = {
        "tick": "ticks", "lose": "losses", "crash": "crashes", "cut": "cuts", "one way": "cuts",
        "pair": "cuts", "command": "commands", "delegate": "delegations",
    }.get(kind)  # fmt: skip
    if spent is not None:
        node.budget = attrs.evolve(node.budget, **{spent: getattr(node.budget, spent) - 1})
    if kind == "deliver":
        node.deliver((one, other))
    elif kind == "lose":
        node.queues[one, other].pop(0)
        if not node.queues[one, other]:
            del node.queues[one, other]
    elif kind == "tick":
        node.tick()
    elif kind in ("command", "delegate"):
        command: Any = Say(f"{one} at {node.budget.commands}")
        if kind == "delegate":
            command = Delegate(max(player for player in PLAYERS if player != one))
        number = node.replicas[one].submit(command, node.now)
        node.asked[one, number] = 0
        node.pump(one, True)
    elif kind == "crash":
        del node.replicas[one]
        # What it has sent is on its way; what it would be sent is lost.
        for link in [link for link in node.queues if link[1] == one]:
            del node.queues[link]
    elif kind == "heal":
        node.cut = ()
    else:
        node.was_cut = True
        if kind == "cut":
            others = [player for player in PLAYERS if player != one]
            cut = [(one, two) for two in others] + [(two, one) for two in others]
        else:
            cut = [(one, other)] if kind == "one way" else [(one, other), (other, one)]
        node.cut = tuple(cut)
        for link in cut:
            node.queues.pop(link, None)
    node.check()
    return node


def finished(node: Node, ticks: int = 16) -> Node:
    """
    Heal all, let everything arrive, and check that all is well then.

    @raise AssertionError: It is not.
    """
    node = pickle.loads(pickle.dumps(node))
    node.cut = ()
    for _ in range(ticks):
        node.tick()
        for _ in range(200):
            if not node.queues:
                break
            node.deliver(min(node.queues))
    node.check()
    states = [replica.state for replica in node.replicas.values()]
    heads = {(state.epoch, state.sequence, state.digest()) for state in states if state}
    if len(heads) != 1 or len([one for one in node.replicas.values() if one.is_host]) != 1:
        raise AssertionError(f"they do not agree: {[(s.epoch, s.sequence) for s in states if s]}")
    for (player, number), answers in node.asked.items():
        if player in node.replicas and answers != 1:
            raise AssertionError(f"command {number} of player {player} has {answers} answers")
    state = states[0]
    assert state is not None
    chain = chainOf(state)
    for place in node.acknowledged:
        if not node.was_cut and not holds(chain, *place):
            raise AssertionError(f"{place} was acknowledged, and is gone")
    return node


def _keyOf(node: Node) -> bytes:
    """Return a digest of a state: equal ones are visited once."""
    parts = (node.replicas, node.queues, node.cut, node.budget, node.was_cut, node.asked)
    return blake2b(pickle.dumps(parts), digest_size=16).digest()


def explore(
    depth: int, budget: Budget, every: int = 50, prefix: tuple[Step, ...] = ()
) -> Counter[str]:
    """
    Visit all that can be reached in so many steps.

    @param depth: How many steps.
    @param budget: How often each kind of step may happen.
    @param every: Of how many states one is run to its end.
    @param prefix: Steps that all schedules begin with.
    @return: How many states and steps there were, of which kind.
    @raise AssertionError: A schedule breaks what must be true; the error names it.
    """
    counters: Counter[str] = Counter()
    seen: dict[bytes, int] = {}

    def visit(node: Node, schedule: tuple[Step, ...]) -> None:
        left = depth - len(schedule)
        key = _keyOf(node)
        if seen.get(key, -1) >= left:
            counters["met again"] += 1
            return
        first = key not in seen
        seen[key] = left
        counters["states"] += first
        try:
            if first and key[0] % every == 0:
                counters["finished"] += 1
                done = finished(node)
                for replica in done.replicas.values():
                    counters["elections"] += replica.statistics.elections
                    counters["merges"] += replica.statistics.merges
                    counters["snapshots"] += replica.statistics.snapshots_taken
                counters["dropped"] += len(done.dropped)
            if left > 0:
                for step in steps(node):
                    counters[step[0]] += 1
                    schedule_then = (*schedule, step)
                    visit(after(node, step), schedule_then)
        except AssertionError as error:
            if "schedule" in str(error):
                raise
            raise AssertionError(f"{error}; schedule {schedule}") from error

    node = opening(budget)
    for step in prefix:
        node = after(node, step)
    visit(node, ())
    return counters


def main() -> int:
    """Explore as deep as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.event_log_model")
    parser.add_argument("--depth", type=int, default=5)
    options = parser.parse_args()
    print(explore(options.depth, Budget()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
