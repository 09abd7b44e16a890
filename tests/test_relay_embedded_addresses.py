"""IPv4 addresses inside of IPv6 addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.embedded_addresses import embeddedAddresses, isMapped

_IPV4 = st.integers(0, (1 << 32) - 1)


def _inside(text: str) -> list[str]:
    return [str(IPv4Address(each)) for each in embeddedAddresses(int(IPv6Address(text)))]


class EmbeddedTests(SynchronousTestCase):
    """Every form that carries IPv4 (issue: IPv4-mapped, 6to4, NAT64 and Teredo forms)."""

    def test_forms(self) -> None:
        """One of each, as the RFCs write them, and their neighbors."""
        for text, expected in (
            ("::ffff:127.0.0.1", ["127.0.0.1"]),
            ("::127.0.0.1", ["127.0.0.1"]),
            ("::2", ["0.0.0.2"]),
            ("::", []),
            ("::1", []),
            ("::ffff:0:127.0.0.1", ["127.0.0.1"]),
            ("::fffe:127.0.0.1", []),
            ("::1:ffff:127.0.0.1", []),
            ("::1:0:127.0.0.1", []),
            ("64:ff9b::127.0.0.1", ["127.0.0.1"]),
            ("64:ff9b::1:127.0.0.1", []),
            ("64:ff9c::127.0.0.1", []),
            ("2002:7f00:1::", ["127.0.0.1"]),
            ("2002:c000:0201:1:2:3:4:5", ["192.0.2.1"]),
            ("2003:7f00:1::", []),
            # RFC 4380, 4: server 65.54.227.120, client 192.0.2.45.
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", ["65.54.227.120", "192.0.2.45"]),
            ("2001:1:4136:e378:8000:63bf:3fff:fdd2", []),
            # RFC 5214, 6.1, with and without the bits for universal and group.
            ("2001:db8::5efe:192.0.2.7", ["192.0.2.7"]),
            ("2001:db8::200:5efe:192.0.2.7", ["192.0.2.7"]),
            ("2001:db8::300:5efe:192.0.2.7", ["192.0.2.7"]),
            ("fe80::100:5efe:10.0.0.1", ["10.0.0.1"]),
            ("2001:db8::400:5efe:192.0.2.7", []),
            ("2001:db8::5eff:192.0.2.7", []),
            ("::5efe:127.0.0.1", ["127.0.0.1"]),
            # Two forms at once.
            ("2002:a00:1::5efe:127.0.0.1", ["10.0.0.1", "127.0.0.1"]),
            ("2001:db8::1", []),
            ("2606:4700::1", []),
        ):
            self.assertEqual(_inside(text), expected, text)

    def test_localNat64(self) -> None:
        """RFC 6052, 2.4, behind 64:ff9b:1::/48 (RFC 8215): every layout of 192.0.2.33 is found."""
        for text in (
            "64:ff9b:1:c000:2:2100::",
            "64:ff9b:1:c0:0:221::",
            "64:ff9b:1:0:c0:2:2100::",
            "64:ff9b:1::192.0.2.33",
        ):
            self.assertIn("192.0.2.33", _inside(text), text)
            self.assertFalse([each for each in _inside(text) if each.startswith("0.")], text)
        self.assertEqual(_inside("64:ff9b:1::192.0.2.33"), ["192.0.2.33"])
        self.assertEqual(_inside("64:ff9b:1::1.0.0.0"), ["1.0.0.0"])
        self.assertEqual(_inside("64:ff9b:1::"), ["0.0.0.0"])
        self.assertEqual(_inside("64:ff9b:2::192.0.2.33"), [])

    def test_mapped(self) -> None:
        """Exactly ::ffff:0:0/96 is IPv4-mapped, as the standard library says."""
        for text in ("::ffff:0.0.0.0", "::ffff:255.255.255.255", "::ffff:127.0.0.1"):
            self.assertTrue(isMapped(int(IPv6Address(text))), text)
        for text in ("::fffe:255.255.255.255", "::1:0:0.0.0.0", "::127.0.0.1", "1::ffff:1.2.3.4"):
            self.assertFalse(isMapped(int(IPv6Address(text))), text)

    @given(_IPV4, _IPV4, st.integers(0, (1 << 128) - 1))
    @settings(deadline=None, max_examples=100)
    def test_agrees(self, one: int, two: int, noise: int) -> None:
        """What is put in is found, where the standard library finds it."""
        address = IPv6Address(0x2002 << 112 | one << 80 | noise >> 48)
        self.assertEqual(address.sixtofour, IPv4Address(one))
        self.assertEqual(embeddedAddresses(int(address))[0], one)
        address = IPv6Address(0x20010000 << 96 | one << 64 | noise >> 96 << 32 | two)
        assert address.teredo is not None
        found = tuple(int(each) for each in address.teredo)
        self.assertEqual(embeddedAddresses(int(address))[:2], found)
        mapped = IPv6Address(f"::ffff:{IPv4Address(one)}")
        self.assertEqual(embeddedAddresses(int(mapped)), (int(mapped.ipv4_mapped or 0),))

    @given(st.integers(0, (1 << 128) - 1))
    @settings(deadline=None, max_examples=100)
    def test_bounded(self, number: int) -> None:
        """Any address carries a few at most, each a number of 32 bits."""
        found = embeddedAddresses(number)
        self.assertLessEqual(len(found), 5)
        self.assertTrue(all(0 <= each < 1 << 32 for each in found))
