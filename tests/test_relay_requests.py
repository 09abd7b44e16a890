"""What a relay answers to requests, whoever sends them, and to what is no request."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.relay.requests import REFUSAL_AMPLIFICATION_LIMIT, Outcome
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.flow import Flow
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHMS,
    REALM,
    REASON_PHRASES,
    SOFTWARE,
    USERNAME,
)
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CONNECT,
    CONNECTION_BIND,
    CONNECTION_ID,
    CREATE_PERMISSION,
    DATA_INDICATION,
    DONT_FRAGMENT,
    DRAFT_ADDITIONAL_ADDRESS_FAMILY,
    EVEN_PORT,
    LIFETIME,
    MOBILITY_TICKET,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    RESERVATION_TOKEN,
    SEND_INDICATION,
    XOR_PEER_ADDRESS,
    encodeLifetime,
)
from gamenet.wire.turn_transport import Transport
from tests.relay_desk import (
    CLIENT,
    OTHER_CLIENT,
    PEER,
    SECRET,
    Desk,
    allocateAttributes,
    answerOf,
    channelAttributes,
    codeOf,
    keyOf,
    peerAttribute,
    signedRequest,
    usernameOf,
)

_METHODS = (ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND)


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
                if (method, message_class) == (BINDING, MessageClass.INDICATION):
                    continue
                outcome = desk.put(encode(message, keyOf()))
                self.assertEqual(outcome, Outcome(dropped=DropReason.NOT_A_REQUEST))

    def test_keepAlive(self) -> None:
        """Binding indications (our own client's keep-alive) are taken, and no drop is counted."""
        desk = Desk()
        before = desk.counters.asDict()
        message = StunMessage(BINDING, MessageClass.INDICATION, bytes(12))
        self.assertEqual(desk.put(encode(message)), Outcome())
        self.assertEqual(desk.counters.asDict(), before)

    def test_unknownMethods(self) -> None:
        """Requests of other methods: silence (RFC 8489, section 6.3)."""
        desk = Desk()
        for method in (0x000, 0x001, 0x002, 0x005, 0x006, 0x007, 0x00C, 0xFFF):
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
            message = answerOf(outcome)
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
        nonce = answerOf(desk.put(encode(request))).first(NONCE) or b""
        data = signedRequest(
            ALLOCATE, allocateAttributes(), usernameOf("alice"), nonce, desk.nextId()
        )
        outcome = desk.put(data)
        self.assertEqual(codeOf(outcome), 0)
        self.assertTrue(verifyIntegrity(answerOf(outcome), keyOf()))
        self.assertTrue(answerOf(outcome).fingerprinted)
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
            desk.nonces.issue(OTHER_CLIENT, desk.now),
            desk.nonces.issue(CLIENT, desk.now - 600.0),
            b"forged",
        ):
            data = signedRequest(
                ALLOCATE, allocateAttributes(), usernameOf("alice"), nonce, desk.nextId()
            )
            outcome = desk.put(data)
            self.assertEqual(codeOf(outcome), 438)
            message = answerOf(outcome)
            fresh = message.first(NONCE) or b""
            self.assertTrue(desk.nonces.isFresh(fresh, CLIENT, desk.now))
            self.assertEqual(message.first(REALM), b"gamenet")
            self.assertTrue(verifyIntegrity(message, keyOf()))
            self.assertTrue(outcome.authenticated)
        self.assertEqual(len(desk.table), 0)

    def test_incomplete(self) -> None:
        """MESSAGE-INTEGRITY without a USERNAME: 400, without a new nonce."""
        message = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), allocateAttributes())
        outcome = Desk().put(encode(message, keyOf()))
        self.assertEqual(codeOf(outcome), 400)
        self.assertEqual([kind for kind, _ in answerOf(outcome).attributes], [ERROR_CODE])

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
                self.assertLessEqual(len(answer), REFUSAL_AMPLIFICATION_LIMIT * len(data))
        self.assertEqual(REFUSAL_AMPLIFICATION_LIMIT, 4)

    def test_streams(self) -> None:
        """
        Over a stream, whose client's address is proven, a 401 is neither limited nor short:
        there is no retransmission that would mend it; UDP's budget is not touched.
        """
        desk = Desk(burst=2.0)
        data = encode(StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12)), fingerprint=False)
        for transport in (Transport.TCP, Transport.TLS):
            for number in range(300):
                outcome = desk.put(data, Flow(number, CLIENT, transport))
                self.assertEqual(codeOf(outcome), 401)
                message = answerOf(outcome)
                self.assertIsNotNone(message.first(PASSWORD_ALGORITHMS))
                self.assertTrue(message.fingerprinted)
        codes = [desk.put(data).code for _ in range(4)]
        self.assertEqual(codes, [401, 401, 0, 0])
        self.assertEqual(desk.counters.dropped[DropReason.RATE_LIMITED], 2)

    def test_richest(self) -> None:
        """
        What fits is the best that does: what keeps clients from the better
        algorithms goes last, the phrase for people first.
        """
        phrase = b"\0\0\x04\x01" + REASON_PHRASES[401].encode()
        plain = b"\0\0\x04\x01"
        for extra, realm, rich, fingerprinted, code in (
            (0, "short", False, True, plain),
            (4, "short", True, False, plain),
            (8, "twenty-one letters...", True, False, plain),
            (8, "ten letter", True, True, plain),
            (12, "short", True, True, phrase),
            (200, "twenty-one letters...", True, True, phrase),
        ):
            attributes = ((SOFTWARE, bytes(extra - 4)),) if extra else ()
            request = StunMessage(ALLOCATE, MessageClass.REQUEST, bytes(12), attributes)
            answer = answerOf(Desk(realm=realm).put(encode(request, fingerprint=False)))
            found = (
                answer.first(PASSWORD_ALGORITHMS) is not None,
                answer.fingerprinted,
                answer.first(ERROR_CODE),
            )
            self.assertEqual(found, (rich, fingerprinted, code), extra)
            nonce = answer.first(NONCE) or b""
            self.assertIs(nonce.startswith(b"obMatJos2"), rich)

    def test_longRealm(self) -> None:
        """Where even the shortest refusal is too long there is none."""
        for size, fingerprinted in ((16, True), (20, False)):
            outcome = Desk(realm="r" * size).put(_bare())
            self.assertEqual(codeOf(outcome), 401)
            self.assertIs(answerOf(outcome).fingerprinted, fingerprinted)
        desk = Desk(realm="r" * 40)
        self.assertEqual(desk.put(_bare()), Outcome(dropped=DropReason.AMPLIFICATION))
        self.assertEqual(desk.counters.dropped[DropReason.AMPLIFICATION], 1)
        self.assertEqual(desk.counters.unauthenticated, 1)

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
                    client = OTHER_CLIENT if state == "another client's" else CLIENT
                    desk.allocate((), "bob" if state == "bob's" else "alice", client)
                if state == "deleted":
                    desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))
                if state == "expired":
                    desk.now += 600.0
                before = len(desk.table)
                method, attributes, transaction_id = self.requests(desk)[kind]
                outcome = desk.ask(method, attributes, transaction_id=transaction_id)
                self.assertEqual(codeOf(outcome), code, (state, kind))
                self.assertTrue(verifyIntegrity(answerOf(outcome), keyOf()), (state, kind))
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
        found = desk.find()
        self.assertEqual((len(found.permissions), len(found.channels)), (1, 1))


class HostileTests(SynchronousTestCase):
    """Requests of somebody who is let in and means no good."""

    @given(
        st.sampled_from((*_METHODS, CONNECT, CONNECTION_BIND)),
        st.lists(
            st.tuples(
                st.sampled_from(
                    (
                        CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, REQUESTED_ADDRESS_FAMILY,
                        EVEN_PORT, REQUESTED_TRANSPORT, RESERVATION_TOKEN, DONT_FRAGMENT, 0x0003,
                        USERNAME, REALM, NONCE, ADDITIONAL_ADDRESS_FAMILY, MOBILITY_TICKET,
                        DRAFT_ADDITIONAL_ADDRESS_FAMILY, CONNECTION_ID, PASSWORD_ALGORITHMS,
                    )
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
        """Signed requests with any attributes of any content get an answer."""
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
