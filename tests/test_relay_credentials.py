"""Whom the relay knows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.relay.credentials import SECRETS_LIMIT, USERS_LIMIT, Credential, CredentialStore
from gamenet.wire.password_algorithms import MD5, SHA256, PasswordAlgorithm
from gamenet.wire.turn_credentials import ephemeralPassword, longTermKey, userHash

_REALM = "gamenet"
_SECRET = b"a shared secret"
_OLD_SECRET = b"the secret before"
_WALL = 1_700_000_000.0
_NAME = "1700000060:alice"
_USERS = (("anna", "correct horse"), ("bert", "battery staple"))


class Signature:
    """
    A signature that one key made.

    @ivar tried: The keys that it was held against.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.tried: list[bytes] = []

    def isSigned(self, key: bytes) -> bool:
        """Tell whether it was this key."""
        self.tried.append(key)
        return key == self._key


def _key(
    name: str, password: str, algorithm: PasswordAlgorithm = MD5, realm: str = _REALM
) -> bytes:
    return longTermKey(name, realm, password, algorithm)


def _ephemeralKey(
    secret: bytes, name: str = _NAME, algorithm: PasswordAlgorithm = MD5
) -> bytes:
    return _key(name, ephemeralPassword(secret, name), algorithm)


def _credentialOf(name: str, user: str, password: str) -> Credential:
    return Credential(name, user, _key(name, password), _key(name, password, SHA256))


class FindTests(SynchronousTestCase):
    """"Credentials": who signed a request."""

    def setUp(self) -> None:
        self.store = CredentialStore((_SECRET, _OLD_SECRET), _USERS, _REALM)

    def find(
        self,
        key: bytes,
        name: bytes | None = _NAME.encode(),
        name_hash: bytes | None = None,
        algorithm: PasswordAlgorithm = MD5,
        wall_now: float = _WALL,
        known: Credential | None = None,
    ) -> Credential | None:
        """Return whose signature a key made."""
        signature = Signature(key)
        hashed = name is None
        text = name_hash if name is None else name
        assert text is not None
        found = self.store.find(
            text, hashed, algorithm, wall_now, signature.isSigned, known
        )
        self.tried = signature.tried
        return found

    def test_everySecret(self) -> None:
        """"several secrets at once for rotation": any of them, with either algorithm."""
        for secret in (_SECRET, _OLD_SECRET):
            for algorithm in (MD5, SHA256):
                found = self.find(
                    _ephemeralKey(secret, _NAME, algorithm), algorithm=algorithm
                )
                password = ephemeralPassword(secret, _NAME)
                self.assertEqual(found, _credentialOf(_NAME, "alice", password))
                other = MD5 if algorithm is SHA256 else SHA256
                wrong = _ephemeralKey(secret, _NAME, other)
                self.assertIsNone(self.find(wrong, algorithm=algorithm))

    def test_static(self) -> None:
        """"static long-term users": by name and by hash, with either algorithm."""
        for name, password in _USERS:
            for algorithm in (MD5, SHA256):
                key = _key(name, password, algorithm)
                expected = _credentialOf(name, name, password)
                self.assertEqual(self.find(key, name.encode(), None, algorithm), expected)
                name_hash = userHash(name, _REALM)
                self.assertEqual(self.find(key, None, name_hash, algorithm), expected)
                for bad in (userHash(name, "other"), bytes(32), b""):
                    self.assertIsNone(self.find(key, None, bad, algorithm))

    def test_otherPassword(self) -> None:
        """Checklist "wrong password": one user's is not another's."""
        self.assertIsNone(self.find(_key("anna", "battery staple"), b"anna"))
        self.assertIsNone(self.find(_key("anna", "correct horse"), b"bert"))
        self.assertIsNone(self.find(_key("anna", "correct horse"), b"Anna"))

    def test_preparedUsers(self) -> None:
        """What an operator types is prepared (RFC 8265); what clients send has to be."""
        self.store = CredentialStore((), (("e\u0301va", "a\u3000b"),), _REALM)
        key = _key("\u00e9va", "a b")
        found = self.find(key, "\u00e9va".encode())
        self.assertEqual(found, _credentialOf("\u00e9va", "\u00e9va", "a b"))
        self.assertIsNone(self.find(key, "e\u0301va".encode()))

    def test_noEphemeralHash(self) -> None:
        """An ephemeral name cannot be found by its hash."""
        key = _ephemeralKey(_SECRET)
        self.assertIsNone(self.find(key, None, userHash(_NAME, _REALM)))

    def test_expiry(self) -> None:
        """Checklist "expired REST timestamp": good through the second it names."""
        key = _ephemeralKey(_SECRET)
        self.assertIsNotNone(self.find(key, wall_now=_WALL + 60.0))
        self.assertIsNone(self.find(key, wall_now=_WALL + 60.1))

    def test_noExpiry(self) -> None:
        """A name that tells no expiry is nobody's, whoever knows the secret."""
        for name in ("alice", ":alice", "", "\u0661:alice", "-1:alice"):
            key = _ephemeralKey(_SECRET, name)
            for wall_now in (_WALL, 0.0, -2.0):
                self.assertIsNone(self.find(key, name.encode(), wall_now=wall_now), name)

    def test_notUtf8(self) -> None:
        """Hostile usernames: bytes that are no text are nobody's."""
        for secret in (_SECRET, _OLD_SECRET):
            for name in (b"\xff\xfe", b"1700000060:\xc3", b"\xed\xa0\x80"):
                self.assertIsNone(self.find(_ephemeralKey(secret, ""), name))

    def test_nobodysKey(self) -> None:
        """What is tried only for the work proves nobody."""
        known = _credentialOf(_NAME, "alice", "x")
        for name, name_hash in ((b"nobody", None), (None, bytes(32))):
            self.assertIsNone(self.find(bytes(16), name, name_hash, known=known))

    def test_known(self) -> None:
        """"may be refreshed whatever the time stamp or a rotated secret says"."""
        forgotten = ephemeralPassword(b"a secret that is no more", _NAME)
        known = _credentialOf(_NAME, "alice", forgotten)
        late = _WALL + 86_400.0
        for algorithm in (MD5, SHA256):
            key = _key(_NAME, forgotten, algorithm)
            self.assertIsNone(self.find(key, algorithm=algorithm))
            for name, name_hash in (
                (_NAME.encode(), None),
                (None, userHash(_NAME, _REALM)),
            ):
                found = self.find(key, name, name_hash, algorithm, late, known)
                self.assertIs(found, known)
            for name, name_hash in (
                (b"1700000060:bob", None),
                (b"anna", None),
                (None, userHash("anna", _REALM)),
                (None, b""),
            ):
                self.assertIsNone(self.find(key, name, name_hash, algorithm, late, known))
            other = MD5 if algorithm is SHA256 else SHA256
            wrong = _key(_NAME, forgotten, other)
            self.assertIsNone(
                self.find(wrong, algorithm=algorithm, wall_now=late, known=known)
            )

    def test_knownAndOthers(self) -> None:
        """Where there is an allocation, others than its owner are proven as ever (441 then)."""
        known = _credentialOf(_NAME, "alice", "x")
        password = ephemeralPassword(_SECRET, _NAME)
        found = self.find(_ephemeralKey(_SECRET), known=known)
        self.assertEqual(found, _credentialOf(_NAME, "alice", password))
        found = self.find(_key("anna", "correct horse"), b"anna", known=known)
        self.assertEqual(found, _credentialOf("anna", "anna", "correct horse"))

    def test_sameWork(self) -> None:
        """Checklist "unknown user (same reply/time)": as many keys are tried for each."""
        known = _credentialOf(_NAME, "alice", "x")
        names = (
            _NAME.encode(), b"1:expired", b"anna", b"nobody", b"", b"\xff", b"x" * 508,
            b"1700000060:bob",
        )
        for owner, more in ((None, 0), (known, 1)):
            for name in names:
                self.assertIsNone(self.find(b"no key", name, known=owner))
                self.assertEqual(len(self.tried), 3 + more, name)
            for name_hash in (userHash("anna", _REALM), bytes(32), userHash(_NAME, _REALM)):
                self.assertIsNone(self.find(b"no key", None, name_hash, known=owner))
                self.assertEqual(len(self.tried), 1 + more)
        self.assertIsNone(self.find(_ephemeralKey(_SECRET), wall_now=_WALL + 61.0))
        self.assertEqual(len(self.tried), 3)

    @given(st.binary(max_size=60), st.binary(max_size=40), st.booleans())
    @settings(deadline=None, max_examples=100)
    def test_arbitraryNames(self, name: bytes, key: bytes, by_hash: bool) -> None:
        """"Bad input": whatever stands for a name, nobody is proven and nothing raised."""
        pair = (None, name) if by_hash else (name, None)
        self.assertIsNone(self.find(key, *pair))
        self.assertEqual(len(self.tried), 1 if by_hash else 3)


class SettingTests(SynchronousTestCase):
    """What a store may be made of."""

    def refuse(
        self, secrets: tuple[bytes, ...], users: tuple[tuple[str, str], ...], says: str
    ) -> None:
        """Assert that a store is refused by name."""
        error = self.assertRaises(BadSetting, CredentialStore, secrets, users, _REALM)
        self.assertIn(says, str(error))
        for secret in secrets:
            self.assertTrue(not secret or secret.decode() not in str(error))
        for _, password in users:
            self.assertTrue(len(password) < 4 or password not in str(error))

    def test_refused(self) -> None:
        """What cannot be is refused by name, and no credential is in the text."""
        self.refuse((), (), "at least one secret or one user")
        self.refuse((_SECRET, b""), (), "empty")
        self.refuse((), (("anna", "hunter2"), ("bert", "hunter2"), ("anna", "hunter3")), "'anna'")
        self.refuse((), (("e\u0301", "hunter2"), ("\u00e9", "hunter3")), "two users")
        self.refuse((), (("", "hunter2"),), "''")
        self.refuse((), (("anna", ""),), "'anna'")
        self.refuse((), (("anna", "hunter\n2"),), "'anna'")
        self.refuse((), (("an\nna", "hunter2"),), "'an\\nna'")
        self.refuse((), (("x" * 509, "hunter2"),), "508")
        self.refuse((), (("\u00e9" * 255, "hunter2"),), "508")

    def test_longestName(self) -> None:
        """RFC 8489, section 14.3: 508 bytes."""
        name = "\u00e9" * 254
        store = CredentialStore((), ((name, "p"),), _REALM)
        signature = Signature(_key(name, "p"))
        found = store.find(name.encode(), False, MD5, _WALL, signature.isSigned)
        self.assertEqual(found, _credentialOf(name, name, "p"))

    def test_limits(self) -> None:
        """No more secrets and users than the limits."""
        secrets = tuple(b"s%d" % number for number in range(SECRETS_LIMIT + 1))
        self.assertEqual(len(CredentialStore(secrets[1:], (), _REALM).secrets), 8)
        self.refuse(secrets, (), "at most 8 secrets")
        users = (("a", "b"),) * (USERS_LIMIT + 1)
        self.refuse((), users, "10000 users")
        # One fewer is looked at, and so the second of them is seen to be the first again.
        self.refuse((), users[1:], "two users")

    def test_anonymous(self) -> None:
        """USERHASH can be asked for only where every name can be found by it."""
        for secrets, users, anonymous in (
            ((_SECRET,), (), False),
            ((_SECRET,), _USERS, False),
            ((), _USERS, True),
        ):
            store = CredentialStore(secrets, users, _REALM)
            self.assertIs(store.anonymous, anonymous)

    def test_noUsers(self) -> None:
        """Where there are no users, none is looked for; where no secrets, none is tried."""
        for secrets, users, tried in (((_SECRET,), (), 1), ((), _USERS, 1)):
            store = CredentialStore(secrets, users, _REALM)
            signature = Signature(b"no key")
            self.assertIsNone(store.find(b"anna", False, MD5, _WALL, signature.isSigned))
            self.assertEqual(len(signature.tried), tried)
        store = CredentialStore((_SECRET,), (), _REALM)
        signature = Signature(b"no key")
        name_hash = userHash("anna", _REALM)
        self.assertIsNone(store.find(name_hash, True, MD5, _WALL, signature.isSigned))
        self.assertEqual(signature.tried, [])

    def test_nothingIsShown(self) -> None:
        """"no credential in any repr": neither secrets nor passwords nor keys."""
        store = CredentialStore((_SECRET,), _USERS, _REALM)
        self.assertEqual(repr(store), "CredentialStore(realm='gamenet')")
        credential = _credentialOf("anna", "anna", "correct horse")
        self.assertEqual(repr(credential), "Credential(username='anna', user='anna')")
        self.assertEqual(credential.keyOf(MD5), credential.md5_key)
        self.assertEqual(credential.keyOf(SHA256), credential.sha256_key)
