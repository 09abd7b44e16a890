"""The allocation table: what there is, for how long, and within which limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.relay.allocation import (
    Allocation,
    AllocationEnded,
    AllocationLimits,
    AllocationTable,
    BindRefusal,
    EndReason,
)
from gamenet.relay.authentication import Credential
from gamenet.relay.counters import DropReason
from gamenet.relay.peer_policy import PeerPolicy, networks
from gamenet.relay.reservation import RelayedPort

_RELAY = "203.0.113.2"
_CLIENT = ("198.51.100.7", 50000)
_PEER = ("198.51.100.9", 60000)
_ID = bytes(12)


def _table(limits: AllocationLimits | None = None, *allowed: str) -> AllocationTable:
    policy = PeerPolicy((_RELAY,), (3478,), networks(allowed))
    return AllocationTable(policy, limits or AllocationLimits())


def _add(
    table: AllocationTable,
    number: int = 1,
    client: Address = _CLIENT,
    lifetime: int | None = None,
    now: float = 0.0,
    user: str = "alice",
) -> Allocation:
    port = RelayedPort(number, (_RELAY, 50_000 + number))
    return table.add(port, client, Credential(f"9:{user}", user, b"key"), _ID, lifetime, now)


class LifetimeTests(SynchronousTestCase):
    """How long an allocation lives."""

    def test_granted(self) -> None:
        """"Lifetime 0/1/2^32-1 clamp": what is asked for is brought between 600 and 3600 s."""
        for asked, granted in (
            (None, 600),
            (0, 600),
            (1, 600),
            (600, 600),
            (601, 601),
            (3600, 3600),
            (3601, 3600),
            (2**32 - 1, 3600),
        ):
            table = _table()
            allocation = _add(table, lifetime=asked, now=10.0)
            self.assertEqual(allocation.lifetime, granted, asked)
            self.assertEqual(allocation.expires, 10.0 + granted)
            self.assertEqual(table.refresh(allocation, asked, 20.0), granted)
            self.assertEqual(allocation.expires, 20.0 + granted)
            self.assertEqual(allocation.lifetime, granted)

    def test_shorter(self) -> None:
        """A refresh can bring the end nearer, and the sweep comes in time for it."""
        table = _table()
        allocation = _add(table, lifetime=3600)
        table.refresh(allocation, 600, 100.0)
        self.assertEqual(table.nextDue(), 700.0)
        self.assertEqual(table.sweep(699.9), ())
        self.assertEqual(table.sweep(700.0), (AllocationEnded(1, EndReason.EXPIRED),))

    def test_age(self) -> None:
        """However often it is refreshed, an allocation ends when it is 12 hours old."""
        table = _table()
        allocation = _add(table, lifetime=3600)
        self.assertEqual(table.refresh(allocation, 3600, 43_200.0 - 3600.0), 3600)
        self.assertEqual(table.refresh(allocation, 3600, 43_200.0 - 1000.5), 1000)
        self.assertEqual(table.refresh(allocation, 3600, 43_200.0 - 0.5), 1)
        young = _table(AllocationLimits(age=100.0))
        self.assertEqual(_add(young).lifetime, 100)

    def test_expiry(self) -> None:
        """At its moment it is gone for everybody, swept or not."""
        table = _table()
        _add(table)
        table.permit(_add(table, 2, ("198.51.100.8", 1), 3600), (("198.51.100.9", False),), 0.0)
        allocation = table.find(_CLIENT, 599.9)
        assert allocation is not None
        table.bind(allocation, 0x4000, _PEER, False, 599.0)
        self.assertEqual(table.channelToPeer(_CLIENT, 0x4000, 599.9), (1, _PEER))
        self.assertEqual(table.toClient(1, _PEER, 599.9), (_CLIENT, 0x4000))
        self.assertIsNone(table.find(_CLIENT, 600.0))
        gone = DropReason.NO_ALLOCATION
        self.assertIs(table.channelToPeer(_CLIENT, 0x4000, 600.0), gone)
        self.assertIs(table.sendToPeer(_CLIENT, _PEER, 600.0), gone)
        self.assertIs(table.toClient(1, _PEER, 600.0), gone)
        self.assertIs(table.toClient(7, _PEER, 0.0), gone)
        self.assertIs(table.sendToPeer(_PEER, _PEER, 0.0), gone)
        self.assertIs(table.channelToPeer(_PEER, 0x4000, 0.0), gone)

    def test_remove(self) -> None:
        """A deleted allocation leaves nothing, and its client and port can be used again."""
        table = _table()
        allocation = _add(table)
        self.assertEqual((len(table), table.countOf("alice")), (1, 1))
        self.assertEqual(
            table.remove(allocation, EndReason.DELETED), AllocationEnded(1, EndReason.DELETED)
        )
        self.assertEqual((len(table), table.countOf("alice")), (0, 0))
        self.assertIsNone(table.find(_CLIENT, 0.0))
        self.assertEqual(table._count_of, {})
        _add(table)
        self.assertEqual(table.sweep(10_000.0), (AllocationEnded(1, EndReason.EXPIRED),))
        self.assertEqual(table.sweep(10_000.0), ())

    def test_addTwice(self) -> None:
        """A client with an allocation, and a port with one, get no second: our mistake."""
        table = _table()
        _add(table)
        self.assertRaises(LocalProtocolError, _add, table, 2)
        self.assertRaises(LocalProtocolError, _add, table, 1, _PEER)
        self.assertEqual(len(table), 1)

    def test_counts(self) -> None:
        """Allocations are counted by user."""
        table = _table()
        for number, user in enumerate(("alice", "bob", "alice")):
            _add(table, number, ("198.51.100.7", number), user=user)
        self.assertEqual([table.countOf(user) for user in ("alice", "bob", "x")], [2, 1, 0])
        self.assertEqual(len(table), 3)
        found = table.find(("198.51.100.7", 0), 0.0)
        assert found is not None
        table.remove(found, EndReason.DELETED)
        self.assertEqual([table.countOf(user) for user in ("alice", "bob")], [1, 1])


class PermissionTests(SynchronousTestCase):
    """Who may send and be sent to."""

    def setUp(self) -> None:
        self.table = _table()
        self.allocation = _add(self.table, lifetime=3600)

    def test_bothWays(self) -> None:
        """"Data before permission dropped both ways"; with it, every port of the host may."""
        none = DropReason.NO_PERMISSION
        self.assertIs(self.table.sendToPeer(_CLIENT, _PEER, 0.0), none)
        self.assertIs(self.table.toClient(1, _PEER, 0.0), none)
        self.assertTrue(self.table.permit(self.allocation, ((_PEER[0], False),), 0.0))
        for port in (1, 60000, 65535):
            peer = (_PEER[0], port)
            self.assertEqual(self.table.sendToPeer(_CLIENT, peer, 0.0), (1, peer))
            self.assertEqual(self.table.toClient(1, peer, 0.0), (_CLIENT, 0))
        self.assertIs(self.table.sendToPeer(_CLIENT, ("198.51.100.10", 1), 0.0), none)
        self.assertIs(self.table.toClient(1, ("198.51.100.10", 1), 0.0), none)

    def test_portZero(self) -> None:
        """Nothing is sent to port 0."""
        self.table.permit(self.allocation, ((_PEER[0], False),), 0.0)
        self.assertIs(
            self.table.sendToPeer(_CLIENT, (_PEER[0], 0), 0.0), DropReason.PEER_FORBIDDEN
        )
        self.assertFalse(self.table.allowsPort((_PEER[0], 0), False, 0.0))
        self.assertTrue(self.table.allowsPort((_PEER[0], 1), False, 0.0))

    def test_expiry(self) -> None:
        """"Permission expiry 300 s", unless it is refreshed; to the moment, both ways."""
        self.table.permit(self.allocation, ((_PEER[0], False),), 10.0)
        self.assertEqual(self.table.sendToPeer(_CLIENT, _PEER, 309.9), (1, _PEER))
        none = DropReason.NO_PERMISSION
        self.assertIs(self.table.sendToPeer(_CLIENT, _PEER, 310.0), none)
        self.assertIs(self.table.toClient(1, _PEER, 310.0), none)
        self.table.permit(self.allocation, ((_PEER[0], False),), 310.0)
        self.assertEqual(self.table.toClient(1, _PEER, 609.9), (_CLIENT, 0))

    def test_limit(self) -> None:
        """"Permission count cap": 64 by default; all of a request or none of it."""
        hosts = tuple((f"198.51.100.{number}", False) for number in range(64))
        self.assertTrue(self.table.permit(self.allocation, hosts[:63], 0.0))
        extra = ("198.51.100.200", False)
        self.assertIs(self.table.permit(self.allocation, (hosts[63], extra), 0.0), False)
        self.assertEqual(len(self.allocation.permissions), 63)
        self.assertTrue(self.table.permit(self.allocation, (hosts[63], hosts[63]), 0.0))
        self.assertFalse(self.table.permit(self.allocation, (extra,), 0.0))
        self.assertTrue(self.table.permit(self.allocation, hosts, 1.0))
        self.assertTrue(self.table.permit(self.allocation, (extra,), 301.0))
        self.assertEqual(list(self.allocation.permissions), [extra[0]])
        self.assertEqual(len(self.allocation.permissions), 1)

    def test_setLimit(self) -> None:
        """The cap and the lifetime are settings."""
        table = _table(AllocationLimits(permissions=1, permission_lifetime=5.0))
        allocation = _add(table)
        self.assertTrue(table.permit(allocation, (("192.0.2.1", False),), 0.0))
        self.assertFalse(table.permit(allocation, (("192.0.2.2", False),), 4.9))
        self.assertTrue(table.permit(allocation, (("192.0.2.2", False),), 5.0))


class GuardedTests(SynchronousTestCase):
    """Peers on the relay's own host."""

    def setUp(self) -> None:
        self.table = _table()
        self.allocation = _add(self.table, lifetime=3600)
        self.other = _add(self.table, 2, ("198.51.100.8", 1))
        self.table.permit(self.allocation, ((_RELAY, True),), 0.0)

    def test_liveRelayed(self) -> None:
        """"Peer = own relay address": as long as it is live, both ways, and no longer."""
        relayed = self.other.port.address
        self.table.permit(self.allocation, ((_RELAY, True),), 590.0)
        self.assertEqual(self.table.sendToPeer(_CLIENT, relayed, 599.9), (1, relayed))
        self.assertEqual(self.table.toClient(1, relayed, 599.9), (_CLIENT, 0))
        self.assertTrue(self.table.allowsPort(relayed, True, 599.9))
        forbidden = DropReason.PEER_FORBIDDEN
        self.assertIs(self.table.sendToPeer(_CLIENT, relayed, 600.0), forbidden)
        self.assertIs(self.table.toClient(1, relayed, 600.0), forbidden)
        self.assertFalse(self.table.allowsPort(relayed, True, 600.0))

    def test_otherPorts(self) -> None:
        """"Peer = server listener", and every other port of ours: nothing goes there."""
        for port in (0, 22, 3478, 50_003):
            peer = (_RELAY, port)
            self.assertIs(
                self.table.sendToPeer(_CLIENT, peer, 1.0), DropReason.PEER_FORBIDDEN
            )
            self.assertIs(self.table.toClient(1, peer, 1.0), DropReason.PEER_FORBIDDEN)
            self.assertFalse(self.table.allowsPort(peer, True, 1.0))

    def test_opened(self) -> None:
        """Where an operator opened the relay's host, all but the listener is reached."""
        table = _table(None, "203.0.113.0/24")
        table.permit(_add(table), ((_RELAY, True),), 0.0)
        self.assertEqual(table.sendToPeer(_CLIENT, (_RELAY, 22), 1.0), (1, (_RELAY, 22)))
        listener = table.sendToPeer(_CLIENT, (_RELAY, 3478), 1.0)
        self.assertIs(listener, DropReason.PEER_FORBIDDEN)

    def test_channel(self) -> None:
        """A channel to a relayed address carries nothing once that is gone."""
        relayed = self.other.port.address
        self.table.bind(self.allocation, 0x4000, relayed, True, 0.0)
        self.assertEqual(self.table.channelToPeer(_CLIENT, 0x4000, 1.0), (1, relayed))
        self.table.remove(self.other, EndReason.DELETED)
        gone = self.table.channelToPeer(_CLIENT, 0x4000, 1.0)
        self.assertIs(gone, DropReason.PEER_FORBIDDEN)


class ChannelTests(SynchronousTestCase):
    """Channels."""

    def setUp(self) -> None:
        self.table = _table()
        self.allocation = _add(self.table, lifetime=3600)

    def bind(self, number: int, peer: Address = _PEER, now: float = 0.0) -> BindRefusal | None:
        """Bind a channel."""
        return self.table.bind(self.allocation, number, peer, False, now)

    def test_bothWays(self) -> None:
        """A channel carries both ways, and permits its peer's host."""
        none = DropReason.NO_CHANNEL
        self.assertIs(self.table.channelToPeer(_CLIENT, 0x4000, 0.0), none)
        self.assertIsNone(self.bind(0x4000))
        self.assertEqual(self.table.channelToPeer(_CLIENT, 0x4000, 0.0), (1, _PEER))
        self.assertEqual(self.table.toClient(1, _PEER, 0.0), (_CLIENT, 0x4000))
        self.assertIs(self.table.channelToPeer(_CLIENT, 0x4001, 0.0), none)

    def test_stranger(self) -> None:
        """A stranger's port on a permitted address becomes a Data indication."""
        self.bind(0x4000)
        self.assertEqual(self.table.toClient(1, (_PEER[0], 1), 0.0), (_CLIENT, 0))

    def test_taken(self) -> None:
        """"Same channel other peer & vice versa": refused, and nothing changes."""
        other = (_PEER[0], 60001)
        self.assertIsNone(self.bind(0x4000))
        self.assertIs(self.bind(0x4000, other), BindRefusal.TAKEN)
        self.assertIs(self.bind(0x4001), BindRefusal.TAKEN)
        self.assertIsNone(self.bind(0x4001, other))
        self.assertIs(self.bind(0x4001), BindRefusal.TAKEN)
        self.assertEqual(self.table.channelToPeer(_CLIENT, 0x4000, 0.0), (1, _PEER))
        self.assertEqual(self.table.channelToPeer(_CLIENT, 0x4001, 0.0), (1, other))

    def test_expiry(self) -> None:
        """600 s unless refreshed; the permission within 300 s, whichever way it goes."""
        self.bind(0x4000, now=10.0)
        self.assertIs(
            self.table.channelToPeer(_CLIENT, 0x4000, 310.0), DropReason.NO_PERMISSION
        )
        self.table.permit(self.allocation, ((_PEER[0], False),), 310.0)
        self.assertEqual(self.table.channelToPeer(_CLIENT, 0x4000, 609.9), (1, _PEER))
        self.assertEqual(self.table.toClient(1, _PEER, 609.9), (_CLIENT, 0x4000))
        self.table.permit(self.allocation, ((_PEER[0], False),), 600.0)
        self.assertIs(
            self.table.channelToPeer(_CLIENT, 0x4000, 610.0), DropReason.NO_CHANNEL
        )
        self.assertEqual(self.table.toClient(1, _PEER, 610.0), (_CLIENT, 0))

    def test_refresh(self) -> None:
        """Binding it again refreshes the channel and the permission."""
        self.bind(0x4000)
        self.assertIsNone(self.bind(0x4000, now=290.0))
        self.assertEqual(self.table.channelToPeer(_CLIENT, 0x4000, 589.9), (1, _PEER))
        self.bind(0x4000, now=580.0)
        self.assertEqual(self.table.toClient(1, _PEER, 879.9), (_CLIENT, 0x4000))

    def test_numberAgain(self) -> None:
        """After it expired a number can have another peer, and the peer another number."""
        other = (_PEER[0], 60001)
        self.bind(0x4000)
        self.assertIs(self.bind(0x4000, other, 599.9), BindRefusal.TAKEN)
        self.assertIsNone(self.bind(0x4000, other, 600.0))
        self.assertIsNone(self.bind(0x4001, _PEER, 600.0))
        self.assertEqual(self.table.toClient(1, _PEER, 600.0), (_CLIENT, 0x4001))
        self.assertEqual(self.table.toClient(1, other, 600.0), (_CLIENT, 0x4000))

    def test_limit(self) -> None:
        """64 channels by default; a bound one can always be refreshed."""
        for number in range(64):
            self.assertIsNone(self.bind(0x4000 + number, (_PEER[0], 1 + number)))
        self.assertIs(self.bind(0x4100, (_PEER[0], 1000)), BindRefusal.FULL)
        self.assertIsNone(self.bind(0x4000, (_PEER[0], 1)))
        self.assertIsNone(self.bind(0x4100, (_PEER[0], 1000), 600.0))

    def test_setLimit(self) -> None:
        """The cap and the lifetime are settings, and a full list of permissions refuses too."""
        table = _table(AllocationLimits(channels=2, channel_lifetime=7.0, permissions=1))
        allocation = _add(table)
        self.assertIsNone(table.bind(allocation, 0x4000, _PEER, False, 0.0))
        self.assertEqual(table.nextDue(), 7.0)
        full = table.bind(allocation, 0x4001, ("192.0.2.1", 1), False, 0.0)
        self.assertIs(full, BindRefusal.FULL)
        self.assertEqual(list(allocation.channels), [0x4000])
        self.assertIsNone(table.bind(allocation, 0x4001, (_PEER[0], 1), False, 0.0))
        self.assertIs(table.bind(allocation, 0x4002, (_PEER[0], 2), False, 6.9), BindRefusal.FULL)
        self.assertIsNone(table.bind(allocation, 0x4002, (_PEER[0], 2), False, 7.0))


class SweepTests(SynchronousTestCase):
    """One due time for everything."""

    def test_dues(self) -> None:
        """The next due time is that of the first thing to end, whatever it is."""
        table = _table()
        self.assertIsNone(table.nextDue())
        allocation = _add(table, lifetime=3600, now=10.0)
        self.assertEqual(table.nextDue(), 3610.0)
        table.bind(allocation, 0x4000, _PEER, False, 20.0)
        self.assertEqual(table.nextDue(), 320.0)
        self.assertEqual(table.sweep(319.9), ())
        self.assertEqual(len(allocation.permissions), 1)
        self.assertEqual(table.sweep(320.0), ())
        self.assertEqual((allocation.permissions, len(allocation.channels)), ({}, 1))
        self.assertEqual(table.nextDue(), 620.0)
        table.sweep(620.0)
        self.assertEqual((allocation.channels, allocation.channel_of), ({}, {}))
        self.assertEqual(table.nextDue(), 3610.0)

    def test_refreshed(self) -> None:
        """What was refreshed in the meantime is not swept away."""
        table = _table()
        allocation = _add(table)
        table.permit(allocation, ((_PEER[0], False),), 0.0)
        table.permit(allocation, ((_PEER[0], False),), 200.0)
        table.refresh(allocation, None, 500.0)
        self.assertEqual(table.sweep(300.0), ())
        self.assertEqual(table.nextDue(), 500.0)
        self.assertEqual(table.sweep(600.0), ())
        self.assertEqual(allocation.permissions, {})
        self.assertEqual(table.nextDue(), 1100.0)
        self.assertEqual(len(table.sweep(1100.0)), 1)

    def test_order(self) -> None:
        """Everything that ended by now goes at once, first to end first."""
        table = _table()
        for number, lifetime in ((1, 900), (2, 700), (3, 800), (4, 2000)):
            _add(table, number, ("198.51.100.7", number), lifetime)
        ended = [each.number for each in table.sweep(900.0)]
        self.assertEqual(ended, [2, 3, 1])
        self.assertEqual(table.nextDue(), 2000.0)

    def test_bounded(self) -> None:
        """Making and deleting allocations for ever takes no more memory than there are."""
        table = _table()
        for number, lifetime in ((1, 3600), (2, 800), (3, 700), (4, 900)):
            _add(table, number, ("198.51.100.7", number), lifetime)
        for number in range(5, 2000):
            passing = _add(table, number, ("198.51.100.8", 1), 3600)
            table.remove(passing, EndReason.DELETED)
        self.assertLess(len(table._dues), 90)
        self.assertEqual(table.nextDue(), 700.0)
        ended = [[each.number for each in table.sweep(now)] for now in (700.0, 850.0, 3600.0)]
        self.assertEqual(ended, [[3], [2], [4, 1]])
