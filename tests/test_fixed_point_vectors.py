"""
Vectors: each coordinate rounded once, symmetric, loud where something does not fit.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from math import isqrt

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.fixed_point import Fixed, FixedPointOverflow, Vector2, Vector3
from gamenet.fixed_point.arithmetic import LARGEST, ONE, divide, multiply
from gamenet.fixed_point.trigonometry import PI, atan2
from tests.exact_trigonometry import sineAndCosine

RAWS = st.one_of(
    st.integers(-LARGEST, LARGEST),
    st.integers(-(1 << 34), 1 << 34),
    st.integers(-(1 << 17), 1 << 17),
)
VECTORS2 = st.builds(Vector2.fromRaws, RAWS, RAWS)
VECTORS3 = st.builds(Vector3.fromRaws, RAWS, RAWS, RAWS)
PAIRS = st.one_of(st.tuples(VECTORS2, VECTORS2), st.tuples(VECTORS3, VECTORS3))
ONES = st.one_of(VECTORS2, VECTORS3)

check = settings(deadline=None, max_examples=200)

Outcome = tuple[int, ...] | int | type[Exception]


def outcome(function: Callable[[], Vector2 | Vector3 | Fixed]) -> Outcome:
    """Return the raw result of a function, or the type of what it raises."""
    try:
        result = function()
    except (FixedPointOverflow, ZeroDivisionError) as error:
        return type(error)
    return result.raw if isinstance(result, Fixed) else result.raws


def fitting(*raws: int) -> Outcome:
    """Return coordinates, or that they do not fit."""
    return FixedPointOverflow if max(map(abs, raws)) > LARGEST else raws


def nearestRoot(square: int) -> int:
    """Return the integer nearest to a square root."""
    return (isqrt(4 * square) + 1) // 2


class BothTests(SynchronousTestCase):
    """What is the same in the plane and in space."""

    @check
    @given(PAIRS)
    def test_sums(self, pair: tuple[Vector2, Vector2] | tuple[Vector3, Vector3]) -> None:
        """Sums, differences and negatives are exact."""
        a, b = pair
        both = list(zip(a.raws, b.raws, strict=True))
        self.assertEqual(outcome(lambda: a + b), fitting(*[x + y for x, y in both]))
        self.assertEqual(outcome(lambda: a - b), fitting(*[x - y for x, y in both]))
        self.assertEqual((-a).raws, tuple([-x for x in a.raws]))

    @check
    @given(PAIRS)
    def test_dot(self, pair: tuple[Vector2, Vector2] | tuple[Vector3, Vector3]) -> None:
        """A dot product is rounded once."""
        a, b = pair
        exact = Fraction(sum([x * y for x, y in zip(a.raws, b.raws, strict=True)]), ONE)
        wanted = round(exact)
        self.assertEqual(
            outcome(lambda: a.dot(b)), wanted if abs(wanted) <= LARGEST else FixedPointOverflow
        )

    @check
    @given(ONES, RAWS)
    def test_scaled(self, vector: Vector2 | Vector3, raw: int) -> None:
        """A vector times or over a number is each coordinate times or over it."""
        number = Fixed.fromRaw(raw)
        for operation, function in [(lambda: vector * number, multiply),
                                    (lambda: number * vector, multiply),
                                    (lambda: vector / number, divide)]:
            try:
                wanted: Outcome = tuple([function(x, raw) for x in vector.raws])
            except (FixedPointOverflow, ZeroDivisionError) as error:
                wanted = type(error)
            self.assertEqual(outcome(operation), wanted)

    @check
    @given(ONES, st.integers(-1000, 1000))
    def test_wholeFactors(self, vector: Vector2 | Vector3, whole: int) -> None:
        """An int is that many wholes."""
        number = Fixed(whole)
        self.assertEqual(outcome(lambda: vector * whole), outcome(lambda: vector * number))
        self.assertEqual(outcome(lambda: whole * vector), outcome(lambda: vector * number))
        self.assertEqual(outcome(lambda: vector / whole), outcome(lambda: vector / number))

    @check
    @given(ONES)
    def test_length(self, vector: Vector2 | Vector3) -> None:
        """A length is the nearest number, though its square may not fit."""
        root = nearestRoot(sum([x * x for x in vector.raws]))
        wanted = root if root <= LARGEST else FixedPointOverflow
        self.assertEqual(outcome(vector.length), wanted)

    @check
    @given(ONES, st.one_of(RAWS, st.just(ONE)))
    def test_scaledTo(self, vector: Vector2 | Vector3, raw: int) -> None:
        """Each coordinate is within half a unit, and 2**-31 of the length, of the true one."""
        length = Fixed.fromRaw(raw)
        if not vector:
            self.assertRaises(ZeroDivisionError, vector.scaledTo, length)
            return
        with localcontext() as context:
            context.prec = 80
            true_length = Decimal(sum([x * x for x in vector.raws])).sqrt()
            for got, x in zip(vector.scaledTo(length).raws, vector.raws, strict=True):
                error = abs(got - x * raw / true_length)
                self.assertLessEqual(error, Decimal("0.5") + abs(raw) / Decimal(1 << 31))
        self.assertEqual((-vector).scaledTo(length), -vector.scaledTo(length))
        self.assertEqual(vector.scaledTo(-length), -vector.scaledTo(length))

    @check
    @given(ONES, st.integers(0, 1 << 40))
    def test_limitedTo(self, vector: Vector2 | Vector3, raw: int) -> None:
        """What is short enough stays as it is, the rest is scaled."""
        limit = Fixed.fromRaw(raw)
        fits = sum([x * x for x in vector.raws]) <= raw * raw
        self.assertEqual(vector.limitedTo(limit), vector if fits else vector.scaledTo(limit))

    @check
    @given(PAIRS)
    def test_equality(self, pair: tuple[Vector2, Vector2] | tuple[Vector3, Vector3]) -> None:
        """Equal exactly if the coordinates are; then the hashes are, and so is the truth."""
        for a, b in [pair, (pair[0], type(pair[0]).fromRaws(*pair[0].raws))]:
            self.assertIs(a == b, a.raws == b.raws)
            self.assertIs(a != b, a.raws != b.raws)
            self.assertIs(bool(a), any(a.raws))
            if a == b:
                self.assertEqual(hash(a), hash(b))

    @check
    @given(ONES)
    def test_copies(self, vector: Vector2 | Vector3) -> None:
        """Packed, pickled and copied vectors are equal."""
        packed = vector.toBytes()
        self.assertEqual(len(packed), 8 * len(vector.raws))
        for twin in (
            type(vector).fromBytes(packed),
            pickle.loads(pickle.dumps(vector)),
            copy.deepcopy(vector),
            eval(repr(vector)),
        ):
            self.assertEqual(twin, vector)

    def test_refused(self) -> None:
        """Bad input: floats, numbers among vectors, other lengths, changes."""
        for vector, other in [
            (Vector2(1, 2), Vector3(1, 2, 3)),
            (Vector3(1, 2, 3), Vector2(1, 2)),
        ]:
            for operand in (0.5, "1", None, 1, Fixed(1), other, (1, 2)):
                self.assertRaises(TypeError, lambda v=vector, o=operand: v + o)
                self.assertRaises(TypeError, lambda v=vector, o=operand: v - o)
                self.assertNotEqual(vector, operand)
            for operand in (0.5, "1", None, True, vector, other):
                self.assertRaises(TypeError, lambda v=vector, o=operand: v * o)
                self.assertRaises(TypeError, lambda v=vector, o=operand: v / o)
                self.assertRaises(TypeError, vector.scaledTo, operand)
                self.assertRaises(TypeError, type(vector), operand)
            raws = vector.raws
            for bad in (0.5, True, Fixed(1)):
                for place in range(len(raws)):
                    changed = [*raws[:place], bad, *raws[place + 1 :]]
                    self.assertRaises(TypeError, type(vector).fromRaws, *changed)
            for place in range(len(raws)):
                changed = [*raws[:place], -LARGEST - 1, *raws[place + 1 :]]
                self.assertRaises(FixedPointOverflow, type(vector).fromRaws, *changed)
            for length in (8 * len(raws) - 8, 8 * len(raws) + 8, 5):
                self.assertRaises(ValueError, type(vector).fromBytes, b"\0" * length)
            self.assertRaises(AttributeError, setattr, vector, "x", Fixed(1))
            self.assertRaises(FixedPointOverflow, type(vector), 1 << 47)


class PlaneTests(SynchronousTestCase):
    """What only the plane has."""

    def test_coordinates(self) -> None:
        """Coordinates come out as numbers."""
        vector = Vector2(Fixed.fromText("1.5"), -2)
        self.assertEqual((vector.x, vector.y), (Fixed.fromText("1.5"), -2))
        self.assertEqual(Vector2(), Vector2(0, 0))

    @check
    @given(VECTORS2, VECTORS2)
    def test_cross(self, a: Vector2, b: Vector2) -> None:
        """A cross product is rounded once, and changes its sign with the order."""
        exact = round(Fraction(a.raws[0] * b.raws[1] - a.raws[1] * b.raws[0], ONE))
        wanted = exact if abs(exact) <= LARGEST else FixedPointOverflow
        self.assertEqual(outcome(lambda: a.cross(b)), wanted)
        if wanted is not FixedPointOverflow:
            self.assertEqual(b.cross(a), -a.cross(b))

    @check
    @given(VECTORS2)
    def test_angle(self, vector: Vector2) -> None:
        """The angle is that of the functions."""
        self.assertEqual(vector.angle().raw, atan2(vector.raws[1], vector.raws[0]))

    @check
    @given(st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 40), 1 << 40), RAWS)
    def test_rotatedBy(self, x: int, y: int, angle: int) -> None:
        """A turn is within half a unit, and 2**-25 of the length, of the true one."""
        turned = Vector2.fromRaws(x, y).rotatedBy(Fixed.fromRaw(angle))
        with localcontext() as context:
            context.prec = 80
            sine, cosine = sineAndCosine(Decimal(angle) / ONE)
            bound = Decimal("0.5") + Decimal(abs(x) + abs(y)) / (1 << 26)
            self.assertLessEqual(abs(turned.raws[0] - (x * cosine - y * sine)), bound)
            self.assertLessEqual(abs(turned.raws[1] - (x * sine + y * cosine)), bound)
        back = (-Vector2.fromRaws(x, y)).rotatedBy(Fixed.fromRaw(angle))
        self.assertEqual(back, -turned)
        mirrored = Vector2.fromRaws(x, -y).rotatedBy(Fixed.fromRaw(-angle))
        self.assertEqual(mirrored.raws, (turned.raws[0], -turned.raws[1]))

    @check
    @given(RAWS, st.integers(-(1 << 50), 1 << 50))
    def test_fromAngle(self, angle: int, length: int) -> None:
        """A direction and a length are the x axis, turned."""
        made = Vector2.fromAngle(Fixed.fromRaw(angle), Fixed.fromRaw(length))
        self.assertEqual(made, Vector2.fromRaws(length, 0).rotatedBy(Fixed.fromRaw(angle)))

    def test_unit(self) -> None:
        """Golden: directions everybody knows."""
        self.assertEqual(Vector2.fromAngle(Fixed(0)), Vector2(1, 0))
        self.assertEqual(Vector2.fromAngle(Fixed.fromRaw(PI)).raws, (-ONE, 0))
        self.assertEqual(Vector2(3, 4).length(), 5)
        self.assertEqual(Vector2(3, 4).scaledTo(10), Vector2(6, 8))
        self.assertEqual(Vector2(-7, 7).scaledTo(1).raws, (-46_341, 46_341))


class SpaceTests(SynchronousTestCase):
    """What only space has."""

    def test_coordinates(self) -> None:
        """Coordinates come out as numbers."""
        vector = Vector3(1, Fixed.fromText("1.5"), -2)
        self.assertEqual((vector.x, vector.y, vector.z), (1, Fixed.fromText("1.5"), -2))
        self.assertEqual(Vector3(), Vector3(0, 0, 0))

    @check
    @given(VECTORS3, VECTORS3)
    def test_cross(self, a: Vector3, b: Vector3) -> None:
        """Each coordinate of a cross product is rounded once."""
        (p, q, r), (x, y, z) = a.raws, b.raws
        exact = [q * z - r * y, r * x - p * z, p * y - q * x]
        wanted = fitting(*[round(Fraction(each, ONE)) for each in exact])
        self.assertEqual(outcome(lambda: a.cross(b)), wanted)

    def test_hand(self) -> None:
        """Golden: the right hand."""
        self.assertEqual(Vector3(1, 0, 0).cross(Vector3(0, 1, 0)), Vector3(0, 0, 1))
        self.assertEqual(Vector3(2, 3, 6).length(), 7)
