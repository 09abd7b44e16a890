"""
Tests of L{gamenet.wire.replay_file}, L{gamenet.wire.replay_columns} and
L{gamenet.wire.replay_reader}.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from struct import pack
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.replay_columns import decodeColumn, encodeColumn
from gamenet.wire.replay_file import (
    CHUNK_LIMIT,
    INTERVAL_LIMIT,
    MAGIC,
    PLAYERS_LIMIT,
    REPLAY_INPUT_LIMIT,
    FramesRecord,
    ReplayHeader,
    decodeInputs,
    encodeEnd,
    encodeFrames,
    encodeHeader,
)
from gamenet.wire.replay_reader import ReplayReader, ReplayTruncated
from tests.golden import readTable
from tests.replay_samples import SAMPLES, Match, matches, recorded

DIGEST = bytes(16)


def withCrc(data: bytes) -> bytes:
    """Bytes and their crc32."""
    return data + pack(">I", crc32(data))


def frames(reader: ReplayReader) -> Iterator[tuple[tuple[bytes, ...], int | None]]:
    """The inputs that a reader gives, and the checksums where there are some."""
    while (record := reader.nextRecord()) is not None:
        assert reader.header is not None
        inputs = decodeInputs(record, reader.header.players)
        for place, texts in enumerate(inputs, 1):
            yield texts, record.checksum if place == len(inputs) else None


def readAll(data: bytes) -> tuple[ReplayReader, list[tuple[tuple[bytes, ...], int | None]]]:
    """Read a whole file."""
    reader = ReplayReader()
    reader.feed(data)
    found = list(frames(reader))
    reader.close()
    return reader, found


def expected(match: Match) -> list[tuple[tuple[bytes, ...], int | None]]:
    """What a reader shall give of a match."""
    header, played = match
    return [
        (inputs, checksum if not frame % header.checksum_interval or frame == len(played) else None)
        for frame, (inputs, checksum) in enumerate(played, 1)
    ]


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
            + pack(">BBHQH", 2, 30, 4, 0x0123456789ABCDEF, 5) + b"tag 1"
        )
        first = pack(">IHI", 0, 4, 0xDEADBEEF)
        first += b"\x02" + b"\x03\x01\x07" + b"\x03\x01\x01" + b"\x00\x02" + b"\x01\x00"
        second = pack(">IHI", 4, 2, 0x01020304)
        second += b"\x01\x09\xffabcdefgh\x01i" + b"\x00\x00\x01\x03" + b"\x03\x01\xff"
        chunks = [withCrc(pack(">BI", 1, len(each)) + each) for each in (first, second)]
        body = header + b"".join(chunks)
        end = pack(">I", 6) + blake2b(body, digest_size=16).digest()
        body += withCrc(pack(">BI", 2, 20) + end)
        self.assertEqual(readTable(1, "replay")["Short"], body)


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
        self.assertEqual((reader.header, reader.frames), (match[0], len(match[1])))

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
        chunk = encodeFrames(0, [(text,) * PLAYERS_LIMIT for text in texts], 0)
        self.assertLessEqual(len(chunk), CHUNK_LIMIT)
        header = ReplayHeader(DIGEST, PLAYERS_LIMIT, checksum_interval=INTERVAL_LIMIT)
        reader = ReplayReader()
        reader.feed(encodeHeader(header) + chunk)
        self.assertEqual([inputs[3] for inputs, _ in frames(reader)], texts)

    def test_small(self) -> None:
        """A minute of two players who change their input every 4th frame: about 1 byte each."""
        recorder = recorded(
            (ReplayHeader(DIGEST, 2),
             [((bytes([frame // 4 % 16]), bytes([frame // 4 % 7])), 0) for frame in range(3600)])
        )
        self.assertLess(len(b"".join(recorder)), 2 * 2 * 900 + 60 * 40)


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
    @given(st.binary(max_size=300), st.integers(0, 2))
    def test_anyBytes(self, data: bytes, sound: int) -> None:
        """Any bytes, alone, behind a header, and as a chunk with a right crc32."""
        header = encodeHeader(ReplayHeader(DIGEST, 2))
        whole = [data, header + data, header + withCrc(pack(">BI", 1, len(data)) + data)][sound]
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
        length, sound = 0, 0
        for frame, piece in enumerate(pieces, 1):
            length += len(piece)
            if piece and length <= cut:
                sound = min(frame, len(match[1]))
        self.assertGreaterEqual(len(found), sound)
        error = self.assertRaises(ReplayTruncated, reader.close)
        self.assertEqual(str(error), f"a replay file that was cut off after {len(found)} frames")

    def test_broken(self) -> None:
        """Each thing that a file may lie about is refused by its name."""
        header = encodeHeader(ReplayHeader(DIGEST, 1, checksum_interval=4))
        one = encodeFrames(0, [(b"a",)] * 4, 0)

        def chunk(first: int, count: int, columns: bytes) -> bytes:
            payload = pack(">IHI", first, count, 0) + columns
            return withCrc(pack(">BI", 1, len(payload)) + payload)

        def head(version: int, players: int, rate: int, interval: int, rules: bytes) -> bytes:
            numbers = pack(">BBHQH", players, rate, interval, 0, len(rules))
            return withCrc(MAGIC + pack(">H", version) + DIGEST + numbers + rules)

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
            (head(1, 1, 60, 60, bytes(4097)), "4097 bytes of rules"),
            (header[:-1] + b"\0", "damaged bytes"),
            (header + one[:-1] + b"\0", "damaged bytes"),
            (header + b"\3\0\0\0\0", "kind 3"),
            (header + b"\0\0\0\0\0", "kind 0"),
            (header + pack(">BI", 1, CHUNK_LIMIT + 1), "4194305 bytes"),
            (header + pack(">BI", 2, 21), "21 bytes"),
            (header + withCrc(pack(">BI", 1, 9) + bytes(9)), "ends in its numbers"),
            (header + chunk(0, 0, b""), "chunk of 0 frames"),
            (header + chunk(0, 601, b""), "chunk of 601 frames"),
            (header + chunk((1 << 31) - 1, 2, b"\2"), "from 2147483647 on"),
            (header + chunk(1, 4, b"\6"), "frame 1 in a replay, not 0"),
            (header + one + one, "frame 0 in a replay, not 4"),
            (header + chunk(0, 5, b"\x08"), "breaks the interval"),
            (header + chunk(0, 3, b"\x04") + chunk(3, 4, b"\6"), "breaks the interval"),
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
            (header + one + encodeEnd(5, blake2b(header + one, digest_size=16).digest()),
             "belongs to another"),
            (header + encodeEnd(0, blake2b(header, digest_size=16).digest()) + b"\0",
             "behind its end"),
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
        """A few bytes never become a gigabyte: the most that 50 bytes unpack to is 9600 inputs."""
        header = ReplayHeader(DIGEST, PLAYERS_LIMIT, checksum_interval=INTERVAL_LIMIT)
        chunk = encodeFrames(0, [(b"",) * PLAYERS_LIMIT] * INTERVAL_LIMIT, 0)
        self.assertLess(len(chunk), 60)
        reader = ReplayReader()
        tracemalloc.start()
        try:
            reader.feed(encodeHeader(header) + chunk)
            record = reader.nextRecord()
            assert record is not None
            inputs = decodeInputs(record, PLAYERS_LIMIT)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertEqual(len(inputs), INTERVAL_LIMIT)
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
            ("checksum_interval", 0), ("checksum_interval", 601),
        ):
            error = self.assertRaises(BadSetting, ReplayHeader, **{**sound, name: value})
            self.assertIn(name, str(error))

    def test_frames(self) -> None:
        """A chunk's numbers and inputs are within their bounds."""
        for first, inputs, checksum in (
            (0, [], 0), (0, [(b"",)] * 601, 0), (-1, [(b"",)], 0), (1 << 31, [(b"",)], 0),
            (0, [(b"",)], -1), (0, [(b"",)], 1 << 32), (0, [(bytes(256),)], 0),
        ):
            self.assertRaises(LocalProtocolError, encodeFrames, first, inputs, checksum)

    def test_columnsOfAnother(self) -> None:
        """A chunk of another number of players does not unpack."""
        record = FramesRecord(0, 1, 0, b"\0")
        self.assertEqual(decodeInputs(record, 1), [(b"",)])
        self.assertRaises(MalformedMessage, decodeInputs, record, 2)
