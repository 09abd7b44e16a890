"""
Tests of L{gamenet.world.addresses} and of what it is for: machines with IPv6, and
machines whose addresses change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gamenet.errors import BadAddress, BadSetting, CannotBind
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket
from gamenet.world.addresses import OwnAddresses, numericForm
from gamenet.world.datagram_socket import WorldDatagramSocket
from gamenet.world.link import LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.network import WorldNetwork
from tests.datagram_socket_contract import DatagramSocketContract, Inbox

FOUR, SIX = "203.0.113.1", "2001:db8::1"
OTHER_FOUR, OTHER_SIX = "203.0.113.2", "2001:db8::2"


class FormTests(SynchronousTestCase):
    """How addresses are written."""

    @given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None))
    @settings(deadline=None, max_examples=50)
    def test_oneForm(self, address: ipaddress.IPv6Address) -> None:
        """Every way to write an IPv6 address comes to the same."""
        form = numericForm(str(address))
        assert form is not None
        self.assertEqual(ipaddress.ip_address(form), address)
        self.assertEqual(numericForm(address.exploded.upper()), form)
        self.assertEqual(numericForm(form), form)

    @given(st.text(max_size=20))
    @settings(deadline=None, max_examples=100)
    def test_anyText(self, text: str) -> None:
        """Bad input: what Python takes for no address is none here."""
        form = numericForm(text)
        if form is not None:
            ipaddress.ip_address(form)

    def test_noForm(self) -> None:
        """Names, scopes, mapped addresses, ports: none of them is an address here."""
        for text in ("", "one", "fe80::1%eth0", "::ffff:192.0.2.1", "[::1]", "1.2.3.4:5", "::g"):
            self.assertIsNone(numericForm(text), text)

    def test_local(self) -> None:
        """What stays on a machine: its own, loopback, unspecified, and mapped forms of them."""
        own = OwnAddresses.of(FOUR, SIX)
        for host in (
            *(FOUR, SIX, "2001:DB8:0:0::1", "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::"),
            *(f"::ffff:{FOUR}", "::FFFF:127.0.0.1"),
        ):
            self.assertIs(own.isLocal(host), True, host)
        others = (OTHER_FOUR, OTHER_SIX, f"::ffff:{OTHER_FOUR}", "224.0.0.1")
        for host in (*others, "", "one", "::ffff:"):
            self.assertIs(own.isLocal(host), False, host)


class SixContractTests(DatagramSocketContract, TestCase):
    """The contract of every datagram socket, over IPv6."""

    other_family = FOUR

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.machine = self.network.machine("one", (FOUR, SIX))

    def openSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket."""
        return self.machine.openDatagramSocket(receiver, interface or "::", port)

    def reachable(self, socket: IDatagramSocket) -> Address:
        """All of them are on one machine."""
        port: int = socket.address[1]
        return (SIX, port)

    def reachableHost(self) -> str:
        """Its address."""
        return SIX

    def letTimePass(self) -> None:
        """Let the datagrams arrive."""
        self.network.advance(1.0)


class World(SynchronousTestCase):
    """Two machines with both families."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.link = LinkProfile(latency=0.01)
        self.one = self.network.machine("one", (FOUR, SIX), profile=self.link)
        self.two = self.network.machine("two", (OTHER_FOUR, OTHER_SIX), profile=self.link)

    def hear(
        self, machine: WorldMachine, interface: str = "", port: int = 0
    ) -> tuple[Inbox, IDatagramSocket]:
        """Open a socket, and return what it hears with it."""
        inbox = Inbox()
        return inbox, machine.openDatagramSocket(inbox.receive, interface, port)


class SixTests(World):
    """Datagrams over IPv6."""

    def test_between(self) -> None:
        """They go from machine to machine, from the first address, over the machines' links."""
        there, receiving = self.hear(self.two, "::", 5000)
        _, here = self.hear(self.one, "::")
        self.assertEqual(receiving.address, ("::", 5000))
        self.assertTrue(here.send(b"six", ("2001:DB8:0::2", 5000)))
        self.network.advance(0.019)
        self.assertEqual(there.arrived, [])
        self.network.advance(0.002)
        self.assertEqual(there.arrived, [(b"six", (SIX, here.address[1]))])

    def test_familiesApart(self) -> None:
        """A port of one family is not that of the other, and nothing crosses."""
        six, socket_six = self.hear(self.two, "::", 5000)
        four, socket_four = self.hear(self.two, "", 5000)
        for family, other in (("::", OTHER_SIX), ("", OTHER_FOUR)):
            _, here = self.hear(self.one, family)
            self.assertTrue(here.send(family.encode(), (other, 5000)))
        self.network.advance(1)
        self.assertEqual([data for data, _ in six.arrived], [b"::"])
        self.assertEqual([data for data, _ in four.arrived], [b""])
        for sending, host in (
            *((socket_six, FOUR), (socket_four, SIX), (socket_six, f"::ffff:{FOUR}")),
            (socket_six, "fe80::1%eth0"),
        ):
            for _ in range(2):
                self.assertIs(sending.send(b"", (host, 5000)), False, host)

    def test_behindNat(self) -> None:
        """A machine behind a NAT is reached over IPv6 as it is; naming the NAT cuts it off."""
        self.network.nat("nat", "198.51.100.1")
        inner = self.network.machine(
            "inner", ("192.168.1.2", "2001:db8:5::2"), behind="nat", profile=self.link
        )
        there, _ = self.hear(inner, "::", 5000)
        _, here = self.hear(self.one, "::")
        here.send(b"unasked", ("2001:db8:5::2", 5000))
        self.network.advance(1)
        self.assertEqual(there.arrived, [(b"unasked", (SIX, here.address[1]))])
        self.network.partition(["nat"])
        here.send(b"cut off", ("2001:db8:5::2", 5000))
        self.network.advance(1)
        self.assertEqual(self.network.counters.partitioned, 1)

    def test_profile(self) -> None:
        """A changed link is that of both families, and a narrow one is shared by them."""
        self.network.setProfile("two", LinkProfile(latency=2.0, bandwidth=10_000.0))
        for family, other in (("::", OTHER_SIX), ("", OTHER_FOUR)):
            self.hear(self.two, family, 5000)
            self.hear(self.one, family)[1].send(bytes(9972), (other, 5000))
        arrivals = []
        for _ in range(50):
            self.network.advance(0.1)
            arrivals.append(self.network.counters.delivered)
        self.assertEqual([arrivals[28], arrivals[32], arrivals[42]], [0, 1, 2])

    def test_narrowWayOut(self) -> None:
        """The narrow link of a machine that sends is shared by both families as well."""
        self.network.setProfile("one", LinkProfile(bandwidth=10_000.0))
        for family, other in (("::", OTHER_SIX), ("", OTHER_FOUR)):
            self.hear(self.two, family, 5000)
            self.hear(self.one, family)[1].send(bytes(9972), (other, 5000))
        self.network.advance(1.5)
        self.assertEqual(self.network.counters.delivered, 1)
        self.network.advance(1)
        self.assertEqual(self.network.counters.delivered, 2)

    def test_refused(self) -> None:
        """Bad input: an address that is taken, in whatever form, or that nobody can have."""
        for address in ("2001:DB8:0::2", "::", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", ()):
            with self.assertRaises(BadSetting):
                self.network.machine("three", address)
        self.assertNotIn("three", self.network.machines)
        with self.assertRaises(BadSetting):
            self.network.machine("three", ("203.0.113.3", OTHER_SIX))
        self.network.machine("three", "203.0.113.3")

    def test_oneFamilyOnly(self) -> None:
        """A machine without an address of a family cannot send over it, but to itself."""
        only_six = self.network.machine("six", "2001:db8::6")
        self.assertEqual(only_six.sourceAddress(SIX), "2001:db8::6")
        self.assertRaises(CannotBind, only_six.sourceAddress, FOUR)
        self.assertRaises(CannotBind, only_six.openDatagramSocket, Inbox().receive, FOUR)
        inbox, four = self.hear(only_six)
        self.assertFalse(four.send(b"out", (FOUR, 5)))
        self.assertTrue(four.send(b"self", ("127.0.0.1", four.address[1])))
        self.network.advance(1)
        self.assertEqual(inbox.arrived, [(b"self", ("127.0.0.1", four.address[1]))])

    def test_fromLoopback(self) -> None:
        """A socket on loopback reaches its own machine, and nobody else."""
        for loopback, own, other in (("::1", SIX, OTHER_SIX), ("127.0.0.1", FOUR, OTHER_FOUR)):
            _, socket = self.hear(self.one, loopback)
            self.assertFalse(socket.send(b"out", (other, 5)))
            self.assertTrue(socket.send(b"self", (own, 5)))

    def test_sourceAddress(self) -> None:
        """What leaves leaves from the first address of the family; a name has none."""
        self.assertEqual(self.one.sourceAddress(OTHER_SIX), SIX)
        self.assertEqual(self.one.sourceAddress(OTHER_FOUR), FOUR)
        self.assertEqual(self.one.sourceAddress("::1"), "::1")
        self.assertRaises(BadAddress, self.one.sourceAddress, "two")

    def test_successor(self) -> None:
        """A machine that takes a stopped one's name takes its IPv6 address over as well."""
        self.two.stop()
        again = self.network.machine("two", (OTHER_FOUR, OTHER_SIX))
        there, _ = self.hear(again, "::", 5000)
        self.hear(self.one, "::")[1].send(b"again", (OTHER_SIX, 5000))
        self.network.advance(1)
        self.assertEqual(len(there.arrived), 1)
        again.stop()
        self.network.machine("two", OTHER_FOUR)
        self.network.machine("three", OTHER_SIX)


class ReaddressTests(World):
    """L{WorldMachine.readdress}."""

    def test_wildcard(self) -> None:
        """A socket on all addresses sends from the new one and hears at it, and only there."""
        there, _ = self.hear(self.two, "", 5000)
        here, socket = self.hear(self.one, "", 6000)
        socket.send(b"before", (OTHER_FOUR, 5000))
        self.network.advance(1)
        self.one.readdress("203.0.113.9")
        socket.send(b"behind", (OTHER_FOUR, 5000))
        self.network.advance(1)
        self.assertEqual(
            there.arrived, [(b"before", (FOUR, 6000)), (b"behind", ("203.0.113.9", 6000))]
        )
        _, back = self.hear(self.two)
        back.send(b"old", (FOUR, 6000))
        back.send(b"new", ("203.0.113.9", 6000))
        self.network.advance(1)
        self.assertEqual([data for data, _ in here.arrived], [b"new"])
        self.assertEqual(self.network.counters.readdressings, 1)

    def test_bound(self) -> None:
        """A socket on the address that is gone cannot send and hears nothing until it is back."""
        there, _ = self.hear(self.two, "", 5000)
        here, socket = self.hear(self.one, FOUR, 6000)
        socket.send(b"before", (OTHER_FOUR, 5000))
        _, back = self.hear(self.two)
        back.send(b"on its way", (FOUR, 6000))
        self.one.readdress("203.0.113.9")
        for _ in range(2):
            self.assertIs(socket.send(b"gone", (OTHER_FOUR, 5000)), False)
        self.assertRaises(OSError, socket.sender(), b"gone", (OTHER_FOUR, 5000))
        self.network.advance(1)
        self.assertEqual([data for data, _ in there.arrived], [b"before"])
        self.assertEqual((here.arrived, socket.address), ([], (FOUR, 6000)))
        self.one.readdress("203.0.113.9", FOUR)
        self.assertTrue(socket.send(b"back", (OTHER_FOUR, 5000)))
        self.network.advance(1)
        self.assertEqual(there.arrived[1:], [(b"back", (FOUR, 6000))])

    def test_asked(self) -> None:
        """The client: what a machine says about itself is as it is now."""
        self.one.readdress("203.0.113.9", "2001:db8::9")
        self.assertEqual(self.one.sourceAddress(OTHER_FOUR), "203.0.113.9")
        self.assertEqual(self.one.sourceAddress(OTHER_SIX), "2001:db8::9")
        self.assertEqual(self.one.addresses, ("203.0.113.9", "2001:db8::9"))
        self.assertIs(self.one.isOwnAddress(FOUR), False)
        self.assertIs(self.one.isOwnAddress("2001:db8::9"), True)
        self.assertRaises(CannotBind, self.one.openDatagramSocket, Inbox().receive, FOUR)
        self.one.openDatagramSocket(Inbox().receive, "203.0.113.9")

    def test_loopback(self) -> None:
        """Sockets on loopback do not notice."""
        inbox, socket = self.hear(self.one, "127.0.0.1", 6000)
        self.one.readdress("203.0.113.9")
        self.assertTrue(socket.send(b"self", ("127.0.0.1", 6000)))
        self.network.advance(1)
        self.assertEqual(inbox.arrived, [(b"self", ("127.0.0.1", 6000))])

    def test_behindNat(self) -> None:
        """Behind a NAT the new address gets a mapping of its own."""
        self.network.nat("nat", "198.51.100.1")
        inner = self.network.machine("inner", "192.168.1.2", behind="nat")
        there, _ = self.hear(self.two, "", 5000)
        _, socket = self.hear(inner, "", 6000)
        socket.send(b"one", (OTHER_FOUR, 5000))
        inner.readdress("192.168.1.77")
        socket.send(b"two", (OTHER_FOUR, 5000))
        self.network.advance(1)
        (_, first), (_, second) = there.arrived
        self.assertEqual((first[0], second[0]), ("198.51.100.1", "198.51.100.1"))
        self.assertNotEqual(first[1], second[1])

    def test_refused(self) -> None:
        """Bad input: addresses of others or none at all; everything is as it was."""
        there, _ = self.hear(self.two, "", 5000)
        _, socket = self.hear(self.one, FOUR)
        for addresses in (
            (),
            ("one",),
            (OTHER_FOUR,),
            ("203.0.113.9", OTHER_SIX),
            ("::1",),
            ("203.0.113.9", ""),
        ):
            with self.assertRaises(BadSetting):
                self.one.readdress(*addresses)
        self.assertEqual(self.one.addresses, (FOUR, SIX))
        self.assertTrue(socket.send(b"still", (OTHER_FOUR, 5000)))
        self.network.advance(1)
        self.assertEqual(len(there.arrived), 1)
        self.network.machine("three", "203.0.113.9")

    def test_closed(self) -> None:
        """Sockets whose address is gone are closed for good by whoever closes them."""
        _, socket = self.hear(self.one, FOUR, 6000)
        self.one.readdress("203.0.113.9")
        socket.close()
        self.one.readdress(FOUR)
        self.assertFalse(socket.send(b"", (OTHER_FOUR, 5000)))
        _, stranded = self.hear(self.one, FOUR, 6000)
        self.one.readdress("203.0.113.9")
        self.one.stop()
        assert isinstance(stranded, WorldDatagramSocket)
        self.assertIs(stranded.closed, True)

    def test_portTakenMeanwhile(self) -> None:
        """Who was given the port meanwhile keeps it, on every address."""
        _, stranded = self.hear(self.one, FOUR, 6000)
        self.one.readdress("203.0.113.9")
        inbox, _ = self.hear(self.one, "", 6000)
        self.one.readdress(FOUR)
        self.assertFalse(stranded.send(b"", (OTHER_FOUR, 5000)))
        self.hear(self.two)[1].send(b"whose?", (FOUR, 6000))
        self.network.advance(1)
        self.assertEqual(len(inbox.arrived), 1)


class Talker(Protocol):
    """Keeps what it gets, and how it ended."""

    def __init__(self) -> None:
        self.received = b""
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Keep the reason."""
        self.reason = reason


class StreamTests(World):
    """Streams over IPv6, and streams of a machine whose address changes."""

    def connect(self, listening: str, connecting: str) -> tuple[Talker, Talker]:
        """Have machine one connect to machine two, and return the client and the server."""
        talkers: list[Talker] = []

        def build() -> Talker:
            talkers.append(Talker())
            return talkers[-1]

        factory: Callable[[], Factory] = lambda: Factory.forProtocol(build)  # type: ignore[arg-type]  # noqa: E731
        self.two.streamServerEndpoint(listening).listen(factory())
        connected: Deferred[object] = self.one.streamClientEndpoint(connecting).connect(factory())
        client = self.network.runUntil(connected, 10)
        self.network.advance(1)
        assert isinstance(client, Talker)
        return client, next(each for each in talkers if each is not client)

    def test_six(self) -> None:
        """A stream to an IPv6 address, and what both ends are told of it."""
        client, server = self.connect(
            r"tcp:7770:interface=\:\:", rf"tcp:{OTHER_SIX.replace(':', chr(92) + ':')}:7770"
        )
        client.transport.write(b"hello")
        self.network.advance(1)
        self.assertEqual(server.received, b"hello")
        peer = server.transport.getPeer()
        self.assertIsInstance(peer, IPv6Address)
        self.assertEqual(peer.host, SIX)
        self.assertEqual(client.transport.getPeer(), IPv6Address("TCP", OTHER_SIX, 7770))

    def test_sixIsNotFour(self) -> None:
        """Who listens on every address of IPv4 listens on none of IPv6."""
        self.two.streamServerEndpoint("tcp:7770").listen(Factory.forProtocol(Talker))
        host = OTHER_SIX.replace(":", "\\:")
        failed = self.one.streamClientEndpoint(f"tcp:{host}:7770").connect(
            Factory.forProtocol(Talker)
        )
        self.network.advance(5)
        self.failureResultOf(failed)

    def test_noSource(self) -> None:
        """A machine without an address of the family gets no answer, and no exception."""
        four = self.network.machine("four", "203.0.113.4")
        host = OTHER_SIX.replace(":", "\\:")
        failed = four.streamClientEndpoint(f"tcp:{host}:7770:timeout=5").connect(
            Factory.forProtocol(Talker)
        )
        self.network.advance(6)
        self.failureResultOf(failed)

    def test_readdressed(self) -> None:
        """A stream ends with the address that it is from, after a while; a new one works."""
        client, server = self.connect("tcp:7770", f"tcp:{OTHER_FOUR}:7770")
        self.one.readdress("203.0.113.9", SIX)
        client.transport.write(b"into the void")
        self.network.advance(10)
        self.assertEqual((server.received, client.reason), (b"", None))
        self.network.advance(30)
        self.assertIsNotNone(client.reason)
        again = self.one.streamClientEndpoint(f"tcp:{OTHER_FOUR}:7770").connect(
            Factory.forProtocol(Talker)
        )
        self.network.advance(1)
        self.assertEqual(self.successResultOf(again).transport.getHost().host, "203.0.113.9")

    def test_addressAdded(self) -> None:
        """A stream does not end where the machine keeps its addresses and gets one more."""
        client, server = self.connect("tcp:7770", f"tcp:{OTHER_FOUR}:7770")
        self.one.readdress("203.0.113.9", FOUR, SIX)
        client.transport.write(b"still here")
        self.network.advance(10)
        self.assertEqual(server.received, b"still here")

    def test_loopback(self) -> None:
        """A stream within the machine does not notice that an address is gone."""
        self.one.streamServerEndpoint("tcp:7770").listen(Factory.forProtocol(Talker))
        connected = self.one.streamClientEndpoint("tcp:127.0.0.1:7770").connect(
            Factory.forProtocol(Talker)
        )
        self.network.advance(1)
        client = self.successResultOf(connected)
        self.one.readdress("203.0.113.9")
        client.transport.write(b"x")
        self.network.advance(60)
        self.assertIsNone(client.reason)

    def test_listenerOnOneAddress(self) -> None:
        """Who listens on one address is heard again when it is back."""
        self.two.streamServerEndpoint(f"tcp:7770:interface={OTHER_FOUR}").listen(
            Factory.forProtocol(Talker)
        )
        self.two.readdress("203.0.113.9")
        self.two.readdress(OTHER_FOUR)
        connected = self.one.streamClientEndpoint(f"tcp:{OTHER_FOUR}:7770").connect(
            Factory.forProtocol(Talker)
        )
        self.network.advance(1)
        self.successResultOf(connected)

    def test_listener(self) -> None:
        """Who listens on every address listens on the new one, and no longer on the old."""
        listening = self.two.streamServerEndpoint("tcp:7770").listen(Factory.forProtocol(Talker))
        self.two.readdress("203.0.113.9")
        new = self.one.streamClientEndpoint("tcp:203.0.113.9:7770").connect(
            Factory.forProtocol(Talker)
        )
        old = self.one.streamClientEndpoint(f"tcp:{OTHER_FOUR}:7770:timeout=5").connect(
            Factory.forProtocol(Talker)
        )
        self.network.advance(6)
        self.successResultOf(new)
        self.failureResultOf(old)
        self.successResultOf(listening).stopListening()
        self.assertEqual(self.two.stream_host.listeners, {})
