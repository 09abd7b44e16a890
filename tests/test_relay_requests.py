"""What a relay answers to every request in every state, and to what is no request."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.counters import DropReason
from gamenet.relay.requests import AMPLIFICATION_LIMIT, Outcome, unknownAttributes
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingRequest,
    readBindingAddress,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    REALM,
    SOFTWARE,
    UNKNOWN_ATTRIBUTES,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    decodeUnknownAttributes,
    decodeXorAddress,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    DATA_INDICATION,
    DONT_FRAGMENT,
    EVEN_PORT,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    RESERVATION_TOKEN,
    SEND_INDICATION,
    XOR_PEER_ADDRESS,
    XOR_RELAYED_ADDRESS,
    decodeLifetime,
    encodeAddressFamily,
    encodeChannelNumber,
    encodeEvenPort,
    encodeLifetime,
    encodeTransport,
)
from gamenet.wire.turn_credentials import ephemeralPassword, longTermKey
from tests.relay_desk import (
    CLIENT,
    PEER,
    REALM_TEXT,
    RELAY_HOST,
    SECRET,
    Desk,
    allocateAttributes,
    channelAttributes,
    codeOf,
    peerAttribute,
    signedRequest,
    usernameOf,
)

_METHODS = (ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND)
_OTHER_CLIENT: Address = ("198.51.100.8", 50000)


def _key(user: str = "alice", secret: bytes = SECRET) -> bytes:
    username = usernameOf(user)
    return longTermKey(username, REALM_TEXT, ephemeralPassword(secret, username))


def _answer(outcome: Outcome) -> StunMessage:
    assert outcome.answer is not None
    return decode(outcome.answer)


def _relayed(outcome: Outcome) -> Address:
    message = _answer(outcome)
    return decodeXorAddress(message.first(XOR_RELAYED_ADDRESS) or b"", message.transaction_id)


class BindingTests(SynchronousTestCase):
    """Binding needs no credential."""

    def test_success(self) -> None:
        """The answer tells where the request came from, in 40 bytes."""
        outcome = Desk().put(encodeBindingRequest(bytes(12)))
        self.assertEqual(readBindingAddress(_answer(outcome)), CLIENT)
        self.assertEqual(len(outcome.answer or b""), 40)
        self.assertEqual((outcome.code, outcome.dropped), (0, None))

    def test_unknownAttributes(self) -> None:
        """420 names what was not understood, each once; what may be ignored is (420)."""
        attributes = ((0x0003, b""), (0x0024, b"1234"), (0x0003, b""), (0xC003, b""))
        request = StunMessage(BINDING, MessageClass.REQUEST, bytes(12), attributes)
        outcome = Desk().put(encode(request))
        self.assertEqual(codeOf(outcome), 420)
        unknown = _answer(outcome).first(UNKNOWN_ATTRIBUTES)
        self.assertEqual(decodeUnknownAttributes(unknown or b""), (0x0003, 0x0024))
        self.assertFalse(outcome.authenticated)
        ignorable = StunMessage(
            BINDING, MessageClass.REQUEST, bytes(12), ((SOFTWARE, b"x"), (0x8000, b""))
        )
        self.assertEqual(codeOf(Desk().put(encode(ignorable))), 0)
        self.assertEqual(unknownAttributes(request), (0x0003, 0x0024))

    def test_refusalsAreLimited(self) -> None:
        """420 to somebody who proved nothing comes out of their budget; a success does not."""
        desk = Desk(burst=2.0)
        request = StunMessage(BINDING, MessageClass.REQUEST, bytes(12), ((3, b""),))
        outcomes = [desk.put(encode(request)) for _ in range(3)]
        self.assertEqual([each.code for each in outcomes], [420, 420, 0])
        self.assertIs(outcomes[2].dropped, DropReason.RATE_LIMITED)
        self.assertEqual(codeOf(desk.put(encodeBindingRequest(bytes(12)))), 0)


class SilenceTests(SynchronousTestCase):
    """What gets no answer."""

    def test_indicationsAndAnswers(self) -> None:
        """STUN indications and answers to the server: silence, counted."""
        desk = Desk()
        for message_class in (
            MessageClass.INDICATION,
            MessageClass.SUCCESS,
            MessageClass.ERROR,
        ):
            for method in (BINDING, *_METHODS, SEND_INDICATION, DATA_INDICATION, 0xFFF):
                message = StunMessage(method, message_class, bytes(12))
                outcome = desk.put(encode(message, _key()))
                self.assertEqual(outcome, Outcome(dropped=DropReason.NOT_A_REQUEST))

    def test_unknownMethods(self) -> None:
        """Requests of other methods, RFC 6062's among them: silence (RFC 8489, section 6.3)."""
        desk = Desk()
        for method in (0x000, 0x002, 0x005, 0x006, 0x007, 0x00A, 0x00B, 0x00C, 0xFFF):
            outcome = desk.ask(method)
            self.assertEqual(outcome, Outcome(dropped=DropReason.UNKNOWN_METHOD))


class ChallengeTests(SynchronousTestCase):
    """Requests that prove nothing."""

    def test_challenge(self) -> None:
        """401 with realm and nonce, unsigned, for every method; nothing is kept of it."""
        for method in _METHODS:
            desk = Desk()
            request = StunMessage(method, MessageClass.REQUEST, bytes(12), allocateAttributes())
            outcome = desk.put(encode(request))
            self.assertEqual(codeOf(outcome), 401)
            message = _answer(outcome)
            self.assertEqual((message.method, message.transaction_id), (method, bytes(12)))
            self.assertEqual(message.first(REALM), b"gamenet")
            nonce = message.first(NONCE) or b""
            self.assertTrue(desk.nonces.isFresh(nonce, CLIENT, desk.now))
            self.assertIsNone(message.integrity)
            self.assertFalse(outcome.authenticated)
            self.assertEqual((len(desk.table), desk.opened), (0, {}))

    def test_handshake(self) -> None:
        """With the nonce of the challenge the request is granted, and the answer is signed."""
        desk = Desk()
        request = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), allocateAttributes())
        nonce = _answer(desk.put(encode(request))).first(NONCE) or b""
        data = signedRequest(
            ALLOCATE, allocateAttributes(), usernameOf("alice"), nonce, desk.nextId()
        )
        outcome = desk.put(data)
        self.assertEqual(codeOf(outcome), 0)
        self.assertTrue(verifyIntegrity(_answer(outcome), _key()))
        self.assertTrue(_answer(outcome).fingerprinted)
        self.assertTrue(outcome.authenticated)

    def test_sameAnswer(self) -> None:
        """Wrong password, unknown user, expired credentials: the same bytes but for the nonce."""
        desk = Desk()
        nonce = desk.nonces.issue(CLIENT, desk.now)
        answers = []
        for username, secret in (
            (usernameOf("alice"), b"wrong"),
            ("alice", SECRET),
            (usernameOf("alice", -1.0), SECRET),
        ):
            data = signedRequest(
                ALLOCATE, allocateAttributes(), username, nonce, bytes(12), secret
            )
            outcome = desk.put(data)
            self.assertEqual(codeOf(outcome), 401)
            answers.append(outcome.answer)
        self.assertEqual(answers, [answers[0]] * 3)
        self.assertEqual(len(desk.table), 0)

    def test_staleNonce(self) -> None:
        """"Stale/forged/other-source nonce": 438 with a fresh one, signed."""
        desk = Desk()
        for nonce in (
            desk.nonces.issue(_OTHER_CLIENT, desk.now),
            desk.nonces.issue(CLIENT, desk.now - 600.0),
            b"forged",
        ):
            data = signedRequest(
                ALLOCATE, allocateAttributes(), usernameOf("alice"), nonce, desk.nextId()
            )
            outcome = desk.put(data)
            self.assertEqual(codeOf(outcome), 438)
            message = _answer(outcome)
            fresh = message.first(NONCE) or b""
            self.assertTrue(desk.nonces.isFresh(fresh, CLIENT, desk.now))
            self.assertEqual(message.first(REALM), b"gamenet")
            self.assertTrue(verifyIntegrity(message, _key()))
            self.assertTrue(outcome.authenticated)
        self.assertEqual(len(desk.table), 0)

    def test_incomplete(self) -> None:
        """MESSAGE-INTEGRITY without a USERNAME: 400, without a new nonce."""
        message = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), allocateAttributes())
        outcome = Desk().put(encode(message, _key()))
        self.assertEqual(codeOf(outcome), 400)
        self.assertEqual([kind for kind, _ in _answer(outcome).attributes], [ERROR_CODE])

    def test_amplification(self) -> None:
        """
        "Bytes out/in for every unauthenticated reply": at most four times as
        long, down to a bare header, and never nothing where it can be short.
        """
        for method in _METHODS:
            for extra in range(0, 40, 4):
                attributes = ((SOFTWARE, bytes(extra - 4)),) if extra else ()
                request = StunMessage(method, MessageClass.REQUEST, bytes(12), attributes)
                data = encode(request, fingerprint=False)
                self.assertEqual(len(data), 20 + extra)
                outcome = Desk().put(data)
                self.assertEqual(codeOf(outcome), 401)
                answer = outcome.answer or b""
                self.assertLessEqual(len(answer), AMPLIFICATION_LIMIT * len(data))
                self.assertTrue(_answer(outcome).fingerprinted)
        self.assertEqual(AMPLIFICATION_LIMIT, 4)
        bare = _answer(Desk().put(_bare()))
        self.assertEqual(bare.first(ERROR_CODE), b"\0\0\x04\x01")
        longer = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), allocateAttributes())
        reason = _answer(Desk().put(encode(longer))).first(ERROR_CODE)
        self.assertEqual(reason, b"\0\0\x04\x01Unauthenticated")

    def test_longRealm(self) -> None:
        """Where even the shortest refusal is too long there is none."""
        desk = Desk()
        with_realm = Desk()
        object.__setattr__(with_realm.desk.authenticator, "realm", "r" * 12)
        outcome = with_realm.put(_bare())
        self.assertEqual(codeOf(outcome), 401)
        self.assertFalse(_answer(outcome).fingerprinted)
        object.__setattr__(desk.desk.authenticator, "realm", "r" * 40)
        self.assertEqual(desk.put(_bare()), Outcome(dropped=DropReason.AMPLIFICATION))

    def test_rateLimit(self) -> None:
        """"Cap 401/s per source", whatever its port ("source-port rotation on rate limit")."""
        desk = Desk(burst=5.0)
        outcomes = [desk.put(_bare(), ("198.51.100.7", port)) for port in range(1, 10)]
        self.assertEqual([each.code for each in outcomes], [401] * 5 + [0] * 4)
        self.assertEqual([each.answer for each in outcomes[5:]], [None] * 4)
        self.assertIs(outcomes[5].dropped, DropReason.RATE_LIMITED)
        self.assertEqual(codeOf(desk.put(_bare(), ("198.51.100.77", 1))), 401)
        self.assertEqual(codeOf(desk.allocate()), 0)
        self.assertEqual(codeOf(desk.allocate()), 437)


def _bare() -> bytes:
    """Return the shortest Allocate there can be: a header."""
    message = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12))
    return encode(message, fingerprint=False)


class AllocateTests(SynchronousTestCase):
    """RFC 8656, section 7.2."""

    def test_success(self) -> None:
        """The relayed address, the client's own, and the lifetime."""
        desk = Desk()
        outcome = desk.allocate()
        message = _answer(outcome)
        self.assertEqual(
            [kind for kind, _ in message.attributes],
            [XOR_RELAYED_ADDRESS, LIFETIME, XOR_MAPPED_ADDRESS],
        )
        self.assertEqual(_relayed(outcome), desk.opened[1].address)
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
        self.assertTrue(verifyIntegrity(_answer(outcome), _key()))
        unknown = _answer(outcome).first(UNKNOWN_ATTRIBUTES)
        self.assertEqual(decodeUnknownAttributes(unknown or b""), (0x0003,))
        self.assertEqual(len(desk.table), 0)
        request = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), ((3, b"1234"),))
        self.assertEqual(codeOf(desk.put(encode(request))), 401)

    def test_evenPort(self) -> None:
        """EVEN-PORT without R: an even port; nothing is reserved."""
        desk = Desk()
        outcome = desk.allocate(((EVEN_PORT, encodeEvenPort(False)),))
        self.assertEqual(_relayed(outcome)[1] % 2, 0)
        self.assertIsNone(_answer(outcome).first(RESERVATION_TOKEN))
        self.assertEqual((len(desk.opened), len(desk.reservations)), (1, 0))
        self.assertEqual(codeOf(Desk().allocate(((EVEN_PORT, b""),))), 400)

    def test_reservation(self) -> None:
        """EVEN-PORT with R, and the token gets the next port."""
        desk = Desk()
        first = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = _answer(first).first(RESERVATION_TOKEN) or b""
        self.assertEqual(len(token), 8)
        second = desk.allocate(((RESERVATION_TOKEN, token),), client=_OTHER_CLIENT)
        self.assertEqual(codeOf(second), 0)
        self.assertEqual(_relayed(second)[1], _relayed(first)[1] + 1)
        self.assertIsNone(_answer(second).first(RESERVATION_TOKEN))
        self.assertEqual((len(desk.table), len(desk.reservations)), (2, 0))
        again = desk.allocate(((RESERVATION_TOKEN, token),), client=("198.51.100.9", 1))
        self.assertEqual(codeOf(again), 508)

    def test_reservationLifetime(self) -> None:
        """An allocation from a reservation gets the lifetime it asks for."""
        desk = Desk()
        first = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = _answer(first).first(RESERVATION_TOKEN) or b""
        wanted = ((RESERVATION_TOKEN, token), (LIFETIME, encodeLifetime(1000)))
        second = desk.allocate(wanted, client=_OTHER_CLIENT)
        self.assertEqual(decodeLifetime(_answer(second).first(LIFETIME) or b""), 1000)

    def test_badReservations(self) -> None:
        """Unknown, another user's, too short; beside EVEN-PORT or a family: 400."""
        desk = Desk()
        first = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = _answer(first).first(RESERVATION_TOKEN) or b""
        good = (RESERVATION_TOKEN, token)
        for attributes, user, code in (
            (((RESERVATION_TOKEN, bytes(8)),), "alice", 508),
            ((good,), "bob", 508),
            (((RESERVATION_TOKEN, token[:7]),), "alice", 400),
            ((good, (EVEN_PORT, encodeEvenPort(False))), "alice", 400),
            ((good, (REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(1))), "alice", 400),
            ((good,), "alice", 0),
        ):
            outcome = desk.allocate(attributes, user, _OTHER_CLIENT)
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
        later = usernameOf("alice", 7200.0)
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
        outcome = desk.allocate(client=_OTHER_CLIENT)
        self.assertEqual(codeOf(outcome), 508)
        self.assertTrue(verifyIntegrity(_answer(outcome), _key()))
        self.assertEqual(len(desk.table), 1)
        desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))
        self.assertEqual(codeOf(desk.allocate(client=_OTHER_CLIENT)), 0)

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
            value = _answer(outcome).first(LIFETIME) or b""
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
        value = _answer(outcome).first(LIFETIME) or b""
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
        self.assertEqual(_answer(outcome).attributes, gone)
        self.assertTrue(verifyIntegrity(_answer(outcome), _key()))
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
        self.assertEqual(codeOf(self.desk.allocate(client=_OTHER_CLIENT)), 401)
        self.assertEqual(codeOf(self.desk.ask(REFRESH, user="bob")), 401)

    def test_newTimestamp(self) -> None:
        """The same user with a credential that expires later is the same user."""
        nonce = self.desk.nonces.issue(CLIENT, self.desk.now)
        later = usernameOf("alice", 7200.0)
        data = signedRequest(REFRESH, (), later, nonce, self.desk.nextId())
        self.assertEqual(codeOf(self.desk.put(data)), 0)


class StateTests(SynchronousTestCase):
    """Every (allocation state x request) pair."""

    def requests(self, desk: Desk) -> dict[str, tuple[int, tuple[tuple[int, bytes], ...], bytes]]:
        """Return a good request of each kind."""
        transaction_id = desk.nextId()
        peer = (peerAttribute(PEER, transaction_id),)
        channel = channelAttributes(0x4000, PEER, transaction_id)
        return {
            "allocate": (ALLOCATE, allocateAttributes(), transaction_id),
            "refresh": (REFRESH, (), transaction_id),
            "delete": (REFRESH, ((LIFETIME, encodeLifetime(0)),), transaction_id),
            "permit": (CREATE_PERMISSION, peer, transaction_id),
            "bind": (CHANNEL_BIND, channel, transaction_id),
        }

    def test_pairs(self) -> None:
        """None, live, another user's, deleted, expired: each request has its one answer."""
        theirs = {"allocate": 437, "refresh": 441, "delete": 441, "permit": 441, "bind": 441}
        absent = {"allocate": 0, "refresh": 437, "delete": 437, "permit": 437, "bind": 437}
        live = {"allocate": 437, "refresh": 0, "delete": 0, "permit": 0, "bind": 0}
        for state, codes in (
            ("none", absent),
            ("live", live),
            ("bob's", theirs),
            ("deleted", absent),
            ("expired", absent),
            ("another client's", absent),
        ):
            for kind, code in codes.items():
                desk = Desk()
                if state != "none":
                    client = _OTHER_CLIENT if state == "another client's" else CLIENT
                    desk.allocate((), "bob" if state == "bob's" else "alice", client)
                if state == "deleted":
                    desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))
                if state == "expired":
                    desk.now += 600.0
                before = len(desk.table)
                method, attributes, transaction_id = self.requests(desk)[kind]
                outcome = desk.ask(method, attributes, transaction_id=transaction_id)
                self.assertEqual(codeOf(outcome), code, (state, kind))
                self.assertTrue(verifyIntegrity(_answer(outcome), _key()), (state, kind))
                if code and state != "expired":
                    self.assertEqual(len(desk.table), before, (state, kind))

    def test_unauthenticatedPairs(self) -> None:
        """In no state does a request with a forged MESSAGE-INTEGRITY change anything."""
        for allocated in (False, True):
            desk = Desk()
            if allocated:
                desk.allocate()
                desk.bind(0x4000, PEER)
            for method, attributes, transaction_id in self.requests(desk).values():
                nonce = desk.nonces.issue(CLIENT, desk.now)
                data = signedRequest(
                    method, attributes, usernameOf("alice"), nonce, transaction_id, b"forged"
                )
                self.assertEqual(codeOf(desk.put(data)), 401)
                self.assertEqual(len(desk.table), int(allocated))
        found = desk.table.find(CLIENT, desk.now)
        assert found is not None
        self.assertEqual((len(found.permissions), len(found.channels)), (1, 1))


class PeerTests(SynchronousTestCase):
    """CreatePermission and ChannelBind."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.desk.allocate()

    def found(self) -> dict[str, tuple[float, bool]]:
        """Return the permissions."""
        allocation = self.desk.table.find(CLIENT, self.desk.now)
        assert allocation is not None
        return allocation.permissions

    def test_permissions(self) -> None:
        """Every XOR-PEER-ADDRESS of a CreatePermission counts; ports do not."""
        outcome = self.desk.permit(("192.0.2.1", 0), ("192.0.2.2", 5), ("192.0.2.1", 9))
        self.assertEqual(codeOf(outcome), 0)
        self.assertEqual(_answer(outcome).attributes, ())
        self.assertEqual(list(self.found()), ["192.0.2.1", "192.0.2.2"])

    def test_denied(self) -> None:
        """CVE-2020-26262, CVE-2026-27624: 403 for each, and for a good peer beside it."""
        for host in (
            "0.0.0.0", "127.0.0.1", "10.1.2.3", "169.254.169.254", "224.0.0.1",
            "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "fe80::1",
            "64:ff9b::127.0.0.1", "2002:7f00:1::", "2001:0:1::", "ff02::1",
        ):  # fmt: skip
            for port in (0, 80, 3478):
                self.assertEqual(codeOf(self.desk.permit((host, port))), 403, host)
                self.assertEqual(codeOf(self.desk.permit(PEER, (host, port))), 403, host)
                self.assertEqual(codeOf(self.desk.bind(0x4000, (host, port))), 403, host)
        self.assertEqual(self.found(), {})

    def test_family(self) -> None:
        """"440/443 families": a public IPv6 peer of an IPv4 allocation is 443."""
        for host in ("2606:4700::1", "::ffff:8.8.8.8"):
            self.assertEqual(codeOf(self.desk.permit((host, 1))), 443, host)
            self.assertEqual(codeOf(self.desk.bind(0x4000, (host, 1))), 443, host)

    def test_own(self) -> None:
        """The relay's host can be permitted; a channel leads only to a live relayed address."""
        self.assertEqual(codeOf(self.desk.permit((RELAY_HOST, 0))), 0)
        other = _relayed(self.desk.allocate(user="bob", client=_OTHER_CLIENT))
        self.assertEqual(codeOf(self.desk.bind(0x4000, other)), 0)
        for port in (0, 22, 3478, other[1] + 7):
            self.assertEqual(codeOf(self.desk.bind(0x4001, (RELAY_HOST, port))), 403, port)
        self.desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),), "bob", _OTHER_CLIENT)
        self.assertEqual(codeOf(self.desk.bind(0x4000, other)), 403)
        self.assertTrue(self.found()[RELAY_HOST][1])

    def test_allowed(self) -> None:
        """What an operator opened is open; the listener on it is not."""
        desk = Desk(allow_peer=("127.0.0.0/8", "10.0.0.0/8"))
        desk.allocate()
        self.assertEqual(codeOf(desk.bind(0x4000, ("127.0.0.1", 5))), 0)
        self.assertEqual(codeOf(desk.bind(0x4001, ("10.0.0.1", 3478))), 0)
        self.assertEqual(codeOf(desk.bind(0x4002, ("127.0.0.1", 3478))), 403)
        self.assertEqual(codeOf(desk.permit(("::ffff:10.0.0.1", 0))), 443)

    def test_missing(self) -> None:
        """"Missing attributes", and malformed ones: 400."""
        peer = peerAttribute(PEER, bytes(12))
        channel = (CHANNEL_NUMBER, encodeChannelNumber(0x4000))
        bad_peer = (XOR_PEER_ADDRESS, b"\0\x01")
        for method, attributes in (
            (CREATE_PERMISSION, ()),
            (CREATE_PERMISSION, (bad_peer,)),
            (CREATE_PERMISSION, (peer, bad_peer)),
            (CHANNEL_BIND, ()),
            (CHANNEL_BIND, (peer,)),
            (CHANNEL_BIND, (channel,)),
            (CHANNEL_BIND, (channel, bad_peer)),
            (CHANNEL_BIND, ((CHANNEL_NUMBER, b"\x40\0"), peer)),
        ):
            self.assertEqual(codeOf(self.desk.ask(method, attributes)), 400, attributes)
        self.assertEqual(self.found(), {})

    def test_portZero(self) -> None:
        """"Port 0": no channel leads there."""
        self.assertEqual(codeOf(self.desk.bind(0x4000, (PEER[0], 0))), 403)

    def test_channelNumbers(self) -> None:
        """"Channel out of 0x4000-0x4FFF": 400, beyond what the settings allow."""
        for number, strict, lenient in (
            (0x3FFF, 400, 400),
            (0x4000, 0, 0),
            (0x4FFF, 0, 0),
            (0x5000, 400, 0),
            (0x7FFF, 400, 0),
            (0x8000, 400, 400),
            (0, 400, 400),
            (0xFFFF, 400, 400),
        ):
            for last, code in ((0x4FFF, strict), (0x7FFF, lenient)):
                desk = Desk(last_channel=last)
                desk.allocate()
                self.assertEqual(codeOf(desk.bind(number, PEER)), code, hex(number))

    def test_taken(self) -> None:
        """"Same channel other peer & vice versa": 400."""
        self.assertEqual(codeOf(self.desk.bind(0x4000, PEER)), 0)
        self.assertEqual(codeOf(self.desk.bind(0x4000, PEER)), 0)
        self.assertEqual(codeOf(self.desk.bind(0x4000, ("192.0.2.9", 1))), 400)
        self.assertEqual(codeOf(self.desk.bind(0x4001, PEER)), 400)

    def test_firstOfDuplicates(self) -> None:
        """coturn #2016: of two peers in a ChannelBind the first is bound."""
        transaction_id = self.desk.nextId()
        attributes = (
            *channelAttributes(0x4000, PEER, transaction_id),
            peerAttribute(("127.0.0.1", 1), transaction_id),
            (CHANNEL_NUMBER, encodeChannelNumber(0x4001)),
        )
        outcome = self.desk.ask(CHANNEL_BIND, attributes, transaction_id=transaction_id)
        self.assertEqual(codeOf(outcome), 0)
        self.assertEqual(self.desk.table.channelToPeer(CLIENT, 0x4000, self.desk.now), (1, PEER))

    def test_afterIntegrity(self) -> None:
        """coturn ab762f33: a peer appended behind MESSAGE-INTEGRITY is not permitted."""
        transaction_id = self.desk.nextId()
        data = signedRequest(
            CREATE_PERMISSION,
            (peerAttribute(PEER, transaction_id),),
            usernameOf("alice"),
            self.desk.nonces.issue(CLIENT, self.desk.now),
            transaction_id,
        )[:-8]
        evil = encodeXorAddress(("192.0.2.66", 1), transaction_id)
        data += b"\x00\x12\x00\x08" + evil
        data = data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]
        self.assertEqual(codeOf(self.desk.put(data)), 0)
        self.assertEqual(list(self.found()), [PEER[0]])

    def test_caps(self) -> None:
        """"Permission count cap" and channels: 508."""
        desk = Desk(AllocationLimits(permissions=2, channels=1))
        desk.allocate()
        self.assertEqual(codeOf(desk.permit(("192.0.2.1", 0), ("192.0.2.2", 0))), 0)
        self.assertEqual(codeOf(desk.permit(("192.0.2.3", 0))), 508)
        self.assertEqual(codeOf(desk.bind(0x4000, ("192.0.2.1", 1))), 0)
        self.assertEqual(codeOf(desk.bind(0x4001, ("192.0.2.2", 1))), 508)


class HostileTests(SynchronousTestCase):
    """Requests of somebody who is let in and means no good."""

    @given(
        st.sampled_from(_METHODS),
        st.lists(
            st.tuples(
                st.sampled_from(
                    (
                        CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, REQUESTED_ADDRESS_FAMILY,
                        EVEN_PORT, REQUESTED_TRANSPORT, RESERVATION_TOKEN, DONT_FRAGMENT, 0x0003,
                        USERNAME, REALM, NONCE,
                    )  # fmt: skip
                ),
                st.binary(max_size=24),
            ),
            max_size=5,
        ),
        st.booleans(),
    )
    @settings(deadline=None, max_examples=200)
    def test_anyAttributes(
        self, method: int, attributes: list[tuple[int, bytes]], allocated: bool
    ) -> None:
        """Any attributes of any content in a signed request get an answer, and nothing is raised."""
        desk = Desk(allow_peer=("0.0.0.0/0",))
        if allocated:
            desk.allocate()
        outcome = desk.ask(method, tuple(attributes))
        codeOf(outcome)

    @given(st.binary(max_size=80), st.integers(0, 3), st.booleans())
    @settings(deadline=None, max_examples=200)
    def test_anyBytes(self, body: bytes, message_class: int, whole: bool) -> None:
        """Any body behind a header is malformed, refused or dropped, and nothing is raised."""
        kind = (message_class & 1) << 4 | (message_class & 2) << 7 | 3
        size = len(body) - len(body) % 4 if whole else len(body)
        data = kind.to_bytes(2, "big") + size.to_bytes(2, "big") + b"\x21\x12\xa4\x42"
        desk = Desk()
        try:
            outcome = desk.put(data + bytes(12) + body[:size])
        except MalformedMessage:
            return
        self.assertTrue(outcome.code or outcome.dropped)
        self.assertEqual(len(desk.table), 0)
