"""
What a follower of a match tells.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from gamenet.wire.feed_packets import NotFedReason

__all__ = ["FollowEvent", "FollowingBegan", "HostChanged", "HostRefused", "HostsLost"]


@attrs.frozen
class FollowingBegan:
    """
    Frames come, from this one on: the first ones, or those behind a gap that a
    snapshot has closed.

    @ivar frame: The first of them; with a snapshot, its number.
    @ivar snapshot: Whether there is one.
    """

    frame: int
    snapshot: bool


@attrs.frozen
class HostChanged:
    """
    Another host is asked now.

    @ivar host: Which.
    @ivar previous: Which one was silent, stuck or refused.
    """

    host: int
    previous: int


@attrs.frozen
class HostRefused:
    """
    A host does not feed us.

    @ivar host: Which.
    @ivar reason: Why.
    """

    host: int
    reason: NotFedReason


@attrs.frozen
class HostsLost:
    """
    No host answers.  They are still asked.  Told once per silence.

    @ivar silence: For how many seconds nothing was heard.
    """

    silence: float


#: What L{gamenet.feed.follower.Follower.drainEvents} returns.
FollowEvent: TypeAlias = FollowingBegan | HostChanged | HostRefused | HostsLost
