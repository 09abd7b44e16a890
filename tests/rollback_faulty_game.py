"""
A small game, and the ways in which one fails to be deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from zope.interface import implementer

from gamenet.interfaces import ISimulation
from gamenet.rollback.state_difference import INamedParts

__all__ = ["Ledger", "LedgerInParts"]

#: Changes a game after it played a frame: the game, the frame, and how often that
#: frame was played before.
Fault = Callable[["Ledger", int, int], object]


@implementer(ISimulation)
class Ledger:
    """
    Its state is the frame and a hash of everything that was played, in order.

    @ivar played: How often each frame was played; no part of the state.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.frame = 0
        self.total = 0
        self.gold = 0
        self.fault = fault
        self.played: dict[int, int] = {}
        self.inputs: list[tuple[int, tuple[bytes, ...]]] = []

    def advance(self, inputs: Sequence[bytes]) -> None:
        self.inputs.append((self.frame, tuple(inputs)))
        text = b"|".join([b"%d" % self.total, *inputs])
        self.total = crc32(text)
        self.gold += len(inputs)
        frame = self.frame
        self.frame += 1
        before = self.played.get(frame, 0)
        self.played[frame] = before + 1
        if self.fault is not None:
            self.fault(self, frame, before)

    def save(self) -> bytes:
        return b"%08d%08x%08d" % (self.frame, self.total, self.gold)

    def load(self, snapshot: bytes) -> None:
        self.frame = int(snapshot[:8])
        self.total = int(snapshot[8:16], 16)
        self.gold = int(snapshot[16:24])


@implementer(INamedParts)
class LedgerInParts(Ledger):
    """The same game, which tells its parts, one of which is not saved."""

    hidden = 0

    def parts(self) -> Mapping[str, bytes]:
        return {
            "frame": b"%d" % self.frame,
            "total": b"%08x" % self.total,
            "gold": b"%d" % self.gold,
            "hidden": b"%d" % self.hidden,
        }
