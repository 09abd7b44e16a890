"""
Calls into the game, so that whatever it raises becomes one named error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zope.interface import Interface

from gamenet.errors import BadSetting, MomentFailed
from gamenet.interfaces import IPeerProtocol

__all__ = ["askInput", "moment", "requireMethods"]


@contextmanager
def moment(name: str, frame: int | None = None) -> Iterator[None]:
    """
    Call a method of the game inside this: what it raises comes out as the cause
    of a L{MomentFailed}.

    @param name: The method's name.
    @param frame: The frame it is called for, where there is one.
    """
    try:
        yield
    except Exception as error:
        raise MomentFailed(name, frame) from error


def requireMethods(supplied: object, interface: type[Interface]) -> None:
    """
    Check that the game supplies every method of an interface.

    @raise BadSetting: One is missing; the text names it.
    """
    for name in interface.names(all=True):
        if not callable(getattr(supplied, name, None)):
            kind = type(supplied).__name__
            raise BadSetting(f"{kind} has no method {name!r}, which {interface.__name__} asks for")


def askInput(protocol: IPeerProtocol, player: int, frame: int, limit: int) -> bytes:
    """
    Return what L{IPeerProtocol.localInput} says, once it is checked.

    @param limit: The most bytes an input may have.
    @raise MomentFailed: It raised, or returned something that is no input.
    """
    with moment("localInput", frame):
        pressed = protocol.localInput(player, frame)
        if not isinstance(pressed, bytes):
            raise TypeError(f"localInput must return bytes, not {type(pressed).__name__}")
        if len(pressed) > limit:
            raise ValueError(f"an input has at most {limit} bytes, not {len(pressed)}")
        return pressed
