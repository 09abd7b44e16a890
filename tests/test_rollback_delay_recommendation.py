"""Tests of L{gamenet.rollback.delay_recommendation}."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError
from gamenet.rollback.delay_recommendation import (
    PEERS_LIMIT,
    DelayRecommendation,
    DelaySettings,
)
from gamenet.rollback.events import InputDelayRecommended

#: Seconds between two measurements in these tests.
STEP = 0.1


def told(
    recommendation: DelayRecommendation, round_trip: float, start: float, end: float, peer: int = 2
) -> list[tuple[float, int]]:
    """Measure a steady path for a while; return what was recommended, and when."""
    answers = []
    for tick in range(round((end - start) / STEP)):
        now = start + tick * STEP
        recommendation.measured(peer, round_trip)
        event = recommendation.recommend(now)
        if event is not None:
            answers.append((round(now, 3), event.frames))
    return answers


def settled(round_trip: float, delay: int = 0, **changes: float) -> int:
    """The delay that is recommended in the end for a steady path."""
    chosen = DelaySettings(**{"held_seconds": 0.0, "interval": 0.0} | changes)  # type: ignore[arg-type]
    recommendation = DelayRecommendation(chosen, delay)
    for _ in range(200):
        recommendation.measured(2, round_trip)
    recommendation.recommend(0.0)
    return recommendation.delay


class FormulaTests(SynchronousTestCase):
    """Issue, "Time": a delay is recommended from measured round trip and jitter."""

    def test_steadyPaths(self) -> None:
        """The frames that half a round trip takes, less the three that rollbacks hide."""
        for milliseconds, delay in [(0, 0), (99, 0), (101, 1), (132, 1), (134, 2), (199, 3)]:
            self.assertEqual(settled(milliseconds / 1000), delay, milliseconds)

    def test_tolerance(self) -> None:
        """Who tolerates no rollback has the whole way as delay, who tolerates more has less."""
        for tolerated, delay in [(0, 6), (1, 5), (6, 0), (32, 0)]:
            self.assertEqual(settled(0.19, tolerated_rollback=tolerated), delay)

    def test_limit(self) -> None:
        """No more than the limit is recommended, however long the path is."""
        self.assertEqual(settled(5.0), 8)
        self.assertEqual(settled(5.0, delay_limit=16), 16)
        self.assertEqual(settled(1e9, delay_limit=0, delay=3), 0)
        self.assertEqual(settled(-1.0, delay=3), 0)

    def test_rate(self) -> None:
        """At twice the frames a second the same path is twice as many of them."""
        self.assertEqual(settled(0.19, frame_rate=120, delay_limit=16), 12 - 3)
        self.assertEqual(settled(0.19, frame_rate=30), 0)

    def test_rfc6298(self) -> None:
        """RFC 6298, section 2: the first sample, and the next one by hand."""
        recommendation = DelayRecommendation(DelaySettings(held_seconds=0.0), 0)
        recommendation.measured(2, 0.4)
        event = recommendation.recommend(0.0)
        self.assertEqual(event, InputDelayRecommended(8, 0.4, 0.2))
        recommendation = DelayRecommendation(DelaySettings(held_seconds=0.0), 0)
        recommendation.measured(2, 0.4)
        recommendation.measured(2, 0.8)
        event = recommendation.recommend(0.0)
        assert event is not None
        self.assertAlmostEqual(event.jitter, 0.75 * 0.2 + 0.25 * 0.4)
        self.assertAlmostEqual(event.round_trip, 0.875 * 0.4 + 0.125 * 0.8)

    def test_smoothedElsewhere(self) -> None:
        """A mean and deviation that a session has smoothed count as they are, within bounds."""
        recommendation = DelayRecommendation(DelaySettings(held_seconds=0.0), 0)
        for round_trip, jitter, told_as in [
            (0.1, 0.02, (3, 0.1, 0.02)),
            (99.0, -1.0, (8, 10.0, 0.0)),
        ]:
            recommendation.smoothed(2, round_trip, jitter)
            event = recommendation.recommend(0.0 if jitter > 0 else 5.0)
            self.assertEqual(event, InputDelayRecommended(*told_as))

    def test_jitter(self) -> None:
        """A path that swings wants more than a steady one with the same mean."""
        swinging = DelayRecommendation(DelaySettings(held_seconds=0.0, interval=0.0), 0)
        for tick in range(400):
            swinging.measured(2, 0.15 + (0.04 if tick % 2 else -0.04))
            swinging.recommend(tick * STEP)
        self.assertGreater(swinging.delay, settled(0.15) + 2)

    def test_slowestPeer(self) -> None:
        """The longest path decides, and one of a peer that left does not count."""
        recommendation = DelayRecommendation(DelaySettings(interval=0.0), 0)
        for peer, round_trip in [(2, 0.02), (5, 0.199), (3, 0.08)]:
            for _ in range(50):
                recommendation.measured(peer, round_trip)
        recommendation.recommend(0.0)
        event = recommendation.recommend(2.0)
        assert event is not None
        self.assertEqual((event.frames, round(event.round_trip, 3)), (3, 0.199))
        recommendation.peerLeft(5)
        recommendation.peerLeft(5)
        recommendation.recommend(3.0)
        event = recommendation.recommend(5.0)
        assert event is not None
        self.assertEqual((event.frames, round(event.round_trip, 3)), (0, 0.08))


class HysteresisTests(SynchronousTestCase):
    """A change is recommended only where it held for 2 s, and at most every 5 s."""

    def test_held(self) -> None:
        """Nothing is told before 2 s, and a delay that is right is never told."""
        recommendation = DelayRecommendation(DelaySettings(), 0)
        self.assertEqual(told(recommendation, 0.19, 0, 60), [(2.0, 3)])
        self.assertEqual(told(DelayRecommendation(DelaySettings(), 3), 0.19, 5, 60), [])

    def test_everyFiveSeconds(self) -> None:
        """The next change is not told before 5 s have passed, and then at once."""
        recommendation = DelayRecommendation(DelaySettings(), 0)
        self.assertEqual(told(recommendation, 0.19, 0, 2.5), [(2.0, 3)])
        self.assertEqual(told(recommendation, 0.02, 2.5, 60), [(7.0, 0)])

    def test_changedByTheGame(self) -> None:
        """After the game has set a delay of its own, it too is left alone for 5 s."""
        recommendation = DelayRecommendation(DelaySettings(), 0)
        recommendation.delayChanged(6, 10.0)
        self.assertEqual(told(recommendation, 0.18, 10, 60), [(15.0, 3)])

    def test_spike(self) -> None:
        """A packet that comes 0.3 s late changes nothing."""
        recommendation = DelayRecommendation(DelaySettings(), 0)
        events = told(recommendation, 0.02, 0, 10)
        events += told(recommendation, 0.3, 10, 10.1)
        events += told(recommendation, 0.02, 10.1, 60)
        self.assertEqual(events, [])

    def test_onTheEdge(self) -> None:
        """A path that swings about a step is told up once, and not down again."""
        recommendation = DelayRecommendation(DelaySettings(jitter_weight=0.0), 0)
        events = []
        for period in range(40):
            round_trip = 0.135 if period % 2 else 0.131
            events += told(recommendation, round_trip, period * 8.0, period * 8.0 + 8.0)
        self.assertEqual([frames for _, frames in events], [1, 2])

    def test_stepBack(self) -> None:
        """A lower delay is told only where the path is half a frame below the step."""
        for milliseconds, delay in [(199, 4), (184, 4), (182, 3), (151, 3), (149, 2)]:
            self.assertEqual(settled(milliseconds / 1000, delay=4), delay, milliseconds)

    def test_smallestThatHeld(self) -> None:
        """Of what was wanted in the 2 s the change that all of it agrees to is told."""
        recommendation = DelayRecommendation(
            DelaySettings(jitter_weight=0.0, tolerated_rollback=0), 0
        )
        for now, round_trip in [(0.0, 0.2), (1.0, 0.1), (2.0, 0.2)]:
            recommendation._paths.clear()
            recommendation.measured(2, round_trip)
            event = recommendation.recommend(now)
        assert event is not None
        self.assertEqual(event.frames, 3)

    def wanting(self, delay: int, wanted: dict[float, int]) -> list[tuple[float, int]]:
        """Return what is told, and when, if paths want certain delays from some times on."""
        rules = DelaySettings(jitter_weight=0.0, tolerated_rollback=0, interval=0.0)
        recommendation = DelayRecommendation(rules, delay)
        answers = []
        for now, frames in wanted.items():
            recommendation.smoothed(2, (frames - 0.75) / 30, 0.0)
            event = recommendation.recommend(now)
            if event is not None:
                answers.append((now, event.frames))
        return answers

    def test_nearestThatHeld(self) -> None:
        """So too from another delay than 0, up or down."""
        self.assertEqual(self.wanting(2, {0.0: 6, 1.0: 4, 2.0: 6}), [(2.0, 4)])
        self.assertEqual(self.wanting(2, {0.0: 4, 1.0: 6, 2.0: 6}), [(2.0, 4)])
        self.assertEqual(self.wanting(7, {0.0: 2, 1.0: 5, 2.0: 3}), [(2.0, 5)])

    def test_otherWay(self) -> None:
        """Where first more and then less is wanted neither has held; the 2 s begin anew."""
        changes = {0.0: 6, 1.0: 2, 2.0: 2, 2.9: 2, 3.0: 2}
        self.assertEqual(self.wanting(4, changes), [(3.0, 2)])
        self.assertEqual(self.wanting(4, {0.0: 2, 1.0: 6, 2.0: 6, 3.0: 6}), [(3.0, 6)])
        self.assertEqual(self.wanting(4, {0.0: 6, 1.0: 4, 2.0: 6, 3.9: 6, 4.0: 6}), [(4.0, 6)])

    def test_rightIsNeverTold(self) -> None:
        """Also without any patience the delay that is set is not told."""
        rules = DelaySettings(held_seconds=0.0, interval=0.0)
        recommendation = DelayRecommendation(rules, 3)
        recommendation.smoothed(2, 0.19, 0.0)
        for now in (0.0, 0.0, 1.0):
            self.assertIsNone(recommendation.recommend(now))

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(
            st.tuples(st.floats(0.0, 1.0), st.floats(-1.0, 20.0), st.integers(2, 4)), max_size=120
        )
    )
    def test_anyPath(self, samples: list[tuple[float, float, int]]) -> None:
        """Whatever is measured, the delay is within bounds and changes are 5 s apart."""
        recommendation = DelayRecommendation(DelaySettings(), 2)
        now = 0.0
        told_at: list[float] = []
        for pause, round_trip, peer in samples:
            now += pause
            recommendation.measured(peer, round_trip)
            before = recommendation.delay
            event = recommendation.recommend(now)
            if event is not None:
                self.assertNotEqual(event.frames, before)
                self.assertIn(event.frames, range(9))
                self.assertLessEqual(event.round_trip, 10.0)
                told_at.append(now)
        for one, another in pairwise(told_at):
            self.assertGreaterEqual(another - one, 5.0)


class LimitTests(SynchronousTestCase):
    """Bounds."""

    def test_nothingMeasured(self) -> None:
        """Without a measurement nothing is recommended."""
        self.assertIsNone(DelayRecommendation(DelaySettings(), 5).recommend(100.0))

    def test_peers(self) -> None:
        """At most 16 peers are measured; one that left makes room."""
        recommendation = DelayRecommendation(DelaySettings(), 0)
        for peer in range(PEERS_LIMIT):
            recommendation.measured(peer, 0.1)
        self.assertRaises(LocalProtocolError, recommendation.measured, 99, 0.1)
        self.assertRaises(LocalProtocolError, recommendation.smoothed, 99, 0.1, 0.0)
        recommendation.measured(0, 0.08)
        recommendation.peerLeft(0)
        recommendation.measured(99, 0.1)

    def test_settings(self) -> None:
        """Settings out of bounds are refused by name."""
        for name, value in [
            ("frame_rate", 0),
            ("frame_rate", 241),
            ("tolerated_rollback", -1),
            ("tolerated_rollback", 33),
            ("jitter_weight", -0.5),
            ("jitter_weight", 17),
            ("delay_limit", 17),
            ("held_seconds", -1.0),
            ("interval", 601.0),
        ]:
            error = self.assertRaises(BadSetting, DelaySettings, **{name: value})  # type: ignore[arg-type]
            self.assertIn(name, str(error))
