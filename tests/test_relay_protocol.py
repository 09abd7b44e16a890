"""The relay on a network in memory: what it relays, for how long, and what it drops."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay_plane.grants import EndReason
from gamenet.wire.stun import (
    MessageClass,
    StunMessage,
    decode,
    encode,
)
from gamenet.wire.turn import (
    DATA,
    DONT_FRAGMENT,
    EVEN_PORT,
    REFRESH,
    RESERVATION_TOKEN,
    SEND_INDICATION,
    encodeChannelData,
    encodeEvenPort,
    encodeSendIndication,
    readIndication,
)
from tests.relay_desk import peerAttribute
from tests.relay_scene import GONE, RELAY, Peer, RawClient, Scene


class RelayTests(SynchronousTestCase):
    """One client, one peer."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.counters = self.scene.server.counters
        self.client = RawClient(self.scene, "198.51.100.1")
        self.peer = Peer(self.scene)
        self.relayed = self.client.allocate()
        self.client.received.clear()

    def expired(self) -> int:
        """Return how many allocations have expired."""
        return self.counters.allocations_ended[EndReason.EXPIRED]

    def indication(self, data: bytes) -> bytes:
        """Return a Send indication to the peer."""
        return encodeSendIndication(bytes(12), self.peer.address, data)

    def test_indications(self) -> None:
        """Send goes out from the relayed address; what comes back is a Data indication."""
        self.client.permit(self.peer.address)
        self.client.put(self.indication(b"there"))
        self.assertEqual(self.peer.received, [(b"there", self.relayed)])
        self.peer.send(b"and back", self.relayed)
        self.assertEqual(readIndication(self.client.answer()), (self.peer.address, b"and back"))
        self.assertEqual(
            (self.counters.packets_from_clients, self.counters.bytes_from_clients), (1, 5)
        )
        self.assertEqual(
            (self.counters.packets_to_clients, self.counters.bytes_to_clients), (1, 8)
        )

    def test_channels(self) -> None:
        """ChannelData both ways, empty and large payloads, padded or not."""
        self.assertEqual(self.client.bind(0x4001, self.peer.address), 0)
        for payload in (b"", b"a", bytes(65_507 - 4)):
            self.client.put(encodeChannelData(0x4001, payload))
            self.assertEqual(self.peer.received[-1], (payload, self.relayed))
            self.peer.send(payload, self.relayed)
            self.assertEqual(self.client.received[-1], encodeChannelData(0x4001, payload))
        self.client.put(encodeChannelData(0x4001, b"a") + b"\0\0\0")
        self.assertEqual(self.peer.received[-1], (b"a", self.relayed))
        self.assertEqual(self.scene.dropped(), {})

    def test_rfc5766Channels(self) -> None:
        """Channels beyond 0x4FFF are carried, as the default setting allows."""
        for number in (0x5000, 0x7FFF):
            peer = Peer(self.scene, "198.51.100.51")
            self.assertEqual(self.client.bind(number, peer.address), 0)
            self.client.put(encodeChannelData(number, b"x"))
            self.assertEqual(peer.received, [(b"x", self.relayed)])

    def test_stranger(self) -> None:
        """A stranger's port on a permitted address becomes a Data indication."""
        self.client.bind(0x4000, self.peer.address)
        stranger = Peer(self.scene)
        stranger.send(b"hello", self.relayed)
        self.assertEqual(
            readIndication(self.client.answer()), (stranger.address, b"hello")
        )

    def test_beforePermission(self) -> None:
        """"Data before permission dropped both ways"."""
        self.client.put(self.indication(b"x"))
        self.client.put(encodeChannelData(0x4000, b"x"))
        self.peer.send(b"x", self.relayed)
        self.assertEqual((self.peer.received, self.client.received), ([], []))
        self.assertEqual(self.scene.dropped(), {"no_permission": 2, "no_channel": 1})

    def test_permissionExpiry(self) -> None:
        """"Permission expiry 300 s", both ways."""
        self.client.permit(self.peer.address)
        self.client.received.clear()
        self.scene.network.advance(299.0)
        self.peer.send(b"x", self.relayed)
        self.assertEqual(len(self.client.received), 1)
        self.scene.network.advance(1.0)
        self.peer.send(b"x", self.relayed)
        self.client.put(self.indication(b"x"))
        self.assertEqual((len(self.client.received), self.peer.received), (1, []))

    def test_expiry(self) -> None:
        """An allocation that nobody refreshes ends with its socket; one timer does it."""
        self.client.bind(0x4000, self.peer.address)
        self.assertEqual(self.scene.relayedPorts(), [self.relayed[1]])
        self.assertEqual(len(self.scene.network.clock.getDelayedCalls()), 1)
        self.scene.network.advance(599.0)
        self.assertEqual(self.scene.relayedPorts(), [self.relayed[1]])
        self.scene.network.advance(1.0)
        self.assertEqual(self.scene.relayedPorts(), [])
        self.assertEqual(
            (self.counters.allocations_active, self.expired()), (0, 1)
        )
        self.assertEqual(self.scene.network.clock.getDelayedCalls(), [])

    def test_lateTimer(self) -> None:
        """Where the timer comes late, whoever asks meets no allocation that has ended."""
        self.scene.network.clock.rightNow += 600.0
        self.client.received.clear()
        self.assertEqual(self.client.ask(REFRESH), 437)
        self.assertEqual(self.scene.relayedPorts(), [])
        self.assertEqual(self.expired(), 1)
        self.client.allocate()
        self.assertEqual(self.counters.allocations_total, 2)

    def test_refreshed(self) -> None:
        """A refreshed one does not."""
        for _ in range(10):
            self.scene.network.advance(500.0)
            self.assertEqual(self.client.ask(REFRESH), 0)
        self.assertEqual(self.scene.relayedPorts(), [self.relayed[1]])
        self.assertEqual(self.expired(), 0)
        self.assertEqual((self.counters.allocations_active, self.counters.bindings), (1, 0))

    def test_delete(self) -> None:
        """A deletion closes the socket at once; what comes later meets nobody."""
        self.client.permit(self.peer.address)
        self.assertEqual(self.client.ask(REFRESH, GONE), 0)
        self.assertEqual(self.scene.relayedPorts(), [])
        self.client.put(self.indication(b"x"))
        self.assertEqual(self.scene.dropped(), {"no_allocation": 1})
        self.assertEqual(self.counters.allocations_active, 0)
        self.assertEqual((self.counters.allocations_total, self.expired()), (1, 0))

    def test_retransmission(self) -> None:
        """An Allocate that is heard twice opens one port, and is counted once."""
        client = RawClient(self.scene, "198.51.100.2")
        client.allocate()
        sent = [data for data, source, _ in self.scene.network.carried if source == client.address]
        answer = client.received[-1]
        client.put(sent[-1])
        self.assertEqual(client.received[-1], answer)
        self.assertEqual(len(self.scene.relayedPorts()), 2)
        self.assertEqual(self.counters.allocations_total, 2)

    def test_deleteLoop(self) -> None:
        """"Allocation delete loop keeps port pool constant", with every kind of EVEN-PORT."""
        for attributes in ((), ((EVEN_PORT, encodeEvenPort(False)),)) * 3:
            client = RawClient(self.scene, "198.51.100.3")
            relayed = client.allocate(attributes)
            self.assertEqual(self.scene.relayedPorts(), sorted([self.relayed[1], relayed[1]]))
            client.ask(REFRESH, GONE)
            self.assertEqual(self.scene.relayedPorts(), [self.relayed[1]])

    def test_reservedPort(self) -> None:
        """A reserved port hears nobody, and is closed after 30 s without an allocation."""
        client = RawClient(self.scene, "198.51.100.3")
        even = client.allocate(((EVEN_PORT, encodeEvenPort(True)),))
        self.assertEqual(even[1] % 2, 0)
        token = client.answer().first(RESERVATION_TOKEN) or b""
        self.assertEqual(len(token.strip(b"\0")), 8)
        self.assertIn(even[1] + 1, self.scene.relayedPorts())
        self.peer.send(b"x", (even[0], even[1] + 1))
        self.assertEqual(self.scene.dropped(), {"no_allocation": 1})
        self.scene.network.advance(29.9)
        self.assertIn(even[1] + 1, self.scene.relayedPorts())
        self.scene.network.advance(0.1)
        self.assertNotIn(even[1] + 1, self.scene.relayedPorts())
        self.assertIn(even[1], self.scene.relayedPorts())

    def test_ownAddresses(self) -> None:
        """"Peer = own relay address": a client reaches another's relayed address, and its own."""
        other = RawClient(self.scene, "198.51.100.2", "bob")
        relayed = other.allocate()
        self.assertEqual(other.permit(self.relayed), 0)
        self.assertEqual(self.client.bind(0x4000, relayed), 0)
        self.client.put(encodeChannelData(0x4000, b"x"))
        self.assertEqual(readIndication(other.answer()), (self.relayed, b"x"))
        self.assertEqual(self.client.bind(0x4001, self.relayed), 0)
        self.client.put(encodeChannelData(0x4001, b"self"))
        self.assertEqual(self.client.received[-1], encodeChannelData(0x4001, b"self"))

    def test_ownListener(self) -> None:
        """"Peer = server listener": the relay cannot be made to talk to itself."""
        self.assertEqual(self.client.permit((RELAY[0], 0)), 0)
        before = len(self.scene.network.carried)
        for port in (3478, 22):
            self.client.put(encodeSendIndication(bytes(12), (RELAY[0], port), b"x"))
        self.assertEqual(len(self.scene.network.carried), before + 2)
        self.assertEqual(self.scene.dropped(), {"peer_forbidden": 2})

    def test_badIndications(self) -> None:
        """Send without peer, without data, with what must be understood: dropped, counted."""
        self.client.permit(self.peer.address)
        self.client.received.clear()
        peer = peerAttribute(self.peer.address, bytes(12))
        for attributes in (
            (peer,),
            ((DATA, b"x"),),
            (peer, (DATA, b"x"), (0x0003, b"")),
        ):
            message = StunMessage(SEND_INDICATION, MessageClass.INDICATION, bytes(12), attributes)
            self.client.put(encode(message))
        good = (peer, (DATA, b"x"), (DONT_FRAGMENT, b""), (0x8003, b""))
        message = StunMessage(SEND_INDICATION, MessageClass.INDICATION, bytes(12), good)
        self.client.put(encode(message))
        self.assertEqual(self.peer.received, [(b"x", self.relayed)])
        self.assertEqual(self.scene.dropped(), {"malformed": 2, "unknown_attribute": 1})
        self.assertEqual(self.client.received, [])

    def test_sendFails(self) -> None:
        """What the system does not take is dropped and counted."""
        self.client.permit(self.peer.address)
        self.scene.network.settle()
        (port,) = self.scene.relayedPorts()
        self.scene.machine.sockets[port].open = False
        self.client.put(self.indication(b"x"))
        self.assertEqual(self.scene.dropped(), {"send_failed": 1})
        self.assertEqual(self.counters.packets_from_clients, 0)
        self.scene.machine.sockets[port].open = True
        self.scene.machine.sockets[RELAY[1]].open = False
        self.peer.send(b"x", self.relayed)
        self.assertEqual(self.scene.dropped(), {"send_failed": 2})
        self.assertEqual(self.counters.packets_to_clients, 0)

    def test_largestFromPeer(self) -> None:
        """The largest datagram of a peer does not fit into an indication: dropped, counted."""
        self.client.permit(self.peer.address)
        self.peer.send(bytes(65_507), self.relayed)
        self.assertEqual(self.scene.dropped(), {"send_failed": 1})

    def test_indicationIds(self) -> None:
        """Data indications have transaction ids of their own."""
        self.client.permit(self.peer.address)
        self.client.received.clear()
        self.peer.send(b"1", self.relayed)
        self.peer.send(b"2", self.relayed)
        ids = [decode(data).transaction_id for data in self.client.received]
        self.assertEqual(len(dict.fromkeys(ids)), 2)
