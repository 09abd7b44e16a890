"""
Tests of L{gamenet.wire.replay_file}, L{gamenet.wire.replay_chunks},
L{gamenet.wire.replay_columns} and L{gamenet.wire.replay_reader}: what is right.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage
from gamenet.wire.replay_chunks import (
    CHUNK_LIMIT,
    SNAPSHOT_LIMIT,
    FramesRecord,
    ReplayRow,
    SnapshotRecord,
    decodeRows,
    encodeFrames,
    encodeSnapshot,
)
from gamenet.wire.replay_columns import decodeColumn, encodeColumn
from gamenet.wire.replay_file import (
    INTERVAL_LIMIT,
    PLAYERS_LIMIT,
    REPLAY_INPUT_LIMIT,
    ReplayHeader,
    encodeHeader,
)
from gamenet.wire.replay_reader import ReplayReader
from tests.golden import readTable
from tests.replay_reading import countOf, expected, frames, readAll, withCrc
from tests.replay_samples import SAMPLES, Match, matches, plain, recorded

DIGEST = bytes(16)


class GoldenTests(SynchronousTestCase):
    """The files of version 1 are read, and written, for ever."""

    def test_written(self) -> None:
        """What is recorded today is what was recorded when version 1 was made."""
        written = {name: b"".join(recorded(match)) for name, match in SAMPLES.items()}
        self.assertEqual(written, readTable(1, "replay"))

    def test_read(self) -> None:
        """What was recorded when version 1 was made is understood today."""
        for name, data in readTable(1, "replay").items():
            reader, found = readAll(data)
            self.assertEqual(reader.header, SAMPLES[name][0])
            self.assertEqual(found, expected(SAMPLES[name]), name)
            self.assertTrue(reader.ended)

    def test_layoutByHand(self) -> None:
        """The documented layout, spelled out, is the golden file."""
        header = withCrc(
            b"\x89gnr\r\n\x1a\n" + pack(">H", 1) + bytes(range(16))
            + pack(">BBHQBH", 2, 30, 4, 0x0123456789ABCDEF, 0, 5) + b"tag 1"
        )
        first = pack(">IHHI", 0, 4, 4, 0xDEADBEEF) + b"\x06"
        first += b"\x02" + b"\x03\x01\x07" + b"\x03\x01\x01" + b"\x00\x02" + b"\x01\x00"
        second = pack(">IHHI", 4, 2, 2, 0x01020304) + b"\x02"
        second += b"\x01\x09\xffabcdefgh\x01i" + b"\x00\x00\x01\x03" + b"\x03\x01\xff"
        chunks = [withCrc(pack(">BI", 1, len(each)) + each) for each in (first, second)]
        body = header + b"".join(chunks)
        end = pack(">I", 6) + blake2b(body, digest_size=16).digest()
        body += withCrc(pack(">BI", 2, 20) + end)
        self.assertEqual(readTable(1, "replay")["Short"], body)

    def test_absentByHand(self) -> None:
        """The same of empty seats, bots, a checksum amid a chunk, none, and a state."""
        header = withCrc(
            b"\x89gnr\r\n\x1a\n" + pack(">H", 1) + bytes(range(16))
            + pack(">BBHQBH", 3, 60, 4, 7, 1, 0)
        )
        first = pack(">IHHI", 0, 4, 2, 0x11111111)
        first += b"\x00" + b"\x03\x02\x00\x04" + b"\x00\x00\x01"
        first += b"\x05\x01a" + b"\x01\x00" + b"\x07\x01b" + b"\x01\x01c" + b"\x05\x00"
        second = pack(">IHHI", 4, 1, 0, 0) + b"\x01\x02\x00\x05" + b"\x00" + b"\x01\x01b" + b"\x00"
        body = header + b"".join(
            withCrc(pack(">BI", 1, len(each)) + each) for each in (first, second)
        )
        end = pack(">I", 5) + blake2b(body, digest_size=16).digest()
        self.assertEqual(
            readTable(1, "replay")["Absent"], body + withCrc(pack(">BI", 2, 20) + end)
        )
        state = withCrc(pack(">BII", 3, 10, 9) + b"joined")
        self.assertEqual(readTable(1, "replay")["Restored"][45:][: len(state)], state)


class RoundTripTests(SynchronousTestCase):
    """What was written is read, however it comes."""

    @settings(max_examples=100, deadline=None)
    @given(matches(), st.lists(st.integers(0, 400), max_size=20))
    def test_pieces(self, match: Match, cuts: list[int]) -> None:
        """Any match, cut into any pieces."""
        data = b"".join(recorded(match))
        places = [0, *sorted([min(cut, len(data)) for cut in cuts]), len(data)]
        reader = ReplayReader()
        found = []
        for start, end in pairwise(places):
            reader.feed(data[start:end])
            found += list(frames(reader))
        reader.close()
        self.assertEqual(found, expected(match))
        self.assertEqual((reader.header, reader.frames), (match[0], countOf(found)))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.one_of(st.binary(max_size=9), st.sampled_from([b"", b"\0" * 20])),
                    min_size=1, max_size=40))
    def test_columns(self, column: list[bytes]) -> None:
        """Any inputs, in order; equal neighbors share one object."""
        payload = bytearray(b"before")
        encodeColumn(payload, column)
        decoded, end = decodeColumn(bytes(payload) + b"behind", 6, len(column))
        self.assertEqual((decoded, end), (column, len(payload)))
        for one, other in pairwise(decoded):
            self.assertEqual(one == other, one is other)

    def test_longest(self) -> None:
        """The longest chunk that can be written is within the limit of those that are read."""
        texts = [bytes([1 + frame % 2]) * REPLAY_INPUT_LIMIT for frame in range(INTERVAL_LIMIT)]
        chunk = encodeFrames(
            0, [((text,) * PLAYERS_LIMIT, (n % 16 + 1,)) for n, text in enumerate(texts)], 1, 0
        )
        self.assertLessEqual(len(chunk), CHUNK_LIMIT)
        header = ReplayHeader(DIGEST, PLAYERS_LIMIT, checksum_interval=INTERVAL_LIMIT)
        reader = ReplayReader()
        reader.feed(encodeHeader(header) + chunk)
        record = reader.nextRecord()
        assert isinstance(record, FramesRecord)
        rows = decodeRows(record, PLAYERS_LIMIT)
        self.assertEqual([inputs[3] for inputs, _ in rows], texts)
        self.assertEqual([absent for _, absent in rows[:17]], [(n % 16 + 1,) for n in range(17)])

    def test_largestSnapshot(self) -> None:
        """The largest state is written and read; a larger one is neither."""
        largest = bytes(SNAPSHOT_LIMIT)
        reader = ReplayReader()
        reader.feed(encodeHeader(ReplayHeader(DIGEST, 1)) + encodeSnapshot(5, largest))
        self.assertEqual(reader.nextRecord(), SnapshotRecord(5, largest))
        self.assertRaises(LocalProtocolError, encodeSnapshot, 5, largest + b"x")

    def test_small(self) -> None:
        """A minute of two players who change their input every 4th frame: about 1 byte each."""
        recorder = recorded(
            plain(
                ReplayHeader(DIGEST, 2),
                [((bytes([frame // 4 % 16]), bytes([frame // 4 % 7])), 0) for frame in range(3600)],
            )
        )
        self.assertLess(len(b"".join(recorder)), 2 * 2 * 900 + 60 * 40)


class WritingTests(SynchronousTestCase):
    """What cannot be written is refused by name."""

    def test_header(self) -> None:
        """A header's values are within their bounds."""
        sound = {"digest": DIGEST, "players": 2}
        for name, value in (
            ("digest", b""), ("digest", bytes(17)), ("digest", "x" * 16),
            ("players", 0), ("players", 17), ("players", True),
            ("frame_rate", 0), ("frame_rate", 241), ("seed", -1), ("seed", 1 << 64),
            ("rules", b"bytes"), ("rules", "x" * 4097), ("rules", "\ud800"),
            ("checksum_interval", 0), ("checksum_interval", 601), ("bots", 1),
        ):
            error = self.assertRaises(BadSetting, ReplayHeader, **{**sound, name: value})
            self.assertIn(name, str(error))

    def test_frames(self) -> None:
        """A chunk's numbers and inputs are within their bounds."""
        row: ReplayRow = ((b"",), ())
        for first, rows, checked, checksum in (
            (0, [], 0, 0), (0, [row] * 601, 0, 0), (-1, [row], 0, 0), (1 << 31, [row], 0, 0),
            (0, [row], 1, -1), (0, [row], 1, 1 << 32), (0, [((bytes(256),), ())], 0, 0),
            (0, [row], 2, 0), (0, [row], -1, 0), (0, [row], 0, 1),
        ):
            self.assertRaises(LocalProtocolError, encodeFrames, first, rows, checked, checksum)
        for frame in (-1, 1 << 31):
            self.assertRaises(LocalProtocolError, encodeSnapshot, frame, b"")

    def test_columnsOfAnother(self) -> None:
        """A chunk of another number of players does not unpack."""
        record = FramesRecord(0, 1, 0, 0, b"\0\0")
        self.assertEqual(decodeRows(record, 1), [((b"",), ())])
        self.assertRaises(MalformedMessage, decodeRows, record, 2)
