"""Tests of L{gamenet.rollback.timeline_rules}: states are here when others ask for them."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_events import StatesDumped, StateTakenOver
from gamenet.rollback.timeline_rules import KEPT_LIMIT, TimelineRules, keptStates
from tests.rollback_scene import NEAR, Scene, SceneCase


class KeptStatesTests(SynchronousTestCase):
    """How many states of reported frames are kept."""

    def test_counts(self) -> None:
        """Those of about a second and a half, four at least, never more than the limit."""
        for rate, window, interval, kept in (
            (60, 8, 30, 7),
            (60, 8, 10, 14),
            (60, 8, 5, 25),
            (60, 8, 2, 57),
            (60, 8, 1, KEPT_LIMIT),
            (240, 30, 1, KEPT_LIMIT),
            (60, 0, 3600, 4),
            (1, 0, 1, 5),
        ):
            self.assertEqual(keptStates(rate, window, interval), kept)

    def test_session(self) -> None:
        """A session tells its timeline so, and every other rule that follows from settings."""
        for interval in (1, 2, 30):
            settings = RollbackSettings(
                checksum_interval=interval, prediction_window=5, sparse_saving=True, input_limit=9
            )
            kept = keptStates(60, 5, interval)
            self.assertEqual(
                RollbackSession(settings).timeline_rules, TimelineRules(5, True, kept, False, 9)
            )

    def test_bounds(self) -> None:
        """Every bound, and one beyond."""
        for name, lowest, highest in (
            ("kept_states", 1, KEPT_LIMIT),
            ("input_limit", 1, 65_536),
            ("prediction_window", 0, None),
        ):
            for good in (lowest, highest):
                if good is not None:
                    self.assertEqual(getattr(TimelineRules(**{name: good}), name), good)
                    bad = good - 1 if good == lowest else good + 1
                    error = self.assertRaises(BadSetting, TimelineRules, **{name: bad})
                    self.assertIn(name, str(error))


class OftenReportedTests(SceneCase):
    """
    Done when: late join, dumps and repair, where checksums are reported so often that a
    state would be gone before somebody far away can ask for it.
    """

    def pairs(self) -> list[tuple[int, float]]:
        """Return intervals, and seconds one way."""
        return [(1, 0.08), (1, 0.15), (2, 0.15), (5, 0.08), (5, 0.15)]

    def test_joining(self) -> None:
        """A late player gets the state and its seat."""
        for interval, latency in self.pairs():
            profile = attrs.evolve(NEAR, latency=latency)
            scene = Scene(3, profile=profile, vacant=(3,), checksum_interval=interval)
            scene.run(1.0)
            scene.start(3, joining=True)
            scene.untilMembers(1, 2, 3, limit=8.0)
            scene.played(1, 2, 3, least=60)
            self.assertTrue(scene[3].restored or scene[3].confirmed[0], interval)
            self.assertAgree(scene, least=60)

    def test_joiningFromSnapshot(self) -> None:
        """The same so late that no host has the first frames any more."""
        for interval in (1, 2):
            profile = attrs.evolve(NEAR, latency=0.1)
            scene = Scene(
                3, profile=profile, vacant=(3,), checksum_interval=interval, history_limit=120
            )
            scene.run(3.5)
            late = scene.start(3, joining=True)
            scene.untilMembers(1, 2, 3, limit=8.0)
            scene.played(1, 2, 3, least=60)
            self.assertTrue(late.restored)
            self.assertGreater(min(late.confirmed), 60)
            self.assertAgree(scene, least=60)

    def test_dumpsAndRepair(self) -> None:
        """A state that went wrong is told by a pair of dumps, and repaired once."""
        for interval, latency in self.pairs():
            scene = Scene(
                2,
                profile=attrs.evolve(NEAR, latency=latency),
                checksum_interval=interval,
                state_exchange_interval=60 // interval * interval,
                prediction_window=12,
            )
            scene.run(1.0)
            peer = scene[2]
            peer.game.spoiled_at = peer.session.current_frame + 20
            scene.until(lambda peer=peer: bool(peer.of(StateTakenOver)), 5.0, f"{interval}")
            peer.game.spoiled_at = None
            repaired = max(each.session.confirmed_frame for each in scene.players) + 1
            scene.run(2.5)
            for each in scene.players:
                dumped = each.of(StatesDumped)
                self.assertEqual(len(dumped), 1, (interval, latency, each.peer))
                pair = dumped[0].pair
                self.assertNotEqual(pair.local.snapshot, pair.remote.snapshot)
            self.assertEqual(len(peer.of(StateTakenOver)), 1)
            self.assertAgree(scene, start=repaired, least=60)
