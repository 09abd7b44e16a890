"""
What is read off a rollback session.
"""

from __future__ import annotations

from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.statistics import SessionStatistics
from gamenet.rollback.timeline_rules import TimelineRules

__all__ = ["SessionReadings"]


class SessionReadings:
    """
    The base of L{gamenet.rollback.session.RollbackSession}.

    @ivar settings: The L{RollbackSettings}.
    @ivar _progress: How far the session is.
    @ivar _confirmation: What becomes of final frames.
    """

    __slots__ = ()

    settings: RollbackSettings
    _progress: Progress
    _confirmation: Confirmation

    @property
    def current_frame(self) -> int:
        """The frame that is played next for the first time."""
        return self._progress.current_frame

    @property
    def confirmed_frame(self) -> int:
        """The newest frame that was played with all real inputs and stays so, or -1."""
        return self._progress.confirmed_frame

    @property
    def statistics(self) -> SessionStatistics:
        """The counters, to be read."""
        return self._progress.statistics

    @property
    def timeline_rules(self) -> TimelineRules:
        """What a timeline has to keep, L{TimelineRules}."""
        return TimelineRules.of(self.settings)

    @property
    def finished(self) -> bool:
        """Whether the match's last frame is final here and the game was told."""
        return self._confirmation.told == self._progress.frames - 1
