"""
What a relay counts.  Plain integers, and nothing that grows with users.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

__all__ = ["DropReason", "RelayCounters"]


class DropReason(Enum):
    """
    Why a datagram got no answer and went nowhere.

    @cvar NOT_STUN: Neither STUN nor ChannelData by its first byte, or empty.
    @cvar MALFORMED: Its lengths or its fingerprint are wrong, or an indication
        lacks what it needs.
    @cvar NOT_A_REQUEST: An indication or an answer that nobody here asked for.
    @cvar UNKNOWN_METHOD: A request for something that is neither STUN nor TURN.
    @cvar UNKNOWN_ATTRIBUTE: An indication with an attribute that must be
        understood and is not.
    @cvar NO_ALLOCATION: Its sender has none, or the relayed port belongs to nobody yet.
    @cvar NO_CHANNEL: The channel is not bound.
    @cvar NO_PERMISSION: The peer's host has no permission.
    @cvar PEER_FORBIDDEN: A port that the policy guards.
    @cvar RATE_LIMITED: Too many refusals to that address already.
    @cvar AMPLIFICATION: The refusal would be too long beside the request.
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
    RATE_LIMITED = "rate_limited"
    AMPLIFICATION = "amplification"
    SEND_FAILED = "send_failed"


@define
class RelayCounters:
    """
    What happened since the relay started.

    @ivar packets_from_clients: Packets relayed from clients to peers.
    @ivar packets_to_clients: Packets relayed from peers to clients.
    @ivar bytes_from_clients: Their payloads' bytes.
    @ivar bytes_to_clients: Likewise.
    @ivar allocations_active: Allocations that live now.
    @ivar allocations_total: Allocations ever made.
    @ivar allocations_expired: Allocations that nobody refreshed.
    @ivar bindings: Binding requests answered with an address.
    @ivar unauthenticated: Requests whose sender proved nothing.
    @ivar refused: Refusals sent, by STUN error code.
    @ivar dropped: Datagrams dropped, by L{DropReason}.
    """

    packets_from_clients: int = 0
    packets_to_clients: int = 0
    bytes_from_clients: int = 0
    bytes_to_clients: int = 0
    allocations_active: int = 0
    allocations_total: int = 0
    allocations_expired: int = 0
    bindings: int = 0
    unauthenticated: int = 0
    refused: dict[int, int] = field(factory=dict)
    dropped: dict[DropReason, int] = field(factory=lambda: dict.fromkeys(DropReason, 0))

    def asDict(self) -> dict[str, object]:
        """Return everything as what JSON can hold; codes and reasons as text."""
        return {
            "packets_from_clients": self.packets_from_clients,
            "packets_to_clients": self.packets_to_clients,
            "bytes_from_clients": self.bytes_from_clients,
            "bytes_to_clients": self.bytes_to_clients,
            "allocations_active": self.allocations_active,
            "allocations_total": self.allocations_total,
            "allocations_expired": self.allocations_expired,
            "bindings": self.bindings,
            "unauthenticated": self.unauthenticated,
            "refused": {str(code): count for code, count in sorted(self.refused.items())},
            "dropped": {reason.value: count for reason, count in self.dropped.items()},
        }
