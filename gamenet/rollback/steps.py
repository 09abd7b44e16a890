"""
What a session asks of the game, as values: save, load, advance.

A snapshot's number is the frame that comes *next*: snapshot 0 is the state
before anything was played, and playing frame C{f} leads from snapshot C{f} to
snapshot C{f + 1}.  So the checksum of frame C{f}, which is the checksum of the
state that the frame led to, is taken of snapshot C{f + 1}.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

__all__ = ["Advance", "Load", "Save", "Step"]


@attrs.frozen
class Save:
    """
    Keep the present state.

    @ivar frame: The snapshot's number: the frame that would be played next.
    """

    frame: int


@attrs.frozen
class Load:
    """
    Go back to a state that was kept.

    @ivar frame: The snapshot's number: the frame that will be played next.
    """

    frame: int


@attrs.frozen
class Advance:
    """
    Play one frame.

    @ivar frame: Which, from 0.
    @ivar inputs: One input per player in order of player number; some may be
        predictions, and then the frame may be played again.
    """

    frame: int
    inputs: tuple[bytes, ...]


#: One thing to do; applied by L{gamenet.rollback.timeline.Timeline}.
Step: TypeAlias = Save | Load | Advance
