"""
What a session has to tell of states and inputs that are not the same everywhere.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from gamenet.rollback.state_dump import DumpPair

__all__ = [
    "InconsistentInputs",
    "StateEvent",
    "StateTakenOver",
    "StateTooLarge",
    "StatesDiffer",
    "StatesDumped",
]


@attrs.frozen
class InconsistentInputs:
    """
    A player's peer has sent different inputs of one frame to different peers.
    Told once per player.

    @ivar player: The player.
    @ivar frame: The first frame of theirs that is known to differ.
    @ivar peer: The peer that has another input there than we.
    """

    player: int
    frame: int
    peer: int


@attrs.frozen
class StatesDumped:
    """
    After a desynchronization both states are here to be compared.

    @ivar pair: The L{DumpPair}: frame, both states, and the first part that differs.
    """

    pair: DumpPair


@attrs.frozen
class StateTakenOver:
    """
    Our state differed from the authority's, and was replaced by it; everything
    since then was played again.

    @ivar frame: The final frame whose state was taken over.
    @ivar peer: The authority.
    """

    frame: int
    peer: int


@attrs.frozen
class StateTooLarge:
    """
    A state that another peer needs cannot be sent, because it is too large.  Told
    once.

    @ivar size: Its size, in bytes.
    @ivar limit: What can be sent, in bytes.
    """

    size: int
    limit: int


@attrs.frozen
class StatesDiffer:
    """
    The full states differ, and the match is to end for it
    (L{gamenet.rollback.settings.StateRepair.END}).

    @ivar frame: The final frame.
    @ivar peer: The authority.
    """

    frame: int
    peer: int


#: Every event of this room.
StateEvent: TypeAlias = (
    InconsistentInputs | StatesDumped | StateTakenOver | StatesDiffer | StateTooLarge
)
