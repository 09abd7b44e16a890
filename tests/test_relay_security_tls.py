"""
Section 5 of the security list: "half-open TLS", and clients behind TLS that do not keep to it.

The relay's own endpoint without its sockets: Twisted's TLS between a transport in memory and
the relay's streams.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gamenet.machine.certificates import CertificateFiles, ReloadableCertificate
from gamenet.relay.settings import RelaySettings, StreamLimits
from tests.pem_files import Identity
from tests.relay_bytes import errorCodeOf, rawMessage
from tests.relay_desk import SECRET
from tests.relay_scene import Scene


class Wire(StringTransport):
    """The TCP connection under TLS, as the server has it."""

    aborted = False
    protocol: Protocol
    clock: Any

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed here."""

    def abortConnection(self) -> None:
        """End it, and say so a moment later, as reactors do."""
        if not self.aborted:
            self.aborted = True
            self.clock.callLater(0, self.protocol.connectionLost, Failure(ConnectionDone()))


class TlsClient:
    """
    A client of the relay over TLS, driven by hand.

    @ivar wire: What is under it.
    @ivar tls: Its end of TLS.
    """

    def __init__(self, scene: Scene, certificate: ReloadableCertificate, port: int = 5000) -> None:
        clock: Any = scene.network.clock
        factory = TLSMemoryBIOFactory(certificate, False, scene.server.streams, clock)
        address = IPv4Address("TCP", "198.51.100.9", port)
        self.scene = scene
        self.wire = Wire(peerAddress=address)
        self.wire.clock = clock
        self.wire.protocol = factory.buildProtocol(address)
        self.wire.protocol.makeConnection(self.wire)
        self.tls = SSL.Connection(CertificateOptions().getContext())
        self.tls.set_connect_state()

    def hello(self) -> bytes:
        """Return how a handshake begins."""
        self._shake()
        return self.tls.bio_read(65_536)

    def put(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.wire.protocol.dataReceived(data)
        self.scene.network.settle()

    def connect(self) -> None:
        """Make the whole handshake."""
        for _ in range(4):
            self._shake()
            self._exchange()

    def ask(self, data: bytes) -> bytes:
        """Send bytes within TLS, and return what comes back."""
        self.tls.send(data)
        self._exchange()
        try:
            return self.tls.recv(65_536)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            return b""

    def _shake(self) -> None:
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            return

    def _exchange(self) -> None:
        with contextlib.suppress(SSL.WantReadError):
            self.put(self.tls.bio_read(65_536))
        # Twisted gathers what it writes within one turn of the reactor.
        self.scene.network.advance(0.0)
        written = self.wire.value()
        self.wire.clear()
        if written:
            self.tls.bio_write(written)


class HalfOpenTests(SynchronousTestCase):
    """Streams bounded by time and count, whatever of a handshake there was."""

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._folder()))
        key, certificate = Identity.issue("localhost").write(folder)
        self.certificate = ReloadableCertificate(CertificateFiles(str(key), str(certificate), None))
        limits = StreamLimits(connections=4, connections_of_address=4)
        self.scene = Scene(RelaySettings((SECRET,), streams=limits))

    def _folder(self) -> str:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return str(folder)

    def client(self, port: int = 5000) -> TlsClient:
        """Return a client that has connected, and sent nothing."""
        return TlsClient(self.scene, self.certificate, port)

    def test_works(self) -> None:
        """The counterpart: a whole handshake, and a Binding request in it."""
        client = self.client()
        client.connect()
        self.assertEqual(errorCodeOf(client.ask(rawMessage(1))), 0)
        self.assertEqual(errorCodeOf(client.ask(rawMessage(3))), 401)

    def test_silent(self) -> None:
        """Nothing, half a hello, a hello and no more, a handshake and no more: 30 s each."""
        beginnings = (self.client(1), self.client(2), self.client(3), self.client(4))
        beginnings[1].put(beginnings[1].hello()[:100])
        beginnings[2].put(beginnings[2].hello())
        beginnings[3].connect()
        self.assertTrue(self.client(5).wire.aborted)
        self.scene.network.advance(29.9)
        self.assertEqual([each.wire.aborted for each in beginnings], [False] * 4)
        self.scene.network.advance(0.1)
        self.assertEqual([each.wire.aborted for each in beginnings], [True] * 4)
        self.assertEqual(len(self.scene.server.streams), 0)
        self.assertEqual(self.scene.server.counters.streams_active, 0)
        self.assertEqual(self.scene.dropped(), {"stream_refused": 1, "stream_stalled": 4})

    def test_trickle(self) -> None:
        """A handshake that comes byte by byte has no more time."""
        client = self.client()
        hello = client.hello()
        for place in range(30):
            client.put(hello[place : place + 1])
            self.scene.network.advance(0.99)
        self.assertFalse(client.wire.aborted)
        self.scene.network.advance(0.31)
        self.assertTrue(client.wire.aborted)

    def test_noTls(self) -> None:
        """What is no TLS ends the stream, and is not read as anything else."""
        for number, garbage in enumerate(
            (rawMessage(1), b"GET / HTTP/1.1\r\n\r\n", bytes(2000), b"\x16\xfe\xff" + bytes(100))
        ):
            client = self.client(number)
            client.put(garbage)
            self.scene.network.advance(30.1)
            self.assertTrue(client.wire.aborted or client.wire.disconnecting, garbage)
            if not client.wire.aborted:
                client.wire.abortConnection()
        self.assertEqual(self.scene.server.counters.bindings, 0)
        self.assertEqual(len(self.scene.server.streams), 0)

    def test_garbageWithin(self) -> None:
        """Garbage within TLS closes the stream at once; what is in the same bytes is not read."""
        client = self.client()
        client.connect()
        self.assertEqual(client.ask(b"\x80\0\0\0" + rawMessage(1)), b"")
        self.assertTrue(client.wire.aborted)
        self.assertEqual(self.scene.server.counters.bindings, 0)

    def test_cut(self) -> None:
        """Records cut anywhere make the same messages."""
        client = self.client()
        client.connect()
        client.tls.send(rawMessage(1) * 3)
        data = client.tls.bio_read(65_536)
        for place in range(0, len(data), 7):
            client.put(data[place : place + 7])
        self.assertEqual(self.scene.server.counters.bindings, 3)
