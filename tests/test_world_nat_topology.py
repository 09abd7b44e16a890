"""
Tests of NATs among others: hairpinning, neighbors, and NATs behind NATs.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import (
    ADDRESS_RESTRICTED,
    ADDRESS_SENSITIVE,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    NatBehavior,
)
from gamenet.world.network import WorldNetwork
from tests.world_home import OUTSIDE, SERVERS


class HairpinTests(SynchronousTestCase):
    """Datagrams from the inside to an external address of the same NAT."""

    def play(self, behavior: NatBehavior) -> tuple[WorldNetwork, list[tuple[bytes, Address]]]:
        """Have one of two neighbors send to the other's external address, both mapped."""
        network = WorldNetwork(1)
        network.nat("home", OUTSIDE, behavior)
        network.machine("server", SERVERS[0])
        received: list[tuple[bytes, Address]] = []
        one = network.machine("one", "192.168.1.2", behind="home")
        two = network.machine("two", "192.168.1.3", behind="home")
        sender = one.openDatagramSocket(lambda *_: None, port=5000)
        listener = two.openDatagramSocket(
            lambda data, address: received.append((data, address)), port=6000
        )
        listener.send(b"", (SERVERS[0], 1))
        listener.send(b"", (OUTSIDE, 5000))
        network.advance(1.0)
        sender.send(b"round", (OUTSIDE, 6000))
        self.assertEqual(received, [], "never within send()")
        network.advance(1.0)
        return network, received

    def test_hairpin(self) -> None:
        """RFC 4787 REQ-9: it arrives, with the sender's external address."""
        for behavior in (FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED):
            network, received = self.play(evolve(behavior, hairpin=True))
            self.assertEqual(received, [(b"round", (OUTSIDE, 5000))])
            self.assertEqual(network.counters.hairpinned, 2)

    def test_noHairpin(self) -> None:
        """Without hairpinning it is dropped and counted."""
        network, received = self.play(FULL_CONE)
        self.assertEqual(received, [])
        self.assertEqual(network.counters.hairpin_refused, 2)

    def test_neighborsReachEachOtherInside(self) -> None:
        """By inside addresses neighbors need no NAT at all."""
        network = WorldNetwork(1)
        network.nat("home", OUTSIDE, PORT_RESTRICTED)
        received: list[tuple[bytes, Address]] = []
        one = network.machine("one", "192.168.1.2", "home", LinkProfile(latency=0.001))
        two = network.machine("two", "192.168.1.3", "home", LinkProfile(latency=0.002))
        two.openDatagramSocket(lambda data, address: received.append((data, address)), port=6000)
        one.openDatagramSocket(lambda *_: None, port=5000).send(b"hi", ("192.168.1.3", 6000), 1)
        network.advance(0.0029)
        self.assertEqual(received, [])
        network.advance(0.0002)
        self.assertEqual(received, [(b"hi", ("192.168.1.2", 5000))])
        self.assertEqual(network.counters.mappings, 0)


class DoubleNatTests(SynchronousTestCase):
    """A NAT behind another (a carrier's)."""

    def build(self, inner: NatBehavior, outer: NatBehavior) -> tuple[WorldNetwork, Any, Any]:
        """Return the network, the player's machine and the server's."""
        network = WorldNetwork(3)
        network.nat("carrier", OUTSIDE, outer, profile=LinkProfile(latency=0.01))
        network.nat(
            "home", "100.64.0.2", inner, behind="carrier", profile=LinkProfile(latency=0.02)
        )
        player = network.machine(
            "player", "192.168.1.2", behind="home", profile=LinkProfile(latency=0.04)
        )
        server = network.machine("server", SERVERS[0], profile=LinkProfile(latency=0.08))
        return network, player, server

    def test_roundTrip(self) -> None:
        """Out and back through both, each link's latency counted once each way."""
        network, player, server = self.build(PORT_RESTRICTED, PORT_RESTRICTED)
        back: list[tuple[float, bytes, Address]] = []
        seen: list[Address] = []

        def echo(data: bytes, address: Address) -> None:
            seen.append(address)
            answering.send(data, address)

        answering = server.openDatagramSocket(echo, port=1000)
        sending = player.openDatagramSocket(
            lambda data, address: back.append((network.clock.seconds(), data, address)), port=5000
        )
        sending.send(b"ping", (SERVERS[0], 1000))
        network.advance(1.0)
        self.assertEqual(seen, [(OUTSIDE, 5000)])
        self.assertEqual(len(back), 1)
        self.assertAlmostEqual(back[0][0], 0.3, places=9)
        self.assertEqual(back[0][1:], (b"ping", (SERVERS[0], 1000)))
        self.assertEqual(network.counters.mappings, 2)

    def test_worstOfBoth(self) -> None:
        """A symmetric carrier makes a cone at home symmetric, and the other way round."""
        for inner, outer in [
            (FULL_CONE, PORT_SENSITIVE_RANDOM),
            (PORT_SENSITIVE_RANDOM, FULL_CONE),
            (FULL_CONE, ADDRESS_SENSITIVE),
        ]:
            network, player, server = self.build(inner, outer)
            other = network.machine("other", SERVERS[1])
            seen: list[Address] = []

            def note(data: bytes, address: Address, seen: list[Address] = seen) -> None:
                seen.append(address)

            for machine in (server, other):
                machine.openDatagramSocket(note, port=1000)
            sending = player.openDatagramSocket(lambda *_: None, port=5000)
            for host in SERVERS:
                sending.send(b"", (host, 1000))
            network.advance(1.0)
            self.assertEqual(len(dict.fromkeys(seen)), 2, (inner, outer))

    def test_carrierHairpin(self) -> None:
        """Two homes of one carrier meet by its hairpinning."""
        network, player, _ = self.build(FULL_CONE, evolve(FULL_CONE, hairpin=True))
        network.nat("next door", "100.64.0.3", FULL_CONE, behind="carrier")
        neighbor = network.machine("neighbor", "192.168.1.2", behind="next door")
        received: list[bytes] = []
        here = neighbor.openDatagramSocket(lambda data, _: received.append(data), port=6000)
        here.send(b"", (SERVERS[0], 1))
        network.advance(1.0)
        player.openDatagramSocket(lambda *_: None).send(b"hello", (OUTSIDE, 6000))
        network.advance(1.0)
        self.assertEqual(received, [b"hello"])

    def test_changedInside(self) -> None:
        """A changed link of an inside machine holds for what comes in, too."""
        network, player, server = self.build(FULL_CONE, FULL_CONE)
        arrived: list[float] = []
        inside = player.openDatagramSocket(
            lambda *_: arrived.append(network.clock.seconds()), port=5000
        )
        outside = server.openDatagramSocket(lambda *_: None)
        inside.send(b"", (SERVERS[0], 9))
        network.advance(1.0)
        outside.send(b"", (OUTSIDE, 5000))
        network.advance(1.0)
        network.setProfile("player", LinkProfile(latency=0.25))
        outside.send(b"", (OUTSIDE, 5000))
        network.advance(1.0)
        self.assertEqual([round(when, 9) for when in arrived], [1.15, 2.36])
