"""
What a timeline is told of the session whose steps it applies.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import wholeNumber
from gamenet.rollback.settings import WINDOW_LIMIT, LeaverPolicy, RollbackSettings
from gamenet.wire.input_frames import INPUT_LIMIT

__all__ = ["KEPT_LIMIT", "TimelineRules", "keptStates"]

#: The most snapshots that may be kept for long.
KEPT_LIMIT = 64


@attrs.frozen
class TimelineRules:
    """
    What L{gamenet.rollback.timeline.Timeline} keeps, and how it plays absent players.

    @ivar prediction_window: How many frames the session may go back, 0 to
        L{gamenet.rollback.settings.WINDOW_LIMIT}.  So
        many snapshots and two more are kept.
    @ivar sparse: Whether the session saves seldom.  Snapshots are kept then in the
        order of being taken, C{prediction_window + 4} of them, and only those with
        C{kept} have a checksum where the simulation makes its own.
    @ivar kept_states: How many of the snapshots with C{kept} stay beyond that, the
        newest ones, 1 to L{KEPT_LIMIT}.
    @ivar bots: Whether the simulation, a L{gamenet.interfaces.IBotSimulation}, plays
        on for absent players.
    @ivar input_limit: The longest input that it may give them, in bytes.

    @raise gamenet.errors.BadSetting: A value cannot work; the text says which.
    """

    prediction_window: int = attrs.field(default=8, validator=wholeNumber(0, WINDOW_LIMIT))
    sparse: bool = False
    kept_states: int = attrs.field(default=4, validator=wholeNumber(1, KEPT_LIMIT))
    bots: bool = False
    input_limit: int = attrs.field(default=INPUT_LIMIT, validator=wholeNumber(1, 65_536))

    @classmethod
    def of(cls, settings: RollbackSettings) -> TimelineRules:
        """Return what belongs to a session."""
        return cls(
            prediction_window=settings.prediction_window,
            sparse=settings.sparse_saving,
            bots=settings.leaver_policy is LeaverPolicy.BOT,
            input_limit=settings.input_limit,
            kept_states=keptStates(
                settings.frame_rate, settings.prediction_window, settings.checksum_interval
            ),
        )


def keptStates(frame_rate: int, prediction_window: int, interval: int) -> int:
    """
    Return how many states of reported frames a session has kept, so that one is still
    here when somebody else asks for it: those of about a second and a half.

    @param frame_rate: Frames a second.
    @param prediction_window: How many frames may be played on predictions.
    @param interval: Every how many frames a checksum is reported.
    """
    frames = 3 * frame_rate // 2 + 2 * prediction_window
    return min(4 + frames // interval, KEPT_LIMIT)
