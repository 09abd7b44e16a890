"""
A lobby and its players in a world of their own, for the lobby's tests.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from gamenet.interfaces import Address, IDatagramSocket
from gamenet.lobby.client import LobbyClient
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.lobby.listener import ILobbyListener
from gamenet.lobby.protocol import LobbyFactory, LobbyProtocol
from gamenet.lobby.settings import LobbyClientSettings, LobbySettings
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.world.link import PERFECT, LinkProfile
from gamenet.world.machine import WorldMachine
from gamenet.world.network import WorldNetwork
from gamenet.world.stream_path import StreamLimits

__all__ = ["LobbyWorld", "MuteSocket", "Player", "RecordingListener", "keysOf"]

LOBBY_HOST = "203.0.113.1"
LOBBY_PORT = 7770
DESCRIPTION = f"tcp:{LOBBY_HOST}:{LOBBY_PORT}"


def keysOf(number: int) -> tuple[bytes, bytes]:
    """Return two public keys that nobody else in the tests has."""
    return bytes([number]) * 32, bytes([128 + number]) * 32


@implementer(ILobbyListener)
@define
class RecordingListener:
    """Writes down what it is told: C{(name of the moment, arguments)}."""

    moments: list[tuple[str, tuple[Any, ...]]] = field(factory=list)

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """Return the arguments of every moment of a name, in order."""
        return [arguments for moment, arguments in self.moments if moment == name]

    def sessionsChanged(self, sessions: Any) -> None:
        self.moments.append(("sessionsChanged", (sessions,)))

    def sessionChanged(self, view: Any) -> None:
        self.moments.append(("sessionChanged", (view,)))

    def sessionClosed(self, reason: str) -> None:
        self.moments.append(("sessionClosed", (reason,)))

    def relayOffered(self, credentials: Any) -> None:
        self.moments.append(("relayOffered", (credentials,)))

    def matchStarting(self, ticket: Any) -> None:
        self.moments.append(("matchStarting", (ticket,)))

    def memberJoined(self, match_id: bytes, member: Any) -> None:
        self.moments.append(("memberJoined", (match_id, member)))

    def memberLeft(self, match_id: bytes, player: int) -> None:
        self.moments.append(("memberLeft", (match_id, player)))

    def candidatesChanged(self, match_id: bytes, player: int, candidates: Any) -> None:
        self.moments.append(("candidatesChanged", (match_id, player, candidates)))

    def stepReceived(self, match_id: bytes, player: int, attempt: bytes, kind: int) -> None:
        self.moments.append(("stepReceived", (match_id, player, attempt, kind)))

    def lobbyLost(self, reason: str) -> None:
        self.moments.append(("lobbyLost", (reason,)))


@implementer(IDatagramSocket)
@define(eq=False)
class MuteSocket:
    """A UDP socket behind a firewall that lets no datagram out while streams pass."""

    socket: IDatagramSocket
    send_errors: int = 0

    @property
    def address(self) -> Address:
        """Where the socket is bound."""
        address: Address = self.socket.address
        return address

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Lose a datagram."""
        return True

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


@define(eq=False)
class Player:
    """One player's machine, game socket, listener and lobby client."""

    machine: WorldMachine
    demultiplexer: Demultiplexer
    listener: RecordingListener
    client: LobbyClient

    def mute(self) -> None:
        """Let no datagram out any more."""
        self.demultiplexer.socket = MuteSocket(self.demultiplexer.socket)

    def unmute(self) -> None:
        """Let datagrams out again."""
        muted = self.demultiplexer.socket
        assert isinstance(muted, MuteSocket)
        self.demultiplexer.socket = muted.socket


class LobbyWorld:
    """
    A network with one lobby.

    @ivar network: Everything.
    @ivar machine: The lobby's machine.
    @ivar factory: The lobby's streams.
    @ivar demultiplexer: The lobby's UDP port.
    @ivar datagrams: What answers there.
    """

    def __init__(
        self,
        settings: LobbySettings | None = None,
        protocol: type[LobbyProtocol] = LobbyProtocol,
        seed: int = 1,
        stream_limits: StreamLimits | None = None,
    ) -> None:
        self.network = WorldNetwork(seed, stream_limits=stream_limits)
        self.machine = self.network.machine("lobby", LOBBY_HOST)
        self.factory = LobbyFactory(self.machine, settings)
        self.factory.protocol = protocol
        self.demultiplexer = Demultiplexer(self.machine, "", LOBBY_PORT)
        self.datagrams = LobbyDatagrams(self.factory, self.demultiplexer)
        endpoint = self.machine.streamServerEndpoint(f"tcp:{LOBBY_PORT}")
        self.port = self.network.runUntil(endpoint.listen(self.factory), 1)
        self._players = 0

    def connecting(
        self,
        name: str = "Ada",
        settings: LobbyClientSettings | None = None,
        behind: str | None = None,
        insecure: bool = True,
        description: str = DESCRIPTION,
        profile: LinkProfile = PERFECT,
        mute: bool = False,
    ) -> tuple[Deferred[LobbyClient], WorldMachine, Demultiplexer, RecordingListener]:
        """Begin to connect a player from a machine of their own."""
        self._players += 1
        number = self._players
        address = f"192.168.1.{number}" if behind else f"198.51.100.{number}"
        machine = self.network.machine(f"player {number}", address, behind, profile)
        demultiplexer = Demultiplexer(machine)
        if mute:
            demultiplexer.socket = MuteSocket(demultiplexer.socket)
        listener = RecordingListener()
        deferred = LobbyClient.connect(
            machine,
            description,
            name,
            keysOf(number),
            demultiplexer,
            listener,
            settings=settings,
            insecure=insecure,
        )
        return deferred, machine, demultiplexer, listener

    def player(self, name: str = "Ada", **kw: Any) -> Player:
        """Return a player who is connected and greeted."""
        deferred, machine, demultiplexer, listener = self.connecting(name, **kw)
        client = self.network.runUntil(deferred, 10)
        return Player(machine, demultiplexer, listener, client)

    def wait(self, deferred: Deferred[Any], limit: float = 10) -> Any:
        """Let time pass until a Deferred fires; return its result or raise its failure."""
        return self.network.runUntil(deferred, limit)

    def pair(self, capacity: int = 2) -> tuple[Player, Player]:
        """Return a host and a guest who sit in one session."""
        host, guest = self.player("Ada"), self.player("Bob")
        view = self.wait(host.client.createSession("a game", capacity))
        self.wait(guest.client.joinSession(view.session_id))
        self.network.advance(1)
        return host, guest

    def match(self) -> tuple[Player, Player, bytes]:
        """Return a host and a guest who are playing, and the match's id."""
        host, guest = self.pair()
        self.wait(host.client.startMatch())
        self.network.advance(1)
        match_id: bytes = host.listener.named("matchStarting")[0][0].match_id
        return host, guest, match_id

    def shut(self) -> None:
        """Let the lobby say farewell, and check that nothing of it stays behind."""
        closed = self.factory.close()
        self.network.runUntil(closed, 30)
