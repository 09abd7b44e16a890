"""
The traffic of the relay's benchmark: who sends to whom through a server.

  - C{direct}: 50 clients, each with one plain UDP peer; half the packets go each way.
  - C{short_cut}: 25 pairs of clients, each the other's peer by its relayed address.
  - C{binding}: Binding requests from 50 sockets.

Each client has its own loopback address and user, as clients in 50 homes have.  It can be
set up beside both servers at the same time: only one of them is busy at a time.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from gamenet.interfaces import Address
from tests.benchmarks.relay_clients import (
    TurnClient,
    allocate,
    bindChannels,
    connectedSocket,
    permit,
    refresh,
)
from tests.benchmarks.relay_generator import Binding, Flow, Load, Traffic, generate
from tests.benchmarks.relay_servers import SECRET, Server

__all__ = ["CLIENTS", "Scene"]

#: Clients of each kind of traffic.
CLIENTS = 50
_FIRST_CHANNEL = 0x4000
#: Seconds after which permissions and channels are refreshed, between two runs.
_KEPT = 60.0
#: Of the counter that says how many packets took the short cut.
_SHORT_CUT = "short_cut_packets"

#: Another number for every run of the generator.
_runs = count(1)


class Scene:
    """
    One kind of traffic through one server.

    @ivar server: The server.
    """

    def __init__(self, server: Server, traffic: str, generator: Path) -> None:
        """
        Set it up: allocations, permissions, channels.

        @param traffic: Which kind.
        @param generator: The compiled generator.
        @raise RuntimeError: The server refuses something.
        """
        self.server = server
        self._traffic = traffic
        self._generator = generator
        self._clients: list[TurnClient] = []
        self._peers: list[Address] = []
        self._channels = [_FIRST_CHANNEL + number for number in range(CLIENTS)]
        self._sockets: list[socket.socket] = []
        self._flows: Sequence[Flow | Binding]
        if traffic == "binding":
            self._flows = self._bindings()
        else:
            host = "127.0.2" if traffic == "direct" else "127.0.4"
            self._clients = [
                TurnClient.connect(server.address, f"{host}.{number}", SECRET, f"{traffic}{number}")
                for number in range(1, CLIENTS + 1)
            ]
            self._sockets += [client.socket for client in self._clients]
            allocate(self._clients)
            self._flows = self._direct() if traffic == "direct" else self._pairs()
            permit(self._clients, self._peers)
            self._keep()

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets:
            each.close()

    def run(self, load: Load) -> Traffic:
        """
        Send, and measure.

        @raise RuntimeError: Packets went where they should not, or a server that counts
            short cuts did not take one for every packet delivered.
        """
        if self._clients and time.monotonic() - self._kept > _KEPT:
            self._keep()
        server = self.server
        counted = self._traffic != "binding" and server.status is not None
        before = server.counter(_SHORT_CUT) if counted else 0
        traffic = generate(self._generator, self._flows, load, server.process, next(_runs))
        if counted:
            taken = server.counter(_SHORT_CUT) - before
            expected = traffic.all_delivered if self._traffic == "short_cut" else 0
            if taken != expected:
                raise RuntimeError(
                    f"{taken} short cuts, not {expected}, for {traffic.all_delivered} packets"
                )
        return traffic

    def _bindings(self) -> list[Binding]:
        for number in range(1, CLIENTS + 1):
            self._sockets.append(connectedSocket(f"127.0.6.{number}", self.server.address))
        return [Binding(each.fileno()) for each in self._sockets]

    def _direct(self) -> list[Flow]:
        """Return the flows of clients and plain peers, there and back by turns."""
        flows = []
        for number, client in enumerate(self._clients, 1):
            peer = connectedSocket(f"127.0.3.{number}", client.relayed)
            self._sockets.append(peer)
            host, port = peer.getsockname()
            self._peers.append((host, port))
            channel = self._channels[number - 1]
            ours, theirs = client.socket.fileno(), peer.fileno()
            flows += [Flow(ours, theirs, channel, 0), Flow(theirs, ours, 0, channel)]
        return flows

    def _pairs(self) -> list[Flow]:
        """Return the flows of clients that are each other's peers."""
        flows = []
        for number, client in enumerate(self._clients):
            # The numbers differ at both ends: whoever relays has to change them.
            other = self._clients[number ^ 1]
            self._peers.append(other.relayed)
            flows.append(
                Flow(
                    client.socket.fileno(),
                    other.socket.fileno(),
                    self._channels[number],
                    self._channels[number ^ 1],
                )
            )
        return flows

    def _keep(self) -> None:
        """Bind the channels, or keep everything."""
        bindChannels(self._clients, self._peers, self._channels)
        refresh(self._clients)
        self._kept = time.monotonic()
