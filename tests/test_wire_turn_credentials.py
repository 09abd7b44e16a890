"""TURN credentials: the long-term key, and credentials that expire."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import md5, sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.password_algorithms import MD5, SHA256, PasswordAlgorithm
from gamenet.wire.turn_credentials import (
    EXPIRY_DIGITS,
    ephemeralExpiry,
    ephemeralPassword,
    ephemeralUser,
    ephemeralUsername,
    longTermKey,
    userHash,
)


class CredentialTests(SynchronousTestCase):
    """Keys and passwords."""

    def test_longTermKey(self) -> None:
        """RFC 8489, section 9.2.2: MD5 over user, realm and password; its own example."""
        self.assertEqual(
            longTermKey("user", "realm", "pass").hex(), "8493fbc53ba582fb4c044c456bdc40eb"
        )
        self.assertEqual(
            longTermKey("\u30de", "r", "p"), md5("\u30de:r:p".encode()).digest()
        )

    def test_algorithms(self) -> None:
        """RFC 8489, section 18.5: MD5 by default, SHA-256, and nothing else."""
        for algorithm, digest in ((MD5, md5), (SHA256, sha256)):
            key = longTermKey("\u30de", "r", "p", algorithm)
            self.assertEqual(key, digest("\u30de:r:p".encode()).digest())
        for other in (PasswordAlgorithm(0), PasswordAlgorithm(3), PasswordAlgorithm(2, b"x")):
            self.assertRaises(LocalProtocolError, longTermKey, "u", "r", "p", other)

    def test_userHash(self) -> None:
        """RFC 8489, section 14.4, with the value of appendix B.1."""
        name = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
        self.assertEqual(
            userHash(name, "example.org").hex(),
            "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704",
        )
        self.assertNotEqual(userHash(name, "example.com"), userHash(name, "example.org"))

    def test_ephemeralPassword(self) -> None:
        """Base64 of HMAC-SHA1 over the username, as coturn's use-auth-secret has it."""
        password = ephemeralPassword(b"topsecret", "1700000000:alice")
        digest = hmac.new(b"topsecret", b"1700000000:alice", "sha1").digest()
        self.assertEqual(password, b64encode(digest).decode())
        self.assertEqual(len(password), 28)
        self.assertNotEqual(password, ephemeralPassword(b"topsecreT", "1700000000:alice"))

    def test_usernames(self) -> None:
        """The expiry stands before the first colon, the user behind it."""
        self.assertEqual(ephemeralUsername(1700000000, "alice"), "1700000000:alice")
        for username, expiry, user in (
            ("1700000000:alice", 1700000000, "alice"),
            ("12:a:b", 12, "a:b"),
            ("12", 12, "12"),
            ("12:", 12, "12:"),
            ("0:x", 0, "x"),
            ("9" * EXPIRY_DIGITS + ":x", 10**EXPIRY_DIGITS - 1, "x"),
        ):
            self.assertEqual(ephemeralExpiry(username), expiry)
            self.assertEqual(ephemeralUser(username), user)

    def test_noExpiry(self) -> None:
        """Names that do not begin with one are refused, however like digits they look."""
        for username in (
            "",
            ":alice",
            "alice",
            "-1:alice",
            "+1:alice",
            " 1:alice",
            "1 :alice",
            "1_0:alice",
            "0x10:alice",
            "\u0661:alice",
            "\u00b2:alice",
            "1" * (EXPIRY_DIGITS + 1) + ":alice",
            "1" * 5000,
        ):
            self.assertRaises(MalformedMessage, ephemeralExpiry, username)

    def test_ours(self) -> None:
        """An expiry that no relay would read is our own mistake."""
        for expiry in (-1, 10**EXPIRY_DIGITS):
            self.assertRaises(LocalProtocolError, ephemeralUsername, expiry, "x")
        self.assertEqual(ephemeralExpiry(ephemeralUsername(10**EXPIRY_DIGITS - 1, "x")),
                         10**EXPIRY_DIGITS - 1)
        self.assertEqual(ephemeralUsername(0, ""), "0:")
        self.assertEqual(EXPIRY_DIGITS, 12)

    @given(st.integers(0, 10**EXPIRY_DIGITS - 1), st.text(min_size=1, max_size=20))
    @settings(deadline=None, max_examples=50)
    def test_roundTrip(self, expiry: int, user: str) -> None:
        """What is put into a username is read from it."""
        username = ephemeralUsername(expiry, user)
        self.assertEqual((ephemeralExpiry(username), ephemeralUser(username)), (expiry, user))
