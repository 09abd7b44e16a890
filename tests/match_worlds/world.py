"""
One world: 2 to 8 players, a lobby and a relay; what goes wrong goes wrong for some seconds,
then all is healed, and must come to one match, one log and one host again.  All of it
follows from one seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import LogLevel, globalLogPublisher

from gamenet.event_log.settings import EventLogSettings
from gamenet.lobby.settings import LobbySettings
from gamenet.match import MatchSettings
from gamenet.match.match import Match
from gamenet.match.session_settings import SessionSettings
from gamenet.seeded_random import SeededRandom
from gamenet.wire.log_commands import Say
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import (
    ADDRESS_RESTRICTED,
    ADDRESS_SENSITIVE,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
)
from gamenet.world.network import WorldNetwork
from tests.match_worlds.faults import Faults
from tests.match_worlds.ledger import Ledger, WorldFailed
from tests.match_worlds.process import Person, Process
from tests.scenes import Servers

__all__ = ["World", "runWorld"]

#: Seconds for which things go wrong, counted from the start of play.
FAULTY_SECONDS = 16.0

#: Seconds that it may take to be one match again, from the healing on: the grace of those
#: who do not come back, and as long again for elections one after the other.
HEALED_SECONDS = 40.0

#: Frames that everybody must confirm then, and ...
HEALED_FRAMES = 60

#: ... seconds for that, and for the answers to everybody's last words.
LAST_WORDS_SECONDS = 15.0

_KINDS = (
    None,
    FULL_CONE,
    ADDRESS_RESTRICTED,
    PORT_RESTRICTED,
    PORT_RESTRICTED,
    ADDRESS_SENSITIVE,
    PORT_SENSITIVE_RANDOM,
)


class World:
    """
    The world of one seed.

    @ivar shares: Whether the session is shared without a game of frames.
    @ivar partitioned: Whether links are cut in this world; else processes crash at most.
    @ivar session_id: The lobby's, C{""} before there is one.
    @ivar processes: Every process there ever was.
    @ivar one_from: The newest frame that anybody had confirmed when all were one again.
    """

    def __init__(self, seed: int, log: bool = False) -> None:
        self.seed = seed
        self.log = log
        random = self.random = SeededRandom.fromLabel(seed, "match world")
        self.network = WorldNetwork(seed)
        self.counters: Counter[str] = Counter()
        self.errors: list[str] = []
        self.shares = random.chance(0.4)
        self.partitioned = random.chance(0.6)
        self.count = random.choice((2, 2, 3, 3, 4, 4, 5, 6, 7, 8))
        self.late = random.below(min(3, self.count - 1) + 1) if self.count > 2 else 0
        self.capacity = self.count + 2
        self.minimum = 1 if self.shares else self.count - self.late
        self.session_id = ""
        self.one_from = -1
        self.processes: list[Process] = []
        self.ledger = Ledger(self)
        self.profile = LinkProfile(
            latency=random.uniform(0.003, 0.040),
            jitter=random.uniform(0.0, 0.010),
            loss=random.uniform(0.0, 0.05),
            duplication=random.uniform(0.0, 0.02),
            reordering=random.uniform(0.0, 0.04),
        )
        self.grace = random.uniform(6.0, 9.0)
        self._choose()
        lobby = attrs.evolve(
            LobbySettings(), heartbeat_interval=1.0, heartbeat_timeout=9.0, seat_grace=5.0
        )
        self.servers = Servers(self.network, LinkProfile(latency=0.004), settings=lobby)
        self.persons = [self._person(place) for place in range(self.count)]
        self.faults = Faults(self)

    def _choose(self) -> None:
        random = self.random
        fast = (15, 20, 30, 60) if self.count < 4 else (10, 15, 20)
        self.settings = MatchSettings(
            frame_rate=random.choice(fast),
            input_delay=random.below(3),
            countdown=random.choice((0.0, 0.5, 1.5)),
            start_timeout=8.0,
            lost_after=random.uniform(1.0, 2.5),
            grace=self.grace,
            plays_alone=self.count < 4 or random.chance(0.8),
        )
        self.session_settings = SessionSettings(joins=True, log=EventLogSettings(grace=self.grace))

    def _person(self, place: int) -> Person:
        random = self.random
        name = f"person {place + 1}"
        outside = f"198.51.{100 + place}.1"
        kind = random.choice(_KINDS)
        offset, drift = random.uniform(0.0, 1e6), random.uniform(-300.0, 300.0)
        hides = random.chance(0.1)
        if kind is None:
            return Person(name, name, outside, None, offset, drift, hides)
        home = f"home {place + 1}"
        self.network.nat(home, outside, kind, profile=self.profile)
        return Person(name, home, f"192.168.{place}.2", home, offset, drift, hides)

    @property
    def living(self) -> list[Process]:
        """Those who live and take part, or try to."""
        return [process for process in self.processes if process.alive]

    @property
    def knowing(self) -> list[Process]:
        """Those of them who know the session."""
        return [process for process in self.living if process.known]

    def say(self, text: str) -> None:
        """Say what happens, where that is wanted."""
        if self.log:
            print(f"{self.network.clock.seconds():8.3f} {text}", flush=True)

    def begin(self, person: Person, secret: bytes | None = None) -> Process:
        """Start a process for somebody."""
        machine = self.network.machine(
            person.name,
            person.address,
            behind=person.behind,
            profile=LinkProfile() if person.behind else self.profile,
            clock_offset=person.clock_offset,
            drift_ppm=person.drift,
        )
        process = person.process = Process(self, person, machine)
        self.processes.append(process)
        process.start(secret)
        return process

    def run(self) -> dict[str, Any]:
        """
        Live from the first hello to the last goodbye.

        @return: The counters, and the trace's hash.
        @raise WorldFailed: Something did not hold.
        """
        globalLogPublisher.addObserver(self._noteEvent)
        try:
            self._meet()
            self.faults.plan(FAULTY_SECONDS)
            self.network.advance(FAULTY_SECONDS)
            self._heal()
            living = self._lastWords()
            self.ledger.check(living)
            self._part()
        finally:
            globalLogPublisher.removeObserver(self._noteEvent)
        if self.errors:
            raise WorldFailed(f"logged as errors: {self.errors[:3]}")
        return self._report()

    def _meet(self) -> None:
        """The first players come, and a match begins."""
        first = self.begin(self.persons[0])
        self._until(lambda: self.session_id, 20.0, "a session")
        self.faults.planStart(first)
        starters = self.persons[1 : self.count - self.late]
        for person in starters:
            self.network.clock.callLater(self.random.uniform(0.0, 0.6), self.begin, person)
        expected = len(starters) + 1
        self._until(lambda: len(self.knowing) >= expected and self._isOne(), 60.0, "a start")

    def _heal(self) -> None:
        """End every fault, and wait until all who live are one again."""
        self.faults.heal()
        self.say("HEALED")
        self._until(self._isOne, HEALED_SECONDS, "one match, one log, one host")
        self.one_from = max(process.witness.newest for process in self.living)
        self.say("ONE")

    def _isOne(self) -> bool:
        """Whether all who live take part in one session, and in one match."""
        living = self.living
        self._noFailures()
        if not living or any(not process.known for process in living):
            return False
        states = [process.shared.state for process in living]  # type: ignore[union-attr]
        numbers = sorted(process.number for process in living)
        first = states[0]
        assert first is not None
        if sorted(each.player for each in first.participants) != numbers:
            return False
        if any(state is None or state.digest() != first.digest() for state in states):
            return False
        if sum(process.shared.is_host for process in living) != 1:  # type: ignore[union-attr]
            return False
        return self.shares or self._isOneMatch(living, numbers)

    def _isOneMatch(self, living: list[Process], numbers: list[int]) -> bool:
        for process in living:
            match = process.match
            if not isinstance(match, Match) or not process.witness.begun:
                return False
            if list(match.players) != numbers or match._loop.joining:
                return False
        return min(process.witness.newest for process in living) >= 0

    def _noFailures(self) -> None:
        for process in self.processes:
            if process.died is None and process.failure is not None and not process.excused:
                raise WorldFailed(f"{process} failed: {process.failure!r}")
            ended = process.ended and process.failure is None and not process.leaving
            if process.died is None and ended:
                raise WorldFailed(f"{process} ended: {process.result}")

    def _lastWords(self) -> list[Process]:
        """Everybody says something, and is answered; play goes on."""
        living = self.living
        said = [process.submit(Say(f"last words of {process!r}")) for process in living]
        newest = max(process.witness.newest for process in living)

        def over() -> bool:
            answered = all(one is not None and one.answers for one in said)
            moved = self.shares or all(
                process.witness.newest >= newest + HEALED_FRAMES for process in living
            )
            return answered and moved and self._isOne()

        self._until(over, LAST_WORDS_SECONDS, "last words, and more frames")
        self.counters["last words"] += len(said)
        return living

    def _part(self) -> None:
        """Everybody goes, and nothing is left."""
        for process in self.processes:
            shared = process.shared
            if shared is not None:
                for name, count in attrs.asdict(shared.statistics).items():
                    self.counters[f"log {name}"] += count
            process.close()
        self.network.advance(8.0)
        for process in self.processes:
            left = process.machine.clock.getDelayedCalls()
            if left or process.machine._sockets:
                raise WorldFailed(f"{process} leaves behind {left[:2]}, {process.machine._sockets}")

    def _until(self, predicate: Callable[[], object], limit: float, what: str) -> None:
        try:
            self.network.runUntil(predicate, limit)
        except WorldFailed:
            raise
        except Exception as error:
            raise WorldFailed(f"waited {limit} s for {what}: {self._standing()}") from error

    def _standing(self) -> str:
        lines = [f"shares={self.shares} count={self.count} partitioned={self.partitioned}"]
        for process in self.processes:
            line = repr(process)
            shared, match = process.shared, process.match
            if process.died is not None:
                line += f" died {process.died:.2f}"
            if process.failure is not None:
                line += f" failed {process.failure!r}"
            if process.leaving:
                line += " left"
            if shared is not None and shared.state is not None and process.died is None:
                there = [(each.player, each.is_lost) for each in shared.state.participants]
                line += f" log {shared.epoch} {shared.sequence} of {there}"
                line += f" host={shared.is_host} closed={shared.closed}"
                line += f" paths {shared.connected_players}"
            if isinstance(match, Match) and process.died is None:
                line += f" {match.state.name} {match.players} joining={match._loop.joining}"
                line += f" newest={process.witness.newest}"
            lines.append(line)
        return "\n  ".join(lines)

    def _noteEvent(self, event: Any) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            text = failure.getTraceback() if failure is not None else ""
            self.errors.append(f"{event.get('log_format')} {text}")

    def _report(self) -> dict[str, Any]:
        for name, count in self.network.counters.asDict().items():
            self.counters[f"net {name}"] += count
        self.counters[f"players {self.count}"] += 1
        self.counters["shared alone" if self.shares else "played"] += 1
        return {
            "trace": self.network.traceHash(),
            "seconds": round(self.network.clock.seconds(), 3),
            "counters": dict(self.counters),
        }


def runWorld(seed: int, log: bool = False) -> dict[str, Any]:
    """
    Run the world of C{seed}.

    @return: See L{World.run}.
    @raise WorldFailed: Something did not hold.
    """
    return World(seed, log).run()
