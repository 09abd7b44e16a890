"""
For the tests of replays: a match of L{tests.rollback_faulty_game.Ledger}, recorded.
"""

from __future__ import annotations

from zlib import crc32

from gamenet.replay.replay import Replay
from gamenet.wire.replay_file import ReplayHeader
from tests.replay_samples import Match, plain, recorded
from tests.rollback_faulty_game import Ledger

__all__ = ["DIGEST", "inputsOf", "ledgers", "replayOf", "stateBefore"]

DIGEST = bytes(range(16))


def inputsOf(frame: int) -> tuple[bytes, ...]:
    """Inputs in which every frame and player is another."""
    return b"%d" % frame, b"-%d" % (frame // 3)


def ledgers(frames: int, interval: int = 10) -> Match:
    """A match of ledgers."""
    game = Ledger()
    match = []
    for frame in range(frames):
        game.advance(inputsOf(frame))
        match.append((inputsOf(frame), crc32(game.save())))
    return plain(
        ReplayHeader(DIGEST, 2, seed=7, rules="ledger", checksum_interval=interval), match
    )


def replayOf(frames: int, interval: int = 10) -> Replay:
    """A replay of it."""
    return Replay.read(recorded(ledgers(frames, interval)))


def stateBefore(frame: int) -> bytes:
    """The state that straight play leads to."""
    game = Ledger()
    for each in range(frame):
        game.advance(inputsOf(each))
    return game.save()
