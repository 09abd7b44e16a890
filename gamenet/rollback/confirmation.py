"""
The frames that became final: their checksums, what the game is told of them,
and what is kept of them for those who come later.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TypeAlias
from zlib import crc32

import attrs

from gamenet.errors import LocalProtocolError
from gamenet.rollback.checksum_comparison import NO_INPUTS_CHECKSUM
from gamenet.rollback.events import FrameConfirmed
from gamenet.rollback.input_table import InputTable
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings

__all__ = ["Confirmation", "ConfirmedRow"]

#: One final frame: all players' inputs, and whose seats were empty.
ConfirmedRow: TypeAlias = tuple[tuple[bytes, ...], tuple[int, ...]]


@attrs.define(init=False)
class Confirmation:
    """
    What became of final frames.

    @ivar told: The newest frame that the game was told of, or the one before the
        first that is played here.
    @ivar _progress: How far the session is.
    @ivar _table: All players' inputs.
    @ivar _interval: Every how many frames a checksum is reported.
    @ivar _sparse: Whether only the reported frames have checksums.
    @ivar _rows: The newest final frames, up to C{told}.
    @ivar _given: Final frames after C{told} that came from others.
    """

    told: int
    _progress: Progress
    _table: InputTable
    _interval: int
    _sparse: bool
    _rows: deque[ConfirmedRow]
    _given: deque[ConfirmedRow]

    def __init__(self, settings: RollbackSettings, progress: Progress, table: InputTable) -> None:
        """
        @param settings: The rules.
        @param progress: How far the session is.
        @param table: All players' inputs.
        """
        self.told = progress.confirmed_frame
        self._progress = progress
        self._table = table
        self._interval = settings.checksum_interval
        self._sparse = settings.sparse_saving
        self._rows = deque(maxlen=max(settings.history_limit, settings.checksum_interval))
        self._given = deque()

    @property
    def complete(self) -> bool:
        """Whether the game was told of all final frames."""
        return self.told == self._progress.confirmed_frame

    @property
    def first_kept(self) -> int:
        """The oldest final frame that is kept."""
        return self.told + 1 - len(self._rows)

    def wanted(self) -> range | list[int]:
        """Return the final frames whose checksums were not taken and are wanted."""
        frames = range(self.told + 1, self._progress.confirmed_frame + 1)
        if self._sparse or self._given:
            return [frame for frame in frames if self.isReported(frame)]
        return frames

    def taken(self, frame: int, checksum: int) -> tuple[int, int, int] | None:
        """
        Take the checksum of a final frame.

        @param frame: The first that is wanted.
        @param checksum: Of the state that the frame led to.
        @return: The report that the others are to be told, if it is one.
        @raise LocalProtocolError: It is another frame.
        """
        unchecked = self._sparse or self._given
        if unchecked:
            self._tellUnchecked()
        if frame != self.told + 1 or frame > self._progress.confirmed_frame:
            raise LocalProtocolError(f"the checksum of frame {frame} is not wanted now")
        self._tell(checksum)
        report = None
        if not (frame + 1) % self._interval or frame == self._progress.frames - 1:
            report = frame, checksum, self._inputsChecksum(frame)
        if unchecked:
            self._tellUnchecked()
        return report

    def settle(self) -> None:
        """
        Tell of the final frames that have no checksum: those of a sparse session, and
        those that came from others.
        """
        if self._sparse or self._given:
            self._tellUnchecked()

    def give(self, row: ConfirmedRow) -> None:
        """Take the next final frame from elsewhere: it is not in the table."""
        self._given.append(row)

    def restart(self, frame: int) -> None:
        """Begin anew: the first frame that is played here is another one."""
        self.told = frame - 1
        self._rows.clear()
        self._given.clear()

    def follow(self, table: InputTable) -> None:
        """From now on final frames come from another table."""
        self._table = table

    def isReported(self, frame: int) -> bool:
        """Return whether a frame's checksum is told to the others."""
        return not (frame + 1) % self._interval or frame == self._progress.frames - 1

    def row(self, frame: int) -> ConfirmedRow:
        """
        Return a final frame that is kept.

        @raise LocalProtocolError: It is not.
        """
        place = frame - self.first_kept
        if not 0 <= place < len(self._rows):
            raise LocalProtocolError(f"frame {frame} is not kept")
        return self._rows[place]

    def rows(self, start: int, end: int) -> list[ConfirmedRow]:
        """
        Return the final frames from C{start} up to C{end}, without it.

        @raise LocalProtocolError: One is not kept.
        """
        first = self.first_kept
        if not first <= start <= end <= self.told + 1:
            raise LocalProtocolError(f"frames {start} to {end} are not all kept")
        return list(islice(self._rows, start - first, end - first))

    def _tellUnchecked(self) -> None:
        """Tell of final frames up to the next whose checksum is wanted."""
        while self.told < self._progress.confirmed_frame and not self.isReported(self.told + 1):
            self._tell(None)

    def _tell(self, checksum: int | None) -> None:
        """Tell the game of the next final frame, and keep it."""
        frame = self.told + 1
        if self._given:
            inputs, absent = self._given.popleft()
        else:
            table = self._table
            inputs = table.row(frame)
            absent = table.absent if frame >= table.settled else table.absentAt(frame)
        self._rows.append((inputs, absent))
        self._progress.events.append(FrameConfirmed(frame, inputs, checksum, absent))
        self.told = frame

    def _inputsChecksum(self, frame: int) -> int:
        """Return the crc32 of all inputs since the report before that of C{frame}."""
        count = frame % self._interval + 1
        if count > len(self._rows):
            return NO_INPUTS_CHECKSUM
        newest = islice(self._rows, len(self._rows) - count, None)
        inputs = [text for row, _ in newest for text in row]
        return crc32(b"".join(inputs), crc32(bytes(map(len, inputs)))) or 1
