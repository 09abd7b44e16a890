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
    Watches one other player.  Used by L{gamenet.match.match.Match}.

    @ivar interrupted_after: Seconds after which the game is told.
    @ivar lost_after: Seconds after which the player is lost.
    @ivar interrupted: Whether the game was told, and not yet that it is over.
    """

    interrupted_after: float
    lost_after: float
    interrupted: bool = attrs.field(init=False, default=False)

    def silentFor(self, silence: float) -> Silence | None:
        """
        Say what C{silence} (seconds) newly means; C{None} for nothing.
        """
        if silence >= self.lost_after:
            return Silence.LOST
        if silence >= self.interrupted_after and not self.interrupted:
            self.interrupted = True
            return Silence.INTERRUPTED
        return None

    def heard(self) -> bool:
        """The player is heard; return whether that ends an interruption."""
        was, self.interrupted = self.interrupted, False
        return was
