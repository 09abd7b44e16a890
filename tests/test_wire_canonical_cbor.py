"""
CBOR in one form: what is accepted round-trips, everything else is refused by name.
"""

from __future__ import annotations

import tracemalloc
from enum import IntEnum
from typing import Any

import cbor2
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.canonical_cbor import DEPTH_LIMIT, decode, encode
from tests.wire_strategies import damaged

_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=30)
    | _texts
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_texts, inner, max_size=5),
    max_leaves=20,
).filter(lambda value: _depth(value) <= DEPTH_LIMIT)


def _depth(value: object) -> int:
    """Return how many arrays and maps stand inside one another."""
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


def _sameTypes(one: object, other: object) -> bool:
    """Return whether two equal values agree in every type as well."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return all(map(_sameTypes, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_sameTypes(one[key], other[key]) for key in one)
    return True


class CanonicalFormTests(SynchronousTestCase):
    """What travels, and how."""

    def test_examplesOfTheStandard(self) -> None:
        """RFC 8949's examples (appendix A) of what travels have the bytes that it gives."""
        examples: list[tuple[Any, str]] = [
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (255, "18ff"),
            (256, "190100"),
            (1000000, "1a000f4240"),
            (1000000000000, "1b000000e8d4a51000"),
            (18446744073709551615, "1bffffffffffffffff"),
            (-1, "20"),
            (-1000, "3903e7"),
            (-(2**63), "3b7fffffffffffffff"),
            (False, "f4"),
            (True, "f5"),
            (None, "f6"),
            (b"", "40"),
            (b"\1\2\3\4", "4401020304"),
            ("", "60"),
            ("\u00fc", "62c3bc"),
            ("\U00010151", "64f0908591"),
            ([], "80"),
            ([1, [2, 3], [4, 5]], "8301820203820405"),
            (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
            ({}, "a0"),
            ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
            (["a", {"b": "c"}], "826161a161626163"),
        ]
        for value, digits in examples:
            self.assertEqual(encode(value).hex(), digits)
            decoded = decode(bytes.fromhex(digits))
            self.assertEqual(decoded, value)
            self.assertTrue(_sameTypes(decoded, value))

    def test_orderOfKeys(self) -> None:
        """Keys are in the order of their bytes, shorter first, however a dict was filled."""
        expected = "a3" "616201" "62616102" "62c3bc03"
        self.assertEqual(encode({"\u00fc": 3, "aa": 2, "b": 1}).hex(), expected)
        self.assertEqual(encode({"b": 1, "aa": 2, "\u00fc": 3}).hex(), expected)

    def test_tuples(self) -> None:
        """A tuple travels as an array and arrives as a list."""
        self.assertEqual(decode(encode((1, (b"x", ()), {"k": (2,)}))), [1, [b"x", []], {"k": [2]}])

    @settings(deadline=None, max_examples=200)
    @given(_values)
    def test_roundTrip(self, value: object) -> None:
        """Whatever may travel arrives equal and of the same types, and has one form."""
        data = encode(value)
        decoded = decode(data)
        self.assertEqual(decoded, value)
        self.assertTrue(_sameTypes(decoded, value))
        self.assertEqual(encode(decoded), data)


class RefusalOnSendTests(SynchronousTestCase):
    """What must not leave is our own mistake."""

    def assertNotEncoded(self, value: object, text: str) -> None:
        """Assert that L{encode} refuses a value, and says why."""
        error = self.assertRaises(LocalProtocolError, encode, value)
        self.assertIn(text, str(error))

    def test_types(self) -> None:
        """Floats, sets, bytearrays, subclasses and what else Python has do not leave."""

        class Number(IntEnum):
            ONE = 1

        class Name(str):
            __slots__ = ()

        strange: list[object] = [
            1.0,
            float("nan"),
            {1},
            frozenset(),
            bytearray(b"x"),
            memoryview(b"x"),
            object(),
            Number.ONE,
            Name("x"),
            cbor2.undefined,
            cbor2.CBORSimpleValue(3),
            cbor2.CBORTag(1, 0),
            1j,
        ]
        for value in strange:
            self.assertNotEncoded(value, "does not travel")
            self.assertNotEncoded([value], "does not travel")
            self.assertNotEncoded({"k": value}, "does not travel")

    def test_integersOutOfBounds(self) -> None:
        """Integers that would need a tag, or more than 64 bits with their sign, do not leave."""
        for value in (2**64, -(2**63) - 1, -(2**64), 2**200):
            self.assertNotEncoded(value, "-2**63 to 2**64 - 1")

    def test_keys(self) -> None:
        """Only texts are keys."""
        for key in (1, b"x", None, True):
            self.assertNotEncoded({key: 1}, "a map's key")

    def test_surrogates(self) -> None:
        """A text that is not Unicode does not leave."""
        self.assertNotEncoded("\ud800", "surrogates not allowed")
        self.assertNotEncoded({"\udfff": 1}, "surrogates not allowed")

    def test_depth(self) -> None:
        """Eight arrays and maps inside one another leave, nine do not, nor does a circle."""
        nested: object = 1
        for level in range(DEPTH_LIMIT):
            nested = [nested] if level % 2 else {"k": nested}
        self.assertEqual(decode(encode(nested)), nested)
        self.assertNotEncoded([nested], "nested too deep")
        self.assertNotEncoded({"k": nested}, "nested too deep")
        self.assertNotEncoded([[nested]], "nested too deep")
        maps: object = {}
        for _ in range(DEPTH_LIMIT - 1):
            maps = {"k": maps}
        self.assertEqual(decode(encode(maps)), maps)
        self.assertNotEncoded({"k": maps}, "nested too deep")
        circle: list[object] = []
        circle.append(circle)
        self.assertNotEncoded(circle, "nested too deep")


class RefusalOnArrivalTests(SynchronousTestCase):
    """Bad input: malformed, truncated, oversized, duplicate-keyed or non-canonical CBOR."""

    def assertRefused(self, *samples: str, max_depth: int = DEPTH_LIMIT) -> None:
        """Assert that L{decode} refuses each of some bytes, alone and inside of an array."""
        for digits in samples:
            data = bytes.fromhex(digits)
            self.assertRaises(MalformedMessage, decode, data, max_depth)
            self.assertRaises(MalformedMessage, decode, b"\x81" + data, max_depth)

    def test_empty(self) -> None:
        """No bytes are no value."""
        self.assertRefused("")

    def test_trailingBytes(self) -> None:
        """A value is all there is."""
        self.assertRefused("0000", "80f6", "a000", "6161ff")

    def test_truncated(self) -> None:
        """Every beginning of a good value is refused."""
        whole = encode([1000, "text", b"bytes", {"k": [None, True]}, -5])
        for length in range(len(whole)):
            self.assertRaises(MalformedMessage, decode, whole[:length])

    def test_duplicateKeys(self) -> None:
        """A map that has a key twice is refused, whether or not the values agree."""
        self.assertRefused("a2616101616102", "a2616101616101")

    def test_unorderedKeys(self) -> None:
        """A map whose keys are in another order is refused."""
        self.assertRefused("a2616201616102", "a262616101616202")

    def test_longIntegers(self) -> None:
        """An integer that is longer than it need be is refused."""
        self.assertRefused("1800", "1817", "190001", "1a00000100", "1b0000000000000001", "3817")

    def test_longLengths(self) -> None:
        """A length that is longer than it need be is refused."""
        self.assertRefused("580161", "780161", "790001" + "61", "980101", "b801616101")

    def test_indefiniteLengths(self) -> None:
        """Byte strings, texts, arrays and maps without a length are refused."""
        self.assertRefused("5f4101ff", "7f6161ff", "9f01ff", "bf616101ff", "ff")

    def test_tags(self) -> None:
        """Tags are refused, known and unknown; nothing is built from them."""
        self.assertRefused(
            "c074323031332d30332d32315432303a30343a30305a",  # a date as text
            "c11a514b67b0",  # a date as a number
            "c249010000000000000000",  # a big integer
            "c4822003",  # a decimal fraction
            "d8236161",  # a regular expression
            "d81c81d81d00",  # a list that holds itself
            "d82550" + "00" * 16,  # a UUID
            "d9010280",  # a set
            "d9d9f700",  # self-described CBOR
            "d9fff000",  # unassigned
            "dbffffffffffffffff00",
        )

    def test_regularExpressionIsNotCompiled(self) -> None:
        """A tag's content is refused before anything is made of it."""
        data = b"\xd8\x23" + encode("(" * 50)
        error = self.assertRaises(MalformedMessage, decode, data)
        self.assertNotIn("missing )", str(error.__cause__))
        self.assertIn("tag", str(error))

    def test_floats(self) -> None:
        """Floats of every width are refused, whole numbers and NaNs included."""
        self.assertRefused(
            "f90000", "f93c00", "f97e00", "fa47c35000", "fb3ff199999999999a", "fb7ff8000000000001"
        )

    def test_simpleValues(self) -> None:
        """C{undefined} and other simple values are refused."""
        self.assertRefused("f7", "e0", "f0", "f818", "f8ff", "f820")

    def test_reserved(self) -> None:
        """Encodings that the standard reserves are refused."""
        self.assertRefused("1c", "1f", "3d", "5c", "7e", "9d", "bc", "dc", "fc")

    def test_integersOutOfBounds(self) -> None:
        """Integers below -2**63 are refused."""
        self.assertRefused("3b8000000000000000", "3bffffffffffffffff")

    def test_keys(self) -> None:
        """Keys that are not texts are refused."""
        self.assertRefused("a10102", "a1410102", "a1f401", "a1f601", "a1800100", "a1810102")

    def test_notUnicode(self) -> None:
        """Texts that are not UTF-8 are refused: stray, overlong, surrogates, cut off."""
        self.assertRefused("61ff", "62c080", "63eda080", "62e282", "a161ff00")

    def test_deepNesting(self) -> None:
        """A depth above the limit is refused, at 64 KiB of brackets as well."""
        self.assertEqual(decode(b"\x81" * 7 + b"\x80"), [[[[[[[[]]]]]]]])
        self.assertRefused("81" * 8 + "80", "81" * 9 + "00", "a16161" * 9 + "00", "81" * 65_535)
        self.assertEqual(decode(bytes.fromhex("8100"), 1), [0])
        self.assertRefused("818100", "81a0", max_depth=1)

    def test_refusedWhileReading(self) -> None:
        """
        The worst is refused before a value is built of it, not by the look
        at the value afterwards: no map of keys chosen to collide, no depth.
        """
        for digits in ("a10102", "a1800100", "a2616101616102", "9f01ff", "81" * 9 + "00"):
            error = self.assertRaises(MalformedMessage, decode, bytes.fromhex(digits))
            self.assertIsInstance(error.__cause__, cbor2.CBORDecodeError, digits)

    def test_announcedLengths(self) -> None:
        """Lengths that the bytes do not keep are refused, and cost no memory."""
        samples = [
            bytes.fromhex(first + length)
            for first, length in (
                ("9b", "ffffffffffffffff"),
                ("9a", "7fffffff"),
                ("bb", "ffffffffffffffff"),
                ("ba", "7fffffff"),
                ("5b", "ffffffffffffffff"),
                ("5a", "7fffffff"),
                ("7b", "7fffffffffffffff"),
                ("7a", "7fffffff"),
            )
        ]
        tracemalloc.start()
        try:
            for sample in samples:
                self.assertRaises(MalformedMessage, decode, sample)
                self.assertRaises(MalformedMessage, decode, sample + bytes(100))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 1_000_000)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80))
    @example(b"\xa1\x80\x00")
    @example(b"\xd8\x1d\x00")
    @example(b"\xd9\x01\x00\x81\xd8\x19\x00")
    def test_arbitraryBytes(self, data: bytes) -> None:
        """Any bytes give a value that encodes to them again, or are malformed."""
        self.assertValueOrRefused(data)

    @settings(deadline=None, max_examples=200)
    @given(damaged(_values.map(encode)))
    def test_damagedBytes(self, data: bytes) -> None:
        """So do good bytes that were damaged."""
        self.assertValueOrRefused(data)

    def assertValueOrRefused(self, data: bytes) -> None:
        """Assert that bytes are the one form of a value, or malformed."""
        try:
            value = decode(data)
        except MalformedMessage:
            return
        self.assertEqual(encode(value), data)
