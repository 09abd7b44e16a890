"""
The large transfers of one channel, both ways.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs

from gamenet.channel.controls import Controls
from gamenet.channel.errors import TransferRefused
from gamenet.channel.received_numbers import ReceivedNumbers
from gamenet.channel.settings import ChannelSettings
from gamenet.channel.transfer_ends import (
    IncomingTransfer,
    OutgoingTransfer,
    TransferArrived,
    TransferEnded,
    TransferFailed,
    TransferFailure,
    TransferSent,
    contentChecksum,
)
from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.wire.channel_values import (
    HEADER_LIMIT,
    Accept,
    Cancel,
    Chunk,
    Done,
    Offer,
    Refuse,
    RefuseReason,
)

__all__ = ["Acceptance", "TransferFrame", "Transfers"]

#: What is asked whether an offer is taken: why not, or C{None}.
Acceptance = Callable[[Offer], RefuseReason | None]

#: The frames that are about transfers.
TransferFrame = Offer | Accept | Refuse | Chunk | Cancel | Done

_LABEL_LIMIT = 0xFFFF

_REFUSED = {
    RefuseReason.TOO_LARGE: TransferFailure.TOO_LARGE,
    RefuseReason.BUSY: TransferFailure.BUSY,
    RefuseReason.WRONG_CHECKSUM: TransferFailure.WRONG_CHECKSUM,
    RefuseReason.NOT_WANTED: TransferFailure.GIVEN_UP,
}


@attrs.define
class Transfers:
    """
    Transfers by their label, at most one of each under way each way.

    Memory: the contents being sent (held, not copied), what came of those that were
    accepted, and a constant.

    @ivar acceptance: Asked about every offer that the limits would let in; C{None} takes all.
    @ivar outgoing: By number, in turn: the first one sends next.
    @ivar incoming: By number.
    """

    _settings: ChannelSettings
    _controls: Controls
    acceptance: Acceptance | None = None
    outgoing: dict[int, OutgoingTransfer] = attrs.field(factory=dict)
    incoming: dict[int, IncomingTransfer] = attrs.field(factory=dict)
    _begun: int = 0
    _seen: ReceivedNumbers = attrs.field(factory=ReceivedNumbers)
    _ended: deque[TransferEnded] = attrs.field(factory=deque)

    def begin(
        self, label: int, header: bytes, content: bytes, now: float, checksum: bytes | None
    ) -> None:
        """
        Offer a content; what is being sent under that label is withdrawn.

        @param checksum: That of the content, where it is known.
        @raise TransferRefused: It is too large, or too many are under way.
        @raise LocalProtocolError: The label or the header is none.
        """
        settings = self._settings
        if not 0 <= label <= _LABEL_LIMIT or len(header) > HEADER_LIMIT:
            raise LocalProtocolError(f"a transfer with label {label}, header {len(header)} bytes")
        if type(content) is not bytes or len(content) > settings.size_limit:
            raise TransferRefused(f"more than {settings.size_limit} bytes, or no bytes")
        replaced = self._find(self.outgoing, label)
        full = replaced is None and len(self.outgoing) >= settings.transfers_limit
        if full or self._controls.full:
            raise TransferRefused(f"{len(self.outgoing)} transfers are under way")
        if replaced is not None:
            self._withdraw(self.outgoing[replaced])
        self._begun += 1
        checksum = checksum or contentChecksum(content)
        offer = Offer(self._begun, label, len(content), checksum, header)
        self.outgoing[self._begun] = OutgoingTransfer(offer, content, now)
        self._controls.put(offer)

    def withdraw(self, label: int) -> None:
        """Send no more under a label; the other end is told."""
        number = self._find(self.outgoing, label)
        if number is not None:
            self._withdraw(self.outgoing[number])

    def giveUp(self, label: int) -> None:
        """Receive no more under a label; the other end is told."""
        number = self._find(self.incoming, label)
        if number is not None:
            del self.incoming[number]
            self._controls.put(Refuse(number, RefuseReason.NOT_WANTED))

    def progress(self, label: int) -> float | None:
        """Return how much is there of what is under way under a label, C{None} for nothing."""
        running: list[float] = []
        for transfers in (self.outgoing, self.incoming):
            number = self._find(transfers, label)
            if number is not None:
                running.append(transfers[number].portion)
        return sum(running) / len(running) if running else None

    def take(self) -> tuple[TransferEnded, ...]:
        """Return what ended since the last call, in order."""
        ended = tuple(self._ended)
        self._ended.clear()
        return ended

    def nextChunk(self, room: int) -> tuple[OutgoingTransfer, Chunk] | None:
        """Return a chunk to be sent and whose it is, in turn among those that have one."""
        outgoing = self.outgoing
        for number in tuple(outgoing):
            transfer = outgoing[number]
            chunk = transfer.take(room)
            if chunk is not None:
                if len(outgoing) > 1:
                    outgoing[number] = outgoing.pop(number)
                return transfer, chunk
        return None

    def isDue(self) -> bool:
        """Return whether a chunk is to be sent."""
        return any(transfer.isDue() for transfer in self.outgoing.values())

    def timeoutDue(self) -> float | None:
        """Return when the next transfer fails if nothing goes on."""
        times = [each.progress_at for each in self.outgoing.values()]
        times += [each.progress_at for each in self.incoming.values()]
        return min(times) + self._settings.transfer_timeout if times else None

    def expire(self, now: float) -> None:
        """Give up what has not gone on for too long."""
        timeout = self._settings.transfer_timeout
        for sent in tuple(self.outgoing.values()):
            sent.noteProgress(now)
            if now - sent.progress_at >= timeout:
                self._withdraw(sent)
                self._end(TransferFailed(sent.offer.label, TransferFailure.TIMED_OUT, True))
        for number, each in tuple(self.incoming.items()):
            if now - each.progress_at >= timeout:
                del self.incoming[number]
                self._controls.put(Refuse(number, RefuseReason.NOT_WANTED))
                self._end(TransferFailed(each.offer.label, TransferFailure.TIMED_OUT, False))

    def check(self, frame: TransferFrame) -> None:
        """
        Look at a frame without taking it.

        @raise RemoteProtocolError: They cannot rightly have sent it.
        """
        number = frame.transfer
        if isinstance(frame, Chunk):
            if number not in self._seen:
                raise RemoteProtocolError(f"a chunk of transfer {number}, which was not offered")
            incoming = self.incoming.get(number)
            if incoming is not None:
                incoming.isNew(frame)
        elif isinstance(frame, (Accept, Refuse, Done)):
            if number > self._begun:
                raise RemoteProtocolError(f"an answer to transfer {number} of {self._begun}")
            if isinstance(frame, Done):
                outgoing = self.outgoing.get(number)
                if outgoing is not None and outgoing.window is None and outgoing.offer.size:
                    raise RemoteProtocolError(f"transfer {number} has come before it was sent")
        elif self._controls.full and isinstance(frame, Offer):
            raise RemoteProtocolError("more offers than answers that are acknowledged")

    def received(self, frame: TransferFrame, now: float) -> None:
        """Take a frame that was looked at."""
        number = frame.transfer
        if isinstance(frame, Chunk):
            incoming = self.incoming.get(number)
            if incoming is not None and incoming.isNew(frame):
                incoming.add(frame, now)
                self._whole(incoming)
        elif isinstance(frame, Offer):
            if number not in self._seen:
                self._seen.add(number)
                self._offered(frame, now)
        elif isinstance(frame, Cancel):
            if number not in self._seen:
                self._seen.add(number)
            ended = self.incoming.pop(number, None)
            if ended is not None:
                self._end(TransferFailed(ended.offer.label, TransferFailure.GIVEN_UP, False))
        else:
            self._answered(frame, now)

    def _answered(self, frame: Accept | Refuse | Done, now: float) -> None:
        """Take what the receiver says of a transfer of ours."""
        transfer = self.outgoing.get(frame.transfer)
        if transfer is None:
            return
        label = transfer.offer.label
        if isinstance(frame, Accept):
            transfer.window = frame.window
            transfer.progress_at = now
            return
        transfer.ended = True
        del self.outgoing[frame.transfer]
        if isinstance(frame, Done):
            self._end(TransferSent(label))
        else:
            self._end(TransferFailed(label, _REFUSED[frame.reason], True))

    def _offered(self, offer: Offer, now: float) -> None:
        """Take an offer, or refuse it; what came under its label before is over."""
        replaced = self._find(self.incoming, offer.label)
        if replaced is not None:
            if replaced > offer.transfer:
                return  # withdrawn already
            del self.incoming[replaced]
        reason = self._problem(offer)
        if reason is not None:
            self._controls.put(Refuse(offer.transfer, reason))
            return
        incoming = IncomingTransfer(offer, self._settings.transfer_window, now)
        self.incoming[offer.transfer] = incoming
        self._controls.put(Accept(offer.transfer, incoming.window))
        self._whole(incoming)

    def _problem(self, offer: Offer) -> RefuseReason | None:
        """Return why an offer is not taken, C{None} if it is."""
        settings = self._settings
        if offer.size > settings.size_limit:
            return RefuseReason.TOO_LARGE
        total = sum([each.offer.size for each in self.incoming.values()]) + offer.size
        total += sum([len(one.content) for one in self._ended if isinstance(one, TransferArrived)])
        full = len(self.incoming) + len(self._ended) >= settings.outcomes_limit
        if total > settings.incoming_limit or full:
            return RefuseReason.BUSY
        if len(self.incoming) >= settings.transfers_limit:
            return RefuseReason.BUSY
        return self.acceptance(offer) if self.acceptance is not None else None

    def _whole(self, incoming: IncomingTransfer) -> None:
        """Prove the content, if all of it is here."""
        if not incoming.complete:
            return
        offer = incoming.offer
        del self.incoming[offer.transfer]
        content = incoming.content()
        if contentChecksum(content) == offer.checksum:
            self._controls.put(Done(offer.transfer))
            self._end(TransferArrived(offer.label, offer.header, content))
        else:
            self._controls.put(Refuse(offer.transfer, RefuseReason.WRONG_CHECKSUM))
            self._end(TransferFailed(offer.label, TransferFailure.WRONG_CHECKSUM, False))

    def _withdraw(self, transfer: OutgoingTransfer) -> None:
        """Send no more of a transfer, and say so."""
        transfer.ended = True
        del self.outgoing[transfer.offer.transfer]
        self._controls.put(Cancel(transfer.offer.transfer))

    def _end(self, ended: TransferEnded) -> None:
        """Note how a transfer ended; beyond the limit the oldest that brought nothing go."""
        self._ended.append(ended)
        if len(self._ended) > self._settings.outcomes_limit:
            for place, each in enumerate(self._ended):
                if not isinstance(each, TransferArrived):
                    del self._ended[place]
                    break

    def _find(
        self, transfers: dict[int, OutgoingTransfer] | dict[int, IncomingTransfer], label: int
    ) -> int | None:
        """Return the number of the transfer under a label."""
        for number, transfer in transfers.items():
            if transfer.offer.label == label:
                return number
        return None
