"""
The reactor's UDP sockets, behind L{IDatagramSocket}.

Twisted's own C{Port} raises what the network does to a sender and spends about
a microsecond of checks on every datagram; L{ReactorDatagramSocket} reads and
writes the socket itself and never raises.  Where a reactor cannot watch a plain
socket (Windows' IOCP), L{PortDatagramSocket} puts the same face on C{listenUDP}.
"""

from __future__ import annotations

import socket
from typing import ClassVar

from attrs import define, field
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorFDSet,
    IReactorUDP,
    IReadDescriptor,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gamenet.errors import CannotBind
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket

__all__ = [
    "READS_A_WAKE_UP",
    "PortDatagramSocket",
    "ReactorDatagramSocket",
    "ReceiverFaults",
    "openDatagramSocket",
]

#: How many datagrams one socket may take before the others get their turn.
READS_A_WAKE_UP = 64

#: Longer than the longest UDP payload over IPv4 (65 507 bytes), so nothing is cut off.
_LARGEST_DATAGRAM = 65_536

#: Asked of the system, which may grant less: a burst must outlast a slow wake-up.
_RECEIVE_BUFFER = 1 << 20

#: How many different exception types of one receiver are logged.
_FAULT_KINDS = 16


@define(eq=False)
class ReceiverFaults:
    """
    What a socket's receiver raised: logged once per kind of exception, for a
    fault that every datagram repeats would otherwise drown the log.

    @ivar count: How many times the receiver raised.
    """

    _log: ClassVar[Logger] = Logger()
    count: int = field(init=False, default=0)
    _kinds: dict[type[object], None] = field(init=False, factory=dict)

    def record(self, failure: Failure, local: Address) -> None:
        """
        Count an exception of the receiver, and log the first of its kind.

        @param failure: What was raised.
        @param local: The address of the socket.
        """
        self.count += 1
        kind: type[object] = type(failure.value)
        if kind in self._kinds or len(self._kinds) >= _FAULT_KINDS:
            return
        self._kinds[kind] = None
        self._log.failure(
            "the receiver of socket {local} raised; more of this kind are only counted",
            failure=failure,
            local=local,
        )


@implementer(IDatagramSocket, IReadDescriptor)
@define(eq=False)
class ReactorDatagramSocket:
    """
    A non-blocking UDP socket that the reactor watches.

    Made by L{openDatagramSocket}; works with every reactor that provides
    C{IReactorFDSet} (epoll, poll, select, kqueue, asyncio).

    @ivar address: The local address; its host is C{"0.0.0.0"} where it was
        opened on all of them.
    @ivar send_errors: How many sends the system refused.
    @ivar receive_errors: How many reads failed, most of them with the news that
        an earlier datagram met nobody (ICMP port unreachable).
    @ivar faults: What the receiver raised.
    @ivar closed: Whether L{close} was called, or the reactor has stopped.
    """

    _reactor: IReactorFDSet = field(repr=False)
    _socket: socket.socket = field(repr=False)
    _receiver: DatagramReceiver = field(repr=False)
    address: Address = field(init=False)
    send_errors: int = field(init=False, default=0)
    receive_errors: int = field(init=False, default=0)
    faults: ReceiverFaults = field(init=False, factory=ReceiverFaults, repr=False)
    closed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Start reading."""
        self.address = self._socket.getsockname()[:2]
        self._reactor.addReader(self)

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram, or lose it.  Never waits, never raises, never looks
        a name up.

        @return: Whether the system took it; C{False} once the socket is closed.
        """
        try:
            socket.inet_pton(socket.AF_INET, address[0])
            if ttl is None:
                self._socket.sendto(data, address)
            else:
                _sendWithTtl(self._socket, data, address, ttl)
        except (OSError, OverflowError, ValueError):
            self.send_errors += 1
            return False
        return True

    def close(self) -> None:
        """Close the socket.  Nothing is received afterwards; closing twice is harmless."""
        if not self.closed:
            self.closed = True
            self._reactor.removeReader(self)
            self._socket.close()

    def doRead(self) -> None:
        """Hand over what has arrived, up to L{READS_A_WAKE_UP} datagrams; called by the reactor."""
        receive = self._socket.recvfrom
        receiver = self._receiver
        for _ in range(READS_A_WAKE_UP):
            if self.closed:
                return
            try:
                data, address = receive(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                self.receive_errors += 1
                continue
            try:
                receiver(data, address)
            except Exception:
                self.faults.record(Failure(), self.address)

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


@implementer(IDatagramSocket)
class PortDatagramSocket(DatagramProtocol):
    """
    A UDP socket by way of C{listenUDP}, for reactors that watch no descriptors.

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
        self.address: Address = ("", 0)

    def listen(self, reactor: IReactorUDP, interface: str, port: int) -> None:
        """
        Open the port; called once, by L{openDatagramSocket}.

        @raise CannotListenError: It cannot be had.
        """
        self._port = reactor.listenUDP(port, self, interface, _LARGEST_DATAGRAM)
        self.address = self._handle().getsockname()[:2]

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
            socket.inet_pton(socket.AF_INET, address[0])
            if ttl is None:
                self._handle().sendto(data, address)
            else:
                _sendWithTtl(self._handle(), data, address, ttl)
        except (OSError, OverflowError, ValueError):
            self.send_errors += 1
            return False
        return True

    def close(self) -> None:
        """Close the socket.  Nothing is received afterwards; closing twice is harmless."""
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()


def _sendWithTtl(handle: socket.socket, data: bytes, address: Address, ttl: int) -> None:
    """
    Send one datagram with its own time to live and leave the socket as it was.

    @raise OSError: The system refused the time to live or the datagram.
    """
    usual = handle.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
    handle.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    try:
        handle.sendto(data, address)
    finally:
        handle.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, usual)


def _boundSocket(interface: str, port: int) -> socket.socket:
    """
    Return a non-blocking UDP socket bound to C{interface} and C{port}.

    @raise OSError: It cannot be had.
    @raise OverflowError: There is no such port.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind((interface, port))
    except BaseException:
        opened.close()
        raise
    return opened


def openDatagramSocket(
    reactor: object, receiver: DatagramReceiver, interface: str = "", port: int = 0
) -> IDatagramSocket:
    """
    Open a UDP socket over IPv4 on a reactor.

    @param reactor: Provides C{IReactorFDSet} or, failing that, C{IReactorUDP}.
    @param receiver: Called with every datagram that arrives.
    @param interface: The numeric local address; C{""} is all of them.
    @param port: The local port; 0 lets the system choose.
    @raise gamenet.errors.CannotBind: The address is taken or not ours.
    """
    try:
        if interface:
            socket.inet_pton(socket.AF_INET, interface)
        if IReactorFDSet.providedBy(reactor):
            return ReactorDatagramSocket(reactor, _boundSocket(interface, port), receiver)
        fallback = PortDatagramSocket(receiver)
        fallback.listen(IReactorUDP(reactor), interface, port)
        return fallback
    except (OSError, OverflowError, CannotListenError) as error:
        cause = getattr(error, "socketError", error)
        raise CannotBind(f"no UDP socket on {interface or '*'}:{port}: {cause}") from error
