"""
An arena with a planted fault, to see whether the demo notices.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define
from zope.interface import implementer

from gamenet.demo.arena import FIRST_SCORE, Arena
from gamenet.interfaces import ISeededSimulation
from gamenet.rollback.state_difference import INamedParts

__all__ = ["CorruptedArena"]


@implementer(ISeededSimulation, INamedParts)
@define
class CorruptedArena:
    """
    An arena with a planted fault: one bit of one player's score is flipped
    whenever C{frame} is played, so that no rollback can undo it.

    @ivar arena: The sound arena underneath.
    @ivar corrupt_at: The frame whose resulting state is wrong, from 0.
    """

    arena: Arena
    corrupt_at: int

    def begin(self, seed: int) -> None:
        """Become the state before frame 0 of the game that belongs to C{seed}."""
        self.arena.begin(seed)

    def advance(self, inputs: Sequence[bytes]) -> None:
        """Play one frame; spoil it if it is the one."""
        spoiled = self.arena.frame == self.corrupt_at
        self.arena.advance(inputs)
        if spoiled:
            # A score is only ever added to, so the difference can never heal.
            self.arena.cells[FIRST_SCORE] ^= 1

    def save(self) -> bytes:
        """Return the whole state."""
        return self.arena.save()

    def parts(self) -> dict[str, bytes]:
        """Return the state by its parts."""
        return self.arena.parts()

    def load(self, snapshot: bytes) -> None:
        """Become the state that C{snapshot} was taken of."""
        self.arena.load(snapshot)
