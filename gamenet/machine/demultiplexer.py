"""
The one owner of a UDP port, which deals out what arrives by its first byte.

Several protocols share a game socket: STUN with the lobby, TURN with the
relay, heartbeats, and the sealed packets of a match.  RFC 7983 tells them apart
by the first byte (see L{gamenet.wire.demultiplexing}); where two speak the same
protocol (the lobby's STUN and the relay's) the remote address does.
"""

from __future__ import annotations

from attrs import define, field
from zope.interface import implementer

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    DatagramSender,
    IDatagramSocket,
    IMachine,
)
from gamenet.wire.demultiplexing import KIND_OF_FIRST_BYTE, DatagramKind

__all__ = ["Demultiplexer", "Face"]


@implementer(IDatagramSocket)
@define(eq=False)
class Face:
    """
    A share of a demultiplexer's port: it sends through the port, and receives
    the first bytes that it claimed.  Made by L{Demultiplexer.face}.

    @ivar send_errors: How many sends through this face the system refused.
    @ivar closed: Whether L{close} was called, here or on the demultiplexer.
    """

    _owner: Demultiplexer = field(repr=False)
    _receiver: DatagramReceiver = field(repr=False)
    _first_bytes: tuple[int, ...] = field(repr=False)
    _remote: Address | None
    send_errors: int = field(init=False, default=0)
    closed: bool = field(init=False, default=False)

    @property
    def address(self) -> Address:
        """Where the port can be reached on its own network."""
        return self._owner.address

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram from the shared port, or lose it.

        @return: Whether the system took it; C{False} once the face is closed.
        """
        if not self.closed and self._owner.socket.send(data, address, ttl):
            return True
        self.send_errors += 1
        return False

    def sender(self) -> DatagramSender:
        """Return the port's own way to send, which ends when the face is closed."""
        send = self._owner.socket.sender()

        def give(data: bytes, address: Address) -> object:
            if self.closed:
                raise OSError("the face is closed")
            return send(data, address)

        return give

    def close(self) -> None:
        """Give the claim back; the port stays open.  Closing twice is harmless."""
        if not self.closed:
            self.closed = True
            self._owner._release(self)


def _claimedBytes(
    kinds: tuple[DatagramKind, ...], first_bytes: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return every first byte that belongs to C{kinds} or is in C{first_bytes}, in order."""
    named = first_bytes or ()
    if not all(0 <= first_byte <= 255 for first_byte in named):
        raise LocalProtocolError(f"first bytes must be from 0 to 255, not {named}")
    claimed = tuple(
        first_byte
        for first_byte, kind in enumerate(KIND_OF_FIRST_BYTE)
        if kind in kinds or first_byte in named
    )
    if not claimed:
        raise LocalProtocolError("a face must claim at least one first byte")
    return claimed


def _emptyTable() -> list[Face | None]:
    """Return a table that gives nobody any of the 256 first bytes."""
    return [None] * 256


@define(eq=False)
class Demultiplexer:
    """
    Owns one UDP port and hands every datagram to the face that claimed it.

    @ivar machine: What the port was opened on.
    @ivar socket: The port itself, an L{IDatagramSocket}.
    @ivar unclaimed: How many datagrams belonged to nobody (empty ones always do).
    @ivar closed: Whether L{close} was called.
    """

    machine: IMachine = field(repr=False)
    _interface: str = field(default="", repr=False)
    _port: int = field(default=0, repr=False)
    socket: IDatagramSocket = field(init=False)
    unclaimed: int = field(init=False, default=0)
    closed: bool = field(init=False, default=False)
    _former_errors: int = field(init=False, default=0, repr=False)
    _from_anywhere: list[Face | None] = field(
        init=False, factory=_emptyTable, repr=False
    )
    _from_remote: dict[Address, list[Face | None]] = field(
        init=False, factory=dict, repr=False
    )

    def __attrs_post_init__(self) -> None:
        """
        Open the port.

        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """
        self.socket = self.machine.openDatagramSocket(
            self._datagramReceived, self._interface, self._port
        )

    @property
    def address(self) -> Address:
        """Where the port can be reached on its own network."""
        address: Address = self.socket.address
        return address

    @property
    def send_errors(self) -> int:
        """How many sends the system refused so far, over all faces."""
        count: int = self.socket.send_errors
        return self._former_errors + count

    def face(
        self,
        receiver: DatagramReceiver,
        kinds: tuple[DatagramKind, ...] = (),
        first_bytes: tuple[int, ...] | None = None,
        remote: Address | None = None,
    ) -> Face:
        """
        Claim a share of the port.

        The claim is every first byte of C{kinds} together with those named in
        C{first_bytes}.  A face with a C{remote} wins over one without.

        @param receiver: Called with every datagram of the claim.
        @param kinds: Protocols, whole (L{DatagramKind.UNKNOWN} is all that RFC 7983
            gives to none of ours).
        @param first_bytes: Single first bytes, each 0 to 255.
        @param remote: The only address that the claim is for; C{None} is every one.
        @return: The share, to send with and to close.
        @raise LocalProtocolError: A first byte is already claimed for just that
            remote, the claim is empty, or the demultiplexer is closed.
        """
        if self.closed:
            raise LocalProtocolError("the demultiplexer is closed")
        claimed = _claimedBytes(kinds, first_bytes)
        table = self._from_anywhere
        if remote is not None:
            table = self._from_remote.get(remote) or _emptyTable()
        for first_byte in claimed:
            if table[first_byte] is not None:
                whose = "any remote" if remote is None else f"{remote[0]}:{remote[1]}"
                raise LocalProtocolError(f"0x{first_byte:02x} from {whose} is already claimed")
        face = Face(self, receiver, claimed, remote)
        for first_byte in claimed:
            table[first_byte] = face
        if remote is not None:
            self._from_remote[remote] = table
        return face

    def reopen(self) -> None:
        """
        Take another port, of the system's choice, in place of the present one: our own
        address is another, or the socket is broken.  Every face stays and goes on there.

        @raise gamenet.errors.CannotBind: There is none; the present one stays.
        @raise LocalProtocolError: The demultiplexer is closed.
        """
        if self.closed:
            raise LocalProtocolError("the demultiplexer is closed")
        former = self.socket
        self.socket = self.machine.openDatagramSocket(
            self._datagramReceived, self._interface, 0
        )
        self._former_errors += former.send_errors
        former.close()

    def close(self) -> None:
        """Close the port and every face of it.  Closing twice is harmless."""
        if self.closed:
            return
        self.closed = True
        for table in [self._from_anywhere, *self._from_remote.values()]:
            for face in table:
                if face is not None:
                    face.closed = True
        self._from_anywhere = _emptyTable()
        self._from_remote = {}
        self.socket.close()

    def _release(self, face: Face) -> None:
        """Take C{face}'s claim out of the tables."""
        remote = face._remote
        table = self._from_anywhere if remote is None else self._from_remote[remote]
        for first_byte in face._first_bytes:
            table[first_byte] = None
        if remote is not None and not any(table):
            del self._from_remote[remote]

    def _datagramReceived(self, data: bytes, address: Address) -> None:
        """Hand one datagram to the face it belongs to; the socket's receiver."""
        face = None
        if data:
            table = self._from_remote.get(address)
            if table is not None:
                face = table[data[0]]
            if face is None:
                face = self._from_anywhere[data[0]]
        if face is None:
            self.unclaimed += 1
        else:
            face._receiver(data, address)
