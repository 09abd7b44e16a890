"""
Who was heard when, how much each may ask, and which heartbeats count.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.lobby.presence import Heartbeats, Presence
from gamenet.lobby.request_budget import RequestBudget


class PresenceTests(SynchronousTestCase):
    """L{Presence}."""

    def test_lostAtTheLimit(self) -> None:
        """N1: lost after exactly the time limit, not before, and only once."""
        presence: Presence[bytes] = Presence(10.0)
        presence.heard(b"a", 100.0)
        self.assertEqual(presence.takeLost(109.999), ())
        self.assertEqual(presence.takeLost(110.0), (b"a",))
        self.assertEqual(presence.takeLost(200.0), ())
        self.assertEqual(len(presence), 0)

    def test_heardAgain(self) -> None:
        """A sign of life starts the time anew, and moves its owner behind the others."""
        presence: Presence[bytes] = Presence(10.0)
        presence.heard(b"a", 0.0)
        presence.heard(b"b", 1.0)
        presence.heard(b"a", 2.0)
        self.assertEqual(list(presence), [b"b", b"a"])
        self.assertEqual(presence.takeLost(11.5), (b"b",))
        self.assertEqual(presence.takeLost(12.0), (b"a",))

    def test_forget(self) -> None:
        """Who is forgotten is not lost; forgetting a stranger is harmless."""
        presence: Presence[bytes] = Presence(10.0)
        presence.heard(b"a", 0.0)
        presence.forget(b"a")
        presence.forget(b"b")
        self.assertEqual(presence.takeLost(99.0), ())

    def test_sweepLooksAtOneMore(self) -> None:
        """A sweep costs as much as there are lost clients, not as there are clients."""

        class Looks(dict):  # type: ignore[type-arg]
            count = 0

            def items(self):  # type: ignore[no-untyped-def]
                for item in super().items():
                    Looks.count += 1
                    yield item

        presence: Presence[int] = Presence(10.0)
        presence._heard_at = Looks()
        for number in range(1000):
            presence.heard(number, float(number))
        self.assertEqual(presence.takeLost(12.0), (0, 1, 2))
        self.assertEqual(Looks.count, 4)

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["heard", "forget", "lost"]),
                st.integers(0, 3),
                st.floats(0, 6, allow_nan=False),
            ),
            max_size=40,
        )
    )
    def test_likeADictionaryOfTimes(self, steps: list[tuple[str, int, float]]) -> None:
        """Any history: lost is who was last heard at least the limit ago, longest first."""
        presence: Presence[int] = Presence(10.0)
        times: dict[int, float] = {}
        now = 0.0
        for step, who, seconds in steps:
            now += seconds
            if step == "heard":
                presence.heard(who, now)
                times.pop(who, None)
                times[who] = now
            elif step == "forget":
                presence.forget(who)
                times.pop(who, None)
            else:
                lost = [one for one, at in times.items() if now - at >= 10.0]
                self.assertEqual(list(presence.takeLost(now)), lost)
                times = {one: at for one, at in times.items() if one not in lost}
            self.assertEqual(list(presence), list(times))


class HeartbeatsTests(SynchronousTestCase):
    """L{Heartbeats}."""

    def test_sequenceMustGrow(self) -> None:
        """A replayed or overtaken heartbeat does not count; 0 is a good first one."""
        heartbeats = Heartbeats(b"k" * 32)
        accepted = [heartbeats.accept(sequence) for sequence in (0, 0, 5, 4, 5, 6)]
        self.assertEqual(accepted, [True, False, True, False, False, True])
        self.assertEqual(heartbeats.sequence, 6)

    def test_keyIsNotShown(self) -> None:
        """The key is in no text, so in no log."""
        self.assertNotIn("kkkk", repr(Heartbeats(b"k" * 32)))


class RequestBudgetTests(SynchronousTestCase):
    """L{RequestBudget}."""

    def test_burstThenRate(self) -> None:
        """A burst at once, then one for each token that came back."""
        budget = RequestBudget(rate=2.0, burst=3)
        self.assertEqual([budget.spend(50.0) for _ in range(4)], [True, True, True, False])
        self.assertFalse(budget.spend(50.4))
        self.assertTrue(budget.spend(50.5))
        self.assertFalse(budget.spend(50.9))
        self.assertTrue(budget.spend(51.0))

    def test_neverMoreThanTheBurst(self) -> None:
        """However long nothing was asked."""
        budget = RequestBudget(rate=2.0, burst=3)
        budget.spend(0.0)
        self.assertEqual([budget.spend(1e6) for _ in range(4)], [True, True, True, False])

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.floats(0, 3, allow_nan=False), max_size=60))
    def test_bound(self, pauses: list[float]) -> None:
        """Whatever the pattern, no more than the burst and the rate allow."""
        budget = RequestBudget(rate=2.0, burst=5)
        now = 0.0
        granted = 0
        for pause in pauses:
            now += pause
            granted += budget.spend(now)
            self.assertLessEqual(granted, 5 + 2.0 * now + 1e-9)
