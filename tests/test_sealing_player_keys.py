"""
A player's keys are what RFC 7748 and RFC 8032 say, and poor ones are refused.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.sealing.player_keys import SEED_BYTES, PlayerKeys, isSigned

_PRIME = 2**255 - 19

#: The points of order 1, 2, 4 and 8 of curve25519 and of its twist: RFC 7748,
#: section 6.1, has the check for what they lead to.
_POINTS = (
    0,
    1,
    int.from_bytes(
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), "little"
    ),
    int.from_bytes(
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), "little"
    ),
    _PRIME - 1,
    _PRIME,
    _PRIME + 1,
)

#: All their encodings: the top bit does not count.
LOW_ORDER_KEYS = tuple(
    (point | top).to_bytes(32, "little") for point in _POINTS for top in (0, 1 << 255)
)


class VectorTests(SynchronousTestCase):
    """The published test vectors."""

    alice = PlayerKeys.fromRandomBytes(
        bytes.fromhex(
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
        )
    )
    bob = PlayerKeys.fromRandomBytes(
        bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        + bytes(32)
    )

    def test_x25519(self) -> None:
        """RFC 7748, section 6.1: both public keys, and the secret that both arrive at."""
        self.assertEqual(
            self.alice.link_key.hex(),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        )
        self.assertEqual(
            self.bob.link_key.hex(),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        )
        secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        self.assertEqual(self.alice.sharedSecret(self.bob.link_key).hex(), secret)
        self.assertEqual(self.bob.sharedSecret(self.alice.link_key).hex(), secret)

    def test_ed25519(self) -> None:
        """RFC 8032, section 7.1, test 2: public key and signature."""
        self.assertEqual(
            self.alice.statement_key.hex(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        )
        self.assertEqual(
            self.alice.sign(b"\x72").hex(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        )


class MadeFromBytesTests(SynchronousTestCase):
    """Keys come from the bytes that are handed in, and from nothing else."""

    def test_otherSizes(self) -> None:
        """Too few or too many bytes are refused, rather than stretched or cut."""
        self.assertEqual(SEED_BYTES, 64)
        for size in (0, 32, 63, 65, 128):
            self.assertRaises(ValueError, PlayerKeys.fromRandomBytes, bytes(size))

    @settings(max_examples=30, deadline=None)
    @given(st.binary(min_size=64, max_size=64), st.binary(min_size=64, max_size=64))
    def test_anySeeds(self, one: bytes, other: bytes) -> None:
        """The same bytes give the same keys; both players agree; signatures hold."""
        ada, again = PlayerKeys.fromRandomBytes(one), PlayerKeys.fromRandomBytes(one)
        self.assertEqual((ada.link_key, ada.statement_key), (again.link_key, again.statement_key))
        ben = PlayerKeys.fromRandomBytes(other)
        self.assertEqual(ada.sharedSecret(ben.link_key), ben.sharedSecret(ada.link_key))
        signature = ada.sign(b"statement")
        verifier = Ed25519PublicKey.from_public_bytes(ada.statement_key)
        verifier.verify(signature, b"statement")
        self.assertRaises(InvalidSignature, verifier.verify, signature, b"Statement")

    def test_isSigned(self) -> None:
        """Only the owner's signature of just that; no key and no signature raise anything."""
        ada = PlayerKeys.fromRandomBytes(bytes(range(64)))
        signature = ada.sign(b"statement")
        self.assertTrue(isSigned(ada.statement_key, b"statement", signature))
        for key, statement, signed in (
            (ada.statement_key, b"Statement", signature),
            (ada.statement_key, b"statement", bytes(64)),
            (ada.statement_key, b"statement", signature[:-1]),
            (ada.statement_key, b"statement", b""),
            (ada.link_key, b"statement", signature),
            (b"", b"statement", signature),
            (bytes(32), b"statement", signature),
            (b"\xff" * 32, b"statement", signature),
            (bytes(31), b"statement", signature),
        ):
            self.assertFalse(isSigned(key, statement, signed))

    def test_halves(self) -> None:
        """The first half makes the link key alone, the second the statement key alone."""
        plain = PlayerKeys.fromRandomBytes(bytes(64))
        first = PlayerKeys.fromRandomBytes(b"\xff" * 32 + bytes(32))
        second = PlayerKeys.fromRandomBytes(bytes(32) + b"\xff" * 32)
        self.assertNotEqual(first.link_key, plain.link_key)
        self.assertEqual(first.statement_key, plain.statement_key)
        self.assertEqual(second.link_key, plain.link_key)
        self.assertNotEqual(second.statement_key, plain.statement_key)

    def test_textHasNoSecret(self) -> None:
        """What may end in a log names the public halves and nothing else."""
        seed = bytes(range(64))
        text = repr(PlayerKeys.fromRandomBytes(seed))
        self.assertIn("link_key", text)
        self.assertNotIn("private", text.lower())
        for half in (seed[:32], seed[32:]):
            self.assertNotIn(half.hex(), text)
            self.assertNotIn(repr(half)[2:-1], text)


class PoorKeyTests(SynchronousTestCase):
    """Keys of other players that must not be used."""

    keys = PlayerKeys.fromRandomBytes(bytes(range(64)))

    def test_lowOrder(self) -> None:
        """A low-order point, in any encoding, would give a secret that everybody knows."""
        for key in LOW_ORDER_KEYS:
            self.assertRaises(RemoteProtocolError, self.keys.sharedSecret, key)

    def test_otherSizes(self) -> None:
        """A key of another size is refused by the same name."""
        for size in (0, 1, 31, 33, 64):
            self.assertRaises(RemoteProtocolError, self.keys.sharedSecret, b"\x09" * size)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=40) | st.binary(min_size=32, max_size=32))
    def test_anyKey(self, key: bytes) -> None:
        """Whatever the lobby passes on as a key: a 32-byte secret, or the named error."""
        try:
            secret = self.keys.sharedSecret(key)
        except RemoteProtocolError:
            return
        self.assertEqual((len(key), len(secret)), (32, 32))
        self.assertNotEqual(secret, bytes(32))
