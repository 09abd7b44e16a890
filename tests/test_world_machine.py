"""
Tests of L{gamenet.world.machine}: what a process stands on.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadSetting, CannotBind
from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.world.datagram_socket import BUFFER_LIMIT, DATAGRAM_OVERHEAD
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WALL_CLOCK_START
from gamenet.world.nat_behavior import FULL_CONE
from gamenet.world.network import WorldNetwork


def ignore(data: bytes, address: Address) -> None:
    """Receive and forget."""


class MachineTests(SynchronousTestCase):
    """L{gamenet.world.machine.WorldMachine}."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.machine = self.network.machine(
            "one", ("203.0.113.1", "203.0.113.2"), clock_offset=50.0, drift_ppm=500.0
        )

    def test_interfaces(self) -> None:
        """A machine provides IMachine, its clock IReactorTime, its sockets IDatagramSocket."""
        verifyObject(IMachine, self.machine)
        verifyObject(IReactorTime, self.machine.clock)
        verifyObject(IDatagramSocket, self.machine.openDatagramSocket(ignore))

    def test_wallClock(self) -> None:
        """The wall clock drifts as the monotonic one does; a step moves it alone."""
        called: list[float] = []
        self.machine.clock.callLater(10.0, lambda: called.append(self.machine.clock.seconds()))
        self.assertEqual(self.machine.wallClock(), WALL_CLOCK_START)
        self.network.advance(4.0)
        self.assertAlmostEqual(self.machine.wallClock(), WALL_CLOCK_START + 4.002, places=5)
        self.machine.stepWallClock(-3600.0)
        self.assertAlmostEqual(self.machine.wallClock(), WALL_CLOCK_START - 3595.998, places=5)
        self.machine.stepWallClock(7200.0)
        self.assertAlmostEqual(self.machine.wallClock(), WALL_CLOCK_START + 3604.002, places=5)
        self.assertAlmostEqual(self.machine.clock.seconds(), 54.002, places=9)
        self.network.advance(10.0)
        self.assertEqual(called, [60.0])
        self.assertEqual(self.network.counters.wall_clock_steps, 2)

    def test_randomBytes(self) -> None:
        """Random bytes follow from the seed and the name, and from nothing else."""

        def drawn(seed: int, name: str, others: int = 0) -> bytes:
            network = WorldNetwork(seed)
            for number in range(others):
                network.machine(f"other {number}", f"203.0.113.{number + 1}").randomBytes(7)
            return network.machine(name, "203.0.113.200").randomBytes(16)

        self.assertEqual([len(self.machine.randomBytes(count)) for count in (0, 1, 33)], [0, 1, 33])
        self.assertNotEqual(self.machine.randomBytes(8), self.machine.randomBytes(8))
        self.assertEqual(drawn(1, "a"), drawn(1, "a", 5))
        self.assertNotEqual(drawn(1, "a"), drawn(2, "a"))
        self.assertNotEqual(drawn(1, "a"), drawn(1, "b"))

    def test_sourceAddress(self) -> None:
        """Datagrams leave from the first address, to the machine itself from where they go."""
        self.assertEqual(self.machine.sourceAddress("198.51.100.1"), "203.0.113.1")
        self.assertEqual(self.machine.sourceAddress("127.0.0.1"), "127.0.0.1")
        self.assertEqual(self.machine.sourceAddress("203.0.113.2"), "203.0.113.2")
        self.assertEqual(self.machine.address, "203.0.113.1")

    def test_ports(self) -> None:
        """A socket gets the port it asks for, or a free one; a taken one is refused by name."""
        asked = self.machine.openDatagramSocket(ignore, port=5000)
        self.assertEqual(asked.address, ("0.0.0.0", 5000))
        error = self.assertRaises(CannotBind, self.machine.openDatagramSocket, ignore, port=5000)
        self.assertIn("5000", str(error))
        for host in ("203.0.113.1", "203.0.113.2", "127.0.0.1"):
            self.assertRaises(CannotBind, self.machine.openDatagramSocket, ignore, host, 5000)
        asked.close()
        again = self.machine.openDatagramSocket(ignore, "203.0.113.2", 5000)
        self.assertEqual(again.address, ("203.0.113.2", 5000))
        self.machine.openDatagramSocket(ignore, "203.0.113.1", 5000)
        self.assertRaises(CannotBind, self.machine.openDatagramSocket, ignore, "0.0.0.0", 5000)
        self.machine.openDatagramSocket(ignore, port=65_535)
        chosen = [self.machine.openDatagramSocket(ignore).address[1] for _ in range(100)]
        self.assertEqual(len(dict.fromkeys(chosen)), 100)
        self.assertTrue(all(49_152 <= port <= 65_535 for port in chosen))

    def test_everyPortTaken(self) -> None:
        """When every port that may be chosen is taken, that is said."""
        for port in range(49_152, 65_535):
            self.machine.openDatagramSocket(ignore, "127.0.0.1", port)
        last = self.machine.openDatagramSocket(ignore, "127.0.0.1")
        self.assertEqual(last.address[1], 65_535)
        self.assertRaises(CannotBind, self.machine.openDatagramSocket, ignore, "127.0.0.1")
        self.machine.openDatagramSocket(ignore, "203.0.113.1")

    def test_notOurs(self) -> None:
        """Addresses of others, names and impossible ports cannot be bound."""
        for interface, port in [("203.0.113.9", 0), ("localhost", 0), ("", -1), ("", 65_536)]:
            self.assertRaises(
                CannotBind, self.machine.openDatagramSocket, ignore, interface, port
            )


class SuspensionTests(SynchronousTestCase):
    """Hiccups: 50 to 400 ms in which nothing of a machine runs."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.one = self.network.machine("one", "203.0.113.1", profile=LinkProfile(latency=0.01))
        self.two = self.network.machine("two", "203.0.113.2", receive_buffer=2_000)
        self.log: list[tuple[float, object]] = []
        self.sender = self.one.openDatagramSocket(ignore)
        self.inbox = self.two.openDatagramSocket(self.received, port=1000)

    def received(self, data: bytes, address: Address) -> None:
        """Write down what came and when."""
        self.log.append((self.network.clock.seconds(), data))

    def test_inOrder(self) -> None:
        """Datagrams and timers of a suspension run at its end, in the order they were due."""
        self.two.clock.callLater(0.2, lambda: self.log.append((self.two.clock.seconds(), "timer")))
        self.two.suspend(0.4)
        for number in range(3):
            self.network.clock.callLater(
                0.1 * number, self.sender.send, b"%d" % number, ("203.0.113.2", 1000)
            )
        self.network.advance(1.0)
        self.assertEqual(
            self.log, [(0.4, b"0"), (0.4, b"1"), (0.4, "timer"), (0.4, b"2")]
        )
        self.assertEqual(self.network.counters.suspensions, 1)
        self.assertEqual(self.network.counters.delivered, 3)

    def test_bufferOverflow(self) -> None:
        """What the receive buffer does not hold is lost and counted; then there is room again."""
        size = 2_000 // 4 - DATAGRAM_OVERHEAD
        self.two.suspend(0.4)
        for number in range(6):
            self.sender.send(bytes([number]) * size, ("203.0.113.2", 1000))
        self.network.advance(1.0)
        self.assertEqual([data[0] for _, data in self.log], [0, 1, 2, 3])
        self.assertEqual(self.network.counters.buffer_overflow, 2)
        self.two.suspend(0.4)
        for number in range(4):
            self.sender.send(bytes([number]) * size, ("203.0.113.2", 1000))
        self.network.advance(1.0)
        self.assertEqual(len(self.log), 8)
        self.assertEqual(self.network.counters.buffer_overflow, 2)

    def test_buffersApart(self) -> None:
        """Every socket has a buffer of its own, and the default holds 256 kB."""
        self.assertEqual(BUFFER_LIMIT, 262_144)
        machine = self.network.machine("three", "203.0.113.3")
        counts = [0, 0]

        def count(number: int) -> None:
            counts[number] += 1

        machine.openDatagramSocket(lambda *_: count(0), port=1000)
        machine.openDatagramSocket(lambda *_: count(1), port=2000)
        machine.suspend(1.0)
        for _ in range(300):
            self.sender.send(b"x" * (1024 - DATAGRAM_OVERHEAD), ("203.0.113.3", 1000))
        self.sender.send(b"x", ("203.0.113.3", 2000))
        self.network.advance(2.0)
        self.assertEqual(counts, [256, 1])
        self.assertEqual(self.network.counters.buffer_overflow, 44)

    def test_closedMeanwhile(self) -> None:
        """What a suspension held up for a socket that is closed by then is never received."""
        self.two.clock.callLater(0.0, self.inbox.close)
        self.two.suspend(0.4)
        self.sender.send(b"late", ("203.0.113.2", 1000))
        self.network.advance(1.0)
        self.assertEqual(self.log, [])
        self.assertEqual(self.network.counters.delivered, 0)

    def test_unboundMeanwhile(self) -> None:
        """A suspension does not hide that nobody is there."""
        self.two.suspend(0.4)
        self.sender.send(b"x", ("203.0.113.2", 1))
        self.network.advance(1.0)
        self.assertEqual(self.network.counters.unreachable, 1)


class StopTests(SynchronousTestCase):
    """Power cuts."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.one = self.network.machine("one", "203.0.113.1")
        self.two = self.network.machine("two", "203.0.113.2")
        self.log: list[bytes] = []

    def receive(self, data: bytes, address: Address) -> None:
        """Write down what comes."""
        self.log.append(data)

    def test_silence(self) -> None:
        """Nothing of a stopped machine runs or receives or sends."""
        inbox = self.two.openDatagramSocket(lambda data, _: self.log.append(data), port=1000)
        self.two.clock.callLater(1.0, self.log.append, b"timer")
        self.one.openDatagramSocket(ignore).send(b"x", ("203.0.113.2", 1000))
        self.two.stop()
        self.network.advance(2.0)
        self.assertEqual(self.log, [])
        self.assertTrue(inbox.closed)
        self.assertFalse(inbox.send(b"", ("203.0.113.1", 1000)))
        self.assertEqual(self.network.counters.unreachable, 1)
        self.assertRaises(CannotBind, self.two.openDatagramSocket, ignore)

    def test_again(self) -> None:
        """A stopped machine's name and address are free; the new one has other random bytes."""
        self.assertRaises(BadSetting, self.network.machine, "two", "203.0.113.2")
        before = self.two.randomBytes(8)
        self.two.stop()
        again = self.network.machine("two", "203.0.113.2")
        self.assertIs(self.network.machines["two"], again)
        self.assertNotEqual(again.randomBytes(8), before)
        self.assertNotEqual(again.number, self.two.number)
        again.openDatagramSocket(lambda data, _: self.log.append(data), port=1000)
        self.one.openDatagramSocket(ignore).send(b"x", ("203.0.113.2", 1000))
        self.network.advance(1.0)
        self.assertEqual(self.log, [b"x"])

    def test_refusedAgain(self) -> None:
        """A stopped machine that cannot be replaced as asked stays as it was."""
        self.two.stop()
        self.assertRaises(BadSetting, self.network.machine, "two", "203.0.113.1")
        self.assertRaises(BadSetting, self.network.machine, "two", "nowhere")
        self.assertIs(self.network.machines["two"], self.two)
        self.network.machine("two", "203.0.113.2")

    def test_elsewhere(self) -> None:
        """A machine made again at another address is found there, and not where it was."""
        sender = self.one.openDatagramSocket(ignore)
        sender.send(b"a route is known", ("203.0.113.2", 1000))
        self.two.stop()
        again = self.network.machine("two", "203.0.113.7")
        again.openDatagramSocket(self.receive, port=1000)
        for host in ("203.0.113.2", "203.0.113.7"):
            sender.send(host.encode(), (host, 1000))
        self.network.advance(1.0)
        self.assertEqual(self.log, [b"203.0.113.7"])
        self.assertEqual(self.network.counters.no_route, 1)
        again.stop()
        self.network.nat("home", "198.51.100.1")
        self.network.machine("two", "192.168.1.2", "home")
        sender.send(b"", ("203.0.113.7", 1000))
        self.assertEqual(self.network.counters.no_route, 2)

    def test_againAtHome(self) -> None:
        """A machine made again behind a NAT receives what comes in by the old mappings."""
        self.network.nat("home", "198.51.100.1", FULL_CONE)
        for _ in range(2):
            player = self.network.machine("player", "192.168.1.2", "home")
            inside = player.openDatagramSocket(self.receive, port=5000)
            inside.send(b"", ("203.0.113.1", 1))
            self.one.openDatagramSocket(ignore).send(b"in", ("198.51.100.1", 5000))
            self.network.advance(1.0)
            player.stop()
        self.assertEqual(self.log, [b"in", b"in"])
