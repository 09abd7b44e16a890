"""
Protocols that write down what happens to them, and pairs of machines, for tests of streams.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from gamenet.world.link import PERFECT, LinkProfile
from gamenet.world.network import WorldNetwork
from gamenet.world.stream_path import StreamLimits

__all__ = ["CLIENT", "SERVER", "Recorder", "RecorderFactory", "Wire"]

SERVER = "203.0.113.1"
CLIENT = "203.0.113.2"


class Recorder(Protocol):
    """Writes down everything it is told."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost: list[Failure] = []
        self.made = 0

    @property
    def received(self) -> bytes:
        """All bytes so far."""
        return b"".join(self.pieces)

    def connectionMade(self) -> None:
        """Count it."""
        self.made += 1

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        assert self.made == 1
        assert not self.lost
        self.pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep the reason."""
        self.lost.append(reason)

    def lostBy(self) -> list[type[BaseException]]:
        """Return the types of the reasons: one, once the connection is lost."""
        return [type(reason.value) for reason in self.lost]


class RecorderFactory(Factory):
    """Builds recorders, and keeps them."""

    noisy = False

    def __init__(self, kind: type[Any] = Recorder) -> None:
        self.kind = kind
        self.built: list[Any] = []
        self.addresses: list[IAddress | None] = []
        self.started = 0
        self.stopped = 0

    def startFactory(self) -> None:
        """Count it."""
        self.started += 1

    def stopFactory(self) -> None:
        """Count it."""
        self.stopped += 1

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Build one."""
        self.addresses.append(addr)
        self.built.append(self.kind())
        return self.built[-1]


class Wire:
    """A server that listens at port 7770, and a client, public both."""

    def __init__(
        self,
        seed: int = 1,
        profile: LinkProfile = PERFECT,
        limits: StreamLimits | None = None,
        kind: type[Any] = Recorder,
    ) -> None:
        self.network = WorldNetwork(seed, stream_limits=limits)
        self.server = self.network.machine("server", SERVER)
        self.client = self.network.machine("client", CLIENT, profile=profile)
        self.accepted = RecorderFactory(kind)
        self.connecting = RecorderFactory(kind)
        listening = self.server.streamServerEndpoint("tcp:7770").listen(self.accepted)
        self.port = self.network.runUntil(listening, 1.0)

    def connect(self, description: str = f"tcp:{SERVER}:7770") -> tuple[Any, Any]:
        """Return both protocols of a new connection, the client's first."""
        endpoint = self.client.streamClientEndpoint(description)
        near = self.network.runUntil(endpoint.connect(self.connecting), 60.0)
        self.network.runUntil(lambda: len(self.accepted.built) == len(self.connecting.built), 60.0)
        return near, self.accepted.built[-1]
