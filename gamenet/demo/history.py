"""
What happened to each player over time, as the report draws it.
"""

from __future__ import annotations

from itertools import pairwise

from attrs import define, field, frozen

__all__ = ["Mark", "PathSpan", "PlayerHistory", "RoundTrip"]


@frozen
class RoundTrip:
    """
    One measurement.

    @ivar time: Seconds since this player's play began.
    @ivar frame: The next frame to be played then.
    @ivar rtt: The round trip in seconds, or C{None} where it is not known yet.
    """

    time: float
    frame: int
    rtt: float | None


@frozen
class Mark:
    """
    A moment that is worth a line across the picture.

    @ivar time: When, in seconds.
    @ivar text: What happened.
    """

    time: float
    text: str


@frozen
class PathSpan:
    """
    A time in which one kind of path carried the game.

    @ivar start: Seconds since this player's play began.
    @ivar end: Likewise.
    @ivar kind: C{"direct"}, C{"relay"} or C{"none"}.
    """

    start: float
    end: float
    kind: str


@define
class PlayerHistory:
    """
    One player's match over time; all times are seconds since play began.

    @ivar name: The player's name.
    @ivar round_trips: The measurements, in order of time.
    @ivar rollbacks: Time and depth (frames) of every rollback, in order.
    @ivar path_changes: Time and new kind of path at each change, in order.
    """

    name: str
    round_trips: list[RoundTrip] = field(factory=list)
    rollbacks: list[tuple[float, int]] = field(factory=list)
    path_changes: list[tuple[float, str]] = field(factory=list)

    @property
    def end(self) -> float:
        """The time of the last thing that is known."""
        return max(
            [0.0]
            + [trip.time for trip in self.round_trips[-1:]]
            + [time for time, _ in self.rollbacks[-1:]]
            + [time for time, _ in self.path_changes[-1:]]
        )

    def continued(self, later: PlayerHistory, offset: float) -> PlayerHistory:
        """
        Return this history with that of the process that took this one's place.

        @param offset: The seconds from the beginning of play here to that of C{later}.
        """
        frame = self.round_trips[-1].frame if self.round_trips else 0
        trips = [RoundTrip(one.time + offset, one.frame, one.rtt) for one in later.round_trips]
        rollbacks = [(time + offset, depth) for time, depth in later.rollbacks]
        changes = [(time + offset, kind) for time, kind in later.path_changes]
        return PlayerHistory(
            self.name,
            [*self.round_trips, RoundTrip(self.end, frame, None), *trips],
            [*self.rollbacks, *rollbacks],
            [*self.path_changes, (self.end, "none"), *changes],
        )

    def pathSpans(self) -> list[PathSpan]:
        """Return what carried the game from 0.0 to L{end}, without gaps."""
        changes = [(0.0, "none"), *self.path_changes, (self.end, "")]
        spans: list[PathSpan] = []
        for (start, kind), (end, _) in pairwise(changes):
            if spans and spans[-1].kind == kind:
                spans[-1] = PathSpan(spans[-1].start, end, kind)
            elif end > start:
                spans.append(PathSpan(start, end, kind))
        return spans

    def timeOf(self, frame: int) -> float | None:
        """Return about when a frame was played, or C{None} if that is not known."""
        before: RoundTrip | None = None
        for trip in self.round_trips:
            if trip.frame > frame:
                if before is None or trip.frame == before.frame:
                    return trip.time
                part = (frame - before.frame) / (trip.frame - before.frame)
                return before.time + part * (trip.time - before.time)
            before = trip
        return None
