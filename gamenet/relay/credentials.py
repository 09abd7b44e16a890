"""
Whom the relay knows: the holders of ephemeral credentials, made from a secret
that is shared with an issuer, and the users that an operator wrote down.

Whoever is refused is refused after the same work, whether the name is unknown,
the password wrong or the credential expired.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest

from attrs import field, frozen

from gamenet.errors import BadSetting, MalformedMessage
from gamenet.wire.opaque_string import opaqueString
from gamenet.wire.password_algorithms import MD5, SHA256, PasswordAlgorithm
from gamenet.wire.stun_attributes import USERNAME_LIMIT
from gamenet.wire.turn_credentials import (
    ephemeralExpiry,
    ephemeralPassword,
    ephemeralUser,
    longTermKey,
    userHash,
)

__all__ = ["SECRETS_LIMIT", "USERS_LIMIT", "Credential", "CredentialStore"]

#: Most secrets at a time: each costs every wrong request two HMACs.
SECRETS_LIMIT = 8
#: Most users that an operator may write down.
USERS_LIMIT = 10_000

#: Checked in place of a key that does not exist, for the work; what it signs counts for nothing.
_NOBODYS_KEY = bytes(16)


@frozen
class Credential:
    """
    Who may ask the relay, and what they sign with.

    @ivar username: The USERNAME.
    @ivar user: Whom quotas count it for.
    @ivar md5_key: The key of whoever knows no password algorithms, 16 bytes.
    @ivar sha256_key: The key of whoever chose SHA-256, 32 bytes.
    """

    username: str
    user: str
    md5_key: bytes = field(repr=False)
    sha256_key: bytes = field(repr=False)

    def keyOf(self, algorithm: PasswordAlgorithm) -> bytes:
        """Return the key that a password algorithm makes: that of MD5, unless it is SHA-256."""
        return self.sha256_key if algorithm == SHA256 else self.md5_key


@frozen(init=False)
class CredentialStore:
    """
    The secrets and the users of one relay.  It holds no password of a user,
    only the keys made of it.

    @ivar secrets: What is shared with the issuers of ephemeral credentials: any of
        them will do, so a secret can be replaced without a gap.
    @ivar realm: The realm that the keys are made for.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    realm: str
    _by_name: dict[bytes, Credential] = field(repr=False)
    _by_hash: dict[bytes, Credential] = field(repr=False)

    def __init__(
        self, secrets: tuple[bytes, ...], users: tuple[tuple[str, str], ...], realm: str
    ) -> None:
        """
        @param secrets: Up to L{SECRETS_LIMIT} secrets, none empty.
        @param users: Up to L{USERS_LIMIT} pairs of name and password; they
            are prepared here (L{gamenet.wire.opaque_string}).
        @param realm: The realm.
        @raise BadSetting: Neither a secret nor a user, too many of them, an
            empty secret, a name twice or too long, or a name or a password
            that cannot be prepared.  The text quotes no password and no secret.
        """
        if not secrets and not users:
            raise BadSetting("a relay needs at least one secret or one user")
        if len(secrets) > SECRETS_LIMIT or len(users) > USERS_LIMIT:
            raise BadSetting(
                f"at most {SECRETS_LIMIT} secrets and {USERS_LIMIT} users,"
                f" not {len(secrets)} and {len(users)}"
            )
        if not all(secrets):
            raise BadSetting("a secret must not be empty")
        by_name: dict[bytes, Credential] = {}
        for name, password in users:
            credential = _staticCredential(name, password, realm)
            encoded = credential.username.encode()
            if encoded in by_name:
                raise BadSetting(f"two users have the name {credential.username!r}")
            by_name[encoded] = credential
        by_hash = {userHash(known.username, realm): known for known in by_name.values()}
        self.__attrs_init__(tuple(secrets), realm, by_name, by_hash)

    @property
    def anonymous(self) -> bool:
        """
        Whether clients can be asked for USERHASH in place of USERNAME: only
        where no secret is shared, since an ephemeral name cannot be
        found by its hash.
        """
        return not self.secrets

    def find(
        self,
        name: bytes,
        hashed: bool,
        algorithm: PasswordAlgorithm,
        wall_now: float,
        isSigned: Callable[[bytes], bool],
        known: Credential | None = None,
    ) -> Credential | None:
        """
        Tell who signed a request.

        @param name: Its USERNAME or its USERHASH.
        @param hashed: Whether it is the USERHASH.
        @param algorithm: What makes the key: L{MD5} or L{SHA256}.
        @param wall_now: Seconds since 1970: for the expiry.
        @param isSigned: Tells whether the request is signed with a key.  How
            often it is called depends on the numbers of secrets and users and on
            whether there is C{known}, but for success on nothing else.
        @param known: A credential that is good whatever its expiry, and
            whether or not it is still in the store.
        @return: C{None} where nobody who is known did.
        """
        if known is not None and self._isOf(known, name, hashed, algorithm, isSigned):
            return known
        if hashed:
            return self._proven(self._by_hash.get(name), algorithm, isSigned)
        static = self._proven(self._by_name.get(name), algorithm, isSigned)
        ephemeral = self._ephemeral(name, algorithm, wall_now, isSigned)
        return static or ephemeral

    def _isOf(
        self,
        known: Credential,
        name: bytes,
        hashed: bool,
        algorithm: PasswordAlgorithm,
        isSigned: Callable[[bytes], bool],
    ) -> bool:
        username = known.username
        own = userHash(username, self.realm) if hashed else username.encode()
        return isSigned(known.keyOf(algorithm)) and compare_digest(name, own)

    def _proven(
        self,
        static: Credential | None,
        algorithm: PasswordAlgorithm,
        isSigned: Callable[[bytes], bool],
    ) -> Credential | None:
        if not self._by_name:
            return None
        key = _NOBODYS_KEY if static is None else static.keyOf(algorithm)
        return static if isSigned(key) else None

    def _ephemeral(
        self,
        name: bytes,
        algorithm: PasswordAlgorithm,
        wall_now: float,
        isSigned: Callable[[bytes], bool],
    ) -> Credential | None:
        expires: int | None = None
        username = ""
        try:
            username = name.decode()
            expires = ephemeralExpiry(username)
        except (UnicodeDecodeError, MalformedMessage):
            pass
        found: str | None = None
        for secret in self.secrets:
            password = ephemeralPassword(secret, username)
            if isSigned(longTermKey(username, self.realm, password, algorithm)):
                found = password
        if found is None or expires is None or expires < wall_now:
            return None
        return _credential(username, ephemeralUser(username), self.realm, found)


def _staticCredential(name: str, password: str, realm: str) -> Credential:
    try:
        username = opaqueString(name)
        prepared = opaqueString(password)
    except BadSetting as error:
        raise BadSetting(f"the user {name!r}: {error}") from None
    if len(username.encode()) > USERNAME_LIMIT:
        raise BadSetting(f"a user's name has more than {USERNAME_LIMIT} bytes")
    return _credential(username, username, realm, prepared)


def _credential(username: str, user: str, realm: str, password: str) -> Credential:
    md5_key = longTermKey(username, realm, password, MD5)
    sha256_key = longTermKey(username, realm, password, SHA256)
    return Credential(username, user, md5_key, sha256_key)
