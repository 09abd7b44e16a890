"""The sockets behind relayed addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address, IDatagramSocket
from gamenet.relay_plane.port_opener import RelayedPorts
from gamenet.relay_plane.port_range import PortRange
from tests.memory_machine import MemoryMachine, MemoryNetwork

_HOST = "203.0.113.2"


class Port:
    """A port that writes down what comes to it."""

    socket: IDatagramSocket

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Address]] = []

    @property
    def address(self) -> Address:
        """Where it is."""
        address: Address = self.socket.address
        return address

    def datagramReceived(self, data: bytes, peer: Address) -> None:
        """Write a datagram down."""
        self.received.append((data, peer))


class PortsTests(SynchronousTestCase):
    """Opening and closing."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.machine: MemoryMachine = self.network.machine(_HOST)

    def ports(self, free: PortRange | None = None, attempts: int = 16) -> RelayedPorts[Port]:
        """Return what opens ports."""
        return RelayedPorts(self.machine, _HOST, Port, free, attempts)

    def closeAll(self) -> None:
        """Close whatever is open."""
        for socket in list(self.machine.sockets.values()):
            socket.close()

    def occupy(self, *ports: int) -> list[IDatagramSocket]:
        """Let somebody else have ports."""
        return [
            self.machine.openDatagramSocket(lambda data, source: None, _HOST, port)
            for port in ports
        ]

    def test_open(self) -> None:
        """Each port gets what is sent to it, and nothing once it is closed."""
        ports = self.ports()
        (one,) = ports.open(False, False)
        (two,) = ports.open(False, False)
        self.assertEqual(one.address[0], _HOST)
        sender = self.network.machine("198.51.100.1").openDatagramSocket(lambda *seen: None)
        sender.send(b"x", two.address)
        self.network.settle()
        self.assertEqual(one.received, [])
        self.assertEqual(two.received, [(b"x", ("198.51.100.1", sender.address[1]))])
        ports.close(two)
        self.assertEqual(list(self.machine.sockets), [one.address[1]])

    def test_even(self) -> None:
        """An even port, whichever the system offers, and nothing else stays open."""
        for first in (40_000, 40_001):
            self.machine._next_port = first
            ports = self.ports()
            (port,) = ports.open(True, False)
            self.assertEqual(port.address[1] % 2, 0)
            self.assertEqual(list(self.machine.sockets), [port.address[1]])
            self.closeAll()

    def test_pair(self) -> None:
        """An even port and the next, the even one first, whichever the system offers."""
        for first in (40_000, 40_001):
            self.machine._next_port = first
            ports = self.ports()
            lower, upper = ports.open(True, True)
            self.assertEqual((lower.address[1], upper.address[1]), (40_000, 40_001))
            self.assertEqual(sorted(self.machine.sockets), [40_000, 40_001])
            self.closeAll()

    def test_neighborTaken(self) -> None:
        """Where the neighbor is somebody else's another one is tried, and nothing is leaked."""
        for even, pair, wanted in ((True, False, [40_004]), (True, True, [40_004, 40_005])):
            self.occupy(40_000, 40_002)
            self.machine._next_port = 40_001
            ports = self.ports()
            opened = ports.open(even, pair)
            self.assertEqual([port.address[1] for port in opened], wanted)
            self.assertEqual(sorted(self.machine.sockets), [40_000, 40_002, *wanted])
            self.closeAll()

    def test_attempts(self) -> None:
        """No more ports are tried than the attempts, and none is left open."""
        self.occupy(*range(40_000, 40_020, 2))
        self.machine._next_port = 40_001
        ports = self.ports(attempts=3)
        self.assertEqual(ports.open(True, True), ())
        self.assertEqual(self.machine._next_port, 40_006)
        self.assertEqual(len(self.machine.sockets), 10)
        self.machine.sockets_limit = 0
        self.assertEqual(ports.open(False, False), ())

    def test_range(self) -> None:
        """From a range: every port of it, and given back when closed."""
        free = PortRange(50_000, 50_003)
        ports = self.ports(free)
        opened = [ports.open(False, False) for _ in range(4)]
        self.assertEqual(sorted(self.machine.sockets), [50_000, 50_001, 50_002, 50_003])
        self.assertEqual(ports.open(False, False), ())
        ports.close(opened[2][0])
        self.assertEqual(len(free), 1)
        self.assertEqual(ports.open(False, False)[0].address, opened[2][0].address)
        for (port,) in (*opened[:2], *opened[3:]):
            ports.close(port)
        self.assertEqual(len(free), 3)

    def test_rangeIsDrawn(self) -> None:
        """Which port comes is not to be foretold: the machine's random bytes decide."""
        orders = []
        for seed in range(4):
            network = MemoryNetwork(seed)
            ports = RelayedPorts(
                network.machine(_HOST), _HOST, Port, PortRange(50_000, 50_999)
            )
            orders.append([ports.open(False, False)[0].address[1] for _ in range(3)])
        self.assertEqual(len({tuple(order) for order in orders}), 4)

    def test_rangePair(self) -> None:
        """A pair from a range; a half-taken pair is passed over and wholly given back."""
        free = PortRange(50_000, 50_005)
        ports = self.ports(free)
        self.occupy(50_001, 50_002)
        lower, upper = ports.open(True, True)
        self.assertEqual((lower.address[1], upper.address[1]), (50_004, 50_005))
        self.assertEqual(ports.open(True, True), ())
        self.assertEqual(len(free), 4)
        self.assertEqual(
            sorted(self.machine.sockets), [50_001, 50_002, 50_004, 50_005]
        )
        (even,) = ports.open(True, False)
        self.assertEqual(even.address[1], 50_000)
        (odd,) = ports.open(False, False)
        self.assertEqual(odd.address[1], 50_003)
        self.assertEqual(len(free), 2)
        for port in (lower, upper, even, odd):
            ports.close(port)
        self.assertEqual(len(free), 6)

    def test_rangeAttempts(self) -> None:
        """Of a range that is all somebody else's only so many are tried, and all given back."""
        free = PortRange(50_000, 50_099)
        ports = self.ports(free, attempts=4)
        self.machine.sockets_limit = 0
        tried = []
        open_socket = self.machine.openDatagramSocket

        def openDatagramSocket(*arguments: object) -> IDatagramSocket:
            tried.append(arguments)
            return open_socket(*arguments)

        self.machine.openDatagramSocket = openDatagramSocket
        self.assertEqual(ports.open(False, False), ())
        self.assertEqual((len(tried), len(free)), (8, 100))
        self.assertEqual(ports.open(True, True), ())
        self.assertEqual((len(tried), len(free)), (12, 100))
