"""STUN messages: exact layouts, and every kind of lie in a length."""

from __future__ import annotations

from zlib import crc32

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.stun import (
    ATTRIBUTE_LIMIT,
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingError,
    encodeBindingRequest,
    encodeBindingSuccess,
    readBindingAddress,
    transmissionTimes,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    FINGERPRINT,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    UNKNOWN_ATTRIBUTE,
    UNKNOWN_ATTRIBUTES,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    decodeErrorCode,
    decodeUnknownAttributes,
    decodeXorAddress,
    encodeXorAddress,
)
from tests.rfc5769_vectors import (
    REQUEST,
    VECTORS,
)

_ID = bytes(range(1, 13))

_TRAILERS = (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT)

_attributes = st.lists(
    st.tuples(
        st.integers(0, 0xFFFF).filter(lambda kind: kind not in _TRAILERS),
        st.binary(max_size=40),
    ),
    max_size=8,
)
_messages = st.builds(
    StunMessage,
    st.integers(0, 0xFFF),
    st.sampled_from(MessageClass),
    st.binary(min_size=12, max_size=12),
    _attributes.map(tuple),
)


def _rawMessage(body: bytes, kind: int = 1) -> bytes:
    """Return a message with the right length and nothing else checked."""
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + REQUEST[4:20] + body


class LayoutTests(SynchronousTestCase):
    """Where what stands in a message."""

    def test_bindingRequest(self) -> None:
        """A Binding request is its header and a FINGERPRINT."""
        head = bytes.fromhex("000100082112a442") + _ID
        checksum = (crc32(head) ^ 0x5354554E).to_bytes(4, "big")
        self.assertEqual(
            encodeBindingRequest(_ID), head + bytes.fromhex("80280004") + checksum
        )

    def test_bindingSuccess(self) -> None:
        """The answer tells the address, and is at most 2.5 times the bare request (of 20 bytes)."""
        answer = encodeBindingSuccess(_ID, ("198.51.100.7", 50000))
        self.assertEqual(len(answer), 40)
        message = decode(answer)
        self.assertEqual(message.transaction_id, _ID)
        self.assertEqual([kind for kind, _ in message.attributes], [XOR_MAPPED_ADDRESS])
        self.assertEqual(readBindingAddress(message), ("198.51.100.7", 50000))
        self.assertTrue(message.fingerprinted)

    def test_bindingError(self) -> None:
        """A refusal tells its code, and with 420 what was not understood."""
        message = decode(
            encodeBindingError(_ID, UNKNOWN_ATTRIBUTE, unknown_attributes=(3, 0x26))
        )
        self.assertIs(message.message_class, MessageClass.ERROR)
        self.assertEqual((message.method, message.transaction_id), (BINDING, _ID))
        self.assertEqual(
            decodeErrorCode(message.first(ERROR_CODE) or b""),
            ErrorCode(420, "Unknown Attribute"),
        )
        unknown = message.first(UNKNOWN_ATTRIBUTES)
        self.assertEqual(decodeUnknownAttributes(unknown or b""), (3, 0x26))
        plain = decode(encodeBindingError(_ID, 500, "no"))
        self.assertEqual(plain.attributes, ((ERROR_CODE, b"\0\0\x05\0no"),))

    def test_typeBits(self) -> None:
        """Method and class are spread over the type as section 5 has it."""
        for method, message_class, kind in (
            (0x001, MessageClass.REQUEST, 0x0001),
            (0x001, MessageClass.INDICATION, 0x0011),
            (0x001, MessageClass.SUCCESS, 0x0101),
            (0x001, MessageClass.ERROR, 0x0111),
            (0x003, MessageClass.REQUEST, 0x0003),
            (0x009, MessageClass.ERROR, 0x0119),
            (0x010, MessageClass.REQUEST, 0x0020),
            (0x080, MessageClass.REQUEST, 0x0200),
            (0xFFF, MessageClass.REQUEST, 0x3EEF),
            (0xFFF, MessageClass.ERROR, 0x3FFF),
        ):
            data = encode(StunMessage(method, message_class, _ID), fingerprint=False)
            self.assertEqual(int.from_bytes(data[:2], "big"), kind)
            self.assertEqual((decode(data).method, decode(data).message_class), (
                method, message_class,
            ))

    def test_paddingIsZero(self) -> None:
        """Every attribute is padded with zeros to four bytes; its length does not count them."""
        for size, padding in ((0, 0), (1, 3), (2, 2), (3, 1), (4, 0), (5, 3)):
            message = StunMessage(1, MessageClass.REQUEST, _ID, ((0x8030, b"\xff" * size),))
            body = encode(message, fingerprint=False)[20:]
            expected = b"\x80\x30" + size.to_bytes(2, "big") + b"\xff" * size + bytes(padding)
            self.assertEqual(body, expected)

    def test_paddingMayBeAnything(self) -> None:
        """What stands in the padding of others is ignored (section 14)."""
        self.assertEqual(
            decode(_rawMessage(b"\x80\x30\0\x01a\x01\x02\x03")).attributes, ((0x8030, b"a"),)
        )

    def test_firstOfDuplicates(self) -> None:
        """Of two attributes of a type the first counts (coturn #2016: the last won)."""
        message = decode(
            encode(StunMessage(1, MessageClass.REQUEST, _ID, ((6, b"a"), (6, b"b"))))
        )
        self.assertEqual(message.first(6), b"a")
        self.assertIsNone(message.first(7))

    def test_unknownAttributes(self) -> None:
        """RFC 8489, section 6.3.1: what must be understood and is not, each once, in order."""
        kinds = (0x7FFF, USERNAME, 0x0003, 0x8000, 0x7FFF, 0xFFFF, 0x0000)
        message = StunMessage(
            BINDING, MessageClass.REQUEST, _ID, tuple((kind, b"") for kind in kinds)
        )
        self.assertEqual(message.unknownAttributes((USERNAME,)), (0x7FFF, 0x0003, 0x0000))
        self.assertEqual(message.unknownAttributes(kinds), ())

    def test_afterIntegrity(self) -> None:
        """What follows MESSAGE-INTEGRITY is ignored, but for FINGERPRINT (coturn ab762f33)."""
        signed = encode(StunMessage(1, MessageClass.REQUEST, _ID, ((6, b"a"),)), b"k", False)
        body = signed[20:] + b"\x00\x12\0\x04evil" + b"\0\x08\0\x14" + bytes(20)
        extended = signed[:2] + len(body).to_bytes(2, "big") + signed[4:20] + body
        message = decode(extended)
        self.assertEqual(message.attributes, ((6, b"a"),))
        self.assertTrue(verifyIntegrity(message, b"k"))
        self.assertFalse(message.fingerprinted)

    def test_integrityIsOptional(self) -> None:
        """A message without MESSAGE-INTEGRITY is signed by nobody."""
        message = decode(encodeBindingRequest(_ID))
        self.assertIsNone(message.integrity)
        self.assertFalse(verifyIntegrity(message, b""))
        self.assertTrue(message.fingerprinted)
        self.assertFalse(decode(encodeBindingRequest(_ID)[:2] + b"\0\0" + REQUEST[4:8] + _ID)
                         .fingerprinted)

    def test_readBindingAddress(self) -> None:
        """Only a Binding success with an address tells one."""
        value = encodeXorAddress(("192.0.2.1", 1), _ID)
        attributes = ((XOR_MAPPED_ADDRESS, value),)
        good = StunMessage(BINDING, MessageClass.SUCCESS, _ID, attributes)
        self.assertEqual(readBindingAddress(good), ("192.0.2.1", 1))
        for bad in (
            StunMessage(2, MessageClass.SUCCESS, _ID, attributes),
            StunMessage(BINDING, MessageClass.REQUEST, _ID, attributes),
            StunMessage(BINDING, MessageClass.ERROR, _ID, attributes),
            StunMessage(BINDING, MessageClass.SUCCESS, _ID, ((1, value),)),
            StunMessage(BINDING, MessageClass.SUCCESS, _ID, ((XOR_MAPPED_ADDRESS, b""),)),
        ):
            self.assertRaises(MalformedMessage, readBindingAddress, bad)

    def test_transmissionTimes(self) -> None:
        """RFC 8489, section 6.2.1: 7 transmissions, and 39.5 s until the end."""
        self.assertEqual(
            transmissionTimes(), (0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 39.5)
        )
        self.assertEqual(transmissionTimes(1.0, 1, 2), (0.0, 2.0))


class RefusalTests(SynchronousTestCase):
    """"Bad input": a STUN packet with lying lengths."""

    def assertMalformed(self, data: bytes) -> None:
        """Assert that C{data} is refused."""
        self.assertRaises(MalformedMessage, decode, data)

    def test_headers(self) -> None:
        """Cut off, other first bits, no cookie (RFC 3489), a length that is not the datagram's."""
        good = encodeBindingRequest(_ID)
        decode(good)
        for size in range(len(good)):
            self.assertMalformed(good[:size])
        self.assertMalformed(good + b"\0\0\0\0")
        bare = _rawMessage(b"")
        decode(bare)
        self.assertMalformed(b"\x40" + bare[1:])
        self.assertMalformed(b"\x80" + bare[1:])
        self.assertMalformed(bare[:4] + b"\x21\x12\xa4\x43" + bare[8:])
        self.assertMalformed(bare[:3] + b"\x02" + bare[4:] + b"\0\0")
        self.assertMalformed(bare[:3] + b"\x04" + bare[4:])
        self.assertMalformed(bare + b"\0\0\0\0")

    def test_attributeLengths(self) -> None:
        """An attribute that reaches beyond its message; all 65 536 lengths are tried."""
        for size in range(0x10000):
            data = _rawMessage(b"\x80\x30" + size.to_bytes(2, "big") + b"abcd")
            if size in (1, 2, 3, 4):
                self.assertEqual(decode(data).attributes, ((0x8030, b"abcd"[:size]),))
            elif size:
                self.assertMalformed(data)
        # Zero bytes, and then four that are a header of "abcd": 0x6162 of 0x6364 bytes.
        self.assertMalformed(_rawMessage(b"\x80\x30\0\0abcd"))

    def test_trailers(self) -> None:
        """MESSAGE-INTEGRITY and FINGERPRINT have one size, and FINGERPRINT is last."""
        for size in (0, 4, 16, 24, 32):
            self.assertMalformed(
                _rawMessage(b"\0\x08" + size.to_bytes(2, "big") + bytes(size))
            )
        for size, room in ((0, 0), (3, 4), (5, 8), (8, 8)):
            # What a right FINGERPRINT would say there, were it not for its size.
            head = _rawMessage(b"")[:2] + (4 + room).to_bytes(2, "big") + _rawMessage(b"")[4:]
            checksum = (crc32(head) ^ 0x5354554E).to_bytes(4, "big") + bytes(4)
            body = b"\x80\x28" + size.to_bytes(2, "big") + checksum[:room]
            self.assertMalformed(_rawMessage(body))
        good = encodeBindingRequest(_ID)
        self.assertMalformed(good[:-1] + bytes([good[-1] ^ 1]))
        # The checksum is right for the length that the longer message has.
        head = good[:3] + b"\x10" + good[4:20]
        checksum = (crc32(head) ^ 0x5354554E).to_bytes(4, "big")
        self.assertMalformed(head + b"\x80\x28\0\x04" + checksum + b"\x80\x30\0\x04abcd")

    def test_attributeLimit(self) -> None:
        """No more attributes are read than the limit; ignored ones count too."""
        for count, limit, ok in (
            (ATTRIBUTE_LIMIT, ATTRIBUTE_LIMIT, True),
            (ATTRIBUTE_LIMIT + 1, ATTRIBUTE_LIMIT, False),
            (3, 3, True),
            (4, 3, False),
        ):
            data = _rawMessage(b"\x80\x30\0\0" * count)
            if ok:
                self.assertEqual(len(decode(data, limit).attributes), count)
            else:
                self.assertRaises(MalformedMessage, decode, data, limit)
        self.assertEqual(ATTRIBUTE_LIMIT, 64)
        signed = b"\0\x08\0\x14" + bytes(20) + b"\x80\x30\0\0" * ATTRIBUTE_LIMIT
        self.assertMalformed(_rawMessage(signed))

    def test_ours(self) -> None:
        """What we cannot say is our own mistake."""
        for message in (
            StunMessage(1, MessageClass.REQUEST, _ID[:-1]),
            StunMessage(1, MessageClass.REQUEST, _ID + b"a"),
            StunMessage(0x1000, MessageClass.REQUEST, _ID),
            StunMessage(-1, MessageClass.REQUEST, _ID),
            StunMessage(1, MessageClass.REQUEST, _ID, ((1, bytes(0x10000)),)),
            StunMessage(1, MessageClass.REQUEST, _ID, ((1, bytes(0xFFF0)),)),
        ):
            self.assertRaises(LocalProtocolError, encode, message, b"key")
        largest = StunMessage(1, MessageClass.REQUEST, _ID, ((1, bytes(0xFFF8)),))
        self.assertEqual(decode(encode(largest, None, False)), largest)
        self.assertRaises(LocalProtocolError, encode, largest, None, True)
        for key, fingerprint, trailers in ((b"k", False, 24), (None, True, 8), (b"k", True, 32)):
            for extra in (0, 4):
                body = ((1, bytes(0xFFF8 - trailers + extra)),)
                message = StunMessage(1, MessageClass.REQUEST, _ID, body)
                if extra:
                    self.assertRaises(LocalProtocolError, encode, message, key, fingerprint)
                else:
                    self.assertEqual(decode(encode(message, key, fingerprint)), message)


class PropertyTests(SynchronousTestCase):
    """What holds for whatever comes."""

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=200)
    def test_arbitraryBytes(self, data: bytes) -> None:
        """Bytes that are no message are refused by name and never otherwise."""
        try:
            decode(data)
        except MalformedMessage:
            return
        self.assertEqual(data[4:8], b"\x21\x12\xa4\x42")

    @given(
        st.sampled_from(VECTORS),
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
        st.integers(0, 120),
        st.booleans(),
    )
    @settings(deadline=None, max_examples=200)
    def test_mutatedBytes(
        self, vector: bytes, changes: list[tuple[int, int]], keep: int, fix: bool
    ) -> None:
        """Messages with changed, missing and lying bytes are refused by name or read."""
        changed = bytearray(vector[:keep] if fix else vector)
        for place, value in changes:
            if place < len(changed):
                changed[place] = value
        if fix and len(changed) >= 20:
            changed[2:4] = (len(changed) - 20).to_bytes(2, "big")
        try:
            message = decode(bytes(changed))
        except MalformedMessage:
            return
        verifyIntegrity(message, b"key")

    @given(_messages, st.none() | st.binary(max_size=70), st.booleans())
    @settings(deadline=None, max_examples=200)
    def test_roundTrip(
        self, message: StunMessage, key: bytes | None, fingerprint: bool
    ) -> None:
        """What is encoded is decoded the same, signed by its key and by no other."""
        again = decode(encode(message, key, fingerprint))
        self.assertEqual(again, message)
        self.assertEqual(again.fingerprinted, fingerprint)
        self.assertEqual(again.integrity is not None, key is not None)
        if key is not None:
            self.assertTrue(verifyIntegrity(again, key))
            self.assertFalse(verifyIntegrity(again, key + b"1"))

    @given(_messages, _messages)
    @settings(deadline=None, max_examples=50)
    def test_integrityIsOfThisMessage(self, one: StunMessage, other: StunMessage) -> None:
        """A MESSAGE-INTEGRITY moved to another message does not verify there."""
        assume(one != other)
        signed = encode(one, b"key", False)
        body = encode(other, b"key", False)[20:-20] + signed[-20:]
        moved = encode(other, b"key", False)[:20] + body
        self.assertFalse(verifyIntegrity(decode(moved), b"key"))


class EqualityTests(SynchronousTestCase):
    """Messages as values."""

    def test_signaturesDoNotCount(self) -> None:
        """How a message was protected is neither compared nor shown."""
        message = StunMessage(1, MessageClass.REQUEST, _ID, ((6, b"a"),))
        signed = decode(encode(message, b"key"))
        self.assertEqual(signed, message)
        self.assertNotIn("signed", repr(signed))
        self.assertNotIn("integrity", repr(signed))

    def test_xorIsSymmetric(self) -> None:
        """An address read under another transaction id is another address."""
        value = encodeXorAddress(("2001:db8::1", 1), _ID)
        self.assertNotEqual(decodeXorAddress(value, bytes(12)), ("2001:db8::1", 1))
