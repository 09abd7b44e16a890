"""
What a long match keeps in memory.

Two sessions play over links of 50 ms that lose 1 % of the packets, with checksums
exchanged and every final frame recorded, the recording written to nowhere.  The sizes
of all Python objects of the process are added up after 50 000 frames and after
1 000 000, so what is kept outside of the sessions shows too.  (C{tracemalloc} comes to
the same, and takes five times as long.)

A session is what is compared: half of what both have grown by.
"""

from __future__ import annotations

import gc
import sys
from collections import deque

from gamenet.replay.recorder import ReplayRecorder
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.timeline import Timeline
from gamenet.seeded_random import SeededRandom
from gamenet.wire.replay_file import ReplayHeader
from tests.benchmarks.figures import Figure
from tests.benchmarks.rollback_game import RATE, WordGame

__all__ = ["inMemory"]

_GOAL_KB = 256.0
_LATE_TICKS = 3
_LOSS = 0.01


class _Recorded:
    """
    One peer, which records the match.

    @ivar written: How many bytes of a recording there are.
    """

    def __init__(self, player: int) -> None:
        settings = RollbackSettings(local_player=player)
        self.session = RollbackSession(settings)
        self.written = 0
        self._player = player
        self._timeline = Timeline(WordGame(), self.session)
        self._recorder = ReplayRecorder(ReplayHeader(settings.digest(), players=2))

    def play(self, now: float) -> None:
        """Play a frame if it can be, and record what became final."""
        session = self.session
        wanted = session.inputFrame()
        pressed = None if wanted is None else bytes([(wanted // 4 * 7 + self._player) & 255])
        self._timeline.apply(session.advance(pressed, now))
        for event in session.drainEvents():
            if isinstance(event, FrameConfirmed):
                assert event.checksum is not None
                data = self._recorder.frameConfirmed(event.frame, event.inputs, event.checksum)
                self.written += len(data)


class _Match:
    """Both peers and the links between them."""

    def __init__(self) -> None:
        self._peers = (_Recorded(1), _Recorded(2))
        self._pipes: tuple[deque[tuple[int, bytes]], ...] = (deque(), deque())
        self._random = SeededRandom.fromLabel(1, "memory")
        self._tick = 0
        self._lost = 0

    def playUntil(self, frame: int) -> None:
        """Play until both have that many final frames."""
        while min(peer.session.confirmed_frame for peer in self._peers) + 1 < frame:
            for place in (0, 1):
                self._playOne(place)
            self._tick += 1

    def require(self) -> None:
        """Fail unless packets were lost, checksums compared and frames recorded."""
        assert self._lost
        for peer in self._peers:
            other = peer.session.remote(3 - peer.session.settings.peer)
            assert other.checksums.compared_frame > 0
            assert peer.written

    def _playOne(self, place: int) -> None:
        tick = self._tick
        now = tick / RATE
        peer = self._peers[place]
        pipe = self._pipes[place]
        while pipe and pipe[0][0] <= tick:
            peer.session.packetReceived(2 - place, pipe.popleft()[1], now)
        peer.play(now)
        for _, body in peer.session.packetsDue(now):
            if self._random.chance(_LOSS):
                self._lost += 1
            else:
                self._pipes[1 - place].append((tick + _LATE_TICKS, body))


def inMemory(first: int = 50_000, last: int = 1_000_000) -> list[Figure]:
    """
    Measure how much a session grows; this takes minutes.

    @param first: After how many final frames it is measured for the first time.
    @param last: And for the second.
    """
    match = _Match()
    match.playUntil(first)
    early = _allocated()
    match.playUntil(last)
    late = _allocated()
    match.require()
    growth = (late - early) / 2 / 1024
    note = f"the process: {early / 1024:.0f} kB after {first}, {late / 1024:.0f} kB after {last}"
    return [
        Figure("memory_growth", growth, growth, growth, "kB a session", _GOAL_KB, "lower", note)
    ]


def _allocated() -> int:
    """Return the size of all Python objects, in bytes."""
    gc.collect()
    left = gc.get_objects()
    seen: set[int] = set()
    skipped = (id(left), id(seen))
    size = 0
    while left:
        thing = left.pop()
        if id(thing) in seen or id(thing) in skipped:
            continue
        seen.add(id(thing))
        size += sys.getsizeof(thing)
        left += gc.get_referents(thing)
    return size
