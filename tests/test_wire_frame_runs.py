"""Tests of L{gamenet.wire.frame_runs}."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.frame_runs import (
    BLOB_LIMIT,
    INPUT_LIMIT,
    INPUTS_LIMIT,
    PACKED_FROM,
    PLAYERS_LIMIT,
    appendBlobs,
    decodeBlobs,
    joinInputs,
    splitBlob,
)
from gamenet.wire.run_length import encodeRunLength

BLOBS = st.sampled_from(
    [
        b"",
        b"\0",
        b"a",
        b"\xff",
        b"ab",
        b"cb",
        b"abcd",
        b"abce",
        bytes(9),
        b"\xff" * 9,
        b"12345\x006789"[:9],
        bytes(200),
        b"x" * 200,
        b"x" * 199 + b"y",
    ]
)
RUNS = st.lists(st.tuples(BLOBS, st.sampled_from([1, 1, 1, 2, 5, 63, 64, 65, 70])), max_size=8)


def encoded(base: bytes, blobs: Sequence[bytes], limit: int = 100_000) -> tuple[bytes, int]:
    """The runs of C{blobs} alone."""
    body = bytearray()
    included = appendBlobs(body, base, blobs, limit)
    return bytes(body), included


def scattered(size: int, step: int) -> bytes:
    """Bytes without 0x00 and 0xFF whose XOR with another such text has few of them either."""
    return bytes([1 + (place * step) % 127 for place in range(size)])


class LayoutTests(SynchronousTestCase):
    """The documented layout, spelled out."""

    def test_byHand(self) -> None:
        """Each kind of run is written and read as its page says."""
        wide = b"\x01" * 200
        for base, blobs, code in [
            (b"", [], b""),
            (b"a", [b"a"] * 3, b"\x02"),
            (b"", [b""], b"\x00"),
            (b"a", [b"b", b"b"], b"\x41\x03"),
            (b"ab", [b"cb"], b"\x40\x02\x00"),
            (b"ab", [b"ab", b"a"], b"\x00\xc0\x01a"),
            (b"a", [b""], b"\xc0\x00"),
            (b"", [wide], b"\xc0\xc8\x01" + wide),
            (bytes(8), [bytes(7) + b"a"], b"\x80\x1d\x02a"),
            (bytes(8), [b"\xff" * 8] * 2, b"\x81\x23"),
            (b"abcd", [b"abce"], b"\x80\x0d\x02\x01"),
            (bytes(4), [b"\0a\0a"], b"\x40\0a\0a"),
            (b"a", [b"b"] * 65, b"\x7f\x03\x00"),
            (b"a", [b"a"] * 128, b"\x3f\x3f"),
            (b"a", [b"b"] * 64 + [b"c"], b"\x7f\x03\x40\x01"),
        ]:
            self.assertEqual(encoded(base, blobs), (code, len(blobs)), code)
            self.assertEqual(decodeBlobs(code, 0, base), blobs)

    def test_sharesEqualNeighbors(self) -> None:
        """128 equal blobs are one object."""
        blobs = decodeBlobs(b"\x3f\x3f", 0, bytes(100))
        self.assertEqual(len(blobs), INPUTS_LIMIT)
        self.assertEqual(len({id(blob) for blob in blobs}), 1)


class RoundTripTests(SynchronousTestCase):
    """Encoding and decoding are each other's inverse."""

    @settings(deadline=None, max_examples=200)
    @given(BLOBS, RUNS)
    def test_blobs(self, base: bytes, runs: list[tuple[bytes, int]]) -> None:
        """All blobs come back from their bytes."""
        blobs = [blob for blob, frames in runs for _ in range(frames)][:INPUTS_LIMIT]
        code, included = encoded(base, blobs)
        self.assertEqual(included, len(blobs))
        self.assertEqual(decodeBlobs(b"head" + code, 4, base), blobs)

    @settings(deadline=None, max_examples=200)
    @given(BLOBS, RUNS, st.integers(0, 300))
    def test_limit(self, base: bytes, runs: list[tuple[bytes, int]], limit: int) -> None:
        """Within any limit the oldest blobs go, and the next run would not have fitted."""
        blobs = [blob for blob, frames in runs for _ in range(frames)]
        code, included = encoded(base, blobs, limit)
        self.assertLessEqual(len(code), limit)
        self.assertEqual(decodeBlobs(code, 0, base), blobs[:included])
        if included < min(len(blobs), INPUTS_LIMIT):
            self.assertGreater(len(encoded(base, blobs[: included + 1])[0]), limit)

    @settings(deadline=None, max_examples=400)
    @given(
        BLOBS,
        st.binary(max_size=40)
        | st.lists(
            st.sampled_from([0, 1, 2, 5, 7, 9, 0x1D, 0x3F, 0x40, 0x41, 0x7F, 0x80, 0xC0, 0xC1]),
            max_size=14,
        ).map(bytes),
    )
    def test_bytes(self, base: bytes, code: bytes) -> None:
        """Bad input: any bytes are refused by name, or are the one encoding of what they say."""
        try:
            blobs = decodeBlobs(code, 0, base)
        except MalformedMessage:
            return
        self.assertLessEqual(len(blobs), INPUTS_LIMIT)
        self.assertLessEqual(max(map(len, blobs), default=0), BLOB_LIMIT)
        self.assertEqual(encoded(base, blobs), (code, len(blobs)))


class RefusalTests(SynchronousTestCase):
    """Bad input: each kind of nonsense is refused, and says which it is."""

    def refused(self, code: bytes, text: str, base: bytes = b"") -> None:
        """Assert that C{code} is refused for the reason in C{text}."""
        error = self.assertRaises(MalformedMessage, decodeBlobs, code, 0, base)
        self.assertIn(text, str(error))

    def test_cutOff(self) -> None:
        """A run without its difference, its length or its blob is refused."""
        self.refused(b"\x40", "end in a difference", b"a")
        self.refused(b"\x40\x01", "end in a difference", b"ab")
        self.refused(b"\x80", "ends early", bytes(8))
        self.refused(b"\xc0", "end in a length")
        self.refused(b"\xc0\x80", "end in a length")
        self.refused(b"\xc0\x02a", "end in those of a frame")

    def test_notCanonical(self) -> None:
        """What has a shorter or another encoding is refused."""
        self.refused(b"\x00\x00", "in two parts")
        self.refused(b"\x41\x03\x00", "in two parts", b"a")
        self.refused(b"\x40\x00", "that is none", b"a")
        self.refused(b"\x40\x00\x00", "that is none", b"ab")
        self.refused(b"\x40", "that is none")
        self.refused(b"\x80\x21", "that is none", bytes(8))
        self.refused(b"\x40" + bytes(7) + b"a", "longer than coded", bytes(8))
        self.refused(b"\x80\x06abc", "that are short", b"abc")
        self.refused(b"\x80\x08abcd", "longer than plain", bytes(4))
        self.refused(b"\xc0\x01b", "needless length", b"a")
        self.refused(b"\xc0\x81\x00a", "needless or too many")
        self.refused(b"\xc0\x80\x80", "needless or too many")

    def test_tooMany(self) -> None:
        """A few bytes never become more than 128 blobs (the RLE bomb of other libraries)."""
        self.assertEqual(len(decodeBlobs(b"\x3f\x3f", 0, b"a")), INPUTS_LIMIT)
        self.refused(b"\x3f\x3f\x00", "more than 128", b"a")
        self.refused(b"\x3f\x3f\x40\x01", "more than 128", b"a")

    def test_tooLong(self) -> None:
        """A blob of 1041 bytes is refused, one of 1040 is not; a caller may want them shorter."""
        self.assertEqual(BLOB_LIMIT, 1040)
        self.assertEqual(decodeBlobs(b"\xc0\x90\x08" + bytes(1040), 0, b""), [bytes(1040)])
        self.refused(b"\xc0\x91\x08" + bytes(1041), "1041 bytes, over 1040")
        error = self.assertRaises(MalformedMessage, decodeBlobs, b"\xc0\x03abc", 0, b"", 2)
        self.assertIn("3 bytes, over 2", str(error))
        self.assertRaises(LocalProtocolError, encoded, b"", [bytes(1041)])
        self.assertRaises(LocalProtocolError, appendBlobs, bytearray(), b"", [b"abc"], 99, 2)


class JoinTests(SynchronousTestCase):
    """The inputs of a peer's local players are one blob."""

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.binary(max_size=INPUT_LIMIT), min_size=1, max_size=PLAYERS_LIMIT))
    def test_roundTrip(self, inputs: list[bytes]) -> None:
        """What was joined is split again; one input is its own blob."""
        blob = joinInputs(inputs)
        self.assertLessEqual(len(blob), BLOB_LIMIT)
        self.assertEqual(splitBlob(blob, len(inputs)), tuple(inputs))
        if len(inputs) == 1:
            self.assertEqual(blob, inputs[0])

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=20), st.integers(1, 4), st.integers(1, 5))
    def test_bytes(self, blob: bytes, players: int, limit: int) -> None:
        """Bad input: any blob is refused by name, or is what its inputs are joined to."""
        try:
            inputs = splitBlob(blob, players, limit)
        except MalformedMessage:
            return
        self.assertEqual(len(inputs), players)
        self.assertLessEqual(max(map(len, inputs)), limit)
        self.assertEqual(joinInputs(inputs), blob)

    def test_refused(self) -> None:
        """The wrong number of inputs and one that is too long are refused."""
        for blob, players, text in [
            (bytes(65), 1, "65 bytes, more than 64"),
            (b"\x01a", 2, "of 1 players, not of 2"),
            (b"", 2, "of 0 players, not of 2"),
            (b"\x01a\x00\x00", 2, "another end"),
            (b"\x01a\x02b", 2, "another end"),
            (b"\x41" + bytes(65) + b"\0", 2, "65 bytes, more than 64"),
        ]:
            error = self.assertRaises(MalformedMessage, splitBlob, blob, players)
            self.assertIn(text, str(error))
        for inputs in ([], [b""] * 17, [bytes(65)], [b"", bytes(65)]):
            self.assertRaises(LocalProtocolError, joinInputs, inputs)

    def test_longestBlob(self) -> None:
        """Sixteen longest inputs are the longest blob."""
        self.assertEqual(len(joinInputs([bytes(INPUT_LIMIT)] * PLAYERS_LIMIT)), BLOB_LIMIT)


class CostTests(SynchronousTestCase):
    """The difference is written in the shorter of its two ways."""

    def test_neverLonger(self) -> None:
        """A run is no longer than a blob of the same length and one byte; short ones are plain."""
        for size in (1, 2, PACKED_FROM - 1, PACKED_FROM, 16, 65, BLOB_LIMIT):
            for base in (bytes(size), scattered(size, 3)):
                for blob in (b"\xff" * size, scattered(size, 5), bytes(size - 1) + b"\x07"):
                    code, _ = encoded(base, [blob])
                    self.assertEqual(decodeBlobs(code, 0, base), [blob])
                    if blob == base:
                        self.assertEqual(code, b"\0")
                    elif size < PACKED_FROM:
                        self.assertEqual(len(code), size + 1)
                    else:
                        self.assertLessEqual(len(code), size + 1)

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.sampled_from([0, 0, 255, 7]), min_size=PACKED_FROM, max_size=24).map(bytes))
    def test_theShorterWay(self, changed: bytes) -> None:
        """A difference is coded exactly where its run-length code is shorter."""
        code, _ = encoded(bytes(len(changed)), [changed])
        coded = encodeRunLength(changed)
        if not any(changed):
            self.assertEqual(code, b"\x00")
        elif len(coded) < len(changed):
            self.assertEqual(code, b"\x80" + coded)
        else:
            self.assertEqual(code, b"\x40" + changed)
