"""
Tests of L{gamenet.machine.datagram_socket} over IPv6: the same contract, on C{::1}.
"""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gamenet.errors import CannotBind
from gamenet.interfaces import IDatagramSocket
from gamenet.machine.datagram_socket import (
    PortDatagramSocket,
    ReactorDatagramSocket,
    openDatagramSocket,
)
from tests.datagram_socket_contract import Inbox
from tests.reactor_runs import runUnder
from tests.test_machine_datagram_sockets import DescriptorlessReactor, RealSockets


class SixSockets(RealSockets):
    """The contract's sockets, on the loopback address of IPv6."""

    loopback = "::1"
    other_family = "127.0.0.1"
    #: Linux bounds a datagram by the length field of UDP, headers included.
    too_long = 65_528


class ReactorSixTests(SixSockets, TestCase):
    """The plain socket that the reactor watches."""

    def test_family(self) -> None:
        """An address with colons opens a socket over IPv6, with an address of two parts."""
        opened = self.openSocket(Inbox().receive)
        assert isinstance(opened, ReactorDatagramSocket)
        self.assertEqual(opened._socket.family, socket.AF_INET6)
        self.assertEqual(opened.address, ("::1", opened._socket.getsockname()[1]))

    def test_everyAddress(self) -> None:
        """C{"::"} is every address of IPv6 and none of IPv4: both have the same port at once."""
        for attempt in range(20):
            six = self.openSocket(Inbox().receive, "::")
            self.assertEqual(six.address[0], "::")
            try:
                self.openSocket(Inbox().receive, "0.0.0.0", six.address[1])
                break
            except CannotBind:
                self.assertLess(attempt, 19, "taken by somebody else, twenty times")
        with self.assertRaises(CannotBind):
            self.openSocket(Inbox().receive, "::", six.address[1])

    def test_nothingOverIPv4(self) -> None:
        """A socket on C{"::"} neither reaches nor hears IPv4, not as mapped addresses either."""
        inbox, other = Inbox(), Inbox()
        six = self.openSocket(inbox.receive, "::")
        four = self.openSocket(other.receive, "127.0.0.1")
        self.assertFalse(six.send(b"", ("::ffff:127.0.0.1", four.address[1])))
        self.assertTrue(four.send(b"", ("127.0.0.1", six.address[1])))
        six.doRead()  # type: ignore[attr-defined]
        four.doRead()  # type: ignore[attr-defined]
        self.assertEqual((inbox.arrived, other.arrived), ([], []))

    def test_scope(self) -> None:
        """The name of a link is no part of an address that is handed over."""

        class LinkLocalSocket:
            def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int, int, int]]:
                return b"x", ("fe80::1%eth0", 7, 0, 2)

        inbox = Inbox()
        opened = self.openSocket(inbox.receive)
        assert isinstance(opened, ReactorDatagramSocket)
        real, opened._socket = opened._socket, LinkLocalSocket()  # type: ignore[assignment]
        opened.doRead()
        opened._socket = real
        self.assertEqual(inbox.arrived[0], (b"x", ("fe80::1", 7)))

    def test_hopsOnTheWire(self) -> None:
        """Row H3: the hops asked for are what the datagram has, and the next has the usual ones."""
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiving:
            receiving.bind(("::1", 0))
            receiving.settimeout(10)
            receiving.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            here = self.openSocket(Inbox().receive)
            seen = []
            for hops in (3, None, 255):
                self.assertTrue(here.send(b"", receiving.getsockname()[:2], hops))
                ancillary = receiving.recvmsg(100, 100)[1]
                seen.append(ancillary[0][2][0])
        self.assertEqual((seen[0], seen[2]), (3, 255))
        self.assertGreater(seen[1], 3)

    def test_fragmentsForbiddenForOne(self) -> None:
        """DONT-FRAGMENT: the option is there for one datagram, and gone behind it."""
        here = self.openSocket(Inbox().receive)
        assert isinstance(here, ReactorDatagramSocket)
        options: list[int] = []

        class WatchedSocket(socket.socket):
            def sendto(self, *arguments: object) -> int:
                options.append(self.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_DONTFRAG))
                return 0

        with WatchedSocket(socket.AF_INET6, socket.SOCK_DGRAM) as watched:
            real, here._socket = here._socket, watched
            self.assertTrue(here.sendWhole(b"whole", ("::1", 9)))
            self.assertTrue(here.send(b"usual", ("::1", 9)))
            here._socket = real
        self.assertEqual(options, [1, 0])


class PortSixTests(SixSockets, TestCase):
    """The socket by way of C{listenUDP}."""

    onto = DescriptorlessReactor()

    def test_kind(self) -> None:
        """A reactor without descriptors is asked for a port."""
        opened = self.openSocket(Inbox().receive)
        self.assertIsInstance(opened, PortDatagramSocket)
        self.assertEqual(opened.address[0], "::1")


class WithoutIPv6Tests(SynchronousTestCase):
    """A system that knows no IPv6."""

    def test_cannotBind(self) -> None:
        """It says so by name."""

        def refuse(family: int, *arguments: object) -> socket.socket:
            raise OSError(97, "Address family not supported by protocol")

        self.patch(socket, "socket", refuse)

        def attempt() -> IDatagramSocket:
            return openDatagramSocket(reactor, Inbox().receive, "::", 0)

        self.assertIn("Address family", str(self.assertRaises(CannotBind, attempt)))


class EveryReactorTests(SynchronousTestCase):
    """The tests above, in a process of their own, under each reactor by name."""

    def test_epoll(self) -> None:
        """The default on Linux."""
        runUnder(self, "epoll", ReactorSixTests, PortSixTests)

    def test_select(self) -> None:
        """The default on Windows."""
        runUnder(self, "select", ReactorSixTests, PortSixTests)

    def test_asyncio(self) -> None:
        """What a host program with an asyncio loop brings."""
        runUnder(self, "asyncio", ReactorSixTests, PortSixTests)
