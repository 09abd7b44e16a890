"""
What one allocation may still send and be sent, drawn from what its user, its source
address and all together may.
"""

from __future__ import annotations

from attrs import define

__all__ = ["BANDWIDTH_CHUNK", "PACKET_OVERHEAD", "Allowance", "Usage"]

#: Bytes that an allocation draws at once.
BANDWIDTH_CHUNK = 8192
#: Bytes that a relayed packet counts beside its payload: its headers of IPv4 and UDP.  Empty
#: packets would be free without them.
PACKET_OVERHEAD = 20 + 8

#: Least bytes that a bucket can save up, so that the longest datagram passes.
_LEAST_BURST = 65_536


@define(eq=False)
class Usage:
    """
    What one user, one source address or all together use.

    @ivar name: Whose: the user in UTF-8, or the source address; the key among its kind.
    @ivar rate: Bytes a second that may pass.
    @ivar allocations: Relayed ports.
    @ivar permissions: Permissions.
    @ivar saved: Bytes that may still pass at C{earned_at}.
    @ivar earned_at: Seconds.
    @ivar lingers: Whether it waits to be forgotten.
    """

    name: bytes
    rate: int
    saved: float
    earned_at: float
    allocations: int = 0
    permissions: int = 0
    lingers: bool = False

    @property
    def burst(self) -> int:
        """The most bytes that can be saved up: what passes in a second."""
        return max(self.rate, _LEAST_BURST)

    @property
    def unused(self) -> bool:
        """Whether nothing is counted."""
        return not self.allocations and not self.permissions

    def earn(self, now: float) -> float:
        """Return how many bytes may pass now."""
        if now > self.earned_at:
            earned = self.saved + (now - self.earned_at) * self.rate
            # Twice as fast as the property, and this is called for many packets.
            burst = self.rate if self.rate > _LEAST_BURST else _LEAST_BURST
            self.saved = earned if earned < burst else burst
            self.earned_at = now
        return self.saved


@define(eq=False)
class Allowance:
    """
    What one allocation may still send and be sent.  Who relays a packet takes its
    payload's bytes and L{PACKET_OVERHEAD} from C{left}, and asks L{refill} where that makes
    it negative.

    @ivar user: What its user uses.
    @ivar address: What its source address uses.
    @ivar total: What all use.
    @ivar left: Bytes that may pass before L{refill} has to be asked.
    """

    user: Usage
    address: Usage
    total: Usage
    left: int = 0

    def spend(self, size: int, now: float) -> bool:
        """
        Take a packet's bytes.

        @param size: Its payload's bytes and L{PACKET_OVERHEAD}.
        @param now: Seconds, monotonic.
        @return: Whether it may pass.
        """
        self.left -= size
        return self.left >= 0 or self.refill(now)

    def refill(self, now: float) -> bool:
        """
        Draw bytes from all three, or from none.

        @param now: Seconds, monotonic.
        @return: Whether the packet that made C{left} negative may pass.  If not, it
            is to be dropped, and C{left} is 0.
        """
        missing = -self.left
        available = min(self.user.earn(now), self.address.earn(now), self.total.earn(now))
        drawn = max(BANDWIDTH_CHUNK, missing)
        if available < drawn:
            if available < missing:
                self.left = 0
                return False
            drawn = missing
        self._draw(drawn)
        return True

    def giveBack(self) -> None:
        """Return what was drawn and not used, when the allocation ends."""
        if self.left > 0:
            self._draw(-self.left)

    def _draw(self, drawn: int) -> None:
        self.user.saved -= drawn
        self.address.saved -= drawn
        self.total.saved -= drawn
        self.left += drawn
