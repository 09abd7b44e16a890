"""
What a rollback session is told before it starts.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import pack

import attrs

from gamenet.errors import BadSetting
from gamenet.wire.input_packet import (
    FRAMES_LIMIT,
    INPUT_LIMIT,
    INPUT_PACKET_VERSION,
    INPUTS_LIMIT,
)
from gamenet.wire.peer_packets import DIGEST_BYTES

__all__ = [
    "DELAY_LIMIT",
    "INTERVAL_LIMIT",
    "RATE_LIMIT",
    "WINDOW_LIMIT",
    "RollbackSettings",
]

#: The largest prediction window, in frames.
WINDOW_LIMIT = 32

#: The largest input delay, in frames.
DELAY_LIMIT = 16

#: The most frames between two checksum reports.
INTERVAL_LIMIT = 3600

#: The most frames a second.
RATE_LIMIT = 240


@attrs.frozen
class RollbackSettings:
    """
    The rules of one session.

    C{players}, C{frame_rate}, C{checksum_interval}, C{last_frame} and
    C{input_limit} must be the same for all players (L{digest} tells); the
    others are each player's own.

    @ivar players: How many play; only 2 for now.
    @ivar local_player: Which of them is played here, from 1.
    @ivar prediction_window: How many frames may be played on predicted inputs
        before the session stalls, 0 to L{WINDOW_LIMIT}; 0 is lockstep.
    @ivar input_delay: How many frames later a local input takes effect than
        it is asked for, 0 to L{DELAY_LIMIT}.  The inputs of the frames before
        that are C{b""}.
    @ivar frame_rate: Frames a second, 1 to L{RATE_LIMIT}.
    @ivar checksum_interval: Every how many frames a checksum is reported to
        the others, 1 to L{INTERVAL_LIMIT}.
    @ivar last_frame: The frame that the match ends with, or C{None}.
    @ivar input_limit: The longest input, in bytes, at most
        L{gamenet.wire.input_packet.INPUT_LIMIT}.
    @ivar unacknowledged_limit: How many local inputs may wait for their
        acknowledgement before the session stalls, 1 to
        L{gamenet.wire.input_packet.INPUTS_LIMIT}.  Two players who hear each
        other never get there.
    @ivar checksums_limit: How many checksums, ours and those of others that
        we have not come to yet, are kept to be compared.
    @ivar events_limit: How many events may wait to be drained.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    players: int = 2
    local_player: int = 1
    prediction_window: int = 8
    input_delay: int = 1
    frame_rate: int = 60
    checksum_interval: int = 30
    last_frame: int | None = None
    input_limit: int = INPUT_LIMIT
    unacknowledged_limit: int = INPUTS_LIMIT
    checksums_limit: int = 128
    events_limit: int = 1024

    def __attrs_post_init__(self) -> None:
        _requireWithin("players", self.players, 2, 2)
        _requireWithin("local_player", self.local_player, 1, self.players)
        _requireWithin("prediction_window", self.prediction_window, 0, WINDOW_LIMIT)
        _requireWithin("input_delay", self.input_delay, 0, DELAY_LIMIT)
        _requireWithin("frame_rate", self.frame_rate, 1, RATE_LIMIT)
        _requireWithin("checksum_interval", self.checksum_interval, 1, INTERVAL_LIMIT)
        if self.last_frame is not None:
            _requireWithin("last_frame", self.last_frame, 0, FRAMES_LIMIT - 1)
        _requireWithin("input_limit", self.input_limit, 1, INPUT_LIMIT)
        _requireWithin("unacknowledged_limit", self.unacknowledged_limit, 1, INPUTS_LIMIT)
        if self.unacknowledged_limit <= self.input_delay:
            raise BadSetting("unacknowledged_limit must be more than input_delay")
        _requireWithin("checksums_limit", self.checksums_limit, 1, 65_536)
        _requireWithin("events_limit", self.events_limit, 1, 1_000_000)

    def digest(self) -> bytes:
        """
        Return L{gamenet.wire.peer_packets.DIGEST_BYTES} bytes that are equal for
        two players exactly if they can play with each other: what must be the
        same for both is, and so is the layout of their packets.  Compared
        before the first frame.
        """
        last_frame = FRAMES_LIMIT if self.last_frame is None else self.last_frame
        shared = pack(
            ">HBBHIB",
            INPUT_PACKET_VERSION,
            self.players,
            self.frame_rate,
            self.checksum_interval,
            last_frame,
            self.input_limit,
        )
        return blake2b(shared, digest_size=DIGEST_BYTES, person=b"gamenet rollback").digest()


def _requireWithin(name: str, value: object, lowest: int, highest: int) -> None:
    """
    Check one setting.

    @raise BadSetting: C{value} is not an integer from C{lowest} to
        C{highest}.
    """
    if type(value) is not int:
        raise BadSetting(f"{name} must be an integer, not {value!r}")
    if not lowest <= value <= highest:
        wanted = f"{lowest}" if lowest == highest else f"from {lowest} to {highest}"
        raise BadSetting(f"{name} must be {wanted}, not {value}")
