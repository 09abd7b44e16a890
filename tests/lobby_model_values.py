"""
What L{tests.lobby_model} is made of: clients and sessions in the plainest words.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

__all__ = ["ModelClient", "ModelSession"]


@define
class ModelClient:
    """
    A client: whether it is greeted and in which version, what it offered, where it was seen,
    how many play there.
    """

    greeted: bool = False
    version: int = 1
    offered: tuple[Any, ...] = ()
    seen: Any = None
    sequence: int = -1
    heard: tuple[float, int] = (0.0, 0)
    players: int = 1


@define
class ModelSession:
    """
    A session: its members in joining order, who plays (or played last) as which number, and
    what became of each number: C{playing}, C{left}, C{lost}, or C{over} once the grace of a
    lost one is over.  Who has several numbers is spoken of by the lowest.
    """

    members: list[bytes]
    capacity: int
    minimum: int
    playing: dict[int, bytes] = field(factory=dict)
    lowest: dict[int, int] = field(factory=dict)
    became: dict[int, str] = field(factory=dict)
    lost_at: dict[int, float] = field(factory=dict)
    match_id: bytes = b""
    epoch: tuple[int, int] = (1, 1)
    reported: tuple[int, ...] = ()
    before: Any = None

    def numberOf(self, client: bytes) -> int:
        """Return the number that a member plays as."""
        numbers = [
            number
            for number, other in self.playing.items()
            if other == client and self.became[number] == "playing"
        ]
        (number,) = {self.lowest[number] for number in numbers}
        assert number == min(numbers)
        return number

    def numbersOf(self, player: int) -> tuple[int, ...]:
        """Return all numbers of a member."""
        return tuple(sorted(n for n in self.playing if self.lowest[n] == player))

    def nextNumber(self, count: int = 1) -> int | None:
        """Return the first number of the next who comes late, with so many players."""
        unused = [n for n in range(1, self.capacity + 1) if n not in self.playing]
        left = [n for n, state in self.became.items() if state == "left"]
        for good in (unused, [*unused, *left]):
            runs = [n for n in good if all(n + more in good for more in range(count))]
            if runs:
                return min(runs)
        return None

    def take(self, client: bytes, count: int) -> int:
        """Give a client its numbers; what is left of those it takes them from stands alone."""
        player = self.nextNumber(count)
        assert player is not None
        taken = range(player, player + count)
        broken = [self.lowest[n] for n in taken if n in self.lowest]
        for number in self.playing:
            if self.lowest[number] in broken:
                self.lowest[number] = number
        for number in taken:
            self.playing.pop(number, None)
            self.playing[number] = client
            self.became[number] = "playing"
            self.lowest[number] = player
        return player

    def freeNumbers(self) -> bool:
        """Free what was kept for long enough; tell whether that was any."""
        gone = [
            number
            for number, state in self.became.items()
            if state == "over" and self.lowest[number] not in self.reported
        ]
        for number in gone:
            self.became[number] = "left"
        return bool(gone)
