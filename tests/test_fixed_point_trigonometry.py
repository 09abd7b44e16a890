"""
Sines, cosines and angles: within 0.501 units in the last place, everywhere.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.fixed_point import FixedPointOverflow
from gamenet.fixed_point.arithmetic import LARGEST, ONE
from gamenet.fixed_point.trigonometry import FINE_BITS, PI, TAU, atan2, cos, sin, sinAndCos
from gamenet.seeded_random import SeededRandom
from tests.exact_trigonometry import angleOf, circle, sineAndCosine

#: The largest error that is allowed, in units in the last place.
BOUND = Decimal("0.501")

RAWS = st.one_of(
    st.integers(-LARGEST, LARGEST), st.integers(-(1 << 20), 1 << 20), st.integers(-300, 300)
)

check = settings(deadline=None, max_examples=200)


def exact(angle: int) -> tuple[Decimal, Decimal]:
    """Return the sine and cosine of a raw angle, in units in the last place."""
    with localcontext() as context:
        context.prec = 80
        sine, cosine = sineAndCosine(Decimal(angle) / ONE)
        return sine * ONE, cosine * ONE


class SineTests(SynchronousTestCase):
    """C{sin} and C{cos}."""

    def test_wholeCircle(self) -> None:
        """Every angle of a turn, and a bit more, is within 0.501 units of a turning pointer."""
        worst = 0
        for angle, (y, x) in enumerate(circle(Fraction(1, ONE), TAU + 100)):
            worst = max(worst, abs((sin(angle) << 64) - y), abs((cos(angle) << 64) - x))
        self.assertLess(Fraction(worst, 1 << 64), Fraction(BOUND))
        self.assertGreater(Fraction(worst, 1 << 64), Fraction("0.4999"))

    @check
    @given(RAWS)
    def test_anyAngle(self, angle: int) -> None:
        """Also angles of trillions of turns are within the bound, by the power series."""
        sine, cosine = exact(angle)
        self.assertLess(abs(sin(angle) - sine), BOUND)
        self.assertLess(abs(cos(angle) - cosine), BOUND)

    def test_largestAngles(self) -> None:
        """The largest angles of all, one after the other."""
        for angle in range(LARGEST - 50, LARGEST + 1):
            sine, cosine = exact(angle)
            self.assertLess(abs(sin(angle) - sine), BOUND)
            self.assertLess(abs(cos(angle) - cosine), BOUND)

    @check
    @given(RAWS)
    def test_symmetry(self, angle: int) -> None:
        """A sine is odd, a cosine even, to the bit; both are from -1 to 1."""
        self.assertEqual(sin(-angle), -sin(angle))
        self.assertEqual(cos(-angle), cos(angle))
        self.assertLessEqual(max(abs(sin(angle)), abs(cos(angle))), ONE)
        self.assertLessEqual(abs(sin(angle) ** 2 + cos(angle) ** 2 - ONE**2), 93_000)

    @check
    @given(RAWS)
    def test_fine(self, angle: int) -> None:
        """The fine pair is within 2**-26, and rounds to the coarse one."""
        unit = 1 << (FINE_BITS - 16)
        for fine, true, coarse in zip(
            sinAndCos(angle), exact(angle), (sin(angle), cos(angle)), strict=True
        ):
            self.assertLess(abs(Fraction(fine, unit) - Fraction(true)), Fraction(1, 1 << 10))
            self.assertEqual((abs(fine) + unit // 2) // unit, abs(coarse))
        self.assertEqual(sinAndCos(-angle), (-sinAndCos(angle)[0], sinAndCos(angle)[1]))

    def test_overflow(self) -> None:
        """Bad input: an angle that is no number."""
        for function in (sin, cos, sinAndCos):
            for angle in (LARGEST + 1, -LARGEST - 1):
                self.assertRaises(FixedPointOverflow, function, angle)

    def test_landmarks(self) -> None:
        """Golden: where everybody knows the result."""
        self.assertEqual((sin(0), cos(0)), (0, ONE))
        self.assertEqual((sin(PI // 2), cos(PI // 2)), (ONE, 1))
        self.assertEqual((sin(PI), cos(PI)), (0, -ONE))
        self.assertEqual((sin(PI // 6), cos(PI // 3)), (32_768, 32_768))
        self.assertEqual((sin(ONE), cos(ONE)), (55_147, 35_409))


class AngleTests(SynchronousTestCase):
    """C{atan2}."""

    @check
    @given(RAWS, RAWS)
    def test_anyPoint(self, y: int, x: int) -> None:
        """Every angle is within the bound."""
        if x or y:
            with localcontext() as context:
                context.prec = 80
                self.assertLess(abs(atan2(y, x) - angleOf(y, x) * ONE), BOUND)

    def test_worstPoints(self) -> None:
        """Halfway between the table's entries, in all octants."""
        draw = SeededRandom(7)
        for step in range(256):
            size = 1 << draw.between(12, 55)
            x, y = size, (2 * step + 1) * size // 512 + draw.between(-1, 1)
            for point in ((y, x), (x, y), (-y, x), (x, -y), (y, -x), (-x, -y)):
                with localcontext() as context:
                    context.prec = 80
                    self.assertLess(abs(atan2(*point) - angleOf(*point) * ONE), BOUND)

    @check
    @given(RAWS, RAWS, st.integers(1, 1 << 20))
    def test_laws(self, y: int, x: int, factor: int) -> None:
        """Mirrored at the x axis to the bit; only the direction counts, at any distance."""
        angle = atan2(y, x)
        self.assertLessEqual(abs(angle), PI)
        if y:
            self.assertEqual(atan2(-y, x), -angle)
            self.assertEqual(angle > 0, y > 0 and (angle != 0))
        self.assertEqual(atan2(y * factor, x * factor), angle)

    @check
    @given(st.integers(-PI + 3, PI - 3), st.integers(1 << 8, 1 << 40))
    def test_inverse(self, angle: int, length: int) -> None:
        """The angle of a direction is that angle again, within a unit and what the length has."""
        sine, cosine = sinAndCos(angle)
        y, x = sine * length >> FINE_BITS - 16, cosine * length >> FINE_BITS - 16
        self.assertLessEqual(abs(atan2(y, x) - angle), 1 + (2 << 16) // (length << 8))

    def test_landmarks(self) -> None:
        """Golden: the axes, the diagonals, the origin; no negative zero."""
        self.assertEqual(atan2(0, 0), 0)
        self.assertEqual([atan2(0, 5), atan2(5, 0), atan2(0, -5), atan2(-5, 0)],
                         [0, 102_944, PI, -102_944])
        self.assertEqual([atan2(5, 5), atan2(5, -5), atan2(-5, -5), atan2(-5, 5)],
                         [51_472, 154_416, -154_416, -51_472])
        self.assertEqual(atan2(-1, -LARGEST), -PI)
        self.assertEqual(atan2(1, LARGEST), 0)


class ConstantTests(SynchronousTestCase):
    """Pi."""

    def test_pi(self) -> None:
        """Half a turn and a whole turn are the nearest numbers."""
        self.assertEqual((PI, TAU), (205_887, 411_775))
