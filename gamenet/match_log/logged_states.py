"""
The states of a game on their way into a match log: taken when the game is saved,
written as what changed since the state before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias
from zlib import crc32

import attrs
from zope.interface import directlyProvides, providedBy

from gamenet.interfaces import IOwnsSnapshots, ISimulation
from gamenet.rollback.state_difference import NAME_LIMIT, INamedParts
from gamenet.wire.match_log_format import PARTS_LIMIT
from gamenet.wire.match_log_records import PartDigest, PartPatch, StateRecord

__all__ = ["STATES_LIMIT", "LoggedStates", "WatchedSimulation", "changedSpan"]

#: How many states wait for their frame to become final, at the most: more than any
#: prediction window.
STATES_LIMIT = 48

#: A state by its parts, or as a whole; one that the game owns is encoded when it is
#: written, as most never are.
_State: TypeAlias = "Mapping[str, bytes] | bytes | partial[dict[str, bytes]]"


class WatchedSimulation:
    """
    Stands in for a simulation towards the timeline, remembers each state that is saved,
    and is in everything else that simulation.

    @ivar _simulation: The game.
    @ivar _states: Takes what is saved.
    @ivar _parts: The game's C{parts}, where it has one.
    @ivar _encode: The game's C{encodeSnapshot}, where it has one.
    """

    def __init__(self, simulation: ISimulation, states: LoggedStates) -> None:
        """
        @param simulation: The game.
        @param states: Takes what it saves.
        """
        game: Any = simulation
        self._simulation = game
        self._states = states
        parts = game.parts if INamedParts.providedBy(game) else None
        self._parts: Callable[[], Mapping[str, bytes]] | None = parts
        encode = game.encodeSnapshot if IOwnsSnapshots.providedBy(game) else None
        self._encode: Callable[[Any], bytes] | None = encode
        directlyProvides(self, providedBy(simulation))

    def __getattr__(self, name: str) -> Any:
        """Return what the game has by that name."""
        return getattr(self._simulation, name)

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame."""
        self._states.moves += 1
        self._simulation.advance(inputs)

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        """Play one frame, some seats being empty."""
        self._states.moves += 1
        self._simulation.advanceSeated(inputs, absent)

    def save(self) -> Any:
        """Return the whole state."""
        snapshot = self._simulation.save()
        self._taken(snapshot)
        return snapshot

    def saveInto(self, buffer: memoryview) -> None:
        """Write the whole state into a buffer."""
        self._simulation.saveInto(buffer)
        self._taken(buffer)

    def load(self, snapshot: Any) -> None:
        """Become the state that C{snapshot} was taken of."""
        self._states.moves += 1
        self._simulation.load(snapshot)

    def _taken(self, snapshot: Any) -> None:
        states = self._states
        if not states.active:
            return
        state: _State
        if self._parts is not None:
            state = _named(self._parts)
        elif self._encode is not None:
            state = partial(_encoded, self._encode, snapshot)
        else:
            state = bytes(snapshot)
        states.taken[states.moves] = state


@attrs.define
class LoggedStates:
    """
    The states that wait for their frame to become final, and the one that was written
    last.

    @ivar every_frame_limit: The longest state that is written for every frame.
    @ivar part_limit: The longest part that is written whole.
    @ivar state_limit: The most bytes of a state that are.
    @ivar active: Whether states are taken.
    @ivar moves: How many frames were played or states loaded since the last tick ended.
    @ivar taken: The states saved in this tick, by C{moves} at that time.
    @ivar _waiting: States by snapshot number, oldest first.
    @ivar _written: The parts as the log has them.
    @ivar _kept: The snapshot numbers that the session keeps for long.
    """

    every_frame_limit: int
    part_limit: int
    state_limit: int
    active: bool = attrs.field(default=True, init=False)
    moves: int = attrs.field(default=0, init=False)
    taken: dict[int, _State] = attrs.field(factory=dict, init=False)
    _waiting: dict[int, _State] = attrs.field(factory=dict, init=False)
    _written: dict[str, bytes | PartDigest] = attrs.field(factory=dict, init=False)
    _kept: dict[int, None] = attrs.field(factory=dict, init=False)

    def watched(self, simulation: ISimulation) -> ISimulation:
        """Return what to play with in place of a simulation."""
        return WatchedSimulation(simulation, self)  # type: ignore[return-value]

    def expect(self, moves: int) -> None:
        """
        A tick had so many steps that play a frame or load a state.  Where the game was
        moved otherwise too, nobody knows which state is which: take none of them.
        """
        if moves != self.moves:
            self.taken.clear()

    def saved(self, number: int, moves: int, kept: bool) -> None:
        """
        A step saved a snapshot.

        @param number: Its number.
        @param moves: How many steps of the tick before it played a frame or loaded.
        @param kept: Whether the session keeps it for long.
        """
        state = self.taken.get(moves)
        if state is not None:
            self._keep(number, state)
        if kept:
            self._kept[number] = None

    def given(self, number: int, state: Mapping[str, bytes] | bytes) -> None:
        """Take the state of a snapshot's number, by parts or as a whole."""
        self._keep(number, state if isinstance(state, bytes) else _bounded(state))

    def tickEnded(self) -> None:
        """All steps of a tick were looked at."""
        self.moves = 0
        self.taken.clear()

    def clear(self) -> None:
        """Nothing more is written: keep nothing."""
        self.active = False
        self.taken.clear()
        self._waiting.clear()
        self._written.clear()
        self._kept.clear()

    def recordOf(self, frame: int, compared: bool) -> StateRecord | None:
        """
        Return what to write of the state that a final frame led to, C{None} for nothing.

        @param frame: The frame; those before it are not asked for again.
        @param compared: Whether its checksum is compared with the others'.
        """
        number = frame + 1
        state = self._waiting.pop(number, None)
        compared = number in self._kept or compared
        for table in (self._waiting, self._kept):
            for earlier in [each for each in table if each <= number]:
                table.pop(earlier)
        if state is None:
            return None
        if isinstance(state, partial):
            state = state()
        parts = {"": state} if isinstance(state, bytes) else state
        if sum(map(len, parts.values())) > self.every_frame_limit and not compared:
            return None
        return self._changes(frame, parts)

    def _changes(self, frame: int, parts: Mapping[str, bytes]) -> StateRecord:
        """Return the record of a state, and take it as written."""
        room = self.state_limit
        changes: list[tuple[str, bytes | PartPatch | PartDigest]] = []
        former, self._written = self._written, {}
        for name, part in parts.items():
            known = former.pop(name, None)
            if len(part) > min(self.part_limit, room):
                digest = PartDigest(len(part), crc32(part))
                self._written[name] = digest
                if digest != known:
                    changes.append((name, digest))
                continue
            room -= len(part)
            self._written[name] = part
            if part != known:
                changes.append((name, _change(known, part)))
        return StateRecord(frame, tuple(changes), tuple(former))

    def _keep(self, number: int, state: _State) -> None:
        self._waiting.pop(number, None)
        self._waiting[number] = state
        if len(self._waiting) > STATES_LIMIT:
            del self._waiting[next(iter(self._waiting))]


def _named(parts: Callable[[], Mapping[str, bytes]]) -> dict[str, bytes]:
    """Return a state by its parts; what was raised where the game cannot tell them."""
    try:
        return _bounded(parts())
    except Exception as error:
        # The match goes on without: a game may be wrong in what only the log asks for.
        return {"(parts raised)": type(error).__name__.encode("ascii", "replace")}


def _encoded(encode: Callable[[Any], bytes], snapshot: Any) -> dict[str, bytes]:
    """Return a state that the game owns; what was raised where it cannot be encoded."""
    try:
        return {"": bytes(memoryview(encode(snapshot)))}
    except Exception as error:
        return {"(encodeSnapshot raised)": type(error).__name__.encode("ascii", "replace")}


def _bounded(parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a state by its parts as it goes into a log: not too many, nor of long names."""
    return {str(name)[:NAME_LIMIT]: bytes(part) for name, part in list(parts.items())[:PARTS_LIMIT]}


def changedSpan(former: bytes, present: bytes) -> tuple[int, int]:
    """
    Return where two different byte strings of one length differ: from which byte on,
    and up to which, without it.
    """
    size = len(former)
    difference = int.from_bytes(former, "big") ^ int.from_bytes(present, "big")
    start = size - (difference.bit_length() + 7) // 8
    trailing = ((difference & -difference).bit_length() - 1) // 8
    return start, size - trailing


def _change(known: bytes | PartDigest | None, part: bytes) -> bytes | PartPatch:
    """Return a part as a patch of what is known of it, where that is shorter."""
    if isinstance(known, bytes) and len(known) == len(part):
        start, end = changedSpan(known, part)
        if end - start < len(part):
            return PartPatch(start, part[start:end])
    return part
