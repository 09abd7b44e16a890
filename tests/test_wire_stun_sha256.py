"""STUN messages: MESSAGE-INTEGRITY-SHA256, and what stands around it."""

from __future__ import annotations

import hmac

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.password_algorithms import SHA256, encodePasswordAlgorithm
from gamenet.wire.stun import (
    BINDING,
    Integrity,
    MessageClass,
    StunMessage,
    decode,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    NONCE,
    PASSWORD_ALGORITHM,
    REALM,
    USERHASH,
)
from gamenet.wire.turn_credentials import longTermKey, userHash
from tests.rfc8489_vectors import (
    NONCE_TEXT,
    PASSWORD,
    PRINTED_REQUEST,
    REALM_TEXT,
    REQUEST,
    TRANSACTION_ID,
    USERNAME_TEXT,
)

_KEY = longTermKey(USERNAME_TEXT, REALM_TEXT, PASSWORD, SHA256)
_MESSAGE = StunMessage(
    BINDING,
    MessageClass.REQUEST,
    TRANSACTION_ID,
    (
        (USERHASH, userHash(USERNAME_TEXT, REALM_TEXT)),
        (NONCE, NONCE_TEXT),
        (REALM, REALM_TEXT.encode()),
        (PASSWORD_ALGORITHM, encodePasswordAlgorithm(SHA256)),
    ),
)
_ATTRIBUTE = b"\x80\x30\0\x04abcd"


def _withBody(body: bytes) -> bytes:
    return b"\0\x01" + len(body).to_bytes(2, "big") + REQUEST[4:20] + body


def _signature(body: bytes, key: bytes, size: int, name: str) -> bytes:
    """Return a signature attribute as it stands behind a body."""
    kind = MESSAGE_INTEGRITY if name == "sha1" else MESSAGE_INTEGRITY_SHA256
    length = (len(body) + 4 + size).to_bytes(2, "big")
    signed = b"\0\x01" + length + REQUEST[4:20] + body
    head = kind.to_bytes(2, "big") + size.to_bytes(2, "big")
    return head + hmac.new(key, signed, name).digest()[:size]


class Rfc8489Tests(SynchronousTestCase):
    """"RFC 8489 appendix vectors"."""

    def test_decoded(self) -> None:
        """Appendix B.1 (erratum 6268) is read, and verifies under the key of SHA-256 alone."""
        message = decode(REQUEST)
        self.assertEqual(message, _MESSAGE)
        self.assertIsNone(message.integrity)
        self.assertIsNone(message.signed)
        self.assertEqual(message.integrity_sha256, REQUEST[-32:])
        self.assertTrue(verifyIntegrity(message, _KEY, Integrity.SHA256))
        self.assertIs(verifyIntegrity(message, _KEY), False)
        self.assertIs(verifyIntegrity(message, _KEY[:-1], Integrity.SHA256), False)
        md5_key = longTermKey(USERNAME_TEXT, REALM_TEXT, PASSWORD)
        self.assertIs(verifyIntegrity(message, md5_key, Integrity.SHA256), False)

    def test_encoded(self) -> None:
        """Appendix B.1 comes out of the encoder byte for byte."""
        self.assertEqual(encode(_MESSAGE, _KEY, False, Integrity.SHA256), REQUEST)

    def test_printed(self) -> None:
        """As it is printed its length lies, and it is refused."""
        self.assertRaises(MalformedMessage, decode, PRINTED_REQUEST)

    def test_everyBitCounts(self) -> None:
        """With any one bit turned it is refused, or not signed by that key."""
        for place in range(len(REQUEST) * 8):
            changed = bytearray(REQUEST)
            changed[place // 8] ^= 1 << place % 8
            try:
                message = decode(bytes(changed))
            except MalformedMessage:
                continue
            self.assertIs(verifyIntegrity(message, _KEY, Integrity.SHA256), False, place)


class SizeTests(SynchronousTestCase):
    """RFC 8489, section 14.6: 16 to 32 bytes, a multiple of four."""

    def test_shortened(self) -> None:
        """A shortened signature counts, its first bytes alone; each of them does."""
        for size in range(16, 33, 4):
            signature = _signature(_ATTRIBUTE, b"key", size, "sha256")
            message = decode(_withBody(_ATTRIBUTE + signature))
            self.assertEqual(message.integrity_sha256, signature[4:])
            self.assertTrue(verifyIntegrity(message, b"key", Integrity.SHA256))
            self.assertIs(verifyIntegrity(message, b"kez", Integrity.SHA256), False)
            for place in range(4, 4 + size):
                changed = bytearray(signature)
                changed[place] ^= 1
                message = decode(_withBody(_ATTRIBUTE + bytes(changed)))
                self.assertIs(verifyIntegrity(message, b"key", Integrity.SHA256), False)

    def test_otherSizes(self) -> None:
        """Checklist "lengths 0..65535": every other size is refused."""
        for size in (*range(16), 17, 18, 19, 21, 30, 31, *range(33, 70), 0xFFFC):
            padding = bytes(-size & 3)
            body = b"\0\x1c" + size.to_bytes(2, "big") + bytes(size) + padding
            if len(body) <= 0xFFFF:
                self.assertRaises(MalformedMessage, decode, _withBody(body))

    def test_room(self) -> None:
        """A message that its signature does not fit into is our own mistake."""
        for fingerprint, trailers in ((False, 36), (True, 44)):
            for extra in (0, 4):
                body = ((1, bytes(0xFFF8 - trailers + extra)),)
                message = StunMessage(1, MessageClass.REQUEST, TRANSACTION_ID, body)
                if extra:
                    self.assertRaises(
                        LocalProtocolError, encode, message, b"k", fingerprint, Integrity.SHA256
                    )
                else:
                    data = encode(message, b"k", fingerprint, Integrity.SHA256)
                    self.assertEqual(decode(data), message)


class OrderTests(SynchronousTestCase):
    """RFC 8489, sections 14.5 and 14.6: what follows a signature."""

    def test_afterSha256(self) -> None:
        """Checklist "attributes after MESSAGE-INTEGRITY": ignored, a second signature too."""
        signature = _signature(_ATTRIBUTE, b"key", 32, "sha256")
        for further in (
            b"\0\x12\0\x04evil",
            _signature(_ATTRIBUTE + signature, b"key", 20, "sha1"),
            b"\0\x08\0\x04evil",
            b"\0\x1c\0\x10" + bytes(16),
            b"\0\x1c\0\x04evil",
        ):
            message = decode(_withBody(_ATTRIBUTE + signature + further))
            self.assertEqual(message.attributes, ((0x8030, b"abcd"),))
            self.assertIsNone(message.integrity)
            self.assertEqual(message.integrity_sha256, signature[4:])
            self.assertTrue(verifyIntegrity(message, b"key", Integrity.SHA256))

    def test_both(self) -> None:
        """MESSAGE-INTEGRITY and then MESSAGE-INTEGRITY-SHA256: each covers what is before it."""
        first = _signature(_ATTRIBUTE, b"one", 20, "sha1")
        second = _signature(_ATTRIBUTE + first, b"two", 32, "sha256")
        message = decode(_withBody(_ATTRIBUTE + first + second))
        self.assertTrue(verifyIntegrity(message, b"one"))
        self.assertTrue(verifyIntegrity(message, b"two", Integrity.SHA256))
        self.assertIs(verifyIntegrity(message, b"two"), False)
        self.assertIs(verifyIntegrity(message, b"one", Integrity.SHA256), False)

    def test_between(self) -> None:
        """What stands between the two is ignored, though the second covers it."""
        first = _signature(_ATTRIBUTE, b"one", 20, "sha1")
        evil = b"\0\x12\0\x04evil"
        second = _signature(_ATTRIBUTE + first + evil, b"two", 32, "sha256")
        message = decode(_withBody(_ATTRIBUTE + first + evil + second))
        self.assertEqual(message.attributes, ((0x8030, b"abcd"),))
        self.assertTrue(verifyIntegrity(message, b"two", Integrity.SHA256))

    def test_fingerprint(self) -> None:
        """FINGERPRINT stands behind the signature, which does not cover it."""
        data = encode(_MESSAGE, _KEY, True, Integrity.SHA256)
        message = decode(data)
        self.assertTrue(message.fingerprinted)
        self.assertTrue(verifyIntegrity(message, _KEY, Integrity.SHA256))
        self.assertEqual(data[4:-8], REQUEST[4:])

    def test_notShown(self) -> None:
        """How a message was signed is neither compared nor shown."""
        self.assertEqual(decode(REQUEST), _MESSAGE)
        for word in ("integrity", "signed"):
            self.assertNotIn(word, repr(decode(REQUEST)))


class PropertyTests(SynchronousTestCase):
    """What holds for whatever comes."""

    @given(
        st.lists(st.tuples(st.integers(0, 180), st.integers(0, 255)), max_size=6),
        st.integers(0, 164),
        st.booleans(),
    )
    @settings(deadline=None, max_examples=200)
    def test_mutatedBytes(self, changes: list[tuple[int, int]], keep: int, fix: bool) -> None:
        """"Bad input": changed, missing and lying bytes are refused by name or read."""
        changed = bytearray(REQUEST[:keep] if fix else REQUEST)
        for place, value in changes:
            if place < len(changed):
                changed[place] = value
        if fix and len(changed) >= 20:
            changed[2:4] = (len(changed) - 20).to_bytes(2, "big")
        try:
            message = decode(bytes(changed))
        except MalformedMessage:
            return
        proven = verifyIntegrity(message, _KEY, Integrity.SHA256)
        self.assertEqual(proven, bytes(changed) == REQUEST)

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 0xFFFF).filter(lambda kind: kind not in (0x08, 0x1C, 0x8028)),
                st.binary(max_size=20),
            ),
            max_size=6,
        ).map(tuple),
        st.binary(max_size=70),
        st.booleans(),
        st.sampled_from(Integrity),
    )
    @settings(deadline=None, max_examples=100)
    def test_roundTrip(
        self,
        attributes: tuple[tuple[int, bytes], ...],
        key: bytes,
        fingerprint: bool,
        integrity: Integrity,
    ) -> None:
        """What is signed either way is read the same, and signed that way alone."""
        message = StunMessage(3, MessageClass.SUCCESS, TRANSACTION_ID, attributes)
        again = decode(encode(message, key, fingerprint, integrity))
        self.assertEqual((again, again.fingerprinted), (message, fingerprint))
        for way in Integrity:
            self.assertIs(verifyIntegrity(again, key, way), way is integrity)
            self.assertIs(verifyIntegrity(again, key + b"1", way), False)
