"""Who uses how much of a relay: counts, and bandwidth."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.relay.quotas import AllocationLimits, Quotas
from gamenet.relay_plane.allowance import BANDWIDTH_CHUNK, Allowance, Usage

_HOST = "198.51.100.7"


def _usage(rate: int = 1_000_000_000) -> Usage:
    usage = Usage(b"somebody", rate, 0.0, 0.0)
    usage.saved = usage.burst
    return usage


class CountTests(SynchronousTestCase):
    """Allocations and permissions."""

    def test_defaults(self) -> None:
        """The limits as shipped."""
        limits = AllocationLimits()
        self.assertEqual(
            (limits.allocations, limits.allocations_of_user, limits.allocations_of_address),
            (10_000, 16, 1024),
        )
        self.assertEqual(
            (
                limits.permissions,
                limits.permissions_of_user,
                limits.permissions_of_address,
                limits.permissions_in_total,
                limits.channels,
            ),
            (64, 1024, 65_536, 200_000, 64),
        )
        self.assertEqual(
            (limits.bandwidth, limits.bandwidth_of_user, limits.bandwidth_of_address),
            (125_000_000, 4_000_000, 64_000_000),
        )
        self.assertEqual(
            (limits.default_lifetime, limits.maximum_lifetime, limits.age),
            (600, 3600, 43_200.0),
        )
        self.assertEqual(BANDWIDTH_CHUNK, 8192)
        self.assertEqual(Quotas(limits).total.saved, 125_000_000)

    def test_room(self) -> None:
        """What is left is the least of three."""
        quotas = Quotas(
            AllocationLimits(
                allocations=6, allocations_of_user=4, allocations_of_address=5
            )
        )
        self.assertEqual(quotas.room("alice", _HOST), 4)
        alice = quotas.open("alice", _HOST, 3, 0.0)
        self.assertEqual(quotas.room("alice", "192.0.2.1"), 1)
        self.assertEqual(quotas.room("bob", _HOST), 2)
        self.assertEqual(quotas.room("bob", "192.0.2.1"), 3)
        self.assertEqual((quotas.roomAt(_HOST), quotas.roomAt("192.0.2.1")), (2, 5))
        quotas.close(alice, 1, 0.0)
        self.assertEqual(quotas.room("alice", "192.0.2.1"), 2)
        self.assertRaises(LocalProtocolError, quotas.close, alice, 3, 0.0)
        self.assertEqual(quotas.room("alice", "192.0.2.1"), 2)
        bob = quotas.open("bob", _HOST, 1, 0.0)
        self.assertRaises(LocalProtocolError, quotas.close, bob, 2, 0.0)
        quotas.close(bob, 1, 0.0)
        quotas.close(alice, 2, 0.0)
        self.assertEqual(quotas.room("alice", _HOST), 4)

    def test_permissions(self) -> None:
        """Likewise."""
        quotas = Quotas(
            AllocationLimits(
                permissions_of_user=5, permissions_of_address=7, permissions_in_total=8
            )
        )
        first = quotas.open("alice", _HOST, 1, 0.0)
        second = quotas.open("bob", _HOST, 1, 0.0)
        third = quotas.open("carol", "192.0.2.1", 1, 0.0)
        self.assertEqual(quotas.permissionRoom(first), 5)
        quotas.permit(first, 4)
        self.assertEqual(quotas.permissionRoom(first), 1)
        self.assertEqual(quotas.permissionRoom(second), 3)
        self.assertEqual(quotas.permissionRoom(third), 4)
        quotas.permit(first, -1)
        self.assertEqual(quotas.permissionRoom(second), 4)

    def test_forgotten(self) -> None:
        """Who uses nothing is forgotten: at once, or when the bucket is full again."""
        quotas = Quotas(AllocationLimits(bandwidth_of_user=100_000))
        quotas.close(quotas.open("alice", _HOST, 1, 0.0), 1, 1.0)
        self.assertEqual((quotas._users.by_name, quotas._addresses.by_name), ({}, {}))
        thirsty = quotas.open("alice", _HOST, 1, 5.0)
        self.assertTrue(thirsty.spend(100_000, 5.0))
        quotas.close(thirsty, 1, 5.0)
        again = quotas.open("alice", _HOST, 1, 5.5)
        self.assertIs(again.user, thirsty.user)
        self.assertFalse(again.spend(60_000, 5.5))
        self.assertTrue(again.spend(50_000, 5.5))
        quotas.close(again, 1, 5.5)
        quotas.open("bob", "192.0.2.1", 1, 6.0)
        self.assertIn(b"alice", quotas._users.by_name)
        quotas.open("bob", "192.0.2.1", 1, 6.5)
        quotas.open("bob", "192.0.2.1", 1, 7.5)
        self.assertEqual(list(quotas._users.by_name), [b"bob"])
        self.assertEqual(len(quotas._users.lingering), 0)
        self.assertEqual(len(quotas._addresses.lingering), 0)

    def test_lingersOnce(self) -> None:
        """However often somebody comes and goes, one is remembered once."""
        quotas = Quotas(AllocationLimits())
        for _ in range(50):
            allowance = quotas.open("alice", _HOST, 1, 5.0)
            allowance.spend(1000, 5.0)
            quotas.close(allowance, 1, 5.0)
        self.assertEqual(len(quotas._users.lingering), 1)
        kept = quotas.open("alice", _HOST, 1, 5.0)
        quotas.open("bob", "192.0.2.1", 1, 6.0)
        self.assertIs(quotas._users.by_name[b"alice"], kept.user)
        self.assertEqual(len(quotas._users.lingering), 0)
        self.assertEqual(kept.user.allocations, 1)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("open", "close", "permit", "spend", "wait")),
                st.integers(0, 3),
                st.integers(1, 3),
            ),
            max_size=60,
        )
    )
    @settings(deadline=None, max_examples=100)
    def test_givenBack(self, steps: list[tuple[str, int, int]]) -> None:
        """After everything ended every count is 0, whatever happened before."""
        quotas = Quotas(AllocationLimits(bandwidth_of_user=1000))
        total = quotas.total
        now = 0.0
        live: list[list[object]] = []
        for step, which, amount in steps:
            now += 0.25 if step == "wait" else 0.0
            if step == "open":
                user, host = ("alice", "bob")[which & 1], f"192.0.2.{which >> 1}"
                live.append([quotas.open(user, host, amount, now), amount, 0])
            elif live:
                entry = live[which % len(live)]
                allowance = entry[0]
                assert isinstance(allowance, Allowance)
                if step == "permit":
                    quotas.permit(allowance, amount)
                    entry[2] += amount  # type: ignore[operator]
                elif step == "spend":
                    allowance.spend(20_000 * amount, now)
                elif step == "close":
                    live.remove(entry)
                    self._end(quotas, entry, now)
            self.assertEqual(total.allocations, sum(each[1] for each in live))  # type: ignore[misc]
        for entry in live:
            self._end(quotas, entry, now)
        self.assertEqual((total.allocations, total.permissions), (0, 0))
        self.assertLessEqual(total.saved, total.burst)
        now += 1000.0
        quotas._users.forget(now)
        quotas._addresses.forget(now)
        self.assertEqual((quotas._users.by_name, quotas._addresses.by_name), ({}, {}))

    def _end(self, quotas: Quotas, entry: list[object], now: float) -> None:
        allowance, ports, permissions = entry
        assert isinstance(allowance, Allowance)
        quotas.permit(allowance, -permissions)  # type: ignore[operator]
        allowance.giveBack()
        quotas.close(allowance, ports, now)  # type: ignore[arg-type]


class BandwidthTests(SynchronousTestCase):
    """Bytes that may pass."""

    def test_chunks(self) -> None:
        """Drawn from all three at once, 8 KiB at a time."""
        allowance = Allowance(_usage(), _usage(), _usage())
        before = allowance.user.saved
        self.assertTrue(allowance.spend(100, 0.0))
        self.assertEqual(allowance.left, BANDWIDTH_CHUNK - 100)
        for usage in (allowance.user, allowance.address, allowance.total):
            self.assertEqual(usage.saved, before - BANDWIDTH_CHUNK)
        for _ in range(80):
            self.assertTrue(allowance.spend(100, 0.0))
        self.assertEqual(allowance.user.saved, before - BANDWIDTH_CHUNK)
        self.assertEqual(allowance.left, BANDWIDTH_CHUNK - 8100)

    def test_last(self) -> None:
        """The last byte of what was drawn passes without asking."""
        allowance = Allowance(_usage(), _usage(), _usage(), 100)
        before = allowance.user.saved
        self.assertTrue(allowance.spend(100, 0.0))
        self.assertEqual((allowance.left, allowance.user.saved), (0, before))
        self.assertTrue(allowance.spend(1, 0.0))
        self.assertEqual(allowance.left, BANDWIDTH_CHUNK - 1)

    def test_allOrNothing(self) -> None:
        """Where one of the three has nothing left, the others lose nothing."""
        for empty in range(3):
            usages = [_usage() for _ in range(3)]
            usages[empty].saved = 99.0
            usages[empty].rate = 1
            before = [usage.saved for usage in usages]
            allowance = Allowance(*usages)
            self.assertFalse(allowance.spend(100, 0.0))
            self.assertEqual([usage.saved for usage in usages], before)
            self.assertEqual(allowance.left, 0)
            self.assertTrue(allowance.spend(99, 0.0))
            self.assertEqual((usages[empty].saved, allowance.left), (0.0, 0))

    def test_longest(self) -> None:
        """The longest datagram passes, even where a second's worth is less."""
        allowance = Allowance(_usage(1000), _usage(), _usage())
        self.assertTrue(allowance.spend(65_507, 0.0))
        self.assertEqual(allowance.left, 0)
        self.assertFalse(allowance.spend(1000, 0.9))
        self.assertTrue(allowance.spend(1000, 1.0))

    def test_burst(self) -> None:
        """A second's worth is saved up, no more; time that goes back earns nothing."""
        usage = _usage(100_000)
        usage.saved = 0.0
        self.assertEqual(usage.earn(0.5), 50_000)
        self.assertEqual(usage.earn(0.25), 50_000)
        self.assertEqual(usage.earn(0.5), 50_000)
        self.assertEqual(usage.earn(9.0), 100_000)
        small = _usage(10)
        self.assertEqual(small.burst, 65_536)
        small.saved = 0.0
        self.assertEqual(small.earn(1e9), 65_536)

    def test_giveBack(self) -> None:
        """What an allocation drew and did not use is its user's again."""
        allowance = Allowance(_usage(), _usage(), _usage())
        before = allowance.total.saved
        allowance.spend(100, 0.0)
        allowance.giveBack()
        for usage in (allowance.user, allowance.address, allowance.total):
            self.assertEqual(usage.saved, before - 100)
        self.assertEqual(allowance.left, 0)
        allowance.left = -5
        allowance.giveBack()
        self.assertEqual(allowance.left, -5)

    @given(
        st.integers(20_000, 10_000_000),
        st.lists(
            st.tuples(st.floats(0.0, 0.1), st.integers(0, 1), st.integers(1, 65_507)),
            min_size=1,
            max_size=200,
        ),
    )
    @settings(deadline=None, max_examples=100)
    def test_rate(self, rate: int, packets: list[tuple[float, int, int]]) -> None:
        """Two allocations of a user never get more than the rate and one burst."""
        user = _usage(rate)
        allowances = [Allowance(user, _usage(), _usage()) for _ in range(2)]
        passed = 0
        now = 0.0
        for wait, which, size in packets:
            now += wait
            if allowances[which].spend(size, now):
                passed += size
            self.assertLessEqual(passed, user.burst + rate * now + 1)
            self.assertGreaterEqual(allowances[which].left, 0)
            self.assertGreaterEqual(user.saved, -1e-6)

    def test_saturated(self) -> None:
        """Whoever offers twice the rate gets all of it, to a hundredth."""
        user = _usage(100_000)
        allowance = Allowance(user, _usage(), _usage())
        passed = sum(1400 for tick in range(2000) if allowance.spend(1400, tick * 0.007))
        self.assertGreater(passed, 0.99 * (100_000 + 100_000 * 2000 * 0.007))
