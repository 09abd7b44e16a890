"""
A relay of the player's own choice, instead of the lobby's.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.abstract import isIPAddress, isIPv6Address

from gamenet.errors import BadSetting
from gamenet.mesh.sockets import RelayAccess
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.turn_transport import Transport

__all__ = ["relayAmong"]


def relayAmong(servers: Sequence[IceServer]) -> RelayAccess | None:
    """
    Return the first relay of some servers; C{None} where none is one.

    A C{stun:} server is taken and not asked: where we are seen from the lobby says, and
    the relay.

    @raise BadSetting: A relay is spoken with otherwise than over UDP, or it has a name
        instead of a numeric address: a match speaks with its relay through the game
        socket, and looks no name up.
    """
    found: RelayAccess | None = None
    for server in servers:
        if not isinstance(server, IceServer):
            raise BadSetting(f"an ICE server is made by IceServer.parse, {server!r} is none")
        if not server.relays:
            continue
        if server.transport is not Transport.UDP:
            raise BadSetting(f"{server}: the relay of a match is spoken with over UDP alone")
        if not (isIPAddress(server.host) or isIPv6Address(server.host)):
            raise BadSetting(f"{server}: the relay of a match needs a numeric address, not a name")
        if found is None:
            found = (server.host, server.port), server.username, server.credential
    return found
