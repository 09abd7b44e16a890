"""
One relayed port of the plain Python data plane: what it does for every packet that a
peer sends to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field

from gamenet.interfaces import Address, IDatagramSocket
from gamenet.relay_plane.allowance import PACKET_OVERHEAD, Allowance
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.data_plane import Reply, dropReason
from gamenet.wire.turn import encodeDataIndication

if TYPE_CHECKING:
    from gamenet.relay_plane.python_plane import PythonPlane

__all__ = ["LENGTHS", "LONGEST_INDICATED", "NOBODY", "RelayedPortSocket"]

#: Whose a port is before it is an allocation's.
NOBODY: Address = ("", 0)

#: The longest payload that a Data indication has room for, beside an IPv6 address and a
#: fingerprint.
LONGEST_INDICATED = 65_535 - 20 - 24 - 4 - 8 - 3

#: The length field of ChannelData for every length that a packet of a game has.
LENGTHS = tuple(length.to_bytes(2, "big") for length in range(1500))

_NO_HOSTS: dict[str, bool] = {}
_NO_CHANNELS: dict[Address, bytes] = {}


@define(eq=False)
class RelayedPortSocket:
    """
    A relayed port and its socket.

    @ivar plane: Whose it is.
    @ivar number: Its number, never used twice.
    @ivar socket: Set right after it is made.
    @ivar send: The socket's sender.
    @ivar told: Its relayed transport address, as clients and peers know it.
    @ivar client: Where its client is; L{NOBODY} while it is no allocation's.
    @ivar reply: Sends to its client.
    @ivar allowance: What its packets are counted on; C{None} while it is no allocation's.
    @ivar hosts: The permitted hosts, and whether each is guarded.
    @ivar channels: By peer, the two bytes of its channel's number.
    """

    plane: PythonPlane
    number: int
    socket: IDatagramSocket = field(init=False)
    send: Callable[[bytes, Address], object] = field(init=False)
    told: Address = field(init=False, default=NOBODY)
    client: Address = field(init=False, default=NOBODY)
    reply: Reply = field(init=False, default=None)
    allowance: Allowance | None = field(init=False, default=None)
    hosts: dict[str, bool] = field(init=False, default=_NO_HOSTS)
    channels: dict[Address, bytes] = field(init=False, default=_NO_CHANNELS)

    def datagramReceived(self, data: bytes, peer: Address) -> None:
        """Relay a datagram that a peer sent to this port; called by the socket."""
        plane = self.plane
        channel = self.channels.get(peer)
        if channel is None:
            self.receive(data, plane.routing.toldForm(peer))
            return
        size = len(data)
        allowance = self.allowance
        allowance.left -= size + PACKET_OVERHEAD  # type: ignore[union-attr]
        if allowance.left < 0 and not allowance.refill(plane.seconds()):  # type: ignore[union-attr]
            plane.owner.dropped(DropReason.BANDWIDTH)
            return
        try:
            length = LENGTHS[size]
        except IndexError:
            length = size.to_bytes(2, "big")
        try:
            self.reply(channel + length + data, self.client)
        except OSError as error:
            plane.owner.dropped(dropReason(error))
            return
        counters = plane.counters
        counters.packets_to_clients += 1
        counters.bytes_to_clients += size

    def receive(self, data: bytes, peer: Address) -> None:
        """
        Relay what a peer sent to this port, over a channel or in a Data indication
        (RFC 8656, section 11.3).

        @param peer: In the form that clients know.
        """
        plane = self.plane
        guarded = self.hosts.get(peer[0])
        allowance = self.allowance
        if guarded is None or allowance is None:
            reason = DropReason.NO_ALLOCATION if allowance is None else DropReason.NO_PERMISSION
            plane.owner.dropped(reason)
            return
        if guarded and not plane.routing.mayBePeer(peer):
            plane.owner.dropped(DropReason.PEER_FORBIDDEN)
            return
        size = len(data)
        if not allowance.spend(size + PACKET_OVERHEAD, plane.seconds()):
            plane.owner.dropped(DropReason.BANDWIDTH)
            return
        channel = self.channels.get(peer)
        if channel is not None:
            message = channel + size.to_bytes(2, "big") + data
        elif size <= LONGEST_INDICATED:
            message = encodeDataIndication(plane.nextIndicationId(), peer, data)
        else:
            plane.owner.dropped(DropReason.SEND_FAILED)
            return
        try:
            self.reply(message, self.client)
        except OSError as error:
            plane.owner.dropped(dropReason(error))
            return
        plane.counters.packets_to_clients += 1
        plane.counters.bytes_to_clients += size

    def belong(
        self, client: Address, reply: Reply, allowance: Allowance, hosts: dict[str, bool]
    ) -> None:
        """Become a client's, or have other permissions."""
        self.client = client
        self.reply = reply
        self.allowance = allowance
        self.hosts = hosts

    def abandon(self) -> None:
        """Become nobody's."""
        self.client = NOBODY
        self.allowance = None
        self.hosts = _NO_HOSTS
        self.channels = _NO_CHANNELS

