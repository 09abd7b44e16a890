"""
Vectors in the plane, of fixed-point numbers.
"""

from __future__ import annotations

from math import isqrt
from typing import Final, final

from gamenet.fixed_point.arithmetic import (
    LARGEST,
    checked,
    divide,
    multiply,
    nearestQuotient,
    nearestShifted,
    pack,
    unpack,
)
from gamenet.fixed_point.number import Fixed, rawOf
from gamenet.fixed_point.trigonometry import FINE_BITS, atan2, sinAndCos

__all__ = ["Vector2"]

_new: Final = object.__new__


@final
class Vector2:
    """
    An immutable vector of two L{Fixed} numbers, kept as raw values.

    Each coordinate of a result is rounded once, to the nearest, whatever was
    computed on the way; one that does not fit raises
    L{gamenet.fixed_point.arithmetic.FixedPointOverflow}.
    """

    __slots__ = ("_x", "_y")
    _x: int
    _y: int

    def __init__(self, x: Fixed | int = 0, y: Fixed | int = 0) -> None:
        """
        @param x: The first coordinate.
        @param y: The second coordinate.
        @raise TypeError: One is neither a L{Fixed} nor an integer.
        """
        self._x = rawOf(x)
        self._y = rawOf(y)

    @classmethod
    def fromRaws(cls, x: int, y: int) -> Vector2:
        """
        Return the vector with these raw coordinates.

        @raise TypeError: One is not an integer.
        @raise FixedPointOverflow: One is too large.
        """
        if type(x) is not int or type(y) is not int:
            raise TypeError(f"not raw values: {x!r}, {y!r}")
        return _vector(x, y)

    @classmethod
    def fromBytes(cls, packed: bytes) -> Vector2:
        """
        Return the vector that L{toBytes} packed.

        @raise ValueError: They are not 16 bytes that it could have made.
        """
        x, y = unpack(packed)
        return _vector(x, y)

    @classmethod
    def fromAngle(cls, angle: Fixed, length: Fixed | int = 1) -> Vector2:
        """
        Return the vector of a length in a direction.

        @param angle: In radians; 0 is along the x axis, a quarter turn along
            the y axis.
        @param length: How long; negative points the other way.
        """
        sine, cosine = sinAndCos(angle.raw)
        size = rawOf(length)
        return _vector(
            nearestShifted(size * cosine, FINE_BITS), nearestShifted(size * sine, FINE_BITS)
        )

    @property
    def x(self) -> Fixed:
        """The first coordinate."""
        return Fixed.fromRaw(self._x)

    @property
    def y(self) -> Fixed:
        """The second coordinate."""
        return Fixed.fromRaw(self._y)

    @property
    def raws(self) -> tuple[int, int]:
        """Both coordinates as raw values."""
        return self._x, self._y

    def toBytes(self) -> bytes:
        """Return 16 bytes for a snapshot."""
        return pack(self._x, self._y)

    def dot(self, other: Vector2) -> Fixed:
        """Return the dot product, rounded once."""
        return Fixed.fromRaw(nearestShifted(self._x * other._x + self._y * other._y, 16))

    def cross(self, other: Vector2) -> Fixed:
        """
        Return the cross product's third coordinate, rounded once: above 0
        where C{other} is less than half a turn from this towards the y axis.
        """
        return Fixed.fromRaw(nearestShifted(self._x * other._y - self._y * other._x, 16))

    def length(self) -> Fixed:
        """Return the length, rounded once; its square need not fit."""
        square = self._x * self._x + self._y * self._y
        root = isqrt(square)
        return Fixed.fromRaw(root + 1 if square - root * root > root else root)

    def angle(self) -> Fixed:
        """Return the angle from the x axis, in radians from -pi to pi; 0 for no length."""
        return Fixed.fromRaw(atan2(self._y, self._x))

    def scaledTo(self, length: Fixed | int) -> Vector2:
        """
        Return the vector of the same direction and another length.

        @param length: How long; 1 gives the unit vector, a negative one points
            the other way.
        @raise ZeroDivisionError: This vector has no length.
        """
        x, y, size = self._x, self._y, rawOf(length)
        fine_length = isqrt((x * x + y * y) << 64)
        return _vector(
            nearestQuotient(x * size << 32, fine_length),
            nearestQuotient(y * size << 32, fine_length),
        )

    def limitedTo(self, length: Fixed | int) -> Vector2:
        """
        Return this vector, or a shorter one of the same direction.

        @param length: The longest that is allowed.
        """
        size = rawOf(length)
        if self._x * self._x + self._y * self._y <= size * size:
            return self
        return self.scaledTo(length)

    def rotatedBy(self, angle: Fixed) -> Vector2:
        """
        Return this vector turned from the x axis towards the y axis.

        @param angle: In radians.
        """
        sine, cosine = sinAndCos(angle.raw)
        x, y = self._x, self._y
        return _vector(
            nearestShifted(x * cosine - y * sine, FINE_BITS),
            nearestShifted(x * sine + y * cosine, FINE_BITS),
        )

    def __repr__(self) -> str:
        return f"Vector2({self.x!r}, {self.y!r})"

    def __hash__(self) -> int:
        return self._x * 1_000_003 ^ self._y

    def __eq__(self, other: object) -> bool:
        if type(other) is Vector2:
            return self._x == other._x and self._y == other._y
        return NotImplemented

    def __bool__(self) -> bool:
        return self._x != 0 or self._y != 0

    def __neg__(self) -> Vector2:
        return _vector(-self._x, -self._y)

    def __add__(self, other: Vector2) -> Vector2:
        if type(other) is not Vector2:
            return NotImplemented
        return _vector(self._x + other._x, self._y + other._y)

    def __sub__(self, other: Vector2) -> Vector2:
        if type(other) is not Vector2:
            return NotImplemented
        return _vector(self._x - other._x, self._y - other._y)

    def __mul__(self, other: Fixed | int) -> Vector2:
        if type(other) is Fixed:
            raw = other.raw
            return _vector(multiply(self._x, raw), multiply(self._y, raw))
        if type(other) is int:
            return _vector(self._x * other, self._y * other)
        return NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: Fixed | int) -> Vector2:
        if type(other) is not Fixed and type(other) is not int:
            return NotImplemented
        raw = rawOf(other)
        return _vector(divide(self._x, raw), divide(self._y, raw))


def _vector(x: int, y: int) -> Vector2:
    """
    Return the vector with these raw coordinates.

    @raise FixedPointOverflow: One is too large.
    """
    if not (-LARGEST <= x <= LARGEST and -LARGEST <= y <= LARGEST):
        checked(x)
        checked(y)
    made = _new(Vector2)
    made._x = x
    made._y = y
    return made
