"""
Who has been heard from, and when.

One ordered table per time limit, the longest silent first, so that a sweep
looks at those who are lost and at one more, however many there are (N1).
There is no timer per client anywhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from attrs import define, field

from gamenet.interfaces import Address

__all__ = ["Heartbeats", "Presence"]


_K = TypeVar("_K", bound=Hashable)


@define
class Presence(Generic[_K]):
    """
    Those who are under one time limit: clients by id, connections by number.

    Bounded by whoever adds to it: a lobby admits so many connections and no
    more.

    @ivar timeout: Seconds of silence after which somebody is lost.
    """

    timeout: float
    _heard_at: dict[_K, float] = field(init=False, factory=dict)

    def heard(self, who: _K, now: float) -> None:
        """
        Note a sign of life, the first one included.

        @param who: Whose.
        @param now: Monotonic seconds, never less than the last time.
        """
        self._heard_at.pop(who, None)
        self._heard_at[who] = now

    def forget(self, who: _K) -> None:
        """Take somebody out of the table; who is not in it is no error."""
        self._heard_at.pop(who, None)

    def takeLost(self, now: float) -> tuple[_K, ...]:
        """
        Take out and return everybody who has been silent for too long, the
        longest silent first.

        @param now: Monotonic seconds.
        """
        gone = []
        for who, heard_at in self._heard_at.items():
            if now - heard_at < self.timeout:
                break
            gone.append(who)
        for who in gone:
            del self._heard_at[who]
        return tuple(gone)

    def __len__(self) -> int:
        """Return how many are in the table."""
        return len(self._heard_at)

    def __iter__(self) -> Iterator[_K]:
        """Return an iterator over those in the table, the longest silent first."""
        return iter(self._heard_at)


@define
class Heartbeats:
    """
    What one client's heartbeats have proven.

    @ivar key: The key they are authenticated with, 32 bytes, told to that
        client alone in its welcome.
    @ivar sequence: The highest sequence number accepted; -1 before the first.
    @ivar address: Where the newest accepted one came from: the address that the
        outside sees of the client's game socket.
    """

    key: bytes = field(repr=False)
    sequence: int = -1
    address: Address | None = None

    def accept(self, sequence: int) -> bool:
        """
        Take a heartbeat whose tag was right, unless it is old: a replay, or
        one that was overtaken.

        @param sequence: Its sequence number.
        @return: Whether it counts.
        """
        if sequence <= self.sequence:
            return False
        self.sequence = sequence
        return True
