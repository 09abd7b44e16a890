"""
The large transfers of a rollback session or of who looks on, over the channels of its links.

A session asks its transfer for packets to send, and gives it those that come.  Here the
channels carry everything, so there is nothing to send; and what has come is told to the
session by a notice: a packet that never was on any wire.  Who owns the links calls
L{ChannelTransfer.collect} after each packet of a channel and each turn of it, and gives the
notices it returns to the session as if that peer had sent them.
"""

from __future__ import annotations

from collections.abc import Collection
from struct import Struct

import attrs
from zope.interface import implementer

from gamenet.bounds import seconds, wholeNumber
from gamenet.channel.channel import Channel
from gamenet.channel.transfer_ends import (
    TransferArrived,
    TransferEnded,
)
from gamenet.channel.transfer_ends import TransferFailed as ChannelTransferFailed
from gamenet.channel.transfers import Acceptance
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.transfer_outcomes import TransferFailed, TransferFailure, TransferReceived
from gamenet.interfaces import ITransfer
from gamenet.wire.channel_values import Offer, RefuseReason
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.transfer_packets import TransferPurpose

__all__ = ["NOTICE", "ChannelTransfer", "ChannelTransferSettings", "Collected"]

#: The packet that tells a session to look here.  Who sends it as a packet tells nothing.
NOTICE = b"\x4f"

_FRAME = Struct(">I")
_PURPOSES = tuple(TransferPurpose)


@attrs.frozen
class ChannelTransferSettings:
    """
    The limits of a L{ChannelTransfer}.

    @ivar size_limit: The largest content, in bytes, both ways; not more than the
        channels' own.
    @ivar incoming_limit: The most bytes of contents that are received at one time, from
        all peers together.
    @ivar notice_interval: Seconds between two notices that something goes on.
    @ivar arrivals_limit: How many contents of one peer may wait to be taken; beyond it no
        offer of its is.
    @ivar failures_limit: How many failures may wait to be drained; beyond it the oldest
        are forgotten.

    @raise gamenet.errors.BadSetting: A value is out of bounds.
    """

    size_limit: int = attrs.field(default=16 << 20, validator=wholeNumber(1, 1 << 31))
    incoming_limit: int = attrs.field(default=32 << 20, validator=wholeNumber(1, 1 << 32))
    notice_interval: float = attrs.field(default=0.05, validator=seconds())
    arrivals_limit: int = attrs.field(default=8, validator=wholeNumber(1, 4096))
    failures_limit: int = attrs.field(default=128, validator=wholeNumber(1, 65_536))


@attrs.frozen
class Collected:
    """
    What is new of one peer's transfers.

    @ivar notices: To be given to the session as packets from that peer.
    @ivar others: How transfers ended that are no session's.
    """

    notices: tuple[bytes, ...]
    others: tuple[TransferEnded, ...]


@attrs.define
class _Peer:
    """
    One peer's channel.

    @ivar arrived: What has come and was not taken by the session yet.
    @ivar noticed_at: When the session was told last that something goes on.
    @ivar portion: How much was there then.
    """

    channel: Channel
    arrived: list[TransferReceived] = attrs.field(factory=list)
    noticed_at: float = -1e9
    portion: float | None = None


@implementer(ITransfer)
class ChannelTransfer:
    """
    Transfers to and from the peers whose channels are attached.

    The labels 0 to 2, one for each L{TransferPurpose}, are the session's; the owner of the
    links may use any others beside.
    """

    def __init__(self, settings: ChannelTransferSettings | None = None) -> None:
        """
        @param settings: The limits.
        """
        self.settings = settings or ChannelTransferSettings()
        self._peers: dict[int, _Peer] = {}
        self._expected: frozenset[tuple[int, int]] | None = None
        self._failures: list[TransferFailed] = []

    @property
    def size_limit(self) -> int:
        """The largest content that can be sent, in bytes."""
        return self.settings.size_limit

    def attach(self, peer: int, channel: Channel, others: Acceptance | None = None) -> None:
        """
        From now on use a channel for a peer; what was under way with it before is forgotten.

        @param peer: The peer's number.
        @param channel: Its channel; its acceptance is ours from now on.
        @param others: What is asked about offers under other labels; C{None} refuses them.
        """

        def judge(offer: Offer) -> RefuseReason | None:
            if offer.label in _PURPOSES:
                return self._problem(peer, offer)
            return RefuseReason.NOT_WANTED if others is None else others(offer)

        channel.accept(judge)
        self._peers[peer] = _Peer(channel)

    def detach(self, peer: int) -> None:
        """A peer's channel is no more."""
        self._peers.pop(peer, None)

    def collect(self, peer: int, now: float) -> Collected:
        """
        Take what ended in a peer's channel.

        @param peer: The peer's number.
        @param now: The time, in seconds.
        @return: What the session and the owner of the links are to be told.
        """
        state = self._peers.get(peer)
        if state is None:
            return Collected((), ())
        others: list[TransferEnded] = []
        notices: list[bytes] = []
        for ended in state.channel.takeTransfers():
            if ended.label not in _PURPOSES:
                others.append(ended)
                continue
            purpose = TransferPurpose(ended.label)
            if isinstance(ended, TransferArrived):
                frame = _FRAME.unpack(ended.header)[0]
                state.arrived.append(TransferReceived(peer, purpose, frame, ended.content))
                notices.append(NOTICE)
            elif isinstance(ended, ChannelTransferFailed):
                reason = TransferFailure(ended.reason.value)
                self._fail(TransferFailed(peer, purpose, reason, ended.sending))
        if not notices and now - state.noticed_at >= self.settings.notice_interval:
            portion = self._receiving(state)
            if portion != state.portion:
                state.portion = portion
                state.noticed_at = now
                notices.append(NOTICE)
        return Collected(tuple(notices), tuple(others))

    def expect(self, contents: Collection[tuple[int, int]]) -> None:
        """
        From now on take nothing but what is named here: other offers are refused, and
        what comes of others is given up.  Before the first call everything is taken.

        @param contents: Pairs of a peer and a L{TransferPurpose}.
        """
        expected = frozenset(contents)
        if expected == self._expected:
            return
        self._expected = expected
        for peer, state in self._peers.items():
            for offer in state.channel.incomingTransfers:
                if offer.label in _PURPOSES and (peer, offer.label) not in expected:
                    state.channel.giveUpTransfer(offer.label)

    def send(self, peer: int, purpose: int, frame: int, content: bytes, now: float) -> None:
        """
        Begin to send; what was being sent for that purpose is withdrawn.  To a peer whom
        nothing can be sent now it fails at once, see L{drainFailures}.

        @param peer: To whom.
        @param purpose: A L{TransferPurpose}.
        @param frame: The snapshot's number, or the frame that it is about.
        @param content: At most C{settings.size_limit} bytes.
        @param now: The time, in seconds.
        @raise LocalProtocolError: A number is out of bounds, or the content is no C{bytes}
            or too long.
        """
        if type(content) is not bytes or len(content) > self.settings.size_limit:
            raise LocalProtocolError(f"more than {self.settings.size_limit} bytes, or no bytes")
        if purpose not in _PURPOSES or not 0 <= frame <= FRAMES_LIMIT:
            raise LocalProtocolError(f"a transfer for purpose {purpose} and frame {frame}")
        state = self._peers.get(peer)
        try:
            if state is None:
                raise LocalProtocolError(f"there is no channel to peer {peer}")
            checksum = self._known(content)
            state.channel.beginTransfer(purpose, _FRAME.pack(frame), content, now, checksum)
        except LocalProtocolError:
            failed = TransferFailed(peer, TransferPurpose(purpose), TransferFailure.BUSY, True)
            self._fail(failed)

    def packetReceived(self, peer: int, body: bytes, now: float) -> TransferReceived | None:
        """
        Take a notice.

        @param peer: Whose.
        @param body: L{NOTICE}.
        @param now: The time, in seconds.
        @return: What has come, if there is something.
        @raise RemoteProtocolError: It is none.
        """
        if body != NOTICE:
            raise RemoteProtocolError(f"a packet {body[:1].hex()} of a transfer beside the channel")
        state = self._peers.get(peer)
        return state.arrived.pop(0) if state is not None and state.arrived else None

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Return nothing: the channels' owner sends what is due."""
        return ()

    def cancel(self, peer: int) -> None:
        """End all transfers with a peer; it is told so, and no failure is noted here."""
        state = self._peers.get(peer)
        if state is not None:
            state.arrived.clear()
            for purpose in _PURPOSES:
                state.channel.cancelTransfer(purpose)
                state.channel.giveUpTransfer(purpose)

    def forget(self, peer: int) -> None:
        """
        A peer has gone; who comes back under its number begins anew.  Its channel stays
        attached until its link ends.
        """
        self.cancel(peer)

    def progress(self, peer: int) -> float | None:
        """
        Return how much of all that is being sent to and received from a peer
        is there, from 0 to 1, or C{None} if there is nothing.
        """
        state = self._peers.get(peer)
        if state is None:
            return None
        running = [1.0 for _ in state.arrived]
        for purpose in _PURPOSES:
            portion = state.channel.progress(purpose)
            if portion is not None:
                running.append(portion)
        return sum(running) / len(running) if running else None

    def drainFailures(self) -> tuple[TransferFailed, ...]:
        """Return what failed since the last call, in order."""
        failures = tuple(self._failures)
        self._failures.clear()
        return failures

    def _fail(self, failed: TransferFailed) -> None:
        """Note a failure; the oldest ones are forgotten beyond the limit."""
        self._failures.append(failed)
        del self._failures[: -self.settings.failures_limit]

    def _known(self, content: bytes) -> bytes | None:
        """Return the checksum of what is being sent to somebody else already."""
        for state in self._peers.values():
            checksum = state.channel.checksumOf(content)
            if checksum is not None:
                return checksum
        return None

    def _receiving(self, state: _Peer) -> float | None:
        """Return how much is there of what is being received for the session."""
        labels = [offer.label for offer in state.channel.incomingTransfers]
        portions = [state.channel.progress(label) for label in labels if label in _PURPOSES]
        known = [portion for portion in portions if portion is not None]
        return sum(known) if known else None

    def _problem(self, peer: int, offer: Offer) -> RefuseReason | None:
        """Return why an offer for the session is not taken, C{None} if it is."""
        if len(offer.header) != _FRAME.size or _FRAME.unpack(offer.header)[0] > FRAMES_LIMIT:
            return RefuseReason.NOT_WANTED
        if self._expected is not None and (peer, offer.label) not in self._expected:
            return RefuseReason.NOT_WANTED
        if offer.size > self.settings.size_limit:
            return RefuseReason.TOO_LARGE
        state = self._peers.get(peer)
        if state is None or len(state.arrived) >= self.settings.arrivals_limit:
            return RefuseReason.BUSY
        total = offer.size
        for each in self._peers.values():
            total += sum([offered.size for offered in each.channel.incomingTransfers])
            total += sum([len(received.content) for received in each.arrived])
        return RefuseReason.BUSY if total > self.settings.incoming_limit else None
