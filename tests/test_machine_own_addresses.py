"""Tests of L{gamenet.machine.own_addresses}: what is ours, as routes and binds say."""

from __future__ import annotations

import errno
import os
import socket

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadAddress, CannotBind
from gamenet.machine import own_addresses
from gamenet.machine.own_addresses import isOwnAddress, sourceAddress
from gamenet.machine.reactor_machine import ReactorMachine


class System:
    """
    What a system's sockets say about addresses, in memory.

    @ivar bound: Which addresses can be bound.
    @ivar broadcast: Which can be bound, and be sent to by nobody.
    @ivar everything: The families whose every address can be bound (C{ip_nonlocal_bind}).
    """

    def __init__(self, bound: tuple[str, ...], *everything: int) -> None:
        self.bound = bound
        self.broadcast: tuple[str, ...] = ()
        self.everything = everything
        self.opened = 0
        self.closed = 0

    def socket(self, family: int, kind: int) -> ProbeSocket:
        """Open a socket."""
        self.opened += 1
        return ProbeSocket(self, family)


class ProbeSocket:
    """A socket of a L{System}."""

    def __init__(self, system: System, family: int) -> None:
        self.system = system
        self.family = family
        self.peer = ""

    def __enter__(self) -> ProbeSocket:
        return self

    def __exit__(self, *raised: object) -> None:
        self.system.closed += 1

    def bind(self, address: tuple[str, int]) -> None:
        """Bind, if that is allowed."""
        socket.inet_pton(self.family, address[0])
        system = self.system
        if not (self.family in system.everything or address[0] in system.bound + system.broadcast):
            raise OSError(99, "Cannot assign requested address")

    def connect(self, address: tuple[str, int]) -> None:
        """Connect, if that is allowed."""
        if address[0] in self.system.broadcast:
            raise PermissionError(13, "Permission denied")
        if address[0] == "198.51.100.66":
            raise OSError(101, "Network is unreachable")
        self.peer = address[0]

    def getsockname(self) -> tuple[str, int]:
        """Say where it would send from."""
        return (self.peer if self.peer in self.system.bound else self.system.bound[0], 5)


class OwnAddressTests(SynchronousTestCase):
    """L{isOwnAddress}."""

    def test_loopback(self) -> None:
        """CVE rows of loopback: every form of it is ours, the unspecified address as well."""
        machine = ReactorMachine(MemoryReactorClock())
        for host in ("127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "::"):
            self.assertIs(isOwnAddress(host), True, host)
            self.assertIs(machine.isOwnAddress(host), True, host)
        self.assertIs(isOwnAddress("::ffff:127.0.0.1"), True)

    def test_others(self) -> None:
        """Addresses of others, of groups, and what is no address, are not ours."""
        for host in (
            *("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"),
            *("224.0.0.1", "255.255.255.255", "ff02::1"),
            *("", "localhost", "127.1", "0127.0.0.1", "[::1]", "127.0.0.1:80", "a\0b"),
        ):
            self.assertIs(isOwnAddress(host), False, host)

    def test_whatCanBeBound(self) -> None:
        """An address is ours if a socket can be bound to it, in whatever form it is written."""
        system = System(("203.0.113.5", "2001:db8::5", "10.0.0.9"))
        self.patch(socket, "socket", system.socket)
        for host, own in [
            ("203.0.113.5", True),
            ("::ffff:203.0.113.5", True),
            ("10.0.0.9", True),
            ("203.0.113.6", False),
            ("2001:db8::5", True),
            ("2001:DB8:0::5", True),
            ("2001:db8::6", False),
            *((host, True) for host in ("127.0.0.1", "127.3.4.5", "::1", "0.0.0.0", "::")),
        ]:
            self.assertIs(isOwnAddress(host), own, host)
        self.assertEqual(system.opened, system.closed)

    def test_broadcast(self) -> None:
        """The broadcast address of our network can be bound, and is not ours."""
        system = System(("203.0.113.5",))
        system.broadcast = ("203.0.113.255",)
        self.patch(socket, "socket", system.socket)
        self.assertIs(isOwnAddress("203.0.113.255"), False)

    def test_everythingCanBeBound(self) -> None:
        """Where a system binds what is not its own, routes say what is: not every peer is us."""
        system = System(("203.0.113.5", "2001:db8::5"), socket.AF_INET, socket.AF_INET6)
        self.patch(socket, "socket", system.socket)
        for host, own in [
            ("203.0.113.5", True),
            ("8.8.8.8", False),
            ("2001:db8::5", True),
            ("2001:db8::6", False),
            ("198.51.100.66", False),
        ]:
            self.assertIs(isOwnAddress(host), own, host)

    def test_systemDoesNotTell(self) -> None:
        """
        A system that is out of descriptors or memory says nothing of an address, and that is
        said; whether each address is bound or routes are asked.
        """
        for trouble in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EPERM):

            def refuse(family: int, kind: int, number: int = trouble) -> ProbeSocket:
                raise OSError(number, os.strerror(number))

            self.patch(socket, "socket", refuse)
            for host in ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"):
                self.assertRaises(CannotBind, isOwnAddress, host)

    def test_systemDoesNotTellLater(self) -> None:
        """The same where the socket can be had, and not be bound or connected."""
        for step in ("bind", "connect"):
            system = System(("203.0.113.5",))
            self.patch(socket, "socket", system.socket)

            def refuse(probe: ProbeSocket, address: tuple[str, int]) -> None:
                raise OSError(errno.ENOBUFS, "No buffer space available")

            self.patch(ProbeSocket, step, refuse)
            self.assertRaises(CannotBind, isOwnAddress, "203.0.113.5")
            self.assertEqual(system.opened, system.closed)

    def test_everythingOfOneFamily(self) -> None:
        """The two families have a switch each; where it is off, a bind is as good as ever."""
        for everything, own in ((socket.AF_INET, True), (socket.AF_INET6, False)):
            # Not the address that routes name: only a bind finds it.
            self.patch(own_addresses, "sourceAddress", lambda host: "2001:db8::5")
            system = System(("203.0.113.5", "2001:db8::5", "2001:db8::6"), everything)
            self.patch(socket, "socket", system.socket)
            self.assertIs(isOwnAddress("2001:db8::6"), own)
            self.assertIs(isOwnAddress("2001:db8::7"), False)


class SourceAddressTests(SynchronousTestCase):
    """L{sourceAddress}."""

    def test_ipv6(self) -> None:
        """What goes to the loopback address of IPv6 leaves from it."""
        self.assertEqual(sourceAddress("::1"), "::1")
        self.assertEqual(ReactorMachine(MemoryReactorClock()).sourceAddress("::1"), "::1")

    def test_withoutScope(self) -> None:
        """The name of the link is no part of the address."""
        system = System(("fe80::7%eth0",))
        self.patch(socket, "socket", system.socket)
        self.assertEqual(sourceAddress("2001:db8::1"), "fe80::7")

    def test_noRoute(self) -> None:
        """Where there is no way the destination is named; where there is no host, it is quoted."""
        self.patch(socket, "socket", System(("203.0.113.5",)).socket)
        error = self.assertRaises(CannotBind, sourceAddress, "198.51.100.66")
        self.assertIn("198.51.100.66", str(error))
        error = self.assertRaises(BadAddress, sourceAddress, "fe80::1%eth0")
        self.assertIn("fe80::1%eth0", str(error))

    def test_noSuchFamily(self) -> None:
        """A system without IPv6 has no way to an IPv6 address."""

        def refuse(family: int, kind: int) -> ProbeSocket:
            raise OSError(97, "Address family not supported by protocol")

        self.patch(socket, "socket", refuse)
        self.assertRaises(CannotBind, sourceAddress, "2001:db8::1")
        self.assertIs(isOwnAddress("2001:db8::1"), False)
