"""
What a spectator's session is told before it starts.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import number, seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.feed.settings import FollowerSettings
from gamenet.rollback.settings import RATE_LIMIT
from gamenet.rollback.timeline_rules import TimelineRules
from gamenet.wire.frame_runs import INPUT_LIMIT, PLAYERS_LIMIT
from gamenet.wire.peer_packets import DIGEST_BYTES

__all__ = ["SNAPSHOTS_LIMIT", "SpectatorSettings"]

#: The most snapshots that a spectator keeps to rewind to.
SNAPSHOTS_LIMIT = 32


@attrs.frozen
class SpectatorSettings:
    """
    The rules of a spectator.

    @ivar players: How many players the match has, 1 to 16.
    @ivar hosts: Who may be followed, the best one first.
    @ivar digest: The digest of the match's configuration, 16 bytes; a host with another
        refuses.
    @ivar delay: How many seconds after it was heard that a frame is committed it is
        played; 0 is allowed.
    @ivar frame_rate: Frames a second, 1 to L{gamenet.rollback.settings.RATE_LIMIT}.
    @ivar buffer_frames: How many frames that were played can be gone back to.
    @ivar snapshot_interval: How many frames lie between two snapshots and checksums;
        at most L{SNAPSHOTS_LIMIT} of them lie in C{buffer_frames}.
    @ivar max_frames_behind: How many frames behind what it should play it may be
        before it plays faster, until it is where it should be.
    @ivar catchup_speed: How many frames are played per call then, 1 to 64.
    @ivar from_beginning: Whether the match is wanted from frame 0 on, if a host still
        has that; else it begins with a snapshot of now.
    @ivar last_frame: The frame that the match ends with, or C{None}.
    @ivar input_limit: The longest input, in bytes.
    @ivar fail_over_after: After how many seconds of a host's silence the next is asked.
    @ivar stuck_after: After how many seconds without anything new it is.
    @ivar lost_after: After how many seconds without any host all are lost.
    @ivar bots: Whether the simulation plays on for absent players.
    @ivar events_limit: How many frames may wait to be drained as events.

    @raise BadSetting: A value is out of bounds.
    """

    players: int = attrs.field(validator=wholeNumber(1, PLAYERS_LIMIT))
    hosts: tuple[int, ...]
    digest: bytes = bytes(DIGEST_BYTES)
    delay: float = attrs.field(default=2.0, validator=number(0, 300, "seconds"))
    frame_rate: int = attrs.field(default=60, validator=wholeNumber(1, RATE_LIMIT))
    buffer_frames: int = attrs.field(default=600, validator=wholeNumber(1, 36_000))
    snapshot_interval: int = attrs.field(default=30, validator=wholeNumber(1, 3600))
    max_frames_behind: int = attrs.field(default=10, validator=wholeNumber(1, 3600))
    catchup_speed: int = attrs.field(default=2, validator=wholeNumber(1, 64))
    from_beginning: bool = False
    last_frame: int | None = None
    input_limit: int = attrs.field(default=INPUT_LIMIT, validator=wholeNumber(1, INPUT_LIMIT))
    fail_over_after: float = attrs.field(default=1.0, validator=seconds())
    stuck_after: float = attrs.field(default=5.0, validator=seconds())
    lost_after: float = attrs.field(default=10.0, validator=seconds())
    bots: bool = False
    events_limit: int = attrs.field(default=1024, validator=wholeNumber(1, 65_536))

    def __attrs_post_init__(self) -> None:
        if not self.hosts or len(frozenset(self.hosts)) != len(self.hosts):
            raise BadSetting(f"hosts must be one at least, and each once, not {self.hosts!r}")
        if self.buffer_frames > self.snapshot_interval * SNAPSHOTS_LIMIT:
            raise BadSetting(
                f"buffer_frames must be at most {SNAPSHOTS_LIMIT} times snapshot_interval, "
                f"not {self.buffer_frames}"
            )
        self.follower()

    @property
    def ahead_limit(self) -> int:
        """How many frames that were not played are kept."""
        return int(self.delay * self.frame_rate) + self.buffer_frames

    def follower(self) -> FollowerSettings:
        """Return the rules of its following side."""
        return FollowerSettings(
            players=self.players,
            digest=self.digest,
            input_limit=self.input_limit,
            from_beginning=self.from_beginning,
            fail_over_after=self.fail_over_after,
            stuck_after=self.stuck_after,
            lost_after=self.lost_after,
            last_frame=self.last_frame,
        )

    def timelineRules(self) -> TimelineRules:
        """Return what its timeline keeps: a snapshot for each interval of the buffer."""
        snapshots = self.buffer_frames // self.snapshot_interval + 3
        return TimelineRules(
            prediction_window=max(0, snapshots - 4),
            sparse=True,
            kept_states=1,
            bots=self.bots,
            input_limit=self.input_limit,
        )
