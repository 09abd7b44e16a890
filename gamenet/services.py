"""
The lobby and the relay as Twisted services.

Start one and its ports are open, stop it and they are closed.  The twistd
plugins (L{gamenet.lobby_tap}, L{gamenet.relay_tap}) are thin doors to these; a
program of your own gives them its own L{gamenet.lobby.protocol.LobbyProtocol}::

    service = lobbyService(asMachine(reactor), protocol=Doorman)
    service.setServiceParent(application)
"""

from __future__ import annotations

from collections.abc import Sequence

from gamenet.interfaces import Address, IMachine
from gamenet.listening import IListeningService, StreamPorts, raiseNow
from gamenet.lobby.protocol import LobbyProtocol
from gamenet.lobby.settings import LobbySettings
from gamenet.lobby_service import LobbyService
from gamenet.relay.settings import RelaySettings
from gamenet.relay_service import RelayService

__all__ = [
    "IListeningService",
    "LobbyService",
    "RelayService",
    "StreamPorts",
    "lobbyService",
    "raiseNow",
    "relayService",
]


def lobbyService(
    machine: IMachine,
    settings: LobbySettings | None = None,
    listen: Sequence[str] = ("tcp:7770",),
    udp: Address = ("", 7770),
    protocol: type[LobbyProtocol] = LobbyProtocol,
) -> LobbyService:
    """
    Make a lobby.

    @param machine: What it stands on.
    @param settings: How it behaves; L{LobbySettings} as they are by default.
    @param listen: Twisted server endpoint descriptions for the streams, for example
        C{"tcp:7770"} or C{"ssl:7770:privateKey=key.pem:certKey=cert.pem"}.
    @param udp: The numeric local address (C{""} is all of them) and port of the
        UDP port; port 0 lets the system choose.
    @param protocol: What makes each client's stream, to override its moments.
    @return: The service, not started.
    @raise gamenet.errors.BadAddress: An endpoint description is not one.
    """
    chosen = LobbySettings() if settings is None else settings
    return LobbyService(machine, chosen, listen, udp, protocol)


def relayService(machine: IMachine, settings: RelaySettings) -> RelayService:
    """
    Make a relay.

    @param machine: What it stands on.
    @param settings: How it behaves, and where it listens.
    @return: The service, not started.
    """
    return RelayService(machine, settings)

