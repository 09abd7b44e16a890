"""
Which streams to a lobby are allowed without saying so.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.endpoints import quoteStringArgument
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import InsecureConnection
from gamenet.lobby.endpoint_security import requireSecure

SECURE = (
    "tls:lobby.example.org:7770",
    "TLS:lobby.example.org:7770",
    "ssl:host=lobby.example.org:port=7770",
    "unix:/run/lobby",
    "tcp:127.0.0.1:7770",
    "tcp:127.8.9.1:7770:timeout=3",
    "tcp:localhost:7770",
    "tcp:LocalHost:7770",
    "tcp:port=7770:host=localhost",
    "tcp:host=127.0.0.1:port=7770",
    r"tcp:\:\:1:7770",
    r"tcp:host=\:\:1:port=7770",
)

INSECURE = (
    "tcp:lobby.example.org:7770",
    "tcp:198.51.100.1:7770",
    "tcp:localhost.example.org:7770",
    "tcp:127.0.0.1.example.org:7770",
    "tcp:host=lobby.example.org:port=7770",
    "tcp:port=7770:host=lobby.example.org",
    "tcp:localhost:7770:host=lobby.example.org",
    "tcp:host=localhost:port=7770:host=lobby.example.org",
    "tcp:7770:127.0.0.1",
    r"tcp:\:\:2:7770",
    "tcp:",
    "tcp",
    "",
    "haproxy:tcp:127.0.0.1:7770",
    "tcp6:127.0.0.1:7770",
    "stcp:127.0.0.1:7770",
)


class RequireSecureTests(SynchronousTestCase):
    """L{requireSecure}."""

    def test_secure(self) -> None:
        """TLS, and what stays on this machine."""
        for description in SECURE:
            requireSecure(description)

    def test_insecure(self) -> None:
        """Plain TCP elsewhere, and whatever is not known, is refused by name..."""
        for description in INSECURE:
            with self.assertRaises(InsecureConnection, msg=description) as caught:
                requireSecure(description)
            self.assertIn("insecure=True", str(caught.exception))

    def test_insecureOnPurpose(self) -> None:
        """...unless the caller says so."""
        for description in INSECURE:
            requireSecure(description, insecure=True)

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=20))
    @example("\\")
    @example("localhost\\")
    def test_quotedHosts(self, host: str) -> None:
        """No quoting makes another host look like loopback."""
        description = f"tcp:{quoteStringArgument(host)}:7770"
        try:
            requireSecure(description)
        except InsecureConnection:
            self.assertNotIn(host, ("localhost", "127.0.0.1", "::1"))
        else:
            self.assertIn(host.lower(), ("localhost", "127.0.0.1", "::1"))
