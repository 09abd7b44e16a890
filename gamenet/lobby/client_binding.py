"""
Asking the lobby, as a STUN server, at which address it sees the game socket
(N12; RFC 8489, section 6).
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, succeed

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address, IMachine
from gamenet.machine.alarm import Alarm
from gamenet.machine.demultiplexer import Demultiplexer, Face
from gamenet.wire.demultiplexing import DatagramKind
from gamenet.wire.stun import decode, encodeBindingRequest, readBindingAddress, transmissionTimes

__all__ = ["ClientBinding"]

_TRANSACTION_BYTES = 12


@define(eq=False)
class ClientBinding:
    """
    Keeps knowing the server-reflexive address of the game socket: one exchange
    at once, and another an interval after each ends.

    @ivar machine: What the client stands on.
    @ivar demultiplexer: The owner of the game socket.
    @ivar lobby_address: The STUN server's address.
    @ivar interval: Seconds from the end of one exchange to the next.
    @ivar address: The newest address told; C{None} before the first.
    """

    machine: IMachine
    demultiplexer: Demultiplexer
    lobby_address: Address
    interval: float
    address: Address | None = field(init=False, default=None)
    _face: Face = field(init=False)
    _transaction_id: bytes = field(init=False, default=b"")
    _started: float = field(init=False, default=0.0)
    _times: tuple[float, ...] = field(init=False, factory=transmissionTimes)
    _sent: int = field(init=False, default=0)
    _alarm: Alarm = field(init=False)
    _concluded: bool = field(init=False, default=False)
    _waiting: list[Deferred[Address | None]] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        """
        Claim the answers, and begin the first exchange.

        @raise gamenet.errors.LocalProtocolError: Somebody has claimed STUN from that
            address on this socket.
        """
        self._face = self.demultiplexer.face(
            self.answerReceived, kinds=(DatagramKind.STUN,), remote=self.lobby_address
        )
        self._alarm = Alarm(self.machine.clock, self._continue)
        self._begin()

    def whenKnown(self) -> Deferred[Address | None]:
        """
        Return a Deferred that fires with the address; with C{None} when the
        first exchange was given up, or the client closed.
        """
        if self._concluded:
            return succeed(self.address)
        waiting: Deferred[Address | None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def stop(self) -> None:
        """Ask nothing more.  Stopping twice is harmless."""
        self._face.close()
        self._alarm.cancel()
        self._conclude()

    def answerReceived(self, data: bytes, address: Address) -> None:
        """
        Note the answer to the running exchange.

        @param data: A datagram that begins as STUN.
        @param address: The lobby's.
        """
        try:
            message = decode(data)
            if not self._transaction_id or message.transaction_id != self._transaction_id:
                return
            self.address = readBindingAddress(message)
        except MalformedMessage:
            return
        self._end()

    def _continue(self) -> None:
        """Go on with the running exchange, or begin another."""
        if self._transaction_id:
            self._transmit()
        else:
            self._begin()

    def _begin(self) -> None:
        """Begin an exchange."""
        self._transaction_id = self.machine.randomBytes(_TRANSACTION_BYTES)
        self._started = self.machine.clock.seconds()
        self._sent = 0
        self._transmit()

    def _transmit(self) -> None:
        """Send the request once more, or give up."""
        if self._sent == len(self._times) - 1:
            self._end()
            return
        self._face.send(encodeBindingRequest(self._transaction_id), self.lobby_address)
        self._sent += 1
        self._alarm.set(self._started + self._times[self._sent])

    def _end(self) -> None:
        """End the exchange, answered or not, and see to the next."""
        self._transaction_id = b""
        self._alarm.set(self.machine.clock.seconds() + self.interval)
        self._conclude()

    def _conclude(self) -> None:
        """Tell whoever waits what is known."""
        self._concluded = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(self.address)
