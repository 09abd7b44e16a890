"""
Fixed-point numbers, vectors and their geometry: bit-identical everywhere.

L{Fixed} and L{Vector2} are the one obvious way to write a game's rules.  Where a
profile shows a hot loop, the functions of L{gamenet.fixed_point.arithmetic} and
L{gamenet.fixed_point.trigonometry} do the same to plain integers and give the
same bits; the documentation's page on determinism has the costs of both.
"""

from gamenet.fixed_point.arithmetic import FixedPointOverflow
from gamenet.fixed_point.number import Fixed
from gamenet.fixed_point.trigonometry import PI as RAW_PI
from gamenet.fixed_point.trigonometry import TAU as RAW_TAU
from gamenet.fixed_point.vector2 import Vector2
from gamenet.fixed_point.vector3 import Vector3

__all__ = ["PI", "TAU", "Fixed", "FixedPointOverflow", "Vector2", "Vector3"]

#: Half a turn, in radians, to the nearest number.
PI = Fixed.fromRaw(RAW_PI)

#: A whole turn, in radians, to the nearest number.
TAU = Fixed.fromRaw(RAW_TAU)
