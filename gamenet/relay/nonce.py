"""
Nonces that the relay does not have to remember.

Each is the second it was made in and a MAC over that and the address it was
given to, so a spoofed request costs no memory and a nonce seen on
one path is of no use on another.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from attrs import field, frozen

from gamenet.interfaces import Address

__all__ = ["NONCE_LENGTH", "NonceMint"]

#: Bytes of every nonce.
NONCE_LENGTH = 20

_STAMP_LENGTH = 4
_TAG_LENGTH = 11


@frozen
class NonceMint:
    """
    Makes nonces and knows its own.

    @ivar key: At least 16 unpredictable bytes, new at every start.
    @ivar lifetime: Seconds that a nonce is fresh.
    """

    key: bytes = field(repr=False)
    lifetime: float = 600.0

    def issue(self, client: Address, now: float) -> bytes:
        """
        Return a nonce for a client: L{NONCE_LENGTH} URL-safe Base64 characters.

        @param client: Whom it is sent to.
        @param now: Seconds, monotonic.
        """
        stamp = (int(now) & 0xFFFFFFFF).to_bytes(_STAMP_LENGTH, "big")
        return urlsafe_b64encode(stamp + self._tag(stamp, client))

    def isFresh(self, nonce: bytes, client: Address, now: float) -> bool:
        """
        Tell whether a nonce was made here, for this client, within the lifetime.

        @param nonce: Any bytes.
        @param client: Whom it came from.
        @param now: Seconds, monotonic.
        """
        if len(nonce) != NONCE_LENGTH:
            return False
        try:
            content = urlsafe_b64decode(nonce)
        except ValueError:
            return False
        stamp = content[:_STAMP_LENGTH]
        genuine = hmac.compare_digest(content[_STAMP_LENGTH:], self._tag(stamp, client))
        age = (int(now) - int.from_bytes(stamp, "big")) & 0xFFFFFFFF
        return genuine and age < self.lifetime

    def _tag(self, stamp: bytes, client: Address) -> bytes:
        host, port = client
        return hmac.digest(self.key, stamp + f"{host} {port}".encode(), "sha256")[:_TAG_LENGTH]
