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
    #: Too little was heard from another player to play the next frame.
    STALLED = "stalled"
    #: Every frame was played; the last ones may be played again.
    CONFIRMING = "confirming"
    #: The last frame is final.
    FINISHED = "finished"
