"""
Three play, and a fourth joins with a snapshot of 1 MB over a narrow link, in the twin world:
real matches, links, channels and sessions.

In the twin world what a process computes takes no time, so it is measured and added: each
turn of a player (a timer, a datagram) begins when it is due or when the turn before it has
ended, whichever is later, and takes the CPU time that it took here.  What the network of
the world computes while a datagram is sent counts as the sender's.

A stall is the time between two frames that were played for the first time on one of the
three, from the ticket of the fourth until a second after its first frame.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_128
from itertools import pairwise
from time import thread_time
from typing import Any

import attrs
from zope.interface import implementer

from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.player_keys import SEED_BYTES, PlayerKeys
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from tests.benchmarks.figures import Figure, fromRounds
from tests.many_players import ManyPlayers, MeshPlayer, MeshSeat
from tests.scenes import HashGame

__all__ = ["Joined", "Processor", "lateJoin", "measure"]

_SNAPSHOT = 1 << 20
_GOOD = LinkProfile(latency=0.005, jitter=0.002)
_NARROW = LinkProfile(latency=0.025, loss=0.01, bandwidth=1_250_000.0, queue_limit=64_000)
_CAPACITY = 4
_SETTLED = 120
_AFTERWARDS = 1.0
_LIMIT = 30.0


@attrs.frozen
class Joined:
    """
    What one join came to, in seconds.

    @ivar stall: The longest time between two new frames on any of the three.
    @ivar before: The same before the fourth came.
    @ivar world_stall: The longest time between two new frames if computing took none.
    @ivar turn: The longest turn of any of the three during the join.
    @ivar turn_before: The same before.
    @ivar seat: From the ticket until the fourth has its seat.
    @ivar confirmed: From the ticket until the first frame that has inputs of the fourth is
        final for it.
    """

    stall: float
    before: float
    world_stall: float
    turn: float
    turn_before: float
    seat: float
    confirmed: float


@attrs.define
class Processor:
    """
    The time that one player's process takes to compute.

    @ivar free_at: When it has done all that it has begun, by the world's clock.
    @ivar longest: The longest turn; set to 0 by whoever wants to know it of a while.
    """

    world_time: Callable[[], float]
    free_at: float = 0.0
    longest: float = 0.0
    _began: float | None = None

    def now(self) -> float:
        """Return the time, by the world's clock, as far as this process has come."""
        if self._began is None:
            return max(self.free_at, self.world_time())
        return self.free_at + thread_time() - self._began

    def turn(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do something, and take as long as that takes; a turn within a turn is part of it."""
        if self._began is not None:
            return work(*arguments, **named)
        self.free_at = max(self.free_at, self.world_time())
        self._began = thread_time()
        try:
            return work(*arguments, **named)
        finally:
            took = thread_time() - self._began
            self._began = None
            self.free_at += took
            self.longest = max(self.longest, took)


class _MeteredClock:
    """A machine's clock, whose calls are turns of a processor."""

    def __init__(self, clock: Any, processor: Processor) -> None:
        self._clock = clock
        self._processor = processor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def callLater(self, delay: float, call: Callable[..., object], *args: Any, **kw: Any) -> Any:
        """See C{IReactorTime}."""
        return self._clock.callLater(delay, self._processor.turn, call, *args, **kw)


@implementer(IMachine)
class _MeteredMachine:
    """A machine of the world, all of whose work is turns of a processor."""

    def __init__(self, machine: WorldMachine, processor: Processor) -> None:
        self._machine = machine
        self._processor = processor
        self.clock = _MeteredClock(machine.clock, processor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """See L{IMachine}."""

        def receive(data: bytes, address: Address) -> None:
            self._processor.turn(receiver, data, address)

        return self._machine.openDatagramSocket(receive, interface, port)


class _LargeGame(HashGame):
    """A running hash, with a megabyte that goes with it."""

    ballast = b""

    def save(self) -> bytes:
        """Return all of it."""
        return super().save() + self.ballast

    def load(self, snapshot: bytes) -> None:
        """Take all of it over."""
        super().load(snapshot[:20])
        self.ballast = snapshot[20:]


class _Watcher(MeshPlayer):
    """
    Notes when each frame was played for the first time, and in which turn.

    @ivar played: When each new frame was there, by the processor, and when its turn was due.
    @ivar seated_at: When we had our seat, by the processor.
    @ivar first: When a frame with inputs of ours was final first, likewise.
    """

    def __init__(self, mesh: _Mesh, player: int) -> None:
        super().__init__(mesh.network, player)
        self.processor = Processor(mesh.network.clock.seconds)
        self.player = player
        self.played: list[tuple[float, float]] = []
        self.newest = -1
        self.seated_at: float | None = None
        self.first: float | None = None

    def frameReady(self, simulation: Any, blend: float) -> None:
        """Note a new frame."""
        if simulation.frames > self.newest:
            self.newest = simulation.frames
            self.played.append((self.processor.now(), self.network.clock.seconds()))

    def seatTaken(self, frame: int) -> None:
        """Note when."""
        super().seatTaken(frame)
        self.seated_at = self.processor.now()

    def frameConfirmed(self, frame: int, inputs: Any, checksum: Any) -> None:
        """Note the first that has something of ours."""
        super().frameConfirmed(frame, inputs, checksum)
        if self.first is None and self.seated_at is not None and inputs[self.player - 1]:
            self.first = self.processor.now()


class _Mesh(ManyPlayers):
    """Players whose computing is measured."""

    def sitDown(self, player: int, players: int = 1) -> MeshSeat:
        """Give a player a machine, keys and sockets; there is one at each machine."""
        watcher = _Watcher(self, player)
        plain = self.network.machine(f"p{player}", f"198.51.100.{player}", profile=self.profile)
        machine: Any = _MeteredMachine(plain, watcher.processor)
        keys = PlayerKeys.fromRandomBytes(machine.randomBytes(SEED_BYTES))
        game = _LargeGame(self.capacity)
        sockets = PlayerSockets(machine, "", 0, lambda: None)
        seat = self.seats[player] = MeshSeat(player, machine, keys, sockets, watcher, game)
        return seat


def measure(seed: int, size: int = _SNAPSHOT) -> Joined:
    """
    Let three play and a fourth join.

    @param seed: Of the world.
    @param size: Of the game's state, in bytes, without 20 that are always there.
    """
    mesh = _Mesh(_CAPACITY - 1, seed, capacity=_CAPACITY, profile=_GOOD)
    ballast = shake_128(b"ballast").digest(size)
    for seat in mesh.seats.values():
        game: Any = seat.game
        game.ballast = ballast
    mesh.play()
    mesh.until(_SETTLED)
    playing: list[Any] = [seat.protocol for seat in mesh.seats.values()]
    turn_before = _longestTurn(playing)
    begins = mesh.network.clock.seconds()
    mesh.profile = _NARROW
    late: Any = mesh.admit(_CAPACITY).protocol
    mesh.network.runUntil(lambda: late.first is not None, _LIMIT)
    mesh.network.advance(_AFTERWARDS)
    if mesh.disagreement():
        raise RuntimeError(f"not the same match: {mesh.disagreement()}")
    earlier = [_gaps([pair for pair in each.played if pair[1] < begins]) for each in playing]
    gaps = [_gaps([pair for pair in each.played if pair[1] >= begins - 0.05]) for each in playing]
    return Joined(
        stall=max([computed for computed, _ in gaps]),
        before=max([computed for computed, _ in earlier]),
        world_stall=max([plain for _, plain in gaps]),
        turn=_longestTurn(playing),
        turn_before=turn_before,
        seat=late.seated_at - begins,
        confirmed=late.first - begins,
    )


def _longestTurn(players: list[Any]) -> float:
    """Return the longest turn of anybody since the last call."""
    longest: float = max([player.processor.longest for player in players])
    for player in players:
        player.processor.longest = 0.0
    return longest


def _gaps(played: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the longest time between two frames, with computing and without."""
    pairs = list(pairwise(played))
    return (
        max([after[0] - before[0] for before, after in pairs]),
        max([after[1] - before[1] for before, after in pairs]),
    )


def lateJoin(rounds: int) -> list[Figure]:
    """
    Return C{late_join_longest_stall_ms} and C{late_join_seconds}; a round is a seed of its
    own, five at most.
    """
    runs = [measure(seed) for seed in range(1, 1 + min(rounds, 5))]
    stall = fromRounds(
        "late_join_longest_stall_ms",
        [1000 * run.stall for run in runs],
        "ms",
        goal=100.0,
        better="lower",
        note=f"before {1000 * max([run.before for run in runs]):.1f}; without computing "
        f"{1000 * max([run.world_stall for run in runs]):.1f}; longest turn "
        f"{1000 * max([run.turn for run in runs]):.1f}, before "
        f"{1000 * max([run.turn_before for run in runs]):.1f}",
    )
    joined = fromRounds(
        "late_join_seconds",
        [run.confirmed for run in runs],
        "s",
        goal=5.0,
        better="lower",
        note=f"1 MB, 10 Mbit/s, 25 ms, 1 %; seat after {max([run.seat for run in runs]):.2f}",
    )
    return [stall, joined]
