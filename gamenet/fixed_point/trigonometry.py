"""
Sines, cosines and angles of raw fixed-point values.

Angles are radians, as raw values of L{gamenet.fixed_point.arithmetic}.  Every
result is within 0.501 units in the last place of the true value, for every
angle that is a number, also the largest; where two neighbors are almost equally
near, either may be the result, but always the same one.

A sine is the nearest of 1024 around the circle, turned by the rest of the angle
with a Taylor polynomial: C{sin(t + r) = sin(t) + r cos(t) - r*r/2 sin(t)}.  In
units in the last place (2**-16) that leaves out at most
C{(pi/1024)**3 / 6 * 2**16 = 0.00032}; the angle, as a part of a turn, was cut
to 30 bits, C{2 pi * 2**-30 * 2**16 = 0.00039}; and 0.5 is the final rounding.

An arc tangent is the nearest of 257 between 0 and 45 degrees; what is left after
turning back by it, exactly, has a tangent C{d} of at most 1/512, and
C{atan(d) = d} leaves out at most C{d**3 / 3 * 2**16 = 0.00017}.

The tables are made by integer arithmetic when the module is imported.
"""

from __future__ import annotations

from gamenet.fixed_point.arithmetic import LARGEST, checked

__all__ = ["FINE_BITS", "PI", "TAU", "atan2", "cos", "sin", "sinAndCos"]

#: How many fraction bits the results of L{sinAndCos} have.
FINE_BITS = 58

_SCALE = 128

#: Pi with 128 fraction bits, cut off.
_PI_FINE = 0x3_243F6A88_85A308D3_13198A2E_03707344

#: The raw value nearest to pi, half a turn.
PI = (_PI_FINE >> (_SCALE - 17)) + 1 >> 1

#: The raw value nearest to two pi, a whole turn.
TAU = (_PI_FINE >> (_SCALE - 18)) + 1 >> 1

# A phase is an angle in units of 2**-30 turns; a raw value is 2**13 / pi phases.
_PHASE_SHIFT = 72
_PHASES_OF_UNIT = (1 << (_PHASE_SHIFT + 13 + _SCALE)) // _PI_FINE
_QUARTER_PHASE = 1 << 28

_FINE_PI = _PI_FINE >> (_SCALE - 32)


def _smallArc(numerator: int, denominator: int) -> int:
    """Return the arc tangent of a small fraction, by its power series, in 2**-128."""
    power = (numerator << _SCALE) // denominator
    total, count = 0, 1
    while power:
        total += power // count if count & 2 == 0 else -(power // count)
        power = power * numerator * numerator // (denominator * denominator)
        count += 2
    return total


def _arcs() -> tuple[int, ...]:
    """Return the arc tangents of 0/256 to 256/256, in radians times 2**32."""
    arcs, total = [0], 0
    for step in range(1, 257):
        total += _smallArc(256, 65_536 + step * (step - 1))
        arcs.append((total >> (_SCALE - 33)) + 1 >> 1)
    return tuple(arcs)


def _waves() -> tuple[tuple[int, int, int], ...]:
    """
    Return, for each 1024th of a turn, the factors of a polynomial in phases:
    the sine, the cosine times two pi, and the sine times minus pi squared over
    two, with as many fraction bits as L{_wave} wants of each.
    """
    step = _PI_FINE >> 9
    sine_of_step, cosine_of_step, term, count = 0, 0, 1 << _SCALE, 0
    while term:
        signed = -term if count & 2 else term
        if count & 1:
            sine_of_step += signed
        else:
            cosine_of_step += signed
        count += 1
        term = (term * step >> _SCALE) // count
    waves = []
    sine, cosine = 0, 1 << _SCALE
    for _ in range(1024):
        waves.append(
            (
                sine >> (_SCALE - FINE_BITS),
                cosine * _PI_FINE >> (2 * _SCALE - 29),
                -sine * _PI_FINE * _PI_FINE >> (3 * _SCALE - 19),
            )
        )
        sine, cosine = (
            sine * cosine_of_step + cosine * sine_of_step >> _SCALE,
            cosine * cosine_of_step - sine * sine_of_step >> _SCALE,
        )
    return tuple(waves)


_ARCS = _arcs()
_WAVES = _waves()


def _wave(phase: int) -> int:
    """
    Return the sine of a phase.

    @param phase: From 0; plus 2**19, so that the nearest table entry is the
        one below.
    @return: With L{FINE_BITS} fraction bits.
    """
    sine, slope, bend = _WAVES[phase >> 20 & 1023]
    rest = (phase & 0xFFFFF) - 0x80000
    return sine + rest * (slope + (rest * bend >> 20))


def sin(angle: int) -> int:
    """
    Return the sine of an angle.

    @param angle: In radians, raw.
    @return: Raw, from -65536 to 65536; C{sin(-angle)} is C{-sin(angle)}.
    @raise FixedPointOverflow: The angle is not a number.
    """
    size = -angle if angle < 0 else angle
    if size > LARGEST:
        checked(size)
    phase = (size * _PHASES_OF_UNIT >> 72) + 0x80000
    sine, slope, bend = _WAVES[phase >> 20 & 1023]
    rest = (phase & 0xFFFFF) - 0x80000
    raw = (sine + rest * (slope + (rest * bend >> 20)) + (1 << 41)) >> 42
    return -raw if angle < 0 else raw


def cos(angle: int) -> int:
    """
    Return the cosine of an angle.

    @param angle: In radians, raw.
    @return: Raw, from -65536 to 65536; C{cos(-angle)} is C{cos(angle)}.
    @raise FixedPointOverflow: The angle is not a number.
    """
    size = -angle if angle < 0 else angle
    if size > LARGEST:
        checked(size)
    phase = (size * _PHASES_OF_UNIT >> 72) + 0x10080000
    sine, slope, bend = _WAVES[phase >> 20 & 1023]
    rest = (phase & 0xFFFFF) - 0x80000
    return (sine + rest * (slope + (rest * bend >> 20)) + (1 << 41)) >> 42


def sinAndCos(angle: int) -> tuple[int, int]:
    """
    Return the sine and the cosine of an angle more finely than a raw value
    can hold them, for whoever multiplies with them before rounding.

    @param angle: In radians, raw.
    @return: With L{FINE_BITS} fraction bits, of which 26 are true: within
        2**-26 of the true values.
    @raise FixedPointOverflow: The angle is not a number.
    """
    size = abs(angle)
    phase = (checked(size) * _PHASES_OF_UNIT >> _PHASE_SHIFT) + 0x80000
    sine = _wave(phase)
    return (-sine if angle < 0 else sine), _wave(phase + _QUARTER_PHASE)


def atan2(y: int, x: int) -> int:
    """
    Return the angle from the x axis to a point.

    @param y: The point's second coordinate, raw.
    @param x: The point's first coordinate, raw.
    @return: In radians, raw, from C{-PI} to L{PI}; 0 for the origin.
        C{atan2(-y, x)} is C{-atan2(y, x)}, except where C{y} is 0 and C{x}
        negative: that is L{PI}.
    """
    longer, shorter = abs(x), abs(y)
    steep = shorter > longer
    if steep:
        longer, shorter = shorter, longer
    if not longer:
        return 0
    index = ((shorter << 9) + longer) // (longer << 1)
    rest = ((shorter << 8) - index * longer << 32) // ((longer << 8) + index * shorter)
    arc = _ARCS[index] + rest
    if steep:
        arc = (_FINE_PI >> 1) - arc
    if x < 0:
        arc = _FINE_PI - arc
    raw = (arc + 0x8000) >> 16
    return -raw if y < 0 else raw
