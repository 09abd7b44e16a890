"""
The following side of a feed: for a spectator, for a player who joins and for one
who comes back.

It follows one of several hosts.  When that one is silent, stuck or refuses, the
next one is asked, from the first frame on that is missing here.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.events import (
    FollowEvent,
    FollowingBegan,
    HostChanged,
    HostRefused,
    HostsLost,
)
from gamenet.feed.settings import FollowerSettings
from gamenet.feed.transfer_outcomes import TransferReceived
from gamenet.wire.feed_packets import (
    FeedFrames,
    FeedRow,
    Follow,
    NotFed,
    decodeFeedPacket,
    encodeFollow,
    encodeUnfollow,
)

__all__ = ["CommittedFrame", "Follower"]

#: Two times that differ by less are the same.
_MOMENT = 1e-6

#: A committed frame: its number, all players' inputs, and whose seats are empty.
CommittedFrame = tuple[int, tuple[bytes, ...], tuple[int, ...]]


@attrs.define(init=False)
class Follower:
    """
    Receives the committed frames of a match, each one once and in order.

    @ivar settings: The L{FollowerSettings}.
    @ivar host: The host that is asked now.
    @ivar committed_frame: The newest committed frame that the host told of that is asked
        now (until it is heard, the one before), or the newest that is here, or -1.
    @ivar host_frame: The newest frame that this host said it plays next.
    @ivar snapshot: The state to become before the frames that L{take} gives next, or
        C{None}; see L{takeSnapshot}.
    @ivar paused: Whether no frames are wanted for now; the owner writes it.
    @ivar _hosts: All hosts, in the order of being asked.
    @ivar _next: The first frame that is missing, or C{None} without a state.
    @ivar _taken: The first frame that was not taken.
    @ivar _first: The frame of C{_rows[0]}.
    @ivar _rows: The frames before C{_next}, some of them taken.
    @ivar _early: Frames that came before those before them.
    @ivar _number: The number of the newest FOLLOW.
    @ivar _followed: What it said is missing.
    @ivar _followed_at: When it was sent.
    @ivar _heard_at: When the host was heard last, or asked first.
    @ivar _progress_at: When something new came last.
    @ivar _answered_at: When any host was heard last; C{None} before the beginning.
    @ivar _lost: Whether all hosts are lost.
    @ivar _refused_at: When each host refused last.
    @ivar _left: The hosts that are to be told that we follow them no more.
    @ivar _unheard: Whether the host that is asked now has said nothing yet.
    @ivar _behind: The hosts that are too far behind what is here for that to be true.
    """

    settings: FollowerSettings
    host: int
    committed_frame: int
    host_frame: int
    snapshot: TransferReceived | None
    paused: bool
    _hosts: tuple[int, ...]
    _next: int | None
    _taken: int
    _first: int
    _rows: list[FeedRow]
    _early: dict[int, FeedRow]
    _number: int
    _followed: int | None
    _followed_at: float
    _heard_at: float
    _progress_at: float
    _answered_at: float | None
    _lost: bool
    _refused_at: dict[int, float]
    _left: dict[int, bool]
    _unheard: bool
    _behind: dict[int, None]
    _events: list[FollowEvent]

    def __init__(self, settings: FollowerSettings, hosts: Sequence[int]) -> None:
        """
        @param settings: The rules.
        @param hosts: Who may be asked, the best one first; at least one, each once.
        @raise LocalProtocolError: They are not.
        """
        self._hosts = tuple(hosts)
        if not self._hosts or len(frozenset(self._hosts)) != len(self._hosts):
            raise LocalProtocolError(f"one host at least, and each once, not {self._hosts}")
        self.settings = settings
        self.host = self._hosts[0]
        self.committed_frame = -1
        self.host_frame = 0
        self.snapshot = None
        self.paused = False
        self._next = 0 if settings.from_beginning else None
        self._taken = 0
        self._first = 0
        self._rows = []
        self._early = {}
        self._number = 0
        self._followed = None
        self._followed_at = float("-inf")
        self._heard_at = 0.0
        self._progress_at = 0.0
        self._answered_at = None
        self._lost = False
        self._refused_at = {}
        self._left = {}
        self._unheard = False
        self._behind = {}
        self._events = []

    @property
    def next_wanted(self) -> int | None:
        """The first frame that is missing, or C{None} while there is no state to go on from."""
        return self._next

    @property
    def ready(self) -> int:
        """How many frames can be taken, with the snapshot before them if there is one."""
        return 0 if self._next is None else self._next - self._taken

    def alsoAsk(self, hosts: Sequence[int]) -> None:
        """More may be asked, after those who are known; who is known stays so."""
        self._hosts = tuple(dict.fromkeys((*self._hosts, *hosts)))

    def packetReceived(self, host: int, body: bytes, now: float) -> None:
        """
        Take a packet of a host.

        @param host: Who sent it.
        @param body: See L{gamenet.wire.feed_packets}.
        @param now: The time, in seconds.
        @raise RemoteProtocolError: They cannot rightly have sent it, or it
            contradicts a frame that is here.  Nothing changed.
        @raise LocalProtocolError: There is no such host.
        """
        if host not in self._hosts:
            raise LocalProtocolError(f"{host} is no host")
        packet = decodeFeedPacket(body)
        if isinstance(packet, FeedFrames):
            self._check(packet)
            if host == self.host:
                self._framesReceived(packet, now)
            else:
                self._left.setdefault(host, False)
        elif isinstance(packet, NotFed):
            if host == self.host:
                self._answered_at = now
                self._refused_at[host] = now
                self._tell(HostRefused(host, packet.reason))
                self._askNext(now)
        else:
            raise RemoteProtocolError(f"a host sent {type(packet).__name__}")

    def snapshotReceived(self, received: TransferReceived, now: float) -> bool:
        """
        Take a snapshot that was carried here.

        @param received: The snapshot.
        @param now: The time, in seconds.
        @return: Whether it is of use: it came from the host that is asked now, and
            frames before it are missing, and the host may have it.
        """
        frame = received.frame
        known = self._next
        last_frame = self.settings.last_frame
        if frame > self.committed_frame + 1 + self.settings.ahead_limit:
            return False
        if last_frame is not None and frame > last_frame + 1:
            return False
        if received.peer != self.host or (known is not None and frame <= known):
            return False
        self.snapshot = received
        self._rows = []
        self._first = self._taken = self._next = frame
        self._early = {number: row for number, row in self._early.items() if number >= frame}
        self.committed_frame = max(self.committed_frame, frame - 1)
        self._heard_at = self._progress_at = self._answered_at = now
        self._tell(FollowingBegan(frame, True))
        self._joinEarly()
        return True

    def noteProgress(self, now: float) -> None:
        """Take notice that a snapshot is on its way: the host is not stuck."""
        self._heard_at = self._progress_at = now

    def takeSnapshot(self) -> TransferReceived | None:
        """Return L{snapshot}, and hold that it is taken; L{take} gives the frames behind it."""
        snapshot = self.snapshot
        self.snapshot = None
        return snapshot

    def take(self, limit: int) -> list[CommittedFrame]:
        """
        Return the next committed frames, in order; none before the snapshot that goes
        before them was taken.

        @param limit: How many at the most.
        """
        if self.snapshot is not None:
            return []
        begin = self._taken - self._first
        rows = self._rows[begin : begin + limit]
        frames = [(self._taken + n, row[0], row[1]) for n, row in enumerate(rows)]
        self._taken += len(frames)
        surplus = self._taken - self._first - self.settings.compared_limit
        if surplus >= 64:
            del self._rows[:surplus]
            self._first += surplus
        return frames

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Return what is to be sent now, as pairs of a host and a body.

        @param now: The time, in seconds.
        """
        settings = self.settings
        if self._answered_at is None:
            self._answered_at = self._heard_at = self._progress_at = now
        stuck = now - self._progress_at >= settings.stuck_after and not self._isFull()
        if now - self._heard_at >= settings.fail_over_after or stuck:
            self._askNext(now)
        silence = now - self._answered_at
        if silence >= settings.lost_after and not self._lost:
            self._lost = True
            self._tell(HostsLost(silence))
        packets = self._farewells()
        if now - self._refused_at.get(self.host, float("-inf")) < settings.refusal_pause:
            return packets
        waited = now - self._followed_at + _MOMENT
        news = self._followed != self._next
        behind = self._next is not None and self._next <= self.committed_frame
        if waited >= settings.keep_alive_interval or (
            news and (behind or waited >= settings.follow_interval)
        ):
            self._number += 1
            self._followed = self._next
            self._followed_at = now
            follow = Follow(settings.digest, self._number, self._next, self._isFull())
            packets += ((self.host, encodeFollow(follow)),)
        return packets

    def leave(self) -> tuple[tuple[int, bytes], ...]:
        """Return what tells the host that we follow it no more."""
        return ((self.host, encodeUnfollow()),)

    def drainEvents(self) -> tuple[FollowEvent, ...]:
        """Return what happened since the last call, in order."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def _isFull(self) -> bool:
        """Whether no frames are wanted for now."""
        return self.paused or self.ready >= self.settings.ready_limit

    def _tell(self, event: FollowEvent) -> None:
        """Note an event; the oldest ones are forgotten beyond the limit."""
        self._events.append(event)
        del self._events[: -self.settings.events_limit]

    def _askNext(self, now: float) -> None:
        """
        Ask the next host, of which nothing is known yet.  Where all but the one before
        say that what is here cannot be, that one lied: begin anew then.
        """
        self._heard_at = self._progress_at = now
        previous = self.host
        place = self._hosts.index(previous)
        self.host = self._hosts[(place + 1) % len(self._hosts)]
        self._early.clear()
        if len(self._behind) >= max(1, len(self._hosts) - 1):
            self._behind.clear()
            self._next = self.snapshot = None
            self._rows = []
        if self.host != previous:
            self._unheard = True
            self._left[previous] = False
            self._left.pop(self.host, None)
            self._followed_at = float("-inf")
            self._tell(HostChanged(self.host, previous))

    def _farewells(self) -> tuple[tuple[int, bytes], ...]:
        """Return what tells former hosts that we follow them no more, once for each packet."""
        left = tuple(self._left)
        self._left.clear()
        return tuple((host, encodeUnfollow()) for host in left)

    def _check(self, packet: FeedFrames) -> None:
        """
        Compare frames with those that are here.

        @raise RemoteProtocolError: They are others, or cannot be.
        """
        settings = self.settings
        if packet.players != settings.players:
            raise RemoteProtocolError(f"frames of {packet.players} players")
        if packet.current_frame - packet.committed > settings.ahead_limit:
            raise RemoteProtocolError(
                f"frame {packet.current_frame} is played while {packet.committed} are committed"
            )
        known = self._next or 0
        previous: FeedRow | None = None
        for frame, row in enumerate(packet.rows, packet.first_frame):
            if row is not previous:
                previous = row
                if max(map(len, row[0])) > settings.input_limit:
                    raise RemoteProtocolError(f"frame {frame} has an input that is too long")
            if self._first <= frame < known:
                held: FeedRow | None = self._rows[frame - self._first]
            else:
                held = self._early.get(frame)
            if held is not None and held is not row and held != row:
                raise RemoteProtocolError(f"frame {frame} is another than it was")

    def _framesReceived(self, packet: FeedFrames, now: float) -> None:
        """Take frames of the host that is asked."""
        self._heard_at = self._answered_at = now
        self._lost = False
        if self._unheard:
            self._unheard = False
            self.committed_frame = (self._next or 0) - 1
            self.host_frame = 0
        self.committed_frame = max(self.committed_frame, packet.committed - 1)
        self.host_frame = max(self.host_frame, packet.current_frame)
        following = self._next
        if following is None:
            return
        if following - packet.committed > self.settings.ahead_limit:
            self._behind[self.host] = None
        else:
            self._behind.clear()
        early = self._early
        end = following + self.settings.early_limit
        room = self.settings.ready_limit - self.ready
        for frame, row in enumerate(packet.rows, packet.first_frame):
            if following <= frame <= end and (frame > following or room > 0):
                early[frame] = row
        if self._joinEarly():
            self._progress_at = now
            if not following and not self._taken:
                self._tell(FollowingBegan(0, False))

    def _joinEarly(self) -> bool:
        """Append what has come and is not early any more; return whether something was."""
        following = self._next
        assert following is not None
        rows, early = self._rows, self._early
        begin = following
        room = self.settings.ready_limit - self.ready
        while following in early and following - begin < room:
            row = early.pop(following)
            rows.append(rows[-1] if rows and rows[-1] == row else row)
            following += 1
        self._next = following
        return following > begin
