"""
The game on its way through time: applies a session's steps to a simulation and
keeps the snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import attrs

from gamenet.errors import BadSetting, LocalProtocolError, MomentFailed
from gamenet.interfaces import (
    IBotSimulation,
    IChecksummed,
    IOwnsSnapshots,
    IRollbackSession,
    ISavesInto,
    ISeatedSimulation,
    ISimulation,
)
from gamenet.rollback.saved_states import (
    NO_CHECKSUM,
    KeptStates,
    StateRing,
    ownerOfSnapshots,
    stateSizeOf,
)
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.state_dump import (
    StateDump,
    StateRefused,
    checkedChecksum,
    checkedParts,
    packedSnapshot,
    unpackedSnapshot,
)
from gamenet.rollback.steps import Advance, Load, Restore, Save, Step
from gamenet.rollback.timeline_rules import TimelineRules

__all__ = ["Timeline"]

#: What of the simulation each step calls, unless L{Timeline._moment} says otherwise.
_MOMENTS: dict[type[object], str] = {
    Advance: "advance",
    Load: "load",
    Restore: "load",
    Save: "save",
}


@attrs.define(init=False)
class Timeline:
    """
    One simulation and the snapshots of its newest frames.

    What a simulation offers beside L{gamenet.interfaces.ISimulation} is used:
    L{gamenet.interfaces.ISavesInto} or L{gamenet.interfaces.IOwnsSnapshots},
    L{gamenet.interfaces.IChecksummed}, L{gamenet.interfaces.ISeatedSimulation},
    L{gamenet.interfaces.IBotSimulation} and L{INamedParts}.

    @ivar failed: Whether the simulation raised, or has no state to go on from; then
        nothing more is applied.
    @ivar rules: The L{TimelineRules}.
    @ivar _ring: The newest snapshots.
    @ivar _kept: Those that the session wants to be kept for long.
    @ivar _load: Its C{load}, which is given a view where it saves into buffers.
    @ivar _into: The simulation, if it saves into buffers.
    @ivar _saved: Whether it has done so.
    @ivar _owner: The simulation, if its snapshots are objects of its own.
    @ivar _moment: Which method of the simulation is being called, C{""} for the one
        that the step is named after.
    @ivar _plain_advance: Whether C{advance} is all that an L{Advance} needs.
    @ivar _plain_save: Whether C{save} is all that a L{Save} needs.
    """

    failed: bool
    rules: TimelineRules
    _simulation: ISimulation
    _session: IRollbackSession
    _load: Callable[[Any], object]
    _ring: StateRing
    _kept: KeptStates
    _into: ISavesInto | None
    _saved: bool
    _owner: IOwnsSnapshots | None
    _moment: str
    _plain_advance: bool
    _plain_save: bool
    _advance_seated: Callable[[Sequence[bytes], Sequence[int]], None] | None
    _bot_input: Callable[[int], bytes] | None
    _checksum: Callable[[], int] | None
    _parts: Callable[[], Mapping[str, bytes]] | None

    def __init__(
        self,
        simulation: ISimulation,
        session: IRollbackSession,
        rules: TimelineRules | None = None,
    ) -> None:
        """
        @param simulation: The game, in its first state.
        @param session: Whose steps are applied; it is told the checksums that it
            wants.
        @param rules: What to keep; C{None} asks the session.
        @raise BadSetting: The simulation's C{state_size} is no possible one; it has
            no bots and the rules want them; its snapshots are its own, and it has no
            checksum of its own or saves into buffers too.
        """
        self.rules = rules = session.timeline_rules if rules is None else rules
        if rules.bots and not IBotSimulation.providedBy(simulation):
            raise BadSetting("bots need a simulation that provides IBotSimulation")
        self.failed = False
        self._simulation = simulation
        self._session = session
        self._load = simulation.load
        self._into = simulation if ISavesInto.providedBy(simulation) else None
        self._saved = False
        self._owner = ownerOfSnapshots(simulation)
        size = None if self._into is None else stateSizeOf(self._into)
        self._ring = StateRing(rules, size)
        self._kept = KeptStates(rules, size)
        self._moment = ""
        self._advance_seated = (
            simulation.advanceSeated if ISeatedSimulation.providedBy(simulation) else None
        )
        self._bot_input = (
            simulation.botInput if rules.bots and IBotSimulation.providedBy(simulation) else None
        )
        self._checksum = simulation.checksum if IChecksummed.providedBy(simulation) else None
        self._parts = simulation.parts if INamedParts.providedBy(simulation) else None
        self._plain_advance = self._advance_seated is None and self._bot_input is None
        self._plain_save = size is None and self._checksum is None and not rules.sparse

    def apply(self, steps: Sequence[Step]) -> None:
        """
        Do what the session asks for, then tell it the checksums that it wants.

        @param steps: What the session's C{advance} returned, all of it.
        @raise MomentFailed: The simulation raised, or returned something else than it
            should (the cause is a C{TypeError} or C{ValueError} then).
        @raise StateRefused: The simulation cannot decode the state that another peer
            sent.  It is as it was, and nothing more can be applied.
        @raise LocalProtocolError: A snapshot is asked for that is not kept, or
            the simulation has failed before.
        """
        if self.failed:
            raise LocalProtocolError("the simulation has failed")
        simulation, ring = self._simulation, self._ring
        advance, save = simulation.advance, simulation.save
        snapshots, numbers = ring.snapshots, ring.numbers
        places = len(numbers)
        plain_advance, plain_save = self._plain_advance, self._plain_save
        missing = None
        try:
            for step in steps:
                if type(step) is Advance:
                    if plain_advance:
                        advance(step.inputs)
                    else:
                        self._advance(step)
                elif type(step) is Save:
                    if not plain_save:
                        self._save(step)
                        continue
                    snapshot = save()
                    if not isinstance(snapshot, bytes):
                        raise TypeError(f"save returned {type(snapshot).__name__}, not bytes")
                    place = step.frame % places
                    snapshots[place] = snapshot
                    numbers[place] = step.frame
                    if step.kept:
                        self._keep(step.frame, place)
                elif type(step) is Load:
                    found = ring.find(step.frame)
                    if found is None:
                        missing = step.frame
                        break
                    self._load(snapshots[found])
                elif type(step) is Restore:
                    self._restore(step)
        except Exception as error:
            self.failed = True
            if type(error) is StateRefused:
                raise
            raise MomentFailed(self._moment or _MOMENTS[type(step)], step.frame) from error
        if missing is not None:
            raise LocalProtocolError(f"snapshot {missing} is not kept")
        session = self._session
        for frame in session.checksumsWanted():
            session.checksumTaken(frame, self._checksumOf(frame + 1))
        for frame in session.dumpsWanted():
            session.dumpTaken(frame, self.dump(frame))

    def snapshot(self, frame: int) -> bytes:
        """
        Return a snapshot that is kept, as bytes.

        @param frame: Its number: the frame that comes next.
        @raise LocalProtocolError: It is not kept.
        @raise MomentFailed: The simulation cannot encode it.
        """
        snapshot = self.snapshotOf(frame)
        if snapshot is None:
            raise LocalProtocolError(f"snapshot {frame} is not kept")
        return snapshot

    def snapshotOf(self, frame: int) -> bytes | None:
        """
        Return a snapshot, as it was taken last, as bytes; C{None} if it is not kept.

        @param frame: Its number: the frame that comes next.
        @raise MomentFailed: The simulation cannot encode it.
        """
        found = self._find(frame)
        return None if found is None else self._bytesOf(frame, found[0].snapshots[found[1]])

    def newestSnapshot(self, highest: int) -> int | None:
        """
        Return the number of the newest snapshot that is kept and is not newer than
        another, or C{None} if there is none.

        @param highest: The highest number that will do: for final states, one more
            than the frame that was confirmed last.
        """
        numbers = [*self._ring.numbers, *self._kept.numbers]
        return max([number for number in numbers if 0 <= number <= highest], default=None)

    def dump(self, frame: int) -> StateDump | None:
        """
        Return the state that a frame led to, or C{None} if it is not kept for long or
        no more: only those are that were saved with C{kept}.

        @param frame: The frame, from 0; a final one, or the state may be one that was
            predicted.
        @raise MomentFailed: The simulation cannot encode it.
        """
        kept = self._kept
        place = kept.find(frame + 1)
        if place is None or frame < 0:
            return None
        snapshot = self._bytesOf(frame + 1, kept.snapshots[place])
        checksum = kept.checksums[place]
        if checksum == NO_CHECKSUM:
            checksum = crc32(snapshot)
        return StateDump(frame, checksum, snapshot, kept.parts[place])

    def _advance(self, step: Advance) -> None:
        """Play a frame of a simulation that knows of empty seats."""
        inputs = step.inputs
        ask = self._bot_input
        if ask is not None and step.absent:
            self._moment = "botInput"
            pressed = list(inputs)
            for player in step.absent:
                text = ask(player)
                if not isinstance(text, bytes):
                    raise TypeError(f"botInput returned {type(text).__name__}, not bytes")
                if len(text) > self.rules.input_limit:
                    raise ValueError(
                        f"botInput returned {len(text)} bytes, more than {self.rules.input_limit}"
                    )
                pressed[player - 1] = text
            inputs = tuple(pressed)
        if self._advance_seated is None:
            self._moment = ""
            self._simulation.advance(inputs)
        else:
            self._moment = "advanceSeated"
            self._advance_seated(inputs, step.absent)
            self._moment = ""

    def _save(self, step: Save) -> None:
        """Keep the present state of a simulation that saves in its own way, or seldom."""
        ring = self._ring
        if self._into is None:
            snapshot = self._simulation.save()
            if self._owner is None:
                if not isinstance(snapshot, bytes):
                    raise TypeError(f"save returned {type(snapshot).__name__}, not bytes")
            elif snapshot is None:
                raise TypeError("save returned None, which is no snapshot")
            place = ring.take(step.frame)
            ring.snapshots[place] = snapshot
        else:
            place = ring.take(step.frame)
            self._saveInto(self._into, place)
        if self._checksum is not None:
            ring.checksums[place] = (
                self._takeChecksum(self._checksum)
                if step.kept or not self.rules.sparse
                else NO_CHECKSUM
            )
        if step.kept:
            self._keep(step.frame, place)

    def _saveInto(self, simulation: ISavesInto, place: int) -> None:
        """Save into the ring's buffer."""
        buffers = self._ring.buffers
        self._moment = "saveInto"
        if simulation.state_size != len(buffers[place]):
            raise ValueError(f"state_size is {simulation.state_size}, not {len(buffers[place])}")
        simulation.saveInto(buffers[place])
        if not self._saved:
            self._saved = True
            other = place + 1 if place + 1 < len(buffers) else place - 1
            simulation.saveInto(buffers[other])
            if buffers[place] != buffers[other]:
                raise ValueError(f"saveInto did not write all {len(buffers[place])} bytes")
        self._moment = ""

    def _takeChecksum(self, take: Callable[[], int]) -> int:
        """Return the simulation's own checksum of the present state."""
        self._moment = "checksum"
        checksum = checkedChecksum(take())
        self._moment = ""
        return checksum

    def _keep(self, number: int, place: int) -> None:
        """Keep a snapshot of the ring for long, with its parts."""
        parts = None
        if self._parts is not None:
            self._moment = "parts"
            parts = checkedParts(self._parts())
            self._moment = ""
        ring = self._ring
        self._kept.keep(number, ring.snapshots[place], ring.checksums[place], parts)

    def _restore(self, step: Restore) -> None:
        """Become a state that another peer sent, and forget all others."""
        ring, snapshot = self._ring, step.snapshot
        if self._owner is not None:
            # First of all, so that nothing has changed if it is refused.
            snapshot = unpackedSnapshot(self._owner, step.frame, snapshot)
        ring.clear()
        self._kept.clear()
        place = ring.take(step.frame)
        if self._into is None:
            ring.snapshots[place] = snapshot
        elif len(snapshot) != len(ring.buffers[place]):
            raise ValueError(f"a snapshot of {len(snapshot)} bytes, not {len(ring.buffers[place])}")
        else:
            ring.buffers[place][:] = snapshot
        self._load(ring.snapshots[place])
        if self._checksum is not None:
            ring.checksums[place] = self._takeChecksum(self._checksum)

    def _find(self, number: int) -> tuple[StateRing | KeptStates, int] | None:
        """Return where a snapshot is, as it was taken last, or C{None} if it is not kept."""
        place = self._ring.find(number)
        if place is not None:
            return self._ring, place
        place = self._kept.find(number)
        return None if place is None else (self._kept, place)

    def _bytesOf(self, number: int, snapshot: Any) -> bytes:
        """Return a snapshot as bytes that stay as they are."""
        if self._owner is None:
            return bytes(snapshot)
        try:
            return packedSnapshot(self._owner, snapshot)
        except Exception as error:
            self.failed = True
            raise MomentFailed("encodeSnapshot", number) from error

    def _checksumOf(self, number: int) -> int:
        """
        Return the checksum of a snapshot that is kept.

        @raise LocalProtocolError: It is not, or its checksum was not taken.
        """
        found = self._find(number)
        if found is None:
            raise LocalProtocolError(f"snapshot {number} is not kept")
        states, place = found
        if self._checksum is None:
            return crc32(states.snapshots[place])
        checksum = states.checksums[place]
        if checksum == NO_CHECKSUM:
            raise LocalProtocolError(f"the checksum of snapshot {number} was not taken")
        return checksum
