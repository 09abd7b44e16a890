"""
What a session recommends to the game: to wait, where it is ahead of the others
and cannot play slower, and another input delay, where the paths have changed.
"""

from __future__ import annotations

import attrs

from gamenet.rollback.delay_recommendation import DelayRecommendation, DelaySettings
from gamenet.rollback.frame_advantage import WaitRecommendation
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings

__all__ = ["LOOK_INTERVAL", "Recommendations"]

#: Seconds between two looks.
LOOK_INTERVAL = 0.5


@attrs.define(init=False)
class Recommendations:
    """
    Looks at the paths to the other members now and then.

    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _waits: When to wait.
    @ivar _delays: Which input delay is best.
    @ivar _paths: The peers whose paths were looked at.
    @ivar _next_look: When to look again, in seconds.
    """

    _progress: Progress
    _exchange: InputExchange
    _waits: WaitRecommendation
    _delays: DelayRecommendation
    _paths: tuple[int, ...]
    _next_look: float

    def __init__(
        self, settings: RollbackSettings, progress: Progress, exchange: InputExchange
    ) -> None:
        """
        @param settings: The rules.
        """
        self._progress = progress
        self._exchange = exchange
        self._waits = WaitRecommendation()
        tolerated = min(3, settings.prediction_window)
        rules = DelaySettings(settings.frame_rate, tolerated_rollback=tolerated)
        self._delays = DelayRecommendation(rules, settings.input_delay)
        self._paths = ()
        self._next_look = -1e9

    def look(self, now: float) -> None:
        """
        Look, and tell what is to be recommended; nothing once every frame was played.

        @param now: The time, in seconds.
        """
        exchange, progress = self._exchange, self._progress
        if now < self._next_look or progress.current_frame >= progress.frames:
            return
        self._next_look = now + LOOK_INTERVAL
        others = exchange.others
        paths = tuple([remote.peer for remote in others])
        for peer in self._paths:
            if peer not in paths:
                self._delays.peerLeft(peer)
        self._paths = paths
        for remote in others:
            if remote.silent:
                remote.ahead.reset()  # where it is now is not known
            if remote.round_trip is not None:
                self._delays.smoothed(remote.peer, remote.round_trip, remote.round_trip_deviation)
        delay = exchange.local.delay(None)
        if delay != self._delays.delay:
            self._delays.delayChanged(delay, now)
        if not others:
            return
        wait = self._waits.recommend(progress.current_frame, [one.ahead for one in others])
        if wait is not None:
            progress.events.append(wait)
        recommended = self._delays.recommend(now)
        if recommended is not None:
            progress.events.append(recommended)
