"""Ports that wait for the second allocation of a pair."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.relay.quotas import AllocationLimits, Quotas
from gamenet.relay.reservation import ReservationTable
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.relayed_port import RelayedPort

_FLOW = Flow(1, ("198.51.100.7", 50000))


def _port(number: int) -> RelayedPort:
    return RelayedPort(number, ("203.0.113.2", 50_000 + number))


class ReservationTests(SynchronousTestCase):
    """RFC 8656, section 7.2: at least 30 seconds."""

    def setUp(self) -> None:
        self.table = ReservationTable(limit=3)
        self.quotas = Quotas(AllocationLimits())

    def add(self, token: bytes, number: int, now: float, user: str = "alice") -> None:
        """Reserve a port."""
        allowance = self.quotas.open(user, _FLOW.address[0], 1, now)
        self.table.add(token, _port(number), _FLOW, allowance, now)

    def test_take(self) -> None:
        """A reserved port is given away once."""
        self.add(b"one", 1, 10.0)
        self.assertEqual(len(self.table), 1)
        self.assertIn(b"one", self.table)
        found = self.table.find(b"one", "alice", 11.0)
        assert found is not None
        self.assertEqual(self.table.take(found), _port(1))
        self.assertIsNone(self.table.find(b"one", "alice", 11.0))
        self.assertNotIn(b"one", self.table)
        self.assertEqual(len(self.table), 0)

    def test_refused(self) -> None:
        """An unknown token and another user's get nothing, and take nothing away."""
        self.add(b"one", 1, 10.0)
        self.assertIsNone(self.table.find(b"two", "alice", 11.0))
        self.assertIsNone(self.table.find(b"one", "bob", 11.0))
        self.assertIsNotNone(self.table.find(b"one", "alice", 39.9))

    def test_sameToken(self) -> None:
        """No reservation replaces another."""
        self.add(b"one", 1, 10.0)
        self.assertRaises(LocalProtocolError, self.add, b"one", 2, 10.0)
        found = self.table.find(b"one", "alice", 11.0)
        assert found is not None
        self.assertEqual(found.port, _port(1))

    def test_expiry(self) -> None:
        """After 30 s it is gone, swept or not, and the sweep says which port to close."""
        self.assertIsNone(self.table.nextDue())
        self.add(b"one", 1, 10.0)
        self.add(b"two", 2, 12.0)
        self.assertEqual(self.table.nextDue(), 40.0)
        self.assertEqual(self.table.sweep(39.9), ())
        self.assertIsNone(self.table.find(b"one", "alice", 40.0))
        self.assertEqual([each.port for each in self.table.sweep(40.0)], [_port(1)])
        self.assertEqual(self.table.nextDue(), 42.0)
        self.assertEqual([each.flow for each in self.table.sweep(100.0)], [_FLOW])
        self.assertEqual(self.table.sweep(100.0), ())
        self.assertIsNone(self.table.nextDue())

    def test_lifetime(self) -> None:
        """The lifetime is a setting."""
        self.table = ReservationTable(lifetime=5.0)
        self.add(b"one", 1, 0.0)
        self.assertEqual(self.table.nextDue(), 5.0)
        self.assertEqual((self.table.limit, ReservationTable().lifetime), (256, 30.0))

    def test_full(self) -> None:
        """Only so many at a time."""
        for number in range(3):
            self.assertFalse(self.table.full)
            self.add(bytes([number]), number, 0.0)
        self.assertTrue(self.table.full)
        found = self.table.find(b"\0", "alice", 1.0)
        assert found is not None
        self.table.take(found)
        self.assertFalse(self.table.full)
