"""Who sends a request."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.authentication import Authenticator, Credential, Refusal
from gamenet.relay.nonce import NonceMint
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import NONCE, REALM, USERNAME
from gamenet.wire.turn_credentials import ephemeralPassword, longTermKey
from tests.relay_desk import CLIENT, REALM_TEXT, SECRET, signedRequest, usernameOf

_ID = bytes(range(12))
_NOW = 1000.0
_WALL = 1_700_000_000.0
_OLD_SECRET = b"the secret before"


class AuthenticatorTests(SynchronousTestCase):
    """RFC 8489, section 9.2.4."""

    def setUp(self) -> None:
        self.nonces = NonceMint(bytes(32))
        self.authenticator = Authenticator((SECRET, _OLD_SECRET), REALM_TEXT, self.nonces)
        self.nonce = self.nonces.issue(CLIENT, _NOW)

    def check(
        self,
        username: str,
        secret: bytes = SECRET,
        nonce: bytes | None = None,
        wall_now: float = _WALL,
        known: Credential | None = None,
        realm: str = REALM_TEXT,
    ) -> Credential | Refusal:
        """Check a request that is signed with these."""
        data = signedRequest(
            3, (), username, self.nonce if nonce is None else nonce, _ID, secret, realm
        )
        return self.authenticator.check(decode(data), CLIENT, _NOW, wall_now, known)

    def test_good(self) -> None:
        """A good credential is proven, and says whom it is for."""
        username = usernameOf("alice")
        key = longTermKey(username, REALM_TEXT, ephemeralPassword(SECRET, username))
        self.assertEqual(self.check(username), Credential(username, "alice", key))

    def test_everySecret(self) -> None:
        """Any of the secrets will do, so that they can be changed without a gap."""
        for secret in (SECRET, _OLD_SECRET):
            proven = self.check(usernameOf("alice"), secret)
            assert isinstance(proven, Credential)
            password = ephemeralPassword(secret, usernameOf("alice"))
            self.assertEqual(proven.key, longTermKey(proven.username, REALM_TEXT, password))

    def test_sameRefusal(self) -> None:
        """Wrong password, unknown user, expired: the same answer, which says nothing more."""
        refusals = [
            self.check(usernameOf("alice"), b"another secret"),
            self.check("alice"),
            self.check(""),
            self.check("\u0661:alice"),
            self.check(usernameOf("alice", -1.0)),
            self.check(usernameOf("alice", -1.0), b"another secret"),
            self.check("9" * 400 + ":alice"),
            self.check(usernameOf("alice"), realm="elsewhere"),
        ]
        self.assertEqual(refusals, [Refusal(401)] * len(refusals))

    def test_expiry(self) -> None:
        """"Expired credentials": good through the second they name."""
        username = usernameOf("alice", 60.0)
        self.assertIsInstance(self.check(username, wall_now=_WALL + 60.0), Credential)
        self.assertEqual(self.check(username, wall_now=_WALL + 60.1), Refusal(401))

    def test_hostileUsernames(self) -> None:
        """Hostile usernames are only names (coturn 8fa38032): proven where signed, else 401."""
        for user in ("%s%n", "a\nb", "a\0b", "\u202e", "x" * 490, "\U0001f3ae", "a:b:c", '"'):
            proven = self.check(usernameOf(user))
            assert isinstance(proven, Credential)
            self.assertEqual(proven.user, user)
            self.assertEqual(self.check(usernameOf(user), b"another"), Refusal(401))

    def test_notUtf8(self) -> None:
        """A username that is not UTF-8 is one that nobody knows."""
        attributes = ((USERNAME, b"\xff\xfe"), (REALM, b"gamenet"), (NONCE, self.nonce))
        message = StunMessage(3, MessageClass.REQUEST, _ID, attributes)
        for key in (b"key", longTermKey("", REALM_TEXT, ephemeralPassword(SECRET, ""))):
            request = decode(encode(message, key))
            self.assertEqual(
                self.authenticator.check(request, CLIENT, _NOW, _WALL), Refusal(401)
            )

    def test_challenge(self) -> None:
        """Without MESSAGE-INTEGRITY: 401, whatever else is there."""
        for attributes in (
            (),
            ((USERNAME, b"x"), (REALM, b"gamenet"), (NONCE, self.nonce)),
        ):
            request = decode(encode(StunMessage(3, MessageClass.REQUEST, _ID, attributes)))
            self.assertEqual(
                self.authenticator.check(request, CLIENT, _NOW, _WALL), Refusal(401)
            )

    def test_incomplete(self) -> None:
        """With MESSAGE-INTEGRITY, but without USERNAME, REALM or NONCE: 400."""
        whole = (
            (USERNAME, usernameOf("alice").encode()),
            (REALM, b"gamenet"),
            (NONCE, self.nonce),
        )
        key = longTermKey(
            usernameOf("alice"), REALM_TEXT, ephemeralPassword(SECRET, usernameOf("alice"))
        )
        for missing in range(3):
            attributes = whole[:missing] + whole[missing + 1 :]
            message = StunMessage(3, MessageClass.REQUEST, _ID, attributes)
            request = decode(encode(message, key))
            self.assertEqual(
                self.authenticator.check(request, CLIENT, _NOW, _WALL), Refusal(400)
            )

    def test_wrongRealm(self) -> None:
        """A request for another realm that is signed for ours proves nothing."""
        username = usernameOf("alice")
        key = longTermKey(username, REALM_TEXT, ephemeralPassword(SECRET, username))
        attributes = ((USERNAME, username.encode()), (REALM, b"other"), (NONCE, self.nonce))
        request = decode(encode(StunMessage(3, MessageClass.REQUEST, _ID, attributes), key))
        self.assertEqual(self.authenticator.check(request, CLIENT, _NOW, _WALL), Refusal(401))

    def test_staleNonce(self) -> None:
        """Stale, forged, or of another source: 438, signed for whoever proved who they are."""
        username = usernameOf("alice")
        key = longTermKey(username, REALM_TEXT, ephemeralPassword(SECRET, username))
        for nonce in (
            self.nonces.issue(CLIENT, _NOW - 600.0),
            self.nonces.issue(("198.51.100.8", 50000), _NOW),
            self.nonces.issue(("198.51.100.7", 50001), _NOW),
            b"",
            b"forged",
            bytes(128),
        ):
            refusal = self.check(username, nonce=nonce)
            self.assertEqual(refusal, Refusal(438, key))

    def test_staleNonceOfNobody(self) -> None:
        """A wrong password beside a stale nonce is 401: section 9.2.4."""
        stale = self.nonces.issue(CLIENT, _NOW - 600.0)
        self.assertEqual(self.check(usernameOf("a"), b"other", stale), Refusal(401))

    def test_outliving(self) -> None:
        """An allocation's own credential stays good, expired or with its secret gone."""
        username = usernameOf("alice", 60.0)
        forgotten = b"a secret that is no more"
        key = longTermKey(username, REALM_TEXT, ephemeralPassword(forgotten, username))
        known = Credential(username, "alice", key)
        late = _WALL + 86_400.0
        self.assertEqual(self.check(username, forgotten), Refusal(401))
        self.assertEqual(self.check(username, forgotten, wall_now=late, known=known), known)
        self.assertEqual(
            self.check(username, b"other", wall_now=late, known=known), Refusal(401)
        )
        other = usernameOf("bob", 60.0)
        self.assertEqual(
            self.check(other, forgotten, wall_now=late, known=known), Refusal(401)
        )

    def test_keysAreNotShown(self) -> None:
        """Neither keys nor secrets get into logs by way of repr."""
        proven = self.check(usernameOf("alice"))
        assert isinstance(proven, Credential)
        for shown in (proven, self.authenticator, Refusal(438, proven.key)):
            self.assertNotIn("key", repr(shown))
            self.assertNotIn("secret", repr(shown))
