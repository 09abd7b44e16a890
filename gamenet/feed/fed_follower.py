"""
What a host knows of one follower.
"""

from __future__ import annotations

import attrs

from gamenet.feed.settings import FeedSettings
from gamenet.wire.feed_packets import Follow

__all__ = ["FedFollower"]

#: Frames never go again sooner than this, in seconds.
_SHORTEST_TIMEOUT = 0.15


@attrs.define
class FedFollower:
    """
    One follower, as the host sees it.

    @ivar heard_at: When it was heard last, in seconds.
    @ivar number: The number of its newest FOLLOW.
    @ivar next_wanted: The first frame that it lacks, or C{None} if it has no state.
    @ivar paused: Whether it wants no frames.
    @ivar silent: Whether it has not been heard for a while.
    @ivar sent_at: When it was sent something last.
    @ivar sent_end: The first frame that was never sent, or is to be sent again.
    @ivar behind: Whether what it lacks did not fit into one packet.
    @ivar flying: The packets on their way, oldest first: the frame behind their last,
        and when they were sent.
    @ivar snapshot_frame: The number of the snapshot that it is being sent, or C{None}.
    @ivar idle_since: Since when that is no more under way, or C{None}.
    @ivar catching_up: Whether it goes on from a snapshot, and is not near yet.
    """

    heard_at: float
    number: int = 0
    next_wanted: int | None = None
    paused: bool = False
    silent: bool = False
    sent_at: float = float("-inf")
    sent_end: int = 0
    behind: bool = False
    flying: list[tuple[int, float]] = attrs.field(factory=list)
    snapshot_frame: int | None = None
    idle_since: float | None = None
    catching_up: bool = False
    _smoothed: float | None = None
    _deviation: float = 0.0
    _factor: float = 1.0

    def followReceived(self, follow: Follow, now: float) -> None:
        """Take a FOLLOW that is newer than those before."""
        self.heard_at = now
        self.silent = False
        self.number = follow.number
        self.paused = follow.paused
        former, wanted = self.next_wanted, follow.next_wanted
        self.next_wanted = wanted
        if wanted is None or former is None or wanted < former:
            self.flying.clear()
            self.sent_end = wanted or 0
        elif wanted > former:
            self._acknowledged(wanted, now)
        if self.snapshot_frame is not None and wanted is not None and wanted >= self.snapshot_frame:
            self.snapshot_frame = None
            self.idle_since = None
            self.catching_up = True

    def takeTimeout(self, settings: FeedSettings, now: float) -> None:
        """Look whether an acknowledgement is overdue; then all goes again."""
        if not self.flying:
            return
        measured = settings.first_timeout
        if self._smoothed is not None:
            measured = max(_SHORTEST_TIMEOUT, self._smoothed + 4 * self._deviation)
        if now - self.flying[0][1] < min(settings.longest_timeout, measured * self._factor):
            return
        self._factor = min(self._factor * 2, 64.0)
        self.flying.clear()
        self.sent_end = self.next_wanted or 0

    def noteSent(self, end: int, limit: int, now: float) -> None:
        """
        Note a packet of frames.

        @param end: The frame behind its last.
        @param limit: How many packets are remembered.
        @param now: The time, in seconds.
        """
        self.sent_at = now
        self.sent_end = end
        self.flying.append((end, now))
        del self.flying[:-limit]

    def noteSnapshot(self, running: bool, grace: float, now: float) -> None:
        """
        Look whether a snapshot is still under way; if it has not been for
        C{grace} seconds and the follower does not have it, another one is wanted.
        """
        if running:
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = now
        elif now - self.idle_since >= grace:
            self.snapshot_frame = None
            self.idle_since = None

    def _acknowledged(self, wanted: int, now: float) -> None:
        """Forget what has come, and measure its round trip unless it was sent twice."""
        at = None
        while self.flying and self.flying[0][0] <= wanted:
            at = self.flying.pop(0)[1]
        if at is not None and self._factor == 1.0:
            measured = now - at
            if self._smoothed is None:
                self._smoothed, self._deviation = measured, measured / 2
            else:
                self._deviation += (abs(measured - self._smoothed) - self._deviation) / 4
                self._smoothed += (measured - self._smoothed) / 8
        self._factor = 1.0
