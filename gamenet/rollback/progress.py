"""
How far a session is: what its rooms all look at.
"""

from __future__ import annotations

import attrs

from gamenet.rollback.events import Desynchronized
from gamenet.rollback.session_events import SessionEvent
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.steps import Restore

__all__ = ["Progress"]


@attrs.define
class Progress:
    """
    The frames of one session, and what it has to tell.

    @ivar frames: How many frames the match has.
    @ivar current_frame: The frame that is played next for the first time.
    @ivar confirmed_frame: The newest frame that was played with all players'
        real inputs and will never be played again, or -1.
    @ivar report: The newest frame whose checksum the others are told, that
        checksum, and that of the inputs since the report before; C{None} before
        the first.
    @ivar kept_frame: A frame whose state is to be kept for long, or -1.
    @ivar stopped: Whether no frames are played and no inputs sent any more.
    @ivar restored: The state of another peer that is to be taken over, or C{None}.
    @ivar wants_dumps: Whether a state may be wanted to be sent or compared.
    @ivar view: The number of the view that all peers agreed on last.
    @ivar statistics: The L{SessionStatistics}.
    @ivar events: What was not drained yet.
    @ivar differences: The differences between states that nothing was done about yet.
    """

    frames: int
    current_frame: int = 0
    confirmed_frame: int = -1
    report: tuple[int, int, int] | None = None
    kept_frame: int = -1
    stopped: bool = False
    restored: Restore | None = None
    wants_dumps: bool = False
    view: int = 0
    statistics: SessionStatistics = attrs.field(factory=SessionStatistics)
    events: list[SessionEvent] = attrs.field(factory=list)
    differences: list[Desynchronized] = attrs.field(factory=list)

    def noteComparison(self, difference: Desynchronized | None) -> None:
        """Tell of a difference, if it is one."""
        if difference is not None:
            self.statistics.desynchronizations += 1
            self.events.append(difference)
            self.differences.append(difference)
