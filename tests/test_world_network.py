"""
Tests of L{gamenet.world.network} and L{gamenet.world.realm}: who reaches whom.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.world.clock import NotReached
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import FULL_CONE, Filtering, Mapping, PortChoice
from gamenet.world.network import CORE_HOPS, WorldNetwork
from tests.world_home import Received


class RoutingTests(SynchronousTestCase):
    """Where datagrams go."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.one = self.network.machine("one", "203.0.113.1")
        self.two = self.network.machine("two", ("203.0.113.2", "203.0.113.3"))

    def test_nobodyThere(self) -> None:
        """What goes to no machine, or to no socket, is counted, and looks sent."""
        sender = Received(self.one).socket
        self.assertTrue(sender.send(b"", ("203.0.113.99", 4000)))
        self.assertTrue(sender.send(b"", ("203.0.113.2", 4000)))
        self.network.advance(1.0)
        counters = self.network.counters
        self.assertEqual((counters.no_route, counters.unreachable), (1, 1))
        self.assertEqual((counters.sent, counters.delivered), (2, 0))
        self.assertEqual(sender.send_errors, 0)

    def test_appearsLater(self) -> None:
        """An address that was nobody's is reached once a machine has it."""
        sender = Received(self.one).socket
        sender.send(b"early", ("203.0.113.7", 4000))
        late = Received(self.network.machine("late", "203.0.113.7"))
        sender.send(b"late", ("203.0.113.7", 4000))
        self.network.advance(1.0)
        self.assertEqual(late.data(), [b"late"])

    def test_appearsAtHome(self) -> None:
        """A neighbor who comes later is reached at home, where before one went out."""
        self.network.nat("home", "198.51.100.1")
        sender = Received(self.network.machine("sender", "192.168.1.2", "home")).socket
        sender.send(b"early", ("192.168.1.3", 4000))
        late = Received(self.network.machine("late", "192.168.1.3", "home"))
        sender.send(b"late", ("192.168.1.3", 4000))
        self.network.advance(1.0)
        self.assertEqual(late.data(), [b"late"])
        self.assertEqual(self.network.counters.no_route, 1)

    def test_manyDestinations(self) -> None:
        """However many addresses a machine sends to, it remembers the routes of a few only."""
        self.network.nat("home", "198.51.100.1")
        machine = self.network.machine("sender", "192.168.1.2", "home")
        sender = machine.openDatagramSocket(lambda *_: None)
        for number in range(10_000):
            sender.send(b"", (f"198.18.{number // 256}.{number % 256}", 1))
            self.assertLessEqual(len(machine.attachment.by_destination), 4_096)
        self.assertGreater(len(machine.attachment.by_destination), 1_000)

    def test_bounds(self) -> None:
        """The highest port and every possible time to live are taken."""
        sender = Received(self.one).socket
        for address, ttl in [
            (("203.0.113.2", 65_535), None),
            (("203.0.113.2", 1), 1),
            (("203.0.113.2", 1), 255),
        ]:
            self.assertTrue(sender.send(b"", address, ttl))

    def test_severalAddresses(self) -> None:
        """A machine with several addresses answers from the one its socket is bound to."""
        everywhere = Received(self.one)
        second = Received(self.two, "203.0.113.3")
        for host in ("203.0.113.2", "203.0.113.3"):
            everywhere.socket.send(host.encode(), (host, 4000))
        second.socket.send(b"answer", ("203.0.113.1", 4000))
        self.network.advance(1.0)
        self.assertEqual(second.data(), [b"203.0.113.3"])
        self.assertEqual(everywhere.datagrams, [(b"answer", ("203.0.113.3", 4000))])
        first = Received(self.two, "203.0.113.2")
        everywhere.socket.send(b"again", ("203.0.113.2", 4000))
        self.network.advance(1.0)
        self.assertEqual(first.data(), [b"again"])

    def test_loopback(self) -> None:
        """A machine reaches itself by loopback and by its own address, never within send()."""
        inbox = Received(self.one)
        inbox.socket.send(b"loop", ("127.0.0.1", 4000))
        inbox.socket.send(b"self", ("203.0.113.1", 4000))
        self.assertEqual(inbox.datagrams, [])
        self.network.advance(0.0)
        self.assertEqual(
            inbox.datagrams,
            [(b"loop", ("127.0.0.1", 4000)), (b"self", ("203.0.113.1", 4000))],
        )
        bound = self.two.openDatagramSocket(lambda *_: None, "203.0.113.2")
        inbox = Received(self.network.machine("three", ("203.0.113.7", "203.0.113.8")))
        inbox.socket.send(b"", ("203.0.113.8", 4000))
        bound.send(b"", ("203.0.113.7", 4000))
        self.network.advance(0.0)
        sources = [address[0] for _, address in inbox.datagrams]
        self.assertEqual(sources, ["203.0.113.8", "203.0.113.2"])

    def test_loopbackIsPrivate(self) -> None:
        """A socket bound to loopback hears only its own machine, and speaks to nobody else."""
        private = Received(self.one, "127.0.0.1")
        other = Received(self.two)
        self.assertFalse(private.socket.send(b"out", ("203.0.113.2", 4000)))
        self.assertEqual(private.socket.send_errors, 1)
        other.socket.send(b"in", ("203.0.113.1", 4000))
        other.socket.send(b"own", ("127.0.0.1", 4000))
        self.network.advance(1.0)
        self.assertEqual(private.data(), [])
        self.assertEqual(other.data(), [b"own"])

    def test_sameAddressInTwoHomes(self) -> None:
        """An inside address means another machine in every home."""
        inboxes = []
        for number in (1, 2):
            self.network.nat(f"nat {number}", f"198.51.100.{number}")
            inboxes.append(
                Received(self.network.machine(f"host {number}", "192.168.1.9", f"nat {number}"))
            )
            sender = self.network.machine(f"sender {number}", "192.168.1.2", f"nat {number}")
            Received(sender).socket.send(b"%d" % number, ("192.168.1.9", 4000))
        self.network.advance(1.0)
        self.assertEqual([inbox.data() for inbox in inboxes], [[b"1"], [b"2"]])

    def test_insideAddressesStayInside(self) -> None:
        """From the Internet, or from another home, an inside address is nobody's."""
        self.network.nat("nat", "198.51.100.1", FULL_CONE)
        inside = Received(self.network.machine("inside", "192.168.1.9", "nat"))
        self.network.nat("other", "198.51.100.2")
        for sender in (self.one, self.network.machine("far", "192.168.1.2", "other")):
            sender.openDatagramSocket(lambda *_: None).send(b"", ("192.168.1.9", 4000))
        self.network.advance(1.0)
        self.assertEqual(inside.data(), [])
        self.assertEqual(self.network.counters.no_route, 2)


class HopTests(SynchronousTestCase):
    """Row H3: times to live, as openers with a low one need them."""

    def build(self, core_hops: int = CORE_HOPS) -> dict[str, Received]:
        """Return inboxes of machines in public, in two homes and behind a carrier."""
        self.network = network = WorldNetwork(1, core_hops=core_hops)
        network.nat("home 1", "198.51.100.1", FULL_CONE)
        network.nat("home 2", "198.51.100.2", FULL_CONE)
        network.nat("carrier", "198.51.100.3", FULL_CONE)
        network.nat("home 3", "100.64.0.2", FULL_CONE, behind="carrier")
        machines = {
            "server": network.machine("server", "203.0.113.1"),
            "other server": network.machine("other server", "203.0.113.2"),
            "home 1": network.machine("player 1", "192.168.1.2", "home 1"),
            "home 2": network.machine("player 2", "192.168.1.2", "home 2"),
            "home 3": network.machine("player 3", "192.168.1.2", "home 3"),
        }
        inboxes = {name: Received(machine) for name, machine in machines.items()}
        for inbox in inboxes.values():
            inbox.socket.send(b"map", ("203.0.113.9", 9))
        network.advance(1.0)
        return inboxes

    def test_lowestThatArrives(self) -> None:
        """A datagram arrives if its time to live exceeds the routers on the way, and only then."""
        outside = {
            "server": "203.0.113.1",
            "other server": "203.0.113.2",
            "home 1": "198.51.100.1",
            "home 2": "198.51.100.2",
            "home 3": "198.51.100.3",
        }
        for core_hops in (CORE_HOPS, 0, 1):
            inboxes = self.build(core_hops)
            for source, target, routers in [
                ("server", "other server", 0),
                ("home 1", "server", 1),
                ("server", "home 1", 1),
                ("home 1", "home 2", 2),
                ("home 3", "server", 2),
                ("home 1", "home 3", 3),
                ("home 3", "home 1", 3),
            ]:
                lowest = routers + core_hops + 1
                expired = self.network.counters.expired_ttl
                for ttl in range(1, lowest + 3):
                    inboxes[source].socket.send(b"%d" % ttl, (outside[target], 4000), ttl)
                self.network.advance(1.0)
                self.assertEqual(
                    inboxes[target].data(), [b"%d" % ttl for ttl in range(lowest, lowest + 3)]
                )
                self.assertEqual(self.network.counters.expired_ttl - expired, lowest - 1)

    def test_openerOpens(self) -> None:
        """A time to live of 2 opens a mapping in the sender's own NAT and dies before the peer's;
        one of 1 does not even do that."""
        network = WorldNetwork(1)
        for number in (1, 2):
            network.nat(f"home {number}", f"198.51.100.{number}")
        one = Received(network.machine("player 1", "192.168.1.2", "home 1"))
        two = Received(network.machine("player 2", "192.168.1.2", "home 2"))
        one.socket.send(b"opener", ("198.51.100.2", 4000), 1)
        network.advance(1.0)
        two.socket.send(b"too early", ("198.51.100.1", 4000))
        network.advance(1.0)
        one.socket.send(b"opener", ("198.51.100.2", 4000), 2)
        network.advance(1.0)
        two.socket.send(b"in", ("198.51.100.1", 4000))
        network.advance(1.0)
        self.assertEqual((one.data(), two.data()), ([b"in"], []))
        self.assertEqual(network.counters.expired_ttl, 2)
        self.assertEqual(network.counters.filtered_by_nat, 1)


class MakingTests(SynchronousTestCase):
    """Making machines and NATs."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.network.machine("one", "203.0.113.1")
        self.network.nat("nat", "198.51.100.1")

    def test_refused(self) -> None:
        """Names and addresses that are taken, unknown or no addresses are refused by name."""
        machine, nat = self.network.machine, self.network.nat
        for make, arguments, options in [
            (machine, ("one", "203.0.113.9"), {}),
            (machine, ("nat", "203.0.113.9"), {}),
            (machine, ("two", "203.0.113.1"), {}),
            (machine, ("two", ("203.0.113.9", "198.51.100.1")), {}),
            (machine, ("two", "example.org"), {}),
            (machine, ("two", "::1"), {}),
            (machine, ("two", "192.168.1.2", "nobody"), {}),
            (machine, ("two", "192.168.1.2", "one"), {}),
            (machine, ("two", "203.0.113.9"), {"drift_ppm": 1e6}),
            (machine, ("two", "203.0.113.9"), {"drift_ppm": float("nan")}),
            (nat, ("one", "203.0.113.9"), {}),
            (nat, ("nat", "203.0.113.9"), {}),
            (nat, ("two", "203.0.113.1"), {}),
            (nat, ("two", "nowhere"), {}),
            (nat, ("two", "203.0.113.9"), {"expiry": -1.0}),
            (nat, ("two", "203.0.113.9"), {"behind": "nobody"}),
        ]:
            named: dict[str, Any] = options
            self.assertRaises(BadSetting, make, *arguments, **named)
        self.assertRaises(BadSetting, self.network.setProfile, "two", LinkProfile())
        self.assertRaises(BadSetting, self.network.publishName, "two", "nowhere")
        self.assertEqual(list(self.network.machines), ["one"])
        self.network.machine("two", "203.0.113.9")
        self.network.nat("other", "203.0.113.10")

    def test_behaviorByParts(self) -> None:
        """A NAT's behavior can be given whole, in parts, or whole with parts changed."""
        nat = self.network.nat(
            "parts",
            "198.51.100.2",
            FULL_CONE,
            behind=self.network.nats["nat"],
            mapping=Mapping.ADDRESS_DEPENDENT,
            port_choice=PortChoice.RANDOM,
            expiry=5.0,
            hairpin=True,
        )
        behavior = nat.behavior
        self.assertEqual(behavior.mapping, Mapping.ADDRESS_DEPENDENT)
        self.assertEqual(behavior.filtering, Filtering.ENDPOINT_INDEPENDENT)
        self.assertEqual(behavior.port_choice, PortChoice.RANDOM)
        self.assertEqual((behavior.expiry, behavior.hairpin), (5.0, True))
        self.assertEqual(nat.outside.lineage, ("parts", "nat"))
        filtering = self.network.nat(
            "other", "198.51.100.3", filtering=Filtering.ADDRESS_DEPENDENT, hairpin=False
        ).behavior.filtering
        self.assertEqual(filtering, Filtering.ADDRESS_DEPENDENT)

    def test_time(self) -> None:
        """The network's time is its clock's."""
        self.network.advance(2.0)
        self.assertEqual(self.network.clock.seconds(), 2.0)
        self.network.clock.callLater(1.0, lambda: None)
        self.assertRaises(NotReached, self.network.runUntil, lambda: False, 3.0)
        reached = self.network.runUntil(lambda: self.network.clock.seconds() >= 5.0, 1.0)
        self.assertIs(reached, True)

    def test_counters(self) -> None:
        """The counters list themselves by name, all zero in a world where nothing happened."""
        counted = self.network.counters.asDict()
        self.assertEqual(dict.fromkeys(counted.values()), {0: None})
        self.assertIn("buffer_overflow", counted)
        self.network.partition(["one"])
        self.assertEqual(self.network.counters.asDict()["partitions"], 1)
