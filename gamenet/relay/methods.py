"""
What the four methods of TURN decide, once it is known who asks (RFC 8656,
sections 7.2, 8.2, 10.2 and 12.2).

Pure but for the tables it keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from gamenet.interfaces import Address
from gamenet.relay.allocation import (
    Allocation,
    AllocationEnded,
    AllocationTable,
    BindRefusal,
    EndReason,
)
from gamenet.relay.authentication import Credential
from gamenet.relay.peer_policy import PeerVerdict
from gamenet.relay.reservation import RelayedPort, ReservationTable
from gamenet.wire import turn
from gamenet.wire.stun import StunMessage
from gamenet.wire.stun_attributes import (
    BAD_REQUEST,
    XOR_MAPPED_ADDRESS,
    decodeXorAddress,
    encodeXorAddress,
)

__all__ = ["TURN_METHODS", "Asked", "Attributes", "Decision", "TurnMethods", "WantedPorts"]

#: The attributes of a success.
Attributes: TypeAlias = tuple[tuple[int, bytes], ...]


@frozen
class Asked:
    """
    A request whose sender is known.

    @ivar request: The request.
    @ivar client: Where it came from.
    @ivar sender: Who sent it.
    @ivar allocation: The live allocation of C{client}, C{None} without one.
    @ivar now: Seconds, monotonic.
    """

    request: StunMessage
    client: Address
    sender: Credential
    allocation: Allocation | None
    now: float


@frozen
class WantedPorts:
    """
    An Allocate that is granted as soon as its ports are open.

    @ivar asked: The request.
    @ivar lifetime: Seconds asked for, C{None} for none in particular.
    @ivar even: Whether the port has to be even.
    @ivar pair: Whether the next higher port is wanted too.
    """

    asked: Asked
    lifetime: int | None
    even: bool
    pair: bool


#: An error code to refuse with, or what to grant.
Decision: TypeAlias = int | Attributes | WantedPorts | AllocationEnded


@frozen
class TurnMethods:
    """
    Decides what is asked of one relay.

    @ivar table: The allocations.
    @ivar reservations: The reserved ports.
    @ivar last_channel: The last number that a channel can have.
    """

    table: AllocationTable
    reservations: ReservationTable
    last_channel: int = turn.LAST_CHANNEL

    def decide(self, asked: Asked) -> Decision:
        """
        Decide one request.

        @param asked: Its method is one of L{TURN_METHODS}.
        @raise gamenet.errors.MalformedMessage: An attribute is not what it should be.
        """
        return _METHODS[asked.request.method](self, asked)

    def allocate(
        self, wanted: WantedPorts, ports: tuple[RelayedPort, ...], token: bytes, now: float
    ) -> int | Attributes:
        """
        Go on with an Allocate, in the same instant.

        @param wanted: What L{decide} returned.
        @param ports: The open ports: one, or two for a pair, or none where
            they could not be opened.  They are the tables' from here on.
        @param token: 8 unpredictable bytes, used for a pair.
        @param now: Seconds, monotonic.
        """
        if not ports:
            return turn.INSUFFICIENT_CAPACITY
        if wanted.pair:
            self.reservations.add(token, ports[1], wanted.asked.sender.user, now)
            return self._add(wanted.asked, ports[0], wanted.lifetime, token)
        return self._add(wanted.asked, ports[0], wanted.lifetime)

    def _allocate(self, asked: Asked) -> Decision:
        request = asked.request
        user = asked.sender.user
        if asked.allocation is not None:
            return _again(asked.allocation, asked)
        transport = request.first(turn.REQUESTED_TRANSPORT)
        if transport is None:
            return BAD_REQUEST
        if turn.decodeTransport(transport) != turn.UDP_TRANSPORT:
            return turn.UNSUPPORTED_TRANSPORT
        token = request.first(turn.RESERVATION_TOKEN)
        even = request.first(turn.EVEN_PORT)
        family = request.first(turn.REQUESTED_ADDRESS_FAMILY)
        pair = even is not None and turn.decodeEvenPort(even)
        lifetime = _lifetime(request)
        if token is not None and (even is not None or family is not None):
            return BAD_REQUEST
        if _isForeign(family):
            return turn.UNSUPPORTED_FAMILY
        if token is not None:
            token = turn.decodeReservationToken(token)
            port = self.reservations.take(token, user, asked.now)
            if port is None:
                return turn.INSUFFICIENT_CAPACITY
            return self._add(asked, port, lifetime)
        if not self._hasQuota(user, 2 if pair else 1):
            return turn.ALLOCATION_QUOTA_REACHED
        if pair and self.reservations.full:
            return turn.INSUFFICIENT_CAPACITY
        return WantedPorts(asked, lifetime, even is not None, pair)

    def _refresh(self, asked: Asked) -> Decision:
        if asked.allocation is None:
            return turn.ALLOCATION_MISMATCH
        if asked.allocation.credential.user != asked.sender.user:
            return turn.WRONG_CREDENTIALS
        if _isForeign(asked.request.first(turn.REQUESTED_ADDRESS_FAMILY)):
            return turn.PEER_FAMILY_MISMATCH
        lifetime = _lifetime(asked.request)
        if lifetime == 0:
            return self.table.remove(asked.allocation, EndReason.DELETED)
        granted = self.table.refresh(asked.allocation, lifetime, asked.now)
        return ((turn.LIFETIME, turn.encodeLifetime(granted)),)

    def _createPermission(self, asked: Asked) -> Decision:
        if asked.allocation is None:
            return turn.ALLOCATION_MISMATCH
        if asked.allocation.credential.user != asked.sender.user:
            return turn.WRONG_CREDENTIALS
        hosts = []
        # The one request in which every XOR-PEER-ADDRESS counts, not only the first.
        for kind, value in asked.request.attributes:
            if kind == turn.XOR_PEER_ADDRESS:
                host, _ = decodeXorAddress(value, asked.request.transaction_id)
                hosts.append((host, self._judge(host)))
        if not hosts:
            return BAD_REQUEST
        for _, verdict in hosts:
            if isinstance(verdict, int):
                return verdict
        guarded = tuple((host, verdict is PeerVerdict.GUARDED) for host, verdict in hosts)
        if self.table.permit(asked.allocation, guarded, asked.now):
            return ()
        return turn.INSUFFICIENT_CAPACITY

    def _channelBind(self, asked: Asked) -> Decision:
        if asked.allocation is None:
            return turn.ALLOCATION_MISMATCH
        if asked.allocation.credential.user != asked.sender.user:
            return turn.WRONG_CREDENTIALS
        channel = asked.request.first(turn.CHANNEL_NUMBER)
        address = asked.request.first(turn.XOR_PEER_ADDRESS)
        if channel is None or address is None:
            return BAD_REQUEST
        number = turn.decodeChannelNumber(channel)
        peer = decodeXorAddress(address, asked.request.transaction_id)
        if not turn.FIRST_CHANNEL <= number <= self.last_channel:
            return BAD_REQUEST
        verdict = self._judge(peer[0])
        if isinstance(verdict, int):
            return verdict
        guarded = verdict is PeerVerdict.GUARDED
        if not self.table.allowsPort(peer, guarded, asked.now):
            return turn.FORBIDDEN
        refusal = self.table.bind(asked.allocation, number, peer, guarded, asked.now)
        if refusal is None:
            return ()
        return BAD_REQUEST if refusal is BindRefusal.TAKEN else turn.INSUFFICIENT_CAPACITY

    def _judge(self, host: str) -> PeerVerdict | int:
        verdict = self.table.policy.judgeHost(host)
        if verdict is PeerVerdict.DENIED:
            return turn.FORBIDDEN
        return turn.PEER_FAMILY_MISMATCH if ":" in host else verdict

    def _hasQuota(self, user: str, ports: int) -> bool:
        limits = self.table.limits
        total = len(self.table) + len(self.reservations)
        of_user = self.table.countOf(user) + self.reservations.countOf(user)
        return (
            total + ports <= limits.allocations
            and of_user + ports <= limits.allocations_of_user
        )

    def _add(
        self, asked: Asked, port: RelayedPort, lifetime: int | None, token: bytes | None = None
    ) -> Attributes:
        allocation = self.table.add(
            port,
            asked.client,
            asked.sender,
            asked.request.transaction_id,
            lifetime,
            asked.now,
            token,
        )
        return _describe(allocation, asked.request.transaction_id)


_METHODS: dict[int, Callable[[TurnMethods, Asked], Decision]] = {
    turn.ALLOCATE: TurnMethods._allocate,
    turn.REFRESH: TurnMethods._refresh,
    turn.CREATE_PERMISSION: TurnMethods._createPermission,
    turn.CHANNEL_BIND: TurnMethods._channelBind,
}

#: The methods of requests that are decided here.
TURN_METHODS = tuple(_METHODS)


def _again(allocation: Allocation, asked: Asked) -> Decision:
    """Answer an Allocate of a client that has an allocation: a retransmission, or a mistake."""
    if (
        allocation.transaction_id == asked.request.transaction_id
        and allocation.credential.user == asked.sender.user
    ):
        return _describe(allocation, allocation.transaction_id)
    return turn.ALLOCATION_MISMATCH


def _isForeign(family: bytes | None) -> bool:
    return family is not None and turn.decodeAddressFamily(family) != turn.IPV4_FAMILY


def _lifetime(request: StunMessage) -> int | None:
    value = request.first(turn.LIFETIME)
    return None if value is None else turn.decodeLifetime(value)


def _describe(allocation: Allocation, transaction_id: bytes) -> Attributes:
    attributes: Attributes = (
        (turn.XOR_RELAYED_ADDRESS, encodeXorAddress(allocation.port.address, transaction_id)),
        (turn.LIFETIME, turn.encodeLifetime(allocation.lifetime)),
        (XOR_MAPPED_ADDRESS, encodeXorAddress(allocation.client, transaction_id)),
    )
    if allocation.token is not None:
        attributes += ((turn.RESERVATION_TOKEN, allocation.token),)
    return attributes
