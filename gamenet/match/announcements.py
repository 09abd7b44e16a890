"""
What happens in the rollback session, told to the game: which moment of
L{gamenet.interfaces.IPeerProtocol} belongs to which event.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from gamenet.interfaces import IPeerProtocol
from gamenet.match.moments import moment
from gamenet.rollback.effects import Cancelled, Confirmed, Corrected, Played
from gamenet.rollback.events import (
    Desynchronized,
    FrameConfirmed,
    InputDelayRecommended,
    LockstepWaited,
    WaitRecommended,
)
from gamenet.rollback.seat_events import (
    Dropped,
    Isolated,
    PlayerDropped,
    PlayerJoined,
    Reunited,
    SeatRefused,
    SeatTaken,
)
from gamenet.rollback.state_events import (
    InconsistentInputs,
    StatesDiffer,
    StatesDumped,
    StateTakenOver,
    StateTooLarge,
)

__all__ = ["MOMENTS", "announce"]

_EFFECT = ("number", "frame", "key", "payload")

#: For each class of event: the moment, and the attributes that it is given.  An event
#: of any other class is no moment of the game; the match's log has it.
MOMENTS: dict[type, tuple[str, tuple[str, ...]]] = {
    FrameConfirmed: ("frameConfirmed", ("frame", "inputs", "checksum")),
    Desynchronized: ("desynchronized", ("frame", "local", "remote", "player")),
    WaitRecommended: ("waitRecommended", ("frames",)),
    InputDelayRecommended: ("inputDelayRecommended", ("frames", "round_trip", "jitter")),
    LockstepWaited: ("lockstepWaited", ("frame", "seconds", "players")),
    PlayerDropped: ("playerDropped", ("player", "frame")),
    PlayerJoined: ("playerJoined", ("player", "frame")),
    Isolated: ("isolated", ("missing",)),
    Reunited: ("reunited", ()),
    Dropped: ("dropped", ("frame",)),
    SeatTaken: ("seatTaken", ("frame",)),
    SeatRefused: ("seatRefused", ("reason",)),
    InconsistentInputs: ("inconsistentInputs", ("player", "frame", "peer")),
    StatesDumped: ("statesDumped", ("pair",)),
    StateTakenOver: ("stateTakenOver", ("frame", "peer")),
    StateTooLarge: ("stateTooLarge", ("size", "limit")),
    StatesDiffer: ("statesDiffer", ("frame", "peer")),
    Played: ("effectStarted", _EFFECT),
    Corrected: ("effectCorrected", (*_EFFECT, "former_frame")),
    Cancelled: ("effectCancelled", _EFFECT),
    Confirmed: ("effectConfirmed", _EFFECT),
}


def _values(names: tuple[str, ...]) -> Callable[[Any], tuple[object, ...]]:
    """Return what gets these attributes of an event."""
    getters = [attrgetter(name) for name in names]
    return lambda event: tuple([get(event) for get in getters])


_CALLS = {kind: (name, _values(names)) for kind, (name, names) in MOMENTS.items()}


def announce(protocol: IPeerProtocol, event: object) -> bool:
    """
    Call the moment that belongs to an event.

    @param event: An event of a session or of the effects; nothing is called for any
        other.
    @return: Whether a moment belongs to it.
    @raise gamenet.errors.MomentFailed: The game's method raised.
    """
    call = _CALLS.get(type(event))
    if call is None:
        return False
    name, values = call
    with moment(name, getattr(event, "frame", None)):
        getattr(protocol, name)(*values(event))
    return True
