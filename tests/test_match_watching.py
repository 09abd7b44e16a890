"""What a match in play looks at less often than once a frame."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.match import playing
from gamenet.match.protocol import MatchResult
from tests.many_players import ManyPlayers

FRAME = 1 / 60


class WatchTests(SynchronousTestCase):
    """C{core_share_percent}: nothing is looked for at every frame that takes longer."""

    def test_silence(self) -> None:
        """A silence is told within C{interrupted_after}, one look and one frame."""
        mesh = ManyPlayers(2, interrupted_after=0.5, lost_after=2.0)
        mesh.play()
        mesh.until(60)
        protocol = mesh.seats[1].protocol
        mesh.cut(1)
        cut_at = mesh.network.clock.seconds()
        mesh.network.runUntil(lambda: protocol.told("interrupted"), 5.0)
        took = mesh.network.clock.seconds() - cut_at
        # What was under way when the link was cut comes still, 20 ms later.
        self.assertLessEqual(took, 0.5 + 0.02 + playing._WATCH_INTERVAL + FRAME)
        self.assertGreater(took, 0.5 - FRAME)

    def test_howOften(self) -> None:
        """The others are looked at 20 times a second, however many frames are played."""
        looks: list[float] = []
        watch = playing.Playing._watch

        def counted(stage: Any, now: float) -> None:
            looks.append(now)
            watch(stage, now)

        self.patch(playing.Playing, "_watch", counted)
        mesh = ManyPlayers(2, frame_rate=120)
        mesh.play()
        mesh.until(60)
        looks.clear()
        mesh.network.advance(2.0)
        self.assertLessEqual(len(looks), 2 * 2 * 20 + 2)
        self.assertGreaterEqual(len(looks), 2 * 2 * 15)

    def test_theEnd(self) -> None:
        """The last frame ends the match at once, whenever the next look was to be."""
        mesh = ManyPlayers(2, frames=31)
        mesh.play()
        mesh.toTheEnd()
        for seat in mesh.seats.values():
            assert isinstance(seat.result, MatchResult)
            self.assertEqual(seat.result.last_frame, 30)
