"""TURN's attributes, its indications, and ChannelData."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire import turn
from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import encodeXorAddress
from gamenet.wire.turn import (
    DATA,
    DATA_INDICATION,
    FIRST_CHANNEL,
    IPV4_FAMILY,
    IPV6_FAMILY,
    LAST_CHANNEL,
    LAST_CHANNEL_OF_RFC_5766,
    SEND_INDICATION,
    UDP_TRANSPORT,
    XOR_PEER_ADDRESS,
    decodeAddressErrorCode,
    decodeAddressFamily,
    decodeChannelData,
    decodeChannelNumber,
    decodeEvenPort,
    decodeLifetime,
    decodeReservationToken,
    decodeTransport,
    encodeAddressErrorCode,
    encodeAddressFamily,
    encodeChannelData,
    encodeChannelNumber,
    encodeDataIndication,
    encodeEvenPort,
    encodeLifetime,
    encodeSendIndication,
    encodeTransport,
    familyOf,
    readIndication,
)

_ID = bytes(range(12))
_PEER = ("198.51.100.7", 50000)


class NumberTests(SynchronousTestCase):
    """RFC 8656, sections 17 to 19."""

    def test_methods(self) -> None:
        """Methods, attribute types, error codes, and the rest."""
        for name, number in (
            ("ALLOCATE", 0x003),
            ("REFRESH", 0x004),
            ("SEND_INDICATION", 0x006),
            ("DATA_INDICATION", 0x007),
            ("CREATE_PERMISSION", 0x008),
            ("CHANNEL_BIND", 0x009),
            ("CONNECT", 0x00A),
            ("CONNECTION_BIND", 0x00B),
            ("CONNECTION_ID", 0x002A),
            ("MOBILITY_TICKET", 0x8030),
            ("DRAFT_ADDITIONAL_ADDRESS_FAMILY", 0x8032),
            ("MOBILITY_FORBIDDEN", 405),
            ("TCP_TRANSPORT", 6),
            ("CHANNEL_NUMBER", 0x000C),
            ("LIFETIME", 0x000D),
            ("XOR_PEER_ADDRESS", 0x0012),
            ("DATA", 0x0013),
            ("XOR_RELAYED_ADDRESS", 0x0016),
            ("REQUESTED_ADDRESS_FAMILY", 0x0017),
            ("EVEN_PORT", 0x0018),
            ("REQUESTED_TRANSPORT", 0x0019),
            ("DONT_FRAGMENT", 0x001A),
            ("RESERVATION_TOKEN", 0x0022),
            ("ADDITIONAL_ADDRESS_FAMILY", 0x8000),
            ("ADDRESS_ERROR_CODE", 0x8001),
            ("FORBIDDEN", 403),
            ("ALLOCATION_MISMATCH", 437),
            ("UNSUPPORTED_FAMILY", 440),
            ("WRONG_CREDENTIALS", 441),
            ("UNSUPPORTED_TRANSPORT", 442),
            ("PEER_FAMILY_MISMATCH", 443),
            ("ALLOCATION_QUOTA_REACHED", 486),
            ("INSUFFICIENT_CAPACITY", 508),
            ("UDP_TRANSPORT", 17),
            ("IPV4_FAMILY", 1),
            ("IPV6_FAMILY", 2),
            ("CHANNEL_DATA_HEADER", 4),
            ("RESERVATION_TOKEN_LENGTH", 8),
        ):
            self.assertEqual(getattr(turn, name), number, name)


class ChannelDataTests(SynchronousTestCase):
    """RFC 8656, section 12.4."""

    def test_layout(self) -> None:
        """Number, length, data; over UDP nothing is padded."""
        self.assertEqual(encodeChannelData(0x4001, b"abcde"), b"\x40\x01\0\x05abcde")
        self.assertEqual(encodeChannelData(0x4FFF, b""), b"\x4f\xff\0\0")

    def test_padding(self) -> None:
        """Up to three bytes behind the data are padding; a fourth is a lie."""
        for padding in range(4):
            data = b"\x40\x01\0\x01a" + bytes(padding)
            self.assertEqual(decodeChannelData(data), (0x4001, b"a"))
        self.assertRaises(MalformedMessage, decodeChannelData, b"\x40\x01\0\x01a" + bytes(4))

    def test_lyingLengths(self) -> None:
        """"Bad input": every length from 0 to 65 535 beside three bytes of data."""
        for length in range(0x10000):
            data = b"\x40\0" + length.to_bytes(2, "big") + b"abc"
            if length <= 3:
                self.assertEqual(decodeChannelData(data), (0x4000, b"abc"[:length]))
            else:
                self.assertRaises(MalformedMessage, decodeChannelData, data)
        for size in range(4):
            self.assertRaises(MalformedMessage, decodeChannelData, b"\x40\0\0"[:size])

    def test_numbers(self) -> None:
        """A channel is 0x4000 to 0x4FFF, or to 0x7FFF where RFC 5766 is served."""
        self.assertEqual((FIRST_CHANNEL, LAST_CHANNEL), (0x4000, 0x4FFF))
        self.assertEqual(LAST_CHANNEL_OF_RFC_5766, 0x7FFF)
        for last in (LAST_CHANNEL, LAST_CHANNEL_OF_RFC_5766):
            for number in range(0, 0x10000, 0xFFF):
                for each in (number, number + 1):
                    data = each.to_bytes(2, "big") + b"\0\0"
                    if 0x4000 <= each <= last:
                        self.assertEqual(decodeChannelData(data, last), (each, b""))
                    else:
                        self.assertRaises(MalformedMessage, decodeChannelData, data, last)
        self.assertRaises(MalformedMessage, decodeChannelData, b"\x50\0\0\0")
        decodeChannelData(b"\x4f\xff\0\0")

    @given(st.integers(FIRST_CHANNEL, LAST_CHANNEL), st.binary(max_size=100))
    @settings(deadline=None, max_examples=50)
    def test_roundTrip(self, number: int, data: bytes) -> None:
        """What is encoded is decoded the same."""
        self.assertEqual(decodeChannelData(encodeChannelData(number, data)), (number, data))

    @given(st.binary(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_arbitraryBytes(self, data: bytes) -> None:
        """Nothing but MalformedMessage comes out of any bytes."""
        try:
            number, payload = decodeChannelData(data)
        except MalformedMessage:
            return
        self.assertTrue(FIRST_CHANNEL <= number <= LAST_CHANNEL)
        self.assertIn(payload, data)


class IndicationTests(SynchronousTestCase):
    """Send and Data."""

    def test_roundTrip(self) -> None:
        """Method, class, peer and data of both."""
        for encodeIndication, method in (
            (encodeSendIndication, SEND_INDICATION),
            (encodeDataIndication, DATA_INDICATION),
        ):
            message = decode(encodeIndication(_ID, _PEER, b"some data"))
            self.assertEqual(message.method, method)
            self.assertIs(message.message_class, MessageClass.INDICATION)
            self.assertEqual(message.transaction_id, _ID)
            self.assertTrue(message.fingerprinted)
            self.assertEqual(readIndication(message), (_PEER, b"some data"))

    def test_largest(self) -> None:
        """The largest datagram that a peer can send over IPv4 still fits into an indication."""
        data = bytes(65_507)
        message = decode(encodeDataIndication(_ID, _PEER, data))
        self.assertEqual(readIndication(message), (_PEER, data))

    def test_incomplete(self) -> None:
        """Without a peer, without data, or with an address that is none."""
        peer = (XOR_PEER_ADDRESS, encodeXorAddress(_PEER, _ID))
        for attributes in (
            (),
            (peer,),
            ((DATA, b"x"),),
            ((XOR_PEER_ADDRESS, b""), (DATA, b"x")),
        ):
            message = StunMessage(6, MessageClass.INDICATION, _ID, attributes)
            self.assertRaises(MalformedMessage, readIndication, decode(encode(message)))
        empty = StunMessage(6, MessageClass.INDICATION, _ID, (peer, (DATA, b"")))
        self.assertEqual(readIndication(empty), (_PEER, b""))

    def test_firstPeerCounts(self) -> None:
        """Of two peers the first is meant (coturn #2016)."""
        other = (XOR_PEER_ADDRESS, encodeXorAddress(("127.0.0.1", 1), _ID))
        peer = (XOR_PEER_ADDRESS, encodeXorAddress(_PEER, _ID))
        message = StunMessage(6, MessageClass.INDICATION, _ID, (peer, other, (DATA, b"")))
        self.assertEqual(readIndication(message)[0], _PEER)


class AttributeTests(SynchronousTestCase):
    """Attributes of one number."""

    def test_values(self) -> None:
        """What each looks like, both ways."""
        self.assertEqual(encodeLifetime(600), b"\0\0\x02\x58")
        self.assertEqual(decodeLifetime(b"\xff\xff\xff\xff"), 2**32 - 1)
        self.assertEqual(decodeLifetime(encodeLifetime(0)), 0)
        self.assertEqual(encodeChannelNumber(0x4001), b"\x40\x01\0\0")
        self.assertEqual(decodeChannelNumber(b"\x40\x01\xff\xff"), 0x4001)
        self.assertEqual(encodeTransport(), b"\x11\0\0\0")
        self.assertEqual(decodeTransport(b"\x11\0\0\0"), UDP_TRANSPORT)
        self.assertEqual(decodeTransport(encodeTransport(6)), 6)
        self.assertEqual(encodeAddressFamily(IPV4_FAMILY), b"\x01\0\0\0")
        self.assertEqual(decodeAddressFamily(b"\x02\xff\xff\xff"), IPV6_FAMILY)
        self.assertEqual(decodeReservationToken(b"12345678"), b"12345678")

    def test_evenPort(self) -> None:
        """Only the first bit of EVEN-PORT counts."""
        self.assertEqual((encodeEvenPort(True), encodeEvenPort(False)), (b"\x80", b"\0"))
        self.assertTrue(decodeEvenPort(b"\x80"))
        self.assertTrue(decodeEvenPort(b"\xff"))
        self.assertFalse(decodeEvenPort(b"\x7f"))

    def test_sizes(self) -> None:
        """Each has one size."""
        for decodeValue, size in (
            (decodeLifetime, 4),
            (decodeChannelNumber, 4),
            (decodeTransport, 4),
            (decodeAddressFamily, 4),
            (decodeEvenPort, 1),
            (decodeReservationToken, 8),
        ):
            decodeValue(bytes(size))
            for other in (*range(size), size + 1, size + 4):
                self.assertRaises(MalformedMessage, decodeValue, bytes(other))

    def test_ours(self) -> None:
        """A lifetime that does not fit is our own mistake."""
        self.assertRaises(LocalProtocolError, encodeLifetime, -1)
        self.assertRaises(LocalProtocolError, encodeLifetime, 2**32)
        self.assertEqual(encodeLifetime(2**32 - 1), b"\xff" * 4)

    def test_addressErrorCode(self) -> None:
        """ADDRESS-ERROR-CODE (18.13): the family in the first byte, then as ERROR-CODE."""
        value = encodeAddressErrorCode(IPV6_FAMILY, 440)
        self.assertEqual(value, b"\x02\0\x04\x28Address Family not Supported")
        self.assertEqual(encodeAddressErrorCode(IPV4_FAMILY, 508, ""), b"\x01\0\x05\x08")
        family, error = decodeAddressErrorCode(value)
        self.assertEqual((family, error.code), (IPV6_FAMILY, 440))
        self.assertRaises(MalformedMessage, decodeAddressErrorCode, b"\x02\0\x04")

    def test_familyOf(self) -> None:
        """A numeric host is of IPv6 where it has a colon."""
        self.assertEqual(familyOf("192.0.2.1"), IPV4_FAMILY)
        self.assertEqual(familyOf("::1"), IPV6_FAMILY)
