"""The allocation table: what there is, for how long, and what ends when."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.relay.allocation import Allocation
from gamenet.relay.allocation_table import AllocationTable
from gamenet.relay.credentials import Credential
from gamenet.relay.peer_policy import PeerPolicy, networks
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay_plane.counters import RelayCounters
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import EndReason, GrantsChanged, PortsClosed
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire.turn_transport import Transport

_RELAY = "203.0.113.2"
_RELAY_IPV6 = "2606:4700::2"
_FLOW = Flow(1, ("198.51.100.7", 50000))
_PEER = ("198.51.100.9", 60000)
_PEER_IPV6 = ("2606:4700::9", 60000)
_ID = bytes(12)


def _table(limits: AllocationLimits | None = None) -> AllocationTable:
    policy = PeerPolicy((_RELAY, _RELAY_IPV6), (3478,))
    return AllocationTable(policy, limits or AllocationLimits())


def _port(number: int, host: str = _RELAY) -> RelayedPort:
    return RelayedPort(number, (host, 50_000 + number))


def _add(
    table: AllocationTable,
    number: int = 1,
    flow: Flow = _FLOW,
    lifetime: int | None = None,
    now: float = 0.0,
    user: str = "alice",
) -> Allocation:
    credential = Credential(f"9:{user}", user, b"key", b"other key")
    return table.add(flow, credential, _ID, (_port(number),), lifetime, now)


def _addDual(table: AllocationTable, lifetime: int | None = None) -> Allocation:
    credential = Credential("9:alice", "alice", b"key", b"other key")
    ports = (_port(1), _port(2, _RELAY_IPV6))
    return table.add(_FLOW, credential, _ID, ports, lifetime, 0.0)


def _client(number: int, host: str = "198.51.100.7") -> Flow:
    return Flow(1, (host, number))


def _closed(*numbers: int, flow: Flow = _FLOW) -> PortsClosed:
    return PortsClosed(flow, numbers)


def _portsOf(table: AllocationTable, user: str) -> int:
    return table.limits.allocations_of_user - table.quotas.room(user, "192.0.2.99")


class LifetimeTests(SynchronousTestCase):
    """How long an allocation lives."""

    def test_granted(self) -> None:
        """"Lifetime 0/1/2^32-1 clamp": what is asked for is brought between 600 and 3600 s."""
        same = [(seconds, seconds) for seconds in (600, 601, 3600)]
        clamped = [(None, 600), (0, 600), (1, 600), (3601, 3600), (2**32 - 1, 3600)]
        for asked, granted in same + clamped:
            table = _table()
            allocation = _add(table, lifetime=asked, now=10.0)
            self.assertEqual(allocation.lifetime, granted, asked)
            self.assertEqual(allocation.ports[0].expires, 10.0 + granted)
            self.assertEqual(table.refresh(allocation, asked, 20.0), granted)
            self.assertEqual(allocation.ports[0].expires, 20.0 + granted)
            self.assertEqual(allocation.lifetime, granted)

    def test_fractions(self) -> None:
        """A clock with fractions takes no second away."""
        for tenths in range(200):
            self.assertEqual(_add(_table(), now=1000.0 + tenths / 10.0).lifetime, 600)

    def test_shorter(self) -> None:
        """A refresh can bring the end nearer, and the sweep comes in time for it."""
        table = _table()
        allocation = _add(table, lifetime=3600)
        table.refresh(allocation, 600, 100.0)
        self.assertEqual(table.nextDue(), 700.0)
        self.assertEqual(table.sweep(699.9), ())
        self.assertEqual(table.sweep(700.0), (_closed(1),))

    def test_age(self) -> None:
        """
        However often it is refreshed, an allocation ends when it is 12 hours
        old, to the moment; whole seconds are granted.
        """
        for at, granted in (
            (43_200.0 - 3600.0, 3600),
            (43_200.0 - 3599.5, 3599),
            (43_200.0 - 1000.5, 1000),
            (43_200.0 - 1.0, 1),
            (43_200.0 - 0.5, 0),
        ):
            table = _table()
            allocation = _add(table, lifetime=3600)
            self.assertEqual(table.refresh(allocation, 3600, at), granted)
            self.assertEqual(allocation.ports[0].expires, 43_200.0)
            self.assertIsNotNone(table.find(_FLOW, 43_199.9))
            self.assertIsNone(table.find(_FLOW, 43_200.0))
        young = _table(AllocationLimits(age=100.5))
        self.assertEqual(_add(young).lifetime, 100)
        self.assertEqual(young.nextDue(), 100.5)

    def test_expiry(self) -> None:
        """At its moment it is gone for everybody, swept or not."""
        table = _table()
        address = _add(table).ports[0].port.address
        self.assertIsNotNone(table.find(_FLOW, 599.9))
        self.assertIsNotNone(table.byRelayed(address, 599.9))
        self.assertIsNone(table.find(_FLOW, 600.0))
        self.assertIsNone(table.byRelayed(address, 600.0))
        self.assertIsNone(table.byRelayed((_RELAY, 1), 0.0))
        self.assertIsNone(table.find(_client(1), 0.0))

    def test_remove(self) -> None:
        """A deleted allocation leaves nothing, and its client and port can be used again."""
        table = _table()
        allocation = _add(table)
        self.assertEqual((len(table), _portsOf(table, "alice")), (1, 1))
        closed = table.remove(allocation, EndReason.DELETED, 0.0)
        self.assertEqual(closed, _closed(1))
        self.assertTrue(closed.ended)
        self.assertFalse(allocation.isLive(0.0))
        self.assertEqual((len(table), _portsOf(table, "alice")), (0, 0))
        self.assertIsNone(table.find(_FLOW, 0.0))
        _add(table)
        expired = _closed(1)
        self.assertEqual(table.sweep(10_000.0), (expired,))
        self.assertEqual(table.sweep(10_000.0), ())

    def test_bandwidthBack(self) -> None:
        """What it drew and did not send is its user's again."""
        table = _table()
        allocation = _add(table)
        before = table.quotas.total.saved
        allocation.allowance.spend(100, 0.0)
        table.remove(allocation, EndReason.DELETED, 0.0)
        self.assertEqual(table.quotas.total.saved, before - 100)

    def test_addTwice(self) -> None:
        """A client with an allocation, and a port with one, get no second: our mistake."""
        table = _table()
        _add(table)
        self.assertRaises(LocalProtocolError, _add, table, 2)
        self.assertRaises(LocalProtocolError, _add, table, 1, _client(1))
        credential = Credential("9:alice", "alice", b"", b"")
        self.assertRaises(
            LocalProtocolError, table.add, _client(1), credential, _ID, (), None, 0.0
        )
        self.assertEqual(len(table), 1)
        self.assertEqual(table.quotas.total.allocations, 1)

    def test_flows(self) -> None:
        """One address is another client at another listener, or over a stream (3.2, 5-tuple)."""
        table = _table()
        flows = (
            _FLOW,
            Flow(2, _FLOW.address),
            Flow(1, _FLOW.address, Transport.TCP),
            Flow(1, _FLOW.address, Transport.TLS),
        )
        for number, flow in enumerate(flows):
            _add(table, number, flow)
        for number, flow in enumerate(flows):
            found = table.find(flow, 0.0)
            assert found is not None
            self.assertEqual(table.grants(found).ports, (number,))
        transports = table.counters.allocations_by_transport
        self.assertEqual(
            transports, {Transport.UDP: 2, Transport.TCP: 1, Transport.TLS: 1}
        )

    def test_disconnected(self) -> None:
        """With its stream an allocation ends; a stream without one leaves nothing behind."""
        table = _table()
        flow = Flow(7, _FLOW.address, Transport.TLS)
        allocation = _add(table, 3, flow)
        table.bind(allocation, 0x4000, _PEER, False, 0.0)
        effects = table.disconnected(flow, 1.0)
        self.assertEqual(effects, (_closed(3, flow=flow),))
        self.assertEqual(table.disconnected(flow, 1.0), ())
        counters = table.counters
        self.assertEqual((counters.permissions_active, counters.channels_active), (0, 0))
        self.assertEqual(table.quotas.total.permissions, 0)
        self.assertEqual(counters.allocations_ended[EndReason.DISCONNECTED], 1)


class DualTests(SynchronousTestCase):
    """Allocations of both families (ADDITIONAL-ADDRESS-FAMILY)."""

    def setUp(self) -> None:
        self.table = _table()
        self.allocation = _addDual(self.table, 900)
        for peer in (_PEER, _PEER_IPV6):
            self.table.permit(self.allocation, ((peer[0], False),), 0.0)
            self.table.bind(self.allocation, 0x4000 + (":" in peer[0]), peer, False, 0.0)

    def test_both(self) -> None:
        """Both ports are relayed addresses of one client, and each counts."""
        grants = self.table.grants(self.allocation)
        self.assertEqual(grants.ports, (1, 2))
        self.assertEqual(grants.hosts, ((_PEER[0], False), (_PEER_IPV6[0], False)))
        self.assertEqual(grants.channels, ((0x4000, _PEER), (0x4001, _PEER_IPV6)))
        for host, number in ((_RELAY, 1), (_RELAY_IPV6, 2)):
            found = self.table.byRelayed((host, 50_000 + number), 0.0)
            self.assertIs(found, self.allocation)
        self.assertEqual(_portsOf(self.table, "alice"), 2)
        self.assertEqual(self.table.counters.relayed_ports_by_family, {1: 1, 2: 1})
        self.assertEqual(self.table.counters.allocations_active, 1)

    def test_deleteOne(self) -> None:
        """What is deleted of one family takes along its permissions and channels only."""
        for family, kept in ((1, _PEER_IPV6), (2, _PEER)):
            self.setUp()
            effects = self.table.delete(self.allocation, 5.0, family)
            closed = PortsClosed(_FLOW, (family,), ended=False)
            self.assertEqual(effects, (closed, GrantsChanged(_FLOW)))
            grants = self.table.grants(self.allocation)
            self.assertEqual(grants.ports, (3 - family,))
            self.assertEqual(grants.hosts, ((kept[0], False),))
            self.assertEqual([peer for _, peer in grants.channels], [kept])
            self.assertEqual(_portsOf(self.table, "alice"), 1)
            self.assertEqual(self.table.quotas.total.permissions, 1)
            self.assertEqual(self.table.counters.channels_active, 1)
            gone = self.table.byRelayed((_RELAY if family == 1 else _RELAY_IPV6, 0), 5.0)
            self.assertIsNone(gone)
            last = self.table.delete(self.allocation, 6.0, 3 - family)
            self.assertEqual(last, (_closed(3 - family),))
            self.assertEqual(self.table.quotas.total.permissions, 0)

    def test_deleteBoth(self) -> None:
        """Without a family both go at once."""
        effects = self.table.delete(self.allocation, 5.0)
        self.assertEqual(effects, (_closed(1, 2),))
        self.assertEqual(self.table.counters.relayed_ports_by_family, {1: 0, 2: 0})

    def test_refreshOne(self) -> None:
        """One family lives on while the other expires."""
        self.assertEqual(self.table.refresh(self.allocation, 3000, 10.0, 2), 3000)
        effects = self.table.sweep(900.0)
        self.assertEqual(
            effects,
            (
                PortsClosed(_FLOW, (1,), ended=False),
                GrantsChanged(_FLOW),
            ),
        )
        self.assertEqual(self.table.grants(self.allocation).ports, (2,))
        self.assertIsNone(self.table.byRelayed((_RELAY, 50_001), 900.0))
        self.assertIs(self.table.byRelayed((_RELAY_IPV6, 50_002), 900.0), self.allocation)
        self.assertEqual(self.table.counters.allocations_ended[EndReason.EXPIRED], 0)
        self.assertEqual(self.table.sweep(3010.0), (_closed(2),))
        self.assertEqual(self.table.counters.allocations_ended[EndReason.EXPIRED], 1)

    def test_refreshBoth(self) -> None:
        """Without a family both live on."""
        self.table.refresh(self.allocation, 3000, 10.0)
        self.assertEqual([held.expires for held in self.allocation.ports], [3010.0, 3010.0])


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
        self.assertEqual(table.sweep(320.0), (GrantsChanged(_FLOW),))
        self.assertEqual((allocation.permissions, len(allocation.channels)), ((), 1))
        self.assertEqual(table.nextDue(), 620.0)
        self.assertEqual(table.sweep(620.0), ())
        self.assertEqual(allocation.channels, ())
        self.assertEqual(table.nextDue(), 3610.0)
        self.assertEqual(table.counters.channels_active, 0)

    def test_refreshed(self) -> None:
        """What was refreshed in the meantime is not swept away."""
        table = _table()
        allocation = _add(table)
        table.permit(allocation, ((_PEER[0], False),), 0.0)
        table.permit(allocation, ((_PEER[0], False),), 200.0)
        table.refresh(allocation, None, 500.0)
        self.assertEqual(table.sweep(300.0), ())
        self.assertEqual(table.nextDue(), 500.0)
        self.assertEqual(table.sweep(600.0), (GrantsChanged(_FLOW),))
        self.assertEqual(allocation.permissions, ())
        self.assertEqual(table.nextDue(), 1100.0)
        self.assertEqual(len(table.sweep(1100.0)), 1)

    def test_order(self) -> None:
        """Everything that ended by now goes at once, first to end first."""
        table = _table()
        for number, lifetime in ((1, 900), (2, 700), (3, 800), (4, 2000)):
            _add(table, number, _client(number), lifetime)
        ended = [
            each.numbers[0] for each in table.sweep(900.0) if isinstance(each, PortsClosed)
        ]
        self.assertEqual(ended, [2, 3, 1])
        self.assertEqual(table.nextDue(), 2000.0)

    def test_gone(self) -> None:
        """What is deleted is due no more."""
        table = _table()
        for number, lifetime in ((1, 600), (2, 700), (3, 800)):
            _add(table, number, _client(number), lifetime)
        for number in (1, 2):
            found = table.find(_client(number), 0.0)
            assert found is not None
            table.remove(found, EndReason.DELETED, 0.0)
        self.assertEqual(table.nextDue(), 800.0)

    def test_together(self) -> None:
        """Two that end in the same moment are no tie that matters."""
        table = _table()
        for number in (1, 2):
            _add(table, number, _client(number))
        self.assertEqual(len(table.sweep(600.0)), 2)

    def test_bounded(self) -> None:
        """Making and deleting allocations for ever takes no more memory than there are."""
        table = _table()
        for number, lifetime in ((1, 3600), (2, 800), (3, 700), (4, 900)):
            _add(table, number, _client(number), lifetime)
        for number in range(5, 2000):
            passing = _add(table, number, _client(1, "198.51.100.8"), 3600)
            table.remove(passing, EndReason.DELETED, 0.0)
            self.assertLessEqual(len(table._dues), 64 + 2 * len(table) + 2)
        self.assertEqual(table.nextDue(), 700.0)
        ended = [
            [each.numbers[0] for each in table.sweep(now) if isinstance(each, PortsClosed)]
            for now in (700.0, 850.0, 3600.0)
        ]
        self.assertEqual(ended, [[3], [2], [4, 1]])

    def test_counters(self) -> None:
        """It counts in what it is given."""
        counters = RelayCounters()
        table = AllocationTable(PeerPolicy((), ()), AllocationLimits(), counters)
        _add(table)
        self.assertEqual((counters.allocations_active, counters.allocations_total), (1, 1))
        table.sweep(600.0)
        self.assertEqual((counters.allocations_active, counters.allocations_total), (0, 1))
        self.assertEqual(counters.allocations_ended[EndReason.EXPIRED], 1)
        self.assertEqual(counters.allocations_total_by_transport[Transport.UDP], 1)
        self.assertEqual(counters.allocations_by_transport[Transport.UDP], 0)


class PolicyTests(SynchronousTestCase):
    """Other rules while it runs (SIGHUP)."""

    def test_denied(self) -> None:
        """Permissions that are refused now end, with their channels; others stay."""
        table = _table()
        allocation = _add(table)
        other: Address = ("192.0.2.77", 1)
        for number, peer in ((0x4000, _PEER), (0x4001, other)):
            table.bind(allocation, number, peer, False, 0.0)
        untouched = _add(table, 2, _client(2))
        table.permit(untouched, ((other[0], False),), 0.0)
        denied = networks(("198.51.100.0/24",))
        effects = table.usePolicy(PeerPolicy((_RELAY,), (3478,), (), denied))
        self.assertEqual(effects, (GrantsChanged(_FLOW),))
        grants = table.grants(allocation)
        self.assertEqual(grants.hosts, ((other[0], False),))
        self.assertEqual(grants.channels, ((0x4001, other),))
        self.assertEqual(table.quotas.total.permissions, 2)
        self.assertEqual(table.counters.permissions_active, 2)
        self.assertEqual(table.counters.channels_active, 2)

    def test_guarded(self) -> None:
        """A host that is one of our own now is guarded from now on."""
        table = _table()
        allocation = _add(table)
        table.permit(allocation, ((_PEER[0], False),), 0.0)
        effects = table.usePolicy(PeerPolicy((_RELAY, _PEER[0]), ()))
        self.assertEqual(effects, (GrantsChanged(_FLOW),))
        self.assertEqual(table.grants(allocation).hosts, ((_PEER[0], True),))
        self.assertEqual(table.usePolicy(table.policy), ())
