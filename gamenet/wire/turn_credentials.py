"""
TURN credentials: the key of the long-term mechanism (RFC 8489, section 9.2.2)
and ephemeral ones, made from a secret that the issuer shares with the relay
("A REST API for Access to TURN Services", draft-uberti-behave-turn-rest), which
every WebRTC stack and coturn's C{use-auth-secret} know.  The key is made with
MD5, or with SHA-256 where both sides know RFC 8489's password algorithms.

Everything is pure: the lobby makes them with it, the relay checks them.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import md5, sha256

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.password_algorithms import MD5, SHA256, PasswordAlgorithm

__all__ = [
    "EXPIRY_DIGITS",
    "ephemeralExpiry",
    "ephemeralPassword",
    "ephemeralUser",
    "ephemeralUsername",
    "longTermKey",
    "userHash",
]

#: Most digits of an expiry: ten last until the year 2286.
EXPIRY_DIGITS = 12


def longTermKey(
    username: str, realm: str, password: str, algorithm: PasswordAlgorithm = MD5
) -> bytes:
    """
    Return the key that signs under a long-term credential: 16 bytes by MD5,
    32 by SHA-256.

    Nothing is prepared: what people type has to be
    (L{gamenet.wire.opaque_string}) before it comes here, and the passwords of
    ephemeral credentials are ASCII anyway.

    @param username: The USERNAME.
    @param realm: The REALM, without quotes.
    @param password: The password.
    @param algorithm: L{MD5} or L{SHA256}.
    @raise LocalProtocolError: Another algorithm.
    """
    text = f"{username}:{realm}:{password}".encode()
    if algorithm == MD5:
        return md5(text, usedforsecurity=False).digest()
    if algorithm == SHA256:
        return sha256(text).digest()
    raise LocalProtocolError(f"no key is made by password algorithm {algorithm.number}")


def userHash(username: str, realm: str) -> bytes:
    """
    Return the 32 bytes of USERHASH, which stands for a USERNAME (RFC 8489, section 14.4).

    @param username: The USERNAME, prepared.
    @param realm: The REALM, without quotes.
    """
    return sha256(f"{username}:{realm}".encode()).digest()


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
