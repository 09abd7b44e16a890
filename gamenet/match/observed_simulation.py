"""
A simulation, watched while it is played: for its effects and its pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from zope.interface import directlyProvides, providedBy

from gamenet.errors import MomentFailed
from gamenet.interfaces import ISimulation
from gamenet.rollback.effects import Cancelled, EffectTracker
from gamenet.rollback.interpolation import PictureTrack
from gamenet.rollback.steps import Advance, Load, Restore, Step

__all__ = ["ObservedSimulation"]

#: In the place of a frame: a state that is our own.
_OWN = -1


class ObservedSimulation:
    """
    Stands in for a simulation towards the timeline, and is in everything else
    that simulation.  Owned by L{gamenet.match.frame_loop.FrameLoop}.

    @ivar failure: What went wrong with a picture, C{None} for nothing.
    @ivar cancelled: The effects that ended because another peer's state was taken over;
        whoever tells the game of them empties it.
    """

    def __init__(
        self,
        simulation: ISimulation,
        effects: EffectTracker | None,
        pictures: PictureTrack | None,
    ) -> None:
        """
        @param simulation: The game; it has a C{picture} where C{pictures} is given.
        @param effects: Told which frame begins.
        @param pictures: Given the picture of each frame that would be drawn.
        """
        self.failure: MomentFailed | None = None
        self.cancelled: list[Cancelled] = []
        self._simulation: Any = simulation
        self._effects = effects
        self._pictures = pictures
        self._frames: deque[int] = deque()
        self._loads: deque[int] = deque()
        self._now = 0.0
        directlyProvides(self, providedBy(simulation))

    def __getattr__(self, name: str) -> Any:
        """Everything that is not watched is the simulation's own."""
        return getattr(self._simulation, name)

    @property
    def face(self) -> ISimulation:
        """What to play with: this, or the simulation itself where nothing is watched."""
        watches = self._effects is not None or self._pictures is not None
        simulation: ISimulation = self if watches else self._simulation  # type: ignore[assignment]
        return simulation

    def expect(self, steps: Sequence[Step], now: float) -> None:
        """
        Note what is going to be played.

        @param steps: What the timeline is about to be given, all of it.
        @param now: The time, in seconds.
        """
        if self._effects is None and self._pictures is None:
            return  # nobody plays with this one
        self._now = now
        self._frames.clear()
        self._loads.clear()
        effects = self._effects
        for step in steps:
            if isinstance(step, Advance):
                self._frames.append(step.frame)
            elif isinstance(step, Load):
                self._loads.append(_OWN)
            elif isinstance(step, Restore):
                self._loads.append(step.frame - 1)
                if effects is not None:
                    self._takeOver(effects, step.frame)

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play the next of the frames that are expected."""
        frame = self._begin()
        self._simulation.advance(inputs)
        self._played(frame)

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        """Play the next of the frames that are expected, where seats may be empty."""
        frame = self._begin()
        self._simulation.advanceSeated(inputs, absent)
        self._played(frame)

    def load(self, snapshot: Any) -> None:
        """Go back to a state of ours, or become that of another peer."""
        frame = self._loads.popleft()
        self._simulation.load(snapshot)
        pictures = self._pictures
        if pictures is not None and frame >= pictures.newest_frame and frame >= 0:
            # An older one is played on from until there are pictures to be corrected.
            self._picture(frame, pictures.takenOver)

    def _takeOver(self, effects: EffectTracker, frame: int) -> None:
        """Another peer's state comes: where it is ahead of ours nothing of ours goes on."""
        if frame > effects.newest_frame + 1:
            self.cancelled += effects.takeOver(frame)

    def _begin(self) -> int:
        frame = self._frames.popleft()
        effects = self._effects
        if effects is not None:
            if frame <= effects.confirmed_frame:
                effects.repeat(frame)
            else:
                effects.begin(frame)
        return frame

    def _played(self, frame: int) -> None:
        pictures = self._pictures
        if pictures is not None and pictures.wants(frame):
            self._picture(frame, pictures.pictured)

    def _picture(self, frame: int, give: Callable[[int, Any, float], None]) -> None:
        """Ask for the picture of the state that a frame led to, until that fails once."""
        if self.failure is not None:
            return
        try:
            give(frame, self._simulation.picture(), self._now)
        except Exception as error:
            self.failure = MomentFailed("picture", frame)
            self.failure.__cause__ = error
