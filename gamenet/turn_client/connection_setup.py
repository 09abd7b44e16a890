"""
Reaching a relay over UDP, TCP or TLS, and the relays that it sends us on to.

This is for programs of one's own; gamenet's matches use L{TurnClient} as it is, over UDP, until
they choose among paths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory

from gamenet.errors import GamenetError
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.turn_client.alternate_servers import AlternateServers, TryAlternate, TurnServer
from gamenet.turn_client.client import RelayedSocket, TurnClient
from gamenet.turn_client.relay_connection import RelayConnection, RelayDisconnected
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.turn_transport import Transport

__all__ = ["Credentials", "OpenFace", "allocateAt", "connectClient", "streamOf"]

#: A USERNAME and its password.
Credentials: TypeAlias = tuple[str, str]

#: Opens a socket, or a share of one, for datagrams from and to a relay over UDP: given the
#: relay's address and who receives.
OpenFace: TypeAlias = Callable[[Address, DatagramReceiver], IDatagramSocket]


class _Streams(Factory):
    """Makes one connection with a relay."""

    noisy = False

    def __init__(self, stream: RelayConnection) -> None:
        self._stream = stream

    def buildProtocol(self, address: object) -> RelayConnection:
        """Return the connection."""
        return self._stream


def connectClient(
    machine: IMachine,
    server: TurnServer,
    credentials: Credentials,
    settings: TurnClientSettings | None = None,
    openFace: OpenFace | None = None,
) -> Deferred[TurnClient]:
    """
    Return a client of a relay, over whatever transport, for a program of one's own.

    @param machine: What we stand on.
    @param server: The relay.
    @param credentials: USERNAME and password.
    @param settings: By default as L{TurnClientSettings} says.
    @param openFace: What to send through over UDP; by default a socket of its own.
    @return: Fires with the client as soon as there is a connection, at once over UDP.
        Fails with L{RelayDisconnected} where there is none in time, or with
        L{gamenet.errors.BadAddress} or L{gamenet.errors.CannotBind}.
    """
    return Deferred.fromCoroutine(
        _connect(machine, server, credentials, settings or TurnClientSettings(), openFace)
    )


async def allocateAt(
    machine: IMachine,
    server: TurnServer,
    credentials: Credentials,
    receiver: DatagramReceiver,
    settings: TurnClientSettings,
    openFace: OpenFace | None = None,
    connected: Callable[[TurnClient], object] = lambda client: None,
) -> tuple[TurnClient, RelayedSocket]:
    """
    Make an allocation at a relay, or at the one that it sends us on to (300).

    @param machine: What we stand on.
    @param server: The relay.
    @param credentials: USERNAME and password, also for the relays after the first.
    @param receiver: Called with every packet that is relayed to us.
    @param settings: What to ask for, and how far to go for it.
    @param openFace: As for L{connectClient}.
    @param connected: Called with each client that is made, those closed again included.
    @return: The client, to be closed in the end, and its allocation.
    @raise GamenetError: There is none; as for L{connectClient} and L{TurnClient.allocate}.
    """
    alternates = AlternateServers(server, settings.hops_limit)
    while True:
        client = await connectClient(machine, alternates.server, credentials, settings, openFace)
        connected(client)
        try:
            return client, await client.allocate(receiver, settings.families)
        except TryAlternate as moved:
            client.close()
            alternates.follow(moved)
        except BaseException:
            client.close()
            raise


def streamOf(client: TurnClient) -> RelayConnection | None:
    """Return the connection of a client; C{None} where it has none, over UDP."""
    return client.face if isinstance(client.face, RelayConnection) else None


async def _connect(
    machine: IMachine,
    server: TurnServer,
    credentials: Credentials,
    settings: TurnClientSettings,
    openFace: OpenFace | None,
) -> TurnClient:
    username, password = credentials
    if server.transport is Transport.UDP:

        def open_(receiver: DatagramReceiver) -> IDatagramSocket:
            if openFace is not None:
                return openFace(server.address, receiver)
            interface = "::" if ":" in server.host else ""
            return machine.openDatagramSocket(receiver, interface)

        return TurnClient(machine, open_, server.address, username, password, settings)
    stream = await _connectStream(machine, server, settings.connect_timeout)
    client = TurnClient(
        machine, stream.open, stream.relay_address, username, password, settings, reliable=True
    )
    stream.lost = client.faceLost
    return client


async def _connectStream(machine: IMachine, server: TurnServer, timeout: float) -> RelayConnection:
    stream = RelayConnection(machine.clock)
    endpoint = machine.streamClientEndpoint(server.endpoint(timeout))
    where = f"{server.host}:{server.port}"
    try:
        connecting = endpoint.connect(_Streams(stream))  # type: ignore[attr-defined]
        # The endpoint's own timeout begins when a name has been looked up.
        await connecting.addTimeout(timeout, machine.clock)
    except (CancelledError, GamenetError):
        raise
    except Exception as error:
        raise RelayDisconnected(f"no connection with the relay at {where}: {error}") from error
    return stream
