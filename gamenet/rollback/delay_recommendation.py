"""
Which input delay suits the path to the other players.

An input takes half a round trip, and now and then more, to get to the others.
What the input delay does not cover of that is covered by rollbacks: a few frames
of them nobody sees, more make remote players jump.  So the delay wanted is the
time that nearly all inputs need, less the rollback that the game tolerates::

    ceil((round trip / 2 + jitter weight * jitter) * frame rate) - tolerated rollback

The round trip and its mean deviation, the jitter, are smoothed as in RFC 6298,
section 2, over what was measured to each peer; the peer with the longest path
decides.  A player feels every change, so one is recommended only where it was
wanted for some seconds, not again before some more have passed, and a lower one
not where the path is just below the step.
"""

from __future__ import annotations

from math import ceil

import attrs

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import LocalProtocolError
from gamenet.rollback.events import InputDelayRecommended
from gamenet.rollback.settings import DELAY_LIMIT, RATE_LIMIT

__all__ = ["PEERS_LIMIT", "ROUND_TRIP_LIMIT", "DelayRecommendation", "DelaySettings"]

#: The most other peers that are measured.
PEERS_LIMIT = 16

#: A round trip is counted as no longer than this, in seconds.
ROUND_TRIP_LIMIT = 10.0

#: By how many frames the path must be below a step for a lower delay.
STEP_BACK = 0.5

# A path of exactly two frames wants two, in spite of what floats make of it.
_ROUNDING = 1e-6


@attrs.frozen
class DelaySettings:
    """
    How an input delay is recommended.

    @ivar frame_rate: Frames a second, 1 to
        L{gamenet.rollback.settings.RATE_LIMIT}.
    @ivar tolerated_rollback: How many frames of rollback the game hides well, 0
        to 32.
    @ivar jitter_weight: How many mean deviations an input may come late, 0 to
        16.
    @ivar delay_limit: The highest delay recommended, in frames, 0 to
        L{gamenet.rollback.settings.DELAY_LIMIT}.
    @ivar held_seconds: How long a change must have been wanted, in seconds.
    @ivar interval: How long after a change the next one may be recommended, in
        seconds.

    @raise gamenet.errors.BadSetting: A value is out of bounds.
    """

    frame_rate: int = attrs.field(default=60, validator=wholeNumber(1, RATE_LIMIT))
    tolerated_rollback: int = attrs.field(default=3, validator=wholeNumber(0, 32))
    jitter_weight: float = attrs.field(default=2.0, validator=number(0, 16))
    delay_limit: int = attrs.field(default=8, validator=wholeNumber(0, DELAY_LIMIT))
    held_seconds: float = attrs.field(default=2.0, validator=seconds(0.0, 600.0))
    interval: float = attrs.field(default=5.0, validator=seconds(0.0, 600.0))


@attrs.define
class _Path:
    """
    The measured path to one peer.

    @ivar round_trip: Its mean round trip, in seconds.
    @ivar jitter: The mean deviation from that, in seconds.
    """

    round_trip: float
    jitter: float


@attrs.define(init=False)
class DelayRecommendation:
    """
    Recommends input delays to one game.

    @ivar settings: The L{DelaySettings}.
    @ivar delay: The delay that was set or recommended last, in frames.
    @ivar _paths: What was measured, by peer.
    @ivar _held: The change nearest to C{delay} of all that were wanted without
        a break, or C{delay} if none is.
    @ivar _since: When a change was wanted first, in seconds.
    @ivar _quiet_until: Before this time nothing is recommended.
    """

    settings: DelaySettings
    delay: int
    _paths: dict[int, _Path]
    _held: int
    _since: float
    _quiet_until: float

    def __init__(self, settings: DelaySettings, delay: int) -> None:
        """
        @param settings: How to recommend.
        @param delay: The delay that the game begins with, in frames.
        """
        self.settings = settings
        self.delay = self._held = delay
        self._paths = {}
        self._since = 0.0
        self._quiet_until = float("-inf")

    def measured(self, peer: int, round_trip: float) -> None:
        """
        Take a measured round trip.

        @param peer: To which peer.
        @param round_trip: In seconds; over L{ROUND_TRIP_LIMIT} counts as that,
            below 0 as 0.
        @raise LocalProtocolError: There would be more than L{PEERS_LIMIT} peers.
        """
        sample = _bounded(round_trip)
        path = self._paths.get(peer)
        if path is None:
            self.smoothed(peer, sample, sample / 2)
            return
        path.jitter += (abs(path.round_trip - sample) - path.jitter) / 4
        path.round_trip += (sample - path.round_trip) / 8

    def smoothed(self, peer: int, round_trip: float, jitter: float) -> None:
        """
        Take what somebody else has smoothed already, instead of L{measured}.

        @param peer: To which peer.
        @param round_trip: The mean, in seconds, bounded as in L{measured}.
        @param jitter: The mean deviation, in seconds, bounded likewise.
        @raise LocalProtocolError: There would be more than L{PEERS_LIMIT} peers.
        """
        path = self._paths.get(peer)
        if path is None:
            if len(self._paths) >= PEERS_LIMIT:
                raise LocalProtocolError(f"paths to more than {PEERS_LIMIT} peers")
            path = self._paths[peer] = _Path(0.0, 0.0)
        path.round_trip = _bounded(round_trip)
        path.jitter = _bounded(jitter)

    def peerLeft(self, peer: int) -> None:
        """Forget what was measured to a peer."""
        self._paths.pop(peer, None)

    def delayChanged(self, delay: int, now: float) -> None:
        """
        The game has set its input delay, by our recommendation or not.

        @param delay: In frames.
        @param now: The time, in seconds.
        """
        self.delay = self._held = delay
        self._quiet_until = now + self.settings.interval

    def recommend(self, now: float) -> InputDelayRecommended | None:
        """
        Return what to tell the game, if anything; called every now and then,
        some times a second.

        A recommendation is told once, whether or not it is followed.

        @param now: The time, in seconds.
        """
        slowest = max(self._paths.values(), key=self._frames, default=None)
        if slowest is None:
            return None
        delay = self.delay
        held_seconds = self.settings.held_seconds
        if now < self._quiet_until - held_seconds:
            return None
        wanted = self._wanted(self._frames(slowest))
        if self._held == delay or (wanted - delay) * (self._held - delay) <= 0:
            self._held = wanted
            self._since = now
        elif abs(wanted - delay) < abs(self._held - delay):
            self._held = wanted
        if self._held == delay or now - self._since < held_seconds or now < self._quiet_until:
            return None
        frames = self._held
        self.delayChanged(frames, now)
        return InputDelayRecommended(frames, slowest.round_trip, slowest.jitter)

    def _frames(self, path: _Path) -> float:
        """Return how many frames nearly all inputs need on a path."""
        settings = self.settings
        late = path.round_trip / 2 + settings.jitter_weight * path.jitter
        return late * settings.frame_rate

    def _wanted(self, frames: float) -> int:
        """Return the delay for a path on which inputs need that many frames."""
        wanted = self._delayFor(frames)
        if wanted < self.delay:
            return min(self._delayFor(frames + STEP_BACK), self.delay)
        return wanted

    def _delayFor(self, frames: float) -> int:
        """Return the delay that the formula gives."""
        settings = self.settings
        wanted = ceil(frames - _ROUNDING) - settings.tolerated_rollback
        return max(0, min(wanted, settings.delay_limit))


def _bounded(duration: float) -> float:
    """Return a duration in seconds within sensible bounds."""
    return min(max(duration, 0.0), ROUND_TRIP_LIMIT)
