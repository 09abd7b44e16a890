"""
What the two sides of a feed are told before they start.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.wire.frame_runs import INPUT_LIMIT, PLAYERS_LIMIT
from gamenet.wire.peer_packets import DIGEST_BYTES

__all__ = ["FeedSettings", "FollowerSettings"]


def _digest(instance: object, attribute: attrs.Attribute[bytes], value: object) -> None:
    """Check a configuration digest."""
    if type(value) is not bytes or len(value) != DIGEST_BYTES:
        raise BadSetting(f"{attribute.name} must be {DIGEST_BYTES} bytes, not {value!r}")


@attrs.frozen
class FeedSettings:
    """
    The rules of a host that feeds followers.

    @ivar players: How many players the match has, 1 to 16.
    @ivar digest: The digest of the match's configuration, 16 bytes; who has another
        is refused.
    @ivar input_limit: The longest input, in bytes.
    @ivar history_frames: How many committed frames are kept for who is behind.
    @ivar snapshot_frames: How many more are kept while a follower receives a
        snapshot and catches up from it.
    @ivar followers_limit: How many spectators may follow, beside players without a seat.
    @ivar follower_timeout: After how many seconds of silence a follower is dropped.
    @ivar silent_after: After how many seconds of silence it is sent no snapshot.
    @ivar packet_interval: Seconds between two packets to a follower that is up to
        date.
    @ivar keep_alive_interval: Seconds between two packets when there are no frames.
    @ivar packets_in_flight: How many packets may be on their way to a follower that
        catches up.
    @ivar first_timeout: After how many seconds frames go again while no round trip
        was measured.
    @ivar longest_timeout: The longest time after which they do.
    @ivar snapshot_grace: Seconds between the end of a snapshot's transfer and another
        one, if the follower still has nothing.
    @ivar snapshot_interval: Seconds between two snapshots; each is for all who need one.

    @raise BadSetting: A value is out of bounds.
    """

    players: int = attrs.field(validator=wholeNumber(1, PLAYERS_LIMIT))
    digest: bytes = attrs.field(default=bytes(DIGEST_BYTES), validator=_digest)
    input_limit: int = attrs.field(default=INPUT_LIMIT, validator=wholeNumber(1, INPUT_LIMIT))
    history_frames: int = attrs.field(default=600, validator=wholeNumber(1, 1_000_000))
    snapshot_frames: int = attrs.field(default=1200, validator=wholeNumber(0, 1_000_000))
    followers_limit: int = attrs.field(default=16, validator=wholeNumber(0, 1024))
    follower_timeout: float = attrs.field(default=5.0, validator=seconds())
    silent_after: float = attrs.field(default=1.0, validator=seconds())
    packet_interval: float = attrs.field(default=0.05, validator=seconds())
    keep_alive_interval: float = attrs.field(default=0.2, validator=seconds())
    packets_in_flight: int = attrs.field(default=16, validator=wholeNumber(1, 64))
    first_timeout: float = attrs.field(default=0.3, validator=seconds())
    longest_timeout: float = attrs.field(default=2.0, validator=seconds())
    snapshot_grace: float = attrs.field(default=1.0, validator=seconds())
    snapshot_interval: float = attrs.field(default=1.0, validator=seconds())


@attrs.frozen
class FollowerSettings:
    """
    The rules of a follower.

    @ivar players: How many players the match has, 1 to 16.
    @ivar digest: The digest of the match's configuration, 16 bytes.
    @ivar input_limit: The longest input, in bytes.
    @ivar from_beginning: Whether it has the state before frame 0, and wants all
        frames if they can be had; else it begins with a snapshot.
    @ivar fail_over_after: After how many seconds of a host's silence the next host is
        asked.
    @ivar stuck_after: After how many seconds without anything new the next host is
        asked, though this one is heard: it may be cut off from the match.
    @ivar lost_after: After how many seconds without any host all are lost.
    @ivar refusal_pause: For how many seconds a host that refused is not asked.
    @ivar follow_interval: Seconds between two packets that acknowledge frames.
    @ivar keep_alive_interval: Seconds between two packets when nothing comes.
    @ivar ready_limit: How many frames may wait to be taken; then no more are wanted.
    @ivar early_limit: How many frames beyond the first that is missing are kept.
    @ivar compared_limit: How many frames that were taken are still compared with what
        comes again.
    @ivar events_limit: How many events may wait; beyond it the oldest are forgotten.
    @ivar ahead_limit: How many frames a host may play ahead of those that it says are
        committed, and a snapshot may be ahead of those: nobody honest is further.
    @ivar last_frame: The last frame of the match, or C{None} where it has none.

    @raise BadSetting: A value is out of bounds.
    """

    players: int = attrs.field(validator=wholeNumber(1, PLAYERS_LIMIT))
    digest: bytes = attrs.field(default=bytes(DIGEST_BYTES), validator=_digest)
    input_limit: int = attrs.field(default=INPUT_LIMIT, validator=wholeNumber(1, INPUT_LIMIT))
    from_beginning: bool = False
    fail_over_after: float = attrs.field(default=1.0, validator=seconds())
    stuck_after: float = attrs.field(default=5.0, validator=seconds())
    lost_after: float = attrs.field(default=10.0, validator=seconds())
    refusal_pause: float = attrs.field(default=1.0, validator=seconds())
    follow_interval: float = attrs.field(default=0.05, validator=seconds())
    keep_alive_interval: float = attrs.field(default=0.2, validator=seconds())
    ready_limit: int = attrs.field(default=1200, validator=wholeNumber(1, 100_000))
    early_limit: int = attrs.field(default=1200, validator=wholeNumber(0, 100_000))
    compared_limit: int = attrs.field(default=600, validator=wholeNumber(0, 100_000))
    events_limit: int = attrs.field(default=64, validator=wholeNumber(1, 65_536))
    ahead_limit: int = attrs.field(default=1024, validator=wholeNumber(1, 1_000_000))
    last_frame: int | None = None
