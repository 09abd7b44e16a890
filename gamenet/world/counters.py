"""What happened in a world, counted by kind: a fault nobody counted was never tried."""

from __future__ import annotations

from attrs import asdict, define

__all__ = ["WorldCounters"]


@define
class WorldCounters:
    """
    Every kind of thing that can happen to a datagram or a stream, and how often it did.

    @ivar sent: Datagrams that sockets took.
    @ivar delivered: Datagrams that were handed to a receiver.
    @ivar lost: Datagrams that a link lost.
    @ivar duplicated: Datagrams that a link delivered twice.
    @ivar reordered: Datagrams that a link held back so that later ones pass them.
    @ivar congested: Datagrams that found the queue of a narrow link full.
    @ivar partitioned: Datagrams that a partition stopped.
    @ivar expired_ttl: Datagrams whose time to live ran out at a router.
    @ivar no_route: Datagrams and connection attempts to an address that nobody has.
    @ivar unreachable: Datagrams to a machine with no socket at that port, and connection
        attempts to one that is stopped.
    @ivar filtered_by_nat: Datagrams and connection attempts that a NAT did not let in.
    @ivar blocked_by_nat: Datagrams that a NAT which lets no datagrams through stopped.
    @ivar hairpin_refused: Datagrams to a NAT's own outside from its inside, where it has no
        hairpinning.
    @ivar hairpinned: Datagrams that a NAT turned around.
    @ivar nat_table_full: Datagrams and connections a NAT had no room or no port for.
    @ivar mappings: NAT mappings made.
    @ivar expired_mappings: NAT mappings found expired.
    @ivar forgotten_mappings: NAT mappings lost to a reboot.
    @ivar buffer_overflow: Datagrams that found a suspended machine's buffer full.
    @ivar suspensions: Times a machine was suspended.
    @ivar wall_clock_steps: Times a machine's wall clock was stepped.
    @ivar readdressings: Times a machine was given other addresses.
    @ivar partitions: Partitions made.
    @ivar heals: Times partitions were healed.
    @ivar streams_opened: Streams established.
    @ivar streams_refused: Connection attempts that nobody listened for.
    @ivar streams_timed_out: Connection attempts that nobody answered in time.
    @ivar streams_stalled: Pieces of streams, and connection attempts, that had to wait for
        healing.
    @ivar streams_aborted: Streams given up because they stalled beyond the limit.
    @ivar stream_retransmissions: Pieces of streams that a link lost and that were sent again.
    """

    sent: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    congested: int = 0
    partitioned: int = 0
    expired_ttl: int = 0
    no_route: int = 0
    unreachable: int = 0
    filtered_by_nat: int = 0
    blocked_by_nat: int = 0
    hairpin_refused: int = 0
    hairpinned: int = 0
    nat_table_full: int = 0
    mappings: int = 0
    expired_mappings: int = 0
    forgotten_mappings: int = 0
    buffer_overflow: int = 0
    suspensions: int = 0
    wall_clock_steps: int = 0
    readdressings: int = 0
    partitions: int = 0
    heals: int = 0
    streams_opened: int = 0
    streams_refused: int = 0
    streams_timed_out: int = 0
    streams_stalled: int = 0
    streams_aborted: int = 0
    stream_retransmissions: int = 0

    def asDict(self) -> dict[str, int]:
        """Return every counter by name, in the order above."""
        return asdict(self)
