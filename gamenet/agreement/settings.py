"""
How patient an agreement is.
"""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds
from gamenet.errors import BadSetting

__all__ = ["AgreementSettings"]


@attrs.frozen
class AgreementSettings:
    """
    The settings of one L{gamenet.agreement.agreement.Agreement}.  C{both_stop} and
    C{lone_survivor} must be the same for all peers; the others are each peer's own.

    @ivar both_stop: Whether in a match of two players, each a peer, neither
        may go on without the other; otherwise player 1's may.
    @ivar lone_survivor: Whether of the last two peers whichever does not hear the other
        goes on alone.  Where a path failed both do; when they hear each other again the
        one with the lowest player keeps its match, and the other is told that it was
        dropped.
    @ivar resend_interval: Seconds between two sendings of one message to one peer.
    @ivar promise_timeout: Seconds after which a proposer does without those
        who have not promised, where it can.
    @ivar decision_timeout: Seconds after which somebody else proposes, or the
        proposer tries again.
    @ivar mute_timeout: Seconds without a decision after which members that are
        heard but do not answer are done without, where they can be; and who
        goes on proposing is not let for longer at a time.
    @ivar rank_delay: Seconds that each proposer waits for the one before it.
    @ivar isolated_after: Seconds without a quorum until we call ourselves isolated.
    @ivar reunion_delay: Seconds for which, when a quorum is heard again, the
        others are waited for before they are dropped.
    @ivar leave_timeout: Seconds after which a leaver is gone in any case.
    @ivar admission_timeout: Seconds after which a joiner that has gone silent is forgotten.
    @ivar admission_pause: Seconds between two tries to seat a joiner.
    @ivar commit_timeout: Seconds for which a dropped peer is told so, unasked.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    both_stop: bool = False
    lone_survivor: bool = False
    resend_interval: float = attrs.field(default=0.1, validator=seconds())
    promise_timeout: float = attrs.field(default=0.75, validator=seconds())
    decision_timeout: float = attrs.field(default=1.0, validator=seconds())
    mute_timeout: float = attrs.field(default=12.0, validator=seconds())
    rank_delay: float = attrs.field(default=0.2, validator=seconds())
    isolated_after: float = attrs.field(default=1.0, validator=seconds())
    reunion_delay: float = attrs.field(default=0.5, validator=seconds())
    leave_timeout: float = attrs.field(default=5.0, validator=seconds())
    admission_timeout: float = attrs.field(default=2.0, validator=seconds())
    admission_pause: float = attrs.field(default=1.0, validator=seconds())
    commit_timeout: float = attrs.field(default=10.0, validator=seconds())

    def __attrs_post_init__(self) -> None:
        for name in ("both_stop", "lone_survivor"):
            if type(getattr(self, name)) is not bool:
                raise BadSetting(f"{name} must be True or False, not {getattr(self, name)!r}")
        if self.both_stop and self.lone_survivor:
            raise BadSetting("both_stop and lone_survivor contradict each other")
