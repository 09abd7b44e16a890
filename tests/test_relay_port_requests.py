"""What a relay answers to Allocate about pairs of ports, quotas and exhaustion."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import PortsClosed
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire.stun import verifyIntegrity
from gamenet.wire.turn import (
    ALLOCATE,
    EVEN_PORT,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    RESERVATION_TOKEN,
    decodeLifetime,
    encodeAddressFamily,
    encodeEvenPort,
    encodeLifetime,
)
from tests.relay_desk import (
    CLIENT,
    OTHER_CLIENT,
    RELAY_HOST,
    Desk,
    allocateAttributes,
    answerOf,
    codeOf,
    keyOf,
    relayedOf,
    signedRequest,
    usernameOf,
)

_GONE = ((LIFETIME, encodeLifetime(0)),)
_PAIR = ((EVEN_PORT, encodeEvenPort(True)),)
_LONE = RelayedPort(9, (RELAY_HOST, 50_000))


class ReservationTests(SynchronousTestCase):
    """RFC 8656, section 7.2: EVEN-PORT and RESERVATION-TOKEN."""

    def test_evenPort(self) -> None:
        """EVEN-PORT without R: an even port; nothing is reserved."""
        desk = Desk()
        outcome = desk.allocate(((EVEN_PORT, encodeEvenPort(False)),))
        self.assertEqual(relayedOf(outcome)[1] % 2, 0)
        self.assertIsNone(answerOf(outcome).first(RESERVATION_TOKEN))
        self.assertEqual((len(desk.opened), len(desk.reservations)), (1, 0))
        self.assertEqual(codeOf(Desk().allocate(((EVEN_PORT, b""),))), 400)

    def test_reservation(self) -> None:
        """EVEN-PORT with R, and the token gets the next port."""
        desk = Desk()
        first = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = answerOf(first).first(RESERVATION_TOKEN) or b""
        self.assertEqual(len(token), 8)
        second = desk.allocate(((RESERVATION_TOKEN, token),), client=OTHER_CLIENT)
        self.assertEqual(codeOf(second), 0)
        self.assertEqual(relayedOf(second)[1], relayedOf(first)[1] + 1)
        self.assertIsNone(answerOf(second).first(RESERVATION_TOKEN))
        self.assertEqual((len(desk.table), len(desk.reservations)), (2, 0))
        again = desk.allocate(((RESERVATION_TOKEN, token),), client=("198.51.100.9", 1))
        self.assertEqual(codeOf(again), 508)

    def test_reservationLifetime(self) -> None:
        """An allocation from a reservation gets the lifetime it asks for."""
        desk = Desk()
        first = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = answerOf(first).first(RESERVATION_TOKEN) or b""
        wanted = ((RESERVATION_TOKEN, token), (LIFETIME, encodeLifetime(1000)))
        second = desk.allocate(wanted, client=OTHER_CLIENT)
        self.assertEqual(decodeLifetime(answerOf(second).first(LIFETIME) or b""), 1000)

    def test_badReservations(self) -> None:
        """Unknown, another user's, too short; beside EVEN-PORT or a family: 400."""
        desk = Desk()
        first = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = answerOf(first).first(RESERVATION_TOKEN) or b""
        good = (RESERVATION_TOKEN, token)
        for attributes, user, code in (
            (((RESERVATION_TOKEN, bytes(8)),), "alice", 508),
            ((good,), "bob", 508),
            (((RESERVATION_TOKEN, token[:7]),), "alice", 400),
            ((good, (EVEN_PORT, encodeEvenPort(False))), "alice", 400),
            ((good, (REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(1))), "alice", 400),
            ((good,), "alice", 0),
        ):
            outcome = desk.allocate(attributes, user, OTHER_CLIENT)
            self.assertEqual(codeOf(outcome), code, attributes)

    def test_reservationsAreBounded(self) -> None:
        """Only so many ports are reserved at a time; they end after 30 s, and so do their ports."""
        desk = Desk(reservations=2)
        pair = ((EVEN_PORT, encodeEvenPort(True)),)
        codes = [
            codeOf(desk.allocate(pair, client=("198.51.100.9", port))) for port in range(1, 4)
        ]
        self.assertEqual(codes, [0, 0, 508])
        self.assertEqual(len(desk.opened), 4)
        desk.now += 30.0
        self.assertEqual(codeOf(desk.allocate(pair, client=("198.51.100.9", 4))), 0)
        self.assertEqual(len(desk.opened), 4)

    def test_expiry(self) -> None:
        """CVE row 4adbd82e: a reserved port that nobody takes is closed and given back."""
        desk = Desk(AllocationLimits(allocations_of_user=2))
        desk.allocate(_PAIR)
        self.assertEqual(desk.counters.reservations_active, 1)
        self.assertEqual(desk.desk.nextDue(), desk.now + 30.0)
        desk.now += 30.0
        effects = desk.desk.sweep(desk.now)
        flow = Flow(1, CLIENT)
        closed = PortsClosed(flow, (2,), ended=False)
        self.assertEqual(effects, (closed,))
        self.assertEqual(desk.counters.reservations_active, 0)
        self.assertEqual(desk.table.quotas.total.allocations, 1)
        self.assertEqual(desk.desk.nextDue(), desk.now + 570.0)

    def test_outlivesTheFirst(self) -> None:
        """Deleting the lower port leaves the reserved one to whoever has the token."""
        desk = Desk()
        first = desk.allocate(_PAIR)
        token = answerOf(first).first(RESERVATION_TOKEN) or b""
        desk.ask(REFRESH, _GONE)
        self.assertEqual(list(desk.opened), [2])
        self.assertEqual(codeOf(desk.allocate(((RESERVATION_TOKEN, token),))), 0)
        self.assertEqual(desk.counters.reservations_active, 0)

    def test_sameToken(self) -> None:
        """A token that is drawn twice is refused, and no port is lost."""
        desk = Desk()
        desk._token = lambda: b"notdrawn"  # type: ignore[method-assign]
        self.assertEqual(codeOf(desk.allocate(_PAIR)), 0)
        outcome = desk.allocate(_PAIR, client=OTHER_CLIENT)
        self.assertEqual(codeOf(outcome), 508)
        unused = PortsClosed(Flow(1, OTHER_CLIENT), (3, 4), ended=False)
        self.assertEqual(outcome.effects, (unused,))
        self.assertEqual(len(desk.opened), 2)

    def test_halfAPair(self) -> None:
        """One port where two were wanted is no pair: it is closed again."""
        desk = Desk()
        desk._open = lambda *_: (desk.opened.setdefault(9, _LONE),)  # type: ignore[method-assign]
        outcome = desk.allocate(_PAIR)
        self.assertEqual(codeOf(outcome), 508)
        self.assertEqual((desk.opened, len(desk.table)), ({}, 0))


class QuotaTests(SynchronousTestCase):
    """RFC 8656, section 7.2: 486, and 508 where there is no port."""

    def test_quotaOfUser(self) -> None:
        """"Quota 486 per user": reserved ports count, and other users keep theirs."""
        desk = Desk(AllocationLimits(allocations_of_user=3))
        pair = ((EVEN_PORT, encodeEvenPort(True)),)
        clients: list[Address] = [("198.51.100.9", port) for port in range(1, 9)]
        self.assertEqual(codeOf(desk.allocate(pair, client=clients[0])), 0)
        self.assertEqual(codeOf(desk.allocate(pair, client=clients[1])), 486)
        self.assertEqual(codeOf(desk.allocate(client=clients[1])), 0)
        self.assertEqual(codeOf(desk.allocate(client=clients[2])), 486)
        self.assertEqual(codeOf(desk.allocate(user="bob", client=clients[2])), 0)
        later = usernameOf("alice", 172_800.0)
        data = signedRequest(
            ALLOCATE,
            allocateAttributes(),
            later,
            desk.nonces.issue(clients[3], desk.now),
            desk.nextId(),
        )
        self.assertEqual(codeOf(desk.put(data, clients[3])), 486)
        gone = ((LIFETIME, encodeLifetime(0)),)
        self.assertEqual(codeOf(desk.ask(REFRESH, gone, client=clients[1])), 0)
        self.assertEqual(codeOf(desk.allocate(client=clients[3])), 0)

    def test_quotaOfPair(self) -> None:
        """A pair takes two of the quota, no more."""
        pair = ((EVEN_PORT, encodeEvenPort(True)),)
        for quota, code in ((1, 486), (2, 0)):
            desk = Desk(AllocationLimits(allocations_of_user=quota))
            self.assertEqual(codeOf(desk.allocate(pair)), code)

    def test_quotaInTotal(self) -> None:
        """"Quota 486 ... total": reserved ports count here too."""
        desk = Desk(AllocationLimits(allocations=3))
        pair = ((EVEN_PORT, encodeEvenPort(True)),)
        for port, user, attributes, code in (
            (1, "a", pair, 0),
            (2, "b", pair, 486),
            (2, "b", (), 0),
            (3, "c", (), 486),
        ):
            outcome = desk.allocate(attributes, user, ("198.51.100.9", port))
            self.assertEqual(codeOf(outcome), code, (port, user))

    def test_exhaustion(self) -> None:
        """"Port exhaustion 508", signed; and when a port is free again it is had."""
        desk = Desk(capacity=1)
        self.assertEqual(codeOf(desk.allocate()), 0)
        outcome = desk.allocate(client=OTHER_CLIENT)
        self.assertEqual(codeOf(outcome), 508)
        self.assertTrue(verifyIntegrity(answerOf(outcome), keyOf()))
        self.assertEqual(len(desk.table), 1)
        desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))
        self.assertEqual(codeOf(desk.allocate(client=OTHER_CLIENT)), 0)

    def test_quotaOfAddress(self) -> None:
        """One source address has its own quota, whatever its users and ports; IPv6 by /64."""
        for first, second, other in (
            ("198.51.100.7", "198.51.100.7", "198.51.100.8"),
            ("2606:4700:1:2::1", "2606:4700:1:2:ffff::", "2606:4700:1:3::1"),
        ):
            desk = Desk(AllocationLimits(allocations_of_address=2))
            codes = [
                codeOf(desk.allocate(user=user, client=client))
                for user, client in (
                    ("a", (first, 1)),
                    ("b", (second, 2)),
                    ("c", (second, 3)),
                    ("c", (other, 3)),
                )
            ]
            self.assertEqual(codes, [0, 0, 486, 0])

    def test_reservedElsewhere(self) -> None:
        """A reserved port moves with its taker from one source address to another."""
        desk = Desk(AllocationLimits(allocations_of_address=2))
        taker: Address = ("198.51.100.20", 1)
        for port in (5, 6):
            desk.allocate(user="bob", client=(taker[0], port))
        token = answerOf(desk.allocate(_PAIR)).first(RESERVATION_TOKEN) or b""
        wanted = ((RESERVATION_TOKEN, token),)
        self.assertEqual(codeOf(desk.allocate(wanted, client=taker)), 486)
        self.assertEqual(codeOf(desk.allocate(client=OTHER_CLIENT)), 0)
        self.assertEqual(codeOf(desk.allocate(client=(CLIENT[0], 9))), 486)
        desk.ask(REFRESH, _GONE, "bob", (taker[0], 5))
        self.assertEqual(codeOf(desk.allocate(wanted, client=taker)), 0)
        self.assertEqual(codeOf(desk.allocate(client=(CLIENT[0], 9))), 0)

    def test_reservedHere(self) -> None:
        """At a source address that is full a reserved port of it can be taken all the same."""
        desk = Desk(AllocationLimits(allocations_of_address=2))
        token = answerOf(desk.allocate(_PAIR)).first(RESERVATION_TOKEN) or b""
        wanted = ((RESERVATION_TOKEN, token),)
        self.assertEqual(codeOf(desk.allocate(wanted, client=(CLIENT[0], 9))), 0)
        self.assertEqual(desk.table.quotas.total.allocations, 2)
