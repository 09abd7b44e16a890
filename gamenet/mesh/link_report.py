"""What is known of a link to another player, and what it carried."""

from __future__ import annotations

import attrs

from gamenet.interfaces import Address

__all__ = ["LinkReport", "LinkStatistics"]


@attrs.define
class LinkStatistics:
    """
    What one link carried, in datagrams and bytes (payload of UDP).

    @ivar packets_direct: Game packets that left over direct paths.
    @ivar packets_relayed: Game packets that left over the relay.
    @ivar checks_sent: Path checks and answers to them that left.
    @ivar channel_sent: Packets of the channel that left, over whatever paths; they are
        game packets too.
    @ivar bytes_sent: Bytes of all of these.
    @ivar packets_received: Authentic packets that came.
    @ivar bytes_received: Bytes of these.
    @ivar rejected: Datagrams with the link's id that were not authentic, or repeated.
    @ivar malformed: Authentic packets that made no sense.
    @ivar send_errors: Datagrams that the system refused to send.
    @ivar renewals: How often the keys became others, by time or by the other's return.
    """

    packets_direct: int = 0
    packets_relayed: int = 0
    checks_sent: int = 0
    channel_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    rejected: int = 0
    malformed: int = 0
    send_errors: int = 0
    renewals: int = 0


@attrs.frozen
class LinkReport:
    """
    How a link stands, at one moment.

    @ivar player: The other player's number.
    @ivar kind: C{"direct"} or C{"relay"}; C{"none"} where no path carries the game.
    @ivar address: Where the game's datagrams are sent; C{None} without a path.
    @ivar round_trip: Smoothed seconds there and back; C{None} if unknown.
    @ivar jitter: How much that deviates, in seconds (RFC 6298, section 2).
    @ivar loss: The share of their lately sent packets that did not come, 0.0 to 1.0.
    @ivar loss_there: The share of ours that did not come to them, as they say; C{None}
        before they said so.
    @ivar silence: Seconds since anything authentic came; C{None} before the first.
    @ivar clock_offset: What their clock shows minus what ours shows, in seconds; C{None}
        if unknown.
    @ivar clock_error: How wrong that is at most; C{None} if unknown.
    @ivar statistics: What the link carried so far.
    """

    player: int
    kind: str
    address: Address | None
    round_trip: float | None
    jitter: float
    loss: float
    loss_there: float | None
    silence: float | None
    clock_offset: float | None
    clock_error: float | None
    statistics: LinkStatistics
