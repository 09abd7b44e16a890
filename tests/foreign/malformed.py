"""What is wrong with bytes from outside."""

from __future__ import annotations

__all__ = ["Malformed", "require"]


class Malformed(Exception):
    """Bytes that the protocol does not allow."""


def require(condition: object, what: str) -> None:
    """
    @raise Malformed: The condition does not hold.
    """
    if not condition:
        raise Malformed(what)
