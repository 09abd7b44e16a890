"""Tests of L{gamenet.machine.reactor_machine}, as far as they need no real reactor."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.base import ReactorBase
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass, verifyObject

from gamenet.errors import BadAddress, CannotBind
from gamenet.interfaces import IMachine
from gamenet.machine.reactor_machine import ReactorMachine, asMachine, useMonotonicTime


class UnstartedReactor(ReactorBase):
    """Twisted's own timers, without anything to wait for."""

    def installWaker(self) -> None:
        """Nothing wakes this one up."""


class SteppedClock:
    """A wall clock that a test steps, and a monotonic clock that it advances."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.monotonic = 5_000.0

    def pass_(self, seconds: float) -> None:
        """Let time pass on both."""
        self.wall += seconds
        self.monotonic += seconds


class MonotonicTimeTests(SynchronousTestCase):
    """What L{useMonotonicTime} does to a reactor's timers."""

    def setUp(self) -> None:
        self.clock = SteppedClock()
        self.reactor = UnstartedReactor()
        self.reactor.seconds = lambda: self.clock.wall  # type: ignore[method-assign]
        self.patch(time, "monotonic", lambda: self.clock.monotonic)
        self.fired: list[object] = []

    def note(self, name: object) -> Callable[[], None]:
        """Return a call that notes C{name}."""
        return lambda: self.fired.append(name)

    def turn(self) -> None:
        """One turn of a reactor's loop."""
        self.reactor.timeout()
        self.reactor.runUntilCurrent()

    def test_clockOfTheReactor(self) -> None:
        """Afterwards the reactor tells monotonic time, however often it is asked for."""
        useMonotonicTime(self.reactor)
        useMonotonicTime(self.reactor)
        self.assertIs(self.reactor.seconds, time.monotonic)

    def test_pendingCallKeepsItsTime(self) -> None:
        """A call made before the change fires when it would have."""
        call = self.reactor.callLater(10, self.note("ten"))
        self.turn()
        self.clock.pass_(4)
        useMonotonicTime(self.reactor)
        self.assertEqual(call.getTime() - self.reactor.seconds(), 6)
        self.clock.pass_(5.9)
        self.turn()
        self.assertEqual(self.fired, [])
        self.clock.pass_(0.2)
        self.turn()
        self.assertEqual(self.fired, ["ten"])

    def test_steppedWallClock(self) -> None:
        """An hour's step of the wall clock, either way, moves no timer."""
        for step in (-3600.0, 3600.0):
            self.fired.clear()
            self.reactor.callLater(10, self.note("before"))
            useMonotonicTime(self.reactor)
            self.reactor.callLater(20, self.note("after"))
            self.clock.wall += step
            self.turn()
            self.assertEqual(self.fired, [])
            self.clock.pass_(10)
            self.turn()
            self.assertEqual(self.fired, ["before"])
            self.clock.pass_(10)
            self.turn()
            self.assertEqual(self.fired, ["before", "after"])

    def test_fromWithinATimedCall(self) -> None:
        """A change from within a timed call fires nothing before its time."""
        self.reactor.callLater(1, useMonotonicTime, self.reactor)
        for delay in (1.5, 2, 300):
            self.reactor.callLater(delay, self.note(delay))
        self.turn()
        self.clock.pass_(1)
        self.turn()
        self.assertIs(self.reactor.seconds, time.monotonic)
        self.turn()
        self.assertEqual(self.fired, [])
        self.clock.pass_(0.5)
        self.turn()
        self.assertEqual(self.fired, [1.5])
        self.clock.pass_(298.4)
        self.turn()
        self.assertEqual(self.fired, [1.5, 2])
        self.clock.pass_(0.2)
        self.turn()
        self.assertEqual(self.fired, [1.5, 2, 300])

    def test_callsStayTheirOwners(self) -> None:
        """A call that was moved over can still be cancelled, reset and delayed."""
        cancelled = self.reactor.callLater(5, self.note("cancelled"))
        reset = self.reactor.callLater(5, self.note("reset"))
        delayed = self.reactor.callLater(5, self.note("delayed"))
        useMonotonicTime(self.reactor)
        cancelled.cancel()
        reset.reset(1)
        delayed.delay(2)
        self.turn()
        self.clock.pass_(1)
        self.turn()
        self.assertEqual(self.fired, ["reset"])
        self.clock.pass_(5)
        self.turn()
        self.assertEqual(self.fired, ["reset"])
        self.clock.pass_(1)
        self.turn()
        self.assertEqual(self.fired, ["reset", "delayed"])

    def test_overdueCall(self) -> None:
        """A call whose time had come fires at once, and not in the past."""
        self.reactor.callLater(1, self.note("late"))
        self.clock.pass_(5)
        useMonotonicTime(self.reactor)
        self.turn()
        self.assertEqual(self.fired, ["late"])

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(st.integers(0, 100), st.sampled_from(["keep", "cancel", "delay", "turn"])),
            max_size=30,
        ),
        st.sampled_from([5_000.0, 1_699_999_990.0, 9_000_000_000.0]),
        st.booleans(),
    )
    def test_anyCalls(
        self, calls: list[tuple[int, str]], monotonic: float, within_a_call: bool
    ) -> None:
        """Whatever is pending, each call fires exactly in the second that it was due."""
        self.setUp()
        self.clock.monotonic = monotonic
        due: dict[int, int] = {}
        if within_a_call:
            self.reactor.callLater(0, useMonotonicTime, self.reactor)
        for number, (delay, what) in enumerate(calls):
            call = self.reactor.callLater(delay + 1, self.note(number))
            due[number] = delay + 1
            if what == "cancel":
                call.cancel()
                del due[number]
            elif what == "delay":
                call.delay(3)
                due[number] += 3
            elif what == "turn":
                self.reactor.timeout()
        if within_a_call:
            self.turn()
        else:
            useMonotonicTime(self.reactor)
        self.turn()
        for second in range(1, 106):
            self.clock.pass_(1)
            self.turn()
            expected = [number for number, when in due.items() if when <= second]
            self.assertEqual(sorted(self.fired, key=repr), sorted(expected, key=repr))

    def test_simulatedClockIsLeftAlone(self) -> None:
        """A clock that is not Twisted's own reactor has nothing to be freed from."""
        clock = Clock()
        clock.advance(7)
        useMonotonicTime(clock)
        self.assertEqual(clock.seconds(), 7)


class ReactorMachineTests(SynchronousTestCase):
    """What a machine hands out."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.machine = ReactorMachine(self.reactor)

    def test_interface(self) -> None:
        """The machine is one."""
        verifyClass(IMachine, ReactorMachine)
        verifyObject(IMachine, self.machine)

    def test_clock(self) -> None:
        """Its clock is the reactor, which is moved to monotonic time."""
        reactor = UnstartedReactor()
        self.assertIs(ReactorMachine(reactor).clock, reactor)
        self.assertIs(reactor.seconds, time.monotonic)

    def test_wallClock(self) -> None:
        """Its wall clock is the system's, also after a step."""
        now = [1_700_000_000.5]
        self.patch(time, "time", lambda: now[0])
        self.assertEqual(self.machine.wallClock(), 1_700_000_000.5)
        now[0] -= 3600
        self.assertEqual(self.machine.wallClock(), 1_699_996_400.5)

    def test_randomBytes(self) -> None:
        """Its random bytes are as many as asked for, and never the same."""
        self.assertEqual([len(self.machine.randomBytes(count)) for count in (0, 1, 32)], [0, 1, 32])
        self.assertNotEqual(self.machine.randomBytes(16), self.machine.randomBytes(16))

    def test_streamEndpoints(self) -> None:
        """Endpoint descriptions are Twisted's."""
        server = self.machine.streamServerEndpoint("tcp:7770:interface=127.0.0.1")
        self.assertIsInstance(server, TCP4ServerEndpoint)
        self.assertTrue(IStreamServerEndpoint.providedBy(server))
        client = self.machine.streamClientEndpoint("tcp:lobby.example.org:7770")
        self.assertIsInstance(client, TCP4ClientEndpoint)
        self.assertTrue(IStreamClientEndpoint.providedBy(client))

    def test_badEndpoints(self) -> None:
        """A text that is no endpoint is a L{BadAddress} that quotes it."""
        for description in ("", "7770", "tcp", "tcp:", "nonsense:7770", "tcp:port=no", "ssl:1:x=y"):
            for endpoint in (self.machine.streamServerEndpoint, self.machine.streamClientEndpoint):
                with self.assertRaises(BadAddress) as caught:
                    endpoint(description)
                self.assertIn(repr(description), str(caught.exception))

    def test_sourceAddress(self) -> None:
        """Datagrams to loopback leave from loopback."""
        self.assertEqual(self.machine.sourceAddress("127.0.0.1"), "127.0.0.1")
        self.assertEqual(self.machine.sourceAddress("127.9.8.7"), "127.0.0.1")

    def test_sourceAddressOfNothing(self) -> None:
        """A name is never looked up, and where there is no route it is said."""
        for destination in ("", "localhost", "::1%lo", "[::1]", "127.0.0.1:80", "a\0b"):
            with self.assertRaises(BadAddress):
                self.machine.sourceAddress(destination)
        with self.assertRaises(CannotBind) as caught:
            self.machine.sourceAddress("255.255.255.255")
        self.assertIn("255.255.255.255", str(caught.exception))

    def test_asMachine(self) -> None:
        """A reactor becomes a machine, a machine stays what it is, anything else is an error."""
        made = asMachine(self.reactor)
        self.assertIsInstance(made, ReactorMachine)
        self.assertIs(made.clock, self.reactor)
        self.assertIs(asMachine(made), made)
        for neither in (None, "reactor", object()):
            with self.assertRaises(TypeError):
                asMachine(neither)
