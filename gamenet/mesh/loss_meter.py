"""
How many of another player's packets get lost: how many they have sent, as their path
checks say, and how many came.

Checks themselves do not count: those that search a direct path are sent in vain, and
that is nobody's loss.
"""

from __future__ import annotations

from collections import deque

import attrs

__all__ = ["LOSS_MARKS", "LossMeter"]

#: Over how many of the newest checks the loss is taken.
LOSS_MARKS = 24

#: Fewer packets than these tell nothing.
_LEAST = 16

_MODULUS = 1 << 32


@attrs.define(eq=False)
class LossMeter:
    """
    The loss of one direction of one link.  Used by L{gamenet.mesh.link.PeerLink}.

    @ivar received: How many packets other than checks have come.
    """

    received: int = 0
    _marks: deque[tuple[int, int]] = attrs.field(
        init=False, factory=lambda: deque(maxlen=LOSS_MARKS)
    )

    def told(self, sent: int) -> None:
        """
        They say how many packets they have sent.

        @param sent: The count modulo 2**32.
        """
        self._marks.append((sent, self.received))

    def loss(self) -> float:
        """Return the share that is missing, from 0.0 to 1.0; 0.0 before enough was sent."""
        if len(self._marks) < 2:
            return 0.0
        (sent_before, came_before), (sent, came) = self._marks[0], self._marks[-1]
        expected = (sent - sent_before) % _MODULUS
        if not _LEAST <= expected < _MODULUS // 2:
            return 0.0
        return min(max(1.0 - (came - came_before) / expected, 0.0), 1.0)
