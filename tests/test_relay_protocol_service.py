"""The relay on a network in memory: starting, stopping, and whoever comes by."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CannotBind, LocalProtocolError
from gamenet.interfaces import DatagramReceiver, IDatagramSocket
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    encode,
    encodeBindingRequest,
    readBindingAddress,
)
from gamenet.wire.turn import (
    EVEN_PORT,
    REFRESH,
    encodeDataIndication,
    encodeEvenPort,
    encodeSendIndication,
)
from tests.memory_machine import MemoryMachine, MemoryNetwork, MemorySocket
from tests.relay_desk import SECRET
from tests.relay_scene import GONE, RELAY, Peer, RawClient, Scene

OTHER = "192.0.2.77"


def _openAnywhere(
    machine: MemoryMachine,
    opened: list[str],
    receiver: DatagramReceiver,
    interface: str = "",
    port: int = 0,
) -> IDatagramSocket:
    """Open a socket at whatever interface, and note which."""
    opened.append(interface)
    socket = machine.sockets[port] = MemorySocket(machine, receiver, interface, port)
    return socket


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
        client.put(encode(StunMessage(0x0FF, MessageClass.REQUEST, bytes(12))))
        client.put(encodeDataIndication(bytes(12), client.address, b"x"))
        self.assertEqual(client.received, [])
        self.assertEqual(scene.dropped()["not_a_request"], 3)
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
        table = scene.server._table
        for kept in (
            table._by_flow,
            table._dues,
            table.quotas._users.by_name,
            table.quotas._addresses.by_name,
            scene.server._plane.routing._clients,  # type: ignore[union-attr]
            scene.server._plane._ports,  # type: ignore[union-attr]
        ):
            self.assertEqual(len(kept), 0)

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
        clients[0].ask(REFRESH, GONE)
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
        anywhere, here = (("0.0.0.0", 3478),), ((RELAY[0], 3478),)
        for settings_, host in (
            (RelaySettings((SECRET,), relay_addresses=(RELAY[0],), udp=anywhere), RELAY[0]),
            (RelaySettings((SECRET,), udp=here), RELAY[0]),
            (RelaySettings((SECRET,), udp=anywhere), OTHER),
            (RelaySettings((SECRET,), relay_addresses=("0.0.0.0",)), OTHER),
            (RelaySettings((SECRET,)), OTHER),
        ):
            machine = MemoryNetwork().machine(RELAY[0])
            machine.sourceAddress = lambda destination: OTHER
            opened = []
            machine.openDatagramSocket = partial(_openAnywhere, machine, opened)
            server = RelayServer(machine, settings_)
            server.start()
            self.assertEqual(server.relay_hosts, (host,))
            self.assertEqual(opened[0], host)

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
        desk = scene.server._desk
        authenticator = desk.authenticator
        self.assertEqual(authenticator.realm, "elsewhere")
        self.assertEqual(authenticator.credentials.secrets, (SECRET,))
        self.assertEqual(authenticator.nonces.lifetime, 7.0)
        reservations = desk.methods.allocating.reservations
        self.assertEqual((reservations.limit, reservations.lifetime), (3, 9.0))
        self.assertEqual(desk.methods.last_channel, 0x4FFF)
        self.assertEqual((desk.budget.rate, desk.budget.burst), (5.0, 6.0))
        (ports,) = scene.server._plane._hosts.values()  # type: ignore[union-attr]
        self.assertEqual(ports.attempts, 2)
        self.assertNotEqual(authenticator.nonces.key, desk.budget.key)

    def test_logs(self) -> None:
        """"No credential logging", and hostile usernames harmless: neither is in any log line."""
        with capturedLogs() as events:
            scene = Scene()
            client = RawClient(scene, "198.51.100.1", "%s{user}\n\0")
            client.allocate()
            client.ask(REFRESH, GONE)
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
