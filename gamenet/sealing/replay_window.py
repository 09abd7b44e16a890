"""
Which counters were accepted, so that each is accepted once.
"""

from __future__ import annotations

__all__ = ["REPLAY_WINDOW", "ReplayWindow"]

#: How far behind the newest counter a late datagram is no longer accepted.
REPLAY_WINDOW = 1024


class ReplayWindow:
    """
    Remembers which counters were accepted (RFC 6479's purpose, as one integer).

    @ivar size: How many counters are remembered, the highest included.
    @ivar highest: The highest counter accepted so far, -1 at first.
    """

    __slots__ = ("_mask", "_seen", "highest", "size")

    def __init__(self, size: int = REPLAY_WINDOW) -> None:
        self.size = size
        self.highest = -1
        self._seen = 0
        self._mask = (1 << size) - 1

    def admits(self, counter: int) -> bool:
        """Return whether C{counter} is new and not too old; changes nothing."""
        behind = self.highest - counter
        return behind < 0 or (behind < self.size and not self._seen >> behind & 1)

    def accept(self, counter: int) -> None:
        """Remember C{counter}; call it only for an authenticated one that L{admits} lets pass."""
        ahead = counter - self.highest
        if ahead > 0:
            kept = self._seen << ahead if ahead < self.size else 0
            self._seen = (kept | 1) & self._mask
            self.highest = counter
        else:
            self._seen |= 1 << -ahead
