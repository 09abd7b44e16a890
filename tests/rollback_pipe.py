"""
For the tests of L{gamenet.rollback}: a session to be led step by step, and two
joined by a pipe that loses, delays, reorders and repeats packets, all from one
seed.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from hashlib import blake2b
from types import MethodType
from typing import Any, NamedTuple

import attrs
from zope.interface import implementer

from gamenet.interfaces import ISimulation
from gamenet.rollback.events import Desynchronized, FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.session_events import SessionEvent
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Step
from gamenet.rollback.timeline import Timeline
from gamenet.seeded_random import SeededRandom
from gamenet.wire.input_frames import decodeBlobs, decodeHeader, encodeInputPacket

__all__ = [
    "FRAME",
    "Duel",
    "HashGame",
    "Link",
    "Packet",
    "Player",
    "copyOf",
    "isUnchanged",
    "packet",
    "play",
    "pressed",
    "read",
    "session",
    "tell",
]

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
    """
    One session with its game, and everything it told.

    @ivar others: Every event that is no other list's.
    """

    session: RollbackSession
    game: HashGame
    timeline: Timeline
    script: Callable[[int], bytes]
    confirmed: list[FrameConfirmed] = attrs.field(factory=list)
    differences: list[Desynchronized] = attrs.field(factory=list)
    others: list[SessionEvent] = attrs.field(factory=list)

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

    def take(self, events: tuple[SessionEvent, ...]) -> None:
        for event in events:
            if isinstance(event, FrameConfirmed):
                self.confirmed.append(event)
            elif isinstance(event, Desynchronized):
                self.differences.append(event)
            else:
                self.others.append(event)


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
        for to, body in player.session.packetsDue(self.now * FRAME):
            self.send(to, body)

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


def session(player: int = 1, **changes: Any) -> RollbackSession:
    """A session, without delay unless asked for."""
    chosen: dict[str, Any] = {"local_player": player, "input_delay": 0} | changes
    return RollbackSession(RollbackSettings(**chosen))


def play(one: RollbackSession, text: bytes | None = b"", now: float = 0.0) -> tuple[Step, ...]:
    """Advance, with the frame number as the checksum of each frame that became final."""
    steps = one.advance(text, now)
    for frame in one.checksumsWanted():
        one.checksumTaken(frame, frame)
    return tuple(steps)


class Packet(NamedTuple):
    """An input packet with its inputs."""

    first_frame: int
    inputs: list[bytes]
    next_wanted: int
    current_frame: int
    confirmed_frame: int
    advantage: int
    report_frame: int
    report_checksum: int
    report_inputs_checksum: int
    view: int


def read(body: bytes, base: bytes = b"") -> Packet:
    """Decode a packet whose sender's input before the first in it was C{base}."""
    header = decodeHeader(body)
    return Packet(
        header.first_frame,
        decodeBlobs(body, header.position, base),
        header.next_wanted,
        header.current_frame,
        header.confirmed_frame,
        header.advantage,
        header.report_frame,
        header.report_checksum,
        header.report_inputs_checksum,
        header.view,
    )


def packet(
    first: int,
    inputs: list[bytes],
    wanted: int,
    current: int,
    report_frame: int = -1,
    report_checksum: int = 0,
    base: bytes = b"",
    inputs_checksum: int = 0,
    view: int = 0,
) -> bytes:
    """Encode an input packet; C{base} is the sender's input of the frame before C{first}."""
    report = None
    if report_frame >= 0:
        report = report_frame, report_checksum, inputs_checksum
    return encodeInputPacket(view, first, base, inputs, wanted, current, -1, 0, report)[0]


def tell(
    one: RollbackSession, *inputs: bytes, first: int = 0, wanted: int = 0, peer: int = 2
) -> None:
    """Let another peer, of one player, send inputs to C{one}."""
    blobs = one.remote(peer).blobs
    base = blobs.known(first - 1) if blobs.first_kept < first <= blobs.count else b""
    body = packet(first, list(inputs), wanted, first + len(inputs), base=base)
    one.packetReceived(peer, body, 0.0)


def copyOf(one: RollbackSession) -> RollbackSession:
    """What a session holds now, for L{isUnchanged}."""
    return deepcopy(one)


def isUnchanged(one: RollbackSession, before: RollbackSession) -> bool:
    """Whether a session holds what it held, but for its counters."""
    return _isSame(one, before, set())


def _isSame(one: Any, other: Any, seen: set[tuple[int, int]]) -> bool:
    """Whether two objects hold the same, all the way down."""
    if one is other or type(one) is SessionStatistics:
        return True
    if type(one) is not type(other):
        return False
    if (id(one), id(other)) in seen:
        return True
    seen.add((id(one), id(other)))
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(
            _isSame(first, second, seen) for first, second in zip(one, other, strict=True)
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(_isSame(one[key], other[key], seen) for key in one)
    if isinstance(one, MethodType):
        return one.__func__ is other.__func__ and _isSame(one.__self__, other.__self__, seen)
    if attrs.has(type(one)):
        names = [field.name for field in attrs.fields(type(one))]
    elif hasattr(one, "__dict__"):
        names = list(one.__dict__)
    else:
        return bool(one == other)
    return all(_isSame(getattr(one, name), getattr(other, name), seen) for name in names)
