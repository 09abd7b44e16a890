"""
The public contracts: what a game supplies, what a machine supplies, and what
passes between the rooms of the house.

Units, everywhere: seconds are C{float}, frames are C{int} counted from 0,
player numbers are C{int} counted from 1 (the host is player 1), sizes are
bytes.  Unless a method says that it returns a Deferred it is synchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

from zope.interface import Attribute, Interface

from gamenet.match_interfaces import IPeerProtocol, IPicturedSimulation
from gamenet.rollback_interfaces import (
    IBotSimulation,
    IChecksummed,
    IOwnsSnapshots,
    IRollbackSession,
    ISavesInto,
    ISeatedSimulation,
    ISeededSimulation,
    ISimulation,
)
from gamenet.session_interfaces import ISessionProtocol

__all__ = [
    "Address",
    "DatagramReceiver",
    "DatagramSender",
    "IBotSimulation",
    "IChecksummed",
    "IDatagramSocket",
    "IFragmentControl",
    "IMachine",
    "IOwnsSnapshots",
    "IPeerProtocol",
    "IPicturedSimulation",
    "IReloadableEndpoint",
    "IRollbackSession",
    "ISavesInto",
    "ISeatedSimulation",
    "ISeededSimulation",
    "ISessionProtocol",
    "ISimulation",
    "ITransfer",
]

#: A transport address: numeric host text (no name is ever looked up; IPv6 as RFC 5952
#: writes it, without a scope) and port.
Address: TypeAlias = tuple[str, int]

#: Called with each datagram that arrives: its bytes and the address it came from.
#: It must not raise; an L{IDatagramSocket} logs what it raises and goes on.
DatagramReceiver: TypeAlias = Callable[[bytes, Address], None]

#: Sends its bytes to the address; see L{IDatagramSocket.sender}.
DatagramSender: TypeAlias = Callable[[bytes, Address], object]


class IDatagramSocket(Interface):
    """
    One UDP socket, or something that can be used as one (a relayed address, a
    share of a socket).

    Datagrams that arrive are handed to the L{DatagramReceiver} that was given
    when the socket was opened, on the reactor's thread, one by one.
    """

    address = Attribute("Where this socket can be reached on its own network, an L{Address}.")
    send_errors = Attribute("How many sends the system refused so far, an C{int}.")

    def send(data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram, or lose it.

        Never raises for anything the network does: an unreachable
        destination, a full buffer or a forbidden address are counted in
        C{send_errors}.

        @param data: The datagram, at most 65 507 bytes.
        @param address: Where to, numeric.
        @param ttl: The IP time to live (hops) of this datagram alone; C{None}
            is the system's own.
        @return: Whether the system took it.
        """

    def sender() -> DatagramSender:
        """
        Return the leanest way to send: for whoever forwards thousands a second, checks
        every address once, and counts losses itself.

        What it returns takes the bytes and an address whose host is numeric, of the
        socket's own family, and whose port is from 1 to 65 535: anything else may raise
        what it likes, or look a name up.  It raises C{OSError} where the system does not
        take the datagram, also once the socket is closed; C{send_errors} knows nothing
        of it.
        """

    def close() -> None:
        """Close the socket.  Nothing is received afterwards; closing twice is harmless."""


class IFragmentControl(Interface):
    """
    A datagram socket that can forbid routers to fragment a datagram (DONT-FRAGMENT, RFC
    8656, section 18.6).
    """

    keeps_whole = Attribute(
        "Whether the platform can forbid it at all, a C{bool}; where not, C{sendWhole} "
        "sends nothing."
    )

    def sendWhole(data: bytes, address: Address) -> bool:
        """
        Send one datagram that arrives in one piece or not at all, or lose it; the next one
        is as usual again.

        Never raises for anything the network does, as L{IDatagramSocket.send} does not.

        @param data: The datagram.
        @param address: Where to, numeric.
        @return: Whether the system took it; C{False} also where it is known not to fit.
        """


class IReloadableEndpoint(Interface):
    """An C{IStreamServerEndpoint} whose certificate can be replaced while it listens."""

    def reload() -> None:
        """
        Read the key and the certificates again.  Connections that are there keep the old
        ones, those that come get the new ones.

        @raise gamenet.errors.BadSetting: A file is missing, is none, or does not go with
            the others; the old ones stay in use.
        """


class IMachine(Interface):
    """
    What a process stands on.  The real one is
    L{gamenet.machine.reactor_machine.ReactorMachine}, the simulated one
    L{gamenet.world.machine.WorldMachine}; protocols cannot tell them apart.
    """

    clock = Attribute(
        "The monotonic clock and timers, an C{twisted.internet.interfaces.IReactorTime}.  Its "
        "zero means nothing and it never steps."
    )

    def wallClock() -> float:
        """
        Return seconds since 1970, as this machine believes.

        May step at any time; for credentials and logs only, never for
        measuring how long something took.
        """

    def randomBytes(count: int) -> bytes:
        """Return that many unpredictable bytes."""

    def openDatagramSocket(
        receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """
        Open a UDP socket over IPv4, or over IPv6 where C{interface} is of that family; never
        over both.

        @param receiver: Called with every datagram that arrives.
        @param interface: The numeric local address; C{""} is all of those of IPv4, C{"::"}
            all of those of IPv6.
        @param port: The local port; 0 lets the system choose.
        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """

    def streamClientEndpoint(description: str) -> object:
        """
        Return an C{twisted.internet.interfaces.IStreamClientEndpoint}.

        @param description: A Twisted endpoint description, for example
            C{"tcp:lobby.example.org:7770"}.
        @raise gamenet.errors.BadAddress: It is not one.
        """

    def streamServerEndpoint(description: str) -> object:
        """
        Return an C{twisted.internet.interfaces.IStreamServerEndpoint}.

        @param description: A Twisted endpoint description, for example
            C{"tcp:7770"}.  The real machine also knows
            C{"tls:PORT[:interface=HOST]:privateKey=FILE[:certKey=FILE][:extraCertChain=FILE]"},
            whose endpoint is an L{IReloadableEndpoint}.
        @raise gamenet.errors.BadAddress: It is not one, or what it needs is not installed.
        @raise gamenet.errors.BadSetting: A file of it is missing, or not what it should be.
        """

    def sourceAddress(destination: str) -> str:
        """
        Return the numeric local address that datagrams to C{destination}
        would leave from.  Sends nothing.

        @param destination: A numeric host, of either family.
        @raise gamenet.errors.BadAddress: It is none.
        @raise gamenet.errors.CannotBind: There is no way to it.
        """

    def isOwnAddress(host: str) -> bool:
        """
        Return whether datagrams to a host would stay on this machine: one of its addresses
        at this moment, loopback, or the unspecified address (which systems take for
        loopback).  Multicast and broadcast addresses are nobody's own.

        @param host: Anything; what is no numeric host is not ours.
        @raise gamenet.errors.CannotBind: The system does not tell at the moment.
        """


class ITransfer(Interface):
    """
    Carries something large to another peer: whole, proven, or not at all.

    At most one content per peer, purpose and direction is under way; a newer one
    takes the place of an older one.  The simple one is
    L{gamenet.feed.transfer.DatagramTransfer}.
    """

    size_limit = Attribute("The largest content that can be sent, in bytes, an C{int}.")

    def expect(contents: Collection[tuple[int, int]]) -> None:
        """
        From now on take nothing but what is named here: refuse other offers at once, keep
        nothing of them, and give up what is on its way of others.  Sessions say so each
        time that they want something else; before the first call everything is taken.

        @param contents: Pairs of a peer and a
            L{gamenet.wire.transfer_packets.TransferPurpose}.
        """

    def send(peer: int, purpose: int, frame: int, content: bytes, now: float) -> None:
        """
        Begin to send.

        @param peer: To whom.
        @param purpose: A L{gamenet.wire.transfer_packets.TransferPurpose}.
        @param frame: The snapshot's number, or the frame that it is about.
        @param content: The bytes.
        @param now: The time, in seconds.
        @raise gamenet.errors.LocalProtocolError: It is too long, or nobody can be sent
            anything now.
        """

    def packetReceived(peer: int, body: bytes, now: float) -> Any:
        """
        Take a packet.

        @param peer: Who sent it; the caller has proven that.
        @param body: The packet.
        @param now: The time, in seconds.
        @return: The L{gamenet.feed.transfer.TransferReceived} that this packet made
            whole, or C{None}.
        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it.
        """

    def packetsDue(now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Return what is to be sent now, as pairs of a peer and a body.

        @param now: The time, in seconds.
        """

    def cancel(peer: int) -> None:
        """End all transfers with a peer."""

    def forget(peer: int) -> None:
        """A peer is gone; who comes back under its number begins anew."""

    def progress(peer: int) -> float | None:
        """
        Return how much of what is under way with a peer is there, from 0 to 1, or
        C{None} if nothing is.
        """

    def drainFailures() -> Sequence[Any]:
        """Return the L{gamenet.feed.transfer.TransferFailed} since the last call."""
