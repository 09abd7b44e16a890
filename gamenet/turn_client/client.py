"""
A TURN client: RFC 8656 with long-term credentials (RFC 8489, section 9.2).

It works against any TURN server.  Over UDP it shares its socket with whatever
else the game socket carries: everything it sends and receives goes through one
face.  Over TCP and TLS that face is a L{gamenet.turn_client.relay_connection.RelayConnection}, see
L{gamenet.turn_client.connection_setup}; and L{gamenet.turn_client.kept_allocation} keeps an
allocation where this has one until it is lost.  gamenet's own matches use this client as it
is, over UDP.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from gamenet.errors import (
    GamenetError,
    LocalProtocolError,
    MalformedMessage,
    RelayRefused,
)
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.turn_client.credential import Attributes, ClientCredential
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.requests import RelayRequests, readLifetime
from gamenet.turn_client.settings import REQUESTABLE_FAMILIES, TurnClientSettings
from gamenet.turn_client.transactions import RELIABLE_TIMES, Transactions
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import XOR_MAPPED_ADDRESS, decodeXorAddress
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    ALLOCATE,
    ALLOCATION_MISMATCH,
    DATA_INDICATION,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    UNDERSTOOD_ATTRIBUTES,
    XOR_RELAYED_ADDRESS,
    decodeChannelData,
    encodeAddressFamily,
    encodeLifetime,
    encodeTransport,
    readIndication,
)

__all__ = ["RelayedSocket", "TurnClient"]

#: A Refresh with it deletes the allocation.
_GONE = ((LIFETIME, encodeLifetime(0)),)
#: Most relayed addresses of an allocation: one a family.
_ADDRESSES = 2
#: Most requests at a time that are for no peer: making, refreshing and deleting.
_OTHER_REQUESTS = 4


class _State(Enum):
    IDLE = "IDLE"
    ALLOCATING = "ALLOCATING"
    ALLOCATED = "ALLOCATED"
    CLOSED = "CLOSED"


class TurnClient:
    """
    One client of one relay; has at most one allocation at a time.

    @ivar face: The share of the game socket, an L{IDatagramSocket}.
    @ivar strangers: Datagrams that were not from the relay.
    @ivar ignored: Datagrams from it that nobody waited for.
    """

    _log = Logger()

    def __init__(
        self,
        machine: IMachine,
        openFace: Callable[[DatagramReceiver], IDatagramSocket],
        relay_address: Address,
        username: str,
        password: str,
        settings: TurnClientSettings | None = None,
        reliable: bool = False,
    ) -> None:
        """
        @param machine: Gives the clock and the transaction ids.
        @param openFace: Called once with the receiver for STUN and ChannelData
            from the relay; returns what to send through.
        @param relay_address: The relay, numeric.
        @param username: The USERNAME.
        @param password: Its password.
        @param settings: C{peers_limit}, C{transactions_limit} and C{anonymous} count here;
            by default as L{TurnClientSettings} says.
        @param reliable: Whether the face loses nothing: then nothing is sent twice.
        """
        self._settings = settings or TurnClientSettings()
        self._machine = machine
        self._relay = relay_address
        self._state = _State.IDLE
        self._socket: RelayedSocket | None = None
        self.strangers = 0
        self.ignored = 0
        self._transactions = Transactions(
            machine.clock,
            self._sendDatagram,
            limit=self._settings.transactions_limit,
            queue_limit=2 * self._settings.peers_limit + _OTHER_REQUESTS,
            strict=reliable,
        )
        if reliable:
            self._transactions.times = RELIABLE_TIMES
        self._credential = ClientCredential(username, password, self._settings.anonymous)
        self._requests = RelayRequests(machine, self._transactions, self._credential)
        self.face = openFace(self._datagramReceived)

    def allocate(
        self, receiver: DatagramReceiver, families: tuple[int, ...] = ()
    ) -> Deferred[RelayedSocket]:
        """
        Make an allocation.  Cancelling gives up, and gives back what may be there.

        @param receiver: Called with every packet that is relayed to us, and
            the peer it came from.
        @param families: The families of relayed addresses to ask for, one of
            L{gamenet.turn_client.settings.REQUESTABLE_FAMILIES}; C{()} is what the relay
            likes best.
        @return: Fires with the L{RelayedSocket}.  Fails with L{RelayRefused}: for a relay
            that wants another one to be asked with
            L{gamenet.turn_client.alternate_servers.TryAlternate}; with L{MalformedMessage}
            where the answer makes no sense; with L{LocalProtocolError} where there is an
            allocation, the client is closed, or there are no such families.
        """
        return Deferred.fromCoroutine(self._allocate(receiver, families))

    def close(self, farewell: bool = True) -> None:
        """
        Give the allocation back, with one packet that may get lost, and the
        face.  Closing twice is harmless.

        @param farewell: Whether to say so to the relay.  Not where our own address has
            changed: it would be said of whatever allocation the new address has.
        """
        if self._state is _State.CLOSED:
            return
        idle = self._state is _State.IDLE
        self._state = _State.CLOSED
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()
        if farewell and not idle:
            self._sayFarewell()
        self._transactions.failAll(RelayRefused(0, "the client was closed"))
        self.face.close()

    def faceLost(self, error: GamenetError) -> None:
        """
        Lose the allocation and all requests with the connection; called by a face that is
        one.  Nothing can be asked of this client then.

        @param error: What became of it.
        """
        if self._state is _State.CLOSED:
            return
        self._state = _State.CLOSED
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.lose(error)
        self._transactions.failAll(error)
        self.face.close()

    def keepMapping(self) -> None:
        """
        Send what keeps the mappings of NATs on the way, and asks for no answer (a Binding
        indication).  Only where there is an allocation; over a stream there is no need.
        """
        if self._state is _State.ALLOCATED and not self._transactions.strict:
            transaction_id = self._machine.randomBytes(12)
            self._sendDatagram(
                encode(StunMessage(BINDING, MessageClass.INDICATION, transaction_id))
            )

    async def _allocate(
        self, receiver: DatagramReceiver, families: tuple[int, ...]
    ) -> RelayedSocket:
        if self._state is not _State.IDLE:
            raise LocalProtocolError(f"cannot allocate while {self._state.value}")
        if families not in REQUESTABLE_FAMILIES:
            raise LocalProtocolError(f"no such address families: {families!r}")
        self._state = _State.ALLOCATING
        try:
            answer = await self._askForAllocation(_wanted(families))
            socket = self._makeSocket(answer, receiver)
        except BaseException as error:
            if self._state is _State.ALLOCATING:
                self._state = _State.IDLE
                if isinstance(error, CancelledError):
                    self._sayFarewell()
            raise
        self._state = _State.ALLOCATED
        self._socket = socket
        return socket

    async def _askForAllocation(self, wanted: Attributes) -> StunMessage:
        try:
            return await self._requests.request(ALLOCATE, lambda _: wanted)
        except RelayRefused as error:
            if error.code != ALLOCATION_MISMATCH:
                raise
        # Ours from an earlier time: the answer that told us of it got lost.
        self._log.info("the relay has an allocation of ours; deleting it")
        try:
            await self._requests.request(REFRESH, lambda _: _GONE)
        except RelayRefused as error:
            if error.code != ALLOCATION_MISMATCH:
                raise
        return await self._requests.request(ALLOCATE, lambda _: wanted)

    def _makeSocket(self, answer: StunMessage, receiver: DatagramReceiver) -> RelayedSocket:
        relayed = tuple(
            decodeXorAddress(value, answer.transaction_id)
            for kind, value in answer.attributes
            if kind == XOR_RELAYED_ADDRESS
        )
        mapped = answer.first(XOR_MAPPED_ADDRESS)
        if not relayed or mapped is None:
            raise MalformedMessage("an Allocate success that lacks an address")
        return RelayedSocket(
            addresses=relayed[:_ADDRESSES],
            mapped_address=decodeXorAddress(mapped, answer.transaction_id),
            sendDatagram=self._sendDatagram,
            ended=self._socketEnded,
            receiver=receiver,
            indication_id=int.from_bytes(self._machine.randomBytes(12), "big"),
            clock=self._machine.clock,
            ask=self._requests.ask,
            lifetime=readLifetime(answer),
            peers_limit=self._settings.peers_limit,
        )

    def _socketEnded(self, farewell: bool) -> None:
        self._transactions.failAll(RelayRefused(0, "the relayed socket is closed"))
        if self._state is _State.CLOSED:
            return
        self._socket = None
        self._state = _State.IDLE
        if farewell:
            # It is the relay's to expire where this fails.
            gone = self._requests.ask(REFRESH, lambda _: _GONE)
            gone.addErrback(lambda why: why.trap(GamenetError))

    def _sayFarewell(self) -> None:
        if self._credential.signing is not None:
            transaction_id = self._machine.randomBytes(12)
            self._sendDatagram(self._credential.sign(REFRESH, transaction_id, _GONE))

    def _sendDatagram(self, data: bytes) -> bool:
        sent: bool = self.face.send(data, self._relay)
        return sent

    def _datagramReceived(self, data: bytes, address: Address) -> None:
        if address != self._relay:
            self.strangers += 1
            return
        try:
            taken = self._take(data)
        except MalformedMessage:
            taken = False
        if not taken:
            self.ignored += 1

    def _take(self, data: bytes) -> bool:
        if data[:1] >= b"\x40":
            number, payload = decodeChannelData(data)
            if self._socket is not None:
                self._socket.channelDataReceived(number, payload)
            return self._socket is not None
        message = decode(data)
        if message.message_class in (MessageClass.SUCCESS, MessageClass.ERROR):
            return self._transactions.answered(message)
        if (
            message.message_class is not MessageClass.INDICATION
            or message.method != DATA_INDICATION
            or message.unknownAttributes(UNDERSTOOD_ATTRIBUTES)
            or self._socket is None
        ):
            return False
        self._socket.dataIndicationReceived(*readIndication(message))
        return True


def _wanted(families: tuple[int, ...]) -> Attributes:
    """Return what an Allocate asks for; both families are asked for as RFC 8656 wants it."""
    wanted: Attributes = ((REQUESTED_TRANSPORT, encodeTransport()),)
    if len(families) == 1:
        wanted += ((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(families[0])),)
    elif families:
        wanted += ((ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(families[1])),)
    return wanted
