"""Ports that wait for the second allocation of a pair."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.reservation import RelayedPort, ReservationTable


def _port(number: int) -> RelayedPort:
    return RelayedPort(number, ("203.0.113.2", 50_000 + number))


class ReservationTests(SynchronousTestCase):
    """RFC 8656, section 7.2: at least 30 seconds."""

    def setUp(self) -> None:
        self.table = ReservationTable(limit=3)

    def test_take(self) -> None:
        """A reserved port is given away once."""
        self.table.add(b"one", _port(1), "alice", 10.0)
        self.assertEqual(len(self.table), 1)
        self.assertEqual(self.table.take(b"one", "alice", 11.0), _port(1))
        self.assertIsNone(self.table.take(b"one", "alice", 11.0))
        self.assertEqual(len(self.table), 0)

    def test_refused(self) -> None:
        """An unknown token and another user's get nothing, and take nothing away."""
        self.table.add(b"one", _port(1), "alice", 10.0)
        self.assertIsNone(self.table.take(b"two", "alice", 11.0))
        self.assertIsNone(self.table.take(b"one", "bob", 11.0))
        self.assertEqual(self.table.take(b"one", "alice", 39.9), _port(1))

    def test_expiry(self) -> None:
        """After 30 s it is gone, swept or not, and the sweep says which port to close."""
        self.assertIsNone(self.table.nextDue())
        self.table.add(b"one", _port(1), "alice", 10.0)
        self.table.add(b"two", _port(2), "alice", 12.0)
        self.assertEqual(self.table.nextDue(), 40.0)
        self.assertEqual(self.table.sweep(39.9), ())
        self.assertIsNone(self.table.take(b"one", "alice", 40.0))
        self.assertEqual(self.table.sweep(40.0), (1,))
        self.assertEqual(self.table.nextDue(), 42.0)
        self.assertEqual(self.table.sweep(100.0), (2,))
        self.assertEqual(self.table.sweep(100.0), ())
        self.assertIsNone(self.table.nextDue())

    def test_lifetime(self) -> None:
        """The lifetime is a setting."""
        table = ReservationTable(lifetime=5.0)
        table.add(b"one", _port(1), "alice", 0.0)
        self.assertEqual(table.nextDue(), 5.0)
        self.assertEqual((table.limit, ReservationTable().lifetime), (256, 30.0))

    def test_counts(self) -> None:
        """How many there are, whose, and whether more fit."""
        for number, user in enumerate(("alice", "bob", "alice")):
            self.assertFalse(self.table.full)
            self.table.add(bytes([number]), _port(number), user, 0.0)
        self.assertTrue(self.table.full)
        self.assertEqual(
            [self.table.countOf(user) for user in ("alice", "bob", "carol")], [2, 1, 0]
        )
        self.table.take(b"\0", "alice", 1.0)
        self.assertFalse(self.table.full)
        self.assertEqual(self.table.countOf("alice"), 1)
