"""
The client's side of the long-term credential mechanism (RFC 8489, section 9.2).

Everything is pure.  A relay's challenge says how the next requests are to be
signed; what a request was signed with says which answers to it are believed.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field, frozen

from gamenet.errors import MalformedMessage
from gamenet.wire.password_algorithms import (
    ANONYMITY_FEATURE,
    MD5,
    PASSWORD_ALGORITHMS_FEATURE,
    SHA256,
    PasswordAlgorithm,
    decodeNonceCookie,
    decodePasswordAlgorithms,
    encodePasswordAlgorithm,
)
from gamenet.wire.stun import Integrity, MessageClass, StunMessage, encode, verifyIntegrity
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    STALE_NONCE,
    UNAUTHENTICATED,
    USERHASH,
    USERNAME,
    ErrorCode,
    decodeErrorCode,
)
from gamenet.wire.turn_credentials import longTermKey, userHash

__all__ = ["Attributes", "ClientCredential", "Signing", "errorOf", "isBelievable"]

Attributes: TypeAlias = tuple[tuple[int, bytes], ...]

#: What a server must refuse with without a signature (section 9.2.4).
_UNSIGNED = (UNAUTHENTICATED, STALE_NONCE)
#: Most bytes of a REALM or a NONCE (sections 14.9 and 14.10).
_LONGEST = 763


@frozen
class Signing:
    """
    How requests are signed since a challenge.

    @ivar realm: The REALM.
    @ivar key: What signs.
    @ivar integrity: With which hash.
    @ivar attributes: What is added to every request.
    """

    realm: bytes
    key: bytes = field(repr=False)
    integrity: Integrity
    attributes: Attributes = field(repr=False)


@define(eq=False)
class ClientCredential:
    """
    A username and its password, and what a relay wants to be done with them.

    @ivar username: The USERNAME.
    @ivar anonymous: Hide it where the relay says that it finds it by its hash.
    @ivar signing: How to sign; C{None} before the first challenge.
    """

    username: str
    _password: str = field(repr=False)
    anonymous: bool = True
    signing: Signing | None = field(init=False, default=None)

    def sign(self, method: int, transaction_id: bytes, attributes: Attributes) -> bytes:
        """
        Return a request as bytes, signed as soon as it is known how.

        @raise gamenet.errors.LocalProtocolError: It does not fit in a message.
        """
        signing = self.signing
        if signing is None:
            return encode(
                StunMessage(method, MessageClass.REQUEST, transaction_id, attributes)
            )
        signed = (*attributes, *signing.attributes)
        message = StunMessage(method, MessageClass.REQUEST, transaction_id, signed)
        return encode(message, signing.key, integrity=signing.integrity)

    def takeChallenge(self, answer: StunMessage) -> None:
        """
        Sign as an answer wants it from now on.

        The algorithm is the first of those offered that is known here.  A relay that
        offers any wants nothing but MESSAGE-INTEGRITY-SHA256 (section 9.2.5).

        @param answer: A 401 or 438; the realm may be left out where it is known.
        @raise MalformedMessage: It lacks something, offers what nobody here knows, or
            somebody took the offer out of it.  Nothing is changed then.
        """
        known = None if self.signing is None else self.signing.realm
        realm = answer.first(REALM) or known
        nonce = answer.first(NONCE)
        if realm is None or not nonce or max(len(realm), len(nonce)) > _LONGEST:
            raise MalformedMessage("a challenge without a REALM or NONCE that can be used")
        try:
            text = realm.decode()
        except UnicodeDecodeError:
            raise MalformedMessage("a REALM that is not UTF-8") from None
        features = decodeNonceCookie(nonce) or 0
        offered = answer.first(PASSWORD_ALGORITHMS)
        if offered is None and features & PASSWORD_ALGORITHMS_FEATURE:
            raise MalformedMessage("a challenge whose PASSWORD-ALGORITHMS were taken out")
        name = (USERNAME, self.username.encode())
        if self.anonymous and features & ANONYMITY_FEATURE:
            name = (USERHASH, userHash(self.username, text))
        attributes: Attributes = (name, (REALM, realm), (NONCE, nonce))
        algorithm, integrity = MD5, Integrity.SHA1
        if offered is not None:
            algorithm, integrity = _chosen(offered), Integrity.SHA256
            attributes += (
                (PASSWORD_ALGORITHMS, offered),
                (PASSWORD_ALGORITHM, encodePasswordAlgorithm(algorithm)),
            )
        key = longTermKey(self.username, text, self._password, algorithm)
        self.signing = Signing(realm, key, integrity, attributes)


def isBelievable(signing: Signing | None, answer: StunMessage) -> bool:
    """
    Tell whether the relay sent an answer: signed as the request was, unless that was
    not, or it is a refusal that never is (section 9.2.5).

    @param signing: How the request was signed.
    @param answer: A success or an error.
    """
    if signing is None:
        return not _isStripped(answer) or _isUnsignedRefusal(answer)
    if answer.integrity is None and answer.integrity_sha256 is None:
        return _isUnsignedRefusal(answer)
    return verifyIntegrity(answer, signing.key, signing.integrity) and not _isStripped(answer)


def errorOf(answer: StunMessage) -> ErrorCode:
    """
    Return what an error answer says.

    @raise MalformedMessage: It has no ERROR-CODE that can be read.
    """
    value = answer.first(ERROR_CODE)
    if value is None:
        raise MalformedMessage("an error answer without ERROR-CODE")
    return decodeErrorCode(value)


def _chosen(offered: bytes) -> PasswordAlgorithm:
    for algorithm in decodePasswordAlgorithms(offered):
        if algorithm in (SHA256, MD5):
            return algorithm
    raise MalformedMessage("a challenge with no PASSWORD-ALGORITHMS that are known here")


def _isStripped(answer: StunMessage) -> bool:
    """Tell whether the nonce says that algorithms are offered, and they are not."""
    features = decodeNonceCookie(answer.first(NONCE) or b"") or 0
    offers = features & PASSWORD_ALGORITHMS_FEATURE
    return bool(offers) and answer.first(PASSWORD_ALGORITHMS) is None


def _isUnsignedRefusal(answer: StunMessage) -> bool:
    if answer.message_class is not MessageClass.ERROR:
        return False
    try:
        return errorOf(answer).code in _UNSIGNED
    except MalformedMessage:
        return False
