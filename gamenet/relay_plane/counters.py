"""
What a relay counts.  Plain integers, and nothing that grows with users.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

from gamenet.relay_plane.grants import EndReason
from gamenet.wire.turn import IPV4_FAMILY, IPV6_FAMILY
from gamenet.wire.turn_transport import Transport

__all__ = ["FAMILY_NAMES", "DropReason", "RelayCounters"]

#: The names that address families are counted under, by their number in TURN.
FAMILY_NAMES = {IPV4_FAMILY: "ipv4", IPV6_FAMILY: "ipv6"}


class DropReason(Enum):
    """
    Why a datagram got no answer and went nowhere.

    @cvar NOT_STUN: Neither STUN nor ChannelData by its first byte, or empty.
    @cvar MALFORMED: Its lengths or its fingerprint are wrong, or an indication
        lacks what it needs.
    @cvar NOT_A_REQUEST: An indication or an answer that nobody here asked for; Binding
        indications are no such thing, but what keeps a client's NAT mapping alive.
    @cvar UNKNOWN_METHOD: A request for something that is neither STUN nor TURN.
    @cvar UNKNOWN_ATTRIBUTE: An indication with an attribute that must be
        understood and is not.
    @cvar NO_ALLOCATION: Its sender has none, or the relayed port belongs to nobody yet.
    @cvar NO_CHANNEL: The channel is not bound.
    @cvar NO_PERMISSION: The peer's host has no permission.
    @cvar PEER_FORBIDDEN: A port that the policy guards.
    @cvar BANDWIDTH: Its user, its source address or all together sent enough.
    @cvar RATE_LIMITED: Too many refusals to that address already.
    @cvar BINDING_RATE_LIMITED: Too many Binding requests of that address.
    @cvar AMPLIFICATION: The refusal would be too long beside the request.
    @cvar STREAM_REFUSED: A stream too many, closed at once.
    @cvar STREAM_STALLED: A stream that was silent, or slow to end a message, for too long.
    @cvar BACKLOG: A stream's client reads too slowly.
    @cvar SEND_FAILED: The system did not take what should have been sent.
    """

    NOT_STUN = "not_stun"
    MALFORMED = "malformed"
    NOT_A_REQUEST = "not_a_request"
    UNKNOWN_METHOD = "unknown_method"
    UNKNOWN_ATTRIBUTE = "unknown_attribute"
    NO_ALLOCATION = "no_allocation"
    NO_CHANNEL = "no_channel"
    NO_PERMISSION = "no_permission"
    PEER_FORBIDDEN = "peer_forbidden"
    BANDWIDTH = "bandwidth"
    RATE_LIMITED = "rate_limited"
    BINDING_RATE_LIMITED = "binding_rate_limited"
    AMPLIFICATION = "amplification"
    STREAM_REFUSED = "stream_refused"
    STREAM_STALLED = "stream_stalled"
    BACKLOG = "backlog"
    SEND_FAILED = "send_failed"


def _byTransport() -> dict[Transport, int]:
    return dict.fromkeys(Transport, 0)


@define
class RelayCounters:
    """
    What happened since the relay started, and how much there is.

    @ivar packets_from_clients: Packets relayed from clients to peers.
    @ivar packets_to_clients: Packets relayed from peers to clients.
    @ivar bytes_from_clients: Their payloads' bytes.
    @ivar bytes_to_clients: Likewise.
    @ivar short_cut_packets: Those of C{packets_from_clients} that went straight to another
        client of the relay.
    @ivar allocations_active: Allocations that live now.
    @ivar allocations_by_transport: Likewise, by how their clients reach the relay.
    @ivar relayed_ports_by_family: Their relayed ports, by L{FAMILY_NAMES}.
    @ivar permissions_active: Their permissions.
    @ivar channels_active: Their channels.
    @ivar reservations_active: Ports that are reserved now.
    @ivar allocations_total: Allocations ever made.
    @ivar allocations_total_by_transport: Likewise, by how their clients reached the relay.
    @ivar allocations_ended: Allocations that are no more, by why.
    @ivar streams_active: Streams of clients that are open now.
    @ivar bindings: Binding requests answered with an address.
    @ivar requests: TURN requests granted, by method.
    @ivar unauthenticated: Requests whose sender proved nothing.
    @ivar refused: Refusals sent, by STUN error code.
    @ivar dropped: Datagrams dropped, by L{DropReason}.
    """

    packets_from_clients: int = 0
    packets_to_clients: int = 0
    bytes_from_clients: int = 0
    bytes_to_clients: int = 0
    short_cut_packets: int = 0
    allocations_active: int = 0
    allocations_by_transport: dict[Transport, int] = field(factory=_byTransport)
    relayed_ports_by_family: dict[int, int] = field(factory=lambda: dict.fromkeys(FAMILY_NAMES, 0))
    permissions_active: int = 0
    channels_active: int = 0
    reservations_active: int = 0
    allocations_total: int = 0
    allocations_total_by_transport: dict[Transport, int] = field(factory=_byTransport)
    allocations_ended: dict[EndReason, int] = field(factory=lambda: dict.fromkeys(EndReason, 0))
    streams_active: int = 0
    bindings: int = 0
    requests: dict[str, int] = field(factory=dict)
    unauthenticated: int = 0
    refused: dict[int, int] = field(factory=dict)
    dropped: dict[DropReason, int] = field(factory=lambda: dict.fromkeys(DropReason, 0))

    def nothingActive(self) -> None:
        """Note that the relay has stopped: nothing of it lives any more."""
        self.allocations_active = self.permissions_active = self.channels_active = 0
        self.reservations_active = self.streams_active = 0
        self.allocations_by_transport = _byTransport()
        self.relayed_ports_by_family = dict.fromkeys(FAMILY_NAMES, 0)

    def asDict(self) -> dict[str, object]:
        """Return everything as what JSON can hold; codes and reasons as text."""
        return {
            "packets_from_clients": self.packets_from_clients,
            "packets_to_clients": self.packets_to_clients,
            "bytes_from_clients": self.bytes_from_clients,
            "bytes_to_clients": self.bytes_to_clients,
            "short_cut_packets": self.short_cut_packets,
            "allocations_active": self.allocations_active,
            "allocations_by_transport": _named(self.allocations_by_transport),
            "relayed_ports_by_family": {
                name: self.relayed_ports_by_family[family] for family, name in FAMILY_NAMES.items()
            },
            "permissions_active": self.permissions_active,
            "channels_active": self.channels_active,
            "reservations_active": self.reservations_active,
            "allocations_total": self.allocations_total,
            "allocations_total_by_transport": _named(self.allocations_total_by_transport),
            "allocations_ended": _named(self.allocations_ended),
            "streams_active": self.streams_active,
            "bindings": self.bindings,
            "requests": dict(self.requests),
            "unauthenticated": self.unauthenticated,
            "refused": {str(code): count for code, count in sorted(self.refused.items())},
            "dropped": _named(self.dropped),
        }


def _named(
    counts: dict[Transport, int] | dict[EndReason, int] | dict[DropReason, int],
) -> dict[str, int]:
    return {kind.value: count for kind, count in counts.items()}
