"""How many Binding answers an address gets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.stun_server.binding_budget import SOURCES_COUNTED, BindingBudget

_KEY = bytes(range(32))
_HOST = "198.51.100.7"


def _hosts(count: int) -> list[str]:
    return [f"203.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(count)]


class BudgetTests(SynchronousTestCase):
    """Unlimited below 2 000 a second per address, then silence (issue: policy)."""

    def test_edge(self) -> None:
        """Two thousand in a second, not one more, and as many in the next."""
        budget = BindingBudget(_KEY)
        for second in (0.0, 1.0, 7.0):
            times = [second + n / 2100 for n in range(2100)]
            granted = [budget.take(_HOST, now) for now in times]
            self.assertEqual(granted, [True] * 2000 + [False] * 100)

    def test_seconds(self) -> None:
        """A second is one of the clock's, both ends exact; the first begins anywhere."""
        budget = BindingBudget(_KEY, limit=2)
        for now, expected in (
            (5.9, True), (5.9, True), (5.999, False), (6.0, True), (6.0, True), (6.999, False),
            (7.0, True), (6.5, True), (6.0, False), (7.999, False), (8.0, True),
        ):  # fmt: skip
            self.assertIs(budget.take(_HOST, now), expected, now)

    def test_othersAreAnswered(self) -> None:
        """A flood under one address costs no other an answer."""
        budget = BindingBudget(_KEY)
        for _ in range(10_000):
            budget.take(_HOST, 3.0)
        self.assertFalse(budget.take(_HOST, 3.0))
        for host in _hosts(300):
            self.assertTrue(budget.take(host, 3.0), host)

    def test_manyAreAnswered(self) -> None:
        """Far more than 2 000 a second in all, none of them above it: all are answered."""
        budget = BindingBudget(_KEY, limit=20)
        hosts = _hosts(500)
        for _ in range(20):
            self.assertTrue(all(budget.take(host, 1.5) for host in hosts))
        self.assertFalse(any(budget.take(host, 1.5) for host in hosts))

    def crowded(self, limit: int, key: bytes = _KEY, now: float = 0.0) -> BindingBudget:
        """Return a budget that counts as many sources as it counts one by one."""
        budget = BindingBudget(key, limit)
        for host in _hosts(SOURCES_COUNTED):
            self.assertTrue(budget.take(host, now))
        return budget

    def test_spoofed(self) -> None:
        """A hundred thousand spoofed sources take no memory, and hardly anybody else's answer."""
        budget = self.crowded(50)
        for n in range(100_000):
            budget.take(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0.0)
        rows = budget._rows
        assert rows is not None
        self.assertEqual([len(row) for row in rows], [16_384, 16_384])
        self.assertEqual(len(budget._counts), SOURCES_COUNTED)
        # As evenly as chance would have it: about six on each counter.
        for row in rows:
            self.assertLess(max(row), 40)
            self.assertGreater(sum(1 for count in row if count), 15_000)
        self.assertTrue(all(budget.take(host, 0.0) for host in _hosts(200)))
        self.assertTrue(all(budget.take(f"198.51.{n}.1", 0.0) for n in range(200)))

    def test_crowdedEdge(self) -> None:
        """Who shares counters has the same limit, and all is forgotten at the next second."""
        budget = self.crowded(3)
        self.assertEqual([budget.take(_HOST, 0.5) for _ in range(5)], [True] * 3 + [False] * 2)
        self.assertEqual([budget.take(_HOST, 1.0) for _ in range(5)], [True] * 3 + [False] * 2)
        self.assertEqual((len(budget._counts), budget._rows), (1, None))

    def test_keyEverySecond(self) -> None:
        """Who shares a counter with whom changes every second, and with the key."""
        places = []
        for key, now in ((_KEY, 0.0), (_KEY, 1.0), (bytes(32), 0.0), (_KEY, 0.5)):
            budget = self.crowded(1, key, now)
            for n in range(50):
                budget.take(f"198.51.100.{n}", now)
            assert budget._rows is not None
            places.append([list(row) for row in budget._rows])
        self.assertEqual(places[0], places[3])
        for one, other in ((0, 1), (0, 2), (1, 2)):
            self.assertNotEqual(places[one][0], places[other][0])
            self.assertNotEqual(places[one][1], places[other][1])
        self.assertNotEqual(places[0][0], places[0][1])
        self.assertNotIn("\\x01", repr(BindingBudget(_KEY)))

    def test_sharedCounter(self) -> None:
        """Meeting a flood in one row alone silences nobody."""
        budget = self.crowded(3)
        for _ in range(5):
            budget.take(_HOST, 0.0)
        assert budget._rows is not None
        for row, other in ((0, 1), (1, 0)):
            self.assertEqual(max(budget._rows[row]), 3)
            full = budget._rows[row]
            for place in range(len(full)):
                full[place] = 3
            granted = [budget.take(f"198.51.101.{row}", 0.0) for _ in range(4)]
            self.assertEqual(granted, [True] * 3 + [False])
            for place in range(len(full)):
                full[place] = 0
            self.assertEqual(max(budget._rows[other]), 3)

    def test_ipv6(self) -> None:
        """An IPv6 address means its /64: nobody has more answers for having more addresses."""
        budget = BindingBudget(_KEY, limit=4)
        granted = [budget.take(f"2001:db8:0:1::{n}", 0.0) for n in range(6)]
        self.assertEqual(granted, [True] * 4 + [False] * 2)
        self.assertTrue(budget.take("2001:db8:0:2::1", 0.0))
        self.assertTrue(budget.take("2001:db8:1:1::1", 0.0))

    def test_limits(self) -> None:
        """The limit is a whole number that fits its counters."""
        for limit in (0, 65_536, 1.5, "5"):
            error = self.assertRaises(BadSetting, BindingBudget, _KEY, limit)
            self.assertIn("limit must be a whole number from 1 to 65535", str(error))
        budget = BindingBudget(_KEY, 65_535)
        for _ in range(65_535):
            budget.take(_HOST, 0.0)
        self.assertFalse(budget.take(_HOST, 0.0))
        self.assertEqual(BindingBudget(_KEY).limit, 2000)
