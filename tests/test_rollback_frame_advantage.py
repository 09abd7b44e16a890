"""Tests of L{gamenet.rollback.frame_advantage}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.rollback.events import WaitRecommended
from gamenet.rollback.frame_advantage import WINDOW, FrameAdvantage, WaitRecommendation


def ahead(frames: float) -> FrameAdvantage:
    """Somebody over whom we have been that many frames ahead for a whole window."""
    advantage = FrameAdvantage()
    for frame in range(WINDOW):
        advantage.measured(frame, frames, -frames)
    return advantage


class VectorTests(SynchronousTestCase):
    """
    Done when: the eight time-sync vectors of GGRS (anchor, section 4) hold, with
    its numbers.  What it calls an advantage is by how many frames one is behind,
    so both numbers change their sign.
    """

    def average(self, *spans: tuple[int, int, int]) -> float:
        """The result after some spans of (frames, local, remote), in GGRS's numbers."""
        advantage = FrameAdvantage()
        frame = 0
        for frames, local, remote in spans:
            for _ in range(frames):
                advantage.measured(frame, -local, -remote)
                frame += 1
        return advantage.frames

    def test_noAdvantage(self) -> None:
        """60 frames of local 0 and remote 0: 0."""
        self.assertEqual(self.average((60, 0, 0)), 0)

    def test_localAdvantage(self) -> None:
        """60 frames of local 5 and remote -5: -5."""
        self.assertEqual(self.average((60, 5, -5)), -5)

    def test_smallRemoteAdvantage(self) -> None:
        """60 frames of local -1 and remote 1: 1."""
        self.assertEqual(self.average((60, -1, 1)), 1)

    def test_remoteAdvantage(self) -> None:
        """60 frames of local -4 and remote 4: 4."""
        self.assertEqual(self.average((60, -4, 4)), 4)

    def test_bigRemoteAdvantage(self) -> None:
        """60 frames of local -40 and remote 40: 40."""
        self.assertEqual(self.average((60, -40, 40)), 40)

    def test_windowWrapsAround(self) -> None:
        """30 frames of 10 and then 30 of 0: only the newest 30 count, 0."""
        self.assertEqual(self.average((30, -10, 10), (30, 0, 0)), 0)

    def test_partialWindow(self) -> None:
        """10 frames of local -30 and remote 30; the other 20 count as 0: 10."""
        self.assertEqual(self.average((10, -30, 30)), 10)

    def test_asymmetric(self) -> None:
        """30 frames of local 2 and remote 6: 2."""
        self.assertEqual(self.average((30, 2, 6)), 2)


class FrameAdvantageTests(SynchronousTestCase):
    """By how many frames we are ahead."""

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.integers(-64, 64), st.integers(-64, 64)), max_size=100))
    def test_bothSidesAgree(self, pairs: list[tuple[int, int]]) -> None:
        """One side is ahead by what the other is behind, whatever each measured."""
        here, there = FrameAdvantage(), FrameAdvantage()
        for frame, (local, remote) in enumerate(pairs):
            here.measured(frame, local, remote)
            there.measured(frame, remote, local)
        self.assertEqual(here.frames, -there.frames)
        newest = pairs[-WINDOW:]
        mean = sum(local - remote for local, remote in newest) / WINDOW
        self.assertAlmostEqual(here.frames, mean / 2)

    def test_sameFrameAgain(self) -> None:
        """Of a frame that is measured again, as in a stall, the newest counts."""
        advantage = FrameAdvantage()
        for _ in range(100):
            advantage.measured(7, 30, -30)
        self.assertEqual(advantage.frames, 1)

    def test_reset(self) -> None:
        """After a reset nothing is known."""
        advantage = ahead(5)
        advantage.reset()
        self.assertEqual(advantage.frames, 0)


class WaitRecommendationTests(SynchronousTestCase):
    """When a wait is recommended: at least 3 frames ahead, at least 60 frames apart."""

    def test_threeFrames(self) -> None:
        """Below 3 frames nothing is recommended; from 3 on the whole frames are."""
        for frames, told in [(-5, None), (2.9, None), (3, 3), (3.9, 3), (9, 9), (40, 10)]:
            advice = WaitRecommendation().recommend(0, [ahead(frames)])
            self.assertEqual(advice, None if told is None else WaitRecommended(told))

    def test_sixtyFrames(self) -> None:
        """After one, the next comes 60 frames later at the earliest."""
        recommendation = WaitRecommendation()
        told = [frame for frame in range(200) if recommendation.recommend(frame, [ahead(4)])]
        self.assertEqual(told, [0, 60, 120, 180])

    def test_slowestPeer(self) -> None:
        """Of several peers the one that we are furthest ahead of decides."""
        peers = [ahead(-8), ahead(5), ahead(4)]
        self.assertEqual(WaitRecommendation().recommend(9, peers), WaitRecommended(5))
        self.assertIsNone(WaitRecommendation().recommend(9, []))
        self.assertIsNone(WaitRecommendation(least=1).recommend(9, []))

    def test_settings(self) -> None:
        """The numbers are settings, within bounds."""
        recommendation = WaitRecommendation(least=1, interval=2, most=2)
        told = [recommendation.recommend(frame, [ahead(4)]) for frame in range(3)]
        self.assertEqual(told, [WaitRecommended(2), None, WaitRecommended(2)])
        for bad in ({"least": 0}, {"least": 61}, {"interval": 0}, {"most": 0}, {"most": 1.5}):
            self.assertRaises(BadSetting, WaitRecommendation, **bad)
