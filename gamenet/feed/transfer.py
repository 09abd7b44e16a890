"""
Carries something large to another peer in datagrams: whole, proven by its
checksum, or not at all.

The sender offers it; once the receiver has answered it sends the chunks, at
most a window of them on their way and at most so many bytes a second.  The
receiver says at each turn which ones are here.  What is not acknowledged after
a round trip and four times its deviation (RFC 6298) goes again, after twice
that the next time.  See L{gamenet.wire.transfer_packets} for the packets.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

import attrs
from zope.interface import implementer

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.feed.incoming_transfer import IncomingTransfer
from gamenet.feed.outgoing_transfer import OutgoingTransfer
from gamenet.feed.transfer_outcomes import TransferFailed, TransferFailure, TransferReceived
from gamenet.feed.transfer_settings import TransferSettings
from gamenet.interfaces import ITransfer
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.transfer_packets import (
    CHECKSUM_BYTES,
    CHUNK_BYTES,
    Chunk,
    Offer,
    Receipt,
    Refusal,
    RefusalReason,
    TransferPurpose,
    Withdrawal,
    decodeTransferPacket,
    encodeTransferPacket,
)

__all__ = [
    "DatagramTransfer",
    "TransferFailed",
    "TransferFailure",
    "TransferReceived",
    "TransferSettings",
]


_REFUSED = {
    RefusalReason.TOO_LARGE: TransferFailure.TOO_LARGE,
    RefusalReason.BUSY: TransferFailure.BUSY,
    RefusalReason.WRONG_CHECKSUM: TransferFailure.WRONG_CHECKSUM,
    RefusalReason.NOT_WANTED: TransferFailure.GIVEN_UP,
}


@attrs.define
class _Peer:
    """
    The transfers with one peer, by purpose.

    @ivar settled: The number of the newest one from them that is over, and one
        more than the chunks it had; 0 where it did not come whole.
    @ivar replies: What is to be told about transfers that are over, by purpose
        and whether they were ours to send.
    @ivar credit: How many bytes of chunks may be sent.
    @ivar credited_at: When that was true.
    """

    credit: float
    credited_at: float
    outgoing: dict[int, OutgoingTransfer] = attrs.field(factory=dict)
    incoming: dict[int, IncomingTransfer] = attrs.field(factory=dict)
    settled: dict[int, tuple[int, int]] = attrs.field(factory=dict)
    replies: dict[tuple[int, bool], bytes] = attrs.field(factory=dict)


@implementer(ITransfer)
class DatagramTransfer:
    """
    Transfers to and from any number of peers, one per purpose and direction.

    Memory: the contents being sent (held, not copied), what came of those being
    received, and a constant per peer.
    """

    def __init__(self, settings: TransferSettings | None = None) -> None:
        """
        @param settings: The limits.
        """
        self.settings = settings or TransferSettings()
        self._peers: dict[int, _Peer] = {}
        self._expected: frozenset[tuple[int, int]] | None = None
        self._sent = 0
        self._failures: list[TransferFailed] = []

    @property
    def size_limit(self) -> int:
        """The largest content that can be sent, in bytes."""
        return self.settings.size_limit

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
            for incoming in tuple(state.incoming.values()):
                if (peer, incoming.offer.purpose) not in expected:
                    self._settle(state, incoming, RefusalReason.NOT_WANTED)

    def send(self, peer: int, purpose: int, frame: int, content: bytes, now: float) -> None:
        """
        Begin to send; what was being sent for that purpose is withdrawn.

        @param peer: To whom.
        @param purpose: A L{TransferPurpose}.
        @param frame: The snapshot's number, or the frame that it is about.
        @param content: At most C{settings.size_limit} bytes.
        @param now: The time, in seconds.
        @raise LocalProtocolError: A number is out of bounds, the content is no
            C{bytes} or too long, or there are too many peers.
        """
        if type(content) is not bytes or len(content) > self.settings.size_limit:
            raise LocalProtocolError(f"more than {self.settings.size_limit} bytes, or no bytes")
        if purpose not in TransferPurpose.__members__.values() or not 0 <= frame <= FRAMES_LIMIT:
            raise LocalProtocolError(f"a transfer for purpose {purpose} and frame {frame}")
        state = self._peer(peer, now)
        if state is None:
            raise LocalProtocolError(f"transfers with more than {self.settings.peers_limit} peers")
        self._sent += 1
        size = len(content)
        checksum = self._known(content) or _checksum(content)
        offer = Offer(TransferPurpose(purpose), self._sent, frame, size, checksum)
        state.outgoing[purpose] = OutgoingTransfer(offer, content, self.settings, now)

    def packetReceived(self, peer: int, body: bytes, now: float) -> TransferReceived | None:
        """
        Take a packet.

        @param peer: Who sent it; the caller has proven that.
        @param body: See L{gamenet.wire.transfer_packets}.
        @param now: The time, in seconds.
        @return: The content, when this packet made it whole.
        @raise RemoteProtocolError: They cannot rightly have sent it.  Nothing
            but perhaps the end of that transfer comes of it.
        """
        packet = decodeTransferPacket(body)
        state = self._peers.get(peer)
        if isinstance(packet, Offer):
            return self._offered(peer, packet, now)
        if isinstance(packet, Chunk):
            return self._chunkReceived(peer, state, packet, now)
        if isinstance(packet, Withdrawal):
            incoming = state.incoming.get(packet.purpose) if state else None
            if state and incoming and incoming.offer.number == packet.number:
                self._settle(state, incoming)
                self._fail(peer, packet.purpose, TransferFailure.GIVEN_UP, False)
            return None
        if packet.number > self._sent:
            raise RemoteProtocolError(f"an answer to transfer {packet.number} of {self._sent}")
        outgoing = state.outgoing.get(packet.purpose) if state else None
        if state is None or outgoing is None or outgoing.offer.number != packet.number:
            return None
        if isinstance(packet, Refusal):
            del state.outgoing[packet.purpose]
            self._fail(peer, packet.purpose, _REFUSED[packet.reason], True)
        elif outgoing.receiptReceived(packet, now):
            del state.outgoing[packet.purpose]
        return None

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Return what is to be sent now, as pairs of a peer and a body.

        @param now: The time, in seconds.
        """
        packets: list[tuple[int, bytes]] = []
        for peer, state in self._peers.items():
            packets += [(peer, body) for body in state.replies.values()]
            state.replies.clear()
            for incoming in tuple(state.incoming.values()):
                if now - incoming.progress_at >= self.settings.transfer_timeout:
                    self._settle(state, incoming, RefusalReason.NOT_WANTED)
                    self._fail(peer, incoming.offer.purpose, TransferFailure.TIMED_OUT, False)
                elif incoming.receipt_due:
                    packets.append((peer, encodeTransferPacket(incoming.receipt())))
            if state.outgoing:
                packets += [(peer, body) for body in self._outgoingDue(peer, state, now)]
        return tuple(packets)

    def cancel(self, peer: int) -> None:
        """End all transfers with a peer; it is told so, and no failure is noted here."""
        state = self._peers.get(peer)
        if state is None:
            return
        for incoming in tuple(state.incoming.values()):
            self._settle(state, incoming, RefusalReason.NOT_WANTED)
        for outgoing in state.outgoing.values():
            offer = outgoing.offer
            withdrawal = Withdrawal(offer.purpose, offer.number)
            state.replies[offer.purpose, True] = encodeTransferPacket(withdrawal)
        state.outgoing.clear()

    def forget(self, peer: int) -> None:
        """Forget all about a peer: it is gone, or its process is another one now."""
        self._peers.pop(peer, None)

    def progress(self, peer: int) -> float | None:
        """
        Return how much of all that is being sent to and received from a peer
        is there, from 0 to 1, or C{None} if there is nothing.
        """
        state = self._peers.get(peer)
        if state is None or not (state.outgoing or state.incoming):
            return None
        running = [each.portion for each in state.outgoing.values()]
        running += [each.portion for each in state.incoming.values()]
        return sum(running) / len(running)

    def drainFailures(self) -> tuple[TransferFailed, ...]:
        """Return what failed since the last call, in order."""
        failures = tuple(self._failures)
        self._failures.clear()
        return failures

    def _peer(self, peer: int, now: float) -> _Peer | None:
        """
        Return what is known of a peer.  Where there is no room for one more, one
        without transfers is forgotten; C{None} if there is none.
        """
        state = self._peers.get(peer)
        if state is not None:
            return state
        if len(self._peers) >= self.settings.peers_limit:
            idle = [
                other for other, each in self._peers.items() if not (each.outgoing or each.incoming)
            ]
            if not idle:
                return None
            del self._peers[idle[0]]
        state = self._peers[peer] = _Peer(self.settings.window * CHUNK_BYTES, now)
        return state

    def _fail(
        self, peer: int, purpose: TransferPurpose, reason: TransferFailure, sending: bool
    ) -> None:
        """Note a failure; the oldest ones are forgotten beyond the limit."""
        self._failures.append(TransferFailed(peer, purpose, reason, sending))
        del self._failures[: -self.settings.failures_limit]

    def _settle(
        self, state: _Peer, incoming: IncomingTransfer, reason: RefusalReason | None = None
    ) -> None:
        """An incoming transfer is over without its content; say why."""
        offer = incoming.offer
        del state.incoming[offer.purpose]
        state.settled[offer.purpose] = (offer.number, 0)
        if reason is not None:
            refusal = Refusal(offer.purpose, offer.number, reason)
            state.replies[offer.purpose, False] = encodeTransferPacket(refusal)

    def _offered(self, peer: int, offer: Offer, now: float) -> TransferReceived | None:
        """Take an offer."""
        state = self._peer(peer, now)
        if state is None:
            raise RemoteProtocolError(f"an offer from more than {len(self._peers)} peers")
        purpose = offer.purpose
        incoming = state.incoming.get(purpose)
        known = incoming.offer.number if incoming else 0
        settled, chunks = state.settled.get(purpose, (0, 0))
        if offer.number < max(known, settled):
            return None
        if offer.number == settled:
            self._answerSettled(state, purpose, settled, chunks)
            return None
        if incoming and known == offer.number:
            if incoming.offer != offer:
                raise RemoteProtocolError(f"transfer {known} is offered with other contents")
            incoming.receipt_due = True
            return None
        reason = self._problem(peer, offer, incoming)
        if reason is not None:
            state.incoming.pop(purpose, None)
            state.settled[purpose] = (offer.number, 0)
            refusal = Refusal(purpose, offer.number, reason)
            state.replies[purpose, False] = encodeTransferPacket(refusal)
            if reason is RefusalReason.TOO_LARGE:
                raise RemoteProtocolError(f"an offer of {offer.size} bytes")
            return None
        incoming = state.incoming[purpose] = IncomingTransfer(offer, now)
        return self._whole(peer, state, incoming) if not offer.size else None

    def _problem(
        self, peer: int, offer: Offer, replaced: IncomingTransfer | None
    ) -> RefusalReason | None:
        """Return why an offer cannot be taken, or C{None}."""
        if offer.size > self.settings.size_limit:
            return RefusalReason.TOO_LARGE
        if self._expected is not None and (peer, offer.purpose) not in self._expected:
            return RefusalReason.NOT_WANTED
        total = IncomingTransfer(offer, 0.0).reserved - (replaced.reserved if replaced else 0)
        for state in self._peers.values():
            total += sum([each.reserved for each in state.incoming.values()])
        return RefusalReason.BUSY if total > self.settings.incoming_limit else None

    def _known(self, content: bytes) -> bytes | None:
        """Return the checksum of what is being sent to somebody else already."""
        for state in self._peers.values():
            for outgoing in state.outgoing.values():
                if outgoing.content is content:
                    return outgoing.offer.checksum
        return None

    def _chunkReceived(
        self, peer: int, state: _Peer | None, chunk: Chunk, now: float
    ) -> TransferReceived | None:
        """Take a chunk."""
        purpose = chunk.purpose
        if state is None:
            return None  # of a transfer with somebody who was forgotten since
        incoming = state.incoming.get(purpose)
        settled, chunks = state.settled.get(purpose, (0, 0))
        known = incoming.offer.number if incoming else settled
        if chunk.number != known:
            return None  # of another transfer: an old one, or one with a peer we forgot
        if incoming is None:
            self._answerSettled(state, purpose, settled, chunks)
            return None
        incoming.chunkReceived(chunk, now)
        if incoming.complete:
            return self._whole(peer, state, incoming)
        held = [each.size for one in self._peers.values() for each in one.incoming.values()]
        if sum(held) > self.settings.incoming_limit:
            self._settle(state, incoming, RefusalReason.BUSY)
            self._fail(peer, purpose, TransferFailure.BUSY, False)
        return None

    def _answerSettled(
        self, state: _Peer, purpose: TransferPurpose, number: int, chunks: int
    ) -> None:
        """Say again how a transfer ended."""
        if (purpose, False) not in state.replies:
            answer: Receipt | Refusal = Receipt(purpose, number, chunks - 1, 0)
            if not chunks:
                answer = Refusal(purpose, number, RefusalReason.NOT_WANTED)
            state.replies[purpose, False] = encodeTransferPacket(answer)

    def _whole(self, peer: int, state: _Peer, incoming: IncomingTransfer) -> TransferReceived:
        """Every chunk is here: prove it."""
        offer = incoming.offer
        content = incoming.content()
        if _checksum(content) != offer.checksum:
            self._settle(state, incoming, RefusalReason.WRONG_CHECKSUM)
            self._fail(peer, offer.purpose, TransferFailure.WRONG_CHECKSUM, False)
            raise RemoteProtocolError(f"the content of transfer {offer.number} is another")
        del state.incoming[offer.purpose]
        state.settled[offer.purpose] = (offer.number, incoming.chunks + 1)
        state.replies[offer.purpose, False] = encodeTransferPacket(incoming.receipt())
        return TransferReceived(peer, offer.purpose, offer.frame, content)

    def _outgoingDue(self, peer: int, state: _Peer, now: float) -> list[bytes]:
        """Return what is due to be sent to one peer, as far as the rate allows."""
        settings = self.settings
        burst = settings.window * CHUNK_BYTES
        gained = max(0.0, now - state.credited_at) * settings.bytes_per_second
        state.credit = min(burst, state.credit + gained)
        state.credited_at = now
        bodies: list[bytes] = []
        for outgoing in tuple(state.outgoing.values()):
            offer = outgoing.offer
            if now - outgoing.progress_at >= settings.transfer_timeout:
                del state.outgoing[offer.purpose]
                self._fail(peer, offer.purpose, TransferFailure.TIMED_OUT, True)
                bodies.append(encodeTransferPacket(Withdrawal(offer.purpose, offer.number)))
                continue
            for packet in outgoing.packetsDue(state.credit, now):
                bodies.append(encodeTransferPacket(packet))
                if isinstance(packet, Chunk):
                    state.credit -= len(packet.content)
        return bodies


def _checksum(content: bytes) -> bytes:
    """Return BLAKE2b-128 of a content."""
    return blake2b(content, digest_size=CHECKSUM_BYTES).digest()
