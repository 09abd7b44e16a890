"""
A relay behind a 1:1 NAT: it is opened at one address and known by another.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CannotBind
from gamenet.interfaces import Address
from gamenet.relay.relay_hosts import relayHosts
from gamenet.relay.settings import RelaySettings
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.wire.turn import (
    IPV4_FAMILY,
    IPV6_FAMILY,
    encodeChannelData,
    encodeSendIndication,
    readIndication,
)
from tests.memory_machine import Datagram, MemoryNetwork
from tests.relay_desk import SECRET
from tests.relay_scene import RELAY, Peer, RawClient, Scene

EXTERNAL = "198.51.100.200"


def translate(datagram: Datagram) -> Iterable[Datagram]:
    """Do what the NAT does with what comes for the external address."""
    data, source, target = datagram
    if target[0] == EXTERNAL:
        target = RELAY[0], target[1]
    elif source[0] == RELAY[0] and source[1] != RELAY[1]:
        source = EXTERNAL, source[1]
    yield data, source, target


class ExternalTests(SynchronousTestCase):
    """External address behind a 1:1 NAT."""

    def scene(self, short_cut: bool) -> Scene:
        """Return a relay behind its NAT."""
        scene = Scene(
            RelaySettings((SECRET,), external_addresses=(EXTERNAL,), short_cut=short_cut)
        )
        scene.network.tamper = translate
        return scene

    def test_strangers(self) -> None:
        """Clients and peers know the external form."""
        scene = self.scene(True)
        client = RawClient(scene, "198.51.100.1")
        peer = Peer(scene)
        relayed = client.allocate()
        self.assertEqual(relayed[0], EXTERNAL)
        self.assertEqual(client.bind(0x4000, peer.address), 0)
        client.put(encodeChannelData(0x4000, b"there"))
        self.assertEqual(peer.received, [(b"there", relayed)])
        peer.send(b"back", relayed)
        self.assertEqual(client.received[-1], encodeChannelData(0x4000, b"back"))

    def test_eachOther(self) -> None:
        """
        "A live relayed address of this relay (its external form too) is allowed": by channel and
        by indication, by either form, with the short cut and without.
        """
        for short_cut in (True, False):
            for local in (True, False):
                scene = self.scene(short_cut)
                one = RawClient(scene, "198.51.100.1", "one")
                other = RawClient(scene, "198.51.100.2", "other")
                here, there = one.allocate(), other.allocate()
                form = RELAY[0] if local else EXTERNAL
                self.assertEqual(one.bind(0x4000, (form, there[1])), 0)
                self.assertEqual(other.permit((form, here[1])), 0)
                one.put(encodeChannelData(0x4000, b"1"))
                self.assertEqual(readIndication(other.answer()), (here, b"1"))
                self.assertEqual(other.bind(0x4001, (form, here[1])), 0)
                one.put(encodeChannelData(0x4000, b"2"))
                self.assertEqual(other.received[-1], encodeChannelData(0x4001, b"2"))
                other.put(encodeSendIndication(bytes(12), (form, here[1]), b"3"))
                self.assertEqual(one.received[-1], encodeChannelData(0x4000, b"3"))
                short = scene.server.counters.short_cut_packets
                self.assertEqual(short, 3 if short_cut else 0)
                self.assertEqual(scene.dropped(), {})

    def test_onlyLive(self) -> None:
        """"Every other port of ours is not", in either form."""
        scene = self.scene(True)
        client = RawClient(scene, "198.51.100.1")
        client.allocate()
        for host in (EXTERNAL, RELAY[0]):
            for port in (3478, 22, 40_777):
                self.assertEqual(client.bind(0x4002, (host, port)), 403)

    def test_sameChannel(self) -> None:
        """Both forms are one peer: a second channel to it is refused."""
        scene = self.scene(True)
        one = RawClient(scene, "198.51.100.1", "one")
        there = RawClient(scene, "198.51.100.2", "other")
        one.allocate()
        port = there.allocate()[1]
        self.assertEqual(one.bind(0x4000, (EXTERNAL, port)), 0)
        self.assertEqual(one.bind(0x4001, (RELAY[0], port)), 400)
        self.assertEqual(one.bind(0x4000, (RELAY[0], port)), 0)


class RelayHostsTests(SynchronousTestCase):
    """Where relayed ports are, for each family."""

    def hosts(self, reachable: bool = True, **settings: object) -> dict[int, RelayHost]:
        """Return the hosts under some settings, on a machine that reaches IPv6 or not."""
        machine = MemoryNetwork().machine(RELAY[0])

        def sourceAddress(destination: str) -> str:
            if ":" not in destination:
                return RELAY[0]
            if not reachable:
                raise CannotBind("no route")
            return "2001:db8::2"

        machine.sourceAddress = sourceAddress  # type: ignore[method-assign]
        return relayHosts(RelaySettings((SECRET,), **settings), machine)  # type: ignore[arg-type]

    def test_listeners(self) -> None:
        """Where it listens decides, and for all of a family the way to the Internet."""
        four: Address = ("", 3478)
        six: Address = ("::", 3478)
        named: Address = ("2001:db8::7", 3478)
        for udp, hosts in (
            ((four,), {IPV4_FAMILY: RELAY[0]}),
            ((four, six), {IPV4_FAMILY: RELAY[0], IPV6_FAMILY: "2001:db8::2"}),
            ((six,), {IPV6_FAMILY: "2001:db8::2"}),
            ((named,), {IPV6_FAMILY: "2001:db8::7"}),
            ((("198.51.100.8", 1), named), {IPV4_FAMILY: "198.51.100.8", IPV6_FAMILY: named[0]}),
        ):
            found = self.hosts(udp=udp)
            self.assertEqual({family: host.local for family, host in found.items()}, hosts)
            self.assertEqual({family: host.told for family, host in found.items()}, hosts)

    def test_streamsOnly(self) -> None:
        """A relay that listens over TCP alone relays from where the Internet is reached."""
        self.assertEqual(list(self.hosts(udp=(), listen=("tcp:1",))), [IPV4_FAMILY])

    def test_noRoute(self) -> None:
        """IPv6 that nobody asked for by name is left out where there is no way; else refused."""
        self.assertEqual(list(self.hosts(False, udp=(("", 1), ("::", 1)))), [IPV4_FAMILY])
        self.assertRaises(CannotBind, self.hosts, False, udp=(("::", 1),))
        self.assertRaises(CannotBind, self.hosts, False, relay_addresses=("::",))

    def test_chosen(self) -> None:
        """Addresses that are set come first, each family on its own."""
        found = self.hosts(relay_addresses=("198.51.100.8", "2001:db8::9"))
        self.assertEqual([host.local for host in found.values()], ["198.51.100.8", "2001:db8::9"])
        found = self.hosts(relay_addresses=("2001:db8::9",))
        self.assertEqual([host.local for host in found.values()], [RELAY[0], "2001:db8::9"])

    def test_told(self) -> None:
        """What is told stands beside its local address, or is refused by name."""
        found = self.hosts(external_addresses=(EXTERNAL,))
        self.assertEqual(found[IPV4_FAMILY].told, EXTERNAL)
        error = self.assertRaises(CannotBind, self.hosts, external_addresses=("2001:db8::9",))
        self.assertIn("2001:db8::9", str(error))
