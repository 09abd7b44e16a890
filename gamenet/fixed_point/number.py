"""
Fixed-point numbers as values with operators: the obvious way to write rules.

The numbers, their range and their rounding are those of
L{gamenet.fixed_point.arithmetic}; a L{Fixed} is one raw value and gives the same
bits.  It is slotted and immutable by hand rather than by C{attrs}, whose frozen
classes take twice as long to make.
"""

from __future__ import annotations

from typing import Final, final

from gamenet.fixed_point.arithmetic import (
    FRACTION_BITS,
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
    pack,
    sqrt,
    toText,
    unpack,
)
from gamenet.fixed_point.trigonometry import atan2, cos, sin

__all__ = ["Fixed", "rawOf"]

_MASK = ONE - 1
_new: Final = object.__new__


@final
class Fixed:
    """
    An immutable fixed-point number.

    Operators take another L{Fixed} or an C{int}, which means that many wholes;
    anything else, a float above all, is a C{TypeError}.  A result that does not
    fit raises L{gamenet.fixed_point.arithmetic.FixedPointOverflow}, a division by
    zero C{ZeroDivisionError}.  Equal to the C{int} of the same value, and hashed
    like it, the same in every process.  There is no way in from a float, and
    out to one only by L{floatForDrawing}.
    """

    __slots__ = ("_raw",)
    _raw: int

    def __init__(self, whole: int = 0) -> None:
        """
        @param whole: The value; exact.
        @raise TypeError: It is not an integer; there are L{fromText} and
            L{fromRatio}.
        @raise FixedPointOverflow: It is too large.
        """
        if type(whole) is not int:
            raise TypeError(f"not an integer: {whole!r}; use fromText or fromRatio")
        self._raw = fromInt(whole)

    @classmethod
    def fromRaw(cls, raw: int) -> Fixed:
        """
        Return the number with that raw value.

        @param raw: In units of 1/65536.
        @raise TypeError: It is not an integer.
        @raise FixedPointOverflow: It is too large.
        """
        if type(raw) is not int:
            raise TypeError(f"not a raw value: {raw!r}")
        return _fixed(raw)

    @classmethod
    def fromRatio(cls, numerator: int, denominator: int) -> Fixed:
        """
        Return the number nearest to a fraction.

        @raise ZeroDivisionError: The denominator is 0.
        @raise FixedPointOverflow: It is too large.
        """
        return cls.fromRaw(fromRatio(numerator, denominator))

    @classmethod
    def fromText(cls, text: str) -> Fixed:
        """
        Return the number nearest to a decimal number, for example C{"-12.75"}.

        @raise ValueError: It is not a decimal number.
        @raise FixedPointOverflow: It is too large.
        """
        return _fixed(fromText(text))

    @classmethod
    def fromBytes(cls, packed: bytes) -> Fixed:
        """
        Return the number that L{toBytes} packed.

        @raise ValueError: They are not 8 bytes that it could have made.
        """
        (raw,) = unpack(packed)
        return _fixed(raw)

    @classmethod
    def atan2(cls, y: Fixed, x: Fixed) -> Fixed:
        """Return the angle from the x axis to the point (x, y), in radians."""
        return _fixed(atan2(y._raw, x._raw))

    @property
    def raw(self) -> int:
        """The value in units of 1/65536."""
        return self._raw

    def toBytes(self) -> bytes:
        """Return 8 bytes for a snapshot."""
        return pack(self._raw)

    def floatForDrawing(self) -> float:
        """Return the nearest float, which must never come back into the simulation."""
        return floatForDrawing(self._raw)

    def sqrt(self) -> Fixed:
        """
        Return the square root.

        @raise ValueError: The number is negative.
        """
        return _fixed(sqrt(self._raw))

    def sin(self) -> Fixed:
        """Return the sine of this angle, in radians."""
        return _fixed(sin(self._raw))

    def cos(self) -> Fixed:
        """Return the cosine of this angle, in radians."""
        return _fixed(cos(self._raw))

    def __str__(self) -> str:
        return toText(self._raw)

    def __repr__(self) -> str:
        return f"Fixed.fromText({toText(self._raw)!r})"

    def __hash__(self) -> int:
        return self._raw if self._raw & _MASK else self._raw >> FRACTION_BITS

    def __eq__(self, other: object) -> bool:
        if type(other) is Fixed:
            return self._raw == other._raw
        if type(other) is int:
            return self._raw == other << FRACTION_BITS
        return NotImplemented

    def __lt__(self, other: Fixed | int) -> bool:
        raw = _rawOf(other)
        return NotImplemented if raw is None else self._raw < raw

    def __le__(self, other: Fixed | int) -> bool:
        raw = _rawOf(other)
        return NotImplemented if raw is None else self._raw <= raw

    def __gt__(self, other: Fixed | int) -> bool:
        raw = _rawOf(other)
        return NotImplemented if raw is None else self._raw > raw

    def __ge__(self, other: Fixed | int) -> bool:
        raw = _rawOf(other)
        return NotImplemented if raw is None else self._raw >= raw

    def __bool__(self) -> bool:
        return self._raw != 0

    def __neg__(self) -> Fixed:
        return _fixed(-self._raw)

    def __pos__(self) -> Fixed:
        return self

    def __abs__(self) -> Fixed:
        return _fixed(abs(self._raw))

    def __add__(self, other: Fixed | int) -> Fixed:
        raw = other._raw if type(other) is Fixed else _rawOf(other)
        return NotImplemented if raw is None else _fixed(self._raw + raw)

    __radd__ = __add__

    def __sub__(self, other: Fixed | int) -> Fixed:
        raw = other._raw if type(other) is Fixed else _rawOf(other)
        return NotImplemented if raw is None else _fixed(self._raw - raw)

    def __rsub__(self, other: int) -> Fixed:
        raw = _rawOf(other)
        return NotImplemented if raw is None else _fixed(raw - self._raw)

    def __mul__(self, other: Fixed | int) -> Fixed:
        if type(other) is Fixed:
            return _fixed(multiply(self._raw, other._raw))
        return _fixed(self._raw * other) if type(other) is int else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: Fixed | int) -> Fixed:
        raw = _rawOf(other)
        return NotImplemented if raw is None else _fixed(divide(self._raw, raw))

    def __rtruediv__(self, other: int) -> Fixed:
        raw = _rawOf(other)
        return NotImplemented if raw is None else _fixed(divide(raw, self._raw))

    def __floordiv__(self, other: Fixed | int) -> int:
        raw = _rawOf(other)
        return NotImplemented if raw is None else self._raw // raw

    def __mod__(self, other: Fixed | int) -> Fixed:
        raw = _rawOf(other)
        return NotImplemented if raw is None else _fixed(self._raw % raw)

    def __floor__(self) -> int:
        return self._raw >> FRACTION_BITS

    def __ceil__(self) -> int:
        return -(-self._raw >> FRACTION_BITS)

    def __round__(self) -> int:
        return nearestInt(self._raw)

    def __int__(self) -> int:
        return -(-self._raw >> FRACTION_BITS) if self._raw < 0 else self._raw >> FRACTION_BITS

    __trunc__ = __int__


def rawOf(number: Fixed | int) -> int:
    """
    Return a number's raw value.

    @raise TypeError: It is neither a L{Fixed} nor an integer.
    @raise FixedPointOverflow: It is too large.
    """
    raw = _rawOf(number)
    if raw is None:
        raise TypeError(f"neither a Fixed nor an integer: {number!r}")
    return checked(raw)


def _rawOf(operand: object) -> int | None:
    """Return the raw value of an operand, or C{None} if it cannot be one."""
    if type(operand) is Fixed:
        return operand._raw
    return operand << FRACTION_BITS if type(operand) is int else None


def _fixed(raw: int) -> Fixed:
    """
    Return the number with that raw value.

    @raise FixedPointOverflow: It is too large.
    """
    if not -LARGEST <= raw <= LARGEST:
        checked(raw)
    made = _new(Fixed)
    made._raw = raw
    return made
