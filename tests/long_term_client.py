"""
Requests as a client with long-term credentials makes them (RFC 8489, sections
9.2.3 and 9.2.5), and as one that does not keep to them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.password_algorithms import MD5, PasswordAlgorithm, encodePasswordAlgorithm
from gamenet.wire.stun import Integrity, MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    USERHASH,
    USERNAME,
)
from gamenet.wire.turn import ALLOCATE
from gamenet.wire.turn_credentials import ephemeralPassword, longTermKey, userHash

__all__ = ["TRANSACTION_ID", "Attributes", "LongTermClient", "countHmacs", "ephemeralClient"]

Attributes = tuple[tuple[int, bytes], ...]

TRANSACTION_ID = bytes(range(12))


@frozen
class LongTermClient:
    """
    A client that knows a name and a password.

    @ivar username: The name.
    @ivar password: The password.
    @ivar realm: The realm it signs for.
    @ivar algorithm: What it makes its key with; C{None} for a client of RFC 5389.
    @ivar by_hash: Whether it sends USERHASH in place of USERNAME.
    """

    username: str
    password: str
    realm: str = "gamenet"
    algorithm: PasswordAlgorithm | None = None
    by_hash: bool = False

    @property
    def key(self) -> bytes:
        """What it signs with."""
        return longTermKey(self.username, self.realm, self.password, self.algorithm or MD5)

    def attributes(self, challenge: Attributes) -> Attributes:
        """Return what a request has that answers a challenge."""
        name = (USERNAME, self.username.encode())
        if self.by_hash:
            name = (USERHASH, userHash(self.username, self.realm))
        realm = (REALM, self.realm.encode())
        nonces = tuple(pair for pair in challenge if pair[0] == NONCE)
        attributes = (name, realm, *nonces)
        if self.algorithm is not None:
            attributes += tuple(pair for pair in challenge if pair[0] == PASSWORD_ALGORITHMS)
            chosen = encodePasswordAlgorithm(self.algorithm)
            attributes += ((PASSWORD_ALGORITHM, chosen),)
        return attributes

    def sign(
        self, attributes: Attributes, integrity: Integrity | None = None
    ) -> StunMessage:
        """
        Return a request with just these attributes, signed, as it arrives.

        @param integrity: By default what the algorithm asks for.
        """
        if integrity is None:
            integrity = Integrity.SHA1 if self.algorithm is None else Integrity.SHA256
        message = StunMessage(ALLOCATE, MessageClass.REQUEST, TRANSACTION_ID, attributes)
        return decode(encode(message, self.key, True, integrity))

    def ask(self, challenge: Attributes, integrity: Integrity | None = None) -> StunMessage:
        """Return a request that answers a challenge, signed, as it arrives."""
        return self.sign(self.attributes(challenge), integrity)


def ephemeralClient(
    secret: bytes, username: str, algorithm: PasswordAlgorithm | None = None
) -> LongTermClient:
    """Return a client with an ephemeral credential."""
    return LongTermClient(username, ephemeralPassword(secret, username), algorithm=algorithm)


def countHmacs(case: SynchronousTestCase, action: Callable[[], object]) -> list[str]:
    """Return the digests of the HMACs that an action computes, in order."""
    computed: list[str] = []
    digest = hmac.digest

    def counted(key: bytes, message: bytes, name: str) -> bytes:
        computed.append(name)
        return digest(key, message, name)

    patch = case.patch(hmac, "digest", counted)
    try:
        action()
    finally:
        patch.restore()
    return computed
