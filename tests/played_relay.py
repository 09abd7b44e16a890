"""
A TURN server played by rules, which can be told to misbehave: over UDP and over streams.

It relays nothing; it answers.  Signatures are checked, so a client that signs wrongly
gets nowhere.
"""

from __future__ import annotations

from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from gamenet.interfaces import Address, IDatagramSocket, IMachine
from gamenet.wire.password_algorithms import (
    ANONYMITY_FEATURE,
    MD5,
    PASSWORD_ALGORITHMS_FEATURE,
    SHA256,
    encodeNonceCookie,
    encodePasswordAlgorithms,
)
from gamenet.wire.stun import (
    Integrity,
    MessageClass,
    StunMessage,
    decode,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHMS,
    REALM,
    STALE_NONCE,
    UNAUTHENTICATED,
    USERHASH,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    encodeErrorCode,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    ALLOCATION_MISMATCH,
    LIFETIME,
    REFRESH,
    XOR_RELAYED_ADDRESS,
    encodeLifetime,
)
from gamenet.wire.turn_credentials import longTermKey, userHash
from gamenet.wire.turn_stream import TurnStreamDecoder, padForStream
from tests.relay_client_values import PASSWORD, REALM_TEXT, USER, Attributes

__all__ = ["PlayedRelay"]


class _Connection(Protocol):
    """One client over a stream."""

    def __init__(self, relay: PlayedRelay) -> None:
        self.relay = relay
        self.decoder = TurnStreamDecoder()
        self.address: Address = ("", 0)

    def connectionMade(self) -> None:
        """Find out who it is."""
        peer = self.transport.getPeer()
        self.address = (peer.host, peer.port)
        self.relay.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        """Answer each message."""
        for message in self.decoder.feed(data):
            answer = self.relay.answer(message, self.address)
            if answer is not None:
                self.transport.write(padForStream(answer))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The allocation goes with the connection."""
        self.relay.connections.remove(self)
        self.relay.allocations.pop(self.address, None)


class PlayedRelay:
    """
    One server.

    @ivar rich: Offer SHA-256 and USERHASH (RFC 8489).
    @ivar silent: Answer nothing.
    @ivar refusals: What each method is refused with, and what the refusal has beside.
    @ivar lifetime: Of an allocation, seconds.
    @ivar received: Every message that came.
    @ivar requests: The methods of the requests that were signed rightly.
    @ivar allocations: The relayed port of each client that has an allocation.
    @ivar connections: The streams that there are.
    """

    def __init__(self, host: str, rich: bool = False) -> None:
        self.host = host
        self.rich = rich
        self.silent = False
        self.refusals: dict[int, tuple[int, Attributes]] = {}
        self.lifetime = 600
        self.received: list[bytes] = []
        self.requests: list[int] = []
        self.allocations: dict[Address, int] = {}
        self.connections: list[_Connection] = []
        self.nonce = b"nonce"
        self._next_port = 50_000

    def listenDatagrams(self, machine: IMachine, port: int = 3478) -> IDatagramSocket:
        """Answer over UDP."""

        def received(data: bytes, address: Address) -> None:
            answer = self.answer(data, address)
            if answer is not None:
                socket.send(answer, address)

        socket = machine.openDatagramSocket(received, self.host, port)
        return socket

    def listenStreams(self, machine: IMachine, port: int = 3478) -> IListeningPort:
        """Answer over TCP."""
        factory = Factory.forProtocol(lambda: _Connection(self))
        listening: list[IListeningPort] = []
        endpoint = machine.streamServerEndpoint(f"tcp:{port}:interface={self.host}")
        endpoint.listen(factory).addCallback(listening.append)  # type: ignore[attr-defined]
        return listening[0]

    def key(self) -> bytes:
        """Return what signs."""
        return longTermKey(USER, REALM_TEXT, PASSWORD, SHA256 if self.rich else MD5)

    def challengeAttributes(self) -> Attributes:
        """Return what goes with a 401 or 438."""
        realm = (REALM, REALM_TEXT.encode())
        if not self.rich:
            return (realm, (NONCE, self.nonce))
        cookie = encodeNonceCookie(PASSWORD_ALGORITHMS_FEATURE | ANONYMITY_FEATURE)
        offered = encodePasswordAlgorithms((SHA256, MD5))
        return (realm, (NONCE, cookie + self.nonce), (PASSWORD_ALGORITHMS, offered))

    def answer(self, data: bytes, client: Address) -> bytes | None:
        """Return what is answered to a message, if anything."""
        self.received.append(data)
        if self.silent or data[0] >= 0x40:
            return None
        request = decode(data)
        if request.message_class is not MessageClass.REQUEST:
            return None
        challenge = self._challenged(request)
        if challenge:
            return self._refuse(request, challenge, self.challengeAttributes(), None)
        self.requests.append(request.method)
        if request.method in self.refusals:
            code, extra = self.refusals[request.method]
            return self._refuse(request, code, extra, self.key())
        return self._perform(request, client)

    def _challenged(self, request: StunMessage) -> int:
        """Return what a request is challenged with, 0 where it is signed rightly."""
        name = request.first(USERHASH if self.rich else USERNAME)
        expected = userHash(USER, REALM_TEXT) if self.rich else USER.encode()
        if name != expected or not verifyIntegrity(request, self.key(), self._integrity()):
            return UNAUTHENTICATED
        if (request.first(NONCE) or b"").endswith(self.nonce):
            return 0
        return STALE_NONCE

    def _perform(self, request: StunMessage, client: Address) -> bytes:
        if request.method == ALLOCATE:
            if client in self.allocations:
                return self._refuse(request, ALLOCATION_MISMATCH, (), self.key())
            self._next_port += 1
            self.allocations[client] = self._next_port
            relayed = (self.host, self._next_port)
            return self._grant(
                request,
                (XOR_RELAYED_ADDRESS, encodeXorAddress(relayed, request.transaction_id)),
                (XOR_MAPPED_ADDRESS, encodeXorAddress(client, request.transaction_id)),
                (LIFETIME, encodeLifetime(self.lifetime)),
            )
        if client not in self.allocations:
            return self._refuse(request, ALLOCATION_MISMATCH, (), self.key())
        if request.method == REFRESH:
            lifetime = self.lifetime
            if request.first(LIFETIME) == bytes(4):
                lifetime = 0
                del self.allocations[client]
            return self._grant(request, (LIFETIME, encodeLifetime(lifetime)))
        return self._grant(request)

    def _integrity(self) -> Integrity:
        return Integrity.SHA256 if self.rich else Integrity.SHA1

    def _grant(self, request: StunMessage, *attributes: tuple[int, bytes]) -> bytes:
        message = StunMessage(
            request.method, MessageClass.SUCCESS, request.transaction_id, attributes
        )
        return encode(message, self.key(), integrity=self._integrity())

    def _refuse(
        self, request: StunMessage, code: int, extra: Attributes, key: bytes | None
    ) -> bytes:
        attributes = ((ERROR_CODE, encodeErrorCode(code)), *extra)
        message = StunMessage(
            request.method, MessageClass.ERROR, request.transaction_id, attributes
        )
        return encode(message, key, integrity=self._integrity())
