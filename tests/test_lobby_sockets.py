"""
The lobby and its clients on real sockets: what a simulated transport cannot show.
"""

from __future__ import annotations

from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from gamenet.lobby.client import LobbyClient
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.protocol import LobbyFactory, LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.machine.reactor_machine import ReactorMachine
from gamenet.wire.framing import frame
from gamenet.wire.lobby_messages import (
    CreateSession,
    Hello,
    ListSessions,
    encodeMessage,
)
from tests.lobby_world import RecordingListener, keysOf

LOOPBACK = "127.0.0.1"


class Crowded(LobbyProtocol):
    """A lobby's stream with little room in the kernel; tells why a client was lost."""

    lost: ClassVar[Deferred[str]]

    def connectionMade(self) -> None:
        handle: Any = self.transport
        handle.getHandle().setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
        super().connectionMade()

    def clientLost(self, reason: str) -> None:
        if self.name == "Deaf":
            self.lost.callback(reason)


class Deaf(Protocol):
    """A client that asks and never reads."""

    def connectionMade(self) -> None:
        handle: Any = self.transport
        handle.pauseProducing()
        asked = [Hello(1, 1, 1, "Deaf", bytes(32), bytes(32))]
        asked += [ListSessions(number) for number in range(2, 402)]  # type: ignore[list-item]
        handle.write(b"".join(frame(encodeMessage(message)) for message in asked))


class SocketTests(TestCase):
    """One lobby on loopback."""

    settings = LobbySettings(requests_burst=10_000, write_limit=65_536)

    async def serve(self, protocol: type[LobbyProtocol] = LobbyProtocol) -> int:
        """Serve a lobby; return its TCP port."""
        self.machine = ReactorMachine(reactor)  # type: ignore[arg-type]
        self.factory = LobbyFactory(self.machine, self.settings)
        self.factory.protocol = protocol
        udp = Demultiplexer(self.machine, LOOPBACK)
        self.addCleanup(udp.close)
        LobbyDatagrams(self.factory, udp)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface=LOOPBACK)
        port = await endpoint.listen(self.factory)
        self.addCleanup(port.stopListening)
        self.addCleanup(self.factory.close)
        number: int = port.getHost().port
        return number

    async def player(self, port: int, number: int) -> tuple[LobbyClient, RecordingListener]:
        game_socket = Demultiplexer(self.machine, LOOPBACK)
        self.addCleanup(game_socket.close)
        listener = RecordingListener()
        client = await LobbyClient.connect(
            self.machine,
            f"tcp:{LOOPBACK}:{port}",
            f"player {number}",
            keysOf(number),
            game_socket,
            listener,
        )
        self.addCleanup(client.close)
        return client, listener

    def test_meet(self) -> Any:
        """Two players meet, are seen by UDP, and get their tickets."""

        async def meet() -> None:
            port = await self.serve()
            host, host_listener = await self.player(port, 1)
            guest, guest_listener = await self.player(port, 2)
            self.assertEqual((await guest.whenServerReflexiveKnown() or ("", 0))[0], LOOPBACK)
            view = await host.createSession("a game")
            await guest.joinSession(view.session_id)
            await host.startMatch()
            self.assertEqual(len(await guest.listSessions()), 1)
            tickets = [
                listener.named("matchStarting")[0][0]
                for listener in (host_listener, guest_listener)
            ]
            self.assertEqual([ticket.player for ticket in tickets], [1, 2])
            self.assertEqual(tickets[0].members, tickets[1].members)
            self.assertEqual(self.factory.counters.heartbeats, 2)
            await guest.close()
            self.assertEqual(len(await host.listSessions()), 1)

        return Deferred.fromCoroutine(meet())

    def test_readerWhoNeverReads(self) -> Any:
        """A client that never reads is closed at the limit; one beside it is served."""

        async def flood() -> None:
            port = await self.serve(Crowded)
            directory = self.factory.directory
            for number in range(50):
                client_id = directory.connect(f"h{number}", 0.0, bytes(8))
                hello = Hello(1, 1, 1, "x" * 32, bytes(32), bytes(32))
                now = self.machine.clock.seconds()
                directory.request(client_id, hello, now, bytes(32))
                directory.request(client_id, CreateSession(2, "t" * 64, 2, 2), now, bytes(8))
            endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, port)
            client, _ = await self.player(port, 1)
            Crowded.lost = Deferred()
            deaf = await connectProtocol(endpoint, Deaf())
            handle: Any = deaf.transport
            self.addCleanup(handle.abortConnection)
            self.assertEqual(await Crowded.lost, "stopped reading")
            self.assertEqual(len(await client.listSessions()), 50)

        return Deferred.fromCoroutine(flood())
