"""
Section 5 of the security list, on the wire: which peers a relay never sends to.

CVE-2018-4058, CVE-2020-26262, CVE-2026-27624, coturn b057acbe, #1945, #1946, #1947.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.settings import RelaySettings
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    IPV6_FAMILY,
    encodeAddressFamily,
    encodeChannelData,
    encodeSendIndication,
)
from tests.relay_desk import RELAY_HOST, RELAY_HOST_IPV6, SECRET, peerAttribute
from tests.relay_hosts_scene import ALTERNATE_HOST, HostsScene, dualSettings
from tests.relay_scene import RawClient, Scene

_CLIENT = "198.51.100.1"
_BOTH = ((ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(IPV6_FAMILY)),)

#: Hosts by the name of their form; every one of them is refused by default.
FORMS: dict[str, tuple[str, ...]] = {
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.0.1", "100.64.0.1"),
    "link-local": ("169.254.169.254", "168.63.129.16", "169.254.0.1", "fe80::1", "febf:ffff::1"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),
    "unspecified": ("0.0.0.0", "0.1.2.3", "::"),
    "broadcast": ("255.255.255.255", "240.0.0.1"),
    "IPv4-mapped": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0.0.0.0"),
    "IPv4-compatible": ("::127.0.0.1", "::10.0.0.1", "::8.8.8.8"),
    "IPv4-translated": ("::ffff:0:7f00:1", "::ffff:0:808:808"),
    "6to4": ("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2002:cb00:7102::1"),
    "NAT64": ("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1"),
    "Teredo": ("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001::1", "2001:0:7f00:1::"),
    "ISATAP": (
        "2606:4700::5efe:127.0.0.1",
        "2606:4700::200:5efe:10.0.0.1",
        "2606:4700::100:5efe:169.254.169.254",
        "2606:4700::5efe:203.0.113.2",
    ),
    "ULA": ("fc00::1", "fd12:3456::1"),
    "site-local": ("fec0::1", "feff::1"),
}


class PeerFormTests(SynchronousTestCase):
    """"Canonicalise before checking; test each form", by each way to name a peer."""

    def attack(self, scene: HostsScene, hosts: tuple[str, ...]) -> None:
        """Name hosts as peers in every way; assert that nothing is ever sent there."""
        client = RawClient(scene, _CLIENT)
        client.allocate(_BOTH)
        for host in hosts:
            peer: Address = (host, 7777)
            self.assertEqual(client.permit(peer), 403, f"CreatePermission {host}")
            self.assertEqual(client.permit(("198.51.100.50", 1), peer), 403, f"second {host}")
            self.assertEqual(client.bind(0x4000, peer), 403, f"ChannelBind {host}")
            before = sum(scene.dropped().values())
            client.put(encodeSendIndication(bytes(12), peer, b"attack"))
            client.put(encodeChannelData(0x4000, b"attack"))
            self.assertEqual(sum(scene.dropped().values()), before + 2, f"Send {host}")
        self.assertEqual(scene.sentElsewhere((_CLIENT,)), [])
        counters = scene.server.counters
        self.assertEqual((counters.permissions_active, counters.channels_active), (0, 0))
        self.assertEqual(counters.packets_from_clients, 0)

    def form(self, name: str) -> None:
        """Attack by one form, in a relay as shipped and in one opened for something else."""
        opened = ("192.168.77.0/24", "192.0.2.0/24", "2001:db8:77::/48")
        for allow_peer in ((), opened):
            self.attack(HostsScene(dualSettings(allow_peer=allow_peer)), FORMS[name])

    def test_loopback(self) -> None:
        """CVE-2018-4058, CVE-2020-26262: "peer ... ::1 reach loopback"; 403 each."""
        self.form("loopback")

    def test_private(self) -> None:
        """RFC 1918 and RFC 6598: "relay abuse (SSRF, proxy)"."""
        self.form("private")

    def test_linkLocal(self) -> None:
        """#1947 "link-local ... now denied by default", cloud metadata among it."""
        self.form("link-local")

    def test_multicast(self) -> None:
        """"Multicast/broadcast"."""
        self.form("multicast")
        self.form("broadcast")

    def test_unspecified(self) -> None:
        """CVE-2020-26262: "peer 0.0.0.0, ::"."""
        self.form("unspecified")

    def test_mapped(self) -> None:
        """CVE-2026-27624: "C{::ffff:127.0.0.1}"; again coturn b057acbe."""
        self.form("IPv4-mapped")

    def test_compatible(self) -> None:
        """#1945 "all v4-in-v6 encodings": compatible, and translated."""
        self.form("IPv4-compatible")
        self.form("IPv4-translated")

    def test_6to4(self) -> None:
        """#1945: 6to4."""
        self.form("6to4")

    def test_nat64(self) -> None:
        """#1945: NAT64."""
        self.form("NAT64")

    def test_teredo(self) -> None:
        """#1945: Teredo."""
        self.form("Teredo")

    def test_isatap(self) -> None:
        """#1945: ISATAP under a public prefix, our own address in it too."""
        self.form("ISATAP")

    def test_uniqueLocal(self) -> None:
        """#1947 "ULA, site-local now denied by default"."""
        self.form("ULA")
        self.form("site-local")

    def test_openedOutside(self) -> None:
        """Opening the outer form does not open what is inside it, and mapped is never opened."""
        opened = ("::ffff:0:0/96", "2002::/16", "64:ff9b::/96", "2001::/32", "::/96", "2606::/16")
        inside = [
            host
            for name in ("IPv4-mapped", "6to4", "NAT64", "ISATAP", "IPv4-compatible")
            for host in FORMS[name]
            if not host.endswith(("8.8.8.8", "808:808::1")) or name == "IPv4-mapped"
        ]
        scene = HostsScene(dualSettings(allow_peer=opened))
        self.attack(scene, (*inside, "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"))

    def test_openedInside(self) -> None:
        """Opening an IPv4 network opens none of its IPv6 disguises."""
        hosts = ("::ffff:10.0.0.1", "::10.0.0.1", "2002:a00:1::1", "64:ff9b::10.0.0.1")
        self.attack(HostsScene(dualSettings(allow_peer=("10.0.0.0/8",))), hosts)

    def test_denyInside(self) -> None:
        """#1946 "deny own DB endpoints": what an operator denied is refused, in disguise too."""
        settings = dualSettings(deny_peer=("198.51.100.60-198.51.100.70",))
        hosts = ("198.51.100.60", "198.51.100.64", "198.51.100.70", "2606:4700::5efe:c633:643c")
        self.attack(HostsScene(settings), hosts)
        client = RawClient(HostsScene(settings), _CLIENT)
        client.allocate()
        for host in ("198.51.100.59", "198.51.100.71"):
            self.assertEqual(client.permit((host, 1)), 0)

    def test_publicPasses(self) -> None:
        """The counterpart: a public peer of either family is let pass by all three ways."""
        client = RawClient(HostsScene(), _CLIENT)
        client.allocate(_BOTH)
        for number, host in enumerate(("198.51.100.50", "2606:4700::50")):
            self.assertEqual(client.permit((host, 7777)), 0)
            self.assertEqual(client.bind(0x4000 + number, (host, 7777)), 0)
            client.put(encodeSendIndication(bytes(12), (host, 7777), b"x"))
        targets = [target for _, _, target in client.scene.network.carried]
        self.assertIn(("198.51.100.50", 7777), targets)
        self.assertIn(("2606:4700::50", 7777), targets)


class OwnHostTests(SynchronousTestCase):
    """"Peer = own relay address (hairpin through self), peer = server listener"."""

    def closed(self, scene: Scene, hosts: tuple[str, ...], ports: tuple[int, ...]) -> None:
        """Assert that no port of these hosts is reached, by no way."""
        client = RawClient(scene, _CLIENT)
        client.allocate()
        for host in hosts:
            client.permit((host, 1))
            for port in ports:
                self.assertEqual(client.bind(0x4000, (host, port)), 403, (host, port))
                client.put(encodeSendIndication(bytes(12), (host, port), b"x"))
                client.put(encodeChannelData(0x4000, b"x"))
        self.assertEqual(scene.server.counters.packets_from_clients, 0)
        for _, _, target in scene.network.carried:
            self.assertFalse(target[0] in hosts and target != (RELAY_HOST, 3478), target)

    def test_everyOtherPort(self) -> None:
        """"The server's own listeners": no own port that is no live relayed address."""
        self.closed(Scene(), (RELAY_HOST,), (3478, 22, 53, 40_999, 0, 65_535))

    def test_otherOwnHosts(self) -> None:
        """Addresses of the machine that nothing was told about, IPv6 ones too."""
        self.closed(HostsScene(), (ALTERNATE_HOST,), (22, 3478, 0))
        scene = HostsScene()
        client = RawClient(scene, _CLIENT)
        client.allocate(_BOTH)
        for port in (3478, 22):
            self.assertEqual(client.bind(0x4000, (RELAY_HOST_IPV6, port)), 403)

    def test_opened(self) -> None:
        """With our own host opened by name the listener on it stays closed, port 0 too."""
        scene = Scene(RelaySettings((SECRET,), allow_peer=(f"{RELAY_HOST}/32",)))
        self.closed(scene, (RELAY_HOST,), (3478, 0))

    def test_probeAndAlternate(self) -> None:
        """Probe ports and the four sockets of RFC 5780 are listeners too, even where opened."""
        settings = RelaySettings(
            (SECRET,),
            udp=((RELAY_HOST, 3478),),
            probe_ports=((RELAY_HOST, 3500),),
            alternate=(ALTERNATE_HOST, 3479),
            allow_peer=("203.0.113.0/24",),
        )
        client = RawClient(HostsScene(settings), _CLIENT)
        client.allocate()
        for host in (RELAY_HOST, ALTERNATE_HOST):
            for port in (3478, 3479, 3500):
                self.assertEqual(client.bind(0x4000, (host, port)), 403, (host, port))

    def test_relayedPort(self) -> None:
        """A live relayed address is a peer, one's own too; when it ends it is none any more."""
        scene = Scene()
        one, other = RawClient(scene, _CLIENT), RawClient(scene, "198.51.100.2", "bob")
        here, there = one.allocate(), other.allocate()
        self.assertEqual(one.bind(0x4000, here), 0)
        self.assertEqual(one.bind(0x4001, there), 0)
        one.put(encodeChannelData(0x4000, b"to myself"))
        self.assertEqual(one.received[-1], encodeChannelData(0x4000, b"to myself"))
        self.assertEqual(other.ask(4, ((0x000D, bytes(4)),)), 0)
        one.put(encodeChannelData(0x4001, b"x"))
        one.put(encodeSendIndication(bytes(12), there, b"x"))
        self.assertEqual(scene.dropped(), {"peer_forbidden": 2})
        self.assertEqual(one.bind(0x4001, there), 403)

    def test_reservedPort(self) -> None:
        """A port that is reserved for a token belongs to nobody: it is no peer."""
        scene = Scene()
        one = RawClient(scene, _CLIENT)
        even = one.allocate(((0x0018, b"\x80"),))
        self.assertEqual(one.bind(0x4000, (even[0], even[1] + 1)), 403)

    def test_portZero(self) -> None:
        """"Port 0/low ports": no packet to port 0; low ports of others are their business."""
        scene = Scene()
        client = RawClient(scene, _CLIENT)
        client.allocate()
        self.assertEqual(client.bind(0x4000, ("198.51.100.50", 0)), 403)
        self.assertEqual(client.permit(("198.51.100.50", 0)), 0)
        client.put(encodeSendIndication(bytes(12), ("198.51.100.50", 0), b"x"))
        self.assertEqual(scene.dropped(), {"peer_forbidden": 1})
        self.assertEqual(client.bind(0x4000, ("198.51.100.50", 53)), 0)

    def test_connect(self) -> None:
        """"TCP Connect to denied peer must not dial": 437 for every peer, and nothing is sent."""
        scene = Scene()
        client = RawClient(scene, _CLIENT)
        client.allocate()
        before = len(scene.network.carried)
        transaction_id = client.nextId()
        for host in ("127.0.0.1", "198.51.100.50"):
            attributes = (peerAttribute((host, 80), transaction_id),)
            self.assertEqual(client.ask(0x00A, attributes, transaction_id), 437)
        targets = [target[0] for _, _, target in scene.network.carried[before:]]
        self.assertEqual(set(targets), {RELAY_HOST, _CLIENT})
