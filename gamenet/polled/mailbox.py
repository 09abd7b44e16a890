"""
A bounded queue between two threads: one posts, the other takes.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """
    What one thread has posted and the other has not taken yet.

    Exactly one thread posts and exactly one takes; neither ever waits.  Nothing is
    lost silently: what finds no room is counted.

    @ivar limit: How many that were posted may wait; what was insisted on does not count.
    @ivar refused: How often something found no room, ever.
    """

    __slots__ = ("_posted", "_taken", "_waiting", "limit", "refused")

    def __init__(self, limit: int) -> None:
        """
        @param limit: How many may wait, from 1.
        """
        self.limit = limit
        self.refused = 0
        # Each of these counts is written by one of the threads alone.
        self._posted = 0
        self._taken = 0
        # Its append and popleft are atomic; nobody else removes, so what waits stays.
        self._waiting: deque[tuple[T, int]] = deque()

    def __len__(self) -> int:
        """Return how many wait, also of those that were insisted on."""
        return len(self._waiting)

    def post(self, item: T) -> bool:
        """
        Add something at the end.

        @return: Whether there was room.
        """
        if self._posted - self._taken >= self.limit:
            self.refused += 1
            return False
        self._posted += 1
        self._waiting.append((item, 1))
        return True

    def insist(self, item: T) -> None:
        """
        Add something at the end that is told but once, whether there is room or not; who
        does so bounds how often.
        """
        self._waiting.append((item, 0))

    def take(self, limit: int) -> list[T]:
        """Return what has waited longest, at most C{limit} of it, and keep it no longer."""
        taken: list[T] = []
        while self._waiting and len(taken) < limit:
            item, counted = self._waiting.popleft()
            self._taken += counted
            taken.append(item)
        return taken
