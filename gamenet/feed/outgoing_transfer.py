"""
The sending side of one transfer.
"""

from __future__ import annotations

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.feed.transfer_settings import TransferSettings
from gamenet.wire.transfer_packets import CHUNK_BYTES, Chunk, Offer, Receipt

__all__ = ["SLOW_WINDOW", "OutgoingTransfer"]

#: Never sent again sooner than this, in seconds.
_SHORTEST_TIMEOUT = 0.05

#: How many chunks go before the first one is acknowledged, and always may.
SLOW_WINDOW = 4


@attrs.define(init=False)
class OutgoingTransfer:
    """
    What was offered, and what of it is on its way.

    @ivar offer: The L{Offer}.
    @ivar progress_at: When something new was acknowledged last.
    @ivar _accepted: Whether the receiver has answered the offer.
    @ivar _count: How many chunks are there in a row.
    @ivar _next: The first chunk that was never sent.
    @ivar _flying: When each chunk on its way was sent, and whether that was not
        the first time; -1 is the offer.
    @ivar _window: How many chunks may be on their way now: as many more as were
        acknowledged, and half as many after twice the timeout without a word.  So who
        answers nothing costs little.
    @ivar _smoothed: The mean round trip, in seconds, or C{None}.
    @ivar _deviation: Its mean deviation.
    @ivar _factor: By how much the timeout has grown since the last progress.
    """

    offer: Offer
    progress_at: float
    _content: bytes
    _limits: TransferSettings
    _accepted: bool
    _count: int
    _next: int
    _flying: dict[int, tuple[float, bool]]
    _window: int
    _smoothed: float | None
    _deviation: float
    _factor: float

    def __init__(self, offer: Offer, content: bytes, limits: TransferSettings, now: float) -> None:
        """
        @param offer: What is told first.
        @param content: What is sent then.
        @param limits: The settings.
        @param now: The time, in seconds.
        """
        self.offer = offer
        self.progress_at = now
        self._content = content
        self._limits = limits
        self._accepted = False
        self._count = 0
        self._next = 0
        self._flying = {}
        self._window = min(SLOW_WINDOW, limits.window)
        self._smoothed = None
        self._deviation = 0.0
        self._factor = 1.0

    @property
    def content(self) -> bytes:
        """What is sent."""
        return self._content

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.offer.size // CHUNK_BYTES)

    @property
    def portion(self) -> float:
        """How much is there, from 0 to 1."""
        return self._count / self.chunks if self.offer.size else 0.0

    @property
    def timeout(self) -> float:
        """After how many seconds a packet goes again."""
        measured = self._limits.first_timeout
        if self._smoothed is not None:
            measured = max(_SHORTEST_TIMEOUT, self._smoothed + 4 * self._deviation)
        return min(self._limits.longest_timeout, measured * self._factor)

    def receiptReceived(self, receipt: Receipt, now: float) -> bool:
        """
        Take what the receiver has.

        @return: Whether it has all.
        @raise RemoteProtocolError: It cannot have that.
        """
        count, later = receipt.count, receipt.bitmap
        if count > self._next or (later and count + 1 + later.bit_length() > self._next):
            raise RemoteProtocolError(f"a receipt of chunk {count} of {self._next} that were sent")
        progressed = not self._accepted
        self._accepted = True
        self._landed(-1, now)
        if count < self._count:
            return False
        self._count = count
        for index in tuple(self._flying):
            ahead = index - count - 1
            if index < count or (ahead >= 0 and later >> ahead & 1):
                self._landed(index, now)
                self._window = min(self._window + 1, self._limits.window)
                progressed = True
        if progressed:
            self.progress_at = now
            self._factor = 1.0
        return count == self.chunks

    def packetsDue(self, credit: float, now: float) -> list[Offer | Chunk]:
        """
        Return what is to be sent.

        @param credit: How many bytes may be sent; the last chunk may overdraw it.
        @param now: The time, in seconds.
        """
        timeout = self.timeout
        if not self._accepted:
            flying = self._flying.get(-1)
            if flying is not None and now - flying[0] < timeout:
                return []
            self._launch(-1, now)
            return [self.offer]
        packets: list[Offer | Chunk] = []
        late = sorted(index for index, (at, _) in self._flying.items() if now - at >= timeout)
        if late and late[0] == min(self._flying):
            if self._factor > 1.0:
                self._window = max(self._window // 2, min(SLOW_WINDOW, self._limits.window))
            self._factor = min(self._factor * 2, 64.0)
        end = min(self.chunks, self._count + self._limits.window)
        room = self._window - len(self._flying) + len(late)
        for index in (*late, *range(self._next, end))[: max(room, 0)]:
            if credit <= 0:
                break
            begin = index * CHUNK_BYTES
            piece = self._content[begin : begin + CHUNK_BYTES]
            packets.append(Chunk(self.offer.purpose, self.offer.number, index, piece))
            credit -= len(piece)
            self._launch(index, now)
            self._next = max(self._next, index + 1)
        return packets

    def _launch(self, index: int, now: float) -> None:
        """Note that a packet is sent."""
        again = index in self._flying
        if again and index < 0:
            self._factor = min(self._factor * 2, 64.0)
        self._flying[index] = (now, again)

    def _landed(self, index: int, now: float) -> None:
        """Note that a packet has come; measure its round trip unless it was sent twice."""
        at, again = self._flying.pop(index, (now, True))
        if again:
            return
        measured = now - at
        if self._smoothed is None:
            self._smoothed = measured
            self._deviation = measured / 2
            return
        self._deviation += (abs(measured - self._smoothed) - self._deviation) / 4
        self._smoothed += (measured - self._smoothed) / 8
