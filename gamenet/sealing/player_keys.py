"""
A player's keys: X25519 for the links, Ed25519 for signed statements.

They are made from injected random bytes, live for one connection with the
lobby, and are handed to the other players in the match ticket: players trust
the lobby that carries the public halves, and nobody else.  A process that returns
makes itself a new link key and keeps the old statement key, by which the other players
know it.
"""

from __future__ import annotations

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from gamenet.errors import RemoteProtocolError

__all__ = ["SEED_BYTES", "PlayerKeys", "isSigned"]

#: How many random bytes a player's keys are made from.
SEED_BYTES = 64


@attrs.frozen
class PlayerKeys:
    """
    Both key pairs of one player.

    @ivar link_key: The X25519 public key, 32 bytes.
    @ivar statement_key: The Ed25519 public key, 32 bytes.
    """

    _link_private: X25519PrivateKey = attrs.field(repr=False)
    _statement_private: Ed25519PrivateKey = attrs.field(repr=False)
    link_key: bytes
    statement_key: bytes

    @classmethod
    def fromRandomBytes(cls, seed: bytes) -> PlayerKeys:
        """
        Make the keys that belong to C{seed}.

        @param seed: L{SEED_BYTES} unpredictable bytes, never used for anything else.
        @raise ValueError: It has another size.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError(f"player keys are made from {SEED_BYTES} bytes, not {len(seed)}")
        link = X25519PrivateKey.from_private_bytes(seed[:32])
        statement = Ed25519PrivateKey.from_private_bytes(seed[32:])
        return cls(
            link,
            statement,
            link.public_key().public_bytes_raw(),
            statement.public_key().public_bytes_raw(),
        )

    def sharedSecret(self, link_key: bytes) -> bytes:
        """
        Return the X25519 secret shared with the owner of C{link_key} (RFC 7748).

        @param link_key: Their public key, 32 bytes.
        @raise RemoteProtocolError: It is a low-order point, which would make the
            secret known to everybody.
        """
        try:
            return self._link_private.exchange(X25519PublicKey.from_public_bytes(link_key))
        except ValueError as error:
            raise RemoteProtocolError("the other player's link key is not usable") from error

    def statementSeed(self) -> bytes:
        """
        Return the private half of the statement key, 32 bytes (RFC 8032, section 5.1.5):
        whoever has it is this player.
        """
        return self._statement_private.private_bytes_raw()

    def sign(self, statement: bytes) -> bytes:
        """Return our 64-byte Ed25519 signature of C{statement} (RFC 8032)."""
        return self._statement_private.sign(statement)


def isSigned(statement_key: bytes, statement: bytes, signature: bytes) -> bool:
    """
    Return whether the owner of C{statement_key} has signed C{statement} (RFC 8032).

    @param statement_key: Their Ed25519 public key, 32 bytes; anything else has signed nothing.
    """
    try:
        Ed25519PublicKey.from_public_bytes(statement_key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True
