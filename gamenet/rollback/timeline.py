"""
The game on its way through time: applies a session's steps to a simulation and
keeps the snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import attrs

from gamenet.errors import LocalProtocolError, MomentFailed
from gamenet.interfaces import ISimulation
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.steps import Advance, Save, Step

__all__ = ["Timeline"]


@attrs.define(init=False)
class Timeline:
    """
    One simulation and the snapshots of its newest frames.

    @ivar failed: Whether the simulation raised; then nothing more is applied.
    @ivar _snapshots: The newest snapshots; number C{n} at C{n} modulo their
        count.
    @ivar _numbers: Which snapshot is kept at each place, or -1.
    """

    failed: bool
    _simulation: ISimulation
    _session: RollbackSession
    _snapshots: list[bytes]
    _numbers: list[int]

    def __init__(self, simulation: ISimulation, session: RollbackSession) -> None:
        """
        @param simulation: The game, in its first state.
        @param session: Whose steps are applied; it is told the checksums of
            frames that became final.
        """
        self.failed = False
        self._simulation = simulation
        self._session = session
        kept = session.settings.prediction_window + 2
        self._snapshots = [b""] * kept
        self._numbers = [-1] * kept

    def apply(self, steps: Sequence[Step]) -> None:
        """
        Do what the session asks for, then tell it the checksums that it wants.

        @param steps: What L{RollbackSession.advance} returned, all of it.
        @raise MomentFailed: The simulation raised, or its C{save} returned
            something else than bytes (the cause is a C{TypeError} then).
        @raise LocalProtocolError: A snapshot is asked for that is not kept, or
            the simulation has failed before.
        """
        if self.failed:
            raise LocalProtocolError("the simulation has failed")
        simulation = self._simulation
        advance = simulation.advance
        save = simulation.save
        snapshots = self._snapshots
        numbers = self._numbers
        kept = len(snapshots)
        missing = None
        try:
            for step in steps:
                if isinstance(step, Advance):
                    advance(step.inputs)
                elif isinstance(step, Save):
                    snapshot = save()
                    if not isinstance(snapshot, bytes):
                        raise TypeError(f"save returned {type(snapshot).__name__}, not bytes")
                    place = step.frame % kept
                    snapshots[place] = snapshot
                    numbers[place] = step.frame
                elif numbers[step.frame % kept] == step.frame:
                    simulation.load(snapshots[step.frame % kept])
                else:
                    missing = step.frame
                    break
        except Exception as error:
            self.failed = True
            raise MomentFailed(type(step).__name__.lower(), step.frame) from error
        if missing is not None:
            raise LocalProtocolError(f"snapshot {missing} is not kept")
        session = self._session
        for frame in session.checksumsWanted():
            session.checksumTaken(frame, crc32(self.snapshot(frame + 1)))

    def snapshot(self, frame: int) -> bytes:
        """
        Return a snapshot that is kept.

        @param frame: Its number: the frame that comes next.
        @raise LocalProtocolError: It is not kept.
        """
        place = frame % len(self._numbers)
        if self._numbers[place] != frame:
            raise LocalProtocolError(f"snapshot {frame} is not kept")
        return self._snapshots[place]
