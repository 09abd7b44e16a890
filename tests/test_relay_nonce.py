"""Nonces that nobody remembers."""

from __future__ import annotations

from base64 import urlsafe_b64decode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.nonce import NONCE_LENGTH, NonceMint

_KEY = bytes(range(32))
_CLIENT = ("198.51.100.7", 50000)


class NonceTests(SynchronousTestCase):
    """What a nonce is good for."""

    def setUp(self) -> None:
        self.mint = NonceMint(_KEY, 600.0)

    def test_life(self) -> None:
        """A nonce is fresh from its second on, until 600 s are over (438 then)."""
        nonce = self.mint.issue(_CLIENT, 1000.7)
        for now, fresh in (
            (999.9, False),
            (1000.0, True),
            (1000.7, True),
            (1599.9, True),
            (1600.0, False),
            (10_000.0, False),
        ):
            self.assertIs(self.mint.isFresh(nonce, _CLIENT, now), fresh, now)
        short = NonceMint(_KEY, 5.0)
        self.assertTrue(short.isFresh(nonce, _CLIENT, 1004.0))
        self.assertIs(short.isFresh(nonce, _CLIENT, 1005.0), False)

    def test_source(self) -> None:
        """A nonce of another source, host or port, is none ("nonce of another source")."""
        nonce = self.mint.issue(_CLIENT, 10.0)
        for other in (
            ("198.51.100.7", 50001),
            ("198.51.100.8", 50000),
            ("198.51.100.75", 0),
            ("198.51.100.7 5", 0),
        ):
            self.assertIs(self.mint.isFresh(nonce, other, 10.0), False, other)

    def test_forged(self) -> None:
        """A nonce with any one bit turned is none, nor is one of another key, nor a shorter one."""
        nonce = self.mint.issue(_CLIENT, 10.0)
        for place in range(NONCE_LENGTH * 8):
            changed = bytearray(nonce)
            changed[place // 8] ^= 1 << place % 8
            self.assertIs(self.mint.isFresh(bytes(changed), _CLIENT, 10.0), False, place)
        self.assertIs(NonceMint(bytes(32)).isFresh(nonce, _CLIENT, 10.0), False)
        for size in range(NONCE_LENGTH):
            self.assertIs(self.mint.isFresh(nonce[:size], _CLIENT, 10.0), False)
        self.assertIs(self.mint.isFresh(nonce + b"=", _CLIENT, 10.0), False)
        self.assertIs(self.mint.isFresh(b"=" * NONCE_LENGTH, _CLIENT, 10.0), False)

    def test_shape(self) -> None:
        """Twenty quotable characters: the second, and eleven bytes of a MAC."""
        nonce = self.mint.issue(_CLIENT, 0x01020304)
        self.assertEqual((len(nonce), NONCE_LENGTH), (20, 20))
        self.assertEqual(urlsafe_b64decode(nonce)[:4], b"\x01\x02\x03\x04")
        self.assertTrue(nonce.replace(b"-", b"").replace(b"_", b"").isalnum())
        self.assertNotIn("key", repr(self.mint))
        self.assertEqual(NonceMint(_KEY).lifetime, 600.0)

    def test_cookie(self) -> None:
        """The nonce cookie stands in front, and is as much of the nonce as the rest (9.2.1)."""
        plain = self.mint.issue(_CLIENT, 1000.0)
        nonce = self.mint.issue(_CLIENT, 1000.0, 1)
        self.assertEqual(nonce[:13], b"obMatJos2AAAB")
        self.assertEqual(len(nonce), 13 + NONCE_LENGTH)
        for now, fresh in ((999.0, False), (1000.0, True), (1599.9, True), (1600.0, False)):
            self.assertIs(self.mint.isFresh(nonce, _CLIENT, now), fresh, now)
        none = self.mint.issue(_CLIENT, 1000.0, 0)
        self.assertEqual(none[:13], b"obMatJos2AAAA")
        for changed in (
            nonce[13:],
            none[:13] + nonce[13:],
            nonce[:13] + none[13:],
            nonce[:13] + plain,
            nonce[:13] + nonce,
            nonce[:-1],
            nonce[:13],
            nonce[:9],
        ):
            self.assertIs(self.mint.isFresh(changed, _CLIENT, 1000.0), False, changed)
        for place in range(len(nonce) * 8):
            turned = bytearray(nonce)
            turned[place // 8] ^= 1 << place % 8
            self.assertIs(self.mint.isFresh(bytes(turned), _CLIENT, 1000.0), False, place)
        self.assertIs(self.mint.isFresh(nonce, ("198.51.100.7", 50001), 1000.0), False)

    def test_clockWraps(self) -> None:
        """After 2**32 seconds the stamp begins anew and ages are still right."""
        nonce = self.mint.issue(_CLIENT, 2.0**32 - 1)
        self.assertTrue(self.mint.isFresh(nonce, _CLIENT, 2.0**32 + 100))
        self.assertIs(self.mint.isFresh(nonce, _CLIENT, 2.0**32 + 599), False)

    @given(
        st.binary(max_size=30)
        | st.binary(min_size=20, max_size=20)
        | st.binary(min_size=20, max_size=20).map(b"obMatJos2AAAB".__add__)
    )
    @settings(deadline=None, max_examples=200)
    def test_arbitraryBytes(self, nonce: bytes) -> None:
        """Whatever comes as a nonce is not one, and nothing is raised."""
        self.assertIs(self.mint.isFresh(nonce, _CLIENT, 10.0), False)
