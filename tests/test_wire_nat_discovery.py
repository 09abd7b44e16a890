"""The attributes of RFC 5780 as bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire.nat_discovery import (
    CHANGE_REQUEST,
    MAPPED_ADDRESS,
    OTHER_ADDRESS,
    PADDING,
    RESPONSE_ORIGIN,
    RESPONSE_PORT,
    decodeAddress,
    decodeChangeRequest,
    decodeResponsePort,
    encodeAddress,
    encodeChangeRequest,
    encodeResponsePort,
)


class AttributeTests(SynchronousTestCase):
    """Values there and back."""

    def test_types(self) -> None:
        """RFC 5780, section 9.1, and RFC 8489, section 18.3."""
        self.assertEqual(
            (MAPPED_ADDRESS, CHANGE_REQUEST, PADDING, RESPONSE_PORT), (0x1, 0x3, 0x26, 0x27)
        )
        self.assertEqual((RESPONSE_ORIGIN, OTHER_ADDRESS), (0x802B, 0x802C))

    def test_address(self) -> None:
        """Both families, not masked (RFC 8489, section 14.1)."""
        for address, value in (
            (("192.0.2.1", 3478), "00010d96c0000201"),
            (("0.0.0.0", 0), "0001000000000000"),
            (("2001:db8::1", 65535), "0002ffff20010db8000000000000000000000001"),
        ):
            self.assertEqual(encodeAddress(address).hex(), value)
            self.assertEqual(decodeAddress(bytes.fromhex(value)), address)
        # The first byte is to be ignored.
        self.assertEqual(decodeAddress(bytes.fromhex("ff010d96c0000201")), ("192.0.2.1", 3478))

    def test_notAnAddress(self) -> None:
        """Of our own making, or received: lengths and families that do not belong together."""
        for address in (("localhost", 1), ("::1%lo", 1), ("1.2.3.4", -1), ("1.2.3.4", 65536)):
            self.assertRaises(LocalProtocolError, encodeAddress, address)
        for value in ("", "0001", "00010d96c00002", "00010d96c000020101", "00020d96c0000201",
                      "00030d96c0000201", "0001" + "00" * 18, "0002" + "00" * 17):  # fmt: skip
            self.assertRaises(MalformedMessage, decodeAddress, bytes.fromhex(value))

    def test_changeRequest(self) -> None:
        """All four combinations (section 7.2), and bits that mean nothing."""
        for host, port, value in (
            (False, False, "00000000"),
            (True, False, "00000004"),
            (False, True, "00000002"),
            (True, True, "00000006"),
        ):
            self.assertEqual(encodeChangeRequest(host, port).hex(), value)
            self.assertEqual(decodeChangeRequest(bytes.fromhex(value)), (host, port))
        self.assertEqual(decodeChangeRequest(bytes.fromhex("fffffff9")), (False, False))
        for value in ("", "000006", "0000000600"):
            self.assertRaises(MalformedMessage, decodeChangeRequest, bytes.fromhex(value))

    def test_responsePort(self) -> None:
        """Port and padding (section 7.5), in the length or not; port 0 is none (checklist)."""
        for port in (1, 3478, 65535):
            self.assertEqual(encodeResponsePort(port), port.to_bytes(2, "big") + bytes(2))
            self.assertEqual(decodeResponsePort(encodeResponsePort(port)), port)
            self.assertEqual(decodeResponsePort(port.to_bytes(2, "big")), port)
        for value in ("", "0d", "0d9600", "0d96000000", "0000", "00000d96"):
            self.assertRaises(MalformedMessage, decodeResponsePort, bytes.fromhex(value))
        for port in (0, -1, 65536):
            self.assertRaises(LocalProtocolError, encodeResponsePort, port)

    @given(st.binary(max_size=40))
    @settings(deadline=None, max_examples=100)
    def test_anyBytes(self, value: bytes) -> None:
        """Every byte string is read or refused."""
        for decode in (decodeAddress, decodeChangeRequest, decodeResponsePort):
            try:
                decode(value)
            except MalformedMessage as error:
                self.assertLess(len(str(error)), 100)
