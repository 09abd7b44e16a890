"""
Tests for L{gamenet.demo.casualties}: who is killed and comes back, and when.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.casualties import Act, Casualties
from gamenet.demo.settings import DemoSettings

__all__ = ["CasualtiesTests"]

PLAN = DemoSettings(players=3, frames=60, kill_host_at=10, rejoin_at=30, kill_lobby_at=10)


class CasualtiesTests(SynchronousTestCase):
    """The plan."""

    def test_order(self) -> None:
        """
        Player 1 is killed when it has confirmed its frame, the lobby when all have, and
        player 1 comes back when all others have; each once.
        """
        plan = Casualties(PLAN)
        self.assertEqual(plan.due([10, 60, 60]), [])
        self.assertEqual(plan.due([12, 5, 60]), [Act.KILL_HOST])
        self.assertEqual(plan.due([12, 10, 60]), [])
        self.assertEqual(plan.due([12, 11, 60]), [Act.KILL_LOBBY])
        self.assertEqual(plan.due([12, 30, 60]), [])
        self.assertEqual(plan.due([12, 31, 60]), [Act.RETURN_HOST])
        self.assertEqual(plan.due([60, 60, 60]), [])
        self.assertEqual(plan.done, {Act.KILL_HOST: 11, Act.KILL_LOBBY: 10, Act.RETURN_HOST: 30})

    @given(st.lists(st.lists(st.integers(0, 80), min_size=3, max_size=3), max_size=20))
    @settings(deadline=None, max_examples=100)
    def test_onceAndNeverEarly(self, reports: list[list[int]]) -> None:
        """Whatever is confirmed in whichever order, nothing is done twice or before its time."""
        plan = Casualties(PLAN)
        done: list[Act] = []
        for confirmed in reports:
            for act in plan.due(confirmed):
                self.assertNotIn(act, done)
                done.append(act)
                if act is Act.KILL_HOST:
                    self.assertGreater(confirmed[0], 10)
                if act is Act.RETURN_HOST:
                    self.assertIn(Act.KILL_HOST, done)
                    self.assertGreater(min(confirmed[1:]), 30)

    def test_nothingAsked(self) -> None:
        """Without a plan nobody is killed."""
        self.assertEqual(Casualties(DemoSettings()).due([600, 600]), [])
