"""
The lobby's UDP port: heartbeats that are genuine, forged, replayed; STUN.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.machine.sparse_log import LOG_INTERVAL
from gamenet.wire.demultiplexing import DatagramKind
from gamenet.wire.heartbeats import (
    encodeHeartbeat,
    encodeHeartbeatAnswer,
    verifyHeartbeatAnswer,
)
from gamenet.wire.lobby_messages import Candidate, Hello, MatchTicket, OfferCandidates
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingRequest,
    readBindingAddress,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    UNKNOWN_ATTRIBUTES,
    USERNAME,
    decodeErrorCode,
    decodeUnknownAttributes,
)
from gamenet.world.network import WorldNetwork
from tests.lobby_wire import KEY
from tests.lobby_world import LOBBY_HOST, LOBBY_PORT, LobbyWorld, Player

LOBBY: Address = (LOBBY_HOST, LOBBY_PORT)
TRANSACTION = bytes(range(12))


class Sender:
    """A machine that sends what it likes to the lobby's port, and keeps what comes back."""

    def __init__(self, network: WorldNetwork, address: str = "198.51.100.66") -> None:
        self.network = network
        self.received: list[bytes] = []
        machine = network.machine(f"sender {address}", address)
        self.socket = machine.openDatagramSocket(lambda data, _: self.received.append(data))
        self.address: Address = (address, self.socket.address[1])

    def send(self, data: bytes) -> list[bytes]:
        """Send a datagram and return what comes back."""
        self.received.clear()
        self.socket.send(data, LOBBY)
        self.network.advance(0.1)
        return list(self.received)


class DatagramsCase(SynchronousTestCase):
    """A lobby in a world, and somebody who sends datagrams to it."""

    def setUp(self) -> None:
        self.world = LobbyWorld()
        self.sender = Sender(self.world.network)
        self.counters = self.world.factory.counters
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: Any) -> None:
        if isinstance(event.get("log_source"), LobbyDatagrams):
            self.events.append(event)

    def keyOf(self, player: Player) -> bytes:
        key = self.world.factory.directory.heartbeatKey(player.client.client_id)
        assert key is not None
        return key

    def seen(self, player: Player) -> Address | None:
        return self.world.factory.directory.clients[player.client.client_id].address_seen


class HeartbeatTests(DatagramsCase):
    """N1, and what is refused in silence."""

    def test_answered(self) -> None:
        """A genuine heartbeat is answered, no longer than it was, and shows the address."""
        player = self.world.player()
        key = self.keyOf(player)
        self.world.network.advance(0.1)
        game_socket = (player.machine.address, player.demultiplexer.address[1])
        self.assertEqual(self.seen(player), game_socket)
        heartbeat = encodeHeartbeat(key, player.client.client_id, 9)
        (answer,) = self.sender.send(heartbeat)
        self.assertEqual(verifyHeartbeatAnswer(key, answer), 9)
        self.assertLess(len(answer), len(heartbeat))
        self.assertEqual(self.seen(player), self.sender.address)

    def test_forged(self) -> None:
        """
        A wrong key, another client's id, a replay, a changed byte: no answer, and nothing
        is changed: no address, no sequence, no life prolonged.
        """
        ada, bob = self.world.player("Ada"), self.world.player("Bob")
        self.world.network.advance(0.1)
        before = self.seen(ada)
        ours, theirs = self.keyOf(bob), self.keyOf(ada)
        ada_id = ada.client.client_id
        genuine = encodeHeartbeat(theirs, ada_id, 50)
        forgeries = [
            encodeHeartbeat(KEY, ada_id, 50),
            encodeHeartbeat(ours, ada_id, 50),
            genuine[:2] + bob.client.client_id + genuine[10:],
            *(
                genuine[:at] + bytes([genuine[at] ^ 1]) + genuine[at + 1 :]
                for at in range(1, len(genuine))
            ),
            genuine[:-1],
            genuine + b"\0",
            b"\xc0",
            encodeHeartbeat(theirs, ada_id, 0),
            encodeHeartbeatAnswer(theirs, 50),
        ]
        for forgery in forgeries:
            self.assertEqual(self.sender.send(forgery), [])
        self.assertEqual(self.seen(ada), before)
        self.assertEqual(self.counters.heartbeats_old, 1)
        self.assertEqual(self.counters.heartbeats_forged, 3 + 24)
        self.assertEqual(self.counters.heartbeats_malformed, 1 + 3)
        self.assertEqual(self.counters.heartbeats_unknown, 8)
        self.assertEqual(len(self.sender.send(genuine)), 1)

    def test_forgedKeepNobodyAlive(self) -> None:
        """Forged and replayed heartbeats do not keep a dead client in the lobby."""
        player = self.world.player()
        key = self.keyOf(player)
        self.world.network.advance(0.1)
        player.machine.stop()
        replay = encodeHeartbeat(key, player.client.client_id, 0)
        forged = encodeHeartbeat(KEY, player.client.client_id, 99)
        for _ in range(11):
            self.sender.send(replay)
            self.sender.send(forged)
            self.world.network.advance(1)
        self.assertEqual(self.world.factory.directory.greeted, ())

    def test_oneLogEventOfAKind(self) -> None:
        """However many bad datagrams come, the log tells of each kind once a minute."""
        player = self.world.player()
        for _ in range(2):
            for _ in range(5):
                self.sender.send(encodeHeartbeat(KEY, player.client.client_id, 1))
                self.sender.send(encodeHeartbeat(KEY, b"nobody!!", 1))
                self.sender.send(b"\xc0")
                self.sender.send(b"\x01")
            self.world.network.advance(LOG_INTERVAL)
        self.assertEqual(
            [event["kind"] for event in self.events],
            [
                "forged heartbeat",
                "heartbeat of nobody here",
                "malformed heartbeat",
                "malformed STUN message",
            ]
            * 2,
        )
        self.assertEqual(
            formatEvent(self.events[0]),
            f"lobby ignored a forged heartbeat from 198.51.100.66:{self.sender.address[1]}",
        )

    def test_ticketHoldsTheAddressSeen(self) -> None:
        """The ticket names the address that a client's own heartbeats came from."""
        host, guest = self.world.pair()
        candidate = Candidate("host", ("10.0.0.9", 9))
        self.world.wait(guest.client.offerCandidates([candidate]))
        self.world.wait(host.client.startMatch())
        self.world.network.advance(0.1)
        ticket: MatchTicket = host.listener.named("matchStarting")[0][0]
        seen = Candidate("server_reflexive", self.seen(guest) or ("", 0))
        self.assertEqual(ticket.members[1].candidates, (candidate, seen))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60), st.sampled_from([b"", b"\xc0", b"\xc0\1", b"\0\1", b"\3"]))
    def test_anyDatagram(self, data: bytes, start: bytes) -> None:
        """No datagram raises, and only STUN with its magic cookie is ever answered."""
        answers = self.sender.send(start + data)
        self.assertEqual(answers, [])
        self.assertEqual(self.flushLoggedErrors(), [])


class StunTests(DatagramsCase):
    """N12: the lobby serves as STUN server (RFC 8489)."""

    def test_binding(self) -> None:
        """A Binding request is answered with the address it came from."""
        (answer,) = self.sender.send(encodeBindingRequest(TRANSACTION))
        message = decode(answer)
        self.assertEqual(message.transaction_id, TRANSACTION)
        self.assertEqual(readBindingAddress(message), self.sender.address)
        self.assertEqual(self.counters.bindings, 1)

    def test_credentialsAndOptionalAttributes(self) -> None:
        """A username, and attributes that need not be understood, change nothing."""
        request = StunMessage(
            BINDING, MessageClass.REQUEST, TRANSACTION, ((USERNAME, b"x"), (0x8022, b"y"))
        )
        (answer,) = self.sender.send(encode(request))
        self.assertEqual(readBindingAddress(decode(answer)), self.sender.address)

    def test_unknownAttributes(self) -> None:
        """Section 6.3.1: attributes that must be understood and are not: 420, naming them."""
        attributes = ((0x0003, bytes(4)), (USERNAME, b"x"), (0x7FFF, b""), (0x8000, b""))
        request = StunMessage(BINDING, MessageClass.REQUEST, TRANSACTION, attributes)
        (answer,) = self.sender.send(encode(request))
        message = decode(answer)
        self.assertEqual(message.message_class, MessageClass.ERROR)
        self.assertEqual(decodeErrorCode(message.first(ERROR_CODE) or b"").code, 420)
        unknown = decodeUnknownAttributes(message.first(UNKNOWN_ATTRIBUTES) or b"")
        self.assertEqual(unknown, (0x0003, 0x7FFF))
        self.assertEqual((self.counters.bindings, self.counters.bindings_refused), (0, 1))

    def test_silence(self) -> None:
        """Indications, answers, other methods and lying lengths get no answer."""
        for method, kind in (
            (BINDING, MessageClass.INDICATION),
            (BINDING, MessageClass.SUCCESS),
            (BINDING, MessageClass.ERROR),
            (0x003, MessageClass.REQUEST),
        ):
            self.assertEqual(self.sender.send(encode(StunMessage(method, kind, TRANSACTION))), [])
        request = encodeBindingRequest(TRANSACTION)
        lying = request[:2] + b"\x00\x10" + request[4:]
        self.assertEqual(self.sender.send(lying), [])
        self.assertEqual(self.counters.stun_ignored, 5)
        self.assertEqual(len(self.events), 1)


class PortTests(SynchronousTestCase):
    """The share of a UDP port that the lobby takes."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.machine = self.network.machine("lobby", LOBBY_HOST)
        self.factory = LobbyFactory(self.machine)
        self.demultiplexer = Demultiplexer(self.machine, "", 4321)

    def test_openAndClose(self) -> None:
        """The lobby is open for streams as long as there is a UDP port to tell them."""
        datagrams = LobbyDatagrams(self.factory, self.demultiplexer)
        self.assertEqual(self.factory.directory.udp_port, 4321)
        datagrams.close()
        self.assertEqual(self.factory.directory.udp_port, 0)
        LobbyDatagrams(self.factory, self.demultiplexer)

    def test_takenPort(self) -> None:
        """Where STUN is somebody else's, nothing is claimed and the lobby stays closed."""
        other = self.demultiplexer.face(lambda data, address: None, kinds=(DatagramKind.STUN,))
        with self.assertRaises(LocalProtocolError):
            LobbyDatagrams(self.factory, self.demultiplexer)
        self.assertEqual(self.factory.directory.udp_port, 0)
        other.close()
        LobbyDatagrams(self.factory, self.demultiplexer)

    def test_helloTellsThePort(self) -> None:
        """The welcome tells the port that was bound."""
        LobbyDatagrams(self.factory, self.demultiplexer)
        directory = self.factory.directory
        client_id = directory.connect("h", 0.0, bytes(8))
        effects: Any = directory.request(
            client_id, Hello(1, 1, 1, "Ada", KEY, KEY), 0.0, bytes(32)
        )
        self.assertEqual(effects[0].message.udp_port, 4321)
        self.assertTrue(directory.request(client_id, OfferCandidates(2, ()), 0.0))
