"""
Who has been silent for how long, as a decision.
"""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["Silence", "SilenceWatch"]


class Silence(Enum):
    """What a silence has come to."""

    #: Long enough to tell the game.
    INTERRUPTED = "interrupted"
    #: Too long: the player is lost.
    LOST = "lost"


@attrs.define
class SilenceWatch:
    """
    Watches one other player.  Used by L{gamenet.match.playing}.

    @ivar interrupted_after: Seconds after which the game is told.
    @ivar lost_after: Seconds after which the player is lost.
    @ivar interrupted: Whether the game was told, and not yet that it is over.
    @ivar lost: Whether the player is lost, and was not heard since.
    """

    interrupted_after: float
    lost_after: float
    interrupted: bool = attrs.field(init=False, default=False)
    lost: bool = attrs.field(init=False, default=False)

    def silentFor(self, silence: float) -> Silence | None:
        """
        Say what C{silence} (seconds) newly means; C{None} for nothing.
        """
        if silence >= self.lost_after:
            news = None if self.lost else Silence.LOST
            self.lost = self.interrupted = True
            return news
        if silence >= self.interrupted_after and not self.interrupted:
            self.interrupted = True
            return Silence.INTERRUPTED
        return None

    def heard(self) -> bool:
        """The player is heard; return whether that ends an interruption."""
        was, self.interrupted = self.interrupted, False
        self.lost = False
        return was
