"""
For the tests of L{gamenet.wire.replay_file}: what a reader gives of a file, and what it
shall give.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from zlib import crc32

from gamenet.rollback.steps import Restore
from gamenet.wire.replay_chunks import ReplayRow, SnapshotRecord, decodeRows
from gamenet.wire.replay_reader import ReplayReader
from tests.replay_samples import Match

__all__ = ["Given", "countOf", "expected", "frames", "readAll", "withCrc"]

#: What a reader gives: a frame, or the state before one.
Given = tuple[ReplayRow, int | None] | SnapshotRecord


def withCrc(data: bytes) -> bytes:
    """Bytes and their crc32."""
    return data + pack(">I", crc32(data))


def frames(reader: ReplayReader) -> Iterator[Given]:
    """The frames that a reader gives, and the checksums where there are some."""
    while (record := reader.nextRecord()) is not None:
        if isinstance(record, SnapshotRecord):
            yield record
            continue
        assert reader.header is not None
        for place, row in enumerate(decodeRows(record, reader.header.players), 1):
            yield row, record.checksum if place == record.checked else None


def readAll(data: bytes) -> tuple[ReplayReader, list[Given]]:
    """Read a whole file."""
    reader = ReplayReader()
    reader.feed(data)
    found = list(frames(reader))
    reader.close()
    return reader, found


def expected(match: Match) -> list[Given]:
    """What a reader shall give of a match."""
    header, moments = match
    interval = header.checksum_interval
    found: list[Given] = []
    history: list[ReplayRow] = []
    place, last, restored = 0, -1, None

    def add(row: ReplayRow, checksum: int | None) -> None:
        nonlocal last, place
        if checksum is not None:
            if last >= 0:
                found[last] = found[last][0], None  # type: ignore[index]
            last = len(found)
        found.append((row, checksum))
        history.append(row)
        place += 1
        if not place % interval:
            last = -1

    for each in moments:
        if isinstance(each, Restore):
            restored = each
            continue
        if restored is not None:
            found.append(SnapshotRecord(restored.frame, restored.snapshot))
            again = history[len(history) - max(each.frame - restored.frame, 0) :]
            history, place, last = [], restored.frame, -1
            for row in again:
                add(row, None)
            restored = None
        add((each.inputs, each.absent), each.checksum)
    return found


def countOf(found: list[Given]) -> int:
    """How many frames there are."""
    return sum(not isinstance(each, SnapshotRecord) for each in found)
