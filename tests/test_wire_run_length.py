"""Tests of L{gamenet.wire.run_length}."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.wire.run_length import decodeRunLength, encodeRunLength, readRunLength

DATA = st.lists(
    st.builds(
        lambda text, count: text * count,
        st.sampled_from([b"\0", b"\xff", b"a", b"\x01\x80", b"\xfe"]),
        st.integers(1, 80),
    ),
    max_size=12,
).map(b"".join)

CODES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 9, 0x80, 0x81, 0xFF]), max_size=12).map(
    bytes
)

#: A number in front of everything: the run of 2**25 zeros.
LONG = bytes.fromhex("81808040")


class VectorTests(SynchronousTestCase):
    """Done when: the run-length vector of the anchor file holds both ways."""

    def test_backroll(self) -> None:
        """Anchor, section 3: FF FF 55 54 00 00 00 B7 is 0B 04 55 54 0D 02 B7."""
        data = bytes.fromhex("ffff5554000000b7")
        code = bytes.fromhex("0b0455540d02b7")
        self.assertEqual(encodeRunLength(data), code)
        self.assertEqual(decodeRunLength(code, 8), data)
        self.assertEqual(readRunLength(b"x" + code + b"y", 1, 8), (data, 8))

    def test_byHand(self) -> None:
        """A single 0x00 or 0xFF is a run of one; numbers over 127 take more bytes."""
        for data, code in [
            (b"", ""),
            (b"\0", "05"),
            (b"\xff", "07"),
            (b"a\0b", "02610502 62"),
            (b"\0" * 31, "7d"),
            (b"\0" * 32, "8101"),
            (b"\xff" * 4096, "838001"),
            (b"a" * 64, "8001" + "61" * 64),
        ]:
            self.assertEqual(encodeRunLength(data), bytes.fromhex(code))
            self.assertEqual(decodeRunLength(bytes.fromhex(code), len(data)), data)


class RoundTripTests(SynchronousTestCase):
    """Encoding and decoding are each other's inverse."""

    @settings(deadline=None, max_examples=200)
    @given(DATA)
    def test_data(self, data: bytes) -> None:
        """Every text comes back, whether its length is known or only limited."""
        code = encodeRunLength(data)
        self.assertEqual(decodeRunLength(code, len(data)), data)
        self.assertEqual(readRunLength(code + b"\x05", 0, len(data)), (data, len(code)))
        if data:
            self.assertRaises(MalformedMessage, decodeRunLength, code, len(data) - 1)

    @settings(deadline=None, max_examples=300)
    @given(CODES | st.binary(max_size=40), st.integers(0, 200))
    def test_bytes(self, code: bytes, limit: int) -> None:
        """Bad input: any bytes are refused by name, or are the one code of what they say."""
        try:
            data = decodeRunLength(code, limit)
        except MalformedMessage:
            return
        self.assertLessEqual(len(data), limit)
        self.assertEqual(encodeRunLength(data), code)


class RefusalTests(SynchronousTestCase):
    """Bad input: a small packet must never become a gigabyte."""

    def refused(self, code: str, text: str, limit: int = 100) -> None:
        """Assert that a code is refused for the reason in C{text}, with and without a length."""
        for decode in (decodeRunLength, lambda data, limit: readRunLength(data, 0, limit)):
            error = self.assertRaises(MalformedMessage, decode, bytes.fromhex(code), limit)
            self.assertIn(text, str(error))

    def test_bomb(self) -> None:
        """Five bytes that ask for a gigabyte are refused, and nothing is allocated before."""
        tracemalloc.start()
        try:
            self.refused("8180808010", "over 4 bytes", 1 << 31)
            self.refused(LONG.hex(), f"{1 << 25} bytes where 1040 are left", 1040)
            self.refused("fe" + "ff" * 5, "over 4 bytes")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 100_000)

    def test_many(self) -> None:
        """The limit is of all chunks together."""
        self.refused("9101 9301 026100".replace(" ", ""), "36 bytes where 28 are left", 64)

    def test_notCanonical(self) -> None:
        """What could be said shorter or in fewer chunks is refused."""
        self.refused("0505", "one chunk in two parts")
        self.refused("02610262", "one chunk in two parts")
        self.refused("01", "one chunk in two parts")
        self.refused("00", "one chunk in two parts")
        self.refused("8500", "needlessly long")
        self.refused("066100 62".replace(" ", ""), "a run among other bytes")
        self.refused("0461ff", "a run among other bytes")

    def test_cutOff(self) -> None:
        """A code that ends early is refused."""
        self.refused("85", "ends early")
        self.refused("066162", "ends in a chunk")
        error = self.assertRaises(MalformedMessage, readRunLength, b"\x05", 0, 2)
        self.assertIn("ends early", str(error))
