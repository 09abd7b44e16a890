"""
Players who share a session, in a world with a lobby, a relay and routers of several kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from gamenet.event_log.settings import EventLogSettings
from gamenet.match import Player, Session, connect
from gamenet.match.session_protocol import SessionProtocol
from gamenet.match.session_settings import SessionSettings
from gamenet.match.shared_match import SharedMatch
from gamenet.wire.log_commands import Command
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.nat_behavior import FULL_CONE, PORT_RESTRICTED, PORT_SENSITIVE_RANDOM
from gamenet.world.network import WorldNetwork
from tests.scenes import LOBBY, Servers

__all__ = ["SharedParty", "SharingPlayer", "SharingSeat"]

KINDS = (PORT_RESTRICTED, FULL_CONE, None, PORT_SENSITIVE_RANDOM)


class SharingPlayer(SessionProtocol):
    """Writes down what happens."""

    def __init__(self) -> None:
        self.happened: list[tuple[Any, ...]] = []
        self.raises = ""

    def _note(self, *what: Any) -> None:
        self.happened.append(what)
        if what[0] == self.raises:
            raise ValueError("a mistake of the game")

    def told(self, what: str) -> list[tuple[Any, ...]]:
        """Return what was told of that name."""
        return [each[1:] for each in self.happened if each[0] == what]

    def synced(self, state: Any) -> None:
        """Write it down."""
        self._note("synced", state)

    def eventApplied(self, event: Any) -> None:
        """Write it down."""
        self._note("eventApplied", event)

    def eventDropped(self, event: Any) -> None:
        """Write it down."""
        self._note("eventDropped", event)

    def hostChanged(self, player: int, epoch: int) -> None:
        """Write it down."""
        self._note("hostChanged", player, epoch)

    def participantLost(self, player: int) -> None:
        """Write it down."""
        self._note("participantLost", player)

    def participantReturned(self, player: int) -> None:
        """Write it down."""
        self._note("participantReturned", player)

    def participantLeft(self, player: int, reason: Any) -> None:
        """Write it down."""
        self._note("participantLeft", player, reason)

    def statesDisagree(self, sequence: int, player: int) -> None:
        """Write it down."""
        self._note("statesDisagree", sequence, player)

    def peersChanged(self, players: Sequence[int]) -> None:
        """Write it down."""
        self._note("peersChanged", tuple(players))


@attrs.define(eq=False)
class SharingSeat:
    """One player, from the connection to the end."""

    place: int
    machine: WorldMachine
    protocol: SharingPlayer
    player: Player
    session: Session | None = None
    match: SharedMatch | None = None
    failure: BaseException | None = None
    ended: list[BaseException | None] = attrs.field(factory=list)

    @property
    def shared(self) -> SharedMatch:
        """The match, which is there."""
        assert self.match is not None, self.failure
        return self.match

    @property
    def lives(self) -> bool:
        """Whether the process runs and takes part."""
        return self.match is not None and not self.match.over and not self.machine.clock.stopped


class SharedParty:
    """The world."""

    def __init__(
        self,
        players: int,
        seed: int = 1,
        capacity: int = 8,
        profile: LinkProfile | None = None,
        relay_only: bool = False,
        **log: Any,
    ) -> None:
        self.network = WorldNetwork(seed)
        self.profile = profile or LinkProfile(latency=0.01)
        self.servers = Servers(self.network, LinkProfile(latency=0.01))
        self.settings = SessionSettings(joins=True, log=EventLogSettings(**log))
        self.capacity = capacity
        self.relay_only = relay_only
        self.seats: list[SharingSeat] = []
        self.session_id = ""
        for _ in range(players):
            self.arrive()

    @property
    def living(self) -> list[SharingSeat]:
        """Those who take part and run."""
        return [seat for seat in self.seats if seat.lives]

    def connect(self) -> SharingSeat:
        """One more player connects to the lobby."""
        place = len(self.seats) + 1
        kind = KINDS[(place - 1) % len(KINDS)]
        outside = f"198.51.{100 + place}.1"
        behind = None
        if kind is not None:
            behind = self.network.nat(f"r{place}", outside, kind, profile=self.profile)
        address = outside if behind is None else f"192.168.{place}.2"
        machine = self.network.machine(f"m{place}", address, behind, self.profile)
        connecting = connect(
            machine, LOBBY, f"player {place}", insecure=True, relay_only=self.relay_only
        )
        player = self.network.runUntil(connecting, 10.0)
        seat = SharingSeat(place, machine, SharingPlayer(), player)
        self.seats.append(seat)
        return seat

    def sitDown(self, seat: SharingSeat) -> None:
        """The first opens the session, the others join it."""
        if not self.session_id:
            sitting = seat.player.createSession("a party", self.capacity, 1)
        else:
            sitting = seat.player.joinSession(self.session_id)
        seat.session = self.network.runUntil(sitting, 10.0)
        self.session_id = seat.session.session_id

    def share(self, seat: SharingSeat, limit: float = 30.0) -> None:
        """A seated player shares; what comes of it is in C{match} or C{failure}."""
        assert seat.session is not None
        sharing = seat.session.share(seat.protocol, self.settings)
        sharing.addCallbacks(
            lambda match: self._begun(seat, match),
            lambda failure: setattr(seat, "failure", failure.value),
        )
        self.network.runUntil(lambda: seat.match is not None or seat.failure is not None, limit)

    def arrive(self) -> SharingSeat:
        """One more player connects, sits down and shares."""
        seat = self.connect()
        self.sitDown(seat)
        self.share(seat)
        joins = self.settings.joins
        self.until(lambda: seat.match is None or not joins or seat.match.shared.is_participant)
        return seat

    def until(self, condition: Any, limit: float = 30.0) -> None:
        """Let time pass until something holds."""
        self.network.runUntil(condition, limit)

    def answer(self, seat: SharingSeat, command: Command, limit: float = 30.0) -> Any:
        """Have somebody do something; return the event, or raise."""
        answer: Deferred[Any] = seat.shared.submit(command)
        return self.network.runUntil(answer, limit)

    def settled(self) -> bool:
        """Whether all who take part and run are at one event, in one state."""
        states = [seat.shared.state for seat in self.living]
        return len({state and (state.sequence, state.digest()) for state in states}) == 1

    def settle(self, limit: float = 30.0) -> None:
        """Let time pass until they are, and stay so for a moment."""
        self.until(self.settled, limit)
        self.network.advance(0.5)
        self.until(self.settled, limit)

    def cut(self, *places: int) -> None:
        """Nothing passes between these players and the others, who reach all servers."""
        rest = [f"m{seat.place}" for seat in self.seats if seat.place not in places]
        self.network.partition([f"m{place}" for place in places], [*rest, "relay", "lobby"])

    def stopLobby(self) -> None:
        """The lobby dies."""
        self.servers.lobby_machine.stop()

    def close(self) -> None:
        """End everything."""
        for seat in self.seats:
            seat.player.close()
        self.servers.stop()
        self.network.advance(8.0)

    def _begun(self, seat: SharingSeat, match: SharedMatch) -> None:
        seat.match = match
        match.whenOver().addCallbacks(
            lambda _: seat.ended.append(None), lambda failure: seat.ended.append(failure.value)
        )
