"""
Tests of L{gamenet.world.network} and L{gamenet.world.realm}: partitions and healing.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import FULL_CONE
from gamenet.world.network import WorldNetwork
from tests.world_home import Received


class PartitionTests(SynchronousTestCase):
    """Partitions and healing."""

    def setUp(self) -> None:
        self.network = network = WorldNetwork(1)
        network.nat("carrier", "198.51.100.1", FULL_CONE)
        network.nat("home", "100.64.0.2", FULL_CONE, behind="carrier")
        self.inboxes = {
            "player": Received(network.machine("player", "192.168.1.2", "home")),
            "brother": Received(network.machine("brother", "192.168.1.3", "home")),
            "lobby": Received(network.machine("lobby", "203.0.113.1")),
            "relay": Received(network.machine("relay", "203.0.113.2")),
        }
        self.addresses: dict[str, Address] = {
            "lobby": ("203.0.113.1", 4000),
            "relay": ("203.0.113.2", 4000),
        }
        for name in ("player", "brother"):
            self.inboxes[name].socket.send(name.encode(), self.addresses["lobby"])
            network.advance(1.0)
            self.addresses[name] = self.inboxes["lobby"].datagrams[-1][1]
        self.inboxes["lobby"].data()

    def reached(self, source: str, target: str) -> bool:
        """Return whether a datagram from the one arrives at the other."""
        address = self.addresses[target]
        if source in ("player", "brother") and target in ("player", "brother"):
            address = ({"player": "192.168.1.2", "brother": "192.168.1.3"}[target], 4000)
        self.inboxes[source].socket.send(b"x", address)
        self.network.advance(1.0)
        return bool(self.inboxes[target].data())

    def cut(self) -> list[str]:
        """Return which ordered pairs do not reach each other, as C{"from>to"}."""
        names = list(self.inboxes)
        return [
            f"{source}>{target}"
            for source in names
            for target in names
            if source != target and not self.reached(source, target)
        ]

    def test_whole(self) -> None:
        """Without partitions everybody reaches everybody."""
        self.assertEqual(self.cut(), [])
        self.assertEqual(self.network.counters.partitioned, 0)

    def test_twoMachines(self) -> None:
        """A partition of two names stops these two, both ways, through NATs as well."""
        self.network.partition(["player"], ["lobby"])
        self.assertEqual(self.cut(), ["player>lobby", "lobby>player"])
        self.assertEqual(self.network.counters.partitioned, 2)
        self.assertEqual(self.network.counters.partitions, 1)
        self.network.heal()
        self.assertEqual(self.cut(), [])
        self.assertEqual(self.network.counters.heals, 1)

    def test_natMeansAllBehindIt(self) -> None:
        """Naming a NAT, however far outside, names everything behind it."""
        for name in ("home", "carrier"):
            self.network.partition([name], ["lobby"])
            self.assertEqual(
                self.cut(),
                ["player>lobby", "brother>lobby", "lobby>player", "lobby>brother"],
                name,
            )
            self.network.heal()

    def test_everyoneElse(self) -> None:
        """One group alone is cut off from everyone else, and whole in itself."""
        self.network.partition(["home"])
        self.assertEqual(
            self.cut(),
            [
                "player>lobby",
                "player>relay",
                "brother>lobby",
                "brother>relay",
                "lobby>player",
                "lobby>brother",
                "relay>player",
                "relay>brother",
            ],
        )

    def test_neighbors(self) -> None:
        """Two machines behind one NAT can be parted too, and a machine from its NAT."""
        self.network.partition(["player"], ["brother"])
        self.assertEqual(self.cut(), ["player>brother", "brother>player"])
        self.network.heal()
        self.network.partition(["player"], ["carrier"])
        self.assertEqual(self.reached("player", "lobby"), False)
        self.assertEqual(self.reached("brother", "lobby"), True)

    def test_oneWay(self) -> None:
        """A one-way partition stops only what goes from the first group to the second."""
        self.network.partition(["lobby", "relay"], ["player"], one_way=True)
        self.assertEqual(self.cut(), ["lobby>player", "relay>player"])

    def test_several(self) -> None:
        """Partitions add up until all are healed at once."""
        self.network.partition(["lobby"], ["relay"])
        self.assertEqual(self.cut(), ["lobby>relay", "relay>lobby"])
        self.network.partition(["player"], ["relay"], one_way=True)
        self.assertEqual(self.cut(), ["player>relay", "lobby>relay", "relay>lobby"])
        self.network.heal()
        self.assertEqual(self.cut(), [])

    def test_onItsWay(self) -> None:
        """What is on its way when a partition comes still arrives."""
        self.network.setProfile("lobby", LinkProfile(latency=0.5))
        self.inboxes["relay"].socket.send(b"x", self.addresses["lobby"])
        self.network.advance(0.1)
        self.network.partition(["relay"], ["lobby"])
        self.network.advance(1.0)
        self.assertEqual(self.inboxes["lobby"].data(), [b"x"])

    def test_unknownNames(self) -> None:
        """A partition of names that nobody has is refused, and changes nothing."""
        self.assertRaises(BadSetting, self.network.partition, ["nobody"])
        self.assertRaises(BadSetting, self.network.partition, ["lobby"], ["nobody"])
        self.assertEqual(self.cut(), [])
