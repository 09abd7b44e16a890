"""
The reactor's UDP sockets, behind L{IDatagramSocket}.

Twisted's own C{Port} raises what the network does to a sender and spends about
a microsecond of checks on every datagram; L{ReactorDatagramSocket} reads and
writes the socket itself and never raises.  Where a reactor cannot watch a plain
socket (Windows' IOCP), L{PortDatagramSocket} puts the same face on C{listenUDP}.
"""

from __future__ import annotations

import socket

from attrs import define, field
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorFDSet,
    IReactorUDP,
    IReadDescriptor,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.errors import CannotBind
from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    DatagramSender,
    IDatagramSocket,
    IFragmentControl,
)
from gamenet.machine.epoll_turns import EpollTurns
from gamenet.machine.receiver_faults import ReceiverFaults
from gamenet.machine.socket_options import (
    KEEPS_WHOLE,
    boundSocket,
    familyOf,
    localAddress,
    sendWhole,
    sendWithTtl,
    withoutScope,
)

__all__ = [
    "READS_A_WAKE_UP",
    "PortDatagramSocket",
    "ReactorDatagramSocket",
    "openDatagramSocket",
]

#: How many datagrams one socket may take before the others get their turn.
READS_A_WAKE_UP = 64

#: Most wake-ups in a row that read one datagram without a look at whether there are two.
_PATIENCE_LIMIT = 64

#: Longer than the longest UDP payload (65 507 bytes over IPv4, 65 527 over IPv6), so
#: nothing is cut off.
_LARGEST_DATAGRAM = 65_536


@implementer(IDatagramSocket, IFragmentControl, IReadDescriptor)
@define(eq=False)
class ReactorDatagramSocket:
    """
    A non-blocking UDP socket that the reactor watches.

    Made by L{openDatagramSocket}; works with every reactor that provides
    C{IReactorFDSet} (epoll, poll, select, kqueue, asyncio).  All of them come back as
    long as there is something to read, so a wake-up need not read until there is nothing
    more, which costs a system call that only says so.  It reads as many datagrams as
    the last one found: one where one comes at a time, and twice as many each time that they
    were not all.

    @ivar address: The local address; its host is C{"0.0.0.0"} or C{"::"} where it was
        opened on all of them.
    @ivar send_errors: How many sends the system refused.
    @ivar receive_errors: How many reads failed, most of them with the news that
        an earlier datagram met nobody (ICMP port unreachable).
    @ivar closed: Whether L{close} was called, or the reactor has stopped.
    """

    _reactor: IReactorFDSet = field(repr=False)
    _socket: socket.socket = field(repr=False)
    _receiver: DatagramReceiver = field(repr=False)
    _turns: EpollTurns | None = field(default=None, repr=False)
    address: Address = field(init=False)
    send_errors: int = field(init=False, default=0)
    receive_errors: int = field(init=False, default=0)
    closed: bool = field(init=False, default=False)
    _family: int = field(init=False, repr=False)
    _faults: ReceiverFaults | None = field(init=False, default=None, repr=False)
    # How many datagrams the next wake-up reads at most; how many wake-ups that read one
    # follow one another now, and how many of them are still to come.
    _reads: int = field(init=False, default=READS_A_WAKE_UP, repr=False)
    _patience: int = field(init=False, default=1, repr=False)
    _wake_ups_left: int = field(init=False, default=0, repr=False)

    def __attrs_post_init__(self) -> None:
        """Start reading."""
        self._family = self._socket.family
        if self._family == socket.AF_INET6:
            self._receiver = _shortening(self._receiver)
        self.address = localAddress(self._socket)
        self._reactor.addReader(self)

    @property
    def faults(self) -> ReceiverFaults:
        """What the receiver raised."""
        if self._faults is None:
            self._faults = ReceiverFaults()
        return self._faults

    @property
    def keeps_whole(self) -> bool:
        """Whether L{sendWhole} can do what it says here."""
        return self._family in KEEPS_WHOLE

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram, or lose it.  Never waits, never raises, never looks
        a name up.

        @return: Whether the system took it; C{False} once the socket is closed.
        """
        try:
            socket.inet_pton(self._family, address[0])
            if ttl is None:
                self._socket.sendto(data, address)
            else:
                sendWithTtl(self._socket, data, address, ttl)
        except (OSError, OverflowError, ValueError):
            self.send_errors += 1
            return False
        return True

    def sendWhole(self, data: bytes, address: Address) -> bool:
        """
        Send one datagram that nobody may fragment, or lose it, as L{send} does.

        @return: Whether the system took it.
        """
        try:
            socket.inet_pton(self._family, address[0])
            sendWhole(self._socket, data, address)
        except (OSError, OverflowError, ValueError):
            self.send_errors += 1
            return False
        return True

    def sender(self) -> DatagramSender:
        """Return the socket's own C{sendto}."""
        return self._socket.sendto

    def close(self) -> None:
        """Close the socket.  Nothing is received afterwards; closing twice is harmless."""
        if not self.closed:
            self.closed = True
            self._reactor.removeReader(self)
            self._socket.close()

    def doRead(self) -> None:
        """Hand over what has arrived; called by the reactor until nothing is left."""
        self.readSome()
        if self._turns is not None:
            self._turns.goOn()

    def readSome(self) -> None:
        """
        Hand over what has arrived, up to L{READS_A_WAKE_UP} datagrams and fewer where few
        came lately.
        """
        receive, receiver = self._socket.recvfrom, self._receiver
        for taken in range(self._reads):
            try:
                data, address = receive(_LARGEST_DATAGRAM)
            except BlockingIOError:
                self._foundAll(taken)
                return
            except OSError:
                if self.closed:
                    return
                self.receive_errors += 1
                continue
            try:
                receiver(data, address)
            except Exception:
                self.faults.record(Failure(), self.address)
        if self._wake_ups_left:
            self._wake_ups_left -= 1
            return
        if self._reads > 1:
            self._patience = 1
        self._reads = min(2 * self._reads, READS_A_WAKE_UP)

    def _foundAll(self, count: int) -> None:
        """
        Expect as many the next time; where it was one, do not look for a second for a
        while, which is twice as long each time in a row.
        """
        self._reads = count or 1
        if count == 1:
            self._wake_ups_left = self._patience
            self._patience = min(2 * self._patience, _PATIENCE_LIMIT)

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed; called by the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """Return what the reactor puts before log lines of this reader."""
        return type(self).__name__

    def connectionLost(self, reason: Failure) -> None:
        """
        Told by the reactor that it no longer watches the socket.

        epoll takes an ICMP error on the socket for the end of a connection;
        there is none, so the error is taken off the socket and it is watched
        again.  Every other reason is the end of the reactor.

        @param reason: C{ConnectionDone} for an error on the socket,
            C{ConnectionLost} for the reactor's end.
        """
        if self.closed:
            return
        if reason.check(ConnectionDone) is None:
            self.closed = True
            self._socket.close()
            return
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.receive_errors += 1
        self._reactor.addReader(self)


@implementer(IDatagramSocket, IFragmentControl)
class PortDatagramSocket(DatagramProtocol):
    """
    A UDP socket by way of C{listenUDP}, for reactors that watch no descriptors.  On
    C{"::"} it takes what the system gives it: on Windows, what comes over IPv6.

    @ivar send_errors: How many sends the system refused.
    @ivar faults: What the receiver raised.
    """

    noisy = False

    def __init__(self, receiver: DatagramReceiver) -> None:
        """
        @param receiver: Called with every datagram that arrives.
        """
        self._receiver = receiver
        self.send_errors = 0
        self.faults = ReceiverFaults()
        self._port: IListeningPort | None = None
        self._family: int = socket.AF_INET
        self.address: Address = ("", 0)

    def listen(self, reactor: IReactorUDP, interface: str, port: int) -> None:
        """
        Open the port; called once, by L{openDatagramSocket}.

        @raise CannotListenError: It cannot be had.
        """
        self._port = reactor.listenUDP(port, self, interface, _LARGEST_DATAGRAM)
        self._family = familyOf(interface)
        if self._family == socket.AF_INET6:
            self._receiver = _shortening(self._receiver)
        self.address = localAddress(self._handle())

    @property
    def keeps_whole(self) -> bool:
        """Whether L{sendWhole} can do what it says here."""
        return self._family in KEEPS_WHOLE

    def _handle(self) -> socket.socket:
        """
        Return the port's socket.

        @raise OSError: It is closed.
        """
        if self._port is None:
            raise OSError("the socket is closed")
        handle: socket.socket = self._port.getHandle()  # type: ignore[attr-defined]
        return handle

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Hand a datagram over; called by the port."""
        if self._port is None:
            return
        try:
            self._receiver(datagram, addr)
        except Exception:
            self.faults.record(Failure(), self.address)

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram, or lose it, as L{ReactorDatagramSocket.send} does.

        @return: Whether the system took it.
        """
        try:
            socket.inet_pton(self._family, address[0])
            if ttl is None:
                self._handle().sendto(data, address)
            else:
                sendWithTtl(self._handle(), data, address, ttl)
        except (OSError, OverflowError, ValueError):
            self.send_errors += 1
            return False
        return True

    def sendWhole(self, data: bytes, address: Address) -> bool:
        """
        Send one datagram that nobody may fragment, or lose it, as L{send} does.

        @return: Whether the system took it.
        """
        try:
            socket.inet_pton(self._family, address[0])
            sendWhole(self._handle(), data, address)
        except (OSError, OverflowError, ValueError):
            self.send_errors += 1
            return False
        return True

    def sender(self) -> DatagramSender:
        """Return what hands a datagram to the port's socket."""

        def give(data: bytes, address: Address) -> object:
            return self._handle().sendto(data, address)

        return give

    def close(self) -> None:
        """Close the socket.  Nothing is received afterwards; closing twice is harmless."""
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()


def _shortening(receiver: DatagramReceiver) -> DatagramReceiver:
    """Return what hands a receiver the two parts of an IPv6 address that it knows."""

    def receive(data: bytes, address: Address) -> None:
        host, port = address[:2]
        receiver(data, (withoutScope(host) if "%" in host else host, port))

    return receive


def openDatagramSocket(
    reactor: object,
    receiver: DatagramReceiver,
    interface: str = "",
    port: int = 0,
    turns: EpollTurns | None = None,
) -> IDatagramSocket:
    """
    Open a UDP socket on a reactor.

    @param reactor: Provides C{IReactorFDSet} or, failing that, C{IReactorUDP}.
    @param receiver: Called with every datagram that arrives.
    @param interface: The numeric local address; C{""} is all of those of IPv4, C{"::"}
        all of those of IPv6.
    @param port: The local port; 0 lets the system choose.
    @param turns: The reactor's, in a process that belongs to its UDP sockets.
    @raise gamenet.errors.CannotBind: The address is taken or not ours.
    """
    try:
        if interface:
            socket.inet_pton(familyOf(interface), interface)
        if IReactorFDSet.providedBy(reactor):
            return ReactorDatagramSocket(
                reactor, boundSocket(interface, port), receiver, turns
            )
        fallback = PortDatagramSocket(receiver)
        fallback.listen(IReactorUDP(reactor), interface, port)
        return fallback
    except (OSError, OverflowError, ValueError, CannotListenError) as error:
        cause = getattr(error, "socketError", error)
        raise CannotBind(f"no UDP socket on {interface or '*'}:{port}: {cause}") from error
