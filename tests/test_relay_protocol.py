"""The relay on a network in memory: what it relays, what it drops, what it counts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CannotBind, LocalProtocolError
from gamenet.interfaces import Address
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingRequest,
    readBindingAddress,
)
from gamenet.wire.turn import (
    DATA,
    DONT_FRAGMENT,
    EVEN_PORT,
    LIFETIME,
    REFRESH,
    RESERVATION_TOKEN,
    SEND_INDICATION,
    encodeChannelData,
    encodeDataIndication,
    encodeEvenPort,
    encodeLifetime,
    encodeSendIndication,
    readIndication,
)
from tests.memory_machine import MemoryNetwork
from tests.relay_desk import SECRET, peerAttribute
from tests.relay_scene import RELAY, RawClient, Scene

_GONE = ((LIFETIME, encodeLifetime(0)),)


class Peer:
    """
    A plain UDP socket somewhere.

    @ivar received: What came, and from where.
    """

    def __init__(self, scene: Scene, host: str = "198.51.100.50") -> None:
        self.received: list[tuple[bytes, Address]] = []
        self.scene = scene
        self.socket = scene.network.machine(host).openDatagramSocket(
            lambda data, source: self.received.append((data, source))
        )
        self.address: Address = (host, self.socket.address[1])

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram and let it arrive."""
        self.socket.send(data, address)
        self.scene.network.settle()


class RelayTests(SynchronousTestCase):
    """One client, one peer."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.counters = self.scene.server.counters
        self.client = RawClient(self.scene, "198.51.100.1")
        self.peer = Peer(self.scene)
        self.relayed = self.client.allocate()
        self.client.received.clear()

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
            (self.counters.allocations_active, self.counters.allocations_expired), (0, 1)
        )
        self.assertEqual(self.scene.network.clock.getDelayedCalls(), [])

    def test_lateTimer(self) -> None:
        """Where the timer comes late, whoever asks meets no allocation that has ended."""
        self.scene.network.clock.rightNow += 600.0
        self.client.received.clear()
        self.assertEqual(self.client.ask(REFRESH), 437)
        self.assertEqual(self.scene.relayedPorts(), [])
        self.assertEqual(self.counters.allocations_expired, 1)
        self.client.allocate()
        self.assertEqual(self.counters.allocations_total, 2)

    def test_refreshed(self) -> None:
        """A refreshed one does not."""
        for _ in range(10):
            self.scene.network.advance(500.0)
            self.assertEqual(self.client.ask(REFRESH), 0)
        self.assertEqual(self.scene.relayedPorts(), [self.relayed[1]])
        self.assertEqual(self.counters.allocations_expired, 0)
        self.assertEqual((self.counters.allocations_active, self.counters.bindings), (1, 0))

    def test_delete(self) -> None:
        """A deletion closes the socket at once; what comes later meets nobody."""
        self.client.permit(self.peer.address)
        self.assertEqual(self.client.ask(REFRESH, _GONE), 0)
        self.assertEqual(self.scene.relayedPorts(), [])
        self.client.put(self.indication(b"x"))
        self.assertEqual(self.scene.dropped(), {"no_allocation": 1})
        self.assertEqual(self.counters.allocations_active, 0)
        self.assertEqual((self.counters.allocations_total, self.counters.allocations_expired),
                         (1, 0))

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
            client.ask(REFRESH, _GONE)
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


class ServerTests(SynchronousTestCase):
    """Starting, stopping, and whoever comes by."""

    def test_binding(self) -> None:
        """Binding is answered without credentials, and counted."""
        scene = Scene()
        client = RawClient(scene, "198.51.100.1")
        client.put(encodeBindingRequest(bytes(12)))
        self.assertEqual(readBindingAddress(client.answer()), client.address)
        self.assertEqual(scene.server.counters.bindings, 1)

    def test_garbage(self) -> None:
        """"Non-STUN garbage: silence, counted", by what it looks like."""
        scene = Scene()
        client = RawClient(scene, "198.51.100.1")
        for first in range(256):
            client.put(bytes([first]) + b"garbage of any kind, long enough")
        client.put(b"")
        self.assertEqual(client.received, [])
        self.assertEqual(scene.dropped(), {"malformed": 4 + 64, "not_stun": 256 - 68 + 1})
        for message_class in (MessageClass.INDICATION, MessageClass.SUCCESS, MessageClass.ERROR):
            client.put(encode(StunMessage(BINDING, message_class, bytes(12))))
        client.put(encode(StunMessage(0x00A, MessageClass.REQUEST, bytes(12))))
        client.put(encodeDataIndication(bytes(12), client.address, b"x"))
        self.assertEqual(client.received, [])
        self.assertEqual(scene.dropped()["not_a_request"], 4)
        self.assertEqual(scene.dropped()["unknown_method"], 1)
        self.assertEqual(scene.server.counters.unauthenticated, 0)

    def test_unauthenticated(self) -> None:
        """Who proves nothing is counted, challenged, and soon met with silence; nothing is kept."""
        scene = Scene(RelaySettings((SECRET,), refusals_burst=3.0, refusals_per_second=1.0))
        client = RawClient(scene, "198.51.100.1")
        request = encode(StunMessage(3, MessageClass.REQUEST, bytes(12)))
        for _ in range(5):
            client.put(request)
        counters = scene.server.counters
        self.assertEqual(len(client.received), 3)
        self.assertEqual((counters.unauthenticated, counters.refused), (5, {401: 3}))
        self.assertEqual(scene.dropped(), {"rate_limited": 2})
        self.assertEqual(scene.network.clock.getDelayedCalls(), [])
        scene.network.advance(1.0)
        client.put(request)
        self.assertEqual(len(client.received), 4)

    def test_spoofed(self) -> None:
        """20 000 spoofed requests leave not one object behind (GHSA-5x2p, coturn #1999)."""
        scene = Scene()
        listener = scene.machine.sockets[RELAY[1]]
        request = encode(StunMessage(3, MessageClass.REQUEST, bytes(12)))
        for number in range(20_000):
            listener.receiver(request, (f"10.{number >> 8}.{number & 255}.1", 1 + number))
        scene.network.carried.clear()
        self.assertEqual(scene.server.counters.unauthenticated, 20_000)
        self.assertEqual(scene.network.clock.getDelayedCalls(), [])
        self.assertEqual(list(scene.machine.sockets), [RELAY[1]])
        for table in (
            scene.server._table._by_client,
            scene.server._table._count_of,
            scene.server._table._dues,
            scene.server._reservations._by_token,
            scene.server._ports.sockets,
        ):
            self.assertEqual(len(table), 0)

    def test_refusedByCode(self) -> None:
        """Refusals are counted by code."""
        scene = Scene()
        client = RawClient(scene, "198.51.100.1")
        self.assertEqual(client.ask(REFRESH), 437)
        self.assertEqual(client.permit(("192.0.2.1", 1)), 437)
        self.assertEqual(scene.server.counters.refused, {401: 2, 437: 2})
        self.assertEqual(scene.server.counters.unauthenticated, 2)

    def test_quotas(self) -> None:
        """486 per user, as it is set."""
        limits = AllocationLimits(allocations_of_user=1)
        scene = Scene(RelaySettings((SECRET,), limits=limits))
        RawClient(scene, "198.51.100.1").allocate()
        self.assertEqual(RawClient(scene, "198.51.100.1").ask(3, ((0x19, b"\x11\0\0\0"),)), 486)
        RawClient(scene, "198.51.100.1", "bob").allocate()

    def test_exhaustion(self) -> None:
        """508 when the system opens no more sockets, and no more than the asked for is tried."""
        scene = Scene()
        scene.machine.sockets_limit = 2
        RawClient(scene, "198.51.100.1").allocate()
        client = RawClient(scene, "198.51.100.1")
        self.assertEqual(client.ask(3, ((0x19, b"\x11\0\0\0"),)), 508)
        self.assertEqual(scene.server.counters.allocations_active, 1)

    def test_portRange(self) -> None:
        """Relayed ports come from the range that is set, until it is empty, and go back to it."""
        scene = Scene(RelaySettings((SECRET,), port_range=(50_000, 50_002)))
        clients = [RawClient(scene, "198.51.100.1") for _ in range(4)]
        ports = sorted(client.allocate()[1] for client in clients[:3])
        self.assertEqual(ports, [50_000, 50_001, 50_002])
        self.assertEqual(clients[3].ask(3, ((0x19, b"\x11\0\0\0"),)), 508)
        clients[0].ask(REFRESH, _GONE)
        self.assertIn(clients[3].allocate()[1], ports)

    def test_stop(self) -> None:
        """Everything is closed, no timer is left, and stopping twice is harmless."""
        scene = Scene()
        RawClient(scene, "198.51.100.1").allocate(((EVEN_PORT, encodeEvenPort(True)),))
        scene.server.stop()
        scene.server.stop()
        self.assertEqual(scene.machine.sockets, {})
        self.assertEqual(scene.network.clock.getDelayedCalls(), [])
        self.assertEqual(scene.server.counters.allocations_active, 0)
        scene.server.start()
        RawClient(scene, "198.51.100.1").allocate()
        scene.network.advance(600.0)
        self.assertEqual(scene.relayedPorts(), [])

    def test_stopWithout(self) -> None:
        """A relay that was never started can be stopped; one that is cannot be started again."""
        network = MemoryNetwork()
        server = RelayServer(network.machine(RELAY[0]), RelaySettings((SECRET,)))
        server.stop()
        server.start()
        self.assertRaises(LocalProtocolError, server.start)
        self.assertEqual(server.address, ("0.0.0.0", 3478))

    def test_cannotBind(self) -> None:
        """A port that is taken is told by name, and can be tried again."""
        scene = Scene()
        other = RelayServer(scene.machine, RelaySettings((SECRET,)))
        self.assertRaises(CannotBind, other.start)
        scene.server.stop()
        other.start()

    def test_relayHost(self) -> None:
        """Relayed addresses are where it is set; else where it listens; else the machine's own."""
        for settings_, host in (
            (RelaySettings((SECRET,), relay_address=RELAY[0], interface="0.0.0.0"), RELAY[0]),
            (RelaySettings((SECRET,), interface=RELAY[0]), RELAY[0]),
            (RelaySettings((SECRET,), interface="0.0.0.0"), "192.0.2.77"),
            (RelaySettings((SECRET,), relay_address="0.0.0.0"), "192.0.2.77"),
            (RelaySettings((SECRET,)), "192.0.2.77"),
        ):
            machine = MemoryNetwork().machine(RELAY[0])
            machine.sourceAddress = lambda destination: "192.0.2.77"
            server = RelayServer(machine, settings_)
            server.start()
            self.assertEqual(server.relay_host, host)
            policy = server._table.policy
            self.assertEqual(policy.own_hosts, (host,))
            self.assertEqual(policy.listener_ports, (3478,))

    def test_ownAddresses(self) -> None:
        """Further addresses of the machine are guarded too."""
        settings_ = RelaySettings((SECRET,), own_addresses=("198.51.100.99",))
        scene = Scene(settings_)
        client = RawClient(scene, "198.51.100.1")
        client.allocate()
        self.assertEqual(client.bind(0x4000, ("198.51.100.99", 80)), 403)
        self.assertEqual(client.bind(0x4000, ("198.51.100.98", 80)), 0)

    def test_settingsReachTheDesk(self) -> None:
        """Realm, secrets, nonce lifetime, reservations and last channel are those set."""
        scene = Scene(
            RelaySettings(
                (SECRET,), realm="elsewhere", nonce_lifetime=7.0, reservations=3,
                reservation_lifetime=9.0, last_channel=0x4FFF, refusals_per_second=5.0,
                refusals_burst=6.0, open_attempts=2,
            )
        )
        server = scene.server
        authenticator = server._requests.authenticator
        self.assertEqual((authenticator.realm, authenticator.secrets), ("elsewhere", (SECRET,)))
        self.assertEqual(authenticator.nonces.lifetime, 7.0)
        self.assertEqual((server._reservations.limit, server._reservations.lifetime), (3, 9.0))
        self.assertEqual(server._requests.methods.last_channel, 0x4FFF)
        budget = server._requests.budget
        self.assertEqual((budget.rate, budget.burst, server._ports.attempts), (5.0, 6.0, 2))
        self.assertNotEqual(authenticator.nonces.key, budget.key)

    def test_logs(self) -> None:
        """"No credential logging", and hostile usernames harmless: neither is in any log line."""
        with capturedLogs() as events:
            scene = Scene()
            client = RawClient(scene, "198.51.100.1", "%s{user}\n\0")
            client.allocate()
            client.ask(REFRESH, _GONE)
            scene.server.stop()
        lines = [formatEvent(event) for event in events]
        self.assertEqual(len(lines), 3)
        for line in lines:
            for word in ("%s", "{", "\n", "user", client.nonce.decode(), SECRET.decode()):
                self.assertNotIn(word, line)
        self.assertIn("198.51.100.1", lines[1])

    def test_wallClock(self) -> None:
        """Only credentials look at the wall clock: a step of it disturbs no allocation."""
        scene = Scene()
        client = RawClient(scene, "198.51.100.1")
        relayed = client.allocate()
        scene.machine.wall_offset += 10 * 365 * 86_400.0
        self.assertEqual(client.ask(REFRESH), 0)
        scene.machine.wall_offset -= 20 * 365 * 86_400.0
        scene.network.advance(599.0)
        self.assertEqual(scene.relayedPorts(), [relayed[1]])


class FuzzTests(SynchronousTestCase):
    """"Nothing may raise to the socket for any network input"."""

    @given(
        st.lists(
            st.tuples(st.sampled_from(("client", "peer", "stranger")), st.binary(max_size=80)),
            max_size=10,
        )
    )
    @settings(deadline=None, max_examples=100)
    def test_arbitraryDatagrams(self, datagrams: list[tuple[str, bytes]]) -> None:
        """Any bytes, to the listener and to a relayed port, raise nothing."""
        scene = Scene()
        client = RawClient(scene, "198.51.100.1")
        relayed = client.allocate()
        peer = Peer(scene)
        client.bind(0x4000, peer.address)
        stranger = Peer(scene, "198.51.100.60")
        for who, data in datagrams:
            if who == "client":
                client.put(data)
                client.put(b"\x40\0" + data)
            elif who == "peer":
                peer.send(data, relayed)
            else:
                stranger.send(data, relayed)
                stranger.send(data, RELAY)

    @given(st.data())
    @settings(deadline=None, max_examples=100)
    def test_mutatedDatagrams(self, data: st.DataObject) -> None:
        """Good datagrams with changed, missing and added bytes raise nothing."""
        scene = Scene()
        client = RawClient(scene, "198.51.100.1")
        peer = Peer(scene)
        client.allocate()
        client.bind(0x4000, peer.address)
        client.put(encodeSendIndication(bytes(12), peer.address, b"data"))
        sent = [each for each, source, _ in scene.network.carried if source == client.address]
        for _ in range(data.draw(st.integers(1, 5))):
            changed = bytearray(data.draw(st.sampled_from(sent)))
            for _ in range(data.draw(st.integers(0, 4))):
                changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(
                    st.integers(0, 255)
                )
            end = data.draw(st.integers(0, len(changed)))
            client.put(bytes(changed[:end]) + data.draw(st.binary(max_size=8)))
