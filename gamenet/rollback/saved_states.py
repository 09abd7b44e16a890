"""
The snapshots that a timeline keeps: the newest ones, to go back to, and a few
older ones, to be looked at when a difference is noticed later.

Both keep what the simulation returned, be it bytes or an object of its own
(L{gamenet.interfaces.IOwnsSnapshots}), or have their own buffers, made once,
for a simulation that writes into one (L{gamenet.interfaces.ISavesInto}).
"""

from __future__ import annotations

from typing import Any

import attrs

from gamenet.errors import BadSetting
from gamenet.interfaces import IChecksummed, IOwnsSnapshots, ISavesInto, ISimulation
from gamenet.rollback.timeline_rules import TimelineRules

__all__ = [
    "NO_CHECKSUM",
    "STATE_LIMIT",
    "KeptStates",
    "StateRing",
    "ownerOfSnapshots",
    "stateSizeOf",
]

#: The largest state that is saved into a buffer, in bytes.
STATE_LIMIT = 1 << 26

#: Where the simulation made no checksum of its own.
NO_CHECKSUM = -1


def stateSizeOf(simulation: ISavesInto) -> int:
    """
    Return how large a simulation says that its state is, in bytes.

    @param simulation: The game.
    @raise BadSetting: It says something impossible.
    """
    size = simulation.state_size
    if type(size) is not int or not 1 <= size <= STATE_LIMIT:
        raise BadSetting(
            f"state_size must be a whole number from 1 to {STATE_LIMIT}, not {size!r:.80}"
        )
    return size


def ownerOfSnapshots(simulation: ISimulation) -> IOwnsSnapshots | None:
    """
    Return a simulation if its snapshots are objects of its own, else C{None}.

    @param simulation: The game.
    @raise BadSetting: They are, and it has no checksum of its own, or it saves into
        buffers too.
    """
    if not IOwnsSnapshots.providedBy(simulation):
        return None
    if not IChecksummed.providedBy(simulation):
        raise BadSetting("a simulation that provides IOwnsSnapshots must provide IChecksummed")
    if ISavesInto.providedBy(simulation):
        raise BadSetting("a simulation cannot provide both IOwnsSnapshots and ISavesInto")
    return simulation


@attrs.define(init=False)
class StateRing:
    """
    The newest snapshots, at places that are used again and again.

    @ivar numbers: Which snapshot is at each place, or -1.
    @ivar snapshots: The snapshots; of a buffer, a read-only view.
    @ivar checksums: What the simulation said is their checksum, or L{NO_CHECKSUM}.
    @ivar buffers: The buffers, to be written; none if the simulation has none written.
    @ivar _sparse: Whether a snapshot goes where the oldest was, and not to the place
        that its number gives.
    @ivar _next: The place of the oldest, if so.
    """

    numbers: list[int]
    snapshots: list[Any]
    checksums: list[int]
    buffers: tuple[memoryview, ...]
    _sparse: bool
    _next: int

    def __init__(self, rules: TimelineRules, state_size: int | None = None) -> None:
        """
        @param rules: How many to keep.
        @param state_size: The size of each buffer in bytes, or C{None} for none.
        """
        count = rules.prediction_window + (4 if rules.sparse else 2)
        self.numbers = [-1] * count
        self.checksums = [NO_CHECKSUM] * count
        self.buffers = () if state_size is None else _buffers(count, state_size)
        self.snapshots = [b""] * count
        self.snapshots[: len(self.buffers)] = [buffer.toreadonly() for buffer in self.buffers]
        self._sparse = rules.sparse
        self._next = 0

    def take(self, number: int) -> int:
        """
        Return the place for a new snapshot, and forget what was there.

        @param number: The snapshot's number.
        """
        numbers = self.numbers
        if not self._sparse:
            place = number % len(numbers)
        elif number in numbers:
            place = numbers.index(number)
        else:
            place = self._next
            self._next = (place + 1) % len(numbers)
        numbers[place] = number
        return place

    def find(self, number: int) -> int | None:
        """
        Return where a snapshot is, or C{None} if it is not kept.

        @param number: The snapshot's number, from 0.
        """
        numbers = self.numbers
        if self._sparse:
            return numbers.index(number) if number in numbers else None
        place = number % len(numbers)
        return place if numbers[place] == number else None

    def clear(self) -> None:
        """Forget all of them."""
        self.numbers[:] = [-1] * len(self.numbers)
        if not self.buffers:
            self.snapshots[:] = [b""] * len(self.numbers)


@attrs.define(init=False)
class KeptStates:
    """
    A few snapshots that stay for long, those with the highest numbers.

    @ivar numbers: Which snapshot is at each place, or -1.
    @ivar snapshots: The snapshots.
    @ivar checksums: What the simulation said is their checksum, or L{NO_CHECKSUM}.
    @ivar parts: Their parts in order, where the simulation names some.
    @ivar _buffers: The buffers, to be written; none if the simulation has none written.
    """

    numbers: list[int]
    snapshots: list[Any]
    checksums: list[int]
    parts: list[tuple[tuple[str, bytes], ...] | None]
    _buffers: tuple[memoryview, ...]

    def __init__(self, rules: TimelineRules, state_size: int | None = None) -> None:
        """
        @param rules: How many to keep.
        @param state_size: The size of each buffer in bytes, or C{None} for none.
        """
        count = rules.kept_states
        self.numbers = [-1] * count
        self.checksums = [NO_CHECKSUM] * count
        self.parts = [None] * count
        self._buffers = () if state_size is None else _buffers(count, state_size)
        self.snapshots = [b""] * count
        self.snapshots[: len(self._buffers)] = [each.toreadonly() for each in self._buffers]

    def keep(
        self,
        number: int,
        snapshot: Any,
        checksum: int,
        parts: tuple[tuple[str, bytes], ...] | None,
    ) -> None:
        """
        Keep a snapshot; where all places are taken the lowest number is forgotten,
        which may be this one.

        @param number: Its number; what was kept under it is replaced.
        @param snapshot: The snapshot; it is copied if it is in a buffer.
        @param checksum: The checksum that the simulation made, or L{NO_CHECKSUM}.
        @param parts: The state's parts, if it has some.
        """
        numbers = self.numbers
        lowest = min(numbers)
        if number in numbers:
            place = numbers.index(number)
        elif number < lowest:
            return
        else:
            place = numbers.index(lowest)
        if self._buffers:
            self._buffers[place][:] = snapshot
        else:
            self.snapshots[place] = snapshot
        numbers[place] = number
        self.checksums[place] = checksum
        self.parts[place] = parts

    def find(self, number: int) -> int | None:
        """
        Return where a snapshot is, or C{None} if it is not kept.

        @param number: The snapshot's number, from 0.
        """
        return self.numbers.index(number) if number in self.numbers else None

    def clear(self) -> None:
        """Forget all of them."""
        count = len(self.numbers)
        self.numbers[:] = [-1] * count
        self.parts[:] = [None] * count
        if not self._buffers:
            self.snapshots[:] = [b""] * count


def _buffers(count: int, size: int) -> tuple[memoryview, ...]:
    """
    Return so many buffers, to be written.  Neighbors hold other bytes, so that
    writing both shows whether all of one is written.
    """
    return tuple(memoryview(bytearray(b"\xff" * size if n % 2 else size)) for n in range(count))
