"""
Everything that peers say to each other beside their inputs: what they agree on,
and what one lacks and another has.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.interfaces import ITransfer
from gamenet.rollback.backfill import Backfill
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.hosting import Hosting
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.membership import ROUND_INTERVAL, Membership
from gamenet.rollback.progress import Progress
from gamenet.rollback.recommendations import Recommendations
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_dump import StateDump
from gamenet.rollback.state_events import StateTooLarge
from gamenet.rollback.state_exchange import StateExchange
from gamenet.wire.input_frames import decodeHeader
from gamenet.wire.state_packets import STATE_WANTED
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import Commit, JoinRefusal, JoinRefused, JoinRequest, View

__all__ = ["QUIET_INTERVAL", "ControlExchange"]

#: Seconds between two rounds where there was nothing to say in the one before.
QUIET_INTERVAL = 0.1

#: The first byte of a request for a seat.
JOIN_REQUEST = 0x18

_INPUTS = 0x00
_AGREEMENT = 0x10
_BACKFILL = 0x20
_FEED = 0x30
_TRANSFER = 0x40
_FAMILY = 0xF0

#: The first bytes of an offer and of a piece of what was offered: none for us to take
#: from who looks on.
_CONTENTS = (0x40, 0x41)

#: Followers with numbers from here on are spectators.
_SPECTATORS = 17


@attrs.define(init=False)
class ControlExchange:
    """
    The packets of one session that carry no inputs of their sender.

    @ivar membership: Who plays.
    @ivar backfill: What is missing of those who left.
    @ivar hosting: What is done for those who follow.
    @ivar states: The states that we ask for and give.
    @ivar recommendations: What is recommended to the game.
    @ivar leaving: Whether we leave on purpose.
    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _transfer: What carries states.
    @ivar _said: What is to be sent at the next round.
    @ivar _told_size: Whether the game was told that its state is too large to be sent.
    @ivar _members: Who played at the last round.
    @ivar _now: The newest time that we were told, in seconds.
    @ivar _peers: The numbers of all other peers, members or not.
    @ivar _next_round: When the next round is, in seconds.
    @ivar _invited: Peers for whom empty seats were made ready, and since when those were.
    """

    membership: Membership
    backfill: Backfill
    hosting: Hosting
    states: StateExchange
    recommendations: Recommendations
    leaving: bool
    _settings: RollbackSettings
    _progress: Progress
    _exchange: InputExchange
    _transfer: ITransfer
    _peers: tuple[int, ...]
    _said: list[tuple[int, bytes]]
    _told_size: bool
    _members: tuple[int, ...]
    _now: float
    _next_round: float
    _invited: dict[int, int]

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        exchange: InputExchange,
        confirmation: Confirmation,
        transfer: ITransfer,
        view: View,
    ) -> None:
        """
        @param transfer: What carries states.
        @param view: Who plays at first.
        """
        self.membership = Membership(settings, progress, exchange, view)
        self.backfill = Backfill(settings, progress, exchange, confirmation)
        self.hosting = Hosting(settings, progress, exchange, confirmation, transfer)
        self.recommendations = Recommendations(settings, progress, exchange)
        self.states = StateExchange(settings, progress, exchange, confirmation, transfer)
        self.leaving = progress.stopped = False
        self._transfer = transfer
        self._said = []
        self._told_size = False
        self._members = view.members
        self._now = 0.0
        self._settings = settings
        self._progress = progress
        self._exchange = exchange
        self._peers = settings.others
        self._next_round = -1e9
        self._invited = {}

    @property
    def state(self) -> SessionState | None:
        """What the session is doing, where that is decided here."""
        agreement = self.membership.agreement
        if agreement.left:
            return SessionState.LEFT
        if self.membership.outvoted:
            return SessionState.DROPPED
        if agreement.isolated:
            return SessionState.ISOLATED
        return SessionState.STALLED if self.leaving else None

    def heard(self, peer: int, view: int, now: float) -> None:
        """An input packet of a member came, from that view modulo 256."""
        self.membership.heard(peer, view, now)

    def packetReceived(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a packet that is no member's input packet.

        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it.
        @raise LocalProtocolError: There is no such peer.
        """
        family = body[0] & _FAMILY if body else -1
        spectates = peer >= _SPECTATORS
        if peer not in self._peers and not spectates:
            raise LocalProtocolError(f"there is no other peer {peer}")
        statistics = self._progress.statistics
        try:
            if spectates and (family not in (_FEED, _TRANSFER) or body[0] in _CONTENTS):
                raise RemoteProtocolError(f"a spectator sent a packet {body[:1].hex()}")
            if family == _INPUTS:
                self.membership.heard(peer, decodeHeader(body).view, now)
            elif family == _AGREEMENT:
                self._messageReceived(peer, body, now)
            elif family == _BACKFILL and body[0] == STATE_WANTED:
                self.states.wanted(peer, body)
            elif family == _BACKFILL:
                self.backfill.received(peer, body, now)
            elif family == _FEED:
                self.hosting.received(peer, body, now)
            elif family == _TRANSFER:
                received = self._transfer.packetReceived(peer, body, now)
                if received is not None:
                    self.states.received(received)
            else:
                raise MalformedMessage(f"a packet of an unknown kind, {body[:1].hex()}")
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.received(body)
        self._next_round = now

    def _membersChanged(self) -> None:
        """Forget the transfers of those who are gone: who comes back may count anew."""
        members = self.membership.view.members
        if members != self._members:
            for peer in self._members:
                if peer not in members:
                    self._transfer.forget(peer)
            self._members = members

    def isDue(self, now: float) -> bool:
        """Return whether L{packetsDue} is to be called."""
        return now >= self._next_round

    def packetsDue(self, now: float) -> list[tuple[int, bytes]]:
        """Return what is to be sent now, to which peer."""
        self._now = now
        packets = self._said
        self._said = []
        packets += self.membership.packetsDue(now)
        self._membersChanged()
        if self.membership.outvoted:
            self.hosting.stop()
        if not self._progress.stopped:
            packets += self.backfill.packetsDue(now)
            for difference in self._progress.differences:
                self.states.differs(difference)
            self.recommendations.look(now)
            packets += self.states.packetsDue(now)
        self._progress.differences.clear()
        packets += self.hosting.packetsDue(now)
        packets += self._transfer.packetsDue(now)
        self._transfer.drainFailures()
        self._next_round = now + (ROUND_INTERVAL if packets else QUIET_INTERVAL)
        self._progress.statistics.sent(packets)
        return packets

    def dumpsWanted(self) -> tuple[int, ...]:
        """Return the final frames whose states are wanted."""
        wanted = self.hosting.dumpsWanted() + self.states.dumpsWanted()
        self._progress.wants_dumps = bool(wanted) or self.hosting.awaitsDump
        return wanted

    def dumpTaken(self, frame: int, dump: StateDump | None) -> None:
        """
        Take a state that was wanted.

        @param dump: The state; C{None} if it is not kept.
        """
        if frame in self.hosting.dumpsWanted():
            snapshot = None if dump is None else dump.snapshot
            fits = snapshot is not None and self._fits(len(snapshot), self._transfer.size_limit)
            self.hosting.dumpTaken(frame, dump if fits else None, self._now)
        for size, limit in self.states.dumpTaken(frame, dump, self._now):
            self._fits(size, limit)

    def _fits(self, size: int, limit: int) -> bool:
        """Return whether so many bytes can be sent; the game is told once of what cannot."""
        if size > limit and not self._told_size:
            self._told_size = True
            self._progress.events.append(StateTooLarge(size, limit))
        return size <= limit

    def say(self, packets: tuple[tuple[int, bytes], ...], now: float) -> None:
        """Send something at the next round, which is now."""
        self._said += [packet for packet in packets if packet not in self._said]
        self._next_round = now

    def leave(self, now: float) -> None:
        """Leave the match on purpose."""
        self.leaving = self._progress.stopped = True
        self.membership.agreement.leave(now)
        self.hosting.stop()
        self._next_round = now

    def reseat(self, settings: RollbackSettings, players: tuple[int, ...]) -> bool:
        """
        Have empty seats belong to one peer, whom nobody has dropped.

        @param settings: With the new seating.
        @return: Whether that is so now; C{False} where a seat is taken or about to be.
        """
        view = self.membership.view
        taken = any(view.seats[player - 1].taken for player in players)
        if taken or not self.membership.agreement.reseat(settings.peers):
            return False
        self._settings = self._exchange.settings = settings
        self._peers = settings.others
        self._invited[players[0]] = view.seats[players[0] - 1].since
        return True

    def _isTooLate(self, peer: int) -> bool:
        """Whether a peer was dropped too long ago to come back."""
        within = self._settings.rejoin_within
        seat = self.membership.view.seats[peer - 1]
        if within is None or seat.taken or not seat.since:
            return False
        if self._invited.get(peer) == seat.since:
            return False
        return self._progress.current_frame - seat.since > within * self._settings.frame_rate

    def _messageReceived(self, peer: int, body: bytes, now: float) -> None:
        """
        Take a message of the agreement, or somebody's wish for a seat.

        @raise RemoteProtocolError: It cannot rightly have been sent.
        """
        if body[0] != JOIN_REQUEST:
            self.membership.received(peer, body, now)
            return
        request = decodeViewMessage(body)
        if not isinstance(request, JoinRequest):
            raise MalformedMessage("a request for a seat that is none")
        if request.digest != self._settings.digest():
            refused = JoinRefused(JoinRefusal.CONFIGURATION_DIFFERS)
            self.say(((peer, encodeViewMessage(refused)),), now)
        elif self._isTooLate(peer):
            refused = JoinRefused(JoinRefusal.TOO_LATE)
            self.say(((peer, encodeViewMessage(refused)),), now)
        elif not self._progress.stopped:
            view = self.membership.view
            older = request.number < view.number
            answer = Commit(view) if older else JoinRefused(JoinRefusal.NOT_YET)
            self.say(((peer, encodeViewMessage(answer)),), now)
            settled = max([seat.since for seat in view.seats])
            if request.number == view.number and request.hears_all and request.frame >= settled:
                self.membership.agreement.admit(peer, now)
