"""
TURN credentials: the key of the long-term mechanism (RFC 8489, section 9.2.2)
and ephemeral ones, made from a secret that the issuer shares with the relay
("A REST API for Access to TURN Services", draft-uberti-behave-turn-rest), which
every WebRTC stack and coturn's C{use-auth-secret} know.

Everything is pure: the lobby makes them with it, the relay checks them.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import md5

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = [
    "EXPIRY_DIGITS",
    "ephemeralExpiry",
    "ephemeralPassword",
    "ephemeralUser",
    "ephemeralUsername",
    "longTermKey",
]

#: Most digits of an expiry: ten last until the year 2286.
EXPIRY_DIGITS = 12


def longTermKey(username: str, realm: str, password: str) -> bytes:
    """
    Return the 16-byte key that signs under a long-term credential.

    Nothing is prepared (OpaqueString, RFC 8265): what people type has to be
    before it comes here, and ephemeral credentials are ASCII anyway.

    @param username: The USERNAME.
    @param realm: The REALM, without quotes.
    @param password: The password.
    """
    text = f"{username}:{realm}:{password}"
    return md5(text.encode(), usedforsecurity=False).digest()


def ephemeralUsername(expiry: int, user: str) -> str:
    """
    Return the USERNAME of a credential that expires.

    @param expiry: Seconds since 1970, on the relay's wall clock, until when
        an allocation can be made with it.
    @param user: Whom the relay's quotas count it for; may hold colons.
    @raise LocalProtocolError: The expiry is negative or beyond
        L{EXPIRY_DIGITS} digits.
    """
    if not 0 <= expiry < 10**EXPIRY_DIGITS:
        raise LocalProtocolError(f"not an expiry: {expiry!r}")
    return f"{expiry}:{user}"


def ephemeralPassword(secret: bytes, username: str) -> str:
    """
    Return the password that belongs to an ephemeral USERNAME.

    @param secret: What the issuer and the relay share.
    @param username: What L{ephemeralUsername} returned.
    """
    return b64encode(hmac.digest(secret, username.encode(), "sha1")).decode()


def ephemeralExpiry(username: str) -> int:
    """
    Return when an ephemeral USERNAME expires, seconds since 1970.

    @raise MalformedMessage: It does not begin with an expiry.
    """
    digits = username.partition(":")[0]
    if not digits.isascii() or not digits.isdigit() or len(digits) > EXPIRY_DIGITS:
        raise MalformedMessage("not an ephemeral username")
    return int(digits)


def ephemeralUser(username: str) -> str:
    """Return whom an ephemeral USERNAME is for; all of it where that is not said."""
    return username.partition(":")[2] or username
