"""What a relay answers to an Allocate for both families, and to a Refresh of one of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.requests import Outcome
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import GrantsChanged, PortsClosed
from gamenet.wire.stun_attributes import XOR_MAPPED_ADDRESS, decodeXorAddress
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    ADDRESS_ERROR_CODE,
    ALLOCATE,
    DRAFT_ADDITIONAL_ADDRESS_FAMILY,
    EVEN_PORT,
    IPV4_FAMILY,
    IPV6_FAMILY,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    RESERVATION_TOKEN,
    XOR_RELAYED_ADDRESS,
    decodeAddressErrorCode,
    decodeLifetime,
    encodeAddressFamily,
    encodeEvenPort,
    encodeLifetime,
)
from tests.relay_desk import (
    CLIENT,
    OTHER_CLIENT,
    RELAY_HOST,
    RELAY_HOST_IPV6,
    Desk,
    allocateAttributes,
    answerOf,
    codeOf,
    signedRequest,
    usernameOf,
)

_ADDITIONAL = (ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(IPV6_FAMILY))
_FLOW = Flow(1, CLIENT)


def _requested(family: int) -> tuple[int, bytes]:
    return (REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(family))


def _relayed(outcome: Outcome) -> list[Address]:
    message = answerOf(outcome)
    return [
        decodeXorAddress(value, message.transaction_id)
        for kind, value in message.attributes
        if kind == XOR_RELAYED_ADDRESS
    ]


def _addressError(outcome: Outcome) -> tuple[int, int]:
    family, error = decodeAddressErrorCode(answerOf(outcome).first(ADDRESS_ERROR_CODE) or b"")
    return family, error.code


class AllocateTests(SynchronousTestCase):
    """RFC 8656, section 7.2: ADDITIONAL-ADDRESS-FAMILY."""

    def test_success(self) -> None:
        """Two relayed addresses, the IPv4 one first, one lifetime; the plane is told at once."""
        desk = Desk()
        outcome = desk.allocate((_ADDITIONAL,))
        self.assertEqual(
            [kind for kind, _ in answerOf(outcome).attributes],
            [XOR_RELAYED_ADDRESS, XOR_RELAYED_ADDRESS, LIFETIME, XOR_MAPPED_ADDRESS],
        )
        self.assertEqual(
            _relayed(outcome), [desk.opened[1].address, desk.opened[2].address]
        )
        self.assertEqual(
            [host for host, _ in _relayed(outcome)], [RELAY_HOST, RELAY_HOST_IPV6]
        )
        self.assertEqual(outcome.effects, (GrantsChanged(_FLOW),))
        self.assertEqual(desk.plane.grants[_FLOW].ports, (1, 2))

    def test_retransmission(self) -> None:
        """The same answer, and no further port, whatever there was to tell."""
        for family, capacity in ((IPV6_FAMILY, 1000), (IPV6_FAMILY, 0), (IPV4_FAMILY, 0)):
            desk = Desk()
            desk.capacity[family] = capacity
            data = signedRequest(
                ALLOCATE,
                (*allocateAttributes(), _ADDITIONAL),
                usernameOf("alice"),
                desk.nonces.issue(CLIENT, desk.now),
                desk.nextId(),
            )
            first = desk.put(data)
            self.assertEqual(desk.put(data).answer, first.answer)
            self.assertEqual(len(desk.opened), 2 if capacity else 1)

    def test_refused(self) -> None:
        """400: beside a family, a pair or a token, and for anything but IPv6."""
        even = (EVEN_PORT, encodeEvenPort(False))
        for attributes, code in (
            ((_ADDITIONAL, _requested(IPV4_FAMILY)), 400),
            ((_ADDITIONAL, _requested(IPV6_FAMILY)), 400),
            ((_ADDITIONAL, (EVEN_PORT, encodeEvenPort(True))), 400),
            ((_ADDITIONAL, (RESERVATION_TOKEN, bytes(8))), 400),
            (((ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(IPV4_FAMILY)),), 400),
            (((ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(0)),), 400),
            (((ADDITIONAL_ADDRESS_FAMILY, b"\x02"),), 400),
            ((_ADDITIONAL, even), 0),
        ):
            desk = Desk()
            self.assertEqual(codeOf(desk.allocate(attributes)), code, attributes)
            self.assertEqual(len(desk.opened), 0 if code else 2)

    def test_draft(self) -> None:
        """The number that drafts had does as well, for coturn's client; else it is ignored."""
        for value, count in ((encodeAddressFamily(2), 2), (encodeAddressFamily(1), 1), (b"", 1)):
            outcome = Desk().allocate(((DRAFT_ADDITIONAL_ADDRESS_FAMILY, value),))
            self.assertEqual(len(_relayed(outcome)), count)

    def test_unsupported(self) -> None:
        """A relay without IPv6 grants IPv4 and says 440; one without IPv4 refuses with it."""
        desk = Desk(families=(IPV4_FAMILY,))
        outcome = desk.allocate((_ADDITIONAL,))
        self.assertEqual(_addressError(outcome), (IPV6_FAMILY, 440))
        self.assertEqual([host for host, _ in _relayed(outcome)], [RELAY_HOST])
        self.assertEqual(
            codeOf(Desk(families=(IPV6_FAMILY,)).allocate((_ADDITIONAL,))), 440
        )

    def test_exhausted(self) -> None:
        """
        Section 7.2, step 9: where one family has no port, whichever, the other is granted and
        508 told of it; 508 alone where neither has one.
        """
        for missing, host in ((IPV6_FAMILY, RELAY_HOST), (IPV4_FAMILY, RELAY_HOST_IPV6)):
            desk = Desk()
            desk.capacity[missing] = 0
            outcome = desk.allocate((_ADDITIONAL,))
            self.assertEqual(_addressError(outcome), (missing, 508))
            self.assertEqual([relayed[0] for relayed in _relayed(outcome)], [host])
            self.assertEqual(desk.plane.grants[_FLOW].ports, (1,))
            self.assertEqual(desk.table.quotas.total.allocations, 1)
            self.assertEqual(codeOf(desk.ask(REFRESH, (_requested(missing),))), 443)
            self.assertEqual(codeOf(desk.ask(REFRESH)), 0)
        desk = Desk(capacity=0)
        outcome = desk.allocate((_ADDITIONAL,))
        self.assertEqual(codeOf(outcome), 508)
        self.assertEqual(outcome.effects, ())
        self.assertEqual((len(desk.table), desk.opened), (0, {}))
        self.assertEqual(desk.table.quotas.total.allocations, 0)

    def test_quota(self) -> None:
        """Who may have one port more gets IPv4 and is told 508 about IPv6."""
        desk = Desk(AllocationLimits(allocations_of_user=2))
        self.assertEqual(codeOf(desk.allocate(client=OTHER_CLIENT)), 0)
        outcome = desk.allocate((_ADDITIONAL,))
        self.assertEqual(_addressError(outcome), (IPV6_FAMILY, 508))
        self.assertEqual(len(desk.opened), 2)
        self.assertEqual(codeOf(desk.allocate((_ADDITIONAL,), client=("192.0.2.1", 1))), 486)
        both = Desk(AllocationLimits(allocations_of_user=2)).allocate((_ADDITIONAL,))
        self.assertEqual(len(_relayed(both)), 2)


class RefreshTests(SynchronousTestCase):
    """RFC 8656, section 8.2: one family, or both."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.desk.allocate((_ADDITIONAL,))

    def refresh(self, lifetime: int, family: int | None = None) -> Outcome:
        """Put a Refresh."""
        value = ((LIFETIME, encodeLifetime(lifetime)),)
        family_value = () if family is None else (_requested(family),)
        return self.desk.ask(REFRESH, (*value, *family_value))

    def expiries(self) -> list[float]:
        """Return in how many seconds each port ends."""
        return [held.expires - self.desk.now for held in self.desk.find().ports]

    def test_families(self) -> None:
        """A family refreshes one, none refreshes both."""
        for family, expected in ((1, [900, 600]), (2, [900, 1000]), (None, [1200, 1200])):
            lifetime = {1: 900, 2: 1000}.get(family or 0, 1200)
            outcome = self.refresh(lifetime, family)
            value = answerOf(outcome).first(LIFETIME) or b""
            self.assertEqual(decodeLifetime(value), lifetime)
            self.assertEqual(self.expiries(), expected)

    def test_mismatch(self) -> None:
        """443 for a family that was not allocated, or is no more; 400 for a malformed one."""
        self.assertEqual(codeOf(self.refresh(600, 3)), 443)
        malformed = ((REQUESTED_ADDRESS_FAMILY, b"\x01"),)
        self.assertEqual(codeOf(self.desk.ask(REFRESH, malformed)), 400)
        self.assertEqual(codeOf(self.refresh(0, IPV6_FAMILY)), 0)
        self.assertEqual(codeOf(self.refresh(600, IPV6_FAMILY)), 443)
        self.assertEqual(codeOf(self.refresh(0, IPV6_FAMILY)), 443)
        self.assertEqual(codeOf(self.refresh(600, IPV4_FAMILY)), 0)

    def test_deleteOne(self) -> None:
        """Lifetime 0 for one family closes one port; sent again it says so again."""
        for family in (IPV4_FAMILY, IPV6_FAMILY):
            self.setUp()
            data = signedRequest(
                REFRESH,
                ((LIFETIME, encodeLifetime(0)), _requested(family)),
                usernameOf("alice"),
                self.desk.nonces.issue(CLIENT, self.desk.now),
                self.desk.nextId(),
            )
            outcome = self.desk.put(data)
            closed = PortsClosed(_FLOW, (family,), ended=False)
            self.assertEqual(outcome.effects, (closed, GrantsChanged(_FLOW)))
            self.assertEqual(list(self.desk.opened), [3 - family])
            self.assertEqual(self.desk.plane.grants[_FLOW].ports, (3 - family,))
            self.assertEqual(self.desk.put(data), Outcome(outcome.answer, authenticated=True))
            self.assertEqual(len(self.desk.opened), 1)

    def test_expireOne(self) -> None:
        """One family expires, the other lives on, and its client keeps what it has of it."""
        self.refresh(1000, IPV6_FAMILY)
        self.desk.permit(("2606:4700::9", 1), ("192.0.2.1", 1))
        self.desk.now += 299.0
        self.desk.permit(("2606:4700::9", 1), ("192.0.2.1", 1))
        self.desk.now += 298.0
        self.desk.permit(("2606:4700::9", 1), ("192.0.2.1", 1))
        self.desk.now += 3.0
        self.desk.sweep()
        self.assertEqual(list(self.desk.opened), [2])
        self.assertEqual(self.desk.plane.grants[_FLOW].hosts, (("2606:4700::9", False),))
        self.desk.now += 400.0
        self.desk.sweep()
        self.assertEqual((self.desk.opened, self.desk.plane.grants), ({}, {}))
