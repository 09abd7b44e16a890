"""
For the tests of L{gamenet.rollback}: a session to be led step by step, and two
joined by a pipe that loses, delays, reorders and repeats packets, all from one
seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from hashlib import blake2b

import attrs
from zope.interface import implementer

from gamenet.interfaces import ISimulation
from gamenet.rollback.events import Desynchronized, Event, FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Step
from gamenet.rollback.timeline import Timeline
from gamenet.seeded_random import SeededRandom
from gamenet.wire.input_packet import encodeInputPacket

__all__ = ["Duel", "HashGame", "Link", "Player", "play", "pressed", "session", "tell"]

FRAME = 1 / 60


@implementer(ISimulation)
class HashGame:
    """A game whose state depends on every input, their order and the frame."""

    def __init__(self) -> None:
        self.frame = 0
        self.state = bytes(8)
        self.corrupt_at: int | None = None

    def advance(self, inputs: tuple[bytes, ...]) -> None:
        digest = blake2b(self.state, digest_size=8)
        digest.update(self.frame.to_bytes(4, "big"))
        for text in inputs:
            digest.update(len(text).to_bytes(1, "big") + text)
        self.state = digest.digest()
        if self.frame == self.corrupt_at:
            self.state = bytes([self.state[0] ^ 1]) + self.state[1:]
        self.frame += 1

    def save(self) -> bytes:
        return self.frame.to_bytes(4, "big") + self.state

    def load(self, snapshot: bytes) -> None:
        self.frame = int.from_bytes(snapshot[:4], "big")
        self.state = snapshot[4:]


def pressed(seed: int, player: int, frame: int, held: int = 3) -> bytes:
    """The input that a player's script has for a frame: changes every C{held} frames or so."""
    random = SeededRandom.fromLabel(seed, f"{player}/{frame // held}")
    return random.drawBytes(random.below(4))


@attrs.define
class Link:
    """
    What happens to packets; times in frames.

    @ivar blackout: When nothing gets through, and for how long.
    @ivar pause: Which player's machine stands still, when, and for how long.
    @ivar counters: How often each thing happened.
    """

    loss: float = 0.0
    repeat: float = 0.0
    latency: float = 2.0
    jitter: float = 0.0
    blackout: tuple[int, int] = (0, 0)
    pause: tuple[int, int, int] = (0, 0, 0)
    counters: dict[str, int] = attrs.field(
        factory=lambda: dict.fromkeys(
            ("lost", "repeated", "reordered", "delivered", "blackouts", "pauses"), 0
        )
    )


@attrs.define
class Player:
    """One session with its game, and everything it told."""

    session: RollbackSession
    game: HashGame
    timeline: Timeline
    script: Callable[[int], bytes]
    confirmed: list[FrameConfirmed] = attrs.field(factory=list)
    differences: list[Desynchronized] = attrs.field(factory=list)

    @classmethod
    def of(cls, settings: RollbackSettings, script: Callable[[int], bytes]) -> Player:
        session = RollbackSession(settings)
        game = HashGame()
        return cls(session, game, Timeline(game, session), script)

    def tick(self, now: float) -> None:
        frame = self.session.inputFrame()
        text = None if frame is None else self.script(frame)
        self.timeline.apply(self.session.advance(text, now))
        self.take(self.session.drainEvents())

    def take(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, FrameConfirmed):
                self.confirmed.append(event)
            else:
                self.differences.append(event)


class Duel:
    """
    Two players over one link.

    @ivar now: The time, in frames.
    """

    def __init__(
        self,
        settings: tuple[RollbackSettings, RollbackSettings],
        link: Link,
        seed: int,
        script: Callable[[int, int], bytes] | None = None,
    ) -> None:
        self.link = link
        self.random = SeededRandom.fromLabel(seed, "pipe")
        self.now = 0.0
        self._order = 0
        self._newest = {1: -1, 2: -1}
        self._flying: list[tuple[float, int, int, bytes]] = []
        play = script or (lambda player, frame: pressed(seed, player, frame))
        self.players = {
            number: Player.of(settings[number - 1], lambda frame, n=number: play(n, frame))
            for number in (1, 2)
        }

    def send(self, to: int, body: bytes) -> None:
        """Put a packet into the pipe."""
        link = self.link
        copies = 1
        if 0 <= self.now - link.blackout[0] < link.blackout[1]:
            link.counters["blackouts"] += 1
            copies = 0
        elif self.random.chance(link.loss):
            link.counters["lost"] += 1
            copies = 0
        elif self.random.chance(link.repeat):
            link.counters["repeated"] += 1
            copies = 2
        for _ in range(copies):
            delay = link.latency + self.random.unit() * link.jitter
            heapq.heappush(self._flying, (self.now + delay, self._order, to, body))
        self._order += 1

    def deliver(self) -> None:
        """Hand over what has arrived by now."""
        while self._flying and self._flying[0][0] <= self.now:
            _, order, to, body = heapq.heappop(self._flying)
            self.link.counters["delivered"] += 1
            if order < self._newest[to]:
                self.link.counters["reordered"] += 1
            self._newest[to] = max(self._newest[to], order)
            self.players[to].session.packetReceived(3 - to, body, self.now * FRAME)

    def tick(self, number: int) -> None:
        """One player's frame is due."""
        paused, start, length = self.link.pause
        if number == paused and 0 <= self.now - start < length:
            self.link.counters["pauses"] += 1
            return
        player = self.players[number]
        player.tick(self.now * FRAME)
        self.send(3 - number, player.session.packetFor(3 - number, self.now * FRAME))

    def run(self, frames: int) -> None:
        """Let both players' schedules go on for that many frames."""
        for _ in range(frames):
            self.deliver()
            self.tick(1)
            self.now += 0.5
            self.deliver()
            self.tick(2)
            self.now += 0.5

    def runUntilFinished(self, limit: int) -> bool:
        """Run until both have finished and know that the other has all; at most C{limit} frames."""
        for _ in range(limit):
            if all(
                p.session.finished and p.session.acknowledged(3 - n)
                for n, p in self.players.items()
            ):
                return True
            self.run(1)
        return False


def session(player: int = 1, **changes: int) -> RollbackSession:
    """A session, without delay unless asked for."""
    chosen = {"local_player": player, "input_delay": 0} | changes
    return RollbackSession(RollbackSettings(**chosen))


def play(one: RollbackSession, text: bytes | None = b"", now: float = 0.0) -> tuple[Step, ...]:
    """Advance, with the frame number as the checksum of each frame that became final."""
    steps = one.advance(text, now)
    for frame in one.checksumsWanted():
        one.checksumTaken(frame, frame)
    return steps


def tell(one: RollbackSession, *inputs: bytes, first: int = 0, wanted: int = 0) -> None:
    """Let player 2 send inputs to C{one}."""
    body, _ = encodeInputPacket(first, inputs, wanted, first + len(inputs))
    one.packetReceived(2, body, 0.0)
