"""Our TURN client when packets are lost, and when the allocation is."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RelayRefused
from gamenet.relay.settings import RelaySettings
from gamenet.seeded_random import SeededRandom
from gamenet.turn_client.client import TurnClient
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.wire.stun import decode
from gamenet.wire.turn import ALLOCATE
from tests.memory_machine import Datagram, MemoryNetwork
from tests.relay_desk import SECRET
from tests.relay_scene import RELAY, Scene, outcomeOf


class LossTests(SynchronousTestCase):
    """When the allocation dies, and when packets get lost."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.network: MemoryNetwork = self.scene.network
        self.machine = self.network.machine("198.51.100.1")
        self.client = self.scene.turnClient(self.machine)

    def test_lost(self) -> None:
        """437 on a refresh says that the allocation is gone: whoever watches is told, once."""
        socket = self.scene.allocated(self.client)
        told = outcomeOf(socket.whenLost())
        self.scene.server.stop()
        self.scene.server.start()
        self.network.advance(539.0)
        self.assertEqual(told, [])
        self.network.advance(2.0)
        (reason,) = told
        assert isinstance(reason, RelayRefused)
        self.assertEqual(reason.code, 437)
        self.assertTrue(socket.closed)
        self.assertEqual(outcomeOf(socket.whenLost()), [reason])
        socket.close()
        again = self.scene.allocated(self.client)
        self.assertFalse(again.closed)

    def test_lostOnPermission(self) -> None:
        """437 on anything says so, and fails what was asked."""
        socket = self.scene.allocated(self.client)
        told = outcomeOf(socket.whenLost())
        self.scene.server.stop()
        self.scene.server.start()
        asked = outcomeOf(socket.bindChannel(("192.0.2.1", 1)))
        self.network.settle()
        self.assertEqual((len(told), told), (1, asked))

    def test_silentRelay(self) -> None:
        """A relay that no longer answers is given up after 39.5 s of a refresh."""
        socket = self.scene.allocated(self.client)
        told = outcomeOf(socket.whenLost())
        self.scene.server.stop()
        self.network.advance(540.0 + 39.4)
        self.assertEqual(told, [])
        self.network.advance(0.2)
        (reason,) = told
        assert isinstance(reason, RelayRefused)
        self.assertEqual(reason.code, 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_notLostByClose(self) -> None:
        """Closing is not losing."""
        socket = self.scene.allocated(self.client)
        told = outcomeOf(socket.whenLost())
        socket.close()
        self.network.advance(1000.0)
        self.assertEqual(told, [])

    def test_permissionWithdrawn(self) -> None:
        """A permission that is no longer granted is dropped; the others, and the socket, live."""
        socket = self.scene.allocated(self.client)
        for host in ("192.0.2.1", "192.0.2.2"):
            outcomeOf(socket.permit(host))
            outcomeOf(socket.bindChannel((host, 1)))
        self.network.settle()
        self.scene.server.reload(RelaySettings((SECRET,), deny_peer=("192.0.2.1",)))
        with capturedLogs() as events:
            self.network.advance(240.0)
        lines = [formatEvent(event) for event in events]
        self.assertEqual(
            [line for line in lines if not line.startswith("relay refused")],
            ["the relay no longer relays to 192.0.2.1: 403 Forbidden"] * 2,
        )
        self.assertFalse(socket.closed)
        refused = outcomeOf(socket.permit("192.0.2.1"))
        self.network.settle()
        self.assertIsInstance(refused[0], RelayRefused)
        before = len(self.network.carried)
        socket.send(b"x", ("192.0.2.1", 1))
        socket.send(b"x", ("192.0.2.2", 1))
        sizes = [len(data) for data, _, _ in self.network.carried[before:]]
        self.assertEqual(sizes, [20 + 12 + 8 + 8, 5])

    def test_lossyNetwork(self) -> None:
        """With a fifth of everything lost an allocation is made and kept, by retransmission."""
        luck = SeededRandom(1)
        self.network.tamper = lambda datagram: (datagram,) if luck.chance(0.8) else ()
        outcome = outcomeOf(self.client.allocate(lambda data, peer: None))
        self.network.advance(40.0)
        (socket,) = outcome
        assert isinstance(socket, RelayedSocket), socket
        self.assertEqual(len(self.scene.relayedPorts()), 1)
        asked = outcomeOf(socket.permit("192.0.2.1"))
        self.network.advance(3600.0)
        self.assertEqual(asked, [None])
        self.assertFalse(socket.closed)
        self.assertEqual(len(self.scene.relayedPorts()), 1)

    def test_lostAnswer(self) -> None:
        """Where all answers to Allocate were lost the next try meets 437, and succeeds."""
        deaf = [True]

        def lose(datagram: Datagram) -> tuple[Datagram, ...]:
            data, source, _ = datagram
            lost = deaf[0] and source == RELAY and data[:2] == b"\x01\x03"
            return () if lost else (datagram,)

        self.network.tamper = lose
        outcome = outcomeOf(self.client.allocate(lambda data, peer: None))
        self.network.advance(40.0)
        (refused,) = outcome
        assert isinstance(refused, RelayRefused)
        self.assertEqual(refused.code, 0)
        self.assertEqual(len(self.scene.relayedPorts()), 1)
        deaf[0] = False
        socket = self.scene.allocated(self.client)
        self.assertEqual(self.scene.relayedPorts(), [socket.address[1]])
        self.assertEqual(self.scene.server.counters.refused.get(437), 1)

    def test_closedWhileAllocating(self) -> None:
        """A client that is closed while it allocates fails, and leaves nothing at the relay."""
        outcome = outcomeOf(self.client.allocate(lambda data, peer: None))
        sent: list[Datagram] = []

        def hold(datagram: Datagram) -> tuple[Datagram, ...]:
            if datagram[0][:2] == b"\x01\x03":
                sent.append(datagram)
                return ()
            return (datagram,)

        self.network.tamper = hold
        self.network.settle()
        self.assertEqual((len(sent), len(self.scene.relayedPorts())), (1, 1))
        self.client.close()
        self.network.settle()
        self.assertIsInstance(outcome[0], RelayRefused)
        self.assertEqual(self.scene.relayedPorts(), [])
        again = outcomeOf(self.client.allocate(lambda data, peer: None))
        self.assertIsInstance(again[0], LocalProtocolError)
        self.scene.server.stop()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_closedBeforeTheChallenge(self) -> None:
        """A client that is closed before it heard of the relay has nothing to take leave of."""
        outcomeOf(self.client.allocate(lambda data, peer: None))
        self.client.close()
        self.network.settle()
        sent = [data for data, source, _ in self.network.carried if source[0] == "198.51.100.1"]
        self.assertEqual(len(sent), 1)

    def test_nobodyThere(self) -> None:
        """No relay at all: refused after 39.5 s with code 0, and nothing is left running."""
        self.scene.server.stop()
        outcome = outcomeOf(self.client.allocate(lambda data, peer: None))
        self.network.advance(39.4)
        self.assertEqual(outcome, [])
        self.network.advance(0.2)
        (refused,) = outcome
        assert isinstance(refused, RelayRefused)
        self.assertEqual(refused.code, 0)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        sent = [data for data, source, _ in self.network.carried if source[0] == "198.51.100.1"]
        self.assertEqual((len(sent), len(dict.fromkeys(sent))), (7, 1))
        self.scene.server.start()
        self.scene.allocated(self.client)

    def test_wrongPassword(self) -> None:
        """A wrong password is refused with 401 after one try with it."""
        client = TurnClient(
            self.machine, self.machine.openDatagramSocket, RELAY, "1800000000:alice", "wrong"
        )
        outcome = outcomeOf(client.allocate(lambda data, peer: None))
        self.network.settle()
        (refused,) = outcome
        assert isinstance(refused, RelayRefused)
        self.assertEqual((refused.code, refused.reason), (401, "Unauthorized"))
        methods = [decode(data).method for data, source, _ in self.network.carried
                   if source[0] == "198.51.100.1"]
        self.assertEqual(methods, [ALLOCATE, ALLOCATE])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
