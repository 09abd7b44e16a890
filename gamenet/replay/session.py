"""
The steps that play a replay, from frame to frame or from anywhere to anywhere, and
the comparison of its states with the recorded checksums.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator

import attrs
from zope.interface import implementer

from gamenet.bounds import wholeNumber
from gamenet.errors import LocalProtocolError
from gamenet.interfaces import IRollbackSession
from gamenet.replay.replay import Replay
from gamenet.rollback.peerless_session import PeerlessSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.rollback.timeline_rules import TimelineRules
from gamenet.wire.replay_chunks import ReplayRow

__all__ = ["Divergence", "ReplaySession"]


@attrs.frozen
class Divergence:
    """
    Playing a replay led to another state than it did when it was recorded, at this
    frame or after the checksum before it.

    @ivar frame: The frame.
    @ivar recorded: The checksum of the state that it led to then.
    @ivar played: That of the state that it led to now.
    """

    frame: int
    recorded: int
    played: int


@implementer(IRollbackSession)
@attrs.define(init=False)
class ReplaySession(PeerlessSession):
    """
    Plays a replay: steps out, checksums in.

    A state is saved wherever the replay has a checksum.  Some are kept to be gone
    back to; when they become too many, every other one is forgotten and the distance
    doubles, so that they always lie evenly over what was played.

    @ivar replay: The L{Replay}.
    @ivar current_frame: The frame that is played next; at the end of a part of the
        match, behind which frames are missing, the first of them.
    @ivar divergence: The first L{Divergence} that was found, by frame, or C{None}.
    @ivar kept: The numbers of the snapshots that may be loaded, ascending.  Those that
        are not among them are needed no more.
    @ivar statistics: How many frames were played and played again.
    @ivar _place: Which of the replay's segments is being played.
    @ivar _began: Whether any step was given.
    @ivar _reached: Up to which frame each segment was played.
    @ivar _verified: For each chunk 1 if its checksum was compared, else 0.
    @ivar _limit: How many snapshots may be kept.
    @ivar _stride: How many checksum intervals lie between two of them.
    @ivar _index: The chunk of C{_rows}, or -1.
    @ivar _rows: The frames of one chunk.
    @ivar _wanted: The frame whose checksum is wanted, or C{None}.
    @ivar _told: The divergence that was told, or C{None}.
    """

    replay: Replay
    current_frame: int
    divergence: Divergence | None
    kept: list[int]
    statistics: SessionStatistics
    _place: int
    _began: bool
    _reached: list[int]
    _verified: bytearray
    _limit: int
    _stride: int
    _index: int
    _rows: list[ReplayRow]
    _wanted: int | None
    _told: Divergence | None

    def __init__(
        self, replay: Replay, snapshot_interval: int = 300, snapshots_limit: int = 64
    ) -> None:
        """
        @param replay: What to play.
        @param snapshot_interval: How many frames shall lie between two kept snapshots
            at first; rounded down to whole checksum intervals, at least one.
        @param snapshots_limit: How many snapshots are kept at the most, from 2 on.
        @raise gamenet.errors.BadSetting: A number is out of bounds.
        """
        limits = _SnapshotLimits(snapshot_interval, snapshots_limit)
        self.replay = replay
        self.current_frame = replay.first_frame
        self.divergence = None
        self.kept = []
        self.statistics = SessionStatistics()
        self._place = 0
        self._began = False
        self._reached = [segment.start for segment in replay.segments]
        self._verified = bytearray(len(replay.records))
        self._limit = limits.snapshots_limit
        self._stride = max(1, limits.snapshot_interval // replay.header.checksum_interval)
        self._index = -1
        self._rows = []
        self._wanted = None
        self._told = None

    @property
    def finished(self) -> bool:
        """Whether the last frame was played last."""
        last = len(self.replay.segments) - 1
        return self._place == last and self.current_frame == self.replay.end

    @property
    def verified(self) -> int:
        """How many recorded checksums were compared, of C{replay.checksums}."""
        return self._verified.count(1)

    @property
    def state(self) -> SessionState:
        """What the session is doing: running or finished."""
        return SessionState.FINISHED if self.finished else SessionState.RUNNING

    @property
    def confirmed_frame(self) -> int:
        """The frame that was played last, or -1: all inputs of a replay are final."""
        return self.current_frame - 1

    @property
    def timeline_rules(self) -> TimelineRules:
        """For going forward only; L{gamenet.replay.playback.Playback} can L{seek}."""
        return TimelineRules(prediction_window=0, bots=self.replay.header.bots)

    def inputFrame(self, player: int | None = None) -> None:
        """Return the frame for which an input is wanted: never any."""

    def advance(self, local_input: object = None, now: float = 0.0) -> tuple[Step, ...]:
        """
        Play the next frame, also where its outcome is kept.

        @param local_input: C{None}.
        @param now: The time, which does not matter.
        @return: What to do, in order; nothing at the end.
        @raise LocalProtocolError: An input is given.
        """
        if local_input is not None:
            raise LocalProtocolError("a replay takes no inputs")
        if self.finished:
            return ()
        steps = list(self._begin())
        if self.current_frame == self.replay.segments[self._place].end:
            steps += self._enter(self._place + 1)
        return (*steps, *self._play(self.current_frame + 1))

    def seek(self, frame: int) -> Iterator[Step]:
        """
        Go to the state before a frame, forward or back.

        The steps come one by one, as there may be very many; each must be applied
        before the next one is asked for.  Whoever stops amid them is where the last
        one led.

        @param frame: The frame to be played next, or one more than the last frame of
            a part of the match.
        @raise LocalProtocolError: There is no such frame.
        """
        return self._goTo(self.replay.segmentAt(frame), frame)

    def playRest(self) -> Iterator[Step]:
        """
        Play all frames that were not played yet, and go to the end; the steps come as
        those of L{seek} do.
        """
        segments = self.replay.segments
        for place, segment in enumerate(segments):
            if self._reached[place] < segment.end:
                yield from self._goTo(place, segment.end)
        yield from self._goTo(len(segments) - 1, self.replay.end)

    def checksumsWanted(self) -> tuple[int, ...]:
        """Return the frame of the newest L{Save}, if the replay has its checksum."""
        return () if self._wanted is None else (self._wanted,)

    def checksumTaken(self, frame: int, checksum: int) -> None:
        """
        Compare a checksum with that which was recorded.

        @param frame: Any frame of which the replay has a checksum.
        @param checksum: Of the state that the frame led to now.
        @raise LocalProtocolError: It has none.
        """
        replay = self.replay
        place = bisect_right(replay.segments, frame, key=lambda segment: segment.start) - 1
        if place >= 0 and frame < replay.segments[place].end:
            index = replay.recordAt(place, frame)
            record = replay.records[index]
            if record.checked and record.first_frame + record.checked == frame + 1:
                self._wanted = None
                self._verified[index] = 1
                found = self.divergence
                if checksum != record.checksum and (found is None or frame <= found.frame):
                    self.divergence = Divergence(frame, record.checksum, checksum)
                return
        raise LocalProtocolError(f"there is no checksum of frame {frame}")

    def drainEvents(self) -> tuple[Divergence, ...]:
        """Return the first divergence, if it was found since the last call."""
        found, self._told = self._told, self.divergence
        return () if self.divergence is None or self.divergence == found else (self.divergence,)

    def _begin(self) -> Iterator[Step]:
        """Give the step that comes before all others."""
        if self._began:
            return
        self._began = True
        if self.replay.segments[0].snapshot is not None:
            yield from self._enter(0)
        else:
            self._keep(0)
            yield Save(0)

    def _enter(self, place: int) -> Iterator[Step]:
        """Give the step to the beginning of a segment that begins with a snapshot."""
        segment = self.replay.segments[place]
        assert segment.snapshot is not None
        self._place = place
        self.current_frame = segment.start
        yield Restore(segment.start, segment.snapshot)

    def _goTo(self, place: int, frame: int) -> Iterator[Step]:
        """Give the steps to the state before a frame of a segment."""
        yield from self._begin()
        segment = self.replay.segments[place]
        start = max(
            [number for number in self.kept if segment.start <= number <= frame], default=None
        )
        first = segment.start if start is None else start
        if place != self._place or not first <= self.current_frame <= frame:
            self.statistics.rollbacks += place <= self._place
            if start is None:
                yield from self._enter(place)
            else:
                self._place = place
                self.current_frame = start
                yield Load(start)
        yield from self._play(frame)

    def _play(self, frame: int) -> Iterator[Step]:
        """Give the steps that play on in this segment, to a frame from here."""
        replay, place = self.replay, self._place
        while self.current_frame < frame:
            playing = self.current_frame
            index = replay.recordAt(place, playing)
            if index != self._index:
                self._rows = replay.rows(index)
                self._index = index
            record = replay.records[index]
            inputs, absent = self._rows[playing - record.first_frame]
            self.current_frame = playing + 1
            if playing == self._reached[place]:
                self._reached[place] = playing + 1
                self.statistics.frames_played += 1
            else:
                self.statistics.frames_resimulated += 1
            yield Advance(playing, inputs, absent)
            if self._isSaved(index, playing + 1):
                yield Save(playing + 1)

    def _isSaved(self, index: int, number: int) -> bool:
        """Return whether a snapshot is taken: to be compared, to be kept, or for both."""
        record = self.replay.records[index]
        checked = 0 < record.checked == number - record.first_frame
        self._wanted = number - 1 if checked else None
        ends = number == self.replay.segments[self._place].end
        if ends and self._place < len(self.replay.segments) - 1:
            return checked  # the next segment may begin at this number, in another state
        return self._keep(number) or checked

    def _keep(self, number: int) -> bool:
        """Keep a snapshot if it is one of those that lie evenly, and was not kept before."""
        kept = self.kept
        grid = self.replay.header.checksum_interval * self._stride
        if number % grid or number in kept:
            return False
        insort(kept, number)
        while len(kept) > self._limit:
            self._stride *= 2
            grid *= 2
            kept[:] = [each for each in kept if not each % grid]
        return number in kept


@attrs.frozen
class _SnapshotLimits:
    """What a session is told of its snapshots, checked."""

    snapshot_interval: int = attrs.field(validator=wholeNumber(1, 1_000_000))
    snapshots_limit: int = attrs.field(validator=wholeNumber(2, 1_000_000))
