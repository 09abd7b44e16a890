"""
Tests for L{gamenet.demo.script}.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.arena import DASH, DOWN, LEFT, RIGHT, UP
from gamenet.demo.script import SECRET_LENGTH, PlayerScript, playerSecret
from gamenet.errors import BadSetting

__all__ = ["PlayerScriptTests"]

SEEDS = st.integers(0, (1 << 64) - 1)


class PlayerScriptTests(SynchronousTestCase):
    """The scripts, and the secrets that they are drawn from."""

    @given(SEEDS)
    @settings(deadline=None, max_examples=50)
    def test_ownSecret(self, seed: int) -> None:
        """Each player has a secret of its own: another one for each seed and number."""
        secrets = [playerSecret(seed, player) for player in range(1, 9)]
        secrets += [playerSecret(seed ^ 1, player) for player in range(1, 9)]
        self.assertEqual(len(set(secrets)), 16)
        self.assertEqual({len(secret) for secret in secrets}, {SECRET_LENGTH})

    @given(SEEDS)
    @settings(deadline=None, max_examples=20)
    def test_repeatable(self, seed: int) -> None:
        """The same secret gives the same script."""
        first, second = (PlayerScript(playerSecret(seed, 1)) for _ in range(2))
        self.assertEqual(
            [first.nextInput() for _ in range(300)], [second.nextInput() for _ in range(300)]
        )

    def test_unlike(self) -> None:
        """Two players' scripts have nothing in common but chance."""
        first, second = (PlayerScript(playerSecret(1, player)) for player in (1, 2))
        same = sum(first.nextInput() == second.nextInput() for _ in range(3000))
        self.assertLess(same, 600)

    def test_keepsPredictionsWrong(self) -> None:
        """
        Keys change often enough to make predictions fail, in every second of an
        hour, and are held long enough that most hold; every direction comes up.
        """
        script = PlayerScript(playerSecret(1, 1))
        keys = [script.nextInput()[0] for _ in range(60 * 3600)]
        changes = [frame for frame in range(1, len(keys)) if keys[frame] != keys[frame - 1]]
        gaps = [after - before for before, after in pairwise(changes)]
        self.assertGreaterEqual(min(gaps), 4)
        # Twice or thrice the same direction in a row is allowed.
        self.assertLess(max(gaps), 24 * 6)
        self.assertGreater(len(changes), 3 * 3600)
        for key in (LEFT, RIGHT, UP, DOWN, DASH):
            self.assertTrue(any(pressed & key for pressed in keys))

    def test_badSecret(self) -> None:
        """Bad input: a secret of another length is refused, and never shown."""
        error = self.assertRaises(BadSetting, PlayerScript, b"short secret")
        self.assertNotIn("short secret", str(error))
        self.assertNotIn("secret=", repr(PlayerScript(bytes(32))))
