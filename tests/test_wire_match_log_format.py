"""
Tests for L{gamenet.wire.match_log_format}.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.wire.match_log_format import (
    FRAME_LIMIT,
    LINE_LIMIT,
    PARTS_LIMIT,
    TEXT_LIMIT,
    decodeHeader,
    decodeRecord,
    encodeHeader,
    encodeRecord,
)
from gamenet.wire.match_log_records import (
    EndRecord,
    EventRecord,
    FrameRecord,
    LogHeader,
    LogRecord,
    NoteRecord,
    PartDigest,
    PartPatch,
    StateRecord,
    TickRecord,
)

__all__ = ["FormatTests"]

FRAMES = st.integers(0, FRAME_LIMIT - 1)
TIMES = st.integers(0, 10**9).map(lambda number: number / 1000)
INPUTS = st.tuples(st.binary(max_size=8), st.binary(max_size=8))
TEXTS = st.text(max_size=20)
PARTS = st.one_of(
    st.binary(max_size=40),
    st.builds(PartPatch, st.integers(0, 1000), st.binary(max_size=8)),
    st.builds(PartDigest, st.integers(0, 1 << 40), st.integers(0, (1 << 32) - 1)),
)
RECORDS = st.one_of(
    st.builds(
        TickRecord,
        TIMES,
        FRAMES,
        st.none() | INPUTS,
        st.just(()) | st.tuples(FRAMES, FRAMES),
        st.just(()) | st.just((2,)),
        st.booleans(),
    ),
    st.builds(TickRecord, TIMES, FRAMES, INPUTS, load=FRAMES, replayed=st.lists(INPUTS).map(tuple)),
    st.builds(TickRecord, TIMES, FRAMES, restored=FRAMES),
    st.builds(FrameRecord, FRAMES, INPUTS, st.none() | st.integers(0, (1 << 32) - 1)),
    st.builds(
        StateRecord,
        FRAMES,
        st.dictionaries(TEXTS, PARTS, max_size=4).map(lambda parts: tuple(parts.items())),
        st.lists(TEXTS, max_size=2).map(tuple),
    ),
    st.builds(EventRecord, TIMES, TEXTS, st.dictionaries(TEXTS, st.integers(), max_size=3)),
    st.builds(NoteRecord, TIMES, TEXTS),
    st.builds(EndRecord, TIMES, TEXTS),
)


class FormatTests(SynchronousTestCase):
    """Lines."""

    @given(RECORDS)
    @settings(deadline=None, max_examples=150)
    def test_roundTrip(self, record: LogRecord) -> None:
        """Every record is read as it was written, on one line of ASCII."""
        line = encodeRecord(record)
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
        self.assertTrue(line.isascii())
        self.assertEqual(decodeRecord(line[:-1]), record)

    def test_header(self) -> None:
        """So is the header."""
        header = LogHeader(
            b"\x01" * 16, 3, (1, 3), ((1, 3), (2,)), b"d", 50, 0, 1, "tag <1>", 12.5
        )
        self.assertEqual(decodeHeader(encodeHeader(header)[:-1]), header)

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=150)
    def test_anyBytes(self, data: bytes) -> None:
        """Bad input: bytes of any kind are a record, unknown, or refused by name."""
        for decode in (decodeRecord, decodeHeader):
            try:
                decode(data)
            except MalformedMessage:
                continue

    @given(
        st.sampled_from(["tick", "frame", "state", "event", "note", "end"]),
        st.dictionaries(
            st.sampled_from(list("nfikaslgrcpdevx")),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=6,
            ),
        ),
    )
    @settings(deadline=None, max_examples=300)
    def test_anyValues(self, kind: str, fields: dict[str, object]) -> None:
        """Bad input: a record whose keys have values of any type is refused by name."""
        try:
            decodeRecord(json.dumps({"t": kind, **fields}).encode())
        except MalformedMessage:
            return

    def test_refused(self) -> None:
        """Bad input: each of these is refused with a reason."""
        for line, reason in (
            (b"[1]", "not an object"),
            (b"{", "not a line of JSON"),
            (b"\xff", "not a line of JSON"),
            (b"[" * 100_000, "not a line of JSON"),
            (b"9" * 10_000, "not a line of JSON"),
            (b'{"t":"note","n":NaN,"x":""}', "not a line of JSON"),
            (b'{"t":"note","n":1e999,"x":""}', "'n' is not a time"),
            (b'{"t":"note","n":true,"x":""}', "'n' is not a time"),
            (b'{"t":7}', "without 't'"),
            (b"{}", "without 't'"),
            (b" " * (LINE_LIMIT + 1), "a line of more than"),
            (b'{"t":"frame","f":-1,"i":[]}', "'f' is not a whole number"),
            (b'{"t":"frame","f":1.0,"i":[]}', "'f' is not a whole number"),
            (b'{"t":"frame","f":4294967296,"i":[]}', "'f' is not a whole number"),
            (b'{"t":"frame","f":1,"i":["0"]}', "not hexadecimal"),
            (b'{"t":"frame","f":1,"i":[' + b'"",' * 16 + b'""]}', "at most 16 inputs"),
            (b'{"t":"state","f":1,"p":[]}', "not at most"),
            (b'{"t":"state","f":1,"p":{"a":[1]}}', "neither bytes nor a patch"),
            (b'{"t":"state","f":1,"p":{},"d":[1]}', "names no parts"),
            (b'{"t":"event","n":1,"e":"x","v":[]}', "'v' is not an object"),
            (b'{"t":"note","n":1,"x":"' + b"x" * (TEXT_LIMIT + 1) + b'"}', "'x' is not a text"),
            (
                json.dumps(
                    {"t": "state", "f": 1, "p": {str(n): "" for n in range(PARTS_LIMIT + 1)}}
                ).encode(),
                "not at most",
            ),
        ):
            error = self.assertRaises(MalformedMessage, decodeRecord, line)
            self.assertIn(reason, str(error), line[:80])

    def test_headerRefused(self) -> None:
        """Bad input: a file that is something else, or a log of another version."""
        sound = json.loads(encodeHeader(LogHeader(b"", 2, (1,))))
        for change, reason in (
            ({"gamenet": "replay"}, "not a match log"),
            ({"v": 2}, "version 2"),
            ({"players": 17}, "'players'"),
            ({"local": [0]}, "names no player"),
            ({"local": [3]}, "one of the numbers"),
            ({"peers": [[0]]}, "names no player"),
            ({"rate": 0}, "'rate'"),
        ):
            line = json.dumps({**sound, **change}).encode()
            error = self.assertRaises(MalformedMessage, decodeHeader, line)
            self.assertIn(reason, str(error))

    def test_laterVersions(self) -> None:
        """A record of a kind, or with a key, that is not known is left to later versions."""
        self.assertIsNone(decodeRecord(b'{"t":"smell","n":1}'))
        self.assertEqual(decodeRecord(b'{"t":"note","n":1,"x":"a","y":2}'), NoteRecord(1.0, "a"))
