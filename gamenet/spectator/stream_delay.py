"""
How far a spectator may play: what was committed some seconds ago.
"""

from __future__ import annotations

from collections import deque

import attrs

__all__ = ["StreamDelay"]

#: How many notes are kept per second of delay, and how many beside these.
_NOTES_PER_SECOND = 60
_NOTES_AT_LEAST = 64

#: No host is that many frames behind another one: who said more did not say the truth.
_AHEAD_LIMIT = 1024


@attrs.define
class StreamDelay:
    """
    Remembers when frames were heard to be committed, and lets them be played so
    many seconds later.  A match that pauses pauses here as long, and the last
    frames of one that ends are played too.

    @ivar delay: Seconds.
    @ivar committed: How many frames may be played.
    @ivar _notes: When it was heard, and how many frames were committed, oldest first.
    """

    delay: float
    committed: int = 0
    _notes: deque[tuple[float, int]] = attrs.field(factory=deque, init=False)

    def heard(self, committed: int, now: float) -> None:
        """
        Take how many frames are committed.  More than before says that there are new
        ones; far fewer, that what was said before was not true.

        @param committed: How many.
        @param now: The time, in seconds.
        """
        notes = self._notes
        if committed < self.committed - _AHEAD_LIMIT:
            self.committed = committed
        while notes and notes[-1][1] > committed + _AHEAD_LIMIT:
            notes.pop()
        if committed <= (notes[-1][1] if notes else self.committed):
            return
        full = len(notes) >= self.delay * _NOTES_PER_SECOND + _NOTES_AT_LEAST
        if notes and (full or now <= notes[-1][0]):
            now = max(now, notes.pop()[0])
        notes.append((now, committed))

    def playable(self, now: float) -> int:
        """
        Return how many frames may be played now.

        @param now: The time, in seconds.
        """
        notes = self._notes
        while notes and now - notes[0][0] >= self.delay - 1e-6:
            self.committed = notes.popleft()[1]
        return self.committed
