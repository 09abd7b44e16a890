"""PASSWORD-ALGORITHMS, PASSWORD-ALGORITHM and the nonce cookie."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.password_algorithms import (
    ALGORITHM_LIMIT,
    ANONYMITY_FEATURE,
    MD5,
    NONCE_COOKIE,
    NONCE_COOKIE_LENGTH,
    PASSWORD_ALGORITHMS_FEATURE,
    SHA256,
    PasswordAlgorithm,
    decodeNonceCookie,
    decodePasswordAlgorithm,
    decodePasswordAlgorithms,
    encodeNonceCookie,
    encodePasswordAlgorithm,
    encodePasswordAlgorithms,
)
from tests.rfc8489_vectors import NONCE_TEXT

_algorithms = st.builds(
    PasswordAlgorithm, st.integers(0, 0xFFFF), st.binary(max_size=9)
)


class AlgorithmTests(SynchronousTestCase):
    """"Credentials": RFC 8489, sections 14.11, 14.12 and 18.5."""

    def test_layout(self) -> None:
        """Number, length, parameters, and zeros up to four bytes."""
        self.assertEqual(encodePasswordAlgorithm(MD5).hex(), "00010000")
        self.assertEqual(encodePasswordAlgorithm(SHA256).hex(), "00020000")
        self.assertEqual(encodePasswordAlgorithms((SHA256, MD5)).hex(), "0002000000010000")
        for size, padding in ((1, "000000"), (2, "0000"), (3, "00"), (4, ""), (5, "000000")):
            algorithm = PasswordAlgorithm(0xABCD, b"\xff" * size)
            expected = f"abcd{size:04x}" + "ff" * size + padding
            self.assertEqual(encodePasswordAlgorithm(algorithm).hex(), expected)
            self.assertEqual(decodePasswordAlgorithm(bytes.fromhex(expected)), algorithm)

    def test_lastPadding(self) -> None:
        """The padding of the last one may be missing, or anything."""
        value = bytes.fromhex("00020000" "abcd0001ff")
        algorithms = (SHA256, PasswordAlgorithm(0xABCD, b"\xff"))
        for padding in (b"", b"\0", b"abc"):
            self.assertEqual(decodePasswordAlgorithms(value + padding), algorithms)

    def test_lies(self) -> None:
        """Checklist "lengths 0..65535": none at all, cut off, lengths that lie."""
        for value in ("", "00", "0001", "000100", "00010001", "0001000400", "0001000000",
                      "00010000000200", "0001ffff"):
            self.assertRaises(MalformedMessage, decodePasswordAlgorithms, bytes.fromhex(value))
            self.assertRaises(MalformedMessage, decodePasswordAlgorithm, bytes.fromhex(value))
        for size in range(5, 0x10000, 7):
            value = b"\0\1" + size.to_bytes(2, "big") + b"abcd"
            self.assertRaises(MalformedMessage, decodePasswordAlgorithms, value)

    def test_exactlyOne(self) -> None:
        """PASSWORD-ALGORITHM is one algorithm; two are refused."""
        two = encodePasswordAlgorithms((MD5, SHA256))
        self.assertRaises(MalformedMessage, decodePasswordAlgorithm, two)

    def test_limit(self) -> None:
        """No more algorithms are read or written than the limit."""
        most = (MD5,) * ALGORITHM_LIMIT
        value = encodePasswordAlgorithms(most)
        self.assertEqual(decodePasswordAlgorithms(value), most)
        self.assertRaises(MalformedMessage, decodePasswordAlgorithms, value + b"\0\1\0\0")
        self.assertRaises(LocalProtocolError, encodePasswordAlgorithms, (*most, MD5))
        self.assertEqual(ALGORITHM_LIMIT, 16)

    def test_ours(self) -> None:
        """What does not fit is our own mistake."""
        for algorithm in (
            PasswordAlgorithm(-1),
            PasswordAlgorithm(0x10000),
            PasswordAlgorithm(1, bytes(0x10000)),
        ):
            self.assertRaises(LocalProtocolError, encodePasswordAlgorithm, algorithm)
        largest = PasswordAlgorithm(0xFFFF, bytes(0xFFFF))
        self.assertEqual(decodePasswordAlgorithm(encodePasswordAlgorithm(largest)), largest)
        smallest = PasswordAlgorithm(0)
        self.assertEqual(decodePasswordAlgorithm(encodePasswordAlgorithm(smallest)), smallest)

    @given(st.lists(_algorithms, min_size=1, max_size=ALGORITHM_LIMIT).map(tuple))
    @settings(deadline=None, max_examples=100)
    def test_roundTrip(self, algorithms: tuple[PasswordAlgorithm, ...]) -> None:
        """What is written is read."""
        self.assertEqual(
            decodePasswordAlgorithms(encodePasswordAlgorithms(algorithms)), algorithms
        )

    @given(st.binary(max_size=120))
    @settings(deadline=None, max_examples=200)
    def test_arbitraryBytes(self, value: bytes) -> None:
        """"Bad input": any bytes are read or refused by name."""
        try:
            algorithms = decodePasswordAlgorithms(value)
        except MalformedMessage:
            return
        self.assertTrue(1 <= len(algorithms) <= ALGORITHM_LIMIT)


class NonceCookieTests(SynchronousTestCase):
    """"nonce cookie": RFC 8489, sections 9.2 and 18.1."""

    def test_values(self) -> None:
        """The bits are counted from the right, as the errata and appendix B.1 have them."""
        for features, cookie in (
            (0, b"obMatJos2AAAA"),
            (PASSWORD_ALGORITHMS_FEATURE, b"obMatJos2AAAB"),
            (ANONYMITY_FEATURE, b"obMatJos2AAAC"),
            (PASSWORD_ALGORITHMS_FEATURE | ANONYMITY_FEATURE, b"obMatJos2AAAD"),
            (0xFFFFFF, b"obMatJos2////"),
            (0xFBEFBE, b"obMatJos2++++"),
        ):
            self.assertEqual(encodeNonceCookie(features), cookie)
            self.assertEqual(len(cookie), NONCE_COOKIE_LENGTH)
            self.assertEqual(decodeNonceCookie(cookie), features)
            self.assertEqual(decodeNonceCookie(cookie + b"anything"), features)
        self.assertEqual(decodeNonceCookie(NONCE_TEXT), ANONYMITY_FEATURE)

    def test_none(self) -> None:
        """A nonce without a whole cookie tells no features."""
        for nonce in (b"", b"obMatJos", NONCE_COOKIE, b"obMatJos2AAA", b"obMatJos2A*AB",
                      b"obMatJos2AA==", b"obMatJos2AAA=", b"ObMatJos2AAAB", b" obMatJos2AAAB",
                      b"obMatJos2__--", b"obMatJos2AA B"):
            self.assertIsNone(decodeNonceCookie(nonce), nonce)

    def test_ours(self) -> None:
        """There are 24 bits."""
        for features in (-1, 0x1000000):
            self.assertRaises(LocalProtocolError, encodeNonceCookie, features)

    @given(st.binary(max_size=20) | st.binary(max_size=6).map(NONCE_COOKIE.__add__))
    @settings(deadline=None, max_examples=200)
    def test_arbitraryBytes(self, nonce: bytes) -> None:
        """"Bad input": any nonce is read."""
        features = decodeNonceCookie(nonce)
        if features is not None:
            self.assertEqual(encodeNonceCookie(features), nonce[:NONCE_COOKIE_LENGTH])
