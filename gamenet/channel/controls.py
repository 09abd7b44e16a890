"""
The small frames that have to come and have no order: windows, offers and their answers.
"""

from __future__ import annotations

from collections import deque

import attrs

from gamenet.wire.channel_values import ChannelFrame, Window

__all__ = ["CONTROLS_OUTSTANDING", "Controls"]

#: How many may wait to be acknowledged before no more is taken from a peer that causes them.
CONTROLS_OUTSTANDING = 256


@attrs.define
class Controls:
    """
    Frames that go until they are acknowledged.

    @ivar outstanding: How many are not acknowledged yet.
    """

    outstanding: int = 0
    _due: deque[ChannelFrame] = attrs.field(factory=deque)

    @property
    def full(self) -> bool:
        """Whether a peer that causes more of them is to wait."""
        return self.outstanding >= CONTROLS_OUTSTANDING

    def isDue(self) -> bool:
        """Return whether one is to be sent."""
        return bool(self._due)

    def put(self, frame: ChannelFrame) -> None:
        """Send a frame."""
        self.outstanding += 1
        self._wait(frame)

    def take(self) -> ChannelFrame:
        """Return the next one to be sent."""
        return self._due.popleft()

    def putBack(self, frame: ChannelFrame) -> None:
        """It did not fit."""
        self._due.appendleft(frame)

    def acknowledged(self, frame: ChannelFrame, _: int) -> None:
        """A frame has come."""
        self.outstanding -= 1

    def lost(self, frame: ChannelFrame, _: int) -> None:
        """A frame has to go again."""
        self._wait(frame)

    def _wait(self, frame: ChannelFrame) -> None:
        """
        Let a frame wait.  Of two windows for a stream only the larger one does: a peer
        that acknowledges nothing causes no more of them.
        """
        if isinstance(frame, Window):
            for place, other in enumerate(self._due):
                if isinstance(other, Window) and other.stream == frame.stream:
                    self.outstanding -= 1
                    if other.limit < frame.limit:
                        self._due[place] = frame
                    return
        self._due.append(frame)
