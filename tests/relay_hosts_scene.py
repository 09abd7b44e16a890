"""
A relay on a machine with several addresses, IPv4 and IPv6, on a network in memory.
"""

from __future__ import annotations

from attrs import define
from zope.interface import implementer

from gamenet.errors import CannotBind
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.relay.protocol import RelayServer
from gamenet.relay.settings import RelaySettings
from gamenet.wire.stun import MessageClass, StunMessage, encode
from gamenet.wire.turn import ALLOCATE
from tests.memory_machine import MemoryMachine, MemoryNetwork
from tests.relay_desk import RELAY_HOST, RELAY_HOST_IPV6, SECRET
from tests.relay_scene import RELAY, RawClient, Scene

__all__ = [
    "ALTERNATE_HOST",
    "RELAY_IPV6",
    "HostsMachine",
    "HostsScene",
    "Ipv6Client",
    "dualSettings",
]

RELAY_IPV6: Address = (RELAY_HOST_IPV6, 3478)
#: The second IPv4 address of the relay's machine.
ALTERNATE_HOST = "203.0.113.3"


@implementer(IMachine)
@define(eq=False)
class HostsMachine:
    """
    Several machines of one address each, as one.

    @ivar machines: By address; sockets without one of their own are the first's.
    """

    machines: dict[str, MemoryMachine]

    @property
    def first(self) -> MemoryMachine:
        """The first of them: it has the clock and the random bytes."""
        return next(iter(self.machines.values()))

    @property
    def clock(self) -> object:
        """See L{IMachine.clock}."""
        return self.first.clock

    def wallClock(self) -> float:
        """See L{IMachine.wallClock}."""
        return self.first.wallClock()

    def randomBytes(self, count: int) -> bytes:
        """See L{IMachine.randomBytes}."""
        return self.first.randomBytes(count)

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket at one of the addresses."""
        machine = self.machines.get(interface, None if interface else self.first)
        if machine is None:
            raise CannotBind(f"not ours: {interface}")
        opened: IDatagramSocket = machine.openDatagramSocket(receiver, interface, port)
        return opened

    def streamClientEndpoint(self, description: str) -> object:
        """There are no streams here."""
        raise NotImplementedError

    def streamServerEndpoint(self, description: str) -> object:
        """There are no streams here."""
        raise NotImplementedError

    def sourceAddress(self, destination: str) -> str:
        """Return the first address of the destination's family."""
        for host in self.machines:
            if (":" in host) == (":" in destination):
                return host
        raise CannotBind(f"no way to {destination}")

    def isOwnAddress(self, host: str) -> bool:
        """Return whether it is one of the addresses, or loopback."""
        return host in self.machines or host.startswith("127.") or host == "::1"


def dualSettings(**changes: object) -> RelaySettings:
    """Return settings of a relay that listens and relays in both families."""
    return RelaySettings((SECRET,), udp=(RELAY, RELAY_IPV6), **changes)  # type: ignore[arg-type]


class HostsScene(Scene):
    """
    A relay that has an IPv4 address, another, and an IPv6 address.

    @ivar hosts: Its addresses.
    """

    def __init__(self, settings: RelaySettings | None = None, seed: int = 1) -> None:
        self.network = MemoryNetwork(seed)
        self.hosts = (RELAY_HOST, ALTERNATE_HOST, RELAY_HOST_IPV6)
        whole = HostsMachine({host: self.network.machine(host) for host in self.hosts})
        self.machine = whole.first
        self.server = RelayServer(whole, settings or dualSettings())
        self.server.start()

    def sentElsewhere(self, known: tuple[str, ...]) -> list[Address]:
        """Return where the relay sent to, other than to known hosts."""
        return [
            target
            for _, source, target in self.network.carried
            if source[0] in self.hosts and target[0] not in known
        ]

    def openPorts(self) -> list[Address]:
        """Return every relayed port that is open."""
        machines = (self.network.machine(host) for host in self.hosts)
        return [
            (machine.host, port)
            for machine in machines
            for port in sorted(machine.sockets)
            if port != RELAY[1]
        ]


class Ipv6Client(RawClient):
    """A client that reaches the relay over IPv6."""

    def _receive(self, data: bytes, address: Address) -> None:
        assert address == RELAY_IPV6, address
        self.received.append(data)

    def put(self, data: bytes) -> None:
        """Send bytes to the relay, and let them arrive."""
        self.socket.send(data, RELAY_IPV6)
        self.scene.network.settle()

    def challenge(self) -> None:
        """Ask for an allocation without a credential."""
        self.put(encode(StunMessage(ALLOCATE, MessageClass.REQUEST, self.nextId())))
