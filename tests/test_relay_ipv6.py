"""
A relay with an IPv4 and an IPv6 address: dual allocations, and what each family is refused
(RFC 8656, sections 7.2, 8.2, 10.2, 12.2, 18.8 and 18.13).
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.wire.stun import encodeBindingRequest
from gamenet.wire.turn import encodeChannelData, encodeSendIndication, readIndication
from tests.relay_bytes import COOKIE, attributesOf, errorCodeOf, rawMessage
from tests.relay_desk import SECRET, Attributes, allocateAttributes
from tests.relay_hosts_scene import RELAY_IPV6, HostsScene, Ipv6Client, dualSettings
from tests.relay_scene import GONE, RELAY, Peer, RawClient, Scene

_IPV4 = ((0x0017, b"\1\0\0\0"),)
_IPV6 = ((0x0017, b"\2\0\0\0"),)
_BOTH = ((0x8000, b"\2\0\0\0"),)
_CLIENT = "198.51.100.1"
_PEER6 = "2606:4700::50"


def relayedOf(client: RawClient) -> list[Address]:
    """Return the relayed addresses of the newest answer, read by hand."""
    data = client.received[-1]
    found: list[Address] = []
    for each in attributesOf(data):
        if each.kind == 0x0016:
            mask = COOKIE + data[8:20]
            port = int.from_bytes(each.value[2:4], "big") ^ 0x2112
            host = bytes(a ^ b for a, b in zip(each.value[4:], mask, strict=False))
            if each.value[1] == 1:
                text = ".".join(map(str, host))
            else:
                groups = [int.from_bytes(host[at : at + 2], "big") for at in range(0, 16, 2)]
                assert groups[2:7] == [0] * 5, groups
                text = f"{groups[0]:x}:{groups[1]:x}::{groups[7]:x}"
            found.append((text, port))
    return found


class Ipv6Case(SynchronousTestCase):
    """A relay of both families and a client."""

    def setUp(self) -> None:
        self.scene = HostsScene()
        self.client = RawClient(self.scene, _CLIENT)

    def allocate(self, attributes: Attributes, client: RawClient | None = None) -> list[Address]:
        """Make an allocation; return its relayed addresses."""
        who = client or self.client
        self.assertEqual(who.ask(3, (*allocateAttributes(), *attributes)), 0)
        return relayedOf(who)


class FamilyTests(Ipv6Case):
    """Which relayed addresses there are."""

    def test_default(self) -> None:
        """Without REQUESTED-ADDRESS-FAMILY: IPv4, for a client over IPv6 too."""
        (relayed,) = self.allocate(())
        self.assertEqual(relayed[0], RELAY[0])
        (other,) = self.allocate((), Ipv6Client(self.scene, "2606:4700::7"))
        self.assertEqual(other[0], RELAY[0])

    def test_requested(self) -> None:
        """By family, each on its own."""
        (relayed,) = self.allocate(_IPV6)
        self.assertEqual(relayed[0], RELAY_IPV6[0])
        (other,) = self.allocate(_IPV4, RawClient(self.scene, _CLIENT))
        self.assertEqual(other[0], RELAY[0])
        self.assertEqual(self.scene.openPorts(), sorted([other, relayed]))

    def test_unsupported(self) -> None:
        """"440": a family there is no address of, or no such family; both ways."""
        only4 = RawClient(Scene(), _CLIENT)
        self.assertEqual(only4.ask(3, (*allocateAttributes(), *_IPV6)), 440)
        self.assertEqual(only4.ask(3, (*allocateAttributes(), (0x0017, b"\3\0\0\0"))), 440)
        scene = HostsScene(RelaySettings((SECRET,), udp=(RELAY_IPV6,)))
        only6 = Ipv6Client(scene, "2606:4700::7")
        self.assertEqual(only6.ask(3, allocateAttributes()), 440)
        self.assertEqual(only6.ask(3, (*allocateAttributes(), *_IPV6)), 0)

    def test_partly(self) -> None:
        """Section 7.2: an additional family there is none of is told, the first is granted."""
        scene = Scene()
        client = RawClient(scene, _CLIENT)
        self.assertEqual(client.ask(3, (*allocateAttributes(), *_BOTH)), 0)
        self.assertEqual([host for host, _ in relayedOf(client)], [RELAY[0]])
        (error,) = [
            each.value for each in attributesOf(client.received[-1]) if each.kind == 0x8001
        ]
        self.assertEqual((error[0], error[2] * 100 + error[3]), (2, 440))

    def test_portsExhausted(self) -> None:
        """Where only the additional port cannot be opened, it is told with 508."""
        six = self.scene.network.machine(RELAY_IPV6[0])
        six.sockets_limit = len(six.sockets)
        self.assertEqual(len(self.allocate(_BOTH)), 1)
        (error,) = [
            each.value for each in attributesOf(self.client.received[-1]) if each.kind == 0x8001
        ]
        self.assertEqual((error[0], error[2] * 100 + error[3]), (2, 508))

    def test_malformed(self) -> None:
        """Both attributes, an additional IPv4, or one beside EVEN-PORT with R or a token: 400."""
        for attributes in (
            (*_IPV4, *_BOTH),
            ((0x8000, b"\1\0\0\0"),),
            (*_BOTH, (0x0018, b"\x80")),
            (*_BOTH, (0x0022, bytes(8))),
            (*_IPV6, (0x0022, bytes(8))),
            ((0x0017, b"\2"),),
        ):
            self.assertEqual(self.client.ask(3, (*allocateAttributes(), *attributes)), 400)
        self.assertEqual(self.scene.openPorts(), [])

    def test_binding(self) -> None:
        """Binding over IPv6 tells the IPv6 address, in 2.5 times the request at most."""
        client = Ipv6Client(self.scene, "2606:4700::7")
        for request in (rawMessage(1), encodeBindingRequest(bytes(12))):
            client.put(request)
            answer = client.received[-1]
            self.assertLessEqual(len(answer), 2.5 * len(request))
            self.assertEqual(attributesOf(answer)[0].value[:2], b"\0\2")

    def test_nonceOfAnother(self) -> None:
        """A nonce given over IPv4 is of no use over IPv6."""
        self.allocate(())
        other = Ipv6Client(self.scene, "2606:4700::7")
        sent = [d for d, source, _ in self.scene.network.carried if source == self.client.address]
        other.put(sent[-1])
        self.assertEqual(errorCodeOf(other.received[-1]), 438)


class PeerTests(Ipv6Case):
    """Peers of both families."""

    def test_otherFamily(self) -> None:
        """"443": a public peer of a family that was not allocated."""
        self.allocate(())
        self.assertEqual(self.client.permit((_PEER6, 1)), 443)
        self.assertEqual(self.client.bind(0x4000, (_PEER6, 1)), 443)
        self.assertEqual(self.client.permit(("198.51.100.50", 1), (_PEER6, 1)), 443)
        self.client.put(encodeSendIndication(bytes(12), (_PEER6, 1), b"x"))
        self.assertEqual(self.scene.dropped(), {"no_permission": 1})
        other = RawClient(self.scene, _CLIENT)
        self.allocate(_IPV6, other)
        self.assertEqual(other.permit(("198.51.100.50", 1)), 443)

    def test_relayed(self) -> None:
        """Send, Data and ChannelData with peers of each family, from the address of theirs."""
        relayed = self.allocate(_BOTH)
        peers = Peer(self.scene), Peer(self.scene, _PEER6)
        for peer, own in zip(peers, relayed, strict=True):
            self.assertEqual(self.client.permit(peer.address), 0)
            self.client.put(encodeSendIndication(bytes(12), peer.address, b"by Send"))
            peer.send(b"by Data", own)
            self.assertEqual(readIndication(self.client.answer()), (peer.address, b"by Data"))
        for number, (peer, own) in enumerate(zip(peers, relayed, strict=True)):
            self.assertEqual(self.client.bind(0x4000 + number, peer.address), 0)
            self.client.put(encodeChannelData(0x4000 + number, b"by channel"))
            peer.send(b"back", own)
            self.assertEqual(self.client.received[-1], encodeChannelData(0x4000 + number, b"back"))
            self.assertEqual(peer.received, [(b"by Send", own), (b"by channel", own)])

    def test_ipv6Client(self) -> None:
        """A client over IPv6 with an IPv4 peer: the relay translates."""
        client = Ipv6Client(self.scene, "2606:4700::7")
        (own,) = self.allocate((), client)
        peer = Peer(self.scene)
        self.assertEqual(client.bind(0x4000, peer.address), 0)
        client.put(encodeChannelData(0x4000, b"there"))
        peer.send(b"back", own)
        self.assertEqual(peer.received, [(b"there", own)])
        self.assertEqual(client.received[-1], encodeChannelData(0x4000, b"back"))

    def test_longest(self) -> None:
        """The longest payload a Data indication holds from an IPv6 peer, and a byte more."""
        (own,) = self.allocate(_IPV6)
        peer = Peer(self.scene, _PEER6)
        self.client.permit(peer.address)
        before = len(self.client.received)
        for size in (65_507 - 20 - 24 - 4 - 8 - 3, 65_507):
            peer.send(bytes(size), own)
        self.assertEqual(len(self.client.received) - before, 1)
        self.assertEqual(self.scene.dropped(), {"send_failed": 1})


class RefreshTests(Ipv6Case):
    """One family of two."""

    def setUp(self) -> None:
        Ipv6Case.setUp(self)
        self.relayed = self.allocate(_BOTH)
        self.peers = Peer(self.scene), Peer(self.scene, _PEER6)
        for number, peer in enumerate(self.peers):
            self.client.bind(0x4000 + number, peer.address)

    def reached(self) -> list[int]:
        """Send to both peers and from both; return how many packets went by each."""
        found = []
        for number, (peer, own) in enumerate(zip(self.peers, self.relayed, strict=True)):
            here, there = len(self.client.received), len(peer.received)
            self.client.put(encodeChannelData(0x4000 + number, b"x"))
            peer.send(b"x", own)
            found.append(len(self.client.received) - here + len(peer.received) - there)
        return found

    def test_deleteOne(self) -> None:
        """Section 8.2: a deletion of one family closes its port and leaves the other."""
        self.assertEqual(self.reached(), [2, 2])
        self.assertEqual(self.client.ask(4, (*GONE, *_IPV6)), 0)
        self.assertEqual(self.scene.openPorts(), self.relayed[:1])
        self.assertEqual(self.reached(), [2, 0])
        self.assertEqual(self.client.permit((_PEER6, 1)), 443)
        self.assertEqual(self.client.ask(4, (*GONE, *_IPV6)), 443)
        self.assertEqual(self.client.ask(4, (*GONE, *_IPV4)), 0)
        self.assertEqual(self.scene.openPorts(), [])
        counters = self.scene.server.counters
        self.assertEqual(counters.allocations_active, 0)
        self.assertEqual(counters.relayed_ports_by_family, {1: 0, 2: 0})
        self.assertEqual((counters.permissions_active, counters.channels_active), (0, 0))

    def test_refreshOne(self) -> None:
        """A refresh of one family leaves the other to its end."""
        self.scene.network.advance(400.0)
        self.assertEqual(self.client.ask(4, _IPV6), 0)
        for number, peer in enumerate(self.peers):
            self.client.bind(0x4000 + number, peer.address)
        self.scene.network.advance(199.0)
        self.assertEqual(self.reached(), [2, 2])
        self.scene.network.advance(1.0)
        self.assertEqual(self.scene.openPorts(), self.relayed[1:])
        self.assertEqual(self.reached(), [0, 2])
        self.scene.network.advance(400.0)
        self.assertEqual(self.scene.openPorts(), [])
        self.assertEqual(self.scene.network.clock.getDelayedCalls(), [])

    def test_otherFamily(self) -> None:
        """Refreshing a family that was not allocated, or that is none: 443."""
        other = RawClient(self.scene, _CLIENT)
        self.allocate((), other)
        self.assertEqual(other.ask(4, _IPV6), 443)
        self.assertEqual(other.ask(4, ((0x0017, b"\7\0\0\0"),)), 443)
        self.assertEqual(other.ask(4, ((0x0017, b"\2"),)), 400)


class ShortCutTests(Ipv6Case):
    """Between two IPv6 relayed ports, and never between two families."""

    def test_same(self) -> None:
        """The same arrives with the short cut and without; it is taken when it may."""
        outcomes = []
        for short_cut in (True, False):
            self.scene = HostsScene(dualSettings(short_cut=short_cut))
            one, other = (RawClient(self.scene, _CLIENT, user) for user in ("one", "other"))
            here, there = self.allocate(_BOTH, one), self.allocate(_BOTH, other)
            self.assertEqual(one.bind(0x4000, there[1]), 0)
            one.put(encodeChannelData(0x4000, b"refused"))
            self.assertEqual(other.permit(here[1]), 0)
            one.put(encodeChannelData(0x4000, b"indicated"))
            self.assertEqual(other.bind(0x4001, here[1]), 0)
            one.put(encodeChannelData(0x4000, b"by channel"))
            other.put(encodeSendIndication(bytes(12), here[1], b"sent"))
            self.assertEqual(one.received[-1], encodeChannelData(0x4000, b"sent"))
            self.assertEqual(other.received[-1], encodeChannelData(0x4001, b"by channel"))
            self.assertEqual(other.ask(4, (*GONE, *_IPV6)), 0)
            one.put(encodeChannelData(0x4000, b"nobody"))
            counters = self.scene.server.counters
            self.assertEqual(counters.short_cut_packets, 4 if short_cut else 0)
            outcomes.append((one.received, other.received, self.scene.dropped()))
        self.assertEqual(outcomes[0], outcomes[1])
        self.assertEqual(outcomes[0][2], {"no_permission": 1, "peer_forbidden": 1})

    def test_ownOtherPorts(self) -> None:
        """No other port of the relay's IPv6 address is reached."""
        self.allocate(_BOTH)
        for port in (3478, 22, 0):
            self.assertEqual(self.client.bind(0x4000, (RELAY_IPV6[0], port)), 403)


class QuotaTests(Ipv6Case):
    """A dual allocation is two ports; a source address is a /64."""

    def test_ports(self) -> None:
        """486 and 508 as ports are counted; nothing leaks when they are given back."""
        limits = AllocationLimits(allocations_of_user=3, permissions=3)
        self.scene = HostsScene(dualSettings(limits=limits))
        first, second = RawClient(self.scene, _CLIENT), RawClient(self.scene, _CLIENT)
        self.assertEqual(len(self.allocate(_BOTH, first)), 2)
        self.assertEqual(len(self.allocate(_BOTH, second)), 1)
        third = RawClient(self.scene, _CLIENT)
        self.assertEqual(third.ask(3, allocateAttributes()), 486)
        self.assertEqual(first.ask(4, (*GONE, *_IPV4)), 0)
        self.allocate(_IPV6, third)
        self.assertEqual(first.permit(*((f"2606:4700::{n}", 1) for n in range(5, 9))), 508)

    def test_network(self) -> None:
        """All of a /64 is one source address, for allocations and for errors."""
        limits = AllocationLimits(allocations_of_address=2)
        self.scene = HostsScene(dualSettings(limits=limits))
        clients = [Ipv6Client(self.scene, f"2606:4700:0:1::{n}", f"user{n}") for n in range(1, 4)]
        self.allocate(_IPV6, clients[0])
        self.allocate((), clients[1])
        self.assertEqual(clients[2].ask(3, allocateAttributes()), 486)
        self.allocate(_IPV6, Ipv6Client(self.scene, "2606:4700:0:2::1", "else"))
        flood = Ipv6Client(self.scene, "2606:4700:0:3::1")
        for number in range(1, 130):
            source = f"2606:4700:0:3::{number:x}", 1 + number
            machine = self.scene.network.machine(RELAY_IPV6[0])
            machine.sockets[RELAY_IPV6[1]].receiver(rawMessage(3), source)
        self.assertEqual(self.scene.dropped(), {"rate_limited": 29})
        flood.challenge()
        self.assertEqual(flood.received, [])

    def test_bandwidth(self) -> None:
        """Both families of a client draw from one quota."""
        limits = AllocationLimits(bandwidth_of_user=1000)
        self.scene = HostsScene(dualSettings(limits=limits))
        client = RawClient(self.scene, _CLIENT)
        self.allocate(_BOTH, client)
        peers = Peer(self.scene), Peer(self.scene, _PEER6)
        for number, peer in enumerate(peers):
            client.bind(0x4000 + number, peer.address)
        for number in range(200):
            client.put(encodeChannelData(0x4000 + number % 2, bytes(1000)))
        counts = [len(peer.received) for peer in peers]
        self.assertEqual(sum(counts), 65_536 // 1028)
        self.assertLessEqual(abs(counts[0] - counts[1]), 1)
