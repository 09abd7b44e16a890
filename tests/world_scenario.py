"""
A world in which a bit of everything happens, for tests of determinism.

C{python -m tests.world_scenario SEED} prints the trace hash, then the counters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.basic import Int32StringReceiver

from gamenet.interfaces import Address
from gamenet.seeded_random import SeededRandom
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.nat import Nat
from gamenet.world.nat_behavior import PRESETS
from gamenet.world.network import WorldNetwork

__all__ = ["runScenario"]

LOBBY: Address = ("203.0.113.1", 7770)
SECONDS = 8.0


class Echo(Int32StringReceiver):
    """Sends every string back, reversed."""

    def stringReceived(self, string: bytes) -> None:
        """Answer."""
        self.sendString(string[::-1])


class Talker(Int32StringReceiver):
    """Sends a string every so often, of random bytes."""

    machine: WorldMachine

    def stringReceived(self, string: bytes) -> None:
        """Take the answer for what it is."""

    def connectionMade(self) -> None:
        """Begin."""
        self.say()

    def say(self) -> None:
        """Say something, and go on later."""
        if self.transport.connected:
            self.sendString(self.machine.randomBytes(self.machine.randomBytes(1)[0]))
            self.machine.clock.callLater(0.3, self.say)


class Player:
    """A player who tells the lobby's machine, and everyone it heard of, its frame number."""

    def __init__(self, machine: WorldMachine, others: list[Address]) -> None:
        self.machine = machine
        self.others = others
        self.frame = 0
        self.socket = machine.openDatagramSocket(self.received)
        machine.clock.callLater(0.0, self.tick)

    def received(self, data: bytes, address: Address) -> None:
        """Answer what is no answer."""
        if data[:1] == b"f":
            self.socket.send(b"a" + data[1:], address)

    def tick(self) -> None:
        """Send a frame to everyone, every fourth one with a low time to live."""
        self.frame += 1
        ttl = 3 if self.frame % 4 == 0 else None
        for address in (LOBBY, *self.others):
            self.socket.send(b"f%d" % self.frame, address, ttl)
        self.machine.clock.callLater(0.05, self.tick)


def forget(nat: Nat) -> None:
    """Reboot a router."""
    nat.forget()


def runScenario(seed: int) -> WorldNetwork:
    """Return a world in which a bit of everything has happened."""
    random = SeededRandom.fromLabel(seed, "scenario")
    network = WorldNetwork(seed)
    lobby = network.machine("lobby", LOBBY[0], profile=LinkProfile(latency=0.01))
    seen: list[Address] = []
    inbox = lobby.openDatagramSocket(
        lambda data, address: None if address in seen else seen.append(address), port=LOBBY[1]
    )
    lobby.streamServerEndpoint("tcp:7770").listen(Factory.forProtocol(Echo))
    for number, (kind, behavior) in enumerate(PRESETS.items(), 1):
        profile = LinkProfile(
            latency=random.uniform(0.005, 0.05),
            jitter=random.uniform(0.0, 0.02),
            loss=0.05,
            duplication=0.05,
            reordering=0.05,
            bandwidth=4_000.0 if number == 2 else None,
            queue_limit=400,
        )
        network.nat(kind, f"198.51.100.{number}", behavior, profile=profile, expiry=0.3)
        machine = network.machine(
            f"player {number}",
            "192.168.1.2",
            kind,
            clock_offset=random.uniform(0.0, 1000.0),
            drift_ppm=random.uniform(-500.0, 500.0),
            receive_buffer=4_000,
        )
        Player(machine, seen)
        talker = type("MachinesTalker", (Talker,), {"machine": machine})
        machine.streamClientEndpoint("tcp:203.0.113.1:7770").connect(Factory.forProtocol(talker))
        machine.streamClientEndpoint("tcp:203.0.113.1:1").connect(
            Factory.forProtocol(Protocol)
        ).addErrback(lambda failure: None)
    names = list(PRESETS)
    faults: list[Callable[[], None]] = [
        lambda: network.machines[f"player {random.between(1, 7)}"].suspend(0.4),
        lambda: network.partition([random.choice(names)], ["lobby"]),
        lambda: network.partition([random.choice(names)]),
        lambda: forget(network.nats[random.choice(names)]),
        lambda: network.machines[f"player {random.between(1, 7)}"].stepWallClock(-60.0),
        lambda: network.setProfile(random.choice(names), LinkProfile(latency=0.03, loss=0.2)),
        lambda: inbox.send(b"f", ("203.0.113.99", 1)) and None,
    ]
    when = 0.5
    while when < SECONDS:
        network.clock.callLater(when, random.choice(faults))
        network.clock.callLater(when + 0.15, network.heal)
        when += 0.3
    network.advance(SECONDS)
    return network


if __name__ == "__main__":
    scenario = runScenario(int(sys.argv[1]))
    print(scenario.traceHash())
    print(scenario.counters.asDict())
