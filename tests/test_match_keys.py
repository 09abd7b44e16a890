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
from gamenet.match.keys import SEED_BYTES, PlayerKeys

_PRIME = 2**255 - 19

#: The points of order 1, 2, 4 and 8 of curve25519 and of its twist (RFC 7748,
#: section 6.1; Bernstein, "Curve25519: new Diffie-Hellman speed records"), their
#: other encodings below 2**255 and those with the unused top bit set.
LOW_ORDER_POINTS = tuple(
    (point | top).to_bytes(32, "little")
    for top in (0, 1 << 255)
    for point in (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        _PRIME - 1,
        _PRIME,
        _PRIME + 1,
    )
)


class VectorTests(SynchronousTestCase):
    """The published test vectors."""

    def test_x25519(self) -> None:
        """RFC 7748, section 6.1: both public keys and the shared secret."""
        alice = PlayerKeys.fromRandomBytes(
            bytes.fromhex("77076d0a7318a57d3c16c17251b26645df1f5a2bbc8e6eb9f8d5f8b9ea1b0c2a".replace(
                "df1f5a2bbc8e6eb9f8d5f8b9ea1b0c2a", "df4c2f87ebc0992ab177fba51db92c2a"
            ))
            + bytes(32)
        )
        self.assertEqual(
            alice.link_key.hex(),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        )
