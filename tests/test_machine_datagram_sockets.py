"""
Tests of L{gamenet.machine.datagram_socket} with real sockets, under the reactor
that runs them and, in processes of their own, under each of the three that
gamenet supports.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorUDP, IReadDescriptor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket
from gamenet.machine import datagram_socket, socket_options
from gamenet.machine.datagram_socket import (
    READS_A_WAKE_UP,
    PortDatagramSocket,
    ReactorDatagramSocket,
    openDatagramSocket,
)
from tests.datagram_socket_contract import DatagramSocketContract, Inbox
from tests.reactor_runs import runUnder

LOOPBACK = "127.0.0.1"

#: From linux/in.h; Python has no name for it before 3.14.
IP_RECVTTL = 12
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0


@implementer(IReactorUDP)
class DescriptorlessReactor:
    """The reactor as one that cannot watch descriptors, as Windows' IOCP has it."""

    def listenUDP(self, *arguments: object) -> object:
        """Do what the real one does."""
        return reactor.listenUDP(*arguments)


class RealSockets(DatagramSocketContract):
    """How the contract's sockets are opened on a real machine."""

    onto: object = reactor
    loopback = LOOPBACK

    def openSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket on loopback."""
        opened = openDatagramSocket(self.onto, receiver, interface or self.loopback, port)
        self.addCleanup(self.released)
        self.addCleanup(opened.close)
        return opened

    async def released(self) -> None:
        """A reactor's own port is closed in the next turn."""
        await deferLater(reactor, 0)

    def reachable(self, socket: IDatagramSocket) -> Address:
        """Loopback reaches everybody."""
        return socket.address

    def reachableHost(self) -> str:
        """Sockets of these tests stay on loopback."""
        return self.loopback


class ReactorDatagramSocketTests(RealSockets, TestCase):
    """The plain socket that the reactor watches."""

    def lone(self, receiver: DatagramReceiver) -> ReactorDatagramSocket:
        """Open a socket whose insides a test looks at."""
        opened = self.openSocket(receiver)
        assert isinstance(opened, ReactorDatagramSocket)
        return opened

    def test_kind(self) -> None:
        """A reactor that watches descriptors is given one to watch."""
        opened = self.lone(Inbox().receive)
        verifyObject(IReadDescriptor, opened)
        self.assertIn(opened, reactor.getReaders())
        opened.close()
        self.assertNotIn(opened, reactor.getReaders())
        self.assertEqual(opened.fileno(), -1)

    def test_boundOfAWakeUp(self) -> None:
        """One wake-up takes 64 datagrams and leaves the rest to the next, so others get a turn."""
        inbox = Inbox()
        there = self.lone(inbox.receive)
        here = self.lone(Inbox().receive)
        for number in range(READS_A_WAKE_UP + 10):
            here.send(b"%d" % number, there.address)
        there.doRead()
        self.assertEqual(len(inbox.arrived), 64)
        there.doRead()
        self.assertEqual([int(data) for data, _ in inbox.arrived], list(range(74)))

    def test_timeToLiveOnTheWire(self) -> None:
        """Row H3: the hops asked for are what the datagram has, and the next has the usual ones."""
        receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(receiving.close)
        receiving.bind((LOOPBACK, 0))
        receiving.settimeout(10)
        receiving.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        usual = receiving.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
        here = self.openSocket(Inbox().receive)
        seen = []
        for ttl in (None, 3, None, 255, 1, None):
            self.assertTrue(here.send(b"", receiving.getsockname(), ttl))
            ancillary = receiving.recvmsg(100, 100)[1]
            seen.append(int.from_bytes(ancillary[0][2], sys.byteorder))
        self.assertEqual(seen, [usual, 3, usual, 255, 1, usual])

    if not sys.platform.startswith("linux"):
        test_timeToLiveOnTheWire.skip = "reads the time to live back as Linux does"  # type: ignore[attr-defined]

    def test_timeToLiveOfARefusedSend(self) -> None:
        """A send that fails leaves the usual time to live behind as well."""
        here = self.lone(Inbox().receive)
        usual = here._socket.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
        self.assertFalse(here.send(b"x" * 65_508, here.address, 3))
        self.assertEqual(here._socket.getsockopt(socket.IPPROTO_IP, socket.IP_TTL), usual)

    def test_forbiddenDestination(self) -> None:
        """A destination that the system forbids (EACCES on broadcast) is counted, not raised."""
        here = self.openSocket(Inbox().receive)
        self.assertFalse(here.send(b"", ("255.255.255.255", 9)))
        self.assertEqual(here.send_errors, 1)

    def test_fullBuffer(self) -> None:
        """A send that the system has no room for (EAGAIN) is lost and counted."""
        here = self.lone(Inbox().receive)

        class FullSocket:
            def sendto(self, data: bytes, address: Address) -> int:
                raise BlockingIOError(11, "Resource temporarily unavailable")

        real, here._socket = here._socket, FullSocket()  # type: ignore[assignment]
        self.assertFalse(here.send(b"", here.address))
        here._socket = real
        self.assertEqual(here.send_errors, 1)

    def test_fragmentsForbiddenOnTheWire(self) -> None:
        """DONT-FRAGMENT: the bit is set on that datagram; the next one is as the one before."""
        here = self.lone(Inbox().receive)
        there = self.openSocket(Inbox().receive)
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as wire:
            wire.settimeout(10)
            here._socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
            here.send(b"may be cut", there.address)
            here.sendWhole(b"whole", there.address)
            here.send(b"may be cut", there.address)
            seen = []
            while len(seen) < 3:
                packet = wire.recv(65_535)
                if packet[20:24] == struct.pack(">HH", here.address[1], there.address[1]):
                    seen.append((packet[28:], bool(packet[6] & 0x40)))
        self.assertEqual(seen, [(b"may be cut", False), (b"whole", True), (b"may be cut", False)])

    if not sys.platform.startswith("linux") or os.geteuid():
        test_fragmentsForbiddenOnTheWire.skip = "reads the wire as root of Linux"  # type: ignore[attr-defined]

    def test_fragmentsForbiddenForOne(self) -> None:
        """DONT-FRAGMENT: the option is set for one datagram, be it refused, and no other."""
        here = self.lone(Inbox().receive)

        class WatchedSocket:
            family = socket.AF_INET
            options = {IP_MTU_DISCOVER: 1}
            during: list[int] = []

            def getsockopt(self, level: int, option: int) -> int:
                return self.options[option]

            def setsockopt(self, level: int, option: int, value: int) -> None:
                self.options[option] = value

            def sendto(self, data: bytes, address: Address) -> int:
                self.during.append(self.options[IP_MTU_DISCOVER])
                raise OSError(90, "EMSGSIZE")

        real, here._socket = here._socket, WatchedSocket()  # type: ignore[assignment]
        self.assertFalse(here.sendWhole(b"", here.address))
        self.assertEqual((WatchedSocket.during, WatchedSocket.options), ([2], {IP_MTU_DISCOVER: 1}))
        here._socket = real
        self.assertEqual(here.send_errors, 1)

    def test_fragmentsThatCannotBeForbidden(self) -> None:
        """A platform that cannot forbid fragments says so, and does not send what it must not."""
        inbox = Inbox()
        there = self.lone(inbox.receive)
        self.patch(socket_options, "_WHOLE", {})
        self.patch(datagram_socket, "KEEPS_WHOLE", ())
        self.assertIs(there.keeps_whole, False)
        self.assertFalse(there.sendWhole(b"whole", there.address))
        there.doRead()
        self.assertEqual((inbox.arrived, there.send_errors), ([], 1))

    async def test_unreachable(self) -> None:
        """ICMP port unreachable is counted, and the socket goes on receiving."""
        inbox = Inbox()
        here = self.lone(inbox.receive)
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind((LOOPBACK, 0))
        nobody = peer.getsockname()
        peer.close()
        # Only a connected socket is told of ICMP errors by Linux; Windows tells every one.
        here._socket.connect(nobody)
        self.assertTrue(here.send(b"anybody there?", nobody))
        for _ in range(3):
            await deferLater(reactor, 0)
        self.assertEqual(here.receive_errors, 1)
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(peer.close)
        peer.bind(nobody)
        peer.sendto(b"now there is", here.address)
        self.assertEqual(await inbox.holding(1), [(b"now there is", nobody)])
        self.assertEqual(here.send_errors, 0)

    def test_closedInTheMiddleOfAWakeUp(self) -> None:
        """A socket that its receiver closes is not read again, not even in vain."""
        there = self.lone(lambda data, address: there.close())
        here = self.lone(Inbox().receive)
        for _ in range(3):
            here.send(b"x", there.address)
        there.doRead()
        self.assertEqual(there.receive_errors, 0)

    def test_errorsOfReadingAreBounded(self) -> None:
        """A socket that only ever fails to read does not hold the reactor up."""
        here = self.lone(Inbox().receive)

        class FailingSocket:
            def recvfrom(self, size: int) -> tuple[bytes, Address]:
                raise ConnectionResetError(10054, "WSAECONNRESET")

        real, here._socket = here._socket, FailingSocket()  # type: ignore[assignment]
        here.doRead()
        here._socket = real
        self.assertEqual(here.receive_errors, READS_A_WAKE_UP)

    def test_faultKindsAreBounded(self) -> None:
        """A receiver with ever new kinds of exceptions fills neither the log nor the memory."""

        def receive(data: bytes, address: Address) -> None:
            raise type(f"Fault{data.decode()}", (ArithmeticError,), {})()

        there = self.lone(receive)
        here = self.lone(Inbox().receive)
        for number in range(50):
            here.send(b"%d" % number, there.address)
        there.doRead()
        self.assertEqual(there.faults.count, 50)
        self.assertEqual(len(self.flushLoggedErrors(ArithmeticError)), 16)


class PortDatagramSocketTests(RealSockets, TestCase):
    """The socket by way of C{listenUDP}."""

    onto = DescriptorlessReactor()

    def test_kind(self) -> None:
        """A reactor without descriptors is asked for a port."""
        self.assertIsInstance(self.openSocket(Inbox().receive), PortDatagramSocket)


class EveryReactorTests(SynchronousTestCase):
    """The tests above, in a process of their own, under each reactor by name."""

    def runUnder(self, name: str) -> None:
        """Run them."""
        runUnder(self, name, ReactorDatagramSocketTests, PortDatagramSocketTests)

    def test_epoll(self) -> None:
        """The default on Linux."""
        self.runUnder("epoll")

    def test_select(self) -> None:
        """The default on Windows."""
        self.runUnder("select")

    def test_asyncio(self) -> None:
        """What a host program with an asyncio loop brings."""
        self.runUnder("asyncio")
