"""
Tests of how often L{gamenet.machine.datagram_socket.ReactorDatagramSocket} reads: a
system call that finds nothing costs a fifteenth of what a relayed packet does, so at low
load there is none, and at high load as many datagrams a wake-up as ever.
"""

from __future__ import annotations

import select
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gamenet.interfaces import Address, DatagramReceiver
from gamenet.machine.datagram_socket import (
    READS_A_WAKE_UP,
    ReactorDatagramSocket,
    openDatagramSocket,
)
from tests.datagram_socket_contract import Inbox
from tests.reactor_runs import runUnder
from tests.twistd_process import ROOT, environment

LOOPBACK = "127.0.0.1"


class CountingSocket:
    """
    A queue in the place of a socket.

    @ivar waiting: How many datagrams there are to read.
    @ivar reads: How often it was read.
    @ivar vain: How many of these reads found nothing.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self.reads = 0
        self.vain = 0

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        """Read one."""
        self.reads += 1
        if not self.waiting:
            self.vain += 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.waiting -= 1
        return b"x", (LOOPBACK, 9)


class ReadingTests(SynchronousTestCase):
    """Wake-up by wake-up, without a network."""

    def setUp(self) -> None:
        self.received = 0
        opened = openDatagramSocket(reactor, self.receive, LOOPBACK)
        assert isinstance(opened, ReactorDatagramSocket)
        self.socket = opened
        self.queue = CountingSocket()
        self.real, opened._socket = opened._socket, self.queue  # type: ignore[assignment]
        self.addCleanup(self.putBack)

    def putBack(self) -> None:
        """Close the real socket."""
        self.socket._socket = self.real
        self.socket.close()

    def receive(self, data: bytes, address: Address) -> None:
        """Count a datagram."""
        self.received += 1

    def arrive(self, count: int) -> int:
        """Have datagrams arrive, and wake up until they are read; return how often."""
        self.queue.waiting += count
        wake_ups = 0
        while self.queue.waiting:
            before = self.received
            self.socket.doRead()
            wake_ups += 1
            self.assertGreater(self.received, before, "a wake-up that read nothing")
        return wake_ups

    def test_lowLoad(self) -> None:
        """Speed: one datagram a wake-up costs one read, but for one look in 64 for a second."""
        for _ in range(200):
            self.assertEqual(self.arrive(1), 1)
        self.queue.vain = 0
        for _ in range(660):
            self.assertEqual(self.arrive(1), 1)
        self.assertEqual(self.queue.vain, 10)

    def test_lowLoadAtFirst(self) -> None:
        """Speed: a socket that hears little from the start soon stops looking for more."""
        for _ in range(100):
            self.arrive(1)
        self.assertLessEqual(self.queue.vain, 7)

    def test_saturation(self) -> None:
        """Speed: when more waits than a wake-up may read, each reads 64, and none in vain."""
        self.queue.waiting = 100 * READS_A_WAKE_UP
        for _ in range(100):
            self.socket.doRead()
        self.assertEqual((self.queue.waiting, self.queue.vain), (0, 0))

    def test_saturationAfterLowLoad(self) -> None:
        """Speed: load that comes after quiet is met in full within 71 wake-ups."""
        for _ in range(1000):
            self.arrive(1)
        self.queue.waiting = 100_000
        for _ in range(71):
            self.socket.doRead()
        before = self.received
        self.socket.doRead()
        self.assertEqual(self.received - before, READS_A_WAKE_UP)

    def test_saturationAfterABurst(self) -> None:
        """Speed: where bursts came lately, the next is met sooner than behind a long quiet."""
        for _ in range(1000):
            self.arrive(1)
        for count in (200, 1, 1, 1):
            self.arrive(count)
        self.queue.waiting = 100_000
        for _ in range(10):
            self.socket.doRead()
        before = self.received
        self.socket.doRead()
        self.assertEqual(self.received - before, READS_A_WAKE_UP)

    def test_bound(self) -> None:
        """No wake-up reads more than 64, so others get a turn."""
        for size in (1, 3, 70, 500, 64, 65):
            for _ in range(20):
                self.queue.waiting = size
                while self.queue.waiting:
                    before = self.queue.reads
                    self.socket.doRead()
                    self.assertLessEqual(self.queue.reads - before, 64)

    def test_bursts(self) -> None:
        """Speed: bursts of one size take one wake-up, and every other one a read in vain."""
        self.arrive(10)
        self.queue.vain = 0
        for _ in range(100):
            self.assertEqual(self.arrive(10), 1)
        self.assertEqual(self.queue.vain, 50)

    def test_pairsAmongSingles(self) -> None:
        """Speed: a second datagram now and then does not make every wake-up look for one."""
        for number in range(1200):
            self.arrive(2 if number % 12 == 0 else 1)
        self.assertLess(self.queue.vain, 350)

    def test_wakeUpForNothing(self) -> None:
        """A wake-up that finds nothing, as when a checksum is wrong, changes little."""
        self.socket.doRead()
        self.socket.doRead()
        self.assertEqual(self.arrive(1), 1)
        self.assertEqual(self.received, 1)

    @given(st.lists(st.integers(1, 200), max_size=60))
    @settings(deadline=None, max_examples=40)
    def test_anyLoad(self, bursts: list[int]) -> None:
        """Whatever comes, all is read, and no more than one read a wake-up is in vain."""
        self.received = self.queue.reads = self.queue.vain = 0
        wake_ups = sum(self.arrive(count) for count in bursts)
        self.assertEqual(self.received, sum(bursts))
        self.assertEqual(self.queue.reads, self.received + self.queue.vain)
        self.assertLessEqual(self.queue.vain, wake_ups)


class ReadingSocketTests(TestCase):
    """With real sockets, under the reactor that runs them."""

    def openSocket(self, receiver: DatagramReceiver) -> ReactorDatagramSocket:
        """Open a socket that is closed when the test ends."""
        opened = openDatagramSocket(reactor, receiver, LOOPBACK)
        assert isinstance(opened, ReactorDatagramSocket)
        self.addCleanup(opened.close)
        return opened

    async def test_burstAfterQuiet(self) -> None:
        """What a wake-up leaves behind the reactor comes back for, without anything new."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        here = self.openSocket(Inbox().receive)
        for number in range(40):
            here.send(b"%d" % number, there.address)
            await inbox.holding(number + 1)
        for number in range(40, 140):
            here.send(b"%d" % number, there.address)
        await inbox.holding(140)
        self.assertEqual([int(data) for data, _ in inbox.arrived], list(range(140)))

    async def test_twoSockets(self) -> None:
        """A socket that is flooded does not keep another one from its turn."""
        flooded, other = Inbox(), Inbox()
        first = self.openSocket(flooded.receive)
        second = self.openSocket(other.receive)
        here = self.openSocket(Inbox().receive)
        for number in range(180):
            here.send(b"%d" % number, first.address)
        here.send(b"me too", second.address)
        heard_behind: list[int] = []
        other.holding(1).addCallback(lambda _: heard_behind.append(len(flooded.arrived)))
        await flooded.holding(180)
        await other.holding(1)
        self.assertLessEqual(heard_behind[0], 2 * READS_A_WAKE_UP)


class EveryReactorTests(SynchronousTestCase):
    """The tests above, in a process of their own, under each reactor by name."""

    def test_epoll(self) -> None:
        """The default on Linux."""
        runUnder(self, "epoll", ReadingSocketTests)

    def test_poll(self) -> None:
        """The default on other kinds of Unix."""
        runUnder(self, "poll", ReadingSocketTests)

    if not hasattr(select, "poll"):
        test_poll.skip = "the platform has no poll()"  # type: ignore[attr-defined]

    def test_select(self) -> None:
        """The default on Windows."""
        runUnder(self, "select", ReadingSocketTests)

    def test_asyncio(self) -> None:
        """What a host program with an asyncio loop brings."""
        runUnder(self, "asyncio", ReadingSocketTests)


class SocketMemoryTests(SynchronousTestCase):
    """What thousands of sockets cost."""

    def test_smallEach(self) -> None:
        """[bytes_per_allocation]: of 5 000 sockets under epoll each takes at most 600 bytes."""
        finished = subprocess.run(
            [sys.executable, "-m", "tests.socket_memory", "epoll", "5000"],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertLessEqual(int(finished.stdout), 600)

    if not hasattr(select, "epoll"):
        test_smallEach.skip = "the platform has no epoll"  # type: ignore[attr-defined]
