"""
Vectors in space, of fixed-point numbers.
"""

from __future__ import annotations

from math import isqrt
from typing import Final, final

from gamenet.fixed_point.arithmetic import (
    checked,
    divide,
    multiply,
    nearestQuotient,
    nearestShifted,
    pack,
    unpack,
)
from gamenet.fixed_point.number import Fixed, rawOf

__all__ = ["Vector3"]

_new: Final = object.__new__


@final
class Vector3:
    """
    An immutable vector of three L{Fixed} numbers, kept as raw values.

    Each coordinate of a result is rounded once, to the nearest, whatever was
    computed on the way; one that does not fit raises
    L{gamenet.fixed_point.arithmetic.FixedPointOverflow}.
    """

    __slots__ = ("_raws",)
    _raws: tuple[int, int, int]

    def __init__(self, x: Fixed | int = 0, y: Fixed | int = 0, z: Fixed | int = 0) -> None:
        """
        @param x: The first coordinate.
        @param y: The second coordinate.
        @param z: The third coordinate.
        @raise TypeError: One is neither a L{Fixed} nor an integer.
        """
        self._raws = (rawOf(x), rawOf(y), rawOf(z))

    @classmethod
    def fromRaws(cls, x: int, y: int, z: int) -> Vector3:
        """
        Return the vector with these raw coordinates.

        @raise TypeError: One is not an integer.
        @raise FixedPointOverflow: One is too large.
        """
        for raw in (x, y, z):
            if type(raw) is not int:
                raise TypeError(f"not a raw value: {raw!r}")
        return _vector(x, y, z)

    @classmethod
    def fromBytes(cls, packed: bytes) -> Vector3:
        """
        Return the vector that L{toBytes} packed.

        @raise ValueError: They are not 24 bytes that it could have made.
        """
        x, y, z = unpack(packed)
        return _vector(x, y, z)

    @property
    def x(self) -> Fixed:
        """The first coordinate."""
        return Fixed.fromRaw(self._raws[0])

    @property
    def y(self) -> Fixed:
        """The second coordinate."""
        return Fixed.fromRaw(self._raws[1])

    @property
    def z(self) -> Fixed:
        """The third coordinate."""
        return Fixed.fromRaw(self._raws[2])

    @property
    def raws(self) -> tuple[int, int, int]:
        """The coordinates as raw values."""
        return self._raws

    def toBytes(self) -> bytes:
        """Return 24 bytes for a snapshot."""
        return pack(*self._raws)

    def dot(self, other: Vector3) -> Fixed:
        """Return the dot product, rounded once."""
        (a, b, c), (x, y, z) = self._raws, other._raws
        return Fixed.fromRaw(nearestShifted(a * x + b * y + c * z, 16))

    def cross(self, other: Vector3) -> Vector3:
        """Return the cross product, each coordinate rounded once."""
        (a, b, c), (x, y, z) = self._raws, other._raws
        return _vector(
            nearestShifted(b * z - c * y, 16),
            nearestShifted(c * x - a * z, 16),
            nearestShifted(a * y - b * x, 16),
        )

    def length(self) -> Fixed:
        """Return the length, rounded once; its square need not fit."""
        square = self._square()
        root = isqrt(square)
        return Fixed.fromRaw(root + 1 if square - root * root > root else root)

    def scaledTo(self, length: Fixed | int) -> Vector3:
        """
        Return the vector of the same direction and another length.

        @param length: How long; 1 gives the unit vector, a negative one points
            the other way.
        @raise ZeroDivisionError: This vector has no length.
        """
        size = rawOf(length) << 32
        fine_length = isqrt(self._square() << 64)
        x, y, z = self._raws
        return _vector(
            nearestQuotient(x * size, fine_length),
            nearestQuotient(y * size, fine_length),
            nearestQuotient(z * size, fine_length),
        )

    def limitedTo(self, length: Fixed | int) -> Vector3:
        """
        Return this vector, or a shorter one of the same direction.

        @param length: The longest that is allowed.
        """
        size = rawOf(length)
        return self if self._square() <= size * size else self.scaledTo(length)

    def _square(self) -> int:
        """Return the square of the length, in 2**-32."""
        x, y, z = self._raws
        return x * x + y * y + z * z

    def __repr__(self) -> str:
        return f"Vector3({self.x!r}, {self.y!r}, {self.z!r})"

    def __hash__(self) -> int:
        x, y, z = self._raws
        return (x * 1_000_003 ^ y) * 1_000_003 ^ z

    def __eq__(self, other: object) -> bool:
        return self._raws == other._raws if type(other) is Vector3 else NotImplemented

    def __bool__(self) -> bool:
        return self._raws != (0, 0, 0)

    def __neg__(self) -> Vector3:
        x, y, z = self._raws
        return _vector(-x, -y, -z)

    def __add__(self, other: Vector3) -> Vector3:
        if type(other) is not Vector3:
            return NotImplemented
        (a, b, c), (x, y, z) = self._raws, other._raws
        return _vector(a + x, b + y, c + z)

    def __sub__(self, other: Vector3) -> Vector3:
        if type(other) is not Vector3:
            return NotImplemented
        (a, b, c), (x, y, z) = self._raws, other._raws
        return _vector(a - x, b - y, c - z)

    def __mul__(self, other: Fixed | int) -> Vector3:
        x, y, z = self._raws
        if type(other) is Fixed:
            raw = other.raw
            return _vector(multiply(x, raw), multiply(y, raw), multiply(z, raw))
        return _vector(x * other, y * other, z * other) if type(other) is int else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: Fixed | int) -> Vector3:
        if type(other) is not Fixed and type(other) is not int:
            return NotImplemented
        raw = rawOf(other)
        x, y, z = self._raws
        return _vector(divide(x, raw), divide(y, raw), divide(z, raw))


def _vector(x: int, y: int, z: int) -> Vector3:
    """
    Return the vector with these raw coordinates.

    @raise FixedPointOverflow: One is too large.
    """
    made = _new(Vector3)
    made._raws = (checked(x), checked(y), checked(z))
    return made
