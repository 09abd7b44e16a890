"""
What the session costs, as ratios to a bare frame that is measured in the same round.

A I{bare frame} is advance, pack, crc32 and keep in a ring of 16, of a game of 25
unsigned 32-bit words; the same game is in all rows.  A round plays all rows, and all
of them in turns, a slice of each after the other, so that what else the machine does
hits them alike.  What counts is CPU time of the process.

A tick is what a user of L{gamenet.rollback.session.RollbackSession} does:
C{packetReceived} for what came, C{inputFrame}, C{advance}, C{Timeline.apply},
C{drainEvents} and C{packetsDue}.  C{packetFor} instead of C{packetsDue} would be
cheaper, but nobody would notice a silent peer then: C{packetsDue} also looks, every
0.05 s, what the peers have to agree on.
"""

from __future__ import annotations

from collections import deque
from zlib import crc32

from gamenet.determinism.check import (
    CheckedTimeline,
    DeterminismCheckSession,
    DeterminismCheckSettings,
)
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.timeline import Timeline
from tests.benchmarks.figures import Figure, cpuSeconds, fromRounds
from tests.benchmarks.rollback_game import RATE, WordGame

__all__ = ["ROUNDS", "TICKS", "ratios"]

#: How many rounds.
ROUNDS = 9

#: Ticks of each row in a round.
TICKS = 20_000

_SLICES = 20
_WARM_UP = 60
_DISTANCE = 7


class Bare:
    """The game alone, as a game without rollback would keep its states."""

    def __init__(self) -> None:
        self._game = WordGame()
        self._ring = [(b"", 0)] * 16
        self._frame = 0

    def play(self, ticks: int) -> None:
        """Play frames."""
        game, ring = self._game, self._ring
        inputs = (b"\x01", b"\x02")
        for frame in range(self._frame, self._frame + ticks):
            game.advance(inputs)
            snapshot = game.save()
            ring[frame & 15] = (snapshot, crc32(snapshot))
        self._frame += ticks


class Checked:
    """
    A determinism check that goes 7 frames back at every frame.

    @ivar timeline: It counts the frames.
    """

    def __init__(self) -> None:
        settings = DeterminismCheckSettings(check_distance=_DISTANCE)
        self._session = DeterminismCheckSession(settings)
        self.timeline = CheckedTimeline(WordGame(), self._session)
        self._tick = 0

    def play(self, ticks: int) -> None:
        """Play frames, each of them and the 7 before it again."""
        session, timeline = self._session, self.timeline
        for tick in range(self._tick, self._tick + ticks):
            timeline.apply(session.advance((bytes([tick & 255]), b"\x02")))
        self._tick += ticks

    def require(self, ticks: int) -> None:
        """Fail unless it did what was to be measured."""
        assert not self._session.mismatches
        assert self.timeline.simulated >= (_DISTANCE + 1) * (ticks - _DISTANCE)


class Pair:
    """
    Two sessions and the pipes between them, which take a fixed number of ticks.

    @ivar sessions: The two.
    """

    def __init__(self, late: int, hold: int) -> None:
        """
        @param late: After how many ticks a packet arrives.
        @param hold: Every how many frames both players press something else.
        """
        self._late = late
        self._hold = hold
        self._tick = 0
        self.sessions = [
            RollbackSession(RollbackSettings(local_player=player, input_delay=0))
            for player in (1, 2)
        ]
        self._timelines = [Timeline(WordGame(), session) for session in self.sessions]
        self._pipes: list[deque[tuple[int, bytes]]] = [deque(), deque()]
        self._checksums: list[list[int | None]] = [[], []]

    def play(self, ticks: int) -> None:
        """Play ticks of both."""
        for _ in range(ticks):
            self._play(0)
            self._play(1)
            self._tick += 1

    def require(self, ticks: int) -> None:
        """Fail unless both played so many frames and agree on them."""
        agreed = min(len(each) for each in self._checksums)
        assert agreed >= ticks
        assert None not in self._checksums[0]
        assert self._checksums[0][:agreed] == self._checksums[1][:agreed]

    def counts(self) -> list[tuple[int, int]]:
        """Return of each session how often it went back, and how many frames in all."""
        statistics = [session.statistics for session in self.sessions]
        return [(each.rollbacks, each.frames_resimulated) for each in statistics]

    def _play(self, place: int) -> None:
        """One whole tick of one side: take what came, play, send."""
        tick = self._tick
        now = tick / RATE
        session = self.sessions[place]
        pipe = self._pipes[place]
        while pipe and pipe[0][0] <= tick:
            session.packetReceived(2 - place, pipe.popleft()[1], now)
        wanted = session.inputFrame()
        pressed = None if wanted is None else bytes([(wanted // self._hold * 7 + place) & 255])
        self._timelines[place].apply(session.advance(pressed, now))
        for event in session.drainEvents():
            if type(event) is FrameConfirmed:
                self._checksums[place].append(event.checksum)
        for _, body in session.packetsDue(now):
            self._pipes[1 - place].append((tick + self._late, body))


def ratios(rounds: int = ROUNDS, ticks: int = TICKS) -> list[Figure]:
    """
    Measure the ratios.

    @param ticks: Ticks of each row in a round.
    """
    measured = [_round(ticks) for _ in range(rounds)]
    bare, checked, mispredicted, steady = zip(*measured, strict=True)
    figures = []
    for name, seconds, frames, goal in (
        ("determinism_check_ratio", checked, 1, 1.6),
        ("mispredicted_ratio", mispredicted, 8, 2.5),
        ("steady_ratio", steady, 8, 0.7),
    ):
        each = [one / (frames * frame) for one, frame in zip(seconds, bare, strict=True)]
        figures.append(fromRounds(name, each, "", goal=goal, better="lower"))
    for name, seconds in (
        ("bare_frame", bare),
        ("mispredicted_tick", mispredicted),
        ("steady_tick", steady),
    ):
        each = [one * 1e6 for one in seconds]
        figures.append(fromRounds(name, each, "us", better="lower"))
    return figures


def _round(ticks: int) -> tuple[float, float, float, float]:
    """Return the seconds of a bare frame, a checked frame, and the two kinds of tick."""
    bare, checked = Bare(), Checked()
    late, steady = Pair(_DISTANCE, 1), Pair(3, 30)
    rows: tuple[Bare | Checked | Pair, ...] = (bare, checked, late, steady)
    for row in rows:
        row.play(_WARM_UP)
    before, simulated = late.counts(), checked.timeline.simulated
    seconds = [0.0] * len(rows)
    slices = min(_SLICES, ticks)
    for part in range(slices):
        count = ticks // slices + (part < ticks % slices)
        for place, row in enumerate(rows):
            seconds[place] += _secondsOf(row, count)
    checked.require(ticks)
    late.require(ticks)
    steady.require(ticks)
    for (rollbacks, frames), (had, had_frames) in zip(late.counts(), before, strict=True):
        assert rollbacks - had == ticks, "a rollback at every tick"
        assert frames - had_frames == ticks * _DISTANCE
    frames = checked.timeline.simulated - simulated
    return (
        seconds[0] / ticks,
        seconds[1] / frames,
        seconds[2] / ticks / 2,
        seconds[3] / ticks / 2,
    )


def _secondsOf(row: Bare | Checked | Pair, ticks: int) -> float:
    return cpuSeconds(lambda: row.play(ticks))
