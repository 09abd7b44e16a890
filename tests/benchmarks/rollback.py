"""
What the rollback session costs, as ratios to a bare frame measured in the same run,
and what it puts on the wire.

C{python -m tests.benchmarks.rollback [--json]}

A I{bare frame} is advance, pack, crc32 and keep in a ring of 16, of a game of 25
unsigned 32-bit words.  Every ratio is a median of alternating rounds; CPU time of the
process.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from struct import Struct
from zlib import crc32

from zope.interface import implementer

from gamenet.interfaces import ISimulation
from gamenet.rollback.determinism_check import (
    CheckedTimeline,
    DeterminismCheckSession,
    DeterminismCheckSettings,
)
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.timeline import Timeline
from tests.benchmarks.figures import Figure, cpuSeconds, fromRounds, report

ROUNDS = 9
TICKS = 20_000
RATE = 60

_WORDS = Struct(">25I")
_MASK = 0xFFFFFFFF


@implementer(ISimulation)
class WordGame:
    """25 words, each of which follows from its neighbor and the inputs."""

    def __init__(self) -> None:
        self.words = list(range(25))

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Mix the inputs in."""
        pressed = 0
        for given in inputs:
            pressed = (pressed * 257 + (given[0] if given else 0)) & _MASK
        before = pressed
        words = self.words
        for place, word in enumerate(words):
            before = words[place] = (word * 1664525 + before + 1013904223) & _MASK

    def save(self) -> bytes:
        """Pack the words."""
        return _WORDS.pack(*self.words)

    def load(self, snapshot: bytes) -> None:
        """Unpack them."""
        self.words = list(_WORDS.unpack(snapshot))


class Pair:
    """Two sessions and the pipe between them, which takes a fixed number of ticks."""

    def __init__(self, late: int, hold: int, **settings: int) -> None:
        self.late = late
        self.hold = hold
        self.tick_number = 0
        self.sessions = [
            RollbackSession(RollbackSettings(local_player=player, **settings))
            for player in (1, 2)
        ]
        self.timelines = [Timeline(WordGame(), session) for session in self.sessions]
        self.pipes: list[deque[tuple[int, bytes]]] = [deque(), deque()]
        self.packets = [0, 0]
        self.octets = [0, 0]
        self.checksums: list[list[int]] = [[], []]

    def tick(self, place: int) -> None:
        """One whole tick of one side: take what came, play, send."""
        tick = self.tick_number
        now = tick / RATE
        session = self.sessions[place]
        pipe = self.pipes[place]
        while pipe and pipe[0][0] <= tick:
            session.packetReceived(2 - place, pipe.popleft()[1], now)
        wanted = session.inputFrame()
        pressed = None if wanted is None else bytes([(wanted // self.hold * 7 + place) & 255])
        self.timelines[place].apply(session.advance(pressed, now))
        for event in session.drainEvents():
            self.checksums[place].append(event.checksum)  # type: ignore[union-attr]
        body = session.packetFor(2 - place, now)
        self.packets[place] += 1
        self.octets[place] += len(body)
        self.pipes[1 - place].append((tick + self.late, body))

    def tickBoth(self) -> None:
        """One tick of both sides."""
        self.tick(0)
        self.tick(1)
        self.tick_number += 1


def bareFrames(count: int) -> float:
    """Return the CPU seconds of one bare frame."""
    game = WordGame()
    ring = [(b"", 0)] * 16
    inputs = (b"\x01", b"\x02")

    def play() -> None:
        for frame in range(count):
            game.advance(inputs)
            snapshot = game.save()
            ring[frame & 15] = (snapshot, crc32(snapshot))

    return cpuSeconds(play) / count


def pairTicks(late: int, hold: int, count: int) -> tuple[float, Pair]:
    """Return the CPU seconds of one side's tick, and the pair that was measured."""
    pair = Pair(late, hold, input_delay=0)
    for _ in range(60):
        pair.tickBoth()

    def play() -> None:
        for _ in range(count):
            pair.tickBoth()

    seconds = cpuSeconds(play) / count / 2
    agreed = min(len(each) for each in pair.checksums)
    assert agreed > count // 2
    assert pair.checksums[0][:agreed] == pair.checksums[1][:agreed]
    return seconds, pair


def checkedFrame(count: int) -> float:
    """Return the CPU seconds of one frame, played or played again, of a determinism check."""
    session = DeterminismCheckSession(DeterminismCheckSettings(check_distance=7))
    timeline = CheckedTimeline(WordGame(), session)

    def play() -> None:
        for tick in range(count):
            timeline.apply(session.advance((bytes([tick & 255]), b"\x02")))

    seconds = cpuSeconds(play)
    assert not session.mismatches
    return seconds / timeline.simulated


def ratios() -> list[Figure]:
    """Measure the ratios to bare frames, alternating."""
    checked: list[float] = []
    mispredicted: list[float] = []
    steady: list[float] = []
    for _ in range(ROUNDS):
        bare = bareFrames(TICKS)
        checked.append(checkedFrame(TICKS // 8) / bare)
        seconds, pair = pairTicks(7, 1, TICKS)
        statistics = pair.sessions[0].statistics
        assert statistics.rollbacks >= TICKS, "a rollback at every tick"
        mispredicted.append(seconds / (8 * bare))
        seconds, _ = pairTicks(3, 30, TICKS)
        steady.append(seconds / (8 * bare))
    return [
        fromRounds("determinism_check_ratio", checked, "", goal=1.6, better="lower"),
        fromRounds("mispredicted_ratio", mispredicted, "", goal=2.5, better="lower"),
        fromRounds("steady_ratio", steady, "", goal=0.7, better="lower"),
    ]


def onTheWire() -> list[Figure]:
    """Count what a clean link of 50 ms carries from second 10 to 70, the worse side."""
    pair = Pair(3, 4, input_delay=0, checksum_interval=60)
    for _ in range(10 * RATE):
        pair.tickBoth()
    packets, octets = list(pair.packets), list(pair.octets)
    for _ in range(60 * RATE):
        pair.tickBoth()
    worst_packets = max(a - b for a, b in zip(pair.packets, packets, strict=True)) / 60
    # The byte in front of each body is the packet's kind.
    worst_octets = max(
        a - b + (c - d)
        for a, b, c, d in zip(pair.octets, octets, pair.packets, packets, strict=True)
    )
    figures = (("packets_per_second_2p", worst_packets, 62.0, "packets/s"),)
    counted = (*figures, ("bytes_per_second_2p", worst_octets / 60, 1600.0, "bytes/s"))
    return [
        fromRounds(name, [value], unit, goal=goal, better="lower")
        for name, value, goal, unit in counted
    ]


def main() -> None:
    """Measure everything, and print it."""
    report("rollback", [*ratios(), *onTheWire()], sys.argv[1:])


if __name__ == "__main__":
    main()
