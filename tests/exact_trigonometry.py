"""
Sines, cosines and angles to sixty digits, by other means than gamenet's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction

__all__ = ["angleOf", "circle", "sineAndCosine"]

#: Pi to 100 digits (OEIS A000796).
PI = Decimal(
    "3.1415926535897932384626433832795028841971693993751"
    "058209749445923078164062862089986280348253421170679"
)


def sineAndCosine(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Return the sine and cosine of an angle of up to 2**48 radians, by their power series."""
    with localcontext() as context:
        context.prec = 80
        angle -= (angle / (2 * PI)).to_integral_value() * 2 * PI
        sums, term, count = [Decimal(1), Decimal(0)], Decimal(1), 0
        while abs(term) > Decimal(10) ** -70:
            count += 1
            term = term * angle / count
            sums[count & 1] += -term if count & 2 else term
        return sums[1], sums[0]


def angleOf(y: int, x: int) -> Decimal:
    """Return the angle from the x axis to a point, by Newton's method on its tangent."""
    with localcontext() as context:
        context.prec = 80
        if x == 0 or abs(y) > abs(x):
            return (PI / 2).copy_sign(Decimal(y)) - _slope(x, y)
        quarter = Decimal(0) if x > 0 else PI if y >= 0 else -PI
        return quarter + _slope(y, x)


def _slope(y: int, x: int) -> Decimal:
    """Return the arc tangent of y / x, where x is not the shorter."""
    tangent = Decimal(y) / Decimal(x)
    angle = tangent - tangent**3 / 3
    for _ in range(8):
        sine, cosine = sineAndCosine(angle)
        angle += cosine * (tangent * cosine - sine)
    return angle


def circle(step: Fraction, count: int) -> Iterator[tuple[int, int]]:
    """
    Yield sine and cosine of 0, 1, 2 ... times C{step} radians, times 2**80, by
    turning a pointer again and again.
    """
    with localcontext() as context:
        context.prec = 80
        sine, cosine = sineAndCosine(Decimal(step.numerator) / Decimal(step.denominator))
        sine_of_step, cosine_of_step = int(sine * 2**120), int(cosine * 2**120)
    y, x = 0, 1 << 120
    for _ in range(count):
        yield y >> 40, x >> 40
        y, x = (
            y * cosine_of_step + x * sine_of_step >> 120,
            x * cosine_of_step - y * sine_of_step >> 120,
        )
