"""
A small world for the tests of services: a server machine and a player's.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.interfaces import Address, IMachine
from gamenet.lobby.client import LobbyClient
from gamenet.lobby.listener import ILobbyListener
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.wire.demultiplexing import DatagramKind
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername

__all__ = ["KEYS", "SECRET", "Player", "QuietListener", "fetch", "say"]

SECRET = b"a secret of the tests"
KEYS = (b"L" * 32, b"S" * 32)


@implementer(ILobbyListener)
class QuietListener:
    """Keeps why the lobby was lost, and ignores everything else."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def lobbyLost(self, reason: str) -> None:
        """Keep the reason."""
        self.lost.append(reason)

    def _ignore(self, *arguments: object) -> None:
        """Do nothing."""

    sessionsChanged = sessionChanged = sessionClosed = relayOffered = _ignore
    memberJoined = memberLeft = _ignore
    matchStarting = candidatesChanged = stepReceived = _ignore


class Player:
    """
    The network side of a player: one game socket for the lobby and the relay.

    @ivar demultiplexer: The owner of the game socket.
    @ivar listener: Hears of the lobby.
    """

    def __init__(self, machine: IMachine, port: int = 0) -> None:
        """Open the game socket."""
        self.machine = machine
        self.demultiplexer = Demultiplexer(machine, "", port)
        self.listener = QuietListener()
        self.turn: TurnClient | None = None

    def meet(self, lobby: Address) -> Deferred[LobbyClient]:
        """Connect to the lobby whose stream port is at C{lobby}."""
        return LobbyClient.connect(
            self.machine,
            f"tcp:{lobby[0]}:{lobby[1]}",
            "Ada",
            KEYS,
            self.demultiplexer,
            self.listener,
            insecure=True,
        )

    def allocate(self, relay: Address, secret: bytes = SECRET) -> Deferred[RelayedSocket]:
        """Ask the relay at C{relay} for a relayed address."""
        username = ephemeralUsername(int(self.machine.wallClock()) + 600, "ada")
        self.turn = TurnClient(
            self.machine,
            lambda receiver: self.demultiplexer.face(
                receiver, (DatagramKind.STUN, DatagramKind.CHANNEL_DATA), remote=relay
            ),
            relay,
            username,
            ephemeralPassword(secret, username),
        )
        return self.turn.allocate(lambda data, address: None)

    def close(self) -> None:
        """Give the allocation back, and close the game socket."""
        if self.turn is not None:
            self.turn.close()
        self.demultiplexer.close()


class _Reading(Protocol):
    """Sends a request, and fires with what came back when the other side closes."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.read = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        """Ask."""
        self.transport.write(self.request)

    def dataReceived(self, data: bytes) -> None:
        """Keep."""
        self.read += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Answer."""
        reason.trap(ConnectionDone)
        self.done.callback(self.read)


def fetch(machine: IMachine, web: Address, method: str, path: str) -> Deferred[bytes]:
    """Return the whole answer to one HTTP request."""
    request = f"{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    return say(machine, web, request.encode())


def say(machine: IMachine, web: Address, data: bytes) -> Deferred[bytes]:
    """Return everything that is answered to C{data} until the other side closes."""
    endpoint = machine.streamClientEndpoint(f"tcp:{web[0]}:{web[1]}")
    reading = connectProtocol(endpoint, _Reading(data))
    return reading.addCallback(lambda protocol: protocol.done)
