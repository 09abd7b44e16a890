"""
An authenticator, and a client that it hears.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.authentication import Authenticator, Credential, Refusal, Sender
from gamenet.relay.credentials import CredentialStore
from gamenet.relay.nonce import NonceMint
from gamenet.wire.password_algorithms import MD5, SHA256, PasswordAlgorithm
from gamenet.wire.stun import StunMessage
from gamenet.wire.turn_credentials import ephemeralUsername

__all__ = [
    "ALGORITHMS",
    "CLIENT",
    "NOW",
    "OLD_SECRET",
    "REALM_TEXT",
    "SECRET",
    "WALL",
    "AuthenticatorCase",
    "nameOf",
]

CLIENT: Address = ("198.51.100.7", 50000)
REALM_TEXT = "gamenet"
SECRET = b"a secret of lobby and relay"
OLD_SECRET = b"the secret before"
NOW = 1000.0
WALL = 1_700_000_000.0
#: What a client can choose: to know no algorithms, or one of two.
ALGORITHMS: tuple[PasswordAlgorithm | None, ...] = (None, MD5, SHA256)


def nameOf(user: str, seconds: float = 3600.0) -> str:
    """Return a username that expires so many seconds from now."""
    return ephemeralUsername(int(WALL + seconds), user)


class AuthenticatorCase(SynchronousTestCase):
    """An authenticator with two secrets and a user."""

    def setUp(self) -> None:
        self.nonces = NonceMint(bytes(32))
        users = (("anna", "correct horse"),)
        store = CredentialStore((SECRET, OLD_SECRET), users, REALM_TEXT)
        self.authenticator = Authenticator(store, self.nonces)
        self.rich = self.authenticator.challenge(CLIENT, NOW, True)
        self.plain = self.authenticator.challenge(CLIENT, NOW, False)

    def check(
        self,
        request: StunMessage,
        known: Credential | None = None,
        now: float = NOW,
        wall_now: float = WALL,
    ) -> Sender | Refusal:
        """Check a request of the client."""
        return self.authenticator.check(request, CLIENT, now, wall_now, known)

    def proven(self, request: StunMessage) -> Sender:
        """Check a request that is good."""
        sender = self.check(request)
        assert isinstance(sender, Sender), sender
        return sender
