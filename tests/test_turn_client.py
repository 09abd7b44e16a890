"""Our TURN client against our relay, on a network in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import LocalProtocolError, RelayRefused
from gamenet.interfaces import Address, IDatagramSocket
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.turn_client.client import TurnClient
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.stun import decode
from gamenet.wire.turn import CHANNEL_BIND, CREATE_PERMISSION, REFRESH
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername
from tests.relay_desk import SECRET
from tests.relay_scene import RELAY, Scene, outcomeOf


class ClientTests(SynchronousTestCase):
    """Two clients of one relay."""

    def setUp(self) -> None:
        self.arrange()

    def arrange(self, settings: RelaySettings | None = None) -> None:
        """Set the scene."""
        self.scene = Scene(settings)
        self.network = self.scene.network
        self.machine = self.network.machine("198.51.100.1")
        self.client = self.scene.turnClient(self.machine)
        self.inbox: list[tuple[bytes, Address]] = []
        self.socket = self.scene.allocated(self.client, self.inbox)
        self.others_inbox: list[tuple[bytes, Address]] = []
        self.others_client = self.scene.turnClient(self.network.machine("198.51.100.2"), "bob")
        self.other = self.scene.allocated(self.others_client, self.others_inbox)

    def done(self, deferred: Deferred[object]) -> object:
        """Return what a Deferred fires with as soon as the network has come to rest."""
        outcome = outcomeOf(deferred)
        self.network.settle()
        (value,) = outcome
        return value

    def sentMethods(self, since: int = 0) -> list[int]:
        """Return the methods of the STUN messages that our client sent."""
        return [
            decode(data).method
            for data, source, _ in self.network.carried[since:]
            if source[0] == "198.51.100.1" and data[0] < 4
        ]

    def test_addresses(self) -> None:
        """The relayed address is the relay's, the mapped address ours; it is a socket."""
        verifyObject(IDatagramSocket, self.socket)
        self.assertEqual(self.socket.address[0], RELAY[0])
        self.assertIn(self.socket.address[1], self.scene.relayedPorts())
        self.assertEqual(self.socket.mapped_address, self.client.face.address)

    def test_indications(self) -> None:
        """With permissions on both sides packets go through in indications."""
        self.assertIsNone(self.done(self.socket.permit(self.other.address[0])))
        self.assertIsNone(self.done(self.other.permit(self.socket.address[0])))
        self.assertTrue(self.socket.send(b"hello", self.other.address))
        self.network.settle()
        self.assertEqual(self.others_inbox, [(b"hello", self.socket.address)])
        self.assertEqual((self.socket.packets_sent, self.other.packets_received), (1, 1))
        self.assertEqual((self.socket.packets_received, self.other.packets_sent), (0, 0))

    def test_channels(self) -> None:
        """With channels they cost four bytes each, and arrive from the peer's address."""
        self.assertEqual(self.done(self.socket.bindChannel(self.other.address)), 0x4000)
        self.assertEqual(self.done(self.other.bindChannel(self.socket.address)), 0x4000)
        before = len(self.network.carried)
        self.socket.send(b"hello", self.other.address)
        self.network.settle()
        self.assertEqual(self.others_inbox, [(b"hello", self.socket.address)])
        sizes = [len(data) for data, _, _ in self.network.carried[before:]]
        # The relay takes the short cut: nothing goes from one relayed port to the other.
        self.assertEqual(sizes, [9, 9])
        self.assertEqual((self.other.packets_received, self.other.packets_ignored), (1, 0))
        self.assertEqual((self.client.ignored, self.others_client.ignored), (0, 0))

    def test_channelNumbers(self) -> None:
        """Each peer has a channel of its own, also asked for twice at once."""
        peers: list[Address] = [("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.2", 1)]
        asked = [outcomeOf(self.socket.bindChannel(peer)) for peer in [*peers, peers[0]]]
        self.network.settle()
        self.assertEqual(asked, [[0x4000], [0x4001], [0x4002], [0x4000]])
        before = len(self.network.carried)
        self.assertEqual(self.done(self.socket.bindChannel(peers[1])), 0x4001)
        self.assertEqual(len(self.network.carried), before)

    def test_permittedAlready(self) -> None:
        """A host that is permitted costs no second request."""
        self.done(self.socket.permit("192.0.2.1"))
        before = len(self.network.carried)
        self.assertIsNone(self.done(self.socket.permit("192.0.2.1")))
        self.assertEqual(len(self.network.carried), before)

    def test_refused(self) -> None:
        """What the relay refuses fails with its code, and the allocation lives on."""
        for asked in (
            self.socket.permit("127.0.0.1"),
            self.socket.bindChannel(("10.0.0.1", 1)),
        ):
            refused = self.done(asked)
            assert isinstance(refused, RelayRefused)
            self.assertEqual((refused.code, refused.reason), (403, "Forbidden"))
        self.assertFalse(self.socket.closed)
        self.assertIsNone(self.done(self.socket.permit("192.0.2.1")))

    def test_impossible(self) -> None:
        """What is no address is our own mistake, and nothing is sent."""
        before = len(self.network.carried)
        for asked in (
            self.socket.permit("example.org"),
            self.socket.bindChannel(("example.org", 1)),
            self.socket.bindChannel(("192.0.2.1", 65536)),
        ):
            self.assertIsInstance(self.done(asked), LocalProtocolError)
        self.assertFalse(self.socket.send(b"x", ("example.org", 1)))
        self.assertFalse(self.socket.send(bytes(65_508), ("192.0.2.1", 1)))
        self.assertEqual((self.socket.send_errors, self.socket.packets_sent), (2, 0))
        self.assertEqual(len(self.network.carried), before)
        self.assertEqual(self.done(self.socket.bindChannel(("192.0.2.1", 1))), 0x4000)

    def test_largest(self) -> None:
        """What is longer than a datagram is not sent, over a channel either."""
        peer = ("192.0.2.1", 1)
        self.done(self.socket.bindChannel(peer))
        self.assertIs(self.socket.send(bytes(65_507 - 4), peer), True)
        self.assertIs(self.socket.send(bytes(65_507), peer), False)
        self.assertIs(self.socket.send(bytes(70_000), peer), False)
        self.assertEqual((self.socket.send_errors, self.socket.packets_sent), (2, 1))

    def test_indicationIds(self) -> None:
        """Every Send indication has a transaction id of its own."""
        before = len(self.network.carried)
        for _ in range(3):
            self.socket.send(b"x", ("192.0.2.1", 1))
        sent = self.network.carried[before:]
        ids = dict.fromkeys(decode(data).transaction_id for data, _, _ in sent)
        self.assertEqual(len(ids), 3)

    def limited(self, limit: int) -> TurnClient:
        """Return a client whose allocation has so many peers at most."""
        machine = self.network.machine("198.51.100.3")
        username = ephemeralUsername(int(machine.wallClock() + 3600.0), "carol")
        return TurnClient(
            machine,
            machine.openDatagramSocket,
            RELAY,
            username,
            ephemeralPassword(SECRET, username),
            TurnClientSettings(peers_limit=limit),
        )

    def test_peersLimit(self) -> None:
        """So many permissions and so many channels, and no more; those there stay."""
        socket = self.scene.allocated(self.limited(2))
        for number in (1, 2):
            self.assertIsNone(self.done(socket.permit(f"192.0.2.{number}")))
            self.done(socket.bindChannel((f"192.0.2.{number}", 1)))
        self.assertIsInstance(self.done(socket.permit("192.0.2.3")), LocalProtocolError)
        refused = self.done(socket.bindChannel(("192.0.2.3", 1)))
        self.assertIsInstance(refused, LocalProtocolError)
        self.assertEqual(self.done(socket.bindChannel(("192.0.2.1", 1))), 0x4000)

    def test_limitCountsOnce(self) -> None:
        """A peer that the relay refused can be asked for again though there is no more room."""
        socket = self.scene.allocated(self.limited(1))
        for _ in range(2):
            refused = self.done(socket.bindChannel(("127.0.0.1", 1)))
            self.assertIsInstance(refused, RelayRefused)

    def test_keptAlive(self) -> None:
        """An hour of silence later everything still goes through, both ways; nonces went stale."""
        self.done(self.socket.bindChannel(self.other.address))
        self.done(self.other.permit(self.socket.address[0]))
        for _ in range(60):
            self.network.advance(61.0)
            self.socket.send(b"x", self.other.address)
            self.other.send(b"y", self.socket.address)
            self.network.settle()
        self.assertEqual(len(self.others_inbox), 60)
        self.assertEqual(self.inbox, [(b"y", self.other.address)] * 60)
        self.assertEqual(self.scene.dropped(), {})
        self.assertGreater(self.scene.server.counters.refused[438], 4)

    def test_refreshTimes(self) -> None:
        """From due times: the allocation at 540 s, permissions and channels each 240 s."""
        self.done(self.socket.permit("192.0.2.1"))
        self.done(self.socket.bindChannel(("192.0.2.2", 1)))
        # One of each client, and the relay's.
        self.assertEqual(len(self.network.clock.getDelayedCalls()), 3)
        before = len(self.network.carried)
        self.network.advance(239.9)
        self.assertEqual(self.sentMethods(before), [])
        self.network.advance(0.1)
        self.assertEqual(self.sentMethods(before), [CREATE_PERMISSION, CHANNEL_BIND])
        self.network.advance(299.9)
        self.assertEqual(
            self.sentMethods(before), [CREATE_PERMISSION, CHANNEL_BIND] * 2
        )
        self.network.advance(0.1)
        self.assertEqual(self.sentMethods(before)[4:], [REFRESH])

    def test_refreshesDoNotWait(self) -> None:
        """While one refresh is not answered the next is sent at its own time."""
        self.done(self.socket.permit("192.0.2.1"))
        self.network.advance(10.0)
        self.done(self.socket.bindChannel(("192.0.2.2", 1)))
        self.scene.server.stop()
        before = len(self.network.carried)
        self.network.advance(239.9)
        self.assertNotIn(CHANNEL_BIND, self.sentMethods(before))
        self.network.advance(0.2)
        self.assertIn(CHANNEL_BIND, self.sentMethods(before))

    def test_verify(self) -> None:
        """Asked to, it looks at once whether the allocation is there, one look at a time."""
        before = len(self.network.carried)
        self.socket.verify()
        self.socket.verify()
        self.network.advance(0.0)
        self.socket.verify()
        self.network.advance(0.0)
        self.assertEqual(self.sentMethods(before), [REFRESH, REFRESH])
        self.network.advance(539.9)
        self.assertEqual(self.sentMethods(before), [REFRESH, REFRESH])
        self.network.advance(0.1)
        self.assertEqual(self.sentMethods(before)[:3], [REFRESH] * 3)
        told = outcomeOf(self.socket.whenLost())
        self.scene.server.stop()
        before = len(self.network.carried)
        self.socket.verify()
        self.network.advance(1.0)
        self.socket.verify()
        self.network.advance(38.4)
        self.assertEqual(told, [])
        self.network.advance(0.2)
        self.assertEqual(len(told), 1)
        self.assertEqual(self.sentMethods(before), [REFRESH] * 7)
        self.socket.verify()
        self.others_client.close()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_shortLifetime(self) -> None:
        """A lifetime of 100 s is refreshed halfway."""
        self.arrange(RelaySettings((SECRET,), limits=AllocationLimits(
            default_lifetime=100, maximum_lifetime=100,
        )))
        before = len(self.network.carried)
        self.network.advance(49.9)
        self.assertEqual(self.sentMethods(before), [])
        self.network.advance(0.1)
        self.assertEqual(self.sentMethods(before), [REFRESH])
        self.network.advance(1000.0)
        self.assertFalse(self.socket.closed)

    def test_outlivesCredentials(self) -> None:
        """A match goes on after its credentials expired."""
        machine = self.network.machine("198.51.100.4")
        client = self.scene.turnClient(machine, "dora", seconds=60.0)
        socket = self.scene.allocated(client)
        self.done(socket.permit("192.0.2.1"))
        self.network.advance(7200.0)
        self.assertFalse(socket.closed)
        self.assertIsNone(self.done(socket.permit("192.0.2.2")))

    def test_close(self) -> None:
        """Closing the socket deletes the allocation, and another can be made."""
        self.done(self.socket.permit("192.0.2.1"))
        before = len(self.network.carried)
        pending = outcomeOf(self.socket.bindChannel(("192.0.2.9", 1)))
        self.socket.close()
        self.socket.close()
        self.assertIsInstance(pending[0], RelayRefused)
        self.network.settle()
        self.assertEqual(self.sentMethods(before), [CHANNEL_BIND, REFRESH])
        self.assertEqual(self.scene.relayedPorts(), [self.other.address[1]])
        self.assertTrue(self.socket.closed)
        self.assertFalse(self.socket.send(b"x", ("192.0.2.1", 1)))
        for asked in (
            self.socket.permit("192.0.2.1"),
            self.socket.permit("192.0.2.2"),
            self.socket.bindChannel(("192.0.2.1", 1)),
        ):
            self.assertIsInstance(self.done(asked), LocalProtocolError)
        again = self.scene.allocated(self.client, self.inbox)
        self.assertNotEqual(again.address, self.socket.address)
        self.done(again.permit("192.0.2.1"))

    def test_closeStale(self) -> None:
        """It deletes the allocation though the nonce has gone stale."""
        self.network.advance(601.0)
        self.socket.close()
        self.network.settle()
        self.assertEqual(self.scene.relayedPorts(), [self.other.address[1]])

    def test_closeUnanswered(self) -> None:
        """Where the relay is gone, closing gives up quietly."""
        self.scene.server.stop()
        self.socket.close()
        self.network.advance(40.0)
        self.others_client.close()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_closeClient(self) -> None:
        """Closing the client deletes the allocation too, closes the face, and leaves no timer."""
        pending = outcomeOf(self.socket.permit("192.0.2.1"))
        self.client.close()
        self.assertIsInstance(pending[0], RelayRefused)
        self.network.settle()
        self.assertTrue(self.socket.closed)
        self.assertEqual(self.machine.sockets, {})
        self.assertEqual(self.scene.relayedPorts(), [self.other.address[1]])
        self.others_client.close()
        self.scene.server.stop()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        refused = self.done(self.client.allocate(lambda data, peer: None))
        self.assertIsInstance(refused, LocalProtocolError)
        self.client.close()

    def test_closeIdle(self) -> None:
        """Closing a client without an allocation sends nothing."""
        self.socket.close()
        self.network.settle()
        before = len(self.network.carried)
        self.client.close()
        self.assertEqual(len(self.network.carried), before)

    def test_onlyOne(self) -> None:
        """A client has one allocation at a time."""
        refused = self.done(self.client.allocate(lambda data, peer: None))
        self.assertIsInstance(refused, LocalProtocolError)
        client = self.scene.turnClient(self.network.machine("198.51.100.5"), "eve")
        first = outcomeOf(client.allocate(lambda data, peer: None))
        second = outcomeOf(client.allocate(lambda data, peer: None))
        self.network.settle()
        self.assertIsInstance(first[0], RelayedSocket)
        self.assertIsInstance(second[0], LocalProtocolError)

    def test_receivedAfterClose(self) -> None:
        """What arrives after closing is not handed over."""
        self.done(self.socket.bindChannel(("192.0.2.1", 1)))
        relay = self.machine.sockets[self.client.face.address[1]]
        self.socket.close()
        relay.receiver(b"\x40\0\0\x01x", RELAY)
        self.socket.channelDataReceived(0x4000, b"x")
        self.socket.dataIndicationReceived(("192.0.2.1", 1), b"x")
        self.assertEqual((self.inbox, self.client.ignored), ([], 1))
        self.assertEqual(self.socket.packets_ignored, 2)

    def test_unknownChannel(self) -> None:
        """Data over a channel that is not ours is ignored."""
        face = self.machine.sockets[self.client.face.address[1]]
        face.receiver(b"\x40\0\0\x01x", RELAY)
        self.assertEqual((self.inbox, self.socket.packets_ignored), ([], 1))
        self.assertEqual(self.socket.packets_received, 0)
