"""What a relay answers to Allocate and Refresh."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.requests import Outcome
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import PortsClosed
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
    RELAY_HOST,
    RELAY_HOST_IPV6,
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
        """"440/443 families": what the relay has a host of is relayed, nothing else."""
        for families, codes in (((1,), (0, 440)), ((2,), (440, 0)), ((1, 2), (0, 0))):
            for value, code in (
                (encodeAddressFamily(1), codes[0]),
                (encodeAddressFamily(2), codes[1]),
                (encodeAddressFamily(0), 440),
                (b"\x01", 400),
            ):
                desk = Desk(families=families)
                outcome = desk.allocate(((REQUESTED_ADDRESS_FAMILY, value),))
                self.assertEqual(codeOf(outcome), code, (families, value))
                if not code:
                    host = (RELAY_HOST, RELAY_HOST_IPV6)[value[0] - 1]
                    self.assertEqual(relayedOf(outcome)[0], host)
            self.assertEqual(codeOf(Desk(families=families).allocate()), codes[0])

    def test_dontFragment(self) -> None:
        """DONT-FRAGMENT is understood; where the system cannot do it, 420 names it."""
        self.assertEqual(codeOf(Desk().allocate(((DONT_FRAGMENT, b""),))), 0)
        outcome = Desk(dont_fragment=False).allocate(((DONT_FRAGMENT, b""),))
        self.assertEqual(codeOf(outcome), 420)
        unknown = answerOf(outcome).first(UNKNOWN_ATTRIBUTES)
        self.assertEqual(decodeUnknownAttributes(unknown or b""), (DONT_FRAGMENT,))

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

    def test_lastSecond(self) -> None:
        """
        LIFETIME is never 0 where it was granted: in the last second of the maximum age the
        allocation ends with 437, and its client has another one at once.
        """
        desk = Desk(AllocationLimits(age=100.0))
        desk.allocate()
        desk.permit(PEER)
        desk.now += 99.0
        value = answerOf(desk.ask(REFRESH)).first(LIFETIME) or b""
        self.assertEqual(decodeLifetime(value), 1)
        desk.now += 0.1
        outcome = desk.ask(REFRESH)
        self.assertEqual(codeOf(outcome), 437)
        self.assertEqual(outcome.effects, (PortsClosed(Flow(1, CLIENT), (1,)),))
        self.assertEqual((len(desk.table), desk.opened, desk.plane.grants), (0, {}, {}))
        self.assertEqual(desk.counters.asDict()["allocations_ended"]["expired"], 1)  # type: ignore[index]
        self.assertEqual(desk.counters.refused, {437: 1})
        self.assertEqual(codeOf(desk.allocate()), 0)

    def test_lastSecondDeleted(self) -> None:
        """To delete it is as good then as ever."""
        desk = Desk(AllocationLimits(age=100.0))
        desk.allocate()
        desk.now += 99.5
        self.assertEqual(codeOf(desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))), 0)
        self.assertEqual(len(desk.table), 0)

    def test_delete(self) -> None:
        """Lifetime 0 deletes, says so, and closes the port; a second time there is nothing."""
        gone = ((LIFETIME, encodeLifetime(0)),)
        outcome = self.desk.ask(REFRESH, gone)
        self.assertEqual(codeOf(outcome), 0)
        self.assertEqual(answerOf(outcome).attributes, gone)
        self.assertTrue(verifyIntegrity(answerOf(outcome), keyOf()))
        closed = PortsClosed(Flow(1, CLIENT), (1,))
        self.assertEqual(outcome.effects, (closed,))
        self.assertEqual((len(self.desk.table), self.desk.opened), (0, {}))
        self.assertEqual(codeOf(self.desk.ask(REFRESH, gone)), 437)

    def test_deleteAgain(self) -> None:
        """
        A deletion that is sent again gets the same answer for 40 s, whatever its
        credential's expiry, and deletes nothing that was made since.
        """
        gone = ((LIFETIME, encodeLifetime(0)),)
        data = signedRequest(
            REFRESH,
            gone,
            usernameOf("alice"),
            self.desk.nonces.issue(CLIENT, self.desk.now),
            self.desk.nextId(),
        )
        first = self.desk.put(data)
        self.assertEqual(codeOf(first), 0)
        self.desk.now += 1.0
        self.assertEqual(self.desk.put(data), Outcome(first.answer, authenticated=True))
        self.assertEqual(codeOf(self.desk.put(data, OTHER_CLIENT)), 438)
        self.desk.allocate()
        self.desk.wall_offset += 100_000.0
        self.assertEqual(self.desk.put(data).answer, first.answer)
        self.assertEqual(len(self.desk.table), 1)
        self.desk.wall_offset -= 100_000.0
        self.desk.now += 38.9
        self.assertEqual(self.desk.put(data).answer, first.answer)
        self.desk.now += 0.1
        self.assertEqual(codeOf(self.desk.put(data)), 0)
        self.assertEqual(len(self.desk.table), 0)

    def test_deleteOfAnother(self) -> None:
        """Under the transaction id of a deletion another user deletes nothing, nor a Refresh."""
        gone = ((LIFETIME, encodeLifetime(0)),)
        transaction_id = self.desk.nextId()
        self.desk.ask(REFRESH, gone, transaction_id=transaction_id)
        theirs = self.desk.ask(REFRESH, gone, "bob", transaction_id=transaction_id)
        self.assertEqual(codeOf(theirs), 437)
        other = self.desk.ask(REFRESH, transaction_id=transaction_id)
        self.assertEqual(codeOf(other), 437)

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
        """
        The same user with a credential that expires later is the same user; it
        is the newest credential that outlives its time.
        """
        nonce = self.desk.nonces.issue(CLIENT, self.desk.now)
        later = usernameOf("alice", 172_800.0)
        data = signedRequest(REFRESH, (), later, nonce, self.desk.nextId())
        self.assertEqual(codeOf(self.desk.put(data)), 0)
        self.desk.wall_offset += 10 * 86_400.0
        data = signedRequest(REFRESH, (), later, nonce, self.desk.nextId())
        self.assertEqual(codeOf(self.desk.put(data)), 0)
