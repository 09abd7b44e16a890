"""
Whatever is changed about a match, the same inputs lead to the same confirmed states:
those of a game that was never on a network.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rollback_worlds.same_inputs import (
    Variant,
    plainVariant,
    playVariant,
    statesWithoutNetwork,
    variantOf,
)

FRAMES = 150


class SameInputTests(SynchronousTestCase):
    """Metamorphic: nothing but the inputs decides."""

    def requireSame(self, variant: Variant, seed: int) -> None:
        players = len(variant.settings)
        wanted = statesWithoutNetwork(seed, players, FRAMES)
        for peer, played in playVariant(variant, seed, FRAMES).items():
            self.assertEqual(played, wanted, f"{variant}, seed {seed}, peer {peer}")

    def requireSameFor(self, *changes: dict[str, Any], profile: str = "wifi_average") -> None:
        for seed, change in enumerate(changes):
            for players in (2, 3):
                self.requireSame(plainVariant(players, profile, **change), seed)

    def test_window(self) -> None:
        """Done when: changing the window never changes confirmed states; 0 is lockstep."""
        self.requireSameFor(*({"prediction_window": window} for window in (0, 1, 2, 8, 16, 32)))

    def test_delaySplit(self) -> None:
        """Done when: how much of the path is delay, and how much prediction, does not matter."""
        self.requireSameFor(
            *(
                {"prediction_window": 12 - delay, "input_delay": delay}
                for delay in (0, 1, 3, 6, 12)
            )
        )

    def test_sparseSaving(self) -> None:
        """Done when: changing the sparse mode never changes confirmed states."""
        self.requireSameFor({"sparse_saving": True}, {"sparse_saving": False})
        self.requireSameFor({"sparse_saving": True, "checksum_interval": 7}, profile="mobile_3g")

    def test_sendInterval(self) -> None:
        """Done when: changing the send interval never changes confirmed states."""
        self.requireSameFor(*({"send_interval": interval} for interval in (1, 2, 3, 4)))

    def test_packetOrder(self) -> None:
        """Done when: changing the order of packets never changes confirmed states."""
        for profile in ("local", "heavy_reorder", "duplicating", "bursty"):
            self.requireSameFor({}, {"send_interval": 3}, profile=profile)

    def test_everythingAtOnce(self) -> None:
        """
        Done when: the window, the delays, saving, the send interval, prediction and the
        links drawn for each player on its own.
        """
        for seed in range(24):
            self.requireSame(variantOf(seed, 2 + seed % 3), seed)
