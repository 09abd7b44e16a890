"""
Replays: a match written down as it becomes final, and played again later.

A L{ReplayRecorder} is told each confirmed frame and returns what to append to a
file.  A L{Replay} is such a file in memory, its inputs still packed.  A
L{ReplaySession} says which steps play it, from frame to frame or from anywhere to
anywhere, and compares the states with the recorded checksums; a
L{gamenet.rollback.playback.Playback} applies the steps to a game.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import attrs
from zope.interface import implementer

from gamenet.bounds import wholeNumber
from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.interfaces import IRollbackSession
from gamenet.rollback.peerless_session import PeerlessSession
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Advance, Load, Save, Step
from gamenet.rollback.timeline_rules import TimelineRules
from gamenet.wire.replay_file import (
    DIGEST_BYTES,
    REPLAY_INPUT_LIMIT,
    FramesRecord,
    ReplayHeader,
    decodeInputs,
    encodeEnd,
    encodeFrames,
    encodeHeader,
)
from gamenet.wire.replay_reader import ReplayReader

__all__ = ["Divergence", "Replay", "ReplayRecorder", "ReplaySession"]


@attrs.define(init=False)
class ReplayRecorder:
    """
    Writes a match down.  Keeps no more than the frames since the last checksum.

    @ivar header: The L{gamenet.wire.replay_file.ReplayHeader}.
    @ivar frames: How many frames were recorded.
    @ivar finished: Whether the end was written.
    @ivar _waiting: The inputs of the frames that were not written yet.
    @ivar _checksum: That of the newest frame.
    @ivar _began: Whether the header was written.
    @ivar _digest: BLAKE2b of what was written.
    """

    header: ReplayHeader
    frames: int
    finished: bool
    _waiting: list[tuple[bytes, ...]]
    _checksum: int
    _began: bool
    _digest: blake2b

    def __init__(self, header: ReplayHeader) -> None:
        """
        @param header: What the replay is of.
        """
        self.header = header
        self.frames = 0
        self.finished = False
        self._waiting = []
        self._checksum = 0
        self._began = False
        self._digest = blake2b(digest_size=DIGEST_BYTES)

    def frameConfirmed(self, frame: int, inputs: Sequence[bytes], checksum: int) -> bytes:
        """
        Take a frame that became final: the arguments of
        L{gamenet.interfaces.IPeerProtocol}'s method of this name.

        @param frame: The frame; one more than the last time, from 0 on.
        @param inputs: All players' inputs of it.
        @param checksum: crc32 of the state that it led to.
        @return: What to append to the file; C{b""} for most frames.
        @raise LocalProtocolError: It is another frame, or these are not such inputs.
            Nothing changed then.
        """
        if self.finished or frame != self.frames:
            raise LocalProtocolError(f"frame {frame} is not the next one to record")
        if len(inputs) != self.header.players:
            raise LocalProtocolError(f"{len(inputs)} inputs for {self.header.players} players")
        for text in inputs:
            if not isinstance(text, bytes) or len(text) > REPLAY_INPUT_LIMIT:
                raise LocalProtocolError(
                    f"an input that is not at most {REPLAY_INPUT_LIMIT} bytes: {text!r:.80}"
                )
        if type(checksum) is not int or not 0 <= checksum < 1 << 32:
            raise LocalProtocolError(f"a checksum of {checksum!r:.80}")
        self._waiting.append(tuple(inputs))
        self._checksum = checksum
        self.frames += 1
        if len(self._waiting) < self.header.checksum_interval:
            return b""
        return self._written(self._frames())

    def finish(self) -> bytes:
        """
        End the file.

        @return: What to append to it, for the last time.
        @raise LocalProtocolError: It has ended.
        """
        if self.finished:
            raise LocalProtocolError("the replay has ended")
        last = self._written(self._frames() if self._waiting else b"")
        self.finished = True
        return last + encodeEnd(self.frames, self._digest.digest())

    def _frames(self) -> bytes:
        """Return the frames that wait, as a chunk, and keep them no longer."""
        chunk = encodeFrames(self.frames - len(self._waiting), self._waiting, self._checksum)
        self._waiting.clear()
        return chunk

    def _written(self, data: bytes) -> bytes:
        """Return C{data}, behind the header if it is the first."""
        if not self._began:
            self._began = True
            data = encodeHeader(self.header) + data
        self._digest.update(data)
        return data


@attrs.frozen
class Replay:
    """
    A recorded match.  Takes about as much memory as the file is long, whatever is
    packed in it; a chunk is unpacked when it is played.

    @ivar header: The L{gamenet.wire.replay_file.ReplayHeader}.
    @ivar frames: How many frames it has.
    @ivar problem: Why it ends before the match did, or C{""} for a whole file.
    @ivar records: The chunks.
    """

    header: ReplayHeader
    frames: int
    problem: str
    records: tuple[FramesRecord, ...] = attrs.field(repr=False)

    @classmethod
    def read(
        cls, pieces: Iterable[bytes], partial: bool = False, bytes_limit: int = 1 << 28
    ) -> Replay:
        """
        Read a replay file.

        @param pieces: The file, in pieces of any length, for example an open file's
            C{iter(lambda: file.read(65536), b"")}.
        @param partial: Whether a file that was cut off or damaged is read up to its
            last whole chunk before that; C{problem} says why then.
        @param bytes_limit: The longest file.
        @raise MalformedMessage: It is no replay file, too long, or, unless C{partial}
            is given, damaged; or cut off
            (L{gamenet.wire.replay_reader.ReplayTruncated}).
        """
        reader = ReplayReader()
        records: list[FramesRecord] = []
        problem = ""
        length = 0
        try:
            for piece in pieces:
                length += len(piece)
                if length > bytes_limit:
                    raise MalformedMessage(f"a replay file of more than {bytes_limit} bytes")
                reader.feed(piece)
                while (record := reader.nextRecord()) is not None:
                    records.append(record)
            reader.close()
        except MalformedMessage as error:
            if not partial or reader.header is None:
                raise
            problem = str(error)
        assert reader.header is not None
        return cls(reader.header, reader.frames, problem, tuple(records))

    def inputs(self, index: int) -> list[tuple[bytes, ...]]:
        """Return the inputs of one chunk, frame by frame, all players'."""
        return decodeInputs(self.records[index], self.header.players)


@attrs.frozen
class Divergence:
    """
    Playing a replay led to another state than it did when it was recorded, at this
    frame or after the checksum before it.

    @ivar frame: The frame.
    @ivar recorded: crc32 of the state that it led to then.
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
    @ivar current_frame: The frame that is played next.
    @ivar divergence: The first L{Divergence} that was found, by frame, or C{None}.
    @ivar kept: The numbers of the snapshots that may be loaded, ascending.
    @ivar statistics: How many frames were played and played again.
    @ivar _limit: How many they may be.
    @ivar _stride: How many chunks lie between two of them.
    @ivar _index: The chunk of C{_inputs}, or -1.
    @ivar _inputs: The inputs of one chunk.
    @ivar _told: The divergence that was told, or C{None}.
    """

    replay: Replay
    current_frame: int
    divergence: Divergence | None
    kept: list[int]
    statistics: SessionStatistics
    _limit: int
    _stride: int
    _index: int
    _inputs: list[tuple[bytes, ...]]
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
        self.current_frame = 0
        self.divergence = None
        self.kept = []
        self.statistics = SessionStatistics()
        self._limit = limits.snapshots_limit
        self._stride = max(1, limits.snapshot_interval // replay.header.checksum_interval)
        self._index = -1
        self._inputs = []
        self._told = None

    @property
    def finished(self) -> bool:
        """Whether every frame was played."""
        return self.current_frame == self.replay.frames

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
        """For going forward only; L{gamenet.rollback.playback.Playback} can L{seek}."""
        return TimelineRules(prediction_window=0, sparse=True)

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
        return tuple(self._play(self.current_frame + 1))

    def seek(self, frame: int) -> Iterator[Step]:
        """
        Go to the state before a frame, forward or back.

        The steps come one by one, as there may be very many; each must be applied
        before the next one is asked for.  Whoever stops amid them is where the last
        one led.

        @param frame: The frame to be played next, 0 to C{replay.frames}.
        @raise LocalProtocolError: There is no such frame.
        """
        if not 0 <= frame <= self.replay.frames:
            raise LocalProtocolError(f"frame {frame} of a replay of {self.replay.frames}")
        return self._steps(frame)

    def stateTaken(self, number: int, checksum: int) -> bool:
        """
        Take the checksum of a state that a L{Save} asked for.

        @param number: The snapshot's number.
        @param checksum: crc32 of the snapshot.
        @return: Whether it is to be kept.  Afterwards no others are needed than those
            in C{kept}.
        @raise LocalProtocolError: There is no checksum of that snapshot.
        """
        interval = self.replay.header.checksum_interval
        if not 0 <= number <= self.replay.frames or (
            number % interval and number != self.replay.frames
        ):
            raise LocalProtocolError(f"there is no checksum of snapshot {number}")
        if number:
            record = self.replay.records[(number - 1) // interval]
            found = self.divergence
            if checksum != record.checksum and (found is None or number <= found.frame):
                self.divergence = Divergence(number - 1, record.checksum, checksum)
        kept = self.kept
        if number % (interval * self._stride) or (kept and number <= kept[-1]):
            return False
        kept.append(number)
        if len(kept) > self._limit:
            self._stride *= 2
            kept[:] = [each for each in kept if not each % (interval * self._stride)]
        return number in kept

    def checksumsWanted(self) -> tuple[int, ...]:
        """Return the frames whose checksums are wanted: none, see L{stateTaken}."""
        return ()

    def checksumTaken(self, frame: int, checksum: int) -> None:
        """
        Take the checksum of a frame that was played, if the replay has one.

        @raise LocalProtocolError: There is none.
        """
        self.stateTaken(frame + 1, checksum)

    def drainEvents(self) -> tuple[Divergence, ...]:
        """Return the first divergence, if it was found since the last call."""
        found, self._told = self._told, self.divergence
        return () if self.divergence is None or self.divergence == found else (self.divergence,)

    def _steps(self, frame: int) -> Iterator[Step]:
        """Give the steps of L{seek}."""
        start = max([number for number in self.kept if number <= frame], default=0)
        if not start <= self.current_frame <= frame:
            self.current_frame = start
            self.statistics.rollbacks += 1
            yield Load(start)
        yield from self._play(frame)

    def _play(self, frame: int) -> Iterator[Step]:
        """Give the steps that play on to a frame from here."""
        if not self.kept and not self.current_frame:
            yield Save(0)
        interval = self.replay.header.checksum_interval
        frames = self.replay.frames
        while self.current_frame < frame:
            playing = self.current_frame
            index, place = divmod(playing, interval)
            if index != self._index:
                self._inputs = self.replay.inputs(index)
                self._index = index
            self.current_frame = playing + 1
            statistics = self.statistics
            if playing == statistics.frames_played:
                statistics.frames_played += 1
            else:
                statistics.frames_resimulated += 1
            yield Advance(playing, self._inputs[place])
            if not (playing + 1) % interval or playing + 1 == frames:
                yield Save(playing + 1)


@attrs.frozen
class _SnapshotLimits:
    """What a session is told of its snapshots, checked."""

    snapshot_interval: int = attrs.field(validator=wholeNumber(1, 1_000_000))
    snapshots_limit: int = attrs.field(validator=wholeNumber(2, 1_000_000))
