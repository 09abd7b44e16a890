"""Every refusal of RFC 8656, what RFC 6062 and RFC 8016 ask for, draining, and the counting."""

from __future__ import annotations

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.requests import Outcome
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import PortsClosed
from gamenet.wire.password_algorithms import SHA256
from gamenet.wire.stun import (
    Integrity,
    MessageClass,
    StunMessage,
    decode,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    REASON_PHRASES,
    USERNAME,
    decodeErrorCode,
)
from gamenet.wire.turn import (
    ALLOCATE,
    CONNECT,
    CONNECTION_BIND,
    CONNECTION_ID,
    CREATE_PERMISSION,
    EVEN_PORT,
    LIFETIME,
    MOBILITY_TICKET,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    RESERVATION_TOKEN,
    TCP_TRANSPORT,
    encodeAddressFamily,
    encodeEvenPort,
    encodeLifetime,
    encodeTransport,
)
from gamenet.wire.turn_transport import Transport
from tests.relay_desk import (
    CLIENT,
    OTHER_CLIENT,
    PEER,
    Desk,
    allocateAttributes,
    answerOf,
    codeOf,
    keyOf,
    peerAttribute,
    signedRequest,
    usernameOf,
)

_GONE = ((LIFETIME, encodeLifetime(0)),)
_TICKET = ((MOBILITY_TICKET, b""),)


def _unsigned(method: int = ALLOCATE) -> bytes:
    return encode(StunMessage(method, MessageClass.REQUEST, bytes(12), allocateAttributes()))


def _withNonce(desk: Desk, nonce: bytes) -> Outcome:
    data = signedRequest(
        ALLOCATE, allocateAttributes(), usernameOf("alice"), nonce, desk.nextId()
    )
    return desk.put(data)


def _ipv6() -> tuple[tuple[int, bytes], ...]:
    return ((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(2)),)


class ErrorCodeTests(SynchronousTestCase):
    """Every error code that a TURN server without connections can answer with."""

    def outcomes(self) -> dict[int, Outcome]:
        """Return an outcome for each code that it should have."""
        desk = Desk()
        desk.allocate()
        narrow = Desk(AllocationLimits(allocations=1, permissions=1), families=(1,))
        narrow.allocate()
        narrow.permit(PEER)
        tcp = ((REQUESTED_TRANSPORT, encodeTransport(TCP_TRANSPORT)),)
        return {
            400: desk.ask(CREATE_PERMISSION),
            401: desk.put(_unsigned()),
            403: desk.permit(("127.0.0.1", 1)),
            405: desk.ask(REFRESH, _TICKET),
            420: desk.ask(REFRESH, ((0x7FFF, b""),)),
            437: desk.allocate(),
            438: _withNonce(desk, b"stale"),
            440: narrow.allocate(_ipv6(), client=OTHER_CLIENT),
            441: desk.ask(REFRESH, user="bob"),
            442: desk.ask(ALLOCATE, tcp, client=OTHER_CLIENT),
            443: desk.permit(("2606:4700::9", 1)),
            486: narrow.allocate(client=OTHER_CLIENT),
            508: narrow.permit(("192.0.2.1", 1)),
        }

    def test_codes(self) -> None:
        """Each with its phrase; signed, except for who proved nothing."""
        for code, outcome in self.outcomes().items():
            self.assertEqual(codeOf(outcome), code)
            message = answerOf(outcome)
            error = decodeErrorCode(message.first(ERROR_CODE) or b"")
            self.assertEqual(error.reason, REASON_PHRASES[code])
            signer = keyOf("bob" if code == 441 else "alice")
            self.assertIs(verifyIntegrity(message, signer), code != 401)
            self.assertIs(outcome.authenticated, code != 401)
            self.assertTrue(message.fingerprinted)
            self.assertEqual((outcome.effects, outcome.dropped), ((), None))


class OtherProtocolTests(SynchronousTestCase):
    """"RFC 6062 and RFC 8016 are answered by their proper refusals.\""""

    def test_connections(self) -> None:
        """RFC 6062: Allocate for TCP 442, Connect 437, ConnectionBind 400; first of all 401."""
        desk = Desk()
        tcp = ((REQUESTED_TRANSPORT, encodeTransport(TCP_TRANSPORT)),)
        self.assertEqual(codeOf(desk.ask(ALLOCATE, tcp)), 442)
        for allocated in (False, True):
            if allocated:
                desk.allocate()
            identity = desk.nextId()
            peer = (peerAttribute(PEER, identity),)
            connect = desk.ask(CONNECT, peer, transaction_id=identity)
            self.assertEqual(codeOf(connect), 437)
            binding = ((CONNECTION_ID, bytes(4)),)
            self.assertEqual(codeOf(desk.ask(CONNECTION_BIND, binding)), 400)
            self.assertEqual(codeOf(desk.put(_unsigned(CONNECT))), 401)
            self.assertEqual(codeOf(desk.put(_unsigned(CONNECTION_BIND))), 401)

    def test_mobility(self) -> None:
        """RFC 8016: 405 to a ticket, in Allocate and Refresh, with an allocation or without."""
        desk = Desk()
        transport = allocateAttributes()
        self.assertEqual(codeOf(desk.ask(ALLOCATE, (*transport, *_TICKET))), 405)
        self.assertEqual(codeOf(desk.ask(REFRESH, _TICKET)), 405)
        self.assertEqual((len(desk.table), desk.opened), (0, {}))
        desk.allocate()
        for ticket in (b"", b"of somebody"):
            self.assertEqual(codeOf(desk.ask(REFRESH, ((MOBILITY_TICKET, ticket),))), 405)
            other = desk.ask(REFRESH, ((MOBILITY_TICKET, ticket),), client=OTHER_CLIENT)
            self.assertEqual(codeOf(other), 405)
        self.assertEqual(len(desk.table), 1)


class DrainTests(SynchronousTestCase):
    """"Graceful drain (no new allocations ...)\"."""

    def test_drain(self) -> None:
        """508 to new allocations, reserved ports too; all that is goes on and comes to its end."""
        desk = Desk()
        pair = desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        token = answerOf(pair).first(RESERVATION_TOKEN) or b""
        data = signedRequest(
            ALLOCATE,
            allocateAttributes(),
            usernameOf("alice"),
            desk.nonces.issue(OTHER_CLIENT, desk.now),
            desk.nextId(),
        )
        made = desk.put(data, OTHER_CLIENT)
        self.assertIs(desk.desk.draining, False)
        desk.desk.draining = True
        self.assertIs(desk.desk.draining, True)
        newcomer = ("192.0.2.1", 1)
        self.assertEqual(codeOf(desk.allocate(client=newcomer)), 508)
        self.assertEqual(codeOf(desk.allocate(((RESERVATION_TOKEN, token),), client=newcomer)), 508)
        self.assertEqual(codeOf(desk.ask(ALLOCATE, client=newcomer)), 400)
        self.assertEqual(desk.put(data, OTHER_CLIENT).answer, made.answer)
        self.assertEqual(codeOf(desk.ask(REFRESH)), 0)
        self.assertEqual(codeOf(desk.bind(0x4000, PEER)), 0)
        for client in (CLIENT, OTHER_CLIENT):
            self.assertEqual(codeOf(desk.ask(REFRESH, _GONE, client=client)), 0)
        desk.now += 30.0
        desk.sweep()
        self.assertEqual((len(desk.table), len(desk.reservations), desk.opened), (0, 0, {}))


class StreamTests(SynchronousTestCase):
    """Clients over TCP and TLS."""

    def test_disconnected(self) -> None:
        """The allocation ends with the stream; another stream of the address has its own."""
        desk = Desk()
        flows = [Flow(number, CLIENT, Transport.TLS) for number in (5, 6)]
        for flow in flows:
            self.assertEqual(codeOf(desk.allocate(client=flow)), 0)
        effects = desk.desk.disconnected(flows[0], desk.now)
        closed = PortsClosed(flows[0], (1,))
        self.assertEqual(effects, (closed,))
        desk.do(effects)
        self.assertEqual(codeOf(desk.ask(REFRESH, client=flows[0])), 437)
        self.assertEqual(codeOf(desk.ask(REFRESH, client=flows[1])), 0)
        self.assertEqual(desk.desk.disconnected(flows[0], desk.now), ())


class SignatureTests(SynchronousTestCase):
    """Answers are signed as their requests."""

    def test_sha256(self) -> None:
        """Who chose SHA-256 from a rich challenge gets every answer signed with it."""
        desk = Desk()
        challenge = answerOf(desk.put(_unsigned()))
        attributes = (
            *allocateAttributes(),
            (USERNAME, usernameOf("alice").encode()),
            (REALM, challenge.first(REALM) or b""),
            (NONCE, challenge.first(NONCE) or b""),
            (PASSWORD_ALGORITHMS, challenge.first(PASSWORD_ALGORITHMS) or b""),
            (PASSWORD_ALGORITHM, b"\0\2\0\0"),
        )
        request = StunMessage(ALLOCATE, MessageClass.REQUEST, desk.nextId(), attributes)
        key = desk.desk.authenticator.credentials.find(
            usernameOf("alice").encode(), None, SHA256, 0.0, lambda key: True
        )
        assert key is not None
        data = encode(request, key.sha256_key, integrity=Integrity.SHA256)
        granted = desk.put(data)
        self.assertEqual(codeOf(granted), 0)
        refused = desk.put(encode(
            StunMessage(CREATE_PERMISSION, MessageClass.REQUEST, desk.nextId(), attributes),
            key.sha256_key,
            integrity=Integrity.SHA256,
        ))
        self.assertEqual(codeOf(refused), 400)
        for outcome in (granted, refused):
            message = answerOf(outcome)
            self.assertTrue(verifyIntegrity(message, key.sha256_key, Integrity.SHA256))
            self.assertIsNone(message.integrity)


class CountingTests(SynchronousTestCase):
    """Everything is counted once."""

    def test_requests(self) -> None:
        """Granted by method, refused by code, dropped by reason, and who proved nothing."""
        desk = Desk(burst=1.0)
        desk.allocate()
        desk.allocate()
        desk.permit(PEER)
        desk.permit(("127.0.0.1", 1))
        desk.put(_unsigned())
        desk.put(_unsigned())
        desk.put(encode(StunMessage(ALLOCATE, MessageClass.INDICATION, bytes(12))))
        counters = desk.counters
        self.assertEqual(counters.requests, {"allocate": 1, "create_permission": 1})
        self.assertEqual(counters.refused, {401: 1, 403: 1, 437: 1})
        self.assertEqual(counters.dropped[DropReason.RATE_LIMITED], 1)
        self.assertEqual(counters.dropped[DropReason.NOT_A_REQUEST], 1)
        self.assertEqual(sum(counters.dropped.values()), 2)
        self.assertEqual(counters.unauthenticated, 2)
        desk.capacity[1] = 0
        desk.allocate(client=OTHER_CLIENT)
        self.assertEqual(counters.refused[508], 1)
        self.assertEqual(counters.requests["allocate"], 1)

    def test_sweptFirst(self) -> None:
        """What ended is told before what was asked, and whatever that was."""
        desk = Desk()
        desk.allocate()
        desk.now += 600.0
        outcome = desk.desk.answer(
            decode(_unsigned()), 36, Flow(1, OTHER_CLIENT), desk.now, 0.0
        )
        self.assertEqual(codeOf(outcome), 401)
        expired = PortsClosed(Flow(1, CLIENT), (1,))
        self.assertEqual(outcome.effects, (expired,))

    def test_beginning(self) -> None:
        """In the beginning everything is 0, by every name."""
        numbers: list[object] = []
        for value in RelayCounters().asDict().values():
            numbers.extend(value.values() if isinstance(value, dict) else [value])
        self.assertEqual(set(numbers), {0})

    def test_stopped(self) -> None:
        """A relay that stopped has nothing that lives, and what happened stays counted."""
        desk = Desk()
        desk.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        desk.bind(0x4000, PEER)
        desk.counters.streams_active = 3
        desk.counters.nothingActive()
        expected = RelayCounters(
            allocations_total=1, requests={"allocate": 1, "channel_bind": 1}
        )
        expected.allocations_total_by_transport[Transport.UDP] = 1
        self.assertEqual(desk.counters, expected)

    def test_dictionary(self) -> None:
        """As JSON can hold it, in words, whatever happened; no user's name is in it."""
        desk = Desk()
        desk.allocate(user="mallory")
        desk.allocate(user="mallory")
        told = desk.counters.asDict()
        self.assertEqual(told["allocations_active"], 1)
        self.assertEqual(told["allocations_by_transport"], {"udp": 1, "tcp": 0, "tls": 0})
        self.assertEqual(told["relayed_ports_by_family"], {"ipv4": 1, "ipv6": 0})
        self.assertEqual(
            told["allocations_ended"], {"expired": 0, "deleted": 0, "disconnected": 0}
        )
        self.assertEqual(told["refused"], {"437": 1})
        self.assertNotIn("mallory", repr(told))
        names = {field.name for field in fields(RelayCounters)}
        self.assertEqual(set(told), names)
