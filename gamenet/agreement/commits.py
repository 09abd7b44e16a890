"""
Whom we still have to tell of the newest view, and when.
"""

from __future__ import annotations

import attrs

__all__ = ["CommitSpreading"]


@attrs.define
class CommitSpreading:
    """
    Who decided tells all peers until they know; who hears somebody speak in an
    older view tells that one.

    @ivar interval: Seconds between two COMMITs to one peer, at least.
    """

    interval: float
    _deadlines: dict[int, float] = attrs.field(factory=dict, init=False)
    _owed: dict[int, None] = attrs.field(factory=dict, init=False)
    _sent: dict[int, float] = attrs.field(factory=dict, init=False)

    def decided(self, deadlines: dict[int, float]) -> None:
        """
        Begin with a new view.

        @param deadlines: By peer, until when it is told, in seconds.
        """
        self._deadlines = dict(deadlines)
        self._owed = {}
        self._sent = {}

    def owe(self, peer: int) -> None:
        """Tell that peer once more: it spoke in an older view."""
        self._owed[peer] = None

    def isDone(self, now: float) -> bool:
        """Return whether nobody has to be told anything."""
        return not self._owed and not any(end >= now for end in self._deadlines.values())

    def known(self, peer: int) -> None:
        """Tell that peer no more: it knows."""
        self._deadlines.pop(peer, None)
        self._owed.pop(peer, None)

    def isDue(self, peer: int, now: float) -> bool:
        """Return whether that peer is to be told now."""
        if peer not in self._owed and now > self._deadlines.get(peer, float("-inf")):
            return False
        sent = self._sent.get(peer)
        return sent is None or now - sent >= self.interval

    def sent(self, peer: int, now: float) -> None:
        """That peer was told."""
        self._sent[peer] = now
        self._owed.pop(peer, None)
