"""
Who is ahead, for games that cannot play a little slower or faster.

Each side measures by how many frames it is ahead of the other and tells it.
The mean of both sides' measurements over the newest L{WINDOW} frames is free of
what makes only one of them wrong, such as a path that is slower one way; half
of the difference is what the one ahead should wait so that both meet in the
middle.  That, the window and the numbers are GGRS's (its C{time_sync.rs}), which
counts by how many frames a side is I{behind}.  A game that can change its speed
uses L{gamenet.rollback.time_sync} instead.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from gamenet.bounds import wholeNumber
from gamenet.rollback.events import WaitRecommended

__all__ = ["WINDOW", "FrameAdvantage", "WaitRecommendation"]

#: How many frames the means are made of.
WINDOW = 30


@attrs.define(init=False)
class FrameAdvantage:
    """
    By how many frames we are ahead of one other peer.

    @ivar _differences: What we measured less what they measured, by frame modulo
        L{WINDOW}; 0 where nothing was yet, so that the first measurements do
        not count for much.
    """

    _differences: list[float]

    def __init__(self) -> None:
        self.reset()

    def measured(self, frame: int, local: float, remote: float) -> None:
        """
        Take the measurements of one frame; those of the same frame are replaced.

        @param frame: The frame that we play next.
        @param local: By how many frames we are ahead of them, as we see it;
            below 0 we are behind.
        @param remote: By how many frames they are ahead of us, as they said
            last (C{advantage} of L{gamenet.wire.input_frames.InputHeader},
            which is in half frames).
        """
        self._differences[frame % WINDOW] = local - remote

    @property
    def frames(self) -> float:
        """How many frames we are ahead of where we would meet; below 0 we are behind it."""
        return sum(self._differences) / (2 * WINDOW)

    def reset(self) -> None:
        """Forget what was measured: after an interruption it is not true any more."""
        self._differences = [0.0] * WINDOW


@attrs.define
class WaitRecommendation:
    """
    When to tell the game that it should wait.

    @ivar least: How many whole frames ahead are worth a wait, from 1 to 60.
    @ivar interval: How many frames lie between two recommendations at least,
        from 1 to 3600.
    @ivar most: The longest wait that is recommended, in frames, from 1 to 600.
    @ivar _allowed_from: The first frame at which the next one may be told.

    @raise gamenet.errors.BadSetting: A setting is out of bounds.
    """

    least: int = attrs.field(default=3, validator=wholeNumber(1, 60))
    interval: int = attrs.field(default=60, validator=wholeNumber(1, 3600))
    most: int = attrs.field(default=10, validator=wholeNumber(1, 600))
    _allowed_from: int = attrs.field(default=0, init=False)

    def recommend(self, frame: int, advantages: Iterable[FrameAdvantage]) -> WaitRecommended | None:
        """
        Return what to tell the game at a frame, if anything.

        @param frame: The frame that is played next.
        @param advantages: Ours over each other peer; the largest counts, as it
            is the slowest peer that makes us roll back.
        """
        if frame < self._allowed_from:
            return None
        ahead = max([one.frames for one in advantages], default=0.0)
        if ahead < self.least:
            return None
        self._allowed_from = frame + self.interval
        return WaitRecommended(min(int(ahead), self.most))
