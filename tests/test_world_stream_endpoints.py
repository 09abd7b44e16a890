"""
Tests of L{gamenet.world.stream_endpoints} and what stands behind it: connecting and listening.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoProtocol,
    TimeoutError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.errors import BadAddress
from gamenet.world.link import LinkProfile
from gamenet.world.network import WorldNetwork
from tests.world_streams import CLIENT, SERVER, Recorder, RecorderFactory, Wire


class DescriptionTests(SynchronousTestCase):
    """Twisted's endpoint descriptions."""

    def setUp(self) -> None:
        self.machine = WorldNetwork(1).machine("one", SERVER)

    def test_interfaces(self) -> None:
        """Endpoints provide Twisted's interfaces."""
        verifyObject(IStreamClientEndpoint, self.machine.streamClientEndpoint("tcp:1.2.3.4:5"))
        verifyObject(IStreamServerEndpoint, self.machine.streamServerEndpoint("tcp:5"))

    def test_clients(self) -> None:
        """What a client's description may say, in Twisted's own notation."""
        for description, destination, timeout, interface in [
            ("tcp:1.2.3.4:5", ("1.2.3.4", 5), 30.0, ""),
            ("tcp:host=1.2.3.4:port=5", ("1.2.3.4", 5), 30.0, ""),
            ("tcp:port=5:1.2.3.4", ("1.2.3.4", 5), 30.0, ""),
            ("tcp:lobby.example.org:65535:timeout=2.5", ("lobby.example.org", 65535), 2.5, ""),
            ("tcp:a:1:bindAddress=203.0.113.1", ("a", 1), 30.0, "203.0.113.1"),
            (r"tcp:a\:b:1", ("a:b", 1), 30.0, ""),
        ]:
            endpoint = self.machine.streamClientEndpoint(description)
            self.assertEqual(endpoint.destination, destination, description)
            self.assertEqual((endpoint.timeout, endpoint.interface), (timeout, interface))

    def test_servers(self) -> None:
        """What a server's description may say."""
        for description, port, interface in [
            ("tcp:5", 5, ""),
            ("tcp:0", 0, ""),
            ("tcp:port=5:interface=127.0.0.1", 5, "127.0.0.1"),
            ("tcp:5:backlog=10", 5, ""),
        ]:
            endpoint = self.machine.streamServerEndpoint(description)
            self.assertEqual((endpoint.port, endpoint.interface), (port, interface), description)

    def test_badAddresses(self) -> None:
        """Bad input: a description that is none is refused by name, and quoted."""
        for description in (
            "",
            "tcp",
            "tcp:",
            "tcp:1.2.3.4",
            "tcp::5",
            "tcp:1.2.3.4:",
            "tcp:1.2.3.4:0",
            "tcp:1.2.3.4:65536",
            "tcp:1.2.3.4:-5",
            "tcp:1.2.3.4:five",
            "tcp:1.2.3.4:\u0665",
            "tcp:1.2.3.4:5:6",
            "tcp:1.2.3.4:5:timeout=soon",
            "tcp:1.2.3.4:5:timeout=-1",
            "tcp:1.2.3.4:5:timeout=nan",
            "tcp:1.2.3.4:5:port=5",
            "tcp:1.2.3.4:port=5:port=5",
            "tcp:1.2.3.4:5:color=red",
            "tls:1.2.3.4:5",
            "udp:1.2.3.4:5",
        ):
            error = self.assertRaises(BadAddress, self.machine.streamClientEndpoint, description)
            self.assertIn(repr(description), str(error))
        for description in ("tcp", "tcp:65536", "tcp:1:2", "tcp:a", "tls:5", "tcp:5:timeout=3"):
            error = self.assertRaises(BadAddress, self.machine.streamServerEndpoint, description)
            self.assertIn(repr(description), str(error))


class ConnectingTests(SynchronousTestCase):
    """What comes of an attempt."""

    def setUp(self) -> None:
        self.wire = Wire(1, LinkProfile(latency=0.5))
        self.network = self.wire.network

    def attempt(self, description: str, factory: Any = None) -> Deferred[Any]:
        """Start connecting from the client."""
        endpoint = self.wire.client.streamClientEndpoint(description)
        return endpoint.connect(factory or self.wire.connecting)

    def test_handshake(self) -> None:
        """The client is connected after a round trip, the server half of one later."""
        connecting = self.attempt(f"tcp:{SERVER}:7770")
        self.network.advance(0.999)
        self.assertNoResult(connecting)
        self.network.advance(0.002)
        near = self.successResultOf(connecting)
        self.assertEqual((near.made, self.wire.accepted.built), (1, []))
        near.transport.write(b"first")
        self.network.advance(0.51)
        self.assertEqual(self.wire.accepted.built[0].received, b"first")
        self.assertEqual(self.wire.accepted.addresses[0].host, CLIENT)
        self.assertEqual(self.network.counters.streams_opened, 1)
        self.assertEqual(self.network.clock.getDelayedCalls(), [], "no timeout is left")

    def test_refused(self) -> None:
        """Nobody listens: refused after a round trip; the factory is told it is over."""
        connecting = self.attempt(f"tcp:{SERVER}:1")
        self.network.advance(0.999)
        self.assertNoResult(connecting)
        self.network.advance(0.002)
        self.failureResultOf(connecting, ConnectionRefusedError)
        factory = self.wire.connecting
        self.assertEqual((factory.started, factory.stopped, factory.built), (1, 1, []))
        self.assertEqual(self.network.counters.streams_refused, 1)
        self.assertEqual(self.network.clock.getDelayedCalls(), [], "no timeout is left")

    def test_nobodyThere(self) -> None:
        """An address that nobody has never answers."""
        connecting = self.attempt("tcp:203.0.113.99:1:timeout=3")
        self.network.advance(2.999)
        self.assertNoResult(connecting)
        self.network.advance(0.001)
        self.failureResultOf(connecting, TimeoutError)

    def test_names(self) -> None:
        """Names that were published are found, others are not."""
        self.network.publishName("lobby.example.org", SERVER)
        near = self.network.runUntil(self.attempt("tcp:lobby.example.org:7770"), 5.0)
        self.assertEqual(near.transport.getPeer().host, SERVER)
        self.failureResultOf(self.attempt("tcp:relay.example.org:7770"), DNSLookupError)
        self.assertEqual(self.wire.connecting.stopped, 0, "one connection is left")

    def test_loopback(self) -> None:
        """A machine connects to itself by its name, loopback and own address."""
        self.wire.client.streamServerEndpoint("tcp:9").listen(self.wire.accepted)
        loopback = "127.0.0.1"
        for host, seen in (("localhost", loopback), (loopback, loopback), (CLIENT, CLIENT)):
            connecting = self.attempt(f"tcp:{host}:9")
            self.network.advance(0.01)
            near = self.successResultOf(connecting)
            self.assertEqual(near.transport.getPeer().host, seen)
            self.assertEqual(self.wire.accepted.addresses[-1].host, seen)

    def test_ephemeralPorts(self) -> None:
        """Every connection leaves from another port, of those that are for that (RFC 6335)."""
        ports = []
        for _ in range(20):
            near = self.network.runUntil(self.attempt(f"tcp:{SERVER}:7770"), 5.0)
            ports.append(near.transport.getHost().port)
        self.assertEqual(len(dict.fromkeys(ports)), 20)
        self.assertTrue(all(49_152 <= port <= 65_535 for port in ports))

    def test_bindAddress(self) -> None:
        """A connection may leave from an address of the machine's that is asked for."""
        machine = self.network.machine("two", ("203.0.113.7", "203.0.113.8"))
        endpoint = machine.streamClientEndpoint(f"tcp:{SERVER}:7770:bindAddress=203.0.113.8")
        self.network.runUntil(endpoint.connect(self.wire.connecting), 5.0)
        self.network.advance(1.0)
        self.assertEqual(self.wire.accepted.addresses[0].host, "203.0.113.8")

    def test_cancel(self) -> None:
        """A cancelled attempt fails by name, at once; the server never hears of it, or drops it."""
        for after in (0.1, 0.6):
            connecting = self.attempt(f"tcp:{SERVER}:7770")
            self.network.advance(after)
            connecting.cancel()
            self.failureResultOf(connecting, ConnectingCancelledError)
            self.network.advance(60.0)
        self.assertEqual(self.wire.accepted.built, [])
        self.assertEqual(self.wire.connecting.stopped, 2)
        self.assertEqual(len(self.wire.client.stream_host.registry.streams), 0)

    def test_timeoutAfterTheAnswer(self) -> None:
        """A client too slow to take the answer before its timeout fails, and the server is told."""
        connecting = self.attempt(f"tcp:{SERVER}:7770:timeout=1.2")
        self.network.clock.callLater(0.9, self.wire.client.suspend, 2.0)
        self.network.advance(10.0)
        near = self.successResultOf(connecting)
        self.assertEqual(near.made, 1, "the answer came before the timeout, although both late")
        connecting = self.attempt(f"tcp:{SERVER}:7770:timeout=0.95")
        self.network.clock.callLater(0.9, self.wire.client.suspend, 2.0)
        self.network.advance(10.0)
        self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(self.wire.accepted.built[1].lostBy(), [ConnectionLost])

    def test_abortedBeforeItIsTaken(self) -> None:
        """A client suspended as it is answered finds its connection made, and lost meanwhile."""

        class Aborts(Recorder):
            def connectionMade(self) -> None:
                self.transport.abortConnection()

        self.wire.accepted.kind = Aborts
        connecting = self.attempt(f"tcp:{SERVER}:7770")
        self.network.clock.callLater(0.9, self.wire.client.suspend, 5.0)
        self.network.advance(10.0)
        near = self.successResultOf(connecting)
        self.assertEqual((near.made, near.lostBy()), (1, [ConnectionLost]))

    def test_closedBeforeItIsTaken(self) -> None:
        """A server suspended as it is connected to finds the connection, the data and the end."""
        self.network.clock.callLater(1.4, self.wire.server.suspend, 5.0)
        connecting = self.attempt(f"tcp:{SERVER}:7770")
        self.network.advance(1.1)
        near = self.successResultOf(connecting)
        near.transport.write(b"short")
        near.transport.loseConnection()
        self.network.advance(10.0)
        far = self.wire.accepted.built[0]
        self.assertEqual((far.made, far.received, far.lostBy()), (1, b"short", [ConnectionDone]))

    def test_noProtocol(self) -> None:
        """A client's factory that builds nothing, or raises, fails the attempt with that."""

        class Nothing(RecorderFactory):
            def buildProtocol(self, addr: object) -> None:
                return None

        class Raises(RecorderFactory):
            def buildProtocol(self, addr: object) -> None:
                raise ZeroDivisionError

        for factory, error in ((Nothing(), NoProtocol), (Raises(), ZeroDivisionError)):
            connecting = self.attempt(f"tcp:{SERVER}:7770", factory)
            self.network.advance(5.0)
            self.failureResultOf(connecting, error)
            self.assertEqual((factory.started, factory.stopped), (1, 1))
        lost = [protocol.lostBy() for protocol in self.wire.accepted.built]
        self.assertEqual(lost, [[ConnectionLost]] * 2)

    def test_raisingAtFirst(self) -> None:
        """A protocol that raises in connectionMade is logged once and closed, at either end."""

        class Raises(Recorder):
            def connectionMade(self) -> None:
                raise ZeroDivisionError

        factory = RecorderFactory(Raises)
        connecting = self.attempt(f"tcp:{SERVER}:7770", factory)
        self.network.advance(5.0)
        self.failureResultOf(connecting, ZeroDivisionError)
        self.assertEqual(factory.built[0].lostBy(), [ConnectionAborted])
        self.assertEqual(self.wire.accepted.built[0].lostBy(), [ConnectionLost])
        self.wire.accepted.kind = Raises
        near = self.network.runUntil(self.attempt(f"tcp:{SERVER}:7770"), 5.0)
        self.network.advance(5.0)
        self.assertEqual(near.lostBy(), [ConnectionLost])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_factoryOfTheServer(self) -> None:
        """A server's factory that builds nothing, or raises, has the connection closed."""
        for build in (lambda addr: None, lambda addr: 1 // 0):
            self.wire.accepted.buildProtocol = build  # type: ignore[method-assign]
            near = self.network.runUntil(self.attempt(f"tcp:{SERVER}:7770"), 5.0)
            self.network.advance(5.0)
            self.assertEqual(near.lostBy(), [ConnectionDone])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.wire.client.stream_host.registry.streams), 0)


class ListeningTests(SynchronousTestCase):
    """Listening ports."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.machine = self.network.machine("one", ("203.0.113.1", "203.0.113.2"))
        self.factory = RecorderFactory()

    def listen(self, description: str) -> Any:
        """Return the listening port."""
        endpoint = self.machine.streamServerEndpoint(description)
        return self.successResultOf(endpoint.listen(self.factory))

    def connects(self, host: str, port: int) -> bool:
        """Return whether somebody takes connections there."""
        endpoint = self.machine.streamClientEndpoint(f"tcp:{host}:{port}")
        connecting = endpoint.connect(RecorderFactory()).addCallbacks(
            lambda _: True, lambda failure: bool(failure.trap(ConnectionRefusedError)) and False
        )
        return bool(self.network.runUntil(connecting, 5.0))

    def test_anyPort(self) -> None:
        """Port 0 is any free one, which the listening port tells."""
        ports = [self.listen("tcp:0") for _ in range(20)]
        verifyObject(IListeningPort, ports[0])
        numbers = [port.getHost().port for port in ports]
        self.assertEqual(len(dict.fromkeys(numbers)), 20)
        self.assertEqual(ports[0].getHost().host, "0.0.0.0")
        self.assertTrue(all(self.connects("203.0.113.2", number) for number in numbers))

    def test_interface(self) -> None:
        """A port of one address takes connections to that one alone."""
        port = self.listen("tcp:5:interface=203.0.113.2")
        self.assertEqual(port.getHost().host, "203.0.113.2")
        self.assertTrue(self.connects("203.0.113.2", 5))
        self.assertFalse(self.connects("203.0.113.1", 5))
        self.listen("tcp:5:interface=127.0.0.1")
        self.assertTrue(self.connects("127.0.0.1", 5))

    def test_taken(self) -> None:
        """A port that is taken, or an address that is not ours, cannot be listened at."""
        self.listen("tcp:5:interface=203.0.113.2")
        for description in ("tcp:5", "tcp:5:interface=203.0.113.2", "tcp:6:interface=203.0.113.9"):
            endpoint = self.machine.streamServerEndpoint(description)
            self.failureResultOf(endpoint.listen(self.factory), CannotListenError)
        self.listen("tcp:5:interface=203.0.113.1")
        self.machine.openDatagramSocket(lambda *_: None, port=5)

    def test_stopListening(self) -> None:
        """A port that stopped refuses; it can be had again; what is connected stays so."""
        port = self.listen("tcp:5")
        self.assertTrue(self.connects("203.0.113.1", 5))
        self.network.advance(1.0)
        self.successResultOf(port.stopListening())
        self.successResultOf(port.stopListening())
        self.assertFalse(self.connects("203.0.113.1", 5))
        self.assertEqual((self.factory.started, self.factory.stopped), (1, 1))
        self.assertEqual(self.factory.built[0].lostBy(), [])
        self.listen("tcp:5")
        self.assertTrue(self.connects("203.0.113.1", 5))

    def test_stoppedDuringTheHandshake(self) -> None:
        """Who connects to a port that stops meanwhile loses the connection."""
        port = self.listen("tcp:5")
        client = self.network.machine("two", "203.0.113.9", profile=LinkProfile(latency=0.5))
        factory = RecorderFactory()
        connecting = client.streamClientEndpoint("tcp:203.0.113.1:5").connect(factory)
        self.network.advance(0.75)
        port.stopListening()
        self.network.advance(5.0)
        self.assertEqual(self.successResultOf(connecting).lostBy(), [ConnectionLost])
        self.assertEqual(self.factory.built, [])
        self.assertEqual(len(client.stream_host.registry.streams), 0)
