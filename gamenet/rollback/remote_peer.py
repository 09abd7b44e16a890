"""
What a session knows of one other peer.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.checksum_comparison import ChecksumComparison
from gamenet.rollback.frame_advantage import FrameAdvantage
from gamenet.rollback.input_queue import InputQueue
from gamenet.rollback.settings import DELAY_LIMIT, WINDOW_LIMIT, RollbackSettings
from gamenet.wire.input_frames import INPUTS_LIMIT, NO_REPORT, InputHeader

__all__ = ["RemotePeer"]


@attrs.define
class RemotePeer:
    """
    Another peer: its players' inputs, what it has of ours, and when we heard.

    @ivar peer: Its number, that of its lowest player.
    @ivar players: The players who are played there, ascending.
    @ivar queues: Their inputs.
    @ivar blobs: Their inputs as they travel, all players' of a frame in one;
        the same object as the only queue where there is one player.
    @ivar checksums: Our checksums against theirs.
    @ivar first_frame: The frame from which on it is seated.
    @ivar joining: Whether it was seated and has not said yet which of our inputs
        it wants.
    @ivar view: The number of the view in which it was seated, as in its packets.
    @ivar acknowledged: How many of our inputs it has said to have; one more
        than there are when it has compared the checksum of the last frame.
    @ivar sent: How many of our inputs were sent to it at least once; one more
        than there are when the checksum of the last frame was sent with them.
    @ivar current_frame: The frame that it plays next, by its packet that came
        last.
    @ivar confirmed_frame: The newest frame that is final there, by any of its
        packets, or -1.
    @ivar advantage: By how many frames it says to be ahead of us.
    @ivar ahead: By how many frames we are ahead of it, averaged from both sides' view.
    @ivar heard_at: When its newest packet came, in seconds, or C{None}.
    @ivar silent: Whether the game was told that it is silent.
    @ivar round_trip: Seconds from the first sending of an input to the arrival of
        its acknowledgement, smoothed (RFC 6298), or C{None}.
    @ivar round_trip_deviation: How much that varies, in seconds.
    @ivar packets: How many packets were made for it.
    @ivar sent_at: When the newest packet to it was made, in seconds.
    @ivar sent_frame: The frame that we played next then.
    @ivar reported: How many of our inputs there were when our newest checksum
        report was made: whoever acknowledges more has the report.
    @ivar _timed_count: The count of inputs whose acknowledgement is waited
        for to be timed, or 0.
    @ivar _timed_from: When they were sent.
    """

    peer: int
    players: tuple[int, ...]
    queues: tuple[InputQueue, ...]
    blobs: InputQueue
    checksums: ChecksumComparison
    first_frame: int = 0
    joining: bool = False
    view: int = 0
    acknowledged: int = 0
    sent: int = 0
    current_frame: int = 0
    confirmed_frame: int = -1
    advantage: float = attrs.field(default=0.0, init=False)
    ahead: FrameAdvantage = attrs.field(factory=FrameAdvantage, init=False)
    heard_at: float | None = attrs.field(default=None, init=False)
    silent: bool = attrs.field(default=False, init=False)
    round_trip: float | None = attrs.field(default=None, init=False)
    round_trip_deviation: float = attrs.field(default=0.0, init=False)
    packets: int = attrs.field(default=0, init=False)
    sent_at: float = attrs.field(default=-1e9, init=False)
    sent_frame: int = attrs.field(default=-1, init=False)
    reported: int = attrs.field(default=0, init=False)
    _timed_count: int = attrs.field(default=0, init=False)
    _timed_from: float = attrs.field(default=0.0, init=False)

    def check(self, header: InputHeader, end: int, frames: int, settings: RollbackSettings) -> None:
        """
        Refuse a packet that it cannot rightly have sent; change nothing.

        @param end: The frame after its last inputs.
        @param frames: How many frames the match has.
        @param settings: The rules, which are theirs too where it matters here.
        @raise RemoteProtocolError: It tells of what cannot be.
        """
        first_frame = header.first_frame
        current_frame = header.current_frame
        sent = self.sent
        if header.next_wanted > sent:
            raise RemoteProtocolError(
                f"an acknowledgement of {header.next_wanted} of {sent} inputs"
            )
        sent = max(sent, self.first_frame)
        if current_frame > frames or current_frame > sent + WINDOW_LIMIT:
            raise RemoteProtocolError(f"playing frame {current_frame} on {sent} inputs")
        if end > frames or end > sent + WINDOW_LIMIT + DELAY_LIMIT:
            raise RemoteProtocolError(f"inputs up to frame {end} on {sent} inputs")
        earliest = max(current_frame, self.first_frame)
        waiting = INPUTS_LIMIT
        if 0 < self.first_frame <= first_frame < self.first_frame + INPUTS_LIMIT:
            waiting *= 2  # it counted from where it was when we got our seat, and we were behind
        if current_frame - first_frame > waiting or first_frame - earliest > DELAY_LIMIT + 1:
            raise RemoteProtocolError(f"playing frame {current_frame}, inputs from {first_frame}")
        report_frame = header.report_frame
        if report_frame != NO_REPORT:
            if report_frame >= current_frame:
                raise RemoteProtocolError(f"a checksum of frame {report_frame}, not yet played")
            if (report_frame + 1) % settings.checksum_interval and report_frame != frames - 1:
                raise RemoteProtocolError(f"a checksum of frame {report_frame}, out of turn")
            if self.checksums.contradicts(report_frame, header.report_checksum):
                raise RemoteProtocolError(f"another checksum of frame {report_frame} than before")

    def noteSent(self, count: int, now: float, current_frame: int) -> None:
        """
        A packet with our inputs before frame C{count} is on its way.
        """
        self.sent_at = now
        self.sent_frame = current_frame
        if count > self.sent:
            self.sent = count
            if not self._timed_count:
                self._timed_count = count
                self._timed_from = now

    def noteReceived(self, header: InputHeader, now: float) -> bool:
        """
        Take what a checked packet says of its sender.

        @return: Whether it acknowledged more than the packets before it.
        """
        self.heard_at = now
        if header.current_frame >= self.current_frame:
            self.current_frame = header.current_frame
            self.advantage = header.advantage / 2
        self.confirmed_frame = max(self.confirmed_frame, header.confirmed_frame)
        next_wanted = header.next_wanted
        if next_wanted <= self.acknowledged:
            return False
        self.acknowledged = next_wanted
        if 0 < self._timed_count <= next_wanted:
            self._measure(now - self._timed_from)
            self._timed_count = 0
        return True

    def advantageOf(self, current_frame: int, rate: int) -> float:
        """
        Return by how many frames we are ahead of it, as far as we can tell.

        @param current_frame: The frame that we play next.
        @param rate: Frames a second.
        """
        return current_frame - self.current_frame - (self.round_trip or 0.0) / 2 * rate

    def _measure(self, sample: float) -> None:
        """Smooth a measured round trip, as RFC 6298 does."""
        known = self.round_trip
        if known is None:
            self.round_trip = sample
            self.round_trip_deviation = sample / 2
        else:
            self.round_trip_deviation += (abs(sample - known) - self.round_trip_deviation) / 4
            self.round_trip = known + (sample - known) / 8
