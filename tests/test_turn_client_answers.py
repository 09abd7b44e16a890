"""Our TURN client: every answer in every state, alternate servers, address families."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RelayRefused, RemoteProtocolError
from gamenet.interfaces import Address
from gamenet.turn_client.alternate_servers import ALTERNATE_DOMAIN, TryAlternate
from gamenet.turn_client.client import TurnClient
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ALTERNATE_SERVER,
    ERROR_CODE,
    NONCE,
    REALM,
    XOR_MAPPED_ADDRESS,
    encodeErrorCode,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    ALLOCATE,
    CHANNEL_BIND,
    CREATE_PERMISSION,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    XOR_RELAYED_ADDRESS,
    encodeLifetime,
)
from tests.memory_machine import MemoryNetwork
from tests.played_relay import PlayedRelay
from tests.relay_client_values import KEY, PASSWORD, RELAY, USER, Attributes
from tests.relay_scene import outcomeOf

_HERE = "198.51.100.1"
_PEER: Address = ("192.0.2.1", 7)
_MOVED = (ALTERNATE_SERVER, b"\0\1\x0d\x96\xcb\0\x71\x09")
_CODES = (300, 400, 401, 403, 420, 437, 438, 440, 441, 442, 486, 500, 508, 699)
_CALLS = ("allocate", "permit", "bind", "unbind", "verify", "wait", "close")


class _Case(SynchronousTestCase):
    """One client, and what it can ask."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.machine = self.network.machine(_HERE)

    def client(self, reliable: bool = False) -> TurnClient:
        """Return a client."""
        return TurnClient(
            self.machine, self.machine.openDatagramSocket, RELAY, USER, PASSWORD,
            reliable=reliable,
        )  # fmt: skip

    def assertNothingLeft(self) -> None:
        """Assert that no timer runs and no socket of ours is open."""
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.machine.sockets, {})


class PlayedTests(_Case):
    """Against a relay that is played by rules."""

    def setUp(self) -> None:
        super().setUp()
        self.relay = PlayedRelay(RELAY[0])
        self.relay.listenDatagrams(self.network.machine(RELAY[0]))

    def allocate(
        self, client: TurnClient, families: tuple[int, ...] = ()
    ) -> list[object]:
        """Return what becomes of an allocation."""
        outcome = outcomeOf(client.allocate(lambda data, peer: None, families))
        self.network.settle()
        return outcome

    def test_rich(self) -> None:
        """SHA-256, USERHASH and the nonce cookie, from the first request to the last."""
        self.relay.rich = True
        client = self.client()
        (socket,) = self.allocate(client)
        assert isinstance(socket, RelayedSocket), socket
        asked = outcomeOf(socket.bindChannel(_PEER))
        self.network.settle()
        self.relay.nonce = b"other"
        self.network.advance(1200.0)
        self.assertEqual(asked, [0x4000])
        self.assertFalse(socket.closed)
        self.assertGreater(self.relay.requests.count(REFRESH), 1)
        self.assertNotIn(USER.encode(), b"".join(self.relay.received))
        client.close()
        self.network.settle()
        self.assertEqual(self.relay.allocations, {})
        self.assertNothingLeft()

    def test_staleAnywhere(self) -> None:
        """438 at any request, with a new nonce each time: everything is granted all the same."""
        client = self.client()
        (socket,) = self.allocate(client)
        assert isinstance(socket, RelayedSocket), socket
        for number, ask in enumerate(
            (lambda: socket.permit("192.0.2.9"), lambda: socket.bindChannel(_PEER))
        ):
            self.relay.nonce = b"%d" % number
            outcome = outcomeOf(ask())
            self.network.settle()
            self.assertEqual(len(outcome), 1)
            self.assertNotIsInstance(outcome[0], Exception)
        self.relay.nonce = b"another"
        socket.verify()
        self.network.advance(0.0)
        self.relay.nonce = b"last"
        socket.close()
        self.network.settle()
        self.assertEqual(self.relay.allocations, {})
        client.close()

    def test_refusedNames(self) -> None:
        """Whatever Allocate is refused with, the code arrives; 437 after the second try."""
        for code in _CODES:
            if code in (401, 438):
                continue
            self.relay.refusals[ALLOCATE] = (code, ())
            client = self.client()
            (refused,) = self.allocate(client)
            assert isinstance(refused, RelayRefused), refused
            self.assertEqual(refused.code, code)
            client.close()
        self.assertNothingLeft()

    def test_alternate(self) -> None:
        """A signed 300 tells where to go; TryAlternate is a RelayRefused like every other."""
        domain = (ALTERNATE_DOMAIN, b"two.example.org")
        self.relay.refusals[ALLOCATE] = (300, (_MOVED, domain))
        (moved,) = self.allocate(self.client())
        assert isinstance(moved, TryAlternate)
        self.assertEqual(moved.alternates, (("203.0.113.9", 3478),))
        self.assertEqual((moved.domain, moved.code), ("two.example.org", 300))

    def test_alternateLater(self) -> None:
        """300 at a later request says nothing of the allocation; at its refresh it is lost."""
        client = self.client()
        (socket,) = self.allocate(client)
        assert isinstance(socket, RelayedSocket)
        self.relay.refusals = {CREATE_PERMISSION: (300, (_MOVED,)), REFRESH: (300, (_MOVED,))}
        asked = outcomeOf(socket.permit("192.0.2.1"))
        self.network.settle()
        self.assertIsInstance(asked[0], TryAlternate)
        self.assertFalse(socket.closed)
        told = outcomeOf(socket.whenLost())
        self.network.advance(540.0)
        self.assertIsInstance(told[0], TryAlternate)

    def test_families(self) -> None:
        """What is asked for, and what there are no families for."""
        for families, kind, value in (
            ((), None, b""),
            ((2,), REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0"),
            ((1,), REQUESTED_ADDRESS_FAMILY, b"\1\0\0\0"),
            ((1, 2), ADDITIONAL_ADDRESS_FAMILY, b"\2\0\0\0"),
        ):
            client = self.client()
            self.allocate(client, families)
            asked = decode(self.relay.received[-1])
            extra = [each for each in asked.attributes if each[0] in (0x17, 0x8000)]
            self.assertEqual(extra, [] if kind is None else [(kind, value)])
            client.close()
        for families in ((3,), (2, 1), (1, 1)):
            (refused,) = self.allocate(self.client(), families)
            self.assertIsInstance(refused, LocalProtocolError)

    def test_cancel(self) -> None:
        """Cancelling takes leave of what may have been made, and another try is free."""
        client = self.client()
        allocating = client.allocate(lambda data, peer: None)
        outcome = outcomeOf(allocating)
        self.network.tamper = lambda datagram: () if datagram[0][:2] == b"\1\3" else (datagram,)
        self.network.settle()
        self.assertEqual(len(self.relay.allocations), 1)
        allocating.cancel()
        self.network.settle()
        self.assertIsInstance(outcome[0], CancelledError)
        self.assertEqual(self.relay.allocations, {})
        self.network.tamper = lambda datagram: (datagram,)
        self.assertIsInstance(self.allocate(client)[0], RelayedSocket)
        client.close(farewell=False)
        self.network.settle()
        self.assertEqual(len(self.relay.allocations), 1)
        self.assertNothingLeft()

    def test_faceLost(self) -> None:
        """A face that is lost takes the allocation and every request with it, by its name."""
        client = self.client()
        (socket,) = self.allocate(client)
        assert isinstance(socket, RelayedSocket)
        told = outcomeOf(socket.whenLost())
        why = RelayRefused(0, "gone")
        client.faceLost(why)
        client.faceLost(RelayRefused(0, "again"))
        self.assertEqual(told, [why])
        self.assertIsInstance(self.allocate(client)[0], LocalProtocolError)
        other = self.client()
        outcome = self.allocate(other)
        pending = outcomeOf(other.allocate(lambda data, peer: None))
        self.assertEqual((len(outcome), len(pending)), (1, 1))
        client.close()
        other.close()
        self.assertNothingLeft()


class StateTests(_Case):
    """"Every answer x state": whatever is answered to whichever request, nothing breaks."""

    def setUp(self) -> None:
        super().setUp()
        self.requests: list[StunMessage] = []
        self.relay = self.network.machine(RELAY[0]).openDatagramSocket(
            lambda data, source: self.requests.append(decode(data)), port=RELAY[1]
        )

    def answers(self, request: StunMessage, code: int, key: bytes | None) -> bytes:
        """Return an answer; code 0 is a success that grants everything."""
        challenge: Attributes = ((REALM, b"realm"), (NONCE, b"nonce"))
        granted: Attributes = (
            (XOR_RELAYED_ADDRESS, encodeXorAddress(("203.0.113.2", 50_000), bytes(12))),
            (XOR_MAPPED_ADDRESS, encodeXorAddress((_HERE, 1), bytes(12))),
            (LIFETIME, encodeLifetime(600)),
        )
        attributes = granted if code == 0 else ((ERROR_CODE, encodeErrorCode(code)), *challenge)
        kind = MessageClass.ERROR if code else MessageClass.SUCCESS
        return encode(StunMessage(request.method, kind, request.transaction_id, attributes), key)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(_CALLS),
                st.lists(
                    st.tuples(
                        st.sampled_from((0, 0, *_CODES)),
                        st.sampled_from((KEY, KEY, None, b"forged")),
                    ),
                    max_size=5,
                ),
                st.booleans(),
            ),
            max_size=12,
        ),
        st.booleans(),
    )
    @settings(deadline=None, max_examples=150)
    def test_anything(
        self, steps: list[tuple[str, list[tuple[int, bytes | None]], bool]], reliable: bool
    ) -> None:
        """
        Any calls with any answers, late and twice, over UDP and as over a stream: everything
        asked comes to an end, what was lost is closed, and nothing is left running.
        """
        self.requests.clear()
        client = self.client(reliable)
        here = client.face.address[1]
        sockets: list[RelayedSocket] = []
        outcomes: list[list[object]] = []
        for what, answers, twice in steps:
            if what == "allocate":
                outcome = outcomeOf(client.allocate(lambda data, peer: None))
                outcomes.append(outcome)
            elif what == "wait":
                self.network.advance(241.0)
            elif sockets and not sockets[-1].closed:
                self.act(what, sockets[-1], outcomes)
            for code, key in answers:
                self.network.settle()
                if self.requests:
                    data = self.answers(self.requests[-1], code, key)
                    for _ in range(1 + twice):
                        self.relay.send(data, (_HERE, here))
                self.network.settle()
                sockets += [
                    each[0]
                    for each in outcomes
                    if each and isinstance(each[0], RelayedSocket) and each[0] not in sockets
                ]
        self.network.advance(2.0)
        client.close()
        self.network.settle()
        self.assertTrue(all(outcomes))
        self.assertTrue(all(socket.closed for socket in sockets))
        for (value,) in outcomes:
            allowed = (RelayRefused, LocalProtocolError, RemoteProtocolError)
            self.assertTrue(not isinstance(value, Exception) or isinstance(value, allowed))
        self.assertNothingLeft()

    def act(self, what: str, socket: RelayedSocket, outcomes: list[list[object]]) -> None:
        """Ask something of an allocation."""
        if what == "permit":
            outcomes.append(outcomeOf(socket.permit("192.0.2.1")))
        elif what == "bind":
            outcomes.append(outcomeOf(socket.bindChannel(_PEER)))
        elif what == "unbind":
            socket.unbindChannel(_PEER)
            socket.revoke("192.0.2.1")
        elif what == "verify":
            socket.verify()
        else:
            socket.close()

    def test_strict(self) -> None:
        """Over a stream an answer that is not signed as it must be ends its request at once."""
        client = self.client(reliable=True)
        outcome = outcomeOf(client.allocate(lambda data, peer: None))
        self.network.settle()
        for code, key in ((401, None), (0, b"forged")):
            data = self.answers(self.requests[-1], code, key)
            self.relay.send(data, (_HERE, client.face.address[1]))
            self.network.settle()
        self.assertIsInstance(outcome[0], RemoteProtocolError)
        client.close()

    def test_reliableSilence(self) -> None:
        """Over a stream a request is sent once, and given up after Ti = 39.5 s."""
        client = self.client(reliable=True)
        outcome = outcomeOf(client.allocate(lambda data, peer: None))
        self.network.advance(39.4)
        self.assertEqual((len(self.requests), outcome), (1, []))
        self.network.advance(0.2)
        refused = outcome[0]
        assert isinstance(refused, RelayRefused)
        self.assertEqual(refused.code, 0)
        client.close()
        self.assertNothingLeft()

    def test_permissionMethods(self) -> None:
        """437 and 441 at a permission or a channel mean that the allocation is not ours: lost."""
        for what, method in (("permit", CREATE_PERMISSION), ("bind", CHANNEL_BIND)):
            for code in (437, 441):
                client = self.client()
                outcome = outcomeOf(client.allocate(lambda data, peer: None))
                outcomes: list[list[object]] = [outcome]
                for answer, key in ((401, None), (0, KEY)):
                    self.network.settle()
                    data = self.answers(self.requests[-1], answer, key)
                    self.relay.send(data, (_HERE, client.face.address[1]))
                    self.network.settle()
                socket = outcome[0]
                assert isinstance(socket, RelayedSocket)
                told = outcomeOf(socket.whenLost())
                self.act(what, socket, outcomes)
                self.network.settle()
                self.assertEqual(self.requests[-1].method, method)
                data = self.answers(self.requests[-1], code, KEY)
                self.relay.send(data, (_HERE, client.face.address[1]))
                self.network.settle()
                self.assertEqual((told, socket.closed), (outcomes[1], True))
                client.close()
        self.assertNothingLeft()
