"""
Matches that differ in everything but the inputs of their frames.
"""

from __future__ import annotations

from typing import Any

import attrs

from gamenet.rollback.settings import Prediction, RollbackSettings
from gamenet.seeded_random import SeededRandom
from tests.rollback_worlds.game import InputScript, SeatedHashGame
from tests.rollback_worlds.mesh import Mesh
from tests.rollback_worlds.peer import SimulatedPeer
from tests.rollback_worlds.profiles import PROFILES, LinkProfile, profileNamed

__all__ = ["Variant", "playVariant", "statesWithoutNetwork", "variantOf"]

#: Before this frame all inputs are C{b""}, so that an input delay makes no difference.
FIRST_INPUT = 16

_INPUT_LIMIT = 6


@attrs.frozen
class Variant:
    """
    How one match is played.

    @ivar name: What is special about it.
    @ivar profile: The links.
    @ivar settings: Per player, what differs from the default.
    @ivar seating: The players of each peer, or C{None}.
    """

    name: str
    profile: LinkProfile
    settings: tuple[dict[str, Any], ...]
    seating: tuple[tuple[int, ...], ...] | None = None


def variantOf(seed: int, players: int) -> Variant:
    """Draw a way to play; each setting is drawn for each player on its own."""
    random = SeededRandom.fromLabel(seed, "variant")
    profile = random.choice([one for one in PROFILES if one.name != "terrible"])
    seating = None
    if players > 2 and random.chance(0.3):
        seating = ((1, players), *((player,) for player in range(2, players)))
    settings = []
    for _ in range(players):
        window = random.choice((0, 1, 4, 8, 16, 32))
        fewest = min(10, profile.frames_late) if window < 4 else 0
        settings.append(
            {
                "prediction_window": window,
                "input_delay": random.between(fewest, fewest + 6),
                "sparse_saving": random.chance(0.4),
                "send_interval": random.between(1, 4),
                "prediction": random.choice(tuple(Prediction)),
                "default_input": b"\x55",
            }
        )
    return Variant(f"variant {seed}", profile, tuple(settings), seating)


def plainVariant(players: int, profile: str = "lan", **changes: Any) -> Variant:
    """Return a match by the default settings but for some."""
    return Variant(str(changes), profileNamed(profile), (changes,) * players)


def playVariant(variant: Variant, seed: int, frames: int) -> dict[int, list[Any]]:
    """
    Play until all have confirmed some frames.

    @return: Per peer, what it confirmed: inputs and states.
    @raise AssertionError: It took too long.
    """
    players = len(variant.settings)
    mesh = Mesh(seed, variant.profile)
    seating = variant.seating or tuple((player,) for player in range(1, players + 1))
    for local in seating:
        settings = RollbackSettings(
            players=players,
            local_player=local[0],
            seating=seating,
            input_limit=_INPUT_LIMIT,
            lost_after=10.0,
            **variant.settings[local[0] - 1],
        )
        scripts = {player: _script(seed, player) for player in local}
        mesh.start(SimulatedPeer(settings, scripts, mesh.counters))
    processes = list(mesh.peers.values())
    if not mesh.runUntil(
        lambda: all(process.session.confirmed_frame + 1 >= frames for process in processes), 60.0
    ):
        raise AssertionError(f"{variant.name} did not come to frame {frames}")
    return {
        process.peer: [process.confirmed[frame][:2] for frame in range(frames)]
        for process in processes
    }


def statesWithoutNetwork(seed: int, players: int, frames: int) -> list[Any]:
    """Play the same inputs on one machine; return inputs and states."""
    game = SeatedHashGame()
    scripts = [_script(seed, player) for player in range(1, players + 1)]
    played = []
    for frame in range(frames):
        inputs = tuple(script(frame) for script in scripts)
        game.advanceSeated(inputs, ())
        played.append((inputs, game.state))
    return played


def _script(seed: int, player: int) -> InputScript:
    return InputScript(seed, player, _INPUT_LIMIT, FIRST_INPUT)
