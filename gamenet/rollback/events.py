"""
What a session has to tell, beside the steps to apply.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

__all__ = [
    "Desynchronized",
    "FrameConfirmed",
    "FrameEvent",
    "InputDelayRecommended",
    "LockstepWaited",
    "WaitRecommended",
]


@attrs.define(unsafe_hash=True)
class FrameConfirmed:
    """
    A frame is final: it will never be played again.  Told once per frame, in
    order, from frame 0.  Not frozen, because one is made per frame; nobody changes it.

    @ivar frame: The frame.
    @ivar inputs: All players' inputs of it, in order of player number.
    @ivar checksum: The checksum of the state that the frame led to; C{None} where
        none was taken: in a sparse session, for frames that are not reported, and for
        frames that others played before we came.
    @ivar absent: The players whose seats were empty in it, ascending.
    """

    frame: int
    inputs: tuple[bytes, ...]
    checksum: int | None
    absent: tuple[int, ...] = ()


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


@attrs.frozen
class WaitRecommended:
    """
    We are ahead of the others, who make us roll back; a game that cannot play
    slower should not play for a while.

    @ivar frames: For how many frames.
    """

    frames: int


@attrs.frozen
class InputDelayRecommended:
    """
    Another input delay suits the path better than the present one.

    @ivar frames: The delay recommended.
    @ivar round_trip: The mean round trip to the farthest peer, in seconds.
    @ivar jitter: The mean deviation of round trips from that, in seconds.
    """

    frames: int
    round_trip: float
    jitter: float


@attrs.frozen
class LockstepWaited:
    """
    In lockstep a frame could not be played, as inputs of it have not come.

    @ivar frame: The frame.
    @ivar seconds: How long it has been waited for by now.
    @ivar players: Whose inputs are missing, in ascending order.
    """

    frame: int
    seconds: float
    players: tuple[int, ...]


#: Every event of this room.
FrameEvent: TypeAlias = (
    FrameConfirmed | Desynchronized | WaitRecommended | InputDelayRecommended | LockstepWaited
)
