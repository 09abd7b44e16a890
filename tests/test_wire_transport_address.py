"""
Transport addresses inside of messages: numeric, canonical, sendable.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.lobby_fields import (
    TransportAddress,
)
from gamenet.wire.transport_address import isSendable
from tests.wire_strategies import addresses


class TransportAddressTests(SynchronousTestCase):
    """Addresses: numeric, canonical, sendable."""

    field = TransportAddress()

    def assertGood(self, host: str) -> None:
        """Assert that an address travels both ways."""
        self.assertEqual(self.field.pack((host, 1)), [host, 1])
        self.assertEqual(self.field.unpack([host, 65_535]), (host, 65_535))
        self.assertIs(type(self.field.unpack([host, 1])), tuple)
        self.assertTrue(isSendable((host, 1)))

    def assertBad(self, host: object, text: str) -> None:
        """Assert that an address travels neither way, and why."""
        self.assertIn(text, str(self.assertRaises(ValueError, self.field.pack, (host, 1))))
        self.assertIn(text, str(self.assertRaises(ValueError, self.field.unpack, [host, 1])))
        self.assertFalse(isSendable((host, 1)))

    def test_good(self) -> None:
        """Unicast addresses of both families, loopback and private ones included."""
        for host in (
            "1.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "192.168.1.249",
            "203.0.113.255",
            "223.255.199.100",
            "::1",
            "2001:db8::1",
            "fe80::1",
            "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
            "64:ff9b::c000:201",
        ):
            self.assertGood(host)

    def test_notCanonical(self) -> None:
        """One address has one form."""
        for host in (
            "",
            "localhost",
            "example.org",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4 ",
            "1.2.3.4\n",
            "01.2.3.4",
            "1.2.3.256",
            "1.2.3.300",
            "1.2.3.1000",
            "1.2.3.\u0664",
            "0x7f.0.0.1",
            "2130706433",
            "2001:DB8::1",
            "2001:0db8::1",
            "2001:db8:0:0::1",
            "fe80::1%eth0",
            "fe80::1%1",
            "::ffff:192.0.2.1",
            "::ffff:c000:201",
            "[::1]",
            "::1/128",
        ):
            self.assertBad(host, "canonical")

    def test_notSendable(self) -> None:
        """Nothing comes from the unspecified address, from multicast or from class E."""
        for host in (
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
        ):
            self.assertBad(host, "sent to")

    def test_notTexts(self) -> None:
        """Hosts are texts, and not endless ones."""
        for host in (None, 1, b"1.2.3.4", ["1.2.3.4"], "1" * 40, ":" * 60_000):
            self.assertBad(host, "must be a text of at most 39 characters")

    def test_ports(self) -> None:
        """Ports are integers from 1 to 65 535."""
        for port in (0, -1, 65_536, True, "80", None, b"P"):
            self.assertRaises(ValueError, self.field.pack, ("192.0.2.1", port))
            self.assertRaises(ValueError, self.field.unpack, ["192.0.2.1", port])

    def test_shapes(self) -> None:
        """A tuple of two here, an array of two there."""
        for bad in (["192.0.2.1", 1], ("192.0.2.1",), ("192.0.2.1", 1, 0, 0), None, "192.0.2.1"):
            self.assertRaises(ValueError, self.field.pack, bad)
            self.assertFalse(isSendable(bad))
        for bad in (("192.0.2.1", 1), ["192.0.2.1"], ["192.0.2.1", 1, 0], None, {}):
            self.assertRaises(ValueError, self.field.unpack, bad)

    @settings(deadline=None, max_examples=200)
    @given(addresses)
    def test_everyAddress(self, address: tuple[str, int]) -> None:
        """Any sendable address of either family round-trips."""
        self.assertEqual(self.field.unpack(self.field.pack(address)), address)

    @settings(deadline=None, max_examples=200)
    @given(st.text("0123456789abcdef.:%/", max_size=45))
    def test_anyText(self, host: str) -> None:
        """Any text is an address or refused, never anything else."""
        if isSendable((host, 1)):
            self.assertGood(host)
