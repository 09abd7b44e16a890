"""
One world: two players behind two routers, a lobby and a relay, clocks that drift,
a bad neighbor; faults first, then healing, then everything must agree, and must
have moved.  All of it follows from one seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import LogLevel, globalLogPublisher

from gamenet.match import MatchSettings, Outcome
from gamenet.seeded_random import SeededRandom
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import (
    ADDRESS_RESTRICTED,
    ADDRESS_SENSITIVE,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    PORT_SENSITIVE_SEQUENTIAL,
)
from gamenet.world.network import WorldNetwork
from tests.scenes import LOBBY, LOBBY_HOST, RELAY_HOST, RELAY_PORT, Seat, Servers
from tests.worlds.mallory import Mallory

__all__ = ["FAULTY_SECONDS", "HEALED_FRAMES", "HEALED_SECONDS", "WorldFailed", "runWorld"]

#: How long faults happen, in seconds of world time, counted from the start of play.
FAULTY_SECONDS = 6.0

#: How many more frames both players must have confirmed ...
HEALED_FRAMES = 300

#: ... so many seconds after the network healed.
HEALED_SECONDS = 8.0

_KINDS = (
    FULL_CONE,
    ADDRESS_RESTRICTED,
    PORT_RESTRICTED,
    PORT_RESTRICTED,
    ADDRESS_SENSITIVE,
    PORT_SENSITIVE_SEQUENTIAL,
    PORT_SENSITIVE_RANDOM,
)
_EXPIRIES = (2.0, 5.0, 30.0, 120.0)


class WorldFailed(AssertionError):
    """A world did not do what every world must; the text says what."""


class World:
    """
    The world of one seed.

    @ivar network: All of it.
    @ivar errors: What was logged as an error, which nothing may be.
    """

    def __init__(self, seed: int) -> None:
        self.random = SeededRandom.fromLabel(seed, "world/plan")
        self.network = WorldNetwork(seed)
        self.errors: list[str] = []
        random = self.random
        self.profile = LinkProfile(
            latency=random.uniform(0.003, 0.040),
            jitter=random.uniform(0.0, 0.015),
            loss=random.uniform(0.0, 0.06),
            duplication=random.uniform(0.0, 0.03),
            reordering=random.uniform(0.0, 0.06),
        )
        self.servers = Servers(self.network, LinkProfile(latency=0.004, jitter=0.002))
        self.seats = [self._seat(place, name) for place, name in enumerate(("Ada", "Grace"))]
        machine = self.network.machine("Mallory", "203.0.113.66", profile=self.profile)
        self.mallory = Mallory(machine, SeededRandom.fromLabel(seed, "world/mallory"))

    def run(self) -> dict[str, Any]:
        """
        Live from the first hello to the last goodbye.

        @return: The counters, the trace's hash, and what became of the players.
        @raise WorldFailed: Something did not hold.
        """
        globalLogPublisher.addObserver(self._noteEvent)
        try:
            self._meet()
            self._faults()
            before = self._heal()
            self._mustMove(before)
            self._part()
        finally:
            globalLogPublisher.removeObserver(self._noteEvent)
        if self.errors:
            raise WorldFailed(f"logged as errors: {self.errors[:3]}")
        return self._report()

    def _seat(self, place: int, name: str) -> Seat:
        random = self.random
        kind = attrs.evolve(random.choice(_KINDS), expiry=random.choice(_EXPIRIES))
        nat = self.network.nat(
            f"{name}'s router", f"198.51.{100 + place}.1", kind, profile=self.profile
        )
        machine = self.network.machine(
            name,
            f"192.168.{place}.2",
            behind=nat,
            clock_offset=random.uniform(0.0, 1_000_000.0),
            drift_ppm=random.uniform(-500.0, 500.0),
        )
        return Seat(self.network, machine, name)

    def _meet(self) -> None:
        ada, grace = self.seats
        ada.connect(20.0)
        grace.connect(20.0)
        ada.create()
        grace.join(ada.session.session_id)
        settings = MatchSettings(start_timeout=30.0, input_delay=self.random.below(4))
        for seat in self.seats:
            seat.protocol.hold = self.random.between(2, 12)
            seat.play(settings)
        self._until(lambda: self._confirmed() >= 30, 30.0, "play to begin")
        self.mallory.misbehave(
            LOBBY,
            (LOBBY_HOST, 7770),
            (RELAY_HOST, RELAY_PORT),
            ada.session.session_id,
            ada.player.lobby.client_id,
            self._outsides(),
        )

    def _outsides(self) -> list[tuple[str, int]]:
        relayed = [seat.player.sockets.relayed for seat in self.seats]
        outside = [seat.player.lobby.server_reflexive for seat in self.seats]
        return [
            *(address for address in outside if address is not None),
            *(socket.address for socket in relayed if socket is not None),
        ]

    def _faults(self) -> None:
        """Let some faults happen, at times drawn from the seed, and all end in time."""
        random = self.random
        clock = self.network.clock
        kinds = self._faultKinds()
        kinds.append(kinds[0])
        random.shuffle(kinds)
        for act in kinds[: random.between(3, len(kinds))]:
            clock.callLater(random.uniform(0.0, FAULTY_SECONDS - 2.5), act)
        self.network.advance(FAULTY_SECONDS)

    def _faultKinds(self) -> list[Callable[[], object]]:
        random = self.random
        network = self.network
        homes = ["Ada's router", "Grace's router"]
        duration = random.uniform(0.2, 2.0)

        def part(ones: list[str], others: list[str]) -> None:
            network.partition(ones, others)
            network.clock.callLater(duration, network.heal)

        def storm() -> None:
            home = random.choice(homes)
            network.setProfile(home, attrs.evolve(self.profile, loss=0.4, jitter=0.05))
            network.clock.callLater(duration, network.setProfile, home, self.profile)

        machines = [seat.machine for seat in self.seats]
        servers = [self.servers.lobby_machine, self.servers.relay_machine]
        return [
            lambda: part(homes[:1], homes[1:]),
            lambda: part([random.choice(homes)], ["relay"]),
            lambda: part([random.choice(homes)], ["lobby"]),
            lambda: part([random.choice(homes)], ["relay", *homes]),
            storm,
            network.nats[random.choice(homes)].forget,
            lambda: random.choice(machines).suspend(random.uniform(0.05, 0.4)),
            lambda: random.choice(servers).suspend(random.uniform(0.05, 0.4)),
            lambda: random.choice(machines).stepWallClock(random.choice((-3600.0, 3600.0))),
            lambda: random.choice(servers).stepWallClock(random.choice((-3600.0, 3600.0))),
        ]

    def _heal(self) -> int:
        """End every fault; return how many frames were confirmed by then."""
        self.network.heal()
        for home in ("Ada's router", "Grace's router"):
            self.network.setProfile(home, LinkProfile(latency=self.profile.latency))
        return self._confirmed()

    def _mustMove(self, before: int) -> None:
        wanted = before + HEALED_FRAMES
        self._until(
            lambda: self._confirmed() >= wanted,
            HEALED_SECONDS,
            f"frame {wanted} after healing at {before}",
        )

    def _part(self) -> None:
        ada, grace = self.seats
        for seat in self.seats:
            if seat.failure is not None:
                raise WorldFailed(f"{seat.name}: {seat.failure!r}")
            if seat.protocol.desyncs:
                raise WorldFailed(f"{seat.name} saw desyncs: {seat.protocol.desyncs[:3]}")
        self.statistics = [self._matchOf(seat).statistics() for seat in self.seats]
        ada.session.leave().addErrback(lambda failure: None)
        self._until(lambda: ada.over and grace.over, 5.0, "the farewell to come")
        self._mustAgree()
        for seat in self.seats:
            seat.player.close()
        self.mallory.stop()
        self.servers.stop()
        self.network.advance(8.0)
        left = self.network.clock.getDelayedCalls()
        if left:
            raise WorldFailed(f"timers are left: {left[:3]}")

    def _mustAgree(self) -> None:
        ada, grace = self.seats
        count = self._confirmed()
        if ada.protocol.confirmed[:count] != grace.protocol.confirmed[:count]:
            raise WorldFailed("confirmed frames differ")
        outcomes = [seat.result.outcome for seat in self.seats if seat.result is not None]
        if outcomes != [Outcome.LEFT, Outcome.OTHER_LEFT]:
            raise WorldFailed(f"the match ended as {outcomes}")

    def _matchOf(self, seat: Seat) -> Any:
        if seat.session.match is None:
            raise WorldFailed(f"{seat.name} is in no match")
        return seat.session.match

    def _confirmed(self) -> int:
        return min(len(seat.protocol.confirmed) for seat in self.seats)

    def _until(self, predicate: Callable[[], object], limit: float, what: str) -> None:
        try:
            self.network.runUntil(predicate, limit)
        except Exception as error:
            found = [
                (seat.name, len(seat.protocol.confirmed), seat.failure, seat.protocol.paths)
                for seat in self.seats
            ]
            raise WorldFailed(f"waited {limit} s for {what}: {found}") from error

    def _noteEvent(self, event: Any) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            text = failure.getTraceback() if failure is not None else ""
            self.errors.append(f"{event.get('log_format')} {text}")

    def _report(self) -> dict[str, Any]:
        lobby = self.servers.factory.counters
        relay = self.servers.relay.counters
        counters = dict(self.network.counters.asDict())
        kinds = [statistics.path for statistics in self.statistics]
        counters["direct_paths"] = kinds.count("direct")
        counters["relay_paths"] = kinds.count("relay")
        counters["packets_direct"] = sum(s.packets_direct for s in self.statistics)
        counters["packets_relayed"] = sum(s.packets_relayed for s in self.statistics)
        counters["rollbacks"] = sum(s.rollbacks for s in self.statistics)
        counters["stalls"] = sum(s.stalls for s in self.statistics)
        counters["strangers"] = sum(s.player.sockets.strangers for s in self.seats)
        counters["allocations"] = relay.allocations_total
        for code, count in lobby.refusals.items():
            counters[f"lobby refused {code}"] = count
        counters["heartbeats malformed"] = lobby.heartbeats_malformed
        counters["heartbeats unknown"] = lobby.heartbeats_unknown
        counters["heartbeats forged"] = lobby.heartbeats_forged
        counters["lobby stun ignored"] = lobby.stun_ignored
        for error, count in relay.refused.items():
            counters[f"relay refused {error}"] = count
        for reason, count in relay.dropped.items():
            counters[f"relay dropped {reason.value}"] = count
        return {
            "trace": self.network.traceHash(),
            "frames": self._confirmed(),
            "seconds": round(self.network.clock.seconds(), 3),
            "paths": [seat.protocol.paths for seat in self.seats],
            "counters": counters,
        }


def runWorld(seed: int) -> dict[str, Any]:
    """
    Run the world of C{seed}.

    @return: See L{World.run}.
    @raise WorldFailed: Something did not hold.
    """
    return World(seed).run()
