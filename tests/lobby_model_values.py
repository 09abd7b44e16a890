"""
What L{tests.lobby_model} is made of: clients and sessions in the plainest words.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

__all__ = ["ModelClient", "ModelSession"]


@define
class ModelClient:
    """A client: whether it is greeted and in which version, what it offered, where it was seen."""

    greeted: bool = False
    version: int = 1
    offered: tuple[Any, ...] = ()
    seen: Any = None
    sequence: int = -1
    heard: tuple[float, int] = (0.0, 0)


@define
class ModelSession:
    """
    A session: its members in joining order, who plays (or played last) as which number, and
    what became of each number: C{playing}, C{left}, C{lost}, or C{over} once the grace of a
    lost one is over.
    """

    members: list[bytes]
    capacity: int
    minimum: int
    playing: dict[int, bytes] = field(factory=dict)
    became: dict[int, str] = field(factory=dict)
    lost_at: dict[int, float] = field(factory=dict)
    match_id: bytes = b""
    epoch: tuple[int, int] = (1, 1)
    reported: tuple[int, ...] = ()
    before: Any = None

    def numberOf(self, client: bytes) -> int:
        """Return the number that a member plays as."""
        (number,) = [
            number
            for number, other in self.playing.items()
            if other == client and self.became[number] == "playing"
        ]
        return number

    def nextNumber(self) -> int | None:
        """Return the number of the next who comes late."""
        unused = [n for n in range(1, self.capacity + 1) if n not in self.playing]
        left = [n for n, state in self.became.items() if state == "left"]
        return min(unused or left, default=None)

    def freeNumbers(self) -> bool:
        """Free what was kept for long enough; tell whether that was any."""
        gone = [
            number
            for number, state in self.became.items()
            if state == "over" and number not in self.reported
        ]
        for number in gone:
            self.became[number] = "left"
        return bool(gone)
