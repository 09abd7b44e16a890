"""
What the grants of all clients come to, in the form that a packet needs: where the
ChannelData of each channel goes, and which relayed addresses live here.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from gamenet.interfaces import Address
from gamenet.relay_plane.allowance import Allowance
from gamenet.relay_plane.data_plane import ForbiddenError, Reply
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Grants
from gamenet.relay_plane.port_socket import RelayedPortSocket

__all__ = ["Client", "Route", "Routes", "RoutingTable", "portFor"]


@define(eq=False)
class Route:
    """
    Where the ChannelData of one channel goes.

    @ivar send: The sender of the client's relayed port.
    @ivar peer: Where to, on the network.
    @ivar origin: The client's relayed address, as clients and peers know it.
    @ivar target: The relayed port here that the peer is, C{None} for none.
    @ivar name: The two bytes of the channel that leads back from there, C{None} for none.
    @ivar allowance: What the client's packets are counted on.
    """

    send: Callable[[bytes, Address], object]
    peer: Address
    origin: Address
    target: RelayedPortSocket | None
    name: bytes | None
    allowance: Allowance


#: By the client's address and the two bytes of a channel's number: the routes of a listener.
Routes = dict[tuple[Address, bytes], Route]


@define(eq=False)
class Client:
    """
    One client that was granted something.

    @ivar grants: What.
    @ivar ports: Its relayed ports.
    @ivar hosts: The permitted hosts, and whether each is guarded.
    @ivar routes: Where the routes of its listener are.
    @ivar keys: Its own among them.
    @ivar watched: The peers of its channels that may become relayed addresses, or cease to be.
    """

    grants: Grants
    ports: tuple[RelayedPortSocket, ...]
    hosts: dict[str, bool]
    routes: Routes
    keys: tuple[tuple[Address, bytes], ...] = ()
    watched: tuple[Address, ...] = ()


@define(eq=False)
class RoutingTable:
    """
    All routes of one data plane.

    @ivar told_of: By the local hosts of relayed ports, the hosts that clients know.
    @ivar allowsPort: Tells whether a port of a guarded host that is no live relayed address
        may be a peer.
    @ivar short_cut: Whether routes between relayed ports skip the sockets.
    """

    told_of: dict[str, str]
    allowsPort: Callable[[Address], bool]
    short_cut: bool
    _local_of: dict[str, str] = field(init=False)
    _clients: dict[Flow, Client] = field(init=False, factory=dict)
    _live: dict[Address, RelayedPortSocket] = field(init=False, factory=dict)
    _watchers: dict[Address, dict[Flow, None]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Turn the hosts around."""
        self._local_of = {told: local for local, told in self.told_of.items()}

    def __len__(self) -> int:
        """Return how many clients there are."""
        return len(self._clients)

    def find(self, flow: Flow) -> Client | None:
        """Return a client, C{None} where it was granted nothing."""
        return self._clients.get(flow)

    def live(self, told: Address) -> RelayedPortSocket | None:
        """Return the port of a relayed address that is some client's, C{None} without one."""
        return self._live.get(told)

    def mayBePeer(self, peer: Address) -> bool:
        """
        Return whether a port of a guarded host may be a peer.

        @param peer: In the form that clients know.
        """
        return peer in self._live or self.allowsPort(peer)

    def toldForm(self, address: Address) -> Address:
        """Return an address as clients know it: external, where it is one of our relayed ones."""
        told = self.told_of.get(address[0])
        return address if told is None else (told, address[1])

    def localForm(self, address: Address) -> Address:
        """Return an address as the network here knows it: the other way around."""
        local = self._local_of.get(address[0])
        return address if local is None else (local, address[1])

    def program(
        self, grants: Grants, ports: tuple[RelayedPortSocket, ...], routes: Routes, reply: Reply
    ) -> None:
        """
        Replace all that a client may do.

        @param ports: Its relayed ports.
        @param routes: Those of its listener.
        @param reply: Sends to it.
        """
        flow = grants.flow
        known = self._clients.get(flow)
        if known is not None:
            self._forgetRoutes(flow, known)
            for port in known.ports:
                if port not in ports:
                    self.abandon(port)
        client = Client(grants, ports, dict(grants.hosts), routes)
        self._clients[flow] = client
        for port in ports:
            port.belong(flow.address, reply, grants.allowance, client.hosts)
            if self._live.get(port.told) is not port:
                self._live[port.told] = port
                self._lookAgain(port.told)
        self._makeRoutes(flow, client)
        for port in ports:
            self._lookAgain(port.told)

    def erase(self, flow: Flow) -> None:
        """A client may do nothing any more."""
        client = self._clients.pop(flow, None)
        if client is not None:
            self._forgetRoutes(flow, client)
            for port in client.ports:
                self.abandon(port)

    def abandon(self, port: RelayedPortSocket) -> None:
        """A port is nobody's any more."""
        port.abandon()
        if self._live.pop(port.told, None) is not None:
            self._lookAgain(port.told)

    def clear(self) -> None:
        """Forget everybody."""
        for flow in tuple(self._clients):
            self.erase(flow)

    def _lookAgain(self, told: Address) -> None:
        """A relayed address has become some client's, or nobody's, or has other channels."""
        for flow in tuple(self._watchers.get(told, ())):
            client = self._clients[flow]
            self._forgetRoutes(flow, client)
            self._makeRoutes(flow, client)

    def _makeRoutes(self, flow: Flow, client: Client) -> None:
        channels: dict[Address, bytes] = {}
        keys = []
        watched = []
        for number, peer in client.grants.channels:
            port = portFor(peer, client.ports)
            guarded = client.hosts.get(peer[0])
            if port is None or guarded is None:
                continue
            name = number.to_bytes(2, "big")
            local = self.localForm(peer)
            send = port.send
            if guarded:
                watched.append(peer)
                self._watchers.setdefault(peer, {})[flow] = None
            if not guarded or self.mayBePeer(peer):
                channels[peer] = channels[local] = name
            else:
                send = _forbid
            target = self._live.get(peer) if self.short_cut else None
            back = None if target is None else target.channels.get(port.told)
            key = (flow.address, name)
            client.routes[key] = Route(
                send, local, port.told, target, back, client.grants.allowance
            )
            keys.append(key)
        for port in client.ports:
            port.channels = channels
        client.keys = tuple(keys)
        client.watched = tuple(watched)

    def _forgetRoutes(self, flow: Flow, client: Client) -> None:
        for key in client.keys:
            client.routes.pop(key, None)
        for peer in client.watched:
            watchers = self._watchers[peer]
            del watchers[flow]
            if not watchers:
                del self._watchers[peer]
        client.keys = client.watched = ()


def portFor(peer: Address, ports: tuple[RelayedPortSocket, ...]) -> RelayedPortSocket | None:
    """Return the port that reaches a peer, the one of its family; C{None} without one."""
    for port in ports:
        if (":" in peer[0]) == (":" in port.told[0]):
            return port
    return None


def _forbid(data: bytes, peer: Address) -> None:
    raise ForbiddenError
