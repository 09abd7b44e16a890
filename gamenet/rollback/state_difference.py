"""
Where two states of a game differ: which part, from which byte on, and how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import attrs
from zope.interface import Interface

__all__ = [
    "DIFFERENCES_LIMIT",
    "NAME_LIMIT",
    "SHOWN_BYTES",
    "INamedParts",
    "PartDifference",
    "SavedState",
    "differences",
]

#: The most differing parts that are listed of one pair of states.
DIFFERENCES_LIMIT = 16

#: How many bytes of each side a difference holds, from the first that differs on.
SHOWN_BYTES = 16

#: The longest name of a part that a text shows, in characters.
NAME_LIMIT = 64


class INamedParts(Interface):
    """
    What a simulation may offer beside L{gamenet.interfaces.ISimulation}, so that
    a difference between two states is told by the part that it is in.
    """

    def parts() -> Mapping[str, bytes]:
        """
        Return the present state by its parts, for example C{{"players": ...,
        "ball": ..., "random": ...}}.

        Equal parts must give equal bytes.  What L{gamenet.interfaces.ISimulation}'s
        C{save} leaves out may be here too: it is found if going back and playing
        again does not bring it back.

        @return: Bytes by name, in an order of the game's choice; the first part
            that differs is told first.
        """


class SavedState(NamedTuple):
    """
    One state of a game.  A named tuple, because one is made per frame.

    @ivar snapshot: What C{save} returned.
    @ivar parts: What C{parts} returned, or C{None} for a game that has none.
    """

    snapshot: bytes
    parts: Mapping[str, bytes] | None = None


@attrs.frozen
class PartDifference:
    """
    One part that differs between two states.

    @ivar part: Its name; C{""} is the whole snapshot.
    @ivar offset: The first byte that differs.  Where one side is the beginning of
        the other, its length.
    @ivar first: The first side's bytes from C{offset} on, at most L{SHOWN_BYTES};
        C{None} if that side has no such part.
    @ivar later: The other side's, likewise.
    @ivar first_length: The length of the first side's part, 0 without it.
    @ivar later_length: The other side's.
    """

    part: str
    offset: int
    first: bytes | None
    later: bytes | None
    first_length: int
    later_length: int

    def __str__(self) -> str:
        name = f"part {self.part[:NAME_LIMIT]!r}" if self.part else "the snapshot"
        if self.first is None or self.later is None:
            side = "later" if self.first is None else "first"
            return f"{name}: only the {side} state has it"
        lengths = ""
        if self.first_length != self.later_length:
            lengths = f" ({self.first_length} bytes, later {self.later_length})"
        first = self.first.hex() or "nothing"
        later = self.later.hex() or "nothing"
        return f"{name}: from byte {self.offset} on first {first}, later {later}{lengths}"


def differences(first: SavedState, later: SavedState) -> tuple[PartDifference, ...]:
    """
    Return how two states differ: the parts that do, where both have parts and
    some of them do, else the snapshots.

    @param first: The state as it was first.
    @param later: The state that it is compared with.
    @return: At most L{DIFFERENCES_LIMIT}, in the order of the first state's parts;
        none if the states are equal.
    """
    found: list[PartDifference] = []
    if first.parts is not None and later.parts is not None:
        for name in {**first.parts, **later.parts}:
            if len(found) == DIFFERENCES_LIMIT:
                break
            one, other = first.parts.get(name), later.parts.get(name)
            if one != other:
                found.append(_difference(name, one, other))
    if not found and first.snapshot != later.snapshot:
        found.append(_difference("", first.snapshot, later.snapshot))
    return tuple(found)


def _difference(part: str, first: bytes | None, later: bytes | None) -> PartDifference:
    """Return how two byte strings differ that do."""
    one, other = first or b"", later or b""
    offset = _firstDifference(one, other)
    end = offset + SHOWN_BYTES
    return PartDifference(
        part,
        offset,
        None if first is None else one[offset:end],
        None if later is None else other[offset:end],
        len(one),
        len(other),
    )


def _firstDifference(first: bytes, later: bytes) -> int:
    """Return where two byte strings differ first; a state may have many megabytes."""
    low, high = 0, min(len(first), len(later))
    if first[:high] == later[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == later[low:middle]:
            low = middle
        else:
            high = middle
    return low
