"""
What the methods of TURN decide, once it is known who asks (RFC 8656, sections 8.2, 10.2
and 12.2; Allocate is L{gamenet.relay.allocating}'s).

Pure but for the tables it keeps.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from gamenet.interfaces import Address
from gamenet.relay.allocating import Allocating, lifetimeOf
from gamenet.relay.allocation import Allocation
from gamenet.relay.allocation_table import AllocationTable, BindRefusal
from gamenet.relay.asked import Asked, Decision, Granted, Refused
from gamenet.relay.deletions import Deletion, DeletionMemory
from gamenet.relay.peer_policy import PeerVerdict
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import EndReason
from gamenet.wire import turn
from gamenet.wire.stun import StunMessage
from gamenet.wire.stun_attributes import BAD_REQUEST, decodeXorAddress

__all__ = ["METHOD_NAMES", "TurnMethods"]

#: The requests of TURN that are decided here, with the names they are counted under.
METHOD_NAMES = {
    turn.ALLOCATE: "allocate",
    turn.REFRESH: "refresh",
    turn.CREATE_PERMISSION: "create_permission",
    turn.CHANNEL_BIND: "channel_bind",
    turn.CONNECT: "connect",
    turn.CONNECTION_BIND: "connection_bind",
}

_NO_LIFETIME = turn.encodeLifetime(0)


@define(eq=False)
class TurnMethods:
    """
    Decides what is asked of one relay.

    @ivar table: The allocations.
    @ivar allocating: Decides who gets relayed ports.
    @ivar last_channel: The last number that a channel can have.
    @ivar deletions: The deletions of the last moments.
    """

    table: AllocationTable
    allocating: Allocating
    last_channel: int = turn.LAST_CHANNEL
    deletions: DeletionMemory = field(factory=DeletionMemory)

    def deletionOf(self, request: StunMessage, flow: Flow, now: float) -> Deletion | None:
        """
        Return the deletion that a request is a repetition of, C{None} without one.

        Only a Refresh that deletes can be: whatever else has its transaction id is asked
        for credentials that are good now.
        """
        if request.method != turn.REFRESH or request.first(turn.LIFETIME) != _NO_LIFETIME:
            return None
        return self.deletions.find(flow, request.transaction_id, now)

    def decide(self, asked: Asked) -> Decision:
        """
        Decide one request.

        @param asked: Its method is one of L{METHOD_NAMES}.
        @raise gamenet.errors.MalformedMessage: An attribute is not what it should be.
        """
        method = asked.request.method
        if method == turn.ALLOCATE:
            return self.allocating.decide(asked)
        # Connections to peers are not made here: RFC 6062, sections 5.2 and 5.4.
        if method == turn.CONNECTION_BIND:
            return BAD_REQUEST
        if method == turn.REFRESH:
            return self._refresh(asked)
        allocation = asked.allocation
        if allocation is None or method == turn.CONNECT:
            return turn.ALLOCATION_MISMATCH
        if allocation.user != asked.sender.user:
            return turn.WRONG_CREDENTIALS
        return _PEER_METHODS[method](self, asked, allocation)

    def _refresh(self, asked: Asked) -> Decision:
        if asked.first(turn.MOBILITY_TICKET) is not None:
            return turn.MOBILITY_FORBIDDEN
        lifetime = lifetimeOf(asked)
        requested = asked.first(turn.REQUESTED_ADDRESS_FAMILY)
        family = None if requested is None else turn.decodeAddressFamily(requested)
        user = asked.sender.user
        transaction_id = asked.request.transaction_id
        deletion = self.deletionOf(asked.request, asked.flow, asked.now)
        if deletion is not None and deletion.credential.user == user:
            return Granted(_GONE)
        allocation = asked.allocation
        if allocation is None:
            return turn.ALLOCATION_MISMATCH
        if allocation.user != user:
            return turn.WRONG_CREDENTIALS
        if family is not None and not allocation.relays(family):
            return turn.PEER_FAMILY_MISMATCH
        # The newest credential that was good is the one that outlives its time.
        allocation.credential = asked.sender.credential
        if lifetime == 0:
            self.deletions.add(asked.flow, transaction_id, allocation.credential, asked.now)
            return Granted(_GONE, self.table.delete(allocation, asked.now, family))
        if self.table.isOld(allocation, asked.now):
            # A lifetime of 0 would say that it is gone, and 1 that it outlives its age: so it
            # is gone, and the client can have another one at once.
            ended = self.table.remove(allocation, EndReason.EXPIRED, asked.now)
            return Refused(turn.ALLOCATION_MISMATCH, (ended,))
        granted = self.table.refresh(allocation, lifetime, asked.now, family)
        return Granted(((turn.LIFETIME, turn.encodeLifetime(granted)),))

    def _createPermission(self, asked: Asked, allocation: Allocation) -> Decision:
        # The one request in which every XOR-PEER-ADDRESS counts, not only the first.
        peers = [
            self._peer(value, asked)
            for kind, value in asked.request.attributes
            if kind == turn.XOR_PEER_ADDRESS
        ]
        if not peers:
            return BAD_REQUEST
        wanted = dict.fromkeys(host for host, _ in peers)
        if len(wanted) > self.table.limits.permissions:
            return turn.INSUFFICIENT_CAPACITY
        hosts = []
        for host in wanted:
            verdict = self._judge(host, allocation)
            if isinstance(verdict, int):
                return verdict
            hosts.append((host, verdict is PeerVerdict.GUARDED))
        effects = self.table.permit(allocation, tuple(hosts), asked.now)
        return turn.INSUFFICIENT_CAPACITY if effects is None else Granted((), effects)

    def _channelBind(self, asked: Asked, allocation: Allocation) -> Decision:
        channel = asked.first(turn.CHANNEL_NUMBER)
        address = asked.first(turn.XOR_PEER_ADDRESS)
        if channel is None or address is None:
            return BAD_REQUEST
        number = turn.decodeChannelNumber(channel)
        peer = self._peer(address, asked)
        if not turn.FIRST_CHANNEL <= number <= self.last_channel:
            return BAD_REQUEST
        verdict = self._judge(peer[0], allocation)
        if isinstance(verdict, int):
            return verdict
        guarded = verdict is PeerVerdict.GUARDED
        if not self.table.allowsPort(peer, guarded, asked.now):
            return turn.FORBIDDEN
        bound = self.table.bind(allocation, number, peer, guarded, asked.now)
        if isinstance(bound, BindRefusal):
            taken = bound is BindRefusal.TAKEN
            return BAD_REQUEST if taken else turn.INSUFFICIENT_CAPACITY
        return Granted((), bound)

    def _peer(self, value: bytes, asked: Asked) -> Address:
        peer = decodeXorAddress(value, asked.request.transaction_id)
        return self.table.policy.canonicalPeer(peer)

    def _judge(self, host: str, allocation: Allocation) -> PeerVerdict | int:
        for permission in allocation.permissions:
            # It was judged when it was made, and is again whenever the rules change.
            if permission.host == host:
                return PeerVerdict.GUARDED if permission.guarded else PeerVerdict.ALLOWED
        verdict = self.table.policy.judgeHost(host)
        if verdict is PeerVerdict.DENIED:
            return turn.FORBIDDEN
        if verdict is PeerVerdict.UNKNOWN:
            return turn.INSUFFICIENT_CAPACITY
        if not allocation.relays(turn.familyOf(host)):
            return turn.PEER_FAMILY_MISMATCH
        return verdict


_PEER_METHODS: dict[int, Callable[[TurnMethods, Asked, Allocation], Decision]] = {
    turn.CREATE_PERMISSION: TurnMethods._createPermission,
    turn.CHANNEL_BIND: TurnMethods._channelBind,
}

_GONE = ((turn.LIFETIME, _NO_LIFETIME),)
