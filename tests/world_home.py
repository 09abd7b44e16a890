"""
Sockets that write down what they receive, and one machine behind a NAT, for tests of the world.
"""

from __future__ import annotations

from typing import Any

from gamenet.interfaces import Address
from gamenet.world.machine import WorldMachine
from gamenet.world.nat_behavior import NatBehavior
from gamenet.world.network import WorldNetwork

__all__ = ["INSIDE", "OUTSIDE", "REMOTES", "SERVERS", "Home", "Received"]

OUTSIDE = "198.51.100.1"
SERVERS = ("203.0.113.1", "203.0.113.2")
INSIDE: Address = ("192.168.1.2", 5000)

#: The remote endpoints that the table-driven tests use: the first is sent to first.
REMOTES: tuple[Address, ...] = tuple((host, port) for host in SERVERS for port in (1000, 2000))


class Home:
    """One machine behind one NAT, and two servers with two sockets each that write down all."""

    def __init__(self, behavior: NatBehavior, seed: int = 1, **machine: Any) -> None:
        self.network = WorldNetwork(seed)
        self.nat = self.network.nat("home", OUTSIDE, behavior)
        self.player = self.network.machine("player", INSIDE[0], behind="home", **machine)
        self.received: list[tuple[bytes, Address]] = []
        self.socket = self.player.openDatagramSocket(
            lambda data, address: self.received.append((data, address)), port=INSIDE[1]
        )
        self.seen: dict[Address, list[Address]] = {remote: [] for remote in REMOTES}
        self.servers = {}
        for index, host in enumerate(SERVERS):
            server = self.network.machine(f"server {index}", host)
            for remote in REMOTES:
                if remote[0] == host:
                    self.servers[remote] = server.openDatagramSocket(
                        lambda data, address, remote=remote: self.seen[remote].append(address),
                        host,
                        remote[1],
                    )

    def outside(self, remote: Address, data: bytes = b"out") -> Address | None:
        """Send to a remote endpoint; return where it says that came from."""
        before = len(self.seen[remote])
        self.socket.send(data, remote)
        self.network.advance(0.0)
        return self.seen[remote][-1] if len(self.seen[remote]) > before else None

    def letsIn(self, remote: Address, external: Address | None) -> bool:
        """Have a remote endpoint send to an external address; return whether it came in."""
        assert external is not None
        before = len(self.received)
        self.servers[remote].send(b"in", external)
        self.network.advance(0.0)
        return len(self.received) > before


class Received:
    """A socket at port 4000 that writes down what it receives."""

    def __init__(self, machine: WorldMachine, interface: str = "") -> None:
        self.datagrams: list[tuple[bytes, Address]] = []
        self.socket = machine.openDatagramSocket(
            lambda data, address: self.datagrams.append((data, address)), interface, 4000
        )

    def data(self) -> list[bytes]:
        """Return the bytes received so far, and forget them."""
        received = [data for data, _ in self.datagrams]
        self.datagrams.clear()
        return received
