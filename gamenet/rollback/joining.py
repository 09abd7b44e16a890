"""
The way to a seat, for who joins late and for who comes back: follow the match like a
spectator, until we are close behind the others; ask for the seat; and play from the
frame on that all have agreed on.
"""

from __future__ import annotations

import attrs

from gamenet.agreement.reception import AHEAD_LIMIT
from gamenet.agreement.view import faultOf, isQuorum
from gamenet.errors import LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.feed.events import HostRefused
from gamenet.feed.follower import Follower
from gamenet.feed.settings import FollowerSettings
from gamenet.feed.transfer import TransferReceived
from gamenet.interfaces import ITransfer
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.progress import Progress
from gamenet.rollback.seat_events import SeatRefused
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Advance, Restore, Save, Step
from gamenet.wire.feed_packets import (
    Follow,
    NotFedReason,
    Unfollow,
    decodeFeedPacket,
    encodeNotFed,
)
from gamenet.wire.transfer_packets import TransferPurpose
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    Commit,
    CommitAck,
    JoinRefusal,
    JoinRefused,
    JoinRequest,
    View,
)

__all__ = ["CATCH_UP", "CLOSE_BEHIND", "Joining"]

#: How many frames are played at the most in one call while catching up.
CATCH_UP = 8

#: The seat is asked for when this many frames at most are missing.
CLOSE_BEHIND = 30

#: Numbers from here on are spectators'.
_SPECTATORS = 17

#: Seconds between two requests for the seat.
_REQUEST_INTERVAL = 0.2

#: Seconds for which an answer of a member says that we hear each other.
_ANSWER_TIMEOUT = 1.5

#: One of so many requests asks for each member's view, whatever we heard of it.
_VIEWS_EVERY = 5

#: Seconds for which a member's word counts, of which view is the present one.
_VIEW_TIMEOUT = 3.0

#: Seconds after which answers of a quorum are enough: nobody keeps the seat from us for ever.
_QUORUM_AFTER = 10.0

#: Seconds without much to catch up with, after which the seat is asked for anyway.
_LIVE_AFTER = 2.0

#: Seconds after which a host that has nothing for us is left.
_STUCK_AFTER = 2.0

#: What members say to each other before they know that we have no seat.
_FOR_MEMBERS = (0x00, 0x20)

_AGREEMENT = 0x10
_FEED = 0x30
_TRANSFER = 0x40


@attrs.define(init=False)
class Joining:
    """
    One peer on its way to its seat.

    @ivar view: The view in which we are seated, or C{None} until then.
    @ivar before: All players' inputs of the newest frame that was played here, or
        C{None} before the first.
    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _confirmation: The final frames.
    @ivar _transfer: What brings the snapshot.
    @ivar _follower: What brings the frames.
    @ivar _hosts: All other peers.
    @ivar _known_view: What most of its members say is the present view; the newest of several.
    @ivar _views: What each peer said last, and when, in seconds.
    @ivar _asking_since: When the seat was asked for first; C{None} before.
    @ivar _requests: How often the seat was asked for.
    @ivar _backlog_at: When there was more to play than in one call last.
    @ivar _answered_at: When each peer answered us last, in seconds.
    @ivar _requested_at: When the seat was asked for last, in seconds.
    @ivar _refusal: Why the seat was refused, as the game was told, or C{None}.
    @ivar _acknowledgements: Whom to tell that we know the view.
    @ivar _unfed: Who asked us for frames, of which we have none to give.
    @ivar _has_state: Whether we have a state to go on from.
    """

    view: View | None
    before: tuple[bytes, ...] | None
    _settings: RollbackSettings
    _progress: Progress
    _confirmation: Confirmation
    _transfer: ITransfer
    _follower: Follower
    _hosts: tuple[int, ...]
    _known_view: View
    _views: dict[int, tuple[View, float]]
    _asking_since: float | None
    _requests: int
    _backlog_at: float
    _answered_at: dict[int, float]
    _requested_at: float
    _refusal: JoinRefusal | None
    _acknowledgements: list[int]
    _unfed: list[int]
    _has_state: bool

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        confirmation: Confirmation,
        transfer: ITransfer,
        view: View,
    ) -> None:
        """
        @param view: The newest view that we know.
        @param settings: The rules.
        @param transfer: What brings the snapshot; its packets are ours to send now.
        """
        rules = FollowerSettings(
            settings.players,
            settings.digest(),
            settings.input_limit,
            stuck_after=_STUCK_AFTER,
            last_frame=settings.last_frame,
        )
        progress.restored = progress.report = None  # of our former seat
        progress.kept_frame = -1
        self.view = None
        self.before = None
        self._progress = progress
        self._confirmation = confirmation
        self._transfer = transfer
        self._follower = Follower(rules, settings.others)
        self.reseat(settings)
        self._known_view = view
        self._views = {}
        self._asking_since = None
        self._requests = 0
        self._backlog_at = float("inf")
        self._answered_at = {}
        self._requested_at = -1e9
        self._refusal = None
        self._acknowledgements = []
        self._unfed = []
        self._has_state = False

    def reseat(self, settings: RollbackSettings) -> None:
        """Some empty seats belong to another peer now."""
        self._settings = settings
        self._hosts = settings.others
        self._follower.alsoAsk(self._hosts)

    @property
    def seated(self) -> bool:
        """Whether we have our seat, and everything that was known before it is played."""
        return self.view is not None and self.before is not None and not self._follower.ready

    def packetReceived(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a packet of another peer.

        @raise RemoteProtocolError: It cannot rightly have been sent.
        @raise LocalProtocolError: There is no such peer.
        """
        if peer >= _SPECTATORS:
            self._spectatorAsks(peer, body)
            return
        if peer not in self._hosts:
            raise LocalProtocolError(f"there is no other peer {peer}")
        statistics = self._progress.statistics
        try:
            self._take(peer, body, now)
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.received(body)

    def advance(self, now: float) -> list[Step]:
        """
        Play what all others have confirmed.

        @param now: The time, in seconds.
        @return: The steps.
        """
        progress = self._progress
        steps: list[Step] = []
        snapshot = self._follower.takeSnapshot()
        if snapshot is not None:
            frame = snapshot.frame
            steps.append(Restore(frame, snapshot.content))
            progress.current_frame = frame
            progress.confirmed_frame = frame - 1
            self._confirmation.restart(frame)
            self._has_state = True
            self._backlog_at = now
            self.before = None
        if not self._has_state:
            return steps
        most = min(CATCH_UP, 4 * self._settings.checksum_interval)
        frames = self._follower.take(most)
        if len(frames) == most or self._backlog_at == float("inf"):
            self._backlog_at = now
        for frame, inputs, absent in frames:
            steps.append(Advance(frame, inputs, absent))
            if self._confirmation.isReported(frame):
                steps.append(Save(frame + 1, True))
            self._confirmation.give((inputs, absent))
            progress.statistics.played(now)
            progress.current_frame = frame + 1
            self.before = inputs
        if frames and not self._confirmation.isReported(frames[-1][0]):
            steps.append(Save(progress.current_frame))
        progress.confirmed_frame = progress.current_frame - 1
        self._confirmation.settle()
        return steps

    def packetsDue(self, now: float) -> list[tuple[int, bytes]]:
        """Return what is to be sent now, to which peer."""
        packets = list(self._follower.packetsDue(now))
        self._transfer.expect([(self._follower.host, TransferPurpose.SNAPSHOT)])
        packets += self._transfer.packetsDue(now)
        packets += [
            (peer, encodeViewMessage(CommitAck(self._known_view.number)))
            for peer in self._acknowledgements
        ]
        self._acknowledgements.clear()
        packets += [(peer, encodeNotFed(NotFedReason.NOT_FOLLOWING)) for peer in self._unfed]
        self._unfed.clear()
        for event in self._follower.drainEvents():
            if isinstance(event, HostRefused):
                self._feedRefused(event.reason)
        if self._isClose(now) and now - self._requested_at >= _REQUEST_INTERVAL:
            self._requested_at = now
            digest = self._settings.digest()
            frame = self._progress.current_frame
            if self._asking_since is None:
                self._asking_since = now
            self._requests += 1
            number = self._known_view.number if self._requests % _VIEWS_EVERY else 0
            request = JoinRequest(digest, number, frame, self._hearsAll(now))
            packets += [(host, encodeViewMessage(request)) for host in self._hosts]
        self._progress.statistics.sent(packets)
        return packets

    def farewell(self) -> tuple[tuple[int, bytes], ...]:
        """Return what tells the host that we follow it no more, once we are seated."""
        return self._follower.leave()

    def _take(self, peer: int, body: bytes, now: float) -> None:
        """Take a packet of one of the other peers."""
        family = body[0] & 0xF0 if body else -1
        if family == _FEED:
            if isinstance(decodeFeedPacket(body), (Follow, Unfollow)):
                self._feedNot(peer)
            else:
                self._follower.packetReceived(peer, body, now)
        elif family == _TRANSFER:
            received = self._transfer.packetReceived(peer, body, now)
            if received is not None:
                self._snapshotReceived(received, now)
            elif self._transfer.progress(self._follower.host) is not None:
                self._follower.noteProgress(now)
        elif family == _AGREEMENT:
            self._messageReceived(peer, body, now)
            self._answered_at[peer] = now
        elif family not in _FOR_MEMBERS:
            raise MalformedMessage(f"a packet of an unknown kind, {body[:1].hex()}")

    def _spectatorAsks(self, spectator: int, body: bytes) -> None:
        """Take a packet of a spectator, whom we have nothing to show now."""
        family = body[0] & 0xF0 if body else -1
        if family == _FEED:
            if not isinstance(decodeFeedPacket(body), (Follow, Unfollow)):
                raise RemoteProtocolError(f"spectator {spectator} sent frames")
            self._feedNot(spectator)
        elif family != _TRANSFER:
            raise RemoteProtocolError(f"a spectator sent a packet {body[:1].hex()}")

    def _feedNot(self, follower: int) -> None:
        """Tell who follows us, or wants to, that there is nothing; so many in one round."""
        limit = len(self._hosts) + self._settings.followers_limit
        if follower not in self._unfed and len(self._unfed) < limit:
            self._unfed.append(follower)

    def _isClose(self, now: float) -> bool:
        """Whether it is time to ask for the seat."""
        if self.view is not None or self.before is None:
            return False
        if now - self._backlog_at >= _LIVE_AFTER:
            return True  # whatever the host says of its frames
        return self._follower.committed_frame - self._progress.current_frame <= CLOSE_BEHIND

    def _hearsAll(self, now: float) -> bool:
        """Whether every member has answered us just now; in the long run, a quorum."""
        view, peer = self._known_view, self._settings.peer
        heard = [
            one
            for one in view.members
            if one != peer and now - self._answered_at.get(one, -1e9) < _ANSWER_TIMEOUT
        ]
        if self._asking_since is not None and now - self._asking_since >= _QUORUM_AFTER:
            rules = self._settings
            return isQuorum(view, rules.peers, heard, rules.both_stop, rules.lone_survivor)
        return len(heard) == len([one for one in view.members if one != peer])

    def _snapshotReceived(self, received: TransferReceived, now: float) -> None:
        """A content came whole."""
        if received.purpose is not TransferPurpose.SNAPSHOT:
            return
        if self._follower.snapshotReceived(received, now):
            self._has_state = False

    def _messageReceived(self, peer: int, body: bytes, now: float) -> None:
        """A message of the agreement came."""
        message = decodeViewMessage(body)
        if isinstance(message, JoinRefused):
            if peer in self._known_view.members:  # nobody else has a seat to refuse
                self._refused(message.reason)
        elif isinstance(message, Commit):
            self._committed(peer, message.view, now)

    def _feedRefused(self, reason: NotFedReason) -> None:
        """A host feeds us not: who plays by other rules gets no seat either."""
        if reason is NotFedReason.OTHER_CONFIGURATION:
            self._refused(JoinRefusal.CONFIGURATION_DIFFERS)

    def _refused(self, reason: JoinRefusal) -> None:
        """Tell the game why we get no seat, once."""
        if reason is not self._refusal and reason is not JoinRefusal.NOT_YET:
            self._refusal = reason
            self._progress.events.append(SeatRefused(reason.name.replace("_", " ").lower()))

    def _committed(self, peer: int, view: View, now: float) -> None:
        """
        A peer says that a view was decided.

        @raise RemoteProtocolError: No such view can be.
        """
        settings = self._settings
        fault = faultOf(view, settings.peers)
        if fault is not None:
            raise RemoteProtocolError(f"peer {peer} says {fault}")
        present = max(self._follower.host_frame, self._progress.current_frame)
        if max([seat.since for seat in view.seats]) > present + AHEAD_LIMIT:
            return  # nobody is seated that far ahead; or we have yet to hear how far they are
        seat = view.seats[settings.local_player - 1]
        if seat.taken and self._has_state and seat.since < self._progress.current_frame:
            raise RemoteProtocolError(f"peer {peer} seats us at {seat.since}, which is past")
        self._views[peer] = view, now
        known = self._presentView(now)
        if known != self._known_view:
            self._known_view = known
            self.view = None
        if settings.peer in known.members and known in [said for said, _ in self._views.values()]:
            self.view = known
        if view == known and peer not in self._acknowledgements:
            self._acknowledgements.append(peer)

    def _presentView(self, now: float) -> View:
        """
        Return the view that most of its own members say is the present one, of several
        the newest: no single peer, and none that has no seat, leads us astray for long.
        """
        known = self._known_view
        most = 0
        for said, _ in self._views.values():
            count = sum(
                view == said and peer in said.members and now - at < _VIEW_TIMEOUT
                for peer, (view, at) in self._views.items()
            )
            if count > most or (count == most > 0 and said.number > known.number):
                known, most = said, count
        return known
