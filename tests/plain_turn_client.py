"""
A TURN client of few lines on a plain blocking socket, for tests that need a hundred of them.
"""

from __future__ import annotations

import os
import socket
import time

from gamenet.interfaces import Address
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    REALM,
    USERNAME,
    decodeErrorCode,
    decodeXorAddress,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    LIFETIME,
    REFRESH,
    REQUESTED_TRANSPORT,
    XOR_PEER_ADDRESS,
    XOR_RELAYED_ADDRESS,
    encodeChannelData,
    encodeChannelNumber,
    encodeLifetime,
    encodeTransport,
)
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername, longTermKey

__all__ = ["PlainTurnClient"]

CHANNEL = 0x4000


class PlainTurnClient:
    """
    One client; every call waits for its answer, at most six seconds.

    @ivar relayed: Its relayed address, once it has one.
    @ivar key: What it signs with, once it was told the realm.
    """

    def __init__(self, relay: Address, username: str, password: str) -> None:
        """Open the socket."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(1)
        self.socket.connect(relay)
        self.username = username
        self.password = password
        self.relayed: Address = ("", 0)
        self.key = b""
        self._challenge: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def ephemeral(cls, relay: Address, secret: bytes, user: str) -> PlainTurnClient:
        """Return a client with credentials of ten minutes."""
        username = ephemeralUsername(int(time.time()) + 600, user)
        return cls(relay, username, ephemeralPassword(secret, username))

    def allocate(self) -> int:
        """Ask for an allocation; return 0, or the code of the refusal."""
        answer = self._ask(ALLOCATE, (REQUESTED_TRANSPORT, encodeTransport()))
        found = dict(answer.attributes)
        if XOR_RELAYED_ADDRESS in found:
            value = found[XOR_RELAYED_ADDRESS]
            self.relayed = decodeXorAddress(value, answer.transaction_id)
        return _code(answer)

    def refresh(self, lifetime: int = 600) -> int:
        """Refresh the allocation, or with 0 end it; return 0, or the code of the refusal."""
        return _code(self._ask(REFRESH, (LIFETIME, encodeLifetime(lifetime))))

    def bind(self, peer: Address) -> int:
        """Bind the channel to a peer; return 0, or the code of the refusal."""
        return _code(
            self._ask(
                CHANNEL_BIND, (CHANNEL_NUMBER, encodeChannelNumber(CHANNEL)), peer=peer
            )
        )

    def send(self, data: bytes) -> None:
        """Send over the channel."""
        self.socket.send(encodeChannelData(CHANNEL, data))

    def close(self) -> None:
        """Go without a word."""
        self.socket.close()

    def _ask(
        self, method: int, *attributes: tuple[int, bytes], peer: Address | None = None
    ) -> StunMessage:
        """Put a request, and again with the nonce of the refusal."""
        for _ in range(3):
            transaction_id = os.urandom(12)
            all_attributes = attributes
            if peer is not None:
                all_attributes += ((XOR_PEER_ADDRESS, encodeXorAddress(peer, transaction_id)),)
            signed = all_attributes + self._challenge
            message = StunMessage(method, MessageClass.REQUEST, transaction_id, signed)
            answer = self._answer(encode(message, self.key or None), transaction_id)
            found = dict(answer.attributes)
            if _code(answer) not in (401, 438) or NONCE not in found:
                break
            if _code(answer) == 401 and self.key:
                break
            realm = found[REALM].decode()
            self.key = longTermKey(self.username, realm, self.password)
            self._challenge = (
                (USERNAME, self.username.encode()),
                (REALM, found[REALM]),
                (NONCE, found[NONCE]),
            )
        return answer

    def _answer(self, request: bytes, transaction_id: bytes) -> StunMessage:
        """Send a request until it is answered: a relay says nothing to who asks too much."""
        for _ in range(6):
            self.socket.send(request)
            try:
                answer = decode(self.socket.recv(2048))
                while answer.transaction_id != transaction_id:
                    answer = decode(self.socket.recv(2048))
            except TimeoutError:
                continue
            return answer
        raise TimeoutError("no answer")


def _code(answer: StunMessage) -> int:
    found = dict(answer.attributes)
    return decodeErrorCode(found[ERROR_CODE]).code if ERROR_CODE in found else 0
