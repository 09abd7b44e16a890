"""
Matches of many players in the twin world, without a lobby: the tickets are written by
hand, and steps of punching are carried over by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from gamenet.match.attachments import Attachments
from gamenet.match.match import Match
from gamenet.match.protocol import MatchResult, PeerProtocol
from gamenet.match.settings import MatchSettings
from gamenet.mesh.resume_secret import ResumeSecret, decodeResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.player_keys import SEED_BYTES, PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import HOST, Candidate, TicketMember
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.network import WorldNetwork
from tests.scenes import HashGame

__all__ = ["ManyPlayers", "MeshPlayer", "MeshSeat"]

MATCH_ID = bytes(range(16))


class MeshPlayer(PeerProtocol):
    """Presses keys, and writes down what happens; frames by their number."""

    def __init__(self, network: WorldNetwork, player: int) -> None:
        self.network = network
        self.asked: dict[int, list[int]] = {}
        self.frames: dict[int, tuple[tuple[bytes, ...], int | None]] = {}
        self.restarts = 0
        self.happened: list[tuple[Any, ...]] = []
        self.counted: list[int] = []
        self.started: float | None = None
        self.loads: Any = None
        self.outcome = b"a draw"

    def load(self) -> Any:
        """Load as the test says."""
        return self.loads

    def countdown(self, seconds: int) -> None:
        """Write it down."""
        self.counted.append(seconds)

    def matchStarted(self, match: Any) -> None:
        """Write the world's time down."""
        self.started = self.network.clock.seconds()
        super().matchStarted(match)

    def localInput(self, player: int, frame: int) -> bytes:
        """Press another key every 5 frames."""
        self.asked.setdefault(player, []).append(frame)
        return blake2b(bytes([player])).digest()[frame // 5 % 64 :][:1]

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: Any) -> None:
        """Write the frame down; who comes back is told anew."""
        if self.frames and frame != max(self.frames) + 1:
            self.restarts += 1
            for known in [known for known in self.frames if known >= frame]:
                del self.frames[known]
        self.frames[frame] = (tuple(inputs), checksum)

    def gameOutcome(self) -> bytes:
        """Say what the test says."""
        return self.outcome

    def desynchronized(self, frame: int, local: int, remote: int, player: int) -> None:
        """Write it down."""
        self.happened.append(("desynchronized", frame, player))

    def interrupted(self, player: int, silence: float) -> None:
        """Write it down."""
        self.happened.append(("interrupted", player))

    def resumed(self, player: int) -> None:
        """Write it down."""
        self.happened.append(("resumed", player))

    def peerLost(self, player: int, silence: float) -> None:
        """Write it down."""
        self.happened.append(("peerLost", player))

    def playerDropped(self, player: int, frame: int) -> None:
        """Write it down."""
        self.happened.append(("playerDropped", player, frame))

    def playerJoined(self, player: int, frame: int) -> None:
        """Write it down."""
        self.happened.append(("playerJoined", player, frame))

    def dropped(self, frame: int) -> None:
        """Write it down."""
        self.happened.append(("dropped", frame))

    def seatTaken(self, frame: int) -> None:
        """Write it down."""
        self.happened.append(("seatTaken", frame))

    def isolated(self, missing: Sequence[int]) -> None:
        """Write it down."""
        self.happened.append(("isolated", tuple(missing)))

    def told(self, what: str) -> list[tuple[Any, ...]]:
        """Return what was told of that name."""
        return [event[1:] for event in self.happened if event[0] == what]


@attrs.define(eq=False)
class MeshSeat:
    """One player of a mesh, from its machine to its result."""

    player: int
    machine: WorldMachine
    keys: PlayerKeys
    sockets: PlayerSockets
    protocol: MeshPlayer
    game: HashGame
    players: int = 1
    match: Match | None = None
    result: MatchResult | None = None
    failure: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether the match is over here."""
        return self.result is not None or self.failure is not None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where the player is reached."""
        port = self.sockets.demultiplexer.address[1]
        return (Candidate(HOST, (self.machine.address, port)),)

    @property
    def member(self) -> TicketMember:
        """The player as tickets name it."""
        return TicketMember(
            self.player,
            bytes([self.player]) * 8,
            f"player {self.player}",
            self.keys.link_key,
            self.keys.statement_key,
            self.candidates,
            self.players,
        )


class ManyPlayers:
    """
    The players of one match.

    @ivar seats: By player number.
    """

    def __init__(
        self,
        players: int,
        seed: int = 1,
        *,
        capacity: int = 0,
        several: Mapping[int, int] | None = None,
        profile: LinkProfile | None = None,
        clocks: bool = False,
        **settings: Any,
    ) -> None:
        """
        @param players: How many play in all.
        @param capacity: Seats of the match; 0 for as many as players.
        @param several: How many play at a machine, by the lowest of their numbers; one
            everywhere else.
        @param profile: Of everybody's access link.
        @param clocks: Whether clocks start apart and drift.
        @param settings: Of the match.
        """
        self.network = WorldNetwork(seed)
        self.capacity = capacity or players
        self.profile = profile or LinkProfile(latency=0.01)
        self.settings = MatchSettings(**{"countdown": 0.0} | settings)
        self.clocks = clocks
        self.seats: dict[int, MeshSeat] = {}
        player = 1
        while player <= players:
            player += self.sitDown(player, (several or {}).get(player, 1)).players

    @property
    def living(self) -> list[MeshSeat]:
        """Those whose machines run and whose match is not over."""
        return [
            seat for seat in self.seats.values()
            if not seat.machine.clock.stopped and not seat.over
        ]

    def sitDown(self, player: int, players: int = 1) -> MeshSeat:
        """Give a player, or several, a machine, keys and sockets."""
        sign = -1 if player % 2 else 1
        machine = self.network.machine(
            f"p{player}",
            f"198.51.100.{player}",
            profile=self.profile,
            clock_offset=player * 1234.5 if self.clocks else 0.0,
            drift_ppm=sign * 100.0 * player % 500 if self.clocks else 0.0,
        )
        keys = PlayerKeys.fromRandomBytes(machine.randomBytes(SEED_BYTES))
        seat = MeshSeat(
            player,
            machine,
            keys,
            PlayerSockets(machine, "", 0, lambda: None),
            MeshPlayer(self.network, player),
            HashGame(max(2, self.capacity)),
            players,
        )
        self.seats[player] = seat
        return seat

    def play(
        self, *players: int, late: bool = False, resumed: ResumeSecret | None = None
    ) -> None:
        """Have players (all, unless named) play with those who are seated and live."""
        present = tuple(
            self.seats[player].member
            for player in sorted(self.seats)
            if not self.seats[player].machine.clock.stopped
        )
        for player in players or tuple(self.seats):
            seat = self.seats[player]
            ticket = MatchTicket(
                MATCH_ID, "0" * 16, player, 42, present, self.capacity, late
            )
            if resumed is not None:
                ticket = resumed.ticket
            seat.match = Match(
                seat.machine,
                ticket,
                seat.keys,
                seat.sockets,
                seat.game,
                seat.protocol,
                self.settings,
                Attachments(),
                seat.candidates,
                self._stepper(seat),
                resumed,
            )
            playing: Deferred[MatchResult] = seat.match.play()
            playing.addCallbacks(
                lambda result, seat=seat: setattr(seat, "result", result),
                lambda failure, seat=seat: setattr(seat, "failure", failure.value),
            )

    def admit(self, player: int, players: int = 1) -> MeshSeat:
        """A player comes late, or several at one machine; the others are told, as by a lobby."""
        seat = self.sitDown(player, players)
        for other in self.living:
            if other.player != player and other.match is not None:
                other.match.memberJoined(seat.member)
        self.play(player, late=True)
        return seat

    def secretOf(self, player: int) -> bytes:
        """Return what a later process of a player needs."""
        match = self.seats[player].match
        assert match is not None
        return match.resumeSecret()

    def bringBack(self, player: int, secret: bytes) -> MeshSeat:
        """A process comes back with its resume secret; nobody tells the others."""
        resumed = decodeResumeSecret(secret)
        players = {member.player: member.players for member in resumed.ticket.members}
        seat = self.sitDown(player, players[player])
        seat.keys = resumed.keys(seat.machine.randomBytes(32))
        self.play(player, resumed=resumed)
        return seat

    def cut(self, *ones: int, others: tuple[int, ...] = ()) -> None:
        """Nothing passes between these and the others, until C{heal}."""
        rest = others or tuple(player for player in self.seats if player not in ones)
        self.network.partition([f"p{one}" for one in ones], [f"p{one}" for one in rest])

    def confirmed(self) -> int:
        """Return the newest frame that all who live have confirmed; -1 for none."""
        return min([max(seat.protocol.frames, default=-1) for seat in self.living], default=-1)

    def until(self, frame: int, limit: float = 30.0) -> None:
        """Let time pass until all who live have confirmed a frame."""
        self.network.runUntil(lambda: self.confirmed() >= frame, limit)

    def onward(self, frames: int, limit: float = 30.0) -> None:
        """Let time pass until all who live have confirmed so many frames more."""
        newest = max(max(seat.protocol.frames, default=-1) for seat in self.living)
        self.until(newest + frames, limit)

    def toTheEnd(self, limit: float = 30.0) -> None:
        """Let time pass until the match is over for all who live."""
        self.network.runUntil(lambda: not self.living, limit)

    def disagreement(self, *players: int) -> str:
        """Return the first frame on which any two of these players differ; C{""} for none."""
        chosen = [self.seats[player] for player in players or tuple(self.seats)]
        known: dict[int, tuple[int, Any]] = {}
        for seat in chosen:
            for frame, row in seat.protocol.frames.items():
                if frame in known and known[frame][1][0] != row[0]:
                    return f"frame {frame}: {known[frame]} and {seat.player}: {row}"
                other = known.get(frame, (0, row))[1][1]
                if None not in (other, row[1]) and other != row[1]:
                    return f"checksum of frame {frame}: {known[frame]} and {seat.player}: {row}"
                known.setdefault(frame, (seat.player, row))
        return ""

    def _stepper(self, seat: MeshSeat) -> Any:
        def send(player: int, attempt: bytes, kind: int) -> None:
            def arrive() -> None:
                other = self.seats.get(player)
                if other is not None and other.match is not None and not other.over:
                    other.match.stepReceived(seat.player, attempt, kind)

            self.network.clock.callLater(0.03, arrive)

        return send
