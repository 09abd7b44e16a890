"""
A scripted game of the demo, for comparing interpreters; it needs nothing else of the tests.
"""

from __future__ import annotations

from zlib import crc32

from gamenet.demo.arena import Arena
from gamenet.demo.script import PlayerScript, playerSecret

__all__ = ["GOLDEN_EIGHT", "GOLDEN_TWO", "goldenChecksum"]

#: Two players, seed 1, 600 frames.
GOLDEN_TWO = 3784164036

#: Eight players, seed 2, 300 frames.
GOLDEN_EIGHT = 4293364607


def goldenChecksum(seed: int, players: int, frames: int) -> int:
    """Return the crc32 of all the states of a scripted game, one after the other."""
    arena = Arena(players)
    arena.begin(seed)
    scripts = [PlayerScript(playerSecret(seed, number + 1)) for number in range(players)]
    checksum = 0
    for _ in range(frames):
        arena.advance([script.nextInput() for script in scripts])
        checksum = crc32(arena.save(), checksum)
    return checksum
