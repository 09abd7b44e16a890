"""
Tests for L{gamenet.demo.impairment}.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from gamenet.demo.impairment import ImpairedMachine, ImpairedSocket, Impairment
from gamenet.errors import BadSetting
from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    DatagramSender,
    IDatagramSocket,
    IMachine,
)
from gamenet.seeded_random import SeededRandom

__all__ = ["ImpairedMachineTests", "ImpairmentTests"]

THERE: Address = ("127.0.0.1", 9)


@implementer(IDatagramSocket)
@define(eq=False)
class RecordingSocket:
    """A socket that keeps what is sent, and when."""

    clock: Clock
    receiver: DatagramReceiver
    address: Address
    send_errors: int = 7
    sent: list[tuple[float, bytes, Address, int | None]] = field(factory=list)
    closed: bool = False

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Keep the datagram."""
        if self.closed:
            raise AssertionError("sent after close")
        self.sent.append((self.clock.seconds(), data, address, ttl))
        return True

    def sender(self) -> DatagramSender:
        """Return L{send}."""
        return self.send

    def close(self) -> None:
        """Refuse what comes later."""
        self.closed = True


@implementer(IMachine)
@define(eq=False)
class RecordingMachine:
    """A machine whose sockets keep what is sent."""

    clock: Clock = field(factory=Clock)
    sockets: list[RecordingSocket] = field(factory=list)

    def wallClock(self) -> float:
        """Return a moment of 2001."""
        return 1e9

    def randomBytes(self, count: int) -> bytes:
        """Return as many."""
        return b"r" * count

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket that only remembers."""
        opened = RecordingSocket(self.clock, receiver, (interface, port))
        self.sockets.append(opened)
        return opened

    def streamClientEndpoint(self, description: str) -> object:
        """Return the description."""
        return ("client", description)

    def streamServerEndpoint(self, description: str) -> object:
        """Return the description."""
        return ("server", description)

    def sourceAddress(self, destination: str) -> str:
        """Return where it goes."""
        return destination

    def isOwnAddress(self, host: str) -> bool:
        """Know one address."""
        return host == "192.0.2.7"


def impaired(
    impairment: Impairment, receiver: Callable[[bytes, Address], None] | None = None
) -> tuple[RecordingMachine, ImpairedMachine, IDatagramSocket, RecordingSocket]:
    """Return a machine, the same with an impairment, and a socket of each."""
    machine = RecordingMachine()
    road = ImpairedMachine(machine, impairment, SeededRandom(1))
    opened = road.openDatagramSocket(receiver or (lambda data, address: None), "127.0.0.1", 5)
    return machine, road, opened, machine.sockets[0]


class ImpairmentTests(SynchronousTestCase):
    """What the road does to one datagram."""

    def test_bounds(self) -> None:
        """Bad input: values that make no sense are refused, each by its name."""
        for bad, word in (
            ({"latency": -0.1}, "latency"),
            ({"latency": 0.1, "jitter": 0.2}, "jitter"),
            ({"jitter": -0.1}, "jitter"),
            ({"loss": 1.01}, "loss"),
            ({"loss": -0.01}, "loss"),
            ({"queue_limit": 0}, "queue_limit"),
            ({"queue_limit": 1.5}, "queue_limit"),
            ({"latency": float("nan")}, "latency"),
            ({"loss": float("nan")}, "loss"),
        ):
            error = self.assertRaises(BadSetting, lambda bad=bad: Impairment(**bad))
            self.assertIn(word, str(error))

    @given(st.integers(0, 1 << 32))
    @settings(deadline=None, max_examples=30)
    def test_distribution(self, seed: int) -> None:
        """Delays fill the whole of latency ± jitter, and the share that is lost is as asked."""
        random = SeededRandom(seed)
        road = Impairment(latency=0.040, jitter=0.010, loss=0.05)
        drawn = [road.delay(random) for _ in range(4000)]
        late = [delay for delay in drawn if delay is not None]
        self.assertTrue(0.030 <= min(late) < 0.0305)
        self.assertTrue(0.0495 < max(late) <= 0.050)
        self.assertLess(abs(sum(late) / len(late) - 0.040), 0.001)
        # Five standard deviations of a binomial with 4000 draws.
        self.assertLess(abs(drawn.count(None) / 4000 - 0.05), 0.018)

    def test_lossDoesNotChangeDelays(self) -> None:
        """Another loss changes who is lost, never who is late."""
        one, other = Impairment(0.04, 0.01, 0.0), Impairment(0.04, 0.01, 0.5)
        first, second = SeededRandom(3), SeededRandom(3)
        for _ in range(100):
            delay, maybe = one.delay(first), other.delay(second)
            self.assertIn(maybe, (delay, None))


class ImpairedMachineTests(SynchronousTestCase):
    """The machine, and its sockets."""

    def test_interfaces(self) -> None:
        """The machine and its sockets are what they replace."""
        _, road, opened, _ = impaired(Impairment())
        verifyObject(IMachine, road)
        verifyObject(IDatagramSocket, opened)

    def test_rest(self) -> None:
        """Everything but datagrams is the machine's own: streams take the good road."""
        machine, road, opened, below = impaired(Impairment(0.04))
        self.assertIs(road.clock, machine.clock)
        self.assertEqual(road.wallClock(), 1e9)
        self.assertEqual(road.randomBytes(3), b"rrr")
        self.assertEqual(road.streamClientEndpoint("tcp:x"), ("client", "tcp:x"))
        self.assertEqual(road.streamServerEndpoint("tcp:x"), ("server", "tcp:x"))
        self.assertEqual(road.sourceAddress("192.0.2.1"), "192.0.2.1")
        self.assertEqual(opened.address, below.address)
        self.assertEqual(opened.address, ("127.0.0.1", 5))
        self.assertEqual(opened.send_errors, 7)

    def test_latency(self) -> None:
        """A datagram leaves exactly once, as it was given, after the latency and no earlier."""
        machine, road, opened, below = impaired(Impairment(latency=0.040))
        self.assertTrue(opened.send(b"hello", THERE, ttl=3))
        machine.clock.advance(0.039)
        self.assertEqual(below.sent, [])
        self.assertEqual(road.counters.under_way, 1)
        machine.clock.advance(0.002)
        self.assertEqual([entry[1:] for entry in below.sent], [(b"hello", THERE, 3)])
        machine.clock.advance(10)
        self.assertEqual(len(below.sent), 1)
        self.assertEqual(road.counters.under_way, 0)
        self.assertEqual(machine.clock.getDelayedCalls(), [])

    def test_noLatency(self) -> None:
        """Without latency a datagram leaves at once, and the system's answer is passed on."""
        machine, _, opened, below = impaired(Impairment())
        self.assertTrue(opened.send(b"hello", THERE))
        self.assertEqual(len(below.sent), 1)
        self.assertEqual(machine.clock.getDelayedCalls(), [])

    def test_jitterReorders(self) -> None:
        """With jitter datagrams overtake each other; none is lost or doubled by it."""
        machine, _, opened, below = impaired(Impairment(0.040, 0.020))
        for number in range(200):
            opened.send(number.to_bytes(2, "big"), THERE)
            machine.clock.advance(0.002)
        machine.clock.advance(1)
        order = [int.from_bytes(entry[1], "big") for entry in below.sent]
        self.assertEqual(sorted(order), list(range(200)))
        self.assertNotEqual(order, list(range(200)))

    def test_loss(self) -> None:
        """What is lost is counted and never leaves; the sender cannot tell."""
        machine, road, opened, below = impaired(Impairment(0.040, loss=0.25))
        told = [opened.send(b"x", THERE) for _ in range(1000)]
        machine.clock.advance(1)
        self.assertEqual(set(told), {True})
        self.assertEqual(len(below.sent), 1000 - road.counters.lost)
        self.assertTrue(180 < road.counters.lost < 320)
        self.assertEqual(road.counters.delivered, len(below.sent))

    def test_sameSeed(self) -> None:
        """The same seed loses the same datagrams."""
        kept = []
        for _ in range(2):
            machine, _, opened, below = impaired(Impairment(0.040, 0.010, 0.2))
            for number in range(100):
                opened.send(bytes((number,)), THERE)
            machine.clock.advance(1)
            kept.append(below.sent)
        self.assertEqual(kept[0], kept[1])

    def test_queueLimit(self) -> None:
        """Bad input: the queue is bounded, what does not fit is lost and counted, and it drains."""
        machine, road, opened, below = impaired(Impairment(0.040, queue_limit=10))
        for number in range(25):
            opened.send(bytes((number,)), THERE)
        self.assertEqual(len(machine.clock.getDelayedCalls()), 10)
        self.assertEqual(road.counters.overflowed, 15)
        machine.clock.advance(0.1)
        self.assertEqual([entry[1][0] for entry in below.sent], list(range(10)))
        opened.send(b"later", THERE)
        machine.clock.advance(0.1)
        self.assertEqual(below.sent[-1][1], b"later")

    def test_incomingIsUntouched(self) -> None:
        """What arrives was impaired by whoever sent it, and is handed on at once."""
        got: list[tuple[bytes, Address]] = []
        _, road, _, below = impaired(
            Impairment(0.040, loss=1.0), lambda data, address: got.append((data, address))
        )
        below.receiver(b"hi", THERE)
        self.assertEqual(got, [(b"hi", THERE)])
        self.assertEqual(road.counters.sent, 0)

    def test_closeLetsTheLastOnesLeave(self) -> None:
        """
        What was sent before close still leaves (a farewell is on the road already), but
        nothing is received or sent after it; then the socket underneath is closed.
        """
        got: list[bytes] = []
        machine, _, opened, below = impaired(
            Impairment(0.040), lambda data, address: got.append(data)
        )
        opened.send(b"farewell", THERE)
        opened.close()
        opened.close()
        self.assertFalse(opened.send(b"too late", THERE))
        below.receiver(b"hi", THERE)
        self.assertFalse(below.closed)
        machine.clock.advance(0.1)
        self.assertEqual([entry[1] for entry in below.sent], [b"farewell"])
        self.assertEqual(got, [])
        self.assertTrue(below.closed)

    def test_closeAtOnce(self) -> None:
        """A socket with nothing on the road closes at once."""
        _, _, opened, below = impaired(Impairment(0.040))
        opened.close()
        self.assertTrue(below.closed)

    def test_drained(self) -> None:
        """Whoever waits for the road to be empty is told when the last datagram has left."""
        machine, road, opened, _ = impaired(Impairment(0.040))
        self.successResultOf(road.drained())
        opened.send(b"one", THERE)
        machine.clock.advance(0.02)
        opened.send(b"two", THERE)
        waiting = road.drained()
        machine.clock.advance(0.025)
        self.assertNoResult(waiting)
        machine.clock.advance(0.02)
        self.successResultOf(waiting)

    def test_ownReceiver(self) -> None:
        """A receiver that raises is the business of the socket underneath, as ever."""

        def refuse(data: bytes, address: Address) -> None:
            raise ZeroDivisionError

        _, _, opened, below = impaired(Impairment(), refuse)
        self.assertIsInstance(opened, ImpairedSocket)
        self.assertRaises(ZeroDivisionError, below.receiver, b"x", THERE)
