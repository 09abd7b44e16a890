"""
A recorded match, read from its file and kept packed.

L{gamenet.replay.recorder} writes such a file,
L{gamenet.replay.session} says which steps play it, and a
L{gamenet.replay.playback.Playback} applies them to a game.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.replay_chunks import FramesRecord, ReplayRow, SnapshotRecord, decodeRows
from gamenet.wire.replay_file import ReplayHeader
from gamenet.wire.replay_reader import ReplayReader

__all__ = ["Replay", "Segment"]


@attrs.frozen
class Segment:
    """
    A part of a match that can be played in one go.

    @ivar start: The number of its first frame.
    @ivar end: One more than the number of its last frame.
    @ivar snapshot: The state that it begins in, as the simulation's C{save} returned
        it; C{None} for the game's first state, from which on C{start} is 0.
    @ivar first_record: Which of C{Replay.records} is its first.
    """

    start: int
    end: int
    snapshot: bytes | None = attrs.field(repr=False)
    first_record: int


@attrs.frozen
class Replay:
    """
    A recorded match.  Takes about as much memory as the file is long, whatever is
    packed in it; a chunk is unpacked when it is played.

    @ivar header: The L{ReplayHeader}.
    @ivar problem: Why it ends before the match did, or C{""} for a whole file.
    @ivar records: The chunks of frames.
    @ivar segments: What can be played, ascending: one part, and one more from each
        state on that the player who recorded it took over from another.  There may be
        gaps between them.
    """

    header: ReplayHeader
    problem: str
    records: tuple[FramesRecord, ...] = attrs.field(repr=False)
    segments: tuple[Segment, ...]

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
        parts = _Parts()
        problem = ""
        length = 0
        try:
            for piece in pieces:
                length += len(piece)
                if length > bytes_limit:
                    raise MalformedMessage(f"a replay file of more than {bytes_limit} bytes")
                reader.feed(piece)
                while (record := reader.nextRecord()) is not None:
                    parts.add(record)
            reader.close()
        except MalformedMessage as error:
            if not partial or reader.header is None:
                raise
            problem = str(error)
        assert reader.header is not None
        return cls(reader.header, problem, tuple(parts.records), tuple(parts.segments))

    @property
    def frames(self) -> int:
        """How many frames can be played."""
        return sum([segment.end - segment.start for segment in self.segments])

    @property
    def first_frame(self) -> int:
        """The number of the first frame."""
        return self.segments[0].start

    @property
    def end(self) -> int:
        """One more than the number of the last frame."""
        return self.segments[-1].end

    @property
    def checksums(self) -> int:
        """How many states have a checksum."""
        count = 0
        last = len(self.records)
        for segment in reversed(self.segments):
            for record in self.records[segment.first_record : last]:
                count += 0 < record.checked <= segment.end - record.first_frame
            last = segment.first_record
        return count

    def segmentAt(self, frame: int) -> int:
        """
        Return which segment has the state before a frame, from 0; of two, the later.

        @raise LocalProtocolError: None has.
        """
        segments = self.segments
        place = bisect_right(segments, frame, key=_startOf) - 1
        if place < 0 or frame > segments[place].end:
            raise LocalProtocolError(f"there is no frame {frame} in this replay")
        return place

    def recordAt(self, place: int, frame: int) -> int:
        """
        Return which of C{records} has a frame.

        @param place: The segment that has it.
        """
        segment, interval = self.segments[place], self.header.checksum_interval
        return segment.first_record + frame // interval - segment.start // interval

    def rows(self, index: int) -> list[ReplayRow]:
        """
        Return the frames of one chunk, those that are void too: all players' inputs,
        and whose seats were empty.
        """
        return decodeRows(self.records[index], self.header.players)

    def inputs(self, index: int) -> list[tuple[bytes, ...]]:
        """Return the inputs of one chunk, frame by frame, all players'."""
        return [inputs for inputs, _ in self.rows(index)]


class _Parts:
    """
    A replay that is being read.

    @ivar records: The chunks of frames that are not void.
    @ivar segments: What can be played.
    @ivar _snapshot: The state that the next frames begin in, and the number of the
        first, or C{None}.
    """

    def __init__(self) -> None:
        self.records: list[FramesRecord] = []
        self.segments = [Segment(0, 0, None, 0)]
        self._snapshot: SnapshotRecord | None = None

    def add(self, record: FramesRecord | SnapshotRecord) -> None:
        """Take the next chunk."""
        if isinstance(record, SnapshotRecord):
            self._snapshot = record
            return
        segments, records = self.segments, self.records
        begun, self._snapshot = self._snapshot, None
        if begun is not None:
            self._forget(begun.frame)
            segments.append(Segment(begun.frame, begun.frame, begun.snapshot, len(records)))
        segments[-1] = attrs.evolve(segments[-1], end=record.first_frame + record.count)
        records.append(record)

    def _forget(self, frame: int) -> None:
        """Forget a frame and all that are higher: they are void."""
        segments, records = self.segments, self.records
        while segments and (segments[-1].start >= frame or segments[-1].end == 0):
            del records[segments.pop().first_record :]
        if segments and segments[-1].end > frame:
            segments[-1] = attrs.evolve(segments[-1], end=frame)
            while records[-1].first_frame >= frame:
                records.pop()


def _startOf(segment: Segment) -> int:
    """Return where a segment starts."""
    return segment.start
