"""
The host's side of a feed: the committed frames of a match, for spectators, for
players who join and for those who come back.

A follower that is up to date gets one packet per C{packet_interval} with every
frame that it has not acknowledged.  One that is behind gets as many as a window
of packets allows.  One that has no state, or wants a frame that is kept no more,
gets a snapshot first.  A spectator may be a host too, and pass on what it follows.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.fed_follower import FedFollower
from gamenet.feed.settings import FeedSettings
from gamenet.interfaces import ITransfer
from gamenet.wire.feed_packets import (
    FRAMES_PER_PACKET,
    FeedRow,
    Follow,
    NotFedReason,
    Unfollow,
    decodeFeedPacket,
    encodeFeedFrames,
    encodeNotFed,
)
from gamenet.wire.frame_runs import PLAYERS_LIMIT
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.transfer_packets import TransferPurpose

__all__ = ["Broadcast"]

#: Two times that differ by less are the same.
_MOMENT = 1e-6

#: How many frames more than it must the history keeps, so that it is seldom cut.
_SLACK = 64


@attrs.define(init=False)
class Broadcast:
    """
    Feeds any number of followers.

    @ivar settings: The L{FeedSettings}.
    @ivar current_frame: The frame that the host plays next; the owner writes it.
    @ivar _transfer: What carries snapshots.
    @ivar _first: The first frame of the history.
    @ivar _rows: The history.
    @ivar _fed: The followers, by number.
    @ivar _now: The newest time that we were told, in seconds.
    @ivar _snapshot_at: When a snapshot was sent last.
    @ivar _refusals: Whom to tell that they are not fed, and why.
    @ivar _stopped: Whether nobody is fed any more.
    """

    settings: FeedSettings
    current_frame: int
    _transfer: ITransfer
    _first: int
    _rows: list[FeedRow]
    _fed: dict[int, FedFollower]
    _now: float
    _snapshot_at: float
    _refusals: dict[int, NotFedReason]
    _stopped: bool

    def __init__(self, settings: FeedSettings, transfer: ITransfer) -> None:
        """
        @param settings: The rules.
        @param transfer: What carries snapshots; its packets are the owner's to send.
        """
        self.settings = settings
        self.current_frame = 0
        self._transfer = transfer
        self._first = 0
        self._rows = []
        self._fed = {}
        self._now = self._snapshot_at = float("-inf")
        self._refusals = {}
        self._stopped = False

    @property
    def followers(self) -> tuple[int, ...]:
        """Who follows."""
        return tuple(self._fed)

    @property
    def committed(self) -> int:
        """How many frames are committed: the number of the next one."""
        return self._first + len(self._rows)

    @property
    def oldest_frame(self) -> int:
        """The first frame that is kept."""
        return self._first

    @property
    def snapshotWanted(self) -> bool:
        """
        Whether some follower needs a snapshot: give it to L{snapshotTaken}.  It is at most
        once per C{snapshot_interval}, however many ask and however often.
        """
        if self._now < self._snapshot_at + self.settings.snapshot_interval - _MOMENT:
            return False
        return any(self._wantsSnapshot(fed) for fed in self._fed.values())

    def frameCommitted(
        self, frame: int, inputs: tuple[bytes, ...], absent: tuple[int, ...] = ()
    ) -> None:
        """
        Take the next committed frame.

        @param frame: Which; one more than the one before, the first one may be any.
        @param inputs: All players' inputs in order of player number.
        @param absent: Whose seats are empty in it, ascending.
        @raise LocalProtocolError: It is another frame, or its inputs cannot be.
        """
        if not 0 <= frame < FRAMES_LIMIT or (self._rows and frame != self.committed):
            raise LocalProtocolError(f"frame {frame} is committed instead of {self.committed}")
        limit = self.settings.input_limit
        if len(inputs) != self.settings.players or any(len(text) > limit for text in inputs):
            raise LocalProtocolError(f"the inputs of frame {frame} cannot be")
        if not self._rows:
            self._first = frame
        row: FeedRow = (inputs, absent)
        if self._rows and self._rows[-1] == row:
            row = self._rows[-1]
        self._rows.append(row)
        surplus = self._historyBegin() - self._first
        if surplus >= _SLACK:
            del self._rows[:surplus]
            self._first += surplus

    def forget(self) -> None:
        """Forget all frames: the next one that is committed may be any later one."""
        self._first = self.committed
        self._rows.clear()

    def received(self, follower: int, body: bytes, now: float) -> None:
        """
        Take a packet of a follower, or of who wants to be one.

        @param follower: Who sent it: a player's number, or a larger one.
        @param body: See L{gamenet.wire.feed_packets}.
        @param now: The time, in seconds.
        @raise RemoteProtocolError: They cannot rightly have sent it.
        """
        self._now = now
        packet = decodeFeedPacket(body)
        if isinstance(packet, Unfollow):
            self._remove(follower)
            return
        if not isinstance(packet, Follow):
            raise RemoteProtocolError(f"a follower sent {type(packet).__name__}")
        reason = self._problem(follower, packet)
        if reason is not None:
            self._remove(follower)
            if follower in self._refusals or len(self._refusals) < PLAYERS_LIMIT:
                self._refusals[follower] = reason
            return
        fed = self._fed.get(follower)
        if fed is None:
            fed = self._fed[follower] = FedFollower(now)
        if packet.number > fed.number:
            fed.followReceived(packet, now)

    def snapshotTaken(self, frame: int, snapshot: bytes, now: float) -> None:
        """
        Send a snapshot to each follower that needs one; where there are more than can be
        sent something at a time, the others wait for the next one.

        @param frame: Its number: a committed state from which on the frames are kept.
        @param snapshot: The state.
        @param now: The time, in seconds.
        @raise LocalProtocolError: It is no such snapshot.
        """
        if not self._first <= frame <= self.committed:
            raise LocalProtocolError(
                f"snapshot {frame}, with frames {self._first} to {self.committed - 1}"
            )
        if len(snapshot) > self._transfer.size_limit:
            raise LocalProtocolError(f"a snapshot of {len(snapshot)} bytes")
        self._now = now
        for follower, fed in self._fed.items():
            if self._wantsSnapshot(fed):
                self._snapshot_at = now
                try:
                    self._transfer.send(follower, TransferPurpose.SNAPSHOT, frame, snapshot, now)
                except LocalProtocolError:
                    break  # there is no room for one more
                fed.snapshot_frame = frame
                fed.idle_since = None

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Return what is to be sent now, as pairs of a follower and a body.

        @param now: The time, in seconds.
        """
        self._now = now
        packets = [(follower, encodeNotFed(reason)) for follower, reason in self._refusals.items()]
        self._refusals.clear()
        for follower, fed in tuple(self._fed.items()):
            if now - fed.heard_at >= self.settings.follower_timeout:
                self._remove(follower)
                continue
            fed.silent = now - fed.heard_at >= self.settings.silent_after
            if fed.snapshot_frame is not None:
                running = self._transfer.progress(follower) is not None
                fed.noteSnapshot(running, self.settings.snapshot_grace, now)
            packets += [(follower, body) for body in self._bodiesDue(fed, now)]
        return tuple(packets)

    def remove(self, follower: int) -> None:
        """Feed a follower no more, and tell it so; it may ask again."""
        if follower in self._fed:
            self._remove(follower)
            self._refusals[follower] = NotFedReason.NOT_FOLLOWING

    def stop(self) -> None:
        """Feed nobody any more; who follows or asks is told so."""
        self._stopped = True
        for follower in self.followers:
            self.remove(follower)

    def _remove(self, follower: int) -> None:
        """Forget a follower; a player has other transfers with us, a spectator has none."""
        fed = self._fed.pop(follower, None)
        if fed is not None and follower > PLAYERS_LIMIT:
            self._transfer.cancel(follower)

    def _problem(self, follower: int, follow: Follow) -> NotFedReason | None:
        """Return why who asks is not fed, or C{None}."""
        if self._stopped:
            return NotFedReason.NOT_FOLLOWING
        if follow.digest != self.settings.digest:
            return NotFedReason.OTHER_CONFIGURATION
        # Players are few, and shall not lose their way to a seat to who looks on.
        spectators = sum(one > PLAYERS_LIMIT for one in self._fed)
        full = follower > PLAYERS_LIMIT and spectators >= self.settings.followers_limit
        return NotFedReason.FULL if full and follower not in self._fed else None

    def _wantsSnapshot(self, fed: FedFollower) -> bool:
        """Whether a follower needs a snapshot that is not under way."""
        if fed.paused or fed.silent or fed.snapshot_frame is not None:
            return False
        return fed.next_wanted is None or fed.next_wanted < self._first

    def _historyBegin(self) -> int:
        """Return the first frame that has to be kept."""
        settings = self.settings
        committed = self.committed
        begin = committed - settings.history_frames
        for fed in self._fed.values():
            wanted = fed.snapshot_frame
            if wanted is None and fed.catching_up and fed.next_wanted is not None:
                wanted = fed.next_wanted
                fed.catching_up = wanted < committed - settings.history_frames // 2
            if wanted is not None:
                begin = min(begin, wanted)
        return max(begin, committed - settings.history_frames - settings.snapshot_frames)

    def _bodiesDue(self, fed: FedFollower, now: float) -> list[bytes]:
        """Return what one follower is to be sent now."""
        settings = self.settings
        wanted = fed.next_wanted
        committed = self.committed
        waited = now - fed.sent_at + _MOMENT
        if wanted is None or fed.paused or not self._first <= wanted < committed:
            return self._signOfLife(fed, now) if waited >= settings.keep_alive_interval else []
        fed.takeTimeout(settings, now)
        fed.sent_end = max(fed.sent_end, wanted)
        if waited >= settings.packet_interval and fed.sent_end < committed:
            body, end = self._encode(wanted)
            fed.behind = end < committed
            if not fed.behind:
                fed.noteSent(end, settings.packets_in_flight, now)
                return [body]
        bodies: list[bytes] = []
        while (
            fed.behind and fed.sent_end < committed and len(fed.flying) < settings.packets_in_flight
        ):
            body, end = self._encode(fed.sent_end)
            fed.noteSent(end, settings.packets_in_flight, now)
            bodies.append(body)
        if not bodies and waited >= settings.keep_alive_interval:
            return self._signOfLife(fed, now)
        return bodies

    def _encode(self, first_frame: int) -> tuple[bytes, int]:
        """Return a packet of frames, and the frame behind its last."""
        begin = first_frame - self._first
        rows = self._rows[begin : begin + FRAMES_PER_PACKET]
        committed = self.committed
        current = max(self.current_frame, committed)
        body, count = encodeFeedFrames(first_frame, rows, committed, current, self.settings.players)
        return body, first_frame + count

    def _signOfLife(self, fed: FedFollower, now: float) -> list[bytes]:
        """Return a packet without frames."""
        fed.sent_at = now
        committed = self.committed
        current = max(self.current_frame, committed)
        return [encodeFeedFrames(committed, (), committed, current, self.settings.players)[0]]
