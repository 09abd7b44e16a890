"""
Fixed-point arithmetic: exact where it says so, nearest elsewhere, symmetric, loud.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import GamenetError
from gamenet.fixed_point import PI, TAU, Fixed, FixedPointOverflow
from gamenet.fixed_point.arithmetic import (
    LARGEST,
    ONE,
    checked,
    divide,
    floatForDrawing,
    fromInt,
    fromRatio,
    fromText,
    multiply,
    nearestInt,
    nearestQuotient,
    nearestShifted,
    pack,
    sqrt,
    toText,
    unpack,
)

#: Raw values of every size, and the edges.
RAWS = st.one_of(
    st.integers(-LARGEST, LARGEST),
    st.integers(-(1 << 32), 1 << 32),
    st.integers(-70_000, 70_000),
    st.sampled_from([0, 1, -1, ONE, -ONE, ONE // 2, LARGEST, -LARGEST]),
)

check = settings(deadline=None, max_examples=200)


def nearest(exact: Fraction) -> int:
    """Return the nearest integer by the standard library's own rule: ties to even."""
    return round(exact)


def outcome(function: Callable[..., int], *arguments: int) -> int | type[Exception]:
    """Return what a function returns or the type of what it raises."""
    try:
        return function(*arguments)
    except (FixedPointOverflow, ZeroDivisionError) as error:
        return type(error)


def expected(exact: Fraction) -> int | type[Exception]:
    """Return what a function whose exact result is given must do."""
    return nearest(exact) if abs(nearest(exact)) <= LARGEST else FixedPointOverflow


class ArithmeticTests(SynchronousTestCase):
    """The plain functions against rational numbers."""

    @check
    @given(RAWS, RAWS)
    def test_multiply(self, a: int, b: int) -> None:
        """A product is the nearest raw value, ties to even, or an overflow by name."""
        self.assertEqual(outcome(multiply, a, b), expected(Fraction(a * b, ONE)))

    @check
    @given(RAWS, RAWS)
    def test_divide(self, a: int, b: int) -> None:
        """A quotient is the nearest raw value, ties to even; by zero is by name."""
        wanted = expected(Fraction(a * ONE, b)) if b else ZeroDivisionError
        self.assertEqual(outcome(divide, a, b), wanted)

    def test_ties(self) -> None:
        """Golden: exactly between two numbers it is the even one, on either side of zero."""
        for halves, wanted in [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2), (-5, -2)]:
            self.assertEqual(divide(halves, 2 * ONE), wanted)
            self.assertEqual(divide(-halves, -2 * ONE), wanted)
            self.assertEqual(multiply(halves, ONE // 2), wanted)
            self.assertEqual(fromRatio(halves, 2 * ONE), wanted)

    @check
    @given(RAWS, RAWS)
    def test_symmetry(self, a: int, b: int) -> None:
        """Left is as fast as right: negating an operand negates the result."""
        for function in (multiply, divide):
            result = outcome(function, a, b)
            if isinstance(result, int):
                self.assertEqual(function(-a, b), -result)
                self.assertEqual(function(a, -b), -result)
                self.assertEqual(function(-a, -b), result)

    @check
    @given(RAWS)
    def test_laws(self, a: int) -> None:
        """One is neutral, a whole factor is exact, a quotient by itself is one."""
        self.assertEqual(multiply(a, ONE), a)
        self.assertEqual(divide(a, ONE), a)
        self.assertEqual(outcome(multiply, a, 3 * ONE), expected(Fraction(3 * a)))
        if a:
            self.assertEqual(divide(a, a), ONE)

    @check
    @given(st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 30), 1 << 30), RAWS)
    def test_laws_withinRounding(self, a: int, b: int, c: int) -> None:
        """Multiplying commutes, and distributes and divides back within the rounding."""
        c %= 1 << 22
        self.assertEqual(multiply(a, b), multiply(b, a))
        self.assertLessEqual(abs(multiply(a + b, c) - multiply(a, c) - multiply(b, c)), 1)
        if b:
            error = abs(multiply(divide(a, b), b) - a)
            self.assertLessEqual(2 * error * ONE, abs(b) + ONE)

    @check
    @given(st.integers(-(1 << 140), 1 << 140), st.integers(1, 70))
    def test_nearestShifted(self, value: int, bits: int) -> None:
        """The same rounding for any width."""
        self.assertEqual(nearestShifted(value, bits), nearest(Fraction(value, 1 << bits)))
        tie = (value << bits) + (1 << (bits - 1))
        self.assertEqual(nearestShifted(tie, bits), nearest(Fraction(tie, 1 << bits)))

    @check
    @given(st.integers(-(1 << 80), 1 << 80), st.integers(-(1 << 40), 1 << 40))
    def test_nearestQuotient(self, numerator: int, denominator: int) -> None:
        """The same rounding for any quotient, ties included."""
        if denominator == 0:
            self.assertRaises(ZeroDivisionError, nearestQuotient, numerator, denominator)
            return
        for above in (numerator, (2 * numerator + 1) * denominator):
            below = denominator if above == numerator else 2 * denominator
            self.assertEqual(nearestQuotient(above, below), nearest(Fraction(above, below)))

    @check
    @given(st.one_of(RAWS.map(abs), st.integers(0, 1 << 20).map(lambda root: root * root)))
    def test_sqrt(self, raw: int) -> None:
        """A root is the nearest raw value: half a unit more or less is too much or too little."""
        root = sqrt(raw)
        exact = 4 * raw * ONE
        self.assertLessEqual(max(2 * root - 1, 0) ** 2, exact)
        self.assertGreater((2 * root + 1) ** 2, exact)

    def test_sqrtOfSquares(self) -> None:
        """Roots of squares of whole numbers are exact; of negative numbers there are none."""
        for whole in (0, 1, 2, 255, 11_863_283):
            self.assertEqual(sqrt(fromInt(whole * whole)), fromInt(whole))
        self.assertRaises(ValueError, sqrt, -1)

    def test_overflow(self) -> None:
        """Bad input: beyond 64 bits is an error by name that both families catch."""
        self.assertEqual(checked(LARGEST), LARGEST)
        self.assertEqual(checked(-LARGEST), -LARGEST)
        for raw in (LARGEST + 1, -LARGEST - 1, 1 << 200):
            error = self.assertRaises(FixedPointOverflow, checked, raw)
            self.assertIsInstance(error, GamenetError)
            self.assertIsInstance(error, OverflowError)
        self.assertRaises(FixedPointOverflow, fromInt, 1 << 47)
        self.assertRaises(FixedPointOverflow, fromInt, -(1 << 47))
        self.assertEqual(fromInt((1 << 47) - 1), ((1 << 47) - 1) * ONE)
        self.assertRaises(FixedPointOverflow, divide, LARGEST, 1)
        self.assertRaises(FixedPointOverflow, fromRatio, 1 << 47, 1)


class ConversionTests(SynchronousTestCase):
    """In from integers and texts, out to texts, bytes and floats."""

    @check
    @given(RAWS)
    def test_text(self, raw: int) -> None:
        """Every number is one exact text, which is that number again."""
        text = toText(raw)
        self.assertEqual(Fraction(text), Fraction(raw, ONE))
        self.assertEqual(fromText(text), raw)
        self.assertEqual(fromText(text if text[0] == "-" else f"+{text}"), raw)

    @check
    @given(st.integers(-(10**15) + 1, 10**15 - 1), st.text("0123456789", max_size=32))
    def test_anyText(self, whole: int, decimals: str) -> None:
        """A decimal number becomes the nearest raw value."""
        text = f"{whole}.{decimals}" if decimals else f"{whole}"
        wanted = expected(Fraction(text) * ONE)
        if wanted is FixedPointOverflow:
            self.assertRaises(FixedPointOverflow, fromText, text)
        else:
            self.assertEqual(fromText(text), wanted)

    def test_goldenTexts(self) -> None:
        """Texts as they always were."""
        for raw, text in [
            (0, "0"),
            (1, "0.0000152587890625"),
            (-1, "-0.0000152587890625"),
            (-ONE // 2, "-0.5"),
            (fromText("0.1"), "0.100006103515625"),
            (10 * ONE, "10"),
            (LARGEST, "140737488355327.9999847412109375"),
        ]:
            self.assertEqual(toText(raw), text)
        self.assertEqual(fromText("-0.1"), -6554)
        self.assertEqual(fromText("007.50"), 7 * ONE + ONE // 2)

    def test_badTexts(self) -> None:
        """Bad input: what is not a plain decimal number, or is longer than any needs to be."""
        for text in [
            "", "-", ".", "1.", ".5", " 1", "1 ", "1\n", "1e3", "1_0", "--1", "1,5", "nan", "inf",
            "0x10", "٣", "1.٣", "1" * 16, "1." + "1" * 33, "1" * 100_000,
        ]:
            error = self.assertRaises(ValueError, fromText, text)
            self.assertLess(len(str(error)), 120)

    @check
    @given(st.lists(RAWS, max_size=8))
    def test_pack(self, raws: list[int]) -> None:
        """Eight little-endian bytes each, and back."""
        packed = pack(*raws)
        self.assertEqual(packed, b"".join(raw.to_bytes(8, "little", signed=True) for raw in raws))
        self.assertEqual(unpack(packed), tuple(raws))

    def test_packRefuses(self) -> None:
        """Bad input: a snapshot never holds what is not a number."""
        for raws in [(LARGEST + 1,), (0, -LARGEST - 1), (0, -(1 << 80), 0)]:
            self.assertRaises(FixedPointOverflow, pack, *raws)
        self.assertRaises(TypeError, pack, 1, 0.5)
        self.assertRaises(TypeError, pack, "1")
        for packed in (b"\0" * 7, b"\0" * 9, b"\0" * 15 + b"\x80"):
            self.assertRaises(ValueError, unpack, packed)

    @check
    @given(RAWS)
    def test_float(self, raw: int) -> None:
        """The nearest float; exact as long as it has the bits."""
        drawn = floatForDrawing(raw)
        self.assertEqual(drawn, float(Fraction(raw, ONE)))
        if abs(raw) < 1 << 53:
            self.assertEqual(Fraction(drawn), Fraction(raw, ONE))

    @check
    @given(RAWS)
    def test_whole(self, raw: int) -> None:
        """Down, up, towards zero and to the nearest, each as the standard library does it."""
        exact, number = Fraction(raw, ONE), Fixed.fromRaw(raw)
        self.assertEqual(nearestInt(raw), round(exact))
        self.assertEqual(round(number), round(exact))
        self.assertEqual(math.floor(number), math.floor(exact))
        self.assertEqual(math.ceil(number), math.ceil(exact))
        self.assertEqual(math.trunc(number), math.trunc(exact))
        self.assertEqual(int(number), int(exact))


class FixedTests(SynchronousTestCase):
    """The value class gives the bits of the functions, and lets no float in."""

    @check
    @given(RAWS, RAWS)
    def test_operators(self, a: int, b: int) -> None:
        """Each operator is its function."""
        x, y = Fixed.fromRaw(a), Fixed.fromRaw(b)
        for operation, wanted in [
            (lambda: x + y, lambda: checked(a + b)),
            (lambda: x - y, lambda: checked(a - b)),
            (lambda: x * y, lambda: multiply(a, b)),
            (lambda: x / y, lambda: divide(a, b)),
            (lambda: x % y, lambda: a % b),
            (lambda: -x, lambda: -a),
            (lambda: +x, lambda: a),
            (lambda: abs(x), lambda: abs(a)),
        ]:
            got = outcome(lambda operation=operation: operation().raw)
            self.assertEqual(got, outcome(wanted))
        if b:
            self.assertEqual(x // y, a // b)
            self.assertEqual(b * (x // y) + (x % y).raw, a)

    @check
    @given(RAWS, st.integers(-(1 << 40), 1 << 40))
    def test_wholeOperands(self, a: int, whole: int) -> None:
        """An int on either side is that many wholes."""
        x, y = Fixed.fromRaw(a), Fixed(whole)
        for mixed, pure in [
            (lambda: x + whole, lambda: x + y),
            (lambda: whole + x, lambda: y + x),
            (lambda: x - whole, lambda: x - y),
            (lambda: whole - x, lambda: y - x),
            (lambda: x * whole, lambda: x * y),
            (lambda: whole * x, lambda: y * x),
            (lambda: x / whole, lambda: x / y),
            (lambda: whole / x, lambda: y / x),
            (lambda: x % whole, lambda: x % y),
        ]:
            got = outcome(lambda mixed=mixed: mixed().raw)
            self.assertEqual(got, outcome(lambda pure=pure: pure().raw))
        if whole:
            self.assertEqual(x // whole, x // y)

    @check
    @given(RAWS, st.one_of(RAWS, st.integers(-2, 2).map(lambda whole: whole * ONE)))
    def test_ordering(self, a: int, b: int) -> None:
        """Numbers are ordered as their raw values, among themselves and with integers."""
        x = Fixed.fromRaw(a)
        for y in [Fixed.fromRaw(b), *([b // ONE] if b % ONE == 0 else [])]:
            self.assertIs(x < y, a < b)
            self.assertIs(x <= y, a <= b)
            self.assertIs(x > y, a > b)
            self.assertIs(x >= y, a >= b)
            self.assertIs(x == y, a == b)
            self.assertIs(x != y, a != b)
            self.assertIs(y == x, a == b)
            self.assertIs(y < x, b < a)
            if a == b:
                self.assertEqual(hash(x), hash(y))
        self.assertIs(bool(x), a != 0)

    @check
    @given(st.integers(-(1 << 47) + 1, (1 << 47) - 1))
    def test_hash(self, whole: int) -> None:
        """A whole number hashes as its int, whatever PYTHONHASHSEED is."""
        self.assertEqual(hash(Fixed(whole)), hash(whole))
        self.assertEqual({Fixed(whole): "x"}[whole], "x")  # type: ignore[index]

    def test_hashOfFractions(self) -> None:
        """Golden: other numbers hash as their raw value, so dicts behave alike everywhere."""
        self.assertEqual(hash(Fixed.fromRaw(98_305)), 98_305)
        self.assertEqual(hash(Fixed.fromRaw(-98_305)), -98_305)

    def test_noFloats(self) -> None:
        """Bad input: floats, and what else is no number, are refused everywhere."""
        x = Fixed(2)
        for other in (0.5, "1", None, True, Fraction(1, 2), 1j):
            for operation in (
                lambda other=other: x + other,
                lambda other=other: other + x,
                lambda other=other: x - other,
                lambda other=other: other - x,
                lambda other=other: x * other,
                lambda other=other: other * x,
                lambda other=other: x / other,
                lambda other=other: other / x,
                lambda other=other: x % other,
                lambda other=other: x // other,
                lambda other=other: x < other,
                lambda other=other: x <= other,
                lambda other=other: x > other,
                lambda other=other: x >= other,
                lambda other=other: Fixed(other),
                lambda other=other: Fixed.fromRaw(other),
            ):
                self.assertRaises(TypeError, operation)
            self.assertNotEqual(x, other)
        self.assertRaises(TypeError, float, x)
        self.assertRaises(TypeError, math.sin, x)
        self.assertRaises(TypeError, lambda: [0, 1, 2][x])  # type: ignore[call-overload]

    def test_cannotChange(self) -> None:
        """A number is what it is."""
        x = Fixed(2)
        self.assertRaises(AttributeError, setattr, x, "raw", 1)
        self.assertRaises(AttributeError, setattr, x, "other", 1)

    def test_ways(self) -> None:
        """Every way in and out."""
        self.assertEqual(Fixed().raw, 0)
        self.assertEqual(Fixed(3).raw, 3 * ONE)
        self.assertEqual(Fixed.fromRatio(-1, 3).raw, -21_845)
        self.assertEqual(Fixed.fromText("1.5").raw, ONE * 3 // 2)
        self.assertEqual(repr(Fixed.fromText("-1.5")), "Fixed.fromText('-1.5')")
        self.assertEqual(str(Fixed.fromText("-1.5")), "-1.5")
        self.assertEqual(Fixed.fromText("-1.5").floatForDrawing(), -1.5)
        self.assertEqual(Fixed(2).toBytes(), b"\0\0\2\0\0\0\0\0")
        self.assertEqual(Fixed.fromBytes(b"\0\0\2\0\0\0\0\0"), 2)
        for packed in (b"", b"\0" * 7, b"\0" * 16):
            self.assertRaises(ValueError, Fixed.fromBytes, packed)
        self.assertEqual(sum([Fixed(1), Fixed(2)]), Fixed(3))
        self.assertEqual(max(Fixed(1), Fixed(2), 0), 2)
        self.assertEqual((PI.raw, TAU.raw), (205_887, 411_775))
        self.assertEqual(Fixed(9).sqrt(), 3)
        self.assertEqual((Fixed(0).sin(), Fixed(0).cos()), (0, 1))
        self.assertEqual(Fixed.atan2(Fixed(0), Fixed(-1)), PI)

    def test_copies(self) -> None:
        """Copied and pickled numbers are equal."""
        x = Fixed.fromText("-2.25")
        for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            self.assertEqual(twin, x)
            self.assertEqual(twin.raw, x.raw)
