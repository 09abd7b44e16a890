"""The values of STUN attributes: addresses, error codes, lists of types."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire import stun_attributes
from gamenet.wire.stun_attributes import (
    REASON_LIMIT,
    REASON_PHRASES,
    ErrorCode,
    decodeErrorCode,
    decodeUnknownAttributes,
    decodeXorAddress,
    encodeErrorCode,
    encodeUnknownAttributes,
    encodeXorAddress,
)

_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")


class NumberTests(SynchronousTestCase):
    """The numbers that IANA keeps ("STUN Parameters")."""

    def test_attributes(self) -> None:
        """Attribute types."""
        for name, number in (
            ("USERNAME", 0x0006),
            ("MESSAGE_INTEGRITY", 0x0008),
            ("ERROR_CODE", 0x0009),
            ("UNKNOWN_ATTRIBUTES", 0x000A),
            ("REALM", 0x0014),
            ("NONCE", 0x0015),
            ("MESSAGE_INTEGRITY_SHA256", 0x001C),
            ("PASSWORD_ALGORITHM", 0x001D),
            ("USERHASH", 0x001E),
            ("XOR_MAPPED_ADDRESS", 0x0020),
            ("PASSWORD_ALGORITHMS", 0x8002),
            ("SOFTWARE", 0x8022),
            ("ALTERNATE_SERVER", 0x8023),
            ("FINGERPRINT", 0x8028),
            ("MAGIC_COOKIE", 0x2112A442),
            ("REASON_LIMIT", 127),
            ("USERNAME_LIMIT", 508),
            ("USERHASH_LENGTH", 32),
            ("QUOTED_LIMIT", 763),
        ):
            self.assertEqual(getattr(stun_attributes, name), number, name)

    def test_codes(self) -> None:
        """Error codes."""
        for name, code in (
            ("BAD_REQUEST", 400),
            ("UNAUTHENTICATED", 401),
            ("UNKNOWN_ATTRIBUTE", 420),
            ("STALE_NONCE", 438),
            ("SERVER_ERROR", 500),
        ):
            self.assertEqual(getattr(stun_attributes, name), code, name)
        self.assertEqual(
            list(REASON_PHRASES),
            [300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443, 486, 500, 508],
        )


class AddressTests(SynchronousTestCase):
    """XOR-MAPPED-ADDRESS and its like."""

    def test_values(self) -> None:
        """The values of RFC 5769, sections 2.2 and 2.3, both ways."""
        for address, value in (
            (("192.0.2.1", 32853), "0001a147e112a643"),
            (
                ("2001:db8:1234:5678:11:2233:4455:6677", 32853),
                "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
            ),
        ):
            self.assertEqual(encodeXorAddress(address, _ID).hex(), value)
            self.assertEqual(decodeXorAddress(bytes.fromhex(value), _ID), address)

    def test_reservedByteIsIgnored(self) -> None:
        """The byte before the family is zero from us and anything from others."""
        value = bytes.fromhex("ff01a147e112a643")
        self.assertEqual(decodeXorAddress(value, _ID), ("192.0.2.1", 32853))

    def test_ipv4MappedStaysIpv6(self) -> None:
        """An IPv4-mapped address is not taken for an IPv4 one (CVE-2026-27624)."""
        value = encodeXorAddress(("::ffff:127.0.0.1", 1), _ID)
        self.assertEqual(decodeXorAddress(value, _ID), ("::ffff:127.0.0.1", 1))

    def test_wrongSizes(self) -> None:
        """Any size but that of its family, and any other family, is refused."""
        for family in range(256):
            for size in range(25):
                value = (bytes([0, family]) + bytes(23))[:size]
                if (family, size) in ((1, 8), (2, 20)):
                    decodeXorAddress(value, _ID)
                else:
                    self.assertRaises(MalformedMessage, decodeXorAddress, value, _ID)

    def test_ours(self) -> None:
        """A host that is not numeric and a port that is none are our own mistake."""
        for host, port in (
            ("localhost", 1),
            ("", 1),
            ("192.0.2", 1),
            ("192.0.2.1.1", 1),
            ("192.0.2.256", 1),
            ("a\0b", 1),
            ("fe80::1%eth0", 1),
            ("192.0.2.1", -1),
            ("192.0.2.1", 65536),
        ):
            self.assertRaises(LocalProtocolError, encodeXorAddress, (host, port), _ID)
        for port in (0, 65535):
            value = encodeXorAddress(("192.0.2.1", port), _ID)
            self.assertEqual(decodeXorAddress(value, _ID), ("192.0.2.1", port))

    @given(
        st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n)))
        | st.integers(0, 2**128 - 1).map(lambda n: str(IPv6Address(n))),
        st.integers(0, 65535),
        st.binary(min_size=12, max_size=12),
    )
    @settings(deadline=None, max_examples=100)
    def test_roundTrip(self, host: str, port: int, transaction_id: bytes) -> None:
        """Every address comes back as the same address."""
        value = encodeXorAddress((host, port), transaction_id)
        again, port_again = decodeXorAddress(value, transaction_id)
        self.assertEqual(port_again, port)
        if ":" in host:
            self.assertEqual(IPv6Address(again), IPv6Address(host))
        else:
            self.assertEqual(again, host)

    @given(st.binary(max_size=30), st.binary(min_size=12, max_size=12))
    @settings(deadline=None, max_examples=100)
    def test_arbitraryBytes(self, value: bytes, transaction_id: bytes) -> None:
        """Nothing but MalformedMessage comes out of any value."""
        try:
            decodeXorAddress(value, transaction_id)
        except MalformedMessage:
            return
        self.assertIn(len(value), (8, 20))


class ErrorCodeTests(SynchronousTestCase):
    """ERROR-CODE."""

    def test_values(self) -> None:
        """Class and number are told apart, and the phrase of a known code comes by itself."""
        self.assertEqual(encodeErrorCode(401), b"\0\0\x04\x01Unauthorized")
        self.assertEqual(encodeErrorCode(486, ""), b"\0\0\x04\x56")
        self.assertEqual(encodeErrorCode(300, "x"), b"\0\0\x03\0x")
        self.assertEqual(encodeErrorCode(699), b"\0\0\x06\x63")
        for code in REASON_PHRASES:
            self.assertEqual(
                decodeErrorCode(encodeErrorCode(code)), ErrorCode(code, REASON_PHRASES[code])
            )

    def test_reservedBitsAreIgnored(self) -> None:
        """21 bits before the class are anything from others."""
        self.assertEqual(decodeErrorCode(b"\xff\xff\xfc\x01"), ErrorCode(401, ""))

    def test_refused(self) -> None:
        """Too short, no class from 3 to 6, a number over 99, no UTF-8, too long a phrase."""
        for value in (
            b"",
            b"\0\0\x04",
            b"\0\0\x02\0",
            b"\0\0\x07\0",
            b"\0\0\x04\x64",
            b"\0\0\x04\0\xff",
            b"\0\0\x04\0" + b"a" * (REASON_LIMIT + 1),
        ):
            self.assertRaises(MalformedMessage, decodeErrorCode, value)
        longest = b"\0\0\x04\0" + b"a" * REASON_LIMIT
        self.assertEqual(decodeErrorCode(longest).reason, "a" * REASON_LIMIT)
        self.assertEqual(decodeErrorCode(b"\0\0\x03\x63").code, 399)
        self.assertEqual(decodeErrorCode(b"\0\0\x06\x63").code, 699)

    def test_ours(self) -> None:
        """A code that is none and a phrase that is too long are our own mistake."""
        for code, reason in ((299, ""), (700, ""), (400, "a" * (REASON_LIMIT + 1))):
            self.assertRaises(LocalProtocolError, encodeErrorCode, code, reason)
        self.assertEqual(len(encodeErrorCode(400, "a" * REASON_LIMIT)), 4 + REASON_LIMIT)

    @given(st.binary(max_size=160))
    @settings(deadline=None, max_examples=100)
    def test_arbitraryBytes(self, value: bytes) -> None:
        """What is read is a code from 300 to 699, or refused by name."""
        try:
            code = decodeErrorCode(value).code
        except MalformedMessage:
            return
        self.assertTrue(300 <= code <= 699)


class UnknownAttributesTests(SynchronousTestCase):
    """UNKNOWN-ATTRIBUTES."""

    @given(st.lists(st.integers(0, 0xFFFF), max_size=20).map(tuple))
    @settings(deadline=None, max_examples=50)
    def test_roundTrip(self, kinds: tuple[int, ...]) -> None:
        """Two bytes a type, in order."""
        value = encodeUnknownAttributes(kinds)
        self.assertEqual(len(value), 2 * len(kinds))
        self.assertEqual(decodeUnknownAttributes(value), kinds)

    def test_refused(self) -> None:
        """An odd number of bytes is no list."""
        self.assertRaises(MalformedMessage, decodeUnknownAttributes, b"\0\x01\0")
        self.assertEqual(decodeUnknownAttributes(b"\x80\x22"), (0x8022,))
