"""
How patient participants of a session are, and how much they keep.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds, wholeNumber
from gamenet.errors import BadSetting
from gamenet.wire.log_messages import BATCH_LIMIT, SNAPSHOT_LIMIT
from gamenet.wire.log_values import PARTICIPANTS_LIMIT, SETTINGS_LIMIT

__all__ = ["EventLogSettings"]


@attrs.frozen
class EventLogSettings:
    """
    The settings of one participant's part in a session.  None of them is part of what all
    agree on: participants with different settings still get along.

    @ivar status_interval: Seconds between two statuses to each other participant.
    @ivar silence: Seconds without a message after which somebody is not heard; at least
        two status intervals.
    @ivar host_timeout: Seconds out of our reach after which the host is replaced, and
        seconds that each successor has.
    @ivar claim_timeout: Seconds that who claims to be the next host waits for the promises
        of those that it hears; a promise holds for as long and a C{host_timeout}.
    @ivar settling: Seconds out of its reach after which the host calls somebody lost.
    @ivar gap_wait: Seconds that missing events have to arrive by themselves.
    @ivar resend_interval: Seconds without an answer after which a command, or a message
        of an election, is sent again.
    @ivar grace: Seconds that a lost participant's seat is kept; at least C{silence}.
    @ivar log_capacity: How many events are kept for those who lack them; at least a batch.
    @ivar batch: The most events in one message.
    @ivar batch_bytes: About how many bytes of events go in one message.
    @ivar queue: How many of our commands may wait for an answer.
    @ivar early_capacity: How many events are kept that arrive before the missing ones.
    @ivar outcomes_capacity: How many outcomes are kept for who does not take them.
    @ivar capacity: How many participants a session that we open has room for.
    @ivar settings_capacity: How many settings we let a session have while we are its host.
    @ivar snapshot_limit: The longest snapshot in bytes that we accept or send.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    status_interval: float = attrs.field(default=0.25, validator=seconds(0.01, 60))
    silence: float = attrs.field(default=2.0, validator=seconds(0.02, 600))
    host_timeout: float = attrs.field(default=2.0, validator=seconds(0.01, 600))
    claim_timeout: float = attrs.field(default=4.0, validator=seconds(0.01, 600))
    settling: float = attrs.field(default=0.5, validator=seconds(0.001, 600))
    gap_wait: float = attrs.field(default=0.1, validator=seconds(0.001, 60))
    resend_interval: float = attrs.field(default=0.5, validator=seconds(0.01, 60))
    grace: float = attrs.field(default=30.0, validator=seconds(0.1, 86_400))
    log_capacity: int = attrs.field(default=1024, validator=wholeNumber(1, 1 << 20))
    batch: int = attrs.field(default=64, validator=wholeNumber(1, BATCH_LIMIT))
    batch_bytes: int = attrs.field(default=32_768, validator=wholeNumber(4096, 60_000))
    queue: int = attrs.field(default=64, validator=wholeNumber(1, 65_536))
    early_capacity: int = attrs.field(default=256, validator=wholeNumber(1, 65_536))
    outcomes_capacity: int = attrs.field(default=4096, validator=wholeNumber(1, 1 << 20))
    capacity: int = attrs.field(default=16, validator=wholeNumber(1, PARTICIPANTS_LIMIT))
    settings_capacity: int = attrs.field(default=64, validator=wholeNumber(1, SETTINGS_LIMIT))
    snapshot_limit: int = attrs.field(
        default=SNAPSHOT_LIMIT, validator=wholeNumber(256, SNAPSHOT_LIMIT)
    )

    def __attrs_post_init__(self) -> None:
        """
        Check those that depend on one another.

        @raise BadSetting: They cannot work together.
        """
        if self.silence < 2 * self.status_interval:
            raise BadSetting(
                f"silence must be at least two status intervals ({2 * self.status_interval} s), so"
                f" that one lost status loses nobody, not {self.silence!r}"
            )
        if self.grace < self.silence:
            raise BadSetting(f"grace must be at least the silence, not {self.grace!r}")
        if self.log_capacity < self.batch:
            raise BadSetting(f"log_capacity must be at least a batch, not {self.log_capacity!r}")
