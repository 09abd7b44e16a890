"""
What stands between a relay's decisions and its packets.

The control plane (L{gamenet.relay.protocol.RelayServer}) decides who may do what, and
tells the data plane with L{IDataPlane.program}; the data plane moves the packets by what
it was told, and hands over what it does not understand.  So a plane can be anything, as
long as it passes the same tests: L{gamenet.relay_plane.python_plane} is plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from zope.interface import Attribute, Interface

from gamenet.interfaces import Address
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Grants
from gamenet.relay_plane.relayed_port import RelayedPort

__all__ = [
    "BacklogError",
    "ForbiddenError",
    "IDataPlane",
    "IPlaneOwner",
    "QuickAnswer",
    "Reply",
    "dropReason",
]

#: Answers a datagram from an address; see L{IDataPlane.answerAtOnce}.
QuickAnswer: TypeAlias = Callable[[bytes, Address], bytes | None]

#: Sends a datagram or a message to a client; may raise C{OSError}.
Reply: TypeAlias = Callable[[bytes, Address], object]


class BacklogError(OSError):
    """A client reads slower than it is sent to."""


class ForbiddenError(OSError):
    """A port of ours that is no relayed address: nothing is sent there."""


def dropReason(error: OSError) -> DropReason:
    """Return what a packet that could not be sent is counted as."""
    if isinstance(error, BacklogError):
        return DropReason.BACKLOG
    return (
        DropReason.PEER_FORBIDDEN if isinstance(error, ForbiddenError) else DropReason.SEND_FAILED
    )


class IPlaneOwner(Interface):
    """What a data plane calls: the control plane."""

    def datagramReceived(data: bytes, listener: int, client: Address) -> None:
        """
        Somebody sent a datagram that is no ChannelData of a channel of theirs.

        @param data: The whole of it.
        @param listener: The number of the listener that it came to.
        @param client: Where it came from.
        """

    def allowsPort(peer: Address) -> bool:
        """
        Tell whether a port of a guarded host (see
        L{gamenet.relay.peer_policy.PeerVerdict}) that is no live relayed address may be a peer.
        Whenever the answer changes, whoever has a guarded host is programmed again.
        """

    def dropped(reason: DropReason) -> None:
        """A packet went nowhere."""


class IDataPlane(Interface):
    """
    Moves packets between clients and peers.  Nothing here ever raises for what comes
    from the network.

    A plane knows no time limits: its owner tells it what ends, when it ends.
    """

    keeps_whole = Attribute(
        "Whether datagrams can be kept from being fragmented (DONT-FRAGMENT), a C{bool}."
    )

    def listen(number: int, interface: str, port: int) -> Address:
        """
        Listen for clients over UDP.

        @param number: The listener's, as in L{Flow.listener}; not used before.
        @param interface: A numeric host; C{""} is all of IPv4 and C{"::"} all of IPv6.
        @param port: 0 lets the system choose.
        @return: Where it listens.
        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """

    def answerAtOnce(number: int, answer: QuickAnswer) -> None:
        """
        Answer some datagrams of a listener without asking the owner.

        @param number: The listener's.
        @param answer: Given a datagram that begins as a Binding request does, and where it
            came from; C{None} leaves it to the owner, C{b""} is silence.
        """

    def connect(flow: Flow, send: Reply) -> None:
        """
        A client has connected with a stream.

        @param send: Sends it one message.
        """

    def disconnect(flow: Flow) -> None:
        """A client's stream has ended.  Its grants were erased before."""

    def channelDataReceived(flow: Flow, message: bytes) -> None:
        """
        A client sent ChannelData over its stream.

        @param message: With its header, without padding.
        """

    def send(data: bytes, listener: int, address: Address) -> bool:
        """
        Send a datagram from where a UDP listener listens.

        @return: Whether the system took it.
        """

    def open(family: int, even: bool, pair: bool) -> tuple[RelayedPort, ...]:
        """
        Open a relayed port; it belongs to nobody yet.

        @param family: L{gamenet.wire.turn.IPV4_FAMILY} or L{gamenet.wire.turn.IPV6_FAMILY}.
        @param even: Whether its number has to be even.
        @param pair: Whether the next higher one is opened too.
        @return: The port, the lower one first of a pair; nothing where none could be had.
        """

    def close(number: int) -> None:
        """Close a relayed port; one that is closed already is left alone."""

    def program(grants: Grants) -> None:
        """
        Replace all that a client may do.

        @param grants: Its ports are open ones.
        """

    def erase(flow: Flow) -> None:
        """A client may do nothing any more.  Its ports stay open until they are closed."""

    def sendToPeer(flow: Flow, peer: Address, payload: bytes, whole: bool) -> None:
        """
        Relay what a Send indication holds.

        @param flow: Whose.
        @param peer: Where to, in the form of
            L{gamenet.relay.peer_policy.PeerPolicy.canonicalPeer}.
        @param whole: Whether it must not be fragmented on its way (DONT-FRAGMENT).
        """

    def stop() -> None:
        """Close every socket; stopping twice is harmless."""
