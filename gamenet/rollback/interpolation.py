"""
Drawing more often than the game is simulated, and without jerks.

A I{picture} is what the game wants to be drawn of one frame: for each key (an
object of the game) a tuple of integers, for example the raw values of
L{gamenet.fixed_point.Fixed.raw}: its place, its angle.  What comes out are floats,
for the screen alone; nothing of it goes back into the simulation.

Two things make what is drawn differ from the newest picture:

  - L{interpolate}: between two frames, what is drawn is between their pictures.
  - L{Smoother}: after a correction (a rollback that changed something, or a state
    that was taken over) what is drawn moves from the old picture to the new
    over some time, instead of jumping there.

L{PictureTrack} does both; a game tells it the picture of each frame that was
played, also of those that were played again, and asks what to draw::

    track.pictured(frame, picture, now)         # after each advance
    for key, values in track.drawn(blend, now).items(): ...
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import ceil
from typing import TypeAlias

import attrs

from gamenet.errors import BadSetting, LocalProtocolError

__all__ = ["Axis", "Drawn", "Picture", "PictureTrack", "Smoother", "interpolate"]

#: What there is to be drawn of one frame.
Picture: TypeAlias = Mapping[Hashable, Sequence[int]]

#: What to draw now.
Drawn: TypeAlias = dict[Hashable, tuple[float, ...]]


@attrs.frozen
class Axis:
    """
    What one place in the tuples of a picture means.

    @ivar period: Of an angle: how much a whole turn is, for example
        C{gamenet.fixed_point.TAU.raw}; it moves the shorter way round.  C{None}
        for what does not come round.
    @ivar jump: A change of more than this is a jump, for example through a
        portal: the whole object is neither interpolated nor smoothed then.
        C{None} for never.

    @raise BadSetting: C{period} is not above 0, or C{jump} is negative.
    """

    period: int | None = None
    jump: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.period is not None and self.period <= 0:
            raise BadSetting(f"period must be above 0, not {self.period}")
        if self.jump is not None and self.jump < 0:
            raise BadSetting(f"jump must be at least 0, not {self.jump}")

    def change(self, before: float, after: float) -> float:
        """
        Return how far it is from one value to another, the shorter way round
        where there is one; half a turn counts as forwards.
        """
        change = after - before
        if self.period is not None:
            change -= self.period * ceil(change / self.period - 0.5)
        return change


_PLAIN = Axis()


def interpolate(before: Picture, after: Picture, blend: float, axes: Sequence[Axis] = ()) -> Drawn:
    """
    Return what to draw between two pictures.

    @param before: The picture of the frame before.
    @param after: The picture of the newest frame.  What is in this one alone
        is drawn as it is, and what is in the other one alone is not drawn.
    @param blend: From 0.0, which is C{before}, to 1.0, which is C{after}; what
        is beyond counts as the nearer end, so nothing is extrapolated.
    @param axes: The meaning of each value; none of them is an angle or jumps
        if nothing is given.
    @return: The values of each key in C{after}, in its order.  An angle is
        within half a turn of that in C{before}, not within one period.
    @raise LocalProtocolError: The tuples of a key differ in length from each
        other or from C{axes}.
    """
    blend = _within(blend)
    drawn: Drawn = {}
    for key, values in after.items():
        former = before.get(key)
        changes = None if former is None else _changes(key, former, values, axes)
        if former is None or changes is None:
            drawn[key] = tuple(map(float, values))
        else:
            drawn[key] = tuple(
                [value + change * blend for value, change in zip(former, changes, strict=True)]
            )
    return drawn


def _within(blend: float) -> float:
    """Return the nearest number from 0.0 to 1.0."""
    return min(max(blend, 0.0), 1.0)


def _changes(
    key: Hashable, before: Sequence[float], after: Sequence[float], axes: Sequence[Axis]
) -> list[float] | None:
    """
    Return how far each value moves, or C{None} where the object jumps.

    @raise LocalProtocolError: The lengths differ.
    """
    if len(before) != len(after) or (axes and len(axes) != len(after)):
        raise LocalProtocolError(
            f"{key!r} has {len(after)} values; there were {len(before)}, and {len(axes)} axes"
        )
    changes = []
    for axis, old, new in zip(axes or [_PLAIN] * len(after), before, after, strict=True):
        change = axis.change(old, new)
        if axis.jump is not None and abs(change) > axis.jump:
            return None
        changes.append(change)
    return changes


@attrs.define(init=False)
class Smoother:
    """
    How far what is drawn still is from where it ought to be.

    After a correction that distance becomes smaller evenly, and after
    C{duration} it is 0.  A further correction meanwhile adds to what is left,
    and it takes C{duration} from then on.

    @ivar duration: In seconds.
    @ivar axes: The meaning of each value, a tuple of L{Axis}.
    @ivar keys_limit: How many objects are smoothed at a time.
    @ivar unsmoothed: How many corrections were drawn as jumps because there
        were C{keys_limit} others.
    @ivar _distances: For each object that is not drawn where it is: when it
        was corrected last, in seconds, and how far off it was then.
    """

    duration: float
    axes: tuple[Axis, ...]
    keys_limit: int
    unsmoothed: int
    _distances: dict[Hashable, tuple[float, tuple[float, ...]]]

    def __init__(
        self, duration: float = 0.1, axes: Sequence[Axis] = (), keys_limit: int = 1024
    ) -> None:
        """
        @param duration: In seconds; 0.0 smooths nothing.
        @param axes: The meaning of each value; none of them is an angle or
            jumps if nothing is given.
        @param keys_limit: At least 1.
        @raise BadSetting: One cannot work.
        """
        if not 0.0 <= duration < float("inf"):
            raise BadSetting(f"duration must be at least 0 seconds, not {duration}")
        if keys_limit < 1:
            raise BadSetting(f"keys_limit must be at least 1, not {keys_limit}")
        self.duration = duration
        self.axes = tuple(axes)
        self.keys_limit = keys_limit
        self.unsmoothed = 0
        self._distances = {}

    @property
    def smoothed(self) -> int:
        """How many objects may not be drawn where they are."""
        return len(self._distances)

    def corrected(self, old: Picture, new: Picture, now: float) -> None:
        """
        A picture turned out to be wrong.

        @param old: The picture as it was.
        @param new: The picture of the same moment as it is.  Objects in one of
            the two alone are not smoothed: they appear and vanish at once.
        @param now: The time, in seconds.
        @raise LocalProtocolError: The tuples of a key differ in length from
            each other or from C{axes}.  Nothing changed then.
        """
        distances: dict[Hashable, tuple[float, tuple[float, ...]]] = {}
        unsmoothed = 0
        for key, values in new.items():
            former = old.get(key)
            if former is None:
                continue
            changes = _changes(key, values, former, self.axes)
            if changes is None:
                continue
            left = self._left(key, now)
            if left is None and not any(changes):
                continue
            if len(distances) >= self.keys_limit:
                unsmoothed += 1
            elif not any(changes):
                distances[key] = self._distances[key]
            elif self.duration:
                distances[key] = (now, self._sum(changes, left))
        self._distances = distances
        self.unsmoothed += unsmoothed

    def drawn(self, values: Mapping[Hashable, Sequence[float]], now: float) -> Drawn:
        """
        Return what to draw.

        @param values: What L{interpolate} returned, or a picture.
        @param now: The time, in seconds; before the last correction counts as
            the moment of it.
        @return: The values of each key, in its order.
        @raise LocalProtocolError: An object has another count of values than
            when it was corrected.
        """
        drawn: Drawn = {}
        for key, place in values.items():
            left = self._left(key, now)
            if left is None:
                self._distances.pop(key, None)
                drawn[key] = tuple(map(float, place))
            elif len(left) != len(place):
                raise LocalProtocolError(f"{key!r} has {len(place)} values; there were {len(left)}")
            else:
                drawn[key] = tuple([a + b for a, b in zip(place, left, strict=True)])
        return drawn

    def reset(self) -> None:
        """From now on draw everything where it is."""
        self._distances.clear()

    def _left(self, key: Hashable, now: float) -> tuple[float, ...] | None:
        """Return how far an object is off by now, or C{None} if it is not."""
        since, distance = self._distances.get(key, (0.0, ()))
        if not distance or now - since >= self.duration:
            return None
        part = 1.0 - max(now - since, 0.0) / self.duration
        return tuple([each * part for each in distance])

    def _sum(self, changes: list[float], left: tuple[float, ...] | None) -> tuple[float, ...]:
        """Return two distances as one; those of angles stay within half a turn."""
        if left is None or len(left) != len(changes):
            return tuple(changes)
        axes = self.axes or [_PLAIN] * len(changes)
        return tuple(
            [axis.change(0.0, a + b) for axis, a, b in zip(axes, changes, left, strict=True)]
        )


@attrs.define(init=False)
class PictureTrack:
    """
    The pictures of the two newest frames, and what is drawn of them.

    Frames are played, and played again, when the next one is due.  What is
    drawn has reached the newest picture by then, and from there it goes on:
    without a jump, whatever is corrected.

    @ivar smoother: The L{Smoother}.
    @ivar newest_frame: The newest frame that has a picture, or -1.
    @ivar _before: The picture of the frame before that, or C{None}.
    @ivar _after: The picture of that frame.
    """

    smoother: Smoother
    newest_frame: int
    _before: Picture | None
    _after: Picture

    def __init__(self, smoother: Smoother) -> None:
        """
        @param smoother: Also says the meaning of the values.
        """
        self.smoother = smoother
        self.newest_frame = -1
        self._before = None
        self._after = {}

    def wants(self, frame: int) -> bool:
        """
        Return whether the picture of a frame would change what is drawn: of
        the frames that are played again, only the last two would.
        """
        return frame >= self.newest_frame - 1

    def pictured(self, frame: int, picture: Picture, now: float) -> None:
        """
        A frame was played, for the first time or again.

        @param frame: Which.  Those that L{wants} does not want are ignored.
            After a gap nothing is interpolated until the next frame.
        @param picture: What is to be drawn of the state that it led to; must
            not be changed later.
        @param now: The time, in seconds.
        @raise LocalProtocolError: A frame is played again and an object has
            another count of values than before.  Nothing changed then.
        """
        if frame > self.newest_frame:
            follows = self.newest_frame >= 0 and frame == self.newest_frame + 1
            self._before = self._after if follows else None
            self._after = picture
            self.newest_frame = frame
        elif frame == self.newest_frame:
            if picture != self._after:
                self.smoother.corrected(self._after, picture, now)
            self._after = picture
        elif frame == self.newest_frame - 1 and self._before is not None:
            self._before = picture

    def takenOver(self, frame: int, picture: Picture, now: float) -> None:
        """
        A state came from elsewhere, as that of any frame: move there from
        what was drawn.

        @param frame: Which frame led to it.
        @param picture: What is to be drawn of it.
        @param now: The time, in seconds.
        @raise LocalProtocolError: An object has another count of values than
            before.  Nothing changed then.
        """
        self.smoother.corrected(self._after, picture, now)
        self._before = None
        self._after = picture
        self.newest_frame = frame

    def drawn(self, blend: float, now: float) -> Drawn:
        """
        Return what to draw.

        @param blend: How far the present is past the frame before the newest,
            0.0 to 1.0 of a frame.
        @param now: The time, in seconds.
        @return: The values of each object; nothing before the first picture.
        @raise LocalProtocolError: The tuples of an object differ in length
            from each other or from the smoother's axes.
        """
        before = self._after if self._before is None else self._before
        values = interpolate(before, self._after, blend, self.smoother.axes)
        return self.smoother.drawn(values, now)
