"""Packets are rarer than frames where C{send_interval} says so, and play is as fast."""

from __future__ import annotations

from typing import Any

import attrs

from tests.rollback_scene import NEAR, Scene, SceneCase

#: A path of 5 ms on which nothing is lost.
SHORT = attrs.evolve(NEAR, latency=0.005, jitter=0.0)

FRAMES = 300


class RateTests(SceneCase):
    """ "Every setting works with every other": a window smaller than the interval."""

    def scene(self, **rules: Any) -> Scene:
        """Return a match after five seconds."""
        scene = Scene(2, profile=SHORT, **rules)
        scene.run(FRAMES / 60)
        return scene

    def test_smallWindows(self) -> None:
        """With a packet every four frames and a window of 0, 1 and 2 nearly every frame plays."""
        for window in (0, 1, 2):
            for interval in (2, 4):
                scene = self.scene(send_interval=interval, prediction_window=window)
                for peer in scene.players:
                    frames = peer.session.current_frame
                    self.assertGreater(frames, FRAMES * 0.95, (window, interval))
                self.assertAgree(scene, least=200)

    def test_saved(self) -> None:
        """Where the window is long enough, packets are as rare as was asked for."""
        for interval in (1, 2, 4):
            scene = self.scene(send_interval=interval)
            for peer in scene.players:
                sent = peer.session.statistics.packets_sent
                self.assertLess(sent, FRAMES / interval * 1.1 + 20, interval)
                self.assertGreater(sent, FRAMES / interval * 0.9 - 10, interval)
                self.assertGreater(peer.session.current_frame, FRAMES * 0.98)

    def test_nothingNew(self) -> None:
        """Who waits for somebody that is gone does not say more for it."""
        scene = self.scene(send_interval=4, prediction_window=1, lost_after=None)
        before = scene.session(1).statistics.packets_sent
        scene.mesh.kill(2)
        scene.run(4.0)
        self.assertLess(scene.session(1).statistics.packets_sent - before, 4 * 60 / 4 + 10)
