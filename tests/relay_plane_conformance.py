"""
What every data plane of the relay does: tests for any L{IDataPlane}, on a network in memory.

A plane is conformant when it passes these and those of L{tests.relay_plane_pairs}; whether it
skips its own sockets between two relayed ports must not be seen by anybody.
"""

from __future__ import annotations

from zope.interface.verify import verifyObject

from gamenet.errors import CannotBind
from gamenet.interfaces import Address
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.data_plane import BacklogError, IDataPlane
from gamenet.relay_plane.flow import Flow
from gamenet.wire.turn import IPV4_FAMILY, IPV6_FAMILY, encodeChannelData
from tests.memory_machine import MemorySocket
from tests.relay_bytes import checkEmitted, rawMessage
from tests.relay_desk import RELAY_HOST, RELAY_HOST_IPV6
from tests.relay_plane_case import PEER_HOST, PEER_HOST_IPV6, PlaneCase

__all__ = ["PlaneConformance"]


class PlaneConformance(PlaneCase):
    """Mix in with C{makePlane}."""

    def test_interface(self) -> None:
        """It provides the interface."""
        verifyObject(IDataPlane, self.plane)

    def test_handsOver(self) -> None:
        """What is no ChannelData of a bound channel goes to the owner, as it came."""
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        for data in (b"", b"\x40", b"\x40\1\0\0", rawMessage(1), bytes(65_507), b"\x16\xfe\xff"):
            client.put(data)
            self.assertEqual(self.owner.asked.pop(), (data, 1, client.flow.address))
        stranger = self.client("198.51.100.2")
        stranger.put(encodeChannelData(0x4000, b"not its own"))
        self.assertEqual(len(self.owner.asked), 1)
        self.assertEqual((self.heard, self.owner.drops), ([], []))

    def test_listenTaken(self) -> None:
        """A listener at an address that is taken is refused, and costs nothing."""
        self.assertRaises(CannotBind, self.plane.listen, 2, "", 3478)
        self.assertRaises(CannotBind, self.plane.listen, 2, "198.51.100.9", 0)

    def test_answers(self) -> None:
        """The owner's answers leave from the listener; a listener that is none sends nothing."""
        client = self.client()
        self.assertTrue(self.plane.send(rawMessage(0x101), 1, client.flow.address))
        self.network.settle()
        self.assertEqual(client.received, [rawMessage(0x101)])
        self.assertFalse(self.plane.send(b"x", 77, client.flow.address))
        self.assertFalse(self.plane.send(b"x", 1, ("198.51.100.1", 0)))
        self.assertEqual(self.owner.drops, [DropReason.SEND_FAILED] * 2)

    def test_answeredAtOnce(self) -> None:
        """Binding requests get what the listener's answer says, and nothing else is shown to it."""
        shown: list[tuple[bytes, Address]] = []
        said: list[bytes | None] = [b"\1\1answer", b"", None]

        def answer(data: bytes, client: Address) -> bytes | None:
            shown.append((data, client))
            return said[len(shown) - 1]

        self.plane.answerAtOnce(1, answer)
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        others = (b"", b"\0", rawMessage(3), encodeChannelData(0x4001, b"x"), b"\0\2" + bytes(18))
        for data in (*others, encodeChannelData(0x4000, b"x")):
            client.put(data)
        self.assertEqual((shown, len(self.owner.asked)), ([], len(others)))
        self.owner.asked.clear()
        for data in (rawMessage(1), b"\0\1", rawMessage(1, ((0x8022, b""),))):
            client.socket.send(data, self.listening)
        self.network.settle()
        self.assertEqual(client.received, [b"\1\1answer"])
        self.assertEqual(self.owner.asked, [(shown[-1][0], 1, client.flow.address)])
        self.assertEqual([each[1] for each in shown], [client.flow.address] * 3)

    def test_open(self) -> None:
        """Ports by family, even ones, pairs, each of a number of its own; closed twice harmless."""
        numbers = []
        for family, host in ((IPV4_FAMILY, RELAY_HOST), (IPV6_FAMILY, RELAY_HOST_IPV6)):
            for even, pair in ((False, False), (True, False), (True, True)):
                ports = self.plane.open(family, even, pair)
                self.assertEqual(len(ports), 2 if pair else 1)
                self.assertEqual([port.address[0] for port in ports], [host] * len(ports))
                if even:
                    self.assertEqual(ports[0].address[1] % 2, 0)
                if pair:
                    self.assertEqual(ports[1].address[1], ports[0].address[1] + 1)
                numbers += [port.number for port in ports]
        self.assertEqual(len(dict.fromkeys(numbers)), len(numbers))
        for number in (*numbers, *numbers, 12_345):
            self.plane.close(number)
        self.assertEqual(list(self.machine.first.sockets), [3478])
        self.assertEqual(self.plane.open(3, False, False), ())

    def test_nobodys(self) -> None:
        """A port that is nobody's hears nobody."""
        (port,) = self.plane.open(IPV4_FAMILY, False, False)
        self.fromPeer(b"x", port.address)
        self.assertEqual(self.owner.drops, [DropReason.NO_ALLOCATION])

    def test_channels(self) -> None:
        """ChannelData both ways, every length modulo four, padded or not, over UDP and streams."""
        for stream in (False, True):
            client = self.client(stream=stream)
            client.grant(PEER_HOST, channels=((0x4000, self.peer), (0x7FFF, (PEER_HOST, 9))))
            for payload in (b"", b"a", b"ab", b"abc", b"abcd", bytes(range(256)) * 8):
                client.put(encodeChannelData(0x4000, payload))
                self.assertEqual(self.heard.pop(), (payload, client.relayed))
                self.fromPeer(payload, client.relayed)
                self.assertEqual(client.received.pop(), encodeChannelData(0x4000, payload))
            if not stream:
                client.put(encodeChannelData(0x4000, b"a") + bytes(3))
                self.assertEqual(self.heard.pop()[0], b"a")
        self.assertEqual(self.owner.drops, [])
        self.assertEqual(self.passed(), (13, 2 * 2058 + 1, 12, 2 * 2058))

    def test_badLengths(self) -> None:
        """ChannelData whose length lies is dropped, whatever it says."""
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        lies = [b"\x40\0", b"\x40\0\0", b"\x40\0\0\1", b"\x40\0\xff\xff" + bytes(100)]
        lies += [b"\x40\0\0\0" + bytes(4), b"\x40\0\0\4" + bytes(8), b"\x40\0\0\5" + bytes(4)]
        for lie in lies:
            client.put(lie)
        self.assertEqual(self.owner.drops, [DropReason.MALFORMED] * len(lies))
        self.assertEqual((self.heard, self.passed()), ([], (0, 0, 0, 0)))

    def test_indications(self) -> None:
        """Send to a permitted host; Data from it, each with an id of its own."""
        client = self.client()
        client.grant(PEER_HOST)
        client.send(self.peer, b"there")
        self.assertEqual(self.heard, [(b"there", client.relayed)])
        for size in range(5):
            self.fromPeer(b"b" * size, client.relayed)
        self.assertEqual(client.indicated(), [(self.peer, b"b" * size) for size in range(5)])
        ids = [data[8:20] for data in client.received]
        self.assertEqual(len(dict.fromkeys(ids)), 5)
        for data in client.received:
            checkEmitted(data)

    def test_whole(self) -> None:
        """DONT-FRAGMENT is handed to the socket."""
        client = self.client()
        client.grant(PEER_HOST)
        client.send(self.peer, b"x", whole=True)
        client.send(self.peer, b"x")
        socket: MemorySocket = self.machine.first.sockets[client.relayed[1]]
        self.assertEqual((len(self.heard), socket.whole), (2, 1))

    def test_permissions(self) -> None:
        """Without a permission nothing passes, either way; a stranger's port needs none else."""
        client = self.client()
        client.send(self.peer, b"x")
        client.grant("198.51.100.99")
        client.send(self.peer, b"x")
        client.send(("198.51.100.99", 0), b"x")
        self.fromPeer(b"x", client.relayed)
        self.assertEqual(
            self.owner.drops,
            [DropReason.NO_ALLOCATION, DropReason.NO_PERMISSION, DropReason.PEER_FORBIDDEN,
             DropReason.NO_PERMISSION],
        )
        client.grant(PEER_HOST, channels=((0x4000, (PEER_HOST, 9)),))
        self.fromPeer(b"stranger", client.relayed)
        self.assertEqual(client.indicated(), [(self.peer, b"stranger")])

    def test_channelWithout(self) -> None:
        """A channel whose peer has no permission is none."""
        client = self.client()
        client.grant("198.51.100.99", channels=((0x4000, self.peer),))
        client.put(encodeChannelData(0x4000, b"x"))
        self.fromPeer(b"x", client.relayed)
        self.assertEqual((self.heard, client.received), ([], []))

    def test_programmedAgain(self) -> None:
        """Programming replaces all there was: permissions, channels and ports."""
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        client.grant(PEER_HOST, channels=((0x4001, self.peer),))
        client.put(encodeChannelData(0x4000, b"old"))
        self.assertEqual(len(self.owner.asked), 1)
        client.put(encodeChannelData(0x4001, b"new"))
        self.assertEqual(self.heard.pop()[0], b"new")
        self.fromPeer(b"back", client.relayed)
        self.assertEqual(client.received, [encodeChannelData(0x4001, b"back")])
        client.grant(PEER_HOST)
        client.put(encodeChannelData(0x4001, b"old"))
        self.assertEqual(self.heard, [])
        self.fromPeer(b"indicated", client.relayed)
        self.assertEqual(client.indicated(), [(self.peer, b"indicated")])
        first = client.ports
        client.ports = self.plane.open(IPV4_FAMILY, False, False)
        client.grant(PEER_HOST)
        self.fromPeer(b"x", first[0].address)
        self.assertEqual(self.owner.drops, [DropReason.NO_ALLOCATION])
        client.send(self.peer, b"x")
        self.assertEqual(self.heard, [(b"x", client.relayed)])

    def test_erase(self) -> None:
        """Who is erased may nothing; the port stays open until it is closed; twice is harmless."""
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        for _ in range(2):
            self.plane.erase(client.flow)
        client.put(encodeChannelData(0x4000, b"x"))
        client.send(self.peer, b"x")
        self.fromPeer(b"x", client.relayed)
        self.assertEqual((self.heard, client.received), ([], []))
        self.assertEqual(self.owner.drops, [DropReason.NO_ALLOCATION] * 2)
        self.assertIn(client.relayed[1], self.machine.first.sockets)
        self.plane.close(client.ports[0].number)
        self.assertNotIn(client.relayed[1], self.machine.first.sockets)

    def test_families(self) -> None:
        """Each peer is reached from the port of its family; one without a port is not."""
        client = self.client(families=(IPV4_FAMILY, IPV6_FAMILY))
        heard: list[tuple[bytes, Address]] = []
        socket = self.network.machine(PEER_HOST_IPV6).openDatagramSocket(
            lambda data, source: heard.append((data, source))
        )
        peer6 = (PEER_HOST_IPV6, socket.address[1])
        client.grant(
            PEER_HOST, PEER_HOST_IPV6, channels=((0x4000, self.peer), (0x4001, peer6))
        )
        client.put(encodeChannelData(0x4001, b"six"))
        client.send(peer6, b"six too")
        client.put(encodeChannelData(0x4000, b"four"))
        own6 = client.ports[1].address
        self.assertEqual(heard, [(b"six", own6), (b"six too", own6)])
        self.assertEqual(self.heard, [(b"four", client.relayed)])
        socket.send(b"back", own6)
        self.network.settle()
        self.assertEqual(client.received, [encodeChannelData(0x4001, b"back")])
        number = client.ports[1].number
        client.ports = client.ports[:1]
        self.plane.close(number)
        client.grant(PEER_HOST, PEER_HOST_IPV6, channels=((0x4000, self.peer), (0x4001, peer6)))
        client.put(encodeChannelData(0x4001, b"x"))
        client.send(peer6, b"x")
        self.assertEqual(len(heard), 2)
        self.assertEqual(self.owner.drops, [DropReason.NO_PERMISSION])

    def test_bandwidth(self) -> None:
        """What has no allowance is dropped; payload and headers count, both ways."""
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        for _ in range(30):
            client.put(encodeChannelData(0x4000, bytes(1000)))
            client.send(self.peer, bytes(1000))
            self.fromPeer(bytes(1000), client.relayed)
        passed = len(self.heard) + len(client.received)
        self.assertEqual(passed, 65_536 // 1028)
        self.assertEqual(self.owner.drops, [DropReason.BANDWIDTH] * (90 - passed))
        self.network.advance(10.0)
        for _ in range(30):
            client.put(encodeChannelData(0x4000, bytes(1000)))
        self.assertEqual(len(self.heard) + len(client.received) - passed, 10_000 // 1028)

    def test_emptyPackets(self) -> None:
        """Empty packets are not free: each counts its headers, 28 bytes, whichever way it goes."""
        for way in range(3):
            self.setUp()
            client = self.client()
            client.grant(PEER_HOST, channels=((0x4000, self.peer),))
            for _ in range(2400):
                if way == 0:
                    client.socket.send(encodeChannelData(0x4000, b""), self.listening)
                elif way == 1:
                    self.plane.sendToPeer(client.flow, self.peer, b"", False)
                else:
                    self.peer_socket.send(b"", client.relayed)
            self.network.settle()
            self.assertEqual(len(self.heard) + len(client.received), 65_536 // 28)
            self.assertEqual(self.owner.drops, [DropReason.BANDWIDTH] * (2400 - 2340))

    def test_failing(self) -> None:
        """What a stream or a socket does not take is counted, and raises nothing."""
        client = self.client(stream=True)
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        for error, reason in (
            (BacklogError(), DropReason.BACKLOG), (OSError(), DropReason.SEND_FAILED),
        ):
            client.broken = error
            self.fromPeer(b"x", client.relayed)
            self.assertEqual(self.owner.drops.pop(), reason)
        client.broken = None
        self.machine.first.sockets[client.relayed[1]].open = False
        client.put(encodeChannelData(0x4000, b"x"))
        client.send(self.peer, b"x")
        self.assertEqual(self.owner.drops, [DropReason.SEND_FAILED] * 2)
        self.assertEqual(self.passed(), (0, 0, 0, 0))

    def test_disconnect(self) -> None:
        """A stream that has ended has no channels, and its number is nobody's."""
        client = self.client(stream=True)
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        self.plane.erase(client.flow)
        self.plane.disconnect(client.flow)
        client.put(encodeChannelData(0x4000, b"x"))
        self.assertEqual(self.owner.drops, [DropReason.NO_ALLOCATION])

    def test_flows(self) -> None:
        """One address over UDP, over a stream and at another listener is three clients."""
        self.plane.listen(2, RELAY_HOST_IPV6, 3478)
        client = self.client()
        client.grant(PEER_HOST, channels=((0x4000, self.peer),))
        other = self.client("2606:4700::7")
        other.flow = Flow(2, other.flow.address)
        self.listening = (RELAY_HOST_IPV6, 3478)
        other.put(encodeChannelData(0x4000, b"x"))
        asked = encodeChannelData(0x4000, b"x"), 2, other.flow.address
        self.assertEqual(self.owner.asked, [asked])
        other.grant(PEER_HOST, channels=((0x4000, self.peer),))
        other.put(encodeChannelData(0x4000, b"y"))
        self.assertEqual(self.heard, [(b"y", other.relayed)])

    def test_stop(self) -> None:
        """Stopping closes everything; twice is harmless."""
        client = self.client()
        client.grant(PEER_HOST)
        for _ in range(2):
            self.plane.stop()
        self.assertEqual(self.machine.first.sockets, {})
        self.assertEqual(self.network.machine(RELAY_HOST_IPV6).sockets, {})
