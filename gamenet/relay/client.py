"""
A TURN client over UDP: RFC 8656 with long-term credentials (RFC 8489, section 9.2).

It works against any TURN server.  It shares its socket with whatever else the
game socket carries: everything it sends and receives goes through one face.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from gamenet.errors import (
    BadSetting,
    GamenetError,
    LocalProtocolError,
    MalformedMessage,
    RelayRefused,
)
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.relay.relayed_socket import RelayedSocket, readLifetime
from gamenet.relay.transactions import Transactions
from gamenet.wire.stun import (
    MessageClass,
    StunMessage,
    decode,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    BAD_REQUEST,
    ERROR_CODE,
    NONCE,
    REALM,
    STALE_NONCE,
    UNAUTHENTICATED,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    decodeErrorCode,
    decodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    ALLOCATION_MISMATCH,
    DATA_INDICATION,
    FIRST_CHANNEL,
    LAST_CHANNEL,
    LIFETIME,
    REFRESH,
    REQUESTED_TRANSPORT,
    XOR_RELAYED_ADDRESS,
    decodeChannelData,
    encodeLifetime,
    encodeTransport,
    readIndication,
)
from gamenet.wire.turn_credentials import longTermKey

__all__ = ["CHANNELS", "RelayedSocket", "TurnClient"]

#: How many channels an allocation can have at all.
CHANNELS = LAST_CHANNEL - FIRST_CHANNEL + 1

_STALE_LIMIT = 3
#: A Refresh with it deletes the allocation.
_GONE = ((LIFETIME, encodeLifetime(0)),)
#: What a server may refuse with before it knows whose key to sign with.
_UNSIGNED = (BAD_REQUEST, UNAUTHENTICATED, STALE_NONCE)


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
        peers_limit: int = 64,
        transactions_limit: int = 256,
    ) -> None:
        """
        @param machine: Gives the clock and the transaction ids.
        @param openFace: Called once with the receiver for STUN and ChannelData
            from the relay; returns what to send through.
        @param relay_address: The relay, numeric.
        @param username: The USERNAME.
        @param password: Its password.
        @param peers_limit: Most permissions, and most channels, of an
            allocation; 1 to L{CHANNELS}.
        @param transactions_limit: Most requests outstanding at a time.
        @raise BadSetting: C{peers_limit} is out of range.
        """
        if not 1 <= peers_limit <= CHANNELS:
            raise BadSetting(f"peers_limit must be from 1 to {CHANNELS}, not {peers_limit!r}")
        self._machine = machine
        self._relay = relay_address
        self._username = username
        self._password = password
        self._peers_limit = peers_limit
        self._realm = b""
        self._nonce = b""
        self._key: bytes | None = None
        self._state = _State.IDLE
        self._socket: RelayedSocket | None = None
        self.strangers = 0
        self.ignored = 0
        self._transactions = Transactions(
            machine.clock, self._sendDatagram, limit=transactions_limit
        )
        self.face = openFace(self._datagramReceived)

    def allocate(self, receiver: DatagramReceiver) -> Deferred[RelayedSocket]:
        """
        Make an allocation.

        @param receiver: Called with every packet that is relayed to us, and
            the peer it came from.
        @return: Fires with the L{RelayedSocket}.  Fails with L{RelayRefused},
            with L{MalformedMessage} where the answer makes no sense, and with
            L{LocalProtocolError} where there is an allocation or the client is closed.
        """
        return Deferred.fromCoroutine(self._allocate(receiver))

    def close(self) -> None:
        """
        Give the allocation back, with one packet that may get lost, and the
        face.  Closing twice is harmless.
        """
        if self._state is _State.CLOSED:
            return
        allocating = self._state is _State.ALLOCATING
        self._state = _State.CLOSED
        if self._socket is not None:
            self._socket.close()
        elif allocating:
            self._sayFarewell()
        self._transactions.failAll(RelayRefused(0, "the client was closed"))
        self.face.close()

    async def _allocate(self, receiver: DatagramReceiver) -> RelayedSocket:
        if self._state is not _State.IDLE:
            raise LocalProtocolError(f"cannot allocate while {self._state.value}")
        self._state = _State.ALLOCATING
        try:
            answer = await self._askForAllocation()
            socket = self._makeSocket(answer, receiver)
        except BaseException:
            if self._state is _State.ALLOCATING:
                self._state = _State.IDLE
            raise
        self._state = _State.ALLOCATED
        self._socket = socket
        return socket

    async def _askForAllocation(self) -> StunMessage:
        wanted = ((REQUESTED_TRANSPORT, encodeTransport()),)
        try:
            return await self._request(ALLOCATE, lambda _: wanted)
        except RelayRefused as error:
            if error.code != ALLOCATION_MISMATCH:
                raise
        # Ours from an earlier time: the answer that told us of it got lost.
        self._log.info("the relay has an allocation of ours; deleting it")
        try:
            await self._request(REFRESH, lambda _: _GONE)
        except RelayRefused as error:
            if error.code != ALLOCATION_MISMATCH:
                raise
        return await self._request(ALLOCATE, lambda _: wanted)

    def _makeSocket(self, answer: StunMessage, receiver: DatagramReceiver) -> RelayedSocket:
        relayed = answer.first(XOR_RELAYED_ADDRESS)
        mapped = answer.first(XOR_MAPPED_ADDRESS)
        if relayed is None or mapped is None:
            raise MalformedMessage("an Allocate success that lacks an address")
        return RelayedSocket(
            decodeXorAddress(relayed, answer.transaction_id),
            decodeXorAddress(mapped, answer.transaction_id),
            self._machine.clock,
            self._ask,
            self._sendDatagram,
            self._socketEnded,
            receiver,
            int.from_bytes(self._machine.randomBytes(12), "big"),
            readLifetime(answer),
            self._peers_limit,
        )

    def _socketEnded(self, farewell: bool) -> None:
        self._socket = None
        self._transactions.failAll(RelayRefused(0, "the relayed socket is closed"))
        if self._state is _State.CLOSED:
            self._sayFarewell()
            return
        self._state = _State.IDLE
        if farewell:
            # It is the relay's to expire where this fails.
            self._ask(REFRESH, lambda _: _GONE).addErrback(lambda why: why.trap(GamenetError))

    def _ask(
        self, method: int, attributes: Callable[[bytes], tuple[tuple[int, bytes], ...]]
    ) -> Deferred[StunMessage]:
        return Deferred.fromCoroutine(self._request(method, attributes))

    async def _request(
        self, method: int, attributes: Callable[[bytes], tuple[tuple[int, bytes], ...]]
    ) -> StunMessage:
        stale = 0
        while True:
            key = self._key
            transaction_id = self._machine.randomBytes(12)
            answer = await self._transactions.request(
                transaction_id,
                method,
                self._encode(method, transaction_id, attributes(transaction_id)),
                partial(_isBelievable, key),
            )
            if answer.message_class is MessageClass.SUCCESS:
                return answer
            error = _errorOf(answer)
            challenged = error.code == UNAUTHENTICATED and key is None
            if not challenged:
                stale += 1
                if error.code != STALE_NONCE or stale > _STALE_LIMIT:
                    raise RelayRefused(error.code, error.reason)
            self._takeChallenge(answer)

    def _encode(
        self, method: int, transaction_id: bytes, attributes: tuple[tuple[int, bytes], ...]
    ) -> bytes:
        if self._key is not None:
            attributes += (
                (USERNAME, self._username.encode()),
                (REALM, self._realm),
                (NONCE, self._nonce),
            )
        message = StunMessage(method, MessageClass.REQUEST, transaction_id, attributes)
        return encode(message, self._key)

    def _takeChallenge(self, answer: StunMessage) -> None:
        realm = answer.first(REALM)
        nonce = answer.first(NONCE)
        if realm is None or nonce is None:
            raise MalformedMessage("a challenge without REALM or NONCE")
        try:
            text = realm.decode()
        except UnicodeDecodeError:
            raise MalformedMessage("a REALM that is not UTF-8") from None
        self._realm = realm
        self._nonce = nonce
        self._key = longTermKey(self._username, text, self._password)

    def _sayFarewell(self) -> None:
        if self._key is not None:
            self._sendDatagram(self._encode(REFRESH, self._machine.randomBytes(12), _GONE))

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
            or self._socket is None
        ):
            return False
        self._socket.dataIndicationReceived(*readIndication(message))
        return True


def _errorOf(answer: StunMessage) -> ErrorCode:
    value = answer.first(ERROR_CODE)
    if value is None:
        raise MalformedMessage("an error answer without ERROR-CODE")
    return decodeErrorCode(value)


def _isBelievable(key: bytes | None, answer: StunMessage) -> bool:
    """
    Tell whether the relay sent an answer: signed with our key, as soon as
    there is one, unless it is a refusal that cannot be (section 9.2.5).
    """
    if key is None or answer.integrity is not None:
        return key is None or verifyIntegrity(answer, key)
    if answer.message_class is not MessageClass.ERROR:
        return False
    try:
        return _errorOf(answer).code in _UNSIGNED
    except MalformedMessage:
        return False
