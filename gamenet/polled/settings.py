"""The sizes of a polled session's queues, checked when they are given."""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds, wholeNumber

__all__ = ["PolledSettings"]


@attrs.frozen
class PolledSettings:
    """
    How much a polled session keeps for its game.

    @ivar batch_size: How many events one C{poll} hands over at most.
    @ivar queue_size: How many events may wait to be polled, how many that were polled to
        be taken, and how many commands may be without an answer that was taken.
    @ivar slow_poll: Seconds between two calls of C{poll} above which it is warned, once.

    @raise gamenet.errors.BadSetting: A value is out of bounds.
    """

    batch_size: int = attrs.field(default=32, validator=wholeNumber(1, 4096))
    queue_size: int = attrs.field(default=256, validator=wholeNumber(1, 65_536))
    slow_poll: float = attrs.field(default=1.0, validator=seconds())
