"""
Tests of L{gamenet.machine.tls_endpoint} with real streams: certificates that change
while clients are connected.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    connectProtocol,
    quoteStringArgument,
    wrapClientTLS,
)
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from gamenet.errors import BadSetting
from gamenet.interfaces import IReloadableEndpoint
from gamenet.machine.reactor_machine import ReactorMachine
from tests.pem_files import Identity
from tests.reactor_runs import runUnder


class Echo(Protocol):
    """Sends back what it gets."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class Asking(Protocol):
    """Sends bytes and waits for as many."""

    def __init__(self) -> None:
        self.received = b""
        self.waiting: tuple[int, Deferred[bytes]] | None = None
        self.lost: Deferred[None] = Deferred()

    def ask(self, data: bytes) -> Deferred[bytes]:
        """Send bytes; what is returned fires with the answer."""
        self.received = b""
        answered: Deferred[bytes] = Deferred()
        self.waiting = (len(data), answered)
        self.transport.write(data)
        return answered

    def dataReceived(self, data: bytes) -> None:
        """Collect the answer."""
        self.received += data
        if self.waiting is not None and len(self.received) >= self.waiting[0]:
            waiting, self.waiting = self.waiting[1], None
            waiting.callback(self.received)

    def connectionLost(self, reason: object = None) -> None:
        """Say so."""
        self.lost.callback(None)

    def name(self) -> str:
        """Return whose certificate the other side showed."""
        shown: Any = self.transport.getPeerCertificate()
        return str(shown.get_subject().CN)


@implementer(IProtocolNegotiationFactory)
class Choosing(Factory):
    """A factory that accepts two protocols."""

    def acceptableProtocols(self) -> list[bytes]:
        """Return them."""
        return [b"stun.turn", b"stun.nat-discovery"]


class TlsTests(TestCase):
    """L{gamenet.machine.tls_endpoint.TlsServerEndpoint} on loopback."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.first, self.second = Identity.issue("first"), Identity.issue("second")
        self.key, self.certificate = self.first.write(self.folder)
        self.machine = ReactorMachine(reactor)

    def describe(self, interface: str = "127.0.0.1") -> str:
        """Return the description of an endpoint with our files."""
        return (
            f"tls:0:interface={quoteStringArgument(interface)}"
            f":privateKey={quoteStringArgument(str(self.key))}"
            f":certKey={quoteStringArgument(str(self.certificate))}"
        )

    async def listen(
        self, interface: str = "127.0.0.1", factory: Any = Factory
    ) -> tuple[Any, int]:
        """Listen; return the endpoint and the port number."""
        endpoint: Any = self.machine.streamServerEndpoint(self.describe(interface))
        verifyObject(IReloadableEndpoint, endpoint)
        port = await endpoint.listen(factory.forProtocol(Echo))
        self.addCleanup(port.stopListening)
        return endpoint, port.getHost().port

    async def connect(
        self, port: int, host: str = "127.0.0.1", protocols: list[bytes] | None = None
    ) -> Asking:
        """Connect as a client that verifies what it is shown, and may offer protocols."""
        roots = [Certificate.loadPEM(each.certificatePem()) for each in (self.first, self.second)]
        options = optionsForClientTLS(
            "localhost", trustRootFromCertificates(roots), acceptableProtocols=protocols
        )
        kind: Any = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
        asking: Asking = await connectProtocol(
            wrapClientTLS(options, kind(reactor, host, port)), Asking()
        )
        self.addCleanup(lambda: asking.lost)
        self.addCleanup(asking.transport.loseConnection)
        return asking

    async def test_stream(self) -> None:
        """Listen endpoints: bytes pass both ways, under the certificate of the files."""
        _, port = await self.listen()
        client = await self.connect(port)
        self.assertEqual(await client.ask(b"hello" * 10_000), b"hello" * 10_000)
        self.assertEqual(client.name(), "first")

    async def test_reload(self) -> None:
        """SIGHUP: who is connected stays, under the old one; who comes is shown the new one."""
        endpoint, port = await self.listen()
        before = await self.connect(port)
        self.assertEqual(await before.ask(b"one"), b"one")
        self.second.write(self.folder)
        unaware = await self.connect(port)
        await unaware.ask(b"x")
        self.assertEqual(unaware.name(), "first")
        endpoint.reload()
        after = await self.connect(port)
        self.assertEqual(await after.ask(b"two"), b"two")
        self.assertEqual(await before.ask(b"three"), b"three")
        self.assertEqual((before.name(), after.name()), ("first", "second"))

    async def test_badReload(self) -> None:
        """SIGHUP with files that do not do: it is said by name, and the old certificate stays."""
        endpoint, port = await self.listen()
        self.certificate.write_bytes(self.second.certificatePem())
        error = self.assertRaises(BadSetting, endpoint.reload)
        self.assertIn(str(self.certificate), str(error))
        client = await self.connect(port)
        await client.ask(b"x")
        self.assertEqual(client.name(), "first")
        self.key.write_bytes(self.second.keyPem())
        endpoint.reload()
        client = await self.connect(port)
        await client.ask(b"x")
        self.assertEqual(client.name(), "second")

    async def test_protocols(self) -> None:
        """ALPN (RFC 7443): what the factory accepts is chosen in its order, or nothing at all."""
        _, port = await self.listen(factory=Choosing)
        for offered, chosen in (
            ([b"stun.nat-discovery", b"http/1.1", b"stun.turn"], b"stun.turn"),
            ([b"stun.nat-discovery"], b"stun.nat-discovery"),
            ([b"h2"], None),
            (None, None),
        ):
            client = await self.connect(port, protocols=offered)
            self.assertEqual(await client.ask(b"x"), b"x")
            self.assertEqual(client.transport.negotiatedProtocol, chosen)

    async def test_protocolsOfNobody(self) -> None:
        """A client may offer protocols to a factory that knows nothing of them."""
        _, port = await self.listen()
        client = await self.connect(port, protocols=[b"stun.turn"])
        self.assertEqual(await client.ask(b"x"), b"x")

    async def test_ipv6(self) -> None:
        """An interface of IPv6, its colons after backslashes, is listened on."""
        _, port = await self.listen("::1")
        client = await self.connect(port, "::1")
        self.assertEqual(await client.ask(b"six"), b"six")

    async def test_notTls(self) -> None:
        """A client that speaks no TLS is sent away, and hurts nobody else."""
        _, port = await self.listen()
        plain: Asking = await connectProtocol(
            TCP4ClientEndpoint(reactor, "127.0.0.1", port), Asking()
        )
        plain.transport.write(b"GET / HTTP/1.0\r\n\r\n")
        await plain.lost
        client = await self.connect(port)
        self.assertEqual(await client.ask(b"fine"), b"fine")


class OtherEndpointsTests(SynchronousTestCase):
    """What Twisted's own descriptions mean."""

    def test_ssl(self) -> None:
        """C{ssl:} stays Twisted's."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        key, certificate = Identity.issue("any").write(folder)
        described = f"ssl:0:privateKey={key}:certKey={certificate}"
        endpoint = ReactorMachine(MemoryReactorClock()).streamServerEndpoint(described)
        self.assertIsInstance(endpoint, SSL4ServerEndpoint)
        self.assertFalse(IReloadableEndpoint.providedBy(endpoint))


class EveryReactorTests(SynchronousTestCase):
    """The tests above, in a process of their own, under each reactor by name."""

    def test_epoll(self) -> None:
        """The default on Linux."""
        runUnder(self, "epoll", TlsTests)

    def test_select(self) -> None:
        """The default on Windows."""
        runUnder(self, "select", TlsTests)

    def test_asyncio(self) -> None:
        """What a host program with an asyncio loop brings."""
        runUnder(self, "asyncio", TlsTests)
