"""
Calls into the game, so that whatever it raises becomes one named error.
"""

from __future__ import annotations

from zope.interface import Interface

from gamenet.errors import BadSetting, MomentFailed
from gamenet.interfaces import IPeerProtocol
from gamenet.wire.match_statements import OUTCOME_LIMIT

__all__ = ["askInput", "askOutcome", "moment", "requireMethods"]


class moment:
    """
    Call a method of the game inside this: what it raises comes out as the cause
    of a L{MomentFailed}.  Several are called at every frame, so it is no generator.
    """

    __slots__ = ("_frame", "_name")

    def __init__(self, name: str, frame: int | None = None) -> None:
        """
        @param name: The method's name.
        @param frame: The frame it is called for, where there is one.
        """
        self._name = name
        self._frame = frame

    def __enter__(self) -> None:
        """The method is called now."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: object
    ) -> None:
        """It returned, or raised."""
        if isinstance(error, Exception):
            raise MomentFailed(self._name, self._frame) from error


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


def askOutcome(protocol: IPeerProtocol) -> bytes:
    """
    Return what L{IPeerProtocol.gameOutcome} says, once it is checked.

    @raise MomentFailed: It raised, or returned something that is no outcome.
    """
    with moment("gameOutcome"):
        outcome = protocol.gameOutcome()
        if not isinstance(outcome, bytes):
            raise TypeError(f"gameOutcome must return bytes, not {type(outcome).__name__}")
        if len(outcome) > OUTCOME_LIMIT:
            raise ValueError(f"an outcome has at most {OUTCOME_LIMIT} bytes, not {len(outcome)}")
        return outcome
