"""
Section 5 of the security list, on the wire: how much passes, and what a new rule ends.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.wire.turn import encodeChannelData, encodeSendIndication
from tests.relay_desk import RELAY_HOST, SECRET
from tests.relay_scene import Peer, RawClient, Scene

#: What is saved up before anybody sent: the longest datagram, at least.
_BURST = 65_536
_SIZE = 1000
#: What a packet of that size counts: its headers of IP and UDP too.
_COUNTED = _SIZE + 28


def limited(short_cut: bool = True, **limits: int) -> Scene:
    """Return a relay with some limits."""
    return Scene(
        RelaySettings((SECRET,), limits=AllocationLimits(**limits), short_cut=short_cut)
    )


class Pair:
    """
    Two clients with a channel to each other, of one user or of two, at one address or at two.

    @ivar one: The one.
    @ivar other: The other.
    """

    def __init__(self, scene: Scene, same_user: bool, same_host: bool) -> None:
        self.scene = scene
        self.one = RawClient(scene, "198.51.100.1", "one")
        self.other = RawClient(
            scene,
            "198.51.100.1" if same_host else "198.51.100.2",
            "one" if same_user else "other",
        )
        self.here, self.there = self.one.allocate(), self.other.allocate()
        assert self.one.bind(0x4000, self.there) == 0
        assert self.other.bind(0x4000, self.here) == 0

    def burst(self, client: RawClient, count: int) -> None:
        """Send packets of L{_SIZE} bytes."""
        for _ in range(count):
            client.put(encodeChannelData(0x4000, bytes(_SIZE)))

    def delivered(self) -> tuple[int, int]:
        """Return how many packets came to the one, and to the other."""
        one, other = (
            sum(data[0] == 0x40 for data in client.received)
            for client in (self.one, self.other)
        )
        return one, other


class BandwidthTests(SynchronousTestCase):
    """"Quotas per user and in total for ... bandwidth", of a source address too."""

    def check(self, rate: int, packets: int, scene: Scene, directions: int) -> None:
        """
        Let one client have more sent in both directions than may pass; time passes.

        @param packets: Sent each second, by the client and by its peer in turn.
        @param directions: 1 where the client sends alone, 2 where the peer does too.
        """
        client, peer = RawClient(scene, "198.51.100.1"), Peer(scene)
        relayed = client.allocate()
        client.bind(0x4000, peer.address)
        before = len(client.received)
        for second in range(5):
            for _ in range(packets):
                client.put(encodeChannelData(0x4000, bytes(_SIZE)))
                if directions == 2:
                    peer.send(bytes(_SIZE), relayed)
            passed = _COUNTED * (len(peer.received) + len(client.received) - before)
            allowed = max(_BURST, rate) + second * rate
            self.assertLessEqual(passed, allowed)
            self.assertGreaterEqual(passed, allowed - 2 * _SIZE - 8192)
            scene.network.advance(1.0)
        counters = scene.server.counters
        sent = 5 * packets * directions
        passed = len(peer.received) + len(client.received) - before
        self.assertEqual(scene.dropped(), {"bandwidth": sent - passed})
        self.assertEqual(counters.bytes_from_clients, _SIZE * len(peer.received))
        self.assertEqual(counters.bytes_to_clients, _SIZE * (len(client.received) - before))

    def test_each(self) -> None:
        """The quota of a user, of an address and in total, from clients alone and both ways."""
        for name in ("bandwidth_of_user", "bandwidth_of_address", "bandwidth"):
            for directions in (1, 2):
                self.check(20_000, 80, limited(**{name: 20_000}), directions)

    def test_savings(self) -> None:
        """An hour of silence saves up a second's worth, no more."""
        scene = limited(bandwidth_of_user=100_000)
        client, peer = RawClient(scene, "198.51.100.1"), Peer(scene)
        client.allocate()
        client.bind(0x4000, peer.address)
        for _ in range(2):
            before = len(peer.received)
            for _ in range(300):
                client.put(encodeChannelData(0x4000, bytes(_SIZE)))
            self.assertLessEqual(len(peer.received) - before, 100)
            self.assertGreater(len(peer.received) - before, 90)
            scene.network.advance(299.0)

    def test_newAllocation(self) -> None:
        """Deleting and allocating anew, or from another port, is no way around the limit."""
        scene = limited(bandwidth_of_user=1000)
        passed = 0
        for _ in range(10):
            client, peer = RawClient(scene, "198.51.100.1"), Peer(scene)
            client.allocate()
            client.bind(0x4000, peer.address)
            for _ in range(30):
                client.put(encodeChannelData(0x4000, bytes(_SIZE)))
            passed += _COUNTED * len(peer.received)
            client.ask(4, ((0x000D, bytes(4)),))
        self.assertLessEqual(passed, _BURST)
        self.assertGreater(passed, _BURST - 2 * _SIZE)

    def test_others(self) -> None:
        """A user that sends too much takes nothing from another at another address."""
        scene = limited(bandwidth_of_user=1000, bandwidth_of_address=1000)
        greedy, peer = RawClient(scene, "198.51.100.1", "greedy"), Peer(scene)
        modest = RawClient(scene, "198.51.100.2", "modest")
        for client in (greedy, modest):
            client.allocate()
            client.bind(0x4000, peer.address)
        for _ in range(200):
            greedy.put(encodeChannelData(0x4000, bytes(_SIZE)))
        before = len(peer.received)
        for _ in range(60):
            modest.put(encodeChannelData(0x4000, bytes(_SIZE)))
        self.assertEqual(len(peer.received) - before, 60)

    def test_shortCut(self) -> None:
        """
        "Same quotas": with the short cut on and off the same packets arrive and the same are
        dropped, whichever quota it is and whoever shares it, with time passing.
        """
        for name in ("bandwidth_of_user", "bandwidth_of_address", "bandwidth"):
            for same_user, same_host in ((False, False), (True, False), (False, True)):
                outcomes = []
                for short_cut in (True, False):
                    scene = limited(short_cut, **{name: 30_000})
                    pair = Pair(scene, same_user, same_host)
                    seen = []
                    for second in range(4):
                        pair.burst(pair.one, 45)
                        pair.burst(pair.other, 20 * second)
                        for _ in range(3):
                            pair.one.put(encodeSendIndication(bytes(12), pair.there, bytes(700)))
                        seen.append((pair.delivered(), scene.dropped()))
                        scene.network.advance(1.0)
                    counters = scene.server.counters
                    seen.append(
                        (counters.packets_from_clients, counters.packets_to_clients,
                         counters.bytes_from_clients, counters.bytes_to_clients)
                    )
                    self.assertEqual(
                        counters.short_cut_packets,
                        counters.packets_from_clients if short_cut else 0,
                    )
                    self.assertGreater(scene.dropped()["bandwidth"], 10)
                    outcomes.append(seen)
                self.assertEqual(outcomes[0], outcomes[1], (name, same_user, same_host))

    def test_emptyPackets(self) -> None:
        """An empty-payload flood: headers count, with the short cut on and off the same."""
        outcomes = []
        for short_cut in (True, False):
            scene = limited(short_cut, bandwidth_of_user=28_000)
            pair = Pair(scene, False, False)
            seen = []
            for _ in range(3):
                for _ in range(2500):
                    pair.one.put(encodeChannelData(0x4000, b""))
                seen.append((pair.delivered(), scene.dropped()))
                scene.network.advance(1.0)
            outcomes.append(seen)
            self.assertEqual([each[0][1] for each in seen], [2340, 3340, 4340])
        self.assertEqual(*outcomes)

    def test_bothPay(self) -> None:
        """A packet between two clients counts for the sender and for the receiver."""
        for short_cut in (True, False):
            scene = limited(short_cut, bandwidth_of_user=1000)
            pair = Pair(scene, True, True)
            pair.burst(pair.one, 100)
            self.assertLessEqual(pair.delivered()[1], _BURST // _SIZE // 2 + 5)
            self.assertGreater(pair.delivered()[1], _BURST // _SIZE // 2 - 6)


class ReloadTests(SynchronousTestCase):
    """SIGHUP: "permissions that a new rule refuses end", by every way a packet can go."""

    def setUp(self) -> None:
        self.scene = Scene(RelaySettings((SECRET,), allow_peer=(RELAY_HOST, "10.0.0.0/8")))
        self.client = RawClient(self.scene, "198.51.100.1")
        self.relayed = self.client.allocate()

    def reload(self, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> None:
        """Take other rules for peers."""
        self.scene.server.reload(RelaySettings((SECRET,), allow_peer=allow, deny_peer=deny))

    def exchange(self, peer: Peer, channel: int) -> tuple[int, int]:
        """Send by channel, by indication and from the peer; return what arrives on each side."""
        here, there = len(self.client.received), len(peer.received)
        self.client.put(encodeChannelData(channel, b"x"))
        self.client.put(encodeSendIndication(bytes(12), peer.address, b"x"))
        peer.send(b"x", self.relayed)
        return len(self.client.received) - here, len(peer.received) - there

    def test_denied(self) -> None:
        """A new deny rule ends a permission and its channel at once; others go on."""
        denied, other = Peer(self.scene), Peer(self.scene, "198.51.100.51")
        self.client.bind(0x4000, denied.address)
        self.client.bind(0x4001, other.address)
        self.assertEqual(self.exchange(denied, 0x4000), (1, 2))
        self.reload(deny=("198.51.100.50",))
        self.assertEqual(self.exchange(denied, 0x4000), (0, 0))
        self.assertEqual(self.exchange(other, 0x4001), (1, 2))
        self.assertEqual(self.client.bind(0x4000, denied.address), 403)
        self.assertEqual(self.scene.server.counters.permissions_active, 1)
        self.reload()
        self.assertEqual(self.client.bind(0x4000, denied.address), 0)
        self.assertEqual(self.exchange(denied, 0x4000), (1, 2))

    def test_notAllowedAnyMore(self) -> None:
        """What --allow-peer opened is closed again when the rule is gone."""
        peer = Peer(self.scene, "10.0.0.7")
        self.client.bind(0x4000, peer.address)
        self.assertEqual(self.exchange(peer, 0x4000), (1, 2))
        self.reload()
        self.assertEqual(self.exchange(peer, 0x4000), (0, 0))

    def test_ownHostClosed(self) -> None:
        """A port of our own host that was opened by name is closed again, channels too."""
        for deny in ((), (RELAY_HOST,)):
            self.setUp()
            peer = Peer(self.scene, RELAY_HOST)
            self.assertEqual(self.client.bind(0x4000, peer.address), 0)
            self.assertEqual(self.exchange(peer, 0x4000), (1, 2))
            self.reload(allow=(RELAY_HOST,) if deny else (), deny=deny)
            self.assertEqual(self.exchange(peer, 0x4000), (0, 0))

    def test_ownHostOpened(self) -> None:
        """A channel that leads nowhere yet is not opened by half: all three ways, or none."""
        peer = Peer(self.scene, RELAY_HOST)
        self.client.bind(0x4000, peer.address)
        self.reload()
        self.assertEqual(self.exchange(peer, 0x4000), (0, 0))
        self.reload(allow=(RELAY_HOST,))
        self.assertEqual(self.exchange(peer, 0x4000), (1, 2))

    def test_betweenClients(self) -> None:
        """Rules for others do not disturb a short cut between two clients."""
        pair = Pair(self.scene, False, False)
        self.reload(deny=("198.51.100.0/24", RELAY_HOST))
        pair.burst(pair.one, 2)
        pair.burst(pair.other, 3)
        self.assertEqual(pair.delivered(), (3, 2))
        self.assertEqual(self.scene.server.counters.short_cut_packets, 5)

    def test_badRule(self) -> None:
        """#1872 "malformed deny rule": refused by name, and all stays as it was."""
        peer = Peer(self.scene)
        self.client.bind(0x4000, peer.address)
        error = self.assertRaises(BadSetting, self.reload, (), ("198.51.100.50", "10.0.0.0/33"))
        self.assertIn("10.0.0.0/33", str(error))
        self.assertEqual(self.exchange(peer, 0x4000), (1, 2))
