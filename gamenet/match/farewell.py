"""
The end of a match, as a decision: how long to go on saying goodbye.

Goodbyes are datagrams and may be lost, so each is said a few times, some moments
apart.  Whoever has played the last frame goes on answering until the others
have too: they may still need our last inputs.
"""

from __future__ import annotations

import attrs

from gamenet.wire.peer_packets import GoodbyeReason

__all__ = ["FAREWELL_INTERVAL", "FAREWELL_ROUNDS", "Farewell"]

#: Seconds between two goodbyes.
FAREWELL_INTERVAL = 0.05

#: How often a goodbye is said once nobody needs anything from us any more.
FAREWELL_ROUNDS = 3


@attrs.define
class Farewell:
    """
    One player's leaving.  Used by L{gamenet.match.match.Match}.

    @ivar reason: Why we leave.
    @ivar ends: When we go at the latest, whatever the others have said, in seconds.
    """

    reason: GoodbyeReason
    ends: float
    _rounds: int = attrs.field(init=False, default=FAREWELL_ROUNDS)

    @property
    def answering(self) -> bool:
        """Whether others may still need inputs of ours."""
        return self.reason is GoodbyeReason.FINISHED

    def goesOn(self, parted: bool, now: float) -> bool:
        """
        Return whether to say goodbye once more.  Asked every L{FAREWELL_INTERVAL}.

        @param parted: Whether every other player has said goodbye.
        """
        if self.answering and not parted and now < self.ends:
            return True
        self._rounds -= 1
        return self._rounds >= 0
