"""
The steps of a shared session as the log of a process tells them: one line each, the same
words on both sides, so that two logs can be laid side by side (seed row K10).

C{docs/session_log.rst} has the table of them.
"""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["BURST", "REFILL", "SessionStep", "StepBudget"]

#: So many lines may come at once ...
BURST = 64

#: ... and so many a second: what others do must not fill anybody's disk.
REFILL = 4.0


class SessionStep(Enum):
    """What there is to tell, with the line that tells it."""

    #: There is a path to another player.
    CONNECTED = "connected: there is a path to player {player}"
    #: There is none any more.
    UNREACHABLE = "unreachable: there is no path to player {player}"
    #: Their process is another one.
    RESTARTED = "restarted: player {player} is a new process"
    #: The whole state went to somebody.
    SNAPSHOT_SENT = "snapshot sent: event {sequence} to player {player}"
    #: The whole state came.
    SNAPSHOT_RECEIVED = "snapshot received: event {sequence}, player {player} is host"
    #: Events are missing here.
    GAP = "gap: player {player} is asked for the events after {sequence}"
    #: Events are missing there.
    GAP_THERE = "gap: player {player} lacks the events after {sequence}"
    #: Somebody takes part.
    JOINED = "joined: player {player}"
    #: Somebody is silent.
    LOST = "lost: player {player}"
    #: Somebody is heard again.
    RETURNED = "returned: player {player}"
    #: Somebody takes part no more.
    LEFT = "left: player {player}, {reason}"
    #: The role is handed over.
    DELEGATED = "delegated: player {player} is to be host"
    #: Another epoch began.
    ELECTED = "host: player {player}, epoch {epoch}"
    #: An event of ours was in the half of a partition that does not stand.
    DROPPED = "dropped: event {sequence} of ours is undone"
    #: Somebody sent what it cannot rightly have sent.
    REJECTED = "rejected: a message of player {player}, more are only counted: {reason}"
    #: Somebody has another state.
    DISAGREES = "disagrees: player {player} at event {sequence}"


@attrs.define
class StepBudget:
    """
    How many lines may still be written.

    @ivar withheld: How many were not.
    """

    withheld: int = 0
    _left: float = float(BURST)
    _at: float | None = None

    def take(self, now: float) -> bool:
        """
        Return whether one more line may be written now.

        @param now: Monotonic seconds.
        """
        if self._at is not None:
            self._left = min(float(BURST), self._left + (now - self._at) * REFILL)
        self._at = now
        if self._left < 1.0:
            self.withheld += 1
            return False
        self._left -= 1.0
        return True
