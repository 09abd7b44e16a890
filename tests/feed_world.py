"""
For the tests of the feed: matches whose committed frames are known, hosts that feed
them, spectators that follow, and a network between them that loses, delays, reorders
and repeats datagrams, all from one seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from hashlib import blake2b

import attrs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.errors import RemoteProtocolError
from gamenet.feed.broadcast import Broadcast
from gamenet.feed.settings import FeedSettings
from gamenet.feed.transfer import DatagramTransfer, TransferSettings
from gamenet.interfaces import ISeatedSimulation
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.timeline import Timeline
from gamenet.seeded_random import SeededRandom
from gamenet.spectator.session import SpectatorEvent, SpectatorSession
from gamenet.spectator.settings import SpectatorSettings

__all__ = [
    "FRAME",
    "FeedWorld",
    "Host",
    "Network",
    "SeatGame",
    "SpectatorCase",
    "Viewer",
    "committed",
    "largest",
]

FRAME = 1 / 60

#: From a frame, how many players there are and a seed to inputs and empty seats.
Script = Callable[[int, int, int], tuple[tuple[bytes, ...], tuple]]


@implementer(ISeatedSimulation)
class SeatGame:
    """A game whose state depends on each frame's number, inputs in their order and empty seats."""

    def __init__(self, padding: int = 0) -> None:
        self.frame = 0
        self.state = bytes(16)
        self.padding = padding
        self.trace: dict[int, bytes] = {}

    def advance(self, inputs: tuple[bytes, ...]) -> None:
        self.advanceSeated(inputs, ())

    def advanceSeated(self, inputs: tuple[bytes, ...], absent: tuple[int, ...]) -> None:
        told = repr((self.frame, inputs, tuple(absent))).encode()
        self.state = blake2b(self.state + told, digest_size=16).digest()
        self.frame += 1
        self.trace[self.frame] = self.state

    def save(self) -> bytes:
        return self.frame.to_bytes(4, "big") + self.state + self.state * self.padding

    def load(self, snapshot: bytes) -> None:
        self.frame = int.from_bytes(snapshot[:4], "big")
        self.state = bytes(snapshot[4:20])
        self.trace[self.frame] = self.state


def largest(frame: int, players: int = 2, seed: int = 1) -> tuple[tuple[bytes, ...], tuple]:
    """The largest inputs that there are, all of them new in every frame."""
    random = SeededRandom.fromLabel(seed, str(frame))
    return tuple([random.drawBytes(64) for _ in range(players)]), ()


def committed(frame: int, players: int = 2, seed: int = 1) -> tuple[tuple[bytes, ...], tuple]:
    """The inputs and empty seats of a frame: inputs change every third frame, of one player."""
    inputs = []
    for player in range(1, players + 1):
        random = SeededRandom.fromLabel(seed, f"{player}/{(frame + player) // 3}")
        inputs.append(random.drawBytes(random.below(3)))
    absent = (players,) if frame // 100 % 3 == 2 else ()
    return tuple(inputs), absent


@attrs.define(slots=False)
class Network:
    """
    Datagrams on their way; times in seconds.

    @ivar dead: Whose datagrams are lost, both ways.
    @ivar counters: How often each thing happened.
    """

    seed: int = 1
    loss: float = 0.0
    repeat: float = 0.0
    latency: float = 0.03
    jitter: float = 0.0
    dead: dict[int, bool] = attrs.field(factory=dict)
    counters: dict[str, int] = attrs.field(
        factory=lambda: dict.fromkeys(("sent", "lost", "repeated", "reordered"), 0)
    )
    bytes_sent: dict[tuple[int, int], int] = attrs.field(factory=dict)
    packets_sent: dict[tuple[int, int], int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._random = SeededRandom.fromLabel(self.seed, "network")
        self._flying: list[tuple[float, int, int, int, bytes]] = []
        self._newest: dict[tuple[int, int], int] = {}

    def send(self, source: int, to: int, body: bytes, now: float) -> None:
        assert len(body) <= 1150, len(body)
        self.counters["sent"] += 1
        pair = (source, to)
        self.packets_sent[pair] = self.packets_sent.get(pair, 0) + 1
        self.bytes_sent[pair] = self.bytes_sent.get(pair, 0) + len(body)
        copies = 1
        if self._random.chance(self.loss):
            self.counters["lost"] += 1
            copies = 0
        elif self._random.chance(self.repeat):
            self.counters["repeated"] += 1
            copies = 2
        for _ in range(copies):
            at = now + self.latency + self._random.unit() * self.jitter
            heapq.heappush(self._flying, (at, self.counters["sent"], source, to, body))

    def due(self, now: float) -> list[tuple[int, int, bytes]]:
        datagrams = []
        while self._flying and self._flying[0][0] <= now:
            _, order, source, to, body = heapq.heappop(self._flying)
            if order < self._newest.get((source, to), 0):
                self.counters["reordered"] += 1
            self._newest[source, to] = max(order, self._newest.get((source, to), 0))
            if not (self.dead.get(source) or self.dead.get(to)):
                datagrams.append((source, to, body))
        return datagrams


class Host:
    """One that feeds: it commits a frame per tick."""

    def __init__(
        self, settings: FeedSettings, seed: int, padding: int = 0, script: Script | None = None
    ) -> None:
        self.script = script or committed
        self.transfer = DatagramTransfer(TransferSettings())
        self.broadcast = Broadcast(settings, self.transfer)
        self.game = SeatGame(padding)
        self.seed = seed
        self.running = True
        self.snapshots = 0

    def commit(self, count: int = 1) -> None:
        for _ in range(count):
            frame = self.game.frame
            inputs, absent = self.script(frame, self.broadcast.settings.players, self.seed)
            self.game.advanceSeated(inputs, absent)
            self.broadcast.frameCommitted(frame, inputs, absent)

    def received(self, source: int, body: bytes, now: float) -> None:
        if 0x40 <= body[0] <= 0x4F:
            self.transfer.packetReceived(source, body, now)
        else:
            self.broadcast.received(source, body, now)

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        if self.broadcast.snapshotWanted:
            self.snapshots += 1
            self.broadcast.snapshotTaken(self.game.frame, self.game.save(), now)
        return (*self.broadcast.packetsDue(now), *self.transfer.packetsDue(now))


class Viewer:
    """A spectator with its game, and everything that it was told."""

    def __init__(self, settings: SpectatorSettings) -> None:
        self.session = SpectatorSession(settings)
        self.game = SeatGame()
        self.timeline = Timeline(self.game, self.session)
        self.events: list[SpectatorEvent] = []
        self.frames = self.game.trace
        self.refused = 0
        self.paused = False

    def received(self, source: int, body: bytes, now: float) -> None:
        try:
            self.session.packetReceived(source, body, now)
        except RemoteProtocolError:
            self.refused += 1

    def apply(self, steps: tuple) -> None:
        """Do steps, and take the events."""
        self.timeline.apply(steps)
        self.events += self.session.drainEvents()

    def tick(self, now: float) -> None:
        if not self.paused:
            self.apply(self.session.advance(None, now))

    def confirmed(self) -> list[FrameConfirmed]:
        return [event for event in self.events if isinstance(event, FrameConfirmed)]

    def told(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


class FeedWorld:
    """
    Hosts with low numbers, viewers with numbers from 101 on.

    @ivar now: Seconds.
    """

    def __init__(
        self,
        hosts: tuple[int, ...] = (1,),
        network: Network | None = None,
        players: int = 2,
        padding: int = 0,
        script: Script | None = None,
        **settings: float,
    ) -> None:
        self.script = script or committed
        self.network = network or Network()
        self.players = players
        self.tick_number = 0
        feed = FeedSettings(players=players, **settings)
        seed = self.network.seed
        self.hosts = {number: Host(feed, seed, padding, script) for number in hosts}
        self.viewers: dict[int, Viewer] = {}

    @property
    def now(self) -> float:
        return self.tick_number * FRAME

    def view(self, number: int = 101, **settings: object) -> Viewer:
        """Add a viewer."""
        chosen = {"players": self.players, "hosts": tuple(self.hosts), "delay": 0.0} | settings
        viewer = self.viewers[number] = Viewer(SpectatorSettings(**chosen))
        return viewer

    def tick(self) -> None:
        now = self.now
        for source, to, body in self.network.due(now):
            if to in self.hosts:
                self.hosts[to].received(source, body, now)
            elif to in self.viewers:
                self.viewers[to].received(source, body, now)
        for number, host in self.hosts.items():
            if host.running:
                host.commit()
            for to, body in host.packetsDue(now):
                self.network.send(number, to, body, now)
        for number, viewer in self.viewers.items():
            viewer.tick(now)
            for to, body in viewer.session.packetsDue(now):
                self.network.send(number, to, body, now)
        self.tick_number += 1

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick()

    def states(self, frames: int) -> list[bytes]:
        """The state before each frame, as the players have it."""
        game = SeatGame()
        states = [game.state]
        for frame in range(frames):
            game.advanceSeated(*self.script(frame, self.players, self.network.seed))
            states.append(game.state)
        return states


class SpectatorCase(SynchronousTestCase):
    """What all these tests compare."""

    def assertSame(self, world: FeedWorld, viewer: Viewer, least: int = 1) -> None:
        """All states that the viewer's game had are those of the players, at least so many."""
        states = world.states(max(viewer.frames, default=0))
        for frame, state in viewer.frames.items():
            self.assertEqual(state, states[frame], f"frame {frame}")
        self.assertGreaterEqual(len(viewer.frames), least)
