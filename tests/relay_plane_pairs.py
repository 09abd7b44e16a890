"""
What every data plane does between two of its own relayed ports, by the short cut or not.
"""

from __future__ import annotations

from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.wire.turn import IPV4_FAMILY, IPV6_FAMILY, encodeChannelData
from tests.memory_machine import Datagram
from tests.relay_desk import RELAY_HOST, RELAY_HOST_IPV6
from tests.relay_plane_case import PlaneClient
from tests.relay_plane_conformance import PlaneConformance

__all__ = ["PairConformance"]

_OURS = (RELAY_HOST, True)


class PairConformance(PlaneConformance):
    """Mix in as L{PlaneConformance}, which this goes on with."""

    def pair(self, stream: bool = False) -> tuple[PlaneClient, PlaneClient]:
        """Return two clients without grants."""
        return self.client("198.51.100.1", stream=stream), self.client("198.51.100.2")

    def test_pairByChannels(self) -> None:
        """From channel to channel, both ways, over UDP and from a stream."""
        for stream in (False, True):
            one, other = self.pair(stream)
            one.grant(_OURS, channels=((0x4000, other.relayed),))
            other.grant(_OURS, channels=((0x4001, one.relayed),))
            for payload in (b"", b"a", b"abcde", bytes(2000)):
                one.put(encodeChannelData(0x4000, payload))
                self.assertEqual(other.received.pop(), encodeChannelData(0x4001, payload))
                other.put(encodeChannelData(0x4001, payload))
                self.assertEqual(one.received.pop(), encodeChannelData(0x4000, payload))
        self.assertEqual(self.owner.drops, [])
        self.assertEqual(self.passed(), (16, 4 * 2006, 16, 4 * 2006))

    def test_pairPadded(self) -> None:
        """Padding of a datagram is not handed on."""
        one, other = self.pair()
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant(_OURS, channels=((0x4001, one.relayed),))
        one.put(encodeChannelData(0x4000, b"a") + b"\xff\xff\xff")
        self.assertEqual(other.received, [encodeChannelData(0x4001, b"a")])

    def test_pairByIndications(self) -> None:
        """No channel at the receiver means a Data indication, from the relayed address."""
        one, other = self.pair()
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant(_OURS)
        one.put(encodeChannelData(0x4000, b"by channel"))
        one.send(other.relayed, b"by Send")
        other.send(one.relayed, b"back")
        self.assertEqual(
            other.indicated(), [(one.relayed, b"by channel"), (one.relayed, b"by Send")]
        )
        self.assertEqual(one.channelled(), [encodeChannelData(0x4000, b"back")])

    def test_pairPermissions(self) -> None:
        """"Same permissions on both sides": each has to permit the other."""
        one, other = self.pair()
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant("198.51.100.99")
        one.put(encodeChannelData(0x4000, b"x"))
        one.send(other.relayed, b"x")
        self.assertEqual(self.owner.drops, [DropReason.NO_PERMISSION] * 2)
        other.grant(_OURS)
        one.grant()
        one.put(encodeChannelData(0x4000, b"x"))
        one.send(other.relayed, b"x")
        self.assertEqual(self.owner.drops[2:], [DropReason.NO_PERMISSION])
        self.assertEqual(other.received, [])

    def test_pairGuarded(self) -> None:
        """A port of ours that is nobody's is reached by no way, unless the owner opened it."""
        client = self.client()
        opened = self.machine.openDatagramSocket(
            lambda data, source: self.heard.append((data, source)), RELAY_HOST
        )
        place = (RELAY_HOST, opened.address[1])
        client.grant(_OURS, channels=((0x4000, place),))
        client.put(encodeChannelData(0x4000, b"x"))
        client.send(place, b"x")
        opened.send(b"x", client.relayed)
        self.network.settle()
        self.assertEqual(self.owner.drops, [DropReason.PEER_FORBIDDEN] * 3)
        self.assertEqual((self.heard, client.received), ([], []))
        self.owner.open_ports = (place[1],)
        client.grant(_OURS, channels=((0x4000, place),))
        client.put(encodeChannelData(0x4000, b"x"))
        client.send(place, b"y")
        opened.send(b"z", client.relayed)
        self.network.settle()
        self.assertEqual([data for data, _ in self.heard], [b"x", b"y"])
        self.assertEqual(client.received, [encodeChannelData(0x4000, b"z")])
        self.owner.open_ports = ()
        client.grant(_OURS, channels=((0x4000, place),))
        client.put(encodeChannelData(0x4000, b"x"))
        self.assertEqual(len(self.heard), 2)

    def test_pairComes(self) -> None:
        """A channel to a relayed address that is nobody's yet leads there once it is one's."""
        one, other = self.pair()
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        one.put(encodeChannelData(0x4000, b"early"))
        self.assertEqual(self.owner.drops, [DropReason.PEER_FORBIDDEN])
        other.grant(_OURS)
        one.put(encodeChannelData(0x4000, b"x"))
        self.assertEqual(other.indicated(), [(one.relayed, b"x")])
        other.grant(_OURS, channels=((0x4001, one.relayed),))
        one.put(encodeChannelData(0x4000, b"y"))
        self.assertEqual(other.channelled(), [encodeChannelData(0x4001, b"y")])
        other.grant(_OURS, channels=((0x4002, one.relayed),))
        one.put(encodeChannelData(0x4000, b"z"))
        self.assertEqual(other.channelled()[1:], [encodeChannelData(0x4002, b"z")])
        other.grant(_OURS)
        one.put(encodeChannelData(0x4000, b"w"))
        self.assertEqual(other.indicated()[1:], [(one.relayed, b"w")])

    def test_pairGoes(self) -> None:
        """When one ends nothing reaches it any more, nor whoever has its port next."""
        one, other = self.pair()
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant(_OURS, channels=((0x4001, one.relayed),))
        self.plane.erase(other.flow)
        one.put(encodeChannelData(0x4000, b"x"))
        one.send(other.relayed, b"x")
        self.assertEqual(self.owner.drops, [DropReason.PEER_FORBIDDEN] * 2)
        self.plane.close(other.ports[0].number)
        one.put(encodeChannelData(0x4000, b"x"))
        self.assertEqual(self.owner.drops, [DropReason.PEER_FORBIDDEN] * 3)
        self.assertEqual(other.received, [])
        self.plane.erase(one.flow)
        self.plane.close(one.ports[0].number)

    def test_pairItself(self) -> None:
        """A client reaches its own relayed address, over a channel bound to it and without."""
        client = self.client()
        client.grant(_OURS)
        client.send(client.relayed, b"x")
        self.assertEqual(client.indicated(), [(client.relayed, b"x")])
        for number in (0x4000, 0x4001):
            client.grant(_OURS, channels=((number, client.relayed),))
            client.put(encodeChannelData(number, b"y"))
            self.assertEqual(client.received[-1], encodeChannelData(number, b"y"))

    def test_pairBandwidth(self) -> None:
        """"Same quotas": each pays, and what one may not is dropped though the other may."""
        one, other = self.pair()
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant(_OURS, self.peer[0], channels=((0x4001, one.relayed), (0x4002, self.peer)))
        for _ in range(40):
            other.put(encodeChannelData(0x4002, bytes(1000)))
        for _ in range(40):
            one.put(encodeChannelData(0x4000, bytes(1000)))
        # 65 536 bytes, 28 more for each packet than its payload has.
        self.assertEqual(len(other.received), 23)
        self.assertEqual(self.owner.drops, [DropReason.BANDWIDTH] * 17)
        self.assertEqual(self.passed(), (80, 80_000, 23, 23_000))
        for _ in range(40):
            one.put(encodeChannelData(0x4000, bytes(1000)))
        self.assertEqual(self.owner.drops, [DropReason.BANDWIDTH] * 57)
        self.assertEqual(self.passed()[0], 103)

    def test_pairFailing(self) -> None:
        """A receiver that cannot take it costs the packet, and is counted."""
        one, other = self.client("198.51.100.1"), self.client("198.51.100.2", stream=True)
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant(_OURS, channels=((0x4001, one.relayed),))
        other.broken = OSError()
        one.put(encodeChannelData(0x4000, b"x"))
        one.send(other.relayed, b"x")
        self.assertEqual(self.owner.drops, [DropReason.SEND_FAILED] * 2)
        self.assertEqual(self.passed(), (2, 2, 0, 0))

    def test_pairOversize(self) -> None:
        """What no datagram could hold does not pass between two streams either."""
        one, other = (self.client(host, stream=True) for host in ("198.51.100.1", "198.51.100.2"))
        one.grant(_OURS, channels=((0x4000, other.relayed),))
        other.grant(_OURS, channels=((0x4001, one.relayed),))
        for size in (65_507, 65_508, 65_535):
            one.put(encodeChannelData(0x4000, bytes(size)))
            self.network.advance(300.0)
            one.send(other.relayed, bytes(size))
            self.network.advance(300.0)
        self.assertEqual([len(data) - 4 for data in other.received], [65_507] * 2)
        self.assertEqual(self.owner.drops, [DropReason.SEND_FAILED] * 4)

    def test_pairIpv6(self) -> None:
        """The same between two IPv6 relayed ports."""
        one, other = (
            self.client(host, families=(IPV6_FAMILY,)) for host in ("198.51.100.1", "198.51.100.2")
        )
        ours = (RELAY_HOST_IPV6, True)
        one.grant(ours, channels=((0x4000, other.relayed),))
        other.grant(ours)
        one.put(encodeChannelData(0x4000, b"x"))
        other.grant(ours, channels=((0x4001, one.relayed),))
        one.put(encodeChannelData(0x4000, b"y"))
        self.assertEqual(other.indicated(), [(one.relayed, b"x")])
        self.assertEqual(other.channelled(), [encodeChannelData(0x4001, b"y")])

    def test_pairExternal(self) -> None:
        """Behind a 1:1 NAT clients and peers know the other address, and so do two clients here."""
        external = "198.51.100.200"
        self.plane.stop()
        hosts = {IPV4_FAMILY: RelayHost(RELAY_HOST, external)}
        self.plane = self.makePlane(self.machine, self.owner, self.counters, hosts)
        self.plane.listen(1, "", 3478)

        def translate(datagram: Datagram) -> tuple[Datagram, ...]:
            data, source, target = datagram
            if target[0] == external:
                target = RELAY_HOST, target[1]
            elif source[0] == RELAY_HOST and source[1] != 3478:
                source = external, source[1]
            return ((data, source, target),)

        def untranslated(datagram: Datagram) -> tuple[Datagram, ...]:
            return (datagram,)

        for tamper in (translate, untranslated):
            self.network.tamper = tamper
            one, other = self.pair()
            self.assertEqual(one.relayed[0], external)
            ours = (external, True)
            one.grant(ours, channels=((0x4000, other.relayed),))
            other.grant(ours)
            one.put(encodeChannelData(0x4000, b"x"))
            self.assertEqual(other.indicated(), [(one.relayed, b"x")])
            other.grant(ours, channels=((0x4001, one.relayed),))
            one.put(encodeChannelData(0x4000, b"y"))
            one.send(other.relayed, b"z")
            self.assertEqual(
                other.channelled(),
                [encodeChannelData(0x4001, b"y"), encodeChannelData(0x4001, b"z")],
            )
        self.assertEqual(self.owner.drops, [])
