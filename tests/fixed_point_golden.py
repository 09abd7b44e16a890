"""
A long run of fixed-point results, as one digest: run it on any Python.

C{python -m tests.fixed_point_golden} prints the digest; it needs nothing but
the standard library.
"""

from __future__ import annotations

from hashlib import blake2b

from gamenet.fixed_point import Fixed, Vector2, Vector3
from gamenet.fixed_point.arithmetic import divide, multiply, pack, sqrt, toText
from gamenet.fixed_point.trigonometry import TAU, atan2, cos, sin, sinAndCos
from gamenet.seeded_random import SeededRandom

__all__ = ["digest"]


def digest() -> str:
    """Return the digest of some thousands of results of everything, and of a whole circle."""
    draw = SeededRandom.fromLabel(3, "fixed point")
    told = blake2b(digest_size=16)
    for turn in range(3000):
        size = 1 << turn % 30
        x, y, z = (draw.between(-size, size) for _ in range(3))
        told.update(pack(multiply(x, y), divide(x, y or 1), sqrt(abs(x)), atan2(y, x)))
        told.update(pack(sin(x << 20), cos(x), *sinAndCos(y)))
        told.update(f"{toText(x)} {hash(Fixed.fromRaw(y))} {hash(Vector2.fromRaws(x, y))}".encode())
        flat, solid = Vector2.fromRaws(x, y), Vector3.fromRaws(x, y, z)
        if flat:
            told.update(flat.rotatedBy(Fixed.fromRaw(z)).scaledTo(7).toBytes())
            told.update(solid.scaledTo(7).cross(solid).toBytes())
        told.update((flat.length() + solid.length() + flat.cross(flat) + flat.dot(flat)).toBytes())
    circle = range(0, TAU, 2)
    told.update(pack(*map(sin, circle), *map(cos, circle)))
    told.update(pack(*[atan2(y, x) for x in range(1, 400) for y in range(1, 400)]))
    return told.hexdigest()


if __name__ == "__main__":
    print(digest())
