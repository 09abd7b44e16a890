"""
What happens in the rollback session, told to the game: which moment of
L{gamenet.interfaces.IPeerProtocol} belongs to which event.
"""

from __future__ import annotations

from operator import attrgetter

from gamenet.interfaces import IPeerProtocol
from gamenet.match.moments import moment

__all__ = ["MOMENTS", "announce"]

_EFFECT = ("number", "frame", "key", "payload")

#: For each class of event, by its name: the moment, and the attributes that it is given.
#: An event of any other class is no moment of the game; the match's log has it.
MOMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "FrameConfirmed": ("frameConfirmed", ("frame", "inputs", "checksum")),
    "Desynchronized": ("desynchronized", ("frame", "local", "remote", "player")),
    "WaitRecommended": ("waitRecommended", ("frames",)),
    "InputDelayRecommended": ("inputDelayRecommended", ("frames", "round_trip", "jitter")),
    "Played": ("effectStarted", _EFFECT),
    "Corrected": ("effectCorrected", (*_EFFECT, "former_frame")),
    "Cancelled": ("effectCancelled", _EFFECT),
    "Confirmed": ("effectConfirmed", _EFFECT),
}


def _arguments(names: tuple[str, ...]) -> attrgetter[object]:
    """Return what gets these attributes of an event, one or several."""
    return attrgetter(*names)


_GETTERS = {name: _arguments(attributes) for name, (_, attributes) in MOMENTS.items()}


def announce(protocol: IPeerProtocol, event: object) -> bool:
    """
    Call the moment that belongs to an event.

    @param event: An event of L{gamenet.rollback.events} or
        L{gamenet.rollback.effects}, or any other, for which nothing is called.
    @return: Whether a moment belongs to it.
    @raise gamenet.errors.MomentFailed: The game's method raised.
    """
    kind = type(event).__name__
    entry = MOMENTS.get(kind)
    if entry is None:
        return False
    name, attributes = entry
    values = _GETTERS[kind](event)
    arguments = values if len(attributes) > 1 else (values,)
    with moment(name, getattr(event, "frame", None)):
        getattr(protocol, name)(*arguments)  # type: ignore[misc]
    return True
