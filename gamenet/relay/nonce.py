"""
Nonces that the relay does not have to remember.

Each is the second it was made in and a MAC over that and the address it was
given to, so a spoofed request costs no memory and a nonce seen on
one path is of no use on another.  The nonce cookie (RFC 8489, section 9.2) may
stand in front; the MAC covers it, so nobody can take a feature out of it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from attrs import field, frozen

from gamenet.interfaces import Address
from gamenet.wire.password_algorithms import (
    NONCE_COOKIE,
    NONCE_COOKIE_LENGTH,
    encodeNonceCookie,
)

__all__ = ["NONCE_LENGTH", "NonceMint"]

#: Bytes of every nonce, without the cookie.
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

    def issue(self, client: Address, now: float, features: int | None = None) -> bytes:
        """
        Return a nonce for a client: L{NONCE_LENGTH} URL-safe Base64
        characters, behind the cookie of 13 where there are features.

        @param client: Whom it is sent to.
        @param now: Seconds, monotonic.
        @param features: The 24 bits of the cookie; C{None} for no cookie.
        """
        cookie = b"" if features is None else encodeNonceCookie(features)
        stamp = (int(now) & 0xFFFFFFFF).to_bytes(_STAMP_LENGTH, "big")
        return cookie + urlsafe_b64encode(stamp + self._tag(cookie, stamp, client))

    def isFresh(self, nonce: bytes, client: Address, now: float) -> bool:
        """
        Tell whether a nonce was made here, for this client, within the lifetime.

        @param nonce: Any bytes.
        @param client: Whom it came from.
        @param now: Seconds, monotonic.
        """
        cookie = nonce[:NONCE_COOKIE_LENGTH] if nonce.startswith(NONCE_COOKIE) else b""
        text = nonce[len(cookie) :]
        if len(text) != NONCE_LENGTH:
            return False
        try:
            content = urlsafe_b64decode(text)
        except ValueError:
            return False
        stamp = content[:_STAMP_LENGTH]
        tag = self._tag(cookie, stamp, client)
        genuine = hmac.compare_digest(content[_STAMP_LENGTH:], tag)
        age = (int(now) - int.from_bytes(stamp, "big")) & 0xFFFFFFFF
        return genuine and age < self.lifetime

    def _tag(self, cookie: bytes, stamp: bytes, client: Address) -> bytes:
        host, port = client
        content = cookie + stamp + f"{host} {port}".encode()
        return hmac.digest(self.key, content, "sha256")[:_TAG_LENGTH]
