"""
Fixed-point arithmetic on plain integers: the fast way, for hot loops.

A number is an C{int}, its I{raw} value, in units of 1/65536 (16 fraction
bits; with a sign and 47 whole bits it is 64 bits, "Q47.16").  So numbers go up
to 140 737 488 355 328 in steps of 0.0000153: squares of coordinates up to
eleven million have room, and while a value is below 16 384 its raw value is one
digit of CPython's integers.  Add, subtract, negate and compare raw values with
C{+}, C{-} and C{<}: that is exact.  C{%} is exact too.

Only integers are computed with, so that every machine and every Python gets
the same bits.

Rounding is to the nearest, ties to the even raw value: an error of at most half
a unit in the last place (1/131072), and symmetric, so that what moves to the
left moves as fast as what moves to the right.

Beyond 64 bits nothing wraps and nothing saturates: a function whose result is
larger than L{LARGEST} in size raises L{FixedPointOverflow}.  C{+} and C{-} of
Python have no bound; L{checked} or L{pack} notice.  The range is symmetric:
-2**63 is not a number, so that every number can be negated.
"""

from __future__ import annotations

import re
import struct
from math import isqrt

from gamenet.errors import GamenetError

__all__ = [
    "FRACTION_BITS",
    "LARGEST",
    "ONE",
    "FixedPointOverflow",
    "checked",
    "divide",
    "floatForDrawing",
    "fromInt",
    "fromRatio",
    "fromText",
    "multiply",
    "nearestInt",
    "nearestQuotient",
    "nearestShifted",
    "pack",
    "sqrt",
    "toText",
    "unpack",
]

#: How many bits of a raw value are the fraction.
FRACTION_BITS = 16

#: The raw value of 1.
ONE = 1 << FRACTION_BITS

#: The largest raw value; the smallest is C{-LARGEST}.
LARGEST = (1 << 63) - 1

_TEXT = re.compile(r"([+-]?)([0-9]{1,15})(?:\.([0-9]{1,32}))?")

#: 10**16 / 2**16: the last decimal of a unit in the last place.
_DECIMALS_OF_UNIT = 5**16


class FixedPointOverflow(GamenetError, OverflowError):
    """A fixed-point result does not fit into 64 bits."""


def checked(raw: int) -> int:
    """
    Return C{raw}, if it is a number.

    @param raw: For example the sum of many.
    @raise FixedPointOverflow: It is beyond L{LARGEST}.
    """
    if not -LARGEST <= raw <= LARGEST:
        raise FixedPointOverflow(f"{raw.bit_length()} bits do not fit into 63 and a sign")
    return raw


def fromInt(whole: int) -> int:
    """
    Return the raw value of a whole number; exact.

    @param whole: From -(2**47 - 1) to 2**47 - 1.
    @raise FixedPointOverflow: It is outside of that.
    """
    return checked(whole << FRACTION_BITS)


def fromRatio(numerator: int, denominator: int) -> int:
    """
    Return the raw value nearest to a fraction.

    @raise ZeroDivisionError: The denominator is 0.
    @raise FixedPointOverflow: It is too large.
    """
    return checked(nearestQuotient(numerator << FRACTION_BITS, denominator))


def fromText(text: str) -> int:
    """
    Return the raw value nearest to a decimal number.

    @param text: For example C{"-12.75"}: an optional sign, 1 to 15 digits,
        and optionally a point and 1 to 32 digits.
    @raise ValueError: It is something else.
    @raise FixedPointOverflow: It is too large.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal number: {text[:64]!r}")
    sign, whole, decimals = match[1], match[2], match[3] or ""
    digits = int(whole + decimals)
    return fromRatio(-digits if sign == "-" else digits, 10 ** len(decimals))


def toText(raw: int) -> str:
    """Return the exact decimal number, at most 16 decimals, which L{fromText} understands."""
    size = abs(raw)
    decimals = f"{(size & (ONE - 1)) * _DECIMALS_OF_UNIT:016}".rstrip("0")
    sign = "-" if raw < 0 else ""
    return f"{sign}{size >> FRACTION_BITS}{'.' if decimals else ''}{decimals}"


def floatForDrawing(raw: int) -> float:
    """
    Return the float that is nearest: to draw with, or to hear, and never to
    come back into the simulation.
    """
    return raw / ONE


def nearestInt(raw: int) -> int:
    """Return the nearest whole number, as a plain C{int}; ties go to the even one."""
    return nearestShifted(raw, FRACTION_BITS)


def nearestShifted(value: int, bits: int) -> int:
    """
    Return the integer nearest to C{value / 2**bits}; ties go to the even one.

    @param value: Any integer; may have more than 64 bits.
    @param bits: At least 1.
    """
    return (value + (1 << (bits - 1)) - 1 + (value >> bits & 1)) >> bits


def nearestQuotient(numerator: int, denominator: int) -> int:
    """
    Return the integer nearest to a quotient of integers; ties go to the even
    one.

    @raise ZeroDivisionError: The denominator is 0.
    """
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    rest <<= 1
    if rest > denominator or (rest == denominator and quotient & 1):
        quotient += 1
    return quotient


def multiply(a: int, b: int) -> int:
    """
    Return the product of two raw values, rounded to the nearest.

    @raise FixedPointOverflow: It is too large.
    """
    product = a * b
    raw = (product + 0x7FFF + (product >> 16 & 1)) >> 16
    if not -LARGEST <= raw <= LARGEST:
        checked(raw)
    return raw


def divide(a: int, b: int) -> int:
    """
    Return the quotient of two raw values, rounded to the nearest.

    @raise ZeroDivisionError: C{b} is 0.
    @raise FixedPointOverflow: It is too large.
    """
    if b < 0:
        a, b = -a, -b
    raw, rest = divmod(a << 16, b)
    rest <<= 1
    if rest > b or (rest == b and raw & 1):
        raw += 1
    if not -LARGEST <= raw <= LARGEST:
        checked(raw)
    return raw


def sqrt(raw: int) -> int:
    """
    Return the square root of a raw value, rounded to the nearest.

    @raise ValueError: It is negative.
    """
    if raw < 0:
        raise ValueError("the square root of a negative number")
    square = raw << FRACTION_BITS
    root = isqrt(square)
    return root + 1 if square - root * root > root else root


def pack(*raws: int) -> bytes:
    """
    Return raw values as bytes for a snapshot, 8 little-endian bytes each.

    @raise FixedPointOverflow: One is beyond L{LARGEST}.
    @raise TypeError: One is not an integer.
    """
    try:
        packed = struct.pack(f"<{len(raws)}q", *raws)
    except struct.error as error:
        for raw in raws:
            if not isinstance(raw, int):
                raise TypeError(f"raw values are integers, not {type(raw).__name__}") from error
            checked(raw)
        raise
    if raws and min(raws) < -LARGEST:
        checked(min(raws))
    return packed


def unpack(packed: bytes) -> tuple[int, ...]:
    """
    Return the raw values that L{pack} was given.

    @raise ValueError: C{pack} cannot have made these bytes.
    """
    if len(packed) % 8:
        raise ValueError(f"{len(packed)} bytes are not a whole count of raw values")
    raws = struct.unpack(f"<{len(packed) // 8}q", packed)
    if min(raws, default=0) < -LARGEST:
        raise ValueError("-2**63 is not a raw value")
    return raws
