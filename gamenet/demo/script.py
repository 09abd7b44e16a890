"""
What the demo's players press: each its own script, from a secret of its own.

The parent derives one secret per player from the demo's seed and tells each
process only its own, so that a player can learn the others' keys from the
network and from nowhere else.
"""

from __future__ import annotations

from hashlib import blake2b

from attrs import define, field

from gamenet.demo.arena import DASH, DOWN, LEFT, RIGHT, UP
from gamenet.errors import BadSetting
from gamenet.seeded_random import SeededRandom

__all__ = ["SECRET_LENGTH", "PlayerScript", "playerSecret"]

#: How many bytes a secret has.
SECRET_LENGTH = 32

_DIRECTIONS = (
    LEFT,
    RIGHT,
    UP,
    DOWN,
    LEFT | UP,
    LEFT | DOWN,
    RIGHT | UP,
    RIGHT | DOWN,
    0,
)
_SHORTEST, _LONGEST = 4, 24


def playerSecret(seed: int, player: int) -> bytes:
    """
    Return the secret of one player; nothing about the seed can be learned from it.

    @param seed: The demo's seed, an C{int} of 64 bits without sign.
    @param player: The player's number, from 1.
    """
    return blake2b(
        f"player {player}".encode(),
        key=seed.to_bytes(8, "big"),
        digest_size=SECRET_LENGTH,
        person=b"gamenet demo",
    ).digest()


@define
class PlayerScript:
    """
    The keys of one player, frame after frame: a direction held for 4 to 24
    frames, sometimes dashing, then another one.

    @ivar secret: What the script is drawn from, L{SECRET_LENGTH} bytes.
    """

    secret: bytes = field(repr=False)
    _random: SeededRandom = field(init=False, repr=False)
    _keys: int = field(init=False, default=0)
    _held_for: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        """
        @raise BadSetting: The secret is not L{SECRET_LENGTH} bytes.
        """
        if len(self.secret) != SECRET_LENGTH:
            raise BadSetting(
                f"a player's secret has {SECRET_LENGTH} bytes, not {len(self.secret)}"
            )
        self._random = SeededRandom.fromLabel(int.from_bytes(self.secret, "big"), "script")

    def nextInput(self) -> bytes:
        """Return what is pressed in the next frame, one byte."""
        if self._held_for == 0:
            self._held_for = self._random.between(_SHORTEST, _LONGEST)
            self._keys = self._random.choice(_DIRECTIONS)
            if self._random.chance(0.25):
                self._keys |= DASH
        self._held_for -= 1
        return bytes((self._keys,))
