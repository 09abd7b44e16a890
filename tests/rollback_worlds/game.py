"""
The game of the worlds: everything that a session may get wrong shows in its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from zope.interface import implementer

from gamenet.interfaces import IBotSimulation, ISeatedSimulation
from gamenet.seeded_random import SeededRandom

__all__ = ["InputScript", "SeatedHashGame"]


@implementer(ISeatedSimulation, IBotSimulation)
class SeatedHashGame:
    """
    A running hash of frames, inputs in order of players, and empty seats.

    @ivar frame: The frame that is played next.
    @ivar played: Per frame, the state that it led to when it was played last, and with
        whose seats empty.
    """

    def __init__(self) -> None:
        self.frame = 0
        self.state = bytes(8)
        self.played: dict[int, tuple[bytes, tuple[int, ...]]] = {}

    def advance(self, inputs: Sequence[bytes]) -> None:
        raise AssertionError("a seated simulation was not told of the seats")

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        frame = self.frame
        text = b"".join(
            (
                self.state,
                frame.to_bytes(4, "big"),
                bytes(map(len, inputs)),
                bytes(absent),
                *inputs,
            )
        )
        self.state = state = blake2b(text, digest_size=8).digest()
        self.played[frame] = state, tuple(absent)
        self.frame = frame + 1

    def botInput(self, player: int) -> bytes:
        return self.state[: 1 + (self.state[0] + player) % 3][:1]

    def save(self) -> bytes:
        return self.frame.to_bytes(4, "big") + self.state

    def load(self, snapshot: bytes) -> None:
        self.frame = int.from_bytes(snapshot[:4], "big")
        self.state = snapshot[4:]


class InputScript:
    """
    What one player presses: a function of the frame, of changing size, held for a
    changing number of frames.

    @ivar start: The first frame that is not empty.
    """

    def __init__(self, seed: int, player: int, limit: int, start: int = 0) -> None:
        """
        @param limit: The longest input, in bytes.
        @param start: Before this frame the input is C{b""}.
        """
        self.start = start
        self._random = SeededRandom.fromLabel(seed, f"inputs/{player}")
        self._limit = limit
        self._inputs: list[bytes] = []

    def __call__(self, frame: int) -> bytes:
        if frame < self.start:
            return b""
        inputs, random = self._inputs, self._random
        while len(inputs) <= frame:
            text = random.drawBytes(random.between(0, self._limit))
            inputs.extend([text] * random.choice((1, 1, 2, 3, 5, 9, 20)))
        return inputs[frame]
