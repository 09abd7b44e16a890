"""
Tests of L{gamenet.wire.replay_chunks}, L{gamenet.wire.replay_columns} and
L{gamenet.wire.replay_reader}: what is wrong.
"""

from __future__ import annotations

import tracemalloc
from hashlib import blake2b
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage, UnknownMessage
from gamenet.wire.replay_chunks import (
    CHUNK_LIMIT,
    SNAPSHOT_LIMIT,
    FramesRecord,
    decodeRows,
    encodeEnd,
    encodeFrames,
    encodeSnapshot,
)
from gamenet.wire.replay_columns import decodeColumn, encodeColumn
from gamenet.wire.replay_file import (
    INTERVAL_LIMIT,
    MAGIC,
    PLAYERS_LIMIT,
    ReplayHeader,
    encodeHeader,
)
from gamenet.wire.replay_reader import ReplayReader, ReplayTruncated
from tests.replay_reading import countOf, expected, frames, withCrc
from tests.replay_samples import Match, matches, recorded

DIGEST = bytes(16)


class HostileTests(SynchronousTestCase):
    """Bad input: every byte string may be fed; none does harm."""

    def attempt(self, data: bytes) -> tuple[int, MalformedMessage | None]:
        """Read until the end; how many frames came, and what was raised."""
        reader = ReplayReader()
        reader.feed(data)
        error = None
        try:
            list(frames(reader))
            reader.close()
        except MalformedMessage as raised:
            error = raised
        return reader.frames, error

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.integers(0, 4))
    def test_anyBytes(self, data: bytes, sound: int) -> None:
        """Any bytes, alone, behind a header, and as a chunk with a right crc32."""
        header = encodeHeader(ReplayHeader(DIGEST, 2))
        whole = [data, header + data][sound] if sound < 2 else (
            header + withCrc(pack(">BI", sound - 1, len(data)) + data)
        )
        count, error = self.attempt(whole)
        self.assertIsNotNone(error)
        self.assertLessEqual(count, 60)

    @settings(max_examples=200, deadline=None)
    @given(matches(), st.data())
    def test_mutated(self, match: Match, data: st.DataObject) -> None:
        """One byte changed, taken out or put in: it is noticed, and all before it is sound."""
        whole = b"".join(recorded(match))
        place = data.draw(st.integers(0, len(whole) - 1))
        byte = data.draw(st.integers(0, 255))
        kind = data.draw(st.sampled_from(["change", "remove", "insert"]))
        tail = whole[place:] if kind == "insert" else whole[place + 1 :]
        middle = b"" if kind == "remove" else bytes([byte])
        damaged = whole[:place] + middle + tail
        reader = ReplayReader()
        reader.feed(damaged)
        found = []
        try:
            for each in frames(reader):
                found.append(each)
            reader.close()
        except MalformedMessage:
            self.assertNotEqual(damaged, whole)
        else:
            self.assertEqual(damaged, whole)
        self.assertEqual(found, expected(match)[: len(found)])

    @settings(max_examples=100, deadline=None)
    @given(matches(), st.data())
    def test_truncated(self, match: Match, data: st.DataObject) -> None:
        """Cut off anywhere: every whole chunk is read, then the end is missed by name."""
        pieces = recorded(match)
        whole = b"".join(pieces)
        cut = data.draw(st.integers(0, len(whole) - 1))
        reader = ReplayReader()
        reader.feed(whole[:cut])
        found = list(frames(reader))
        self.assertEqual(found, expected(match)[: len(found)])
        length = 0
        for piece in pieces[:-1]:
            length += len(piece) if length + len(piece) <= cut else 0
        complete = ReplayReader()
        complete.feed(whole[:length])
        self.assertGreaterEqual(len(found), len(list(frames(complete))))
        error = self.assertRaises(ReplayTruncated, reader.close)
        count = countOf(found)
        self.assertEqual(str(error), f"a replay file that was cut off after {count} frames")

    def test_broken(self) -> None:
        """Each thing that a file may lie about is refused by its name."""
        header = encodeHeader(ReplayHeader(DIGEST, 1, checksum_interval=4))
        one = encodeFrames(0, [((b"a",), ())] * 4)
        state = encodeSnapshot(4, b"state")

        def chunk(first: int, count: int, columns: bytes, absent: bytes | None = None) -> bytes:
            if absent is None:
                absent = pack("B", 2 * (count - 1)) if 0 < count < 60 else b""
            payload = pack(">IHHI", first, count, 0, 0) + absent + columns
            return withCrc(pack(">BI", 1, len(payload)) + payload)

        def head(
            version: int, players: int, rate: int, interval: int, rules: bytes, bots: int = 0
        ) -> bytes:
            numbers = pack(">BBHQBH", players, rate, interval, 0, bots, len(rules))
            return withCrc(MAGIC + pack(">H", version) + DIGEST + numbers + rules)

        def checked(count: int, checksum: int) -> bytes:
            return withCrc(pack(">BIIHHI", 1, 15, 0, 4, count, checksum) + b"\6\6\0")

        def ended(data: bytes, count: int) -> bytes:
            return data + encodeEnd(count, blake2b(data, digest_size=16).digest())

        for data, text in (
            (b"RIFF", "not a replay file"),
            (head(2, 1, 60, 60, b""), "version 2, not 1"),
            (head(1, 0, 60, 60, b""), "players must be"),
            (head(1, 17, 60, 60, b""), "players must be"),
            (head(1, 1, 0, 60, b""), "frame_rate must be"),
            (head(1, 1, 241, 60, b""), "frame_rate must be"),
            (head(1, 1, 60, 0, b""), "checksum_interval must be"),
            (head(1, 1, 60, 601, b""), "checksum_interval must be"),
            (head(1, 1, 60, 60, b"\xff"), "a replay header"),
            (head(1, 1, 60, 60, b"", 2), "bots are 2"),
            (head(1, 1, 60, 60, bytes(4097)), "4097 bytes of rules"),
            (header[:-1] + b"\0", "damaged bytes"),
            (header + one[:-1] + b"\0", "damaged bytes"),
            (header + b"\4\0\0\0\0", "kind 4"),
            (header + b"\0\0\0\0\0", "kind 0"),
            (header + pack(">BI", 1, CHUNK_LIMIT + 1), "4194305 bytes"),
            (header + pack(">BI", 1, 11), "chunk of 11 bytes"),
            (header + pack(">BI", 2, 21), "21 bytes"),
            (header + pack(">BI", 3, 3), "chunk of 3 bytes"),
            (header + pack(">BI", 3, SNAPSHOT_LIMIT + 5), "chunk of 67108869 bytes"),
            (header + withCrc(pack(">BII", 3, 4, 1 << 31)), "snapshot at frame 2147483648"),
            (header + one + state + state, "without frames behind it"),
            (ended(header + one + state, 4), "belongs to another"),
            (header + one + state + one, "frame 0 in a replay, not 4"),
            (header + chunk(0, 0, b""), "chunk of 0 frames"),
            (header + chunk(0, 601, b""), "chunk of 601 frames"),
            (header + chunk((1 << 31) - 1, 2, b"\2"), "from 2147483647 on"),
            (header + checked(5, 0), "checksum of 5 of 4 frames"),
            (header + checked(0, 1), "checksum of 0 of 4 frames"),
            (header + chunk(1, 3, b"\4"), "frame 1 in a replay, not 0"),
            (header + one + one, "frame 0 in a replay, not 4"),
            (header + chunk(0, 5, b"\x08"), "breaks the interval"),
            (header + chunk(0, 3, b"\x04") + chunk(3, 1, b"\0"), "breaks the interval"),
            (header + encodeSnapshot(3, b"") + chunk(3, 2, b"\2"), "breaks the interval"),
            (header + chunk(0, 4, b"\6", b""), "ends in a number"),
            (header + chunk(0, 4, b"\6", b"\7\1\1"), "absent are 01 of 1 players"),
            (header + chunk(0, 4, b"\6", b"\7\2\0\2"), "absent are 0002 of 1 players"),
            (header + chunk(0, 4, b"\6", b"\7\2\0\0"), "absent are 0000 of 1 players"),
            (header + chunk(0, 4, b"\6", b"\7\3\0\0\1"), "absent are 000001 of 1 players"),
            (header + chunk(0, 4, b""), "ends in a number"),
            (header + chunk(0, 4, b"\x86"), "ends in a number"),
            (header + chunk(0, 4, b"\x86\0"), "needless or too many bytes"),
            (header + chunk(0, 4, b"\x86\x80\1"), "needless or too many bytes"),
            (header + chunk(0, 4, b"\x07"), "ends in a number"),
            (header + chunk(0, 4, b"\x08"), "more than its frames"),
            (header + chunk(0, 4, b"\x07\0"), "an input of 0 bytes behind one of 0"),
            (header + chunk(0, 4, b"\x07\x80\2"), "an input of 256 bytes"),
            (header + chunk(0, 4, b"\x07\1"), "ends in an input"),
            (header + chunk(0, 4, b"\x07\4"), "ends in an input"),
            (header + chunk(0, 4, b"\x07\4\1"), "mask beyond its input"),
            (header + chunk(0, 4, b"\x07\4\x10a"), "mask beyond its input"),
            (header + chunk(0, 4, b"\x07\4\1\0"), "a zero that its mask denies"),
            (header + chunk(0, 4, b"\2\2"), "one run in two parts"),
            (header + chunk(0, 4, b"\6\0"), "more than its columns"),
            (header + one + encodeEnd(4, DIGEST), "belongs to another"),
            (ended(header + one, 5), "belongs to another"),
            (ended(header, 0) + b"\0", "behind its end"),
        ):
            _, error = self.attempt(data)
            self.assertIn(text, str(error))
            self.assertNotIsInstance(error, ReplayTruncated)
            expected_type = UnknownMessage if "version" in text or "kind" in text else None
            if expected_type is not None:
                self.assertIsInstance(error, expected_type)

    def test_staysBroken(self) -> None:
        """Once a file is damaged, nothing more comes of it, and nothing more is kept."""
        reader = ReplayReader()
        reader.feed(b"x")
        for _ in range(3):
            self.assertRaises(MalformedMessage, reader.nextRecord)
            self.assertRaises(MalformedMessage, reader.close)
            reader.feed(encodeHeader(ReplayHeader(DIGEST, 1)))
        self.assertEqual(reader._pending, b"")
        self.assertIsNone(reader.header)

    def test_bounded(self) -> None:
        """A few bytes never become a gigabyte: the most that 60 bytes unpack to is 9600 inputs."""
        header = ReplayHeader(DIGEST, PLAYERS_LIMIT, checksum_interval=INTERVAL_LIMIT)
        chunk = encodeFrames(0, [((b"",) * PLAYERS_LIMIT, (2,))] * INTERVAL_LIMIT)
        self.assertLess(len(chunk), 70)
        reader = ReplayReader()
        tracemalloc.start()
        try:
            reader.feed(encodeHeader(header) + chunk)
            record = reader.nextRecord()
            assert isinstance(record, FramesRecord)
            rows = decodeRows(record, PLAYERS_LIMIT)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertEqual(len(rows), INTERVAL_LIMIT)
        self.assertIs(rows[0][1], rows[-1][1])
        self.assertLess(peak, 500_000)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60), st.integers(1, INTERVAL_LIMIT))
    def test_anyColumn(self, data: bytes, count: int) -> None:
        """Any bytes as a column: what is decoded is encoded to the same bytes."""
        try:
            column, end = decodeColumn(data, 0, count)
        except MalformedMessage:
            return
        again = bytearray()
        encodeColumn(again, column)
        self.assertEqual((len(column), bytes(again)), (count, data[:end]))
