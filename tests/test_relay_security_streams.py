"""
Section 5 of the security list, on streams: slow, silent and greedy clients over TCP and TLS.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings, StreamLimits
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    IPV6_FAMILY,
    encodeAddressFamily,
    encodeChannelData,
    encodeSendIndication,
)
from tests.relay_bytes import checkEmitted, errorCodeOf, rawMessage
from tests.relay_desk import SECRET, allocateAttributes
from tests.relay_hosts_scene import HostsScene
from tests.relay_scene import GONE, Peer, Scene
from tests.test_relay_streams import FullTransport, StreamClient

_SILENCE = 30.0


class LateTransport(FullTransport):
    """A transport that tells of its end some time after it was aborted, as real ones do."""

    def abortConnection(self) -> None:
        """Note it only."""
        self.aborted = True


class SilentTests(SynchronousTestCase):
    """"Slowloris", "state before auth": no stream without an allocation lasts."""

    def closedAfter(self, scene: Scene, client: StreamClient, seconds: float) -> None:
        """Assert when a stream is closed."""
        scene.network.advance(seconds - 0.1)
        self.assertFalse(client.transport.aborted)
        scene.network.advance(0.2)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(len(scene.server.streams), 0)

    def test_asking(self) -> None:
        """Requests that prove nothing, Binding and indications do not make it longer."""
        scene = Scene()
        client = StreamClient(scene)
        for _ in range(29):
            client.put(rawMessage(3))
            client.put(rawMessage(1))
            client.put(encodeSendIndication(bytes(12), ("198.51.100.1", 1), b"x"))
            client.put(encodeChannelData(0x4000, b"four"))
            scene.network.advance(1.0)
        self.closedAfter(scene, client, 1.0)

    def test_reservationLapses(self) -> None:
        """A reserved port that lapses is no allocation: a stream without one is closed."""
        scene = Scene(RelaySettings((SECRET,), reservation_lifetime=10.0))
        client = StreamClient(scene)
        self.assertEqual(client.ask(3, (*allocateAttributes(), (0x0018, b"\x80"))), 0)
        self.assertEqual(client.ask(4, GONE), 0)
        self.closedAfter(scene, client, _SILENCE)
        self.assertEqual(scene.relayedPorts(), [])
        self.assertEqual(scene.server.counters.reservations_active, 0)

    def test_inVain(self) -> None:
        """An Allocate for which no port is left leaves a stream without an allocation."""
        scene = HostsScene()
        for host in scene.hosts:
            machine = scene.network.machine(host)
            machine.sockets_limit = len(machine.sockets)
        client = StreamClient(scene)
        both = (ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(IPV6_FAMILY))
        self.assertEqual(client.ask(3, (*allocateAttributes(), both)), 508)
        self.assertEqual(scene.openPorts(), [])
        self.closedAfter(scene, client, _SILENCE)

    def test_comingAndGoing(self) -> None:
        """A quota's refusal and a deletion leave it without one as well."""
        limits = AllocationLimits(allocations_of_user=1)
        scene = Scene(RelaySettings((SECRET,), limits=limits))
        first, second = StreamClient(scene), StreamClient(scene)
        first.allocate()
        self.assertEqual(second.ask(3, allocateAttributes()), 486)
        scene.network.advance(20.0)
        self.assertEqual(first.ask(4, GONE), 0)
        second.allocate()
        scene.network.advance(_SILENCE + 0.1)
        self.assertTrue(first.transport.aborted)
        self.assertFalse(second.transport.aborted)

    def test_longMessages(self) -> None:
        """"Length 65535": only an allocation makes long messages believed, and only while it is."""
        scene = Scene()
        client = StreamClient(scene)
        client.allocate()
        client.put(b"\x40\0\xff\xff" + bytes(50))
        self.assertFalse(client.transport.aborted)
        self.closedAfter(scene, client, 10.0)
        again = StreamClient(scene)
        again.allocate()
        again.ask(4, GONE)
        again.put(b"\x40\0\xff\xff")
        self.assertTrue(again.transport.aborted)

    def test_afterAbort(self) -> None:
        """What comes between the end and the news of it raises nothing, and gets no answer."""
        scene = Scene()
        for broken in (b"\x80\0\0\0", rawMessage(1)[:4] + bytes(16), b"\x40\0\xff\xff"):
            client = StreamClient(scene, IPv4Address("TCP", "198.51.100.9", 5000))
            client.transport.__class__ = LateTransport
            client.put(broken)
            self.assertTrue(client.transport.aborted)
            client.put(rawMessage(1))
            client.put(broken)
            self.assertEqual(client.transport.value(), b"")


class BoundTests(SynchronousTestCase):
    """"Slow and half-open streams bounded by time and count", and what they cost."""

    def test_memory(self) -> None:
        """A thousand that each begin a message keep 2 kB each at most, and are gone after 10 s."""
        limits = StreamLimits(connections=1000, connections_of_address=1000)
        scene = Scene(RelaySettings((SECRET,), streams=limits))
        clients = [
            StreamClient(scene, IPv4Address("TCP", "198.51.100.9", number + 1))
            for number in range(1001)
        ]
        self.assertTrue(clients.pop().transport.aborted)
        for client in clients:
            client.put(b"\x40\0\x07\xfc" + bytes(2000))
        kept = sum(len(client.stream._decoder._buffer) for client in clients)
        self.assertLessEqual(kept, 2048 * 1000)
        scene.network.advance(10.0)
        self.assertEqual(len(scene.server.streams), 0)
        self.assertEqual(scene.network.clock.getDelayedCalls(), [])

    def test_school(self) -> None:
        """
        "A school behind one NAT is one address": 300 clients that connect in one second are
        all answered, though a stranger who forges that address uses up its UDP answers.
        """
        scene = Scene()
        listener = scene.machine.sockets[3478]
        for port in range(200):
            listener.receiver(rawMessage(3), ("198.51.100.9", 1024 + port))
        self.assertEqual(scene.dropped(), {"rate_limited": 100})
        clients = [
            StreamClient(scene, IPv4Address("TCP", "198.51.100.9", 5000 + number))
            for number in range(300)
        ]
        for client in clients:
            client.put(rawMessage(3))
        for client in clients:
            (data,) = client.received
            checkEmitted(data)
            self.assertEqual(errorCodeOf(data), 401)
        self.assertEqual(scene.dropped(), {"rate_limited": 100})

    def test_broken(self) -> None:
        """
        A whole STUN message that decodes badly costs a client neither stream nor allocation;
        what has no magic cookie ends both.
        """
        scene = Scene()
        client = StreamClient(scene)
        client.allocate()
        fingerprint = rawMessage(1, ((0x8028, bytes(4)),))
        crowded = rawMessage(3, ((0x8099, b""),) * 200)
        for number, broken in enumerate((fingerprint, crowded), 1):
            before = len(client.received)
            client.put(broken + rawMessage(1))
            self.assertEqual(scene.dropped(), {"malformed": number})
            self.assertEqual(len(client.received), before + 1)
        self.assertEqual(scene.server.counters.allocations_active, 1)
        client.put(broken[:4] + bytes(4) + broken[8:])
        self.assertTrue(client.transport.aborted)
        self.assertEqual(scene.server.counters.allocations_active, 0)


class OversizeTests(SynchronousTestCase):
    """"Oversize datagram": a stream carries more than any datagram can."""

    def outcome(self, short_cut: bool, make: Callable[[int], bytes]) -> list[object]:
        """Let one stream send to another through two relayed ports, in every long size."""
        scene = Scene(RelaySettings((SECRET,), short_cut=short_cut))
        one, other = StreamClient(scene), StreamClient(scene)
        here, there = one.allocate(), other.allocate()
        self.peer = there
        one.bind(0x4000, there)
        other.bind(0x4000, here)
        before = len(other.received)
        seen: list[object] = []
        for size in (65_400, 65_507, 65_508, 65_512, 65_515):
            one.put(make(size))
            seen.append([len(data) for data in other.received[before:]])
            seen.append(scene.dropped())
        return seen

    def test_channels(self) -> None:
        """ChannelData longer than a datagram is dropped, with the short cut as without."""

        def make(size: int) -> bytes:
            return encodeChannelData(0x4000, bytes(size)) + bytes(-size % 4)

        seen = [self.outcome(short_cut, make) for short_cut in (True, False)]
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0][-1], {"send_failed": 3})
        self.assertEqual(seen[0][-2], [65_404, 65_511])

    def test_indications(self) -> None:
        """Likewise what a Send indication holds."""

        def make(size: int) -> bytes:
            return encodeSendIndication(bytes(12), self.peer, bytes(size - 24))

        seen = [self.outcome(short_cut, make) for short_cut in (True, False)]
        self.assertEqual(seen[0], seen[1])

    def test_toPeers(self) -> None:
        """To a plain peer: the longest passes, and what no datagram holds is counted."""
        scene = Scene()
        client, peer = StreamClient(scene), Peer(scene)
        client.allocate()
        client.bind(0x4000, peer.address)
        for size in (65_507, 65_508, 65_535):
            client.put(encodeChannelData(0x4000, bytes(size)) + bytes(-size % 4))
        self.assertEqual([len(data) for data, _ in peer.received], [65_507])
        self.assertEqual(scene.dropped(), {"send_failed": 2})
