"""The rules of an operator for addresses, and which of them decides."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.relay import address_ranges
from gamenet.relay.address_ranges import RULE_LIMIT, AddressRange, RangeTable, networks

_BITS = {4: 32, 6: 128}


def _address(version: int, number: int) -> str:
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


@st.composite
def _ranges(draw: st.DrawFn, version: int) -> AddressRange:
    """Draw ranges that overlap often: their ends are multiples of one large step, give or take."""
    step = 1 << (_BITS[version] - 4)
    ends = [
        max(0, min((1 << _BITS[version]) - 1, draw(st.integers(0, 16)) * step + off))
        for off in draw(st.tuples(st.integers(-2, 2), st.integers(-2, 2)))
    ]
    return AddressRange(version, min(ends), max(ends))


class ReadingTests(SynchronousTestCase):
    """From texts to ranges."""

    def test_networks(self) -> None:
        """Networks and single addresses of both families."""
        for text, expected in (
            ("10.0.0.0/8", AddressRange(4, 0x0A000000, 0x0AFFFFFF)),
            ("192.0.2.1", AddressRange(4, 0xC0000201, 0xC0000201)),
            ("10.0.0.0/255.0.0.0", AddressRange(4, 0x0A000000, 0x0AFFFFFF)),
            ("0.0.0.0/0", AddressRange(4, 0, (1 << 32) - 1)),
            ("::1/128", AddressRange(6, 1, 1)),
            ("::/0", AddressRange(6, 0, (1 << 128) - 1)),
            ("2001:db8::/32", AddressRange(6, 0x20010DB8 << 96, (0x20010DB9 << 96) - 1)),
        ):
            self.assertEqual(networks((text,)), (expected,))
        self.assertEqual(networks([]), ())

    def test_ranges(self) -> None:
        """First and last, both included, not on prefix boundaries (coturn's 6c13608c)."""
        self.assertEqual(
            networks(("10.0.0.5-10.0.1.2", "fd00::ff - fd00::1:0", "1.2.3.4-1.2.3.4")),
            (
                AddressRange(4, 0x0A000005, 0x0A000102),
                AddressRange(6, (0xFD << 120) + 0xFF, (0xFD << 120) + 0x10000),
                AddressRange(4, 0x01020304, 0x01020304),
            ),
        )

    def test_malformed(self) -> None:
        """A malformed rule is refused by name, not skipped (coturn #1872)."""
        for text, why in (
            ("", ""),
            ("10.0.0.0/33", ""),
            ("10.0.0.1/8", "host bits"),
            ("10.0.0.0/", ""),
            ("example.org", ""),
            ("a/8", ""),
            ("10.0.0.9-10.0.0.5", "the last is before the first"),
            ("10.0.0.5-::1", "two families"),
            ("10.0.0.0/8-11.0.0.0/8", ""),
            ("10.0.0.5-", ""),
            ("-10.0.0.5", ""),
            ("10.0.0.5-10.0.0.6-10.0.0.7", ""),
            ("fe80::%eth0/64", "a scope"),
            ("fe80::1%1-fe80::2", "a scope"),
            ("010.0.0.0/8", ""),
            ("10.0.0.0/8 ", ""),
            ("1", ""),
        ):
            error = self.assertRaises(BadSetting, networks, ("192.0.2.1", text))
            self.assertIn(f"not a network or range of addresses: {text!r}", str(error))
            self.assertIn(why, str(error))

    def test_limit(self) -> None:
        """There is a limit, and one rule more is refused by name."""
        self.assertEqual(RULE_LIMIT, 100_000)
        with patch.object(address_ranges, "RULE_LIMIT", 3):
            self.assertEqual(len(networks(["10.0.0.0/8"] * 3)), 3)
            error = self.assertRaises(BadSetting, networks, ["10.0.0.0/8"] * 3 + ["1.2.3.4"])
        self.assertEqual(str(error), "over 3 rules for addresses, at '1.2.3.4'")

    @given(st.sampled_from((4, 6)), st.data())
    @settings(deadline=None, max_examples=100)
    def test_networksAgree(self, version: int, data: st.DataObject) -> None:
        """The ends of a network are those that the standard library tells."""
        number = data.draw(st.integers(0, (1 << _BITS[version]) - 1))
        prefix = data.draw(st.integers(0, _BITS[version]))
        network = ip_network(f"{_address(version, number)}/{prefix}", strict=False)
        (read,) = networks((str(network),))
        self.assertEqual(read, AddressRange(version, int(network[0]), int(network[-1])))
        self.assertEqual(networks((f"{network[0]}-{network[-1]}",)), (read,))


class TableTests(SynchronousTestCase):
    """Which rule decides."""

    def test_empty(self) -> None:
        """No rule, or none of the family, says nothing."""
        table = RangeTable(4, [(AddressRange(6, 0, 100), 7)])
        self.assertEqual([table.label(n) for n in (0, 50, (1 << 32) - 1)], [0, 0, 0])

    def test_ends(self) -> None:
        """Both ends are in, their neighbors are not, as far as the ends of the family."""
        top = (1 << 32) - 1
        table = RangeTable(
            4, [(AddressRange(4, 0, 2), 1), (AddressRange(4, 9, 9), 2),
                (AddressRange(4, top - 1, top), 3)]
        )  # fmt: skip
        for number, label in (
            (0, 1), (2, 1), (3, 0), (8, 0), (9, 2), (10, 0), (top - 2, 0), (top - 1, 3), (top, 3),
        ):  # fmt: skip
            self.assertEqual(table.label(number), label, number)

    def test_narrowest(self) -> None:
        """The narrowest rule decides, whatever the order; of equals the later."""
        wide, narrow = (AddressRange(4, 10, 99), 1), (AddressRange(4, 40, 60), 2)
        inmost = (AddressRange(4, 50, 50), 1)
        for rules in ([wide, narrow, inmost], [inmost, narrow, wide], [narrow, inmost, wide]):
            table = RangeTable(4, rules)
            got = [table.label(n) for n in (9, 10, 39, 40, 49, 50, 51, 60, 61, 99, 100)]
            self.assertEqual(got, [0, 1, 1, 2, 2, 1, 2, 2, 1, 1, 0])
        last = RangeTable(4, [(AddressRange(4, 5, (1 << 32) - 1), 7)])
        self.assertEqual([last.label(n) for n in (0, 4, 5, (1 << 32) - 1)], [0, 0, 7, 7])
        same = AddressRange(4, 5, 6)
        self.assertEqual(RangeTable(4, [(same, 1), (same, 2)]).label(5), 2)
        self.assertEqual(RangeTable(4, [(same, 2), (same, 1)]).label(5), 1)

    def test_alike(self) -> None:
        """Equally wide rules that overlap: the later decides where both hold."""
        first, later = AddressRange(4, 0, 10), AddressRange(4, 5, 15)
        for rules, there in (([(first, 1), (later, 2)], 2), ([(later, 2), (first, 1)], 1)):
            table = RangeTable(4, rules)
            self.assertEqual(
                [table.label(n) for n in (0, 4, 5, 10, 11, 15, 16)], [1, 1, there, there, 2, 2, 0]
            )

    @given(st.sampled_from((4, 6)), st.data())
    @settings(deadline=None, max_examples=150)
    def test_agrees(self, version: int, data: st.DataObject) -> None:
        """At and beside every end of every range, the table says what a search through all does."""
        ranges = data.draw(st.lists(_ranges(version), max_size=8))
        rules = [(each, 1 + place % 3) for place, each in enumerate(ranges)]
        table = RangeTable(version, rules)
        highest = (1 << _BITS[version]) - 1
        for each in [*ranges, AddressRange(version, 0, highest)]:
            for end in (each.first, each.last):
                for number in (end - 1, end, end + 1):
                    if not 0 <= number <= highest:
                        continue
                    holding = [
                        (rule.last - rule.first, -place, label)
                        for place, (rule, label) in enumerate(rules)
                        if rule.first <= number <= rule.last
                    ]
                    expected = min(holding)[2] if holding else 0
                    self.assertEqual(table.label(number), expected, number)
