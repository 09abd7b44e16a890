"""
Everything that a session may tell.
"""

from __future__ import annotations

from typing import TypeAlias

from gamenet.rollback.events import FrameEvent
from gamenet.rollback.seat_events import SeatEvent
from gamenet.rollback.state_events import StateEvent

__all__ = ["SessionEvent"]

#: What L{gamenet.rollback.session.RollbackSession.drainEvents} returns.
SessionEvent: TypeAlias = FrameEvent | SeatEvent | StateEvent
