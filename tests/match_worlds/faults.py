"""
What goes wrong in a world, and what its people do: at times drawn from its seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from gamenet.match.match import Match, MatchState
from gamenet.wire.log_commands import (
    ChangeSetting,
    Command,
    Delegate,
    Kick,
    Rename,
    Say,
    SendCustom,
    StartActivity,
)
from tests.match_worlds.process import Person, Process

if TYPE_CHECKING:
    from tests.match_worlds.world import World

__all__ = ["Faults"]

#: Seconds between two looks at whether the moment has come.
_LOOK = 0.01

#: Seconds between two faults of the links of those who play: one is over before the next.
_PAUSE = 3.0


class Faults:
    """
    The faults of one world.

    @ivar busy_until: When the last fault of links is over.
    @ivar ends: When all faults are.
    @ivar lobby_dead: Whether nobody can come by the lobby any more.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.busy_until = 0.0
        self.ends = 0.0
        self.lobby_dead = False
        self.healed = False
        self._words = 0
        self._latecomers = list(world.persons[world.count - world.late :])

    @property
    def now(self) -> float:
        """The world's time in seconds."""
        return self.world.network.clock.seconds()

    def plan(self, seconds: float) -> None:
        """Draw what happens in the next seconds."""
        random, world = self.random, self.world
        self.ends = self.now + seconds
        for _ in range(random.between(8, 30)):
            self._at(random.uniform(0.0, seconds), self._command)
        acts: list[Callable[[], None]] = [
            self._crash,
            self._crashHost,
            self._crashHost,
            self._crashHostAtItsCommand,
            self._crashHostWhileSomebodyJoins,
            self._leave,
            self._delegate,
            self._delegate,
            self._kick,
            self._fullSync,
            self._lobbyDies,
        ]
        if world.partitioned:
            acts += [
                self._cutOne,
                self._cutHost,
                self._cutSome,
                self._cutSome,
                self._cutOneWay,
                self._cutPair,
                self._suspend,
                self._readdress,
                self._storm,
                self._forgetMappings,
                self._suspendRelay,
            ]
        for _ in range(random.between(1, 8)):
            self._at(random.uniform(0.0, seconds - 1.0), random.choice(acts))
        for _ in self._latecomers:
            self._at(random.uniform(0.0, seconds - 1.0), self._comeLate)

    def planStart(self, first: Process) -> None:
        """Perhaps the host dies before the match is played."""
        world = self.world
        if world.shares or not self.random.chance(0.25):
            return
        steps: dict[str, Callable[[], object]] = {
            "host dies before the ticket": lambda: (
                first.session is not None and first.session._asked
            ),
            "host dies reaching": lambda: self._stateOf(first) is MatchState.REACHING,
            "host dies counting": lambda: self._stateOf(first) is MatchState.COUNTING,
        }
        name = self.random.choice(tuple(steps))
        if name == "host dies counting" and not world.settings.countdown:
            name = "host dies reaching"

        def die() -> None:
            world.counters[name] += 1
            world.say(name)
            first.stop()
            self._at(self.random.uniform(0.2, 3.0), lambda: self._begin(first.person))

        self._when(steps[name], die, 20.0)

    def heal(self) -> None:
        """Nothing is wrong any more."""
        self.healed = True
        world = self.world
        world.network.heal()
        for person in world.persons:
            if person.behind or person.process:
                world.network.setProfile(person.home, world.profile)

    # When.

    def _at(self, delay: float, act: Callable[[], object]) -> None:
        self.world.network.clock.callLater(delay, self._do, act)

    def _do(self, act: Callable[[], object]) -> None:
        if not self.healed:
            act()

    def _when(
        self, predicate: Callable[[], object], act: Callable[[], object], limit: float
    ) -> None:
        """Do something as soon as the moment has come, within so many seconds."""
        ends = self.now + limit

        def look() -> None:
            if predicate():
                act()
            elif self.now < ends:
                self._at(_LOOK, look)

        look()

    def _note(self, what: str, *values: object) -> None:
        self.world.counters[what] += 1
        self.world.say(f"=== {what} {values or ''}")

    # Who.

    def _host(self) -> Process | None:
        hosts = [one for one in self.world.knowing if one.shared and one.shared.is_host]
        return self.random.choice(hosts) if hosts else None

    def _stateOf(self, process: Process) -> MatchState | None:
        match = process.match
        return match.state if isinstance(match, Match) else None

    def _isIn(self, process: Process) -> bool:
        """Whether somebody takes part, as far as it knows."""
        if not process.known or process.shared is None or not process.shared.is_participant:
            return False
        return self.world.shares or self._stateOf(process) is MatchState.PLAYING

    def _mayGo(self, process: Process) -> bool:
        """Whether the match can go on without somebody."""
        world = self.world
        others = [one for one in world.living if one is not process and self._isIn(one)]
        if not others or not self._isIn(process):
            return False
        if len(others) + 1 < len(world.living) and not any(map(self._hasLobby, others)):
            return False  # nobody else would know of who is about to come
        if world.shares:
            return True
        members = max((one.match.players for one in others), key=len)  # type: ignore
        if self.now < self.busy_until or any(one.match.players != members for one in others):  # type: ignore
            return False
        here = sum(one.number in members for one in others)
        if len(members) == 2:
            return here == 1 and world.settings.plays_alone
        return here * 2 > len(members)

    # Deaths and returns.

    def _crash(self) -> None:
        if self.world.knowing:
            self._kill(self.random.choice(self.world.knowing), "crashes")

    def _crashHost(self) -> None:
        host = self._host()
        if host is not None:
            self._kill(host, "host deaths")

    def _crashHostAtItsCommand(self) -> None:
        host = self._host()
        if host is not None and self._mayGo(host):
            host.submit(Say(self._word()))
            delay = self.random.choice((0.0, 0.002, 0.02, 0.1))
            self._at(delay, lambda: self._kill(host, "host deaths at a command"))

    def _crashHostWhileSomebodyJoins(self) -> None:
        """The host dies when somebody who comes has a session, and does not know it yet."""

        def joining() -> bool:
            return any(
                one.match is not None and not self._isIn(one) for one in self.world.living
            )

        def die() -> None:
            host = self._host()
            if host is not None:
                self._kill(host, "host deaths while somebody joins")

        self._when(joining, die, 6.0)

    def _kill(self, process: Process, what: str) -> None:
        if not process.alive or not self._mayGo(process):
            return
        match = process.match
        assert match is not None
        secret = match.resumeSecret()
        self._note(what, process)
        process.stop()
        ways = ["never", "lobby", "secret"]
        if self.lobby_dead:
            ways = [way for way in ways if way != "lobby"]
        way = self.random.choice(ways)
        delay = self.random.uniform(0.1, self.world.grace * 0.5)
        if way == "lobby":
            self._at(delay, lambda: self._begin(process.person, "returns by the lobby"))
        elif way == "secret":
            self._at(delay, lambda: self._bringBack(process.person, secret))

    def _begin(self, person: Person, what: str = "begins anew") -> None:
        if self._isFindable():
            self._note(what, person.name)
            self.world.begin(person)

    def _bringBack(self, person: Person, secret: bytes) -> None:
        self._note("returns by the secret", person.name)
        self.world.begin(person, secret)

    def _isFindable(self) -> bool:
        """
        Whether newcomers find the session: the lobby is there, and somebody who takes part
        has not lost it (by dying, or moving).
        """
        living = self.world.living
        begun = any(self._isIn(one) for one in living)
        return not self.lobby_dead and (not begun or any(map(self._hasLobby, living)))

    def _hasLobby(self, process: Process) -> bool:
        """Whether somebody takes part and is told by the lobby of who comes."""
        player = process.player
        return self._isIn(process) and player is not None and player.connected and not process.moved

    def _comeLate(self) -> None:
        person = self._latecomers.pop()
        if self._isFindable():
            self._note("comes late", person.name)
            self.world.begin(person)

    # What people do.

    def _word(self) -> str:
        self._words += 1
        return f"word {self._words}"

    def _command(self) -> None:
        if not self.world.knowing:
            return
        process = self.random.choice(self.world.knowing)
        word = self._word()
        commands: list[Command] = [
            Say(word),
            Say(word),
            SendCustom("thing", word.encode()),
            Rename(f"{process.person.name[-1]} {word}"),
            ChangeSetting("color", word),
            StartActivity("another", b""),
        ]
        process.submit(self.random.choice(commands))

    def _delegate(self) -> None:
        host = self._host()
        others = [one for one in self.world.living if one is not host and self._isIn(one)]
        if host is not None and others:
            self._note("delegates", host)
            host.submit(Delegate(self.random.choice(others).number))

    def _kick(self) -> None:
        host = self._host()
        others = [one for one in self.world.living if one is not host and self._isIn(one)]
        if host is not None and len(others) > 2 and self._mayGo(others[-1]):
            self._note("kicks", others[-1])
            others[-1].excused = "kicked"
            host.submit(Kick(others[-1].number))

    def _leave(self) -> None:
        staying = [one for one in self.world.living if self._isIn(one)]
        if len(staying) > 2:
            process = self.random.choice(staying)
            if self._mayGo(process):
                self._note("leaves", process)
                process.leave()

    def _fullSync(self) -> None:
        if self.world.knowing:
            process = self.random.choice(self.world.knowing)
            assert process.shared is not None
            self._note("asks for everything", process)
            process.shared.requestFullSync()

    # Links.

    def _lasts(self) -> float:
        """Return how long a fault of links goes on, 0 where it must not begin."""
        world = self.world
        if self.now < self.busy_until or self._isAloneInTwo():
            return 0.0
        longest = min(world.grace - 1.5, 6.5)
        duration = self.random.choice(
            (self.random.uniform(0.2, 2.5), self.random.uniform(4.0, longest))
        )
        duration = min(duration, self.ends - self.now)
        self.busy_until = self.now + duration + _PAUSE
        return duration

    def _isAloneInTwo(self) -> bool:
        """Whether a match of two ends, by its settings, where one does not hear the other."""
        if self.world.shares or self.world.settings.plays_alone:
            return False
        matches = [one.match for one in self.world.living]
        return any(isinstance(one, Match) and len(one.players) <= 2 for one in matches)

    def _homes(self) -> list[str]:
        homes = [one.person.home for one in self.world.living]
        self.random.shuffle(homes)
        return homes

    def _part(
        self, what: str, ones: list[str], others: list[str] | None, one_way: bool = False
    ) -> None:
        duration = self._lasts()
        if duration and ones:
            self._note(what, ones, others, round(duration, 2))
            self.world.network.partition(ones, others, one_way=one_way)
            self._at(duration, self.world.network.heal)

    def _cutOne(self) -> None:
        self._part("cut off", self._homes()[:1], None)

    def _cutHost(self) -> None:
        host = self._host()
        if host is not None:
            self._part("host cut off", [host.person.home], None)

    def _cutSome(self) -> None:
        homes = self._homes()
        if len(homes) > 1:
            self._part("split", homes[: self.random.between(1, len(homes) - 1)], None)

    def _cutOneWay(self) -> None:
        self._part("cut one way", self._homes()[:1], None, True)

    def _cutPair(self) -> None:
        homes = self._homes()
        if len(homes) > 1:
            self._part("pair cut", homes[:1], homes[1:2])

    def _suspend(self) -> None:
        duration = self._lasts()
        if duration and self.world.living:
            process = self.random.choice(self.world.living)
            self._note("suspended", process, round(duration, 2))
            process.machine.suspend(duration)

    def _readdress(self) -> None:
        """Somebody is in another network of its own now."""
        living = [one for one in self.world.living if self._isIn(one)]
        if living and self._lasts():
            process = self.random.choice(living)
            person = process.person
            head, _, tail = person.address.rpartition(".")
            person.address = f"{head}.{int(tail) + 1}"
            process.moved = True
            self._note("another address", process, person.address)
            process.machine.readdress(person.address)

    def _storm(self) -> None:
        duration = self._lasts()
        homes = self._homes()
        if duration and homes:
            self._note("storm", homes[0])
            network, usual = self.world.network, self.world.profile
            network.setProfile(homes[0], attrs.evolve(usual, loss=0.4, jitter=0.05))
            self._at(duration, lambda: network.setProfile(homes[0], usual))

    def _forgetMappings(self) -> None:
        if self.world.network.nats:
            name = self.random.choice(tuple(self.world.network.nats))
            self._note("router forgets", name)
            self.world.network.nats[name].forget()
            for process in self.world.living:
                process.moved = process.moved or process.person.home == name

    def _suspendRelay(self) -> None:
        duration = self._lasts()
        if duration:
            self._note("relay suspended", round(duration, 2))
            self.world.servers.relay_machine.suspend(duration)

    def _lobbyDies(self) -> None:
        if not self.lobby_dead and not any(not self._isIn(one) for one in self.world.living):
            self._note("lobby dies")
            self.lobby_dead = True
            self.world.servers.lobby_machine.stop()
