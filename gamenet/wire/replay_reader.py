"""
Reads a replay file as it comes, in pieces of any length; the layout is that of
L{gamenet.wire.replay_file}.
"""

from __future__ import annotations

from hashlib import blake2b

import attrs

from gamenet.errors import MalformedMessage
from gamenet.wire.replay_chunks import (
    EndRecord,
    FramesRecord,
    SnapshotRecord,
    decodeChunk,
    decodeRows,
)
from gamenet.wire.replay_file import DIGEST_BYTES, ReplayHeader, decodeHeader

__all__ = ["ReplayReader", "ReplayTruncated"]


class ReplayTruncated(MalformedMessage):
    """A replay file ends before its end; what came before that is sound."""


@attrs.define(init=False)
class ReplayReader:
    """
    Reads one file.

    What was fed and not read is kept, so read what there is after each piece; a part
    of one chunk is the most that stays then.

    @ivar header: The L{ReplayHeader}, once it was read.
    @ivar frames: How many frames were read, those that are void too.
    @ivar ended: Whether the file's end was read.
    @ivar _pending: What was fed and not read.
    @ivar _problem: Why nothing more can be read, or C{""}.
    @ivar _next: The number of the frame that comes next.
    @ivar _short: Whether the last frames end before the interval does.
    @ivar _restored: Whether the last chunk was a snapshot.
    @ivar _digest: BLAKE2b of what was read.
    """

    header: ReplayHeader | None
    frames: int
    ended: bool
    _pending: bytearray
    _problem: str
    _next: int
    _short: bool
    _restored: bool
    _digest: blake2b

    def __init__(self) -> None:
        self.header = None
        self.frames = 0
        self.ended = False
        self._pending = bytearray()
        self._problem = ""
        self._next = 0
        self._short = False
        self._restored = False
        self._digest = blake2b(digest_size=DIGEST_BYTES)

    def feed(self, data: bytes) -> None:
        """
        Take the next piece of the file.

        @param data: The piece, of any length.
        """
        if not self._problem:
            self._pending += data

    def nextRecord(self) -> FramesRecord | SnapshotRecord | None:
        """
        Return the next chunk of frames or snapshot, or C{None} if it is not all here or
        the file has ended.  Reads the header first, if it is here.

        @raise MalformedMessage: The file is damaged, here or where an earlier call
            said so; or of another version (L{gamenet.errors.UnknownMessage}).  What was
            returned before is sound.
        """
        self._requireSound()
        try:
            return self._read()
        except MalformedMessage as error:
            self._problem = str(error)
            self._pending.clear()
            raise

    def close(self) -> None:
        """
        Say that there are no more pieces.

        @raise ReplayTruncated: The file's end was not among them.
        @raise MalformedMessage: The file is damaged.
        """
        self._requireSound()
        if not self.ended:
            raise ReplayTruncated(f"a replay file that was cut off after {self.frames} frames")

    def _requireSound(self) -> None:
        """Raise what was raised before."""
        if self._problem:
            raise MalformedMessage(self._problem)

    def _read(self) -> FramesRecord | SnapshotRecord | None:
        """Read on."""
        pending = self._pending
        if self.header is None:
            head = decodeHeader(pending)
            if head is None:
                return None
            self.header, size = head
            self._passOver(size)
        if self.ended:
            if pending:
                raise MalformedMessage("a replay file with bytes behind its end")
            return None
        chunk = decodeChunk(pending)
        if chunk is None:
            return None
        record, size = chunk
        if isinstance(record, EndRecord):
            if self._restored or record != EndRecord(self.frames, self._digest.digest()):
                raise MalformedMessage("a replay file whose end belongs to another")
            self.ended = True
            del pending[:size]
            return self._read()
        if isinstance(record, SnapshotRecord):
            if self._restored:
                raise MalformedMessage("a replay snapshot without frames behind it")
            self._next, self._short, self._restored = record.frame, False, True
        else:
            self._check(self.header, record)
        self._passOver(size)
        return record

    def _passOver(self, size: int) -> None:
        """Count the first bytes of what is pending to the digest, and drop them."""
        self._digest.update(bytes(self._pending[:size]))
        del self._pending[:size]

    def _check(self, header: ReplayHeader, record: FramesRecord) -> None:
        """Check a chunk of frames against the header and the chunk before."""
        first_frame, count, interval = record.first_frame, record.count, header.checksum_interval
        if first_frame != self._next:
            raise MalformedMessage(f"frame {first_frame} in a replay, not {self._next}")
        if self._short or first_frame % interval + count > interval:
            raise MalformedMessage("a replay chunk that breaks the interval")
        decodeRows(record, header.players)
        self.frames += count
        self._next = first_frame + count
        self._short = self._next % interval != 0
        self._restored = False
