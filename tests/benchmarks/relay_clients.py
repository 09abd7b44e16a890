"""
The clients of the relay's benchmark: TURN as any client speaks it, many at a time.

They ask for allocations, permissions and channels with long-term credentials made from a
shared secret, and answer challenges.  Nothing of the relay's own client is used.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence

from attrs import define

from gamenet.interfaces import Address
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    REALM,
    STALE_NONCE,
    UNAUTHENTICATED,
    USERNAME,
    decodeErrorCode,
    decodeXorAddress,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    LIFETIME,
    REFRESH,
    REQUESTED_TRANSPORT,
    XOR_PEER_ADDRESS,
    XOR_RELAYED_ADDRESS,
    encodeChannelNumber,
    encodeLifetime,
    encodeTransport,
)
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername, longTermKey

__all__ = [
    "TurnClient",
    "allocate",
    "answersBinding",
    "bindChannels",
    "connectedSocket",
    "permit",
    "refresh",
]

#: How many requests of different clients are under way at a time.
_AT_ONCE = 32
#: Seconds before a request is sent again, and how often it is sent in all.
_AGAIN = 0.5
_TIMES = 8
#: How often a client answers a challenge.
_CHALLENGES = 3
_CREDENTIAL_LIFETIME = 6 * 3600
_RECEIVE_BUFFER = 8 << 20
_SO_RCVBUFFORCE = 33

#: What a request asks: its attributes, for a transaction.
_Asked = Callable[["TurnClient", bytes], tuple[tuple[int, bytes], ...]]


@define(eq=False)
class TurnClient:
    """
    One client.

    @ivar socket: Connected to the server.
    @ivar username: Its ephemeral name.
    @ivar password: What belongs to that.
    @ivar realm: What the server calls itself, once it said so.
    @ivar nonce: What it wants to see in requests.
    @ivar key: What signs them.
    @ivar relayed: Its relayed address, once it has one.
    """

    socket: socket.socket
    username: str
    password: str
    realm: bytes = b""
    nonce: bytes = b""
    key: bytes | None = None
    relayed: Address = ("", 0)

    @classmethod
    def connect(cls, server: Address, host: str, secret: bytes, user: str) -> TurnClient:
        """
        Make a client, which asks for nothing yet.

        @param host: The loopback address that it is at.
        @param secret: What the server was given.
        @param user: Whom the quotas count it for.
        """
        username = ephemeralUsername(int(time.time()) + _CREDENTIAL_LIFETIME, user)
        password = ephemeralPassword(secret, username)
        return cls(connectedSocket(host, server), username, password)

    def challenged(self, answer: StunMessage) -> None:
        """Remember what an error answer says about how to sign."""
        realm, nonce = answer.first(REALM), answer.first(NONCE)
        if nonce is not None:
            self.nonce = nonce
        if realm is not None and realm != self.realm:
            self.realm = realm
            self.key = longTermKey(self.username, realm.decode(), self.password)


def connectedSocket(host: str, to: Address | None = None) -> socket.socket:
    """
    Return a UDP socket with a large receive buffer.

    @param host: Where it is.
    @param to: Where it is connected to, if that is known already.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    made.bind((host, 0))
    if to is not None:
        made.connect(to)
    made.setblocking(False)
    return made


def answersBinding(server: Address, patience: float) -> bool:
    """
    Tell whether a server answers a Binding request.

    @param patience: Seconds.
    """
    with connectedSocket("127.0.0.1", server) as asking:
        asking.settimeout(patience)
        try:
            asking.send(encode(StunMessage(BINDING, MessageClass.REQUEST, os.urandom(12))))
            return decode(asking.recv(2048)).message_class is MessageClass.SUCCESS
        except OSError:
            return False


def allocate(clients: Sequence[TurnClient]) -> None:
    """
    Make an allocation for each client.

    @raise RuntimeError: The server refuses one, or does not answer.
    """

    def made(client: TurnClient, answer: StunMessage) -> None:
        value = answer.first(XOR_RELAYED_ADDRESS)
        if value is None:
            raise RuntimeError("an allocation without an address")
        client.relayed = decodeXorAddress(value, answer.transaction_id)

    wanted = ((REQUESTED_TRANSPORT, encodeTransport()),)
    _ask(clients, ALLOCATE, lambda client, transaction: wanted, made)


def refresh(clients: Sequence[TurnClient], lifetime: int = 600) -> None:
    """
    Keep each client's allocation.

    @param lifetime: Seconds; 0 ends it.
    @raise RuntimeError: The server refuses that, or does not answer.
    """
    wanted = ((LIFETIME, encodeLifetime(lifetime)),)
    _ask(clients, REFRESH, lambda client, transaction: wanted)


def permit(clients: Sequence[TurnClient], peers: Sequence[Address]) -> None:
    """
    Let one peer of each client in.

    @raise RuntimeError: The server refuses that, or does not answer.
    """
    peer_of = dict(zip(clients, peers, strict=True))
    _ask(
        clients,
        CREATE_PERMISSION,
        lambda client, transaction: (
            (XOR_PEER_ADDRESS, encodeXorAddress(peer_of[client], transaction)),
        ),
    )


def bindChannels(
    clients: Sequence[TurnClient], peers: Sequence[Address], channels: Sequence[int]
) -> None:
    """
    Bind one channel of each client to a peer, or keep it so.

    @raise RuntimeError: The server refuses that, or does not answer.
    """
    bound = dict(zip(clients, zip(peers, channels, strict=True), strict=True))
    _ask(
        clients,
        CHANNEL_BIND,
        lambda client, transaction: (
            (CHANNEL_NUMBER, encodeChannelNumber(bound[client][1])),
            (XOR_PEER_ADDRESS, encodeXorAddress(bound[client][0], transaction)),
        ),
    )


def _ask(
    clients: Sequence[TurnClient],
    method: int,
    asked: _Asked,
    answered: Callable[[TurnClient, StunMessage], None] = lambda client, answer: None,
) -> None:
    """Send one request of each client, some at a time, until each is granted."""
    for start in range(0, len(clients), _AT_ONCE):
        waiting = {
            client.socket.fileno(): _Exchange(client, method, asked)
            for client in clients[start : start + _AT_ONCE]
        }
        poll = select.poll()
        for number, exchange in waiting.items():
            poll.register(number, select.POLLIN)
            exchange.send()
        for _ in range(_TIMES):
            deadline = time.monotonic() + _AGAIN
            while waiting and (left := deadline - time.monotonic()) > 0:
                for number, _ in poll.poll(left * 1000):
                    exchange = waiting[number]
                    answer = exchange.read()
                    if answer is not None:
                        answered(exchange.client, answer)
                        poll.unregister(number)
                        del waiting[number]
            for exchange in waiting.values():
                exchange.send()
        if waiting:
            raise RuntimeError(f"{len(waiting)} requests of method {method} stay unanswered")


@define
class _Exchange:
    """One request of one client, and what is answered."""

    client: TurnClient
    method: int
    asked: _Asked
    _data: bytes = b""
    _transaction: bytes = b""
    _challenges: int = 0

    def send(self) -> None:
        """Send it, or send it again."""
        if not self._data:
            self._transaction = os.urandom(12)
            client = self.client
            attributes = self.asked(client, self._transaction)
            if client.key is not None:
                attributes += (
                    (USERNAME, client.username.encode()),
                    (REALM, client.realm),
                    (NONCE, client.nonce),
                )
            message = StunMessage(self.method, MessageClass.REQUEST, self._transaction, attributes)
            self._data = encode(message, client.key)
        self.client.socket.send(self._data)

    def read(self) -> StunMessage | None:
        """Return the answer that grants it, if that is what came."""
        data = self.client.socket.recv(2048)
        if data[:1] > b"\3" or data[8:20] != self._transaction:
            return None  # of the traffic before
        answer = decode(data)
        if answer.message_class is MessageClass.SUCCESS:
            return answer
        error = answer.first(ERROR_CODE)
        code = decodeErrorCode(error).code if error is not None else 0
        if code not in (UNAUTHENTICATED, STALE_NONCE) or self._challenges == _CHALLENGES:
            raise RuntimeError(f"method {self.method} is refused with {code}")
        self._challenges += 1
        self.client.challenged(answer)
        self._data = b""
        self.send()
        return None
