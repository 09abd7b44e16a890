"""
What a rollback session can be doing.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["SessionState"]


class SessionState(Enum):
    """What a session is doing."""

    #: The next frame can be played.
    RUNNING = "running"
    #: Too little was heard from another peer to play the next frame.
    STALLED = "stalled"
    #: Too few peers are heard to drop the others; nothing new is played.
    ISOLATED = "isolated"
    #: Every frame was played; the last ones may be played again.
    CONFIRMING = "confirming"
    #: The last frame is final.
    FINISHED = "finished"
    #: The others play on without us.
    DROPPED = "dropped"
    #: We follow the match and wait for a seat.
    JOINING = "joining"
    #: We left on purpose.
    LEFT = "left"
