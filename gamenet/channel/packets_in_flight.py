"""
The packets that were sent and not acknowledged.
"""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.wire.channel_values import Acknowledgement

__all__ = ["REORDERING_LIMIT", "Carried", "PacketsInFlight", "SentPacket"]

#: How many later ones have come when a packet counts as lost (RFC 9002, section 6.1.1).
REORDERING_LIMIT = 3


class Sender(Protocol):
    """Whose content a packet carried."""

    def acknowledged(self, what: Any, length: int) -> None:
        """It has come."""

    def lost(self, what: Any, length: int) -> None:
        """It is lost."""


#: What a packet carried: whose, and which part of it.
Carried = tuple[Sender, Any, int]


@attrs.define
class SentPacket:
    """
    One packet.

    @ivar number: Its number.
    @ivar sent_at: When it was sent.
    @ivar size: What it took on the wire, in bytes.
    @ivar window: The congestion window at that time.
    @ivar carried: What was in it.
    """

    number: int
    sent_at: float
    size: int
    window: float
    carried: list[Carried]


@attrs.define
class PacketsInFlight:
    """
    Packets by number, in the order of their sending.

    @ivar next_number: The number of the next one.
    @ivar bytes: What all of them take on the wire.
    @ivar largest: The largest number that was acknowledged.
    """

    next_number: int = 1
    bytes: int = 0
    largest: int = 0
    _sent: dict[int, SentPacket] = attrs.field(factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, packet: SentPacket) -> None:
        """Note a packet that is sent under L{next_number}."""
        self._sent[packet.number] = packet
        self.next_number += 1
        self.bytes += packet.size

    def check(self, acknowledgement: Acknowledgement) -> None:
        """
        Look at an acknowledgement.

        @raise RemoteProtocolError: It is of packets that were never sent.
        """
        largest = acknowledgement.ranges[0][1]
        if largest >= self.next_number:
            raise RemoteProtocolError(
                f"packet {largest} is acknowledged, {self.next_number - 1} were sent"
            )

    def acknowledge(self, acknowledgement: Acknowledgement) -> list[SentPacket]:
        """Take out what has come, and return it, the oldest last."""
        sent = self._sent
        self.largest = max(self.largest, acknowledgement.ranges[0][1])
        if not sent:
            return []
        oldest = next(iter(sent))
        landed: list[SentPacket] = []
        for low, high in acknowledgement.ranges:
            if high < oldest:
                break
            for number in range(high, max(low, oldest) - 1, -1):
                packet = sent.pop(number, None)
                if packet is not None:
                    landed.append(packet)
                    self.bytes -= packet.size
        return landed

    def lost(self, now: float, delay: float) -> list[SentPacket]:
        """
        Take out what must be lost, and return it.

        @param delay: After how many seconds a packet is, if a later one has come.
        """
        lost: list[SentPacket] = []
        for number, packet in self._sent.items():
            late = number < self.largest and now >= packet.sent_at + delay
            if not late and number > self.largest - REORDERING_LIMIT:
                break
            lost.append(packet)
        for packet in lost:
            del self._sent[packet.number]
            self.bytes -= packet.size
        return lost

    def lossDue(self, delay: float) -> float | None:
        """Return when the oldest packet will be lost because a later one has come."""
        oldest = next(iter(self._sent.values()), None)
        if oldest is None or oldest.number >= self.largest:
            return None
        return oldest.sent_at + delay

    def oldest(self) -> SentPacket | None:
        """Take out the oldest one, if there is any."""
        packet = next(iter(self._sent.values()), None)
        if packet is not None:
            del self._sent[packet.number]
            self.bytes -= packet.size
        return packet
