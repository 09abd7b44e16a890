"""
Sessions of 2 to 8 participants over bad links, by seed: faults, healing, and one log::

    python -m tests.event_log_worlds --seed 17 --log
    python -m tests.event_log_worlds --seeds 0-499

A world is pure: a heap of timed deliveries, and replicas that are told the time.
"""

from __future__ import annotations

import argparse
import heapq
import sys
import traceback
from collections import Counter
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.event_log import replica as replica_module
from gamenet.event_log.errors import NotTheHost, StaleEpoch
from gamenet.event_log.replica import Replica
from gamenet.event_log.settings import EventLogSettings
from gamenet.event_log.shared_state import SharedState
from gamenet.seeded_random import SeededRandom
from gamenet.wire import log_messages
from gamenet.wire.log_commands import (
    ChangeSetting,
    Command,
    Delegate,
    EndActivity,
    Join,
    Leave,
    Rename,
    Say,
    SendCustom,
    StartActivity,
)
from tests.event_log_ledger import Ledger

__all__ = ["FAILED_SEEDS", "NEEDED", "World", "main", "runSeed", "seedsNamed"]

SESSION_ID = bytes(range(16))

#: Seeds that failed once; they always run.
FAILED_SEEDS: tuple[int, ...] = ()

#: What must have happened in a sweep, or it shows nothing.
NEEDED = (
    "lost", "duplicated", "reordered", "reset", "partitions", "one-way cuts", "crashes",
    "host deaths", "deaths while sending", "restarts", "newcomers", "joins", "leaves",
    "commands", "claims", "elections", "delegations", "merges", "yields", "gaps",
    "snapshots", "events dropped", "graces over", "refusals",
)  # fmt: skip

#: How long the faults go on, and how long it takes until all must be well again, in seconds.
FAULTS, SETTLING = 16.0, 10.0


def settingsOf(random: SeededRandom) -> EventLogSettings:
    """Return settings whose times are short, so that much happens in few seconds."""
    return EventLogSettings(
        status_interval=0.4,
        silence=1.2,
        host_timeout=0.8,
        claim_timeout=1.6,
        settling=0.3,
        gap_wait=0.1,
        resend_interval=0.4,
        grace=5.0,
        log_capacity=random.choice((8, 32, 1024)),
        batch=random.choice((4, 8)),
        queue=8,
    )


@attrs.define
class Process:
    """
    One process of a participant.

    @ivar replica: What it runs.
    @ivar incarnation: Which of the player's it is.
    @ivar dies_sending: How many messages it still sends before it dies; C{None} for all.
    @ivar leaves: Whether it has said that it leaves.
    @ivar links: To whom its replica has been told that a link leads.
    """

    player: int
    replica: Replica
    incarnation: int
    wakes_at: float = 0.0
    dies_sending: int | None = None
    links: dict[int, bool] = attrs.field(factory=dict)
    leaves: bool = False


class World:
    """
    A session, its links, and what goes wrong.

    @ivar partitioned: Whether links were cut in this world.
    """

    def __init__(self, seed: int, log: bool = False) -> None:
        self.random = SeededRandom.fromLabel(seed, "world")
        self.seed = seed
        self.log = log
        self.now = 0.0
        self.counters: Counter[str] = Counter()
        self.settings = settingsOf(self.random)
        self.count = self.random.choice((2, 3, 3, 4, 4, 5, 5, 6, 7, 8))
        self.partitioned = self.random.unit() < 0.7
        self.chaotic = self.random.unit() < 0.4
        self.loss = self.random.choice((0.0, 0.02, 0.1 if self.partitioned else 0.05))
        self.delay = self.random.choice((0.01, 0.05, 0.12))
        self.processes: dict[int, Process] = {}
        self.cut: set[tuple[int, int]] = set()
        self.crashed_at: dict[int, float] = {}
        self.left: dict[int, float] = {}
        self._heap: list[tuple[float, int, str, Any]] = []
        self._serial = 0
        self._arrived: dict[tuple[int, int], float] = {}
        self._healed = False
        names = {player: f"p{player}" for player in range(1, self.count + 1)}
        state = SharedState.opened(SESSION_ID, "world", names, min(16, self.count + 2))
        self.ledger = Ledger(state, self.settings.grace)
        for player in names:
            replica = Replica.opened(player, state, self.settings, 0.0)
            self.processes[player] = Process(player, replica, 0)
        for player in names:
            for other in names:
                if player != other:
                    self.processes[player].replica.connected(other, 0.0)
                    self.processes[player].links[other] = True

    # The clockwork.

    def at(self, delay: float, kind: str, what: Any = None) -> None:
        """Let something happen later."""
        self._serial += 1
        heapq.heappush(self._heap, (self.now + delay, self._serial, kind, what))

    def say(self, text: str) -> None:
        """Tell what happens, where it is wanted."""
        if self.log:
            print(f"{self.now:8.3f} {text}")

    def run(self) -> Counter[str]:
        """Run the world to its end, and check it."""
        with patch.object(replica_module, "decodeLogMessage", _decoded):
            for player in list(self.processes):
                self.at(self.random.unit() * 0.3, "wake", (player, 0))
            self._plan()
            self.at(FAULTS, "heal all")
            self._until(FAULTS + self.settings.grace + SETTLING)
            self._probe()
            self._until(self.now + 4.0)
        self.ledger.checkEnd(self)
        for process in self.processes.values():
            self._addStatistics(process)
        return self.counters

    def _until(self, end: float) -> None:
        """Let happen what happens up to a time."""
        while self._heap and self._heap[0][0] <= end:
            self.now, _, kind, what = heapq.heappop(self._heap)
            getattr(self, "_on" + kind.title().replace(" ", "").replace("-", ""))(what)
        self.now = end

    def _onWake(self, what: tuple[int, int]) -> None:
        """Have a process do what is due."""
        player, incarnation = what
        process = self.processes.get(player)
        current = process is not None and process.incarnation == incarnation
        if process is not None and current and process.wakes_at <= self.now:
            self._pump(process)

    def _pump(self, process: Process) -> None:
        """Send what a process has to send, and hear what it tells."""
        messages = process.replica.messagesDue(self.now)
        self._hear(process)
        for message in messages:
            if process.dies_sending is not None:
                if process.dies_sending == 0:
                    self.counters["deaths while sending"] += 1
                    self._crash(process.player)
                    return
                process.dies_sending -= 1
            self._send(process, *message)
        due = process.replica.nextDue()
        if process.wakes_at <= self.now or due < process.wakes_at:
            process.wakes_at = max(due, self.now + 0.05)
            self.at(process.wakes_at - self.now, "wake", (process.player, process.incarnation))

    def _hear(self, process: Process) -> None:
        """Write down what a replica tells."""
        for outcome in process.replica.takeOutcomes():
            if self.log and type(outcome).__name__ not in ("Acknowledged",):
                self.say(f"{process.player}.{process.incarnation}: {_short(outcome)}")
            self.ledger.take(process, outcome, self.now)

    # Links.

    def _send(self, process: Process, other: int, message: bytes, reliable: bool) -> None:
        """Let a message travel, or not."""
        target = self.processes.get(other)
        if target is None or (process.player, other) in self.cut:
            self.counters["cut off"] += 1
            return
        if not self._healed and self.random.unit() < (self.loss if not reliable else 0.0):
            self.counters["lost"] += 1
            return
        if reliable and self.chaotic and not self._healed and self.random.unit() < 0.03:
            self.counters["reset"] += 1
            return
        delay = self.delay * (0.5 + self.random.unit())
        link = (process.player, other)
        if reliable and not self.chaotic:
            delay = max(delay, self._arrived.get(link, 0.0) - self.now)
            self._arrived[link] = self.now + delay
        elif self.random.unit() < 0.05:
            self.counters["reordered"] += 1
            delay += 3 * self.delay
        what = (process.player, process.incarnation, other, target.incarnation, message)
        self.at(delay, "message", what)
        if (not reliable or self.chaotic) and self.random.unit() < 0.03:
            self.counters["duplicated"] += 1
            self.at(delay + self.random.unit() * 0.3, "message", what)

    def _onMessage(self, what: tuple[int, int, int, int, bytes]) -> None:
        """Let a message arrive."""
        sender, sender_incarnation, receiver, receiver_incarnation, message = what
        process = self.processes.get(receiver)
        if process is None or process.incarnation != receiver_incarnation:
            return
        current = self.processes.get(sender)
        if current is not None and current.incarnation != sender_incarnation:
            return
        if (sender, receiver) in self.cut or not process.links.get(sender):
            return
        if self.log and message[1] not in (1, 3):
            self.say(f"  {sender}->{receiver} {_short(_decoded(message))}")
        try:
            process.replica.messageReceived(sender, message, self.now)
        except (NotTheHost, StaleEpoch) as error:
            self.counters[type(error).__name__] += 1
            self.say(f"  {receiver} refuses: {error}")
        except RemoteProtocolError:
            self.counters["impossible"] += 1
            raise
        self._pump(process)

    # What goes wrong, and what is done.

    def _plan(self) -> None:
        """Let faults and commands happen at random times."""
        random = self.random
        for _ in range(random.between(10, 40)):
            self.at(random.unit() * FAULTS, "command")
        kinds = ["crash", "crash host", "crash sending", "restart", "restart", "delegate"]
        kinds += ["newcomer", "leave", "full sync"]
        if self.partitioned:
            kinds += ["partition", "partition", "partition", "heal", "heal", "one way", "cut pair"]
        for _ in range(random.between(2, 9)):
            self.at(random.unit() * FAULTS, random.choice(kinds))

    def _synced(self) -> list[Process]:
        """Return the living processes that know the session."""
        return [one for one in self.processes.values() if one.replica.state is not None]

    def _host(self) -> Process | None:
        """Return a host, if there is one."""
        hosts = [one for one in self.processes.values() if one.replica.is_host]
        return self.random.choice(hosts) if hosts else None

    def _onCommand(self, _: Any) -> None:
        """Have somebody do something."""
        synced = self._synced()
        if not synced:
            return
        process = self.random.choice(synced)
        self._submit(process, self._commandOf(process))

    def _commandOf(self, process: Process) -> Command:
        """Return something that somebody could want to do."""
        random = self.random
        state = process.replica.state
        assert state is not None
        if state.participant(process.player) is None:
            return Join(f"n{process.player}")
        serial = str(random.below(1000))
        return random.choice(
            (
                Say("hello " + serial),
                Say("again " + serial),
                SendCustom("move", serial.encode()),
                Rename("r" + serial),
                ChangeSetting("key" + serial[0], serial),
                StartActivity("round", b""),
                EndActivity(state.activity.number if state.activity else 1, b""),
            )
        )

    def _submit(self, process: Process, command: Command) -> None:
        """Submit a command, unless too many wait."""
        if process.replica.unanswered >= self.settings.queue:
            return
        number = process.replica.submit(command, self.now)
        self.counters["commands"] += 1
        if isinstance(command, Join):
            self.counters["joins"] += 1
        self.ledger.submitted(process, number, command)
        self.say(f"{process.player} submits {number} {command}")
        self._pump(process)

    def _onDelegate(self, _: Any) -> None:
        """Have a host hand its role over."""
        host = self._host()
        if host is None or host.replica.state is None:
            return
        others = [
            one.player
            for one in host.replica.state.participants
            if one.player != host.player and not one.is_lost
        ]
        if others:
            self._submit(host, Delegate(self.random.choice(others)))

    def _onLeave(self, _: Any) -> None:
        """Have somebody leave."""
        synced = self._synced()
        if len(synced) > 2:
            process = self.random.choice(synced)
            state = process.replica.state
            if not self._survivorsWithout(process.player):
                return
            process.leaves = True
            if state is not None and state.participant(process.player) is not None:
                self.counters["leaves"] += 1
                self._submit(process, Leave())

    def _onFullSync(self, _: Any) -> None:
        """Have somebody ask for everything."""
        self.random.choice(self._synced()).replica.requestFullSync(self.now)

    def _onCrash(self, _: Any) -> None:
        """Let somebody die."""
        self._mayCrash(self.random.choice(sorted(self.processes)))

    def _onCrashHost(self, _: Any) -> None:
        """Let a host die, right after it did something."""
        host = self._host()
        if host is not None:
            if self.random.unit() < 0.7:
                self._submit(host, Say("last words"))
            if self.processes.get(host.player) is host and self._mayCrash(host.player):
                self.counters["host deaths"] += 1

    def _onCrashSending(self, _: Any) -> None:
        """Let somebody, most often a host, die when it has sent some of its messages."""
        process = self._host() if self.random.unit() < 0.7 else None
        process = process or self.random.choice(list(self.processes.values()))
        if self._survivorsWithout(process.player):
            process.dies_sending = self.random.below(2 * self.count)
            if self.random.unit() < 0.7 and process.replica.state is not None:
                self._submit(process, Say("halfway"))

    def _survivorsWithout(self, player: int) -> bool:
        """Return whether a participant is left who knows the session, without one."""
        for one in self._synced():
            state = one.replica.state
            if one.player == player or one.dies_sending is not None or one.leaves:
                continue
            if state is not None and state.participant(one.player) is not None:
                return True
        return False

    def _mayCrash(self, player: int) -> bool:
        """Let somebody die, if another one is left that knows the session."""
        if player not in self.processes or not self._survivorsWithout(player):
            return False
        self._crash(player)
        return True

    def _crash(self, player: int) -> None:
        """Let somebody die."""
        process = self.processes.pop(player)
        self._addStatistics(process)
        self.crashed_at[player] = self.now
        self.counters["crashes"] += 1
        self.ledger.crashed(process)
        for other in self.processes.values():
            if self.random.unit() < 0.3:
                self.at(self.random.unit() * 4, "close", (other, player))
        self.say(f"{player}.{process.incarnation} dies")

    def _onClose(self, what: tuple[Process, int]) -> None:
        """Let a link to a dead process be closed for good."""
        process, player = what
        if player not in self.processes and process.links.get(player):
            self.counters["links closed"] += 1
            process.links[player] = False
            process.replica.disconnected(player, self.now)

    def _onRestart(self, _: Any) -> None:
        """Let somebody come back as a new process."""
        dead = sorted(self.crashed_at)
        if dead:
            player = self.random.choice(dead)
            del self.crashed_at[player]
            self.counters["restarts"] += 1
            self._arrive(player)

    def _onNewcomer(self, _: Any) -> None:
        """Let somebody come who was not there before."""
        players = [*self.processes, *self.crashed_at]
        if len(players) < self.count + 2:
            self.counters["newcomers"] += 1
            self._arrive(max(players) + 1)

    def _arrive(self, player: int) -> None:
        """Begin a new process, with links to all."""
        incarnation = self.random.between(1, (1 << 16) - 1)
        replica = Replica.newcomer(player, SESSION_ID, self.settings, self.now, incarnation)
        process = Process(player, replica, incarnation)
        self.say(f"{player}.{incarnation} begins")
        for other in self.processes.values():
            replica.connected(other.player, self.now)
            process.links[other.player] = True
            other.replica.restarted(player, self.now)
            other.links[player] = True
        self.processes[player] = process
        self.at(self.random.unit() * 0.1, "wake", (player, incarnation))

    def _onPartition(self, _: Any) -> None:
        """Cut the session in two or three."""
        groups = self.random.choice((2, 2, 3))
        group = {player: self.random.below(groups) for player in range(1, self.count + 3)}
        self.cut = {(a, b) for a in group for b in group if group[a] != group[b]}
        self.counters["partitions"] += bool(self.cut)
        self.say(f"partition {group}")

    def _onOneWay(self, _: Any) -> None:
        """Cut some links in one direction."""
        players = range(1, self.count + 3)
        for _ in range(self.random.between(1, self.count)):
            self.cut.add((self.random.choice(players), self.random.choice(players)))
        self.counters["one-way cuts"] += 1
        self.say(f"one way {sorted(self.cut)}")

    def _onCutPair(self, _: Any) -> None:
        """Cut one link."""
        one = self.random.between(1, self.count + 1)
        other = self.random.between(one + 1, self.count + 2)
        self.cut |= {(one, other), (other, one)}
        self.say(f"cut {one} {other}")

    def _onHeal(self, _: Any) -> None:
        """Let all links be good again."""
        self.cut = set()
        self.say("heal")

    def _onHealAll(self, _: Any) -> None:
        """End all faults."""
        self.cut = set()
        self._healed = True
        self.loss = 0.0
        for process in self.processes.values():
            process.dies_sending = None
        self.ledger.healed(self.now)
        self.say("heal all")

    def _probe(self) -> None:
        """Have everybody do one more thing, to see that the session goes on."""
        for process in list(self.processes.values()):
            if process.replica.state is None:
                raise AssertionError(f"player {process.player} knows nothing at the end")
            if process.replica.state.participant(process.player) is not None:
                self._submit(process, Say("still here"))

    def _addStatistics(self, process: Process) -> None:
        """Count what a replica counted."""
        counts = process.replica.statistics
        for name in ("claims", "elections", "delegations", "merges", "yields", "gaps"):
            self.counters[name] += getattr(counts, name)
        self.counters["snapshots"] += counts.snapshots_taken


@lru_cache(maxsize=4096)
def _decodedOnce(message: bytes, known: int) -> Any:
    return log_messages.decodeLogMessage(message, replica_module.REPLICA_MESSAGES)


def _decoded(message: bytes, known: Any = None) -> Any:
    """Decode a message that goes to many only once: they are values."""
    return _decodedOnce(message, 0)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 400 else text[:400] + "..."


def runSeed(seed: int, log: bool = False) -> Counter[str]:
    """
    Run one world.

    @raise AssertionError: Something is not as it must be.
    """
    world = World(seed, log)
    counters = world.run()
    counters.update(world.ledger.counters)
    return counters


def seedsNamed(text: str) -> list[int]:
    """Return the seeds of a text like C{"0-499,4711"}."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


def main() -> int:
    """Run what the command line asks for; exit status 1 if a world failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.event_log_worlds")
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--seeds", default="0-499", help="for example 0-499,4711")
    parser.add_argument("--log", action="store_true", help="print everything that happens")
    options = parser.parse_args()
    seeds = seedsNamed(options.seeds) if options.seed is None else [options.seed]
    total: Counter[str] = Counter()
    failed = 0
    for seed in seeds:
        try:
            total.update(runSeed(seed, options.log))
        except Exception as error:
            failed += 1
            if options.seed is not None:
                traceback.print_exc()
            print(f"seed {seed}: {type(error).__name__}: {error}")
            print(f"replay it: python -m tests.event_log_worlds --seed {seed} --log", flush=True)
    for name, count in sorted(total.items()):
        print(f"  {name:25} {count:>10}")
    print(f"{len(seeds)} worlds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
