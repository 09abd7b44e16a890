"""
What an Allocate is answered with, once it is known who asks (RFC 8656, section 7.2).

Pure but for the tables it keeps.
"""

from __future__ import annotations

from attrs import define

from gamenet.errors import MalformedMessage
from gamenet.relay.allocation import Allocation
from gamenet.relay.allocation_table import AllocationTable
from gamenet.relay.asked import Asked, Attributes, Decision, Granted, Refused, WantedPorts
from gamenet.relay.reservation import ReservationTable
from gamenet.relay_plane.grants import GrantsChanged, PortsClosed
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire import turn
from gamenet.wire.source_network import sourceNetwork
from gamenet.wire.stun_attributes import BAD_REQUEST, XOR_MAPPED_ADDRESS, encodeXorAddress

__all__ = ["Allocating", "lifetimeOf"]

_IPV6 = turn.encodeAddressFamily(turn.IPV6_FAMILY)


@define(eq=False)
class Allocating:
    """
    Decides who gets relayed ports.

    @ivar table: The allocations.
    @ivar reservations: The reserved ports.
    @ivar families: The address families that the relay has a host of.
    @ivar draining: Whether there are no new allocations any more.
    """

    table: AllocationTable
    reservations: ReservationTable
    families: tuple[int, ...] = (turn.IPV4_FAMILY,)
    draining: bool = False

    def decide(self, asked: Asked) -> Decision:
        """
        Decide an Allocate.

        @raise gamenet.errors.MalformedMessage: An attribute is not what it should be.
        """
        if asked.first(turn.MOBILITY_TICKET) is not None:
            return turn.MOBILITY_FORBIDDEN
        if asked.allocation is not None:
            return _again(asked.allocation, asked)
        transport = asked.first(turn.REQUESTED_TRANSPORT)
        if transport is None:
            return BAD_REQUEST
        if turn.decodeTransport(transport) != turn.UDP_TRANSPORT:
            return turn.UNSUPPORTED_TRANSPORT
        lifetime = lifetimeOf(asked)
        even = asked.first(turn.EVEN_PORT)
        pair = even is not None and turn.decodeEvenPort(even)
        families = _familiesOf(asked, pair)
        token = asked.first(turn.RESERVATION_TOKEN)
        if token is not None:
            token = turn.decodeReservationToken(token)
            return self._allocateReserved(asked, token, lifetime)
        if families[0] not in self.families:
            return turn.UNSUPPORTED_FAMILY
        if self.draining:
            return turn.INSUFFICIENT_CAPACITY
        room = self.table.quotas.room(asked.sender.user, asked.flow.address[0])
        if room < (2 if pair else 1):
            return turn.ALLOCATION_QUOTA_REACHED
        if pair and self.reservations.full:
            return turn.INSUFFICIENT_CAPACITY
        error = self._additionalError(families, room)
        if error is not None:
            families = families[:1]
        return WantedPorts(asked, lifetime, families, even is not None, pair, error)

    def allocate(
        self,
        wanted: WantedPorts,
        opened: dict[int, tuple[RelayedPort, ...]],
        token: bytes,
        now: float,
    ) -> Refused | Granted:
        """
        Go on with an Allocate, in the same instant.

        @param wanted: What L{decide} returned.
        @param opened: By family the open ports: one, or two for a pair, or none
            where they could not be opened.  They are the tables' from here on.
        @param token: 8 unpredictable bytes, used for a pair.
        @param now: Seconds, monotonic.
        @return: Of two families one alone is granted too (section 7.2, step 9); the ports
            that are of no use are closed.
        """
        asked = wanted.asked
        count = 2 if wanted.pair else 1
        ports = {
            family: opened[family]
            for family in wanted.families
            if len(opened.get(family, ())) == count
        }
        if not ports or (wanted.pair and token in self.reservations):
            unused = tuple(port.number for some in opened.values() for port in some)
            closed = PortsClosed(asked.flow, unused, ended=False)
            return Refused(turn.INSUFFICIENT_CAPACITY, (closed,) if unused else ())
        firsts = tuple(some[0] for some in ports.values())
        allocation = self._add(asked, firsts, wanted.lifetime, now)
        allocation.address_error = wanted.address_error
        for family in wanted.families:
            if family not in ports:
                allocation.address_error = family, turn.INSUFFICIENT_CAPACITY
        if wanted.pair:
            allocation.token = token
            user, host = asked.sender.user, asked.flow.address[0]
            allowance = self.table.quotas.open(user, host, 1, now)
            self.reservations.add(token, ports[wanted.families[0]][1], asked.flow, allowance, now)
            self._countReservations()
        return _grant(allocation)

    def sweepReservations(self, now: float) -> tuple[PortsClosed, ...]:
        """Give up the reserved ports whose time is over."""
        expired = self.reservations.sweep(now)
        for reservation in expired:
            self.table.quotas.close(reservation.allowance, 1, now)
        self._countReservations()
        return tuple(
            PortsClosed(each.flow, (each.port.number,), ended=False)
            for each in expired
        )

    def _allocateReserved(
        self, asked: Asked, token: bytes, lifetime: int | None
    ) -> int | Granted:
        quotas = self.table.quotas
        reservation = self.reservations.find(token, asked.sender.user, asked.now)
        if reservation is None or self.draining:
            return turn.INSUFFICIENT_CAPACITY
        # Its user has it already; another source address of the user has not.
        host = asked.flow.address[0]
        if sourceNetwork(host) != reservation.allowance.address.name and quotas.roomAt(host) < 1:
            return turn.ALLOCATION_QUOTA_REACHED
        port = self.reservations.take(reservation)
        quotas.close(reservation.allowance, 1, asked.now)
        self._countReservations()
        return _grant(self._add(asked, (port,), lifetime, asked.now))

    def _additionalError(
        self, families: tuple[int, ...], room: int
    ) -> tuple[int, int] | None:
        if len(families) == 1:
            return None
        if families[1] not in self.families:
            return families[1], turn.UNSUPPORTED_FAMILY
        return None if room > 1 else (families[1], turn.INSUFFICIENT_CAPACITY)

    def _add(
        self, asked: Asked, ports: tuple[RelayedPort, ...], lifetime: int | None, now: float
    ) -> Allocation:
        request = asked.request
        return self.table.add(
            asked.flow, asked.sender.credential, request.transaction_id, ports, lifetime, now
        )

    def _countReservations(self) -> None:
        self.table.counters.reservations_active = len(self.reservations)


def lifetimeOf(asked: Asked) -> int | None:
    """
    Return the lifetime that a request asks for, seconds; C{None} for none in particular.

    @raise MalformedMessage: Its LIFETIME has not 4 bytes.
    """
    value = asked.first(turn.LIFETIME)
    return None if value is None else turn.decodeLifetime(value)


def _familiesOf(asked: Asked, pair: bool) -> tuple[int, ...]:
    """Return the families that an Allocate asks for: one, or IPv4 and IPv6."""
    requested = asked.first(turn.REQUESTED_ADDRESS_FAMILY)
    additional = asked.first(turn.ADDITIONAL_ADDRESS_FAMILY)
    if additional is None and asked.first(turn.DRAFT_ADDITIONAL_ADDRESS_FAMILY) == _IPV6:
        additional = _IPV6
    family = turn.IPV4_FAMILY if requested is None else turn.decodeAddressFamily(requested)
    if asked.first(turn.RESERVATION_TOKEN) is not None and (
        asked.first(turn.EVEN_PORT) is not None or requested is not None or additional is not None
    ):
        raise MalformedMessage("a RESERVATION-TOKEN beside what it decides already")
    if additional is None:
        return (family,)
    if turn.decodeAddressFamily(additional) != turn.IPV6_FAMILY:
        raise MalformedMessage("an additional family that is not IPv6")
    if requested is not None or pair:
        raise MalformedMessage("an additional family beside another, or beside a pair")
    return turn.IPV4_FAMILY, turn.IPV6_FAMILY


def _again(allocation: Allocation, asked: Asked) -> Decision:
    """Answer an Allocate of a client that has an allocation: a retransmission, or a mistake."""
    if (
        allocation.transaction_id == asked.request.transaction_id
        and allocation.user == asked.sender.user
    ):
        return Granted(_describe(allocation))
    return turn.ALLOCATION_MISMATCH


def _grant(allocation: Allocation) -> Granted:
    return Granted(_describe(allocation), (GrantsChanged(allocation.flow),))


def _describe(allocation: Allocation) -> Attributes:
    """Return what a client is told of its new allocation (section 7.2, at its end)."""
    transaction_id = allocation.transaction_id
    attributes = [
        (turn.XOR_RELAYED_ADDRESS, encodeXorAddress(held.port.address, transaction_id))
        for held in allocation.ports
    ]
    if allocation.address_error is not None:
        value = turn.encodeAddressErrorCode(*allocation.address_error)
        attributes.append((turn.ADDRESS_ERROR_CODE, value))
    attributes.append((turn.LIFETIME, turn.encodeLifetime(allocation.lifetime)))
    client = encodeXorAddress(allocation.flow.address, transaction_id)
    attributes.append((XOR_MAPPED_ADDRESS, client))
    if allocation.token is not None:
        attributes.append((turn.RESERVATION_TOKEN, allocation.token))
    return tuple(attributes)
