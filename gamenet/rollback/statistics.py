"""
What a session counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

__all__ = ["SessionStatistics"]


@attrs.define
class SessionStatistics:
    """
    The counters of one session, from its start; the session writes, everybody
    else reads.

    @ivar frames_played: Frames played for the first time.
    @ivar frames_resimulated: Frames played again.
    @ivar rollbacks: How often the session went back.
    @ivar deepest_rollback: The most frames that it went back at once.
    @ivar stalls: Calls of C{advance} that played nothing because too little
        was heard from another player.
    @ivar stalled_seconds: Seconds spent in stalls that are over.
    @ivar packets_sent: Packets handed out.
    @ivar bytes_sent: Their bytes.
    @ivar inputs_sent: Inputs in them, each time they were sent.
    @ivar packets_received: Packets accepted.
    @ivar bytes_received: Their bytes.
    @ivar packets_repeated: Those of them without a new input, and those from before
        their sender was seated.
    @ivar inputs_received: Inputs received for the first time.
    @ivar inputs_backfilled: Inputs of players who left, received from others.
    @ivar packets_refused: Packets that the other could not rightly have sent.
    @ivar inconsistent_inputs: How often a player was found to have given two inputs
        of one frame.
    @ivar desynchronizations: Final frames whose checksum differed from another
        player's.
    @ivar _stalled_since: When the stall began that we are in, or C{None}.
    """

    frames_played: int = 0
    frames_resimulated: int = 0
    rollbacks: int = 0
    deepest_rollback: int = 0
    stalls: int = 0
    stalled_seconds: float = 0.0
    packets_sent: int = 0
    bytes_sent: int = 0
    inputs_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    packets_repeated: int = 0
    inputs_received: int = 0
    inputs_backfilled: int = 0
    packets_refused: int = 0
    inconsistent_inputs: int = 0
    desynchronizations: int = 0
    _stalled_since: float | None = attrs.field(default=None, init=False)

    def sent(self, packets: Sequence[tuple[int, bytes]]) -> None:
        """Count packets that are handed out, pairs of a peer and a body."""
        self.packets_sent += len(packets)
        self.bytes_sent += sum([len(body) for _, body in packets])

    def received(self, body: bytes) -> None:
        """Count a packet that was accepted."""
        self.packets_received += 1
        self.bytes_received += len(body)

    def rolledBack(self, depth: int) -> None:
        """Count going back C{depth} frames, which are then played again."""
        self.rollbacks += 1
        self.frames_resimulated += depth
        self.deepest_rollback = max(self.deepest_rollback, depth)

    def stalled(self, now: float) -> None:
        """Count a frame that could not be played."""
        self.stalls += 1
        if self._stalled_since is None:
            self._stalled_since = now

    def played(self, now: float) -> None:
        """Count a frame that is played for the first time; a stall is over."""
        self.frames_played += 1
        if self._stalled_since is not None:
            self.stalled_seconds += now - self._stalled_since
            self._stalled_since = None
