"""
Who sends a request: the long-term credential mechanism of RFC 8489, section
9.2.4, on the server's side, with its password algorithms, its USERHASH and its
nonce cookie.

A wrong password, an unknown user and an expired credential get the same answer
after the same work.  An allocation remembers the credential it was made with,
so a match outlives its credentials and a change of the secrets.
"""

from __future__ import annotations

from attrs import define, field, frozen

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.relay.credentials import Credential, CredentialStore
from gamenet.relay.nonce import NonceMint
from gamenet.wire.password_algorithms import (
    ANONYMITY_FEATURE,
    MD5,
    PASSWORD_ALGORITHMS_FEATURE,
    SHA256,
    PasswordAlgorithm,
    decodePasswordAlgorithm,
    encodePasswordAlgorithms,
)
from gamenet.wire.stun import Integrity, StunMessage, verifyIntegrity
from gamenet.wire.stun_attributes import (
    BAD_REQUEST,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    QUOTED_LIMIT,
    REALM,
    STALE_NONCE,
    UNAUTHENTICATED,
    USERHASH,
    USERHASH_LENGTH,
    USERNAME,
    USERNAME_LIMIT,
)

__all__ = ["OFFERED_ALGORITHMS", "Authenticator", "Credential", "Refusal", "Sender"]

Attributes = tuple[tuple[int, bytes], ...]

#: What clients may make their key with, the best first.
OFFERED_ALGORITHMS = (SHA256, MD5)

_OFFER = encodePasswordAlgorithms(OFFERED_ALGORITHMS)


@frozen
class Sender:
    """
    Who sent a request, proven.

    @ivar credential: Theirs; an allocation keeps it.
    @ivar key: What signs the answer.
    @ivar integrity: How it does.
    """

    credential: Credential
    key: bytes = field(repr=False)
    integrity: Integrity

    @property
    def user(self) -> str:
        """Whom quotas count it for."""
        return self.credential.user


@frozen
class Refusal:
    """
    Why a request is refused.

    @ivar code: The STUN error code.
    @ivar key: What signs the answer; C{None} where nobody proved who they are.
    @ivar integrity: How it does.
    @ivar unknown_attributes: With 420, the types that were not understood.
    """

    code: int
    key: bytes | None = field(default=None, repr=False)
    integrity: Integrity = Integrity.SHA1
    unknown_attributes: tuple[int, ...] = ()


@define
class Authenticator:
    """
    Checks requests against the credentials.

    @ivar credentials: Whom it knows.
    @ivar nonces: Makes and knows the nonces.
    """

    credentials: CredentialStore
    nonces: NonceMint

    @property
    def realm(self) -> str:
        """The realm that clients are told."""
        return self.credentials.realm

    def reload(
        self, secrets: tuple[bytes, ...], users: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """
        Replace the secrets and the users.  What allocations were made with
        stays good for them.

        @param secrets: As for L{CredentialStore}.
        @param users: As for L{CredentialStore}.
        @raise BadSetting: They cannot be; the old ones stay.
        """
        self.credentials = CredentialStore(secrets, users, self.realm)

    def challenge(self, client: Address, now: float, rich: bool) -> Attributes:
        """
        Return what a 401 or a 438 carries: REALM and a new NONCE.

        Without C{rich} a client can only do what RFC 5389 has: whoever can
        shorten its first request can keep it from better.  An answer that may
        not be longer cannot say more.

        @param client: Whom it is sent to.
        @param now: Seconds, monotonic.
        @param rich: Whether the nonce begins with the nonce cookie and
            PASSWORD-ALGORITHMS is there, 28 bytes more.
        """
        realm = (REALM, self.realm.encode())
        if not rich:
            return realm, (NONCE, self.nonces.issue(client, now))
        features = PASSWORD_ALGORITHMS_FEATURE
        if self.credentials.anonymous:
            features |= ANONYMITY_FEATURE
        nonce = self.nonces.issue(client, now, features)
        return realm, (NONCE, nonce), (PASSWORD_ALGORITHMS, _OFFER)

    def check(
        self,
        request: StunMessage,
        client: Address,
        now: float,
        wall_now: float,
        known: Credential | None = None,
    ) -> Sender | Refusal:
        """
        Tell who sent a request: the checks of section 9.2.4 in its order.

        @param request: A decoded request.
        @param client: Where it came from.
        @param now: Seconds, monotonic: for the nonce.
        @param wall_now: Seconds since 1970: for the credential's expiry.
        @param known: The credential of the allocation that the client has; it
            stays good whatever its expiry, and whatever was reloaded.
        @return: For the answer too: a 401 or a 438 takes a L{challenge}.
        """
        if request.integrity is None and request.integrity_sha256 is None:
            return Refusal(UNAUTHENTICATED)
        realm = request.first(REALM)
        nonce = request.first(NONCE)
        if realm is None or nonce is None:
            return Refusal(BAD_REQUEST)
        if len(realm) > QUOTED_LIMIT or len(nonce) > QUOTED_LIMIT:
            return Refusal(BAD_REQUEST)
        try:
            name, hashed = _identity(request)
            chosen = _chosenAlgorithm(request)
        except MalformedMessage:
            return Refusal(BAD_REQUEST)
        algorithm = chosen or MD5
        signature = Integrity.SHA1 if request.integrity_sha256 is None else Integrity.SHA256

        def isSigned(key: bytes) -> bool:
            return verifyIntegrity(request, key, signature)

        credential = self.credentials.find(
            name, hashed, algorithm, wall_now, isSigned, known
        )
        if credential is None or realm != self.realm.encode():
            return Refusal(UNAUTHENTICATED)
        key = credential.keyOf(algorithm)
        answered = Integrity.SHA1 if chosen is None else Integrity.SHA256
        if not self.nonces.isFresh(nonce, client, now):
            return Refusal(STALE_NONCE, key, answered)
        return Sender(credential, key, answered)


def _identity(request: StunMessage) -> tuple[bytes, bool]:
    """
    Return the USERNAME, or without one the USERHASH, and whether it is that.

    @raise MalformedMessage: Neither, or one of another size than it may have.
    """
    name = request.first(USERNAME)
    if name is not None and len(name) <= USERNAME_LIMIT:
        return name, False
    name_hash = request.first(USERHASH)
    if name is None and name_hash is not None and len(name_hash) == USERHASH_LENGTH:
        return name_hash, True
    raise MalformedMessage("neither a USERNAME nor a USERHASH")


def _chosenAlgorithm(request: StunMessage) -> PasswordAlgorithm | None:
    """
    Return which algorithm makes the key, C{None} where the client knows of none.

    What it says it was offered has to be what is always offered, with any
    nonce: otherwise somebody on the way changed the offer.

    @raise MalformedMessage: One without the other, another offer, or an
        algorithm that was not offered.
    """
    offered = request.first(PASSWORD_ALGORITHMS)
    chosen = request.first(PASSWORD_ALGORITHM)
    if offered is None and chosen is None:
        return None
    if offered != _OFFER or chosen is None:
        raise MalformedMessage("another offer of password algorithms")
    algorithm = decodePasswordAlgorithm(chosen)
    if algorithm not in OFFERED_ALGORITHMS:
        raise MalformedMessage(f"password algorithm {algorithm.number} was not offered")
    return algorithm
