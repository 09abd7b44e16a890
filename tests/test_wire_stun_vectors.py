"""STUN messages: the vectors of RFC 5769, both ways."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    decode,
    encode,
    readBindingAddress,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    NONCE,
    REALM,
    SOFTWARE,
    USERNAME,
)
from gamenet.wire.turn_credentials import longTermKey
from tests.rfc5769_vectors import (
    IPV4_RESPONSE,
    IPV6_RESPONSE,
    LONG_TERM_REQUEST,
    REQUEST,
    SHORT_TERM_PASSWORD,
    VECTORS,
)


class Rfc5769Tests(SynchronousTestCase):
    """The test vectors of RFC 5769."""

    def test_request(self) -> None:
        """Section 2.1: a request under short-term credentials."""
        message = decode(REQUEST)
        self.assertEqual(message.method, BINDING)
        self.assertIs(message.message_class, MessageClass.REQUEST)
        self.assertEqual(message.transaction_id, bytes.fromhex("b7e7a701bc34d686fa87dfae"))
        self.assertEqual(
            message.attributes,
            (
                (SOFTWARE, b"STUN test client"),
                (0x0024, bytes.fromhex("6e0001ff")),
                (0x8029, bytes.fromhex("932ff9b151263b36")),
                (USERNAME, b"evtj:h6vY"),
            ),
        )
        self.assertTrue(message.fingerprinted)
        self.assertTrue(verifyIntegrity(message, SHORT_TERM_PASSWORD))
        self.assertFalse(verifyIntegrity(message, SHORT_TERM_PASSWORD[:-1]))

    def test_responses(self) -> None:
        """Sections 2.2 and 2.3: an IPv4 and an IPv6 address."""
        for vector, address in (
            (IPV4_RESPONSE, ("192.0.2.1", 32853)),
            (IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
        ):
            message = decode(vector)
            self.assertIs(message.message_class, MessageClass.SUCCESS)
            self.assertEqual(message.first(SOFTWARE), b"test vector")
            self.assertEqual(readBindingAddress(message), address)
            self.assertTrue(verifyIntegrity(message, SHORT_TERM_PASSWORD))
            self.assertTrue(message.fingerprinted)

    def test_longTerm(self) -> None:
        """Section 2.4: a request under long-term credentials, its password prepared."""
        message = decode(LONG_TERM_REQUEST)
        self.assertEqual(message.first(REALM), b"example.org")
        self.assertEqual(message.first(NONCE), b"f//499k954d6OL34oL9FSTvy64sA")
        name = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
        self.assertEqual(message.first(USERNAME), name.encode())
        key = longTermKey(name, "example.org", "TheMatrIX")
        self.assertTrue(verifyIntegrity(message, key))
        self.assertFalse(message.fingerprinted)

    def test_encodedAgain(self) -> None:
        """
        The vectors come out of the encoder byte by byte, but for their padding:
        ours is zero (CVE-2020-4067), and what is computed over it follows.
        """
        name = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
        key = longTermKey(name, "example.org", "TheMatrIX")
        again = encode(decode(LONG_TERM_REQUEST), key, fingerprint=False)
        self.assertEqual(again, LONG_TERM_REQUEST)
        for vector in VECTORS[:3]:
            again = encode(decode(vector), SHORT_TERM_PASSWORD)
            head = vector[:-32].replace(b"vY\x20\x20\x20", b"vY\0\0\0")
            self.assertEqual(again[:-32], head.replace(b"vector\x20", b"vector\0"))
            self.assertEqual(len(again), len(vector))
            self.assertTrue(decode(again).fingerprinted)
            self.assertTrue(verifyIntegrity(decode(again), SHORT_TERM_PASSWORD))

    def test_everyBitCounts(self) -> None:
        """A vector with any one bit turned is refused, or no longer carries what protects it."""
        for vector in VECTORS[:3]:
            for place in range(len(vector) * 8):
                changed = bytearray(vector)
                changed[place // 8] ^= 1 << place % 8
                try:
                    message = decode(bytes(changed))
                except MalformedMessage:
                    continue
                self.assertFalse(message.fingerprinted, place)
        key = longTermKey("\u30de\u30c8\u30ea\u30c3\u30af\u30b9", "example.org", "TheMatrIX")
        for place in range(len(LONG_TERM_REQUEST) * 8):
            changed = bytearray(LONG_TERM_REQUEST)
            changed[place // 8] ^= 1 << place % 8
            try:
                message = decode(bytes(changed))
            except MalformedMessage:
                continue
            self.assertFalse(verifyIntegrity(message, key), place)
