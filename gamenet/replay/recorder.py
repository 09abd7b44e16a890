"""
Writes a match down as it becomes final; the file is that of
L{gamenet.wire.replay_file}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice

import attrs

from gamenet.bounds import wholeNumber
from gamenet.errors import LocalProtocolError
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.replay_chunks import (
    SNAPSHOT_LIMIT,
    ReplayRow,
    encodeEnd,
    encodeFrames,
    encodeSnapshot,
)
from gamenet.wire.replay_file import (
    DIGEST_BYTES,
    REPLAY_INPUT_LIMIT,
    ReplayHeader,
    encodeHeader,
)

__all__ = ["HISTORY_LIMIT", "ReplayRecorder"]

#: How many frames a state may lie back that is taken over in mid-match, unless set.
HISTORY_LIMIT = 600


@attrs.define(init=False)
class ReplayRecorder:
    """
    Writes a match down.  Keeps no more than the frames since the last checksum, those
    that may have to be written again, and a state that was taken over until the next
    frame.

    @ivar header: The L{ReplayHeader}.
    @ivar frames: How many frames were recorded, those that became void too.
    @ivar next_frame: The number of the next frame, unless a state was taken over.
    @ivar finished: Whether the end was written.
    @ivar _waiting: The frames that were not written yet.
    @ivar _checked: How many of them lead to the newest checksum, or 0.
    @ivar _checksum: That checksum, or 0.
    @ivar _history: The newest frames, which came one after the other.
    @ivar _restored: The state that was taken over since the newest frame, and the
        frame that comes next, or C{None}.
    @ivar _began: Whether the header was written.
    @ivar _digest: BLAKE2b of what was written.
    """

    header: ReplayHeader
    frames: int
    next_frame: int
    finished: bool
    _waiting: list[ReplayRow]
    _checked: int
    _checksum: int
    _history: deque[ReplayRow]
    _restored: tuple[int, bytes] | None
    _began: bool
    _digest: blake2b

    def __init__(self, header: ReplayHeader, history_limit: int = HISTORY_LIMIT) -> None:
        """
        @param header: What the replay is of.
        @param history_limit: How many of the newest frames are kept, 1 to 1 000 000: a
            state that is taken over in mid-match (L{restored}) must not lie further
            back, so that of L{gamenet.rollback.settings.RollbackSettings} is enough.
        @raise gamenet.errors.BadSetting: It is out of bounds.
        """
        limits = _HistoryLimit(history_limit)
        self.header = header
        self.frames = 0
        self.next_frame = 0
        self.finished = False
        self._waiting = []
        self._checked = 0
        self._checksum = 0
        self._history = deque(maxlen=limits.history_limit)
        self._restored = None
        self._began = False
        self._digest = blake2b(digest_size=DIGEST_BYTES)

    def frameConfirmed(
        self,
        frame: int,
        inputs: Sequence[bytes],
        checksum: int | None,
        absent: Sequence[int] = (),
    ) -> bytes:
        """
        Take a frame that became final: what a
        L{gamenet.rollback.events.FrameConfirmed} says.

        @param frame: The frame; one more than the last time, from 0 on.  After
            L{restored} it may be the frame of that state too.
        @param inputs: All players' inputs of it.
        @param checksum: That of the state that it led to; C{None} if none was taken.
        @param absent: The players whose seats were empty in it, ascending.
        @return: What to append to the file; C{b""} for most frames.
        @raise LocalProtocolError: It is another frame, or these are not such inputs.
            Nothing changed then.
        """
        again = self._require(frame)
        row = self._checkedRow(inputs, absent)
        if checksum is not None and (type(checksum) is not int or not 0 <= checksum < 1 << 32):
            raise LocalProtocolError(f"a checksum of {checksum!r:.80}")
        data = b""
        if self._restored is not None:
            start, snapshot = self._restored
            self._restored = None
            data = self._written(self._frames() + encodeSnapshot(start, snapshot))
            self._history.clear()
            self.next_frame = start
            for each in again:
                data += self._add(each, None)
        return data + self._add(row, checksum)

    def restored(self, frame: int, snapshot: bytes) -> None:
        """
        Take a state that the game became because another peer sent it: what a
        L{gamenet.rollback.steps.Restore} says.  It is written before the next frame.

        @param frame: The frame that comes next.
        @param snapshot: What the simulation's C{save} returned there.
        @raise LocalProtocolError: It is too large or no state of a frame, or the replay
            has ended.
        """
        if self.finished:
            raise LocalProtocolError("the replay has ended")
        if type(frame) is not int or not 0 <= frame < FRAMES_LIMIT:
            raise LocalProtocolError(f"a snapshot of frame {frame!r:.80}")
        if not isinstance(snapshot, bytes) or len(snapshot) > SNAPSHOT_LIMIT:
            raise LocalProtocolError(f"a snapshot that is not at most {SNAPSHOT_LIMIT} bytes")
        self._restored = frame, snapshot

    def finish(self) -> bytes:
        """
        End the file.

        @return: What to append to it, for the last time.
        @raise LocalProtocolError: It has ended.
        """
        if self.finished:
            raise LocalProtocolError("the replay has ended")
        last = self._written(self._frames())
        self.finished = True
        self._restored = None
        return last + encodeEnd(self.frames, self._digest.digest())

    def _require(self, frame: int) -> list[ReplayRow]:
        """
        Return which frames come again before C{frame}, the next one.

        @raise LocalProtocolError: It is not.
        """
        restored, history = self._restored, self._history
        if not self.finished:
            if restored is None:
                if frame == self.next_frame:
                    return []
            elif frame == restored[0]:
                return []
            elif frame == self.next_frame and 0 < frame - restored[0] <= len(history):
                return list(islice(history, len(history) - (frame - restored[0]), None))
        raise LocalProtocolError(f"frame {frame} is not the next one to record")

    def _checkedRow(self, inputs: Sequence[bytes], absent: Sequence[int]) -> ReplayRow:
        """Return a frame as it is kept."""
        players = self.header.players
        if len(inputs) != players:
            raise LocalProtocolError(f"{len(inputs)} inputs for {players} players")
        for text in inputs:
            if not isinstance(text, bytes) or len(text) > REPLAY_INPUT_LIMIT:
                raise LocalProtocolError(
                    f"an input that is not at most {REPLAY_INPUT_LIMIT} bytes: {text!r:.80}"
                )
        previous = 0
        for player in absent:
            if type(player) is not int or not previous < player <= players:
                raise LocalProtocolError(f"not ascending players, who are absent: {absent!r:.80}")
            previous = player
        return tuple(inputs), tuple(absent)

    def _add(self, row: ReplayRow, checksum: int | None) -> bytes:
        """Add the next frame, and return what is to be written now."""
        self._waiting.append(row)
        self._history.append(row)
        if checksum is not None:
            self._checked = len(self._waiting)
            self._checksum = checksum
        self.frames += 1
        self.next_frame += 1
        if self.next_frame % self.header.checksum_interval:
            return b""
        return self._written(self._frames())

    def _frames(self) -> bytes:
        """Return the frames that wait, as a chunk, and keep them no longer."""
        waiting = self._waiting
        if not waiting:
            return b""
        first_frame = self.next_frame - len(waiting)
        chunk = encodeFrames(first_frame, waiting, self._checked, self._checksum)
        waiting.clear()
        self._checked = self._checksum = 0
        return chunk

    def _written(self, data: bytes) -> bytes:
        """Return C{data}, behind the header if it is the first."""
        if not self._began:
            self._began = True
            data = encodeHeader(self.header) + data
        self._digest.update(data)
        return data


@attrs.frozen
class _HistoryLimit:
    """What a recorder is told of its memory, checked."""

    history_limit: int = attrs.field(validator=wholeNumber(1, 1_000_000))
