"""What a relay answers to Allocate and Refresh."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.allocation import AllocationLimits
from gamenet.wire.stun import (
    MessageClass,
    StunMessage,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    UNKNOWN_ATTRIBUTES,
    XOR_MAPPED_ADDRESS,
    decodeUnknownAttributes,
    decodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    DONT_FRAGMENT,
    EVEN_PORT,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    RESERVATION_TOKEN,
    XOR_RELAYED_ADDRESS,
    decodeLifetime,
    encodeAddressFamily,
    encodeEvenPort,
    encodeLifetime,
    encodeTransport,
)
from tests.relay_desk import (
    CLIENT,
    OTHER_CLIENT,
    PEER,
    Desk,
    allocateAttributes,
    answerOf,
    codeOf,
    keyOf,
    relayedOf,
    signedRequest,
    usernameOf,
)


class AllocateTests(SynchronousTestCase):
    """RFC 8656, section 7.2."""

    def test_success(self) -> None:
        """The relayed address, the client's own, and the lifetime."""
        desk = Desk()
        outcome = desk.allocate()
        message = answerOf(outcome)
        self.assertEqual(
            [kind for kind, _ in message.attributes],
            [XOR_RELAYED_ADDRESS, LIFETIME, XOR_MAPPED_ADDRESS],
        )
        self.assertEqual(relayedOf(outcome), desk.opened[1].address)
        mapped = message.first(XOR_MAPPED_ADDRESS) or b""
        self.assertEqual(decodeXorAddress(mapped, message.transaction_id), CLIENT)
        self.assertEqual(decodeLifetime(message.first(LIFETIME) or b""), 600)

    def test_retransmission(self) -> None:
        """"437 duplicate allocate & idempotent retransmit": the same answer, and no second port."""
        desk = Desk()
        data = signedRequest(
            ALLOCATE,
            (*allocateAttributes(), (EVEN_PORT, encodeEvenPort(True))),
            usernameOf("alice"),
            desk.nonces.issue(CLIENT, desk.now),
            desk.nextId(),
        )
        first = desk.put(data)
        desk.now += 5.0
        self.assertEqual(desk.put(data).answer, first.answer)
        self.assertEqual(len(desk.opened), 2)
        self.assertEqual(codeOf(desk.allocate()), 437)
        self.assertEqual(codeOf(desk.allocate(user="bob")), 437)
        self.assertEqual(len(desk.table), 1)

    def test_retransmissionOfAnother(self) -> None:
        """Another user's Allocate under the same transaction id is no retransmission."""
        desk = Desk()
        nonce = desk.nonces.issue(CLIENT, desk.now)
        codes = [
            codeOf(
                desk.put(
                    signedRequest(
                        ALLOCATE, allocateAttributes(), usernameOf(user), nonce, bytes(12)
                    )
                )
            )
            for user in ("alice", "bob")
        ]
        self.assertEqual(codes, [0, 437])

    def test_transport(self) -> None:
        """Without REQUESTED-TRANSPORT 400; "442 non-UDP/TCP transport", TCP relaying too."""
        for attributes, code in (
            ((), 400),
            (((REQUESTED_TRANSPORT, b"\x11"),), 400),
            (((REQUESTED_TRANSPORT, encodeTransport(6)),), 442),
            (((REQUESTED_TRANSPORT, encodeTransport(0)),), 442),
            (((REQUESTED_TRANSPORT, encodeTransport(255)),), 442),
            (((REQUESTED_TRANSPORT, b"\x11\xff\xff\xff"),), 0),
        ):
            self.assertEqual(codeOf(Desk().ask(ALLOCATE, attributes)), code, attributes)

    def test_family(self) -> None:
        """"440/443 families": IPv4 is relayed, nothing else."""
        for value, code in (
            (encodeAddressFamily(1), 0),
            (encodeAddressFamily(2), 440),
            (encodeAddressFamily(0), 440),
            (b"\x01", 400),
        ):
            outcome = Desk().allocate(((REQUESTED_ADDRESS_FAMILY, value),))
            self.assertEqual(codeOf(outcome), code, value)

    def test_dontFragment(self) -> None:
        """DONT-FRAGMENT is understood."""
        self.assertEqual(codeOf(Desk().allocate(((DONT_FRAGMENT, b""),))), 0)

    def test_unknownAttribute(self) -> None:
        """420, signed, and no allocation; only after it is known who asks."""
        desk = Desk()
        outcome = desk.allocate(((0x0003, b"1234"),))
        self.assertEqual(codeOf(outcome), 420)
        self.assertTrue(verifyIntegrity(answerOf(outcome), keyOf()))
        unknown = answerOf(outcome).first(UNKNOWN_ATTRIBUTES)
        self.assertEqual(decodeUnknownAttributes(unknown or b""), (0x0003,))
        self.assertEqual(len(desk.table), 0)
        request = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), ((3, b"1234"),))
        self.assertEqual(codeOf(desk.put(encode(request))), 401)

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

    def test_deleteLoop(self) -> None:
        """coturn 4adbd82e: allocating and deleting for ever leaks no port, whatever EVEN-PORT."""
        desk = Desk(capacity=3)
        for turn in range(30):
            attributes = ((), ((EVEN_PORT, b"\0"),), ((EVEN_PORT, b"\x80"),))[turn % 3]
            self.assertEqual(codeOf(desk.allocate(attributes)), 0)
            outcome = desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))
            self.assertEqual(codeOf(outcome), 0)
            self.assertEqual(len(desk.opened), len(desk.reservations))
            desk.now += 31.0

    def test_lifetimes(self) -> None:
        """"Lifetime 0/1/2^32-1 clamp", as the client is told; a malformed one is 400."""
        for asked, told in ((0, 600), (1, 600), (700, 700), (2**32 - 1, 3600)):
            outcome = Desk().allocate(((LIFETIME, encodeLifetime(asked)),))
            value = answerOf(outcome).first(LIFETIME) or b""
            self.assertEqual(decodeLifetime(value), told, asked)
        self.assertEqual(codeOf(Desk().allocate(((LIFETIME, b"\0"),))), 400)


class RefreshTests(SynchronousTestCase):
    """RFC 8656, section 8.2."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.desk.allocate()

    def test_refresh(self) -> None:
        """It lives on, and the client is told how long."""
        self.desk.now += 500.0
        outcome = self.desk.ask(REFRESH, ((LIFETIME, encodeLifetime(900)),))
        value = answerOf(outcome).first(LIFETIME) or b""
        self.assertEqual(decodeLifetime(value), 900)
        self.desk.now += 899.0
        self.assertEqual(codeOf(self.desk.ask(REFRESH)), 0)
        self.desk.now += 600.0
        self.assertEqual(codeOf(self.desk.ask(REFRESH)), 437)

    def test_delete(self) -> None:
        """Lifetime 0 deletes, says so, and closes the port; a second time there is nothing."""
        gone = ((LIFETIME, encodeLifetime(0)),)
        outcome = self.desk.ask(REFRESH, gone)
        self.assertEqual(codeOf(outcome), 0)
        self.assertEqual(answerOf(outcome).attributes, gone)
        self.assertTrue(verifyIntegrity(answerOf(outcome), keyOf()))
        self.assertEqual((len(self.desk.table), self.desk.opened), (0, {}))
        self.assertEqual(codeOf(self.desk.ask(REFRESH, gone)), 437)

    def test_family(self) -> None:
        """Refreshing another family than was allocated: 443."""
        family = ((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(2)),)
        self.assertEqual(codeOf(self.desk.ask(REFRESH, family)), 443)
        family = ((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(1)),)
        self.assertEqual(codeOf(self.desk.ask(REFRESH, family)), 0)

    def test_afterExpiry(self) -> None:
        """"REST refresh after expiry (policy)": a match outlives its credentials."""
        self.desk.wall_offset += 10 * 86_400.0
        self.assertEqual(codeOf(self.desk.ask(REFRESH)), 0)
        self.assertEqual(codeOf(self.desk.permit(PEER)), 0)
        self.assertEqual(codeOf(self.desk.bind(0x4000, PEER)), 0)
        self.assertEqual(codeOf(self.desk.allocate(client=OTHER_CLIENT)), 401)
        self.assertEqual(codeOf(self.desk.ask(REFRESH, user="bob")), 401)

    def test_newTimestamp(self) -> None:
        """The same user with a credential that expires later is the same user."""
        nonce = self.desk.nonces.issue(CLIENT, self.desk.now)
        later = usernameOf("alice", 172_800.0)
        data = signedRequest(REFRESH, (), later, nonce, self.desk.nextId())
        self.assertEqual(codeOf(self.desk.put(data)), 0)
