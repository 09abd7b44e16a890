"""How many refusals an address gets while it proves nothing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.refusal_budget import RefusalBudget
from gamenet.wire.source_network import sourceNetwork

_KEY = bytes(range(32))
_HOST = "198.51.100.7"


class BudgetTests(SynchronousTestCase):
    """Bursts and rates."""

    def test_burst(self) -> None:
        """A hundred at once, and no more (coturn #1588: reflection by 401)."""
        budget = RefusalBudget(_KEY)
        self.assertEqual([budget.take(_HOST, 5.0) for _ in range(102)], [True] * 100 + [False] * 2)

    def test_rate(self) -> None:
        """Twenty a second for long."""
        budget = RefusalBudget(_KEY)
        for _ in range(200):
            budget.take(_HOST, 0.0)
        granted = sum(budget.take(_HOST, tick / 128) for tick in range(10 * 128 + 1))
        self.assertEqual(granted, 200)

    def test_savings(self) -> None:
        """An hour of silence saves up a burst, not more."""
        budget = RefusalBudget(_KEY, rate=2.0, burst=3.0)
        self.assertEqual([budget.take(_HOST, 0.0) for _ in range(4)], [True] * 3 + [False])
        self.assertFalse(budget.take(_HOST, 0.49))
        self.assertTrue(budget.take(_HOST, 0.5))
        self.assertEqual(
            [budget.take(_HOST, 3600.0) for _ in range(4)], [True] * 3 + [False]
        )

    def test_othersKeepTheirs(self) -> None:
        """A flood under one address leaves the others theirs."""
        budget = RefusalBudget(_KEY)
        for _ in range(1000):
            budget.take(_HOST, 0.0)
        others = [f"203.0.113.{number}" for number in range(50)]
        self.assertTrue(all(budget.take(other, 0.0) for other in others))

    def test_memory(self) -> None:
        """A hundred thousand spoofed sources take no memory: the buckets are all there is."""
        budget = RefusalBudget(_KEY, burst=2.0, buckets=16)
        granted = sum(
            budget.take(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0.0) for n in range(1000)
        )
        self.assertEqual(granted, 2 * 16)
        self.assertEqual(len(budget._saved), 16)
        self.assertEqual(RefusalBudget(_KEY).buckets, 16_384)

    def test_key(self) -> None:
        """Who shares a bucket with whom depends on the key, which is not shown."""
        hosts = [f"203.0.113.{number}" for number in range(100)]
        shares = []
        for key in (_KEY, bytes(32)):
            budget = RefusalBudget(key, burst=1.0, buckets=50)
            shares.append([budget.take(host, 0.0) for host in hosts])
        self.assertNotEqual(*shares)
        self.assertNotIn("key", repr(RefusalBudget(_KEY)))

    def test_clockBehind(self) -> None:
        """A time before the last one earns nothing and costs nothing."""
        budget = RefusalBudget(_KEY, rate=1.0, burst=2.0)
        self.assertTrue(budget.take(_HOST, 10.0))
        self.assertTrue(budget.take(_HOST, 5.0))
        self.assertFalse(budget.take(_HOST, 5.0))

    def test_ipv6(self) -> None:
        """An IPv6 address means its /64: nobody has more answers for having more addresses."""
        budget = RefusalBudget(_KEY)
        granted = [budget.take(f"2001:db8:0:1::{n:x}", 0.0) for n in range(102)]
        self.assertEqual(granted, [True] * 100 + [False] * 2)
        self.assertTrue(budget.take("2001:db8:0:2::1", 0.0))

    def test_sourceNetwork(self) -> None:
        """IPv4 hosts are told apart one by one, IPv6 hosts by their first 64 bits."""
        for host, expected in (
            ("198.51.100.7", "c6336407"),
            ("2001:db8:0:1::7", "20010db800000001"),
            ("2001:db8:0:1:ffff:ffff:ffff:ffff", "20010db800000001"),
            ("::1", "0000000000000000"),
        ):
            self.assertEqual(sourceNetwork(host).hex(), expected)
        for text in ("localhost", "::1%lo", "1.2.3", ""):
            self.assertEqual(sourceNetwork(text), text.encode())
