"""
What a session does for those who follow the match: spectators, players who join
and players who come back.
"""

from __future__ import annotations

import attrs

from gamenet.feed.broadcast import Broadcast
from gamenet.feed.settings import FeedSettings
from gamenet.interfaces import ITransfer
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.progress import Progress
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_dump import StateDump
from gamenet.wire.feed_packets import FeedFrames, NotFed, decodeFeedPacket

__all__ = ["Hosting"]


@attrs.define(init=False)
class Hosting:
    """
    Feeds followers the frames that all members have confirmed.

    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _confirmation: The final frames.
    @ivar _broadcast: What feeds them.
    @ivar _asked: Whether somebody has asked; before that no frames are handed on.
    @ivar _kept_frame: The frame whose state is kept for a snapshot, or C{None}.
    """

    _settings: RollbackSettings
    _progress: Progress
    _exchange: InputExchange
    _confirmation: Confirmation
    _broadcast: Broadcast
    _asked: bool
    _kept_frame: int | None

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        exchange: InputExchange,
        confirmation: Confirmation,
        transfer: ITransfer,
    ) -> None:
        """
        @param settings: The rules.
        @param transfer: What carries snapshots; its packets are the caller's to send.
        """
        self._settings = settings
        self._progress = progress
        self._exchange = exchange
        self._confirmation = confirmation
        rules = FeedSettings(
            settings.players,
            settings.digest(),
            settings.input_limit,
            settings.history_limit,
            followers_limit=settings.followers_limit,
        )
        self._broadcast = Broadcast(rules, transfer)
        self._asked = False
        self._kept_frame = None

    @property
    def committed_frame(self) -> int:
        """
        The newest frame that every member has confirmed, as far as we heard, or -1.

        New members count too, of whom nothing was heard yet: with many players they may
        be a quorum, and drop us from a frame on that we have confirmed and they have not.
        """
        return min(
            [remote.confirmed_frame for remote in self._exchange.others],
            default=self._confirmation.told,
        )

    @property
    def followers(self) -> tuple[int, ...]:
        """Who follows."""
        return self._broadcast.followers

    @property
    def awaitsDump(self) -> bool:
        """Whether a state will be wanted as soon as everybody has confirmed its frame."""
        return self._kept_frame is not None

    def received(self, follower: int, body: bytes, now: float) -> None:
        """
        Take a packet of a follower, or of who wants to be one.

        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it.
        """
        if isinstance(decodeFeedPacket(body), (FeedFrames, NotFed)):
            return  # from a host that we followed until we got our seat
        self._asked = True
        self._commit()
        self._broadcast.received(follower, body, now)

    def dumpsWanted(self) -> tuple[int, ...]:
        """Return the final frames whose states are wanted."""
        kept = self._kept_frame
        if kept is None or kept > min(self.committed_frame, self._confirmation.told):
            return ()
        return (kept,)

    def dumpTaken(self, frame: int, dump: StateDump | None, now: float) -> None:
        """
        Take a state that was wanted.

        @param dump: The state; C{None} if it was not kept.
        """
        self._kept_frame = None
        if dump is None:
            return
        broadcast = self._broadcast
        self._commit()
        if broadcast.oldest_frame <= frame + 1 <= broadcast.committed:
            broadcast.snapshotTaken(frame + 1, dump.snapshot, now)

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Return what is to be sent now, to which follower."""
        if not self._asked:
            return ()
        broadcast = self._broadcast
        self._commit()
        broadcast.current_frame = self._progress.current_frame
        if broadcast.snapshotWanted and self._kept_frame is None:
            self._kept_frame = self._progress.kept_frame = self._progress.current_frame
            self._progress.wants_dumps = True
        return broadcast.packetsDue(now)

    def stop(self) -> None:
        """Feed nobody any more: we are no member."""
        self._broadcast.stop()

    def _commit(self) -> None:
        """Hand on the frames that all have confirmed since the last time."""
        broadcast = self._broadcast
        confirmation = self._confirmation
        end = min(self.committed_frame, confirmation.told) + 1
        start = broadcast.committed
        if not start and not broadcast.oldest_frame:
            start = confirmation.first_kept
        if confirmation.first_kept > start:
            start = confirmation.first_kept
            broadcast.forget()
        for frame, row in enumerate(confirmation.rows(start, end) if start < end else (), start):
            broadcast.frameCommitted(frame, *row)
