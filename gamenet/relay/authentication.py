"""
Who sends a request: the long-term credential mechanism (RFC 8489, section 9.2)
over ephemeral credentials.

A wrong password, an unknown user and an expired credential get the same answer
after the same work.  An allocation remembers the key it was made with, so a
match outlives its credentials and a change of the secrets.
"""

from __future__ import annotations

from attrs import field, frozen

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.relay.nonce import NonceMint
from gamenet.wire.stun import StunMessage, verifyIntegrity
from gamenet.wire.stun_attributes import (
    BAD_REQUEST,
    NONCE,
    REALM,
    STALE_NONCE,
    UNAUTHENTICATED,
    USERNAME,
)
from gamenet.wire.turn_credentials import (
    ephemeralExpiry,
    ephemeralPassword,
    ephemeralUser,
    longTermKey,
)

__all__ = ["Authenticator", "Credential", "Refusal"]

_NOBODY = ""


@frozen
class Credential:
    """
    Who sent a request, proven.

    @ivar username: The USERNAME.
    @ivar user: Whom quotas count it for.
    @ivar key: What signed the request and signs the answer.
    """

    username: str
    user: str
    key: bytes = field(repr=False)


@frozen
class Refusal:
    """
    Why a request is refused.

    @ivar code: The STUN error code.
    @ivar key: What signs the answer; C{None} where nobody proved who they are.
    @ivar unknown_attributes: With 420, the types that were not understood.
    """

    code: int
    key: bytes | None = field(default=None, repr=False)
    unknown_attributes: tuple[int, ...] = ()


@frozen
class Authenticator:
    """
    Checks requests against the secrets.

    @ivar secrets: What is shared with the issuers of credentials: any of them
        will do, so a secret can be replaced without a gap.
    @ivar realm: The realm that clients are told.
    @ivar nonces: Makes and knows the nonces.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    realm: str
    nonces: NonceMint

    def check(
        self,
        request: StunMessage,
        client: Address,
        now: float,
        wall_now: float,
        known: Credential | None = None,
    ) -> Credential | Refusal:
        """
        Tell who sent a request.

        @param request: A decoded request.
        @param client: Where it came from.
        @param now: Seconds, monotonic: for the nonce.
        @param wall_now: Seconds since 1970: for the credential's expiry.
        @param known: The credential of the allocation that the client has; it
            stays good whatever its expiry.
        """
        if request.integrity is None:
            return Refusal(UNAUTHENTICATED)
        username = request.first(USERNAME)
        realm = request.first(REALM)
        nonce = request.first(NONCE)
        if username is None or realm is None or nonce is None:
            return Refusal(BAD_REQUEST)
        credential = self._signer(request, username, wall_now, known)
        if credential is None or realm != self.realm.encode():
            return Refusal(UNAUTHENTICATED)
        if not self.nonces.isFresh(nonce, client, now):
            return Refusal(STALE_NONCE, credential.key)
        return credential

    def _signer(
        self, request: StunMessage, username: bytes, wall_now: float, known: Credential | None
    ) -> Credential | None:
        try:
            name = username.decode()
            expires = ephemeralExpiry(name)
        except (UnicodeDecodeError, MalformedMessage):
            name = _NOBODY
            expires = -1
        found = None
        for secret in self.secrets:
            key = longTermKey(name, self.realm, ephemeralPassword(secret, name))
            if verifyIntegrity(request, key):
                found = key
        if known is not None and name == known.username and verifyIntegrity(request, known.key):
            return known
        if found is None or expires < wall_now:
            return None
        return Credential(name, ephemeralUser(name), found)
