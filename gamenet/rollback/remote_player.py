"""
What a session knows of one other player.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.settings import DELAY_LIMIT, WINDOW_LIMIT, RollbackSettings
from gamenet.wire.input_packet import INPUT_LIMIT, INPUTS_LIMIT, InputPacket

__all__ = ["RemotePlayer"]


@attrs.define
class RemotePlayer:
    """
    Another player: their inputs, what they have of ours, and when we heard.

    @ivar player: Their number, from 1.
    @ivar checksums: Ours against theirs.
    @ivar queue: Their inputs.
    @ivar acknowledged: How many of our inputs they have said to have; one more
        than there are when they have compared the checksum of the last frame.
    @ivar sent: How many of our inputs were sent to them at least once; one more
        than there are when the checksum of the last frame was sent with them.
    @ivar current_frame: The frame that they play next, by their packet that came
        last.
    @ivar heard_at: When their newest packet came, in seconds, or C{None}.
    @ivar acknowledgement_delay: Seconds from the first sending of an input to
        the arrival of its acknowledgement, smoothed, or C{None}.
    @ivar _timed_count: The count of inputs whose acknowledgement is waited
        for to be timed, or 0.
    @ivar _timed_from: When they were sent.
    """

    player: int
    checksums: ChecksumComparison
    queue: InputQueue = attrs.field(factory=InputQueue, init=False)
    acknowledged: int = attrs.field(default=0, init=False)
    sent: int = attrs.field(default=0, init=False)
    current_frame: int = attrs.field(default=0, init=False)
    heard_at: float | None = attrs.field(default=None, init=False)
    acknowledgement_delay: float | None = attrs.field(default=None, init=False)
    _timed_count: int = attrs.field(default=0, init=False)
    _timed_from: float = attrs.field(default=0.0, init=False)

    def check(self, packet: InputPacket, frames: int, settings: RollbackSettings) -> None:
        """
        Refuse a packet that they cannot rightly have sent; change nothing.

        @param frames: How many frames the match has.
        @param settings: The rules, which are theirs too where it matters here.
        @raise RemoteProtocolError: It tells of what cannot be.
        """
        first_frame, inputs, next_wanted, current_frame, report_frame, report = packet
        end = first_frame + len(inputs)
        if next_wanted > self.sent:
            raise RemoteProtocolError(f"an acknowledgement of {next_wanted} of {self.sent} inputs")
        if current_frame > frames or current_frame > self.sent + WINDOW_LIMIT:
            raise RemoteProtocolError(f"playing frame {current_frame} on {self.sent} inputs")
        if end > frames or end > self.sent + WINDOW_LIMIT + DELAY_LIMIT:
            raise RemoteProtocolError(f"inputs up to frame {end} on {self.sent} inputs")
        if not -DELAY_LIMIT <= current_frame - first_frame <= INPUTS_LIMIT:
            raise RemoteProtocolError(f"playing frame {current_frame}, inputs from {first_frame}")
        if settings.input_limit < INPUT_LIMIT and inputs:
            longest = max(map(len, inputs))
            if longest > settings.input_limit:
                raise RemoteProtocolError(f"an input of {longest} bytes")
        if report_frame >= 0:
            if report_frame >= current_frame:
                raise RemoteProtocolError(f"a checksum of frame {report_frame}, not yet played")
            if (report_frame + 1) % settings.checksum_interval and report_frame != frames - 1:
                raise RemoteProtocolError(f"a checksum of frame {report_frame}, out of turn")
            if self.checksums.contradicts(report_frame, report):
                raise RemoteProtocolError(f"another checksum of frame {report_frame} than before")

    def noteSent(self, count: int, now: float) -> None:
        """
        Our inputs before frame C{count} are on their way.
        """
        if count > self.sent:
            self.sent = count
            if not self._timed_count:
                self._timed_count = count
                self._timed_from = now

    def noteReceived(self, packet: InputPacket, now: float) -> bool:
        """
        Take what a checked packet says of its sender.

        @return: Whether it acknowledged more than the packets before it.
        """
        self.heard_at = now
        self.current_frame = packet.current_frame
        if packet.next_wanted <= self.acknowledged:
            return False
        self.acknowledged = packet.next_wanted
        if 0 < self._timed_count <= packet.next_wanted:
            delay = now - self._timed_from
            known = self.acknowledgement_delay
            self.acknowledgement_delay = delay if known is None else known + (delay - known) / 8
            self._timed_count = 0
        return True
