"""What ten thousand allocations cost: memory, and sweeping."""

from __future__ import annotations

import gc
import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.allocation_table import AllocationTable
from gamenet.relay.credentials import Credential
from gamenet.relay.peer_policy import PeerPolicy
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.relayed_port import RelayedPort

_COUNT = 10_000
_LIMITS = AllocationLimits(allocations_of_user=_COUNT, allocations_of_address=_COUNT)


def _fill(table: AllocationTable, count: int) -> None:
    """Make allocations of one permission and one channel, each with strings of its own."""
    for number in range(count):
        flow = Flow(1, (f"10.1.{number >> 8}.{number & 255}", 10_000 + number))
        user = f"player{number}"
        credential = Credential(
            f"1700000000:{user}", user, number.to_bytes(16, "big"), number.to_bytes(32, "big")
        )
        port = RelayedPort(number, ("203.0.113.2", 20_000 + number))
        transaction_id = number.to_bytes(12, "big")
        now = number / 100.0
        allocation = table.add(flow, credential, transaction_id, (port,), None, now)
        peer = (f"192.0.{number >> 8}.{number & 255}", 30_000 + number)
        table.bind(allocation, 0x4000, peer, False, now)


class SizeTests(SynchronousTestCase):
    """"10 000 allocations on one worker.\""""

    def test_memory(self) -> None:
        """At most 2 500 bytes each in the tables, with nothing shared between any two."""
        tracemalloc.start()
        try:
            table = AllocationTable(PeerPolicy((), ()), _LIMITS)
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            _fill(table, 2000)
            gc.collect()
            used = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        self.assertEqual(len(table), 2000)
        self.assertLess(used / 2000, 2500)

    def test_sweep(self) -> None:
        """Ten thousand come to their end in order, and each is looked at a few times only."""
        table = AllocationTable(PeerPolicy((), ()), _LIMITS)
        _fill(table, _COUNT)
        self.assertLessEqual(len(table._dues), 64 + 2 * _COUNT)
        looks = 0
        while (due := table.nextDue()) is not None:
            table.sweep(due)
            looks += 1
        self.assertEqual(len(table), 0)
        self.assertLessEqual(looks, 2 * _COUNT)
        self.assertEqual(table.quotas.total.allocations, 0)
        self.assertEqual((table._by_flow, table._by_relayed), ({}, {}))
