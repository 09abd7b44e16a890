"""
Everything that peers say to each other beside their inputs: what they agree on,
and what one lacks and another has.
"""

from __future__ import annotations

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage, RemoteProtocolError
from gamenet.rollback.backfill import Backfill
from gamenet.rollback.confirmation import Confirmation
from gamenet.rollback.input_exchange import InputExchange
from gamenet.rollback.membership import Membership
from gamenet.rollback.progress import Progress
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.steps import Restore
from gamenet.wire.input_frames import decodeHeader
from gamenet.wire.view_values import View

__all__ = ["ROUND_INTERVAL", "ControlExchange"]

#: Seconds between two rounds in which it is looked what has to be said.
ROUND_INTERVAL = 0.05

_INPUTS = 0x00
_AGREEMENT = 0x10
_BACKFILL = 0x20
_FAMILY = 0xF0


@attrs.define(init=False)
class ControlExchange:
    """
    The packets of one session that carry no inputs of their sender.

    @ivar membership: Who plays.
    @ivar backfill: What is missing of those who left.
    @ivar leaving: Whether we leave on purpose.
    @ivar _settings: The rules.
    @ivar _progress: How far the session is.
    @ivar _exchange: The inputs that come and go.
    @ivar _peers: The numbers of all other peers, members or not.
    @ivar _next_round: When the next round is, in seconds.
    """

    membership: Membership
    backfill: Backfill
    leaving: bool
    _settings: RollbackSettings
    _progress: Progress
    _exchange: InputExchange
    _peers: tuple[int, ...]
    _next_round: float

    def __init__(
        self,
        settings: RollbackSettings,
        progress: Progress,
        exchange: InputExchange,
        confirmation: Confirmation,
        view: View,
    ) -> None:
        """
        @param view: Who plays at first.
        """
        self.membership = Membership(settings, progress, exchange, view)
        self.backfill = Backfill(settings, progress, exchange, confirmation)
        self.leaving = False
        self._settings = settings
        self._progress = progress
        self._exchange = exchange
        self._peers = tuple(peer[0] for peer in settings.peers if peer[0] != settings.peer)
        self._next_round = -1e9

    @property
    def stopped(self) -> bool:
        """Whether no frames are played and no inputs sent any more."""
        return self.membership.outvoted or self.leaving

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
        if peer not in self._peers:
            raise LocalProtocolError(f"there is no other peer {peer}")
        family = body[0] & _FAMILY
        statistics = self._progress.statistics
        try:
            if family == _INPUTS:
                self.membership.heard(peer, decodeHeader(body).view, now)
            elif family == _AGREEMENT:
                self.membership.received(peer, body, now)
            elif family == _BACKFILL:
                self.backfill.received(peer, body, now)
            else:
                raise MalformedMessage(f"a packet of an unknown kind, {body[0]:#04x}")
        except RemoteProtocolError:
            statistics.packets_refused += 1
            raise
        statistics.packets_received += 1
        statistics.bytes_received += len(body)
        self._next_round = now

    def isDue(self, now: float) -> bool:
        """Return whether L{packetsDue} is to be called."""
        return now >= self._next_round

    def packetsDue(self, now: float) -> list[tuple[int, bytes]]:
        """Return what is to be sent now, to which peer."""
        self._next_round = now + ROUND_INTERVAL
        packets = list(self.membership.packetsDue(now))
        packets += self.backfill.packetsDue(now)
        statistics = self._progress.statistics
        statistics.packets_sent += len(packets)
        statistics.bytes_sent += sum([len(body) for _, body in packets])
        return packets

    def restored(self) -> Restore | None:
        """Return a state that is to be taken over now, once."""
        return None

    def leave(self, now: float) -> None:
        """Leave the match on purpose."""
        self.leaving = True
        self.membership.agreement.leave(now)
        self._next_round = now
