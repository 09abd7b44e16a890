"""
What a session has to tell, beside the steps to apply.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

__all__ = ["Desynchronized", "Event", "FrameConfirmed"]


@attrs.frozen
class FrameConfirmed:
    """
    A frame is final: it will never be played again.  Told once per frame, in
    order, from frame 0.

    @ivar frame: The frame.
    @ivar inputs: All players' inputs of it, in order of player number.
    @ivar checksum: crc32 of the state that the frame led to.
    """

    frame: int
    inputs: tuple[bytes, ...]
    checksum: int


@attrs.frozen
class Desynchronized:
    """
    A frame that is final on both sides led to different states.  Told once
    per frame and player, in order of frames.

    @ivar frame: The frame.
    @ivar local: Our checksum of it.
    @ivar remote: Theirs.
    @ivar player: Whose it is.
    @ivar first: Whether it is the first frame that differs between that player
        and us, of all that were compared.
    """

    frame: int
    local: int
    remote: int
    player: int
    first: bool


#: What L{gamenet.rollback.session.RollbackSession.drainEvents} returns.
Event: TypeAlias = FrameConfirmed | Desynchronized
