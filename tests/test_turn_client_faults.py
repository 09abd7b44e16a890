"""Our TURN client against relays that misbehave, and against whoever pretends to be one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import GamenetError, MalformedMessage, RelayRefused
from gamenet.interfaces import Address
from gamenet.turn_client.client import TurnClient
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    REALM,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    encodeErrorCode,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    DATA_INDICATION,
    LIFETIME,
    REFRESH,
    XOR_RELAYED_ADDRESS,
    encodeDataIndication,
    encodeLifetime,
)
from gamenet.wire.turn_credentials import longTermKey
from tests.memory_machine import MemoryNetwork
from tests.relay_desk import Attributes
from tests.relay_scene import RELAY, outcomeOf

_KEY = longTermKey("user", "realm", "password")
_RELAYED: Address = ("203.0.113.2", 50000)
_CHALLENGE: Attributes = ((REALM, b"realm"), (NONCE, b"nonce"))


class FaultTests(SynchronousTestCase):
    """A relay played by hand."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.machine = self.network.machine("198.51.100.1")
        self.requests: list[StunMessage] = []
        self.relay = self.network.machine(RELAY[0]).openDatagramSocket(
            lambda data, source: self.requests.append(decode(data)), port=RELAY[1]
        )
        self.client = TurnClient(
            self.machine, self.machine.openDatagramSocket, RELAY, "user", "password"
        )
        self.here: Address = ("198.51.100.1", self.client.face.address[1])
        self.received: list[tuple[bytes, Address]] = []

    def tearDown(self) -> None:
        self.client.close()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def allocate(self) -> list[object]:
        """Begin to allocate."""
        outcome = outcomeOf(
            self.client.allocate(lambda data, peer: self.received.append((data, peer)))
        )
        self.network.settle()
        return outcome

    def answer(
        self,
        message_class: MessageClass,
        attributes: Attributes = (),
        key: bytes | None = _KEY,
        method: int | None = None,
    ) -> None:
        """Answer the newest request."""
        request = self.requests[-1]
        answer = StunMessage(
            request.method if method is None else method,
            message_class,
            request.transaction_id,
            attributes,
        )
        self.relay.send(encode(answer, key), self.here)
        self.network.settle()

    def refuse(self, code: int, extra: Attributes = (), key: bytes | None = None) -> None:
        """Refuse the newest request."""
        self.answer(MessageClass.ERROR, ((ERROR_CODE, encodeErrorCode(code)), *extra), key)

    def grantedAttributes(self, lifetime: int = 600) -> Attributes:
        """Return what a good Allocate success has."""
        transaction_id = self.requests[-1].transaction_id
        return (
            (XOR_RELAYED_ADDRESS, encodeXorAddress(_RELAYED, transaction_id)),
            (XOR_MAPPED_ADDRESS, encodeXorAddress(self.here, transaction_id)),
            (LIFETIME, encodeLifetime(lifetime)),
        )

    def allocated(self) -> RelayedSocket:
        """Return an allocation."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        self.answer(MessageClass.SUCCESS, self.grantedAttributes())
        (socket,) = outcome
        assert isinstance(socket, RelayedSocket)
        return socket

    def code(self, outcome: list[object]) -> int:
        """Return the code that something was refused with."""
        (refused,) = outcome
        assert isinstance(refused, RelayRefused), refused
        return refused.code

    def test_handshake(self) -> None:
        """First without credentials; then signed for the realm, with the nonce, under a new id."""
        self.allocated()
        first, second = self.requests
        self.assertIsNone(first.integrity)
        self.assertIsNone(first.first(USERNAME))
        self.assertEqual(second.first(USERNAME), b"user")
        self.assertEqual((second.first(REALM), second.first(NONCE)), (b"realm", b"nonce"))
        self.assertIsNotNone(second.integrity)
        self.assertNotEqual(first.transaction_id, second.transaction_id)

    def test_openRelay(self) -> None:
        """A relay that asks for no credentials is used without."""
        outcome = self.allocate()
        self.answer(MessageClass.SUCCESS, self.grantedAttributes(), None)
        self.assertIsInstance(outcome[0], RelayedSocket)

    def test_unsignedSuccess(self) -> None:
        """An answer without MESSAGE-INTEGRITY, or with another's, is not believed."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        self.answer(MessageClass.SUCCESS, self.grantedAttributes(), None)
        self.answer(MessageClass.SUCCESS, self.grantedAttributes(), b"forged")
        code = (ERROR_CODE, encodeErrorCode(401))
        self.answer(MessageClass.SUCCESS, (*self.grantedAttributes(), code), None)
        for code in (403, 437, 441, 486, 508, 300, 500):
            self.refuse(code)
            self.refuse(code, key=b"forged")
        self.refuse(401, key=b"forged")
        self.answer(MessageClass.ERROR, (), None)
        self.answer(MessageClass.ERROR, ((ERROR_CODE, b""),), None)
        self.assertEqual(outcome, [])
        self.assertEqual(self.client.ignored, 20)
        self.answer(MessageClass.SUCCESS, self.grantedAttributes())
        self.assertIsInstance(outcome[0], RelayedSocket)

    def test_unsignedRefusals(self) -> None:
        """401 is never signed and counts; 400 could be, so an unsigned one is nobody's word."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        self.refuse(400)
        self.assertEqual((outcome, self.client.ignored), ([], 1))
        self.refuse(401)
        self.assertEqual(self.code(outcome), 401)
        outcome = self.allocate()
        self.refuse(400, key=_KEY)
        self.assertEqual(self.code(outcome), 400)

    def test_otherRealm(self) -> None:
        """401 for another realm than we signed for is a challenge again; boundedly often."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        for number in range(3):
            self.refuse(401, ((REALM, b"realm %d" % number), (NONCE, b"n")))
            self.assertEqual(self.requests[-1].first(REALM), b"realm %d" % number)
        self.refuse(401, ((REALM, b"realm 4"), (NONCE, b"n")))
        self.assertEqual(self.code(outcome), 401)

    def test_staleNonce(self) -> None:
        """438 is tried again with the new nonce and realm, three times, and then refused."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        for number in range(3):
            self.refuse(438, ((REALM, b"other"), (NONCE, b"nonce %d" % number)))
            self.assertEqual(self.requests[-1].first(NONCE), b"nonce %d" % number)
            self.assertEqual(self.requests[-1].first(REALM), b"other")
        self.assertEqual(outcome, [])
        self.refuse(438, _CHALLENGE)
        self.assertEqual(self.code(outcome), 438)

    def test_realmChanges(self) -> None:
        """With another realm the key is another."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        self.refuse(438, ((REALM, b"other"), (NONCE, b"n")))
        self.answer(MessageClass.SUCCESS, self.grantedAttributes())
        self.assertEqual(outcome, [])
        key = longTermKey("user", "other", "password")
        self.answer(MessageClass.SUCCESS, self.grantedAttributes(), key)
        self.assertIsInstance(outcome[0], RelayedSocket)

    def test_badChallenges(self) -> None:
        """A challenge without realm or nonce, or with a realm that is no text, fails by name."""
        for extra in ((), ((REALM, b"r"),), ((NONCE, b"n"),), ((REALM, b"\xff"), (NONCE, b"n"))):
            outcome = self.allocate()
            self.refuse(401, extra)
            self.assertIsInstance(outcome[0], MalformedMessage)
        outcome = self.allocate()
        self.answer(MessageClass.ERROR, (), None)
        self.assertIsInstance(outcome[0], MalformedMessage)

    def test_badSuccesses(self) -> None:
        """A success without its addresses or a lifetime is refused by name; another try is free."""
        for kept in (
            (),
            (XOR_RELAYED_ADDRESS, LIFETIME),
            (XOR_MAPPED_ADDRESS, LIFETIME),
            (XOR_RELAYED_ADDRESS, XOR_MAPPED_ADDRESS),
        ):
            outcome = self.allocate()
            if self.requests[-1].integrity is None:
                self.refuse(401, _CHALLENGE)
            attributes = tuple(each for each in self.grantedAttributes() if each[0] in kept)
            self.answer(MessageClass.SUCCESS, attributes)
            self.assertIsInstance(outcome[0], MalformedMessage)
        outcome = self.allocate()
        self.answer(MessageClass.SUCCESS, self.grantedAttributes(0))
        self.assertIsInstance(outcome[0], MalformedMessage)

    def test_otherMethod(self) -> None:
        """An answer to another method is not ours, whoever signed it."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        self.answer(MessageClass.SUCCESS, self.grantedAttributes(), method=REFRESH)
        self.assertEqual(outcome, [])

    def test_mismatch(self) -> None:
        """437 on Allocate: what is there is deleted, and then allocated anew; once."""
        for refresh_code in (0, 437):
            del self.requests[:]
            outcome = self.allocate()
            if self.requests[-1].integrity is None:
                self.refuse(401, _CHALLENGE)
            self.refuse(437, key=_KEY)
            self.assertEqual(self.requests[-1].method, REFRESH)
            self.assertEqual(self.requests[-1].first(LIFETIME), bytes(4))
            if refresh_code:
                self.refuse(refresh_code, key=_KEY)
            else:
                self.answer(MessageClass.SUCCESS, ((LIFETIME, bytes(4)),))
            self.assertEqual(self.requests[-1].method, ALLOCATE)
            self.refuse(437, key=_KEY)
            self.assertEqual(self.code(outcome), 437)

    def test_mismatchOfAnother(self) -> None:
        """437 on Allocate and 441 on its deletion: it is not ours, and stays."""
        outcome = self.allocate()
        self.refuse(401, _CHALLENGE)
        self.refuse(437, key=_KEY)
        self.refuse(441, key=_KEY)
        self.assertEqual(self.code(outcome), 441)

    def test_refused(self) -> None:
        """Every other refusal is passed on with its code and reason."""
        for code in (403, 442, 486, 508):
            outcome = self.allocate()
            if self.requests[-1].integrity is None:
                self.refuse(401, _CHALLENGE)
            self.refuse(code, key=_KEY)
            self.assertEqual(self.code(outcome), code)

    def test_refreshRefused(self) -> None:
        """An allocation whose refresh is refused is lost, whatever the code."""
        for code in (441, 486, 500):
            socket = self.allocated() if code == 441 else self.allocatedAgain()
            told = outcomeOf(socket.whenLost())
            self.network.advance(540.0)
            self.refuse(code, key=_KEY)
            self.assertEqual(self.code(told), code)

    def test_refreshNonsense(self) -> None:
        """So is one whose refresh is granted for no time."""
        for attributes in ((), ((LIFETIME, bytes(4)),), ((LIFETIME, b""),)):
            socket = self.allocatedAgain() if self.requests else self.allocated()
            told = outcomeOf(socket.whenLost())
            self.network.advance(540.0)
            self.answer(MessageClass.SUCCESS, attributes)
            self.assertIsInstance(told[0], MalformedMessage)
            self.assertTrue(socket.closed)

    def test_refreshShorter(self) -> None:
        """A refresh that grants less than was asked for is the next one's due time."""
        self.allocated()
        self.network.advance(540.0)
        self.answer(MessageClass.SUCCESS, ((LIFETIME, encodeLifetime(20)),))
        count = len(self.requests)
        self.network.advance(9.9)
        self.assertEqual(len(self.requests), count)
        self.network.advance(0.1)
        self.assertEqual(len(self.requests), count + 1)

    def allocatedAgain(self) -> RelayedSocket:
        """Return an allocation of a client that knows the realm already."""
        outcome = self.allocate()
        self.answer(MessageClass.SUCCESS, self.grantedAttributes())
        (socket,) = outcome
        assert isinstance(socket, RelayedSocket)
        return socket

    def test_strangers(self) -> None:
        """What does not come from the relay is not looked at, however well it is made."""
        outcome = self.allocate()
        stranger = self.network.machine(RELAY[0]).openDatagramSocket(lambda *seen: None)
        answer = StunMessage(
            ALLOCATE,
            MessageClass.SUCCESS,
            self.requests[-1].transaction_id,
            self.grantedAttributes(),
        )
        stranger.send(encode(answer), self.here)
        stranger.send(encodeDataIndication(bytes(12), ("192.0.2.1", 1), b"x"), self.here)
        self.network.settle()
        self.assertEqual((outcome, self.received, self.client.strangers), ([], [], 2))

    def test_indications(self) -> None:
        """Data indications before there is an allocation, other indications, requests: ignored."""
        data = encodeDataIndication(bytes(12), ("192.0.2.1", 1), b"x")
        self.relay.send(data, self.here)
        self.relay.send(b"\x40\0\0\0", self.here)
        self.network.settle()
        self.assertEqual(self.client.ignored, 2)
        self.allocated()
        for message in (
            StunMessage(1, MessageClass.INDICATION, bytes(12)),
            StunMessage(DATA_INDICATION, MessageClass.REQUEST, bytes(12)),
            StunMessage(DATA_INDICATION, MessageClass.INDICATION, bytes(12)),
        ):
            self.relay.send(encode(message), self.here)
        self.relay.send(data, self.here)
        self.network.settle()
        self.assertEqual((self.client.ignored, self.received), (5, [(b"x", ("192.0.2.1", 1))]))

    def test_unknownIndication(self) -> None:
        """A18: an indication with an attribute that must be understood and is not is dropped."""
        self.allocated()
        data = decode(encodeDataIndication(bytes(12), ("192.0.2.1", 1), b"x"))
        for kind in (0x7F00, 0x8F00):
            extra = (*data.attributes, (kind, b"what"))
            message = StunMessage(data.method, data.message_class, bytes(12), extra)
            self.relay.send(encode(message), self.here)
            self.network.settle()
        self.assertEqual((self.client.ignored, len(self.received)), (1, 1))

    def test_unknownAnswer(self) -> None:
        """A18: an answer with one fails its transaction, a refusal as well as a success."""
        unknown = ((0x7F00, b"what"),)
        for answer in (
            lambda: self.answer(MessageClass.SUCCESS, self.grantedAttributes() + unknown),
            lambda: self.refuse(403, unknown, _KEY),
        ):
            outcome = self.allocate()
            if self.requests[-1].first(USERNAME) is None:
                self.refuse(401, _CHALLENGE)
            answer()
            self.assertIsInstance(outcome[0], MalformedMessage)
        self.allocatedAgain()

    def test_limit(self) -> None:
        """"Bounded number of outstanding transactions", whatever is asked of the socket."""
        self.client.close()
        self.client = TurnClient(
            self.machine,
            self.machine.openDatagramSocket,
            RELAY,
            "user",
            "password",
            TurnClientSettings(peers_limit=60, transactions_limit=61),
        )
        self.here = ("198.51.100.1", self.client.face.address[1])
        socket = self.allocated()
        before = len(self.requests)
        asked = [outcomeOf(socket.permit(f"192.0.2.{number}")) for number in range(60)]
        asked += [outcomeOf(socket.bindChannel(("192.0.2.1", port))) for port in range(1, 61)]
        self.network.settle()
        self.assertEqual(asked, [[]] * 120)
        self.assertEqual(len(self.requests) - before, 61)
        self.assertFalse(socket.closed)
        # Given up and wanted again, over and over: no more than may wait.
        for number in range(100):
            socket.revoke(f"192.0.2.{number}")
            asked.append(outcomeOf(socket.permit(f"192.0.2.{number + 60}")))
        self.assertIsInstance(asked[-1][0], GamenetError)
        self.assertLess(sum(not each for each in asked), 61 + 2 * 60 + 5)

    @given(st.lists(st.binary(max_size=60), max_size=10))
    @settings(deadline=None, max_examples=100)
    def test_arbitraryDatagrams(self, datagrams: list[bytes]) -> None:
        """Any bytes from the relay's address raise nothing."""
        if not self.requests:
            self.allocated()
        for data in datagrams:
            self.relay.send(data, self.here)
            self.relay.send(b"\x40\0" + data, self.here)
            self.network.settle()
