"""
The URLs of STUN and TURN servers, read and refused (RFC 7064, RFC 7065).
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.turn_transport import Transport

WHO = ("ada", "secret word")


class GoodTests(SynchronousTestCase):
    """ICE servers: stun:, turn:, turns: URLs with credentials."""

    def test_examples(self) -> None:
        """The examples of RFC 7064 and RFC 7065 that gamenet can speak, and defaults of each."""
        for url, host, port, transport in (
            ("stun:example.org", "example.org", 3478, Transport.UDP),
            ("stun:example.org:8000", "example.org", 8000, Transport.UDP),
            ("turn:example.org", "example.org", 3478, Transport.UDP),
            ("turns:example.org", "example.org", 5349, Transport.TLS),
            ("turn:example.org:8000", "example.org", 8000, Transport.UDP),
            ("turn:example.org?transport=udp", "example.org", 3478, Transport.UDP),
            ("turn:example.org?transport=tcp", "example.org", 3478, Transport.TCP),
            ("turns:example.org?transport=tcp", "example.org", 5349, Transport.TLS),
            ("turn:192.0.2.1:1?transport=TCP", "192.0.2.1", 1, Transport.TCP),
            ("TURN:Example.ORG.:65535", "example.org", 65_535, Transport.UDP),
            ("stun:[2001:DB8:0::1]:3479", "2001:db8::1", 3479, Transport.UDP),
            ("turns:[::1]", "::1", 5349, Transport.TLS),
            ("stun:localhost", "localhost", 3478, Transport.UDP),
        ):
            who = () if url.lower().startswith("stun") else WHO
            server = IceServer.parse(url, *who)
            found = (server.host, server.port, server.transport)
            self.assertEqual(found, (host, port, transport), url)
            self.assertEqual((server.username, server.credential), who or ("", ""))
            self.assertEqual(server.relays, bool(who))
            self.assertEqual(IceServer.parse(str(server), *who), server)

    def test_text(self) -> None:
        """The text is the whole URL; no text shows the credential."""
        for url, text in (
            ("turn:[::1]", "turn:[::1]:3478?transport=udp"),
            ("turns:a.example", "turns:a.example:5349?transport=tcp"),
        ):
            server = IceServer.parse(url, *WHO)
            self.assertEqual(str(server), text)
            self.assertNotIn("secret", str(server) + repr(server))
        self.assertEqual(str(IceServer.parse("stun:a")), "stun:a:3478")

    def test_longest(self) -> None:
        """A username of 508 bytes and a credential of 763 are good; a byte more is not."""
        IceServer.parse("turn:a", "\u00fc" * 254, "x" * 763)
        self.assertRaises(BadSetting, IceServer.parse, "turn:a", "\u00fc" * 254 + "x", "x")
        self.assertRaises(BadSetting, IceServer.parse, "turn:a", "x", "x" * 764)
        name = ".".join(["x" * 63] * 3 + ["y" * 61])
        self.assertEqual(IceServer.parse(f"stun:{name}").host, name)
        self.assertRaises(BadSetting, IceServer.parse, f"stun:{name}z")
        self.assertRaises(BadSetting, IceServer.parse, f"stun:{'x' * 64}")


class BadTests(SynchronousTestCase):
    """Checked when given: BadSetting, by name."""

    def assertBad(self, text: str, *given: Any) -> None:
        error = self.assertRaises(BadSetting, IceServer.parse, *given)
        self.assertIn(text, str(error))
        self.assertNotIn("secret", str(error))

    def test_urls(self) -> None:
        """Each mistake in a URL is told as what it is."""
        for url, text in (
            ("", "must begin with stun:, turn: or turns:"),
            ("example.org", "must begin with"),
            ("example.org:3478", "must begin with"),
            ("http://example.org", "must begin with"),
            ("stuns:example.org", "must begin with"),
            (" turn:example.org", "must begin with"),
            ("turn:[::1", "must begin with"),
            ("turn:[::1]x", "must begin with"),
            ("turn:", "neither a name nor an address"),
            ("turn::3478", "neither a name nor an address"),
            ("turn://example.org", "no // follows"),
            ("turn:ada@example.org", "neither a name nor an address"),
            ("turn:example.org/path", "neither a name nor an address"),
            ("turn:example.org#here", "neither a name nor an address"),
            ("turn:ex ample.org", "neither a name nor an address"),
            ("turn:example..org", "neither a name nor an address"),
            ("turn:-example.org", "neither a name nor an address"),
            ("turn:b\u00fccher.example", "neither a name nor an address"),
            ("turn:example.org\n", "neither a name nor an address"),
            ("turn:192.0.2.256", "no IPv4 address"),
            ("turn:192.0.2", "no IPv4 address"),
            ("turn:192.0.02.1", "no IPv4 address"),
            ("turn:[192.0.2.1]", "no IPv6 address"),
            ("turn:[]", "no IPv6 address"),
            ("turn:[fe80::1%eth0]", "has no zone"),
            ("turn:example.org:", "the port must be a whole number"),
            ("turn:example.org:0", "the port must be a whole number"),
            ("turn:example.org:65536", "the port must be a whole number"),
            ("turn:example.org:+80", "the port must be a whole number"),
            ("turn:example.org:\u0668\u0660", "the port must be a whole number"),
            ("turn:example.org:80:80", "the port must be a whole number"),
            ("turn:2001:db8::1", "65535, and an IPv6 address stands in brackets"),
            ("turn:example.org?", "?transport=udp or ?transport=tcp"),
            ("turn:example.org?transport=tls", "?transport=udp or ?transport=tcp"),
            ("turn:example.org?transport=udp&ttl=5", "?transport=udp or ?transport=tcp"),
            ("turns:example.org?transport=udp", "not over DTLS"),
            ("x" * 513, "at most 512 characters"),
            ("x" * 512, "must begin with"),
            (b"turn:example.org", "must be a text"),
            (None, "must be a text"),
        ):
            self.assertBad(text, url, *WHO)
        self.assertBad("nothing follows the port", "stun:example.org?transport=udp")

    def test_credentials(self) -> None:
        """A relay needs both, a mirror takes none, and both must be typeable."""
        for url in ("turn:a", "turns:a"):
            self.assertBad("no username", url)
            self.assertBad("no username", url, "", "secret")
            self.assertBad("no credential", url, "ada")
            self.assertBad("the username must be a text", url, None, "secret")
            self.assertBad("the credential must be a text", url, "ada", b"secret")
            self.assertBad("the username is bad", url, "a\nb", "secret")
            self.assertBad("the credential is bad", url, "ada", "secret\x00")
            self.assertBad("the username has at most 508 bytes, not 509", url, "x" * 509, "secret")
            self.assertBad("credential has at most 763 bytes, not 800", url, "x", "secret78" * 100)
        self.assertBad("takes no username", "stun:a", "ada")
        self.assertBad("takes no credential", "stun:a", "", "secret")

    @settings(deadline=None, max_examples=300)
    @given(
        st.text(max_size=40)
        | st.from_regex(
            r"(stun|turns?):[a-z0-9.:\[\]%-]{0,20}(\?transport=(ud|tc)p)?", fullmatch=True
        ),
        st.sampled_from(["", "ada", "\x00"]),
        st.text(max_size=5),
    )
    def test_anyText(self, url: str, username: str, credential: str) -> None:
        """Whatever is given is a server whose text reads back as it, or L{BadSetting}."""
        try:
            server = IceServer.parse(url, username, credential)
        except BadSetting:
            return
        self.assertEqual(IceServer.parse(str(server), username, credential), server)
        self.assertEqual(server.relays, bool(username and credential))
        self.assertLessEqual(1, server.port)
