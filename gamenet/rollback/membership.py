"""
Who plays: how long everybody has been silent, what the peers agree on, and what
follows from that for the inputs.
"""

from __future__ import annotations

import attrs

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.events import Dropped as Outvoted
from gamenet.agreement.events import Isolated, Reunited, Standing, ViewChanged
from gamenet.agreement.settings import AgreementSettings
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.input_queue import ENDLESS
from gamenet.rollback.progress import Progress
from gamenet.rollback.seat_events import (
    Dropped,
    PeerHoldsUp,
    PeerInterrupted,
    PeerResumed,
    PlayerDropped,
    PlayerJoined,
)
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.view_messages import encodeViewMessage
from gamenet.wire.view_values import CommitAck, View

__all__ = ["ROUND_INTERVAL", "Membership"]

#: Seconds between two rounds after which we take it that we stood still ourselves.
SLEEP = 0.3

#: The longest that a proposer waits for a member that is heard, in seconds.
_LONGEST_PATIENCE = 30.0

#: Seconds between two probes of those who are sent no inputs.
PROBE_INTERVAL = 0.2

#: Seconds between two rounds in which it is looked what has to be said.
ROUND_INTERVAL = 0.05


#: The most frames beyond the prediction window that a joiner's seat is taken ahead: so
#: many known inputs have to be kept before they are played.
_AHEAD_LIMIT = 240


@attrs.define(init=False)
class Membership:
    """
    The members of one match, as one of them sees it.

    @ivar agreement: What the peers agree on.
    @ivar outvoted: Whether the others play on without us.
    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _now: The newest time that we were told, in seconds, or C{None}.
    @ivar _reached_at: When the newest message of the agreement came from each peer.
    @ivar _round_at: When the newest round was, in seconds.
    @ivar _unwanted: The peers that the game wants to be dropped.
    @ivar _stall: The frame that is played next, since when, and whether the game was
        told who holds it up.
    @ivar _probed_at: When those were probed last who are sent no inputs.
    """

    agreement: Agreement
    outvoted: bool
    _settings: RollbackSettings
    _progress: Progress
    _exchange: InputExchange
    _now: float | None
    _reached_at: dict[int, float]
    _probed_at: float
    _unwanted: dict[int, None]
    _stall: tuple[int, float, bool]
    _round_at: float

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        exchange: InputExchange,
        view: View,
    ) -> None:
        """
        @param view: Who plays at first; we are one of them.
        """
        patience = min(max(0.75, settings.lost_after or 2.0), _LONGEST_PATIENCE)
        rules = AgreementSettings(
            both_stop=settings.both_stop,
            lone_survivor=settings.lone_survivor,
            resend_interval=ROUND_INTERVAL,
            promise_timeout=2 * patience,
            decision_timeout=2 * patience + 1.0,
            mute_timeout=4 * patience + 2.0,
        )
        self.agreement = Agreement(rules, settings.peer, settings.peers, view)
        self.outvoted = False
        self._settings = settings
        self._progress = progress
        self._exchange = exchange
        self._now = None
        self._reached_at = {}
        self._probed_at = -1e9
        self._unwanted = {}
        self._stall = (-1, 0.0, True)
        self._round_at = 1e9
        progress.view = view.number

    @property
    def view(self) -> View:
        """Who plays, by the newest agreement that is in force here."""
        return self.agreement.view

    def standing(self) -> Standing:
        """Return how far we are, for the agreement."""
        progress = self._progress
        horizon = (
            max(progress.confirmed_frame + 1, progress.current_frame)
            + self._settings.prediction_window
            + min(2 * self._settings.frame_rate, _AHEAD_LIMIT)
        )
        return Standing(progress.confirmed_frame, horizon, self._exchange.table.floors())

    def drop(self, peer: int) -> None:
        """
        Suspect a peer as if it were silent, until it is out.

        @raise LocalProtocolError: It is not another member.
        """
        self._exchange.remote(peer)
        self._unwanted[peer] = None

    def heard(self, peer: int, view: int, now: float) -> None:
        """
        An input packet came.

        @param view: Its sender's view, modulo 256.
        """
        if (view - self._progress.view) & 0xFF:
            newest = self._progress.view
            ahead = ((view - newest + 128) & 0xFF) - 128
            self.agreement.heardInView(peer, max(newest + ahead, 0), now)
        if self._exchange.isMember(peer):
            remote = self._exchange.remote(peer)
            if remote.silent:
                remote.silent = False
                self._progress.events.append(PeerResumed(peer))

    def received(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a message of the agreement.

        @raise gamenet.errors.RemoteProtocolError: It cannot rightly have been sent.
        """
        self.agreement.received(peer, body, self.standing(), now)
        self._reached_at[peer] = now
        self._now = now
        self._follow()

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Look who is silent, and return what is to be said to agree on it."""
        self._forgive(now)
        self._now = self._round_at = now
        lost = self._silent(now)
        self._watchStall(now)
        if not lost and self.agreement.isIdle(now):
            return ()
        self.agreement.suspect(lost, now)
        packets = self.agreement.due(self.standing(), now)
        self._follow()
        return packets + self._probes(lost, now)

    def _probes(self, lost: tuple[int, ...], now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Stop sending inputs to those of whom nothing comes, while too few are heard to drop
        them, and look whether they can be reached.

        Where a link is dead in one direction only, the other side hears us well: were it
        to go on hearing inputs, it would never see why all stand still, though it may be
        the one that can drop us.

        @param lost: The members who are silent.
        """
        if not self.agreement.isolated:
            self._exchange.muted = ()
            return ()
        patience = self._settings.lost_after or 0.0
        self._exchange.muted = tuple(
            peer for peer in lost if now - self._reached_at.get(peer, -1e9) >= patience
        )
        if now - self._probed_at < PROBE_INTERVAL:
            return ()
        self._probed_at = now
        probe = encodeViewMessage(CommitAck(self.agreement.view.number))
        return tuple((peer, probe) for peer in self._exchange.muted)

    def _forgive(self, now: float) -> None:
        """
        Where we ourselves stood still, nobody is to blame for the silence: what came
        meanwhile may still wait to be read.
        """
        gap = now - self._round_at
        if gap > SLEEP:
            for remote in self._exchange.others:
                if remote.heard_at is not None:
                    remote.heard_at = min(now, remote.heard_at + gap)

    def _silent(self, now: float) -> tuple[int, ...]:
        """Tell of those who are silent, and return who is lost."""
        settings = self._settings
        if self.outvoted or self._isFinished():
            return ()
        lost = []
        for remote in self._exchange.others:
            if remote.heard_at is None:
                remote.heard_at = now
            silence = now - remote.heard_at
            if silence >= settings.interrupted_after and not remote.silent:
                remote.silent = True
                self._progress.events.append(PeerInterrupted(remote.peer, silence))
            late = settings.lost_after is not None and silence >= settings.lost_after
            if late or remote.peer in self._unwanted:
                lost.append(remote.peer)
        return tuple(lost)

    def _watchStall(self, now: float) -> None:
        """Tell who is heard, and yet keeps all from playing."""
        progress, exchange = self._progress, self._exchange
        frame = progress.current_frame
        stalled, since, told = self._stall
        if frame != stalled:
            self._stall = (frame, now, False)
            return
        limit = self._settings.lost_after or 2.0
        window = self._settings.prediction_window
        waits = progress.frames > frame >= exchange.table.known + window
        if not window:
            waits = waits and not exchange.local.lacksAny(frame)
        if told or now - since < limit or not waits or self.agreement.deciding:
            return
        self._stall = (frame, since, True)
        for remote in exchange.others:
            behind = min([queue.known_until for queue in remote.queues]) <= exchange.table.known
            if behind and not remote.silent and not self.agreement.isolated:
                progress.events.append(PeerHoldsUp(remote.peer, now - since))

    def _isFinished(self) -> bool:
        """Whether the match's last frame is final here: nobody is missed any more."""
        return self._progress.confirmed_frame == self._progress.frames - 1

    def _follow(self) -> None:
        """Do what was agreed on."""
        agreement = self.agreement
        for event in agreement.drainEvents():
            if self._isFinished():
                continue
            if isinstance(event, ViewChanged):
                if not self.outvoted:
                    self._install(event)
            elif isinstance(event, Outvoted):
                self.outvoted = self._progress.stopped = True
                seat = event.view.seats[self._settings.local_player - 1]
                self._progress.events.append(Dropped(seat.since, event.view.number))
            elif isinstance(event, (Isolated, Reunited)):
                self._progress.events.append(event)
        self._exchange.frozen = agreement.frozen
        horizon = agreement.horizon
        self._exchange.table.pledge(ENDLESS if horizon is None else horizon)

    def _install(self, change: ViewChanged) -> None:
        """A new view is in force."""
        progress = self._progress
        exchange = self._exchange
        view = change.view
        progress.view = view.number
        for remote in exchange.others:
            if remote.peer not in view.members:
                exchange.remove(remote.peer)
                self._unwanted.pop(remote.peer, None)
        exchange.table.horizon = ENDLESS
        exchange.table.reseat(view.seats, progress.confirmed_frame, progress.current_frame)
        for player, frame in change.dropped:
            progress.events.append(PlayerDropped(player, frame, view.number))
        for player, frame in change.joined:
            progress.events.append(PlayerJoined(player, frame, view.number))
            if player in view.members and player != self._settings.peer:
                exchange.admit(player, frame)
                exchange.remote(player).heard_at = self._now
