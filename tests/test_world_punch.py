"""
Tests of the twin world with a toy of hole punching: who meets whom through which NATs.
"""

from __future__ import annotations

from itertools import product

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.nat_behavior import (
    ADDRESS_RESTRICTED,
    ADDRESS_SENSITIVE,
    DATAGRAMS_BLOCKED,
    FULL_CONE,
    PORT_RESTRICTED,
    PORT_SENSITIVE_RANDOM,
    PORT_SENSITIVE_SEQUENTIAL,
    PRESETS,
    NatBehavior,
)
from gamenet.world.network import WorldNetwork

SERVER: Address = ("203.0.113.1", 3478)
OPEN_ENOUGH = (FULL_CONE, ADDRESS_RESTRICTED)
SYMMETRIC = (ADDRESS_SENSITIVE, PORT_SENSITIVE_SEQUENTIAL, PORT_SENSITIVE_RANDOM)


class Puncher:
    """
    Asks a server for its own outside address, then probes, and answers every probe,
    with one of its own to where it came from (RFC 8445's triggered check).
    """

    def __init__(self, machine: WorldMachine) -> None:
        self.clock = machine.clock
        self.socket = machine.openDatagramSocket(self._received, port=5000)
        self.outside: Address | None = None
        self.proven: Address | None = None

    def ask(self) -> None:
        """Ask, until there is an answer."""
        if self.outside is None:
            self.socket.send(b"?", SERVER)
            self.clock.callLater(0.2, self.ask)

    def probe(self, target: Address, count: int) -> None:
        """Probe an address so many times."""
        self.socket.send(b"probe", target)
        if count > 1:
            self.clock.callLater(0.05, self.probe, target, count - 1)

    def _received(self, data: bytes, address: Address) -> None:
        if data == b"probe":
            self.socket.send(b"answer", address)
            if self.proven is None:
                self.socket.send(b"probe", address)
        elif data == b"answer":
            self.proven = self.proven or address
        elif self.outside is None:
            host, _, port = data.decode().partition(":")
            self.outside = (host, int(port))


def punch(one: NatBehavior, other: NatBehavior, seed: int) -> tuple[bool, WorldNetwork]:
    """Return whether both punchers proved a direct path through these NATs."""
    network = WorldNetwork(seed)
    profile = LinkProfile(latency=0.02, jitter=0.005, loss=0.02, duplication=0.02)
    server = network.machine("server", SERVER[0])
    answering = server.openDatagramSocket(
        lambda _, address: answering.send(f"{address[0]}:{address[1]}".encode(), address),
        port=SERVER[1],
    )
    punchers = []
    for number, behavior in enumerate((one, other), 1):
        network.nat(f"nat {number}", f"198.51.100.{number}", behavior, profile=profile)
        machine = network.machine(
            f"player {number}", "192.168.1.2", f"nat {number}", drift_ppm=100.0 * number
        )
        punchers.append(Puncher(machine))
        punchers[-1].ask()
    network.advance(2.0)
    for puncher, peer in (punchers, reversed(punchers)):
        if peer.outside is not None:
            puncher.probe(peer.outside, 40)
    network.advance(3.0)
    return all(puncher.proven is not None for puncher in punchers), network


class PunchMatrixTests(SynchronousTestCase):
    """Plain punching, every kind against every kind."""

    def test_matrix(self) -> None:
        """Cone against cone is always direct, symmetric against symmetric never (the
        laboratory's matrix, its plain cells)."""
        kinds = [preset for preset in PRESETS.values() if preset.datagrams]
        self.assertEqual(len(kinds), 6)
        for one, other in product(kinds, kinds):
            expected = one in OPEN_ENOUGH or other in OPEN_ENOUGH or one == other == PORT_RESTRICTED
            for seed in range(3):
                direct, network = punch(one, other, seed)
                self.assertEqual(direct, expected, (one, other, seed))
                self.assertGreater(network.counters.filtered_by_nat + expected, 0)

    def test_symmetricNever(self) -> None:
        """Done when: over 50 seeds symmetric against symmetric is never direct."""
        for seed in range(50):
            for one, other in product(SYMMETRIC[1:], SYMMETRIC[1:]):
                self.assertFalse(punch(one, other, seed)[0], (seed, one, other))

    def test_coneAlways(self) -> None:
        """Done when: over 50 seeds cone against cone is always direct."""
        for seed in range(50):
            self.assertTrue(punch(PORT_RESTRICTED, PORT_RESTRICTED, seed)[0], seed)

    def test_blocked(self) -> None:
        """Through a NAT that blocks datagrams nobody ever meets."""
        for kind in PRESETS.values():
            self.assertFalse(punch(kind, DATAGRAMS_BLOCKED, 1)[0])

    def test_expiredHoles(self) -> None:
        """Holes that nobody keeps open close again, and are counted."""
        behavior = evolve(PORT_RESTRICTED, expiry=10.0)
        direct, network = punch(behavior, behavior, 1)
        self.assertTrue(direct)
        network.advance(20.0)
        before = network.counters.delivered
        prober = network.machines["player 1"].openDatagramSocket(lambda *_: None)
        prober.send(b"probe", ("198.51.100.2", 5000))
        network.advance(1.0)
        self.assertEqual(network.counters.delivered, before)
        self.assertEqual(network.counters.expired_mappings, 1)
